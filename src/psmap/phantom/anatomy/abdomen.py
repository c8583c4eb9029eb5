"""The organs under the diaphragm: liver, gallbladder, spleen, pancreas, adrenals, stomach and kidneys.

Volumes, places and main directions are the figures of the reference adult male, ICRP Publication 110, as measured for
psmap; the shapes, of which a figure says nothing, are those of Gray's Anatomy (Standring 2020): the liver a wedge
under the domes with a visceral face that rises to the left, the spleen a crescent on the ribs, the kidneys beans that
open towards the middle, the stomach a J.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.man import Man, Side
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import (
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
from psmap.phantom.anatomy.thorax import chest, under_diaphragm


@dataclass(frozen=True, slots=True)
class Kidney:
    """One kidney: its centre (mm) and three directions: upwards along it, outwards across it, into it at the hilum."""

    centre: Vector
    upwards: Vector
    outwards: Vector
    inwards: Vector
    outlet: Vector
    """Where the ureter begins."""


KIDNEYS: Mapping[Side, Kidney] = {
    Side.LEFT: Kidney((75.8, 10.9, 148.0), (-0.30, 0.25, 0.92), (0.95, -0.02, 0.31), (0.86, 0.46, 0.22), (64, 2, 142)),
    Side.RIGHT: Kidney(
        (-68.6, 7.3, 139.5), (0.41, 0.26, 0.88), (-0.91, 0.20, 0.37), (-0.84, 0.48, 0.25), (-48, -9, 127)
    ),
}
_HALF_LENGTH_MM = 28.5
_BENT_MM = 9.0
"""How far the poles lean towards the middle."""
_KIDNEY_MM = (20.5, 30.5)
"""Half widths at the poles and in the middle."""
_KIDNEY_FLAT = 0.78

# fmt: off
_STOMACH = (  # x, y, z, radius (mm): fundus, body, antrum, pylorus
    (73.0, -18.0, 216.0, 27.0), (77.0, -38.0, 214.0, 30.5), (77.0, -62.0, 205.0, 30.0), (74.0, -82.0, 190.0, 28.0),
    (57.0, -93.0, 171.0, 24.0), (36.0, -93.0, 162.0, 19.0), (15.0, -86.0, 164.0, 15.5), (-3.0, -79.0, 168.0, 10.5),
)
_CARDIA = ((19.0, -22.0, 236.0), (34.0, -28.0, 230.0), (52.0, -36.0, 224.0))
_GALLBLADDER = (
    (-16.0, -32.0, 187.0, 5.5), (-32.0, -45.0, 180.0, 12.0), (-50.0, -56.0, 171.0, 17.5), (-70.0, -70.0, 163.0, 18.5),
    (-79.0, -78.0, 160.0, 14.5),
)
_PANCREAS = (
    (-33.0, -48.0, 152.0, 20.1), (-22.0, -49.0, 153.0, 22.7), (-6.0, -51.0, 157.0, 21.1), (12.0, -50.0, 160.0, 20.6),
    (29.0, -44.0, 162.0, 20.1), (45.0, -38.0, 163.0, 17.0), (55.0, -34.0, 164.0, 11.3),
)
# fmt: on
_PANCREAS_FLAT = 0.95
_ADRENAL_LIMBS: Mapping[Side, Sequence[tuple[Vector, Vector]]] = {
    Side.LEFT: (((40, 0, 193), (54, 9, 193)), ((54, 9, 193), (86, 21, 193)), ((54, 9, 193), (60, 33, 193))),
    Side.RIGHT: (((-34, -7, 184), (-46, 7, 184)), ((-46, 7, 184), (-69, 19, 184)), ((-46, 7, 184), (-45, 27, 184))),
}


def abdomen(man: Man) -> tuple[Structure, ...]:
    """Everything between diaphragm and pelvis but bowel and ureters, in the order of painting."""
    bile = gallbladder()
    found = [
        Structure("liver", man.own("liver", liver(bile), (-58.4, -42.8, 205.1)), Layer.ORGAN),
        Structure("gallbladder", man.own("gallbladder", bile, (-55.1, -56.9, 170.1)), Layer.ORGAN),
        Structure("spleen", man.own("spleen", spleen(), (95.1, 17.6, 216.0)), Layer.ORGAN),
        Structure("stomach", man.own("stomach", stomach(), (62.4, -61.3, 201.9)), Layer.ORGAN),
        Structure("pancreas", man.own("pancreas", pancreas(), (0.0, -46.9, 158.5)), Layer.ORGAN),
    ]
    for side in (Side.LEFT, Side.RIGHT):
        parenchyma, pelvis = kidney(side)
        name, about = f"kidney_{side}", KIDNEYS[side].centre
        found.append(Structure(f"kidney_cortex_{side}", man.own(name, parenchyma, about), Layer.ORGAN))
        found.append(Structure(f"kidney_pelvis_{side}", man.own(name, pelvis, about), Layer.CONTENT))
        found.append(Structure(f"adrenal_{side}", man.own(f"adrenal_{side}", adrenal(side), about), Layer.ORGAN))
    return tuple(found)


def liver(bile: Solid) -> Solid:
    """1714 mL: the right lobe fills the dome, the left one reaches over the stomach; below, the flat visceral face."""
    right = ellipsoid((-69.0, -36.0, 187.0), (72.0, 92.0, 96.0))
    left = ellipsoid((-6.0, -81.0, 222.0), (56.5, 45.0, 41.0), ((0.98, -0.20, 0.0), (0.20, 0.98, 0.0), (0.0, 0.0, 1.0)))
    visceral = half_space((-60.0, -40.0, 127.0), (0.37, 0.04, -0.93))
    whole = common(blended(right, left, 30.0), under_diaphragm(), grown(chest(), -1.0), visceral)
    return without(
        whole, grown(bile, 1.0), grown(_bean(KIDNEYS[Side.RIGHT]), 3.0), grown(adrenal(Side.RIGHT), 2.5), _spine()
    )


def gallbladder() -> Solid:
    """66 mL, a pear in its fossa under the liver, the neck towards the hilum."""
    return _along(_GALLBLADDER, 10)


def spleen() -> Solid:
    """144 mL: a crescent between the ribs on its outside and the stomach and kidney on its inside."""
    outer = ellipsoid(
        (92.0, 16.0, 214.0), (61.0, 35.5, 28.0), ((-0.70, 0.52, 0.49), (0.10, -0.61, 0.78), (0.71, 0.60, 0.37))
    )
    return without(
        common(outer, grown(chest(), -1.0), under_diaphragm()), ellipsoid((66.0, -8.0, 196.0), (34.0, 34.0, 34.0))
    )


def stomach() -> Solid:
    """385 mL, wall and content: fundus under the left dome, body to the front, antrum across to the pylorus."""
    return blended(_along(_STOMACH, 20), tube(_CARDIA, 9.0), 8.0)


def pancreas() -> Solid:
    """133 mL: head in the arch of the duodenum, body over the spine, tail towards the spleen."""
    line = spline(_PANCREAS, 14)
    return tube(line[:, :3], line[:, 3], _PANCREAS_FLAT)


def adrenal(side: Side) -> Solid:
    """6.8 mL: body and two limbs, thin plates that stand upright."""
    limbs = []
    for start, end in _ADRENAL_LIMBS[side]:
        along = np.subtract(end, start).astype(float)
        length = float(np.linalg.norm(along))
        u, v, _ = (float(a) for a in along / length)
        middle = tuple(float(m) for m in (np.array(start) + np.array(end)) / 2.0)
        frame = ((u, v, 0.0), (-v, u, 0.0), (0.0, 0.0, 1.0))
        limbs.append(ellipsoid((middle[0], middle[1], middle[2]), (0.5 * length + 4.0, 3.6, 10.0), frame))
    return union(*limbs)


def kidney(side: Side) -> tuple[Solid, Solid]:
    """Parenchyma and pelvis of one kidney, 146 and 150 mL together."""
    here = KIDNEYS[side]
    upwards, inwards = _unit(here.upwards), _unit(here.inwards)
    hollow = np.array(here.centre) - 20.0 * inwards
    across = np.cross(upwards, inwards)
    across /= np.linalg.norm(across)
    frame = tuple(_vector(axis) for axis in (np.cross(inwards, across), inwards, across))
    sinus = ellipsoid(_vector(hollow), (21.0, 21.0, 9.0), frame)
    funnel = [tube([here.outlet, _vector(hollow), _vector(hollow + 11.0 * inwards)], [6.0, 7.5, 5.0])]
    for up in (-1.0, 1.0):
        root, end = hollow, hollow + 13.0 * inwards + 17.0 * up * upwards
        funnel.append(tube([_vector(root), _vector(end)], [5.0, 4.5]))
    return without(_bean(here), sinus), union(*funnel)


def _bean(here: Kidney) -> Solid:
    """The outline of a kidney: a thick flat tube along an arc that opens towards the middle."""
    along = np.linspace(-1.0, 1.0, 9)[:, None]
    lean = _BENT_MM * (0.4 - along**2)
    line = np.array(here.centre) + _HALF_LENGTH_MM * along * _unit(here.upwards) + lean * _unit(here.outwards)
    poles, middle = _KIDNEY_MM
    return tube(line, middle + (poles - middle) * along[:, 0] ** 2, _KIDNEY_FLAT)


def _spine() -> Solid:
    """The column and the vessels on it, which the liver leaves room for."""
    return tube([(2, 14, 110), (2, 12, 160), (3, 20, 210), (3, 26, 270)], 28.0)


def _along(course: Sequence[Sequence[float]], count: int) -> Solid:
    line = spline(course, count)
    return tube(line[:, :3], line[:, 3])


def _unit(direction: Vector) -> FloatArray:
    found: FloatArray = np.array(direction) / np.linalg.norm(direction)
    return found


def _vector(numbers: FloatArray) -> Vector:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
