"""Pelvis, muscles, body and drawn men, held against the reference man's figures and against published spreads.

Figures: the reference adult male, ICRP Publication 110, as measured for psmap; masses: ICRP Publication 89.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import label

from psmap.catalog.anatomy import load_anatomy
from psmap.catalog.tissues import load_tissues, tissue_of
from psmap.domain.geometry import Grid
from psmap.domain.refusal import Refused
from psmap.phantom.anatomy.bend import Bend, Wave
from psmap.phantom.anatomy.body import body
from psmap.phantom.anatomy.draw import ManChoices, draw_man, mass_kg, median_prostate_ml
from psmap.phantom.anatomy.man import REFERENCE_MAN, Arms, Man, OrganSize, Side
from psmap.phantom.anatomy.muscles import muscles
from psmap.phantom.anatomy.paint import Layer, Painted, Structure, paint
from psmap.phantom.anatomy.pelvis import fitted, pelvis, zones_ml
from psmap.phantom.anatomy.solids import Solid, ellipsoid
from psmap.phantom.anatomy.stack import Rod, stack, stacked
from psmap.phantom.anatomy.whole import structures_of

YOUNG = replace(REFERENCE_MAN, prostate_ml=16.5)
"""The man of the figures: his prostate has no hyperplasia."""
OPERATED = replace(REFERENCE_MAN, prostatectomy=True, prostate_ml=0.0, bladder_ml=120.0)
BENT = Bend((1.04, 1.1, 0.97), (3.0, -8.0, 5.0), (Wave((3.0, 2.0, 4.0), (1 / 500, 1 / 700, 1 / 450), 0.4),))
SOFT, MARROW, CORTEX = 1.05, 1.1, 1.92
KG_PER_L = {"skin": 1.09, "fat": 0.95, "visceral_fat": 0.95, "mesorectum": 0.95, "nasal_air": 0.0, "trachea": 0.0}
"""ICRP Publication 110, table A.1; lungs 0.4; marrow with its spongy bone 1.1."""


def _grid(low: tuple[float, float, float], high: tuple[float, float, float], step: float) -> Grid:
    i, j, k = (int((b - a) / step) + 1 for a, b in zip(low, high, strict=True))
    return Grid((k, j, i), low, ((0.0, 0.0, step), (0.0, step, 0.0), (step, 0.0, 0.0)))


def _pelvis_grid(bend: Bend = REFERENCE_MAN.bend, step: float = 2.0) -> Grid:
    low, high = bend.box((-95.0, -105.0, -295.0), (90.0, 70.0, 160.0))
    return _grid((low[0], low[1], low[2]), (high[0], high[1], high[2]), step)


def _whole_grid(man: Man, step: float = 4.0) -> Grid:
    skin = body(man)[0].solid
    low, high = man.bend.box(skin.low, skin.high)
    x, y, z = low - 2.0 * step
    return _grid((x, y, z), (high[0] + 2.0 * step, high[1] + 2.0 * step, high[2] + 2.0 * step), step)


@cache
def _pelvis_of_young() -> Painted:
    return paint((*muscles(YOUNG), *pelvis(YOUNG)), _pelvis_grid(), YOUNG.bend)


def _where(painted: Painted, *names: str) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Visible volume (mL), centroid and both ends along x, y, z (mm) of structures taken together.

    The ends are the 0.5th and the 99.5th percentile, as those of the figures are.
    """
    labels = painted.labels({patch.name: 1 + (patch.name in names) for patch in painted.patches})
    places = painted.grid.to_mm(np.argwhere(labels == 2))
    half = painted.grid.spacing_mm[0] / 2.0
    low, high = np.percentile(places, (0.5, 99.5), axis=0)
    volume = sum(ml for name, ml in painted.volumes_ml().items() if name in names)
    return volume, places.mean(axis=0), np.stack([low - half, high + half])


@pytest.mark.parametrize(
    ("names", "ml", "centre", "low", "high"),
    [
        (("bladder", "bladder_wall"), 240.4, (-0.6, -32.6, -101.6), (-39.7, -68.7, -140), (39.4, 6.1, -68)),
        (
            ("prostate_peripheral", "prostate_central", "prostate_transition"),
            16.5, (-2.9, -13.3, -151.3), (-16.2, -26.0, -172), (9.5, 6.1, -132),
        ),
        (("rectum",), 28.8, (-9.7, 24.9, -114.7), (-39.7, -2.5, -132), (11.6, 46.7, -100)),
        (("testis_left",), 16.8, (9.6, -63.7, -252.1), (0.9, -87.3, -284), (22.3, -38.8, -228)),
        (("testis_right",), 16.8, (-4.8, -59.1, -253.2), (-15.6, -81.6, -284), (0.9, -30.2, -228)),
    ],
)  # fmt: skip
def test_organs_of_the_pelvis_stand_where_the_figures_say(
    names: tuple[str, ...],
    ml: float,
    centre: tuple[float, float, float],
    low: tuple[float, float, float],
    high: tuple[float, float, float],
) -> None:
    """Volumes and extents within 15 % or one 8 mm slice, whichever is more; centroids within 15 mm."""
    volume, middle, ends = _where(_pelvis_of_young(), *names)
    length = np.array(high) - np.array(low)
    assert abs(volume - ml) <= max(0.15 * ml, ml * 8.0 / length[2])
    assert np.linalg.norm(middle - np.array(centre)) <= 15.0
    assert np.all(np.abs(np.ptp(ends, axis=0) - length) <= np.maximum(0.15 * length, 8.0))


@pytest.mark.parametrize("bend", [Bend(), BENT])
@pytest.mark.parametrize(("bladder_ml", "operated"), [(30.0, False), (200.0, False), (450.0, False), (150.0, True)])
def test_the_bladder_holds_what_the_man_has(bend: Bend, bladder_ml: float, operated: bool) -> None:
    man = replace(OPERATED if operated else YOUNG, bladder_ml=bladder_ml, bend=bend)
    painted = paint(pelvis(man), _pelvis_grid(bend), bend)
    assert painted.volumes_ml()["bladder"] == pytest.approx(bladder_ml, rel=0.03)


@pytest.mark.parametrize(("ml", "bend"), [(16.5, Bend()), (40.0, Bend()), (40.0, BENT), (110.0, Bend())])
def test_the_zones_make_the_prostate(ml: float, bend: Bend) -> None:
    man = replace(REFERENCE_MAN, prostate_ml=ml, bend=bend)
    found = paint(pelvis(man), _pelvis_grid(bend, 1.5), bend).volumes_ml()
    zones = {name.removeprefix("prostate_"): found[name] for name in found if name.startswith("prostate_")}
    assert sum(zones.values()) == pytest.approx(ml, rel=0.03)
    for name, wanted in zones_ml(ml).items():
        assert zones[name] == pytest.approx(wanted, rel=0.12, abs=0.5)


def test_zones_as_mcneal_and_kaplan_found_them() -> None:
    """70, 25 and 5 % without hyperplasia (McNeal 1988); about half of 40 mL is transition zone (Kaplan 1995)."""
    young = zones_ml(16.5)
    assert (young["peripheral"], young["central"], young["transition"]) == pytest.approx((11.55, 4.125, 0.825))
    assert zones_ml(40.0)["transition"] / 40.0 == pytest.approx(0.5, abs=0.08)


def test_prostatectomy_leaves_a_bed_and_an_anastomosis_and_nothing_of_the_prostate() -> None:
    names = {structure.name for structure in pelvis(OPERATED)}
    assert {"prostate_bed", "vesicourethral_anastomosis"} <= names
    left = {name for name in names if name.startswith(("prostate_", "seminal_vesicle"))}
    assert left == {"prostate_bed"}
    painted = paint(pelvis(OPERATED), _pelvis_grid(), OPERATED.bend)
    _, urine, urine_ends = _where(painted, "bladder")
    _, seam, _ = _where(painted, "vesicourethral_anastomosis")
    # the neck reaches down to the seam, as it does after the operation
    assert urine_ends[0, 2] - seam[2] < 18.0
    assert urine[2] > seam[2] + 30.0


def test_a_solid_is_fitted_to_its_volume() -> None:
    """A ball of 36 pi mL has a radius of 30 mm."""
    ball = fitted(lambda radius: ellipsoid((0.0, 0.0, 0.0), (radius,) * 3), 36.0 * np.pi, 5.0, 60.0)
    assert ball.high[0] == pytest.approx(30.0, abs=0.2)
    with pytest.raises(ValueError, match="mL"):
        fitted(lambda radius: ellipsoid((0.0, 0.0, 0.0), (radius,) * 3), 0.0, 5.0, 60.0)


def test_muscles_are_as_large_as_published() -> None:
    """Psoas 9 cm2 at L3, 13 cm2 at L5, both within a third; pelvic floor 46 mL and the sphincters of the anal canal."""
    painted = _pelvis_of_young()
    labels = painted.labels({"psoas_left": 1})
    for z, cm2 in ((62.0, 9.0), (10.0, 13.0)):
        k = round((z - painted.grid.origin_mm[2]) / 2.0)
        assert np.count_nonzero(labels[k]) * 0.04 == pytest.approx(cm2, rel=0.33)
    found = painted.volumes_ml()
    assert 40.0 < found["levator_ani"] < 80.0
    assert found["obturator_internus_left"] == pytest.approx(40.0, rel=0.3)


# z, width, depth (mm), area (cm2) of the trunk without hanging arms, of both legs, of the head
OUTLINE = [
    (-208, 380.3, 194.4, 584.8), (-128, 371.8, 196.6, 611.0), (-48, 352.6, 194.4, 577.6), (0, 337.6, 200.8, 555.0),
    (80, 307.7, 207.3, 545.0), (160, 303.4, 230.8, 587.8), (240, 333.3, 235.0, 652.5), (336, 478.7, 213.7, 796.0),
    (400, 440.2, 168.8, 563.1), (432, 416.7, 147.4, 458.2), (520, 136.7, 179.5, 180.8), (600, 181.6, 230.8, 272.0),
    (664, 151.7, 196.6, 244.4), (-400, None, 149.6, 306.2), (-720, None, 85.4, 174.8), (-1000, None, 226.5, 277.2),
]  # fmt: skip


@cache
def _layers(arms: Arms) -> Painted:
    man = replace(YOUNG, arms=arms)
    return paint(body(man), _whole_grid(man), man.bend)


def test_the_outline_is_the_figures() -> None:
    """Within 10 %: the gate of the digital man."""
    painted = _layers(Arms.DOWN)
    inside = painted.labels({patch.name: 1 for patch in painted.patches}) > 0
    x = painted.grid.origin_mm[0] + 4.0 * np.arange(painted.grid.shape[2])
    for z, width, depth, area in OUTLINE:
        k = round((z - painted.grid.origin_mm[2]) / 4.0)
        near = np.abs(x - 5.0) < (width or 400.0) / 2.0 + (6.0 if z < 320 else 12.0)
        rows, columns = np.nonzero(inside[k] & near)
        assert 4.0 * (np.ptp(rows) + 1) == pytest.approx(depth, rel=0.10), z
        assert 0.16 * len(rows) == pytest.approx(area, rel=0.10), z
        if width is not None:
            assert 4.0 * (np.ptp(columns) + 1) == pytest.approx(width, rel=0.10), z


@cache
def _volumes(man_of: str) -> dict[str, float]:
    men = {"down": YOUNG, "up": replace(YOUNG, arms=Arms.UP)}
    man = men[man_of]
    return paint(structures_of(man), _whole_grid(man), man.bend).volumes_ml()


def _kg(name: str, ml: float) -> float:
    if name in KG_PER_L:
        return KG_PER_L[name] * ml / 1000.0
    group = load_anatomy()[name].group if name in load_anatomy() else "organ"
    density = {"bone": CORTEX, "marrow": MARROW}.get(group, 0.4 if name.startswith("lung_") else SOFT)
    return density * ml / 1000.0


@pytest.mark.parametrize("arms", ["down", "up"])
def test_the_reference_man_weighs_73_kg(arms: str) -> None:
    """Skin 3.3 kg (3.4 L in the figures), muscle 29 kg, fat 18.2 kg: ours are within 15 %, the whole within 2 %."""
    found = _volumes(arms)
    masses = {name: _kg(name, ml) for name, ml in found.items()}
    assert sum(masses.values()) == pytest.approx(73.0, rel=0.02)
    assert found["skin"] == pytest.approx(3419.7, rel=0.15)
    muscle = sum(kg for name, kg in masses.items() if name.startswith(("muscle", "psoas", "obturator", "levator")))
    assert muscle == pytest.approx(29.0, rel=0.15)
    assert masses["fat"] + masses["visceral_fat"] + masses["mesorectum"] == pytest.approx(18.2, rel=0.15)


@pytest.mark.parametrize("bmi", [None, 19.0, 40.0])
@pytest.mark.parametrize("arms", list(Arms))
def test_the_skin_encloses_everything(arms: Arms, bmi: float | None) -> None:
    """Of the reference man, of a lean one whose bones lie right under the skin, and of a stout one."""
    lean_or_stout = ManChoices(height_m=1.75, bmi=bmi, arms=arms)
    man = replace(YOUNG, arms=arms) if bmi is None else draw_man(np.random.default_rng(2), lean_or_stout)
    painted = paint(structures_of(man), _whole_grid(man), man.bend)
    skin = next(patch for patch in painted.patches if patch.name == "skin")
    within = np.zeros(painted.grid.shape, np.uint8)
    within[skin.box] = skin.share
    for patch in painted.patches:
        out = (patch.share > 200) & (within[patch.box] < 125)
        assert np.count_nonzero(out) * painted.grid.voxel_ml <= 0.3, patch.name
    edge = np.ones(painted.grid.shape, bool)
    edge[1:-1, 1:-1, 1:-1] = False
    assert not np.any(within[edge] > 0)


@pytest.mark.parametrize("bmi", [19.0, 28.0, 40.0])
def test_hanging_arms_are_apart_from_the_trunk(bmi: float) -> None:
    """From the waist to the hips there is air between them, however stout he is: trunk and two arms, three pieces."""
    man = draw_man(np.random.default_rng(2), ManChoices(height_m=1.75, bmi=bmi, arms=Arms.DOWN))
    grid = _whole_grid(man)
    skin = paint(body(man)[:1], grid, man.bend).labels({"skin": 1}) > 0
    for z in (120.0, 60.0, 0.0, -60.0, -120.0):
        k = round((man.bend.to_man([(0.0, 0.0, z)])[0, 2] - grid.origin_mm[2]) / 4.0)
        assert label(skin[k])[1] == 3, z


def test_the_catalogue_knows_what_the_reference_man_holds() -> None:
    """`reference_ml` is what is painted, within 3 %; `validation/men/reference_masses.py` measures it anew."""
    man = replace(REFERENCE_MAN, prostate_ml=40.0)
    found: dict[str, float] = {}
    for name, ml in paint(structures_of(man), _whole_grid(man), man.bend).volumes_ml().items():
        found[tissue_of(name).name] = found.get(tissue_of(name).name, 0.0) + ml
    for tissue in load_tissues().values():
        if tissue.reference_ml > 0.0:
            assert found[tissue.name] == pytest.approx(tissue.reference_ml, rel=0.03, abs=0.3), tissue.name


@pytest.mark.parametrize("seed", [0, 5])
def test_a_drawn_man_weighs_what_he_says(seed: int) -> None:
    man = draw_man(np.random.default_rng(seed))
    painted = paint(structures_of(man), _whole_grid(man), man.bend)
    total = sum(_kg(name, ml) for name, ml in painted.volumes_ml().items() if name != "hip_prosthesis")
    assert total == pytest.approx(man.weight_kg, rel=0.03)
    assert mass_kg(man) == pytest.approx(man.weight_kg, rel=0.005)


def test_fat_thickens_the_fat_and_leaves_the_muscle() -> None:
    lean, stout = (paint(body(man), _whole_grid(man, 8.0), man.bend).volumes_ml() for man in (
        replace(YOUNG, fat_mm=-6.0), replace(YOUNG, fat_mm=12.0)
    ))  # fmt: skip
    usual = paint(body(YOUNG), _whole_grid(YOUNG, 8.0), YOUNG.bend).volumes_ml()
    assert lean["fat"] < 0.75 * usual["fat"] < 0.75 * stout["fat"]
    assert stout["muscle"] == pytest.approx(usual["muscle"], rel=0.01)


def test_a_prosthesis_stands_in_the_hip() -> None:
    for side, out in ((Side.LEFT, 1.0), (Side.RIGHT, -1.0)):
        man = replace(YOUNG, prosthesis=side)
        implant = next(structure for structure in body(man) if structure.name == "hip_prosthesis")
        grid = _grid((-160.0, -80.0, -340.0), (160.0, 60.0, -80.0), 2.0)
        volume, centre, _ = _where(paint([implant], grid, man.bend), "hip_prosthesis")
        assert out * centre[0] > 80.0
        assert 40.0 < volume < 120.0


def test_a_man_is_his_seed() -> None:
    one, two = (draw_man(np.random.default_rng(11)) for _ in range(2))
    assert one == two
    other = draw_man(np.random.default_rng(12))
    assert other != one
    # what is given takes the place of one die only
    told = draw_man(np.random.default_rng(11), ManChoices(bladder_ml=77.0, arms=Arms.DOWN))
    assert (told.bladder_ml, told.arms) == (77.0, Arms.DOWN)
    assert (told.height_m, told.weight_kg, told.organs) == (one.height_m, one.weight_kg, one.organs)
    assert told.prostate_ml == one.prostate_ml


def test_every_choice_can_be_made() -> None:
    organs = {"liver": OrganSize((1.1, 1.1, 1.1))}
    choices = ManChoices(
        height_m=1.7, weight_kg=80.0, age_years=61.0, arms=Arms.UP, bladder_ml=50.0, prostate_ml=33.0,
        prostatectomy=False, prosthesis=Side.RIGHT,
    )  # fmt: skip
    man = draw_man(np.random.default_rng(3), choices, organs=organs, bend=BENT)
    assert (man.height_m, man.weight_kg, man.age_years, man.arms) == (1.7, 80.0, 61.0, Arms.UP)
    assert (man.bladder_ml, man.prostate_ml, man.prosthesis, man.bend) == (50.0, 33.0, Side.RIGHT, BENT)
    assert man.organs is organs
    assert draw_man(np.random.default_rng(3), ManChoices(prosthesis=False)).prosthesis is None
    stout = draw_man(np.random.default_rng(3), ManChoices(bmi=35.0))
    assert stout.weight_kg == pytest.approx(35.0 * stout.height_m**2)
    assert stout.height_m == draw_man(np.random.default_rng(3)).height_m
    assert draw_man(np.random.default_rng(3), ManChoices(prostatectomy=True)).prostate_ml == 0.0


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"height_m": 1.4}, "height of 1.4 m"),
        ({"weight_kg": float("nan")}, "weight of nan kg"),
        ({"bmi": 50.0}, "BMI of 50"),
        ({"age_years": 20.0}, "age of 20"),
        ({"bladder_ml": 900.0}, "bladder of 900"),
        ({"bmi": 30.0, "weight_kg": 90.0}, "two choices of one thing"),
        ({"prostatectomy": True, "prostate_ml": 30.0}, "no prostate"),
        ({"height_m": 1.9, "weight_kg": 60.0}, "BMI of 16.6"),
    ],
)
def test_a_man_that_cannot_be_is_refused(choices: dict[str, float], says: str) -> None:
    with pytest.raises(Refused, match=says):
        draw_man(np.random.default_rng(3), ManChoices(**choices))  # type: ignore[arg-type]


@cache
def _men() -> tuple[Man, ...]:
    return tuple(draw_man(np.random.default_rng([2026, n])) for n in range(300))


@pytest.mark.parametrize(
    ("organ", "spread"), [("liver", 288 / 1710), ("spleen", 88 / 198), ("kidney_left", 34 / 177), ("heart", 32 / 166)]
)
def test_organs_spread_as_published(organ: str, spread: float) -> None:
    """HALT-PKD's healthy men 2015, Caglar 2014, Kwon 2008, Petersen 2017: standard deviation over mean, within 15 %."""
    size = np.array([np.prod(man.bend.scale) * np.prod(man.organs[organ].scale) for man in _men()])
    assert size.std() / size.mean() == pytest.approx(spread, rel=0.15)
    assert size.mean() == pytest.approx(1.0, abs=0.08)


def test_men_are_as_old_and_as_large_as_published() -> None:
    """Korb 2025: 70.3 +- 7.6 years, 56.8 % after prostatectomy; Ogden 2004: 1.74 m, 28 kg/m2."""
    age = np.array([man.age_years for man in _men()])
    assert (age.mean(), age.std()) == pytest.approx((70.3, 7.6), rel=0.07)
    assert age.min() >= 44.0
    assert age.max() <= 90.0
    assert np.mean([man.prostatectomy for man in _men()]) == pytest.approx(0.568, abs=0.07)
    assert np.mean([man.height_m for man in _men()]) == pytest.approx(1.74, abs=0.015)
    assert np.mean([man.weight_kg / man.height_m**2 for man in _men()]) == pytest.approx(28.0, abs=0.8)


def test_prostates_grow_with_age_and_spread_as_published() -> None:
    """Means 24 mL at 50 and 38 mL at 80 years (Berges 2011), 43 % on the log scale (Korb 2025)."""
    mean = np.exp(0.5 * 0.43**2)
    assert median_prostate_ml(50.0) * mean == pytest.approx(24.0, rel=0.01)
    assert median_prostate_ml(80.0) * mean == pytest.approx(38.0, rel=0.01)
    kept = [man for man in _men() if not man.prostatectomy]
    rest = np.log([man.prostate_ml / median_prostate_ml(man.age_years) for man in kept])
    assert rest.std() == pytest.approx(0.43, abs=0.06)
    assert rest.mean() == pytest.approx(0.0, abs=0.1)


def test_men_have_voided() -> None:
    """Residual urine of Kolman 1999 (median 9.5 mL) and some minutes' urine: a median of 50 to 130 mL."""
    urine = np.array([man.bladder_ml for man in _men()])
    assert 50.0 < np.median(urine) < 130.0
    assert urine.max() <= 500.0
    assert np.mean(urine > 200.0) < 0.2


def test_nothing_folds() -> None:
    """The steepest strain of all waves together stays far from one."""
    for man in _men():
        strain = sum(
            2.0 * np.pi * np.linalg.norm(wave.amplitude_mm) * np.linalg.norm(wave.per_mm) for wave in man.bend.waves
        )
        assert strain < 0.35


@pytest.mark.parametrize(
    ("solid", "ml"),
    [
        (stacked([stack([(-40, 2, 1, 40, 25), (40, 2, 1, 40, 25)])]), np.pi * 4.0 * 2.5 * 8.0),
        # a superellipse of power p covers 4 a b Gamma(1 + 1/p)^2 / Gamma(1 + 2/p); 4 is 3.7081 a b, sheared or not
        (stacked([stack([(-40, 0, 0, 40, 25, 4.0, 0.3), (40, 0, 0, 40, 25, 4.0, 0.3)])]), 3.70815 * 4.0 * 2.5 * 8.0),
        # the frustum of a cone, with the rod in it
        (
            stacked([stack([(-40, 0, 0, 20, 20), (40, 0, 0, 40, 40)])], [Rod((0, 0, -30), (0, 0, 30), 9.0, 9.0)]),
            np.pi * 8.0 / 3.0 * (4.0 + 8.0 + 16.0),
        ),
        # a round rod flattened to twice its depth has twice its volume
        (
            stacked([stack([(-4, 0, 0, 5, 5), (4, 0, 0, 5, 5)])], [Rod((0, 0, -30), (0, 0, 30), 12.0, 12.0, 2.0)]),
            2.0 * np.pi * (1.44 * 6.0 + 4.0 / 3.0 * 1.728),
        ),
    ],
)
def test_stacks_and_rods_hold_what_geometry_says(solid: Solid, ml: float) -> None:
    painted = paint([Structure("one", solid, Layer.SKIN)], _grid((-60.0,) * 3, (60.0,) * 3, 2.0), Bend())
    assert painted.volumes_ml()["one"] == pytest.approx(ml, rel=0.02)
    points = np.random.default_rng(1).uniform(-70, 70, (3, 20_000)).astype(np.float32)
    inside = solid.distance(*points) < 0
    for place, low, high in zip(points, solid.low, solid.high, strict=True):
        assert np.all((place[inside] >= low - 1e-3) & (place[inside] <= high + 1e-3))


def test_a_narrowed_stack_leaves_its_skin() -> None:
    """A cylinder of 40 mm with 5 mm taken off at the sides and 3 and 7 mm in front and behind: an ellipse 35 x 35."""
    whole = stack([(-40, 0, 0, 40, 40), (40, 0, 0, 40, 40)])
    inner = whole.narrowed(5.0, 3.0, 7.0)
    assert inner.rows[0].tolist() == [-40.0, 0.0, -2.0, 35.0, 35.0, 2.0, 0.0]
    assert whole.mirrored(10.0).rows[0, 1] == 20.0


def test_every_structure_of_these_rooms_is_in_the_vocabulary() -> None:
    vocabulary = load_anatomy()
    rooms: tuple[Structure, ...] = ()
    for man in (YOUNG, replace(OPERATED, prosthesis=Side.LEFT)):
        rooms += (*body(man), *muscles(man), *pelvis(man))
    for structure in rooms:
        assert structure.name in vocabulary
        laterality = vocabulary[structure.name].laterality
        assert laterality == (structure.name.split("_")[-1] if structure.name.endswith(("_left", "_right")) else None)
