"""Skull, jaw, hip bones, and the bones of arms and legs.

Skull, mandible, hip bones and the upper halves of humeri and femora have the places, extents and volumes of the
reference adult male (ICRP Publication 110, as measured for psmap); their shape, and the bones below elbow and mid
thigh, follow Gray's Anatomy (Standring 2020, 42nd edition), along the lines of arm and leg that `limb_lines` gives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.bone_shapes import bone, corner, plates, strap
from psmap.phantom.anatomy.limb_lines import LEG_PLANE_MM, arm_line, leg_line, placed
from psmap.phantom.anatomy.man import Arms, Man, Side
from psmap.phantom.anatomy.paint import Structure
from psmap.phantom.anatomy.solids import Solid, common, ellipsoid, half_space, loft, tube, union, without

FLAT_CORTEX_MM = 2.4
"""Each table of the skull, and the cortex of jaw and hip bone. A choice, not a figure."""

HIP_PLANE_MM, FACE_X_MM, JAW_X_MM = -2.6, 9.0, 10.0
SOCKET_GAP_MM = 2.5
"""Cartilage between femoral head and socket."""


def limbs_and_skull(man: Man) -> tuple[Structure, ...]:
    """Skull and mandible, then each side's limbs from the trunk out; a bone and its marrow each."""
    found = [*bone(man, "skull", _skull(), FLAT_CORTEX_MM), *bone(man, "mandible", _mandible(), FLAT_CORTEX_MM)]
    for side in Side:
        found += bone(man, f"humerus_{side}", *_humerus(man, side))
        found += bone(man, f"forearm_{side}", *_forearm(man, side))
        found += bone(man, f"hip_bone_{side}", _hip_bone(man, side), FLAT_CORTEX_MM)
        found += bone(man, f"femur_{side}", *_femur(man, side))
        found += bone(man, f"lower_leg_{side}", *_lower_leg(man, side))
    return tuple(found)


# z, x and y of the middle, half width, half depth: outer surface of the braincase, and of the room within it (mm)
_VAULT = (
    (569.0, 5.0, 10.0, 26.0, 24.0),
    (577.0, 4.0, 11.0, 46.0, 40.0),
    (588.0, 3.0, 3.0, 60.0, 54.0),
    (600.0, 3.0, -12.0, 67.0, 72.0),
    (612.0, 3.0, -26.0, 69.5, 87.0),
    (624.0, 3.0, -31.0, 70.0, 92.0),
    (644.0, 3.0, -33.0, 70.0, 93.0),
    (660.0, 3.0, -33.0, 68.0, 90.5),
    (674.0, 3.0, -33.0, 63.5, 84.0),
    (686.0, 3.0, -33.0, 56.5, 74.5),
    (697.0, 3.0, -32.5, 46.0, 60.0),
    (706.0, 3.0, -32.0, 34.0, 44.0),
    (712.0, 3.0, -32.0, 22.0, 29.0),
    (716.5, 3.0, -32.0, 7.0, 9.0),
)
_CAVITY = (
    (574.0, 5.0, 6.0, 22.0, 18.0),
    (580.0, 4.0, 8.5, 43.0, 33.0),
    (590.0, 3.0, -1.0, 53.5, 44.5),
    (602.0, 3.0, -9.0, 59.0, 56.5),
    (614.0, 3.0, -16.5, 61.5, 65.0),
    (626.0, 3.0, -24.0, 63.0, 73.5),
    (635.0, 3.0, -34.0, 63.0, 82.0),
    (648.0, 3.0, -34.5, 63.0, 82.5),
    (660.0, 3.0, -34.5, 62.2, 81.5),
    (672.0, 3.0, -34.5, 59.0, 77.5),
    (683.0, 3.0, -34.0, 52.3, 69.0),
    (692.0, 3.0, -33.5, 42.0, 56.0),
    (698.0, 3.0, -32.5, 30.0, 40.0),
    (702.5, 3.0, -32.0, 17.0, 24.0),
    (704.5, 3.0, -32.0, 6.0, 8.0),
)


def _skull() -> Solid:
    """Braincase, base and face; the room for the brain, orbits, nose and the great foramen are free."""
    cavity = loft(_CAVITY, power=2.2)
    # the middle fossae, which hold the poles of the temporal lobes
    fossae = [ellipsoid((2.5 + s * 37.0, -46.0, 617.0), (22.5, 38.0, 20.0)) for s in (1.0, -1.0)]
    holes = [tube([(FACE_X_MM + s * 35.0, -128.0, 616.0), (FACE_X_MM + s * 15.0, -82.0, 618.0)], [19.0, 7.0])
             for s in (1.0, -1.0)]  # fmt: skip
    nose = ellipsoid((FACE_X_MM, -94.0, 596.0), (15.0, 27.0, 24.0))
    magnum = tube([(7.5, -16.0, 556.0), (7.0, -13.0, 594.0)], 15.0)
    return without(union(loft(_VAULT, power=2.2), _face()), cavity, *fossae, *holes, nose, magnum)


def _face() -> Solid:
    """Upper jaw, palate, cheekbones, nasal bones, and the base: sphenoid, petrous parts, mastoids, condyles."""
    middle = [
        ("nasion", 0.0, -121.0, 630.0, 6.0),
        ("nose", 0.0, -128.0, 608.0, 4.4),
        ("incisor", 0.0, -119.0, 570.0, 6.0),
    ]
    middle += [
        ("sella", -1.0, -58.0, 600.0, 13.0),
        ("clivus", -1.5, -37.0, 580.0, 8.0),
        ("palate", 0.0, -72.0, 573.0, 3.5),
    ]
    pairs = [
        ("canine", 16.0, -112.0, 570.0, 6.5),
        ("molar", 27.0, -84.0, 570.0, 6.5),
        ("molar_end", 27.0, -64.0, 571.0, 6.0),
        ("rim_inner", 15.0, -112.0, 602.0, 3.6),
        ("rim", 36.0, -104.0, 598.0, 4.2),
        ("cheek", 48.0, -93.0, 598.0, 7.5),
        ("frontal", 49.0, -97.0, 632.0, 6.0),
        ("arch", 61.0, -62.0, 600.0, 3.6),
        ("temporal", 60.0, -36.0, 602.0, 4.6),
        ("pterygoid", 17.0, -62.0, 570.0, 3.8),
        ("wing", 46.0, -76.0, 616.0, 6.5),
        ("petrous", 11.0, -36.0, 592.0, 7.5),
        ("ear", 50.0, -19.0, 592.0, 12.0),
        ("mastoid", 48.0, -13.0, 575.0, 10.0),
        ("condyle", 16.0, -24.0, 575.0, 6.5),
    ]
    once: list[tuple[str, ...]] = [("nasion", "nose"), ("sella", "clivus")]
    twice = [("incisor", "canine"), ("canine", "molar"), ("molar", "molar_end"), ("canine", "molar", "palate"),
             ("incisor", "canine", "palate"), ("molar", "molar_end", "palate"), ("canine", "rim_inner", "rim"),
             ("canine", "rim", "molar"), ("molar", "rim", "cheek"), ("rim", "cheek"), ("cheek", "frontal"),
             ("cheek", "arch"), ("arch", "temporal"), ("molar_end", "pterygoid"), ("pterygoid", "sella"),
             ("rim_inner", "nasion"), ("sella", "wing"), ("sella", "petrous"), ("petrous", "ear"),
             ("ear", "mastoid"), ("ear", "condyle"), ("clivus", "condyle")]  # fmt: skip
    corners: dict[str, tuple[float, float, float, float]] = {
        name: (FACE_X_MM + x, y, z, r) for name, x, y, z, r in middle
    }
    for name, x, y, z, r in pairs:
        for side, sign in (("left", 1.0), ("right", -1.0)):
            corners[f"{name} {side}"] = (FACE_X_MM + sign * x, y, z, r)
    faces = list(once)
    for face in twice:
        for side in ("left", "right"):
            faces.append(tuple(name if name in corners else f"{name} {side}" for name in face))
    return _named_plates(corners, faces)


def _mandible() -> Solid:
    """A horseshoe from joint to joint, its branches upright, with coronoid processes."""
    half = np.array(
        [
            (50.0, -44.0, 578.0, 1.0, 0.0, 6.6, 9.0),
            (50.0, -49.0, 560.0, 1.0, 0.0, 6.6, 14.0),
            (49.0, -56.0, 537.0, 1.0, -0.1, 6.6, 17.0),
            (45.5, -64.0, 520.0, 1.0, -0.25, 7.2, 17.0),
            (39.0, -82.0, 515.0, 0.95, -0.35, 7.4, 15.0),
            (28.0, -106.0, 518.0, 0.8, -0.6, 7.2, 14.0),
            (14.0, -121.0, 521.0, 0.45, -0.9, 7.2, 13.5),
            (0.0, -125.5, 522.0, 0.0, -1.0, 7.2, 13.5),
        ]
    )
    other = half[-2::-1] * np.array([-1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
    rows = np.concatenate([half, other])
    thin = np.stack([rows[:, 3], rows[:, 4], np.zeros(len(rows))], axis=1)
    shoe = strap(rows[:, :3] + np.array([JAW_X_MM, 0.0, 0.0]), thin, rows[:, 5], rows[:, 6])
    horns = [tube([(JAW_X_MM + s * 48.0, -64.0, 552.0), (JAW_X_MM + s * 47.0, -70.0, 574.0)], [6.0, 3.5])
             for s in (1.0, -1.0)]  # fmt: skip
    return union(shoe, *horns)


# corners of the left hip bone, x from its mirror plane, and half the thickness there (mm)
_HIP = {
    "spine_front": (126.0, -64.0, -34.0, 6.5),
    "crest_front": (137.0, -50.0, -12.0, 6.2),
    "crest_wide": (139.0, -30.0, 6.0, 6.2),
    "crest_top": (131.0, -6.0, 19.0, 6.0),
    "crest_high": (116.0, 14.0, 21.5, 5.8),
    "crest_back": (94.0, 30.0, 13.0, 6.4),
    "crest_end": (69.0, 41.0, -4.0, 8.0),
    "spine_back": (50.0, 43.0, -28.0, 8.6),
    "spine_low": (56.0, 34.0, -56.0, 8.0),
    "joint_top": (64.0, 20.0, -14.0, 8.5),
    "joint_low": (62.0, 12.0, -52.0, 10.0),
    "fossa": (108.0, -14.0, -18.0, 3.0),
    "fossa_low": (92.0, -10.0, -56.0, 6.5),
    "notch": (70.0, 18.0, -84.0, 11.5),
    "front_low": (106.0, -52.0, -80.0, 9.0),
    "roof": (96.0, -22.0, -98.0, 12.0),
    "brim": (68.0, -26.0, -104.0, 10.0),
    "column": (68.0, 10.0, -118.0, 12.0),
    "spine_sit": (54.0, 17.0, -118.0, 5.0),
    "sit_top": (76.0, 8.0, -150.0, 15.0),
    "sit": (64.0, 6.0, -171.0, 16.0),
    "ramus_low": (40.0, -28.0, -176.0, 8.8),
    "ramus_mid": (22.0, -50.0, -166.0, 8.4),
    "pubis_low": (12.5, -62.0, -158.0, 9.6),
    "pubis_top": (15.0, -64.0, -142.0, 11.5),
    "ramus_top": (44.0, -57.0, -128.0, 10.5),
    "ramus_root": (70.0, -42.0, -122.0, 12.5),
}
_HIP_FACES: tuple[tuple[str, ...], ...] = (
    *(("spine_front", "crest_front", "fossa"), ("crest_front", "crest_wide", "fossa")),
    *(("crest_wide", "crest_top", "fossa"), ("crest_top", "crest_high", "fossa")),
    *(("crest_high", "crest_back", "fossa"), ("crest_back", "joint_top", "fossa")),
    *(("joint_top", "joint_low", "fossa_low"), ("joint_top", "fossa", "fossa_low")),
    *(("spine_front", "fossa", "front_low"), ("fossa", "fossa_low", "front_low")),
    *(("crest_back", "crest_end", "joint_top"), ("crest_end", "spine_back", "joint_top")),
    *(("spine_back", "joint_top", "joint_low"), ("spine_back", "spine_low", "joint_low")),
    *(("joint_low", "notch", "fossa_low"), ("notch", "roof", "fossa_low"), ("fossa_low", "roof", "front_low")),
    *(("joint_low", "notch", "brim"), ("notch", "column", "brim"), ("column", "spine_sit"), ("column", "sit_top")),
    *(("sit_top", "sit"), ("sit", "ramus_low"), ("ramus_low", "ramus_mid"), ("ramus_mid", "pubis_low")),
    *(("pubis_low", "pubis_top"), ("pubis_top", "ramus_top"), ("ramus_top", "ramus_root"), ("ramus_root", "brim")),
    *(("ramus_root", "front_low"), ("front_low", "roof")),
)
HEAD_RADIUS_MM = 25.0
_SOCKET_WALL_MM = 7.0
_SOCKET_FACES: Vector = (0.72, -0.38, -0.58)
"""Where the left socket opens: outwards, forwards and down."""


def _hip_bone(man: Man, side: Side) -> Solid:
    """Wing, sitting bone and pubis round the socket; the obturator foramen stays free between the rami."""
    hip = leg_line(man, side).hip
    corners = {name: (*placed((x, y, z), side, HIP_PLANE_MM), r) for name, (x, y, z, r) in _HIP.items()}
    frame = _named_plates(corners, _HIP_FACES)
    ball = HEAD_RADIUS_MM + SOCKET_GAP_MM
    x, y, z = _SOCKET_FACES
    opening = (x if side is Side.LEFT else -x, y, z)
    cup = common(
        _ball(hip, ball + _SOCKET_WALL_MM), half_space(corner(np.array(hip) + 5.0 * np.array(opening)), opening)
    )
    return without(union(frame, cup), _ball(hip, ball))


def _ball(centre: Vector, radius: float) -> Solid:
    return ellipsoid(centre, (radius, radius, radius))


def _femur(man: Man, side: Side) -> tuple[Solid, Solid]:
    """Head, neck, trochanters, a shaft that bows forwards, condyles; the marrow wide at the ends."""
    leg = leg_line(man, side)
    hx, hy, hz = _local(leg.hip, side)
    kx, ky, kz = _local(leg.knee, side)
    rows = [
        (hx, hy, hz, HEAD_RADIUS_MM, 2.0),
        (hx + 14, hy + 2, hz - 12, 19.0, 2.5),
        (hx + 32, hy + 6, hz - 29, 22.0, 3.0),
        (hx + 44, hy + 20, hz - 13, 17.5, 2.5),
        (hx + 38, hy + 5, hz - 46, 22.5, 4.0),
        (hx + 22, hy + 24, hz - 60, 11.0, 2.5),
        (hx + 35, hy + 3, hz - 82, 17.5, 6.0),
        (hx + 19, hy - 3, hz - 165, 14.2, 7.0),
        (kx + 32, ky - 20, kz + 190, 13.8, 7.0),
        (kx + 9, ky - 9, kz + 76, 15.5, 5.0),
        (kx + 1, ky - 4, kz + 36, 22.0, 3.0),
        (kx + 22, ky + 6, kz + 12, 21.0, 2.0),
        (kx - 22, ky + 6, kz + 10, 21.0, 2.0),
        (kx, ky - 10, kz + 14, 16.0, 2.0),
    ]
    faces = [(0, 1), (1, 2), (2, 3), (2, 4), (3, 4), (4, 5), (4, 6), (6, 7), (7, 8), (8, 9), (9, 10)]
    return _long_bone(rows, [*faces, (10, 11, 12), (11, 13), (12, 13)], side)


def _lower_leg(man: Man, side: Side) -> tuple[Solid, Solid]:
    """Tibia with its plateau and inner malleolus, and the fibula outside it."""
    leg = leg_line(man, side)
    kx, ky, kz = _local(leg.knee, side)
    ax, ay, az = _local(leg.ankle, side)
    rows = [
        (kx + 20, ky + 7, kz - 24, 19.0, 2.0),
        (kx - 20, ky + 7, kz - 24, 19.0, 2.0),
        (kx - 2, ky - 6, kz - 52, 17.0, 3.5),
        (kx - 4, ky + 7, kz - 130, 13.5, 5.5),
        (ax - 5, ay - 1, az + 135, 11.5, 5.0),
        (ax - 3, ay - 2, az + 18, 17.0, 2.5),
        (ax - 24, ay - 2, az - 2, 8.0, 2.0),
        (kx + 32, ky + 20, kz - 40, 10.0, 2.5),
        (kx + 27, ky + 22, kz - 150, 6.5, 2.8),
        (ax + 22, ay + 6, az + 60, 6.5, 2.8),
        (ax + 26, ay + 8, az - 10, 9.5, 2.5),
    ]
    faces = [(0, 1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (7, 8), (8, 9), (9, 10)]
    return _long_bone(rows, faces, side)


def _humerus(man: Man, side: Side) -> tuple[Solid, Solid]:
    """Head, tubercles, shaft and the two condyles, along the upper arm."""
    arm = arm_line(man, side)
    at = ArmFrame(arm.shoulder, arm.elbow, man.arms, side)
    rows = [
        (*at(0, -1, 0), 23.5, 2.0),
        (*at(5, 15, 2), 15.5, 2.5),
        (*at(10, 5, 21), 13.0, 2.5),
        (*at(38, 8, 2), 14.5, 3.5),
        (*at(85, 3, 0), 12.2, 5.0),
        (*at(210, 0, 0), 11.5, 5.0),
        (*at(268, 0, 2), 15.0, 3.0),
        (*at(289, 19, 0), 12.5, 2.0),
        (*at(289, -21, 0), 12.0, 2.0),
    ]
    faces = [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7, 8)]
    return _rods(rows, faces)


def _forearm(man: Man, side: Side) -> tuple[Solid, Solid]:
    """Radius on the side of the thumb, ulna with the olecranon on the other."""
    arm = arm_line(man, side)
    at = ArmFrame(arm.elbow, arm.wrist, man.arms, side)
    rows = [
        (*at(16, 14, 0), 10.5, 2.0),
        (*at(50, 11, 0), 7.6, 3.0),
        (*at(190, 13, 0), 8.2, 3.0),
        (*at(246, 8, 0), 12.0, 2.0),
        (*at(-8, -10, -14), 11.0, 2.0),
        (*at(25, -11, -4), 11.0, 2.5),
        (*at(80, -12, 0), 8.2, 3.0),
        (*at(248, -13, 0), 7.5, 2.0),
    ]
    return _rods(rows, [(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7)])


class ArmFrame:
    """Points beside a part of the arm: mm along it, outwards of the hanging arm, and forwards."""

    def __init__(self, start: Vector, end: Vector, arms: Arms, side: Side) -> None:
        along = np.array(end) - np.array(start)
        self._start = np.array(start)
        self._along = along / float(np.linalg.norm(along))
        # raised sideways over the head, the outer side of the arm comes to face the head
        outwards = np.array((1.0, 0.0, 0.0)) * (1.0 if side is Side.LEFT else -1.0) * (-1.0 if arms is Arms.UP else 1.0)
        forwards = np.array((0.0, -1.0, 0.0))
        forwards = forwards - (forwards @ self._along) * self._along
        self._forwards = forwards / float(np.linalg.norm(forwards))
        across = outwards - (outwards @ self._along) * self._along - (outwards @ self._forwards) * self._forwards
        self._outwards = across / float(np.linalg.norm(across))

    def __call__(self, along: float, outwards: float, forwards: float) -> Vector:
        return corner(self._start + along * self._along + outwards * self._outwards + forwards * self._forwards)


def _local(point: Vector, side: Side) -> Vector:
    """A joint as if on the left side, x from the mirror plane of the legs."""
    x, y, z = point
    return (x - LEG_PLANE_MM if side is Side.LEFT else LEG_PLANE_MM - x), y, z


def _long_bone(rows: Sequence[tuple[float, ...]], faces: Sequence[Sequence[int]], side: Side) -> tuple[Solid, Solid]:
    return _rods([(*placed((x, y, z), side, LEG_PLANE_MM), radius, cortex) for x, y, z, radius, cortex in rows], faces)


def _rods(rows: npt.ArrayLike, faces: Sequence[Sequence[int]]) -> tuple[Solid, Solid]:
    """A long bone and its marrow: rows of x, y, z, radius and thickness of the cortex (mm)."""
    table: FloatArray = np.array(rows, dtype=float)
    points, radius, cortex = table[:, :3], table[:, 3], table[:, 4]
    return plates(points, radius, faces), plates(points, radius - cortex, faces)


def _named_plates(corners: dict[str, tuple[float, float, float, float]], faces: Sequence[Sequence[str]]) -> Solid:
    number = {name: n for n, name in enumerate(corners)}
    rows = np.array(list(corners.values()))
    return plates(rows[:, :3], rows[:, 3], [[number[name] for name in face] for face in faces])
