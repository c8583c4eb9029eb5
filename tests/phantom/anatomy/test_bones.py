"""The skeleton, held against the reference adult male and against what every skeleton has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.geometry import Grid
from psmap.phantom.anatomy.bend import Bend
from psmap.phantom.anatomy.bone_shapes import corner, plates, strap
from psmap.phantom.anatomy.limb_lines import LEG_PLANE_MM, SHOULDER_PLANE_MM, arm_line, leg_line
from psmap.phantom.anatomy.limbs_and_skull import HEAD_RADIUS_MM, limbs_and_skull
from psmap.phantom.anatomy.man import REFERENCE_MAN, Arms, Man, Side
from psmap.phantom.anatomy.paint import Layer, Painted, Structure, paint
from psmap.phantom.anatomy.ribcage import ribcage
from psmap.phantom.anatomy.solids import Solid
from psmap.phantom.anatomy.spine import spinal_canal, spine

SLICE_MM = 8.0
"""Slices of the reference male's figures."""

Extent = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
Figure = tuple[float, tuple[float, float, float], Extent]

# Figures of the reference adult male (ICRP Publication 110, as measured for psmap): mL, centroid, extents in x, y, z
# (half a slice of 8 mm added to z on either side). His sacrum ends where our coccyx does.
FIGURES: dict[str, Figure] = {
    "cervical": (123.6, (11.6, -22.5, 510.8), ((-21.5, 44.7), (-44.1, 22.1), (452.0, 572.0))),
    "thoracic": (461.5, (3.7, 26.0, 295.6), ((-28.0, 42.6), (-18.5, 69.1), (156.0, 452.0))),
    "lumbar": (368.7, (-0.4, 5.9, 72.1), ((-36.5, 34.0), (-29.2, 58.5), (-4.0, 156.0))),
    "sacrum": (225.1, (-5.5, 23.8, -36.2), ((-60.0, 53.3), (-22.8, 69.1), (-124.0, 4.0))),
    "ribs_left": (311.5, (96.8, 2.9, 281.3), ((19.1, 143.0), (-108.2, 67.0), (100.0, 444.0))),
    "ribs_right": (324.8, (-86.3, -4.0, 277.1), ((-132.7, -13.0), (-123.2, 64.9), (100.0, 444.0))),
    "sternum": (59.3, (11.3, -83.9, 337.4), ((-23.7, 42.3), (-114.6, -56.9), (236.0, 404.0))),
    "clavicle_left": (37.3, (93.5, -36.3, 428.3), ((25.5, 175.1), (-65.5, 2.9), (388.0, 460.0))),
    "clavicle_right": (33.6, (-70.9, -37.2, 424.3), ((-143.4, -8.7), (-65.5, -1.4), (388.0, 452.0))),
    "scapula_left": (135.5, (126.3, 28.0, 400.2), ((68.2, 190.0), (-37.7, 88.4), (300.0, 444.0))),
    "scapula_right": (142.1, (-117.1, 26.1, 391.5), ((-175.4, -56.7), (-42.0, 88.4), (292.0, 444.0))),
    "skull": (682.8, (3.3, -35.1, 641.2), ((-66.4, 72.5), (-131.7, 60.6), (564.0, 716.0))),
    "mandible": (99.8, (12.4, -85.9, 537.1), ((-49.3, 66.1), (-133.9, -39.9), (492.0, 588.0))),
    "hip_bone_left": (400.0, (72.4, -8.5, -80.9), ((6.2, 143.0), (-69.8, 54.2), (-188.0, 28.0))),
    "hip_bone_right": (414.4, (-77.6, -16.8, -79.8), ((-145.5, -4.4), (-80.5, 47.8), (-188.0, 28.0))),
    "humerus_left": (131.0, (187.4, -15.5, 381.4), ((158.0, 209.3), (-46.3, 20.0), (284.0, 436.0))),
    "humerus_right": (127.0, (-174.6, -16.0, 374.5), ((-203.2, -145.5), (-50.5, 26.4), (284.0, 428.0))),
    "femur_left": (292.4, (109.1, -12.0, -187.7), ((63.9, 149.4), (-44.1, 17.8), (-332.0, -108.0))),
    "femur_right": (290.2, (-113.9, -17.7, -186.2), ((-154.0, -68.6), (-50.5, 11.4), (-332.0, -108.0))),
}
# Of humeri and femora only the upper halves are known: they end at the lowest z above.
UPPER_HALVES = {"humerus": 284.0, "femur": -332.0}

# The reference male's spine: z, and x and y of all its bone there.
SPINE_CURVE = [
    (-128, -10.5, 59.5),
    (-104, -11.2, 63.8),
    (-80, -8.4, 59.2),
    (-56, -4.3, 46.3),
    (-32, -6.1, 18.2),
    (-8, -2.7, 4.5),
    (16, -1.9, -0.7),
    (40, -1.3, -0.9),
    (64, -0.1, 4.7),
    (88, 0.3, 6.9),
    (112, 1.1, 10.9),
    (136, 0.4, 14.2),
    (160, 0.4, 21.0),
    (184, 0.2, 24.0),
    (208, 0.5, 28.7),
    (232, 0.6, 33.9),
    (256, 1.3, 35.8),
    (280, 1.5, 38.1),
    (304, 0.8, 39.2),
    (328, 2.4, 36.3),
    (352, 3.7, 30.4),
    (376, 6.4, 23.3),
    (400, 10.7, 14.8),
    (424, 11.1, 5.4),
    (448, 12.8, -0.8),
    (472, 15.4, -18.8),
    (496, 13.7, -26.6),
    (520, 11.7, -22.9),
    (544, 9.1, -28.2),
    (568, 8.1, -31.4),
]


def _group(name: str) -> str:
    """The group of a bone or its marrow that the figures know."""
    bone = name.removesuffix("_marrow")
    if bone.startswith("rib_"):
        return f"ribs_{bone.rsplit('_', 1)[1]}"
    if bone.startswith("vertebra_"):
        return {"c": "cervical", "t": "thoracic", "l": "lumbar"}[bone[len("vertebra_")]]
    return "sacrum" if bone.startswith(("sacrum", "coccyx")) else bone


def _grid(low: tuple[float, float, float], high: tuple[float, float, float], across: float, up: float) -> Grid:
    i, j, k = (int((b - a) / step) + 1 for a, b, step in zip(low, high, (across, across, up), strict=True))
    return Grid((k, j, i), low, ((0.0, 0.0, up), (0.0, across, 0.0), (across, 0.0, 0.0)))


@cache
def _skeleton(arms: Arms = Arms.DOWN) -> tuple[Structure, ...]:
    man: Man = replace(REFERENCE_MAN, arms=arms)
    return spine(man) + ribcage(man) + limbs_and_skull(man)


@cache
def _fine() -> Painted:
    """The reference man from mid thigh up at 2 mm across and 4 mm in z."""
    grid = _grid((-240.0, -150.0, -340.0), (250.0, 110.0, 724.0), 2.0, 4.0)
    return paint([bone for bone in _skeleton() if bone.layer is Layer.BONE], grid, Bend())


@cache
def _share(group: str) -> npt.NDArray[np.float32]:
    painted = _fine()
    found = np.zeros(painted.grid.shape, np.float32)
    for patch in painted.patches:
        if _group(patch.name) == group:
            found[patch.box] = np.maximum(found[patch.box], patch.share / np.float32(250.0))
    lowest = UPPER_HALVES.get(group.rsplit("_", 1)[0])
    if lowest is not None:
        found[_axis(2) < lowest] = 0.0
    return found


def _axis(c: int) -> npt.NDArray[np.float64]:
    grid = _fine().grid
    steps = np.arange(grid.shape[2 - c], dtype=np.float64)
    found: npt.NDArray[np.float64] = grid.origin_mm[c] + steps * float(grid.spacing_mm[2 - c])
    return found


def _profile(group: str, c: int) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = _share(group).sum(axis=tuple(a for a in range(3) if a != 2 - c), dtype=float)
    return found


def _ends(group: str, c: int) -> tuple[float, float]:
    """Between which places (mm) all but half a per cent at either end of a group lies, half a voxel added."""
    profile = np.cumsum(_profile(group, c))
    low, high = np.searchsorted(profile, np.array((0.005, 0.995)) * profile[-1])
    half = _fine().grid.spacing_mm[2 - c] / 2.0
    return float(_axis(c)[low]) - half, float(_axis(c)[high]) + half


@pytest.mark.parametrize("group", FIGURES)
def test_volumes_are_those_of_the_reference_man(group: str) -> None:
    ml = float(_share(group).sum(dtype=float)) * _fine().grid.voxel_ml
    assert ml == pytest.approx(FIGURES[group][0], rel=0.15)


@pytest.mark.parametrize("group", FIGURES)
def test_centroids_are_those_of_the_reference_man(group: str) -> None:
    middle = [float(_profile(group, c) @ _axis(c) / _profile(group, c).sum()) for c in range(3)]
    assert np.linalg.norm(np.array(middle) - FIGURES[group][1]) < 15.0


@pytest.mark.parametrize("group", FIGURES)
def test_extents_are_those_of_the_reference_man(group: str) -> None:
    for c, (low, high) in enumerate(FIGURES[group][2]):
        found = _ends(group, c)
        assert found[1] - found[0] == pytest.approx(high - low, abs=max(0.15 * (high - low), SLICE_MM)), "xyz"[c]


def test_the_spine_curves_like_the_reference_mans() -> None:
    """Its middle, slice by slice, within a tenth of how far the curve swings."""
    whole = np.max([_share(group) for group in ("cervical", "thoracic", "lumbar", "sacrum")], axis=0)
    figures = np.array(SPINE_CURVE)
    swing = float(np.ptp(figures[:, 2]))
    for z, x, y in SPINE_CURVE:
        slab = whole[np.abs(_axis(2) - z) <= SLICE_MM / 2.0].sum(axis=0, dtype=float)
        found = np.array([slab.sum(axis=0) @ _axis(0), slab.sum(axis=1) @ _axis(1)]) / slab.sum()
        assert np.hypot(*(found - (x, y))) < 0.1 * swing, z


def test_what_lies_in_the_canal_is_free() -> None:
    """The middle of the reference male's spinal cord, z, x and y, lies in the canal and in no vertebra."""
    cord = [(128, -0.2, 25.3), (176, -0.2, 33.9), (224, -0.2, 40.3), (272, 2.0, 44.6), (320, 2.0, 44.6),
            (368, 4.1, 29.6), (416, 10.5, 10.4), (464, 14.8, -13.1), (512, 11.3, -17.8), (552, 8.9, -17.8)]  # fmt: skip
    z, x, y = np.array(cord, dtype=np.float32).T
    assert np.all(spinal_canal().distance(x, y, z) < -3.0)
    for bone in spine(REFERENCE_MAN):
        assert np.all(bone.solid.distance(x, y, z) > 2.0), bone.name


@pytest.mark.parametrize("arms", Arms)
def test_every_bone_is_there_and_lies_in_its_box(arms: Arms) -> None:
    """At 4 mm nothing is empty, and 8 mm round its box nothing of it is found."""
    for bone in _skeleton(arms):
        low, high = corner(np.array(bone.solid.low) - 8.0), corner(np.array(bone.solid.high) + 8.0)
        grid = _grid(low, high, 4.0, 4.0)
        x, y, z = Bend().to_reference(grid)
        inside = bone.solid.distance(x, y, z) < 0.0
        assert inside.any(), bone.name
        for place, least, most in zip((x, y, z), bone.solid.low, bone.solid.high, strict=True):
            assert place[inside].min() >= least - 0.5, bone.name
            assert place[inside].max() <= most + 0.5, bone.name


@pytest.mark.parametrize("arms", Arms)
def test_every_bone_shows_on_a_grid_of_4_mm(arms: Arms) -> None:
    grid = _grid((-330.0, -180.0, -1060.0), (340.0, 130.0, 1060.0), 4.0, 4.0)
    volumes = paint(_skeleton(arms), grid, Bend()).volumes_ml()
    assert set(volumes) == {bone.name for bone in _skeleton(arms)}
    assert min(volumes.values()) > 0.3


def test_names() -> None:
    """Twelve ribs on each side, 24 vertebrae, five segments of the sacrum, and each left has its right."""
    names = [bone.name for bone in _skeleton()]
    bones = [name for name in names if not name.endswith("_marrow")]
    assert len(names) == len(set(names)) == 2 * len(bones)
    assert _counted(bones, "rib_") == 24
    assert _counted(bones, "vertebra_") == 24
    assert _counted(bones, "sacrum_s") == 5
    assert {name.replace("_left", "_right") for name in names if "_left" in name} == {n for n in names if "_right" in n}
    assert {f"{name}_marrow" for name in bones} == set(names) - set(bones)


def _counted(names: Iterable[str], start: str) -> int:
    return sum(name.startswith(start) for name in names)


def test_the_vocabulary_knows_every_bone() -> None:
    known = load_anatomy()
    for bone in _skeleton():
        entry = known[bone.name]
        assert entry.group == ("marrow" if bone.layer is Layer.MARROW else "bone")
        assert entry.laterality == next((side for side in ("left", "right") if f"_{side}" in bone.name), None)


@pytest.mark.parametrize("arms", Arms)
def test_joints_meet_and_do_not_overlap(arms: Arms) -> None:
    """Heads lie in their sockets: bone of the socket within 5 mm, none within the head itself."""
    bones = {bone.name: bone.solid for bone in _skeleton(arms)}
    man = replace(REFERENCE_MAN, arms=arms)
    for side in Side:
        hip = leg_line(man, side).hip
        assert HEAD_RADIUS_MM < _at(bones[f"hip_bone_{side}"], hip) < HEAD_RADIUS_MM + 5.0
        assert _at(bones[f"femur_{side}"], hip) == pytest.approx(-HEAD_RADIUS_MM, abs=0.5)
        shoulder = arm_line(man, side).shoulder
        assert _at(bones[f"humerus_{side}"], shoulder) < -20.0
        assert 18.0 < _at(bones[f"scapula_{side}"], shoulder) < 32.0
        elbow = arm_line(man, side).elbow
        assert abs(_at(bones[f"humerus_{side}"], elbow)) < 15.0
        assert _at(bones[f"forearm_{side}"], elbow) < 8.0


def _at(solid: Solid, point: tuple[float, float, float]) -> float:
    x, y, z = (np.array([c], dtype=np.float32) for c in point)
    return float(solid.distance(x, y, z)[0])


def test_limbs_keep_their_length_when_raised_and_mirror_each_other() -> None:
    up = replace(REFERENCE_MAN, arms=Arms.UP)
    lengths = []
    for man in (REFERENCE_MAN, up):
        left, right = (arm_line(man, side) for side in Side)
        for a, b in ((left.shoulder, right.shoulder), (left.elbow, right.elbow), (left.wrist, right.wrist)):
            assert (a[0] + b[0]) / 2.0 == pytest.approx(SHOULDER_PLANE_MM)
            assert a[1:] == b[1:]
        lengths.append([np.linalg.norm(np.subtract(left.shoulder, left.elbow)),
                        np.linalg.norm(np.subtract(left.elbow, left.wrist))])  # fmt: skip
    assert lengths[0] == pytest.approx(lengths[1], rel=0.01)
    # upper arm 0.186 and forearm 0.146 of 1.76 m, thigh 0.245 and lower leg 0.246: Drillis and Contini 1966
    assert lengths[0] == pytest.approx([0.186 * 1760.0, 0.146 * 1760.0], rel=0.1)
    legs = [leg_line(REFERENCE_MAN, side) for side in Side]
    assert (legs[0].hip[0] + legs[1].hip[0]) / 2.0 == pytest.approx(LEG_PLANE_MM)
    assert np.linalg.norm(np.subtract(legs[0].hip, legs[0].knee)) == pytest.approx(0.245 * 1760.0, rel=0.1)
    assert np.linalg.norm(np.subtract(legs[0].knee, legs[0].ankle)) == pytest.approx(0.246 * 1760.0, rel=0.1)


def test_the_obturator_foramen_is_open_and_the_orbits_are_free() -> None:
    bones = {bone.name: bone.solid for bone in _skeleton()}
    assert _at(bones["hip_bone_left"], (43.0, -32.0, -152.0)) > 8.0
    assert _at(bones["hip_bone_right"], (-48.0, -32.0, -152.0)) > 8.0
    # the middle of the reference male's eyes, which are 24 mm across
    for eye in ((40.6, -114.1, 616.7), (-22.6, -116.1, 616.4)):
        assert _at(bones["skull"], eye) > 2.0


def test_a_plate_is_as_far_as_the_nearest_point_of_its_triangle() -> None:
    """Against the smallest distance to a dense sample of the triangle; constant thickness."""
    corners = np.array([(0.0, 0.0, 0.0), (40.0, 5.0, -3.0), (12.0, 30.0, 9.0)])
    u, v = (a.ravel() for a in np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201)))
    u, v = u[u + v <= 1.0], v[u + v <= 1.0]
    cloud = corners[0] + u[:, None] * (corners[1] - corners[0]) + v[:, None] * (corners[2] - corners[0])
    points = np.random.default_rng(3).uniform(-30.0, 60.0, (300, 3)).astype(np.float32)
    true = np.linalg.norm(points[:, None, :] - cloud[None, :, :], axis=2).min(axis=1) - 3.0
    found = plates(corners, 3.0, [(0, 1, 2)]).distance(*points.T)
    assert found == pytest.approx(true, abs=0.1)


def test_a_straight_strap_has_the_volume_of_an_oval_rod() -> None:
    """Length times the oval, and half an ellipsoid at each end."""
    solid = strap([(0.0, 0.0, -40.0), (0.0, 0.0, 40.0)], [(1.0, 0.0, 0.0)] * 2, 6.0, 10.0)
    grid = _grid((-30.0, -30.0, -70.0), (30.0, 30.0, 70.0), 2.0, 2.0)
    ml = paint([Structure("rod", solid, Layer.BONE)], grid, Bend()).volumes_ml()["rod"]
    assert ml == pytest.approx(np.pi * 0.6 * 1.0 * 8.0 + 4.0 / 3.0 * np.pi * 0.6 * 1.0 * 1.0, rel=0.03)
