"""The stored values of slices: straight from the files where they lie plain, through pydicom everywhere else.

Plain slices are read a batch at a time, in threads: reading and numpy's loops leave Python's lock free, and a batch is
small enough to stay in a processor's own cache until it is rescaled.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from psmap.domain.refusal import Refused
from psmap.io.dicom_files import Opener, base_name
from psmap.io.dicom_headers import JUNK_ERRORS, Header
from psmap.io.dicom_values import named, number, tag_of, text, unsigned

Stored = npt.NDArray[np.integer[npt.NBitBase]]
Place = Callable[[int, Stored], None]
"""Takes the number of a slice and the stored values, [k, j, i], of this one and those after it."""

BATCH_BYTES = 1024 * 1024
"""Slices are read together up to this size: two CT slices of 512 x 512, a dozen PET slices of 200 x 200."""
MOST_THREADS = 4

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


Slice = tuple[Header, PixelFormat]
Fault = tuple[int, Refused]
"""A refusal, and the number of the slice, or of the first slice of the batch, that it is about."""


def whole(header: Dataset, keyword: str, where: str) -> int:
    """A whole number that must be there (US, IS).

    Raises:
        Refused: it is missing or no whole number.
    """
    tag = tag_of(keyword)
    try:
        value = unsigned(header, tag)
    except JUNK_ERRORS as error:
        raise Refused(
            f"{named(tag)} holds bytes that are no number", where=where, cure="export the series again"
        ) from error
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
    rows, columns = whole(dataset, "Rows", where), whole(dataset, "Columns", where)
    if min(rows, columns) < 1:
        raise Refused(
            f"Rows (0028,0010) x Columns (0028,0011) is {rows} x {columns}", where=where, cure="export the series again"
        )
    return PixelFormat(
        rows=rows,
        columns=columns,
        bits_allocated=whole(dataset, "BitsAllocated", where),
        bits_stored=whole(dataset, "BitsStored", where),
        high_bit=whole(dataset, "HighBit", where),
        signed=bool(whole(dataset, "PixelRepresentation", where)),
    )


def read_slices(slices: Sequence[Slice], place: Place) -> None:
    """Read the stored values of slices of one size and hand each to `place`, once, in any order and from any thread.

    What is handed over is only valid during the call. Call inside `lenient_pydicom`.

    Raises:
        Refused: pixels are truncated, damaged, or need a codec that is not installed, or `place` refuses them; where
            several slices are at fault, the first one's refusal.
    """
    batches = _batches(slices)
    plain = [batch for batch in batches if _is_plain(*slices[batch[0]])]
    others = [batch for batch in batches if not _is_plain(*slices[batch[0]])]
    workers = min(MOST_THREADS, os.cpu_count() or 1, len(plain))
    with Opener() as opener, ThreadPoolExecutor(max(1, workers)) as pool:
        shares = [pool.submit(_straight, opener, slices, plain[start::workers], place) for start in range(workers)]
        faults = [_through_opener(opener, slices, others, place), *(share.result() for share in shares)]
    found = [fault for fault in faults if fault is not None]
    if found:
        raise min(found, key=lambda fault: fault[0])[1]


def _batches(slices: Sequence[Slice]) -> list[range]:
    """The numbers of all slices, those together that can be read together."""
    batches: list[range] = []
    for k, (header, form) in enumerate(slices):
        if batches:
            last = batches[-1]
            most = max(1, BATCH_BYTES // max(1, 2 * form.rows * form.columns))
            alike = form == slices[last.start][1] and _is_plain(header, form) and _is_plain(*slices[last.start])
            if alike and len(last) < most:
                batches[-1] = range(last.start, k + 1)
                continue
        batches.append(range(k, k + 1))
    return batches


def _is_plain(header: Header, form: PixelFormat) -> bool:
    """Whether the stored values are whole 16-bit words, and their place in a file is known."""
    return (
        form.fills_16_bits
        and header.pixel_offset is not None
        and header.little_endian
        and header.transfer_syntax in _PLAIN_SYNTAXES
        and header.file.member is None
    )


def _straight(opener: Opener, slices: Sequence[Slice], batches: Sequence[range], place: Place) -> Fault | None:
    """Read batches of plain slices, in order; ends at the first refusal."""
    buffer = np.empty(0, np.uint16)
    for batch in batches:
        form = slices[batch.start][1]
        size = form.rows * form.columns
        if buffer.size < len(batch) * size:
            buffer = np.empty(len(batch) * size, np.uint16)
        stored = buffer[: len(batch) * size].view("<i2" if form.signed else "<u2")
        stored = stored.reshape(len(batch), form.rows, form.columns)
        whole_slices, refusal = _fill(opener, slices, batch, stored)
        try:
            if whole_slices:
                place(batch.start, stored[:whole_slices])
        except Refused as refused:
            return batch.start, refused
        if refusal is not None:
            return batch.start, refusal
    return None


def _fill(opener: Opener, slices: Sequence[Slice], batch: range, stored: Stored) -> tuple[int, Refused | None]:
    """Read the slices of one batch: how many are whole, and why the next one is not."""
    for done, k in enumerate(batch):
        header, form = slices[k]
        row = memoryview(stored[done].reshape(-1)).cast("B")
        try:
            _enough(header, form)
            if opener.read_into(header.file, header.pixel_offset or 0, row) < len(row):
                raise _ends_early(header)
        except Refused as refused:
            return done, refused
    return len(batch), None


def _through_opener(opener: Opener, slices: Sequence[Slice], batches: Sequence[range], place: Place) -> Fault | None:
    """Read slices that are not plain, or zip members, one after the other; ends at the first refusal."""
    for batch in batches:
        try:
            place(batch.start, _one(opener, *slices[batch.start]))
        except Refused as refused:
            return batch.start, refused
    return None


def _enough(header: Header, form: PixelFormat) -> None:
    """Raise `Refused` where PixelData is shorter than the image."""
    if header.pixel_bytes is None:
        return
    needed = form.rows * form.columns * form.bits_allocated // 8
    if header.pixel_bytes < needed:
        raise Refused(
            f"PixelData (7FE0,0010) is truncated: {header.pixel_bytes} bytes, and {form.rows} x {form.columns} "
            f"pixels of {form.bits_allocated} bits need {needed}",
            where=base_name(header.file),
            cure="export or copy the file again",
        )


def _ends_early(header: Header) -> Refused:
    return Refused(
        "the file is truncated: it ends inside PixelData (7FE0,0010)",
        where=base_name(header.file),
        cure="export or copy the file again",
    )


def _one(opener: Opener, header: Header, form: PixelFormat) -> Stored:
    """The stored values of one slice, (1, rows, columns), as pydicom's pixel_array gives them."""
    _enough(header, form)
    plain = header.transfer_syntax in _PLAIN_SYNTAXES and header.little_endian and form.fills_16_bits
    if plain and header.pixel_offset is not None:
        return _member(opener, header, form)[None]
    return _through_pydicom(opener, header, form)[None]


def _member(opener: Opener, header: Header, form: PixelFormat) -> Stored:
    kind = np.dtype("<i2" if form.signed else "<u2")
    with opener.open(header.file) as stream:
        stream.seek(header.pixel_offset or 0)
        raw = stream.read(form.rows * form.columns * 2)
    if len(raw) < form.rows * form.columns * 2:
        raise _ends_early(header)
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
            f"PixelData (7FE0,0010) cannot be decoded ({_syntax_name(header)})",
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


def _syntax_name(header: Header) -> str:
    return UID(header.transfer_syntax, validation_mode=config.IGNORE).name or "no TransferSyntaxUID"


def _codec(syntax: str, where: str) -> None:
    uid = UID(syntax, validation_mode=config.IGNORE)
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
