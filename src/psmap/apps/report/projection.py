"""Maximum intensity projections as a nuclear-medicine physician hangs them: head up, patient's right on the left."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import acos, ceil, degrees, pi, sqrt
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.measure import find_contours

from psmap.apps.report.families import main_organs
from psmap.apps.report.lattice import coarser, sampled
from psmap.apps.report.leaders import Anchor, Label, place_labels
from psmap.domain.anatomy import Anatomy
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.uptake import Finding, Verdict

_Number = TypeVar("_Number", np.float32, np.bool_)

TILT_TOLD_DEG = 3.0
"""From this angle between a grid axis and the patient's axis on, the caption says so."""

BODY_SUV = 0.2
"""SUV above which a pixel of a projection may belong to the body; used to crop empty margins only."""

BODY_SHARE = 0.02
"""Share of the pixels of a column above `BODY_SUV` from which on the column is kept."""

MARGIN_MM = 12.0
"""Width left round the body and round every site when empty margins are cropped."""

MANY_SITES = 60
"""With more sites than this only those that are not small are numbered in the pictures; all are outlined."""

PIXEL_MM = 1.7
"""Pixel size that pictures are enlarged to, at most fourfold."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """Which array axis runs along the patient's L, P and S, and which way.

    Args:
        axes: array axis (0 = k, 1 = j, 2 = i) nearest to LPS x, y, z.
        forward: whether the index grows towards left, posterior, head.
        tilt_deg: the largest angle between an array axis and the patient's axis that it stands for.
    """

    axes: tuple[int, int, int]
    forward: tuple[bool, bool, bool]
    tilt_deg: float


@dataclass(frozen=True, slots=True)
class Plane:
    """A viewing direction: its LPS axes across and through the picture, and the letters at its sides."""

    name: str
    across: int
    through: int
    left: str
    right: str
    seen_from: str


CORONAL = Plane("Coronal", across=0, through=1, left="R", right="L", seen_from="from the front")
SAGITTAL = Plane("Sagittal", across=1, through=0, left="A", right="P", seen_from="from the patient's left")


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The outline of one site in a picture.

    Args:
        site: id of the site.
        verdict, small: how it is drawn.
        lines: closed lines, each (n, 2) as x, y in mm from the picture's upper left corner, y downwards.
        label: where its number stands; None where the margins are full.
    """

    site: int
    verdict: Verdict
    small: bool
    lines: tuple[FloatArray, ...]
    label: Label | None


@dataclass(frozen=True, slots=True, eq=False)
class OrganOutline:
    """The outline of one organ in a projection, drawn thin and below the sites; lines as those of `Outline`."""

    name: str
    lines: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A projection ready to be drawn, in millimetres of the patient.

    Args:
        plane: coronal or sagittal.
        grey: uint8 [row, column], 0 black = at or above the window's top, 255 white = SUV 0; head up.
        width_mm, height_mm: size of the picture.
        unit_mm: the size of type: one line of labels, in mm of the patient.
        window_suv: SUV shown black; white is 0.
        outlines: the sites, hottest first.
        alt: what the picture shows, in words.
        organs: outlines of the main organs by the anatomy; empty where there is none.
    """

    plane: Plane
    grey: npt.NDArray[np.uint8]
    width_mm: float
    height_mm: float
    unit_mm: float
    window_suv: float
    outlines: tuple[Outline, ...]
    alt: str
    organs: tuple[OrganOutline, ...] = ()


def orient(grid: Grid) -> Orientation:
    """The assignment of array axes to the patient's axes with the largest sum of absolute cosines."""
    axes = np.array(grid.axes_mm, dtype=float)
    cosines = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    best = max(permutations((0, 1, 2)), key=lambda axes_of: sum(abs(cosines[axes_of[n], n]) for n in range(3)))
    along = [float(cosines[best[n], n]) for n in range(3)]
    tilt = max(degrees(acos(min(1.0, abs(cosine)))) for cosine in along)
    return Orientation((best[0], best[1], best[2]), (along[0] > 0, along[1] > 0, along[2] > 0), tilt)


def project(volume: npt.NDArray[_Number], orientation: Orientation, plane: Plane) -> npt.NDArray[_Number]:
    """The maximum of an array [k, j, i] through the plane: [row, column], head in row 0, plane's left in column 0."""
    flat: npt.NDArray[_Number] = volume.max(axis=orientation.axes[plane.through])
    up, across = orientation.axes[2], orientation.axes[plane.across]
    if up > across:
        flat = flat.T
    if orientation.forward[2]:
        flat = flat[::-1]
    if not orientation.forward[plane.across]:
        flat = flat[:, ::-1]
    return flat


def pixels_of(
    index: npt.NDArray[np.int64], shape: tuple[int, int, int], orientation: Orientation, plane: Plane
) -> npt.NDArray[np.int64]:
    """Where flat voxel indices land in the plane's projection: (n, 2) as row, column, each pixel once."""
    kji = np.unravel_index(index, shape)
    up, across = orientation.axes[2], orientation.axes[plane.across]
    row = shape[up] - 1 - kji[up] if orientation.forward[2] else kji[up]
    column = kji[across] if orientation.forward[plane.across] else shape[across] - 1 - kji[across]
    pixels: npt.NDArray[np.int64] = np.unique(np.stack([row, column], axis=1), axis=0)
    return pixels


def window_top(suv_max: float, psma: bool) -> float:
    """SUV shown black: 10 for PSMA ligands, 7 for others, less (but at least 5) where the whole image is fainter.

    These are usual reading windows, not thresholds; the picture states the one used.
    """
    return float(min(10 if psma else 7, max(5, ceil(suv_max))))


def pictures(
    suv: npt.NDArray[np.float32],
    grid: Grid,
    findings: tuple[Finding, ...],
    *,
    psma: bool,
    anatomy: Anatomy | None = None,
) -> tuple[Picture, Picture]:
    """Coronal and sagittal projection of an SUV image with its sites outlined and numbered.

    Args:
        suv: SUVbw in g/mL, [k, j, i].
        grid: its grid, of any orientation; the projection runs along the grid's own axes.
        findings: the sites to draw.
        psma: whether the tracer is a PSMA ligand; chooses the window.
        anatomy: whose main organs are outlined below the sites.
    """
    orientation = orient(grid)
    top = window_top(float(suv.max()), psma)
    flats = [project(suv, orientation, plane) for plane in (CORONAL, SAGITTAL)]
    all_pixels = [
        [pixels_of(finding.site.index, grid.shape, orientation, plane) for finding in findings]
        for plane in (CORONAL, SAGITTAL)
    ]
    kept = [
        columns_kept(flat, pixels, grid.spacing_mm[orientation.axes[plane.across]])
        for flat, pixels, plane in zip(flats, all_pixels, (CORONAL, SAGITTAL), strict=True)
    ]
    row_mm = grid.spacing_mm[orientation.axes[2]]
    height_mm = flats[0].shape[0] * row_mm
    widths = [
        (last - first) * grid.spacing_mm[orientation.axes[plane.across]]
        for (first, last), plane in zip(kept, (CORONAL, SAGITTAL), strict=True)
    ]
    unit_mm = max(height_mm / 46.0, sum(widths) / 50.0)
    crowded = len(findings) > MANY_SITES
    organs = _organs(anatomy, grid)
    drawn = []
    for plane, flat, pixels, (first, last), width_mm in zip(
        (CORONAL, SAGITTAL), flats, all_pixels, kept, widths, strict=True
    ):
        column_mm = grid.spacing_mm[orientation.axes[plane.across]]
        lines = [outline_lines(p - np.array([0, first]), row_mm, column_mm) for p in pixels]
        anchors = [
            Anchor(f.site.id, np.concatenate(line))
            for f, line in zip(findings, lines, strict=True)
            if not (crowded and f.site.small)
        ]
        labels = place_labels(anchors, width_mm, height_mm, unit_mm)
        outlines = tuple(
            Outline(f.site.id, f.verdict, f.site.small, line, labels.get(f.site.id))
            for f, line in zip(findings, lines, strict=True)
        )
        alt = (
            f"{plane.name} maximum intensity projection seen {plane.seen_from}, inverse grey, SUV 0 to {top:g}, "
            f"with {len(findings)} outlined {'site' if len(findings) == 1 else 'sites'}"
            + (f" and {len(organs)} thinly outlined organs." if organs else ".")
        )
        organ_lines = _organ_outlines(organs, plane, orientation, first * column_mm, (width_mm, height_mm))
        grey = to_grey(flat[:, first:last], top, (row_mm, column_mm))
        drawn.append(Picture(plane, grey, width_mm, height_mm, unit_mm, top, outlines, alt, organ_lines))
    return drawn[0], drawn[1]


_Organs = tuple[tuple[str, npt.NDArray[np.bool_], tuple[float, float, float]], ...]
"""Name of each organ, its voxels on a coarse lattice along the PET's axes, and that lattice's voxel size."""


def _organs(anatomy: Anatomy | None, grid: Grid) -> _Organs:
    if anatomy is None:
        return ()
    lattice = coarser(grid)
    laid = sampled(anatomy.labels.labels, anatomy.labels.grid, lattice)
    named = ((name, np.isin(laid, numbers)) for name, numbers in main_organs(anatomy.found))
    return tuple((name, inside, lattice.spacing_mm) for name, inside in named if inside.any())


def _organ_outlines(
    organs: _Organs, plane: Plane, orientation: Orientation, cropped_mm: float, size_mm: tuple[float, float]
) -> tuple[OrganOutline, ...]:
    found = []
    for name, inside, spacing in organs:
        pixels = np.argwhere(project(inside, orientation, plane))
        row_mm, column_mm = spacing[orientation.axes[2]], spacing[orientation.axes[plane.across]]
        lines = shaped(pixels, row_mm, column_mm, np.array([-cropped_mm, 0.0]), size_mm)
        if lines:
            found.append(OrganOutline(name, lines))
    return tuple(found)


def tilt_note(grid: Grid) -> str:
    """A sentence on an oblique grid; empty where the grid runs along the patient's axes within 3 degrees."""
    tilt = orient(grid).tilt_deg
    if tilt < TILT_TOLD_DEG:
        return ""
    return (
        f"The voxel grid is tilted by {tilt:.0f}° against the patient's axes; the projections run along the grid, "
        "and R/L, A/P, H/F name the nearest direction."
    )


def to_grey(flat: npt.NDArray[np.float32], top_suv: float, pixel_mm: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Inverse grey of a projection, enlarged with linear interpolation to pixels of about 1.7 mm."""
    shown = np.clip(flat / np.float32(top_suv), 0.0, 1.0)
    enlarge = [min(4.0, max(1.0, size / PIXEL_MM)) for size in pixel_mm]
    # grid_mode: pixels are areas, so that the enlarged picture covers exactly the same rectangle.
    shown = ndimage.zoom(shown, enlarge, order=1, mode="nearest", grid_mode=True)
    grey: npt.NDArray[np.uint8] = np.round(255.0 * (1.0 - np.clip(shown, 0.0, 1.0))).astype(np.uint8)
    return grey


def outline_lines(pixels: npt.NDArray[np.int64], row_mm: float, column_mm: float) -> tuple[FloatArray, ...]:
    """Closed lines round a set of pixels (n, 2) as row, column: (m, 2) as x, y in mm, half-way between pixel centres.

    A single pixel would shrink to a diamond; sites so narrow get an ellipse of the pixels' own area and place instead.
    """
    low = pixels.min(axis=0)
    size = pixels.max(axis=0) - low + 1
    if min(size) < 2:
        return (_ellipse(low, size, row_mm, column_mm),)
    mask = np.zeros((size[0] + 2, size[1] + 2), dtype=np.float64)
    mask[pixels[:, 0] - low[0] + 1, pixels[:, 1] - low[1] + 1] = 1.0
    lines = []
    for contour in find_contours(mask, 0.5):
        row = (contour[:, 0] + low[0] - 0.5) * row_mm
        column = (contour[:, 1] + low[1] - 0.5) * column_mm
        lines.append(np.stack([column, row], axis=1))
    return tuple(lines)


def shaped(
    pixels: npt.NDArray[np.int64], row_mm: float, column_mm: float, shift: FloatArray, size_mm: tuple[float, float]
) -> tuple[FloatArray, ...]:
    """Outlines of pixels (n, 2), moved by `shift`, without points on straight runs, cut off at the picture's edge."""
    kept = []
    for line in outline_lines(pixels, row_mm, column_mm):
        moved = line + shift
        if np.any(moved.max(axis=0) <= 0.0) or np.any(moved.min(axis=0) >= size_mm):
            continue
        few = _corners(np.clip(moved, 0.0, size_mm))
        if len(few) >= 4:
            kept.append(few)
    return tuple(kept)


def _corners(line: FloatArray) -> FloatArray:
    """A closed line without the points at which it does not turn."""
    points = line[:-1]
    came, goes = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = np.abs(came[:, 0] * goes[:, 1] - came[:, 1] * goes[:, 0]) > 1e-6
    corners = points[turns]
    closed: FloatArray = np.concatenate([corners, corners[:1]])
    return closed


def _ellipse(low: npt.NDArray[np.int64], size: npt.NDArray[np.int64], row_mm: float, column_mm: float) -> FloatArray:
    angle = np.linspace(0.0, 2.0 * pi, 33)
    # Half axes 2/sqrt(pi) times the half sides give the ellipse the area of the rectangle.
    x = (low[1] + size[1] / 2.0 + size[1] / sqrt(pi) * np.cos(angle)) * column_mm
    y = (low[0] + size[0] / 2.0 + size[0] / sqrt(pi) * np.sin(angle)) * row_mm
    line: FloatArray = np.stack([x, y], axis=1)
    return line


def columns_kept(
    flat: npt.NDArray[np.float32],
    pixels: list[npt.NDArray[np.int64]],
    column_mm: float,
    body_above: float | None = None,
) -> tuple[int, int]:
    """First and one past the last column worth showing: body and sites with a margin; all where nothing stands out."""
    border = BODY_SUV if body_above is None else body_above
    body = np.flatnonzero((flat > border).mean(axis=0) > BODY_SHARE)
    ends = [int(n) for n in (body[:1].tolist() + body[-1:].tolist())]
    for p in pixels:
        ends += [int(p[:, 1].min()), int(p[:, 1].max())]
    if not ends:
        return 0, flat.shape[1]
    margin = ceil(MARGIN_MM / column_mm)
    return max(0, min(ends) - margin), min(flat.shape[1], max(ends) + 1 + margin)
