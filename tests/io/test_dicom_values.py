"""Header values as the standard writes them (PS3.5 6.2), and the malformed ones, named."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from dicom_builder import refusal
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import DA, DT, TM

from psmap.io.dicom_values import (
    named,
    number,
    numbers,
    parse_date,
    parse_datetime,
    parse_time,
    parse_zone,
    tag_of,
)

DATE, TIME, START = tag_of("SeriesDate"), tag_of("SeriesTime"), tag_of("RadiopharmaceuticalStartDateTime")


@pytest.mark.parametrize("value", ["20260131", "2026.01.31"])
def test_dates(value: str) -> None:
    assert parse_date(value, DATE) == date(2026, 1, 31)


@pytest.mark.parametrize("value", ["10", "1015", "101530", "101530.5", "101530.000001", "000000.00"])
def test_times_agree_with_pydicom(value: str) -> None:
    theirs = TM(value)
    assert parse_time(value, TIME) == time(theirs.hour, theirs.minute, theirs.second, theirs.microsecond)


def test_old_times() -> None:
    assert parse_time("10:15:30.25", TIME) == time(10, 15, 30, 250000)


@pytest.mark.parametrize(
    "value", ["20260131091000", "20260131091000.123456", "20260131091000.5+0130", "2026013109-0500"]
)
def test_datetimes_agree_with_pydicom(value: str) -> None:
    theirs = DT(value)
    expected = datetime(theirs.year, theirs.month, theirs.day, theirs.hour, theirs.minute, theirs.second,
                        theirs.microsecond, theirs.tzinfo or UTC)  # fmt: skip
    assert parse_datetime(value, START, UTC) == expected
    assert parse_date(value[:8], DATE) == date.fromisoformat(DA(value[:8]).isoformat())


def test_a_datetime_without_zone_takes_the_series_zone() -> None:
    zone = parse_zone("-0330", tag_of("TimezoneOffsetFromUTC"))
    assert zone == timezone(-timedelta(hours=3, minutes=30))
    assert parse_datetime("20260131091000", START, zone) == datetime(2026, 1, 31, 12, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parse", "value"),
    [
        (lambda value: parse_date(value, DATE), "20260231"),
        (lambda value: parse_date(value, DATE), "31.01.2026"),
        (lambda value: parse_time(value, TIME), "246000"),
        (lambda value: parse_time(value, TIME), "1 pm"),
        (lambda value: parse_datetime(value, START, UTC), "20260131"),
        (lambda value: parse_zone(value, tag_of("TimezoneOffsetFromUTC")), "+2500"),
    ],
)
def test_malformed_values_are_named(parse: object, value: str) -> None:
    line = refusal(lambda: parse(value))  # type: ignore[operator]
    assert f"is '{value}'" in line
    assert "(0" in line


@pytest.mark.parametrize("raw", [b"abc ", b"1_000", b"nan", b"1e999", b"\xff"])
def test_what_is_no_number_is_refused(raw: bytes) -> None:
    tag = tag_of("PatientWeight")
    header = Dataset({tag: RawDataElement(tag, None, len(raw), raw, 0, True, True)})
    assert named(tag) == "PatientWeight (0010,1030)"
    assert "PatientWeight (0010,1030)" in refusal(lambda: number(header, tag, "1.dcm"))
    assert "1.dcm" in refusal(lambda: number(header, tag, "1.dcm"))


def test_numbers_and_nothing() -> None:
    header = Dataset()
    header.PixelSpacing, header.PatientWeight, header.PatientSize = ["4.07283", "3.5"], "", None
    assert numbers(header, tag_of("PixelSpacing")) == (4.07283, 3.5)
    assert "2 values" in refusal(lambda: number(header, tag_of("PixelSpacing")))
    assert [number(header, tag_of(key)) for key in ("PatientWeight", "PatientSize", "RescaleSlope")] == [None] * 3
