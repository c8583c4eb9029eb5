"""One DICOM file's header, read once: what psmap needs of it later, and where its pixels lie."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from psmap.domain.refusal import Refused
from psmap.domain.study import SourceFile
from psmap.io.dicom_files import base_name
from psmap.io.dicom_values import JUNK_ERRORS as JUNK_ERRORS
from psmap.io.dicom_values import free_text, tag_of, tags, text

PET_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.128"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_PET = frozenset({"1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1"})
ENHANCED_CT = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
DIRECTORY_STORAGE = "1.2.840.10008.1.3.10"

HEAD_BYTES = 132
"""Preamble of 128 bytes and the prefix DICM (PS3.10 7.1)."""

MOST_INFLATED_BYTES = 256 * 1024**2
"""Largest deflated object once inflated (256 MiB: a PET or CT slice is a few MB)."""

_META_START = 144
"""Preamble, prefix, and the element that states the length of the rest of the meta header (PS3.10 7.1)."""
_META_BYTES = 4096
_CHUNK_BYTES = 1024**2
_UNDEFINED = 0xFFFFFFFF
_PIXEL_TAGS = frozenset(tag_of(name) for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
_PIXEL_DATA = tag_of("PixelData")
_RT_GROUPS = range(0x3002, 0x3010 + 1)  # contours, beams and doses: long, and never part of a PET or CT header
_FIRST_GROUPS = frozenset({0x0002, 0x0008})
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_STORAGE_CLASS = "1.2.840.10008.5.1.4."
SOP_CLASS = tag_of("SOPClassUID")
_SOP_INSTANCE = tag_of("SOPInstanceUID")
SERIES = tag_of("SeriesInstanceUID")
MODALITY = tag_of("Modality")
DESCRIPTION = tag_of("SeriesDescription")
IMAGES = frozenset({PET_IMAGE_STORAGE, CT_IMAGE_STORAGE})

_KEPT_KEYWORDS = """
SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID SeriesDate AcquisitionDate SeriesTime AcquisitionTime
Modality Manufacturer SeriesDescription ManufacturerModelName TimezoneOffsetFromUTC PatientName PatientID
PatientBirthDate PatientSex PatientSize PatientWeight ActualFrameDuration GantryDetectorTilt StudyInstanceUID
SeriesInstanceUID SeriesNumber ImagePositionPatient ImageOrientationPatient FrameOfReferenceUID SamplesPerPixel
PhotometricInterpretation NumberOfFrames Rows Columns PixelSpacing CorrectedImage BitsAllocated BitsStored HighBit
PixelRepresentation PixelPaddingValue RescaleIntercept RescaleSlope RescaleType
RadiopharmaceuticalInformationSequence SeriesType Units NumberOfSlices DecayCorrection SUVType
FrameReferenceTime DecayFactor CollimatorType
"""
KEPT = frozenset(map(tag_of, _KEPT_KEYWORDS.split()))
KEPT_PRIVATE_GROUPS = frozenset({0x0009, 0x0071, 0x7053})  # GEMS_PETD_01, SIEMENS MED PT, Philips PET Private Group


class Foreign(StrEnum):
    """A file that is no DICOM object of a series."""

    NOT_DICOM = "foreign file"
    DIRECTORY = "DICOMDIR"


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """One DICOM object.

    Args:
        file: where it lies.
        sop_class_uid, series_instance_uid, modality, description: empty where the file ends before it says so.
        dataset: the elements needed later, of PET and CT images only; else empty.
        transfer_syntax: TransferSyntaxUID (0002,0010); empty where the file has no meta header.
        little_endian: byte order of the data set.
        pixel_offset, pixel_bytes: where the value of PixelData (7FE0,0010) begins and how long it says it is;
            None where there is none, it is encapsulated, or the whole data set is deflated.
        damage: what is wrong with the file, '' if nothing was seen.
    """

    file: SourceFile
    sop_class_uid: str
    series_instance_uid: str
    modality: str
    description: str
    dataset: Dataset
    transfer_syntax: str
    little_endian: bool
    pixel_offset: int | None
    pixel_bytes: int | None
    damage: str


@dataclass(slots=True)
class _Stop:
    """Ends the reading at the pixels, at radiotherapy groups or at the end of the file, and remembers where."""

    stream: BinaryIO
    size: int
    pass_over_rt: bool
    pixels: tuple[BaseTag, int, int] | None = None
    short: BaseTag | None = None
    at_rt: bool = False

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in _PIXEL_TAGS:
            self.pixels = (tag, self.stream.tell(), length)
            if length != _UNDEFINED and self.stream.tell() + length > self.size:
                self.short = tag
            return True
        if self.pass_over_rt and tag >> 16 in _RT_GROUPS:
            self.at_rt = True
            return True
        if length != _UNDEFINED and self.stream.tell() + length > self.size:
            self.short = tag
            return True
        return False


def may_be_dicom(head: bytes) -> bool:
    """Whether a file's first `HEAD_BYTES` bytes have the prefix, or begin as a data set without one would."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 16:
        return False
    little, big = int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big")
    return little in _FIRST_GROUPS or big in _FIRST_GROUPS


def cut_short(file: SourceFile, head: bytes) -> bool:
    """Whether a file calls itself DICOM (.dcm), and is empty or ends inside its preamble of zeros."""
    return len(head) < HEAD_BYTES and not any(head[:128]) and base_name(file).lower().endswith(".dcm")


def read_header_by_pydicom(file: SourceFile, head: bytes, stream: BinaryIO) -> Header | Foreign:
    """Read one file of any kind up to its pixels: the slow truth beside `dicom_fast`. Call inside `lenient_pydicom`.

    Args:
        file: what is read, for the record.
        head: its first `HEAD_BYTES` bytes.
        stream: the file, seekable, at its beginning.

    Returns:
        The header; `Foreign` for what is no DICOM, or is a DICOMDIR.
    """
    prefixed = head[128:132] == b"DICM"
    size = stream.seek(0, os.SEEK_END)
    try:
        dataset, stop = _read(stream, size, prefixed)
    except JUNK_ERRORS as error:
        if not prefixed:
            return Foreign.NOT_DICOM
        return lost(file, f"it begins as DICOM and cannot be read ({type(error).__name__})")
    sop_class = _sop_class(dataset)
    if sop_class == DIRECTORY_STORAGE:
        return Foreign.DIRECTORY
    if not prefixed and not _plausible(dataset):
        return Foreign.NOT_DICOM
    series = ascii_text(dataset, SERIES)
    image = sop_class in IMAGES
    if not series or not _UID.fullmatch(sop_class):
        damage = "it ends before it names its series"
    else:
        damage = _damage(dataset, stop, image)
    pixels = stop.pixels if stop.pixels and stop.pixels[0] == _PIXEL_DATA else None
    plain = pixels is not None and pixels[2] != _UNDEFINED and not _deflated(dataset)
    return Header(
        file=file,
        sop_class_uid=sop_class,
        series_instance_uid=series,
        modality=ascii_text(dataset, MODALITY).upper(),
        description=free_text(dataset, DESCRIPTION),
        dataset=_trimmed(dataset) if image else Dataset(),
        transfer_syntax=_meta(dataset, "TransferSyntaxUID"),
        little_endian=bool(dataset.original_encoding[1]),
        pixel_offset=pixels[1] if pixels and plain else None,
        pixel_bytes=pixels[2] if pixels and plain else None,
        damage=damage,
    )


def _read(stream: BinaryIO, size: int, prefixed: bool, pass_over_rt: bool = True) -> tuple[Dataset, _Stop]:
    stop = _Stop(stream, size, pass_over_rt)
    _no_bomb(stream)
    stream.seek(0)
    condition: Callable[[BaseTag, str | None, int], bool] = stop
    dataset = read_partial(stream, stop_when=condition, force=not prefixed)
    if stop.at_rt and _sop_class(dataset) in IMAGES:
        return _read(stream, size, prefixed, pass_over_rt=False)
    if _deflated(dataset):  # positions in the inflated data set say nothing of the file
        stop.short = None
        stream.seek(0)
        dataset = dcmread(stream, force=not prefixed, stop_before_pixels=True)
    return dataset, stop


def _no_bomb(stream: BinaryIO) -> None:
    """Raise ValueError for a deflated data set that would fill the memory: pydicom inflates it whole."""
    stream.seek(0)
    head = stream.read(_META_BYTES)
    if DeflatedExplicitVRLittleEndian.encode() not in head:
        return
    if head[132:138] != b"\x02\x00\x00\x00UL":
        raise ValueError("deflated, and the meta header does not state its length")
    stream.seek(_META_START + int.from_bytes(head[140:144], "little"))
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    packed = stream.read(_CHUNK_BYTES)
    while packed and not inflate.eof:
        total += len(inflate.decompress(packed, _CHUNK_BYTES))
        if total > MOST_INFLATED_BYTES:
            raise ValueError(f"deflated, and over {MOST_INFLATED_BYTES} bytes long")
        packed = inflate.unconsumed_tail or stream.read(_CHUNK_BYTES)


def _sop_class(dataset: Dataset) -> str:
    own = ascii_text(dataset, SOP_CLASS)
    if own or not _meta(dataset, "TransferSyntaxUID"):  # a meta header cut short may hold half a UID
        return own
    return _meta(dataset, "MediaStorageSOPClassUID")


def _meta(dataset: Dataset, keyword: str) -> str:
    """A value of the meta header; empty where it is absent or cannot be read."""
    try:
        return str(dataset.file_meta.get(keyword) or "")
    except JUNK_ERRORS:
        return ""


def ascii_text(dataset: Dataset, tag: BaseTag) -> str:
    """A value as text; empty where it is absent or where its bytes are no text."""
    try:
        return text(dataset, tag) or ""
    except Refused:
        return ""


def _deflated(dataset: Dataset) -> bool:
    return _meta(dataset, "TransferSyntaxUID") == DeflatedExplicitVRLittleEndian


def _damage(dataset: Dataset, stop: _Stop, image: bool) -> str:
    if stop.short is not None:
        return f"the file is truncated: it ends inside ({stop.short >> 16:04X},{stop.short & 0xFFFF:04X})"
    if image and stop.pixels is None and not _deflated(dataset):
        return "PixelData (7FE0,0010) is missing: the file ends before it"
    return ""


def _plausible(dataset: Dataset) -> bool:
    """Whether a file without prefix is DICOM: it must name a storage class, an instance and a series."""
    found = [ascii_text(dataset, tag) for tag in (SOP_CLASS, _SOP_INSTANCE, SERIES)]
    return found[0].startswith(_STORAGE_CLASS) and all(_UID.fullmatch(uid) for uid in found)


def _trimmed(dataset: Dataset) -> Dataset:
    kept: dict[BaseTag, DataElement | RawDataElement] = {
        tag: dataset.get_item(tag, keep_deferred=True)  # an empty one stays as it is, too
        for tag in tags(dataset)
        if tag in KEPT or tag >> 16 in KEPT_PRIVATE_GROUPS
    }
    small = Dataset(kept)
    implicit, little = dataset.original_encoding
    small.set_original_encoding(implicit, little, dataset.original_character_set)
    return small


def lost(file: SourceFile, damage: str) -> Header:
    """The header of a file of which nothing can be read."""
    return Header(file, "", "", "", "", Dataset(), "", True, None, None, damage)
