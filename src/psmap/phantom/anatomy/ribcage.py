"""The ribcage and what hangs on it: twelve pairs of ribs, sternum, clavicles, scapulae.

A rib leaves its vertebra, passes in front of the transverse process, and runs down and forward over the wall of the
chest, which is a stack of rounded ovals. Wall, volumes and places follow the reference adult male (ICRP Publication
110, as measured for psmap); how far each rib goes round and down follows Gray's Anatomy (Standring 2020,
42nd edition).
"""

from __future__ import annotations

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.bone_shapes import bone, plates, strap, turned
from psmap.phantom.anatomy.limb_lines import placed
from psmap.phantom.anatomy.man import Arms, Man, Side
from psmap.phantom.anatomy.paint import Structure
from psmap.phantom.anatomy.solids import Solid, spline

RIB_CORTEX_MM, FLAT_CORTEX_MM, CLAVICLE_CORTEX_MM = 1.3, 1.2, 2.0
"""Choices, not figures: enough to show on grids of 2 to 4 mm."""

# the wall in which the ribs lie: z, x of the middle, half width, y of the front and of the back (mm)
_WALL = np.array(
    [
        (95.0, 4.0, 108.0, -98.0, 42.0),
        (130.0, 4.5, 122.0, -107.0, 50.0),
        (160.0, 5.0, 129.0, -112.0, 55.0),
        (200.0, 5.0, 132.0, -116.0, 59.0),
        (240.0, 5.0, 132.0, -113.0, 61.0),
        (280.0, 5.0, 129.0, -106.0, 62.0),
        (310.0, 5.0, 125.0, -98.0, 61.0),
        (340.0, 5.0, 118.0, -89.0, 57.0),
        (365.0, 6.0, 108.0, -79.0, 50.0),
        (385.0, 7.5, 95.0, -72.0, 42.0),
        (405.0, 9.0, 78.0, -64.0, 32.0),
        (425.0, 10.5, 62.0, -57.0, 22.0),
        (450.0, 12.0, 46.0, -48.0, 12.0),
    ]
)
_SQUARE = 2.3

# number -> z, y, x from the midline of the head; of the tubercle; then how far round it goes (degrees from the back)
# and z of its front end
_RIBS: dict[int, tuple[tuple[float, float, float], tuple[float, float, float], float, float]] = {
    1: ((444.0, -9.0, 16.0), (445.0, 7.0, 33.0), 152.0, 402.0),
    2: ((429.0, 1.0, 16.0), (429.0, 18.0, 32.0), 152.0, 371.0),
    3: ((408.0, 9.0, 16.0), (407.0, 27.0, 33.0), 150.0, 341.0),
    4: ((386.0, 18.0, 17.0), (384.0, 36.0, 33.0), 148.0, 311.0),
    5: ((363.0, 26.0, 17.0), (360.0, 45.0, 34.0), 147.0, 280.0),
    6: ((339.0, 32.0, 18.0), (336.0, 52.0, 34.0), 148.0, 246.0),
    7: ((315.0, 38.0, 18.0), (312.0, 56.0, 34.0), 148.0, 209.0),
    8: ((290.0, 37.0, 19.0), (287.0, 55.0, 34.0), 144.0, 172.0),
    9: ((264.0, 34.0, 20.0), (261.0, 53.0, 33.0), 134.0, 140.0),
    10: ((237.0, 31.0, 21.0), (234.0, 49.0, 31.0), 116.0, 114.0),
    11: ((206.0, 27.0, 22.0), (202.0, 42.0, 29.0), 84.0, 109.0),
    12: ((176.0, 24.0, 23.0), (172.0, 37.0, 29.0), 50.0, 118.0),
}
_START_DEGREES = 22.0
_POINTS = 15


def ribcage(man: Man) -> tuple[Structure, ...]:
    """Ribs from the first down, sternum, clavicles and scapulae; a bone and its marrow each."""
    found: list[Structure] = []
    for number in _RIBS:
        for side in Side:
            found += bone(man, f"rib_{number}_{side}", _rib(number, side), RIB_CORTEX_MM)
    found += bone(man, "sternum", _sternum(), FLAT_CORTEX_MM)
    for side in Side:
        found += bone(man, f"clavicle_{side}", _clavicle(man.arms, side), CLAVICLE_CORTEX_MM)
        found += bone(man, f"scapula_{side}", _scapula(man.arms, side), FLAT_CORTEX_MM)
    return tuple(found)


def chest_wall(z: float, degrees: float) -> FloatArray:
    """A point (mm) of the wall in which the ribs lie, left of the middle: 0 degrees at the back, 180 at the front."""
    middle, half, front, back = (float(np.interp(z, _WALL[:, 0], column)) for column in _WALL[:, 1:].T)
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    across = np.sign(sine) * abs(sine) ** (2.0 / _SQUARE)
    along = np.sign(cosine) * abs(cosine) ** (2.0 / _SQUARE)
    return np.array([middle + half * across, (front + back) / 2.0 + (back - front) / 2.0 * along, z])


def _rib(number: int, side: Side) -> Solid:
    line, thin = _rib_line(number)
    if side is Side.RIGHT:
        middle = np.interp(line[:, 2], _WALL[:, 0], _WALL[:, 1])
        line[:, 0] = 2.0 * middle - line[:, 0]
        thin[:, 0] = -thin[:, 0]
    thick, wide = (4.2, 8.5) if number == 1 else (5.0, 7.0)
    taper = np.ones(len(line))
    taper[:2] = 0.85
    if number > 10:
        taper[-3:] = (0.9, 0.8, 0.6)
    return strap(line, thin, thick * taper, wide * taper)


def _rib_line(number: int) -> tuple[FloatArray, FloatArray]:
    """The left rib's points from head to front end and the direction in which it is thin at each."""
    head, tubercle, round_to, low = _RIBS[number]
    fixed = [(_middle(z) + off, y, z) for z, y, off in (head, tubercle)]
    turn = np.linspace(_START_DEGREES, round_to, _POINTS)
    share = (turn - _START_DEGREES) / (round_to - _START_DEGREES)
    # a rib falls steeply along the side, and less at the back and in front
    fall = 0.15 * share + 0.85 * share**1.4 * (2.15 - 1.15 * share)
    heights = tubercle[0] - 3.0 - (tubercle[0] - 3.0 - low) * fall / fall[-1]
    walk = [chest_wall(z, angle) for z, angle in zip(heights, turn, strict=True)]
    line = np.concatenate([np.array(fixed), np.array(walk)])
    line = line[: len(fixed) + _POINTS]
    thin = line - np.stack([_middles(line[:, 2]), np.full(len(line), -20.0), line[:, 2]], axis=1)
    thin[:2] = (0.0, 0.3, 1.0) if number == 1 else (0.5, -1.0, 0.2)
    if number == 1:
        thin[2:] = 0.35 * thin[2:] / np.linalg.norm(thin[2:], axis=1, keepdims=True) + np.array((0.0, -0.25, 0.9))
    else:
        thin[2:, 2] = 0.15 * np.linalg.norm(thin[2:, :2], axis=1)
    return line, thin


def _middle(z: float) -> float:
    return float(np.interp(z, _WALL[:, 0], _WALL[:, 1]))


def _middles(z: FloatArray) -> FloatArray:
    found: FloatArray = np.interp(z, _WALL[:, 0], _WALL[:, 1])
    return found


# the sternum from above: x, y, z of the middle, half width, half thickness (mm)
_STERNUM = np.array(
    [
        (8.0, -65.5, 393.0, 14.0, 7.2),
        (8.3, -66.0, 388.0, 36.0, 7.6),
        (8.5, -67.5, 381.0, 34.0, 7.4),
        (8.5, -72.0, 374.0, 24.0, 6.4),
        (8.5, -79.0, 363.0, 14.5, 5.6),
        (9.0, -85.5, 350.0, 13.5, 5.6),
        (10.5, -88.5, 325.0, 14.0, 5.6),
        (14.0, -92.0, 304.0, 16.0, 5.7),
        (15.5, -99.0, 288.0, 18.0, 5.7),
        (16.0, -105.0, 273.0, 18.5, 5.6),
        (16.0, -108.5, 260.0, 13.0, 5.0),
        (16.0, -110.0, 244.0, 7.0, 4.4),
    ]
)


def _sternum() -> Solid:
    thin = np.gradient(_STERNUM[:, 1:3], axis=0)
    normal = np.stack([np.zeros(len(thin)), thin[:, 1], -thin[:, 0]], axis=1)
    return strap(_STERNUM[:, :3], normal, _STERNUM[:, 4], _STERNUM[:, 3])


CLAVICLE_PLANE_MM, SCAPULA_PLANE_MM = 11.3, 5.0
_CLAVICLE = (
    (19.0, -54.0, 400.0),
    (44.0, -58.0, 409.0),
    (76.0, -46.0, 425.0),
    (108.0, -23.0, 438.0),
    (134.0, -12.0, 448.0),
    (155.0, -8.0, 448.5),
)
_RAISE_CLAVICLE_DEGREES = 11.0


def clavicle_line(arms: Arms, side: Side) -> list[Vector]:
    """The middle of a clavicle from the sternum outwards, twelve points (mm)."""
    line = spline(_CLAVICLE, 12)
    if arms is Arms.UP:
        line = turned(line, _CLAVICLE[0], (0.0, -1.0, 0.0), _RAISE_CLAVICLE_DEGREES)
    return [placed((x, y, z), side, CLAVICLE_PLANE_MM) for x, y, z in line.tolist()]


def _clavicle(arms: Arms, side: Side) -> Solid:
    """An S from the sternum to the acromion, thick at its inner end, flat at its outer."""
    half = np.interp(np.linspace(0, 1, 12), (0.0, 0.15, 0.4, 0.75, 1.0), (11.0, 8.4, 7.5, 8.4, 9.8))
    thick = np.interp(np.linspace(0, 1, 12), (0.0, 0.15, 0.4, 0.75, 1.0), (10.0, 7.8, 7.1, 6.8, 6.2))
    return strap(clavicle_line(arms, side), np.tile((0.0, 0.15, 1.0), (12, 1)), thick, half)


# corners of the left scapula, x from its mirror plane, and half the thickness there (mm)
_SCAPULA = {
    "upper": (70.0, 48.0, 428.0, 3.6),
    "root": (68.0, 64.0, 405.0, 4.2),
    "inner": (74.0, 74.0, 360.0, 3.4),
    "tip": (94.0, 74.0, 302.0, 4.6),
    "outer": (115.0, 47.0, 350.0, 6.6),
    "neck": (134.0, 13.0, 396.0, 9.6),
    "notch": (120.0, 20.0, 424.0, 4.6),
    "centre": (97.0, 52.0, 382.0, 2.0),
    "socket_top": (142.0, 0.0, 422.0, 9.6),
    "socket": (141.0, 1.0, 406.0, 11.9),
    "socket_low": (139.0, 5.0, 390.0, 9.0),
    "ridge": (102.0, 66.0, 420.0, 4.6),
    "ridge_foot": (114.0, 37.0, 408.0, 3.4),
    "ridge_end": (146.0, 40.0, 429.0, 6.6),
    "acromion": (179.0, 12.0, 436.0, 6.6),
    "acromion_front": (167.0, -9.0, 438.0, 6.1),
    "coracoid_root": (132.0, -4.0, 424.0, 7.9),
    "coracoid_bend": (130.0, -27.0, 428.0, 6.8),
    "coracoid_tip": (148.0, -34.0, 420.0, 6.1),
}
_SCAPULA_FACES = (
    *(("upper", "root", "notch"), ("root", "notch", "centre"), ("root", "inner", "centre"), ("inner", "tip", "centre")),
    *(("tip", "outer", "centre"), ("outer", "neck", "centre"), ("neck", "notch", "centre"), ("tip", "outer")),
    *(("outer", "neck"), ("root", "inner"), ("inner", "tip"), ("upper", "root"), ("neck", "socket")),
    *(("socket_top", "socket"), ("socket", "socket_low"), ("neck", "socket_top"), ("neck", "socket_low")),
    *(("root", "ridge", "ridge_foot"), ("ridge", "ridge_foot", "ridge_end"), ("ridge", "ridge_end"), ("root", "ridge")),
    *(("ridge_end", "acromion", "acromion_front"), ("ridge_end", "acromion")),
    *(("neck", "coracoid_root"), ("coracoid_root", "coracoid_bend"), ("coracoid_bend", "coracoid_tip")),
)
_LIFT_ABOUT, _LIFT_AXIS, _LIFT_DEGREES, _LIFT_MM = (138.0, 15.0, 397.0), (-0.15, -1.0, 0.0), 35.0, (10.0, 0.0, 18.0)
"""With the arm raised the scapula turns upwards under it, a third of the way (Inman 1944, J Bone Joint Surg 26:1)."""


def scapula_corners(arms: Arms, side: Side) -> dict[str, tuple[Vector, float]]:
    """Corners of a scapula by name (mm), and half its thickness there."""
    rows = np.array(list(_SCAPULA.values()))
    points = rows[:, :3]
    if arms is Arms.UP:
        points = turned(points, _LIFT_ABOUT, _LIFT_AXIS, _LIFT_DEGREES) + np.array(_LIFT_MM)
    corners = (placed((x, y, z), side, SCAPULA_PLANE_MM) for x, y, z in points)
    return {name: (where, half) for name, where, half in zip(_SCAPULA, corners, rows[:, 3].tolist(), strict=True)}


def _scapula(arms: Arms, side: Side) -> Solid:
    """A blade of thin plates with thick borders, the ridge with acromion, coracoid process and socket."""
    corners = scapula_corners(arms, side)
    number = {name: n for n, name in enumerate(corners)}
    points, half = zip(*corners.values(), strict=True)
    return plates(points, half, [[number[name] for name in face] for face in _SCAPULA_FACES])
