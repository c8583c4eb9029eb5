"""When: the reference time of the image, the injection before it, and midnight between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from psmap.domain.acquisition import PetAcquisition, PetSlice
from psmap.domain.refusal import Refused
from psmap.steps.quantification.decay import average_activity_time_s

LONGEST_SCAN_MS = 31 * 24 * 3600e3
"""A frame lies further from the start of its scan than this only where FrameReferenceTime is in another unit."""

HALF_DAY_S = 12 * 3600.0
TOLERANCE_S = 60.0
DAY = timedelta(days=1)
MIDNIGHT = time(0, 0, 0)
ZEROED_S = 4 * 3600.0
_STAMP = "RadiopharmaceuticalStartDateTime (0018,1078)"
_CLOCK = "RadiopharmaceuticalStartTime (0018,1072)"
_SERIES = "SeriesDate/SeriesTime (0008,0021)/(0008,0031)"
_ACQUISITION = "AcquisitionDate/AcquisitionTime (0008,0022)/(0008,0032)"
_GE = "GE scan datetime (0009,100D)"
_SIEMENS = "Siemens Decay Correction DateTime (0071,1022)"


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time with the header field it was read from, and what another field says where that differs."""

    at: datetime
    origin: str
    warnings: tuple[str, ...] = ()
    other: datetime | None = None


def acquisition_times(acquisition: PetAcquisition) -> tuple[datetime | None, ...]:
    """Start of every slice's acquisition; None where AcquisitionTime (0008,0032) is absent.

    A slice without AcquisitionDate is put on the day that brings it nearest to the series' time. Where the slices of
    one series seem to lie over 12 h apart, AcquisitionDate stood still while the clock passed midnight: the early
    ones belong to the next day.
    """
    anchor = _series_datetime(acquisition)
    times = tuple(_slice_time(acquisition, facts, anchor) for facts in acquisition.slices)
    latest = max((at for at in times if at is not None), default=None)
    if latest is None:
        return times
    return tuple(at + DAY if at is not None and (latest - at).total_seconds() > HALF_DAY_S else at for at in times)


def reference_time(acquisition: PetAcquisition) -> Moment:
    """The time to which a DecayCorrection START image is corrected, in QIBA's order.

    1. series date and time, if not after the earliest acquisition of the whole series;
    2. else the private scan datetime of GE or the decay correction datetime of Siemens;
    3. else the earliest acquisition.
    Source: QIBA FDG-PET/CT SUV pseudo-code; IBSI SUV manual for the Siemens tag.

    Raises:
        Refused: none of the three is there.
    """
    series = _series_datetime(acquisition)
    acquired = [at for at in acquisition_times(acquisition) if at is not None]
    earliest = min(acquired) if acquired else None
    private = _private_datetime(acquisition)
    warnings: tuple[str, ...] = ()
    if series is not None and earliest is not None and (earliest - series).total_seconds() > HALF_DAY_S:
        warnings = (
            f"SeriesDate (0008,0021) {series.date()} lies long before AcquisitionDate (0008,0022) {earliest.date()}: "
            "SeriesTime is put on the acquisition's day",
        )
        series = _nearest_day(series.timetz(), earliest)
    if series is not None and (earliest is None or series <= earliest):
        if private is not None and abs((private.at - series).total_seconds()) > TOLERANCE_S:
            warnings = (
                *warnings,
                f"{private.origin} = {private.at.isoformat()} differs from SeriesTime (0008,0031) by over 60 s",
            )
        return Moment(series, _SERIES, warnings)
    if private is not None:
        late = (f"SeriesTime (0008,0031) is after the first acquisition: {private.origin} is used",)
        return Moment(private.at, private.origin, (*warnings, *late))
    if earliest is not None:
        late = ("SeriesTime (0008,0031) is after the first acquisition or absent: the first acquisition is used",)
        return Moment(earliest, f"earliest {_ACQUISITION}", (*warnings, *late))
    raise Refused(
        "no reference time: SeriesTime (0008,0031) and AcquisitionTime (0008,0032) are both missing",
        cure="export the series again with its times",
    )


def back_computed_times(acquisition: PetAcquisition, half_life_s: float) -> tuple[datetime, ...] | None:
    """Per slice t_ref = t_acq + T_ave - FrameReferenceTime, or None where a slice lacks what it needs, or it is absurd.

    Source: IBSI SUV manual, 'option B' (any vendor).
    """
    times = acquisition_times(acquisition)
    result = []
    for facts, acquired in zip(acquisition.slices, times, strict=True):
        if acquired is None or facts.frame_reference_time_ms is None or not facts.actual_frame_duration_ms:
            return None
        if (
            abs(facts.frame_reference_time_ms) > LONGEST_SCAN_MS
            or not 0 < facts.actual_frame_duration_ms < LONGEST_SCAN_MS
        ):
            return None
        average_s = average_activity_time_s(facts.actual_frame_duration_ms / 1000.0, half_life_s)
        result.append(acquired + timedelta(seconds=average_s - facts.frame_reference_time_ms / 1000.0))
    return tuple(result)


def injection_time(acquisition: PetAcquisition, reference: datetime, half_life_s: float) -> Moment:
    """When the tracer was injected: 0 to 12 h before `reference`, or 0 to 3 half-lives where those are longer.

    RadiopharmaceuticalStartDateTime (0018,1078) wins unless its date is absurd (de-identified); else
    RadiopharmaceuticalStartTime (0018,1072) on the reference's day, or the day before if that is later (midnight).
    A time without a date cannot place the injection of a nuclide that is imaged days later (64Cu, 89Zr).

    Raises:
        Refused: neither is there, or no reading lies within the window before the reference.
    """
    window_s = max(HALF_DAY_S, 3.0 * half_life_s)
    stamp = acquisition.radiopharmaceutical_start_datetime
    stamp = stamp.astimezone(acquisition.zone) if stamp is not None else None
    clock = acquisition.radiopharmaceutical_start_time
    warnings: list[str] = []
    other: datetime | None = None
    if stamp is not None and clock is not None:
        by_clock = _nearest_day(clock, stamp)
        if abs((by_clock - stamp).total_seconds()) > TOLERANCE_S:
            zeroed = stamp.time() == MIDNIGHT
            warnings.append(
                f"{_STAMP} = {stamp.time()} and {_CLOCK} = {clock} differ by over 60 s"
                + (": the first looks zeroed, and the second is used" if zeroed else "")
            )
            stamp, other = (None, None) if zeroed else (stamp, by_clock)
    if stamp is not None:
        if 0.0 <= (reference - stamp).total_seconds() <= window_s:
            return _plausible(Moment(stamp, _STAMP, tuple(warnings), other), reference)
        misfit = (
            f"{_STAMP} = {stamp.isoformat()} is not within {window_s / 3600:.0f} h before the image "
            f"({reference.isoformat()})"
        )
        if window_s > HALF_DAY_S:
            raise Refused(misfit, cure="correct (0018,1078) or SeriesDate (0008,0021) in the header")
        warnings.append(f"{misfit}: its date is not used")
        clock = clock if clock is not None else stamp.time()
    if clock is None:
        raise Refused(
            f"no injection time: {_STAMP} and {_CLOCK} are both missing",
            cure="export the series again with the injection time",
        )
    if window_s > HALF_DAY_S:
        raise Refused(
            f"{_CLOCK} = {clock} has no date, and a half-life of {half_life_s / 3600:.1f} h leaves the day of "
            "injection open",
            cure="export the series again with RadiopharmaceuticalStartDateTime (0018,1078)",
        )
    injected = _latest_before(clock, reference)
    if (reference - injected).total_seconds() > HALF_DAY_S:
        raise Refused(
            f"injection at {clock} (0018,1072) is not within 12 h before the image at {reference.time()}",
            cure="correct RadiopharmaceuticalStartTime (0018,1072) or SeriesTime (0008,0031)",
        )
    if injected.date() != reference.date():
        warnings.append("the injection lies on the day before the image (midnight between them)")
    return _plausible(Moment(injected, _CLOCK, tuple(warnings)), reference)


def _plausible(injection: Moment, reference: datetime) -> Moment:
    """Refuse an injection at 00:00:00 sharp that no man was given: times zeroed by de-identification."""
    elapsed_s = (reference - injection.at).total_seconds()
    if injection.at.time() == MIDNIGHT and (elapsed_s == 0.0 or elapsed_s > ZEROED_S):
        raise Refused(
            f"the injection at 00:00:00 ({injection.origin}), {elapsed_s / 60:.0f} min before the image, looks zeroed",
            cure="export the series again with its times",
        )
    return injection


def _series_datetime(acquisition: PetAcquisition) -> datetime | None:
    if acquisition.series_time is None:
        return None
    day = acquisition.series_date or next(
        (facts.acquisition_date for facts in acquisition.slices if facts.acquisition_date), None
    )
    return _on_day(day, acquisition.series_time, acquisition)


def _slice_time(acquisition: PetAcquisition, facts: PetSlice, anchor: datetime | None) -> datetime | None:
    if facts.acquisition_time is None:
        return None
    if facts.acquisition_date is None and anchor is not None:
        return _nearest_day(facts.acquisition_time.replace(tzinfo=acquisition.zone), anchor)
    return _on_day(facts.acquisition_date, facts.acquisition_time, acquisition)


def _on_day(day: date | None, clock: time, acquisition: PetAcquisition) -> datetime:
    """The clock time on a day; a header without any date is put on one day throughout, so differences stay right."""
    return datetime.combine(day or date(1900, 1, 2), clock.replace(tzinfo=None), tzinfo=acquisition.zone)


def _private_datetime(acquisition: PetAcquisition) -> Moment | None:
    if acquisition.ge_scan_datetime is not None:
        return Moment(acquisition.ge_scan_datetime, _GE)
    if acquisition.siemens_decay_correction_datetime is not None:
        return Moment(acquisition.siemens_decay_correction_datetime, _SIEMENS)
    return None


def _nearest_day(clock: time, anchor: datetime) -> datetime:
    same_day = datetime.combine(anchor.date(), clock.replace(tzinfo=None), tzinfo=anchor.tzinfo)
    return min((same_day - DAY, same_day, same_day + DAY), key=lambda at: abs((at - anchor).total_seconds()))


def _latest_before(clock: time, reference: datetime) -> datetime:
    same_day = datetime.combine(reference.date(), clock.replace(tzinfo=None), tzinfo=reference.tzinfo)
    return same_day if same_day <= reference else same_day - DAY
