"""Small studies for the tests of batches: a hot ball of known size in a warm box, 10 slices, read in a second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from psmap.domain.geometry import Grid
from psmap.io.dicom_write import PetFacts, StudyFacts, write_pet_series

AT = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
VOXEL_ML = 0.064
HOT_VOXELS = 4 * 4 * 4


def write_small_study(folder: Path) -> Path:
    """A PET of 10 x 24 x 24 voxels of 4 mm with a cube of 4 voxels at ten times SUV 1."""
    grid = Grid((10, 24, 24), (-46.0, -46.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    facts = PetFacts(series_at=AT, injected_at=AT - timedelta(minutes=60))
    per_suv = facts.injected_bq * 2.0 ** (-3600.0 / facts.half_life_s) / 70_000.0
    suv = np.ones(grid.shape)
    suv[3:7, 10:14, 10:14] = 10.0
    write_pet_series(folder, grid, suv * per_suv, StudyFacts(folder.name, AT), facts)
    return folder


def poison(study: Path) -> None:
    """Cut one slice short, as a broken copy does."""
    slice_file = sorted(path for path in study.rglob("*") if path.is_file())[4]
    slice_file.write_bytes(slice_file.read_bytes()[:-600])
