"""A study as it came through the door: the chosen PET before any SUV, and the CT that shares its frame of reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from psmap.domain.acquisition import PetAcquisition
from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, Quantity, read_only_on_grid


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """One file of the user's: a path, and the member's name when the path is a zip archive."""

    path: Path
    member: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesSource:
    """Which DICOM series an image came from: its UIDs and its files in slice order."""

    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str
    files: tuple[SourceFile, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PetSeries:
    """A PET before SUV.

    Args:
        grid: where the voxels lie.
        rescaled: stored values times RescaleSlope plus RescaleIntercept of their slice, float32, [k, j, i],
            in the header's Units (0054,1001).
        acquisition: what the header says.
        source: which series it is; None for NIfTI.
    """

    grid: Grid
    rescaled: npt.NDArray[np.float32]
    acquisition: PetAcquisition
    source: SeriesSource | None
    quantity: Quantity = field(default=Quantity.AS_UNITS, init=False)

    def __post_init__(self) -> None:
        read_only_on_grid(self.rescaled, self.grid, "PET array")
        if len(self.acquisition.slices) != self.grid.shape[0]:
            raise ValueError("a PET series needs the facts of every slice")


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What one study holds for psmap.

    Args:
        pet: the chosen PET.
        ct: the CT of the same frame of reference, if there is one.
        ct_source: which series the CT is; None for NIfTI or without CT.
        choices: one line a choice made on the way in, printed and kept.
    """

    pet: PetSeries
    ct: CtImage | None = None
    ct_source: SeriesSource | None = None
    choices: tuple[str, ...] = ()
