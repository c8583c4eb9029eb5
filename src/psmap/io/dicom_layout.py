"""The elements of an uncompressed little-endian data set, told from its bytes (PS3.5 7.1) without pydicom.

Slices of one series repeat most of their header byte for byte. So elements are kept in runs: whatever stood together
in an earlier header, and stands in this one unchanged, is recognised by one comparison of bytes and taken over; only
what differs is parsed again. A run is known by its first eight bytes (tag, VR and length), wherever in the file it
begins.

Anything but plain, well-formed elements raises `NotPlain`, and the file is pydicom's.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from pydicom.charset import convert_encodings, default_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element, empty_value_for_VR
from pydicom.filereader import read_sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from psmap.io.dicom_values import JUNK_ERRORS

Element = DataElement | RawDataElement
Elements = dict[BaseTag, Element]
Encoding = str | list[str]

UNDEFINED = 0xFFFFFFFF

_EXPLICIT = struct.Struct("<I2sH").unpack_from
_IMPLICIT = struct.Struct("<II").unpack_from
_LENGTH = struct.Struct("<I").unpack_from
_SHORT_VR = {vr.value.encode("ascii"): vr.value for vr in EXPLICIT_VR_LENGTH_16}
_LONG_VR = {vr.value.encode("ascii"): vr.value for vr in EXPLICIT_VR_LENGTH_32}
_SEQUENCES = frozenset({"SQ", "UN"})  # UN of undefined length is a sequence: PS3.5 6.2.2
_ITEM, _END_OF_SEQUENCE = 0xE000FFFE, 0xE0DDFFFE  # as `word` gives them
_ITEM_ENDS = b"\xfe\xff\x0d\xe0\0\0\0\0"
_NO_PLAIN_GROUPS = frozenset({0x0000, 0x0002, 0xFFFE, *range(0x3002, 0x3010 + 1)})
"""Command set, file meta, items out of place and radiotherapy: none stands in the data set of an image."""
_OTHER_PIXELS = frozenset({0x00087FE0, 0x00097FE0})
"""FloatPixelData and DoubleFloatPixelData, as `word` gives them."""
_CHARACTER_SET = BaseTag(0x00080005)
_CHARACTER_SET_WORD = 0x00050008
_DEPTH = 16
_SHIFTS = 64


class NotPlain(Exception):
    """The bytes are no plain element: the file is for pydicom."""


class TooShort(Exception):
    """The bytes end before the element does: more of the file is needed."""


Head = tuple[int, str | None, int, int]
"""The head of one element: its tag (see `word`), its VR (None where implicit), its length and where its value lies."""


def word(tag: int) -> int:
    """A tag as its four bytes read as one little-endian number: the element above the group."""
    return (tag & 0xFFFF) << 16 | tag >> 16


def head(stored: bytes, at: int, implicit: bool) -> Head:
    """The head of the element that begins at `at`.

    Raises:
        NotPlain: its VR is unknown.
        TooShort: the bytes end inside it.
    """
    try:
        if implicit:
            name, length = _IMPLICIT(stored, at)
            return name, None, length, at + 8
        name, code, length = _EXPLICIT(stored, at)
        if code in _SHORT_VR:
            return name, _SHORT_VR[code], length, at + 8
        if code in _LONG_VR:
            return name, _LONG_VR[code], _LENGTH(stored, at + 8)[0], at + 12
    except struct.error:
        raise TooShort from None
    raise NotPlain


class _Part(NamedTuple):
    """One element of a run: where it lies, counted from the file's beginning, and what is kept of it, if it is."""

    begin: int
    end: int
    kept: RawDataElement | None


@dataclass(slots=True)
class _Run:
    """Elements that stood together in an earlier header."""

    stored: bytes
    parts: list[_Part]
    at_place: dict[int, Elements] = field(default_factory=dict)

    def kept(self, begin: int) -> Elements:
        """The kept elements, as they are where the run begins at `begin`."""
        if begin not in self.at_place:
            if len(self.at_place) >= _SHIFTS:
                self.at_place.clear()
            shift = begin - self.parts[0].begin
            raws = (part.kept for part in self.parts if part.kept is not None)
            moved = (raw._replace(value_tell=raw.value_tell + shift) if shift else raw for raw in raws)
            self.at_place[begin] = {raw.tag: raw for raw in moved}
        return self.at_place[begin]

    def same_parts(self, stored: bytes, at: int) -> int:
        """How many of the first elements stand in `stored` at `at` as well."""
        first = self.parts[0].begin
        for number, part in enumerate(self.parts):
            if not stored.startswith(self.stored[part.begin - first : part.end - first], at + part.begin - first):
                return number
        return len(self.parts)

    def cut(self, begin: int, end: int | None = None) -> _Run:
        """The elements number `begin` to `end` as a run of their own."""
        parts, first = self.parts[begin:end], self.parts[0].begin
        return _Run(self.stored[parts[0].begin - first : parts[-1].end - first], parts)


class Layout:
    """How the headers of one kind of image are laid out; it learns from every header it reads.

    Args:
        implicit: implicit VR little endian, else explicit VR little endian.
        keep: the tag to file an element under, given its tag as `word` gives it; None where it is not needed.
    """

    def __init__(self, implicit: bool, keep: Callable[[int], BaseTag | None]) -> None:
        self._implicit = implicit
        self._keep = keep
        self._runs: dict[bytes, _Run] = {}
        self._varying: set[bytes] = set()
        self._encodings: dict[bytes, Encoding] = {}

    def elements(self, stored: bytes, at: int, stop: int) -> tuple[Elements, Head]:
        """The kept elements of the data set that begins at `at`, and the head of the element `stop` that ends it.

        Args:
            stored: the file from its beginning.
            at: where the data set begins.
            stop: the tag that ends it, as `word` gives it.

        Raises:
            NotPlain: not every element before `stop` is plain.
            TooShort: `stored` ends before it.
        """
        found: Elements = {}
        fresh: list[list[_Part]] = [[]]
        taken_over = 0
        while True:
            run = self._run(stored, at)
            if run is not None:
                found.update(run.kept(at))
                taken_over += len(run.parts)
                at += len(run.stored)
                fresh.append([])
                continue
            first = head(stored, at, self._implicit)
            if first[0] == stop:
                self._learn(stored, fresh, taken_over)
                return found, first
            end, kept = self._element(stored, first, found)
            if isinstance(kept, DataElement):  # items belong to one data set only, so they are in no run
                fresh.append([])
            else:
                fresh[-1].append(_Part(at, end, kept))
            at = end

    def encoding(self, found: Elements) -> Encoding:
        """The Python names of the character set (0008,0005), as pydicom has them.

        Raises:
            NotPlain: it is no plain text.
        """
        raw = found.get(_CHARACTER_SET)
        if raw is None:
            return default_encoding
        if not isinstance(raw, RawDataElement) or raw.VR not in (None, "CS"):
            raise NotPlain
        value = raw.value or b""
        if value not in self._encodings:
            try:
                self._encodings[value] = convert_encodings(convert_raw_data_element(raw).value)
            except JUNK_ERRORS:
                raise NotPlain from None
        return self._encodings[value]

    def _run(self, stored: bytes, at: int) -> _Run | None:
        """The run that begins here unchanged; one that has changed is cut where it did."""
        name = stored[at : at + 8]
        run = self._runs.get(name)
        if run is None or stored.startswith(run.stored, at):
            return run
        same = run.same_parts(stored, at)
        if same + 1 < len(run.parts):
            rest = run.cut(same + 1)
            self._runs.setdefault(rest.stored[:8], rest)
        if same == 0:
            self._varying.add(name)
            del self._runs[name]
            return None
        self._runs[name] = run.cut(0, same)
        return self._runs[name]

    def _element(self, stored: bytes, first: Head, found: Elements) -> tuple[int, Element | None]:
        """Parse one element: where it ends, and what is kept of it (filed in `found`)."""
        name, vr, length, value_at = first
        if name & 0xFFFF in _NO_PLAIN_GROUPS or name in _OTHER_PIXELS:
            raise NotPlain
        tag = self._keep(name)
        if length == UNDEFINED:
            end = _sequence_end(stored, first, self._implicit)
            if tag is None:
                return end, None
            found[tag] = kept = self._sequence(stored, tag, value_at, end, found)
            return end, kept
        end = value_at + length
        if end > len(stored):
            raise TooShort
        if tag is None:
            return end, None
        value = stored[value_at:end] if length else _empty(vr)
        found[tag] = raw = RawDataElement(tag, vr, length, value, value_at, self._implicit, True)
        return end, raw

    def _sequence(self, stored: bytes, tag: BaseTag, value_at: int, end: int, found: Elements) -> DataElement:
        stream = io.BytesIO(stored)
        stream.seek(value_at)
        encoding = self.encoding(found)
        try:
            items = read_sequence(stream, self._implicit, True, UNDEFINED, encoding)
        except JUNK_ERRORS:
            raise NotPlain from None
        if stream.tell() != end:
            raise NotPlain
        return DataElement(tag, "SQ", items, value_at, is_undefined_length=True)

    def _learn(self, stored: bytes, fresh: list[list[_Part]], taken_over: int) -> None:
        """Keep what was parsed in runs, except elements that are known to differ; begin anew where most was new."""
        if sum(map(len, fresh)) > taken_over:
            self._runs.clear()
            self._varying.clear()
        for parts in fresh:
            stretch: list[_Part] = []
            for part in parts:
                if stored[part.begin : part.begin + 8] in self._varying:
                    self._file(stored, stretch)
                    stretch = []
                else:
                    stretch.append(part)
            self._file(stored, stretch)

    def _file(self, stored: bytes, parts: list[_Part]) -> None:
        if parts:
            run = stored[parts[0].begin : parts[-1].end]
            self._runs[run[:8]] = _Run(run, parts)


def _empty(vr: str | None) -> bytes | None:
    value = empty_value_for_VR(vr, raw=True)
    if value is not None and not isinstance(value, bytes):
        raise NotPlain
    return value


def _sequence_end(stored: bytes, first: Head, implicit: bool) -> int:
    """Where a sequence of undefined length ends; every item and element in it is looked at (PS3.5 7.5).

    Raises:
        NotPlain: it is no sequence, or anything in it does not fit exactly.
        TooShort: the bytes end before it does.
    """
    return _end_of_items(stored, first, implicit, 0)


def _end_of_items(stored: bytes, first: Head, implicit: bool, depth: int) -> int:
    if depth > _DEPTH or not _is_sequence(first):
        raise NotPlain
    at = first[3]
    while True:
        name, _, length, begin = head(stored, at, implicit=True)
        if name == _END_OF_SEQUENCE:
            if length:
                raise NotPlain
            return begin
        if name != _ITEM:
            raise NotPlain
        at = _end_of_item(stored, begin, length, implicit, depth)


def _is_sequence(first: Head) -> bool:
    name, vr = first[:2]
    if vr is not None:
        return vr in _SEQUENCES
    try:
        return dictionary_VR(word(name)) == "SQ"
    except KeyError:
        return False


def _end_of_item(stored: bytes, at: int, length: int, implicit: bool, depth: int) -> int:
    end = None if length == UNDEFINED else at + length
    while end is None or at < end:
        if end is None and stored[at : at + 8] == _ITEM_ENDS:
            return at + 8
        first = head(stored, at, implicit)
        name, _, length, value_at = first
        if name & 0xFFFF in _NO_PLAIN_GROUPS or name == _CHARACTER_SET_WORD:
            raise NotPlain
        at = _end_of_items(stored, first, implicit, depth + 1) if length == UNDEFINED else value_at + length
    if at != end:
        raise NotPlain
    if at > len(stored):
        raise TooShort
    return at
