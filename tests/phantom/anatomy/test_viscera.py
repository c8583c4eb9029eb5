"""Chest, belly, bowel and ureters, held against the reference adult male and the rules of anatomy."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.geometry import FloatArray, Grid
from psmap.phantom.anatomy.abdomen import KIDNEYS, abdomen, kidney
from psmap.phantom.anatomy.bowel import NEAR_MM, bowel, long_tube, loops
from psmap.phantom.anatomy.man import REFERENCE_MAN, Man, OrganSize, Side
from psmap.phantom.anatomy.paint import Layer, Painted, Structure, paint
from psmap.phantom.anatomy.pelvis import pelvis
from psmap.phantom.anatomy.solids import Solid, shell, tube
from psmap.phantom.anatomy.thorax import thorax, trachea
from psmap.phantom.anatomy.urinary import course, ureters
from psmap.phantom.anatomy.vessels import COURSES, centreline

SLICE_MM, VOXEL_MM = 8.0, 2.137
Extent = tuple[float, float]
Floats = npt.NDArray[np.float32]
HEART_WALLS = ("heart_wall", "heart_wall_right", "pericardium")

# Figures of the reference adult male (ICRP Publication 110, as measured for psmap): what of ours they are figures of,
# mL, centroid, least and greatest voxel centre along x, y, z (mm).
FIGURES: dict[str, tuple[tuple[str, ...], float, tuple[float, float, float], tuple[Extent, Extent, Extent]]] = {
    "lung_left": (("lung_left",), 1316.0, (81.5, -9.5, 319.9), ((25.5, 130.2), (-95.4, 54.2), (224, 424))),
    "lung_right": (("lung_right",), 1574.9, (-56.7, -20.1, 318.5), ((-117.7, 10.5), (-110.4, 52.0), (232, 416))),
    "trachea": (("trachea_wall",), 9.7, (8.5, -34.3, 418.2), ((-2.3, 19.1), (-69.8, -7.8), (376, 464))),
    "oesophagus": (("oesophagus",), 38.8, (15.8, -14.0, 347.8), ((-2.3, 34.0), (-50.5, 11.4), (232, 488))),
    "heart_wall": (HEART_WALLS, 314.2, (29.7, -42.0, 294.0), ((-28.0, 100.3), (-99.7, 7.2), (248, 368))),
    "heart_blood": (("heart_blood",), 481.1, (35.0, -45.0, 289.4), ((-21.5, 92.1), (-93.3, 0.8), (256, 360))),
    "liver": (("liver",), 1714.1, (-58.4, -42.8, 205.1), ((-124.1, 49.0), (-121.1, 45.6), (120, 264))),
    "gallbladder": (("gallbladder",), 66.0, (-55.1, -56.9, 170.1), ((-92.1, -10.9), (-93.3, -29.2), (152, 192))),
    "spleen": (("spleen",), 144.2, (95.1, 17.6, 216.0), ((46.3, 130.2), (-20.6, 52.0), (176, 248))),
    "stomach": (("stomach",), 384.6, (62.4, -61.3, 201.9), ((-8.7, 108.8), (-116.8, 9.3), (144, 240))),
    "pancreas": (("pancreas",), 133.3, (0.0, -46.9, 158.5), ((-49.3, 61.8), (-69.8, -20.6), (136, 176))),
    "adrenal_left": (("adrenal_left",), 6.8, (62.3, 21.0, 189.3), ((36.2, 89.6), (-1.4, 39.2), (184, 192))),
    "adrenal_right": (("adrenal_right",), 6.8, (-48.5, 15.9, 180.4), ((-72.8, -30.1), (-5.7, 30.7), (176, 184))),
    "kidney_left": (
        ("kidney_cortex_left", "kidney_pelvis_left"), 145.7, (75.8, 10.9, 148.0),
        ((40.4, 108.8), (-14.2, 34.9), (96, 184)),
    ),
    "kidney_right": (
        ("kidney_cortex_right", "kidney_pelvis_right"), 149.5, (-68.6, 7.3, 139.5),
        ((-100.6, -32.2), (-20.6, 32.8), (96, 176)),
    ),
    "small_intestine": (
        ("duodenum", "jejunum_proximal", "small_bowel"), 961.4, (22.2, -46.9, 66.6),
        ((-104.9, 106.7), (-89.0, 20.0), (-80, 208)),
    ),
    "colon_ascending": (
        ("colon_ascending",), 139.4, (-89.3, -37.8, 61.7), ((-113.4, -62.1), (-71.9, -7.8), (-24, 120)),
    ),
    # the two halves of the figures, 149.0 mL at (-52.5, -85.0, 125.2) and 96.2 mL at (58.6, -92.5, 130.0)
    "colon_transverse": (
        ("colon_transverse",), 245.2, (-8.9, -87.9, 127.1), ((-98.5, 117.4), (-118.9, -27.0), (96, 168)),
    ),
    "colon_descending": (("colon_descending",), 120.2, (113.2, -43.5, 128.8), ((91.7, 134.5), (-76.2, -8.7), (0, 208))),
    "colon_sigmoid": (("colon_sigmoid",), 110.6, (49.0, -28.6, -59.2), ((-34.4, 110.9), (-82.6, 47.8), (-96, -8))),
    "ureter_left": (("ureter_left",), 8.3, (28.6, -22.5, 42.7), ((4.4, 70.3), (-48.1, 0.5), (-64, 136))),
    "ureter_right": (("ureter_right",), 7.3, (-31.4, -28.0, 25.1), ((-47.2, -15.1), (-46.3, -12.1), (-64, 112))),
}  # fmt: skip
URETERS_END_MM = -68.0
"""Where the ureters of the figures end, above the bladder; ours go on into it."""

# Organ, z, centre of its section in the figures, mm.
SECTIONS = [
    ("trachea", 384, 6.3, -17.8), ("trachea", 408, 8.5, -27.3), ("trachea", 432, 9.2, -42.1),
    ("trachea", 456, 10.6, -51.9), ("oesophagus", 256, 8.3, -11.1), ("oesophagus", 304, 13.8, 7.3),
    ("oesophagus", 352, 18.0, 3.8), ("oesophagus", 400, 22.1, -18.6), ("oesophagus", 448, 17.1, -33.3),
    ("oesophagus", 480, 15.5, -47.3), ("colon_ascending", 0, -95.0, -32.7), ("colon_ascending", 48, -88.7, -33.4),
    ("colon_ascending", 80, -87.6, -41.5), ("colon_ascending", 96, -90.6, -50.4),
    ("colon_descending", 24, 108.9, -36.7), ("colon_descending", 56, 110.0, -43.8),
    ("colon_descending", 128, 115.5, -58.6), ("ureter_left", 104, 39.7, -13.2), ("ureter_left", 64, 28.7, -32.9),
    ("ureter_left", 24, 23.3, -42.0), ("ureter_left", -16, 8.4, -33.4), ("ureter_left", -48, 20.1, -11.6),
    ("ureter_right", 96, -34.9, -22.8), ("ureter_right", 40, -40.5, -38.2), ("ureter_right", 8, -30.8, -42.2),
    ("ureter_right", -24, -24.4, -33.7), ("ureter_right", -56, -20.3, -16.7),
]  # fmt: skip

GUT = (
    "oesophagus", "stomach", "duodenum", "jejunum_proximal", "small_bowel", "colon_ascending", "colon_transverse",
    "colon_descending", "colon_sigmoid", "rectum",
)  # fmt: skip
LARGE_KIDNEY_LOW_KIDNEY = {
    "kidney_left": OrganSize((1.15, 1.15, 1.15), (3.0, 4.0, 10.0)),
    "kidney_right": OrganSize((0.85, 0.85, 0.85), (-3.0, -4.0, -12.0)),
}
MEN = {
    "reference": REFERENCE_MAN,
    "empty bladder": replace(REFERENCE_MAN, bladder_ml=15.0),
    "full bladder": replace(REFERENCE_MAN, bladder_ml=450.0),
    "after prostatectomy": replace(REFERENCE_MAN, prostatectomy=True, bladder_ml=40.0),
    "large prostate": replace(REFERENCE_MAN, prostate_ml=120.0, bladder_ml=60.0),
    "kidneys elsewhere": replace(REFERENCE_MAN, organs=LARGE_KIDNEY_LOW_KIDNEY),
}


def _structures(man: Man) -> tuple[Structure, ...]:
    return (*thorax(man), *abdomen(man), *bowel(man), *ureters(man))


def _grid(step: float, low: tuple[float, float, float], high: tuple[float, float, float]) -> Grid:
    nx, ny, nz = (round((b - a) / step) + 1 for a, b in zip(low, high, strict=True))
    return Grid((nz, ny, nx), low, ((0.0, 0.0, step), (0.0, step, 0.0), (step, 0.0, 0.0)))


@cache
def _painted(step: float) -> Painted:
    grid = _grid(step, (-136.0, -128.0, -144.0), (144.0, 64.0, 504.0))
    return paint(_structures(REFERENCE_MAN), grid, REFERENCE_MAN.bend)


@cache
def _solids() -> dict[str, Solid]:
    return {structure.name: structure.solid for structure in _structures(REFERENCE_MAN)}


@cache
def _visible() -> dict[str, tuple[tuple[slice, slice, slice], Floats, float]]:
    """Of every structure at 2 mm: its box, the share of each voxel that is seen, and the part of it that is not."""
    painted = _painted(2.0)
    covered = np.zeros(painted.grid.shape, np.float32)
    found = {}
    for patch in reversed(painted.patches):
        share = patch.share * np.float32(1.0 / 250.0)
        seen = (np.float32(1.0) - covered[patch.box]) * share
        covered[patch.box] += seen
        found[patch.name] = (patch.box, seen, 1.0 - float(seen.sum() / share.sum()))
    return found


def _seen(names: tuple[str, ...]) -> tuple[Floats, Grid]:
    grid = _painted(2.0).grid
    share = np.zeros(grid.shape, np.float32)
    for name in names:
        box, seen, _ = _visible()[name]
        share[box] += seen
    return share, grid


def _places(name: str) -> FloatArray:
    """Points (n, 3) of the voxels that a structure fills at 2 mm."""
    share, grid = _seen((name,))
    return grid.to_mm(np.argwhere(share >= 0.5))


def _distance(solid: Solid, points: FloatArray) -> FloatArray:
    return solid.distance(*points.astype(np.float32).T).astype(float)


def test_names_are_those_of_the_vocabulary_and_stand_once() -> None:
    names = [structure.name for structure in _structures(REFERENCE_MAN)]
    assert len(set(names)) == len(names)
    assert set(names) <= set(load_anatomy())


@pytest.mark.parametrize("organ", FIGURES)
def test_organs_are_those_of_the_reference_man(organ: str) -> None:
    """Volume within 15 %, centroid within 15 mm, extents within 15 % or a slice: of what is seen of the organ."""
    names, ml, centre, extents = FIGURES[organ]
    share, grid = _seen(names)
    if organ.startswith("ureter"):
        share[: int(np.ceil(grid.to_index(np.array([[0.0, 0.0, URETERS_END_MM]]))[0, 0]))] = 0.0
    assert share.sum() * grid.voxel_ml == pytest.approx(ml, rel=0.15)
    some = np.argwhere(share > 0)
    found = np.average(grid.to_mm(some), axis=0, weights=share[share > 0])
    assert np.linalg.norm(found - centre) < 15.0
    filled = grid.to_mm(np.argwhere(share >= 0.5))
    for axis, (low, high) in enumerate(extents):
        voxel = SLICE_MM if axis == 2 else VOXEL_MM
        wide = high - low + voxel
        first, last = filled[:, axis].min() - 1.0, filled[:, axis].max() + 1.0
        allowed = max(0.15 * wide, SLICE_MM)
        assert last - first == pytest.approx(wide, abs=allowed)
        assert (first, last) == pytest.approx((low - voxel / 2, high + voxel / 2), abs=allowed)


def test_the_windpipe_has_the_wall_of_the_figures() -> None:
    """The figures hold the wall alone, 9.7 mL from z 372 to 468; ours is wall and lumen, and a wall is 2 mm thick."""
    grid = _grid(1.0, (-12.0, -80.0, 372.5), (30.0, 0.0, 467.5))
    painted = paint([Structure("wall", shell(trachea(), 2.0), Layer.ORGAN)], grid, REFERENCE_MAN.bend)
    assert painted.volumes_ml()["wall"] == pytest.approx(9.7, rel=0.15)


@pytest.mark.parametrize(("name", "z", "x", "y"), SECTIONS)
def test_courses_follow_the_figures(name: str, z: float, x: float, y: float) -> None:
    places = _places(name)
    here = places[np.abs(places[:, 2] - z) <= 4.0]
    assert np.hypot(*(here[:, :2].mean(axis=0) - (x, y))) < 8.0


def test_nothing_is_lost_on_a_coarse_grid() -> None:
    """Nor gained: a ureter is one and a half voxels wide, limbs of adrenal glands and walls of the heart not two."""
    thin = ("pericardium", "heart_wall_right")
    volumes, fine = _painted(4.0).volumes_ml(), _painted(2.0).volumes_ml()
    assert set(volumes) == set(fine)
    for name, ml in fine.items():
        assert volumes[name] == pytest.approx(ml, rel=0.09 if ml < 20.0 or name in thin else 0.02), name


def test_no_structure_is_without_a_voxel_of_its_own_at_4_mm() -> None:
    painted = _painted(4.0)
    numbers = {patch.name: n for n, patch in enumerate(painted.patches, start=1)}
    assert set(np.unique(painted.labels(numbers))) >= set(numbers.values())


def test_organs_make_room_for_one_another() -> None:
    """Walls of heart and trachea are painted whole and what they hold into them; nothing else loses an eighth."""
    whole = (*HEART_WALLS, "trachea_wall", "bronchi")
    hidden = {name: part for name, (_, _, part) in _visible().items() if name not in whole}
    assert max(hidden.values()) < 0.125, sorted(hidden.items(), key=lambda one: -one[1])[:5]
    assert sum(hidden.values()) / len(hidden) < 0.04


@pytest.mark.parametrize("who", MEN)
def test_ureters_lead_from_kidney_to_bladder(who: str) -> None:
    man = MEN[who]
    painted = paint(
        (*_structures(man), *pelvis(man)), _grid(2.0, (-120.0, -100.0, -180.0), (120.0, 60.0, 220.0)), man.bend
    )
    numbers = {patch.name: n for n, patch in enumerate(painted.patches, start=1)}
    labels = painted.labels(numbers)
    for side in Side:
        way = [numbers[name] for name in (f"kidney_pelvis_{side}", f"ureter_{side}", "bladder_wall", "bladder")]
        pieces, _ = ndimage.label(np.isin(labels, way), np.ones((3, 3, 3)))
        ends = [np.unique(pieces[labels == number]) for number in (way[0], way[1], way[3])]
        assert [len(end) for end in ends] == [1, 1, 1]
        assert len(np.unique(ends)) == 1


def test_the_gut_is_one_tube_from_gullet_to_rectum() -> None:
    grid = _grid(2.0, (-136.0, -128.0, -144.0), (144.0, 64.0, 320.0))
    painted = paint((*_structures(REFERENCE_MAN), *pelvis(REFERENCE_MAN)), grid, REFERENCE_MAN.bend)
    numbers = {patch.name: n for n, patch in enumerate(painted.patches, start=1)}
    labels = painted.labels(numbers)
    _, whole = ndimage.label(np.isin(labels, [numbers[name] for name in GUT]), np.ones((3, 3, 3)))
    assert whole == 1
    for one, other in pairwise(GUT):
        _, pieces = ndimage.label(np.isin(labels, [numbers[one], numbers[other]]), np.ones((3, 3, 3)))
        assert pieces == 1, (one, other)


@pytest.mark.parametrize("side", Side)
def test_the_ureter_crosses_the_iliac_artery_in_front(side: Side) -> None:
    way = course(REFERENCE_MAN, side)
    artery = centreline(COURSES[f"common_iliac_artery_{side}"])
    artery = np.concatenate([artery, centreline(COURSES[f"external_iliac_artery_{side}"])])[:, :3]
    apart = np.linalg.norm(way[:, None] - artery[None], axis=2)
    here, there = np.unravel_index(np.argmin(apart), apart.shape)
    assert 4.0 < apart[here, there] < 15.0
    assert way[here, 1] < artery[there, 1]
    level = np.interp(way[:, 2], artery[::-1, 2], artery[::-1, 0])
    inwards = (way[:, 0] - level) * (-1.0 if side is Side.LEFT else 1.0)
    assert inwards[np.argmin(np.abs(way[:, 2] - 35.0))] < 0 < inwards[np.argmin(np.abs(way[:, 2] + 30.0))]


@pytest.mark.parametrize("side", Side)
def test_a_kidney_is_a_bean_that_opens_to_the_middle(side: Side) -> None:
    parenchyma, _ = kidney(side)
    centre = np.array(KIDNEYS[side].centre)
    out = np.array(KIDNEYS[side].inwards) / np.linalg.norm(KIDNEYS[side].inwards)
    hilum, rim = _distance(parenchyma, np.array([centre - 24.0 * out, centre + 24.0 * out]))
    assert hilum > 0 > rim
    bean, hollow = _places(f"kidney_cortex_{side}"), _places(f"kidney_pelvis_{side}")
    assert np.abs(hollow[:, 0]).mean() < np.abs(bean[:, 0]).mean() - 5.0


def test_lungs_rest_on_liver_and_spleen() -> None:
    """Between lung and organ there is the diaphragm alone."""
    right, left, liver, spleen = (_places(name) for name in ("lung_right", "lung_left", "liver", "spleen"))
    for lung, organ, x, y in ((right, liver, -60, -40), (right, liver, -90, -20), (left, spleen, 90, 24)):
        floor, roof = (part[(np.abs(part[:, 0] - x) <= 1) & (np.abs(part[:, 1] - y) <= 1), 2] for part in (lung, organ))
        assert 0.0 < floor.min() - roof.max() <= 10.0


def test_the_heart_makes_its_notch_in_the_left_lung() -> None:
    left = _places("lung_left")
    front = left[left[:, 1] < -60.0]
    beside_heart = front[np.abs(front[:, 2] - 290.0) <= 2.0, 0].min()
    above_heart = left[np.abs(left[:, 2] - 365.0) <= 2.0, 0].min()
    assert beside_heart > above_heart + 25.0


def test_the_duodenum_runs_round_the_head_of_the_pancreas() -> None:
    gut, gland = _places("duodenum"), _places("pancreas")
    assert gut[:, 0].min() < gland[:, 0].min()
    assert gut[:, 2].min() < gland[:, 2].min() - 20.0
    under = gut[gut[:, 2] < gland[:, 2].min() - 20.0]
    assert under[:, 0].min() < -40.0
    assert under[:, 0].max() > 0.0


def test_long_tubes_looked_at_piece_by_piece_are_whole_tubes() -> None:
    line = loops()
    slow, fast = tube(line[:, :3], line[:, 3]), long_tube(line)
    dice = np.random.default_rng(5)
    points = dice.uniform(slow.low, slow.high, (40_000, 3)).astype(np.float32).T
    true = slow.distance(*points)
    assert np.allclose(fast.distance(*points), np.minimum(true, NEAR_MM), atol=1e-3)
    assert (fast.low, fast.high) == (slow.low, slow.high)


@pytest.mark.parametrize("organ", ["lung_left", "heart", "liver", "spleen", "stomach", "kidney_right", "colon"])
def test_a_mans_own_organ_grows_by_the_cube_of_its_scale(organ: str) -> None:
    man = replace(REFERENCE_MAN, organs={organ: OrganSize((1.1, 1.1, 1.1))})
    usual = {structure.name: structure for structure in _structures(REFERENCE_MAN)}
    changed = [(one, usual[one.name]) for one in _structures(man) if one.solid.low != usual[one.name].solid.low]
    names = {one.name for one, _ in changed if not one.name.startswith("ureter")}
    assert names
    grid = _grid(4.0, (-160.0, -150.0, -120.0), (170.0, 90.0, 450.0))
    for one, before in changed:
        if one.name in names:
            after, ml = (paint([each], grid, man.bend).volumes_ml()[one.name] for each in (one, before))
            assert after == pytest.approx(1.331 * ml, rel=0.03), one.name
