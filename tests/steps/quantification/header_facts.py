"""A plain, right header of a PET acquisition, and one changed fact at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from psmap.domain.acquisition import PetAcquisition, PetSlice

DAY = date(2026, 1, 31)


def slices(count: int = 3, **facts: Any) -> tuple[PetSlice, ...]:
    plain = PetSlice(
        acquisition_date=DAY,
        acquisition_time=time(11, 0, 0),
        frame_reference_time_ms=None,
        actual_frame_duration_ms=180_000.0,
    )
    return (replace(plain, **facts),) * count


def header(**facts: Any) -> PetAcquisition:
    """18F, 250 MBq at 10:00, image at 11:00, 80 kg: vector SUV-1 of the rule sheet."""
    plain = PetAcquisition(
        units="BQML",
        slices=slices(),
        zone=UTC,
        decay_correction="START",
        corrected_image=("ATTN", "DECY", "SCAT"),
        image_type=("ORIGINAL", "PRIMARY"),
        patient_sex="M",
        patient_weight=80.0,
        patient_size=1.80,
        series_date=DAY,
        series_time=time(11, 0, 0),
        radionuclide_total_dose=250e6,
        radionuclide_half_life_s=6586.2,
        radiopharmaceutical_start_datetime=datetime(2026, 1, 31, 10, 0, 0, tzinfo=UTC),
    )
    return replace(plain, **facts)
