"""Scanners: how the PET/CTs of each maker write their headers, as knowledge that digital men are written by."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psmap.domain.acquisition import Code

Text = Annotated[str, Field(min_length=1)]
Words = Annotated[list[Text], Field(min_length=1)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]

Units = Literal["BQML", "CNTS"]
FrameReference = Literal["start", "middle", "mean"]
AcquisitionTime = Literal["bed", "series"]
Held = Literal[
    "reference_datetime",
    "injected_datetime",
    "injected_mbq",
    "left_in_syringe_mbq",
    "tracer_name",
    "nuclide_name",
    "half_life_s",
    "suv_a_count",
    "bq_ml_a_count",
]
"""What a private element can hold."""


@dataclass(frozen=True, slots=True)
class ScannerNuclide:
    """A nuclide as a maker writes it: its code, half-life (s), and the share of decays with a positron if written."""

    code: Code
    half_life_s: float
    positron_fraction: float | None


@dataclass(frozen=True, slots=True)
class PrivateElement:
    """A private element (PS3.5 7.8): group, creator, last two digits of the element, VR, its name, what it holds."""

    group: int
    creator: str
    element: int
    vr: str
    name: str
    holds: Held


@dataclass(frozen=True, slots=True)
class ScannerDialect:
    """How one maker's PET/CT writes.

    Args:
        maker: 'siemens'.
        manufacturer, model, software: Manufacturer, ManufacturerModelName, SoftwareVersions; '' is not written.
        pet_description, ct_description: SeriesDescription.
        units, decay_correction, corrected_image, series_type: DICOM words of the PET.
        frame_reference_time: what FrameReferenceTime of a bed position counts to.
        acquisition_time: whose time AcquisitionTime is.
        bed_step_mm: from one bed position to the next; 0 is one position for all slices.
        table_move_s: from the end of one frame to the start of the next.
        decimals: of every time of day.
        time_zone: whether TimezoneOffsetFromUTC is written.
        tracer_code: whether RadiopharmaceuticalCodeSequence is.
        start_datetime: whether RadiopharmaceuticalStartDateTime is.
        pet_signed, ct_signed: PixelRepresentation.
        ct_intercept_hu: RescaleIntercept of the CT.
        nuclides: nuclide name -> how it is written; one that is not here is written as in `nuclides.toml`.
        pet, ct: further attributes by keyword.
        private: private elements of the PET.
        source: where all that comes from.
    """

    maker: str
    manufacturer: str
    model: str
    software: str
    pet_description: str
    ct_description: str
    units: Units
    decay_correction: str
    corrected_image: tuple[str, ...]
    series_type: tuple[str, ...]
    frame_reference_time: FrameReference
    acquisition_time: AcquisitionTime
    bed_step_mm: float
    table_move_s: float
    decimals: int
    time_zone: bool
    tracer_code: bool
    start_datetime: bool
    pet_signed: bool
    ct_signed: bool
    ct_intercept_hu: int
    nuclides: Mapping[str, ScannerNuclide]
    pet: Mapping[str, str]
    ct: Mapping[str, str]
    private: tuple[PrivateElement, ...]
    source: str


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Nuclide(_Table):
    value: Text
    scheme: Text
    meaning: Text
    half_life_s: Positive
    positron_fraction: Annotated[float, Field(gt=0.0, le=1.0)] | None = None


class _Private(_Table):
    group: Annotated[int, Field(ge=0x0009, le=0xFFFF)]
    creator: Text
    element: Annotated[int, Field(ge=0x00, le=0xFF)]
    vr: Literal["DT", "DS", "FL", "LO", "SH"]
    name: Text
    holds: Held


class _Entry(_Table):
    manufacturer: Text
    model: Text
    software: str = ""
    pet_description: Text
    ct_description: Text
    units: Units
    decay_correction: Literal["START"]
    corrected_image: Words
    series_type: Words
    frame_reference_time: FrameReference
    acquisition_time: AcquisitionTime
    bed_step_mm: NotNegative
    table_move_s: NotNegative
    decimals: Annotated[int, Field(ge=0, le=6)]
    time_zone: bool
    tracer_code: bool
    start_datetime: bool
    pet_signed: bool
    ct_signed: bool
    ct_intercept_hu: int
    nuclides: dict[str, _Nuclide] = {}
    pet: dict[str, Text] = {}
    ct: dict[str, Text] = {}
    private: list[_Private] = []
    source: Text


@cache
def load_scanners() -> Mapping[str, ScannerDialect]:
    """Maker -> dialect, as in `scanners.toml`, in its order."""
    text = files("psmap.catalog").joinpath("scanners.toml").read_text("utf-8")
    return MappingProxyType(parse_scanners(text, "scanners.toml"))


def parse_scanners(text: str, file: str) -> dict[str, ScannerDialect]:
    """Dialects of a TOML text; `file` is the name that errors carry. `ValueError` names file, maker and key."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"catalogue entry {file} is no TOML: {error}") from error
    return {maker: _dialect(maker, table, file) for maker, table in tables.items()}


def _dialect(maker: str, table: object, file: str) -> ScannerDialect:
    try:
        entry = _Entry.model_validate(table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError(f"catalogue entry {file}, {maker}: {faults}") from error
    if (entry.units == "CNTS") != any(each.holds == "suv_a_count" for each in entry.private):
        raise ValueError(f"catalogue entry {file}, {maker}: CNTS and a factor to SUV go together")
    given = {name: getattr(entry, name) for name in _Entry.model_fields}
    return ScannerDialect(
        **given
        | {
            "maker": maker,
            "corrected_image": tuple(entry.corrected_image),
            "series_type": tuple(entry.series_type),
            "nuclides": MappingProxyType({name: _nuclide(each) for name, each in entry.nuclides.items()}),
            "pet": MappingProxyType(entry.pet),
            "ct": MappingProxyType(entry.ct),
            "private": tuple(PrivateElement(**each.model_dump()) for each in entry.private),
        }
    )


def _nuclide(entry: _Nuclide) -> ScannerNuclide:
    return ScannerNuclide(Code(entry.value, entry.scheme, entry.meaning), entry.half_life_s, entry.positron_fraction)
