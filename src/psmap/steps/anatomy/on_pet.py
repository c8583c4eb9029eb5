"""The anatomy on the PET's voxels: every PET voxel takes the label in whose voxel its centre lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import cast

import numpy as np

from psmap.domain.anatomy import Anatomy, AnatomyOnPet, Bools, Ints64, Labels
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import LabelImage

PARALLEL = 1e-3
"""Axes are parallel that drift apart by less than this many voxels over the whole PET; headers round their numbers."""
BETWEEN = 1e-6
"""A centre so near the border of two voxels (in voxels) is in the upper one, on every machine."""
AT_ONCE = 1 << 19
"""Voxels looked up at a time where the axes are not parallel: some 30 MB of indices."""


def bring_to_pet(anatomy: Anatomy, grid: Grid) -> AnatomyOnPet:
    """The anatomy on the PET's grid, by nearest neighbour. Map and PET share a frame of reference."""
    labels, inside = nearest_labels(anatomy.labels.labels, anatomy.labels.grid, grid)
    stations = None
    if anatomy.stations is not None:
        stations, _ = nearest_labels(anatomy.stations.labels, anatomy.stations.grid, grid)
        stations.setflags(write=False)
    labels.setflags(write=False)
    inside.setflags(write=False)
    index, of_number = _by_number(labels)
    return AnatomyOnPet(anatomy, grid, labels, inside, stations, index, of_number)


def ids_like(on_pet: AnatomyOnPet, patterns: Iterable[str]) -> tuple[str, ...]:
    """Ids of the structures with PET voxels that a pattern fits ('kidney_*'), in the order of their labels."""
    wanted = tuple(patterns)
    names = on_pet.anatomy.labels.names
    numbers = (number for number in sorted(on_pet.of_number) if number in names)
    return tuple(names[number] for number in numbers if any(fnmatchcase(names[number], each) for each in wanted))


def voxels_of(on_pet: AnatomyOnPet, ids: Iterable[str]) -> Ints64:
    """Flat indices, ascending, of the PET voxels of structures; empty where there are none."""
    wanted = frozenset(ids)
    parts = [
        on_pet.index[part]
        for number, part in on_pet.of_number.items()
        if on_pet.anatomy.labels.names.get(number) in wanted
    ]
    if not parts:
        return np.empty(0, np.int64)
    # parts are sorted runs, which a stable sort merges
    return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts), kind="stable")


def liver_on_pet(on_pet: AnatomyOnPet) -> LabelImage | None:
    """The liver as a mask on the PET's grid, as a reader would bring it for the liver threshold; None without a liver.

    It is all of the liver, its blurred border included, which raises the standard deviation: the formula as we have it
    (qPSMA, doi 10.2967/jnumed.118.224055, its methods not read) names no margin. The other mask that the threshold
    takes is the reference sphere, by `voi_labels`.
    """
    index = voxels_of(on_pet, ("liver",))
    if len(index) == 0:
        return None
    mask = np.zeros(on_pet.grid.size, np.uint8)
    mask[index] = 1
    return label_image(mask.reshape(on_pet.grid.shape), on_pet.grid, {1: "liver"})


def label_image(labels: Labels, grid: Grid, names: dict[int, str]) -> LabelImage:
    """A label map of any whole-numbered type; `LabelImage` asks for numbers, not for four bytes of each."""
    return LabelImage(grid, labels, names)


def nearest_labels(labels: Labels, source: Grid, target: Grid) -> tuple[Labels, Bools]:
    """A label map on another grid, and where that grid's voxel centres lie in the map.

    Args:
        labels: whole numbers from 0 up, [k, j, i] on `source`; any orientation and spacing.
        source, target: in one frame of reference.

    Returns:
        Labels of the smallest unsigned type that holds them, 0 outside the map; and a boolean, both [k, j, i] on
        `target`. A centre is inside up to half a voxel beyond the outermost centres of the map.
    """
    if labels.shape != source.shape:
        raise ValueError(f"labels of shape {labels.shape} do not fit a grid of shape {source.shape}")
    found = np.zeros(target.shape, _type_for(labels))
    # index in the map = first + (k, j, i) @ step
    step = np.array(target.axes_mm) @ np.linalg.inv(np.array(source.axes_mm))
    first = source.to_index(target.origin_mm)[0] + 0.5 + BETWEEN
    along = _parallel(step, target.shape)
    if along is None:
        return found, _look_up(labels, first, step, found)
    return found, _look_up_by_axes(labels, first, step, along, found)


def _type_for(labels: Labels) -> type[np.unsignedinteger]:
    if labels.dtype in (np.uint8, np.uint16):
        return cast(type[np.unsignedinteger], labels.dtype.type)
    highest = int(labels.max())
    return np.uint8 if highest < 2**8 else np.uint16 if highest < 2**16 else np.uint32


def _parallel(step: FloatArray, shape: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """For each axis of the map the axis of the PET that runs along it; None where one runs askew."""
    along = np.argmax(np.abs(step), axis=0)
    if len(set(along.tolist())) != 3:
        return None
    drift = np.abs(step) * np.array(shape)[:, None]
    drift[along, np.arange(3)] = 0.0
    if float(drift.sum(axis=0).max()) > PARALLEL:
        return None
    return int(along[0]), int(along[1]), int(along[2])


def _look_up_by_axes(
    labels: Labels, first: FloatArray, step: FloatArray, along: tuple[int, int, int], found: Labels
) -> Bools:
    """Fill `found` axis by axis: one index list for each axis of the PET, only where it is inside."""
    # Axis t of the PET runs along axis `of[t]` of the map.
    of = tuple(along.index(t) for t in range(3))
    turned = labels.transpose(of)
    inside = np.zeros(found.shape, np.bool_)
    lists: list[Ints64] = []
    parts: list[slice] = []
    for t in range(3):
        at = np.floor(first[of[t]] + np.arange(found.shape[t]) * step[t, of[t]]).astype(np.int64)
        within = np.flatnonzero((at >= 0) & (at < turned.shape[t]))
        if len(within) == 0:
            return inside
        parts.append(slice(int(within[0]), int(within[-1]) + 1))
        lists.append(at[parts[-1]])
    rows, columns = lists[1], lists[2]
    low, high = int(rows.min()), int(rows.max()) + 1
    for k, own in zip(range(parts[0].start, parts[0].stop), lists[0], strict=True):
        # Columns first, of the rows that are needed: both takes then run along memory.
        found[k, parts[1], parts[2]] = turned[own, low:high].take(rows - low, axis=0).take(columns, axis=1)
    inside[parts[0], parts[1], parts[2]] = True
    return inside


def _look_up(labels: Labels, first: FloatArray, step: FloatArray, found: Labels) -> Bools:
    """Fill `found` where the axes are askew, some slices or rows at a time."""
    inside = np.zeros(found.shape, np.bool_)
    flat = np.ascontiguousarray(labels).reshape(-1)
    slices, rows, columns = found.shape
    some = max(AT_ONCE // columns, 1)
    along_i = np.arange(columns)[:, None] * step[2]
    for begin in range(0, slices * rows, some):
        k, j = np.divmod(np.arange(begin, min(begin + some, slices * rows)), rows)
        start = first + k[:, None] * step[0] + j[:, None] * step[1]
        within = np.ones((len(k), columns), np.bool_)
        at = np.zeros((len(k), columns), np.int64)
        for axis, length in enumerate(labels.shape):
            one = np.floor(start[:, axis, None] + along_i[:, axis]).astype(np.int64)
            within &= (one >= 0) & (one < length)
            at *= length
            at += one
        at[~within] = 0
        numbers = flat[at]
        numbers[~within] = 0
        found.reshape(-1, columns)[begin : begin + len(k)] = numbers
        inside.reshape(-1, columns)[begin : begin + len(k)] = within
    return inside


def _by_number(labels: Labels) -> tuple[Ints64, Mapping[int, slice]]:
    """Flat indices of all labelled voxels, label after label, and the part of each."""
    flat = labels.reshape(-1)
    marked = np.flatnonzero(flat).astype(np.int64, copy=False)
    numbers = flat[marked]
    index = marked[np.argsort(numbers, kind="stable")]
    index.setflags(write=False)
    counts = np.bincount(numbers)
    ends = np.cumsum(counts)
    parts = {n: slice(int(ends[n] - counts[n]), int(ends[n])) for n in np.flatnonzero(counts).tolist()}
    return index, MappingProxyType(parts)
