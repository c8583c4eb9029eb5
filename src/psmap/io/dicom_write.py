"""Writes classic PET and CT image series that other programs accept: one file a slice, the same call the same bytes.

The phantoms of psmap and the tests of its reader leave through this door. Attributes follow DICOM PS3.3 A.3 (CT Image
IOD) and A.21 (PET Image IOD); every type 1 and type 2 attribute is there. A caller who needs another dialect (private
blocks, missing tags, other units) passes ``edit``, which sees each data set after it is complete and before it is
written.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from psmap.domain.acquisition import Code
from psmap.domain.geometry import Grid
from psmap.io.atomic import whole_file

Edit = Callable[[Dataset, int], None]
"""Changes the data set of slice k (counted from 0) before it is written."""

FULL_SCALE = 32767
"""Stored value of the hottest voxel of a slice; it fits signed and unsigned 16 bit."""

_WRITERS, _WAITING = 4, 32
"""Files that are flushed to the disk at once, which takes it hardly longer than one, and slices that may wait."""

PSMA_11 = Code("C118961", "NCIt", "PSMA-11 Ga^68^")
"""68Ga-PSMA-11 (gozetotide), PS3.16 CID 4021."""

GALLIUM_68 = Code("35337001", "SCT", "^68^Gallium")
"""68Ga, PS3.16 CID 4020."""

_RECUMBENT = Code("102538003", "SCT", "recumbent")
_SUPINE = Code("40199007", "SCT", "supine")
_HEADFIRST = Code("102540008", "SCT", "headfirst")


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What the PET and the CT of one study share.

    Args:
        uid_seed: every UID is a hash of this text (2.25 form, PS3.5 B.2), so that equal seeds give equal UIDs.
        study_at: StudyDate and StudyTime. An aware time writes TimezoneOffsetFromUTC, a naive one does not.
        patient_name, patient_id, patient_sex: as in DICOM; sex is 'M', 'F', 'O' or empty.
        weight_kg, height_m: PatientWeight and PatientSize; None leaves the tag out.
        description: StudyDescription.
        manufacturer, model: Manufacturer and ManufacturerModelName.
        quality_control_image: QualityControlImage (0028,0300): the object is a phantom.
    """

    uid_seed: str
    study_at: datetime
    patient_name: str = "PHANTOM^IEC"
    patient_id: str = "PSMAP-IEC"
    patient_sex: str = "M"
    weight_kg: float | None = 70.0
    height_m: float | None = 1.75
    description: str = "PSMA PET/CT"
    manufacturer: str = "psmap"
    model: str = "digital phantom"
    quality_control_image: bool = True


@dataclass(frozen=True, slots=True)
class PetFacts:
    """What the PET series says of tracer, times and units.

    Args:
        series_at: SeriesDate and SeriesTime; with DecayCorrection START the time the values refer to.
        injected_at: RadiopharmaceuticalStartDateTime and RadiopharmaceuticalStartTime.
        injected_bq: RadionuclideTotalDose (Bq).
        half_life_s: RadionuclideHalfLife (s); 4057.74 s is what scanners write for 68Ga.
        frame_duration_s: ActualFrameDuration of every slice (s).
        acquired_at: start of acquisition of every slice; None stands for ``series_at`` in all of them.
        frame_reference_s: FrameReferenceTime of every slice (s); None computes it, see `frame_reference_time_s`.
        tracer_name, tracer_code: Radiopharmaceutical and RadiopharmaceuticalCodeSequence; None leaves the code out.
        nuclide_code: RadionuclideCodeSequence.
        units, decay_correction, corrected_image, image_type: DICOM words, written as they are.
        description, series_number: SeriesDescription and SeriesNumber.
    """

    series_at: datetime
    injected_at: datetime
    injected_bq: float = 150e6
    half_life_s: float = 4057.74
    frame_duration_s: float = 180.0
    acquired_at: tuple[datetime, ...] | None = None
    frame_reference_s: tuple[float, ...] | None = None
    tracer_name: str = "68Ga-PSMA-11"
    tracer_code: Code | None = PSMA_11
    nuclide_code: Code | None = GALLIUM_68
    units: str = "BQML"
    decay_correction: str = "START"
    corrected_image: tuple[str, ...] = ("NORM", "DTIM", "RAN", "ATTN", "SCAT", "DECY")
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY")
    description: str = "PET AC"
    series_number: int = 2


@dataclass(frozen=True, slots=True)
class CtFacts:
    """What the CT series says beside its voxels: its time, KVP (kV), description and number."""

    series_at: datetime
    kvp: float = 120.0
    description: str = "CT AC"
    series_number: int = 1


def deterministic_uid(seed: str) -> str:
    """A UID of the 2.25 form (PS3.5 B.2) from a name-based UUID of the seed: equal seeds, equal UIDs."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'psmap/' + seed).int}"


def study_instance_uid(study: StudyFacts) -> str:
    """StudyInstanceUID of every series written with these facts."""
    return deterministic_uid(f"{study.uid_seed}/study")


def frame_of_reference_uid(study: StudyFacts) -> str:
    """FrameOfReferenceUID that the PET and the CT of these facts share."""
    return deterministic_uid(f"{study.uid_seed}/frame of reference")


def average_count_time_s(half_life_s: float, duration_s: float) -> float:
    """Seconds from the start of a frame to the time at which the decaying activity equals its mean over the frame.

    T_ave = (1 / lambda) * ln(lambda T / (1 - exp(-lambda T))), lambda = ln 2 / half-life. Source: IBSI/OncoRay SUV
    manual (repository oncoray/suv_computation).
    """
    decay = math.log(2.0) / half_life_s * duration_s
    return duration_s / decay * math.log(decay / -math.expm1(-decay))


def frame_reference_time_s(facts: PetFacts, k: int) -> float:
    """FrameReferenceTime (0054,1300) of slice k in seconds after ``series_at`` (PS3.3 C.8.9.4.1.5).

    Unless it is given, it is the start of the slice's frame plus `average_count_time_s`: then the back-computed
    reference time of every slice is ``series_at``, as in a scanner without faults.
    """
    if facts.frame_reference_s is not None:
        return facts.frame_reference_s[k]
    start = (_acquired_at(facts, k) - facts.series_at).total_seconds()
    return start + average_count_time_s(facts.half_life_s, facts.frame_duration_s)


def write_pet_series(
    directory: Path,
    grid: Grid,
    values: npt.NDArray[np.floating],
    study: StudyFacts,
    facts: PetFacts,
    *,
    signed: bool = False,
    one_slope: bool = False,
    implicit_vr: bool = False,
    edit: Edit | None = None,
) -> tuple[Path, ...]:
    """Write a PET series (PET Image Storage) and return its files in slice order, PT0001.dcm and so on.

    Stored values are round(value / RescaleSlope), where the slope is the DS text in the file (at most 16 characters)
    of maximum / 32767, so a voxel is off by half a slope at most. RescaleIntercept is 0, as PS3.3 C.8.9.4 demands.
    An empty slice takes the slope of the hottest one: with a slope of 1, readers such as ITK would go by the first
    slice and hand out the whole series in whole numbers.

    Args:
        directory: made if missing.
        grid: any grid with perpendicular rows and columns, oblique or not.
        values: [k, j, i] in the units of ``facts.units`` (Bq/mL for BQML), decay-corrected as the facts say.
        study: patient, study and equipment.
        facts: tracer, times and units.
        signed: int16 instead of uint16 pixels; needed for negative values.
        one_slope: the same slope in every slice instead of one a slice.
        implicit_vr: implicit instead of explicit VR little endian.
        edit: changes each data set before it is written.

    Raises:
        ValueError: values that do not fit the grid, are not finite, or are negative in unsigned pixels; a grid that
            ImageOrientationPatient cannot say; facts of too few slices.
    """
    _require_values(values, grid)
    if not signed and float(values.min()) < 0.0:
        raise ValueError("negative values need signed=True")
    for name in ("acquired_at", "frame_reference_s"):
        given = getattr(facts, name)
        if given is not None and len(given) != grid.shape[0]:
            raise ValueError(f"{name} has {len(given)} entries for {grid.shape[0]} slices")
    series_uid = deterministic_uid(f"{study.uid_seed}/PET/{facts.series_number}/{facts.description}")
    top = np.abs(values).max(axis=(1, 2))
    top[(top == 0.0) | one_slope] = top.max()
    kind = np.int16 if signed else np.uint16

    def slice_of(k: int) -> Dataset:
        slope = _ds(float(top[k]) / FULL_SCALE) if top[k] > 0 else "1"
        stored = np.rint(values[k].astype(np.float64) / float(slope))
        data = _slice_dataset(study, grid, k, series_uid, facts.series_at, facts.series_number, facts.description)
        data.Modality = "PT"
        data.SOPClassUID = PositronEmissionTomographyImageStorage
        _pet_attributes(data, study, facts, grid, k)
        data.RescaleSlope, data.RescaleIntercept = slope, "0"
        _pixels(data, stored.clip(-FULL_SCALE if signed else 0, FULL_SCALE).astype(kind))
        return data

    slices = (_encoded(slice_of(k), k, implicit_vr, edit) for k in range(grid.shape[0]))
    return _store(directory, "PT", slices)


def write_ct_series(
    directory: Path,
    grid: Grid,
    hu: npt.NDArray[np.int16],
    study: StudyFacts,
    facts: CtFacts,
    *,
    intercept_hu: int = 0,
    signed: bool = True,
    implicit_vr: bool = False,
    edit: Edit | None = None,
) -> tuple[Path, ...]:
    """Write a CT series (CT Image Storage) and return its files in slice order, CT0001.dcm and so on.

    Args:
        directory, grid, study, implicit_vr, edit: as for `write_pet_series`.
        hu: Hounsfield units, int16, [k, j, i].
        facts: time, tube voltage, description.
        intercept_hu: RescaleIntercept (HU); the pixels hold hu - intercept, the slope is 1.
        signed: int16 pixels; False for uint16, which hold nothing below the intercept.

    Raises:
        ValueError: values that do not fit the grid or, less the intercept, the pixels.
    """
    _require_values(hu, grid)
    stored = hu.astype(np.int32) - intercept_hu
    if stored.min() < (-32768 if signed else 0) or stored.max() > 32767:
        raise ValueError(f"Hounsfield units less an intercept of {intercept_hu} do not fit 16 bit")
    series_uid = deterministic_uid(f"{study.uid_seed}/CT/{facts.series_number}/{facts.description}")

    def slice_of(k: int) -> Dataset:
        data = _slice_dataset(study, grid, k, series_uid, facts.series_at, facts.series_number, facts.description)
        data.Modality = "CT"
        data.SOPClassUID = CTImageStorage
        data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.PatientPosition = "HFS"
        data.KVP = _ds(facts.kvp)
        data.AcquisitionNumber = 1
        _date_time(data, "Acquisition", facts.series_at)
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = "1", str(intercept_hu), "HU"
        _pixels(data, stored[k].astype(np.int16 if signed else np.uint16))
        return data

    slices = (_encoded(slice_of(k), k, implicit_vr, edit) for k in range(grid.shape[0]))
    return _store(directory, "CT", slices)


def _require_values(values: npt.NDArray[np.generic], grid: Grid) -> None:
    if values.shape != grid.shape:
        raise ValueError(f"values of shape {values.shape} do not fit a grid of shape {grid.shape}")
    if not np.all(np.isfinite(values)):
        raise ValueError("values must be finite")
    _, row, column = np.array(grid.axes_mm)
    if abs(row @ column) > 1e-6 * np.linalg.norm(row) * np.linalg.norm(column):
        raise ValueError("ImageOrientationPatient needs rows and columns at right angles")


def _slice_dataset(
    study: StudyFacts, grid: Grid, k: int, series_uid: str, series_at: datetime, series_number: int, description: str
) -> Dataset:
    """Patient, study, series, equipment, frame of reference, image plane and SOP common modules of slice k."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPInstanceUID = deterministic_uid(f"{series_uid}/{k}")
    data.PatientName, data.PatientID = study.patient_name, study.patient_id
    data.PatientBirthDate, data.PatientSex = "", study.patient_sex
    if study.weight_kg is not None:
        data.PatientWeight = _ds(study.weight_kg)
    if study.height_m is not None:
        data.PatientSize = _ds(study.height_m)
    data.StudyInstanceUID, data.StudyID = study_instance_uid(study), "1"
    _date_time(data, "Study", study.study_at)
    data.AccessionNumber, data.ReferringPhysicianName = "", ""
    data.StudyDescription = study.description
    data.SeriesInstanceUID, data.SeriesNumber, data.SeriesDescription = series_uid, series_number, description
    _date_time(data, "Series", series_at)
    _date_time(data, "Content", series_at)
    offset = series_at.strftime("%z")
    if offset:
        data.TimezoneOffsetFromUTC = offset[:5]
    data.BodyPartExamined = "WHOLEBODY"
    data.Manufacturer, data.ManufacturerModelName = study.manufacturer, study.model
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = frame_of_reference_uid(study), ""
    data.InstanceNumber = k + 1
    data.QualityControlImage = "YES" if study.quality_control_image else "NO"
    _plane(data, grid, k)
    return data


def _plane(data: Dataset, grid: Grid, k: int) -> None:
    """Image plane (PS3.3 C.7.6.2): PixelSpacing is (between rows, between columns), row cosines come first."""
    along_k, along_j, along_i = np.array(grid.axes_mm)
    _, between_rows, between_columns = grid.spacing_mm
    normal = np.cross(along_i, along_j) / (between_rows * between_columns)
    position = grid.to_mm([k, 0, 0])[0]
    data.PixelSpacing = [_ds(between_rows), _ds(between_columns)]
    data.ImageOrientationPatient = [_ds(c) for c in (*(along_i / between_columns), *(along_j / between_rows))]
    data.ImagePositionPatient = [_ds(c) for c in position]
    data.SliceThickness = _ds(abs(float(normal @ along_k)))
    data.SliceLocation = _ds(float(normal @ position))


def _pet_attributes(data: Dataset, study: StudyFacts, facts: PetFacts, grid: Grid, k: int) -> None:
    """PET series, isotope, orientation and image modules (PS3.3 C.8.9) of slice k."""
    reference_s = frame_reference_time_s(facts, k)
    data.ImageType = list(facts.image_type)
    data.Units, data.DecayCorrection = facts.units, facts.decay_correction
    data.CorrectedImage = list(facts.corrected_image)
    data.CountsSource, data.SeriesType = "EMISSION", ["WHOLE BODY", "IMAGE"]
    data.NumberOfSlices, data.ImageIndex = grid.shape[0], k + 1
    data.CollimatorType = "NONE"
    _date_time(data, "Acquisition", _acquired_at(facts, k))
    data.FrameReferenceTime = _ds(1000.0 * reference_s)
    data.ActualFrameDuration = round(1000.0 * facts.frame_duration_s)
    if facts.decay_correction != "NONE":
        # PS3.3 C.8.9.4: the factor by which this slice was decay-corrected, back to series_at or to the injection.
        back_s = reference_s
        if facts.decay_correction == "ADMIN":
            back_s += (facts.series_at - facts.injected_at).total_seconds()
        data.DecayFactor = _ds(2.0 ** (back_s / facts.half_life_s))
    if facts.units == "BQML":
        data.DoseCalibrationFactor = "1"
    tracer = Dataset()
    tracer.Radiopharmaceutical = facts.tracer_name
    tracer.RadiopharmaceuticalStartTime = _clock(facts.injected_at)
    tracer.RadiopharmaceuticalStartDateTime = facts.injected_at.strftime("%Y%m%d") + _clock(facts.injected_at)
    tracer.RadionuclideTotalDose = _ds(facts.injected_bq)
    tracer.RadionuclideHalfLife = _ds(facts.half_life_s)
    tracer.RadionuclideCodeSequence = [_coded(facts.nuclide_code)] if facts.nuclide_code else []
    if facts.tracer_code is not None:
        tracer.RadiopharmaceuticalCodeSequence = [_coded(facts.tracer_code)]
    data.RadiopharmaceuticalInformationSequence = [tracer]
    orientation = _coded(_RECUMBENT)
    orientation.PatientOrientationModifierCodeSequence = [_coded(_SUPINE)]
    data.PatientOrientationCodeSequence = [orientation]
    data.PatientGantryRelationshipCodeSequence = [_coded(_HEADFIRST)]


def _acquired_at(facts: PetFacts, k: int) -> datetime:
    return facts.series_at if facts.acquired_at is None else facts.acquired_at[k]


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item


def _pixels(data: Dataset, stored: npt.NDArray[np.int16] | npt.NDArray[np.uint16]) -> None:
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = stored.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = int(stored.dtype.kind == "i")
    data.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    data["PixelData"].VR = "OW"


def _encoded(data: Dataset, k: int, implicit_vr: bool, edit: Edit | None) -> bytes:
    """The bytes of a file of slice k, after its edit."""
    if edit is not None:
        edit(data, k)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit_vr else ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(deterministic_uid("implementation"))
    meta.ImplementationVersionName = "PSMAP"
    data.file_meta = meta
    stream = BytesIO()
    dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def _store(directory: Path, stem: str, slices: Iterable[bytes]) -> tuple[Path, ...]:
    """Write files in the order of slices, each whole or not at all, while the next ones are made."""
    waiting: list[Future[Path]] = []
    with ThreadPoolExecutor(_WRITERS) as writers:
        for k, content in enumerate(slices):
            waiting.append(writers.submit(_write, directory / f"{stem}{k + 1:04d}.dcm", content))
            if k >= _WAITING:
                waiting[k - _WAITING].result()
    return tuple(each.result() for each in waiting)


def _write(final: Path, content: bytes) -> Path:
    with whole_file(final) as part:
        part.write_bytes(content)
    return final


def _date_time(data: Dataset, stem: str, moment: datetime) -> None:
    setattr(data, f"{stem}Date", moment.strftime("%Y%m%d"))
    setattr(data, f"{stem}Time", _clock(moment))


def _clock(moment: datetime) -> str:
    """TM text, with a fraction only where there is one."""
    return moment.strftime("%H%M%S.%f" if moment.microsecond else "%H%M%S")


def _ds(number: float) -> str:
    """Decimal text of at most 16 characters (PS3.5 6.2, VR DS), without minus zero."""
    return format_number_as_ds(float(number) + 0.0)
