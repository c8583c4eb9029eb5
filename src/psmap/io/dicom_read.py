"""The DICOM door: from a folder or zip to the chosen PET, and the CT of the same frame of reference, as images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.tag import BaseTag

from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import CtImage
from psmap.domain.refusal import Refused
from psmap.domain.study import PetSeries, SeriesSource, SourceFile, Study
from psmap.io.dicom_choice import choose_series
from psmap.io.dicom_files import Opener, base_name, content_hashes, read_bytes
from psmap.io.dicom_geometry import SlicePlanes, stack
from psmap.io.dicom_headers import JUNK_ERRORS, Header
from psmap.io.dicom_pet import read_acquisition
from psmap.io.dicom_pixels import PixelFormat, Slice, Stored, pixel_format, read_slices
from psmap.io.dicom_series import SeriesEntry, scan_study
from psmap.io.dicom_unity import no_slice_lost, of_one_patient, one_static_image
from psmap.io.dicom_values import lenient_pydicom, named, number, numbers, tag_of, text

_FRAME_OF_REFERENCE = tag_of("FrameOfReferenceUID")
_SOP_INSTANCE = tag_of("SOPInstanceUID")
_POSITION = tag_of("ImagePositionPatient")
_ORIENTATION = tag_of("ImageOrientationPatient")
_SPACING = tag_of("PixelSpacing")
_TILT = tag_of("GantryDetectorTilt")
_SLOPE = tag_of("RescaleSlope")
_INTERCEPT = tag_of("RescaleIntercept")
_RESCALE_TYPE = tag_of("RescaleType")
__all__ = ["content_hashes", "read_bytes", "read_ct", "read_headers", "read_pet", "read_study"]

_INT16 = np.iinfo(np.int16)
_EXACT = float(2**20)
"""Whole slopes and intercepts under this keep 16-bit values times slope plus intercept exact in float64."""


def read_study(path: Path, pet_series: str | None = None, ct_series: str | None = None) -> Study:
    """Read a study: choose the PET and its CT, and read both.

    Args:
        path: a folder of DICOM files, or a zip of one.
        pet_series, ct_series: SeriesInstanceUID, its end, or SeriesNumber; `ct_series` may be 'none'.

    Raises:
        Refused: nothing usable, or something that could give a number that is silently wrong.
    """
    choice = choose_series(scan_study(path), pet_series, ct_series)
    pet = read_pet(choice.pet)
    if choice.ct is None:
        return Study(pet, choices=choice.choices)
    ct, source = read_ct(choice.ct)
    return Study(pet, ct, source, (*choice.choices, *(f"CT: {note}" for note in ct.notes)))


def read_pet(entry: SeriesEntry) -> PetSeries:
    """Read a PET series: stored values times RescaleSlope plus RescaleIntercept of their slice, in header units.

    Float64 arithmetic, kept as float32. The intercept is applied as it stands; the SUV rules judge it.

    Raises:
        Refused: the series is dynamic, gated or a reprojection, of two patients, no whole regular stack, truncated,
            or its header cannot be parsed.
    """
    one_static_image(entry)
    with lenient_pydicom():
        _undamaged(entry)
        of_one_patient(entry)
        grid, slices = _stacked(entry)
        no_slice_lost(entry)
        headers = [header for header, _ in slices]
        acquisition = read_acquisition(
            [header.dataset for header in headers], [base_name(header.file) for header in headers]
        )
        rescaled = np.empty(grid.shape, np.float32)
        slopes = np.array([facts.rescale_slope for facts in acquisition.slices])
        intercepts = np.array([facts.rescale_intercept for facts in acquisition.slices])
        read_slices(slices, lambda k, stored: _rescale(stored, slopes[k:], intercepts[k:], rescaled[k:]))
    return PetSeries(grid, rescaled, acquisition, _source(entry, headers))


def read_ct(entry: SeriesEntry) -> tuple[CtImage, SeriesSource]:
    """Read a CT series as Hounsfield units in int16: exact where slope and intercept are whole numbers.

    Fractional values are rounded to the nearest HU, and values beyond int16 (padding outside the field of view) set
    to its ends; the image's notes say so.

    Raises:
        Refused: the series is of two patients, no regular stack, truncated, or its header cannot be parsed.
    """
    with lenient_pydicom():
        _undamaged(entry)
        of_one_patient(entry)
        grid, slices = _stacked(entry)
        hu = np.empty(grid.shape, np.int16)
        facts: dict[int, _CtSlice] = {}

        def place(first: int, several: Stored) -> None:
            for k, stored in enumerate(several, start=first):
                facts[k] = _hounsfield(slices[k][0], stored, hu[k])

        read_slices(slices, place)
    clipped = sum(found.clipped for found in facts.values())
    fractional = sum(found.fractional for found in facts.values())
    types = {found.rescale_type for found in facts.values()}
    notes = []
    if fractional:
        notes.append(
            f"rounded to whole HU on {fractional} of {len(slices)} slices "
            "(RescaleSlope (0028,1053) or RescaleIntercept (0028,1052) is no whole number)"
        )
    if clipped:
        notes.append(f"{clipped} voxels beyond {_INT16.min}..{_INT16.max} HU (padding) set to that range's ends")
    if types != {"HU"}:
        notes.append(f"{named(_RESCALE_TYPE)} is {', '.join(sorted(types))}, read as HU")
    return CtImage(grid, hu, tuple(notes)), _source(entry, [header for header, _ in slices])


def read_headers(files: Sequence[SourceFile]) -> list[Dataset]:
    """The whole headers of files that were read before, in the order given, without pixels: for objects made of them.

    Raises:
        Refused: a file can no longer be read.
    """
    headers: list[Dataset] = []
    with Opener() as opener, lenient_pydicom():
        for file in files:
            with opener.open(file) as stream:
                try:
                    headers.append(dcmread(stream, stop_before_pixels=True, force=True))
                except JUNK_ERRORS as error:
                    raise Refused(
                        f"the header cannot be read again ({type(error).__name__})",
                        where=base_name(file),
                        cure="export or copy the file again",
                    ) from error
    return headers


def _rescale(stored: Stored, slopes: FloatArray, intercepts: FloatArray, out: npt.NDArray[np.float32]) -> None:
    """Stored values times slope plus intercept into the first slices of `out`: float64 arithmetic, then rounded."""
    count = len(stored)
    values, target = stored.reshape(count, -1), out[:count].reshape(count, -1)  # long rows: numpy loops along them
    slope, intercept = slopes[:count, None], intercepts[:count, None]
    with np.errstate(over="ignore", invalid="ignore"):  # infinities are refused when the SUV is made
        if np.any(intercept):
            np.add(values * slope, intercept, out=target, casting="same_kind")
        else:  # slopes are positive, so no product is -0, which adding 0 would change
            np.multiply(values, slope, out=target, dtype=np.float64, casting="same_kind")


@dataclass(frozen=True, slots=True)
class _CtSlice:
    """What was done to one CT slice: voxels set to an end of int16, whether values may be rounded, RescaleType."""

    clipped: int
    fractional: bool
    rescale_type: str


def _hounsfield(header: Header, stored: Stored, out: npt.NDArray[np.int16]) -> _CtSlice:
    """HU of one slice, into `out`."""
    slope, intercept = (_needed(header, tag) for tag in (_SLOPE, _INTERCEPT))
    exact = slope.is_integer() and intercept.is_integer() and max(abs(slope), abs(intercept)) < _EXACT
    rescale_type = (text(header.dataset, _RESCALE_TYPE, base_name(header.file)) or "HU").upper()
    if exact and slope == 1.0:
        low, high = int(stored.min()) + int(intercept), int(stored.max()) + int(intercept)
        if _INT16.min <= low and high <= _INT16.max:
            # Sums modulo 2**16 are the sums themselves, since all of them lie within int16.
            wrapped = np.array(int(intercept), np.int64).astype(np.int16)
            words = stored.view("<i2") if stored.dtype == np.dtype("<u2") else stored.astype(np.int16, copy=False)
            np.add(words, wrapped, out=out)
            return _CtSlice(0, False, rescale_type)
    rounded = np.rint(stored.astype(np.float64) * slope + intercept)
    beyond = int(np.count_nonzero((rounded < _INT16.min) | (rounded > _INT16.max)))
    out[...] = np.clip(rounded, _INT16.min, _INT16.max).astype(np.int16)
    return _CtSlice(beyond, not exact, rescale_type)


def _needed(header: Header, tag: BaseTag) -> float:
    value = number(header.dataset, tag, base_name(header.file))
    if value is None:
        raise Refused(
            f"{named(tag)} is missing", where=base_name(header.file), cure="export the CT again, or --ct-series none"
        )
    return value


def _undamaged(entry: SeriesEntry) -> None:
    for header in entry.headers:
        if header.damage:
            raise Refused(header.damage, where=base_name(header.file), cure="export or copy the file again")


def _stacked(entry: SeriesEntry) -> tuple[Grid, list[Slice]]:
    """The grid of a series and its slices in order."""
    seen: dict[str, str] = {}
    frames: dict[str, str] = {}
    for header in entry.headers:
        name = base_name(header.file)
        instance = text(header.dataset, _SOP_INSTANCE, name) or ""
        if instance and instance in seen:
            raise Refused(
                f"duplicated slices: {seen[instance]} and {name} are the same object, SOPInstanceUID (0008,0018) "
                f"{instance}",
                where=name,
                cure="remove the copy",
            )
        seen[instance] = name
        frames.setdefault(text(header.dataset, _FRAME_OF_REFERENCE, name) or "absent", name)
    if len(frames) > 1:
        (one, first), (other, second) = list(frames.items())[:2]
        raise Refused(
            f"mixed frames of reference: {named(_FRAME_OF_REFERENCE)} is {one} in {first} and {other} in {second}",
            where=second,
            cure="export each scan as a series of its own",
        )
    slices = [(header, pixel_format(header)) for header in entry.headers]
    grid, order = stack(_planes(entry, [form for _, form in slices]))
    return grid, [slices[index] for index in order]


def _planes(entry: SeriesEntry, forms: list[PixelFormat]) -> SlicePlanes:
    names = tuple(base_name(header.file) for header in entry.headers)
    tilts = (number(header.dataset, _TILT, name) or 0.0 for header, name in zip(entry.headers, names, strict=True))
    return SlicePlanes(
        positions_mm=_rows(entry, _POSITION, 3),
        orientations=_rows(entry, _ORIENTATION, 6),
        spacings_mm=_rows(entry, _SPACING, 2),
        sizes=tuple((form.rows, form.columns) for form in forms),
        tilts_degrees=tuple(tilts),
        names=names,
    )


def _rows(entry: SeriesEntry, tag: BaseTag, count: int) -> FloatArray:
    rows = []
    for header in entry.headers:
        name = base_name(header.file)
        found = numbers(header.dataset, tag, name)
        if found is None or len(found) != count:
            state = "missing" if found is None else f"of {len(found)} values instead of {count}"
            raise Refused(f"{named(tag)} is {state}", where=name, cure="export the series again")
        rows.append(found)
    return np.array(rows, dtype=np.float64)


def _source(entry: SeriesEntry, headers: list[Header]) -> SeriesSource:
    return SeriesSource(
        series_instance_uid=entry.series_instance_uid,
        study_instance_uid=entry.study_instance_uid,
        frame_of_reference_uid=entry.frame_of_reference_uid,
        files=tuple(header.file for header in headers),
    )
