"""The CT of a painted man: Hounsfield units of his tissues, noise by dose and size, the table, streaks round metal.

Noise: a scanner's noise goes with one over the root of exposure and of the voxel's volume, and with the root of
exp(mu D), D the diameter of the water that weakens as much as the slice (AAPM Report 220); the tube current follows the
man by half of that, as automatic exposure control does.

Streaks: rays of many energies lose their soft part in metal, so that more metal weakens less than in proportion; after
a correction for water alone, what is missing is missing along the whole ray. Here the rays of every slice that holds
metal are summed through body and metal, the deficit of a two-energy beam is taken and filtered and projected back:
dark bands along the long axis of the metal, bright ones beside it. The few photons behind metal add their own noise.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, zoom
from scipy.sparse import csr_matrix

from psmap.catalog.tissues import Tissue, tissue_of
from psmap.domain.geometry import FloatArray, Grid
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Painted
from psmap.phantom.texture import draw_texture, field_on
from psmap.phantom.tomograph import Conditions

Floats32 = npt.NDArray[np.float32]
Shorts = npt.NDArray[np.int16]

AIR_HU = -1000.0
RANGE_HU = (-1024, 3071)
"""What twelve bits hold."""

MARROW_PER_YEAR, MARROW_AT = -2.0, 65.0
"""Trabecular bone loses about so many HU a year; the catalogue's figure is of that age (Pickhardt 2013)."""

NOISE_HU = 14.0
"""Noise of a slice of 28 cm of water at 60 mAs and 120 kV in voxels of 1 x 1 x 3 mm of a soft kernel (ours)."""
_STANDARD_MAS, _STANDARD_ML, _STANDARD_CM = 60.0, 0.003, 28.0
WATER_PER_CM = 0.20
"""Attenuation of water at 120 kV (effective energy 70 keV)."""
GRAIN_MM = 1.5
"""FWHM of the noise's grain in the slice; of no account in larger voxels."""

GAS_HU, GAS_FIELD = -850.0, 1.1
"""Gas fills colon and stomach where the coarse field is above this many standard deviations (ours: an eighth)."""
GAS_IN = ("colon", "stomach", "rectum")

TABLE_BELOW_MM, TABLE_HALF_MM, TABLE_THICK_MM, SHEET_MM = 4.0, 210.0, 40.0, 3.0
SHEET_HU, FOAM_HU = -350.0, -940.0
"""Carbon sheets with foam between, 42 cm wide, curved to the man with a radius of 40 cm (usual tables; ours)."""
TABLE_RADIUS_MM = 400.0
_BACK_MM = 97.0
"""y of the reference man's back where he lies."""

METAL_HU = 3500.0
STREAK_STEP_MM, ANGLES = 4.0, 90
METAL_SOFT_PER_CM, METAL_HARD_PER_CM = 4.0, 1.6
"""Attenuation of titanium at 50 and 80 keV, the two energies of the beam (NIST, XCOM)."""
WATER_SOFT_PER_CM, WATER_HARD_PER_CM = 0.227, 0.184
"""Of water at the same energies."""
RAY_NOISE, FEWEST = 0.0012, 5.0
"""Noise of a ray through nothing at 60 mAs, and the attenuation in metal beyond which a scanner smooths (ours)."""
STREAK = 0.7
"""Share of the deficit that a scanner's own metal correction leaves (ours)."""


def ct_of(painted: Painted, man: Man, conditions: Conditions, rng: np.random.Generator) -> Shorts:
    """Hounsfield units of a man on the grid he was painted on (int16, [k, j, i]).

    Args:
        painted: the man, with a hip prosthesis where he has one.
        man: his age (marrow) and his place on the table.
        conditions: exposure, contrast medium, table, streaks.
        rng: dice of the unevenness of tissues and of the noise.

    Raises:
        ValueError: a structure that no tissue of the catalogue has, or a grid not along x, y and z.
    """
    grid = painted.grid
    fine, coarse = field_on(draw_texture(rng, 6.0), grid), field_on(draw_texture(rng, 20.0), grid)
    hu = painted.compose(lambda structure: _hu(tissue_of(structure), man, conditions.contrast), AIR_HU)
    uneven = painted.compose(lambda structure: tissue_of(structure).hu_variation)
    hu += uneven * fine
    _gas(hu, painted, coarse)
    if conditions.table:
        _table(hu, grid, table_top_mm(man))
    white = rng.standard_normal(hu.shape, dtype=np.float32)
    if conditions.streaks and man.prosthesis is not None:
        hu += streaks(hu, painted, conditions, rng)
    hu += _noise(hu, grid, conditions, white)
    np.clip(hu, *RANGE_HU, out=hu)
    rounded: Shorts = np.rint(hu, out=hu).astype(np.int16)
    return rounded


def table_top_mm(man: Man) -> float:
    """Where the middle of the table's upper sheet lies along y (mm): under the man's back."""
    return float(man.bend.to_man([(0.0, _BACK_MM, 0.0)])[0, 1]) + max(man.fat_mm, 0.0) * 0.9 + TABLE_BELOW_MM


def water_diameter_cm(hu: Floats32, grid: Grid) -> FloatArray:
    """Water-equivalent diameter of every slice: 2 sqrt(sum (HU / 1000 + 1) A / pi), AAPM Report 220, formula 3a."""
    pixel_cm2 = grid.voxel_ml / grid.spacing_mm[0] * 10.0
    water: FloatArray = np.maximum(hu * np.float32(0.001) + np.float32(1.0), 0.0).sum(axis=(1, 2), dtype=np.float64)
    diameter: FloatArray = 2.0 * np.sqrt(water * pixel_cm2 / math.pi)
    return diameter


def noise_hu(diameter_cm: npt.ArrayLike, grid: Grid, conditions: Conditions) -> FloatArray:
    """Standard deviation (HU) of a voxel in slices of those water-equivalent diameters."""
    more = WATER_PER_CM * (np.asarray(diameter_cm, dtype=float) - _STANDARD_CM)
    # a half for the root of the counts, and half of that is given back by the tube current
    deviation: FloatArray = (
        NOISE_HU * np.exp(0.25 * more) * math.sqrt(_STANDARD_MAS / conditions.tube_mas * _STANDARD_ML / grid.voxel_ml)
    )
    return deviation


def streaks(hu: Floats32, painted: Painted, conditions: Conditions, rng: np.random.Generator) -> Floats32:
    """What metal adds to the Hounsfield units of every voxel; nothing in slices without metal, nor in the metal."""
    metal = painted.compose(lambda structure: 1.0 if structure == "hip_prosthesis" else 0.0)
    added = np.zeros_like(hu)
    held = np.flatnonzero(metal.max(axis=(1, 2)) > 0.05)
    if len(held) == 0:
        return added
    grid = painted.grid
    part = slice(int(held[0]), int(held[-1]) + 1)
    thick = [min(1.0, step / STREAK_STEP_MM) for step in grid.spacing_mm]
    water = np.clip(hu[part] * np.float32(0.001) + np.float32(1.0), 0.0, 2.0)
    coarse_metal, coarse_water = zoom(metal[part], thick, order=1), zoom(water, thick, order=1)
    cm = [0.1 * step / scale for step, scale in zip(grid.spacing_mm[1:], thick[1:], strict=True)]
    found = np.stack(_deficits(coarse_metal, coarse_water, cm, math.sqrt(_STANDARD_MAS / conditions.tube_mas), rng))
    back = [whole / own for whole, own in zip(metal[part].shape, found.shape, strict=True)]
    fine = zoom(found, back, order=1)
    added[part] = fine * (np.float32(1.0) - metal[part])
    return added


def _deficits(
    metal: Floats32, water: Floats32, cm: list[float], noisier: float, rng: np.random.Generator
) -> list[Floats32]:
    """For every slice, the filtered back projection (HU) of what the rays through metal miss, and of their noise."""
    rays, bins = parallel_rays(metal.shape[1], metal.shape[2], cm)
    area = cm[0] * cm[1]
    width = min(cm)
    length_metal = rays @ metal.reshape(len(metal), -1).T * (area / width)
    length_water = rays @ (water * (1.0 - metal)).reshape(len(metal), -1).T * (area / width)
    soft = np.exp(-METAL_SOFT_PER_CM * length_metal - WATER_SOFT_PER_CM * length_water)
    hard = np.exp(-METAL_HARD_PER_CM * length_metal - WATER_HARD_PER_CM * length_water)
    water_alone = 0.5 * np.exp(-WATER_SOFT_PER_CM * length_water) + 0.5 * np.exp(-WATER_HARD_PER_CM * length_water)
    seen = -np.log(0.5 * soft + 0.5 * hard) + np.log(water_alone)
    straight = 0.5 * (METAL_SOFT_PER_CM + METAL_HARD_PER_CM) * length_metal
    starved = np.exp(0.5 * np.minimum(straight, FEWEST)) - 1.0
    noise = rng.standard_normal(seen.shape) * starved * np.exp(0.5 * WATER_PER_CM * length_water) * RAY_NOISE * noisier
    missing = (seen - straight + noise).reshape(ANGLES, bins, -1)
    filtered = ramp_filtered(missing, width)
    image = rays.T @ filtered.reshape(ANGLES * bins, -1) * (math.pi / ANGLES)
    per_hu = STREAK * 1000.0 / WATER_PER_CM
    return [column.reshape(metal.shape[1:]).astype(np.float32) * per_hu for column in image.T]


def parallel_rays(rows: int, columns: int, cm: list[float]) -> tuple[csr_matrix, int]:
    """Parallel rays: each pixel shared between the two rays it lies between, at every angle; and rays per angle."""
    y, x = ((np.arange(n) - 0.5 * (n - 1)) * step for n, step in zip((rows, columns), cm, strict=True))
    width = min(cm)
    bins = math.ceil(math.hypot(rows * cm[0], columns * cm[1]) / width) + 3
    pixel = np.arange(rows * columns)
    row, column, share = [], [], []
    for n in range(ANGLES):
        angle = math.pi * n / ANGLES
        place = (x[None, :] * math.cos(angle) + y[:, None] * math.sin(angle)).ravel() / width + 0.5 * (bins - 1)
        low = np.floor(place).astype(int)
        row += [n * bins + low, n * bins + low + 1]
        column += [pixel, pixel]
        share += [low + 1.0 - place, place - low]
    shape = (ANGLES * bins, rows * columns)
    return csr_matrix((np.concatenate(share), (np.concatenate(row), np.concatenate(column))), shape), bins


def ramp_filtered(rays: FloatArray, width_cm: float) -> FloatArray:
    """The ramp filter of filtered back projection along the second axis, from its samples in space (Kak and Slaney)."""
    size = 2 ** math.ceil(math.log2(2 * rays.shape[1]))
    kernel = np.zeros(size)
    kernel[0] = 0.25 / width_cm**2
    odd = np.arange(1, size // 2, 2)
    kernel[odd] = kernel[-odd] = -1.0 / (math.pi * odd * width_cm) ** 2
    # a smooth kernel, as for soft tissue: nothing is left of what changes from ray to ray
    smooth = 0.5 + 0.5 * np.cos(np.pi * np.arange(size // 2 + 1) / (size // 2))
    response = (np.fft.rfft(kernel).real * smooth)[None, :, None]
    spectrum = np.fft.rfft(rays, size, axis=1) * response
    filtered: FloatArray = np.fft.irfft(spectrum, size, axis=1)[:, : rays.shape[1]] * width_cm
    return filtered


def _hu(tissue: Tissue, man: Man, contrast: bool) -> float:
    if tissue.name == "metal":
        return METAL_HU
    hu = tissue.contrast_hu if contrast else tissue.hu
    return max(hu + MARROW_PER_YEAR * (man.age_years - MARROW_AT), 30.0) if tissue.name == "marrow" else hu


def _gas(hu: Floats32, painted: Painted, field: Floats32) -> None:
    """Bubbles of gas in what holds it, in place."""
    inside = painted.compose(lambda structure: 1.0 if tissue_of(structure).name in GAS_IN else 0.0)
    share = inside * np.clip((field - np.float32(GAS_FIELD)) * np.float32(2.5) + np.float32(0.5), 0.0, 1.0)
    hu += share * (np.float32(GAS_HU) - hu)


def _table(hu: Floats32, grid: Grid, top_mm: float) -> None:
    """Two sheets with foam between them, curved upwards at the sides, where there is air; in place."""
    x = grid.origin_mm[0] + np.arange(grid.shape[2]) * grid.axes_mm[2][0]
    y = grid.origin_mm[1] + np.arange(grid.shape[1]) * grid.axes_mm[1][1]
    rise = TABLE_RADIUS_MM - np.sqrt(np.maximum(TABLE_RADIUS_MM**2 - np.minimum(np.abs(x), TABLE_HALF_MM) ** 2, 0.0))
    depth = y[:, None] - (top_mm - rise[None, :])
    step = abs(grid.axes_mm[1][1])
    across = np.clip((TABLE_HALF_MM - np.abs(x)) / abs(grid.axes_mm[2][0]) + 0.5, 0.0, 1.0)[None, :]
    table = np.zeros(depth.shape)
    for middle, thick, level in (
        (0.5 * TABLE_THICK_MM, TABLE_THICK_MM, FOAM_HU - AIR_HU),
        (0.0, SHEET_MM, SHEET_HU - FOAM_HU),
        (TABLE_THICK_MM, SHEET_MM, SHEET_HU - FOAM_HU),
    ):
        # share of the voxel's height that lies within the layer
        low, high = (
            np.maximum(depth - 0.5 * step, middle - 0.5 * thick),
            np.minimum(depth + 0.5 * step, middle + 0.5 * thick),
        )
        table += level * np.clip((high - low) / step, 0.0, 1.0) * across
    rows = np.flatnonzero(table.max(axis=1) > 0.0)
    if len(rows):
        part = hu[:, rows[0] : rows[-1] + 1]
        air = np.clip((part + np.float32(500.0)) / np.float32(-500.0), 0.0, 1.0)
        part += air * table[None, rows[0] : rows[-1] + 1].astype(np.float32)


def _noise(hu: Floats32, grid: Grid, conditions: Conditions, noise: Floats32) -> Floats32:
    """White noise given the grain of the kernel, as deep as the slice is thick."""
    sigma = [0.0, *(GRAIN_MM / 2.355 / step for step in grid.spacing_mm[1:])]
    if max(sigma) > 0.35:
        noise = gaussian_filter(noise, sigma, mode="nearest")
        noise /= max(float(noise.std()), 1e-6)
    depth = noise_hu(water_diameter_cm(hu, grid), grid, conditions).astype(np.float32)
    noise *= depth[:, None, None]
    # air is nearly without noise: little weakens the rays beside the man
    noise *= np.clip((hu + np.float32(1000.0)) / np.float32(300.0), 0.25, 1.0)
    return noise
