"""A scanned man: the same by his seed, on every grid; his foci where they belong; his activity his own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psmap.catalog.load import tracer_by_name
from psmap.domain.image import CtImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.phantom.anatomy.draw import ManChoices
from psmap.phantom.anatomy.nodes import stations
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import PELVIS_MM, ScannedMan, man_of, scan_man
from psmap.steps.quantification import balance_activity

PSMA_11, PSMA_1007 = tracer_by_name("psma-11"), tracer_by_name("psma-1007")


@pytest.fixture(scope="module")
def man() -> ScannedMan:
    return scan_man(8, PSMA_1007, Scenario.OLIGO, voxel_mm=6.0)


def test_the_same_seed_gives_the_same_man(man: ScannedMan) -> None:
    again = scan_man(8, PSMA_1007, Scenario.OLIGO, voxel_mm=6.0)
    assert np.array_equal(again.suv, man.suv)
    assert np.array_equal(again.hu, man.hu)
    assert again.sites == man.sites
    other = scan_man(9, PSMA_1007, Scenario.OLIGO, voxel_mm=8.0, field_mm=PELVIS_MM)
    assert other.man != man.man


def test_he_is_the_same_on_every_grid_and_under_every_tracer(man: ScannedMan) -> None:
    coarse = scan_man(8, PSMA_1007, Scenario.OLIGO, voxel_mm=9.0, field_mm=PELVIS_MM)
    assert (coarse.man, coarse.sites) == (man.man, man.sites)
    renal = scan_man(8, PSMA_11, Scenario.OLIGO, voxel_mm=9.0, field_mm=PELVIS_MM)
    assert renal.man == man.man
    assert renal.uptake.suv["urine"] > 3.0 * coarse.uptake.suv["urine"]


def test_every_focus_lies_in_its_place(man: ScannedMan) -> None:
    """Its centre, taken back to the reference frame by a fine search, is inside its structure or station."""
    solids = {each.name: each.solid for each in (*stations(man.man), *structures_of(man.man))}
    assert man.sites
    for site in man.sites:
        solid = solids[site.focus.place]
        steps = np.linspace(0.0, 1.0, 40)
        low, high = np.array(solid.low), np.array(solid.high)
        lattice = np.stack(np.meshgrid(*(low[c] + steps * (high[c] - low[c]) for c in range(3)), indexing="ij"), -1)
        points = lattice.reshape(-1, 3)
        inside = points[solid.distance(*points.astype(np.float32).T) < 0.0]
        away = np.linalg.norm(man.man.bend.to_man(inside) - np.array(site.centre_mm), axis=1)
        assert away.min() <= np.linalg.norm((high - low) / 39.0)


def test_a_hot_focus_is_seen_and_only_where_it_is(man: ScannedMan) -> None:
    """Painted on the same man, a focus raises the sharp SUV by its own share there and changes nothing elsewhere."""
    lesions = [site for site in man.sites if site.focus.benign is None]
    assert lesions
    for site in lesions:
        k, j, i = np.rint(man.grid.to_index(site.centre_mm)[0]).astype(int)
        around = man.sharp[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2]
        ml = min(site.focus.volume_ml, man.grid.voxel_ml)
        assert around.max() >= 0.3 * site.focus.mean_suv * ml / man.grid.voxel_ml


def test_his_activity_is_the_one_he_was_given(man: ScannedMan) -> None:
    conversion = SuvConversion(
        (1.0,) * man.grid.shape[0], "made", (), weight_kg=man.man.weight_kg, height_m=man.man.height_m
    )
    ct = CtImage(man.grid, man.hu.copy())
    right = balance_activity(PetImage(man.grid, man.suv.copy(), conversion), ct)
    assert right is not None
    assert right.trusted is True
    pounds = replace(conversion, weight_kg=2.2046 * man.man.weight_kg)
    wrong = balance_activity(PetImage(man.grid, man.suv * np.float32(2.2046), pounds), ct)
    assert wrong is not None
    assert wrong.trusted is False


def test_a_recurrence_at_low_psa_comes_after_prostatectomy_unless_chosen_otherwise() -> None:
    """As the 270 men of its source (Calais 2018) did; of other men some have their prostate."""
    cut = [man_of(seed, Scenario.BCR_LOW_PSA).prostatectomy for seed in range(8)]
    assert all(cut)
    assert not all(man_of(seed, Scenario.OLIGO).prostatectomy for seed in range(8))
    assert not man_of(3, Scenario.BCR_LOW_PSA, ManChoices(prostatectomy=False)).prostatectomy
    assert man_of(3, Scenario.BCR_LOW_PSA, ManChoices(prostate_ml=40.0)).prostate_ml == 40.0
