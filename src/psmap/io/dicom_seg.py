"""Findings as a DICOM Segmentation: one binary segment a finding, on the slices of the PET that it was found in.

A site is raised uptake without a verdict, so its segment is coded as a region of interest (C85402, NCIt, CID 272) of
the category spatial and relational concept (309825002, SCT, CID 7150): codes that say where something is, and neither
that it is a lesion nor what it is made of. The verdict stands in the structured report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from psmap.domain.geometry import Grid
from psmap.domain.refusal import Refused
from psmap.domain.uptake import Finding
from psmap.io.dicom_bytes import (
    CHARACTER_SET,
    bytes_element,
    bytes_of,
    element,
    elements_of,
    sequence,
    with_elements,
)
from psmap.io.dicom_carry_over import PRODUCT, CarriedOver, derived_uid, no_names_aloud, save, stamp
from psmap.io.dicom_headers import JUNK_ERRORS
from psmap.io.label_map import painted

SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
SERIES_NUMBER = 9001
"""High, so that it stands behind the scanner's own series in a list."""

_OFF_MM = 0.1
_OFF_GAP = 0.05  # of the gap between slices: the two limits of the ingest


@dataclass(frozen=True, slots=True)
class WrittenSegmentation:
    """Where the segments of the findings are, for the report that refers to them.

    Args:
        study_instance_uid, series_instance_uid, sop_instance_uid: the object's UIDs.
        segments: finding number -> segment number.
        tracking_uids: finding number -> TrackingUID.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    segments: dict[int, int]
    tracking_uids: dict[int, str]


def tracking_uid(seed: str, finding_id: int) -> str:
    """The TrackingUID of a finding: the same in the segmentation and in the report."""
    return derived_uid(seed, "site", str(finding_id))


def write_segmentation(
    path: Path,
    findings: Sequence[Finding],
    grid: Grid,
    source: CarriedOver,
    *,
    seed: str,
    when: datetime,
    software_version: str,
) -> WrittenSegmentation | None:
    """Write findings as DICOM SEG (BINARY). Without findings nothing is written and None returned.

    Args:
        path: the file to write.
        findings: findings on `grid`, numbered from 1; segment n is the n-th by number, so that segment number and
            finding number agree where the numbers have no gap.
        grid: the grid of the PET.
        source: what is carried over of the PET's headers, one a slice, in the order of the grid's k.
        seed: text from which every UID is derived; equal seeds and inputs give equal bytes.
        when: date and time written as those of the object's creation.
        software_version: psmap's version.

    Raises:
        ValueError: headers and grid do not belong together.
    """
    if not findings:
        return None
    # highdicom takes two seconds to import: a declared heavy library.
    from highdicom import AlgorithmIdentificationSequence, PixelMeasuresSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    _check_places(source.headers, grid)
    ordered = sorted(findings, key=lambda finding: finding.site.id)
    segments = {finding.site.id: number for number, finding in enumerate(ordered, start=1)}
    uids = {number: tracking_uid(seed, number) for number in segments}
    algorithm = AlgorithmIdentificationSequence(
        name=PRODUCT,
        family=codes.DCM.MorphologicalOperations,  # connected components and watershed; CID 7162 has no thresholding
        version=software_version,
        source=PRODUCT,
    )
    descriptions = [
        SegmentDescription(
            segment_number=segment,
            segment_label=f"site {number}",
            segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
            segmented_property_type=codes.NCIt.ImagingRegionOfInterest,
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=uids[number],
            tracking_id=f"site {number}",
        )
        for number, segment in segments.items()
    ]
    labels = painted(findings, grid, segments, np.uint8 if len(segments) < 256 else np.uint16)
    planes = _planes(ordered, grid)
    gap_mm = grid.spacing_mm[0]
    first = _with_thickness(source.headers[0], gap_mm)
    with no_names_aloud():
        segmentation = Segmentation(
            source_images=[first, *source.headers[1:]],
            pixel_array=_pattern(labels, ordered, planes),
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=descriptions,
            series_instance_uid=derived_uid(seed, "segmentation series"),
            series_number=SERIES_NUMBER,
            sop_instance_uid=derived_uid(seed, "segmentation"),
            instance_number=1,
            manufacturer=PRODUCT,
            manufacturer_model_name=PRODUCT,
            software_versions=software_version,
            device_serial_number=software_version,
            content_label="UPTAKE_SITES",
            content_description="Sites of raised uptake found by psmap",
            series_description="psmap: sites of raised uptake",
            pixel_measures=PixelMeasuresSequence(
                pixel_spacing=[float(spacing) for spacing in first.PixelSpacing],
                slice_thickness=float(first.SliceThickness),
                spacing_between_slices=gap_mm,
            ),
            omit_empty_frames=True,
            specific_character_set=CHARACTER_SET,
        )
    _fix_dimension_uid(segmentation, derived_uid(seed, "dimensions"))
    stamp(segmentation, when)
    save(path, segmentation, _all_frames(segmentation, ordered, grid, planes, source) if len(ordered) > 1 else ())
    return WrittenSegmentation(
        study_instance_uid=str(first.StudyInstanceUID),
        series_instance_uid=str(segmentation.SeriesInstanceUID),
        sop_instance_uid=str(segmentation.SOPInstanceUID),
        segments=segments,
        tracking_uids=uids,
    )


def read_segmentation(path: Path, source_sop_instance_uids: Sequence[str]) -> npt.NDArray[np.int32]:
    """The label map of a segmentation that psmap wrote, int32 [slice, row, column].

    Args:
        path: the DICOM SEG.
        source_sop_instance_uids: SOPInstanceUIDs of the PET's slices in the order wanted.

    Raises:
        Refused: the file is no readable segmentation of these slices by psmap.
    """
    try:
        dataset = dcmread(path)
        numbers = {int(item.SegmentNumber): int(item.TrackingID.split()[-1]) for item in dataset.SegmentSequence}
        frames = np.atleast_3d(dataset.pixel_array.T).T.astype(bool)
        shared = dataset.SharedFunctionalGroupsSequence[0]
        places = [
            (_segment_of(group, shared), str(_source_of(group, shared)))
            for group in dataset.PerFrameFunctionalGroupsSequence
        ]
    except JUNK_ERRORS as error:
        raise Refused(
            f"this is no segmentation written by psmap ({type(error).__name__})",
            where=path.name,
            cure="give the dicom/findings.seg.dcm of a psmap output folder",
        ) from error
    slices = {uid: k for k, uid in enumerate(source_sop_instance_uids)}
    labels = np.zeros((len(slices), *frames.shape[1:]), dtype=np.int32)
    for frame, (segment, uid) in zip(frames, places, strict=True):
        if uid not in slices:
            raise Refused(
                f"the segmentation refers to slice {uid}, which is not among the slices given",
                where=path.name,
                cure="give the PET series that the segmentation was made of",
            )
        labels[slices[uid]][frame] = numbers[segment]
    return labels


def _check_places(headers: Sequence[Dataset], grid: Grid) -> None:
    """Refuse to draw on the wrong slices: each header has to lie where the grid says."""
    if len(headers) != grid.shape[0]:
        raise ValueError(f"{len(headers)} source headers do not fit a grid of {grid.shape[0]} slices")
    size = (int(headers[0].Rows), int(headers[0].Columns))
    if size != grid.shape[1:]:
        raise ValueError(f"source slices of {size} do not fit a grid of {grid.shape}")
    stated = np.array([[float(number) for number in header.ImagePositionPatient] for header in headers])
    expected = grid.to_mm([[k, 0, 0] for k in range(len(headers))])
    off_mm = float(np.max(np.linalg.norm(stated - expected, axis=1)))
    if off_mm > max(_OFF_MM, _OFF_GAP * grid.spacing_mm[0]) + 1e-3:
        raise ValueError(f"a source slice lies {off_mm:.3f} mm off the grid: wrong order or wrong series")


def _fix_dimension_uid(segmentation: Dataset, uid: str) -> None:
    """Replace the random DimensionOrganizationUID by a derived one."""
    for item in (*segmentation.DimensionOrganizationSequence, *segmentation.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def _with_thickness(header: Dataset, gap_mm: float) -> Dataset:
    """The header with a SliceThickness, which highdicom asks for; the gap between slices where the PET states none."""
    if "SliceThickness" in header:
        return header
    thick = copy(header)
    thick.SliceThickness = gap_mm
    return thick


def _planes(ordered: Sequence[Finding], grid: Grid) -> list[int]:
    """The slices that hold any finding, ascending."""
    area = grid.shape[1] * grid.shape[2]
    return [int(k) for k in np.unique(np.concatenate([finding.site.index // area for finding in ordered]))]


def _pattern(labels: npt.NDArray[Any], ordered: Sequence[Finding], planes: Sequence[int]) -> npt.NDArray[Any]:
    """What highdicom is given to draw: of several findings two frames only, on the outermost slices.

    highdicom looks for every segment on every slice and builds each frame's attributes by itself: seconds for some
    hundred sites. So it builds and checks the first and the last frame of one segment; `_all_frames` makes the others
    like them. A single finding it draws by itself, since its frames may form a regular volume, which is stated then.
    """
    if len(ordered) == 1:
        return labels
    pattern = np.zeros_like(labels)
    pattern[[planes[0], planes[-1]], 0, 0] = 1
    return pattern


def _all_frames(
    segmentation: Dataset, ordered: Sequence[Finding], grid: Grid, planes: Sequence[int], source: CarriedOver
) -> list[bytes]:
    """Take highdicom's pattern out of a segmentation and give the frames of all findings, attributes and pixels.

    Frames run by segment, and within a segment along the normal of the slices, which is highdicom's order
    (DimensionIndexValues counts the slices that hold any finding).
    """
    pattern = segmentation.PerFrameFunctionalGroupsSequence
    along = planes if _source_of(pattern[0], pattern[0]) == source.headers[planes[0]].SOPInstanceUID else planes[::-1]
    ranks = {k: rank for rank, k in enumerate(along, start=1)}
    kept = elements_of(pattern[0])
    places = _places(pattern[0], {k: source.headers[k] for k in planes})
    area = grid.shape[1] * grid.shape[2]
    items, drawn = [], []
    for segment, finding in enumerate(ordered, start=1):
        slices = finding.site.index // area
        for k in sorted(set(slices.tolist()), key=ranks.__getitem__):
            index = segment.to_bytes(4, "little") + ranks[k].to_bytes(4, "little")
            number = element("ReferencedSegmentNumber", segment.to_bytes(2, "little"))
            content = sequence("FrameContentSequence", [element("DimensionIndexValues", index)])
            identification = sequence("SegmentIdentificationSequence", [number])
            changes = {"FrameContentSequence": content, "SegmentIdentificationSequence": identification}
            items.append(with_elements(kept, changes | places[k]))
            drawn.append(finding.site.index[slices == k] - k * area)
    del segmentation.PerFrameFunctionalGroupsSequence, segmentation.PixelData
    segmentation.NumberOfFrames = len(items)
    return [
        sequence("PerFrameFunctionalGroupsSequence", items),
        bytes_element("PixelData", _packed(drawn, area)),
    ]


def _places(pattern: Dataset, headers: Mapping[int, Dataset]) -> dict[int, dict[str, bytes]]:
    """For each slice what its frames share: where it lies and which image it was found in."""
    from highdicom import CoordinateSystemNames, PlanePositionSequence  # a declared heavy library

    (derivation,) = pattern.DerivationImageSequence
    (image,) = derivation.SourceImageSequence
    derivation_elements, image_elements = elements_of(derivation), elements_of(image)
    places = {}
    for k, header in headers.items():
        uids = {"ReferencedSOPClassUID": header.SOPClassUID, "ReferencedSOPInstanceUID": header.SOPInstanceUID}
        references = {keyword: element(keyword, uid.encode("ascii")) for keyword, uid in uids.items()}
        found_in = with_elements(image_elements, references)
        images = {"SourceImageSequence": sequence("SourceImageSequence", [found_in])}
        position = PlanePositionSequence(CoordinateSystemNames.PATIENT, header.ImagePositionPatient)
        places[k] = {
            "DerivationImageSequence": sequence(
                "DerivationImageSequence", [with_elements(derivation_elements, images)]
            ),
            "PlanePositionSequence": sequence("PlanePositionSequence", [bytes_of(item) for item in position]),
        }
    return places


def _packed(frames: Sequence[npt.NDArray[np.int64]], area: int) -> bytes:
    """Frames of one bit a pixel, given the pixels that are set, without a gap between frames (PS3.5 8.1.1)."""
    packed = []
    for start in range(0, len(frames), 8):  # eight frames always end at a whole byte
        block = np.zeros((min(8, len(frames) - start), area), dtype=np.uint8)
        for row, pixels in zip(block, frames[start : start + 8], strict=False):
            row[pixels] = 1
        packed.append(np.packbits(block, bitorder="little").tobytes())
    return b"".join(packed)


def _segment_of(group: Dataset, shared: Dataset) -> int:
    holder = group if "SegmentIdentificationSequence" in group else shared
    return int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber)


def _source_of(group: Dataset, shared: Dataset) -> str:
    holder = group if "DerivationImageSequence" in group else shared
    return str(holder.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
