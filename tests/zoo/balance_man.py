"""A whole man in plain solids, of known mass and known activity, scanned over the part of him that is asked for.

Only sums matter here: 70 kg, and every becquerel that was injected is in him but for what he voided. The organs hold
what PSMA ligands leave in them, to a round number. He is drawn from ellipsoids, cylinders and cones on the grid itself,
so that his mass and his activity are counted voxel by voxel, and the rest of the body gets what the organs leave over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from zoo_study import DOSE_BQ, HALF_LIFE_S, INJECTED, NOON, UPTAKE_S, Edit

from psmap.domain.geometry import Grid
from psmap.io.dicom_write import CtFacts, PetFacts, StudyFacts, write_ct_series, write_pet_series
from psmap.phantom.scanner import scan

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WEIGHT_KG = 70.0
HEIGHT_M = 1.72
VOXEL_MM = 6.0
RETAINED = 0.95
"""Share of the activity that is in a man an hour after the injection, before he voids."""
LUNG_DENSITY = 0.3

# name: centre x, y, z and half axes (mm), SUV; z is 0 at the crotch, x to the left, y to the back
PSMA = {
    "right kidney": ((-62, 40, 230), (28, 28, 56), 40.0),
    "left kidney": ((62, 40, 240), (28, 28, 56), 40.0),
    "liver": ((-65, -10, 300), (85, 66, 76), 5.0),
    "spleen": ((95, 30, 300), (29, 36, 52), 8.0),
    "right parotid": ((-55, 10, 700), (14, 18, 24), 15.0),
    "left parotid": ((55, 10, 700), (14, 18, 24), 15.0),
    "bowel": ((0, -40, 200), (36, 36, 62), 8.0),
    "bladder": ((0, -40, 60), (38, 38, 38), 25.0),
}
TUMOURS = {
    **{name: (centre, axes, 0.3 * suv) for name, (centre, axes, suv) in PSMA.items()},
    "pelvis": ((0, 60, 90), (90, 25, 70), 25.0),
    "spine": ((0, 60, 330), (22, 22, 220), 25.0),
}
FDG = {
    "brain": ((0, -5, 765), (64, 80, 70), 6.0),
    "bladder": PSMA["bladder"],
    "liver": ((-65, -10, 300), (85, 66, 76), 2.2),
}

WHOLE, VERTEX_TO_THIGH, SKULL_BASE_TO_THIGH = (-830.0, 890.0), (-160.0, 890.0), (-160.0, 720.0)
ABDOMEN, PELVIS = (0.0, 450.0), (-60.0, 200.0)


@dataclass(frozen=True)
class Scan:
    """What is scanned, and how.

    Args:
        organs: where the uptake is.
        from_to_mm: the part of him in the field of view, z.
        retained: share of the activity that is in him: the rest was voided, or never left the arm.
        arms_up: whether his arms lie beside his head.
        ct: whether a CT is written, with the table under him.
        half_life_s: of the nuclide that he was given.
    """

    organs: Mapping[str, tuple[tuple[float, ...], tuple[float, ...], float]]
    from_to_mm: tuple[float, float] = SKULL_BASE_TO_THIGH
    retained: float = RETAINED
    arms_up: bool = True
    ct: bool = False
    half_life_s: float = HALF_LIFE_S


def suv_of(man: Scan) -> tuple[Floats, Grid, Mask, Mask]:
    """SUV of the whole man without scanner, the grid, and where body and lungs are."""
    grid = _whole_grid()
    body, lungs = _solids(grid, man.arms_up)
    ml = grid.voxel_ml
    suv = np.zeros(grid.shape)
    organs = np.zeros(grid.shape, bool)
    for centre, axes, uptake in man.organs.values():
        inside = _ellipsoid(grid, centre, axes)
        suv[inside] = uptake * man.retained / RETAINED
        organs |= inside
    rest = body & ~organs
    density = np.where(lungs, LUNG_DENSITY, 1.0)
    left_over = man.retained * WEIGHT_KG * 1000.0 - float(suv.sum()) * ml
    suv[rest] = left_over / (float(density[rest].sum()) * ml) * density[rest]
    return suv, grid, body, lungs


def mass_kg(body: Mask, lungs: Mask, grid: Grid) -> float:
    """The man's mass."""
    return float(np.count_nonzero(body) - (1.0 - LUNG_DENSITY) * np.count_nonzero(lungs)) * grid.voxel_ml / 1000.0


def write_man(
    study: Path,
    man: Scan,
    *edits: Edit,
    times: float = 1.0,
    facts: Mapping[str, Any] | None = None,
    weight_kg: float = WEIGHT_KG,
) -> None:
    """Scan him and write PET (and CT): right as it stands, wrong by edits, stored values `times` too large, `facts`."""
    suv, grid, body, lungs = suv_of(man)
    seen = scan(
        suv.astype(np.float32),
        grid,
        psf_fwhm_mm=7.0,
        filter_fwhm_mm=5.0,
        noise=0.1,
        noise_at=0.5,
        rng=np.random.default_rng(7),
    )
    part, field = part_of(grid, man.from_to_mm)
    said = {"series_at": NOON, "injected_at": INJECTED, "half_life_s": man.half_life_s, **(facts or {})}
    bq = seen[part].astype(np.float64) * DOSE_BQ * 2.0 ** (-UPTAKE_S / man.half_life_s) / (WEIGHT_KG * 1000.0) * times
    about = StudyFacts("balance", NOON, weight_kg=weight_kg, height_m=HEIGHT_M)

    def all_edits(data: Any, k: int) -> None:
        for edit in edits:
            edit(data, k)

    write_pet_series(study / "PET", field, bq, about, PetFacts(**said), edit=all_edits)
    if man.ct:
        hu = np.where(body, 0, -1000)
        hu[lungs] = -700
        write_ct_series(study / "CT", field, (hu + _table(grid)).astype(np.int16)[part], about, CtFacts(series_at=NOON))


def _whole_grid() -> Grid:
    shape = (290, 60, 100)
    origin = (-0.5 * 99 * VOXEL_MM, -0.5 * 59 * VOXEL_MM, -840.0)
    return Grid(shape, origin, ((0.0, 0.0, VOXEL_MM), (0.0, VOXEL_MM, 0.0), (VOXEL_MM, 0.0, 0.0)))


def part_of(grid: Grid, from_to_mm: tuple[float, float]) -> tuple[slice, Grid]:
    """The slices in the field of view, and their grid."""
    low, high = (round((z - grid.origin_mm[2]) / VOXEL_MM) for z in from_to_mm)
    x, y, z = grid.origin_mm
    return slice(low, high), Grid((high - low, *grid.shape[1:]), (x, y, z + low * VOXEL_MM), grid.axes_mm)


def _axes(grid: Grid) -> tuple[Floats, Floats, Floats]:
    k, j, i = (np.arange(n) * VOXEL_MM for n in grid.shape)
    x0, y0, z0 = grid.origin_mm
    return (x0 + i)[None, None, :], (y0 + j)[None, :, None], (z0 + k)[:, None, None]


def _ellipsoid(grid: Grid, centre: Sequence[float], axes: Sequence[float]) -> Mask:
    x, y, z = _axes(grid)
    inside: Mask = (
        ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 + ((z - centre[2]) / axes[2]) ** 2
    ) <= 1.0
    return inside


def _rod(grid: Grid, xy: tuple[float, float], radii: tuple[float, float], ends: tuple[float, float]) -> Mask:
    """An elliptic rod along z; with half axes `radii`."""
    x, y, z = _axes(grid)
    across = ((x - xy[0]) / radii[0]) ** 2 + ((y - xy[1]) / radii[1]) ** 2 <= 1.0
    inside: Mask = across & (z >= ends[0]) & (z < ends[1])
    return inside


def _leg(grid: Grid, x0: float) -> Mask:
    x, y, z = _axes(grid)
    radius = np.interp(z, [-820.0, 0.0], [55.0, 88.0])
    inside: Mask = (np.hypot(x - x0, y) <= radius) & (z >= -820.0) & (z < 0.0)
    return inside


def _solids(grid: Grid, arms_up: bool) -> tuple[Mask, Mask]:
    arms = (575.0, 880.0) if arms_up else (-145.0, 575.0)
    beside = 150.0 if arms_up else 218.0
    thick = 60.0 if arms_up else 40.0  # folded over the head they are shorter and thicker
    body = (
        _rod(grid, (0, 0), (168, 112), (0, 575))
        | _rod(grid, (0, 0), (60, 60), (575, 660))
        | _ellipsoid(grid, (0, 0, 765), (78, 97, 118))
        | _leg(grid, -95)
        | _leg(grid, 95)
        | _rod(grid, (-beside, 0), (thick, thick), arms)
        | _rod(grid, (beside, 0), (thick, thick), arms)
    )
    lungs = _ellipsoid(grid, (-80, -10, 450), (58, 78, 112)) | _ellipsoid(grid, (80, -10, 450), (58, 78, 112))
    return body, lungs


def _table(grid: Grid) -> npt.NDArray[np.int64]:
    """Two thin plates with foam between them, under his back."""
    x, y, _z = _axes(grid)
    across = np.abs(x) <= 200.0
    plate = across & (((y >= 130.0) & (y < 136.0)) | ((y >= 160.0) & (y < 166.0)))
    foam = across & (y >= 136.0) & (y < 160.0)
    hu: npt.NDArray[np.int64] = np.where(plate, 600, np.where(foam, 40, 0))
    return hu
