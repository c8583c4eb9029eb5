"""One file read twice, by our own quick reader of headers and by pydicom, and every difference between the two."""

from __future__ import annotations

import io
from dataclasses import fields
from pathlib import Path

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from psmap.domain.study import SourceFile
from psmap.io.dicom_fast import HeaderReader
from psmap.io.dicom_headers import Foreign, Header, read_header_by_pydicom
from psmap.io.dicom_layout import TooShort

FILE = SourceFile(Path("slice.dcm"))


def quick(data: bytes, reader: HeaderReader | None = None) -> Header | None:
    """What our own reader makes of a whole file; None where it leaves it to pydicom."""
    try:
        return (reader or HeaderReader()).plain(FILE, data, len(data))
    except TooShort:
        return None


def slow(data: bytes) -> Header | Foreign:
    """What pydicom makes of it."""
    return read_header_by_pydicom(FILE, data[:132], io.BytesIO(data))


def same_or_left(data: bytes, reader: HeaderReader | None = None) -> bool:
    """Whether our own reader takes the file; if it does, its header must be pydicom's in everything."""
    mine = quick(data, reader)
    if mine is not None:
        theirs = slow(data)
        assert isinstance(theirs, Header), theirs
        same(mine, theirs)
    return mine is not None


def same(mine: Header, theirs: Header) -> None:
    """Every field, and of the data set every element as stored, its place in the file included."""
    for field in fields(Header):
        if field.name != "dataset":
            assert getattr(mine, field.name) == getattr(theirs, field.name), field.name
    one, other = mine.dataset, theirs.dataset
    assert list(one.keys()) == list(other.keys())
    assert one.original_encoding == other.original_encoding
    assert one.original_character_set == other.original_character_set
    for tag in list(other.keys()):
        ours, its = (dataset.get_item(tag, keep_deferred=True) for dataset in (one, other))
        if isinstance(ours, RawDataElement) and not isinstance(its, RawDataElement):
            ours = one[tag]  # pydicom has converted it already
        assert all_of(ours) == all_of(its)


def all_of(element: DataElement | RawDataElement) -> tuple[object, ...]:
    """Everything that an element says of itself; the items of a sequence are looked at without converting them."""
    if isinstance(element, RawDataElement):
        return tuple(element)
    head = (element.tag, str(element.VR), element.file_tell, element.is_undefined_length)
    if element.VR == "SQ":
        return (*head, *map(_item, element.value))
    return (*head, repr(element.value))


def _item(item: Dataset) -> tuple[object, ...]:
    elements = (all_of(item.get_item(tag, keep_deferred=True)) for tag in list(item.keys()))
    return (item.original_encoding, item.original_character_set, *elements)
