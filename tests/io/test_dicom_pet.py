"""The facts of a PET header: read as stored, through real files in explicit and implicit VR."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from dicom_builder import code, pet, refusal, write
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence as DicomSequence

from psmap.domain.acquisition import Code, PetAcquisition
from psmap.io.dicom_pet import read_acquisition
from psmap.io.dicom_read import read_pet
from psmap.io.dicom_series import scan_study


def through_files(folder: Path, slices: list[FileDataset], implicit: bool = False) -> PetAcquisition:
    return read_pet(scan_study(write(folder, slices, implicit=implicit)).series[0]).acquisition


@pytest.mark.parametrize("implicit", [False, True])
def test_the_facts_come_through_a_file(tmp_path: Path, implicit: bool) -> None:
    facts = through_files(tmp_path, pet(SUVType="BW", Manufacturer="Maker"), implicit)
    assert (facts.units, facts.suv_type, facts.decay_correction) == ("BQML", "BW", "START")
    assert facts.corrected_image == ("DECY", "ATTN", "SCAT")
    assert facts.image_type == ("ORIGINAL", "PRIMARY")
    assert (facts.patient_weight, facts.patient_size, facts.patient_sex) == (75.5, 1.8, "M")
    assert (facts.series_date, facts.series_time) == (date(2026, 1, 31), time(10, 15))
    assert (facts.radionuclide_total_dose, facts.radionuclide_half_life_s) == (1.5e8, 4057.74)
    assert facts.radiopharmaceutical == "68Ga-PSMA-11"
    assert facts.radionuclide_code == Code("C-131A3", "SRT", "^68^Gallium")
    assert facts.radiopharmaceutical_code is None
    assert facts.radiopharmaceutical_start_time == time(9, 10)
    assert facts.radiopharmaceutical_start_datetime == datetime(2026, 1, 31, 9, 10, tzinfo=UTC)
    assert facts.manufacturer == "Maker"
    assert facts.zone is UTC
    assert [piece.rescale_slope for piece in facts.slices] == [0.5 + 0.125 * k for k in range(6)]
    assert facts.slices[0].acquisition_time == time(10, 15, 0, 250000)
    assert facts.slices[0].frame_reference_time_ms == 90000.0
    assert facts.slices[0].actual_frame_duration_ms == 180000.0


def test_the_zone_of_the_header_is_kept() -> None:
    facts = read_acquisition(pet(TimezoneOffsetFromUTC="+0100"))
    assert facts.zone == timezone(timedelta(hours=1))
    assert facts.radiopharmaceutical_start_datetime == datetime(2026, 1, 31, 8, 10, tzinfo=UTC)


def with_datetimes(start: str, ge: str = "", siemens: str = "", zone: str | None = None) -> list[FileDataset]:
    slices = pet(RadiopharmaceuticalStartDateTime=start, **({"TimezoneOffsetFromUTC": zone} if zone else {}))
    for dataset in slices:
        for group, creator, last, value in (
            (0x0009, "GEMS_PETD_01", 0x0D, ge),
            (0x0071, "SIEMENS MED PT", 0x22, siemens),
        ):
            if value:
                dataset.add_new((group << 16) | 0x10, "LO", creator)
                dataset.add_new((group << 16) | 0x1000 | last, "DT", value)
    return slices


@pytest.mark.parametrize(
    "slices",
    [
        with_datetimes("20260131091000+0100"),
        with_datetimes("20260131091000", ge="20260131101400.00+0100"),
        with_datetimes("20260131091000+0100", siemens="20260131101500.000000+0100"),
        with_datetimes("20260131091000", zone="+0100"),
        with_datetimes("20260131081000+0000", zone="+0100"),
    ],
    ids=["start", "GE", "start and Siemens", "the header's own", "the header's own before a DT's"],
)
@pytest.mark.parametrize("implicit", [False, True])
def test_clock_times_are_in_the_zone_that_a_datetime_carries(
    tmp_path: Path, slices: list[FileDataset], implicit: bool
) -> None:
    """Injection 09:10 and series 10:15 by one clock: 65 min, whatever the zone and whichever tag names it."""
    facts = through_files(tmp_path, slices, implicit)
    assert facts.zone == timezone(timedelta(hours=1))
    assert facts.series_date is not None and facts.series_time is not None
    assert facts.radiopharmaceutical_start_datetime is not None
    series = datetime.combine(facts.series_date, facts.series_time, facts.zone)
    assert series - facts.radiopharmaceutical_start_datetime == timedelta(minutes=65)


def test_datetimes_of_two_zones_need_the_header_s_own() -> None:
    line = refusal(lambda: read_acquisition(with_datetimes("20260131091000+0100", ge="20260131091400+0000")))
    assert "TimezoneOffsetFromUTC (0008,0201) is absent" in line
    assert "RadiopharmaceuticalStartDateTime (0018,1078) is in UTC+01:00" in line
    assert "(0009,xx0D) of 'GEMS_PETD_01' in UTC:" in line
    stated = with_datetimes("20260131091000+0100", ge="20260131091400+0000", zone="-0500")
    assert read_acquisition(stated).zone == timezone(timedelta(hours=-5))
    between = with_datetimes("20260131091000+0100")
    between[3] = with_datetimes("20260131091000+0200")[3]
    assert "UTC+02:00" in refusal(lambda: read_acquisition(between))


def test_absent_and_empty_values_are_none() -> None:
    empty = read_acquisition(pet(RadiopharmaceuticalInformationSequence=DicomSequence([])))
    assert (empty.radionuclide_total_dose, empty.radiopharmaceutical, empty.radionuclide_code) == (None, "", None)
    bare = read_acquisition(pet(PatientWeight="", SeriesTime="", DecayCorrection=None, RescaleIntercept=None))
    assert (bare.patient_weight, bare.series_time, bare.decay_correction) == (None, None, None)
    assert bare.slices[0].rescale_intercept == 0.0


def with_private(group: int, creator: str, last: int, vr: str, value: str, block: int = 0x10) -> list[FileDataset]:
    slices = pet(Units="CNTS")
    for dataset in slices:
        dataset.add_new((group << 16) | block, "LO", creator)
        dataset.add_new((group << 16) | block << 8 | last, vr, value)
    return slices


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("block", [0x10, 0x3A])
def test_private_values_come_through_their_creator(tmp_path: Path, implicit: bool, block: int) -> None:
    """Implicit VR gives them as bytes without a VR; the block is where the creator stands, usually (7053,10xx)."""
    philips = with_private(0x7053, "Philips PET Private Group", 0x00, "DS", "0.000551", block)
    for dataset in philips:
        dataset.add_new(0x70530009 | block << 8, "DS", "1.602563")
    facts = through_files(tmp_path / "a", philips, implicit)
    assert facts.philips_suv_scale_factor == 0.000551
    assert facts.philips_activity_concentration_scale_factor == 1.602563

    ge = with_private(0x0009, "GEMS_PETD_01", 0x0D, "DT", "20260131101400.00", block)
    assert through_files(tmp_path / "b", ge, implicit).ge_scan_datetime == datetime(2026, 1, 31, 10, 14, tzinfo=UTC)

    siemens = with_private(0x0071, "SIEMENS MED PT", 0x22, "DT", "20260131101500.000000", block)
    facts = through_files(tmp_path / "c", siemens, implicit)
    assert facts.siemens_decay_correction_datetime == datetime(2026, 1, 31, 10, 15, tzinfo=UTC)


def test_bytes_of_unknown_vr_are_decoded(tmp_path: Path) -> None:
    slices = pet()
    for dataset in slices:
        dataset.add_new(0x70530010, "LO", "Philips PET Private Group")
        dataset.add_new(0x70531000, "UN", b"0.25 ")
    assert through_files(tmp_path, slices).philips_suv_scale_factor == 0.25


@pytest.mark.parametrize(
    ("group", "creator", "last", "vr", "value"),
    [
        (0x7053, "Somebody Else", 0x00, "DS", "0.5"),
        (0x0009, "GEMS_IDEN_01", 0x0D, "DT", "20260131101400"),
        (0x0071, "SIEMENS CSA", 0x22, "DT", "20260131101400"),
    ],
)
def test_another_creators_element_is_not_taken(
    tmp_path: Path, group: int, creator: str, last: int, vr: str, value: str
) -> None:
    facts = through_files(tmp_path, with_private(group, creator, last, vr, value))
    assert facts.philips_suv_scale_factor is None
    assert facts.ge_scan_datetime is None
    assert facts.siemens_decay_correction_datetime is None


@pytest.mark.parametrize(
    ("keyword", "tag", "other", "shown"),
    [
        ("Units", "(0054,1001)", "GML", "BQML in 0.dcm, GML in 4.dcm"),
        ("PatientWeight", "(0010,1030)", "80", "75.5 in 0.dcm, 80.0 in 4.dcm"),
        ("DecayCorrection", "(0054,1102)", "ADMIN", "START in 0.dcm, ADMIN in 4.dcm"),
        ("SeriesTime", "(0008,0031)", "101501", "10:15:00 in 0.dcm, 10:15:01 in 4.dcm"),
        ("CorrectedImage", "(0028,0051)", ["DECY"], "DECY\\ATTN\\SCAT in 0.dcm, DECY in 4.dcm"),
        ("RadionuclideTotalDose", "(0018,1074)", "151000000", "150000000.0 in 0.dcm, 151000000.0 in 4.dcm"),
        ("RadionuclideHalfLife", "(0018,1075)", "6586.2", "4057.74 in 0.dcm, 6586.2 in 4.dcm"),
        ("PatientSize", "(0010,1020)", None, "1.8 in 0.dcm, absent in 4.dcm"),
    ],
)
def test_a_fact_of_the_series_that_differs_is_refused(keyword: str, tag: str, other: object, shown: str) -> None:
    slices = pet()
    slices[4] = pet(**{keyword: other})[4]
    line = refusal(lambda: read_acquisition(slices, [f"{k}.dcm" for k in range(6)]))
    assert f"{keyword} {tag} differs within the series: {shown} [4.dcm]" in line


def test_the_same_number_written_otherwise_is_the_same() -> None:
    slices = pet()
    slices[2] = pet(PatientWeight="75.50", RadionuclideTotalDose="1.5E8")[2]
    assert read_acquisition(slices).patient_weight == 75.5


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"RescaleSlope": None}, "RescaleSlope (0028,1053) is missing"),
        ({"RescaleSlope": "0"}, "RescaleSlope (0028,1053) is 0"),
        ({"RescaleSlope": "-1.5"}, "RescaleSlope (0028,1053) is -1.5, and must be positive"),
        ({"Units": None}, "Units (0054,1001) is missing"),
        ({"SeriesDate": "2026-31-01"}, "SeriesDate (0008,0021) is '2026-31-01'"),
        ({"RadiopharmaceuticalStartDateTime": "yesterday"}, "RadiopharmaceuticalStartDateTime (0018,1078)"),
        ({"TimezoneOffsetFromUTC": "CET"}, "TimezoneOffsetFromUTC (0008,0201) is 'CET'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_cannot_be_parsed_is_named(changes: dict[str, object], shown: str) -> None:
    assert shown in refusal(lambda: read_acquisition(pet(**changes)))


def test_two_tracers_are_refused() -> None:
    items = DicomSequence([Dataset(), Dataset()])
    line = refusal(lambda: read_acquisition(pet(RadiopharmaceuticalInformationSequence=items)))
    assert "RadiopharmaceuticalInformationSequence (0054,0016) has 2 items" in line


def test_codes_of_the_tracer() -> None:
    slices = pet()
    for dataset in slices:
        item = dataset.RadiopharmaceuticalInformationSequence[0]
        item.RadiopharmaceuticalCodeSequence = DicomSequence([code("1", "99X", "PSMA")])
    assert read_acquisition(slices).radiopharmaceutical_code == Code("1", "99X", "PSMA")
