"""Foci painted one by one on grids of their own, blurred, and measured with psmap: lesions without the man."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.domain.image import PetImage
from psmap.domain.parameters import ReadParameters, Threshold, ThresholdKind
from psmap.domain.suv import SuvConversion
from psmap.domain.uptake import UptakeSite
from psmap.phantom.lesions.distribution import scanner_model
from psmap.phantom.lesions.focus import DrawnFocus
from psmap.phantom.lesions.paint_focus import paint_focus
from psmap.phantom.scanner import scan
from psmap.steps.detection import detect_sites

NOISE = 0.10
"""Relative noise of a voxel at the background's uptake. No filter comes after it: a Gaussian of less than about 5 mm
that is sampled on voxels of 4 mm is narrower than its name, and the point spread would be too."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What psmap measures of one focus; all 0 where it finds none."""

    suv_max: float
    suv_mean: float
    volume_ml: float


def measure(focus: DrawnFocus, seed: int, seed_suv: float) -> Measured:
    """Paint, scan and measure one focus; the site that holds its centre or lies nearest to it within 1 voxel."""
    rng = np.random.default_rng(seed)
    model = scanner_model()
    reach = max(focus.half_axes_mm) + 2.5 * model.psf_fwhm_mm + 6.0
    half = int(np.ceil(reach / model.voxel_mm)) + 1
    step = model.voxel_mm
    size = 2 * half + 1
    grid = Grid((size,) * 3, (-half * step,) * 3, ((0.0, 0.0, step), (0.0, step, 0.0), (step, 0.0, 0.0)))
    activity = np.full(grid.shape, model.background_suv, np.float32)
    x, y, z = (float(n) for n in rng.uniform(-0.5, 0.5, 3) * step)
    paint_focus(activity, grid, (x, y, z), focus)
    # the grid is padded with its own margin, so that the blur does not darken it
    seen = scan(
        np.pad(activity, 4, mode="edge"), _padded(grid, 4), psf_fwhm_mm=model.psf_fwhm_mm, noise=NOISE,
        noise_at=model.background_suv, rng=rng,
    )[4:-4, 4:-4, 4:-4].copy()  # fmt: skip
    pet = PetImage(grid, seen, SuvConversion((1.0,), "made", ()))
    parameters = ReadParameters(
        threshold=Threshold(ThresholdKind.PERCENT_OF_MAX, model.contour_fraction), seed_suv=seed_suv, watershed=False
    )
    return _nearest(detect_sites(pet, parameters), (x, y, z), max(focus.half_axes_mm) + step)


def measure_all(foci: Sequence[DrawnFocus], seed: int, seed_suv: float = 3.0, workers: int = 2) -> list[Measured]:
    """Every focus on its own, in this many processes; the same for any number of them."""
    seeds = [seed + n for n in range(len(foci))]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(measure, foci, seeds, [seed_suv] * len(foci), chunksize=64))


def _nearest(sites: Sequence[UptakeSite], centre: tuple[float, float, float], within_mm: float) -> Measured:
    found = Measured(0.0, 0.0, 0.0)
    for site in sites:
        away = float(np.linalg.norm(np.array(site.max_mm) - np.array(centre)))
        if away <= within_mm and site.suv_max > found.suv_max:
            found = Measured(site.suv_max, site.suv_mean, site.volume_ml)
    return found


def _padded(grid: Grid, voxels: int) -> Grid:
    k, j, i = (n + 2 * voxels for n in grid.shape)
    x, y, z = (float(n) for n in grid.to_mm([-voxels] * 3)[0])
    return Grid((k, j, i), (x, y, z), grid.axes_mm)


def ks_distance(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Largest distance of two empirical distribution functions (Kolmogorov and Smirnov)."""
    a, b = np.sort(np.asarray(one, float)), np.sort(np.asarray(other, float))
    at = np.concatenate([a, b])
    return float(np.abs(np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)).max())
