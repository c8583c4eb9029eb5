"""A page as a list of things to draw, in millimetres from its upper left corner, and their way into a PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import get_data_path, rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_pdf import FigureCanvasPdf, PdfPages
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.patches import Rectangle

from psmap.apps.report.page import Align
from psmap.domain.geometry import FloatArray

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
MM_PER_INCH = 25.4
POINT_MM = MM_PER_INCH / 72.0

_FONTS = {
    False: Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf",
    True: Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf",
}
"""The typeface that comes with matplotlib, so that a report looks the same on every machine."""


@dataclass(frozen=True, slots=True)
class Word:
    """A line of text with its baseline at y; x is its start, middle or end."""

    x_mm: float
    y_mm: float
    text: str
    size_pt: float
    colour: str
    bold: bool = False
    align: Align = "start"


@dataclass(frozen=True, slots=True)
class Fill:
    """A filled rectangle."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    colour: str
    edge: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Stroke:
    """A line through points (n, 2) in mm."""

    points_mm: FloatArray
    colour: str
    width_pt: float
    dashed: bool = False
    alpha: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class GreyImage:
    """A grey picture (uint8) filling a rectangle."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    grey: npt.NDArray[np.uint8]


@dataclass(slots=True)
class Sheet:
    """One A4 page under construction."""

    images: list[GreyImage] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)


def printable(text: str) -> str:
    """The text with every character that the typeface lacks shown as a replacement character."""
    return "".join(c if _advance(c, False) is not None else "\ufffd" for c in text)


def text_mm(text: str, size_pt: float, bold: bool = False) -> float:
    """Width of a line of text in mm, without kerning."""
    return sum(_advance(c, bold) or 0.0 for c in text) * size_pt * POINT_MM


@lru_cache(maxsize=4096)
def _advance(character: str, bold: bool) -> float | None:
    """How far a character moves the pen, in ems; None where the typeface lacks it."""
    font = get_font(str(_FONTS[bold]))
    if not font.get_char_index(ord(character)):
        return None
    font.set_size(100.0, 72.0)
    return float(font.load_char(ord(character)).linearHoriAdvance) / 65536.0 / 100.0


class _Words(Artist):
    """Draws lines of text at places that are already known, without matplotlib's layout of each."""

    def __init__(self, words: Sequence[Word]) -> None:
        super().__init__()
        self._words = words

    def draw(self, renderer: Any) -> None:
        """Hand every line to the renderer, whose points run from the lower left corner."""
        gc = renderer.new_gc()
        for word in self._words:
            x = word.x_mm
            if word.align != "start":
                x -= text_mm(word.text, word.size_pt, word.bold) * (0.5 if word.align == "middle" else 1.0)
            gc.set_foreground(word.colour)
            font = FontProperties(fname=str(_FONTS[word.bold]), size=word.size_pt)
            y = HEIGHT_MM - word.y_mm
            renderer.draw_text(gc, x / POINT_MM, y / POINT_MM, word.text, font, 0.0, ismath=False)
        gc.restore()


def write_sheets(path: Path, sheets: Sequence[Sheet], *, title: str, creator: str, created: datetime) -> None:
    """Write pages as a PDF. The same pages give the same bytes: `created` is the only time that goes in."""
    metadata = {"Title": title, "Creator": creator, "CreationDate": created}
    # TrueType text can be searched and copied whatever the character; matplotlib offers the choice by rc only.
    with rc_context({"pdf.fonttype": 42}), PdfPages(path, metadata=metadata) as pdf:
        for sheet in sheets:
            pdf.savefig(_figure(sheet))


def _figure(sheet: Sheet) -> Figure:
    figure = Figure(figsize=(WIDTH_MM / MM_PER_INCH, HEIGHT_MM / MM_PER_INCH), dpi=72)
    FigureCanvasPdf(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_autoscale_on(False)
    for fill in sheet.fills:
        edge = fill.edge or "none"
        corner = (fill.x_mm, fill.y_mm)
        axes.add_patch(Rectangle(corner, fill.width_mm, fill.height_mm, facecolor=fill.colour, edgecolor=edge, lw=0.5))
    for image in sheet.images:
        extent = (image.x_mm, image.x_mm + image.width_mm, image.y_mm + image.height_mm, image.y_mm)
        axes.imshow(
            image.grey, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto", interpolation="none", zorder=1.5
        )
    if sheet.strokes:
        axes.add_collection(
            LineCollection(
                [stroke.points_mm for stroke in sheet.strokes],
                colors=[(*to_rgb(stroke.colour), stroke.alpha) for stroke in sheet.strokes],
                linewidths=[stroke.width_pt for stroke in sheet.strokes],
                linestyles=[(0, (2.4, 1.4)) if stroke.dashed else "solid" for stroke in sheet.strokes],
                zorder=2,
            ),
            autolim=False,
        )
    words = _Words(sheet.words)
    words.set_zorder(3)
    axes.add_artist(words)
    axes.set_xlim(0.0, WIDTH_MM)
    axes.set_ylim(HEIGHT_MM, 0.0)
    return figure
