"""Images: voxels on a grid with a stated quantity. Arrays are read-only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.domain.suv import SuvConversion


class Quantity(StrEnum):
    """What a voxel's number means."""

    SUV_BW = "SUVbw g/mL"
    HOUNSFIELD = "HU"
    LABEL = "label"
    AS_UNITS = "as Units (0054,1001)"


def read_only_on_grid(array: npt.NDArray[np.generic], grid: Grid, what: str) -> None:
    """Make an array read-only, after checking that it fits the grid (`ValueError` names `what` if not)."""
    if array.shape != grid.shape:
        raise ValueError(f"{what} of shape {array.shape} does not fit a grid of shape {grid.shape}")
    array.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class PetImage:
    """A PET in SUVbw.

    Args:
        grid: where the voxels lie.
        suv: SUVbw in g/mL, float32, indexed [k, j, i].
        conversion: how the SUV came about, with trace and warnings.
    """

    grid: Grid
    suv: npt.NDArray[np.float32]
    conversion: SuvConversion
    quantity: Quantity = field(default=Quantity.SUV_BW, init=False)

    def __post_init__(self) -> None:
        read_only_on_grid(self.suv, self.grid, "SUV array")


@dataclass(frozen=True, slots=True, eq=False)
class CtImage:
    """A CT in Hounsfield units.

    Args:
        grid: where the voxels lie.
        hu: Hounsfield units, int16, indexed [k, j, i].
        notes: what happened on the way in (rounding of fractional rescale slopes, say).
    """

    grid: Grid
    hu: npt.NDArray[np.int16]
    notes: tuple[str, ...] = ()
    quantity: Quantity = field(default=Quantity.HOUNSFIELD, init=False)

    def __post_init__(self) -> None:
        read_only_on_grid(self.hu, self.grid, "HU array")


@dataclass(frozen=True, slots=True, eq=False)
class LabelImage:
    """A label map: 0 is background, every other number a structure or a site.

    Args:
        grid: where the voxels lie.
        labels: whole numbers, indexed [k, j, i].
        names: label -> name, where names are known.
    """

    grid: Grid
    labels: npt.NDArray[np.integer]
    names: dict[int, str] = field(default_factory=dict)
    quantity: Quantity = field(default=Quantity.LABEL, init=False)

    def __post_init__(self) -> None:
        read_only_on_grid(self.labels, self.grid, "label array")
