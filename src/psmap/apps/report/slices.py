"""Coronal slices with the anatomy drawn on them: at a few depths that together show most of what matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.apps.report.families import Family, family_of, importance, is_named, short_name
from psmap.apps.report.lattice import COARSE_MM, sampled, span_mm, upright
from psmap.apps.report.leaders import Anchor, Label, place_labels
from psmap.apps.report.projection import PIXEL_MM, columns_kept, shaped, window_top
from psmap.domain.anatomy import Anatomy, Reference
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import CtImage, PetImage

SLICES = 4
"""Most slices that are drawn."""

APART_MM = 14.0
"""Slices lie at least so far apart."""

ROUNDS = 5
"""Most rounds in which the chosen slices are moved; two are usual."""

LEAST_GAIN = 0.004
"""A further slice is drawn if it adds this share of all that there is to show."""

VOI_WORTH = 3.0
"""What a slice gains by cutting the VOI of a reference; as much as a kidney."""

HU_WINDOW = (-160.0, 240.0)
"""Black and white of a CT slice: the usual window of soft tissue, 400 HU wide."""

BODY_HU = -400.0
"""CT number above which a pixel may belong to the body; used to crop empty margins only."""

LEAST_DRAWN_MM2 = 60.0
"""A structure with less of it in a slice is not drawn there."""

LEAST_NAMED_MM2 = 120.0
"""A structure with less of it in a slice is not named there."""

MOST_NAMES = 30
"""Names beside one slice."""


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """The outline of one structure in a slice; lines are closed, (n, 2) as x, y in mm from the upper left corner."""

    id: str
    name: str
    family: Family
    area_mm2: float
    lines: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class VoiMark:
    """A reference's VOI in a slice: the circle where the slice cuts its sphere.

    Args:
        name: of the reference, 'Liver'.
        lines: a closed circle, or a cross where the VOI is a contour.
        aside_mm: 0 where the slice cuts it; else how far its centre lies behind (negative: in front of) this slice,
            the nearest there is, and the sphere is drawn in full, dashed.
        contour: it is a contour, and the cross marks its middle.
    """

    name: str
    lines: tuple[FloatArray, ...]
    aside_mm: float
    contour: bool = False


@dataclass(frozen=True, slots=True)
class NameLabel:
    """A name in the margin and its leader; `strong` for references."""

    text: str
    strong: bool
    label: Label


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """A coronal slice ready to be drawn, in millimetres of the patient; head up, the patient's right on the left.

    Args:
        y_mm: LPS y of the slice.
        head: 'Coronal slice', what it is called.
        place: where it lies and what it goes through.
        grey: uint8 [row, column].
        width_mm, height_mm: size of the picture.
        unit_mm: one line of type, in mm of the patient.
        contours, vois, names: what is drawn over it, and beside it.
        alt: what the picture shows, in words.
    """

    y_mm: float
    head: str
    place: str
    grey: npt.NDArray[np.uint8]
    width_mm: float
    height_mm: float
    unit_mm: float
    contours: tuple[Contour, ...]
    vois: tuple[VoiMark, ...]
    names: tuple[NameLabel, ...]
    alt: str


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What all slices share: the picture's upper left corner (x, z; LPS mm) and its size."""

    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float


def anatomy_slices(
    anatomy: Anatomy, references: Sequence[Reference], ct: CtImage | None, pet: PetImage, *, psma: bool
) -> tuple[Slice, ...]:
    """Three or four coronal slices, from the front to the back; none where nothing that is drawn was found.

    Args:
        anatomy: the structures, on a grid of any orientation.
        references: whose VOIs are drawn.
        ct: drawn where there is one; else the PET.
        pet: its SUV.
        psma: chooses the window of the PET.
    """
    depths = chosen_depths(anatomy, references)
    if not depths:
        return ()
    frame, greys = _greys(depths, ct, pet, psma=psma)
    drawn = [_contours(anatomy, y, frame) for y in depths]
    vois = _marks(references, depths, frame)
    unit_mm = max(frame.height_mm / 50.0, frame.width_mm / 20.0)
    where_largest = {
        contour.id: n
        for n, contours in reversed(list(enumerate(drawn)))
        for contour in contours
        if contour.area_mm2 == max(c.area_mm2 for others in drawn for c in others if c.id == contour.id)
    }
    found = {structure.id: structure for structure in anatomy.found}
    slices = []
    for n, (y, grey, contours) in enumerate(zip(depths, greys, drawn, strict=True)):
        named = [c for c in contours if where_largest[c.id] == n and is_named(found[c.id])]
        named = [c for c in named if c.area_mm2 >= LEAST_NAMED_MM2]
        named.sort(key=lambda c: -importance(found[c.id]) * sqrt(c.area_mm2))
        main = sorted(contours, key=lambda c: -importance(found[c.id]) * sqrt(c.area_mm2))
        place = _place_words(y, [short_name(c.name) for c in main])
        marks = tuple(vois[n])
        slices.append(
            Slice(
                y,
                "Coronal slice",
                place,
                grey,
                frame.width_mm,
                frame.height_mm,
                unit_mm,
                tuple(sorted(contours, key=lambda c: -c.area_mm2)),
                marks,
                _names(named[:MOST_NAMES], marks, frame, unit_mm),
                _alt(ct is not None, place, contours, marks),
            )
        )
    return tuple(slices)


def chosen_depths(anatomy: Anatomy, references: Sequence[Reference]) -> tuple[float, ...]:
    """LPS y of the slices, ascending (front to back).

    A slice is worth, for every structure, its area in the slice over its largest area in any, times what the structure
    is worth; and for every VOI that it cuts within 0.7 of the radius its full worth, up to 0.85 a falling share. Slices
    are taken one by one, each the one that adds most to the best that was shown before it; then they are moved against
    each other.
    """
    lattice = upright(anatomy.labels.grid, 1.5 * COARSE_MM, COARSE_MM)
    laid = sampled(anatomy.labels.labels, anatomy.labels.grid, lattice)
    structures = [s for s in anatomy.found if family_of(s) is not None]
    if not structures:
        return ()
    y: FloatArray = lattice.origin_mm[1] + lattice.axes_mm[1][1] * np.arange(lattice.shape[1], dtype=np.float64)
    size = max(s.number for s in anatomy.found) + 1
    flat = np.where(laid < size, laid, 0).astype(np.intp) + size * np.arange(len(y))[None, :, None]
    area = np.bincount(flat.ravel(), minlength=size * len(y)).reshape(len(y), size).astype(float)
    shown = area[:, [s.number for s in structures]]
    largest = shown.max(axis=0)
    seen = np.divide(shown, largest, out=np.zeros_like(shown), where=largest > 0)
    worth = np.array([importance(s) for s in structures])
    spheres = [(v.centre_mm[1], v.diameter_mm / 2.0) for r in references for v in r.vois if v.diameter_mm]
    if spheres:
        away = np.array([np.abs(y - centre) / radius for centre, radius in spheres]).T
        seen = np.hstack([seen, np.where(away < 0.85, np.minimum(1.0, 2.0 - 2.0 * away**2), 0.0)])
        worth = np.concatenate([worth, np.full(len(spheres), VOI_WORTH)])
    return _best_together(y, seen, worth)


def _best_together(y: FloatArray, seen: FloatArray, worth: FloatArray) -> tuple[float, ...]:
    """Taken one by one, then each moved, with the others held, for as long as that adds anything."""
    total = float((seen.max(axis=0) * worth).sum())
    chosen: list[int] = []
    while len(chosen) < SLICES:
        pick, gain = _next(y, seen, worth, chosen)
        if gain <= LEAST_GAIN * total:
            break
        chosen.append(pick)
    for _ in range(ROUNDS):
        before = list(chosen)
        for one in before:
            others = [n for n in chosen if n != one]
            pick, gain = _next(y, seen, worth, others)
            # the others may have come to show all that this one did
            chosen = [*others, pick] if gain > LEAST_GAIN * total else others
        if set(chosen) == set(before):
            break
    return tuple(sorted(float(y[n]) for n in chosen))


def _next(y: FloatArray, seen: FloatArray, worth: FloatArray, others: Sequence[int]) -> tuple[int, float]:
    """The slice that adds most to the others, and what it adds."""
    best = seen[list(others)].max(axis=0) if others else np.zeros(len(worth))
    gain = (np.maximum(seen, best) - best) @ worth
    for n in others:
        gain[np.abs(y - y[n]) < APART_MM] = -1.0
    most = np.flatnonzero(gain >= gain.max() - 1e-9)
    pick = int(most[len(most) // 2])  # of equals the middle one, well inside what it shows
    return pick, float(gain[pick])


def _greys(
    depths: Sequence[float], ct: CtImage | None, pet: PetImage, *, psma: bool
) -> tuple[_Frame, list[npt.NDArray[np.uint8]]]:
    """The frame cropped to the body, and every slice in grey levels: CT as hung, PET inverse."""
    grid, image = (ct.grid, ct.hu) if ct is not None else (pet.grid, pet.suv)
    low, high = span_mm(grid)
    columns, rows = (max(1, round((high[n] - low[n]) / PIXEL_MM) + 1) for n in (0, 2))
    axes = ((0.0, 0.0, PIXEL_MM), (0.0, PIXEL_MM, 0.0), (PIXEL_MM, 0.0, 0.0))
    outside = -1000.0 if ct is not None else 0.0
    flats = []
    for y in depths:
        lattice = Grid((rows, 1, columns), (float(low[0]), y, float(low[2])), axes)
        flats.append(sampled(image, grid, lattice, order=1, outside=outside)[::-1, 0])
    # the values are those of a body wherever any of the slices shows one
    body = np.maximum.reduce([f - BODY_HU if ct is not None else f for f in flats])
    first, last = columns_kept(body, [], PIXEL_MM, 0.0 if ct is not None else None)
    frame = _Frame(
        float(low[0]) + (first - 0.5) * PIXEL_MM,
        float(low[2]) + (rows - 0.5) * PIXEL_MM,
        (last - first) * PIXEL_MM,
        rows * PIXEL_MM,
    )
    if ct is not None:
        black, white = HU_WINDOW
    else:
        black, white = window_top(float(pet.suv.max()), psma), 0.0
    levels = [np.clip((f[:, first:last] - black) / (white - black), 0.0, 1.0) for f in flats]
    return frame, [np.round(255.0 * level).astype(np.uint8) for level in levels]


def _contours(anatomy: Anatomy, y_mm: float, frame: _Frame) -> list[Contour]:
    grid = anatomy.labels.grid
    pixel = float(np.clip(min(grid.spacing_mm), 2.0, 4.0))
    wide = upright(grid, pixel, pixel)
    lattice = Grid((wide.shape[0], 1, wide.shape[2]), (wide.origin_mm[0], y_mm, wide.origin_mm[2]), wide.axes_mm)
    plane = sampled(anatomy.labels.labels, grid, lattice)[::-1, 0]
    shift = np.array(
        [
            wide.origin_mm[0] - pixel / 2.0 - frame.left_mm,
            frame.top_mm - (wide.origin_mm[2] + (wide.shape[0] - 0.5) * pixel),
        ]
    )
    boxes = dict(enumerate(ndimage.find_objects(plane), start=1))
    found = []
    for structure in anatomy.found:
        family, box = family_of(structure), boxes.get(structure.number)
        if family is None or box is None:
            continue
        pixels = np.argwhere(plane[box] == structure.number) + [side.start for side in box]
        if len(pixels) * pixel**2 < LEAST_DRAWN_MM2:
            continue
        lines = shaped(pixels, pixel, pixel, shift, (frame.width_mm, frame.height_mm))
        if lines:
            found.append(Contour(structure.id, structure.name, family, len(pixels) * pixel**2, lines))
    return found


def _marks(references: Sequence[Reference], depths: Sequence[float], frame: _Frame) -> list[list[VoiMark]]:
    """The VOIs, each in the slice nearest to its centre."""
    marks: list[list[VoiMark]] = [[] for _ in depths]
    for reference in references:
        name = reference.organ.value.replace("_", " ").capitalize()
        for voi in reference.vois:
            away = [voi.centre_mm[1] - y for y in depths]
            n = int(np.argmin(np.abs(away)))
            centre = np.array([voi.centre_mm[0] - frame.left_mm, frame.top_mm - voi.centre_mm[2]])
            if voi.diameter_mm is None:
                arm = 8.0 * np.array([[-1.0, 0.0], [1.0, 0.0]])
                marks[n].append(VoiMark(f"{name} VOI", (centre + arm, centre + arm[:, ::-1]), 0.0, contour=True))
                continue
            radius = voi.diameter_mm / 2.0
            cut = abs(away[n]) < radius
            across = sqrt(radius**2 - away[n] ** 2) if cut else radius
            angle = np.linspace(0.0, 2.0 * pi, 49)
            circle = centre + across * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            marks[n].append(VoiMark(f"{name} VOI", (circle,), 0.0 if cut else away[n]))
    return marks


def _names(named: Sequence[Contour], marks: Sequence[VoiMark], frame: _Frame, unit_mm: float) -> tuple[NameLabel, ...]:
    """References first, then structures, as many as the margins hold."""
    things = [(mark.name, True, mark.lines[:1]) for mark in marks]
    things += [(short_name(contour.name), False, contour.lines) for contour in named]
    anchors = []
    for n, (_, _, lines) in enumerate(things):
        # the largest part of a structure carries its name
        points = max(lines, key=lambda line: float(np.prod(np.ptp(line, axis=0))))
        anchors.append(Anchor(n, points))
    labels = place_labels(anchors, frame.width_mm, frame.height_mm, unit_mm)
    return tuple(NameLabel(text, strong, labels[n]) for n, (text, strong, _) in enumerate(things) if n in labels)


def depth_words(y_mm: float) -> str:
    """'P 35 mm': behind the scanner's origin; 'A' is in front of it."""
    return f"{'P' if y_mm >= 0 else 'A'} {abs(y_mm):.0f} mm"


def _place_words(y_mm: float, names: Sequence[str]) -> str:
    main = list(dict.fromkeys(name[:1].lower() + name[1:] if not name[1:2].isdigit() else name for name in names))[:3]
    return f"{depth_words(y_mm)}: {', '.join(main)}" if main else depth_words(y_mm)


def _alt(ct: bool, place: str, contours: Sequence[Contour], marks: Sequence[VoiMark]) -> str:
    image = "CT" if ct else "PET, inverse grey,"
    families = [family.value for family in Family if any(c.family is family for c in contours)]
    text = f"Coronal slice of the {image} at {place}, with the outlines of {len(contours)} structures"
    text += f" ({'; '.join(families)})" if families else ""
    return text + (f" and the VOI of {', '.join(m.name.removesuffix(' VOI') for m in marks)}." if marks else ".")
