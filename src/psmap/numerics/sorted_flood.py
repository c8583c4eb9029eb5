"""Regions above a threshold, split at their saddles: a flood in falling order of value, over the hot voxels only.

Three steps share the work: one pass over the image collects the voxels at or above the threshold; a union-find
joins them into 26-connected components; and where touching maxima are to be split, each component that could hold
two of them is flooded from its hottest voxel downwards inside a box of its own. No array of the image's size is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.numerics.compiled import compiled

Floats32 = npt.NDArray[np.float32]
Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]

_BLOCK = 1 << 18  # voxels compared at a time: the answers stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Basins:
    """Disjoint sets of voxels, numbered from 0 by falling peak value (ties: by flat index of the peak).

    Args:
        index: flat (C order) indices of all voxels, set after set, ascending within a set, int64.
        start: set n is ``index[start[n]:start[n + 1]]``; one entry more than there are sets.
        peak: flat index of the highest voxel of every set (the first of equals).
    """

    index: Ints64
    start: Ints64
    peak: Ints64


def flat_view(values: npt.NDArray[np.floating]) -> Floats32:
    """The image as a flat, read-only, C-ordered float32 array; a view wherever that is possible."""
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1).view()
    flat.setflags(write=False)
    return flat


def label_basins(
    values: npt.NDArray[np.floating], threshold: float, *, split: bool, h_abs: float = 1.0, h_fraction: float = 0.2
) -> Basins:
    """Find the 26-connected regions of voxels at or above the threshold, split by watershed if asked.

    With ``split``, voxels are taken in falling order of value (equals: by ascending flat index). A voxel without a
    neighbour taken before it opens a basin; any other joins the basin of its highest neighbour. Where basins meet at
    a voxel of value s, a basin of peak p stays apart from the highest of those that meet there if
    ``p - s >= max(h_abs, h_fraction * p)``, and is merged into that highest one otherwise. This is the h-maxima
    watershed (Soille, Morphological Image Analysis, 2nd ed. 2004, ch. 6 and 9) without its dividing lines: every hot
    voxel belongs to one basin.

    Args:
        values: image [k, j, i]; taken as float32. NaN is never hot.
        threshold: lowest value that belongs; rounded to float32 as the voxels are.
        split: False gives the plain connected components.
        h_abs: smallest rise of a peak over its saddle, in units of the values.
        h_fraction: smallest rise as a fraction of the lower peak.

    Raises:
        ValueError: if the image has not three axes, or the threshold is not a number.
    """
    if values.ndim != 3:
        raise ValueError(f"an image has three axes, not {values.ndim}")
    if np.isnan(threshold) or np.isnan(h_abs) or np.isnan(h_fraction):
        raise ValueError("threshold and h must be numbers")
    limit = np.float32(threshold)
    flat = flat_view(values)
    _, rows, columns = values.shape
    hot = _collect(flat, limit)
    value = flat[hot]
    component, top, members = _components(hot, value, rows, columns)
    peak_of = top[component]
    if split:
        # Two peaks and the saddle between them need three voxels and a rise of at least h_abs over the threshold.
        flooded = (members >= 3) & (value[top].astype(np.float64) - float(limit) >= h_abs)
        if flooded.any():
            chosen = np.flatnonzero(flooded[component]).astype(np.int64)
            order = chosen[_falling(value[chosen])]
            _flood(hot, value, component, len(top), order, rows, columns, float(h_abs), float(h_fraction), peak_of)
    peaks = np.flatnonzero(peak_of == np.arange(len(hot), dtype=np.int32))
    peaks = peaks[_falling(value[peaks])]
    label = np.empty(len(hot), dtype=np.int64)
    label[peaks] = np.arange(len(peaks))
    label = label[peak_of]
    # One sort of plain integers puts set after set and keeps the voxels of each in rising order.
    key = label << 32 | np.arange(len(hot), dtype=np.int64)
    key.sort()
    start = np.concatenate(([0], np.cumsum(np.bincount(label, minlength=len(peaks))))).astype(np.int64)
    return Basins(hot[key & 0xFFFFFFFF], start, hot[peaks])


def _falling(value: Floats32) -> Ints64:
    """Positions in falling order of value; equals keep their order. Needs fewer than 2**32 values, none of them NaN.

    A float32 becomes an unsigned integer of the same order (sign bit flipped, or all bits for negative numbers);
    with the position in the lower half one sort of plain integers is a stable sort of the floats.
    """
    bits = np.where(value == 0, np.float32(0), value).view(np.uint32)
    rising = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31))
    key = (~rising).astype(np.uint64) << np.uint64(32)
    key |= np.arange(len(value), dtype=np.uint64)
    key.sort()
    return (key & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _collect(flat: Floats32, limit: np.float32) -> Ints64:
    """Flat indices of the voxels at or above the limit, ascending."""
    found = [np.empty(0, dtype=np.int64)]
    for begin in range(0, flat.size, _BLOCK):
        hot = np.flatnonzero(flat[begin : begin + _BLOCK] >= limit)
        if hot.size:
            found.append(hot + begin)
    return np.concatenate(found)


@compiled
def _root(parent: Ints32, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def _components(hot: Ints64, value: Floats32, rows: int, columns: int) -> tuple[Ints32, Ints32, Ints32]:
    """Component of every hot voxel, 26 neighbours; per component its highest voxel's place and its number of voxels.

    Components are numbered by their first voxel; of equal voxels the first is the highest.

    The hot voxels are sorted, so the neighbours in each of the four earlier rows are found by a pointer that only
    ever moves forward.
    """
    n = hot.shape[0]
    parent = np.empty(n, np.int32)
    pointer = np.zeros(4, np.int64)
    back = np.empty(4, np.int64)
    back[0], back[1], back[2], back[3] = columns, (rows + 1) * columns, rows * columns, (rows - 1) * columns
    for a in range(n):
        f = hot[a]
        i = f % columns
        j = (f // columns) % rows
        mine = a
        if i > 0 and a > 0 and hot[a - 1] == f - 1:
            mine = _root(parent, a - 1)
        parent[a] = mine
        for r in range(4):
            low = f - back[r] - (1 if i > 0 else 0)
            p = pointer[r]
            while hot[p] < low:
                p += 1
            pointer[r] = p
            if (r < 2 and j == 0) or (r == 3 and j == rows - 1):
                continue
            high = f - back[r] + (1 if i < columns - 1 else 0)
            while p < a and hot[p] <= high:
                other = _root(parent, p)
                if other < mine:
                    parent[mine] = other
                    mine = other
                elif other > mine:
                    parent[other] = mine
                p += 1
    component = np.empty(n, np.int32)
    top = np.empty(n, np.int32)
    members = np.zeros(n, np.int32)
    number = 0
    for a in range(n):
        root = _root(parent, a)
        if root == a:
            component[a] = number
            top[number] = a
            number += 1
        c = component[root]
        component[a] = c
        members[c] += 1
        if value[a] > value[top[c]]:
            top[c] = a
    return component, top[:number].copy(), members[:number].copy()


@compiled
def _flood(
    hot: Ints64,
    value: Floats32,
    component: Ints32,
    number: int,
    order: Ints64,
    rows: int,
    columns: int,
    h_abs: float,
    h_fraction: float,
    peak_of: Ints32,
) -> None:
    """Write the position of its basin's peak into ``peak_of`` for every voxel in ``order`` (falling values)."""
    total = order.shape[0]
    start = np.zeros(number + 1, np.int64)
    for t in range(total):
        start[component[order[t]] + 1] += 1
    for c in range(number):
        start[c + 1] += start[c]
    fill = start[:-1].copy()
    sequence = np.empty(total, np.int64)
    for t in range(total):
        c = component[order[t]]
        sequence[fill[c]] = order[t]
        fill[c] += 1
    box = np.zeros(1, np.int32)
    step = np.empty(26, np.int64)
    met = np.empty(26, np.int32)
    for c in range(number):
        n = start[c + 1] - start[c]
        if n == 0:
            continue
        mine = sequence[start[c] : start[c + 1]]
        k0, k1, j0, j1, i0, i1 = hot[-1], np.int64(0), np.int64(rows), np.int64(0), np.int64(columns), np.int64(0)
        for t in range(n):
            i = hot[mine[t]] % columns
            j = (hot[mine[t]] // columns) % rows
            k = hot[mine[t]] // (columns * rows)
            k0, k1, j0, j1, i0, i1 = min(k0, k), max(k1, k), min(j0, j), max(j1, j), min(i0, i), max(i1, i)
        across = i1 - i0 + 3
        plane = (j1 - j0 + 3) * across
        if (k1 - k0 + 3) * plane > box.shape[0]:
            box = np.zeros((k1 - k0 + 3) * plane, np.int32)
        m = 0
        for dk in range(-1, 2):
            for dj in range(-1, 2):
                for di in range(-1, 2):
                    if dk != 0 or dj != 0 or di != 0:
                        step[m] = dk * plane + dj * across + di
                        m += 1
        place = np.empty(n, np.int64)
        basin = np.empty(n, np.int32)
        elder = np.empty(n, np.int32)  # union-find over basins; a smaller number is a higher peak
        peak = np.empty(n, np.int64)
        basins = 0
        for t in range(n):
            f = hot[mine[t]]
            here = (
                (f // (columns * rows) - k0 + 1) * plane + ((f // columns) % rows - j0 + 1) * across + f % columns - i0
            ) + 1
            place[t] = here
            first = n + 1
            many = 0
            for s in range(26):
                seen = box[here + step[s]]
                if seen > 0:
                    first = min(first, seen)
                    root = _root(elder, basin[seen - 1])
                    known = False
                    for q in range(many):
                        known |= met[q] == root
                    if not known:
                        met[many] = root
                        many += 1
            if many == 0:
                basin[t] = basins
                elder[basins] = basins
                peak[basins] = mine[t]
                basins += 1
            else:
                highest = met[0]
                for q in range(1, many):
                    highest = min(highest, met[q])
                saddle = np.float64(value[mine[t]])
                for q in range(many):
                    if met[q] != highest:
                        lower = np.float64(value[peak[met[q]]])
                        if not lower - saddle >= max(h_abs, h_fraction * lower):
                            elder[met[q]] = highest
                basin[t] = _root(elder, basin[first - 1])
            box[here] = t + 1
        for t in range(n):
            peak_of[mine[t]] = peak[_root(elder, basin[t])]
            box[place[t]] = 0
