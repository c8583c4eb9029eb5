"""Bowel: duodenum, first loops of jejunum, the other loops of small bowel, and the colon by part.

Courses and calibres of ascending and descending colon, places and volumes of the other parts and the volume of the
whole small bowel (961 mL) are figures of the reference adult male, ICRP Publication 110, as measured for psmap. How the
small bowel winds there, no figure says: the loops here fill the room between colon, spine and abdominal wall from the
left upper to the right lower quadrant, as in Gray's Anatomy (Standring 2020), the mesentery's own direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import Floats32, Solid, spline, tube, union

Course = Sequence[tuple[float, float, float, float]]
"""x, y, z and radius (mm) from point to point, downstream."""

PIECE = 12
"""Points of a long tube looked at together."""
NEAR_MM = 12.0

# fmt: off
DUODENUM: Course = (
    (-3.0, -79.0, 168.0, 9.5), (-15.0, -83.0, 162.0, 11.5), (-36.0, -82.0, 148.0, 11.5), (-55.0, -68.0, 135.0, 11.5),
    (-61.0, -52.0, 120.0, 11.0), (-55.0, -45.0, 104.0, 10.5), (-40.0, -47.0, 94.0, 10.5), (-20.0, -56.0, 92.0, 10.5),
    (2.0, -59.0, 94.0, 10.5), (22.0, -54.0, 101.0, 10.5), (34.0, -47.0, 112.0, 10.5), (40.0, -52.0, 124.0, 10.5),
)
JEJUNUM_PROXIMAL: Course = (
    (40.0, -52.0, 124.0, 11.0), (56.0, -62.0, 138.0, 13.2), (76.0, -60.0, 148.0, 13.6), (88.0, -46.0, 166.0, 13.6),
    (86.0, -29.0, 178.0, 13.6), (82.0, -26.0, 150.0, 13.6), (82.0, -33.0, 126.0, 13.6), (62.0, -31.0, 123.0, 13.6),
    (46.0, -29.0, 112.0, 13.6), (54.0, -32.0, 94.0, 13.6), (76.0, -34.0, 100.0, 13.6), (90.0, -50.0, 112.0, 13.2),
    (74.0, -64.0, 118.0, 13.2), (58.0, -62.0, 102.0, 13.2), (74.0, -62.0, 90.0, 13.2), (88.0, -48.0, 84.0, 13.2),
    (76.0, -34.0, 74.0, 13.2), (56.0, -46.0, 74.0, 12.4), (36.0, -64.0, 82.0, 12.0), (8.0, -75.0, 84.0, 12.0),
    (-20.0, -70.0, 80.0, 12.0),
)
_ASCENDING: Course = (
    (-101.0, -44.0, -26.0, 5.6), (-104.0, -43.0, -16.0, 7.0), (-102.0, -39.0, -6.0, 8.8), (-93.0, -30.0, 4.0, 8.8),
    (-88.0, -23.0, 14.0, 7.9), (-87.0, -26.0, 24.0, 10.2), (-89.5, -31.0, 35.0, 20.5), (-89.0, -32.5, 46.0, 24.4),
    (-88.0, -36.0, 57.0, 23.0), (-90.0, -39.5, 70.0, 18.6), (-88.0, -42.0, 84.0, 16.3), (-91.0, -51.0, 98.0, 18.6),
    (-84.0, -44.0, 110.0, 15.4), (-75.0, -36.0, 118.0, 14.0),
)
_TRANSVERSE: Course = (
    (-76.0, -37.0, 122.0, 11.0), (-86.0, -52.0, 129.0, 15.0), (-82.0, -76.0, 132.0, 18.0), (-66.0, -95.0, 128.0, 20.0),
    (-42.0, -99.0, 122.0, 20.0), (-16.0, -98.0, 117.0, 18.5), (10.0, -99.0, 112.0, 16.0), (36.0, -99.0, 114.0, 15.5),
    (60.0, -97.0, 124.0, 15.5), (80.0, -93.0, 138.0, 15.0), (97.0, -82.0, 151.0, 14.0), (106.0, -70.0, 162.0, 12.5),
)
_DESCENDING: Course = (
    (106.0, -70.0, 162.0, 12.5), (115.0, -56.0, 178.0, 13.0), (116.0, -42.0, 194.0, 13.0), (111.0, -31.0, 197.0, 12.5),
    (105.5, -25.0, 182.0, 13.0), (117.5, -26.0, 166.0, 14.5), (118.0, -38.0, 150.0, 13.0), (116.0, -55.0, 136.0, 13.5),
    (114.0, -60.0, 120.0, 12.0), (112.0, -52.0, 102.0, 10.0), (103.5, -50.0, 82.0, 14.0), (108.0, -45.0, 68.0, 9.5),
    (110.0, -43.5, 50.0, 10.0), (112.0, -39.0, 34.0, 9.0), (109.0, -38.0, 18.0, 9.0), (105.8, -42.0, 2.0, 9.0),
)
_SIGMOID: Course = (
    (105.0, -44.0, -8.0, 9.5), (103.0, -52.0, -22.0, 10.5), (94.0, -66.0, -40.0, 12.0), (76.0, -69.0, -58.0, 12.5),
    (56.0, -58.0, -68.0, 12.0), (44.0, -38.0, -62.0, 12.0), (40.0, -16.0, -54.0, 12.0), (36.0, 6.0, -60.0, 12.0),
    (20.0, 22.0, -74.0, 12.0), (-2.0, 32.0, -80.0, 12.0), (-18.0, 35.0, -91.0, 11.5),
)
_TERMINAL: Course = (
    (14.0, -52.0, -22.0, 11.0), (22.0, -30.0, -38.0, 10.5), (10.0, -4.0, -63.0, 10.5), (-16.0, 8.0, -68.0, 10.5),
    (-40.0, -8.0, -50.0, 10.5), (-54.0, -34.0, -36.0, 10.5), (-76.0, -60.0, -28.0, 10.5), (-94.0, -66.0, -12.0, 10.5),
    (-80.0, -62.0, 6.0, 10.0), (-64.0, -44.0, 12.0, 9.5), (-68.0, -34.0, 30.0, 8.5), (-78.0, -32.0, 40.0, 8.0),
)
_ROWS = (  # z, from x, to x of a row that lies deep and of the next, that lies in front (mm)
    (67.0, -50.0, 84.0, -34.0), (46.0, -44.0, 88.0, -30.0), (25.0, -46.0, 86.0, -30.0), (4.0, -48.0, 70.0, 4.0),
)
# fmt: on
_LOOP_MM = 11.4
_DEEP_MM, _FRONT_MM = -29.0, -72.0
_OVER_THE_SPINE_MM = -57.0
_HAUSTRUM_MM = 26.0
_HAUSTRA = 0.10
_ABOUT: Vector = (22.2, -46.9, 66.6)
_COLON_ABOUT: Vector = (5.0, -50.0, 60.0)


def bowel(man: Man) -> tuple[Structure, ...]:
    """Small bowel first, the colon over it, as the frame lies round the loops."""
    small = (("small_bowel", small_bowel()), ("jejunum_proximal", jejunum_proximal()), ("duodenum", duodenum()))
    found = [Structure(name, man.own("small_bowel", solid, _ABOUT), Layer.ORGAN) for name, solid in small]
    for name, solid in colon().items():
        found.append(Structure(name, man.own("colon", solid, _COLON_ABOUT), Layer.ORGAN))
    return tuple(found)


def duodenum() -> Solid:
    """From the pylorus round the head of the pancreas, across the great vessels, up to the flexure."""
    return _smooth(DUODENUM, 7.0)


def jejunum_proximal() -> Solid:
    """The first loops after the duodenum, under the pancreas and before the left kidney."""
    return _smooth(JEJUNUM_PROXIMAL, 7.0)


def small_bowel() -> Solid:
    """The rest of jejunum and ileum: one long tube, from side to side and downwards, that ends in the caecum."""
    return long_tube(loops())


def loops() -> FloatArray:
    """Centre line and radius of the small bowel: rows x, y, z, radius (mm)."""
    x, y, z, radius = JEJUNUM_PROXIMAL[-1]
    # a little thinner than the loop it begins in, so that nothing of it stands out there
    rows = [(x, y, z, radius - 1.0)]
    for level, (z, start, turn, end) in enumerate(_ROWS):
        rows += _row(z, start, turn, deep=True, phase=1.7 * level)
        rows += _row(z - 8.0, turn - 6.0, end, deep=False, phase=1.7 * level + 2.0)
    rows += _TERMINAL
    length = float(np.linalg.norm(np.diff(np.array(rows)[:, :3], axis=0), axis=1).sum())
    return spline(rows, round(length / 8.0))


def colon() -> dict[str, Solid]:
    """The frame of the colon by part, with haustra; the caecum and the appendix belong to the ascending part."""
    return {
        "colon_ascending": _haustrated(_ASCENDING),
        "colon_transverse": _haustrated(_TRANSVERSE),
        "colon_descending": _haustrated(_DESCENDING),
        "colon_sigmoid": _smooth(_SIGMOID, 8.0),
    }


def long_tube(line: FloatArray) -> Solid:
    """A tube that winds through a large box, looked at piece by piece, each only where it is near.

    Farther than `NEAR_MM` from it all points are told that distance; for voxels up to twice as wide that is as good.

    Args:
        line: rows x, y, z, radius (mm).
    """
    count = max(1, round((len(line) - 1) / PIECE))
    ends = np.linspace(0, len(line) - 1, count + 1).round().astype(int)
    pieces = [tube(line[a : b + 1, :3], line[a : b + 1, 3]) for a, b in pairwise(ends)]

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        found = np.full(np.broadcast_shapes(x.shape, y.shape, z.shape), NEAR_MM, np.float32)
        for piece in pieces:
            near = np.ones(found.shape, bool)
            for a, low, high in zip((x, y, z), piece.low, piece.high, strict=True):
                near &= (a > low - NEAR_MM) & (a < high + NEAR_MM)
            there = (np.broadcast_to(a, found.shape)[near] for a in (x, y, z))
            found[near] = np.minimum(found[near], piece.distance(*there))
        return found

    whole = union(*pieces)
    return Solid(distance, whole.low, whole.high, float(line[:, 3].mean()))


def _row(z: float, start: float, end: float, deep: bool, phase: float) -> list[tuple[float, float, float, float]]:
    """One crossing of the abdomen, waving up and down; deep rows pass in front of spine and great vessels."""
    count = max(3, round(abs(end - start) / 18.0) + 1)
    found = []
    for x in np.linspace(start, end, count):
        wave = (5.0 if deep else 9.0) * np.sin(2.0 * np.pi * x / 58.0 + phase)
        y = _FRONT_MM + 5.0 * np.cos(2.0 * np.pi * x / 44.0 + phase)
        if deep:
            beside = 1.0 - np.exp(-(((x + 2.0) / 48.0) ** 4))
            y = _OVER_THE_SPINE_MM + beside * (_DEEP_MM - _OVER_THE_SPINE_MM)
        found.append((float(x), float(y), float(z + wave), _LOOP_MM))
    return found


def _smooth(course: Course, step_mm: float) -> Solid:
    return long_tube(_line(course, step_mm))


def _haustrated(course: Course) -> Solid:
    """A tube that swells and narrows from haustrum to haustrum."""
    line = _line(course, _HAUSTRUM_MM / 4.0)
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(line[:, :3], axis=0), axis=1))))
    line[:, 3] *= 1.0 + _HAUSTRA * np.cos(2.0 * np.pi * along / _HAUSTRUM_MM)
    return long_tube(line)


def _line(course: Course, step_mm: float) -> FloatArray:
    length = float(np.linalg.norm(np.diff(np.array(course)[:, :3], axis=0), axis=1).sum())
    return spline(course, round(length / step_mm))
