"""Faults of the clock: injection, series and acquisition times, days, midnight, zones, de-identified dates."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from zoo_fault import refused, right, right_with_warning
from zoo_study import INJECTED, NOON, UNCORRECTED, beds, bq_ml, private, put, put_tracer, uncorrected_bq_ml, write

GE, SIEMENS = "GEMS_PETD_01", "SIEMENS MED PT"
AFTER_MIDNIGHT = datetime(2026, 2, 4, 0, 20, 0)
BEFORE_MIDNIGHT = datetime(2026, 2, 3, 23, 55, 0)
COPPER_S = 45_720.0


@right("(0018,1072) is missing beside (0018,1078)", says="(0018,1078)")
def start_time_missing(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartTime=None))


@right("(0018,1078) is missing beside (0018,1072), as in older files", says="(0018,1072)")
def start_datetime_missing(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartDateTime=None))


@refused("Both injection times are missing", says="(0018,1072)")
def injection_time_missing(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartTime=None, RadiopharmaceuticalStartDateTime=None))


@refused("The injection lies five minutes after the scan", says="(0018,1072)")
def injected_after_the_scan(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartTime="120500", RadiopharmaceuticalStartDateTime="20260203120500"))


@refused("RadiopharmaceuticalStartTime is no time of day", says="(0018,1072)")
def injected_at_25_hours(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartTime="250000", RadiopharmaceuticalStartDateTime=None))


@refused("The injection was written by a clock of twelve hours: 1 for 13 o'clock", says="(0018,1072)")
def injected_by_a_clock_of_twelve_hours(study: Path) -> None:
    early = put_tracer(RadiopharmaceuticalStartTime="010000", RadiopharmaceuticalStartDateTime="20260203010000")
    write(study, early, at=datetime(2026, 2, 3, 14, 0, 0))


@right_with_warning("The two injection times are 10 minutes apart; the one with a date is right", says="(0018,1072)")
def injection_times_disagree(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartTime="111000"))


@right_with_warning("The injection's date was replaced by 1900, its time kept", says="(0018,1078)")
def injection_date_deidentified(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartDateTime="19000101110000"))


@right_with_warning("The injection's date was replaced by 1900, and (0018,1072) is missing", says="(0018,1078)")
def injection_date_deidentified_alone(study: Path) -> None:
    write(
        study,
        put_tracer(RadiopharmaceuticalStartDateTime="19000101110000", RadiopharmaceuticalStartTime=None),
    )


@right_with_warning("The injection's date and time were zeroed, (0018,1072) was kept", says="(0018,1078)")
def injection_datetime_zeroed(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartDateTime="20260203000000"))


@refused("Both injection times were zeroed", says="(0018,1078)")
def injection_times_zeroed(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartDateTime="20260203000000", RadiopharmaceuticalStartTime="000000"))


@right_with_warning("All dates but the injection's were shifted by years", says="(0018,1078)")
def image_dates_shifted(study: Path) -> None:
    write(study, put(StudyDate="20190709", SeriesDate="20190709", AcquisitionDate="20190709", ContentDate="20190709"))


@right_with_warning("SeriesDate alone was shifted by years", says="(0008,0021)")
def series_date_shifted(study: Path) -> None:
    write(study, put(SeriesDate="20190709"))


@right("All dates were removed", says="(0018,1072)")
def dates_removed(study: Path) -> None:
    write(
        study,
        put(StudyDate="", SeriesDate=None, AcquisitionDate=None, ContentDate=None),
        put_tracer(RadiopharmaceuticalStartDateTime=None),
    )


@right_with_warning("The injection lies before midnight and has no date", says="midnight")
def injected_before_midnight_without_date(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartDateTime=None), at=AFTER_MIDNIGHT)


@right_with_warning("The injection lies before midnight and its date is that of the scan", says="(0018,1078)")
def injected_before_midnight_on_the_wrong_day(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartDateTime="20260204232000"), at=AFTER_MIDNIGHT)


@right("The scan runs over midnight and its slices have no date", says="(0008,0031)")
def scan_over_midnight_without_dates(study: Path) -> None:
    facts = {"acquired_at": beds(BEFORE_MIDNIGHT)}
    write(study, put(AcquisitionDate=None), at=BEFORE_MIDNIGHT, facts=facts)


@right("The scan runs over midnight and AcquisitionDate stands still", says="(0008,0031)")
def scan_over_midnight_with_a_standing_date(study: Path) -> None:
    facts = {"acquired_at": beds(BEFORE_MIDNIGHT)}
    write(study, put(AcquisitionDate="20260203"), at=BEFORE_MIDNIGHT, facts=facts)


@right("The same without decay correction, where each slice's time counts", says="(0054,1102)")
def uncorrected_scan_over_midnight_with_a_standing_date(study: Path) -> None:
    facts = {"decay_correction": "NONE", "corrected_image": UNCORRECTED, "acquired_at": beds(BEFORE_MIDNIGHT)}
    write(study, put(AcquisitionDate="20260203"), values=uncorrected_bq_ml(), at=BEFORE_MIDNIGHT, facts=facts)


@right("64Cu, imaged the day after: the dates count", says="86400 s")
def injected_the_day_before(study: Path) -> None:
    facts = {"half_life_s": COPPER_S, "nuclide_code": None, "injected_at": NOON - timedelta(days=1)}
    write(study, values=bq_ml(86_400.0, COPPER_S), facts=facts)


@refused("64Cu, imaged the day after, and the injection has no date", says="(0018,1072)")
def injected_the_day_before_without_date(study: Path) -> None:
    facts = {"half_life_s": COPPER_S, "nuclide_code": None, "injected_at": NOON - timedelta(days=1)}
    write(study, put_tracer(RadiopharmaceuticalStartDateTime=None), values=bq_ml(86_400.0, COPPER_S), facts=facts)


@right_with_warning("SeriesTime is that of a later reconstruction", says="(0008,0031)")
def reconstructed_later(study: Path) -> None:
    write(study, put(SeriesTime="150000"))


@right_with_warning("SeriesDate and SeriesTime are those of a reconstruction two days later", says="(0008,0031)")
def reconstructed_days_later(study: Path) -> None:
    write(study, put(SeriesDate="20260205", SeriesTime="093000"))


@right_with_warning("SeriesTime is later, and GE's private scan datetime has the true one", says="(0009,100D)")
def reconstructed_later_by_ge(study: Path) -> None:
    scanned = private(0x0009, GE, "DT", {0x0D: "20260203120000"})
    later = NOON + timedelta(minutes=5)
    write(study, put(SeriesTime="150000"), scanned, facts={"acquired_at": beds(later)})


@right_with_warning("SeriesTime is later, and Siemens' decay correction datetime has the true one", says="(0071,1022)")
def reconstructed_later_by_siemens(study: Path) -> None:
    corrected = private(0x0071, SIEMENS, "DT", {0x22: "20260203120000"})
    later = NOON + timedelta(minutes=5)
    write(study, put(SeriesTime="150000"), corrected, facts={"acquired_at": beds(later)})


@right_with_warning("SeriesTime is missing", says="(0008,0031)")
def series_time_missing(study: Path) -> None:
    write(study, put(SeriesTime=None))


@refused("SeriesTime was zeroed, and the scan was at noon", says="(0008,0031)")
def series_time_zeroed_at_noon(study: Path) -> None:
    write(study, put(SeriesTime="000000"))


@right_with_warning("SeriesTime was zeroed, and the scan was in the evening", says="(0008,0031)")
def series_time_zeroed_in_the_evening(study: Path) -> None:
    write(study, put(SeriesTime="000000"), at=datetime(2026, 2, 3, 19, 30, 0))


@right_with_warning("FrameReferenceTime is in seconds; the second reading is off, the first is right", says="1300)")
def frame_reference_time_in_seconds(study: Path) -> None:
    write(study, put(FrameReferenceTime="90"))


@right_with_warning(
    "ActualFrameDuration is that of all beds; the second reading is off, the first is right", says="(0054,1300)"
)
def frame_duration_too_long(study: Path) -> None:
    write(study, put(ActualFrameDuration="1800000"))


@right("AcquisitionTime is missing", says="(0008,0031)")
def acquisition_time_missing(study: Path) -> None:
    write(study, put(AcquisitionTime=None, AcquisitionDate=None))


@refused("SeriesTime and AcquisitionTime are missing", says="(0008,0031)")
def all_image_times_missing(study: Path) -> None:
    write(study, put(SeriesTime=None, AcquisitionTime=None))


@right("The injection's DT is in UTC, the clock times are an hour ahead", says="(0018,1078)")
def injection_in_another_zone(study: Path) -> None:
    in_utc = (INJECTED - timedelta(hours=1)).strftime("%Y%m%d%H%M%S") + "+0000"
    write(study, put(TimezoneOffsetFromUTC="+0100"), put_tracer(RadiopharmaceuticalStartDateTime=in_utc))


@right("The injection's DT carries an offset, and TimezoneOffsetFromUTC is missing", says="(0018,1078)")
def zone_in_one_place_only(study: Path) -> None:
    write(study, put_tracer(RadiopharmaceuticalStartDateTime="20260203110000.000000-0500"))


@refused("Two DTs carry different offsets, and TimezoneOffsetFromUTC is missing", says="(0008,0201)")
def zones_disagree(study: Path) -> None:
    write(
        study,
        put_tracer(RadiopharmaceuticalStartDateTime="20260203110000+0100"),
        private(0x0009, GE, "DT", {0x0D: "20260203110000+0000"}),
    )
