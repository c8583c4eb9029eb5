"""Raised uptake: a site (no verdict yet) and a finding (a site with its verdict and place), the hinge of the house."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Vector


@dataclass(frozen=True, slots=True, eq=False)
class UptakeSite:
    """One connected region of raised uptake, measured, not judged.

    Args:
        id: 1 for the hottest, counted downwards by SUVmax.
        index: flat (C order) voxel indices into the PET grid, ascending, int64.
        voxels: number of voxels.
        volume_ml: their volume.
        suv_max, suv_mean: over the voxels, g/mL.
        suv_peak: SUVpeak, g/mL (mean of a 1 mL sphere; mode in the parameters).
        suv_peak_touches_other: the peak sphere reaches into another site.
        tlu: total lesion uptake = suv_mean * volume_ml (g/mL * mL).
        small: under 0.5 mL or under 3 voxels.
        centroid_mm: mean of the voxel centres, LPS.
        max_mm: centre of the hottest voxel, LPS.
        extent_mm: size of the bounding box along the patient's x, y, z (whole voxels).
        sphericity: IBSI QCFX; None where no surface can be made.
        background_suv: median SUV of the shell round the site; None where the shell is empty.
        local_contrast: suv_max / background_suv; None where the background is absent or under 0.1 g/mL.
        open_contour: a percent contour that could not be closed against its surroundings; the voxels are then
            those of the seed threshold.
        given_label: the number of the user's own label map that the site comes from; None otherwise.
    """

    id: int
    index: npt.NDArray[np.int64]
    voxels: int
    volume_ml: float
    suv_max: float
    suv_mean: float
    suv_peak: float
    suv_peak_touches_other: bool
    tlu: float
    small: bool
    centroid_mm: Vector
    max_mm: Vector
    extent_mm: Vector
    sphericity: float | None
    background_suv: float | None
    local_contrast: float | None
    open_contour: bool = False
    given_label: int | None = None

    def __post_init__(self) -> None:
        self.index.setflags(write=False)


NOT_CLASSIFIED = "not classified yet"
"""The reason of a finding that awaits its verdict."""


class Verdict(StrEnum):
    """What a reader or a classifier says of a site."""

    SUSPICIOUS = "suspicious"
    EQUIVOCAL = "equivocal"
    PHYSIOLOGIC = "physiologic"


class FindingClass(StrEnum):
    """Where a finding belongs for staging and follow-up."""

    LOCAL = "local"
    PELVIC_NODE = "pelvic_node"
    DISTANT_NODE = "distant_node"
    BONE = "bone"
    VISCERAL = "visceral"
    PHYSIOLOGIC = "physiologic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A site with its verdict and its place. A reader's correction is a finding by another author."""

    site: UptakeSite
    verdict: Verdict
    reason: str
    author: str
    probability: float | None = None
    location: str | None = None
    finding_class: FindingClass = FindingClass.UNKNOWN
    expression_score: int | None = None
