"""A region grown from a seed: 26 neighbours at or above a threshold, touching only its own voxels and their rim."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from psmap.numerics.compiled import compiled
from psmap.numerics.sorted_flood import Floats32, Ints64, flat_view

Taken = npt.NDArray[np.bool_]

_FIRST_BUFFER = 4096  # voxels; doubled whenever a region needs more


def grow_region(values: npt.NDArray[np.floating], seed: int, threshold: float, taken: Taken) -> Ints64:
    """Flat indices, ascending, of the voxels joined to the seed through 26-neighbours at or above the threshold.

    Voxels that are taken are walls. The region's own voxels are marked in ``taken`` and stay marked, so that a
    second region cannot claim them; a caller who wants each region by itself clears ``taken[region]``.

    Args:
        values: image [k, j, i]; taken as float32. NaN never belongs.
        seed: flat index of the voxel to start from.
        threshold: lowest value that belongs; rounded to float32 as the voxels are.
        taken: flat array of the image's size, changed in place.

    Returns:
        int64; empty where the seed itself is taken or below the threshold.
    """
    if values.ndim != 3 or taken.shape != (values.size,):
        raise ValueError(f"an image of shape {values.shape} does not fit {taken.shape} marks")
    if not 0 <= seed < values.size:
        raise ValueError(f"the seed {seed} lies outside an image of {values.size} voxels")
    flat, limit = flat_view(values), np.float32(threshold)
    if taken[seed] or not flat[seed] >= limit:
        return np.empty(0, dtype=np.int64)
    found = np.empty(_FIRST_BUFFER, dtype=np.int64)
    found[0] = seed
    taken[seed] = True
    slices, rows, columns = values.shape
    at, count = 0, 1
    while True:
        at, count = _grow(flat, slices, rows, columns, limit, taken, found, at, count)
        if at == count:
            break
        found = np.concatenate((found, np.empty_like(found)))
    region = found[:count].copy()
    region.sort()
    return region


@compiled
def _grow(
    flat: Floats32,
    slices: int,
    rows: int,
    columns: int,
    limit: np.float32,
    taken: Taken,
    found: Ints64,
    at: int,
    count: int,
) -> tuple[int, int]:
    """Look round every voxel found so far from place ``at`` on, until none is left or the buffer could overflow."""
    plane = rows * columns
    while at < count and count + 26 <= found.shape[0]:
        f = found[at]
        at += 1
        i = f % columns
        j = (f // columns) % rows
        k = f // plane
        inside = 0 < i < columns - 1 and 0 < j < rows - 1 and 0 < k < slices - 1
        for dk in range(-1, 2):
            for dj in range(-1, 2):
                for di in range(-1, 2):
                    if not inside and not (0 <= i + di < columns and 0 <= j + dj < rows and 0 <= k + dk < slices):
                        continue
                    g = f + dk * plane + dj * columns + di
                    if not taken[g] and flat[g] >= limit:
                        taken[g] = True
                        found[count] = g
                        count += 1
    return at, count
