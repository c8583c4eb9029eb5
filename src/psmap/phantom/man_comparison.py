"""Found against true in a digital man: every focus beside the site that was found for it, and what the others are.

A site touches a focus where one of its voxels reaches into the focus's true ellipsoid. Each site is of one thing: of
the focus, among those that it touches, that lies nearest to its hottest voxel, if no farther off than a scanner blurs;
else of the organ that lies under its hottest voxel. So a focus that drowns in the bladder is not called found because
the bladder was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid, Vector
from psmap.domain.image import LabelImage
from psmap.domain.uptake import UptakeSite
from psmap.phantom.lesions.placing import TrueSite

REACH_MM = 8.0
"""How far from a focus its hottest voxel may lie: a point spread of 6 mm, positron range, and half a voxel of 4 mm."""
OUTSIDE_HIM = "outside him"
_SIMPLER = {
    "kidney_cortex": "kidney", "kidney_pelvis": "kidney", "bladder_wall": "bladder", "heart_wall": "heart",
    "heart_wall_right": "heart", "pericardium": "heart", "brain_white": "brain", "brain_ventricles": "brain",
}  # fmt: skip
PARTS = 5
"""Points a side at which a voxel is held against an ellipsoid, its edges among them."""


@dataclass(frozen=True, slots=True)
class TrueFocus:
    """What is true of one focus: an ellipsoid in the man's space (LPS mm).

    Args:
        number: as in truth.json, lesions first.
        kind, benign, place: as in truth.json; `benign` is None for a lesion.
        centre_mm, half_axes_mm, directions: the ellipsoid; directions are the unit vectors of its axes.
        volume_ml: its volume.
        suv: at its centre (g/mL), sharp.
    """

    number: int
    kind: str
    benign: str | None
    place: str
    centre_mm: Vector
    half_axes_mm: Vector
    directions: tuple[Vector, Vector, Vector]
    volume_ml: float
    suv: float


class Fate(StrEnum):
    """What became of a focus."""

    FOUND = "found"
    SWALLOWED = "swallowed"
    NOT_RAISED = "not_raised"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class FocusFound:
    """One focus and what became of it.

    Args:
        focus: the truth.
        fate: found; swallowed by a site of something else; without any site; or with its centre outside the image.
        site: number of the site that is of it, or that swallowed it; None where there is none.
        volume_ml, suv_max: of its site; None unless it was found.
        within: of what the site is that swallowed it: 'focus 3', or the organ.
        hottest_suv: highest SUV of the image among the voxels that the focus reaches into; None where it is outside.
    """

    focus: TrueFocus
    fate: Fate
    site: int | None = None
    volume_ml: float | None = None
    suv_max: float | None = None
    within: str | None = None
    hottest_suv: float | None = None


@dataclass(frozen=True, slots=True)
class ManComparison:
    """Every focus of a man, in the order of the truth, and what the other sites are.

    Args:
        foci: lesions first.
        other_sites: number of a site that is of no focus -> the organ under its hottest voxel.
    """

    foci: tuple[FocusFound, ...]
    other_sites: Mapping[int, str]

    @property
    def organs(self) -> dict[str, int]:
        """How many of the other sites each organ has, the most first."""
        return dict(Counter(self.other_sites.values()).most_common())


def true_foci(sites: Sequence[TrueSite]) -> tuple[TrueFocus, ...]:
    """The foci of a man as he was scanned."""
    return tuple(
        TrueFocus(
            site.number,
            site.focus.kind.value,
            site.focus.benign.value if site.focus.benign else None,
            site.focus.place,
            site.centre_mm,
            site.focus.half_axes_mm,
            site.focus.directions,
            site.focus.volume_ml,
            site.focus.suv,
        )
        for site in sites
    )


def foci_of(truth: Mapping[str, Any]) -> tuple[TrueFocus, ...]:
    """The foci of truth.json."""
    return tuple(
        TrueFocus(
            site["number"],
            site["kind"],
            site["benign"],
            site["place"],
            _vector(site["centre_mm"]),
            _vector(site["half_axes_mm"]),
            (_vector(site["directions"][0]), _vector(site["directions"][1]), _vector(site["directions"][2])),
            site["volume_ml"],
            site["suv_centre"],
        )
        for site in truth["sites"]
    )


def found_in_man(
    foci: Sequence[TrueFocus],
    sites: Sequence[UptakeSite],
    suv: npt.NDArray[np.float32],
    grid: Grid,
    organ_at: Callable[[Vector], str],
) -> ManComparison:
    """Lay what was found beside what is true.

    Args:
        foci: the truth.
        sites: as found.
        suv: the image that they were found in.
        grid: of the image, that the sites' voxel indices belong to.
        organ_at: name of the organ at a point (LPS mm).
    """
    flat = suv.reshape(-1)
    reached = {focus.number: voxels_of(focus, grid) for focus in foci}
    shared = {
        (focus.number, site.id): count
        for focus in foci
        for site in sites
        if (count := len(np.intersect1d(reached[focus.number], site.index, assume_unique=True)))
    }
    owner = {site.id: _owner(site, [focus for focus in foci if (focus.number, site.id) in shared]) for site in sites}
    others = {site.id: organ_at(site.max_mm) for site in sites if owner[site.id] is None}
    by_id = {site.id: site for site in sites}
    rows = []
    for focus in foci:
        if not len(reached[focus.number]):
            rows.append(FocusFound(focus, Fate.OUTSIDE))
            continue
        hottest = float(flat[reached[focus.number]].max())
        touching = [by_id[site] for number, site in shared if number == focus.number]
        own = [site for site in touching if owner[site.id] == focus.number]
        if own:
            best = max(own, key=lambda site: site.suv_max)
            rows.append(FocusFound(focus, Fate.FOUND, best.id, best.volume_ml, best.suv_max, None, hottest))
        elif touching:
            most = max(touching, key=lambda site: (shared[focus.number, site.id], site.suv_max))
            of = others.get(most.id, f"focus {owner[most.id]}")
            rows.append(FocusFound(focus, Fate.SWALLOWED, most.id, within=of, hottest_suv=hottest))
        else:
            rows.append(FocusFound(focus, Fate.NOT_RAISED, hottest_suv=hottest))
    return ManComparison(tuple(rows), others)


def organ_under(point: Vector, anatomy: LabelImage) -> str:
    """The organ at a point (LPS mm), left and right, cortex and marrow alike; `OUTSIDE_HIM` where there is none.

    Args:
        point: where.
        anatomy: the true structures, with their ids as names.
    """
    index = tuple(int(n) for n in np.rint(anatomy.grid.to_index(point)[0]))
    if any(not 0 <= n < size for n, size in zip(index, anatomy.grid.shape, strict=True)):
        return OUTSIDE_HIM
    number = int(anatomy.labels[index])
    if number == 0:
        return OUTSIDE_HIM
    name = anatomy.names[number].removesuffix("_left").removesuffix("_right").removesuffix("_marrow")
    return _SIMPLER.get(name, name)


def voxels_of(focus: TrueFocus, grid: Grid) -> npt.NDArray[np.int64]:
    """Flat indices, ascending, of the voxels that the ellipsoid reaches into; none where its centre is outside.

    A voxel is held against it at `PARTS` points a side, so that a thin tip of it may be missed.
    """
    shape = np.array(grid.shape)
    centre = np.rint(grid.to_index(focus.centre_mm)[0]).astype(int)
    if np.any(centre < 0) or np.any(centre >= shape):
        return np.zeros(0, np.int64)
    reach = max(focus.half_axes_mm) / np.array(grid.spacing_mm)
    low = np.maximum(np.floor(centre - reach - 1.0), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach + 1.0), shape - 1).astype(int)
    voxels = np.stack(np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
    voxels = voxels.reshape(-1, 3)
    part = np.linspace(-0.5, 0.5, PARTS)
    inside = np.all(voxels == centre, axis=1)
    for step in np.stack(np.meshgrid(part, part, part, indexing="ij"), -1).reshape(-1, 3):
        inside |= _ball_radius(focus, grid.to_mm(voxels + step)) <= 1.0
    index: npt.NDArray[np.int64] = np.ravel_multi_index(tuple(voxels[inside].T), grid.shape).astype(np.int64)
    return np.sort(index)


def _owner(site: UptakeSite, touched: Sequence[TrueFocus]) -> int | None:
    """The focus that a site is of; None where its hottest voxel lies within reach of none that it touches."""
    off = {focus.number: _distance_mm(focus, site.max_mm) for focus in touched}
    nearest = min(off, key=lambda number: off[number], default=None)
    return nearest if nearest is not None and off[nearest] <= REACH_MM else None


def _distance_mm(focus: TrueFocus, point: Vector) -> float:
    """How far a point lies outside the ellipsoid, along the line to its centre; 0 within."""
    radius = float(_ball_radius(focus, np.array([point]))[0])
    from_centre = float(np.linalg.norm(np.subtract(point, focus.centre_mm)))
    return from_centre * (1.0 - 1.0 / radius) if radius > 1.0 else 0.0


def _ball_radius(focus: TrueFocus, points: FloatArray) -> FloatArray:
    """Distance of points from the centre, in half axes: 1 on the surface."""
    along = (points - np.array(focus.centre_mm)) @ np.array(focus.directions).T
    radius: FloatArray = np.linalg.norm(along / np.array(focus.half_axes_mm), axis=1)
    return radius


def _vector(numbers: Sequence[float]) -> Vector:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
