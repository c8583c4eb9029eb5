"""The liver threshold against its vectors, percent contours against SimpleITK, open contours, and all definitions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage

from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import ReadParameters, Threshold, ThresholdKind
from psmap.domain.refusal import Refused
from psmap.domain.suv import SuvConversion
from psmap.domain.tracer import Tracer
from psmap.steps.detection import DEFINITIONS, detect_by_definition, detect_sites, liver_threshold_suv

PSMA_11 = Tracer("psma-11", "68Ga-PSMA-11", "68Ga", True, 4057.74, (), (), "liver", True, (50, 100), (111, 259), "test")
PSMA_1007 = replace(PSMA_11, id="psma-1007", name="18F-PSMA-1007", liver_threshold=False)
PERCENT = ReadParameters(threshold=Threshold(ThresholdKind.PERCENT_OF_MAX, 0.41))


def pet_of(suv: np.ndarray, mm: float = 4.0) -> PetImage:
    grid = Grid(suv.shape, (0.0, 0.0, 0.0), ((0.0, 0.0, mm), (0.0, mm, 0.0), (mm, 0.0, 0.0)))
    return PetImage(grid, suv.astype(np.float32), SuvConversion((1.0,), "test", ()))


def liver_pet(mean: float, deviation: float) -> tuple[PetImage, LabelImage]:
    """A liver of 64 voxels, half of them one deviation above the mean and half below."""
    suv = np.zeros((8, 8, 8))
    labels = np.zeros((8, 8, 8), np.int32)
    labels[:4, :4, :4] = 1
    suv[:4, :4, :4] = mean + deviation * np.where(np.arange(4) % 2, 1, -1)
    pet = pet_of(suv)
    return pet, LabelImage(pet.grid, labels)


@pytest.mark.parametrize(
    ("mean", "deviation", "threshold"), [(5.0, 1.0, 5.16), (4.3, 0.9, 5.20), (6.5, 1.2, 5.09384615)]
)
def test_liver_threshold_vectors(mean: float, deviation: float, threshold: float) -> None:
    """Vectors of the rule sheet, 4."""
    pet, liver = liver_pet(mean, deviation)
    assert liver_threshold_suv(pet, liver, PSMA_11) == pytest.approx(threshold, abs=2e-7)


def test_liver_threshold_is_refused_where_it_is_not_defined() -> None:
    pet, liver = liver_pet(5.0, 1.0)
    with pytest.raises(Refused, match="PSMA-11 only, not for 18F-PSMA-1007"):
        liver_threshold_suv(pet, liver, PSMA_1007)
    with pytest.raises(Refused, match="tracer is not known"):
        liver_threshold_suv(pet, liver, None)
    with pytest.raises(Refused, match="needs a mask"):
        liver_threshold_suv(pet, None, PSMA_11)


def test_liver_masks_that_cannot_be_used_are_refused() -> None:
    pet, liver = liver_pet(5.0, 1.0)
    labels = np.array(liver.labels)
    with pytest.raises(Refused, match="empty"):
        liver_threshold_suv(pet, LabelImage(pet.grid, labels * 0), PSMA_11)
    with pytest.raises(Refused, match="9 voxels, too few"):
        few = np.where(np.arange(512).reshape(8, 8, 8) < 9, 1, 0)
        liver_threshold_suv(pet, LabelImage(pet.grid, few.astype(np.int32)), PSMA_11)
    with pytest.raises(Refused, match="not on the PET's"):
        moved = replace(pet.grid, origin_mm=(0.0, 0.0, 4.0))
        liver_threshold_suv(pet, LabelImage(moved, labels), PSMA_11)
    with pytest.raises(Refused, match=r"mean SUV .* is 0\.0"):
        liver_threshold_suv(pet_of(np.zeros((8, 8, 8))), liver, PSMA_11)
    labels = labels.copy()
    labels[7, 7, 7] = 2
    with pytest.raises(Refused, match="not clear which is the liver"):
        liver_threshold_suv(pet, LabelImage(pet.grid, labels), PSMA_11)
    named = LabelImage(pet.grid, labels.copy(), {1: "Liver", 2: "spleen"})
    assert liver_threshold_suv(pet, named, PSMA_11) == pytest.approx(5.16)


def hills(heights: tuple[float, ...], background: float, sigma: float = 2.0) -> PetImage:
    """Gaussian hills 18 voxels apart along i, on a level background."""
    k, j, i = np.mgrid[0:18, 0:18, 0 : 18 * len(heights)]
    suv = np.full(k.shape, background)
    for n, height in enumerate(heights):
        square = (k - 9) ** 2 + (j - 9) ** 2 + (i - 18 * n - 9) ** 2
        suv = suv + (height - background) * np.exp(-square / (2 * sigma**2))
    return pet_of(suv)


@pytest.mark.parametrize("fraction", [0.41, 0.5])
def test_contours_of_lone_lesions_are_those_of_simpleitk(fraction: float) -> None:
    """Above and below the seed SUV: 41 % of 20 is 8.2, of 6 it is 2.46, of 3.5 it is 1.4."""
    pet = hills((20.0, 6.0, 3.5), 0.3)
    parameters = replace(PERCENT, threshold=Threshold(ThresholdKind.PERCENT_OF_MAX, fraction))
    sites = detect_sites(pet, parameters)
    image = SimpleITK.GetImageFromArray(np.array(pet.suv))
    assert [round(site.suv_max, 3) for site in sites] == [20.0, 6.0, 3.5]
    for site in sites:
        x, y, z = (round(mm / 4) for mm in site.max_mm)
        peer = SimpleITK.ConnectedThreshold(
            image,
            [(x, y, z)],
            lower=float(np.float32(fraction * site.suv_max)),
            upper=100.0,
            connectivity=SimpleITK.ConnectedThresholdImageFilter.FullConnectivity,
        )
        assert np.array_equal(site.index, np.flatnonzero(SimpleITK.GetArrayFromImage(peer).ravel()))
        assert not site.open_contour


def test_a_contour_below_its_background_is_open_and_keeps_the_seed() -> None:
    """41 % of 6 is 2.46: under a background of 2.6 the contour would be the body; under 2.3 it is closed."""
    (closed,) = detect_sites(hills((6.0,), 2.3), PERCENT)
    (opened,) = detect_sites(hills((6.0,), 2.6), PERCENT)
    assert not closed.open_contour
    assert opened.open_contour
    assert np.array_equal(opened.index, np.flatnonzero(hills((6.0,), 2.6).suv >= 3.0))


def test_a_tenth_of_the_shell_decides() -> None:
    """A plate of warm tissue beside the lesion: what counts is its share of the shell, not that it is there."""
    pet = hills((6.0,), 0.5)
    parts = []
    for thickness in (1, 7):
        suv = np.array(pet.suv)
        suv[:, :, 18 - thickness :] = np.maximum(suv[:, :, 18 - thickness :], 2.8)
        (site,) = detect_sites(pet_of(suv), PERCENT)
        parts.append(site.open_contour)
    assert parts == [False, True]


def test_a_contour_that_runs_off_along_a_vessel_is_open() -> None:
    """A line of one voxel is little of the shell, yet the contour follows it; the seed ends 2 voxels off, the box 5."""
    lesion = hills((6.0,), 0.5)
    (alone,) = detect_sites(lesion, PERCENT)
    suv = np.full((18, 18, 54), 0.5)
    suv[:, :, :18] = lesion.suv
    for length, runs_off in ((15, False), (54, True)):
        vessel = suv.copy()
        vessel[9, 9, 9:length] = np.maximum(vessel[9, 9, 9:length], 2.8)
        (site,) = detect_sites(pet_of(vessel), PERCENT)
        assert site.open_contour is runs_off
        assert (site.voxels > alone.voxels) is not runs_off
        assert bool(site.voxels == np.count_nonzero(vessel >= 3.0)) is runs_off


def test_neighbours_do_not_take_each_others_voxels() -> None:
    """Two hills whose 41 % contours would overlap: seeds are walls, and the hotter takes what lies between."""
    k, j, i = np.mgrid[0:15, 0:15, 0:31]

    def hill(centre: int, height: float) -> np.ndarray:
        return height * np.exp(-((k - 7) ** 2 + (j - 7) ** 2 + (i - centre) ** 2) / (2 * 2.5**2))

    pet = pet_of(hill(11, 7.0) + hill(19, 6.0))
    seeds = detect_sites(pet, ReadParameters())
    first, second = detect_sites(pet, PERCENT)
    assert len(np.intersect1d(first.index, second.index)) == 0
    assert not first.open_contour
    assert not second.open_contour
    for contour, seed, stranger in ((first, seeds[0], seeds[1]), (second, seeds[1], seeds[0])):
        assert np.isin(seed.index, contour.index).all()
        assert not np.isin(contour.index, stranger.index).any()
        assert contour.voxels > seed.voxels
        assert float(pet.suv.ravel()[contour.index].min()) >= np.float32(0.41 * contour.suv_max)
    reached = pet.suv >= np.float32(0.41 * first.suv_max)
    reached.ravel()[seeds[1].index] = False
    labels, _ = ndimage.label(reached, np.ones((3, 3, 3)))
    assert np.array_equal(first.index, np.flatnonzero(labels.ravel() == labels.ravel()[first.index[0]]))


def test_every_definition_at_once_is_what_each_gives_alone() -> None:
    pet = hills((20.0, 6.0, 3.5), 0.3)
    labels = np.zeros(pet.grid.shape, np.int32)
    labels[0:2, 0:2, 0:5] = 1
    liver = LabelImage(pet.grid, labels)
    together = detect_by_definition(pet, ReadParameters(), tracer=PSMA_11, liver=liver)
    assert list(together) == ["suv3", "suv4", "pct41", "pct50", "liver"] == list(DEFINITIONS)
    for name, threshold in DEFINITIONS.items():
        known = together[name]
        assert not isinstance(known, str)
        used, sites = known
        alone = detect_sites(pet, replace(ReadParameters(), threshold=threshold), tracer=PSMA_11, liver=liver)
        assert used == (threshold.value or liver_threshold_suv(pet, liver, PSMA_11))
        assert [s.index.tolist() for s in sites] == [s.index.tolist() for s in alone]
        assert [(s.tlu, s.suv_peak, s.small) for s in sites] == [(s.tlu, s.suv_peak, s.small) for s in alone]


def test_the_liver_definition_is_withheld_with_its_reason() -> None:
    pet, liver = liver_pet(5.0, 1.0)
    assert "needs a mask" in str(detect_by_definition(pet, ReadParameters(), tracer=PSMA_11)["liver"])
    reason = detect_by_definition(pet, ReadParameters(), tracer=PSMA_1007, liver=liver)["liver"]
    assert reason == "the liver threshold is defined for 68Ga-PSMA-11 only, not for 18F-PSMA-1007"
