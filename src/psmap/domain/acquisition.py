"""What a PET header says, parsed but not interpreted: DICOM keywords in snake case, None where a tag is absent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept: CodeValue, CodingSchemeDesignator, CodeMeaning."""

    value: str
    scheme: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class PetSlice:
    """The facts of one slice."""

    acquisition_date: date | None
    acquisition_time: time | None
    frame_reference_time_ms: float | None
    actual_frame_duration_ms: float | None
    rescale_slope: float = 1.0
    rescale_intercept: float = 0.0
    decay_factor: float | None = None


@dataclass(frozen=True, slots=True)
class PetAcquisition:
    """The facts of a PET series, as stored: nothing is repaired, converted or assumed here.

    Times carry no zone in most files; `zone` is TimezoneOffsetFromUTC (0008,0201), else the offset that a DT of the
    header carries, else UTC, so that differences of clock times stay what the scanner's clock said.
    """

    units: str
    slices: tuple[PetSlice, ...]
    zone: tzinfo
    suv_type: str | None = None
    decay_correction: str | None = None
    corrected_image: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    manufacturer: str = ""
    manufacturer_model_name: str = ""
    series_description: str = ""
    collimator_type: str | None = None
    patient_sex: str | None = None
    patient_weight: float | None = None
    patient_size: float | None = None
    series_date: date | None = None
    series_time: time | None = None
    radiopharmaceutical: str = ""
    radiopharmaceutical_code: Code | None = None
    radionuclide_code: Code | None = None
    radionuclide_total_dose: float | None = None
    radionuclide_half_life_s: float | None = None
    radiopharmaceutical_start_time: time | None = None
    radiopharmaceutical_start_datetime: datetime | None = None
    ge_scan_datetime: datetime | None = None
    siemens_decay_correction_datetime: datetime | None = None
    philips_suv_scale_factor: float | None = None
    philips_activity_concentration_scale_factor: float | None = None
