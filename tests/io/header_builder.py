"""PET headers without pixels and findings drawn by hand, for the tests of what psmap writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from psmap.domain.geometry import Grid, Vector
from psmap.domain.uptake import Finding, FindingClass, UptakeSite, Verdict


def oblique_grid(shape: tuple[int, int, int] = (7, 12, 10)) -> Grid:
    """A grid turned about x by 10 degrees and about z by 20, voxels 3.27 x 4.07 x 4.07 mm."""
    a, b = np.deg2rad(10.0), np.deg2rad(20.0)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    turned = about_z @ about_x
    row, column, normal = turned[:, 0], turned[:, 1], turned[:, 2]
    axes = (normal * 3.27, column * 4.07, row * 4.07)
    return Grid(shape, (-120.5, -201.25, -845.125), tuple(_vector(axis) for axis in axes))  # type: ignore[arg-type]


def pet_headers(grid: Grid, jitter_mm: Sequence[float] | None = None, **changes: object) -> list[Dataset]:
    """Headers of a PET series on a grid, in slice order; `jitter_mm` shifts slices along the normal."""
    spacing_k, spacing_j, spacing_i = grid.spacing_mm
    row, column = np.array(grid.axes_mm[2]) / spacing_i, np.array(grid.axes_mm[1]) / spacing_j
    normal = np.array(grid.axes_mm[0]) / spacing_k
    headers = []
    for k in range(grid.shape[0]):
        header = Dataset()
        header.SpecificCharacterSet = "ISO_IR 100"
        header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
        header.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.1.{k + 1}"
        header.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.2"
        header.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.3"
        header.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.4"
        header.StudyDate, header.StudyTime = "20260131", "101500"
        header.StudyID, header.AccessionNumber = "S1", "A1"
        header.PatientName, header.PatientID = "Müller^Jürgen", "4711"
        header.PatientBirthDate, header.PatientSex = "19500203", "M"
        header.ReferringPhysicianName = "Doe^Jane"
        header.PositionReferenceIndicator = ""
        header.Modality, header.Manufacturer = "PT", "MADE UP"
        header.ManufacturerModelName = "Scanner"
        header.Rows, header.Columns = grid.shape[1:]
        place = np.array(grid.origin_mm) + k * np.array(grid.axes_mm[0])
        if jitter_mm is not None:
            place = place + jitter_mm[k] * normal
        header.ImagePositionPatient = [f"{x:.6f}" for x in place]
        header.ImageOrientationPatient = [f"{x:.9f}" for x in (*row, *column)]
        header.PixelSpacing = [f"{spacing_j:.6f}", f"{spacing_i:.6f}"]
        header.SliceThickness = f"{spacing_k:.6f}"
        for keyword, value in changes.items():
            setattr(header, keyword, value)
        headers.append(header)
    return headers


def finding(
    number: int,
    voxels: Sequence[tuple[int, int, int]],
    grid: Grid,
    suv: Sequence[float],
    verdict: Verdict = Verdict.EQUIVOCAL,
    **changes: object,
) -> Finding:
    """A finding of given voxels (k, j, i) and SUVs; its sums are worked out here, not by psmap's steps."""
    index = np.sort(np.array([np.ravel_multi_index(voxel, grid.shape) for voxel in voxels], dtype=np.int64))
    volume_ml = len(voxels) * grid.voxel_ml
    places = grid.to_mm(voxels)
    site = UptakeSite(
        id=number,
        index=index,
        voxels=len(voxels),
        volume_ml=volume_ml,
        suv_max=max(suv),
        suv_mean=sum(suv) / len(suv),
        suv_peak=0.1 + 0.2 * number,
        suv_peak_touches_other=False,
        tlu=sum(suv) / len(suv) * volume_ml,
        small=volume_ml < 0.5 or len(voxels) < 3,
        centroid_mm=_vector(places.mean(axis=0)),
        max_mm=_vector(places[int(np.argmax(suv))]),
        extent_mm=(4.0, 8.0, 3.0),
        sphericity=0.8 if number == 1 else None,
        background_suv=0.7,
        local_contrast=max(suv) / 0.7,
    )
    facts: dict[str, object] = {
        "reason": "not classified yet",
        "author": "psmap",
        "finding_class": FindingClass.UNKNOWN,
    }
    return Finding(site=site, verdict=verdict, **{**facts, **changes})  # type: ignore[arg-type]


def three_findings(grid: Grid) -> tuple[Finding, ...]:
    """Three findings: two touching ones, and one of a single voxel at the far corner."""
    far = (grid.shape[0] - 1, grid.shape[1] - 1, grid.shape[2] - 1)
    return (
        finding(1, [(1, 2, 3), (1, 2, 4), (2, 2, 3), (2, 3, 3)], grid, [9.3, 7.0, 5.1, 4.4]),
        finding(2, [(3, 2, 3), (3, 3, 3)], grid, [6.25, 3.5], Verdict.SUSPICIOUS, reason="bright, and large"),
        finding(3, [far], grid, [1.0 / 3.0 + 3.0], Verdict.PHYSIOLOGIC, reason="bladder", author="Dr Reader"),
    )


def _vector(numbers: np.ndarray) -> Vector:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
