"""Findings as a DICOM Segmentation: one binary segment a finding, on the slices of the PET that it was found in.

A site is raised uptake without a verdict, so its segment is coded as a region of interest (C85402, NCIt, CID 272) of
the category spatial and relational concept (309825002, SCT, CID 7150): codes that say where something is, and neither
that it is a lesion nor what it is made of. The verdict stands in the structured report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from psmap.domain.geometry import Grid
from psmap.domain.refusal import Refused
from psmap.domain.uptake import Finding
from psmap.io.dicom_carry_over import CHARACTER_SET, PRODUCT, carry_over, derived_uid, no_names_aloud, save, stamp
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
        notes: what had to be mended in the source's attributes, one line each.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    segments: dict[int, int]
    tracking_uids: dict[int, str]
    notes: tuple[str, ...]


def tracking_uid(seed: str, finding_id: int) -> str:
    """The TrackingUID of a finding: the same in the segmentation and in the report."""
    return derived_uid(seed, "site", str(finding_id))


def write_segmentation(
    path: Path,
    findings: Sequence[Finding],
    grid: Grid,
    source_headers: Sequence[Dataset],
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
        source_headers: the PET's headers, one a slice, in the order of the grid's k.
        seed: text from which every UID is derived; equal seeds and inputs give equal bytes.
        when: date and time written as those of the object's creation.
        software_version: psmap's version.

    Raises:
        Refused: the source headers lack what a segmentation needs.
        ValueError: headers and grid do not belong together.
    """
    if not findings:
        return None
    # highdicom takes two seconds to import: a declared heavy library.
    from highdicom import AlgorithmIdentificationSequence, PixelMeasuresSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    carried = carry_over(source_headers)
    _check_places(carried.headers, grid)
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
    first = carried.headers[0]
    gap_mm = grid.spacing_mm[0]
    with no_names_aloud():
        segmentation = Segmentation(
            source_images=list(carried.headers),
            pixel_array=painted(findings, grid, segments, np.uint8 if len(segments) < 256 else np.uint16),
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
                slice_thickness=float(first.get("SliceThickness", gap_mm)),
                spacing_between_slices=gap_mm,
            ),
            omit_empty_frames=True,
            specific_character_set=CHARACTER_SET,
        )
    _fix_dimension_uid(segmentation, derived_uid(seed, "dimensions"))
    stamp(segmentation, when)
    save(path, segmentation)
    return WrittenSegmentation(
        study_instance_uid=str(first.StudyInstanceUID),
        series_instance_uid=str(segmentation.SeriesInstanceUID),
        sop_instance_uid=str(segmentation.SOPInstanceUID),
        segments=segments,
        tracking_uids=uids,
        notes=carried.notes,
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


def _segment_of(group: Dataset, shared: Dataset) -> int:
    holder = group if "SegmentIdentificationSequence" in group else shared
    return int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber)


def _source_of(group: Dataset, shared: Dataset) -> str:
    holder = group if "DerivationImageSequence" in group else shared
    return str(holder.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
