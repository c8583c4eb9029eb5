"""A small study whose SUV is known at every voxel, the physics it is stored by, and the ways to spoil its header.

The truth is drawn first; what a file has to hold for it is worked out here from the definition of SUVbw,
SUV = C * W / D(t), with plain powers of two. Nothing of psmap's own arithmetic is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import config
from pydicom.dataset import Dataset

from psmap.domain.geometry import Grid
from psmap.io.dicom_write import PetFacts, StudyFacts, write_pet_series

Edit = Callable[[Dataset, int], None]
Values = npt.NDArray[np.float64]

SLICES = 12
GRID = Grid((SLICES, 16, 16), (-32.0, -32.0, 100.0), ((0.0, 0.0, 3.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
WEIGHT_KG, HEIGHT_CM = 70.0, 175.0
DOSE_BQ, HALF_LIFE_S = 150e6, 4057.74
NOON = datetime(2026, 2, 3, 12, 0, 0)
UPTAKE_S = 3600.0
INJECTED = NOON - timedelta(seconds=UPTAKE_S)
FRAME_S = 180.0
UNCORRECTED = ("NORM", "DTIM", "RAN", "ATTN", "SCAT")
PHILIPS = "Philips PET Private Group"


def true_suv() -> Values:
    """SUV 0.2 to 4 in most slices, up to 20 in two of them: other in every slice, so that slopes differ too."""
    scale = np.geomspace(0.2, 4.0, 256)
    peak = np.ones(SLICES)
    peak[4:6] = 5.0
    return np.stack([peak[k] * np.roll(scale, 7 * k).reshape(16, 16) for k in range(SLICES)])


def bq_ml(after_s: float = UPTAKE_S, half_life_s: float = HALF_LIFE_S, weight_kg: float = WEIGHT_KG) -> Values:
    """What SUV is in Bq/mL, as it was so many seconds after the injection: SUV * D * 2^(-t/T) / W."""
    return true_suv() * DOSE_BQ * 2.0 ** (-after_s / half_life_s) / (weight_kg * 1000.0)


def beds(first: datetime) -> tuple[datetime, ...]:
    """Start of every slice's frame: four beds of three slices, 180 s each."""
    return tuple(first + timedelta(seconds=FRAME_S * (k // 3)) for k in range(SLICES))


def uncorrected_bq_ml() -> Values:
    """DecayCorrection NONE over four beds: the mean of each frame's own decay."""
    decay = math.log(2.0) / HALF_LIFE_S
    mean = (1.0 - math.exp(-decay * FRAME_S)) / (decay * FRAME_S)
    return np.stack([bq_ml(UPTAKE_S + FRAME_S * (k // 3))[k] * mean for k in range(SLICES)])


@dataclass(frozen=True)
class Man:
    """What the study says of the man; None leaves the tag out."""

    sex: str = "M"
    weight_kg: float | None = WEIGHT_KG
    height_m: float | None = HEIGHT_CM / 100.0


def write(
    study: Path,
    *edits: Edit,
    values: Values | None = None,
    at: datetime = NOON,
    facts: Mapping[str, Any] | None = None,
    man: Man | None = None,
    one_slope: bool = False,
    grid: Grid = GRID,
    folder: str = "PET",
) -> tuple[Path, ...]:
    """Write the study: right as it stands, wrong by its edits.

    Args:
        study: its folder.
        edits: change the header of each slice.
        values: stored in header units; None for Bq/mL at the start of the scan.
        at: start of the scan; the injection was 60 min before, unless `facts` say otherwise.
        facts: fields of `PetFacts`.
        man, one_slope, grid, folder: weight, height and sex; one slope for all slices; grid; subfolder.
    """
    body = man or Man()
    about = StudyFacts("zoo", at, patient_sex=body.sex, weight_kg=body.weight_kg, height_m=body.height_m)
    said = {"series_at": at, "injected_at": at - timedelta(seconds=UPTAKE_S), **(facts or {})}

    def all_edits(data: Dataset, k: int) -> None:
        for edit in edits:
            edit(data, k)

    with config.disable_value_validation():
        return write_pet_series(
            study / folder,
            grid,
            bq_ml() if values is None else values,
            about,
            PetFacts(**said),
            one_slope=one_slope,
            edit=all_edits,
        )


def overwrite(files: tuple[Path, ...], old: bytes, new: bytes) -> None:
    """Replace the only place of some bytes in each file by as many others: for values that no writer lets through."""
    for file in files:
        content = file.read_bytes()
        if content.count(old) != 1 or len(old) != len(new):
            raise ValueError(f"{old!r} stands {content.count(old)} times in {file.name}")
        file.write_bytes(content.replace(old, new))


def put(**tags: Any) -> Edit:
    """Set tags by keyword; None removes one."""

    def edit(data: Dataset, _k: int) -> None:
        _set(data, tags)

    return edit


def put_tracer(**tags: Any) -> Edit:
    """The same within RadiopharmaceuticalInformationSequence."""

    def edit(data: Dataset, _k: int) -> None:
        _set(data.RadiopharmaceuticalInformationSequence[0], tags)

    return edit


def nuclide(value: str, scheme: str, meaning: str, half_life_s: float) -> Edit:
    """Another radionuclide, by code and half-life, as a right header of it would say."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return put_tracer(
        RadionuclideCodeSequence=[code],
        RadiopharmaceuticalCodeSequence=None,
        Radiopharmaceutical=meaning,
        RadionuclideHalfLife=f"{half_life_s:g}",
    )


def private(group: int, creator: str, vr: str, elements: Mapping[int, str], *, behind: str | None = None) -> Edit:
    """Private elements in the creator's block; `behind` reserves the block before it for another creator."""

    def edit(data: Dataset, _k: int) -> None:
        if behind is not None:
            data.private_block(group, behind, create=True)
        block = data.private_block(group, creator, create=True)
        for element, value in elements.items():
            block.add_new(element, vr, value)

    return edit


def _set(data: Dataset, tags: Mapping[str, Any]) -> None:
    for keyword, value in tags.items():
        if value is not None:
            setattr(data, keyword, value)
        elif keyword in data:
            delattr(data, keyword)
