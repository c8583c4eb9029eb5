"""How a focus is turned and drawn out to fit where it lies: along its bone, tube or band, never less in volume.

All lengths and directions are of the man's own space; a solid of the reference frame is seen through `Spot.back`, the
linear part of the way there. A bend is that straight over the width of a focus: its waves are 40 cm and longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.bend import Bend
from psmap.phantom.lesions.focus import DrawnFocus, Frame
from psmap.phantom.lesions.region import Crowd, Region

MOST_LONG = 5.0
"""The longest axis of a focus that was drawn out, against its shortest (ours)."""
NEAR_MM = (8.0, 40.0)
"""How far round its centre a focus looks for the run of its structure: at least, at most."""
LEAST_POINTS = 12


def ball(count: int) -> FloatArray:
    """Points (count, 3) spread evenly over the unit ball: what of Roberts' R3 sequence lies in it."""
    root = 1.2207440846057596  # of g^4 = g + 1
    n = np.arange(1, 3 * count + 1)[:, None]
    cube = 2.0 * ((0.5 + n / root ** np.arange(1, 4)) % 1.0) - 1.0
    inside: FloatArray = cube[(cube**2).sum(axis=1) <= 1.0][:count]
    return inside


ROUND, WITHIN = ball(400), ball(120)
"""Points to look round with, and points of a focus itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """A point of the man: where it lies in the reference frame and in him, and the way back for what lies near it."""

    reference: FloatArray
    man: FloatArray
    back: FloatArray

    def moved(self, by_mm: FloatArray) -> Spot:
        """The spot that lies so far away in the man."""
        return Spot(self.reference + self.back @ by_mm, self.man + by_mm, self.back)

    def near(self, away_mm: FloatArray) -> FloatArray:
        """Where points (n, 3) given from the spot in the man lie in the reference frame (mm)."""
        points: FloatArray = self.reference + away_mm @ self.back.T
        return points


def spots(bend: Bend, points: FloatArray) -> list[Spot]:
    """Points (n, 3) of the reference frame as spots of the man."""
    step = 2.0
    ends = points[:, None, :] + np.concatenate([np.zeros((1, 3)), step * np.eye(3), -step * np.eye(3)])
    placed = bend.to_man(ends.reshape(-1, 3)).reshape(-1, 7, 3)
    forth = np.swapaxes(placed[:, 1:4] - placed[:, 4:7], 1, 2) / (2.0 * step)
    return [Spot(*each) for each in zip(points, placed[:, 0], np.linalg.inv(forth), strict=True)]


def settled(spot: Spot, region: Region, near_mm: float, times: int) -> Spot:
    """The spot moved to the middle of a solid near it: onto the axis of a tube, off the edge of a plate."""
    for _ in range(times):
        away = ROUND * near_mm
        inside = away[region.holds(spot.near(away))]
        if len(inside) < LEAST_POINTS:
            return spot
        moved = spot.moved(inside.mean(axis=0))
        if not region.holds(moved.reference[None])[0]:
            return spot
        spot = moved
    return spot


def near_mm(focus: DrawnFocus) -> float:
    """How far round a focus looks."""
    return float(np.clip(1.5 * max(focus.half_axes_mm), *NEAR_MM))


def run_of(spot: Spot, region: Region, within_mm: float) -> FloatArray | None:
    """Three directions as rows: the one in which a solid runs on near the spot, then across, then where it is thinnest.

    They are the principal axes of the solid's points near the spot; None where there are too few of them.
    """
    away = ROUND * within_mm
    inside = away[region.holds(spot.near(away))]
    if len(inside) < LEAST_POINTS:
        return None
    _, axes = np.linalg.eigh(np.cov(inside.T))
    along, across = axes[:, 2], axes[:, 1]
    frame: FloatArray = np.array([along, across, np.cross(along, across)])
    return frame


def shapes(
    focus: DrawnFocus, spot: Spot, region: Region, *, as_drawn: bool, drawn_out: bool, most_long: float = MOST_LONG
) -> Iterator[DrawnFocus]:
    """The focus as it may lie: as drawn; turned along the solid; then also drawn out, half and as far as it takes.

    Args:
        focus: as the dice gave it.
        spot: its centre.
        region: what it is to lie in.
        as_drawn: whether its own directions will do.
        drawn_out: whether its axes may change; the volume stays.
        most_long: longest axis against shortest, at most.
    """
    if as_drawn:
        yield focus
    frame = run_of(spot, region, near_mm(focus))
    if frame is None:
        yield focus
        return
    half = np.sort(np.array(focus.half_axes_mm))[::-1]
    directions = _frame(frame)
    if not drawn_out:
        yield _shaped(focus, half, directions)
        return
    fitted = _drawn_out(half, _reach(spot, region, frame, float(half[0])), most_long)
    if not as_drawn:
        yield _shaped(focus, fitted, directions)
        return
    for much in (0.0, 0.5, 1.0):
        yield _shaped(focus, half ** (1.0 - much) * fitted**much, directions)


def share_outside(spot: Spot, focus: DrawnFocus, region: Region) -> float:
    """Share of a focus's volume that lies outside a region."""
    return float(np.mean(~region.holds(spot.near(points_of(focus)))))


def share_in_any(spot: Spot, focus: DrawnFocus, crowd: Crowd, deeper_mm: float) -> float:
    """Share of a focus's volume that lies deeper than that in any of some solids."""
    return float(np.mean(crowd.hold(spot.near(points_of(focus)), deeper_mm)))


def points_of(focus: DrawnFocus) -> FloatArray:
    """Points (n, 3) spread evenly over a focus, from its centre (mm)."""
    points: FloatArray = (WITHIN * np.array(focus.half_axes_mm)) @ np.array(focus.directions)
    return points


def overlap(one: DrawnFocus, at: FloatArray, other: DrawnFocus, there: FloatArray) -> float:
    """Share of the smaller of two foci that lies in the larger."""
    if np.linalg.norm(at - there) >= max(one.half_axes_mm) + max(other.half_axes_mm):
        return 0.0
    if one.volume_ml > other.volume_ml:
        one, at, other, there = other, there, one, at
    in_other = (points_of(one) + at - there) @ np.array(other.directions).T / np.array(other.half_axes_mm)
    return float(np.mean((in_other**2).sum(axis=1) <= 1.0))


def _reach(spot: Spot, region: Region, frame: FloatArray, half_mm: float) -> FloatArray:
    """How far the solid goes from the spot along each of three directions, to the nearer side (mm)."""
    steps = np.linspace(0.0, 1.2 * half_mm, 25)[1:]
    away = steps[None, None, :, None] * np.stack([frame, -frame])[:, :, None, :]
    outside = ~region.holds(spot.near(away.reshape(-1, 3))).reshape(6, len(steps))
    first = np.where(outside.any(axis=1), steps[np.argmax(outside, axis=1)], np.inf)
    reach: FloatArray = np.minimum(first[:3], first[3:])
    return reach


def _drawn_out(half: FloatArray, reach: FloatArray, most_long: float) -> FloatArray:
    """Half axes, longest first, of the same volume: as thin as the solid is, so far as that makes no needle."""
    long, wide, thin = (float(axis) for axis in half)
    if reach[2] < thin:
        spread = math.sqrt(thin / float(reach[2]))
        long, wide, thin = long * spread, wide * spread, float(reach[2])
    if reach[1] < wide:
        flat = max(float(reach[1]), thin)
        long, wide = long * wide / flat, flat
    drawn_out = np.array([long, wide, thin])
    before, after = math.log(half[0] / half[2]), math.log(long / thin)
    if after <= max(before, math.log(most_long)):
        return drawn_out
    much = max(0.0, (math.log(most_long) - before) / (after - before))
    found: FloatArray = half ** (1.0 - much) * drawn_out**much
    return found


def _shaped(focus: DrawnFocus, half: FloatArray, directions: Frame) -> DrawnFocus:
    ratio = half / float(np.prod(half)) ** (1.0 / 3.0)
    a, b, c = (float(n) for n in ratio)
    return replace(focus, axes_ratio=(a, b, c), directions=directions)


def _frame(rows: FloatArray) -> Frame:
    one, two, three = (_vector(row) for row in rows)
    return one, two, three


def _vector(numbers: FloatArray) -> Vector:
    x, y, z = (float(n) for n in numbers)
    return x, y, z
