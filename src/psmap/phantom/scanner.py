"""What a scanner makes of a sharp distribution: a Gaussian point spread and counting noise, both known.

A Gaussian that is only looked up at the voxels' centres loses width where it is narrow: with a FWHM of 4 mm on voxels
of 4 mm, two fifths of its variance. So its weights are those of the Gaussian that has the right variance once looked
up, and the image without noise goes through the whole point spread at once; in two steps its tails would be too long.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from psmap.domain.geometry import Grid

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
"""Full width at half maximum of a Gaussian of standard deviation 1: 2 sqrt(2 ln 2) = 2.3548."""


def scan(
    uptake: npt.NDArray[np.float32],
    grid: Grid,
    *,
    psf_fwhm_mm: float,
    noise: float,
    noise_at: float,
    filter_fwhm_mm: float = 0.0,
    rng: np.random.Generator | None = None,
    noisier: npt.NDArray[np.floating] | None = None,
) -> npt.NDArray[np.float32]:
    """Blur an uptake and put noise on it; return float32 [k, j, i] in the same units, nowhere negative.

    Counts are drawn from a Poisson law, so the variance is proportional to the mean and the mean is kept. A filter
    after the draw, as scanners use, gives the noise its grain; it is part of the point spread, so that the blur before
    the draw has sqrt(psf^2 - filter^2). The counts are chosen so that the noise is as asked for after the filter. What
    would be negative is 0: where there are hardly any counts beside much activity.

    Args:
        uptake: sharp distribution, not negative; what lies outside the grid counts as zero.
        grid: its grid, with axes at right angles.
        psf_fwhm_mm: full width at half maximum of the whole point spread (mm); 0 is sharp.
        noise: relative standard deviation of a voxel in a uniform region of uptake ``noise_at``; 0 is none.
        noise_at: that uptake, in the units of the distribution.
        filter_fwhm_mm: the part of the point spread that comes after the noise (mm).
        rng: the dice; needed where there is noise.
        noisier: factor on the noise's variance, of a shape that spreads over the image; None is 1 everywhere.

    Raises:
        ValueError: negative widths or noise, a filter wider than the point spread, noise without rng, a sheared grid.
    """
    if min(psf_fwhm_mm, filter_fwhm_mm, noise) < 0.0 or filter_fwhm_mm > psf_fwhm_mm:
        raise ValueError(
            "point spread, filter and noise cannot be negative, nor the filter wider than the point spread"
        )
    seen = _blurred(uptake, grid, psf_fwhm_mm)
    if noise == 0.0:
        return seen
    if rng is None or noise_at <= 0.0:
        raise ValueError("noise needs rng and a positive noise_at")
    a_count = noise_at * noise**2 / variance_left(grid, filter_fwhm_mm)
    worth = a_count if noisier is None else a_count * noisier
    counted = _blurred(uptake, grid, math.sqrt(psf_fwhm_mm**2 - filter_fwhm_mm**2)) if filter_fwhm_mm > 0.0 else seen
    grain = (rng.poisson(np.maximum(counted, 0.0) / worth) * worth - counted).astype(np.float32)
    noisy: npt.NDArray[np.float32] = np.maximum(seen + _blurred(grain, grid, filter_fwhm_mm), np.float32(0.0))
    return noisy


def _sigma_voxels(grid: Grid, fwhm_mm: float) -> tuple[float, float, float]:
    axes = np.array(grid.axes_mm)
    gram = axes @ axes.T
    if np.abs(gram - np.diag(np.diag(gram))).max() > 1e-6 * gram.max():
        raise ValueError("the point spread needs a grid with axes at right angles")
    k, j, i = (fwhm_mm / FWHM_PER_SIGMA / step for step in grid.spacing_mm)
    return k, j, i


def _blurred(uptake: npt.NDArray[np.float32], grid: Grid, fwhm_mm: float) -> npt.NDArray[np.float32]:
    blurred = uptake
    if fwhm_mm > 0.0:
        for axis, sigma in enumerate(_sigma_voxels(grid, fwhm_mm)):
            blurred = correlate1d(blurred, gaussian_weights(sigma), axis=axis, mode="constant")
    return blurred


@cache
def gaussian_weights(sigma_voxels: float) -> npt.NDArray[np.float64]:
    """Weights of a Gaussian of that standard deviation (voxels), the middle one in the middle; their sum is 1.

    Under one voxel their variance is made to be sigma^2: looked up at the voxels' centres it would be less.
    """
    low, high = sigma_voxels, sigma_voxels + 0.5
    for _ in range(50 if sigma_voxels < 1.0 else 0):
        middle = 0.5 * (low + high)
        away, weights = _looked_up(middle)
        low, high = (middle, high) if float((weights * away**2).sum()) < sigma_voxels**2 else (low, middle)
    weights = _looked_up(low)[1]
    weights.setflags(write=False)
    return weights


def _looked_up(sigma_voxels: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    reach = math.ceil(4.0 * sigma_voxels) + 1
    away = np.arange(-reach, reach + 1, dtype=np.float64)
    weights = np.exp(-0.5 * (away / max(sigma_voxels, 1e-3)) ** 2)
    return away, weights / weights.sum()


def variance_left(grid: Grid, fwhm_mm: float) -> float:
    """Variance of white noise of variance 1 after the filter: the sum of its squared weights."""
    if fwhm_mm == 0.0:
        return 1.0
    return math.prod(float(np.sum(gaussian_weights(sigma) ** 2)) for sigma in _sigma_voxels(grid, fwhm_mm))
