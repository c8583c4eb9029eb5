"""What the benchmarks read: a PET and a CT series with long headers, and an SUV volume with lesions and organs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from psmap.domain.geometry import Grid
from psmap.io.dicom_write import CtFacts, PetFacts, StudyFacts, write_ct_series, write_pet_series

LESIONS, ORGANS = 35, 12
EXTRA_ELEMENTS = 40
"""Private elements added to every slice, so that a header has about 100 elements, as scanners write."""

_SERIES_AT = datetime(2026, 1, 31, 10, 15)
_INJECTED_AT = datetime(2026, 1, 31, 9, 10)
_STUDY = StudyFacts(uid_seed="benchmark", study_at=_SERIES_AT)


def pet_grid(shape: tuple[int, int, int] = (350, 200, 200)) -> Grid:
    """A PET lattice of 3 x 4.07 x 4.07 mm."""
    return Grid(shape, (-400.0, -400.0, -900.0), ((0.0, 0.0, 3.0), (0.0, 4.07, 0.0), (4.07, 0.0, 0.0)))


def ct_grid(shape: tuple[int, int, int] = (300, 512, 512)) -> Grid:
    """A CT lattice of 3 x 0.98 x 0.98 mm."""
    return Grid(shape, (-250.0, -250.0, -900.0), ((0.0, 0.0, 3.0), (0.0, 0.98, 0.0), (0.98, 0.0, 0.0)))


def suv_volume(grid: Grid, seed: int = 7) -> npt.NDArray[np.float32]:
    """Noisy background of SUV 0.5, 12 large organs and 35 lesions of 4 to 12 mm (sigma of a Gaussian), SUV 6 to 30."""
    dice = np.random.default_rng(seed)
    suv = np.clip(dice.normal(0.5, 0.15, grid.shape), 0.0, None).astype(np.float32)
    sigmas_mm = np.concatenate((dice.uniform(12.0, 22.0, ORGANS), dice.uniform(4.0, 12.0, LESIONS)))
    for sigma_mm in sigmas_mm:
        centre = np.array([dice.uniform(15, size - 15) for size in grid.shape])
        reach = 4.0 * sigma_mm / np.array(grid.spacing_mm)
        low = np.maximum(np.floor(centre - reach), 0).astype(int)
        high = np.minimum(np.ceil(centre + reach) + 1, grid.shape).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        steps = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij", sparse=True)
        squared = sum(
            ((step - middle) * gap) ** 2 for step, middle, gap in zip(steps, centre, grid.spacing_mm, strict=True)
        )
        suv[box] += (dice.uniform(6.0, 30.0) * np.exp(-squared / (2.0 * sigma_mm**2))).astype(np.float32)
    return suv


def write_pet(folder: Path, grid: Grid, suv: npt.NDArray[np.float32]) -> Path:
    """The volume as a PET series in Bq/mL, a RescaleSlope of its own in every slice."""
    facts = PetFacts(series_at=_SERIES_AT, injected_at=_INJECTED_AT)
    write_pet_series(folder, grid, suv * np.float32(1000.0), _STUDY, facts, edit=_long_header)
    return folder


def write_ct(folder: Path, grid: Grid, seed: int = 8) -> Path:
    """A CT series of noise between -1000 and 2000 HU."""
    hu = np.random.default_rng(seed).integers(-1000, 2000, grid.shape, dtype=np.int16)
    write_ct_series(folder, grid, hu, _STUDY, CtFacts(series_at=_SERIES_AT), intercept_hu=-1024, edit=_long_header)
    return folder


def _long_header(data: Dataset, _: int) -> None:
    block = data.private_block(0x0019, "PSMAP BENCHMARK", create=True)
    for number in range(EXTRA_ELEMENTS):
        block.add_new(number, "LO", f"private element {number}")
