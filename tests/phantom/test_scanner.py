"""Point spread and noise against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from psmap.domain.geometry import Grid
from psmap.phantom.scanner import scan, variance_left

GRID = Grid((41, 41, 41), (0.0, 0.0, 0.0), ((0.0, 0.0, 1.5), (0.0, 2.0, 0.0), (1.0, 0.0, 0.0)))


def point() -> np.ndarray:
    uptake = np.zeros(GRID.shape, np.float32)
    uptake[20, 20, 20] = 1000.0
    return uptake


@pytest.mark.parametrize("filter_fwhm_mm", [0.0, 4.0, 7.0])
def test_a_point_gets_the_width_asked_for_along_every_axis(filter_fwhm_mm: float) -> None:
    """The second moment of a Gaussian of FWHM 7 mm is (7 / 2.354820045)^2; a filter is part of the whole."""
    image = scan(point(), GRID, psf_fwhm_mm=7.0, noise=0.0, noise_at=1.0, filter_fwhm_mm=filter_fwhm_mm)
    assert image.sum(dtype=float) == pytest.approx(1000.0, rel=1e-4)
    for axis, step in enumerate((1.5, 2.0, 1.0)):
        profile = image.sum(axis=tuple({0, 1, 2} - {axis}), dtype=float)
        away = (np.arange(41) - 20) * step
        assert float((profile * away**2).sum() / profile.sum()) == pytest.approx((7.0 / 2.354820045) ** 2, rel=0.01)


COARSE = Grid((13, 13, 13), (-24.0, -24.0, -24.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))


@pytest.mark.parametrize("fwhm_mm", [1.0, 3.0, 4.0, 6.0])
def test_a_width_under_a_voxel_is_kept_too(fwhm_mm: float) -> None:
    """Only looked up at voxels of 4 mm, a Gaussian of 1 mm would be nothing, one of 4 mm lose two fifths."""
    uptake = np.zeros(COARSE.shape, np.float32)
    uptake[6, 6, 6] = 1000.0
    image = scan(uptake, COARSE, psf_fwhm_mm=fwhm_mm, noise=0.0, noise_at=1.0)
    away = 4.0 * (np.arange(13) - 6)
    profile = image.sum(axis=(0, 1), dtype=float)
    assert float((profile * away**2).sum() / profile.sum()) == pytest.approx((fwhm_mm / 2.354820045) ** 2, rel=0.002)


@pytest.mark.parametrize(("diameter_mm", "within"), [(8.0, 0.08), (10.0, 0.04), (13.0, 0.03), (17.0, 0.02)])
def test_small_spheres_show_on_coarse_voxels_what_fine_ones_average_to(diameter_mm: float, within: float) -> None:
    """Against the way of nature: blurred on voxels of 0.5 mm by scipy, then averaged over voxels of 4 mm."""
    fine = 0.25 + 0.5 * np.arange(104) - 26.0
    expected, found = [], []
    for shift in (-1.5, -0.5, 0.5, 1.5):
        x = fine - shift
        ball = (x[:, None, None] ** 2 + x[:, None] ** 2 + x**2 <= (0.5 * diameter_mm) ** 2).astype(np.float32)
        blurred = gaussian_filter(ball, 6.0 / 2.354820045 / 0.5)
        expected.append(blurred.reshape(13, 8, 13, 8, 13, 8).mean(axis=(1, 3, 5)).max())
        sharp = ball.reshape(13, 8, 13, 8, 13, 8).mean(axis=(1, 3, 5))
        found.append(scan(sharp, COARSE, psf_fwhm_mm=6.0, filter_fwhm_mm=4.5, noise=0.0, noise_at=1.0).max())
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=within)


def test_noise_does_not_move_the_mean_of_a_small_sphere() -> None:
    uptake = np.full(COARSE.shape, 0.5, np.float32)
    uptake[5:8, 5:8, 5:8] = 20.0
    still = scan(uptake, COARSE, psf_fwhm_mm=6.0, filter_fwhm_mm=4.5, noise=0.0, noise_at=1.0)
    runs = [
        scan(uptake, COARSE, psf_fwhm_mm=6.0, filter_fwhm_mm=4.5, noise=0.1, noise_at=1.0, rng=np.random.default_rng(n))
        for n in range(60)
    ]
    inside = (slice(3, 10),) * 3
    np.testing.assert_allclose(np.mean(runs, axis=0)[inside], still[inside], rtol=0.08)
    assert min(float(image.min()) for image in runs) >= 0.0


def test_a_filter_of_a_voxel_leaves_the_variance_that_it_says() -> None:
    white = np.random.default_rng(1).standard_normal((60, 60, 60)).astype(np.float32) + np.float32(10.0)
    grid = Grid(white.shape, (0.0, 0.0, 0.0), COARSE.axes_mm)
    left = scan(white, grid, psf_fwhm_mm=4.5, noise=0.0, noise_at=1.0)[8:-8, 8:-8, 8:-8]
    assert float(left.var(dtype=float)) == pytest.approx(variance_left(grid, 4.5), rel=0.05)


def test_half_maximum_lies_half_a_width_away() -> None:
    fine = Grid((3, 3, 401), (0.0, 0.0, 0.0), ((0.0, 0.0, 100.0), (0.0, 100.0, 0.0), (0.1, 0.0, 0.0)))
    uptake = np.zeros(fine.shape, np.float32)
    uptake[1, 1, 200] = 1.0
    profile = scan(uptake, fine, psf_fwhm_mm=5.0, noise=0.0, noise_at=1.0)[1, 1]
    assert profile[225] / profile[200] == pytest.approx(0.5, rel=1e-4)


def test_no_blur_and_no_noise_change_nothing() -> None:
    np.testing.assert_array_equal(scan(point(), GRID, psf_fwhm_mm=0.0, noise=0.0, noise_at=1.0), point())


@pytest.mark.parametrize("filter_fwhm_mm", [0.0, 4.0])
def test_noise_keeps_the_mean_and_its_variance_follows_the_mean(filter_fwhm_mm: float) -> None:
    """5 % where the uptake is 1, so 5 % / sqrt(8) where it is 8; zero stays zero."""
    uptake = np.zeros(GRID.shape, np.float32)
    uptake[:, :, :18] = 1.0
    uptake[:, :, 18:36] = 8.0
    rng = np.random.default_rng(7)
    image = scan(uptake, GRID, psf_fwhm_mm=4.0, noise=0.05, noise_at=1.0, filter_fwhm_mm=filter_fwhm_mm, rng=rng)
    assert image.min() >= 0.0
    for level, part in ((1.0, image[6:-6, 6:-6, 6:12]), (8.0, image[6:-6, 6:-6, 24:30])):
        assert part.mean(dtype=float) == pytest.approx(level, rel=0.01)
        assert part.std(dtype=float) / level == pytest.approx(0.05 / math.sqrt(level), rel=0.1)


def test_the_same_dice_give_the_same_noise() -> None:
    images = [
        scan(point(), GRID, psf_fwhm_mm=4.0, noise=0.1, noise_at=1.0, rng=np.random.default_rng(seed))
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_what_makes_no_sense_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="wider"):
        scan(point(), GRID, psf_fwhm_mm=3.0, noise=0.0, noise_at=1.0, filter_fwhm_mm=4.0)
    with pytest.raises(ValueError, match="rng"):
        scan(point(), GRID, psf_fwhm_mm=3.0, noise=0.1, noise_at=1.0)
    sheared = Grid(GRID.shape, (0.0, 0.0, 0.0), ((0.0, 0.3, 1.5), (0.0, 2.0, 0.0), (1.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="right angles"):
        scan(point(), sheared, psf_fwhm_mm=3.0, noise=0.0, noise_at=1.0)
