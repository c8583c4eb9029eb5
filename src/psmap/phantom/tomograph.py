"""From a sharp SUV image to a PET as a scanner gives it: breath, positron range, point spread, counts, and a halo.

Positron range: the distance from decay to annihilation follows about r exp(-2 r / R), R its mean; two Gaussians stand
for it, fitted to that law (no more than 4 % of the positrons at any distance astray) and scaled so that the mean is R.

Breath: in quiet breathing the diaphragm goes down by `breath_mm` and stays longest up, its depth below the highest
point breath * sin^4 (Lujan 1999, Med Phys 26:715). Less and less of it reaches what lies farther away. Every slice of
what breathes is pushed along z by that, and the image is the mean over a breath; no activity is lost. The image without
breath is that of mid-breath, so that a CT in shallow breathing fits it in the mean.

Counts: the signal to noise ratio of livers goes with the root of activity times minutes, and against body weight (de
Groot 2013, EJNMMI Res 3:63), all at one SUV; so counts per mL and SUV go with activity * minutes / weight^2. The law of
Poisson makes the variance follow the uptake. A slice is the noisier the more man the photons have to cross, and a place
the noisier the more activity lies round it: the rays through it carry the counts of all they cross, and iterative
reconstruction makes noise grow with the image (Barrett 1994, Phys Med Biol 39:833).

Halo: a scatter correction that is set too high round much activity takes away from all that lies in the same slices
(Heusser 2017, PLOS ONE, doi 10.1371/journal.pone.0183329). Some men have one, as `draw_halo` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, zoom

from psmap.catalog.load import load_nuclides, load_physiology
from psmap.catalog.tissues import tissue_of
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.refusal import Refused
from psmap.domain.tracer import Tracer
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Painted
from psmap.phantom.scanner import FWHM_PER_SIGMA, scan, variance_left

Floats32 = npt.NDArray[np.float32]

MEAN_RANGE_MM: Mapping[str, float] = {"18F": 0.6, "11C": 1.2, "64Cu": 0.7, "89Zr": 1.3, "68Ga": 2.9}
"""Mean range of the positrons in water: table 3 of doi 10.2967/jnumed.121.263506 (after Conti and Eriksson 2016, EJNMMI
Phys 3:8). That table has 3.5 mm for the main branch of 68Ga, other works 2.7 to 3. With 2.9 the law above makes 68Ga
1.16 (FWHM) to 1.22 times (a 10 mm sphere) as wide as 18F behind this scanner. Measured: up to 1.18 and 1.23 times,
doi 10.1186/s40658-022-00487-7."""
BRANCH: Mapping[str, float] = {"18F": 0.967, "11C": 0.998, "64Cu": 0.175, "89Zr": 0.227, "68Ga": 0.889}
"""Share of decays with a positron: the same; 18F and 68Ga as in the European Pharmacopoeia."""
_NEAR, _NEAR_OF_MEAN, _FAR_OF_MEAN = 0.458, 0.3255, 0.8816
"""Share and standard deviation (over the mean range) of the nearer Gaussian, and that of the farther."""

NOISE_AT_STANDARD = 0.10
"""Noise of SUV 2.2 in voxels of 4 mm behind a filter of 4.5 mm, for 150 MBq of 18F at the start of the scan, 2 min a
bed and 75 kg. Ours: so that livers vary by 8 to 15 % from voxel to voxel, as in clinical images."""
_STANDARD_SUV, _STANDARD_MBQ, _STANDARD_MIN, _STANDARD_KG = 2.2, 150.0, 2.0, 75.0
_STANDARD_GRID = Grid((9, 9, 9), (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
_STANDARD_FILTER_MM = 4.5

USUAL_AREA_CM2 = 700.0
"""Area of a slice through the liver of a man of 75 kg (outline of the reference man: 690)."""
ATTENUATION_PER_CM = 0.096
"""Of photons of 511 keV in water."""
USUAL_ROUND_SUV, ROUND_MM = 1.8, 30.0
"""SUV round a place (Gaussian mean of that standard deviation) at which its noise is the standard one."""
BLOCK_MM = 12.0
OUTSIDE_SUV = 0.05
"""What has less is not counted to a slice's area."""

_REACH: tuple[tuple[float, ...], tuple[float, ...]] = (
    (-330.0, -200.0, -110.0, 0.0, 60.0, 130.0, 180.0),
    (0.0, 0.35, 0.75, 1.0, 0.6, 0.15, 0.0),
)
"""Height over the dome of the diaphragm (mm), and how much of its movement reaches there: kidneys about three quarters
(AAPM Task Group 76, Keall 2006, Med Phys 33:3874), apices of the lungs and pelvis none."""
PHASES = 9
_DOME = (-58.0, -40.0, 256.0)
"""The dome of the liver, figures of the reference adult male, ICRP Publication 110."""

HOT_SUV, HALO_REACH_MM, HALO_HALF_ML = 15.0, (25.0, 90.0), 600.0
"""Activity above this SUV throws a halo that reaches so far along z and in the slice (standard deviation); where the
smoothed excess is as of this many SUV mL in a ball of a litre, half of `halo` is reached. Ours: so that `halo` 0.5
round a full bladder of SUV 30 leaves the buttocks a fifth too low, as a moderate halo does (their SUVmean rose by 23 %
with a better scatter correction in 100 men: Lindemann 2019, doi 10.2967/jnumed.118.224139)."""
HALO_SHARE, MOST_HALO = 0.3, 0.5
"""Share of scans that have a halo, and the greatest there is; in between it is spread evenly. Ours: on PET/MR most have
one (Lindemann 2019), on PET/CT with its better attenuation map they are fewer and fainter."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a man is scanned.

    Args:
        nuclide: '68Ga'.
        activity_mbq: injected.
        uptake_min: from injection to scan.
        minutes_per_bed: of the PET.
        weight_kg, height_m: of the man.
        psf_fwhm_mm: point spread of the scanner and its reconstruction, without positron range.
        filter_fwhm_mm: the part of it that comes after the noise.
        breath_mm: way of the diaphragm in a breath; 0 is none.
        dome_mm: where the diaphragm's dome lies along z (mm, the man's space).
        halo: greatest share that a halo takes away, 0 for none.
        noise: factor on the PET's noise; 0 for none.
        tube_mas: exposure of the CT, effective, at 120 kV.
        contrast: whether there is contrast medium in the CT, portal venous phase.
        table: whether the CT shows the table.
        streaks: whether metal throws streaks on the CT.
    """

    nuclide: str
    activity_mbq: float
    uptake_min: float
    minutes_per_bed: float = 2.5
    weight_kg: float = 75.0
    height_m: float = 1.75
    psf_fwhm_mm: float = 6.0
    filter_fwhm_mm: float = 4.5
    breath_mm: float = 12.0
    dome_mm: float = 256.0
    halo: float = 0.0
    noise: float = 1.0
    tube_mas: float = 60.0
    contrast: bool = False
    table: bool = True
    streaks: bool = True

    def __post_init__(self) -> None:
        if self.nuclide not in MEAN_RANGE_MM:
            raise Refused(f"positron range of {self.nuclide} is unknown", cure=f"one of {', '.join(MEAN_RANGE_MM)}")
        positive = (self.activity_mbq, self.minutes_per_bed, self.weight_kg, self.height_m, self.tube_mas)
        if min(positive) <= 0.0 or min(self.uptake_min, self.breath_mm, self.noise) < 0.0:
            raise ValueError("activity, minutes, weight, height and tube current are positive, nothing is negative")
        if not 0.0 <= self.halo < 1.0 or not 0.0 <= self.filter_fwhm_mm <= self.psf_fwhm_mm:
            raise ValueError("a halo takes away a share below 1, and a filter is no wider than the point spread")


def draw_halo(rng: np.random.Generator) -> float:
    """`Conditions.halo` of a scan; it shows only where there is activity that throws one."""
    has_one, strength = rng.random(2)
    return float(MOST_HALO * strength) if has_one < HALO_SHARE else 0.0


def usual_conditions(tracer: Tracer, man: Man) -> Conditions:
    """How a man is usually scanned with a tracer: its activity per kg held to its usual range, its uptake time."""
    physiology = load_physiology().get(tracer.id)
    if physiology is None:
        raise Refused(
            f"how {tracer.name} is given is not in the catalogue", cure=f"one of {', '.join(load_physiology())}"
        )
    low, high = tracer.activity_mbq or (0.0, math.inf)
    return Conditions(
        nuclide=tracer.nuclide,
        activity_mbq=min(max(physiology.activity_mbq_kg * man.weight_kg, low), high),
        uptake_min=physiology.uptake_min,
        minutes_per_bed=3.5 if tracer.nuclide == "68Ga" else 2.5,
        weight_kg=man.weight_kg,
        height_m=man.height_m,
        dome_mm=float(man.bend.to_man([_DOME])[0, 2]),
    )


def acquire(
    sharp: Floats32,
    grid: Grid,
    conditions: Conditions,
    rng: np.random.Generator,
    breathing: Floats32 | None = None,
) -> Floats32:
    """The PET (SUV, g/mL, float32, [k, j, i]) that a scanner gives of a sharp SUV image.

    Args:
        sharp: SUV without scanner, not negative; what lies outside the grid counts as nothing.
        grid: along x, y and z.
        conditions: how he is scanned.
        rng: dice of the counts.
        breathing: share (0 to 1) of every voxel that moves with the diaphragm, see `breathing_share`; None is all.
    """
    seen = _breathed(sharp, grid, conditions, breathing)
    seen = _positrons(seen, grid, conditions)
    if conditions.halo > 0.0:
        seen = seen * halo_left(seen, grid, conditions.halo)
    noise = noise_of(grid, conditions)
    noisier = (slice_noise(sharp, grid) * round_noise(seen, grid)).astype(np.float32) if noise > 0.0 else None
    return scan(
        seen,
        grid,
        psf_fwhm_mm=conditions.psf_fwhm_mm,
        noise=noise,
        noise_at=1.0,
        filter_fwhm_mm=conditions.filter_fwhm_mm,
        rng=rng,
        noisier=noisier,
    )


def breathing_share(painted: Painted) -> Floats32:
    """Share (0 to 1) of every voxel that moves with the diaphragm: organs of chest and belly and the fat between."""

    def moves(structure: str) -> float:
        return 1.0 if structure == "visceral_fat" or tissue_of(structure).breathes else 0.0

    return painted.compose(moves)


def noise_of(grid: Grid, conditions: Conditions) -> float:
    """Relative standard deviation of a voxel of SUV 1 in a slice of `USUAL_AREA_CM2`, `USUAL_ROUND_SUV` round it."""
    half_life_min = load_nuclides()[conditions.nuclide].half_life_s / 60.0
    left = conditions.activity_mbq * 2.0 ** (-conditions.uptake_min / half_life_min)
    counts = left * BRANCH[conditions.nuclide] * conditions.minutes_per_bed / conditions.weight_kg**2
    standard = _STANDARD_MBQ * BRANCH["18F"] * _STANDARD_MIN / _STANDARD_KG**2
    fewer = standard / counts * _STANDARD_GRID.voxel_ml / grid.voxel_ml
    grain = variance_left(grid, conditions.filter_fwhm_mm) / variance_left(_STANDARD_GRID, _STANDARD_FILTER_MM)
    return conditions.noise * NOISE_AT_STANDARD * math.sqrt(_STANDARD_SUV * fewer * grain)


def slice_noise(sharp: Floats32, grid: Grid) -> FloatArray:
    """Factor on the noise's variance by slice, [k, 1, 1]: photons cross the mean chord of a disc of the man's area.

    The weight stands for the slices of the trunk; a slice smaller or larger than a man of that weight has in the mean
    gains or loses half of what attenuation alone would say, for the counts of a voxel come from many directions.
    """
    pixel_cm2 = grid.voxel_ml / grid.spacing_mm[0] * 10.0
    area = np.count_nonzero(sharp > OUTSIDE_SUV, axis=(1, 2)) * pixel_cm2
    if grid.spacing_mm[0] < 40.0:
        area = gaussian_filter(area.astype(float), 40.0 / grid.spacing_mm[0], mode="nearest")
    chord_cm = math.sqrt(math.pi * USUAL_AREA_CM2) / 2.0
    more = np.sqrt(math.pi * np.maximum(area, 1.0)) / 2.0 - chord_cm
    factor: FloatArray = np.exp(0.5 * ATTENUATION_PER_CM * more)[:, None, None]
    return factor


def round_noise(seen: Floats32, grid: Grid) -> Floats32:
    """Factor on the noise's variance by what lies round a voxel: the root of its SUV over `USUAL_ROUND_SUV`."""
    blocks, every = _blocks(seen, grid)
    sigma = [ROUND_MM / (step * block) for step, block in zip(grid.spacing_mm, every, strict=True)]
    near = gaussian_filter(blocks, sigma, mode="nearest")
    return _spread(np.sqrt(np.maximum(near, 0.05) / USUAL_ROUND_SUV), seen.shape)


def breath_matrix(grid: Grid, conditions: Conditions) -> tuple[slice, Floats32]:
    """The slices that breath reaches, and where their activity goes in the mean over a breath, [to, from].

    Every column adds up to 1, so that no activity is lost; what would leave the grid stays in its last slice.
    """
    step = grid.axes_mm[0][2]
    z = grid.origin_mm[2] + np.arange(grid.shape[0]) * step
    reach = np.interp(z - conditions.dome_mm, *_REACH, left=0.0, right=0.0)
    touched = np.flatnonzero(reach > 0.0)
    if conditions.breath_mm == 0.0 or len(touched) == 0:
        return slice(0, 0), np.zeros((0, 0), np.float32)
    margin = math.ceil(conditions.breath_mm / abs(step))
    first, last = max(int(touched[0]) - margin, 0), min(int(touched[-1]) + margin, grid.shape[0] - 1)
    count = last - first + 1
    depth = np.sin(np.pi * (np.arange(PHASES) + 0.5) / PHASES) ** 4
    depth -= depth.mean()
    matrix = np.zeros((count, count), np.float32)
    column = np.arange(count)
    for phase in depth:
        place = column - phase * conditions.breath_mm * reach[first : last + 1] / step
        low = np.clip(np.floor(place).astype(int), 0, count - 1)
        share = np.clip(place - low, 0.0, 1.0)
        np.add.at(matrix, (low, column), (1.0 - share) / PHASES)
        np.add.at(matrix, (np.minimum(low + 1, count - 1), column), share / PHASES)
    return slice(first, last + 1), matrix


def halo_left(seen: Floats32, grid: Grid, halo: float) -> Floats32:
    """What a halo leaves of every voxel (share, 0 to 1): little round much activity, all of it far away."""
    blocks, every = _blocks(np.maximum(seen - np.float32(HOT_SUV), 0.0), grid)
    along, across = HALO_REACH_MM
    sigma = [
        mm / (step * block) for mm, step, block in zip((along, across, across), grid.spacing_mm, every, strict=True)
    ]
    spread = gaussian_filter(blocks, sigma, mode="constant")
    taken = halo * spread / (spread + HALO_HALF_ML / 1000.0)
    # what throws the halo keeps its own: there the activity is far above what is taken
    taken *= 1.0 - np.clip(blocks / HOT_SUV, 0.0, 1.0)
    left: Floats32 = 1.0 - np.clip(_spread(taken, seen.shape), 0.0, np.float32(halo))
    return left


def _blocks(image: Floats32, grid: Grid) -> tuple[Floats32, list[int]]:
    """Means over blocks of about `BLOCK_MM` and their size in voxels; what fills none at the far ends is left out."""
    every = [
        min(max(1, round(BLOCK_MM / step)), count) for step, count in zip(grid.spacing_mm, image.shape, strict=True)
    ]
    k, j, i = (count // block for count, block in zip(image.shape, every, strict=True))
    whole = image[: k * every[0], : j * every[1], : i * every[2]]
    blocks: Floats32 = whole.reshape(k, every[0], j, every[1], i, every[2]).mean(axis=(1, 3, 5))
    return blocks, every


def _spread(blocks: Floats32, shape: tuple[int, ...]) -> Floats32:
    """Blocks as voxels, linear between their middles."""
    wide = [own / coarse for own, coarse in zip(shape, blocks.shape, strict=True)]
    fine: Floats32 = zoom(blocks, wide, order=1, mode="nearest", grid_mode=True).astype(np.float32)
    return fine


def _breathed(sharp: Floats32, grid: Grid, conditions: Conditions, breathing: Floats32 | None) -> Floats32:
    part, matrix = breath_matrix(grid, conditions)
    if len(matrix) == 0:
        return sharp
    seen = sharp.copy()
    here = sharp[part]
    moving = here if breathing is None else here * breathing[part]
    pushed = (matrix @ moving.reshape(len(matrix), -1)).reshape(here.shape)
    seen[part] = pushed if breathing is None else here - moving + pushed
    return seen


def _positrons(seen: Floats32, grid: Grid, conditions: Conditions) -> Floats32:
    """Blur by the positron range: the nearer Gaussian, and the farther of the rest on top of it."""
    mean = MEAN_RANGE_MM[conditions.nuclide]
    near, far = _NEAR_OF_MEAN * mean, _FAR_OF_MEAN * mean
    if far < 0.2 * min(grid.spacing_mm):
        return seen
    first = _blurred(seen, grid, near)
    blurred: Floats32 = first * np.float32(_NEAR) + _blurred(first, grid, math.sqrt(far**2 - near**2)) * np.float32(
        1.0 - _NEAR
    )
    return blurred


def _blurred(seen: Floats32, grid: Grid, sigma_mm: float) -> Floats32:
    return scan(seen, grid, psf_fwhm_mm=sigma_mm * FWHM_PER_SIGMA, noise=0.0, noise_at=1.0)
