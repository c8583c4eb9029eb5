"""The stored values of one slice: straight from the file where they lie plain, through pydicom everywhere else."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from psmap.domain.refusal import Refused
from psmap.io.dicom_files import Opener, base_name
from psmap.io.dicom_headers import JUNK_ERRORS, Header
from psmap.io.dicom_values import named, number, tag_of, text

Stored = npt.NDArray[np.integer[npt.NBitBase]]

_NUMBER_OF_FRAMES = tag_of("NumberOfFrames")
_PHOTOMETRIC = tag_of("PhotometricInterpretation")
_PLAIN_SYNTAXES = frozenset({str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)})
_CODECS = {
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.81": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K",
    "1.2.840.10008.1.2.4.202": "HTJ2K",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
}
"""Transfer syntaxes (PS3.6 table A-1) that the extra `codecs` decodes."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How one slice's pixels are stored (PS3.3 C.7.6.3): BitsAllocated, BitsStored, HighBit, PixelRepresentation."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def fills_16_bits(self) -> bool:
        """Whether every stored value is one whole 16-bit word."""
        return (self.bits_allocated, self.bits_stored, self.high_bit) == (16, 16, 15)


def whole(header: Dataset, keyword: str, where: str) -> int:
    """A whole number that must be there (US, IS).

    Raises:
        Refused: it is missing or no whole number.
    """
    tag = tag_of(keyword)
    value = header[tag].value if tag in header else None
    if not isinstance(value, int):
        state = "missing" if value is None else f"'{value}'"
        raise Refused(f"{named(tag)} is {state}", where=where, cure="export the series again")
    return int(value)


def pixel_format(header: Header) -> PixelFormat:
    """How a slice is stored.

    Raises:
        Refused: it is no single grey image in which larger numbers mean more.
    """
    where, dataset = base_name(header.file), header.dataset
    interpretation = (text(dataset, _PHOTOMETRIC, where) or "").upper()
    if interpretation != "MONOCHROME2":
        raise Refused(
            f"{named(_PHOTOMETRIC)} is {interpretation or 'missing'}", where=where, cure="export as MONOCHROME2"
        )
    samples = whole(dataset, "SamplesPerPixel", where)
    if samples != 1:
        raise Refused(f"SamplesPerPixel (0028,0002) is {samples}", where=where, cure="export as MONOCHROME2")
    frames = number(dataset, _NUMBER_OF_FRAMES, where)
    if frames is not None and frames != 1:
        raise Refused(f"{named(_NUMBER_OF_FRAMES)} is {frames:g}", where=where, cure="export one file a slice")
    return PixelFormat(
        rows=whole(dataset, "Rows", where),
        columns=whole(dataset, "Columns", where),
        bits_allocated=whole(dataset, "BitsAllocated", where),
        bits_stored=whole(dataset, "BitsStored", where),
        high_bit=whole(dataset, "HighBit", where),
        signed=bool(whole(dataset, "PixelRepresentation", where)),
    )


def stored_values(opener: Opener, header: Header, form: PixelFormat) -> Stored:
    """The stored values of a slice, (rows, columns), as pydicom's pixel_array gives them.

    Call inside `lenient_pydicom`.

    Raises:
        Refused: the pixels are truncated, damaged, or need a codec that is not installed.
    """
    where = base_name(header.file)
    if header.pixel_bytes is not None:
        needed = form.rows * form.columns * form.bits_allocated // 8
        if header.pixel_bytes < needed:
            raise Refused(
                f"PixelData (7FE0,0010) is truncated: {header.pixel_bytes} bytes, and {form.rows} x {form.columns} "
                f"pixels of {form.bits_allocated} bits need {needed}",
                where=where,
                cure="export or copy the file again",
            )
    plain = header.transfer_syntax in _PLAIN_SYNTAXES and header.little_endian and form.fills_16_bits
    if plain and header.pixel_offset is not None:
        return _straight(opener, header, form)
    return _through_pydicom(opener, header, form)


def _straight(opener: Opener, header: Header, form: PixelFormat) -> Stored:
    kind = np.dtype("<i2" if form.signed else "<u2")
    with opener.open(header.file) as stream:
        stream.seek(header.pixel_offset or 0)
        raw = stream.read(form.rows * form.columns * 2)
    if len(raw) < form.rows * form.columns * 2:
        raise Refused(
            "the file is truncated: it ends inside PixelData (7FE0,0010)",
            where=base_name(header.file),
            cure="export or copy the file again",
        )
    return np.frombuffer(raw, kind).reshape(form.rows, form.columns)


def _through_pydicom(opener: Opener, header: Header, form: PixelFormat) -> Stored:
    where = base_name(header.file)
    _codec(header.transfer_syntax, where)
    try:
        with opener.open(header.file) as stream:
            dataset = dcmread(stream, force=True)
        if "PixelData" not in dataset:
            raise Refused(
                "PixelData (7FE0,0010) is missing or truncated", where=where, cure="export or copy the file again"
            )
        if not dataset.file_meta.get("TransferSyntaxUID"):
            implicit = dataset.original_encoding[0]
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        stored: Stored = dataset.pixel_array
    except (*JUNK_ERRORS, RuntimeError, struct.error) as error:
        raise Refused(
            f"PixelData (7FE0,0010) cannot be decoded ({UID(header.transfer_syntax).name or 'no TransferSyntaxUID'})",
            where=where,
            cure="export or copy the file again",
        ) from error
    if stored.shape != (form.rows, form.columns):
        raise Refused(
            f"PixelData (7FE0,0010) decodes to {stored.shape}, and Rows x Columns is {form.rows} x {form.columns}",
            where=where,
            cure="export the series again",
        )
    return stored


def _codec(syntax: str, where: str) -> None:
    uid = UID(syntax)
    if not uid or (uid.is_transfer_syntax and not uid.is_encapsulated):
        return
    try:
        available = get_decoder(uid).is_available
    except NotImplementedError:
        available = False
    if not available:
        cure = (
            'pip install "psmap[codecs]"'
            if syntax in _CODECS
            else "write the files uncompressed first, for example with dcmconv or dcmdjpeg of DCMTK"
        )
        raise Refused(
            f"TransferSyntaxUID (0002,0010) is {syntax} ({uid.name}), and no codec for it is installed",
            where=where,
            cure=cure,
        )
