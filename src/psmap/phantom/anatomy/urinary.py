"""The ureters, from the pelvis of the kidney over psoas and iliac vessels to the back of the bladder.

Down to the pelvic brim and beyond they follow the figures of the reference adult male, ICRP Publication 110, as
measured for psmap. There they end above the bladder; the last part, along the side wall of the pelvis and into the back
of the bladder wherever it is, is that of Gray's Anatomy (Standring 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from psmap.domain.geometry import FloatArray
from psmap.phantom.anatomy.abdomen import KIDNEYS
from psmap.phantom.anatomy.bowel import long_tube
from psmap.phantom.anatomy.man import Man, Side
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.pelvis import bladder
from psmap.phantom.anatomy.solids import Solid, spline

URETER_MM = 3.1
"""Radius, wall and lumen: 8.3 and 7.3 mL."""
STEP_MM = 5.0

# fmt: off
_COURSES: Mapping[Side, Sequence[tuple[float, float, float]]] = {
    Side.LEFT: (
        (51.0, -5.0, 133.0), (45.0, -9.5, 121.0), (41.0, -12.5, 106.0), (37.0, -19.5, 93.0), (30.5, -29.0, 78.0),
        (28.5, -33.0, 64.0), (25.5, -36.5, 50.0), (23.5, -41.0, 34.0), (22.0, -44.5, 21.0), (14.5, -46.5, 10.0),
        (10.0, -40.5, -2.0), (9.0, -34.5, -14.0), (7.5, -31.5, -25.0), (13.0, -18.0, -39.0), (20.0, -9.5, -52.0),
        (24.5, -4.5, -68.0),
    ),
    Side.RIGHT: (
        (-45.0, -12.0, 121.0), (-41.0, -16.5, 110.0), (-37.0, -19.5, 101.0), (-32.0, -25.0, 88.0), (-29.5, -27.0, 77.0),
        (-33.0, -30.5, 64.0), (-36.0, -34.0, 50.0), (-39.0, -38.5, 38.0), (-37.0, -41.5, 26.0), (-32.0, -44.0, 14.0),
        (-32.0, -41.5, 3.0), (-35.5, -41.0, -12.0), (-25.0, -33.5, -25.0), (-22.0, -21.0, -38.0),
        (-21.0, -16.0, -54.0), (-22.0, -12.0, -68.0),
    ),
}
# fmt: on
_AT_THE_BLADDER = ((0.64, 0.86, 0.49), (0.62, 0.86, 0.0), (0.48, 0.72, -0.35), (0.25, 0.45, -0.62))
"""The last part, outwards, back and up from the middle of the bladder in units of its half axes: beside it, to its
back, through the wall and in."""
_TALL = 0.92
"""Height over width of a bladder without the funnel that prostatectomy leaves under it."""


def ureters(man: Man) -> tuple[Structure, ...]:
    """Both ureters; where a man's kidney lies or is larger than the reference man's, they begin there."""
    return tuple(Structure(f"ureter_{side}", _ureter(man, side), Layer.CONTENT) for side in (Side.LEFT, Side.RIGHT))


def course(man: Man, side: Side) -> FloatArray:
    """Centre line of a ureter from the kidney down, points (n, 3) about `STEP_MM` apart."""
    points = np.concatenate([_outlet(man, side)[None], _COURSES[side], _into_the_bladder(man, side)])
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    return spline(points, round(length / STEP_MM) + 1)


def _ureter(man: Man, side: Side) -> Solid:
    line = course(man, side)
    return long_tube(np.column_stack([line, np.full(len(line), URETER_MM)]))


def _into_the_bladder(man: Man, side: Side) -> FloatArray:
    """The last points of a ureter, wherever this man's bladder is, full or empty."""
    urine, _ = bladder(man)
    low, high = np.array(urine.low), np.array(urine.high)
    half = (high - low) / 2.0
    half[2] = _TALL * half[0]
    middle = (low + high) / 2.0
    middle[2] = high[2] - half[2]
    out = 1.0 if side is Side.LEFT else -1.0
    points: FloatArray = middle + np.array(_AT_THE_BLADDER) * half * (out, 1.0, 1.0)
    return points


def _outlet(man: Man, side: Side) -> FloatArray:
    """The outlet of this man's renal pelvis."""
    kidney = KIDNEYS[side]
    place, middle = np.array(kidney.outlet, dtype=float), np.array(kidney.centre)
    size = man.organs.get(f"kidney_{side}")
    if size is None:
        return place
    found: FloatArray = middle + (place - middle) * np.array(size.scale) + np.array(size.shift_mm)
    return found
