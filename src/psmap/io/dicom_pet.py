"""The facts of a PET header (PS3.3 C.8.9): parsed as stored, never interpreted; what cannot be parsed is refused."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag, Tag

from psmap.domain.acquisition import Code, PetAcquisition, PetSlice
from psmap.domain.refusal import Refused
from psmap.io.dicom_values import (
    JUNK_ERRORS,
    free_text,
    lenient_pydicom,
    named,
    number,
    own_offset,
    parse_date,
    parse_datetime,
    parse_time,
    parse_zone,
    tag_of,
    tags,
    text,
    values,
)

Private = tuple[int, str, int]
"""A private element: group, private creator, the last two digits of the element (PS3.5 7.8.1)."""

PHILIPS_SUV_FACTOR: Private = (0x7053, "Philips PET Private Group", 0x00)
PHILIPS_ACTIVITY_FACTOR: Private = (0x7053, "Philips PET Private Group", 0x09)
GE_SCAN_DATETIME: Private = (0x0009, "GEMS_PETD_01", 0x0D)
SIEMENS_DECAY_DATETIME: Private = (0x0071, "SIEMENS MED PT", 0x22)

_T = TypeVar("_T")
_Read = Callable[[Dataset, BaseTag, str], _T]

_ACQUISITION_DATE = tag_of("AcquisitionDate")
_ACQUISITION_TIME = tag_of("AcquisitionTime")
_FRAME_REFERENCE_TIME = tag_of("FrameReferenceTime")
_ACTUAL_FRAME_DURATION = tag_of("ActualFrameDuration")
_RESCALE_SLOPE = tag_of("RescaleSlope")
_RESCALE_INTERCEPT = tag_of("RescaleIntercept")
_DECAY_FACTOR = tag_of("DecayFactor")
_TRACERS = tag_of("RadiopharmaceuticalInformationSequence")
_ZONE = tag_of("TimezoneOffsetFromUTC")
_START_DATETIME = tag_of("RadiopharmaceuticalStartDateTime")
_SERIES_KEYWORDS = """
TimezoneOffsetFromUTC Units SUVType DecayCorrection CorrectedImage ImageType PatientSex PatientWeight PatientSize
SeriesDate SeriesTime RadiopharmaceuticalInformationSequence CollimatorType
"""
_SERIES_TAGS = tuple(map(tag_of, _SERIES_KEYWORDS.split()))
_PRIVATE_GROUPS = (0x0009, 0x0071, 0x7053)


def read_acquisition(headers: Sequence[Dataset], names: Sequence[str] = ()) -> PetAcquisition:
    """The facts of a series.

    Args:
        headers: one data set a slice, in slice order.
        names: what to call each slice in a message; empty for none.

    Raises:
        Refused: a value cannot be parsed, a fact of the series differs between slices, RescaleSlope or Units is
            missing, DTs carry different zones, or the series has several radiopharmaceuticals.
    """
    if not headers:
        raise ValueError("a PET series has at least one slice")
    called = tuple(names) or ("",) * len(headers)
    with lenient_pydicom():
        slices = tuple(_slice(header, name) for header, name in zip(headers, called, strict=True))
        return _Facts(_different(headers, called)).acquisition(slices)


def has_philips_factor(header: Dataset) -> bool:
    """Whether one of Philips' two private scale factors is there and not 0: only then can CNTS become SUV."""
    found = [_private_number(header, item, "") for item in (PHILIPS_SUV_FACTOR, PHILIPS_ACTIVITY_FACTOR)]
    return any(found)


def _slice(header: Dataset, name: str) -> PetSlice:
    slope = number(header, _RESCALE_SLOPE, name)
    if slope is None or slope <= 0:
        state = "missing" if slope is None else f"{slope:g}, and must be positive"
        raise Refused(f"{named(_RESCALE_SLOPE)} is {state}", where=name, cure="export the PET again")
    return PetSlice(
        acquisition_date=_date(header, _ACQUISITION_DATE, name),
        acquisition_time=_time(header, _ACQUISITION_TIME, name),
        frame_reference_time_ms=number(header, _FRAME_REFERENCE_TIME, name),
        actual_frame_duration_ms=number(header, _ACTUAL_FRAME_DURATION, name),
        rescale_slope=slope,
        rescale_intercept=number(header, _RESCALE_INTERCEPT, name) or 0.0,
        decay_factor=number(header, _DECAY_FACTOR, name),
    )


def _different(headers: Sequence[Dataset], names: Sequence[str]) -> list[tuple[Dataset, str]]:
    """One header, with its slice's name, for every different set of stored series-level values: mostly one."""
    found: dict[tuple[Hashable, ...], tuple[Dataset, str]] = {}
    private: dict[tuple[BaseTag, ...], tuple[BaseTag, ...]] = {}
    for header, name in zip(headers, names, strict=True):
        there = tuple(header.keys())
        if there not in private:
            private[there] = tuple(tag for tag in there if tag >> 16 in _PRIVATE_GROUPS)
        compared = _SERIES_TAGS + private[there]
        key = (private[there], *[_stored(header.get_item(tag, keep_deferred=True)) for tag in compared])
        found.setdefault(key, (header, name))
    return list(found.values())


def _stored(element: DataElement | RawDataElement | None) -> Hashable:
    """What stands in an element, in a form that can be compared; None where it is absent."""
    if element is None:
        return None
    value = element.value
    if isinstance(element, RawDataElement):
        return value or b""  # pydicom has None for some that are empty
    if isinstance(value, DicomSequence):
        return tuple(
            tuple((int(inner), _stored(item.get_item(inner, keep_deferred=True))) for inner in tags(item))
            for item in value
        )
    return str(value)


class _Facts:
    """Reads each fact from every different header, and refuses where two say different things."""

    def __init__(self, sources: list[tuple[Dataset, str]]) -> None:
        self.sources = sources
        self.tracers = [(_tracer(header, name), name) for header, name in sources]

    def acquisition(self, slices: tuple[PetSlice, ...]) -> PetAcquisition:
        first = self.sources[0][0]
        zone = self.zone()
        units = self.fact("Units", _word)
        if units is None:
            raise Refused("Units (0054,1001) is missing", where=self.sources[0][1], cure="export the PET again")
        at = _in_zone(zone)
        return PetAcquisition(
            units=units,
            slices=slices,
            zone=zone,
            suv_type=self.fact("SUVType", _word),
            decay_correction=self.fact("DecayCorrection", _word),
            corrected_image=self.fact("CorrectedImage", _words),
            image_type=self.fact("ImageType", _words),
            manufacturer=free_text(first, tag_of("Manufacturer")),
            manufacturer_model_name=free_text(first, tag_of("ManufacturerModelName")),
            series_description=free_text(first, tag_of("SeriesDescription")),
            collimator_type=self.fact("CollimatorType", _word),
            patient_sex=self.fact("PatientSex", _word),
            patient_weight=self.fact("PatientWeight", number),
            patient_size=self.fact("PatientSize", number),
            series_date=self.fact("SeriesDate", _date),
            series_time=self.fact("SeriesTime", _time),
            radiopharmaceutical=self.of_tracer("Radiopharmaceutical", _free),
            radiopharmaceutical_code=self.of_tracer("RadiopharmaceuticalCodeSequence", _code),
            radionuclide_code=self.of_tracer("RadionuclideCodeSequence", _code),
            radionuclide_total_dose=self.of_tracer("RadionuclideTotalDose", number),
            radionuclide_half_life_s=self.of_tracer("RadionuclideHalfLife", number),
            radiopharmaceutical_start_time=self.of_tracer("RadiopharmaceuticalStartTime", _time),
            radiopharmaceutical_start_datetime=self.of_tracer("RadiopharmaceuticalStartDateTime", at),
            ge_scan_datetime=self.private(GE_SCAN_DATETIME, _private_datetime(zone)),
            siemens_decay_correction_datetime=self.private(SIEMENS_DECAY_DATETIME, _private_datetime(zone)),
            philips_suv_scale_factor=self.private(PHILIPS_SUV_FACTOR, _private_number),
            philips_activity_concentration_scale_factor=self.private(PHILIPS_ACTIVITY_FACTOR, _private_number),
        )

    def zone(self) -> tzinfo:
        """The zone of the header's clock times.

        TimezoneOffsetFromUTC (0008,0201); where it is absent the offset that a DT carries, since a scanner writes one
        clock, its own; UTC where nothing says.

        Raises:
            Refused: two DTs carry different offsets, and nothing says which the clock times have.
        """
        stated = self.fact("TimezoneOffsetFromUTC", _parsed(parse_zone))
        if stated is not None:
            return stated
        carried: dict[tzinfo, str] = {}
        for tracer, name in self.tracers:
            _carry(carried, tracer, _START_DATETIME, named(_START_DATETIME), name)
        for header, name in self.sources:
            for item in (GE_SCAN_DATETIME, SIEMENS_DECAY_DATETIME):
                tag = _private_tag(header, item)
                if tag is not None:
                    _carry(carried, header, tag, _private_shown(item), name)
        if len(carried) > 1:
            (one, first), (other, second) = list(carried.items())[:2]
            raise Refused(
                f"{named(_ZONE)} is absent, and {first} is in {one}, {second} in {other}: nothing says in which zone "
                "the scanner's clock times are",
                where=self.sources[0][1],
                cure=f"write {named(_ZONE)} into the header",
            )
        return next(iter(carried), UTC)

    def fact(self, keyword: str, read: _Read[_T]) -> _T:
        tag = tag_of(keyword)
        return _agreed(named(tag), [(read(header, tag, name), name) for header, name in self.sources])

    def of_tracer(self, keyword: str, read: _Read[_T]) -> _T:
        tag = tag_of(keyword)
        return _agreed(named(tag), [(read(tracer, tag, name), name) for tracer, name in self.tracers])

    def private(self, item: Private, read: Callable[[Dataset, Private, str], _T]) -> _T:
        return _agreed(_private_shown(item), [(read(header, item, name), name) for header, name in self.sources])


def _agreed(what: str, found: Sequence[tuple[_T, str]]) -> _T:
    value, name = found[0]
    for other, other_name in found[1:]:
        if other != value:
            raise Refused(
                f"{what} differs within the series: {_shown(value)} in {name or 'one slice'}, "
                f"{_shown(other)} in {other_name or 'another'}",
                where=other_name,
                cure="give one series of one scan, or correct the header",
            )
    return value


def _shown(value: object) -> str:
    if value is None or value == () or value == "":
        return "absent"
    return "\\".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _tracer(header: Dataset, name: str) -> Dataset:
    items = _items(header, _TRACERS, name)
    if len(items) > 1:
        raise Refused(
            f"{named(_TRACERS)} has {len(items)} items: several tracers in one series",
            where=name,
            cure="give a scan of one tracer",
        )
    return items[0] if items else Dataset()


def _items(header: Dataset, tag: BaseTag, name: str) -> Sequence[Dataset]:
    if tag not in header:
        return ()
    try:
        value = header[tag].value
    except JUNK_ERRORS as error:
        raise Refused(f"{named(tag)} is no sequence that can be read", where=name, cure="export again") from error
    return tuple(value) if isinstance(value, DicomSequence) else ()


def _code(header: Dataset, tag: BaseTag, name: str) -> Code | None:
    items = _items(header, tag, name)
    if not items:
        return None
    parts = [free_text(items[0], tag_of(key)) for key in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")]
    return Code(*parts) if any(parts) else None


def _free(header: Dataset, tag: BaseTag, name: str) -> str:
    return free_text(header, tag)


def _word(header: Dataset, tag: BaseTag, name: str) -> str | None:
    value = text(header, tag, name)
    return value.upper() if value else None


def _words(header: Dataset, tag: BaseTag, name: str) -> tuple[str, ...]:
    return tuple(value.upper() for value in values(header, tag, name))


def _parsed(parse: Callable[[str, BaseTag, str], _T]) -> _Read[_T | None]:
    def read(header: Dataset, tag: BaseTag, name: str) -> _T | None:
        value = text(header, tag, name)
        return parse(value, tag, name) if value else None

    return read


_date = _parsed(parse_date)
_time = _parsed(parse_time)


def _in_zone(zone: tzinfo) -> _Read[datetime | None]:
    return _parsed(lambda value, tag, name: parse_datetime(value, tag, zone, name))


def _carry(carried: dict[tzinfo, str], header: Dataset, tag: BaseTag, shown: str, name: str) -> None:
    """Note the offset from UTC that a DT carries, if it does, and which DT it was."""
    value = text(header, tag, name)
    offset = own_offset(value, tag, name) if value else None
    if offset is not None:
        carried.setdefault(offset, shown)


def _private_shown(item: Private) -> str:
    return f"({item[0]:04X},xx{item[2]:02X}) of '{item[1]}'"


def _private_tag(header: Dataset, item: Private) -> BaseTag | None:
    """The element's tag in the block that its creator reserved; None where that creator reserved none."""
    group, creator, last = item
    for reserved in (tag for tag in tags(header) if tag >> 16 == group and 0x10 <= tag & 0xFFFF <= 0xFF):
        if free_text(header, reserved) == creator:
            tag = Tag(group, (reserved & 0xFF) << 8 | last)
            if tag in header:
                return tag
    return None


def _private_number(header: Dataset, item: Private, name: str) -> float | None:
    tag = _private_tag(header, item)
    return None if tag is None else number(header, tag, name)


def _private_datetime(zone: tzinfo) -> Callable[[Dataset, Private, str], datetime | None]:
    def read(header: Dataset, item: Private, name: str) -> datetime | None:
        tag = _private_tag(header, item)
        return None if tag is None else _in_zone(zone)(header, tag, name)

    return read
