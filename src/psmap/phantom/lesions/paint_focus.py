"""The one routine that paints a focus, tumour or benign, into an image of activity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid, Vector
from psmap.phantom.lesions.focus import DrawnFocus

Floats32 = npt.NDArray[np.float32]
Box = tuple[slice, slice, slice]
PARTS_PER_HALF_AXIS = 8.0
MOST_PARTS, MOST_SAMPLES = 12, 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class PaintedFocus:
    """Where a focus was painted: the part of the grid, and the share (0 to 1) of each of its voxels that it fills."""

    box: Box
    share: Floats32


def paint_focus(activity: Floats32, grid: Grid, centre_mm: Vector, focus: DrawnFocus) -> PaintedFocus | None:
    """Put a focus in place of what is there: activity <- activity (1 - share) + (SUV of the focus) share, in place.

    Every voxel that the ellipsoid may reach is cut into parts, so that no part is longer than an eighth of the shortest
    half axis as long as that takes no more than 12 parts a side (fewer in a focus of very many voxels, whose surface
    is a small part of it).

    Args:
        activity: SUV (g/mL), float32 [k, j, i]; changed.
        grid: its grid.
        centre_mm: where the centre of the focus lies (LPS).
        focus: what to paint.

    Returns:
        Box and shares, or None where the focus lies wholly outside the grid.
    """
    if activity.shape != grid.shape:
        raise ValueError(f"an activity of shape {activity.shape} does not fit a grid of shape {grid.shape}")
    box = _box(grid, centre_mm, focus)
    if box is None:
        return None
    share, uptake = _share_and_uptake(grid, box, centre_mm, focus)
    part = activity[box]
    part += np.float32(focus.suv) * uptake - share * part
    return PaintedFocus(box, share)


def _box(grid: Grid, centre_mm: Vector, focus: DrawnFocus) -> Box | None:
    """The voxels that the focus may touch."""
    reach_mm = np.sqrt(((np.array(focus.directions) * np.array(focus.half_axes_mm)[:, None]) ** 2).sum(axis=0))
    centre = grid.to_index(centre_mm)[0]
    reach = np.abs(np.linalg.inv(np.array(grid.axes_mm))).T @ reach_mm + 0.5
    first = np.maximum(np.ceil(centre - reach), 0).astype(int)
    last = np.minimum(np.floor(centre + reach), np.array(grid.shape) - 1).astype(int)
    if np.any(last < first):
        return None
    k, j, i = (slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))
    return k, j, i


def _share_and_uptake(grid: Grid, box: Box, centre_mm: Vector, focus: DrawnFocus) -> tuple[Floats32, Floats32]:
    """Per voxel, the share inside the ellipsoid and the integral of the focus's profile (1 at its centre) over it."""
    shape = tuple(part.stop - part.start for part in box)
    parts = [_parts(step, focus, math.prod(shape)) for step in grid.spacing_mm]
    # positions along k, j, i in the frame of the ellipsoid, scaled to a unit ball: linear in each, so three short lists
    to_ball = np.array(focus.directions) / np.array(focus.half_axes_mm)[:, None]
    steps = np.array(grid.axes_mm) @ to_ball.T
    start = (np.array(grid.origin_mm) - np.array(centre_mm)) @ to_ball.T
    along = []
    for axis, (count, inside) in enumerate(zip(parts, box, strict=True)):
        within = (np.arange(count) + 0.5) / count - 0.5
        index = (np.arange(inside.start, inside.stop)[:, None] + within).reshape(-1)
        along.append((index[:, None] * steps[axis]).astype(np.float32))
    squared = np.zeros(tuple(len(line) for line in along), np.float32)
    for n in range(3):
        k, j, i = (line[:, n] for line in along)
        squared += (np.float32(start[n]) + k[:, None, None] + j[None, :, None] + i[None, None, :]) ** 2
    inside_ball = squared <= 1.0
    share = _per_voxel(inside_ball.astype(np.float32), shape, parts)
    if focus.rim == 1.0:
        return share, share
    core = np.maximum(np.float32(1.0) - squared, np.float32(0.0)) ** np.float32(focus.core)
    return share, np.float32(focus.rim) * share + np.float32(1.0 - focus.rim) * _per_voxel(core, shape, parts)


def _parts(step_mm: float, focus: DrawnFocus, voxels: int) -> int:
    wanted = math.ceil(PARTS_PER_HALF_AXIS * step_mm / min(focus.half_axes_mm))
    affordable = int((MOST_SAMPLES / voxels) ** (1.0 / 3.0))
    return max(1, min(max(wanted, 3), MOST_PARTS, affordable))


def _per_voxel(fine: Floats32, shape: tuple[int, ...], parts: list[int]) -> Floats32:
    (k, j, i), (a, b, c) = shape, parts
    means: Floats32 = fine.reshape(k, a, j, b, i, c).mean(axis=(1, 3, 5), dtype=np.float32)
    return means
