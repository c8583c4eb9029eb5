"""One value of a DICOM header: text, number, date or time, or a refusal that names the tag and what stands in it.

Values are taken from the bytes as stored wherever they are plain ASCII (DS, IS, DA, TM, DT, CS, UI: PS3.5 table
6.2-1), so that a malformed one is named, and never mended on the way.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache

from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag, Tag

from psmap.domain.refusal import Refused

JUNK_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    struct.error,
    zlib.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    RecursionError,
    OSError,
)
"""What pydicom can raise on bytes that are no DICOM, or are damaged."""

_BINARY_VR = frozenset({"US", "SS", "UL", "SL", "FL", "FD", "AT", "UV", "SV"})
YEARS = (1800, 2200)
"""Of dates in a header, those put in place of real ones too; beyond them days cannot be counted on."""

_DATE = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})")
_TIME = re.compile(r"(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d+))?)?)?|(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?")
_DATETIME = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d+)?)?)?)([+-]\d{4})?")
_ZONE = re.compile(r"([+-])(\d{2}):?(\d{2})")


@contextmanager
def lenient_pydicom() -> Iterator[None]:
    """Let pydicom read values as they are, silently: what matters is checked here, in words of our own."""
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
        yield


def tags(header: Dataset) -> list[BaseTag]:
    """The tags of a header; looping over the header itself would convert every value."""
    return list(header.keys())


@cache
def tag_of(keyword: str) -> BaseTag:
    """The tag of a DICOM keyword: always the same object, which look-ups find without comparing numbers."""
    number = tag_for_keyword(keyword)
    if number is None:
        raise ValueError(f"{keyword} is no DICOM keyword")
    return Tag(number)


def named(tag: BaseTag) -> str:
    """A tag as messages show it: 'PatientWeight (0010,1030)'."""
    return f"{keyword_for_tag(tag)} ({tag.group:04X},{tag.element:04X})".strip()


def values(header: Dataset, tag: BaseTag, where: str = "") -> tuple[str, ...]:
    """The values of an element as text without padding; empty where the element is absent or empty.

    Raises:
        Refused: the value is no text.
    """
    element = header.get_item(tag, keep_deferred=True)
    if element is None:
        return ()
    if isinstance(element, RawDataElement):
        if element.value is not None and element.VR not in _BINARY_VR:
            return _split(element.value, tag, where)
        try:
            element = header[tag]
        except JUNK_ERRORS as error:
            raise Refused(
                f"{named(tag)} holds bytes that are no {element.VR or 'value'}", where=where, cure="correct the header"
            ) from error
    value = element.value
    if value is None:
        return ()
    if isinstance(value, bytes):
        return _split(value, tag, where)
    if isinstance(value, DicomSequence):
        raise Refused(f"{named(tag)} holds a sequence", where=where, cure="correct the header")
    items = value if isinstance(value, (MultiValue, list, tuple)) else [value]
    texts = tuple("" if item is None else str(item).strip(" \0") for item in items)
    return texts if any(texts) else ()


def _split(raw: bytes, tag: BaseTag, where: str) -> tuple[str, ...]:
    try:
        return _parts(raw)
    except ValueError as error:
        raise Refused(f"{named(tag)} holds bytes that are no text", where=where, cure="correct the header") from error


@lru_cache(maxsize=512)  # slices of a series repeat most of their values
def _parts(raw: bytes) -> tuple[str, ...]:
    texts = tuple([part.strip(" \0\t\r\n") for part in raw.decode("ascii").split("\\")])
    if not "".join(texts).isprintable():
        raise ValueError("control characters")
    return texts if any(texts) else ()


def text(header: Dataset, tag: BaseTag, where: str = "") -> str | None:
    """The only, or the first, value of an element as text; None where it is absent or empty."""
    found = values(header, tag, where)
    return found[0] or None if found else None


def free_text(header: Dataset, tag: BaseTag) -> str:
    """A text in the character set of the header (LO, SH, PN); empty where it is absent."""
    try:
        value = header[tag].value if tag in header else None
    except JUNK_ERRORS:
        return ""
    return "" if value is None or isinstance(value, DicomSequence) else " ".join(str(value).split())


class FreeTexts:
    """One text of many headers (see `free_text`): each different stored value is converted once."""

    def __init__(self, tag: BaseTag) -> None:
        self._tag = tag
        self._known: dict[tuple[str | None, bytes | None, str], str] = {}

    def of(self, header: Dataset) -> str:
        """The text of one header; empty where it is absent."""
        element = header.get_item(self._tag, keep_deferred=True)
        if not isinstance(element, RawDataElement):
            return free_text(header, self._tag)
        key = (element.VR, element.value, str(header.original_character_set))
        if key not in self._known:
            self._known[key] = free_text(header, self._tag)
        return self._known[key]


def number(header: Dataset, tag: BaseTag, where: str = "") -> float | None:
    """A number; None where the element is absent or empty.

    Raises:
        Refused: what stands there is no finite number, or there are several.
    """
    found = numbers(header, tag, where)
    if found is None:
        return None
    if len(found) != 1:
        raise Refused(f"{named(tag)} holds {len(found)} values instead of one", where=where, cure="correct the header")
    return found[0]


def numbers(header: Dataset, tag: BaseTag, where: str = "") -> tuple[float, ...] | None:
    """All numbers of an element; None where it is absent or empty.

    Raises:
        Refused: a value is no finite number.
    """
    found = values(header, tag, where)
    if not found:
        return None
    return tuple([_finite(value, tag, where) for value in found])


def _finite(value: str, tag: BaseTag, where: str) -> float:
    try:
        parsed = float(value)
    except ValueError:
        parsed = math.nan
    if not math.isfinite(parsed) or "_" in value:
        raise _malformed(tag, value, "no finite number", where)
    return parsed


def unsigned(header: Dataset, tag: BaseTag) -> object:
    """The value of a US element as pydicom converts it; None where it is absent or empty.

    Raises:
        Exception: whatever pydicom raises on bytes that are no such value (see `JUNK_ERRORS`).
    """
    element = header.get_item(tag, keep_deferred=True)
    if element is None:
        return None
    if isinstance(element, RawDataElement) and element.value is not None and len(element.value) == 2:
        vr = element.VR or dictionary_VR(tag)
        if vr == "US":
            return int.from_bytes(element.value, "little" if element.is_little_endian else "big")
    return header[tag].value


def parse_date(value: str, tag: BaseTag, where: str = "") -> date:
    """A DA: YYYYMMDD, or the old YYYY.MM.DD (PS3.5 6.2)."""
    found = _day(value)
    if isinstance(found, str):
        raise _malformed(tag, value, found, where)
    return found


@lru_cache(maxsize=64)
def _day(value: str) -> date | str:
    """The date, or why it is none."""
    match = _DATE.fullmatch(value)
    if match is None:
        return "no date YYYYMMDD"
    if not YEARS[0] <= int(match[1]) <= YEARS[1]:
        return f"no date between {YEARS[0]} and {YEARS[1]}"
    try:
        return date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return "no day of the calendar"


def parse_time(value: str, tag: BaseTag, where: str = "") -> time:
    """A TM: HHMMSS.FFFFFF, shortened from the right as the standard allows, or the old HH:MM:SS (PS3.5 6.2)."""
    found = _clock(value)
    if isinstance(found, str):
        raise _malformed(tag, value, found, where)
    return found


@lru_cache(maxsize=64)
def _clock(value: str) -> time | str:
    """The time of day, or why it is none."""
    match = _TIME.fullmatch(value)
    if match is None:
        return "no time HHMMSS"
    hour, minute, second, fraction = match.groups()[:4] if match[1] else match.groups()[4:]
    try:
        return time(int(hour), int(minute or 0), int(second or 0), int((fraction or "0").ljust(6, "0")[:6]))
    except ValueError:
        return "no time of day"


def parse_datetime(value: str, tag: BaseTag, zone: tzinfo, where: str = "") -> datetime:
    """A DT: YYYYMMDDHHMMSS.FFFFFF&ZZXX, with at least the hour; without &ZZXX it is in `zone` (PS3.5 6.2)."""
    match = _DATETIME.fullmatch(value)
    if match is None:
        raise _malformed(tag, value, "no date and time YYYYMMDDHHMMSS", where)
    day = parse_date(match[1], tag, where)
    clock = parse_time(match[2], tag, where)
    own = parse_zone(match[3], tag, where) if match[3] else zone
    return datetime.combine(day, clock, own)


def own_offset(value: str, tag: BaseTag, where: str = "") -> tzinfo | None:
    """The offset from UTC that a DT carries (&ZZXX, PS3.5 6.2); None where it carries none."""
    match = _DATETIME.fullmatch(value)
    return parse_zone(match[3], tag, where) if match and match[3] else None


def parse_zone(value: str, tag: BaseTag, where: str = "") -> tzinfo:
    """An offset from UTC: &ZZXX, -1200 to +1400 (PS3.3 C.12.1.1.8)."""
    match = _ZONE.fullmatch(value)
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise _malformed(tag, value, "no offset from UTC such as +0100", where)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return UTC if not offset else timezone(-offset if match[1] == "-" else offset)


def _malformed(tag: BaseTag, value: str, why: str, where: str) -> Refused:
    return Refused(f"{named(tag)} is '{value}', {why}", where=where, cure="correct the header or export again")
