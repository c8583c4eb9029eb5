"""Small DICOM series made in memory and written as files: the door's tests open these."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from psmap.domain.refusal import Refused

PET_CLASS = "1.2.840.10008.5.1.4.1.1.128"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
FRAME_UID = "1.2.826.0.1.3680043.8.498.2"
PET_UID = "1.2.826.0.1.3680043.8.498.31"
CT_UID = "1.2.826.0.1.3680043.8.498.41"
ROWS, COLUMNS, SLICES = 6, 8, 6
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(sop_class: str, modality: str, series: str, instance: str) -> FileDataset:
    """The elements that every slice has."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY_UID, series
    dataset.FrameOfReferenceUID, dataset.Modality = FRAME_UID, modality
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = "P-7", "Doe^John", "19500102"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.ImageOrientationPatient = list(AXIAL)
    dataset.RescaleIntercept = 0
    return dataset


def pet(count: int = SLICES, series: str = PET_UID, seed: int = 1, **changes: object) -> list[FileDataset]:
    """A PET of `count` slices, 4 x 3.5 mm pixels, 3 mm gap, in BQML; every slice has its own RescaleSlope."""
    dice = np.random.default_rng(seed)
    slices = []
    for k in range(count):
        dataset = image(PET_CLASS, "PT", series, f"{series}.{k + 1}")
        dataset.SeriesDescription, dataset.SeriesNumber = "PET AC", 4
        dataset.CorrectedImage, dataset.SeriesType = ["DECY", "ATTN", "SCAT"], ["WHOLE BODY", "IMAGE"]
        dataset.Units, dataset.DecayCorrection = "BQML", "START"
        dataset.PatientWeight, dataset.PatientSize, dataset.PatientSex = "75.5", "1.80", "M"
        dataset.SeriesDate, dataset.SeriesTime = "20260131", "101500"
        dataset.AcquisitionDate, dataset.AcquisitionTime = "20260131", "101500.250000"
        dataset.FrameReferenceTime, dataset.ActualFrameDuration = "90000.0", 180000
        dataset.ImagePositionPatient, dataset.PixelSpacing = [-14.0, -10.0, 3.0 * k - 900.0], [4.0, 3.5]
        dataset.PixelRepresentation = 1
        dataset.RescaleSlope = f"{0.5 + 0.125 * k}"
        tracer = Dataset()
        tracer.Radiopharmaceutical = "68Ga-PSMA-11"
        tracer.RadiopharmaceuticalStartTime, tracer.RadiopharmaceuticalStartDateTime = "091000.00", "20260131091000"
        tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = "150000000", "4057.74"
        tracer.RadionuclideCodeSequence = DicomSequence([code("C-131A3", "SRT", "^68^Gallium")])
        dataset.RadiopharmaceuticalInformationSequence = DicomSequence([tracer])
        dataset.PixelData = dice.integers(-200, 32767, (ROWS, COLUMNS)).astype("<i2").tobytes()
        slices.append(changed(dataset, changes))
    return slices


def ct(count: int = SLICES, series: str = CT_UID, seed: int = 2, **changes: object) -> list[FileDataset]:
    """A CT on other slices than the PET's, 3.5 mm gap, stored unsigned with intercept -1024."""
    dice = np.random.default_rng(seed)
    slices = []
    for k in range(count):
        dataset = image(CT_CLASS, "CT", series, f"{series}.{k + 1}")
        dataset.SeriesDescription, dataset.SeriesNumber = "CT AC", 3
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImagePositionPatient, dataset.PixelSpacing = [-10.0, -10.0, 3.5 * k - 901.0], [1.5, 1.25]
        dataset.PixelRepresentation, dataset.RescaleSlope, dataset.RescaleIntercept = 0, 1, -1024
        dataset.PixelData = dice.integers(0, 4096, (ROWS, COLUMNS)).astype("<u2").tobytes()
        slices.append(changed(dataset, changes))
    return slices


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def changed(dataset: FileDataset, changes: dict[str, object]) -> FileDataset:
    """Set elements by keyword; None removes one. Keywords of the tracer's sequence are set there."""
    for keyword, value in changes.items():
        target: Dataset = dataset
        if keyword.startswith("Radio") and not keyword.endswith("InformationSequence"):
            target = dataset.RadiopharmaceuticalInformationSequence[0]
        if value is None:
            if keyword in target:
                delattr(target, keyword)
        else:
            setattr(target, keyword, value)
    return dataset


def write(
    folder: Path,
    slices: Sequence[FileDataset],
    names: Callable[[int], str] = "{:03d}.dcm".format,
    implicit: bool = False,
) -> Path:
    """Write slices as DICOM files into a folder (made if absent), shuffled against their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, index in enumerate(np.random.default_rng(5).permutation(len(slices))):
        dataset = slices[int(index)]
        if implicit:
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        path = folder / names(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
    return folder


def other_object(folder: Path, modality: str, sop_class: str) -> Path:
    """A DICOM object without pixels: RTSTRUCT, SR, a presentation state."""
    dataset = image(sop_class, modality, generate_uid(), generate_uid())
    del dataset.Rows, dataset.Columns
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{modality}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def zipped(folder: Path, archive: Path) -> Path:
    """A zip of everything in a folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.write(path, path.relative_to(folder))
    return archive


def refusal(action: Callable[[], object]) -> str:
    """The one line with which an action is refused; no name, number or birth date of the patient stands in it."""
    try:
        action()
    except Refused as refused:
        line = str(refused)
        assert "cure:" in line
        assert "\n" not in line
        assert not any(secret in line for secret in ("P-7", "Doe", "John", "19500102"))
        return line
    raise AssertionError("nothing was refused")
