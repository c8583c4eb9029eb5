"""The spine: seven cervical, twelve thoracic and five lumbar vertebrae, the sacrum by segment, and the coccyx.

Curve, heights, bodies and processes follow the slices of the reference adult male's spine (ICRP Publication 110, as
measured for psmap); that man is not quite straight, and his neck leans to the left. The parts of a vertebra are those
of Gray's Anatomy (Standring 2020, 42nd edition).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.bone_shapes import bone, boxed, corner, plates
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Structure
from psmap.phantom.anatomy.solids import Floats32, Solid, common, half_space, loft, tube, union, without

CORTEX_MM = 1.2
"""Cortex of a vertebra with its end plates. A choice, not a figure: enough to show on grids of 2 to 4 mm."""

BORDERS_MM = (
    *(-4.0, 28.0, 60.0, 92.0, 124.0, 156.0),
    *(184.0, 211.0, 238.0, 265.0, 291.0, 316.0, 340.0, 364.0, 387.0, 409.0, 431.0, 452.0),
    *(468.0, 483.0, 498.0, 513.0, 528.0),
)
"""z between vertebrae, the lower end of L5 to the upper end of C3; C2 and C1 stand above."""
LEVELS = (
    *(f"l{n}" for n in range(5, 0, -1)),
    *(f"t{n}" for n in range(12, 0, -1)),
    *(f"c{n}" for n in range(7, 2, -1)),
)

# z, x of the middle, y of the front and of the back of the vertebral bodies, half their width (mm)
_COLUMN = np.array(
    [
        (-4.0, -1.5, -29.0, 7.0, 27.5),
        (12.0, -1.8, -32.0, 6.0, 27.5),
        (44.0, -0.5, -31.0, 8.0, 27.0),
        (76.0, 0.2, -27.0, 11.0, 26.0),
        (108.0, 1.0, -23.0, 14.0, 25.0),
        (140.0, 1.0, -15.0, 20.0, 24.0),
        (170.0, 0.7, -8.0, 25.0, 22.5),
        (197.0, 0.6, -2.0, 29.0, 21.0),
        (224.0, 0.5, 3.0, 31.5, 19.5),
        (251.0, 1.0, 7.0, 33.5, 18.5),
        (278.0, 1.5, 10.0, 36.5, 17.8),
        (303.0, 1.5, 11.8, 40.0, 17.3),
        (328.0, 2.5, 9.0, 35.0, 16.5),
        (352.0, 4.0, 3.0, 28.5, 16.0),
        (375.0, 6.5, -3.0, 21.0, 15.8),
        (398.0, 10.0, -10.5, 12.5, 15.6),
        (420.0, 11.0, -18.0, 2.5, 15.6),
        (441.0, 12.5, -26.0, -7.5, 15.6),
        (460.0, 14.5, -36.0, -17.0, 15.5),
        (475.0, 15.0, -41.0, -22.5, 14.5),
        (490.0, 15.0, -44.0, -24.5, 14.5),
        (505.0, 13.5, -45.0, -24.5, 14.5),
        (520.0, 11.5, -44.5, -24.5, 14.0),
        (537.0, 9.5, -44.0, -25.0, 13.5),
        (572.0, 8.5, -44.0, -26.0, 11.0),
    ]
)


@dataclass(frozen=True, slots=True)
class _Arch:
    """The arch of one vertebra, in mm of its own frame: q backwards from the middle of the body, s upwards.

    Args:
        canal: half the width of the canal.
        pedicle, lamina: half thicknesses.
        transverse: reach sideways, backwards from the canal's middle, upwards, half thickness at the tip.
        spine: q of the tip behind the canal, s of the tip's upper and lower edge, half thickness.
        joint: half thickness of the articular processes; their reach up and down.
    """

    canal: float
    pedicle: float
    lamina: float
    transverse: tuple[float, float, float, float]
    spine: tuple[float, float, float, float]
    joint: tuple[float, float, float]


def _lumbar(reach: float, tip: float) -> _Arch:
    return _Arch(10.5, 6.6, 4.4, (reach, 5.0, 4.0, 5.0), (tip + 4.0, 2.0, -16.0, 4.9), (7.2, 15.0, -17.0))


def _thoracic(reach: float, tip: float, drop: float, thick: float) -> _Arch:
    process, tine, joint = (reach, 12.0, 6.0, 6.4 * thick), (tip, drop, drop - 8.0, 4.8 * thick), 5.9 * thick
    return _Arch(8.6, 5.2 * thick, 4.4 * thick, process, tine, (joint, 11.0, -11.0))


def _cervical(reach: float, tip: float, drop: float) -> _Arch:
    return _Arch(9.6, 4.6, 3.3, (reach - 1.0, -9.0, 0.0, 5.2), (tip + 1.0, drop, drop - 3.0, 3.8), (6.9, 5.0, -5.0))


ARCHES = {
    "l5": _lumbar(43.5, 21.0),
    "l4": _lumbar(38.0, 25.0),
    "l3": _lumbar(40.0, 28.0),
    "l2": _lumbar(35.0, 28.0),
    "l1": _lumbar(31.0, 27.0),
    "t12": _thoracic(21.0, 25.0, -8.0, 1.15),
    "t11": _thoracic(22.0, 25.0, -10.0, 1.1),
    "t10": _thoracic(26.0, 26.0, -13.0, 1.08),
    "t9": _thoracic(28.0, 26.0, -15.0, 1.05),
    "t8": _thoracic(29.0, 25.0, -17.0, 1.05),
    "t7": _thoracic(29.0, 25.0, -18.0, 1.05),
    "t6": _thoracic(29.5, 26.0, -18.0, 1.05),
    "t5": _thoracic(29.0, 26.0, -17.0, 1.05),
    "t4": _thoracic(28.5, 26.0, -15.0, 1.05),
    "t3": _thoracic(28.5, 27.0, -13.0, 1.05),
    "t2": _thoracic(29.5, 29.0, -11.0, 1.05),
    "t1": _thoracic(33.0, 30.0, -8.0, 1.05),
    "c7": _cervical(29.0, 33.0, -8.0),
    "c6": _cervical(25.0, 28.0, -6.0),
    "c5": _cervical(24.0, 17.0, -5.0),
    "c4": _cervical(24.0, 15.0, -4.0),
    "c3": _cervical(23.5, 15.0, -3.0),
    "c2": _cervical(23.0, 20.0, -5.0),
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a vertebra stands: the middle of its body, upwards along the spine, half depth, width and height."""

    middle: FloatArray
    up: FloatArray
    depth: float
    width: float
    height: float

    def at(self, p: float, q: float, s: float) -> Vector:
        """A point of the vertebra's own frame: p to the left, q backwards, s up the spine."""
        back = np.cross((-1.0, 0.0, 0.0), self.up)
        back = back / np.linalg.norm(back)
        return corner(self.middle + p * np.array((1.0, 0.0, 0.0)) + q * back + s * self.up)


def spine(man: Man) -> tuple[Structure, ...]:
    """Vertebrae from the lowest up, then sacrum and coccyx; a bone and its marrow each."""
    found: list[Structure] = []
    for level, (low, high) in zip(LEVELS, pairwise(BORDERS_MM), strict=True):
        gap = 3.6 if level[0] == "l" else 2.4
        place = _place(low + gap / 2.0, high - gap / 2.0)
        found += bone(man, f"vertebra_{level}", _vertebra(place, ARCHES[level]), CORTEX_MM)
    found += bone(man, "vertebra_c2", _axis(), CORTEX_MM)
    found += bone(man, "vertebra_c1", _atlas(), CORTEX_MM)
    for name, solid in _sacrum().items():
        found += bone(man, name, solid, CORTEX_MM)
    return tuple(found)


def spinal_canal() -> Solid:
    """The canal that all vertebrae leave free: a tube just behind the bodies, from the skull to the sacrum."""
    radius = np.interp(_COLUMN[:, 0], (-4.0, 120.0, 170.0, 400.0, 460.0, 572.0), (9.5, 9.0, 8.0, 7.6, 8.6, 9.6))
    line = np.stack([_COLUMN[:, 1], _COLUMN[:, 3] + radius + 0.5, _COLUMN[:, 0]], axis=1)
    sacral = np.array([(-4.0, 46.0, -40.0), (-3.0, 35.0, -24.0)])
    return tube(np.concatenate([sacral, line]), np.concatenate([[4.0, 7.0], radius]))


def _column(z: npt.ArrayLike) -> FloatArray:
    """x, y front, y back, half width of the bodies at heights z: (..., 4)."""
    heights = np.asarray(z, dtype=float)
    return np.stack([np.interp(heights, _COLUMN[:, 0], column) for column in _COLUMN[:, 1:].T], axis=-1)


def _place(low: float, high: float) -> _Place:
    ends, (x, front, back, width) = _column((low - 6.0, high + 6.0)), _column((low + high) / 2.0)
    lean = np.array((ends[1, 0] - ends[0, 0], ends[1, 1:3].mean() - ends[0, 1:3].mean(), high - low + 12.0))
    length = float(np.linalg.norm(lean))
    height = (high - low) / 2.0
    middle = np.array((x, (front + back) / 2.0, (low + high) / 2.0))
    return _Place(middle, lean / length, float(back - front) / 2.0, float(width), float(height))


def _vertebra(place: _Place, arch: _Arch) -> Solid:
    parts = union(_body(place), *_arch(place, arch))
    return _clear(parts)


def _clear(solid: Solid) -> Solid:
    return without(solid, spinal_canal())


def _body(place: _Place) -> Solid:
    """An upright drum with a slight waist, flat at the ends."""
    x, y, z = (np.float32(value) for value in place.middle)
    lean_x, lean_y = (np.float32(value / place.up[2]) for value in place.up[:2])
    tilt = np.float32(place.up[1])
    wide, deep, tall = np.float32(place.width), np.float32(place.depth), np.float32(place.height)

    def distance(px: Floats32, py: Floats32, pz: Floats32) -> Floats32:
        up = pz - z
        across, back = px - x - lean_x * up, py - y - lean_y * up
        along = np.abs(up + tilt * back)
        waist = np.float32(0.93) + np.float32(0.07) * np.minimum((along / tall) ** 2, 1.2)
        a, b = wide * waist, deep * waist
        size = (np.abs(across / a) ** 2.4 + np.abs(back / b) ** 2.4) ** np.float32(1.0 / 2.4)
        found: Floats32 = np.maximum((size - 1) * np.minimum(a, b), along - tall).astype(np.float32)
        return found

    rise = place.height + abs(float(tilt)) * place.depth
    reach = np.array((place.width + abs(lean_x) * rise, place.depth + abs(lean_y) * rise, rise)) + 1.0
    return Solid(distance, corner(place.middle - reach), corner(place.middle + reach))


def _arch(place: _Place, arch: _Arch) -> tuple[Solid, ...]:
    """Pedicles, laminae, transverse, spinous and articular processes, as plates and rods."""
    hole = place.depth + arch.canal
    side, behind = arch.canal + arch.pedicle * 0.7, hole + arch.canal
    reach, back, lift, tip = arch.transverse
    end, top, bottom, thin = arch.spine
    joint, over, under = arch.joint
    corners: list[Vector] = []
    radii: list[float] = []
    faces: list[tuple[int, ...]] = []
    for sign in (1.0, -1.0):
        start = len(corners)
        for p, q, s, r in (
            (0.75 * place.width, 0.6 * place.depth, 0.3 * place.height, arch.pedicle),
            (side, hole, 0.3 * place.height, arch.pedicle),
            (side, hole + 3.0, -0.5 * place.height, arch.lamina),
            (0.0, behind, 0.25 * place.height, arch.lamina),
            (0.0, behind, -0.7 * place.height, arch.lamina),
            (reach, hole + back, lift, tip),
            (side + 1.0, hole + 4.0, over, joint),
            (side + 0.5, hole + 5.0, 0.0, joint),
            (side - 1.0, hole + 7.0, under, joint),
        ):
            corners.append(place.at(sign * p, q, s))
            radii.append(r)
        faces += [
            tuple(start + n for n in face) for face in ((0, 1), (1, 2, 3), (2, 3, 4), (1, 5), (1, 6), (6, 7), (7, 8))
        ]
    start = len(corners)
    for q, s in ((behind, 0.2 * place.height), (behind, -0.7 * place.height), (hole + end, top), (hole + end, bottom)):
        corners.append(place.at(0.0, q, s))
        radii.append(thin)
    faces += [(start, start + 1, start + 2), (start + 1, start + 2, start + 3)]
    return (plates(corners, radii, faces),)


def _axis() -> Solid:
    """C2: body, arch with a stout forked spine, and the dens up to the ring of the atlas."""
    place = _place(529.5, 546.0)
    dens = tube([(9.5, -35.0, 540.0), (9.0, -35.0, 556.0), (8.8, -34.5, 565.0)], [6.8, 6.2, 5.0])
    return _clear(union(_body(place), *_arch(place, ARCHES["c2"]), dens))


def _atlas() -> Solid:
    """C1: a ring of two stout side masses and two arches, without a body."""
    x, z = 8.7, 559.0
    ring = [(0.0, -46.0), (14.0, -39.0), (20.0, -25.0), (17.0, -8.0), (9.0, 2.0), (0.0, 4.5)]
    corners = [(x + sign * p, y, z) for sign in (1.0, -1.0) for p, y in ring]
    corners += [(x + sign * p, y, z + up) for sign in (1.0, -1.0) for p, y, up in ((33.0, -22.0, -1.0), (19, -27, 6.0))]
    corners += [(x + sign * 18.0, -27.0, z - 6.0) for sign in (1.0, -1.0)]
    half = [4.2, 5.2, 7.5, 4.8, 4.2, 4.6]
    faces = [(a, a + 1) for a in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10)] + [(2, 12), (8, 14), (13, 16), (15, 17)]
    return _clear(plates(corners, [*half, *half, 4.8, 8.0, 4.8, 8.0, 7.6, 7.6], faces))


# z, y of the middle, half width, half depth of the sacrum and coccyx cut across (mm)
_SACRUM = np.array(
    [
        (2.0, 12.0, 50.0, 14.0),
        (-8.0, 5.5, 58.0, 21.4),
        (-16.0, 7.5, 57.0, 23.2),
        (-24.0, 11.0, 55.5, 24.2),
        (-32.0, 18.0, 54.5, 24.6),
        (-40.0, 27.0, 53.5, 21.9),
        (-48.0, 35.0, 51.5, 19.1),
        (-56.0, 44.0, 47.0, 11.6),
        (-64.0, 51.0, 44.5, 9.6),
        (-72.0, 56.5, 40.5, 7.6),
        (-80.0, 59.2, 36.0, 6.8),
        (-88.0, 60.8, 32.0, 6.6),
        (-96.0, 61.6, 26.0, 6.2),
        (-104.0, 63.5, 17.0, 5.8),
        (-112.0, 63.0, 11.5, 5.0),
        (-120.0, 63.2, 8.5, 4.6),
        (-128.0, 59.5, 6.4, 4.2),
        (-133.0, 57.0, 4.0, 3.2),
    ]
)[::-1]
# where the segments meet on the middle line: y, z and the way up along the sacrum there
_SEAMS = (
    ("coccyx", None, (63.5, -109.0)),
    ("sacrum_s5", (63.5, -109.0), (61.0, -92.0)),
    ("sacrum_s4", (61.0, -92.0), (56.0, -73.0)),
    ("sacrum_s3", (56.0, -73.0), (40.0, -51.0)),
    ("sacrum_s2", (40.0, -51.0), (19.0, -31.0)),
    ("sacrum_s1", (19.0, -31.0), None),
)
_UP = {-109.0: (0.05, 1.0), -92.0: (-0.2, 1.0), -73.0: (-0.45, 0.9), -51.0: (-0.66, 0.75), -31.0: (-0.6, 0.8)}


def _sacrum() -> dict[str, Solid]:
    """Sacrum and coccyx as one wedge, cut by segment, with canal and foramina left free."""
    whole = without(_sacral_whole(), *_foramina())
    found: dict[str, Solid] = {}
    for name, low, high in _SEAMS:
        cuts: list[Solid] = []
        bottom, top = -140.0, 10.0
        for seam, sign in ((low, -1.0), (high, 1.0)):
            if seam is not None:
                y, z = seam
                up = _UP[z]
                cuts.append(half_space((0.0, y, z), (0.0, sign * up[0], sign * up[1])))
                slack = 4.0 + 24.0 * abs(up[0] / up[1])
                bottom, top = (max(bottom, z - slack), top) if sign < 0 else (bottom, min(top, z + slack))
        piece = common(whole, *cuts)
        found[name] = boxed(piece, (-70.0, -40.0, bottom), (60.0, 80.0, top))
    return found


def _sacral_whole() -> Solid:
    middle = np.interp(_SACRUM[:, 0], (-110.0, -90.0, -60.0, 0.0), (-10.5, -9.5, -5.5, -4.5))
    rows = np.column_stack([_SACRUM[:, 0], middle, _SACRUM[:, 1:]])
    wedge = loft(rows, power=2.2)
    crest = tube([(-4.5, 44.0, -14.0), (-5.0, 56.0, -34.0), (-5.5, 64.0, -58.0)], [5.0, 5.5, 4.0])
    return _clear(union(wedge, crest))


def _foramina() -> tuple[Solid, ...]:
    """Four pairs of holes from front to back; y, z of the middle, x from the midline, half width."""
    places = ((22.0, -30.0, 23.0, 5.5), (39.0, -49.0, 21.0, 5.0), (54.0, -69.0, 18.0, 4.2), (60.0, -88.0, 15.0, 3.4))
    found = []
    for y, z, off, radius in places:
        for sign in (1.0, -1.0):
            x = -5.5 + sign * off
            found.append(tube([(x, y - 30.0, z - 22.0), (x, y + 30.0, z + 22.0)], radius))
    return tuple(found)
