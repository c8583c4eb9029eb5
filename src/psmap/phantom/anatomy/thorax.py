"""The chest: lungs, airways, heart and oesophagus.

Lungs fill what ribs, diaphragm and mediastinum leave: the inside of the rib cage, above the domes, less the heart, the
spine and what runs between them. Volumes, places and courses are the figures of the reference adult male, ICRP
Publication 110, as measured for psmap; the chambers of the heart, of which there is only their common volume there,
share it about as the end-diastolic volumes of men do (Kawel-Boehm 2020, J Cardiovasc Magn Reson 22:87), and the
main bronchi are those of Gray's Anatomy (Standring 2020).
"""

from __future__ import annotations

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import (
    Floats32,
    Solid,
    blended,
    common,
    ellipsoid,
    grown,
    half_space,
    spline,
    tube,
    union,
    without,
)
from psmap.phantom.anatomy.stack import stack, stacked

# fmt: off
CHEST = (  # inside of ribs and flanks: z, centre x, y, half width x, y (mm), power of the superellipse
    (96, 4.0, -36.0, 126.0, 83.0, 2.5), (160, 4.0, -34.0, 128.5, 86.0, 2.5), (200, 4.5, -32.0, 128.5, 86.0, 2.5),
    (240, 6.0, -29.5, 124.5, 85.0, 2.5), (264, 6.0, -28.0, 124.0, 83.0, 2.5),
    (296, 6.0, -23.0, 121.0, 77.0, 2.5), (324, 6.0, -18.0, 116.5, 72.0, 2.5), (352, 7.0, -14.0, 108.5, 65.5, 2.5),
    (376, 8.0, -10.0, 97.5, 57.5, 2.5), (396, 9.0, -8.0, 83.0, 48.5, 2.4), (412, 9.0, -7.0, 67.0, 38.5, 2.2),
    (422, 9.0, -6.0, 50.0, 26.0, 2.0), (427, 9.0, -5.0, 34.0, 11.0, 2.0),
)
_OESOPHAGUS = (  # x, y, z, half width across (mm)
    (21.0, -23.0, 231.0, 11.0), (11.2, -16.2, 240.0, 9.2), (7.6, -12.0, 250.0, 8.4), (4.5, -5.5, 264.0, 7.4),
    (6.5, -1.5, 276.0, 7.2), (12.0, 4.0, 290.0, 8.2), (13.8, 7.3, 304.0, 8.2), (13.6, 7.2, 328.0, 8.2),
    (15.6, 5.0, 344.0, 8.2), (18.3, 0.8, 360.0, 8.2), (18.0, -5.6, 376.0, 7.6), (21.6, -14.4, 392.0, 7.8),
    (22.0, -22.4, 408.0, 7.8), (22.7, -25.0, 424.0, 8.2), (18.9, -29.0, 440.0, 7.8), (17.1, -35.4, 456.0, 7.8),
    (16.9, -43.0, 470.0, 7.8), (16.0, -46.8, 484.0, 8.6), (16.0, -47.0, 491.0, 8.6),
)
_TRACHEA = (  # x, y, z
    (5.0, -15.5, 373.0), (6.5, -18.5, 386.0), (8.6, -23.2, 400.0), (8.2, -32.0, 416.0), (9.2, -41.5, 432.0),
    (9.8, -49.1, 448.0), (11.0, -54.5, 459.0), (12.0, -57.5, 467.0),
)
# fmt: on
TRACHEA_MM, TRACHEA_WALL_MM = (7.6, 9.4), 2.1
"""Half widths across and from front to back, and the thickness of the wall, of which the figures tell: 105 of 250 mm2
in every slice."""
_TRACHEA_ENDS_MM = (371.0, 468.0)
_FLAT_OESOPHAGUS = 0.64
_BRONCHI = (  # x, y, z, radius, from the bifurcation to the hilum; the left is the longer and the more level one
    ((4.0, -14.5, 380.0, 6.3), (-9.0, -9.0, 362.0, 7.3), (-20.0, -7.0, 347.0, 7.0), (-30.0, -4.0, 330.0, 5.5)),
    ((6.0, -14.5, 380.0, 6.0), (22.0, -9.0, 363.0, 6.4), (38.0, -3.0, 350.0, 6.2), (52.0, 3.0, 335.0, 5.2)),
    ((-19.0, -7.0, 349.0, 4.6), (-34.0, -8.0, 357.0, 4.2), (-46.0, -6.0, 366.0, 3.4)),
    ((40.0, -2.0, 349.0, 4.4), (52.0, -8.0, 354.0, 4.0), (61.0, -10.0, 361.0, 3.2)),
)
RIGHT_DOME = ((-60.0, -34.0, 198.0), (69.0, 95.0, 71.0))
LEFT_DOME = ((70.0, -24.0, 190.0), (68.0, 90.0, 62.0))
TENDON = ((6.0, -38.0, 190.0), (62.0, 98.0, 53.0))
"""Centre and half axes (mm) of the ellipsoids under the two halves of the diaphragm and its middle."""
DIAPHRAGM_MM = 2.0

_HEART_MM, _HEART_HALF = (33.0, -45.0, 292.0), (76.0, 55.5, 46.0)
_LEFT_WALL_MM = 8.5
"""Septum and free wall of the left ventricle."""
_BASE_MM = -17.0
"""Where its wall ends at the valves, along the heart's axis from its middle."""
_SLEEVE_FROM_MM = 312.0
_APEXWARD = np.array([0.71, -0.41, -0.57])
_TO_THE_LEFT = np.array([0.55, 0.80, 0.11])
"""The heart's own axes: from base to apex, and from the right ventricle through the septum to the left one."""


def thorax(man: Man) -> tuple[Structure, ...]:
    """Lungs, oesophagus, airways, the heart's walls and the blood in its chambers, in the order of painting."""
    shape = heart_shape()
    gullet = tube([row[:3] for row in _OESOPHAGUS[2:9]], 9.0)
    hull, whole = without(shape, gullet), without(heart_body(), gullet)
    blood = heart_blood(hull)
    heart = _HEART_MM
    return (
        Structure("lung_left", man.own("lung_left", lung_left(shape), (81.5, -9.5, 319.9)), Layer.ORGAN),
        Structure("lung_right", man.own("lung_right", lung_right(shape), (-56.7, -20.1, 318.5)), Layer.ORGAN),
        Structure("oesophagus", man.own("oesophagus", _oesophagus(), (15.8, -14.0, 347.8)), Layer.ORGAN),
        Structure("pericardium", man.own("heart", pericardium(hull), heart), Layer.ORGAN),
        Structure("heart_wall_right", man.own("heart", whole, heart), Layer.ORGAN),
        Structure("heart_wall", man.own("heart", left_ventricle_wall(whole), heart), Layer.ORGAN),
        Structure("trachea_wall", man.own("trachea", trachea(), _TRACHEA[0]), Layer.ORGAN),
        Structure("bronchi", man.own("trachea", bronchi(), _TRACHEA[0]), Layer.ORGAN),
        Structure("trachea", man.own("trachea", grown(trachea(), -TRACHEA_WALL_MM), _TRACHEA[0]), Layer.ORGAN),
        Structure("heart_blood", man.own("heart", blood, heart), Layer.CONTENT),
    )


def under_diaphragm() -> Solid:
    """What lies under the two domes of the diaphragm."""
    domes = (grown(ellipsoid(*dome), -DIAPHRAGM_MM) for dome in (RIGHT_DOME, LEFT_DOME, TENDON))
    return union(*domes, half_space(LEFT_DOME[0], (0.0, 0.0, 1.0)))


def chest() -> Solid:
    """The inside of the rib cage, and of the flanks under it."""
    return stacked([stack(CHEST)])


def lung_left(heart: Solid) -> Solid:
    """1316 mL, between rib cage, left dome, heart and aorta; the heart makes its notch."""
    half = common(chest(), _room((25.0, -120.0, 219.0), (136.0, 60.0, 430.0)))
    return without(half, ellipsoid(*LEFT_DOME), ellipsoid(*TENDON), grown(heart, 2.0), _spine(), _aorta(), _hilum())


def lung_right(heart: Solid) -> Solid:
    """1575 mL; in front of the heart it reaches past the midline."""
    half = common(chest(), _room((-124.0, -120.0, 225.0), (9.0, 60.0, 430.0)))
    return without(half, ellipsoid(*RIGHT_DOME), ellipsoid(*TENDON), grown(heart, 2.0), _spine(), _middle())


def heart_shape() -> Solid:
    """Wall and chambers, 795 mL: on the diaphragm, its apex to the left and front, the roots of the vessels on top."""
    return common(blended(ellipsoid(_HEART_MM, _HEART_HALF, _axes()), _roots(), 16.0), _floor())


def heart_body() -> Solid:
    """Ventricles and atria, without the roots of the vessels."""
    return common(ellipsoid(_HEART_MM, _HEART_HALF, _axes()), _floor())


def pericardium(hull: Solid) -> Solid:
    """The sleeve of the great vessels' roots, up to where the pericardium turns back on them."""
    low, high = (-12.0, -85.0, _SLEEVE_FROM_MM), (52.0, -14.0, hull.high[2])
    return common(hull, _room(low, high))


def left_ventricle_wall(whole: Solid) -> Solid:
    """What lies round the left ventricle's chamber, open towards the atrium; its blood is painted over it."""
    apexward = _axes()[0]
    base = np.array(_HEART_MM) + _BASE_MM * np.array(apexward)
    wall = grown(_left_ventricle(), _LEFT_WALL_MM)
    return common(wall, whole, half_space(_vector(base), (-apexward[0], -apexward[1], -apexward[2])))


def _roots() -> Solid:
    return tube([(20.0, -50.0, 318.0), (18.0, -51.0, 345.0), (19.0, -50.0, 358.0)], [23.0, 20.0, 14.5])


def _floor() -> Solid:
    return half_space((40.0, -50.0, 246.0), (-0.12, 0.0, -1.0))


def _left_ventricle() -> Solid:
    return _chamber(25.0, 21.0, 0.0, (45.0, 28.0, 31.0))


def _chamber(along: float, across: float, over: float, half_axes: Vector) -> Solid:
    """An ellipsoid along the heart's axes, its centre told from the heart's middle (mm)."""
    apexward, left, up = (np.array(axis) for axis in _axes())
    return ellipsoid(_vector(np.array(_HEART_MM) + along * apexward + across * left + over * up), half_axes, _axes())


def heart_blood(hull: Solid) -> Solid:
    """The four chambers, 481 mL."""
    left_ventricle = _left_ventricle()
    left_atrium = _chamber(-42.0, 20.0, 6.0, (27.0, 28.0, 36.0))
    right_ventricle = without(_chamber(16.0, -25.0, 0.0, (54.0, 32.0, 42.0)), grown(left_ventricle, _LEFT_WALL_MM))
    right_atrium = without(_chamber(-49.0, -23.0, -3.0, (34.0, 34.0, 44.0)), grown(left_atrium, 3.0))
    return common(union(left_ventricle, right_ventricle, left_atrium, right_atrium), grown(hull, -3.5))


def trachea() -> Solid:
    """Wall and lumen, 24 mL, from the bifurcation to the larynx; 9.7 mL of it are wall."""
    across, deep = TRACHEA_MM
    low, high = _TRACHEA_ENDS_MM
    ends = (half_space((0.0, 0.0, low), (0.0, 0.0, -1.0)), half_space((0.0, 0.0, high), (0.0, 0.0, 1.0)))
    whole = common(tube(spline(_TRACHEA, 12), across, deep / across), *ends)
    return Solid(whole.distance, (*whole.low[:2], low), (*whole.high[:2], high))


def bronchi() -> Solid:
    """Main bronchi, and the first of the bronchi of the upper lobes, wall and lumen."""
    return union(*(_tube(course) for course in _BRONCHI))


def _oesophagus() -> Solid:
    line = spline(_OESOPHAGUS, 34)
    return tube(line[:, :3], line[:, 3], _FLAT_OESOPHAGUS)


def _spine() -> Solid:
    """Vertebrae and what covers them, up to where the lungs end."""
    points = [(2, 30, 205), (2, 36, 256), (3, 42, 296), (4, 34, 344), (9, 20, 384), (11, 8, 416), (12, 2, 436)]
    return tube(points, [22.0, 22.0, 22.0, 21.0, 20.0, 19.0, 19.0])


def _aorta() -> Solid:
    """The groove that the arch and the descending aorta leave in the left lung."""
    points = [(16, -7, 215), (21, 6, 268), (25, 17, 308), (29, 13, 344), (34, 2, 372), (28, -25, 382), (16, -40, 376)]
    return tube(points, 12.5)


def _middle() -> Solid:
    """Great veins, trachea and oesophagus, which keep the right lung from the midline above and behind the heart."""
    return union(
        tube([(8, -5, 215), (4, -4, 300), (4, -8, 350), (6, -14, 385), (10, -25, 436)], [16, 16, 20, 20, 20]),
        tube([(-6, -32, 318), (-5, -36, 350), (-8, -38, 390), (-10, -30, 436)], [17.0, 17.0, 17.0, 16.0]),
    )


def _room(low: Vector, high: Vector) -> Solid:
    """A box (mm): a lung's own part of the chest."""

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        found: Floats32 = np.maximum(np.float32(low[0]) - x, x - np.float32(high[0]))
        for a, least, most in ((y, low[1], high[1]), (z, low[2], high[2])):
            found = np.maximum(found, np.maximum(np.float32(least) - a, a - np.float32(most)))
        return found

    return Solid(distance, low, high)


def _hilum() -> Solid:
    """What enters the left lung."""
    return ellipsoid((26.0, -18.0, 345.0), (16.0, 18.0, 22.0))


def _tube(course: tuple[tuple[float, float, float, float], ...]) -> Solid:
    line = spline(course, 2 * len(course))
    return tube(line[:, :3], line[:, 3])


def _axes() -> tuple[Vector, Vector, Vector]:
    """The heart's axes: to the apex, to the left ventricle, upwards; orthonormal."""
    first = _APEXWARD / np.linalg.norm(_APEXWARD)
    second: FloatArray = _TO_THE_LEFT - (_TO_THE_LEFT @ first) * first
    second = second / np.linalg.norm(second)
    third = np.cross(first, second)
    return _vector(first), _vector(second), _vector(third)


def _vector(numbers: FloatArray) -> Vector:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
