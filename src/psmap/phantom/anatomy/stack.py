"""A body outline as stacked sections: superellipses that lean, widen and narrow from height to height.

The same idea as `solids.loft`, for what is as large as the man: the power may change with the height, a section may
be sheared (a foot that points outwards), the slope along z counts in the distance (the vertex of the head, the
shoulders), several stacks and round rods make one solid with their seams rounded, and all is one compiled loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Vector
from psmap.numerics.compiled import compiled
from psmap.phantom.anatomy.solids import Floats32, Solid

STEP_MM = 4.0
NEAR_MM = 20.0
"""Distances are true up to about this far from the surface; farther points are only told on which side they lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Sections by rising z: rows of z, centre x, centre y, half width x, half width y (mm), power, shear.

    The shear is the shift of the centre in x per mm of y, away from the centre of the section.
    """

    rows: FloatArray

    def mirrored(self, x_mm: float) -> Stack:
        """The other side's."""
        rows = self.rows.copy()
        rows[:, 1] = 2.0 * x_mm - rows[:, 1]
        rows[:, 6] *= -1.0
        return Stack(rows)

    def narrowed(self, sides_mm: npt.ArrayLike, front_mm: npt.ArrayLike, back_mm: npt.ArrayLike) -> Stack:
        """What lies that far inside, by side; numbers or one for each row. Nowhere narrower than 1 mm."""
        rows = self.rows.copy()
        front, back = np.asarray(front_mm, dtype=float), np.asarray(back_mm, dtype=float)
        rows[:, 2] += (front - back) / 2.0
        rows[:, 3] = np.maximum(rows[:, 3] - np.asarray(sides_mm, dtype=float), 1.0)
        rows[:, 4] = np.maximum(rows[:, 4] - (front + back) / 2.0, 1.0)
        return Stack(rows)


def stack(rows: Sequence[Sequence[float]], power: float = 2.0) -> Stack:
    """A stack of rows z, centre x, centre y, half width x, half width y and, where they differ, power and shear."""
    full = [[*row, *(power, 0.0)[len(row) - 5 :]] for row in rows]
    return Stack(np.array(full, dtype=float))


@dataclass(frozen=True, slots=True)
class Rod:
    """A rod of changing thickness between two points (mm), with round ends: arms, nose, ears.

    Args:
        start, end: the line in its middle.
        start_mm, end_mm: half its width along x and z at both ends.
        deep: half its width along y over that along x.
    """

    start: Vector
    end: Vector
    start_mm: float
    end_mm: float
    deep: float = 1.0

    def narrowed(self, by_mm: float) -> Rod:
        """Thinner by that much all round, 1 mm thick at least."""
        rod = Rod(self.start, self.end, max(self.start_mm - by_mm, 1.0), max(self.end_mm - by_mm, 1.0))
        widest = max(self.start_mm, self.end_mm)
        return replace(rod, deep=max((widest * self.deep - by_mm) / max(widest - by_mm, 1.0), 0.2))


def stacked(stacks: Sequence[Stack], rods: Sequence[Rod] = (), seam_mm: float = 0.0) -> Solid:
    """One solid of several stacks and rods.

    Args:
        seam_mm: over how much the seams between them are rounded.
    """
    evened = [_even(one.rows) for one in stacks]
    starts = np.cumsum([0] + [len(rows) for rows in evened])
    table = np.concatenate(evened)
    slopes = np.concatenate([np.gradient(rows, STEP_MM, axis=0) for rows in evened])
    bars = np.array([[*r.start, *r.end, r.start_mm, r.end_mm, r.deep] for r in rods], dtype=float).reshape(-1, 9)
    boxes = np.array([_box(rows) for rows in evened] + [_bar_box(bar) for bar in bars])
    around = boxes + np.array([-NEAR_MM, NEAR_MM])

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
        lines = [
            np.ascontiguousarray(np.broadcast_to(a, shape), np.float32).reshape(-1, shape[-1] if shape else 1)
            for a in (x, y, z)
        ]
        return _stacks(lines[0], lines[1], lines[2], table, slopes, starts, bars, around, seam_mm).reshape(shape)

    low, high = boxes[:, :, 0].min(axis=0) - 0.25 * seam_mm, boxes[:, :, 1].max(axis=0) + 0.25 * seam_mm
    return Solid(
        distance, (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))
    )


def _box(rows: FloatArray) -> FloatArray:
    middle = rows[:, [1, 2, 0]]
    reach = np.stack([rows[:, 3] + np.abs(rows[:, 6]) * rows[:, 4], rows[:, 4], np.zeros(len(rows))], axis=1)
    return np.stack([(middle - reach).min(axis=0), (middle + reach).max(axis=0)], axis=1)


def _bar_box(bar: FloatArray) -> FloatArray:
    ends = bar[:6].reshape(2, 3)
    reach = bar[6:8, None] * np.array([1.0, bar[8], 1.0])
    return np.stack([(ends - reach).min(axis=0), (ends + reach).max(axis=0)], axis=1)


def _even(rows: FloatArray) -> FloatArray:
    """Rows at even steps of z from the lowest on; the last lies at the top or up to half a step beside it."""
    count = max(round((rows[-1, 0] - rows[0, 0]) / STEP_MM), 1)
    z = rows[0, 0] + STEP_MM * np.arange(count + 1)
    return np.stack([z, *(np.interp(z, rows[:, 0], column) for column in rows[:, 1:].T)], axis=1)


@compiled
def _stacks(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    z: npt.NDArray[np.float32],
    table: npt.NDArray[np.float64],
    slopes: npt.NDArray[np.float64],
    starts: npt.NDArray[np.int64],
    bars: npt.NDArray[np.float64],
    around: npt.NDArray[np.float64],
    seam: float,
) -> npt.NDArray[np.float32]:
    found = np.full(x.shape, 1e3, np.float32)
    for row in range(x.shape[0]):
        # a row of voxels lies near few parts: the others need not be asked voxel by voxel
        low_y, high_y, low_z, high_z = y[row].min(), y[row].max(), z[row].min(), z[row].max()
        for part in range(len(around)):
            near = around[part]
            if high_y < near[1, 0] or low_y > near[1, 1] or high_z < near[2, 0] or low_z > near[2, 1]:
                continue
            for n in range(x.shape[1]):
                if x[row, n] < near[0, 0] or x[row, n] > near[0, 1]:
                    continue
                best = found[row, n]
                if part < len(starts) - 1:
                    first, last = starts[part], starts[part + 1] - 1
                    away = _section(x[row, n], y[row, n], z[row, n], table, slopes, first, last)
                else:
                    away = _rod(x[row, n], y[row, n], z[row, n], bars[part - len(starts) + 1])
                if seam > 0.0 and abs(best - away) < seam:
                    blend = (seam - abs(best - away)) / seam
                    found[row, n] = min(best, away) - 0.25 * blend * blend * seam
                else:
                    found[row, n] = min(best, away)
    return found


@compiled
def _rod(x: float, y: float, z: float, bar: npt.NDArray[np.float64]) -> float:
    """Distance from a rod's surface: the gauge less one over its slope, the rod round in y / deep."""
    bx, by, bz = bar[3] - bar[0], (bar[4] - bar[1]) / bar[8], bar[5] - bar[2]
    px, py, pz = x - bar[0], (y - bar[1]) / bar[8], z - bar[2]
    t = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz)))
    px, py, pz = px - t * bx, py - t * by, pz - t * bz
    off = (px**2 + py**2 + pz**2) ** 0.5
    slope = (px**2 + (py / bar[8]) ** 2 + pz**2) ** 0.5
    away = off - (bar[6] + t * (bar[7] - bar[6]))
    return float(away * off / slope if slope > 0.0 else away)


@compiled
def _section(
    x: float,
    y: float,
    z: float,
    table: npt.NDArray[np.float64],
    slopes: npt.NDArray[np.float64],
    first: int,
    last: int,
) -> float:
    """Distance from a stack's surface: the gauge less one over its slope; what is far only learns its side."""
    ends = max(table[first, 0] - z, z - table[last, 0])
    at = min(max((z - table[first, 0]) / STEP_MM, 0.0), float(last - first) - 1e-6)
    low = first + int(at)
    t = at - int(at)
    ry = table[low, 4] + t * (table[low + 1, 4] - table[low, 4])
    v = y - (table[low, 2] + t * (table[low + 1, 2] - table[low, 2]))
    rx = table[low, 3] + t * (table[low + 1, 3] - table[low, 3])
    lean = table[low, 6] + t * (table[low + 1, 6] - table[low, 6])
    u = x - (table[low, 1] + t * (table[low + 1, 1] - table[low, 1])) - lean * v
    if abs(v) > ry + NEAR_MM or abs(u) > rx + 2.0 * NEAR_MM:
        return NEAR_MM
    p = table[low, 5] + t * (table[low + 1, 5] - table[low, 5])
    across, back = abs(u) / rx, abs(v) / ry
    deep = 1.0 - NEAR_MM / min(rx, ry)
    if p >= 2.0 and deep > 0.0 and across * across + back * back < deep * deep:
        return float(max(-NEAR_MM, ends))
    size = (across**p + back**p) ** (1.0 / p)
    if size < 1e-3:
        return float(max(-min(rx, ry), ends))
    a, b = (across / size) ** (p - 1.0), (back / size) ** (p - 1.0)
    turn_x, turn_y = a * np.sign(u) / rx, b * np.sign(v) / ry
    turn_z = -turn_x * slopes[low, 1] - turn_y * slopes[low, 2]
    turn_z -= a * across * slopes[low, 3] / rx + b * back * slopes[low, 4] / ry
    turn_y -= turn_x * lean
    side = (size - 1.0) / (turn_x**2 + turn_y**2 + turn_z**2) ** 0.5
    return float(max(side, -min(rx, ry), ends))
