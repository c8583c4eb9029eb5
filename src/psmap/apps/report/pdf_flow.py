"""Paragraphs and tables that run down A4 pages and go on overleaf; page numbers once their count is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from psmap.apps.report.page import Column, Fact
from psmap.apps.report.pdf_canvas import HEIGHT_MM, POINT_MM, WIDTH_MM, Fill, Sheet, Stroke, Word, printable, text_mm

INK, SOFT, LINE, ACCENT = "#1b2430", "#566172", "#d9dfe6", "#1f4e79"
SHADE = "#eef3f8"

LEFT_MM, RIGHT_MM = 14.0, WIDTH_MM - 14.0
TOP_MM, BOTTOM_MM = 14.0, HEIGHT_MM - 17.0
BODY_PT, TABLE_PT, UNIT_PT, SMALL_PT = 8.2, 6.7, 5.5, 6.9
LEADING = 1.42
"""Distance of baselines in sizes of type."""

_CELL_MM = 1.2
"""Room on either side of a cell's text."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """Cells of a row; fewer cells than columns leave the last one to run over the rest. `mark` colours a dot."""

    cells: tuple[str, ...]
    soft: bool = False
    shaded: bool = False
    mark: tuple[int, str] | None = None


class Flow:
    """A cursor that runs down the page and starts a new one when the page is full."""

    def __init__(self) -> None:
        self.sheets: list[Sheet] = [Sheet()]
        self.y_mm = TOP_MM

    @property
    def sheet(self) -> Sheet:
        """The page being filled."""
        return self.sheets[-1]

    @property
    def room_mm(self) -> float:
        """What is left of the page."""
        return BOTTOM_MM - self.y_mm

    def new_sheet(self) -> None:
        """Go to the top of a new page."""
        self.sheets.append(Sheet())
        self.y_mm = TOP_MM

    def need(self, height_mm: float) -> None:
        """Start a new page unless so much is left of this one."""
        if self.room_mm < height_mm and self.y_mm > TOP_MM:
            self.new_sheet()

    def word(self, x_mm: float, baseline_mm: float, text: str, size_pt: float, colour: str, bold: bool = False) -> None:
        """Put one line of text, not wrapped, on the page."""
        self.sheet.words.append(Word(x_mm, baseline_mm, printable(text), size_pt, colour, bold))

    def rule(self, y_mm: float, colour: str = LINE, width_pt: float = 0.5) -> None:
        """Draw a line across the page."""
        self.sheet.strokes.append(Stroke(np.array([[LEFT_MM, y_mm], [RIGHT_MM, y_mm]]), colour, width_pt))

    def heading(self, text: str, keep_mm: float = 24.0) -> None:
        """A section's head, kept together with what follows it."""
        self.need(keep_mm)
        if self.y_mm > TOP_MM:
            self.y_mm += 5.0
        self.word(LEFT_MM, self.y_mm + 4.0, text, 11.0, ACCENT, bold=True)
        self.rule(self.y_mm + 6.0)
        self.y_mm += 8.6

    def subheading(self, text: str, keep_mm: float = 14.0) -> None:
        """A smaller head, kept together with what follows it."""
        self.need(keep_mm)
        self.word(LEFT_MM, self.y_mm + 4.6, text, BODY_PT, INK, bold=True)
        self.y_mm += 6.4

    def paragraph(
        self, text: str, size_pt: float = BODY_PT, colour: str = INK, indent_mm: float = 0.0, lead: str = ""
    ) -> None:
        """Wrapped text; `lead` stands bold before it, or in the indent where there is one."""
        step = size_pt * POINT_MM * LEADING
        left = LEFT_MM + indent_mm
        lead = printable(lead)
        hang = 0.0 if indent_mm or not lead else text_mm(lead + " ", size_pt, bold=True)
        for n, line in enumerate(wrap(text, RIGHT_MM - left, size_pt, first_mm=hang)):
            self.need(step)
            if n == 0 and lead:
                self.word(
                    LEFT_MM, self.y_mm + step * 0.75, lead, size_pt, SOFT if indent_mm else INK, bold=not indent_mm
                )
            self.word(left + (hang if n == 0 else 0.0), self.y_mm + step * 0.75, line, size_pt, colour)
            self.y_mm += step
        self.y_mm += 0.5

    def facts(self, facts: Sequence[Fact]) -> None:
        """Names on the left, values wrapped beside them."""
        indent = 4.0 + max(text_mm(printable(fact.name), BODY_PT) for fact in facts)
        for fact in facts:
            self.paragraph(fact.value, indent_mm=indent, lead=fact.name)

    def table(self, columns: Sequence[Column], rows: Sequence[TableRow]) -> None:
        """A table with its head repeated on every page; text cells wrap where the page is too narrow."""
        widths = column_widths(columns, rows)
        # words that cannot be broken may need more than the page: then all type of this table is smaller
        shrink = min(1.0, (RIGHT_MM - LEFT_MM) / (sum(widths) - 1e-6))
        widths = [width * shrink for width in widths]
        size_pt = TABLE_PT * shrink
        edges = [LEFT_MM, *(LEFT_MM + float(edge) for edge in np.cumsum(widths))]
        inset = _CELL_MM * shrink
        sides = [(left + inset, right - inset) for left, right in pairwise(edges)]
        step = size_pt * POINT_MM * LEADING
        self._table_head(columns, sides, shrink)
        for row in rows:
            last = len(row.cells) - 1
            rights = [sides[-1 if n == last else n][1] for n in range(last + 1)]
            cells = [
                wrap(cell, rights[n] - sides[n][0] + 0.01, size_pt, bold=row.shaded or n == 0)
                for n, cell in enumerate(row.cells)
            ]
            height = step * max(len(lines) for lines in cells) + 1.1
            if self.room_mm < height:
                self.new_sheet()
                self._table_head(columns, sides, shrink)
            if row.shaded:
                self.sheet.fills.append(Fill(LEFT_MM, self.y_mm, RIGHT_MM - LEFT_MM, height, SHADE))
            colour = SOFT if row.soft else INK
            for n, lines in enumerate(cells):
                bold = row.shaded or n == 0
                for m, line in enumerate(lines):
                    baseline = self.y_mm + 0.4 + step * (m + 0.75)
                    self._cell(columns[n], sides[n], baseline, line, colour, size_pt, bold=bold)
            if row.mark:
                n, colour = row.mark
                self.sheet.fills.append(Fill(edges[n] - 1.0, self.y_mm + 0.6 + 0.25 * step, 1.4, 1.4, colour))
            self.y_mm += height
            self.rule(self.y_mm, width_pt=0.35)

    def _table_head(self, columns: Sequence[Column], sides: Sequence[tuple[float, float]], shrink: float) -> None:
        name_pt, unit_pt = TABLE_PT * shrink, UNIT_PT * shrink
        step = name_pt * POINT_MM * LEADING
        for column, side in zip(columns, sides, strict=True):
            self._cell(column, side, self.y_mm + 0.75 * step, column.name, INK, name_pt, bold=True)
            self._cell(column, side, self.y_mm + 1.7 * step, column.unit, SOFT, unit_pt)
        self.y_mm += (2.1 if any(column.unit for column in columns) else 1.2) * step
        self.rule(self.y_mm, "#aab4c0", 0.9)

    def _cell(
        self,
        column: Column,
        sides_mm: tuple[float, float],
        baseline_mm: float,
        text: str,
        colour: str,
        size_pt: float,
        *,
        bold: bool = False,
    ) -> None:
        if not text:
            return
        x = sides_mm[1] if column.number else sides_mm[0]
        word = Word(x, baseline_mm, printable(text), size_pt, colour, bold, "end" if column.number else "start")
        self.sheet.words.append(word)

    def finish(self, footer: str) -> tuple[Sheet, ...]:
        """Put the footer and 'page x of y' on every page and give the pages back."""
        y = HEIGHT_MM - 9.0
        for n, sheet in enumerate(self.sheets, start=1):
            sheet.strokes.append(Stroke(np.array([[LEFT_MM, y - 4.0], [RIGHT_MM, y - 4.0]]), LINE, 0.5))
            sheet.words.append(Word(LEFT_MM, y, printable(footer), SMALL_PT, SOFT))
            sheet.words.append(Word(RIGHT_MM, y, f"page {n} of {len(self.sheets)}", SMALL_PT, SOFT, align="end"))
        return tuple(self.sheets)


def wrap(text: str, width_mm: float, size_pt: float, first_mm: float = 0.0, *, bold: bool = False) -> list[str]:
    """Break text into lines of at most `width_mm`, the first one shorter by `first_mm`; long words are cut."""
    lines: list[str] = []
    line = ""
    for token in printable(" ".join(text.split(" "))).split(" "):
        word = token
        room = width_mm - (first_mm if not lines else 0.0)
        if line and text_mm(f"{line} {word}", size_pt, bold) <= room:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
            room = width_mm
        while len(word) > 1 and text_mm(word, size_pt, bold) > room:
            fit = max(1, next(n for n in range(len(word), 0, -1) if n == 1 or text_mm(word[:n], size_pt, bold) <= room))
            lines.append(word[:fit])
            word, room = word[fit:], width_mm
        line = word
    return [*lines, line]


def column_widths(columns: Sequence[Column], rows: Sequence[TableRow]) -> list[float]:
    """Widths in mm that fill the page. Where it is too narrow, text columns wrap, but no word is cut for it."""
    page = RIGHT_MM - LEFT_MM
    natural, least = [], []
    for n, column in enumerate(columns):
        head = max(text_mm(column.name, TABLE_PT, bold=True), text_mm(column.unit, UNIT_PT))
        cells = [(row.cells[n], row.shaded or n == 0) for row in rows if len(row.cells) == len(columns)]
        full = [text_mm(cell, TABLE_PT, bold) for cell, bold in set(cells)]
        words = [text_mm(word, TABLE_PT, bold) for cell, bold in set(cells) for word in cell.split(" ")]
        natural.append(max([head, *full]) + 2 * _CELL_MM)
        least.append(natural[-1] if column.number else max([head, *words]) + 2 * _CELL_MM)
    spare = page - sum(natural)
    if spare >= 0:
        return [width + spare / len(columns) for width in natural]
    give = sum(natural) - sum(least)
    share = min(1.0, -spare / give) if give else 0.0
    return [width - share * (width - narrow) for width, narrow in zip(natural, least, strict=True)]
