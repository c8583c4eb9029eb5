"""Pieces of a DICOM data set as bytes (Explicit VR Little Endian), for long sequences whose items are much alike.

highdicom and pydicom build and write such a sequence item by item, copying and searching each: milliseconds an item.
Here the library builds one item, pydicom turns it into bytes, and in the items that follow only the elements that
differ are made anew. The form is that of PS3.5 7.1.2 (elements) and 7.5 (sequences and items of defined length).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_dataset

CHARACTER_SET = "ISO_IR 192"
"""Everything is written in UTF-8 (PS3.3 C.12.1.1.2)."""

_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""Value representations whose length takes 32 bits, after two bytes of reserve (PS3.5 table 7.1-1)."""
_ITEM = b"\xfe\xff\x00\xe0"
_LONGEST = 0xFFFFFFFE
_LONGEST_SHORT = 0xFFFF

Elements = dict[int, bytes]
"""Tag -> the whole element: tag, value representation, length and value."""


def element(keyword: str, value: bytes) -> bytes:
    """An element of a standard attribute. A value of odd length is filled up: UIDs and bytes by 0, text by a space.

    Raises:
        ValueError: no attribute has this keyword, or the value is too long for its value representation.
    """
    tag = _tag(keyword)
    vr = dictionary_VR(tag)
    if len(vr) != 2:  # 'OB or OW': which one, the transfer syntax and the pixels decide
        raise ValueError(f"{keyword} has no single value representation")
    return _element(tag, vr, value)


def bytes_element(keyword: str, value: bytes) -> bytes:
    """An element that holds bytes (OB), as pixels of one bit do (PS3.5 8.1.1)."""
    return _element(_tag(keyword), "OB", value)


def sequence(keyword: str, items: Iterable[bytes]) -> bytes:
    """A sequence of items, each given as the elements that it holds."""
    return element(keyword, b"".join(_ITEM + len(item).to_bytes(4, "little") + item for item in items))


def elements_of(dataset: Dataset) -> Elements:
    """The elements of a data set as pydicom writes them."""
    return {int(tag): _written(dataset, int(tag)) for tag in sorted(dataset.keys())}


def bytes_of(dataset: Dataset) -> bytes:
    """A whole data set as pydicom writes it."""
    stream = _stream()
    write_dataset(stream, dataset, CHARACTER_SET)
    return stream.getvalue()


def with_elements(elements: Elements, changes: Mapping[str, bytes]) -> bytes:
    """The elements of an item in the order of their tags, those named by keyword replaced by whole elements."""
    changed = elements | {_tag(keyword): made for keyword, made in changes.items()}
    return b"".join(changed[tag] for tag in sorted(changed))


def _written(dataset: Dataset, tag: int) -> bytes:
    stream = _stream()
    write_data_element(stream, dataset[tag], CHARACTER_SET)
    return stream.getvalue()


def _element(tag: int, vr: str, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    longest = _LONGEST if vr in _LONG else _LONGEST_SHORT
    if len(value) > longest:
        raise ValueError(f"a value of {len(value)} bytes is too long for {vr}")
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr.encode("ascii")
    length = b"\0\0" + len(value).to_bytes(4, "little") if vr in _LONG else len(value).to_bytes(2, "little")
    return head + length + value


def _stream() -> DicomBytesIO:
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = False, True
    return stream


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"DICOM has no attribute {keyword}")
    return tag
