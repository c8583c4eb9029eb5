"""Tissues: what each structure of a digital man is made of, for CT, for activity and for breathing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


@dataclass(frozen=True, slots=True)
class Tissue:
    """One tissue.

    Args:
        name: 'liver'.
        structures: patterns of the ids of `catalog/anatomy` that are made of it; the first tissue that fits counts.
        uptake: the entry of a tracer's physiology that holds for it; '' takes up nothing.
        hu: Hounsfield units at 120 kV without contrast medium.
        contrast_hu: those in the portal venous phase; `hu` where it does not take up.
        density: kg/L.
        reference_ml: volume in the reference man, as painted; 0 where the man himself says it, or others cover it.
        variation: standard deviation of the activity within the tissue over its mean, sharp.
        hu_variation: standard deviation of the Hounsfield units within it, without the scanner's noise.
        recovery: measured over true SUV, where the measurement is the one that the physiology's figures are of.
        recovery_far: the same under a nuclide whose positrons go far, as 68Ga's.
        breathes: whether it moves with the diaphragm.
        source: where the Hounsfield units and the density come from.
    """

    name: str
    structures: tuple[str, ...]
    uptake: str
    hu: float
    contrast_hu: float
    density: float
    reference_ml: float
    variation: float
    hu_variation: float
    recovery: float
    recovery_far: float
    breathes: bool
    source: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    structures: Annotated[list[str], Field(min_length=1)]
    uptake: str | None = None
    hu: float
    contrast_hu: float | None = None
    density: Positive
    reference_ml: Annotated[float, Field(ge=0.0)] = 0.0
    variation: Share = 0.08
    hu_variation: Annotated[float, Field(ge=0.0)] = 5.0
    recovery: Positive = 1.0
    recovery_far: Positive | None = None
    breathes: bool = False
    source: Annotated[str, Field(min_length=1)]


@cache
def load_tissues() -> Mapping[str, Tissue]:
    """Tissue name -> tissue, as in `tissues.toml`, in its order."""
    text = files("psmap.catalog").joinpath("tissues.toml").read_text("utf-8")
    return MappingProxyType(parse_tissues(text, "tissues.toml"))


def parse_tissues(text: str, file: str) -> dict[str, Tissue]:
    """Tissues of a TOML text; `file` is the name that errors carry. `ValueError` names file, tissue and key."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"catalogue entry {file} is no TOML: {error}") from error
    return {name: _tissue(name, table, file) for name, table in tables.items()}


@cache
def tissue_of(structure: str) -> Tissue:
    """The tissue that a structure is made of.

    Raises:
        ValueError: no tissue of the catalogue has it.
    """
    for tissue in load_tissues().values():
        if any(fnmatchcase(structure, pattern) for pattern in tissue.structures):
            return tissue
    raise ValueError(f"tissues.toml says of no tissue that the structure {structure!r} is made of it")


def _tissue(name: str, table: object, file: str) -> Tissue:
    try:
        entry = _Entry.model_validate(table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError(f"catalogue entry {file}, {name}: {faults}") from error
    return Tissue(
        name=name,
        structures=tuple(entry.structures),
        uptake=name if entry.uptake is None else entry.uptake,
        hu=entry.hu,
        contrast_hu=entry.hu if entry.contrast_hu is None else entry.contrast_hu,
        density=entry.density,
        reference_ml=entry.reference_ml,
        variation=entry.variation,
        hu_variation=entry.hu_variation,
        recovery=entry.recovery,
        recovery_far=entry.recovery if entry.recovery_far is None else entry.recovery_far,
        breathes=entry.breathes,
        source=entry.source,
    )
