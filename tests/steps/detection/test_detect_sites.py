"""Sites against closed forms, scipy, the real lesion mask and properties that hold whatever the image."""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi, sin
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area

from psmap.domain.geometry import Grid, Vector
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import PeakCentre, PeakWeight, ReadParameters, Threshold, ThresholdKind
from psmap.domain.refusal import Refused
from psmap.domain.suv import SuvConversion
from psmap.steps.detection import detect_sites, site_labels

KJI = tuple[float, float, float]
SUV3 = ReadParameters()


def pet_of(suv: np.ndarray, spacing: KJI = (4.0, 4.0, 4.0), origin: Vector = (0.0, 0.0, 0.0)) -> PetImage:
    k, j, i = spacing
    grid = Grid(suv.shape, origin, ((0.0, 0.0, k), (0.0, j, 0.0), (i, 0.0, 0.0)))
    return PetImage(grid, suv.astype(np.float32), SuvConversion((1.0,), "test", ()))


def ball(shape: tuple[int, int, int], centre: KJI, radius_mm: float, spacing: KJI = (4.0, 4.0, 4.0)) -> np.ndarray:
    steps = [(np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing, strict=True)]
    k, j, i = np.meshgrid(*steps, indexing="ij")
    return k**2 + j**2 + i**2 <= radius_mm**2


def with_threshold(kind: ThresholdKind, value: float | None = None) -> ReadParameters:
    return replace(SUV3, threshold=Threshold(kind, value))


def test_a_digital_ball_is_measured_as_its_voxels_say() -> None:
    """Radius 12 mm on 4 mm voxels: 123 lattice points within 3 steps (OEIS A000605), SUV 6 in 1."""
    inside = ball((25, 25, 25), (12, 11, 10), 12.0)
    suv = np.where(inside, 6.0, 1.0)
    suv[12, 11, 11] = 8.0
    (site,) = detect_sites(pet_of(suv, origin=(-100.0, 50.0, 7.0)), SUV3)
    assert np.array_equal(site.index, np.flatnonzero(inside))
    assert site.voxels == 123
    assert site.volume_ml == pytest.approx(123 * 0.064)
    assert site.suv_max == 8.0
    assert site.tlu == pytest.approx(0.064 * (122 * 6 + 8))
    assert site.suv_mean == pytest.approx((122 * 6 + 8) / 123)
    assert site.centroid_mm == pytest.approx((-100 + 40, 50 + 44, 7 + 48))
    assert site.max_mm == pytest.approx((-100 + 44, 50 + 44, 7 + 48))
    assert site.extent_mm == pytest.approx((28.0, 28.0, 28.0))
    assert site.background_suv == 1.0
    assert site.local_contrast == 8.0
    assert not site.small
    assert not site.open_contour
    assert not site.suv_peak_touches_other
    corners, faces, _, _ = marching_cubes(inside.astype(np.float32), level=0.5, spacing=(4.0, 4.0, 4.0))
    triangles = corners[faces].astype(float)
    volume = abs(np.einsum("ni,ni->", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2]))) / 6
    area = mesh_surface_area(corners, faces)
    assert site.sphericity == pytest.approx((36 * pi * volume**2) ** (1 / 3) / area, rel=1e-4)


def test_extent_of_one_voxel_on_a_turned_grid_is_the_box_round_its_box() -> None:
    """A 4 x 4 mm pixel turned by 30 degrees spans 4 (cos + sin) mm along x and y."""
    angle = pi / 6
    grid = Grid(
        (5, 5, 5),
        (0.0, 0.0, 0.0),
        ((0.0, 0.0, 3.0), (-4 * sin(angle), 4 * cos(angle), 0.0), (4 * cos(angle), 4 * sin(angle), 0.0)),
    )
    suv = np.zeros((5, 5, 5), np.float32)
    suv[2, 2, 2] = 5.0
    (site,) = detect_sites(PetImage(grid, suv, SuvConversion((1.0,), "test", ())), SUV3)
    span = 4 * (cos(angle) + sin(angle))
    assert site.extent_mm == pytest.approx((span, span, 3.0))
    assert site.small


@pytest.mark.parametrize(
    ("voxels", "spacing", "small"),
    [(2, 10.0, True), (3, 10.0, False), (7, 4.0, True), (8, 4.0, False), (4, 5.0, False), (3, 5.0, True)],
)
def test_small_is_under_half_a_millilitre_or_under_three_voxels(voxels: int, spacing: float, small: bool) -> None:
    """4 voxels of 5 mm are 0.5 mL to the last digit: not under it."""
    suv = np.zeros((3, 3, 12))
    suv[1, 1, 1 : 1 + voxels] = 5.0
    (site,) = detect_sites(pet_of(suv, (spacing,) * 3), SUV3)
    assert site.small is small


def test_sites_are_numbered_by_falling_maximum_then_by_place() -> None:
    suv = np.zeros((3, 3, 20))
    for place, height in ((1, 5.0), (5, 9.0), (9, 5.0), (13, 7.0)):
        suv[1, 1, place] = height
    sites = detect_sites(pet_of(suv), SUV3)
    assert [(site.id, site.suv_max, int(site.index[0]) % 20) for site in sites] == [
        (1, 9.0, 5),
        (2, 7.0, 13),
        (3, 5.0, 1),
        (4, 5.0, 9),
    ]


def test_no_raised_uptake_no_site() -> None:
    pet = pet_of(np.ones((4, 4, 4)))
    assert detect_sites(pet, SUV3) == ()
    assert detect_sites(pet, with_threshold(ThresholdKind.PERCENT_OF_MAX, 0.41)) == ()


def noisy(seed: int) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).gamma(0.5, 6.0, (14, 15, 16)), 0.9).astype(np.float32)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_watershed_moves_borders_but_no_voxels(seed: int) -> None:
    pet = pet_of(noisy(seed))
    hot = np.flatnonzero(pet.suv >= 3.0)
    for watershed in (True, False):
        sites = detect_sites(pet, replace(SUV3, watershed=watershed))
        assert np.array_equal(np.sort(np.concatenate([hot[:0], *(site.index for site in sites)])), hot)
        assert sum(site.tlu for site in sites) == pytest.approx(0.064 * float(pet.suv.ravel()[hot].sum(dtype=float)))
    _, number = ndimage.label(pet.suv >= 3.0, np.ones((3, 3, 3)))
    assert len(sites) == number


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_percent_contours_do_not_change_with_the_scale_of_suv(seed: int) -> None:
    suv = noisy(seed)
    parameters = with_threshold(ThresholdKind.PERCENT_OF_MAX, 0.41)
    once = detect_sites(pet_of(suv), parameters)
    fourfold = detect_sites(pet_of(suv * 4), replace(parameters, seed_suv=12.0, watershed_h_suv=4.0))
    assert [site.index.tolist() for site in once] == [site.index.tolist() for site in fourfold]
    assert [site.open_contour for site in once] == [site.open_contour for site in fourfold]


@given(st.integers(0, 10**6), st.sampled_from([(0,), (1,), (2,), (0, 1, 2)]))
@settings(max_examples=10, deadline=None)
def test_a_mirrored_patient_has_the_same_sites(seed: int, axes: tuple[int, ...]) -> None:
    """Values without ties: the order of the voxels, and so everything measured, is that of the image alone."""
    suv = noisy(seed)
    ours = detect_sites(pet_of(suv), SUV3)
    mirrored = detect_sites(pet_of(np.ascontiguousarray(np.flip(suv, axes))), SUV3)
    assert [site.voxels for site in ours] == [site.voxels for site in mirrored]
    for one, other in zip(ours, mirrored, strict=True):
        assert one.suv_max == other.suv_max
        assert one.suv_peak == pytest.approx(other.suv_peak, rel=1e-6)
        assert one.tlu == pytest.approx(other.tlu, rel=1e-12)
        assert one.background_suv == other.background_suv
        assert sorted(one.extent_mm) == pytest.approx(sorted(other.extent_mm))


@pytest.mark.parametrize("weight", list(PeakWeight))
@pytest.mark.parametrize("centre", list(PeakCentre))
def test_peak_modes_on_a_step(centre: PeakCentre, weight: PeakWeight) -> None:
    """In the middle of a large uniform ball every mode reads the ball's value; a hot corner voxel tells them apart."""
    suv = np.where(ball((25, 25, 25), (12, 12, 12), 22.0), 6.0, 0.0)
    suv[12, 12, 17] = 7.0
    assert suv[12, 12, 18] == 0.0
    (site,) = detect_sites(pet_of(suv), replace(SUV3, peak_centre=centre, peak_weight=weight))
    if centre is PeakCentre.AT_MAX:
        assert site.suv_peak < 6.0
    else:
        assert 6.0 < site.suv_peak < 6.2
    if (centre, weight) == (PeakCentre.AT_MAX, PeakWeight.BINARY):
        around = [
            suv[12 + k, 12 + j, 17 + i]
            for k in (-1, 0, 1)
            for j in (-1, 0, 1)
            for i in (-1, 0, 1)
            if abs(k) + abs(j) + abs(i) <= 2
        ]
        assert len(around) == 19
        assert site.suv_peak == pytest.approx(sum(around) / 19)


def test_a_peak_that_reaches_another_site_says_so() -> None:
    """Rows of 4 mm voxels: 2 steps (8 mm) apart the sphere's 6.2 mm reach the neighbour's own, 3 steps do not."""
    for gap, touches in ((2, True), (3, False)):
        suv = np.zeros((5, 5, 12))
        suv[2, 2, 2] = suv[2, 2, 2 + gap] = 6.0
        sites = detect_sites(pet_of(suv), SUV3)
        assert [site.suv_peak_touches_other for site in sites] == [touches, touches]


def test_touching_balls_are_parted_by_the_watershed_alone() -> None:
    suv = np.zeros((21, 21, 41))
    for centre, height in ((14, 20.0), (24, 16.0)):
        i = np.arange(41) - centre
        k, j = np.arange(21)[:, None, None] - 10, np.arange(21)[None, :, None] - 10
        suv = np.maximum(suv, height * np.exp(-(k**2 + j**2 + i**2) / (2 * 3.0**2)))
    assert len(detect_sites(pet_of(suv), replace(SUV3, watershed=False))) == 1
    first, second = detect_sites(pet_of(suv), SUV3)
    assert (first.suv_max, second.suv_max) == (20.0, 16.0)
    assert np.unravel_index(int(first.index[np.argmax(suv.ravel()[first.index])]), suv.shape) == (10, 10, 14)
    # The ridge where 20 e^(-(i-14)^2/18) = 16 e^(-(i-24)^2/18): i = 19 + 18 ln(20/16) / 20 = 19.2.
    on_axis = [int(f) % 41 for f in second.index if (f // 41) % 21 == 10 and f // 861 == 10]
    assert min(on_axis) == 20


def test_given_labels_are_taken_as_they_are() -> None:
    suv = np.random.default_rng(4).random((6, 7, 8)).astype(np.float32)
    labels = np.zeros((6, 7, 8), np.int32)
    labels[0, 0, :3] = 7
    labels[5, 6, 7] = 7
    labels[2, 3, 4] = 2
    suv[2, 3, 4] = 3.5
    pet = pet_of(suv)
    first, second = detect_sites(pet, with_threshold(ThresholdKind.GIVEN), given=LabelImage(pet.grid, labels))
    assert first.index.tolist() == np.flatnonzero(labels == 2).tolist()
    assert second.index.tolist() == np.flatnonzero(labels == 7).tolist()
    assert second.suv_max == float(suv[labels == 7].max())
    drawn = site_labels((first, second), pet.grid)
    assert np.array_equal(drawn, np.select([labels == 2, labels == 7], [1, 2]))


def test_label_maps_that_cannot_be_used_are_refused() -> None:
    pet = pet_of(np.ones((4, 4, 4)))
    given_kind = with_threshold(ThresholdKind.GIVEN)
    zeros = np.zeros((4, 4, 4), np.int32)
    shifted = replace(pet.grid, origin_mm=(0.5, 0.0, 0.0))
    with pytest.raises(Refused, match="no label map"):
        detect_sites(pet, given_kind)
    with pytest.raises(Refused, match=r"empty.*cure"):
        detect_sites(pet, given_kind, given=LabelImage(pet.grid, zeros))
    with pytest.raises(Refused, match=r"not on the PET's of 4x4x4 voxels.*nearest neighbour"):
        detect_sites(pet, given_kind, given=LabelImage(shifted, zeros + 1))
    with pytest.raises(Refused, match="label -1"):
        detect_sites(pet, given_kind, given=LabelImage(pet.grid, zeros - 1))
    with pytest.raises(Refused, match="float64"):
        detect_sites(pet, given_kind, given=LabelImage(pet.grid, zeros + 0.5))  # type: ignore[arg-type]
    holes = np.full((4, 4, 4), np.nan)
    with pytest.raises(Refused, match=r"label 1 .* without an SUV"):
        detect_sites(pet_of(holes), given_kind, given=LabelImage(pet.grid, zeros + 1))


@pytest.mark.parametrize("value", [None, 0.0, -1.0, float("nan")])
def test_thresholds_that_are_none_are_refused(value: float | None) -> None:
    pet = pet_of(np.ones((4, 4, 4)))
    with pytest.raises(Refused, match="not an SUV over zero"):
        detect_sites(pet, with_threshold(ThresholdKind.SUV, value))
    with pytest.raises(Refused, match="between 0 and 1"):
        detect_sites(pet, with_threshold(ThresholdKind.PERCENT_OF_MAX, value))
    with pytest.raises(Refused, match="between 0 and 1"):
        detect_sites(pet, with_threshold(ThresholdKind.PERCENT_OF_MAX, 41.0))


def test_site_labels_need_their_own_grid() -> None:
    suv = np.zeros((4, 4, 4))
    suv[3, 3, 3] = 5.0
    sites = detect_sites(pet_of(suv), SUV3)
    with pytest.raises(ValueError, match="does not fit"):
        site_labels(sites, pet_of(np.ones((2, 2, 2))).grid)


def test_the_real_lesion_mask(data_dir: Path) -> None:
    """One man's lesion mask (TCIA PSMA-PET-CT-Lesions): 111 components of 431 mL in all; data/README.md."""
    (path,) = (data_dir / "psma_lesion_mask").glob("*.nii.gz")
    image = nibabel.load(path)
    mask = np.ascontiguousarray(np.asarray(image.dataobj).T > 0)
    i, j, k = (float(zoom) for zoom in image.header.get_zooms())
    sites = detect_sites(pet_of(np.where(mask, np.float32(5), np.float32(0)), (k, j, i)), SUV3)
    assert len(sites) == 111
    assert sum(site.volume_ml for site in sites) == pytest.approx(431, abs=0.5)
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    assert sorted(site.voxels for site in sites) == sorted(np.bincount(labels.ravel())[1:].tolist())
    assert all(site.background_suv == 0.0 and site.local_contrast is None for site in sites)
