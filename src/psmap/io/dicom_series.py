"""What a study holds: its files grouped into series, each header read once, everything else counted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from psmap.domain.refusal import Refused
from psmap.domain.study import SourceFile
from psmap.io.dicom_fast import HeaderReader
from psmap.io.dicom_files import Opener, list_files
from psmap.io.dicom_headers import (
    CT_IMAGE_STORAGE,
    HEAD_BYTES,
    PET_IMAGE_STORAGE,
    Foreign,
    Header,
    cut_short,
    lost,
    may_be_dicom,
    read_header_by_pydicom,
)
from psmap.io.dicom_values import lenient_pydicom, tag_of, text, values

_CORRECTED_IMAGE = tag_of("CorrectedImage")
_FRAME_OF_REFERENCE = tag_of("FrameOfReferenceUID")
_IMAGE_TYPE = tag_of("ImageType")
_SERIES_TYPE = tag_of("SeriesType")
_STUDY = tag_of("StudyInstanceUID")
_SERIES_NUMBER = tag_of("SeriesNumber")
_UNITS = tag_of("Units")
_NO_STATIC_IMAGE = ("DYNAMIC", "GATED", "REPROJECTION")


@dataclass(frozen=True, slots=True, eq=False)
class SeriesEntry:
    """One series of a study, as far as its headers tell; PET and CT carry the headers of all their slices.

    Args:
        series_instance_uid, study_instance_uid, frame_of_reference_uid, modality, sop_class_uid, description: as
            stored in the first undamaged file; empty where absent.
        number: SeriesNumber as stored.
        image_type, corrected_image: the values of the first file.
        series_types: every different SeriesType (0054,1000) among the undamaged slices.
        units: Units (0054,1001) of the first file.
        attenuation_corrected: CorrectedImage (0028,0051) of every undamaged slice contains ATTN.
        headers: one a file, sorted by file name.
    """

    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str
    modality: str
    sop_class_uid: str
    description: str
    number: str
    image_type: tuple[str, ...]
    series_types: frozenset[tuple[str, ...]]
    corrected_image: tuple[str, ...]
    units: str
    attenuation_corrected: bool
    headers: tuple[Header, ...]

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """The files, sorted by name."""
        return tuple(header.file for header in self.headers)

    @property
    def is_pet(self) -> bool:
        """A PET of the classic kind: one file a slice."""
        return self.sop_class_uid == PET_IMAGE_STORAGE and self.modality == "PT"

    @property
    def is_ct(self) -> bool:
        """A CT of the classic kind that is no localizer."""
        return self.sop_class_uid == CT_IMAGE_STORAGE and not self.is_localizer

    @property
    def is_localizer(self) -> bool:
        """A projection for planning the scan."""
        return "LOCALIZER" in self.image_type

    @property
    def no_static_image(self) -> str:
        """The word of SeriesType (0054,1000) by which a slice is none of a static image; '' where there is none.

        DYNAMIC and GATED are several images of the same place, REPROJECTION is a view of the whole.
        """
        found = {kind for kinds in self.series_types for kind in kinds if kind in _NO_STATIC_IMAGE}
        return min(found, default="")


@dataclass(frozen=True, slots=True, eq=False)
class StudyIndex:
    """Everything that was found in a study.

    Args:
        name: base name of the folder or zip.
        series: all series, sorted by UID.
        damaged: files that begin as DICOM and end before they name their series.
        foreign: how many files are no DICOM.
        directories: how many are DICOMDIR.
    """

    name: str
    series: tuple[SeriesEntry, ...]
    damaged: tuple[Header, ...]
    foreign: int
    directories: int


def scan_study(path: Path) -> StudyIndex:
    """Read every header of a study once and group the files into series.

    Args:
        path: a folder of DICOM files in any nesting, order and naming, or a zip of one.

    Raises:
        Refused: the path is no folder or zip, or a file cannot be opened.
    """
    headers: list[Header] = []
    strangers = {Foreign.NOT_DICOM: 0, Foreign.DIRECTORY: 0}
    reader = HeaderReader()
    with Opener() as opener, lenient_pydicom():
        for file in list_files(path):
            found = _header(reader, opener, file)
            if isinstance(found, Foreign):
                strangers[found] += 1
            else:
                headers.append(found)
        groups: dict[tuple[str, str, bool], list[Header]] = defaultdict(list)
        for header in headers:
            if header.series_instance_uid:
                localizer = "LOCALIZER" in _upper(header.dataset, _IMAGE_TYPE)
                groups[header.series_instance_uid, header.sop_class_uid, localizer].append(header)
        series = tuple(_entry(groups[key]) for key in sorted(groups))
    if not headers:
        raise Refused(
            f"no DICOM file among {sum(strangers.values())} files",
            where=path.name,
            cure="give the folder or zip that holds the PET (NIfTI goes through --pet)",
        )
    return StudyIndex(
        name=path.name,
        series=series,
        damaged=tuple(header for header in headers if not header.series_instance_uid),
        foreign=strangers[Foreign.NOT_DICOM],
        directories=strangers[Foreign.DIRECTORY],
    )


def _header(reader: HeaderReader, opener: Opener, file: SourceFile) -> Header | Foreign:
    if file.member is None:
        plain = reader.file(opener, file)
        if plain is not None:
            return plain
    head = opener.head(file, HEAD_BYTES)
    if cut_short(file, head):
        return lost(file, f"the file is truncated: it holds {len(head)} bytes")
    if not may_be_dicom(head):
        return Foreign.NOT_DICOM
    with opener.open(file) as stream:
        return read_header_by_pydicom(file, head, stream)


def _entry(headers: list[Header]) -> SeriesEntry:
    sound = [header for header in headers if not header.damage] or headers
    first = sound[0].dataset
    return SeriesEntry(
        series_instance_uid=sound[0].series_instance_uid,
        study_instance_uid=text(first, _STUDY) or "",
        frame_of_reference_uid=text(first, _FRAME_OF_REFERENCE) or "",
        modality=sound[0].modality,
        sop_class_uid=sound[0].sop_class_uid,
        description=sound[0].description,
        number=text(first, _SERIES_NUMBER) or "",
        image_type=_upper(first, _IMAGE_TYPE),
        series_types=frozenset(_upper(header.dataset, _SERIES_TYPE) for header in sound),
        corrected_image=_upper(first, _CORRECTED_IMAGE),
        units=(text(first, _UNITS) or "").upper(),
        attenuation_corrected=all("ATTN" in _upper(header.dataset, _CORRECTED_IMAGE) for header in sound),
        headers=tuple(headers),
    )


def _upper(dataset: Dataset, tag: BaseTag) -> tuple[str, ...]:
    return _raised(values(dataset, tag))


@lru_cache(maxsize=64)  # slices of a series repeat them
def _raised(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.upper() for word in words)
