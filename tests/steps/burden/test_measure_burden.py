"""Burden against sums over the image's own voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.domain.image import PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.suv import SuvConversion
from psmap.domain.uptake import NOT_CLASSIFIED, Finding, UptakeSite, Verdict
from psmap.steps.burden import measure_burden
from psmap.steps.classification import await_verdict
from psmap.steps.detection import detect_by_definition, detect_sites

VOXEL_ML = 0.064


def three_blocks() -> PetImage:
    """Blocks of 27 voxels at SUV 10 and 5, one of 4 voxels (0.256 mL, small) at SUV 20, on SUV 0.5."""
    suv = np.full((20, 20, 40), 0.5, np.float32)
    suv[8:11, 8:11, 5:8] = 10.0
    suv[8:11, 8:11, 20:23] = 5.0
    suv[9, 9, 33:37] = 20.0
    grid = Grid(suv.shape, (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    return PetImage(grid, suv, SuvConversion((1.0,), "test", ()))


@pytest.fixture
def pet() -> PetImage:
    return three_blocks()


@pytest.fixture
def sites(pet: PetImage) -> tuple[UptakeSite, ...]:
    return detect_sites(pet, ReadParameters())


def test_unclassified_burden_is_the_sum_over_all_but_small_sites(pet: PetImage, sites: tuple[UptakeSite, ...]) -> None:
    burden = measure_burden(await_verdict(sites), detect_by_definition(pet, ReadParameters()))
    assert burden.scope == "all_sites_unclassified"
    assert burden.volume_ml == pytest.approx(54 * VOXEL_ML)
    assert burden.tl == pytest.approx(27 * VOXEL_ML * 15)
    assert burden.suv_mean == pytest.approx(7.5)
    for name, threshold in (("suv3", 3.0), ("suv4", 4.0), ("pct41", 0.41), ("pct50", 0.5)):
        entry = burden.by_definition[name]
        assert entry is not None
        assert entry.volume_ml == pytest.approx(54 * VOXEL_ML)
        assert entry.tl == pytest.approx(27 * VOXEL_ML * 15)
        assert entry.suv_mean == pytest.approx(7.5)
        assert entry.suv_max == 10.0
        assert (entry.sites, entry.small_sites, entry.open_sites) == (2, 1, 0)
        assert entry.threshold == threshold
    assert burden.by_definition["liver"] is None
    assert "tracer is not known" in burden.withheld["liver"]


def test_only_suspicious_findings_count_once_verdicts_exist(pet: PetImage, sites: tuple[UptakeSite, ...]) -> None:
    verdicts = {10.0: Verdict.PHYSIOLOGIC, 5.0: Verdict.SUSPICIOUS, 20.0: Verdict.SUSPICIOUS}
    findings = [Finding(site, verdicts[site.suv_max], "by the reader", "reader") for site in sites]
    burden = measure_burden(findings, detect_by_definition(pet, ReadParameters()))
    assert burden.scope == "suspicious"
    assert burden.volume_ml == pytest.approx(27 * VOXEL_ML)
    assert burden.tl == pytest.approx(27 * VOXEL_ML * 5)
    entry = burden.by_definition["suv4"]
    assert entry is not None
    assert (entry.sites, entry.small_sites, entry.suv_max) == (1, 1, 5.0)
    assert entry.tl == pytest.approx(27 * VOXEL_ML * 5)


def test_equivocal_with_a_reason_of_its_own_is_a_verdict(sites: tuple[UptakeSite, ...]) -> None:
    findings = [Finding(site, Verdict.EQUIVOCAL, "rib, no correlate", "reader") for site in sites]
    burden = measure_burden(findings, {"suv3": (3.0, sites)})
    entry = burden.by_definition["suv3"]
    assert entry is not None
    assert burden.scope == "suspicious"
    assert (burden.volume_ml, burden.tl, burden.suv_mean) == (0.0, 0.0, None)
    assert (entry.volume_ml, entry.tl, entry.suv_mean, entry.suv_max, entry.sites) == (0.0, 0.0, None, None, 0)


def test_a_site_shared_with_physiologic_uptake_counts_by_its_larger_part(sites: tuple[UptakeSite, ...]) -> None:
    tumour, organ = sites[1], sites[2]
    assert (tumour.suv_max, organ.suv_max) == (10.0, 5.0)
    findings = [
        Finding(tumour, Verdict.SUSPICIOUS, "bone", "reader"),
        Finding(organ, Verdict.PHYSIOLOGIC, "bladder", "reader"),
    ]
    mostly_tumour = replace(tumour, index=np.sort(np.concatenate((tumour.index, organ.index[:26]))))
    mostly_organ = replace(organ, index=np.sort(np.concatenate((tumour.index[:26], organ.index))))
    burden = measure_burden(findings, {"joined": (3.0, (mostly_tumour,)), "spilled": (3.0, (mostly_organ,))})
    joined, spilled = burden.by_definition["joined"], burden.by_definition["spilled"]
    assert joined is not None
    assert spilled is not None
    assert (joined.sites, spilled.sites) == (1, 0)


def test_open_contours_are_left_out_and_counted(sites: tuple[UptakeSite, ...]) -> None:
    unclosed = tuple(replace(site, open_contour=True) for site in sites)
    burden = measure_burden(await_verdict(unclosed), {"pct41": (0.41, unclosed)})
    entry = burden.by_definition["pct41"]
    assert entry is not None
    assert (entry.sites, entry.small_sites, entry.open_sites, entry.volume_ml) == (0, 1, 2, 0.0)
    assert burden.volume_ml == 0.0


def test_without_sites_there_is_no_burden(pet: PetImage) -> None:
    cold = PetImage(pet.grid, np.ones(pet.grid.shape, np.float32), pet.conversion)
    burden = measure_burden((), detect_by_definition(cold, ReadParameters()))
    assert burden.scope == "all_sites_unclassified"
    for name in ("suv3", "suv4", "pct41", "pct50"):
        entry = burden.by_definition[name]
        assert entry is not None
        assert (entry.volume_ml, entry.tl, entry.suv_mean, entry.suv_max, entry.sites) == (0.0, 0.0, None, None, 0)


def test_a_site_that_awaits_its_verdict_says_so(sites: tuple[UptakeSite, ...]) -> None:
    """Rooms of steps do not import each other: the words that pass between them must agree."""
    assert {finding.reason for finding in await_verdict(sites)} == {NOT_CLASSIFIED}
