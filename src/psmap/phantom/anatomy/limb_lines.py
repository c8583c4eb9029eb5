"""Where the arms and legs run: the joints in the reference frame, from which bones, muscles and skin all start.

Hip and shoulder lie in the middle of the femoral and humeral heads of the reference adult male, ICRP Publication 110,
as measured for psmap, and the hanging upper arm keeps the slope of his humerus; knee and ankle lie where his legs'
outline is centred. What those figures leave open comes of body heights: forearm 0.146 and hand 0.108 of 1.76 m
(Drillis and Contini 1966, as printed in Winter, Biomechanics and Motor Control of Human Movement).
"""

from __future__ import annotations

from dataclasses import dataclass

from psmap.domain.geometry import Vector
from psmap.phantom.anatomy.man import Arms, Man, Side

SHOULDER_PLANE_MM = 6.0
LEG_PLANE_MM = -2.4
"""x of the planes about which the reference man's arms and legs are each other's mirror image."""


@dataclass(frozen=True, slots=True)
class ArmLine:
    """Joints of one arm (mm, reference frame): middle of the humeral head, elbow, wrist, tip of the fingers."""

    shoulder: Vector
    elbow: Vector
    wrist: Vector
    fingertip: Vector


@dataclass(frozen=True, slots=True)
class LegLine:
    """Joints of one leg (mm, reference frame): middle of the femoral head, knee, ankle, heel and tip of the toes."""

    hip: Vector
    knee: Vector
    ankle: Vector
    heel: Vector
    toes: Vector


_ARM_DOWN = ((173.0, -20.0, 410.0), (231.0, 59.0, 121.0), (226.0, -25.0, -124.0), (214.0, -62.0, -310.0))
_ASIDE = (0.0, 0.9, 1.3, 1.3)
"""How far shoulder, elbow, wrist and fingers of hanging arms go out for each mm of fat over the reference man's: the
trunk's own and the arm's."""
_ARM_UP = ((170.0, -15.0, 445.0), (223.0, -49.0, 743.0), (68.0, -43.0, 949.0), (23.0, -41.0, 1043.0))
_LEG = (
    (90.0, -17.0, -134.0),
    (62.0, 2.0, -556.0),
    (60.0, 27.0, -956.0),
    (58.0, 82.0, -1020.0),
    (108.0, -155.0, -1032.0),
)


def arm_line(man: Man, side: Side) -> ArmLine:
    """The arm of one side, hanging beside the trunk, or raised with the hands closed over the head."""
    if man.arms is Arms.UP:
        points: tuple[Vector, ...] = _ARM_UP
    else:
        # a stout man's arms hang farther out, beside his fat
        out = max(man.fat_mm, 0.0)
        points = tuple((x + share * out, y, z) for (x, y, z), share in zip(_ARM_DOWN, _ASIDE, strict=True))
    return ArmLine(*(placed(point, side, SHOULDER_PLANE_MM) for point in points))


def leg_line(man: Man, side: Side) -> LegLine:
    """The leg of one side, lying straight."""
    del man  # every man's legs lie alike; his size comes by his bend
    return LegLine(*(placed(point, side, LEG_PLANE_MM) for point in _LEG))


def placed(point: Vector, side: Side, plane_mm: float) -> Vector:
    """A point given left of a mirror plane (x from that plane) on one side of the man."""
    x, y, z = point
    return (plane_mm + x if side is Side.LEFT else plane_mm - x), y, z
