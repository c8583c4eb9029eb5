"""Point spread and noise against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.phantom.scanner import scan

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
