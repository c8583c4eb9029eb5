"""CT and PET together on cubes of 4 mm that stand as the patient does, and labels from there to any other grid.

[k, j, i] run upwards, backwards and to the left of the patient (LPS z, y, x). A voxel of CT is the mean over its own
cube of what lies linearly between the CT's voxel centres: nothing finer than the cube folds over, and what rises
evenly stays as it is. PET, coarse already, is read linearly at the cubes' middles. Everything runs slab by slab.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid, Vector
from psmap.domain.image import CtImage, PetImage
from psmap.steps.anatomy.sampling import Taps, apply_taps, mean_taps, point_taps, read_between, read_nearest

Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]
Box = tuple[slice, slice, slice]
_Fill = Callable[[int], None]

VOXEL_MM = 4.0
PART_MM = 0.5 * VOXEL_MM
"""A cube has eight parts of this edge: the CT's mean over each of them shows bone that the whole cube hides."""
ALIGNED_MM = 0.5
"""Axes are taken for the patient's own where no corner of the image moves by more than this."""
SLAB = 8
"""Cubes along k that are made at once."""


@dataclass(frozen=True, slots=True, eq=False)
class WorkingScan:
    """CT and PET on one grid of cubes; NaN outside the field of view of each; None where there is none.

    Args:
        grid: cubes of `VOXEL_MM`, k upwards, j backwards, i to the left.
        ct: mean HU.
        densest: the largest mean HU of the eight parts of 2 mm.
        pet: SUV (g/mL).
    """

    grid: Grid
    ct: Floats32 | None
    densest: Floats32 | None
    pet: Floats32 | None


def working_scan(ct: CtImage | None, pet: PetImage | None, threads: int = 2) -> WorkingScan:
    """CT, PET or both on one grid over both fields of view.

    Raises:
        ValueError: neither is given.
    """
    given = [image.grid for image in (ct, pet) if image is not None]
    grid = working_grid(given)
    held, densest = (None, None) if ct is None else _mean(ct.hu, ct.grid, grid, threads)
    return WorkingScan(grid, held, densest, None if pet is None else _linear(pet.suv, pet.grid, grid, threads))


def working_grid(grids: list[Grid]) -> Grid:
    """Cubes over all of the grids, parallel to the patient's axes. `ValueError` where there is no grid."""
    if not grids:
        raise ValueError("CT, PET or both are needed")
    corners = np.concatenate([_corners_mm(grid) for grid in grids])
    low, high = corners.min(axis=0), corners.max(axis=0)
    i, j, k = (max(1, int(np.ceil((high[c] - low[c]) / VOXEL_MM - 1e-6))) for c in range(3))
    x, y, z = (float(v) + 0.5 * VOXEL_MM for v in low)
    return Grid((k, j, i), (x, y, z), ((0.0, 0.0, VOXEL_MM), (0.0, VOXEL_MM, 0.0), (VOXEL_MM, 0.0, 0.0)))


def cropped(scan: WorkingScan, box: Box) -> WorkingScan:
    """The part of a scan in a box of indices."""
    first = [part.start for part in box]
    shape = tuple(part.stop - part.start for part in box)
    (origin,) = scan.grid.to_mm([first])
    grid = replace(
        scan.grid,
        shape=(shape[0], shape[1], shape[2]),
        origin_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )
    parts = (None if held is None else np.ascontiguousarray(held[box]) for held in (scan.ct, scan.densest, scan.pet))
    return WorkingScan(grid, *parts)


def in_view(scan: WorkingScan) -> npt.NDArray[np.bool_]:
    """Where CT or PET see anything."""
    seen = np.zeros(scan.grid.shape, bool)
    for image in (scan.ct, scan.pet):
        if image is not None:
            seen |= np.isfinite(image)
    return seen


def labels_on(labels: npt.NDArray[np.integer], grid: Grid, target: Grid) -> Bytes:
    """Labels [k, j, i] of a grid, at most 255, on another grid: each voxel takes the nearest, 0 outside.

    Works slab by slab: beside the result it needs a few slices.
    """
    found = np.zeros(target.shape, np.uint8)
    held = np.asarray(labels, np.uint8)
    order = _permutation(target, grid)
    if order is None:
        start, steps = _walk(target, grid)
        read_nearest(held, start, steps, found)
        return found
    turned = held.transpose(order)
    near_of, there_of = [], []
    for axis in range(3):
        at = np.rint(_positions(target, grid, axis, order)).astype(np.intp)
        there_of.append((at >= 0) & (at < turned.shape[axis]))
        near_of.append(np.clip(at, 0, turned.shape[axis] - 1))
    rows, columns = np.ix_(near_of[1], near_of[2])
    plane = there_of[1][:, None] & there_of[2][None, :]
    for k in np.flatnonzero(there_of[0]).tolist():
        found[k] = np.where(plane, turned[near_of[0][k]][rows, columns], 0)
    return found


def _mean(hu: npt.NDArray[np.int16], own: Grid, grid: Grid, threads: int) -> tuple[Floats32, Floats32]:
    """Mean HU of every cube, and the largest of its parts."""
    order = _permutation(grid, own)
    if order is None:
        return _mean_turned(hu, own, grid, threads)
    parts = _halved(grid)
    taps = [mean_taps(_positions(parts, own, axis, order), hu.shape[order[axis]]) for axis in range(3)]
    mean, densest = np.full(grid.shape, np.nan, np.float32), np.full(grid.shape, np.nan, np.float32)
    (k0, k1), (j0, j1), (i0, i1) = (_seen(own) for own in taps)
    rows, columns = taps[1].part(2 * j0, 2 * j1), taps[2].part(2 * i0, 2 * i1)
    source = hu.transpose(order)

    def fill(slab: int) -> None:
        first, last = k0 + slab, min(k0 + slab + SLAB, k1)
        eight = apply_taps(source, (taps[0].part(2 * first, 2 * last), rows, columns))
        _put_together(eight, mean[first:last, j0:j1, i0:i1], densest[first:last, j0:j1, i0:i1])

    _each(fill, k1 - k0, threads)
    return mean, densest


def _mean_turned(hu: npt.NDArray[np.int16], own: Grid, grid: Grid, threads: int) -> tuple[Floats32, Floats32]:
    """The same for an image that stands askew: averaged along its own axes to parts of 2 mm, then read between them."""
    counts = [max(1, round(n * mm / PART_MM)) for n, mm in zip(own.shape, own.spacing_mm, strict=True)]
    steps = [n / count for n, count in zip(own.shape, counts, strict=True)]
    at = [(np.arange(count, dtype=np.float64) + 0.5) * step - 0.5 for count, step in zip(counts, steps, strict=True)]
    taps = tuple(mean_taps(positions, n) for positions, n in zip(at, own.shape, strict=True))
    soft = np.empty(counts, np.float32)

    def reduce(first: int) -> None:
        last = min(first + SLAB, counts[0])
        soft[first:last] = apply_taps(hu, (taps[0].part(first, last), taps[1], taps[2]))

    _each(reduce, counts[0], threads)
    parts = _halved(grid)
    mean, densest = np.full(grid.shape, np.nan, np.float32), np.full(grid.shape, np.nan, np.float32)

    start, walk = _walk(parts, own)
    start, walk = (start + 0.5) / np.array(steps) - 0.5, walk / np.array(steps)

    def fill(first: int) -> None:
        last = min(first + SLAB, grid.shape[0])
        eight = np.empty((2 * (last - first), *parts.shape[1:]), np.float32)
        read_between(soft, start + 2 * first * walk[0], walk, eight)
        _put_together(eight, mean[first:last], densest[first:last])

    _each(fill, grid.shape[0], threads)
    return mean, densest


def _linear(suv: Floats32, own: Grid, grid: Grid, threads: int) -> Floats32:
    """An image read linearly at the middles of the cubes; NaN outside."""
    order = _permutation(grid, own)
    found = np.full(grid.shape, np.nan, np.float32)
    if order is None:
        start, walk = _walk(grid, own)
        read_between(suv, start, walk, found)
        return found
    taps = [point_taps(_positions(grid, own, axis, order), suv.shape[order[axis]]) for axis in range(3)]
    source = suv.transpose(order)

    def fill(first: int) -> None:
        last = min(first + SLAB, grid.shape[0])
        found[first:last] = apply_taps(source, (taps[0].part(first, last), taps[1], taps[2]))

    _each(fill, grid.shape[0], threads)
    return found


def _each(fill: _Fill, count: int, threads: int) -> None:
    """Call it for the first cube of every slab; the compiled loops let go of Python's lock."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for _ in pool.map(fill, range(0, count, SLAB)):
            pass


def _put_together(eight: Floats32, mean: Floats32, densest: Floats32) -> None:
    """Mean and largest of the eight parts of every cube; parts outside the field of view do not count.

    A cube belongs to the field of view from half its parts on.
    """
    k, j, i = mean.shape
    parts = eight.reshape(k, 2, j, 2, i, 2)
    total, known = np.zeros(mean.shape, np.float32), np.zeros(mean.shape, np.uint8)
    most = np.full(mean.shape, -np.inf, np.float32)
    for dk in range(2):
        for dj in range(2):
            for di in range(2):
                part = parts[:, dk, :, dj, :, di]
                there = np.isfinite(part)
                total += np.where(there, part, np.float32(0.0))
                known += there
                np.fmax(most, part, out=most)
    seen = known >= 4
    np.copyto(mean, total / np.maximum(known, 1), where=seen)
    np.copyto(densest, most, where=seen)


def _seen(taps: Taps) -> tuple[int, int]:
    """First cube, and the one after the last, whose parts have any weight along an axis."""
    held = np.flatnonzero(taps.weight.any(axis=1))
    return (int(held[0]) // 2, int(held[-1]) // 2 + 1) if held.size else (0, 0)


def _permutation(grid: Grid, own: Grid) -> tuple[int, int, int] | None:
    """Which axis of `own` runs along each axis of `grid`; None where they are not parallel."""
    turn = np.array(grid.axes_mm) @ np.linalg.inv(np.array(own.axes_mm))  # indices of `own` per step of `grid`
    order = np.argmax(np.abs(turn) * np.array(own.spacing_mm), axis=1)
    if len(set(order.tolist())) < 3:
        return None
    snapped = np.zeros_like(turn)
    snapped[np.arange(3), order] = turn[np.arange(3), order]
    away = np.abs(np.linalg.inv(turn) - np.linalg.inv(snapped)) * np.array(own.shape)[:, None]
    if float((away * np.array(grid.spacing_mm)).sum(axis=0).max()) > ALIGNED_MM:
        return None
    return int(order[0]), int(order[1]), int(order[2])


def _positions(grid: Grid, own: Grid, axis: int, order: tuple[int, int, int]) -> FloatArray:
    """Index along that axis of `own` of every voxel along one axis of `grid`, at the middle of `own`."""
    middle = grid.to_index(own.to_mm([[0.5 * (n - 1) for n in own.shape]]))[0]
    points = np.repeat(middle[None], grid.shape[axis], axis=0)
    points[:, axis] = np.arange(grid.shape[axis])
    found: FloatArray = own.to_index(grid.to_mm(points))[:, order[axis]]
    return found


def _walk(grid: Grid, own: Grid) -> tuple[FloatArray, FloatArray]:
    """Where the first voxel of `grid` lies in `own`, and how far a step along k, j and i goes there [3, 3]."""
    return own.to_index(grid.to_mm([[0, 0, 0]]))[0], np.array(grid.axes_mm) @ np.linalg.inv(np.array(own.axes_mm))


def _halved(grid: Grid) -> Grid:
    """The same field in parts of half the edge."""
    (origin,) = grid.to_mm([[-0.25, -0.25, -0.25]])
    axes = [tuple(0.5 * step for step in axis) for axis in grid.axes_mm]
    shape = (2 * grid.shape[0], 2 * grid.shape[1], 2 * grid.shape[2])
    return Grid(shape, _vector(origin), (_vector(axes[0]), _vector(axes[1]), _vector(axes[2])))


def _corners_mm(grid: Grid) -> FloatArray:
    """Outer corners of the outermost voxels, LPS."""
    ends = [(-0.5, n - 0.5) for n in grid.shape]
    return grid.to_mm([[k, j, i] for k in ends[0] for j in ends[1] for i in ends[2]])


def _vector(numbers: npt.ArrayLike) -> Vector:
    x, y, z = (float(v) for v in np.asarray(numbers))
    return x, y, z
