"""The voxels in a shell round a set: those whose exact distance to its nearest voxel centre lies between two limits.

The distance is built axis by axis: the smallest sum of squared steps along i, then along j, then along k. That is
the Euclidean distance itself, and because nothing beyond the outer limit matters each pass looks only that far.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from psmap.numerics.compiled import compiled
from psmap.numerics.region import Taken
from psmap.numerics.sorted_flood import Floats32, Ints64, flat_view


def shell_values(
    values: npt.NDArray[np.floating],
    index: Ints64,
    spacing_mm: tuple[float, float, float],
    inner_mm: float,
    outer_mm: float,
    taken: Taken,
) -> Floats32:
    """Values of the free voxels whose distance d to the set obeys inner <= d <= outer, in flat order.

    Args:
        values: image [k, j, i] on a grid with right angles; taken as float32. NaN is left out.
        index: flat indices of the set, at least one.
        spacing_mm: distance between voxel centres along k, j, i.
        inner_mm, outer_mm: limits, from centre to centre of voxels.
        taken: flat array of the image's size; voxels that are True are left out.
    """
    if values.ndim != 3 or taken.shape != (values.size,):
        raise ValueError(f"an image of shape {values.shape} does not fit {taken.shape} marks")
    if len(index) == 0 or min(spacing_mm) <= 0 or not 0 <= inner_mm <= outer_mm:
        raise ValueError("a shell needs a voxel, spacings over zero and limits in rising order")
    kji = np.unravel_index(index, values.shape)
    low = np.empty(3, np.int64)
    box = np.empty(3, np.int64)
    reach = np.empty(3, np.int64)
    for axis, (places, length) in enumerate(zip(kji, values.shape, strict=True)):
        # A touch more than the limit: a voxel at the limit itself must not be lost to rounding.
        reach[axis] = int(np.floor(outer_mm / spacing_mm[axis] * (1 + 1e-9)))
        low[axis] = max(int(places.min()) - int(reach[axis]), 0)
        box[axis] = min(int(places.max()) + int(reach[axis]) + 1, length) - low[axis]
    square = np.array(spacing_mm, dtype=np.float64) ** 2
    shape = np.array(values.shape, dtype=np.int64)
    limits = np.array([inner_mm, outer_mm], dtype=np.float64) ** 2 * np.array([1 - 1e-9, 1 + 1e-9])
    return _shell(flat_view(values), shape, np.asarray(index, dtype=np.int64), low, box, reach, square, limits, taken)


@compiled
def _nearest_along(distance: npt.NDArray[np.float64], begin: int, step: int, n: int, reach: int, square: float) -> None:
    """Replace one line of squared distances by the smallest sum with the squared step along the line."""
    line = np.empty(n, np.float64)
    for a in range(n):
        line[a] = distance[begin + a * step]
    for a in range(n):
        best = line[a]
        for b in range(max(a - reach, 0), min(a + reach + 1, n)):
            best = min(best, line[b] + (a - b) * (a - b) * square)
        distance[begin + a * step] = best


@compiled
def _shell(
    flat: Floats32,
    shape: Ints64,
    index: Ints64,
    low: Ints64,
    box: Ints64,
    reach: Ints64,
    square: npt.NDArray[np.float64],
    limits: npt.NDArray[np.float64],
    taken: Taken,
) -> Floats32:
    slices, rows, columns = box[0], box[1], box[2]
    distance = np.empty(slices * rows * columns, np.float64)
    for p in range(distance.shape[0]):
        distance[p] = np.inf
    for a in range(index.shape[0]):
        f = index[a]
        row = f // shape[2]
        k, j, i = row // shape[1] - low[0], row % shape[1] - low[1], f % shape[2] - low[2]
        distance[(k * rows + j) * columns + i] = 0.0
    for row in range(slices * rows):
        _nearest_along(distance, row * columns, 1, columns, reach[2], square[2])
    for k in range(slices):
        for i in range(columns):
            _nearest_along(distance, k * rows * columns + i, columns, rows, reach[1], square[1])
    for p in range(rows * columns):
        _nearest_along(distance, p, rows * columns, slices, reach[0], square[0])
    found = np.empty(distance.shape[0], np.float32)
    count = 0
    for k in range(slices):
        for j in range(rows):
            base = ((k + low[0]) * shape[1] + j + low[1]) * shape[2] + low[2]
            for i in range(columns):
                d = distance[(k * rows + j) * columns + i]
                if d >= limits[0] and d <= limits[1]:
                    f = base + i
                    if not taken[f] and not np.isnan(flat[f]):
                        found[count] = flat[f]
                        count += 1
    return found[:count].copy()
