"""Images and label maps of any orientation, sampled on the upright lattice that a picture needs."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.domain.geometry import FloatArray, Grid

COARSE_MM = 4.0
"""Pixel of the lattices on which label maps are laid for projections and for the choice of slices."""


def sampled(
    array: npt.NDArray[Any], grid: Grid, lattice: Grid, *, order: int = 0, outside: float = 0.0
) -> npt.NDArray[Any]:
    """The array at the voxel centres of another lattice: nearest (order 0) or linear (order 1).

    Args:
        array: voxels [k, j, i] on `grid`.
        grid: of any orientation.
        lattice: where values are wanted.
        order: 0 for labels, 1 for images.
        outside: the value beyond the grid.

    Returns:
        An array of the lattice's shape; float32 for order 1, else of the array's own type.
    """
    # index in grid = matrix @ index in lattice + offset, all as k, j, i
    origin, unit = grid.to_index(lattice.origin_mm)[0], np.eye(3)
    steps = np.stack([grid.to_index(lattice.to_mm(unit[n])[0])[0] - origin for n in range(3)], axis=1)
    aligned = _by_index(array, lattice.shape, steps, origin, outside) if order == 0 else None
    if aligned is not None:
        return aligned
    out: npt.NDArray[Any] = ndimage.affine_transform(
        array,
        steps,
        offset=origin,
        output_shape=lattice.shape,
        output=np.float32 if order else array.dtype,
        order=order,
        mode="constant",
        cval=outside,
        prefilter=False,
    )
    return out


def _by_index(
    array: npt.NDArray[Any], shape: tuple[int, int, int], steps: FloatArray, origin: FloatArray, outside: float
) -> npt.NDArray[Any] | None:
    """Nearest voxels by index alone where the axes of both grids are parallel; None where they are not."""
    large = np.abs(steps) > 1e-6
    if not (np.all(large.sum(axis=0) == 1) and np.all(large.sum(axis=1) == 1)):
        return None
    source = [int(np.argmax(large[n])) for n in range(3)]  # array axis n runs along lattice axis source[n]
    picks, inside = [], []
    for n, along in enumerate(source):
        # half-way cases: the lower voxel, on every machine
        index = np.ceil(origin[n] + steps[n, along] * np.arange(shape[along]) - 0.5 - 1e-6).astype(int)
        inside.append((index >= 0) & (index < array.shape[n]))
        picks.append(np.clip(index, 0, array.shape[n] - 1))
    turned = array[np.ix_(*picks)].transpose(np.argsort(source)) if source != [0, 1, 2] else array[np.ix_(*picks)]
    for n, along in enumerate(source):
        turned[tuple(~inside[n] if axis == along else slice(None) for axis in range(3))] = outside
    return turned


def upright(grid: Grid, pixel_mm: float, depth_mm: float) -> Grid:
    """A lattice along the patient's axes (k to the head, j to the back, i to the left) over all voxel centres.

    Args:
        grid: of any orientation.
        pixel_mm: step towards the head and to the left.
        depth_mm: step to the back.
    """
    low, high = span_mm(grid)
    steps = (pixel_mm, depth_mm, pixel_mm)
    k, j, i = (int(np.floor((high[n] - low[n]) / steps[n] + 1e-6)) + 1 for n in (2, 1, 0))
    axes = ((0.0, 0.0, pixel_mm), (0.0, depth_mm, 0.0), (pixel_mm, 0.0, 0.0))
    return Grid((k, j, i), (float(low[0]), float(low[1]), float(low[2])), axes)


def span_mm(grid: Grid) -> tuple[FloatArray, FloatArray]:
    """The smallest and the largest x, y, z of the voxel centres, LPS mm."""
    corners = np.array([[k, j, i] for k in (0, 1) for j in (0, 1) for i in (0, 1)]) * (np.array(grid.shape) - 1)
    points = grid.to_mm(corners)
    return points.min(axis=0), points.max(axis=0)


def coarser(grid: Grid, pixel_mm: float = COARSE_MM) -> Grid:
    """A lattice along the grid's own axes over its whole box; voxels smaller than `pixel_mm` grow towards it."""
    counts = [max(1, min(n, ceil(n * size / pixel_mm))) for n, size in zip(grid.shape, grid.spacing_mm, strict=True)]
    stretch = np.array(grid.shape) / np.array(counts)
    axes = np.array(grid.axes_mm) * stretch[:, None]
    origin = grid.to_mm(stretch / 2.0 - 0.5)[0]
    shape = (counts[0], counts[1], counts[2])
    rows = tuple((float(a), float(b), float(c)) for a, b, c in axes)
    return Grid(shape, (float(origin[0]), float(origin[1]), float(origin[2])), (rows[0], rows[1], rows[2]))
