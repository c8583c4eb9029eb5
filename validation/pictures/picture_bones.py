"""A man's surface as the eye sees it: rays through his solids, the first wall each of them meets, and light on it.

Solids are asked for their distance on a lattice of rays; where a ray goes in, the place is found between two steps and
the slope of the distance is the normal. One asking serves both the view from the front and that from the back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.phantom.anatomy.paint import Structure
from psmap.phantom.anatomy.solids import Floats32, Solid

Rgb = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
STEP_MM = 1.5
LIGHT = (-0.45, -0.75, 0.55)
"""Towards the light: from the viewer's upper left (x to the viewer's right, y away from the viewer, z up)."""
LEAST_LIGHT, DEPTH_MM, HOLLOW, HOLLOW_MM = 0.38, 420.0, 0.030, 5.0
"""Light in the shade; by how deep a wall lies it grows darker; how much and how wide a hollow is shaded."""


@dataclass(slots=True)
class View:
    """What is seen from one side.

    Args:
        low, high: corners of the picture (x, z) in mm.
        depth: [row, column] distance along the ray, infinite where it meets nothing; row 0 at the lowest z.
        normal: [row, column, 3] as x across to the viewer's right, y away from him, z up.
        colour: [row, column, 3].
    """

    low: tuple[float, float]
    high: tuple[float, float]
    depth: Floats32
    normal: Floats32
    colour: Floats32


def look(
    structures: Iterable[Structure],
    colour_of: Callable[[str], Colour],
    low: tuple[float, float],
    high: tuple[float, float],
) -> tuple[View, View]:
    """The reference frame's structures from the front and from the back; x and z between two corners (mm)."""
    shape = tuple(round((high[c] - low[c]) / STEP_MM) for c in (1, 0))
    front, back = (
        View(low, high, np.full(shape, np.inf, np.float32), np.zeros((*shape, 3), np.float32),
             np.zeros((*shape, 3), np.float32))
        for _ in range(2)
    )  # fmt: skip
    for structure in structures:
        _meet(structure.solid, np.array(colour_of(structure.name), np.float32), front, back)
    return front, back


def lit(view: View) -> tuple[Rgb, Floats32]:
    """The picture, head up, and how squarely each wall faces the viewer (0 to 1; 0 where there is none)."""
    seen = np.isfinite(view.depth)
    towards = np.array(LIGHT) / np.linalg.norm(LIGHT)
    light = LEAST_LIGHT + (1 - LEAST_LIGHT) * np.clip(view.normal @ towards, 0, 1)
    nearest = float(view.depth[seen].min()) if seen.any() else 0.0
    flat = np.where(seen, view.depth, nearest + DEPTH_MM).astype(np.float32)
    light *= 1 - 0.45 * np.clip((flat - nearest) / DEPTH_MM, 0, 1)
    hollow = flat - ndimage.gaussian_filter(flat, HOLLOW_MM / STEP_MM)
    light *= 1 - np.clip(HOLLOW * hollow, -0.15, 0.5)
    facing = np.where(seen, np.clip(-view.normal[..., 1], 0, 1), 0)
    picture = np.where(seen[..., None], view.colour * light[..., None], 0)
    return np.clip(picture, 0, 1).astype(np.float32)[::-1], facing.astype(np.float32)[::-1]


def _meet(solid: Solid, colour: Floats32, front: View, back: View) -> None:
    """Where rays meet one solid, into both views."""
    low = front.low
    first = [max(0, int((solid.low[c] - low[n]) / STEP_MM) - 1) for n, c in enumerate((0, 2))]
    last = [min(front.depth.shape[1 - n], int((solid.high[c] - low[n]) / STEP_MM) + 2) for n, c in enumerate((0, 2))]
    if last[0] - first[0] < 2 or last[1] - first[1] < 2:
        return
    x = low[0] + (np.arange(first[0], last[0]) + 0.5) * STEP_MM
    z = low[1] + (np.arange(first[1], last[1]) + 0.5) * STEP_MM
    y = np.arange(solid.low[1] - 2 * STEP_MM, solid.high[1] + 3 * STEP_MM, STEP_MM)
    shape = (len(z), len(y), len(x))
    points = [
        np.ascontiguousarray(np.broadcast_to(a.astype(np.float32), shape))
        for a in (x[None, None, :], y[None, :, None], z[:, None, None])
    ]
    distance = solid.distance(*points)
    place = (slice(first[1], last[1]), slice(first[0], last[0]))
    _first_wall(distance, y, 1.0, colour, front, place)
    width = back.depth.shape[1]
    mirrored = (place[0], slice(width - last[0], width - first[0]))
    _first_wall(distance[:, ::-1, ::-1], -y[::-1], -1.0, colour, back, mirrored)


def _first_wall(
    distance: Floats32,
    y: npt.NDArray[np.float64],
    side: float,
    colour: Floats32,
    view: View,
    place: tuple[slice, slice],
) -> None:
    inside = distance < 0
    at = inside.argmax(axis=1)
    rows, columns = np.nonzero(inside.any(axis=1))
    if not len(rows):
        return
    n = at[rows, columns]
    here = distance[rows, n, columns]
    before = distance[rows, np.maximum(n - 1, 0), columns]
    share = np.where(before > 0, before / np.maximum(before - here, 1e-6), 0.0)
    depth = (y[np.maximum(n - 1, 0)] + share * STEP_MM).astype(np.float32)
    normal = np.stack(
        [
            distance[rows, n, np.minimum(columns + 1, distance.shape[2] - 1)]
            - distance[rows, n, np.maximum(columns - 1, 0)],
            distance[rows, np.minimum(n + 1, distance.shape[1] - 1), columns]
            - distance[rows, np.maximum(n - 1, 0), columns],
            distance[np.minimum(rows + 1, distance.shape[0] - 1), n, columns]
            - distance[np.maximum(rows - 1, 0), n, columns],
        ],
        axis=1,
    )
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    own = view.depth[place]
    nearer = depth < own[rows, columns]
    r, c = rows[nearer], columns[nearer]
    own[r, c] = depth[nearer]
    view.normal[place][r, c] = normal[nearer]
    view.colour[place][r, c] = colour
