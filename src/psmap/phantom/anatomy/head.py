"""Head and neck: brain, spinal cord, eyes, the glands that take up PSMA ligands, thyroid, tongue and the air within.

Volumes, places and axes are those of the reference adult male (ICRP Publication 110, as measured for psmap), whose
head lies a little turned: its middle is at x = 9 to 12 mm by eyes, tongue and neck, 2 mm by the crown. What he has
not, and its source: lacrimal glands 0.7 mL, 20 mm long (Bingham 2013, Ophthalmic Plast Reconstr Surg 29:157; Standring
2020, Gray's Anatomy); tubarial glands 39 mm long along the side wall of the nasopharynx (Valstar 2021, Radiother
Oncol 154:292); nasal airway about 20 mL (Standring 2020).
"""

from __future__ import annotations

import numpy as np

from psmap.domain.geometry import Vector
from psmap.phantom.anatomy.body import under_face
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import (
    Solid,
    blended,
    common,
    ellipsoid,
    half_space,
    loft,
    mirrored,
    spline,
    tube,
    union,
    without,
)

SIDES = ("left", "right")

# Cerebrum without its temporal lobes: an ellipsoid swollen towards a box, its floor rising forwards over the orbits.
CEREBRUM_CENTRE, CEREBRUM_HALF = (2.0, -34.5, 648.0), (63.0, 81.5, 54.5)
SWOLLEN = 2.05
# Of the left hemisphere, x from the cerebrum's middle: centre and half axes of its white matter, of the deep grey
# matter in it, and of the lateral ventricle above that.
WHITE = ((29.0, -36.0, 646.0), (22.5, 60.0, 35.0))
DEEP_GREY = ((16.0, -34.0, 634.0), (11.0, 25.0, 13.0))
VENTRICLE = ((9.5, -32.0, 651.0), (5.5, 31.0, 7.5))
BRAIN_MM = (3.1, -27.2, 643.6)
CRANIAL_FLOOR = ((0.0, -55.0, 619.0), (0.0, -0.30, -1.0))

# Centre of the cord by height (figures), from the foramen magnum to the cone at L1.
CORD = (
    (7.5, -18, 572),
    (8.5, -19, 548),
    (10.5, -19, 524),
    (13.5, -18, 500),
    (14.5, -16, 474),
    (11.5, -4, 452),
    (10.5, 3, 432),
    (10.5, 14, 408),
    (8, 25.5, 384),
    (4, 34.5, 357),
    (2, 42, 330),
    (2, 48, 304),
    (2, 44, 270),
    (0, 40.5, 236),
    (-0.2, 38, 204),
    (-0.2, 34, 170),
    (-0.2, 30, 146),
    (-0.2, 24, 120),
)
CORD_HALF_MM = ((120.0, 5.2), (470.0, 5.2), (515.0, 6.0), (572.0, 6.2))
CORD_FLATTENED = 0.80
"""Half width by height, and depth over width (figures: 73 mm2 in the trunk, about 100 mm2 in the neck)."""

EYE = {"left": (40.6, -114.1, 616.7), "right": (-22.6, -116.1, 616.4)}
EYE_RADIUS_MM = 11.95

# Centre, half axes, and the directions of the first two axes (figures; half axes drawn in to the volume).
Placed = tuple[Vector, Vector, Vector, Vector]
# The left parotid, x from the middle of the face: a wedge on masseter and jaw, broad under the ear and narrow at the
# angle of the jaw (z, centre, half widths), and its deep part (centre and half axes) between jaw and mastoid.
PAROTID_PLANE_MM = 9.5
PAROTID_WEDGE = (
    (526.0, 54.0, -44.0, 3.0, 6.0), (538.0, 57.0, -43.5, 6.5, 11.0), (552.0, 61.0, -43.0, 8.5, 16.5),
    (566.0, 63.5, -43.0, 9.0, 20.0), (582.0, 64.5, -43.0, 9.0, 21.5), (594.0, 64.5, -42.0, 7.5, 18.0),
    (602.0, 64.0, -40.0, 4.0, 9.0),
)  # fmt: skip
PAROTID_DEEP = ((55.0, -28.5, 573.0), (8.0, 6.5, 19.0))
PAROTID_UNDER_MM = 5.0
"""Skin and fat over the gland."""
SUBMANDIBULAR: dict[str, Placed] = {
    "left": ((43.6, -63.0, 513.4), (23.2, 14.2, 7.6), (0.06, -0.57, 0.82), (0.29, 0.79, 0.54)),
    "right": ((-19.6, -61.6, 512.6), (22.8, 13.4, 7.7), (0.06, -0.56, 0.83), (-0.28, 0.78, 0.55)),
}
SUBLINGUAL: dict[str, Placed] = {
    "left": ((21.2, -102.5, 520.0), (14.6, 5.6, 3.5), (0.0, 0.15, 0.99), (0.0, -0.99, 0.15)),
    "right": ((5.5, -102.5, 520.0), (14.6, 5.6, 3.5), (0.1, -0.15, -0.98), (-0.1, -0.98, 0.14)),
}
LACRIMAL: dict[str, Placed] = {
    "left": ((53.0, -109.0, 625.0), (10.5, 5.5, 2.9), (0.55, 0.66, -0.52), (0.55, -0.74, -0.38)),
    "right": ((-32.5, -113.0, 624.5), (10.5, 5.5, 2.9), (-0.55, 0.66, -0.52), (-0.55, -0.74, -0.38)),
}
# The branch of the left jaw with its masseter, the mastoid and the jugular vein: what the parotid lies round.
_RAMUS = (
    (((56.5, -50.0, 590.0), (57.0, -54.0, 560.0), (56.0, -60.0, 536.0), (53.0, -68.0, 518.0)), 11.0),
    (((57.0, -13.0, 575.0), (57.0, -13.0, 600.0)), 11.0),
    (((49.5, -31.0, 520.0), (49.5, -31.0, 554.0)), 8.0),
)
TUBARIAL = {
    "left": ((20.5, -53.0, 588.0), (21.0, -50.5, 577.0), (20.0, -50.0, 565.0), (19.0, -50.0, 552.0)),
    "right": ((-3.0, -54.0, 588.0), (-3.5, -51.5, 577.0), (-1.8, -51.0, 565.0), (0.5, -51.0, 552.0)),
}

THYROID_CENTRE = (12.0, -43.0, 442.0)
TRACHEA = ((8.2, -38.5, 426.0), (9.4, -45.0, 440.0), (10.4, -51.5, 456.0), (13.0, -62.0, 470.0))
"""Figures; the thyroid lies round it."""

TONGUE_CENTRE = (11.2, -90.0, 546.5)


def head(man: Man) -> tuple[Structure, ...]:
    """Head and neck without bones, muscle and vessels."""
    found = [
        Structure("nasal_air", man.own("nasal_air", _nasal_air(), (9.0, -88.0, 588.0)), Layer.GLAND),
        Structure("brain", man.own("brain", _brain(), BRAIN_MM), Layer.ORGAN),
        Structure("brain_white", man.own("brain", _both(*WHITE, less=_both(*DEEP_GREY)), BRAIN_MM), Layer.ORGAN),
        Structure("brain_ventricles", man.own("brain", _both(*VENTRICLE), BRAIN_MM), Layer.CONTENT),
        Structure("spinal_cord", _spinal_cord(), Layer.ORGAN),
        Structure(
            "tongue", man.own("tongue", ellipsoid(TONGUE_CENTRE, (21.0, 37.0, 21.2)), TONGUE_CENTRE), Layer.ORGAN
        ),
        Structure("thyroid", man.own("thyroid", _thyroid(), THYROID_CENTRE), Layer.GLAND),
    ]
    for side in SIDES:
        eye = ellipsoid(EYE[side], (EYE_RADIUS_MM,) * 3)
        found.append(Structure(f"eye_{side}", man.own(f"eye_{side}", eye, EYE[side]), Layer.GLAND))
    for name, places in _GLANDS:
        for side in SIDES:
            own = man.own(f"{name}_{side}", _ellipsoid(places[side]), places[side][0])
            found.append(Structure(f"{name}_{side}", own, Layer.GLAND))
    for side in SIDES:
        middle = (PAROTID_PLANE_MM + (54.0 if side == "left" else -54.0), -42.0, 562.0)
        found.append(Structure(f"parotid_{side}", man.own(f"parotid_{side}", _parotid(side), middle), Layer.GLAND))
        strip = tube(spline(TUBARIAL[side], 10), np.interp(np.arange(10), (0, 3, 6, 9), (2.2, 3.4, 3.4, 2.0)))
        found.append(Structure(f"tubarial_{side}", man.own(f"tubarial_{side}", strip, TUBARIAL[side][1]), Layer.GLAND))
    return tuple(found)


_GLANDS = (
    ("lacrimal", LACRIMAL),
    ("submandibular", SUBMANDIBULAR),
    ("sublingual", SUBLINGUAL),
)


def _brain() -> Solid:
    hemispheres = common(_swollen(CEREBRUM_CENTRE, CEREBRUM_HALF, SWOLLEN), half_space(*CRANIAL_FLOOR))
    temporal = [ellipsoid((2.5 + x, -46.5, 617.0), (20.5, 37.0, 18.5)) for x in (-34.5, 34.5)]
    cerebellum = ellipsoid((4.0, 9.0, 603.0), (50.0, 33.0, 27.0))
    stem = tube([(7.5, -18, 579), (6, -22, 594), (4, -28, 612), (3, -30, 630)], [7.0, 12.5, 14.5, 16.0])
    return union(blended(hemispheres, union(*temporal), 10.0), cerebellum, stem)


def _parotid(side: str) -> Solid:
    """Under the skin, round the back edge of the jaw's branch and in front of the mastoid; about 30 mL."""
    wedge = loft([(z, PAROTID_PLANE_MM + x, *rest) for z, x, *rest in PAROTID_WEDGE], power=2.2)
    (x, y, z), half = PAROTID_DEEP
    both = blended(wedge, ellipsoid((PAROTID_PLANE_MM + x, y, z), half), 6.0)
    gland = without(both, *(tube(line, radius) for line, radius in _RAMUS))
    return common(gland if side == "left" else mirrored(gland, PAROTID_PLANE_MM), under_face(PAROTID_UNDER_MM))


def _both(centre: Vector, half: Vector, less: Solid | None = None) -> Solid:
    """One ellipsoid in each hemisphere, x from the cerebrum's middle."""
    x, y, z = centre
    found = union(*(ellipsoid((CEREBRUM_CENTRE[0] + s * x, y, z), half) for s in (-1.0, 1.0)))
    return found if less is None else without(found, less)


def _swollen(centre: Vector, half: Vector, power: float) -> Solid:
    """Superellipses stacked to a closed body."""
    height = np.sin(np.linspace(-0.5, 0.5, 25) * np.pi)
    width = np.maximum(1.0 - np.abs(height) ** power, 1e-3) ** (1.0 / power)
    one = np.ones_like(height)
    columns = (centre[2] + half[2] * height, centre[0] * one, centre[1] * one, half[0] * width, half[1] * width)
    return loft(np.stack(columns, axis=1), power)


def _spinal_cord() -> Solid:
    line = spline(CORD, 60)
    heights, halves = np.array(CORD_HALF_MM).T
    return tube(line, np.interp(line[:, 2], heights, halves), CORD_FLATTENED)


def _thyroid() -> Solid:
    """Two lobes beside the trachea, fuller below, and the isthmus across its front."""
    lobes = [
        tube([(30, -42, 433), (31, -41, 442), (29, -40, 458)], [11.3, 10.4, 5.0]),
        tube([(-6, -42, 433), (-7, -41, 442), (-5, -40, 458)], [11.3, 10.4, 5.0]),
    ]
    isthmus = tube([(24, -52, 434), (11, -55, 435), (-1, -52, 434)], 3.2)
    return without(union(*lobes, isthmus), tube(TRACHEA, 9.8))


def _nasal_air() -> Solid:
    """Nasal cavity on both sides of the septum, sinuses of jaw and sphenoid, pharynx and larynx to the trachea."""
    left, right = (
        loft(
            [(578.0, x, -95.0, 2.8, 33.0), (592.0, x, -97.0, 2.4, 29.0), (611.0, x * 0.6 + 3.6, -96.0, 1.6, 20.0)],
            power=3.0,
        )
        for x in (13.0, 4.8)
    )
    pharynx = [(9, -59, 582), (8.9, -55, 573), (9.5, -53, 562), (10.5, -48, 548), (11, -51.5, 530), (11.5, -58, 508)]
    larynx = [(12, -62, 488), (12, -61, 470)]
    throat = tube([*pharynx, *larynx], [7.0, 8.0, 6.5, 3.5, 5.0, 5.5, 4.5, 6.0])
    sinuses = [ellipsoid((9.0 + x, -90.0, 587.0), (9.5, 16.0, 10.0)) for x in (-25.5, 25.5)]
    sphenoid = ellipsoid((8.0, -60.0, 602.0), (9.0, 9.0, 7.0))
    return union(left, right, throat, *sinuses, sphenoid)


def _ellipsoid(placed: Placed) -> Solid:
    centre, half_axes, first, second = placed
    one = np.array(first) / np.linalg.norm(first)
    two = np.array(second) - one * (one @ np.array(second))
    two /= np.linalg.norm(two)
    directions = [(float(a), float(b), float(c)) for a, b, c in (one, two, np.cross(one, two))]
    return ellipsoid(centre, half_axes, directions)
