"""The male pelvis: bladder as full as he has it, prostate by zones or what prostatectomy leaves, rectum, testes.

Figures: the reference adult male, ICRP Publication 110, as measured for psmap (bladder 240.4 mL at (-0.6, -32.6,
-101.6), prostate 16.5 mL at (-2.9, -13.3, -151.3), rectum 28.8 mL at (-9.7, 24.9, -114.7), testes 16.8 mL each).
What they lack has its source beside it; the courses are those of Gray's Anatomy.

Bladder and prostate hold the millilitres that the man has, whatever his size: their solids are fitted in the reference
frame so that the volume comes out after his bend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from psmap.domain.geometry import Vector
from psmap.phantom.anatomy.bend import Bend
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure, shares
from psmap.phantom.anatomy.solids import (
    Solid,
    blended,
    common,
    ellipsoid,
    grown,
    half_space,
    loft,
    spline,
    tube,
    union,
    without,
)

BLADDER_WALL_ML = 48.0
"""Wall of the bladder: 50 g (ICRP Publication 89) at 1.04 g/mL."""
YOUNG_PROSTATE_ML = 16.5
"""The reference man's prostate, without hyperplasia."""
YOUNG_SHARES = {"peripheral": 0.70, "central": 0.25, "transition": 0.05}
"""Zones of a prostate without hyperplasia, McNeal 1988 (Am J Surg Pathol 12:897)."""
SEMINAL_VESICLE_ML = 3.2
"""One of them; both hold 6.45 mL, Barrett et al. 2017 (Eur Radiol 27:5236)."""

_BLADDER_BASE: Vector = (-0.6, -28.0, -138.5)
_BLADDER_HALF: Vector = (38.3, 36.0, 35.2)
"""Urine: its lowest point and half axes (mm) at 200 mL; the wall comes on top."""
_BLADDER_CENTRE: Vector = (-0.6, -32.6, -101.6)
_PROSTATE_CENTRE: Vector = (-2.9, -13.3, -151.3)
_APEX: Vector = (-2.9, -9.5, -172.5)
_PROSTATE_HALF: Vector = (12.3, 14.8, 22.4)
_NECK: Vector = (-2.5, -17.0, -156.0)
"""The bladder neck after prostatectomy, sewn to the urethra."""
_URETHRA: tuple[Vector, ...] = (
    (-1.5, -25.0, -140.0), (-2.5, -16.0, -155.0), (-2.9, -12.5, -174.0), (-3.0, -20.0, -186.0), (-3.0, -35.0, -193.0),
    (-3.0, -58.0, -186.0), (-3.0, -77.0, -182.0), (-3.0, -88.0, -196.0), (-3.0, -89.0, -230.0), (-3.0, -88.0, -262.0),
)  # fmt: skip
_URETHRA_MM = 3.0
_SAMPLE_MM = 1.5
_SAMPLES = 30_000


def pelvis(man: Man) -> tuple[Structure, ...]:
    """Mesorectum, rectum, bladder, genital organs, urethra; prostate and seminal vesicles, or their bed."""
    urine, wall = bladder(man)
    removed = _removed(man)
    parts = [
        Structure("mesorectum", man.own("mesorectum", _mesorectum(), (-9.0, 34.0, -88.0)), Layer.CAVITY),
        Structure("rectum", man.own("rectum", _rectum(), (-9.7, 24.9, -114.7)), Layer.ORGAN),
        Structure("penile_bulb", man.own("penile_bulb", _penile_bulb(), (-3.0, -30.0, -194.0)), Layer.ORGAN),
        Structure("testis_left", man.own("testis_left", _testis_left(), (9.6, -63.7, -252.1)), Layer.ORGAN),
        Structure("testis_right", man.own("testis_right", _testis_right(), (-4.8, -59.1, -253.2)), Layer.ORGAN),
    ]
    parts += _bed(man, wall) if removed else [*_seminal_vesicles(man), *_prostate(man, wall)]
    urethra = Structure("urethra", _urethra(removed), Layer.ORGAN)
    return (*parts, urethra, Structure("bladder_wall", wall, Layer.ORGAN), Structure("bladder", urine, Layer.CONTENT))


def _removed(man: Man) -> bool:
    return man.prostatectomy or man.prostate_ml <= 0.0


def bladder(man: Man) -> tuple[Solid, Solid]:
    """Urine, and the bladder with its wall."""
    after = _removed(man)
    lift = 0.0 if after else _prostate_rise(_in_reference(man, man.prostate_ml, _PROSTATE_CENTRE))
    here = _swelling(man.bend, _BLADDER_CENTRE)
    return _bladder(max(man.bladder_ml, 5.0) / here, BLADDER_WALL_ML / here, round(lift, 2), after)


@lru_cache(maxsize=64)
def _bladder(urine_ml: float, wall_ml: float, lift_mm: float, after: bool) -> tuple[Solid, Solid]:
    def solid(size: float) -> Solid:
        # a fuller bladder rises from its base; an empty one is flat
        x, y, z = _BLADDER_BASE
        a, b, c = (half * size for half in _BLADDER_HALF)
        base = z + lift_mm
        full = ellipsoid((x, y - 0.12 * (b - _BLADDER_HALF[1]) - 4.6, base + c), (a, b, c))
        if not after:
            return full
        # after prostatectomy the neck is drawn down to the urethra as a funnel
        funnel = tube([(x, y, base + 0.5 * c), (x, y + 3.0, base + 1.0), _NECK], [0.5 * a, 9.0, 2.5])
        return blended(full, funnel, 6.0)

    urine = fitted(solid, urine_ml, 0.2, 2.2)
    return urine, fitted(lambda thick: grown(urine, thick), urine_ml + wall_ml, 0.5, 14.0)


def _prostate_rise(prostate_ml: float) -> float:
    """How far a large prostate lifts the bladder (mm)."""
    return 1.55 * (_half_axes(prostate_ml)[2] - _half_axes(YOUNG_PROSTATE_ML)[2])


def _half_axes(prostate_ml: float) -> Vector:
    """Half axes of the prostate before the bladder is taken off: it grows more in width than in depth and height."""
    size = (prostate_ml / YOUNG_PROSTATE_ML) ** (1.0 / 3.0)
    a, b, c = _PROSTATE_HALF
    return a * size**1.5, b * size**0.75, c * size**0.75


def zones_ml(prostate_ml: float) -> dict[str, float]:
    """Volumes of peripheral, central and transition zone.

    Without hyperplasia as McNeal found; what a prostate has more is transition zone, but for one part in eight: the
    peripheral zone does not grow with age (Turkbey et al. 2012, BJU Int 110:1642), and in hyperplasia the transition
    zone makes about half of 40 mL (Kaplan et al. 1995, J Urol 154:1764).
    """
    young = min(prostate_ml, YOUNG_PROSTATE_ML)
    more = prostate_ml - young
    zones = {zone: share * young for zone, share in YOUNG_SHARES.items()}
    zones["transition"] += 0.875 * more
    zones["peripheral"] += 0.125 * more
    return zones


def _prostate(man: Man, bladder_wall: Solid) -> list[Structure]:
    ml = _in_reference(man, man.prostate_ml, _PROSTATE_CENTRE)
    whole, central, transition = _zones(round(ml, 3), bladder_wall)
    return [
        Structure("prostate_peripheral", whole, Layer.ORGAN),
        Structure("prostate_central", central, Layer.ORGAN),
        Structure("prostate_transition", transition, Layer.ORGAN),
    ]


@lru_cache(maxsize=64)
def _zones(ml: float, bladder_wall: Solid) -> tuple[Solid, Solid, Solid]:
    """The whole prostate, the central and the transition zone in it; the bladder and the urethra are left out."""
    zones, half = zones_ml(ml), _half_axes(ml)
    tube_in_it = tube(_URETHRA[:3], _URETHRA_MM)

    def outer(size: float) -> Solid:
        a, b, c = (size * h for h in half)
        x, y, z = _APEX
        lean = np.array([(1.0, 0.0, 0.0), (0.0, 0.97, 0.243), (0.0, -0.243, 0.97)])
        middle = (x, y - 0.18 * c, z + 0.97 * c)
        return without(ellipsoid(middle, (a, b, c), [(p, q, r) for p, q, r in lean.tolist()]), bladder_wall, tube_in_it)

    whole = fitted(outer, ml, 0.7, 1.5)
    x, y, z = _APEX
    top = z + 1.9 * half[2]
    urethra_y = y - 0.2 * half[2]

    def inner(size: float) -> Solid:
        # two lobes beside the urethra, in front of its upper half, never through the capsule in front
        lobes = [
            ellipsoid((x + s * 0.34 * half[0], urethra_y - 1.5, z + 1.12 * half[2]), _times(half, size))
            for s in (-1.0, 1.0)
        ]
        return common(union(*lobes), grown(whole, -1.0))

    def cone(size: float) -> Solid:
        # round the ejaculatory ducts, from the base behind down to the middle of the urethra
        line = [(x, urethra_y + 3.0, z + 0.95 * half[2]), (x, urethra_y + 0.55 * half[1], top)]
        return common(tube(line, [0.15 * size * half[0], size * half[0]]), grown(whole, -0.6))

    central = fitted(cone, zones["central"], 0.05, 2.5)
    lobes = fitted(lambda size: without(inner(size), central), zones["transition"], 0.05, 1.4)
    return whole, central, lobes


def _seminal_vesicles(man: Man) -> list[Structure]:
    """From behind the base of the prostate up and outwards, between bladder and rectum."""
    rise = _prostate_rise(_in_reference(man, man.prostate_ml, _PROSTATE_CENTRE))
    found = []
    for side, out in (("left", 1.0), ("right", -1.0)):
        line = [
            (-2.9 + out * 4.0, 0.0, -135.0 + rise),
            (-2.9 + out * 15.0, 5.0, -127.0 + rise),
            (-2.9 + out * 28.0, 8.0, -119.0 + rise),
            (-2.9 + out * 38.0, 9.0, -113.0 + rise),
        ]
        solid = _vesicle(tuple(line))
        found.append(
            Structure(f"seminal_vesicle_{side}", man.own(f"seminal_vesicle_{side}", solid, line[2]), Layer.ORGAN)
        )
    return found


@lru_cache(maxsize=64)
def _vesicle(line: tuple[Vector, ...]) -> Solid:
    return fitted(
        lambda thick: tube(spline(line, 13), thick * np.interp(np.arange(13), [0, 8, 12], [0.55, 1.0, 0.8]), 0.8),
        SEMINAL_VESICLE_ML, 2.0, 9.0,
    )  # fmt: skip


def _bed(man: Man, bladder_wall: Solid) -> list[Structure]:
    """After prostatectomy: the tissue where prostate and seminal vesicles were, and the seam of bladder and urethra."""
    bed = union(
        ellipsoid((-2.9, -13.0, -150.0), (19.0, 15.0, 21.0)),
        tube([(-30.0, 6.0, -120.0), (-10.0, 3.0, -131.0), (4.0, 3.0, -131.0), (24.0, 6.0, -120.0)], 6.0, 0.8),
    )
    seam = tube([(-2.5, -17.0, -158.5), (-2.6, -17.0, -163.5)], 6.0)
    return [
        Structure("prostate_bed", man.own("prostate_bed", bed, (-2.9, -8.0, -145.0)), Layer.ORGAN),
        Structure("vesicourethral_anastomosis", seam, Layer.GLAND),
    ]


def _urethra(removed: bool) -> Solid:
    """From the bladder neck through prostate, pelvic floor and bulb along the hanging penis."""
    course = [(-2.5, -17.0, -157.0), *_URETHRA[2:]] if removed else _URETHRA
    return tube(spline(course, 40), _URETHRA_MM)


def _penile_bulb() -> Solid:
    """Under the pelvic floor behind the symphysis, 15 mm below the prostate; 6 mL (half of it lies in the crura)."""
    return ellipsoid((-3.0, -30.0, -194.0), (10.0, 17.0, 8.5), _leaning((0.0, 0.93, 0.36)))


def _testis_left() -> Solid:
    return ellipsoid((9.6, -63.7, -252.1), (27.2, 21.9, 6.8), _frame((-0.21, 0.33, -0.92), (0.07, -0.93, -0.35)))


def _testis_right() -> Solid:
    return ellipsoid((-4.8, -59.1, -253.2), (28.6, 21.4, 6.6), _frame((0.06, 0.55, -0.83), (-0.02, -0.83, -0.55)))


def _rectum() -> Solid:
    """Along its centroids and as wide as its sections, -100 to -132 mm; the figures count what is above as sigmoid."""
    line = [(-17.3, 32.6, -104.0), (-8.4, 27.8, -112.0), (-6.2, 22.1, -120.0), (-4.2, 14.6, -128.0)]
    wide = tube([(-26.0, 34.0, -99.0), *line, (-3.6, 9.0, -134.0)], [15.0, 16.0, 15.6, 14.4, 13.6, 13.0])
    return common(
        wide, half_space((0.0, 0.0, -100.0), (0.0, 0.0, 1.0)), half_space((0.0, 0.0, -132.0), (0.0, 0.0, -1.0))
    )


def _mesorectum() -> Solid:
    """The fat round the rectum and the end of the sigmoid in front of the sacrum, from S2 to the pelvic floor."""
    sections = [
        (-134.0, -5.0, 18.0, 19.0, 17.0), (-120.0, -7.0, 24.0, 30.0, 24.0), (-104.0, -10.0, 32.0, 36.0, 25.0),
        (-88.0, -9.0, 35.0, 37.0, 24.0), (-68.0, -7.0, 33.0, 33.0, 22.0), (-48.0, -6.0, 22.0, 26.0, 16.0),
    ]  # fmt: skip
    return loft(sections)


def fitted(make: Callable[[float], Solid], ml: float, low: float, high: float) -> Solid:
    """The solid of a family, growing with its number between `low` and `high`, that holds `ml` (nearest end if none).

    Raises:
        ValueError: if the volume is not above 0.
    """
    if ml <= 0.0:
        raise ValueError(f"a solid holds more than {ml} mL")
    widest = make(high)
    axes = [
        np.arange(a - _SAMPLE_MM, b + 1.5 * _SAMPLE_MM, _SAMPLE_MM, dtype=np.float32)
        for a, b in zip(widest.low, widest.high, strict=True)
    ]
    count = float(np.prod([len(axis) for axis in axes]))
    step = max(1.0, (count / _SAMPLES) ** (1.0 / 3.0))
    axes = [np.arange(axis[0], axis[-1] + step * _SAMPLE_MM, step * _SAMPLE_MM, dtype=np.float32) for axis in axes]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    width = step * _SAMPLE_MM
    for _ in range(12):
        middle = 0.5 * (low + high)
        found = float(shares(make(middle), x, y, z, width).sum(dtype=np.float64)) * width**3 / 1000.0
        low, high = (middle, high) if found < ml else (low, middle)
    return make(0.5 * (low + high))


def _in_reference(man: Man, ml: float, place: Vector) -> float:
    return ml / _swelling(man.bend, place)


def _swelling(bend: Bend, place: Vector) -> float:
    """Volume in the man of 1 mL of the reference frame, measured over 3 cm round a place."""
    plain = replace(bend, waves=())
    if not bend.waves:
        return float(np.prod(plain.scale))
    step = 15.0
    ends = np.array(
        [[place[c] + (s * step if c == axis else 0.0) for c in range(3)] for axis in range(3) for s in (-1, 1)]
    )
    placed = bend.to_man(ends)
    return abs(float(np.linalg.det((placed[1::2] - placed[::2]) / (2.0 * step))))


def _times(half: Vector, size: float) -> Vector:
    a, b, c = half
    return size * a, size * b, size * c


def _frame(first: Vector, second: Vector) -> list[Vector]:
    """Orthonormal directions from two that are nearly so."""
    one = np.array(first) / np.linalg.norm(first)
    two = np.array(second) - np.dot(second, one) * one
    two /= np.linalg.norm(two)
    return [(float(a), float(b), float(c)) for a, b, c in (one, two, np.cross(one, two))]


def _leaning(along: Vector) -> list[Vector]:
    """Axes whose second points along a direction in the middle plane."""
    x, y, z = along
    return [(1.0, 0.0, 0.0), (x, y, z), (0.0, -z, y)]
