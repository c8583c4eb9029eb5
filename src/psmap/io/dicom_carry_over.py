"""What psmap's own DICOM objects take over from the PET they were made of, in a form that the standard allows.

Only a named list of attributes is taken: the patient, the study, the frame of reference, and where the slices lie.
Values that break the standard in the source (PS3.5 table 6.2-1) are not handed on: each is mended or left empty, with
a note that names the tag and never the value.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from psmap.domain.refusal import Refused
from psmap.io.atomic import whole_file
from psmap.io.dicom_bytes import CHARACTER_SET
from psmap.io.dicom_values import free_text, lenient_pydicom, named, numbers, parse_date, parse_time, tag_of, text

PRODUCT = "psmap"

_IDENTIFIERS = ("PatientName", "PatientID", "IssuerOfPatientID", "StudyID", "AccessionNumber")
_NAMES = ("ReferringPhysicianName",)
_TEXTS = (
    "StudyDescription",
    "DeidentificationMethod",
    "Manufacturer",
    "ManufacturerModelName",
    "PositionReferenceIndicator",
)
_DATES = ("PatientBirthDate", "StudyDate")
_TIMES = ("StudyTime",)
_CODES = {
    "PatientSex": r"[MFO]",
    "PatientAge": r"\d{3}[DWMY]",
    "PatientIdentityRemoved": r"YES|NO",
    "Modality": r"[A-Z0-9_ ]{1,16}",
}
_UIDS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
_PLACES = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2}
_DECIMALS = ("SliceThickness", "PatientSize", "PatientWeight")
_COUNTS = ("Rows", "Columns")
_MAY_BE_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "AccessionNumber",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "PositionReferenceIndicator",
)
"""Type 2: has to be there, may be empty (PS3.3 C.7.1.1, C.7.2.1, C.7.4.1)."""

_LONGEST = {"StudyID": 16, "AccessionNumber": 16}
"""Characters that an SH holds; an LO, and each group of a PN, holds 64 (PS3.5 table 6.2-1)."""
_METHOD_CODES = "DeidentificationMethodCodeSequence"


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """Clean headers of the source slices, in slice order, and what had to be mended in them.

    The first header says whose study it is; the others say which slice they are and where it lies.
    """

    headers: tuple[Dataset, ...]
    notes: tuple[str, ...]


def derived_uid(*parts: str) -> str:
    """A UID made of text: 2.25 and the first 128 bits of SHA-256 over the parts (PS3.5 B.2, FIPS 180-4).

    The same parts always give the same UID, so that a second run writes the same bytes.
    """
    if not parts:
        raise ValueError("a derived UID needs at least one part")
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def carry_over(headers: Sequence[Dataset]) -> CarriedOver:
    """Copy of the source headers that holds the listed attributes only, each as the standard wants it.

    Patient, study and equipment come from the first header, which is where highdicom takes them from. Identifiers
    that are too long for their value representation are left empty, since a cut identifier is another identifier;
    descriptions are cut. The study's UID keeps the link in any case.

    Raises:
        Refused: an attribute without which no derived object can be made is absent or malformed.
    """
    notes: dict[str, None] = {}
    with lenient_pydicom():
        copies = tuple(
            _copy(header, notes) if n == 0 else _dataset(_slice_facts(header)) for n, header in enumerate(headers)
        )
    return CarriedOver(copies, tuple(notes))


@contextmanager
def no_names_aloud() -> Iterator[None]:
    """Keep highdicom from printing the patient's name, which it does where a name has no caret."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"The string .* is unlikely to represent", category=UserWarning)
        yield


def stamp(dataset: Dataset, when: datetime) -> None:
    """Give every creation, content and series date of a new object the same time of day.

    highdicom asks the clock of the machine; this makes equal input give equal bytes.
    """
    for module in ("InstanceCreation", "Content", "Series"):
        setattr(dataset, f"{module}Date", when.strftime("%Y%m%d"))
        setattr(dataset, f"{module}Time", when.strftime("%H%M%S.%f"))
    for equipment in dataset.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in equipment:
            equipment.ContributionDateTime = when.strftime("%Y%m%d%H%M%S.%f")


def save(path: Path, dataset: Dataset, tail: Sequence[bytes] = ()) -> None:
    """Write a data set as a whole file.

    Args:
        path: the file.
        dataset: what pydicom writes; its transfer syntax is Explicit VR Little Endian where there is a tail.
        tail: elements in the order of their tags, made by `dicom_bytes`, that follow those of the data set.

    Raises:
        ValueError: an element of the tail does not come after what precedes it.
    """
    tags = [
        max(map(int, dataset.keys())),
        *(int.from_bytes(part[:2], "little") << 16 | int.from_bytes(part[2:4], "little") for part in tail),
    ]
    if tags != sorted(set(tags)):
        raise ValueError("elements stand in the order of their tags")
    with whole_file(path) as part:
        dataset.save_as(part, enforce_file_format=True)
        with part.open("ab") as file:
            file.writelines(tail)


def _dataset(attributes: Iterable[tuple[str, object]]) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes:
        setattr(dataset, keyword, value)
    return dataset


def _copy(header: Dataset, notes: dict[str, None]) -> Dataset:
    copy = _dataset((*_clean(header, notes), *_slice_facts(header)))
    copy.SpecificCharacterSet = CHARACTER_SET
    if _METHOD_CODES in header:
        copy[_METHOD_CODES] = header[_METHOD_CODES]
    for keyword in _MAY_BE_EMPTY:
        if keyword not in copy:
            setattr(copy, keyword, None)
    return copy


def _clean(header: Dataset, notes: dict[str, None]) -> Iterator[tuple[str, object]]:
    """Patient, study and equipment: what is malformed is left out, with a note."""
    for keyword in (*_IDENTIFIERS, *_NAMES, *_TEXTS):
        value = _text(header, keyword)
        if value:
            yield keyword, _short(keyword, value, notes)
    for keywords, parse in ((_DATES, parse_date), (_TIMES, parse_time)):
        for keyword in keywords:
            stated = text(header, tag_of(keyword))
            try:
                if stated:
                    parse(stated, tag_of(keyword))
            except Refused:
                notes[f"{named(tag_of(keyword))} is malformed in the PET and left empty"] = None
            else:
                yield keyword, stated and stated.replace("." if keyword in _DATES else ":", "")
    for keyword, pattern in _CODES.items():
        code = text(header, tag_of(keyword)) or ""
        if re.fullmatch(pattern, code):
            yield keyword, code
        elif code:
            notes[f"{named(tag_of(keyword))} has no defined value in the PET and is left out"] = None
    for keyword in _DECIMALS:
        try:
            found = numbers(header, tag_of(keyword))
        except Refused:
            notes[f"{named(tag_of(keyword))} is no number in the PET and is left out"] = None
        else:
            if found and found[0] > 0:
                yield keyword, _decimal(found[0])


def _slice_facts(header: Dataset) -> Iterator[tuple[str, object]]:
    """What a slice is and where it lies: without it no derived object can be made."""
    where = text(header, tag_of("SOPInstanceUID")) or ""
    for keyword in _UIDS:
        uid = text(header, tag_of(keyword))
        if not uid:
            raise _absent(keyword, where)
        if len(uid) > 64 or not re.fullmatch(r"[0-9]+(\.[0-9]+)*", uid):
            raise Refused(
                f"{named(tag_of(keyword))} is no UID: no DICOM object can be made of this PET",
                where=where,
                cure="export the PET again, or write it anew with valid UIDs",
            )
        yield keyword, uid
    for keyword, count in _PLACES.items():
        found = numbers(header, tag_of(keyword), where)
        if found is None or len(found) != count:
            raise _absent(keyword, where)
        yield keyword, [_decimal(number) for number in found]
    for keyword in _COUNTS:
        size = header.get(keyword)
        if not isinstance(size, int) or size < 1:
            raise _absent(keyword, where)
        yield keyword, size


def _text(header: Dataset, keyword: str) -> str:
    """A text; a backslash in it, which DICOM takes for a border between values, becomes a slash."""
    if keyword in header and header[keyword].VM > 1:
        return " / ".join(str(part).strip() for part in header[keyword].value)
    return free_text(header, tag_of(keyword))


def _short(keyword: str, value: str, notes: dict[str, None]) -> str | None:
    longest = _LONGEST.get(keyword, 64)
    parts = value.split("=") if keyword in ("PatientName", *_NAMES) else [value]
    if max(len(part) for part in parts) <= longest:
        return value
    tag = named(tag_of(keyword))
    if keyword in _TEXTS:
        notes[f"{tag} is longer than {longest} characters in the PET and cut"] = None
        return value[:longest].rstrip()
    notes[f"{tag} is longer than {longest} characters in the PET and left empty"] = None
    return None


def _decimal(number: float) -> DSfloat:
    """A decimal string of at most 16 characters, rounded where it must be (PS3.5 table 6.2-1)."""
    return DSfloat(number, auto_format=True)


def _absent(keyword: str, where: str) -> Refused:
    return Refused(
        f"{named(tag_of(keyword))} is absent or incomplete",
        where=where,
        cure="export the PET series again; a DICOM result has to say where its source lies",
    )
