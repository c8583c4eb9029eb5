"""Headers read quickly: our own reader for uncompressed little-endian PET and CT images, and for nothing else.

Whatever is not plain (another transfer syntax or SOP class, an unknown VR, a file that ends too early) is left to
pydicom, so that every header is what `read_header_by_pydicom` makes of the same file.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from psmap.domain.study import SourceFile
from psmap.io.dicom_files import Opener
from psmap.io.dicom_headers import (
    DESCRIPTION,
    IMAGES,
    KEPT,
    KEPT_PRIVATE_GROUPS,
    MODALITY,
    SERIES,
    SOP_CLASS,
    Header,
    ascii_text,
)
from psmap.io.dicom_layout import UNDEFINED, Layout, NotPlain, TooShort, head, word
from psmap.io.dicom_values import FreeTexts

FIRST_BYTES = 16 * 1024
"""How much of a file is read at first: most PET and CT headers are shorter."""
MOST_BYTES = 1024 * 1024
"""A header that is longer than this is left to pydicom."""

_PREFIXED = 132
_PIXELS = word(0x7FE00010)
_PIXEL_VRS = frozenset({None, "OB", "OW"})
_GROUP_LENGTH, _STORAGE_CLASS, _SYNTAX = word(0x00020000), word(0x00020002), word(0x00020010)
_SYNTAXES = {b"1.2.840.10008.1.2\0": True, b"1.2.840.10008.1.2.1\0": False}
"""Implicit and explicit VR little endian (PS3.5 A.1, A.2), padded to even length: whether the VR is implicit."""
_IMAGES = frozenset(uid.encode("ascii") + b"\0" * (len(uid) % 2) for uid in IMAGES)
_KEPT_WORDS = {word(tag): tag for tag in KEPT}


class HeaderReader:
    """Reads the headers of one study, and remembers how those of each kind of image are laid out."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[bool, bytes], Layout] = {}
        self._private: dict[int, BaseTag] = {}
        self._descriptions = FreeTexts(DESCRIPTION)
        self._first_bytes = FIRST_BYTES

    def file(self, opener: Opener, file: SourceFile) -> Header | None:
        """The header of a file that is no zip member; None where it is not plain. Call inside `lenient_pydicom`.

        Raises:
            Refused: the file cannot be opened.
        """
        length = self._first_bytes
        while True:
            stored, size = opener.beginning(file, length)
            try:
                found = self.plain(file, stored, size)
            except TooShort:
                if length >= min(size, MOST_BYTES):
                    return None
                length *= 4
            else:
                if found is not None:
                    self._first_bytes = length
                return found

    def plain(self, file: SourceFile, stored: bytes, size: int) -> Header | None:
        """The header of a file; None where it is not plain. Call inside `lenient_pydicom`.

        Args:
            file: what is read, for the record.
            stored: its bytes from the beginning, all or as many as were read.
            size: how many it has.

        Raises:
            TooShort: the header may be plain, and `stored` ends inside it.
        """
        if stored[128:_PREFIXED] != b"DICM":
            return None
        try:
            return self._plain(file, stored, size)
        except NotPlain:
            return None

    def _plain(self, file: SourceFile, stored: bytes, size: int) -> Header:
        at, syntax, storage_class = _meta(stored)
        implicit = _SYNTAXES[syntax]
        if implicit and stored[at + 4 : at + 6].isalpha() and stored[at + 4 : at + 6].isupper():
            raise NotPlain  # a VR, against what the meta header says
        layout = self._layouts.get((implicit, storage_class))
        if layout is None:
            layout = self._layouts[implicit, storage_class] = Layout(implicit, self._keep)
        elements, (_, vr, pixel_bytes, pixel_offset) = layout.elements(stored, at, _PIXELS)
        if vr not in _PIXEL_VRS or pixel_bytes == UNDEFINED or pixel_offset + pixel_bytes > size:
            raise NotPlain  # encapsulated, or cut short
        dataset = Dataset(elements)
        dataset.set_original_encoding(implicit, True, layout.encoding(elements))
        sop_class, series = ascii_text(dataset, SOP_CLASS), ascii_text(dataset, SERIES)
        if sop_class not in IMAGES or not series:
            raise NotPlain
        return Header(
            file=file,
            sop_class_uid=sop_class,
            series_instance_uid=series,
            modality=ascii_text(dataset, MODALITY).upper(),
            description=self._descriptions.of(dataset),
            dataset=dataset,
            transfer_syntax=syntax.rstrip(b"\0").decode("ascii"),
            little_endian=True,
            pixel_offset=pixel_offset,
            pixel_bytes=pixel_bytes,
            damage="",
        )

    def _keep(self, name: int) -> BaseTag | None:
        """The tag of an element that is needed later, by its `word`."""
        tag = _KEPT_WORDS.get(name)
        if tag is None and name & 0xFFFF in KEPT_PRIVATE_GROUPS:
            tag = self._private.get(name)
            if tag is None:
                tag = self._private[name] = BaseTag(word(name))  # `word` is its own inverse
        return tag


def _meta(stored: bytes) -> tuple[int, bytes, bytes]:
    """Where the file meta information ends (PS3.10 7.1), its TransferSyntaxUID and MediaStorageSOPClassUID as stored.

    Raises:
        NotPlain: its elements do not rise, or the syntax or the storage class is none of ours.
        TooShort: the bytes end inside it.
    """
    found: dict[int, bytes] = {}
    at, last = _PREFIXED, -1
    while stored[at : at + 2] == b"\x02\0":
        name, vr, length, begin = head(stored, at, implicit=False)
        if name <= last or length == UNDEFINED or (at == _PREFIXED) != (name == _GROUP_LENGTH):
            raise NotPlain
        if name == _GROUP_LENGTH and (vr, length) != ("UL", 4):
            raise NotPlain
        at, last = begin + length, name
        if at > len(stored):
            raise TooShort
        if name in (_STORAGE_CLASS, _SYNTAX):
            if vr != "UI":
                raise NotPlain
            found[name] = stored[begin:at]
    if at + 8 > len(stored):
        raise TooShort
    if found.get(_SYNTAX) not in _SYNTAXES or found.get(_STORAGE_CLASS) not in _IMAGES:
        raise NotPlain
    return at, found[_SYNTAX], found[_STORAGE_CLASS]
