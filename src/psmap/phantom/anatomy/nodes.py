"""Nodal stations as volumes along their vessels, and the ganglia that are mistaken for nodes.

The stations are those of PROMISE (Eiber 2018, J Nucl Med 59:469; Seifert 2023, Eur Urol 83:405), drawn as the
consensus contours draw them: 7 mm round artery and vein in the pelvis (Taylor 2005, Int J Radiat Oncol Biol Phys
63:1604; Lawton 2009, ibid. 74:383; Hall 2021, ibid. 109:174), the presacral strip in front of S1-S3, the obturator
fossa between external and internal iliac vessels along the pelvic wall; outside the pelvis 8-12 mm round the vessels
of the region (Standring 2020, Gray's Anatomy). Vessels are cut out and no point lies in two stations: where two
meet, the one earlier in `STATIONS` has it. They are not painted; lesions are placed in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import (
    Floats32,
    Solid,
    common,
    ellipsoid,
    grown,
    half_space,
    spline,
    tube,
    union,
    without,
)
from psmap.phantom.anatomy.vessels import AORTIC_BIFURCATION_MM, COURSES, ILIAC_BIFURCATION_MM, vessel, vessels

PELVIC_MARGIN_MM = 7.0
RETROPERITONEAL_MARGIN_MM = 10.0
NECK_MARGIN_MM = 8.0
INGUINAL_MARGIN_MM = 10.0

INGUINAL_LIGAMENT_MM = -114.0
"""z where the external iliac vessels leave the pelvis, at the top of the femoral heads (figures: -112)."""
COELIAC_LEVEL_MM = 172.0
NECK_BASE_MM = 450.0
SKULL_BASE_MM = 545.0
MIDLINE_MM = -1.0
"""x of the middle of L5 (figures)."""

# Front of the sacrum in the midline from the promontory to S3 (figures: sections of the sacrum), 6 mm off the bone.
PRESACRAL = ((-2, -28, -10), (-4, -17, -22), (-5, -3, -37), (-6, 20, -56), (-7, 38, -72))
PRESACRAL_HALF_WIDTH_MM = 18.0
PRESACRAL_RADIUS_MM = 5.0

# Axis of the rectum (figures to z -104, from there up to S3 along the sacrum) and his radius.
RECTUM = (
    (-4, 12, -128, 15.0),
    (-6, 22, -120, 15.5),
    (-9, 28, -112, 17.0),
    (-15, 32, -103, 17.5),
    (-16, 32, -92, 16.0),
    (-11, 27, -80, 14.0),
    (-7, 20, -70, 13.0),
)
MESORECTUM_MM = 12.0
SACRUM_MM = 50.0
"""y of the front of S4 to the coccyx (figures)."""

# Bodies of the lumbar vertebrae and T12 (figures: sections of the spine): nodes lie in front and beside.
BODIES = ((-1, -8, 10), (-1, -8, 44), (0, -5, 90), (1, 3, 128), (1, 9, 160), (1, 15, 190))
BODY_RADIUS_MM, BODY_FLATTENED = 25.0, 0.74

# Obturator fossa: beside the obturator internus, under the external vein, down to the obturator canal.
OBTURATOR = {
    "left": ((38, -12, -44), (46, -15, -64), (51, -20, -84), (51, -32, -102), (47, -44, -116)),
    "right": ((-43, -12, -44), (-50, -15, -64), (-55, -20, -84), (-55, -32, -102), (-51, -44, -116)),
}
OBTURATOR_RADIUS_MM = 9.0
"""The strip along the wall is 15-18 mm wide."""

TRACHEA = ((5, -16, 372), (7, -20, 390), (8.5, -27, 408), (9, -37, 424))
SUPRACLAVICULAR = {
    "left": ((58, -36, 437), (70, -28, 442), (84, -20, 446)),
    "right": ((-34, -36, 437), (-46, -28, 442), (-60, -20, 446)),
}
AXILLARY = {
    "left": ((105, -32, 393), (123, -27, 374), (136, -17, 352), (140, -9, 334)),
    "right": ((-93, -31, 390), (-111, -26, 370), (-124, -17, 350), (-128, -9, 333)),
}
HILA = {"left": (47.0, -7.0, 340.0), "right": (-27.0, -17.0, 335.0)}
SIDES = ("left", "right")

_EVERYWHERE = 1e9
Span = tuple[float, float]
_ALL: Span = (-_EVERYWHERE, _EVERYWHERE)


def stations(man: Man, spared: Iterable[Solid] = ()) -> tuple[Structure, ...]:
    """The nodal stations as volumes.

    Args:
        man: his vessels' width counts.
        spared: solids that no node lies in - bone, muscle, bowel, bladder -, cut out of every station.
    """
    hollow = (*(structure.solid for structure in vessels(man)), *spared)
    found: list[Structure] = []
    before: list[Solid] = []
    for name, raw in raw_stations(man).items():
        rest = [other for other in (*before, *hollow) if _touch(raw, other)]
        found.append(Structure(name, without(raw, *rest), Layer.NODE))
        before.append(raw)
    return tuple(found)


def raw_stations(man: Man) -> dict[str, Solid]:
    """The stations with nothing cut out: where two meet, the earlier one has it."""
    return {name: make(man) for name, make in STATIONS.items()}


def points_in(solid: Solid, rng: np.random.Generator, count: int) -> FloatArray:
    """Points (count, 3), mm, spread evenly over a solid.

    Raises:
        ValueError: if nothing of the solid's box is inside it.
    """
    found = np.empty((0, 3))
    low, high = np.array(solid.low), np.array(solid.high)
    for _ in range(1000):
        if len(found) >= count:
            return found[:count]
        tried = rng.uniform(low, high, (max(256, 8 * count), 3))
        inside = solid.distance(*tried.astype(np.float32).T) < 0
        found = np.concatenate([found, tried[inside]])
    raise ValueError("the solid is empty: no point of its box lies inside")


def ganglia(man: Man) -> tuple[Structure, ...]:
    """Stellate, coeliac and sacral ganglia of the sympathetic trunk, as PSMA ligands show them.

    Band and teardrop shapes (Rischpler 2018, J Nucl Med 59:1406). Stellate ganglia before the neck of the first rib
    at C7-T1, 10-25 mm long; coeliac ganglia beside the coeliac trunk at T12-L1, in front of the crura, 20 mm long and
    2-4 mm thick (Standring 2020, Gray's Anatomy); sacral ganglia medial to the anterior foramina of S2, 5-10 mm.
    """
    return tuple(
        Structure(name, man.own(name, solid, _middle(solid)), Layer.GLAND) for name, solid in _ganglia().items()
    )


def _ganglia() -> dict[str, Solid]:
    found: dict[str, Solid] = {}
    for side, x in zip(SIDES, (35.0, -10.0), strict=True):
        found[f"ganglion_cervical_{side}"] = tube([(x, -19, 455), (x, -20, 447), (x, -19, 441)], [1.4, 2.6, 3.6])
    for side, centre, sign in (("left", (29.5, -19.5, 165.0), 1.0), ("right", (-4.0, -18.5, 166.0), -1.0)):
        found[f"ganglion_coeliac_{side}"] = _band(centre, (10.5, 5.0, 1.8), sign)
    for side, x in zip(SIDES, (10.0, -21.0), strict=True):
        line = [(x, -2.0, -38.0), (x, 2.5, -43.0), (x, 5.0, -46.0)]
        found[f"ganglion_sacral_{side}"] = tube(line, [2.6, 1.8, 1.2])
    return found


def _band(centre: Vector, half_axes: Vector, sign: float) -> Solid:
    """A band that lies against the side of the aorta: long axis downwards and forwards, its face turned outwards."""
    along = np.array((sign * 0.10, -0.30, 0.0))
    along[2] = -np.sqrt(1.0 - along @ along)
    out = np.cross(along, (0.0, 1.0, 0.0))
    out *= sign / np.linalg.norm(out)
    face = np.cross(out, along)
    directions = [_vector(axis) for axis in (along, face, out)]
    return ellipsoid(centre, half_axes, directions)


def _round(*names: str, by_mm: float) -> Callable[[Man], Solid]:
    return lambda man: grown(union(*(vessel(man, name) for name in names)), by_mm)


def _external(side: str) -> Callable[[Man], Solid]:
    names = (f"external_iliac_artery_{side}", f"external_iliac_vein_{side}")
    around = _round(*names, by_mm=PELVIC_MARGIN_MM)
    return lambda man: within(around(man), z=(INGUINAL_LIGAMENT_MM, ILIAC_BIFURCATION_MM[side][2]))


def _internal(side: str) -> Callable[[Man], Solid]:
    names = (f"internal_iliac_artery_{side}", f"internal_iliac_vein_{side}")
    around = _round(*names, by_mm=PELVIC_MARGIN_MM)
    return lambda man: within(around(man), z=(-_EVERYWHERE, ILIAC_BIFURCATION_MM[side][2]))


def _common_iliac(side: str) -> Callable[[Man], Solid]:
    names = (f"common_iliac_artery_{side}", f"common_iliac_vein_{side}")
    around = _round(*names, by_mm=PELVIC_MARGIN_MM)
    across = (MIDLINE_MM, _EVERYWHERE) if side == "left" else (-_EVERYWHERE, MIDLINE_MM)
    heights = (ILIAC_BIFURCATION_MM[side][2], AORTIC_BIFURCATION_MM[2])
    return lambda man: within(without(around(man), _bodies()), x=across, z=heights)


def _obturator(side: str) -> Callable[[Man], Solid]:
    return lambda man: tube(spline(OBTURATOR[side], 16), OBTURATOR_RADIUS_MM)


def _presacral(man: Man) -> Solid:
    strip = tube(spline(PRESACRAL, 14), PRESACRAL_RADIUS_MM)
    return widened(strip, float(np.mean([point[0] for point in PRESACRAL])), PRESACRAL_HALF_WIDTH_MM)


def _mesorectal(man: Man) -> Solid:
    axis = spline(RECTUM, 14)
    lumen = tube(axis[:, :3], axis[:, 3])
    around = without(grown(lumen, MESORECTUM_MM), lumen)
    return within(around, y=(-_EVERYWHERE, SACRUM_MM), z=(RECTUM[0][2], RECTUM[-1][2] + MESORECTUM_MM))


def _inguinal(side: str) -> Callable[[Man], Solid]:
    names = (f"femoral_artery_{side}", f"femoral_vein_{side}")
    around = _round(*names, by_mm=INGUINAL_MARGIN_MM)
    return lambda man: within(around(man), z=(INGUINAL_LIGAMENT_MM - 60.0, INGUINAL_LIGAMENT_MM))


def _retroperitoneal(man: Man) -> Solid:
    around = _round("aorta_abdominal", "vena_cava_inferior", by_mm=RETROPERITONEAL_MARGIN_MM)(man)
    return within(without(around, _bodies()), z=(AORTIC_BIFURCATION_MM[2], COELIAC_LEVEL_MM))


def _paraaortic(man: Man) -> Solid:
    return common(_retroperitoneal(man), _beside("aorta_abdominal", left=True))


def _aortocaval(man: Man) -> Solid:
    between = (_beside("aorta_abdominal", left=False), _beside("vena_cava_inferior", left=True))
    return common(_retroperitoneal(man), *between)


def _paracaval(man: Man) -> Solid:
    return common(_retroperitoneal(man), _beside("vena_cava_inferior", left=False))


def _hilar(side: str) -> Callable[[Man], Solid]:
    return lambda man: ellipsoid(HILA[side], (13.0, 16.0, 22.0))


def _mediastinal(man: Man) -> Solid:
    """Beside and before the trachea, under the carina, and at the arch (stations 2-7 of the IASLC map, Rusch 2009)."""
    airway = tube(TRACHEA, 9.5)
    carina = ellipsoid((8.0, -11.0, 358.0), (19.0, 13.0, 13.0))
    return without(union(within(grown(airway, 14.0), z=(362.0, 424.0)), carina), airway)


def _supraclavicular(side: str) -> Callable[[Man], Solid]:
    return lambda man: tube(SUPRACLAVICULAR[side], [9.0, 10.0, 8.0])


def _cervical(side: str) -> Callable[[Man], Solid]:
    """Levels II-IV along the internal jugular vein."""
    names = (f"internal_jugular_vein_{side}", f"common_carotid_artery_{side}")
    around = _round(*names, by_mm=NECK_MARGIN_MM)
    return lambda man: within(around(man), z=(NECK_BASE_MM, SKULL_BASE_MM))


def _axillary(side: str) -> Callable[[Man], Solid]:
    return lambda man: tube(spline(AXILLARY[side], 10), [10.0, 11.0, 11.5, 12.0, 12.5, 13.0, 13.0, 12.5, 12.0, 11.0])


def _paired(name: str, make: Callable[[str], Callable[[Man], Solid]]) -> dict[str, Callable[[Man], Solid]]:
    return {f"{name}_{side}": make(side) for side in SIDES}


STATIONS: Mapping[str, Callable[[Man], Solid]] = {
    **_paired("common_iliac_node", _common_iliac),
    **_paired("external_iliac_node", _external),
    **_paired("internal_iliac_node", _internal),
    **_paired("obturator_node", _obturator),
    "presacral_node": _presacral,
    "mesorectal_node": _mesorectal,
    **_paired("inguinal_node", _inguinal),
    "paraaortic_node_left": _paraaortic,
    "aortocaval_node": _aortocaval,
    "paracaval_node": _paracaval,
    **_paired("hilar_node", _hilar),
    "mediastinal_node": _mediastinal,
    **_paired("cervical_node", _cervical),
    **_paired("supraclavicular_node", _supraclavicular),
    **_paired("axillary_node", _axillary),
}


def within(solid: Solid, x: Span = _ALL, y: Span = _ALL, z: Span = _ALL) -> Solid:
    """What lies between planes, with the box cut to them too."""
    spans = (x, y, z)

    def distance(px: Floats32, py: Floats32, pz: Floats32) -> Floats32:
        found = solid.distance(px, py, pz)
        for place, (low, high) in zip((px, py, pz), spans, strict=True):
            found = np.maximum(found, np.maximum(np.float32(low) - place, place - np.float32(high)))
        return found

    low = [max(corner, span[0]) for corner, span in zip(solid.low, spans, strict=True)]
    high = [min(corner, span[1]) for corner, span in zip(solid.high, spans, strict=True)]
    return Solid(distance, _vector(low), _vector(high))


def widened(solid: Solid, x_mm: float, half_mm: float) -> Solid:
    """A solid drawn out to both sides of the plane x = `x_mm`: a strip of a tube."""
    middle, half = np.float32(x_mm), np.float32(half_mm)

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        away = x - middle
        found: Floats32 = solid.distance(middle + away - np.clip(away, -half, half), y, z)
        return found

    low = (solid.low[0] - half_mm, *solid.low[1:])
    return Solid(distance, low, (solid.high[0] + half_mm, *solid.high[1:]))


def _bodies() -> Solid:
    return tube(BODIES, BODY_RADIUS_MM, BODY_FLATTENED)


def _beside(name: str, left: bool) -> Solid:
    """Everything to one side of a vessel: of the plane along its course, from front to back."""
    first, last = COURSES[name][0], COURSES[name][-1]
    if name == "vena_cava_inferior":
        last = (first[0] - 3.0, first[1], COELIAC_LEVEL_MM, 0.0)
    slope = (last[0] - first[0]) / (last[2] - first[2])
    out = 1.0 if not left else -1.0
    return half_space(_vector(first[:3]), (out, 0.0, -out * slope))


def _touch(one: Solid, other: Solid) -> bool:
    low, high = np.maximum(one.low, other.low), np.minimum(one.high, other.high)
    return bool(np.all(low < high))


def _middle(solid: Solid) -> Vector:
    return _vector((np.array(solid.low) + np.array(solid.high)) / 2.0)


def _vector(numbers: npt.ArrayLike) -> Vector:
    x, y, z = (float(number) for number in np.asarray(numbers, dtype=float))
    return x, y, z
