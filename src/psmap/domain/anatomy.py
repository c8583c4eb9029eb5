"""Anatomy: which structure a voxel belongs to, what was found, and what was not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from psmap.domain.acquisition import Code
from psmap.domain.geometry import Grid, Vector
from psmap.domain.image import LabelImage

Labels = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Ints64 = npt.NDArray[np.int64]


class Absence(StrEnum):
    """Why a structure has no voxels."""

    OUTSIDE_VIEW = "outside the field of view"
    NOT_FOUND = "not found in the field of view"
    REMOVED = "removed, by the history"
    NOT_NAMED = "not named by the source"


@dataclass(frozen=True, slots=True)
class FoundStructure:
    """One structure that has voxels.

    Args:
        number: in the label map.
        id: of the catalogue of anatomy, 'kidney_left'.
        name: as it is printed.
        code: SNOMED CT, left and right alike; None where the catalogue has none.
        group: of the catalogue, 'organ', 'bone', ...
        voxels, volume_ml: what the label map holds of it.
        centroid_mm: mean of the voxel centres, LPS.
        cut: it reaches the edge of the field of view, so that volume and centroid are of a part.
        confidence: 0 to 1; None where the source gives none.
    """

    number: int
    id: str
    name: str
    code: Code | None
    group: str
    voxels: int
    volume_ml: float
    centroid_mm: Vector
    cut: bool
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class MissingStructure:
    """One structure that has no voxels, and why."""

    id: str
    name: str
    why: Absence


@dataclass(frozen=True, slots=True, eq=False)
class NamedLabels:
    """A label map as it came from whoever made it, its numbers named by ids of the catalogue, nothing measured yet.

    Args:
        labels: the map, unsigned numbers [k, j, i]; every number in it has a name.
        nameable: ids that the source could have named, those without voxels among them.
        source: who named the voxels.
        notices: what a reader must know: names that have no entry, voxels that were in two structures.
        stations: nodal stations on the same grid; None where the source has none.
    """

    labels: LabelImage
    nameable: frozenset[str]
    source: str
    notices: tuple[str, ...] = ()
    stations: LabelImage | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """The named structures of one scan. Every structure is found or missing, none is guessed.

    Args:
        labels: the map, unsigned numbers [k, j, i] on a grid of its own, in the frame of reference of PET and CT;
            its names are ids of the catalogue of anatomy.
        found: what has voxels, by number.
        missing: what has none.
        source: who named the voxels, 'TotalSegmentator 2.5.0, task total'.
        notices: what a reader must know: a field of view cut short, a prosthesis, names that have no entry.
        stations: nodal stations as a map on the same grid, for they lie over other structures; None where the source
            has none.
    """

    labels: LabelImage
    found: tuple[FoundStructure, ...]
    missing: tuple[MissingStructure, ...]
    source: str
    notices: tuple[str, ...] = ()
    stations: LabelImage | None = None

    def of(self, id: str) -> FoundStructure | None:
        """The structure of that id, None where it was not found."""
        return next((structure for structure in self.found if structure.id == id), None)


@dataclass(frozen=True, slots=True, eq=False)
class AnatomyOnPet:
    """An anatomy on a PET's grid.

    Args:
        anatomy: what was brought over.
        grid: the PET's.
        labels: numbers of the anatomy's map [k, j, i], 0 outside every structure and outside the map; unsigned.
        inside: where the PET's voxel centres lie in the map's field of view, [k, j, i].
        stations: numbers of nodal stations, as `labels`; None where the anatomy has none.
        index: flat indices (C order) of all labelled voxels, by label and then ascending, int64.
        of_number: label -> its part of `index`; labels without a PET voxel are not in it.
    """

    anatomy: Anatomy
    grid: Grid
    labels: Labels
    inside: Bools
    stations: Labels | None
    index: Ints64
    of_number: Mapping[int, slice]


class ArmsInView(StrEnum):
    """Where a man's arms lie, as far as the field of view tells."""

    UP = "up"
    DOWN = "down"
    OUT_OF_VIEW = "out of view"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BodyView:
    """Which part of a man lies in a field of view, on the scale of the reference man.

    Args:
        low_mm, high_mm: heights of its lower and upper end (z, mm) in the frame of the reference adult man (ICRP
            Publication 110, 1.76 m): 0 at the lower end of L5, soles at -1050, vertex at 720.
        arms: where the arms lie; `UNKNOWN` also where one is up and one down.
        landmarks: structures of usual height that the heights were fitted through.
        scatter_mm: median distance of the landmarks from where the fit puts them.
        firm: there are enough landmarks, on a stretch long enough, and they agree.
    """

    low_mm: float
    high_mm: float
    arms: ArmsInView
    landmarks: int
    scatter_mm: float
    firm: bool


class ReferenceOrgan(StrEnum):
    """What lesions are held against (PROMISE)."""

    BLOOD_POOL = "blood_pool"
    LIVER = "liver"
    SPLEEN = "spleen"
    PAROTID = "parotid"


@dataclass(frozen=True, slots=True)
class ReferenceVoi:
    """One sphere or contour in which a reference was measured.

    Args:
        structure: id of the structure it lies in, 'aorta_descending'.
        centre_mm: LPS; of a contour its centroid.
        diameter_mm: of the sphere; None for a contour.
        voxels: PET voxels.
        volume_ml: theirs.
    """

    structure: str
    centre_mm: Vector
    diameter_mm: float | None
    voxels: int
    volume_ml: float


@dataclass(frozen=True, slots=True)
class Reference:
    """Uptake of one reference organ.

    Args:
        organ: which.
        suv_mean, suv_sd, suv_max: over the voxels of all its VOIs, g/mL; None where it could not be measured.
        vois: where; empty where it could not be measured.
        why_not: the reason where it could not be measured, else empty.
        warnings: what makes it less than it should be: a smaller sphere, one gland of two.
        ref: where the definition comes from.
    """

    organ: ReferenceOrgan
    suv_mean: float | None
    suv_sd: float | None
    suv_max: float | None
    vois: tuple[ReferenceVoi, ...]
    why_not: str
    warnings: tuple[str, ...]
    ref: str


@dataclass(frozen=True, slots=True, eq=False)
class DrawnVoi:
    """A VOI and its voxels, for the report to draw.

    Args:
        organ, voi: what was measured and where.
        index: flat indices (C order) into the PET grid, ascending, int64.
    """

    organ: ReferenceOrgan
    voi: ReferenceVoi
    index: Ints64


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredReferences:
    """The four references in the order of `ReferenceOrgan`, and the voxels of all their VOIs."""

    references: tuple[Reference, ...]
    drawn: tuple[DrawnVoi, ...]

    def of(self, organ: ReferenceOrgan) -> Reference:
        """The reference of an organ."""
        return next(reference for reference in self.references if reference.organ is organ)


@dataclass(frozen=True, slots=True)
class OrganUptakeRow:
    """Uptake of one organ of this patient against what is usual under the tracer.

    Args:
        id, name: of the structure.
        volume_ml: PET voxels of it times their volume.
        suv_mean, suv_median, suv_max: g/mL.
        cut: it is cut by the field of view.
        usual_low, usual_high: mean less and plus two standard deviations over men (g/mL); None where the catalogue
            has no figure for this tracer.
        ref: source of the usual range; empty where there is none.
        suv_compared: the figure to hold against the usual range, measured as the range was (g/mL); None where there is
            no range, or it could not be measured so.
        compared_as: how it was measured, 'mean inside 41 % of its maximum'; empty where there is no such figure.
    """

    id: str
    name: str
    volume_ml: float
    suv_mean: float
    suv_median: float
    suv_max: float
    cut: bool
    usual_low: float | None
    usual_high: float | None
    ref: str
    suv_compared: float | None = None
    compared_as: str = ""


@dataclass(frozen=True, slots=True)
class SitePlace:
    """Where a site lies, by the anatomy; no verdict.

    Args:
        site: id of the site.
        at_max: id of the structure in which its hottest voxel lies; None outside all.
        shares: structure id -> share of the site's voxels, largest first; together at most 1.
        station: nodal station with the largest share, None where it lies in none.
        physiologic: id of the organ with usual uptake that it overlaps most; None where it overlaps none.
    """

    site: int
    at_max: str | None
    shares: tuple[tuple[str, float], ...]
    station: str | None
    physiologic: str | None
