"""A picture with everything that stands round it - letters, scale bar, grey scale - placed once for HTML and PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psmap.apps.report.leaders import GAP_UNITS
from psmap.apps.report.page import Align
from psmap.apps.report.projection import Picture
from psmap.apps.report.slices import Slice

TYPE_UNITS = 0.86
"""Size of type, in lines."""

_TOP_UNITS = 1.5
_BOTTOM_UNITS = 3.2
_NEXT_ROW_UNITS = 1.4
_BAR_AND_RAMP_UNITS = 13.0
"""What the scale bar's words and the grey scale need beside the bar itself; else the grey scale goes below it."""

_CHARACTER_EMS = {False: 0.6, True: 0.68}
"""Width of a character of running text, plain and bold, on the wide side of usual typefaces."""

_SIDE_UNITS = 3.1
_BARE_SIDE_UNITS = 0.4


@dataclass(frozen=True, slots=True)
class SceneText:
    """A word at x, y (mm, middle of the line), `bold` for the letters of orientation."""

    text: str
    x_mm: float
    y_mm: float
    align: Align
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in mm: upper left corner and size."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is drawn, in mm of the patient with the picture's upper left corner at 0, 0 and y downwards.

    Args:
        picture: the projection with outlines and numbers.
        frame: the whole drawing, margins included.
        texts: letters of orientation, words of the scale bar and of the grey scale.
        bar: the scale bar, a rectangle without height.
        ramp: the grey scale from white to black; None where the neighbouring picture carries it.
    """

    picture: Picture
    frame: Box
    texts: tuple[SceneText, ...]
    bar: Box
    ramp: Box | None


def scene_of(picture: Picture, *, with_ramp: bool) -> Scene:
    """Lay out a picture's surroundings: letters above and below it, a scale bar, and the grey scale if wanted."""
    unit, width, height = picture.unit_mm, picture.width_mm, picture.height_mm
    side = unit * (_SIDE_UNITS if picture.outlines else _BARE_SIDE_UNITS)
    above, below, last = -0.75 * unit, height + 0.75 * unit, height + 2.2 * unit
    bottom = _BOTTOM_UNITS * unit
    texts = [
        SceneText(picture.plane.left, 0.0, above, "start", bold=True),
        SceneText("H", width / 2.0, above, "middle", bold=True),
        SceneText(picture.plane.right, width, above, "end", bold=True),
        SceneText("F", width / 2.0, below, "middle", bold=True),
    ]
    length = next((mm for mm in (100.0, 50.0, 20.0) if mm <= 0.6 * width), 10.0)
    bar = Box(0.0, last, length, 0.0)
    texts.append(SceneText(f"{length / 10.0:g} cm", length + 0.5 * unit, last, "start"))
    ramp = None
    if with_ramp:
        if length + _BAR_AND_RAMP_UNITS * unit > width:
            last, bottom = last + _NEXT_ROW_UNITS * unit, bottom + _NEXT_ROW_UNITS * unit
        ramp = Box(width - 5.6 * unit, last - 0.35 * unit, 4.2 * unit, 0.7 * unit)
        texts.append(SceneText("SUV 0", ramp.x_mm - 0.4 * unit, last, "end"))
        texts.append(SceneText(f"{picture.window_suv:g}", ramp.x_mm + ramp.width_mm + 0.4 * unit, last, "start"))
    frame = Box(-side, -_TOP_UNITS * unit, width + 2 * side, height + _TOP_UNITS * unit + bottom)
    return Scene(picture, frame, tuple(texts), bar, ramp)


@dataclass(frozen=True, slots=True, eq=False)
class SliceScene:
    """A slice with its surroundings, laid out as a `Scene` is."""

    slice: Slice
    frame: Box
    texts: tuple[SceneText, ...]
    bar: Box


def slice_scenes(slices: Sequence[Slice]) -> list[SliceScene]:
    """Lay out slices with margins of one width, so that all have one scale and names have the room they need."""
    sides = {
        left: max(
            [GAP_UNITS + _length_units(n.text, n.strong) for s in slices for n in s.names if n.label.left is left]
            or [0.4]
        )
        for left in (True, False)
    }
    scenes = []
    for one in slices:
        unit, width, height = one.unit_mm, one.width_mm, one.height_mm
        above, below = -0.75 * unit, height + 0.95 * unit
        length = 100.0 if width > 200.0 else 50.0
        texts = (
            SceneText("R", 0.0, above, "start", bold=True),
            SceneText("H", width / 2.0, above, "middle", bold=True),
            SceneText("L", width, above, "end", bold=True),
            SceneText(f"{length / 10.0:g} cm", length + 0.5 * unit, below, "start"),
        )
        across = width + (sides[True] + sides[False]) * unit
        frame = Box(-sides[True] * unit, -_TOP_UNITS * unit, across, height + (_TOP_UNITS + 1.8) * unit)
        scenes.append(SliceScene(one, frame, texts, Box(0.0, below, length, 0.0)))
    return scenes


def _length_units(text: str, bold: bool) -> float:
    """About how long a text is, in lines of type."""
    return 0.3 + len(text) * _CHARACTER_EMS[bold] * TYPE_UNITS
