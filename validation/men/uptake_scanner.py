"""The man's scanner by itself: point source, the spheres of the IEC body phantom, breath at the dome of the diaphragm.

Spheres are painted sharp, by the share of every voxel that they fill, and go through `acquire` as a man does, without
texture and without breath. Beside what comes out stand the same phantom under the plain scanner of the phantom study
(one Gaussian, that which leaves the centre of a 10 mm sphere as much) and closed forms.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid
from psmap.phantom.coverage import covered_fraction
from psmap.phantom.iec_body import DIAMETERS_MM, IecPhantom, spheres_of, suv_on
from psmap.phantom.iec_study import grid_round
from psmap.phantom.scanner import FWHM_PER_SIGMA, scan
from psmap.phantom.tomograph import Conditions, acquire

Floats32 = npt.NDArray[np.float32]
NUCLIDES = ("18F", "68Ga")
CONTRASTS = (4.0, 8.0, 10.0)
"""The last is that of the EARL accreditation."""
VOXEL_MM = 4.0
NOISY_RUNS = 12
STANDARD = {
    "18F": Conditions("18F", 260.0, 60.0, breath_mm=0.0),
    "68Ga": Conditions("68Ga", 150.0, 60.0, minutes_per_bed=3.5, breath_mm=0.0),
}
"""A man of 75 kg under 18F (3.5 MBq/kg) and 68Ga (2 MBq/kg)."""


def measure_scanner() -> dict[str, object]:
    """All of it, ready for JSON."""
    points = {nuclide: point_source(nuclide) for nuclide in NUCLIDES}
    return {
        "points": points,
        "spheres": [
            row for nuclide in NUCLIDES for contrast in CONTRASTS for row in spheres(nuclide, contrast, points[nuclide])
        ],
        "breath": {nuclide: breath(nuclide) for nuclide in NUCLIDES},
    }


def cube(count: int, voxel_mm: float, middle_z: float = 0.0) -> Grid:
    """Cubic voxels round the z axis."""
    low = -0.5 * (count - 1) * voxel_mm
    axes = ((0.0, 0.0, voxel_mm), (0.0, voxel_mm, 0.0), (voxel_mm, 0.0, 0.0))
    return Grid((count, count, count), (low, low, low + middle_z), axes)


def ball_on(grid: Grid, diameter_mm: float, centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Floats32:
    """Share of every voxel that a ball fills."""

    def distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        away = (x - centre_mm[0]) ** 2 + (y - centre_mm[1]) ** 2 + (z - centre_mm[2]) ** 2
        return np.sqrt(away) - 0.5 * diameter_mm

    return covered_fraction(grid, distance, 6).astype(np.float32)


def point_source(nuclide: str) -> dict[str, float]:
    """Widths (mm) of a point source on voxels of 1 mm and of 4 mm, and of the Gaussian that recovers a sphere alike."""
    fine = cube(81, 1.0)
    image = np.zeros(fine.shape, np.float32)
    image[40, 40, 40] = 1000.0
    seen = acquire(image, fine, _still(nuclide), np.random.default_rng(0))
    sphere = acquire(ball_on(fine, 10.0), fine, _still(nuclide), np.random.default_rng(0))
    coarse = []
    for shift in np.linspace(-1.5, 1.5, 4):
        grid = cube(21, VOXEL_MM)
        small = ball_on(grid, 1.0, (float(shift), float(shift), float(shift)))
        coarse.append(_gaussian_width(acquire(small, grid, _still(nuclide), np.random.default_rng(0)), VOXEL_MM))
    return {
        "fwhm": _width(seen[40, 40].astype(float), 0.5),
        "fwtm": _width(seen[40, 40].astype(float), 0.1),
        "like_sphere_10": _width_that_recovers(float(sphere[40, 40, 40]), 10.0),
        "on_4_mm": float(np.mean(coarse)),
    }


def spheres(nuclide: str, contrast: float, point: dict[str, float]) -> list[dict[str, float | str]]:
    """Recovery of every sphere: contrast recovery without noise, its likes, and SUV over truth as EARL reckons it."""
    phantom = IecPhantom(sphere_suv=(contrast,) * 6)
    grid = grid_round(phantom, (VOXEL_MM,) * 3, (50, 60, 80))
    sharp = suv_on(phantom, grid)
    still = _still(nuclide)
    man = acquire(sharp, grid, still, np.random.default_rng(0))
    plain = scan(sharp, grid, psf_fwhm_mm=point["like_sphere_10"], noise=0.0, noise_at=1.0)
    noisy = [
        acquire(sharp, grid, replace(STANDARD[nuclide], noise=1.0), np.random.default_rng(run))
        for run in range(NOISY_RUNS)
    ]
    rows: list[dict[str, float | str]] = []
    for truth in spheres_of(phantom):
        x, y, z = truth.centre_mm
        near = ball_on(grid, truth.diameter_mm + 12.0, (x, y, z)) > 0.5
        fine = cube(max(int(truth.diameter_mm) + 33, 61) | 1, 1.0)
        centre = acquire(ball_on(fine, truth.diameter_mm), fine, still, np.random.default_rng(0))
        middle = fine.shape[0] // 2
        rows.append(
            {
                "nuclide": nuclide,
                "contrast": contrast,
                "diameter_mm": truth.diameter_mm,
                "contrast_recovery": (float(man[near].max()) - 1.0) / (contrast - 1.0),
                "phantom": (float(plain[near].max()) - 1.0) / (contrast - 1.0),
                "centre_1_mm": float(centre[middle, middle, middle]),
                "closed_form": recovery_at_centre(truth.diameter_mm, point["like_sphere_10"]),
                "rc_max": float(man[near].max()) / contrast,
                "rc_a50": _a50(man[near]) / contrast,
                "noisy_rc_max": float(np.mean([image[near].max() for image in noisy])) / contrast,
                "noisy_rc_a50": float(np.mean([_a50(image[near]) for image in noisy])) / contrast,
            }
        )
    return rows


def breath(nuclide: str) -> dict[str, float]:
    """What 12 mm of breath do at the dome: way from 10 to 90 % at an edge (mm), and contrast left of spheres."""
    grid = cube(61, 2.0, middle_z=256.0)
    edge = np.zeros(grid.shape, np.float32)
    edge[:30] = 1.0
    edge[30] = 0.5
    found = {}
    for name, way in (("still", 0.0), ("breathing", 12.0)):
        conditions = replace(STANDARD[nuclide], noise=0.0, breath_mm=way, dome_mm=256.0)
        seen = acquire(edge, grid, conditions, np.random.default_rng(0))[:, 30, 30].astype(float)
        inside = seen[12:49][::-1] / seen[12]  # far from the ends of the grid, beyond which there is nothing
        low, high = np.interp([0.1, 0.9], inside, 2.0 * np.arange(len(inside)))
        found[f"edge_{name}"] = float(high - low)
        for diameter in DIAMETERS_MM[:4]:
            ball = ball_on(grid, diameter, (0.0, 0.0, 256.0))
            image = acquire(ball, grid, conditions, np.random.default_rng(0))
            found[f"sphere_{diameter:.0f}_{name}"] = float(image.max())
    return found


def recovery_at_centre(diameter_mm: float, fwhm_mm: float) -> float:
    """Closed form: the chance that a normal point in three dimensions lies within the sphere's radius."""
    u = 0.5 * diameter_mm * FWHM_PER_SIGMA / fwhm_mm
    return math.erf(u / math.sqrt(2.0)) - math.sqrt(2.0 / math.pi) * u * math.exp(-0.5 * u * u)


def _still(nuclide: str) -> Conditions:
    return replace(STANDARD[nuclide], noise=0.0)


def _a50(values: Floats32) -> float:
    """Mean of the voxels over half way from the background, which is 1, to the maximum."""
    return float(values[values >= 0.5 * (float(values.max()) + 1.0)].mean())


def _width(profile: FloatArray, share: float) -> float:
    """Width (mm) of a profile of 1 mm steps at that share of its maximum, linear between voxels."""
    level, top = share * profile.max(), int(np.argmax(profile))
    right = np.interp(-level, -profile[top:], np.arange(len(profile) - top, dtype=float))
    left = np.interp(-level, -profile[top::-1], np.arange(top + 1, dtype=float))
    return float(left + right)


def _gaussian_width(image: Floats32, voxel_mm: float) -> float:
    """FWHM (mm) of the Gaussian through the highest voxel and its two neighbours along x."""
    k, j, i = (int(n) for n in np.unravel_index(int(np.argmax(image)), image.shape))
    low, top, high = np.log(image[k, j, i - 1 : i + 2].astype(float))
    return float(voxel_mm * FWHM_PER_SIGMA / math.sqrt(2.0 * top - low - high))


def _width_that_recovers(share: float, diameter_mm: float) -> float:
    """FWHM (mm) of the Gaussian that leaves this share at the centre of a sphere."""
    low, high = 1.0, 30.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if recovery_at_centre(diameter_mm, middle) > share else (low, middle)
    return low
