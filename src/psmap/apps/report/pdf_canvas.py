"""A page as a list of things to draw, in millimetres from its upper left corner, and their way into a PDF."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from psmap.apps.report.page import Align
from psmap.domain.geometry import FloatArray
from psmap.domain.refusal import Refused

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
MM_PER_INCH = 25.4
POINT_MM = MM_PER_INCH / 72.0

_FONTS = {False: "DejaVuSans", True: "DejaVuSans-Bold"}
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
    return _ems(text, bold) * size_pt * POINT_MM


@lru_cache(maxsize=16384)
def _ems(text: str, bold: bool) -> float:
    """Width of a text in ems; a table asks for each of its cells several times."""
    return sum(_advance(c, bold) or 0.0 for c in text)


@lru_cache(maxsize=4096)
def _advance(character: str, bold: bool) -> float | None:
    """How far a character moves the pen, in ems; None where the typeface lacks it."""
    face = _font(bold).face
    code = ord(character)
    return float(face.charWidths[code]) / 1000.0 if code in face.charToGlyph else None


@lru_cache(maxsize=2)
def _font(bold: bool) -> TTFont:
    """The typeface, made known to reportlab. matplotlib is only looked up: importing it would take longer."""
    package = find_spec("matplotlib")
    folders = package.submodule_search_locations if package else None
    path = Path(folders[0] if folders else "") / "mpl-data" / "fonts" / "ttf" / f"{_FONTS[bold]}.ttf"
    if not path.is_file():
        raise Refused("the typeface of the report is missing", where=path.name, cure="install matplotlib again")
    font = TTFont(_FONTS[bold], str(path))
    registerFont(font)
    return font


def write_sheets(path: Path, sheets: Sequence[Sheet], *, title: str, creator: str, created: datetime) -> None:
    """Write pages as a PDF. The same pages give the same bytes: `created` is the only time that goes in."""
    for bold in _FONTS:
        _font(bold)
    stamp = f"D:{created.astimezone(UTC):%Y%m%d%H%M%S}Z"
    with _binary_streams():
        size = (WIDTH_MM / POINT_MM, HEIGHT_MM / POINT_MM)
        canvas = Canvas(str(path), pagesize=size, pageCompression=1, invariant=1, initialFontName=_FONTS[False])
        canvas._doc.signature = _fingerprint(stamp, sheets)  # reportlab's own holds SOURCE_DATE_EPOCH of the moment
        canvas.setTitle(title)
        canvas.setCreator(creator)
        canvas.setAuthor(creator)
        canvas.setSubject("")
        canvas.setDateFormatter(lambda *_: stamp)
        for sheet in sheets:
            _draw(canvas, sheet)
            canvas.showPage()
        canvas.save()


def _fingerprint(stamp: str, sheets: Sequence[Sheet]) -> hashlib._Hash:
    """What the identifier of the file (ISO 32000 14.4) is made of: when the run began, and every word."""
    found = hashlib.md5(stamp.encode(), usedforsecurity=False)
    for sheet in sheets:
        for word in sheet.words:
            found.update(word.text.encode())
    return found


@contextmanager
def _binary_streams() -> Iterator[None]:
    """Let reportlab write pages and pictures as they are, not as ASCII text, which takes a quarter more room."""
    before = rl_config.useA85
    rl_config.useA85 = 0
    try:
        yield
    finally:
        rl_config.useA85 = before


def _draw(canvas: Canvas, sheet: Sheet) -> None:
    """Draw a page: fills, pictures, lines, words, each over what came before it."""
    canvas.setLineJoin(1)
    for fill in sheet.fills:
        _draw_fill(canvas, fill)
    for image in sheet.images:
        box = (image.x_mm, HEIGHT_MM - image.y_mm - image.height_mm, image.width_mm, image.height_mm)
        x, y, width, height = (side / POINT_MM for side in box)
        canvas.drawImage(ImageReader(Image.fromarray(np.ascontiguousarray(image.grey))), x, y, width, height)
    points, path = None, None
    for stroke in sheet.strokes:
        if path is None or stroke.points_mm is not points:  # an outline and the halo under it share their points
            points, path = stroke.points_mm, _path(canvas, stroke.points_mm)
        _draw_stroke(canvas, stroke, path)
    for word in sheet.words:
        _draw_word(canvas, word)


def _draw_fill(canvas: Canvas, fill: Fill) -> None:
    canvas.setFillColor(_colour(fill.colour))
    if fill.edge:
        canvas.setStrokeColor(_colour(fill.edge))
        canvas.setLineWidth(0.5)
    x, y = fill.x_mm / POINT_MM, (HEIGHT_MM - fill.y_mm - fill.height_mm) / POINT_MM
    canvas.rect(x, y, fill.width_mm / POINT_MM, fill.height_mm / POINT_MM, stroke=int(bool(fill.edge)), fill=1)


def _path(canvas: Canvas, points_mm: FloatArray) -> PDFPathObject:
    path = canvas.beginPath()
    first, *others = ((points_mm * [1.0, -1.0] + [0.0, HEIGHT_MM]) / POINT_MM).tolist()
    path.moveTo(*first)
    for point in others:
        path.lineTo(*point)
    return path


def _draw_stroke(canvas: Canvas, stroke: Stroke, path: PDFPathObject) -> None:
    canvas.setStrokeColor(_colour(stroke.colour), alpha=stroke.alpha)
    canvas.setLineWidth(stroke.width_pt)
    canvas.setDash([2.4 * stroke.width_pt, 1.4 * stroke.width_pt] if stroke.dashed else [])
    canvas.drawPath(path)


def _draw_word(canvas: Canvas, word: Word) -> None:
    x = word.x_mm
    if word.align != "start":
        x -= text_mm(word.text, word.size_pt, word.bold) * (0.5 if word.align == "middle" else 1.0)
    canvas.setFillColor(_colour(word.colour))
    canvas.setFont(_FONTS[word.bold], word.size_pt)
    canvas.drawString(x / POINT_MM, (HEIGHT_MM - word.y_mm) / POINT_MM, word.text)


@lru_cache(maxsize=64)
def _colour(name: str) -> HexColor:
    return HexColor(name)
