"""The report as a PDF: page one to look at, the pages after it to look things up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from psmap.apps.report.families import ORGAN_COLOUR
from psmap.apps.report.page import VERDICT_COLOURS, KeyNumber, LegendEntry, PlainTable, ReportView, Tone
from psmap.apps.report.pdf_canvas import POINT_MM, Fill, text_mm, write_sheets
from psmap.apps.report.pdf_flow import (
    ACCENT,
    BODY_PT,
    INK,
    LEADING,
    LEFT_MM,
    LINE,
    RIGHT_MM,
    SHADE,
    SMALL_PT,
    SOFT,
    Flow,
    TableRow,
    wrap,
)
from psmap.apps.report.pdf_pictures import draw_legend, draw_projection, draw_slice
from psmap.apps.report.scene import SliceScene, scene_of, slice_scenes
from psmap.io.atomic import whole_file

CAUTION, CAUTION_PALE = "#d98200", "#fff6e5"

_PICTURES_LEAST_MM = 95.0
"""Pictures lower than this go to a page of their own."""

_LEGEND_MM = 8.0

_SLICE_MOST_MM = 112.0
"""Largest height of a coronal slice: two rows of them, legend and note fill a page."""


def write_pdf(path: Path, view: ReportView) -> None:
    """Write the report as an A4 PDF, whole or not at all; the same view gives the same bytes."""
    flow = Flow()
    _head(flow, view)
    _impression(flow, view)
    _pictures(flow, view)
    _sites(flow, view)
    _burden(flow, view)
    _anatomy(flow, view)
    flow.heading("How the SUV came about")
    flow.facts(view.suv_facts)
    flow.subheading("Trace")
    for n, line in enumerate(view.suv_trace, start=1):
        flow.paragraph(line, SMALL_PT, indent_mm=6.0, lead=f"{n}.")
    if view.history:
        flow.heading("History as given")
        flow.facts(view.history)
    flow.heading("How the case was read", keep_mm=46.0)  # no heading without the subheading and its facts
    flow.subheading("Parameters", keep_mm=34.0)
    flow.facts(view.parameters)
    if view.choices:
        flow.subheading("Choices on the way in")
        for line in view.choices:
            flow.paragraph(line, indent_mm=4.0, lead="•")
    flow.subheading("Provenance", keep_mm=38.0)
    flow.facts(view.provenance)
    flow.heading("Definitions", keep_mm=60.0)
    for note in view.notes:
        flow.paragraph(note.text, SMALL_PT, SOFT, lead=f"{note.term}:")
    with whole_file(path) as part:
        write_sheets(
            part, flow.finish(view.footer), title=view.title, creator=f"psmap {view.psmap}", created=view.started
        )


def _head(flow: Flow, view: ReportView) -> None:
    flow.word(LEFT_MM, flow.y_mm + 6.0, view.title, 17.0, INK, bold=True)
    flow.word(LEFT_MM, flow.y_mm + 10.8, view.subtitle, BODY_PT, SOFT)
    y, x = flow.y_mm + 16.4, LEFT_MM
    for fact in view.facts:
        width = max(text_mm(fact.name, SMALL_PT), text_mm(fact.value, BODY_PT, bold=True))
        if x > LEFT_MM and x + width > RIGHT_MM:
            x, y = LEFT_MM, y + 9.0
        flow.word(x, y, fact.name, SMALL_PT, SOFT)
        flow.word(x, y + 3.8, fact.value, BODY_PT, INK, bold=True)
        x += width + 8.0
    flow.y_mm = y + 7.0
    for banner in view.banners:
        loud = banner.tone is Tone.CAUTION
        _box(flow, banner.title, (banner.text,), loud=loud)
    if view.warnings:
        _box(flow, "SUV warnings", tuple(f"• {line}" for line in view.warnings), loud=True, title_alone=True)


def _box(flow: Flow, title: str, texts: tuple[str, ...], *, loud: bool, title_alone: bool = False) -> None:
    """A coloured box: the title in bold, then the texts, the first of them on the title's line unless it is alone."""
    step, inset = BODY_PT * POINT_MM * LEADING, 4.0
    width = RIGHT_MM - LEFT_MM - 2 * inset
    hang = 0.0 if title_alone else text_mm(title + "  ", BODY_PT, bold=True)
    lines: list[tuple[float, str]] = []
    for n, text in enumerate(texts):
        first = hang if n == 0 else 0.0
        lines += [(first if m == 0 else 0.0, line) for m, line in enumerate(wrap(text, width, BODY_PT, first))]
    height = step * (len(lines) + title_alone) + 2.2
    flow.need(height)
    flow.sheet.fills.append(Fill(LEFT_MM, flow.y_mm, RIGHT_MM - LEFT_MM, height, CAUTION_PALE if loud else SHADE))
    flow.sheet.fills.append(Fill(LEFT_MM, flow.y_mm, 1.0, height, CAUTION if loud else ACCENT))
    baseline = flow.y_mm + 1.1 + 0.75 * step
    flow.word(LEFT_MM + inset, baseline, title, BODY_PT, INK, bold=True)
    for n, (indent, line) in enumerate(lines):
        flow.word(LEFT_MM + inset + indent, baseline + step * (n + title_alone), line, BODY_PT, INK)
    flow.y_mm += height + 1.4


def _impression(flow: Flow, view: ReportView) -> None:
    flow.y_mm += 1.6
    for line in view.impression:
        flow.paragraph(line, 9.0)
    flow.y_mm += 1.2
    flow.need(16.0)
    gap = 3.0
    width = (RIGHT_MM - LEFT_MM - gap * (len(view.key_numbers) - 1)) / len(view.key_numbers)
    for n, key in enumerate(view.key_numbers):
        _tile(flow, key, LEFT_MM + n * (width + gap), width)
    flow.y_mm += 17.6


def _tile(flow: Flow, key: KeyNumber, x_mm: float, width_mm: float) -> None:
    y = flow.y_mm
    flow.sheet.fills.append(Fill(x_mm, y, width_mm, 15.6, "#ffffff", edge=LINE))
    flow.word(x_mm + 2.6, y + 4.0, key.name, SMALL_PT, SOFT)
    flow.word(x_mm + 2.6, y + 9.7, key.value, 14.0, INK, bold=True)
    flow.word(x_mm + 2.6 + text_mm(key.value + " ", 14.0, bold=True), y + 9.7, key.unit, SMALL_PT, SOFT)
    flow.word(x_mm + 2.6, y + 13.6, key.note, SMALL_PT, SOFT)


def _pictures(flow: Flow, view: ReportView) -> None:
    scenes = [scene_of(picture, with_ramp=n == 0) for n, picture in enumerate(view.pictures)]
    gap = 6.0
    width = sum(scene.frame.width_mm for scene in scenes)
    height = max(scene.frame.height_mm for scene in scenes)
    by_width = (RIGHT_MM - LEFT_MM - gap) / width
    note_lines = len(wrap(view.picture_note, RIGHT_MM - LEFT_MM, SMALL_PT))
    around = _LEGEND_MM + note_lines * SMALL_PT * POINT_MM * LEADING
    if flow.room_mm - around < min(_PICTURES_LEAST_MM, by_width * height):
        flow.new_sheet()
    scale = min(by_width, (flow.room_mm - around) / height)
    x = LEFT_MM + (RIGHT_MM - LEFT_MM - gap - width * scale) / 2.0
    for scene in scenes:
        draw_projection(flow, scene, x, flow.y_mm + 3.0, scale)
        x += scene.frame.width_mm * scale + gap
    flow.y_mm += 3.0 + height * scale
    verdicts = {row.verdict for row in view.site_rows}
    legend = [LegendEntry(str(verdict), colour) for verdict, colour in VERDICT_COLOURS.items() if verdict in verdicts]
    if legend:
        legend.append(LegendEntry("small", SOFT, dashed=True))
    if view.pictures[0].organs:
        legend.append(LegendEntry("organ", ORGAN_COLOUR))
    if legend:
        draw_legend(flow, legend)
    else:
        flow.y_mm += 3.6
    flow.paragraph(view.picture_note, SMALL_PT, SOFT)


def _anatomy(flow: Flow, view: ReportView) -> None:
    part = view.anatomy
    if part is None:
        return
    flow.heading("Anatomy", keep_mm=40.0)
    for line in part.notices:
        _box(flow, "Notice.", (line,), loud=True)
    if part.facts:
        flow.facts(part.facts)
    if part.references is not None:
        flow.subheading("References", keep_mm=40.0)
        _plain_table(flow, part.references)
    scenes = slice_scenes(part.slices)
    if scenes:
        _slices(flow, scenes, part.legend)
    flow.paragraph(part.slice_note, SMALL_PT, SOFT)
    if part.uptake is not None:
        flow.heading("Uptake of normal organs", keep_mm=46.0)
        _plain_table(flow, part.uptake)


def _plain_table(flow: Flow, table: PlainTable) -> None:
    rows = [TableRow(row.cells, soft=row.soft, shaded=row.marked) for row in table.rows]
    flow.table(table.columns, rows)
    flow.y_mm += 1.0
    flow.paragraph(table.note, SMALL_PT, SOFT)


def _slices(flow: Flow, scenes: list[SliceScene], legend: Sequence[LegendEntry]) -> None:
    """Two slices a row, as large as a page of two rows allows."""
    gap, caption, head = 4.0, 4.2, 6.4
    frame = scenes[0].frame
    rows = -(-len(scenes) // 2)
    around = head + _LEGEND_MM + 12.0
    by_width = (RIGHT_MM - LEFT_MM - gap) / 2.0 / frame.width_mm
    height = min(by_width * frame.height_mm, _SLICE_MOST_MM)
    if flow.room_mm < rows * (height + caption) + around:
        flow.new_sheet()
    flow.subheading("Coronal slices")
    scale = height / frame.height_mm
    step = (RIGHT_MM - LEFT_MM + gap) / 2.0
    for n, scene in enumerate(scenes):
        if n % 2 == 0 and n:
            flow.y_mm += height + caption
        alone = n % 2 == 0 and n == len(scenes) - 1
        left = LEFT_MM + (step / 2.0 if alone else step * (n % 2))
        x = left + (step - gap - frame.width_mm * scale) / 2.0
        draw_slice(flow, scene, x, flow.y_mm + caption, scale)
    flow.y_mm += height + caption + 1.0
    draw_legend(flow, legend)


def _sites(flow: Flow, view: ReportView) -> None:
    flow.new_sheet()
    flow.heading("Sites of raised uptake")
    if view.site_note:
        flow.paragraph(view.site_note)
    if not view.site_rows:
        return
    flow.y_mm += 1.0
    verdict = next(n for n, column in enumerate(view.site_columns) if column.name == "Verdict")
    flow.table(
        view.site_columns,
        [TableRow(row.cells, soft=row.small, mark=(verdict, VERDICT_COLOURS[row.verdict])) for row in view.site_rows],
    )


def _burden(flow: Flow, view: ReportView) -> None:
    flow.heading("Burden under each definition", keep_mm=50.0)
    flow.paragraph(view.burden_note)
    flow.y_mm += 1.0
    rows = [
        TableRow((row.name, row.withheld), soft=True)
        if row.withheld
        else TableRow((row.name, *row.cells), shaded=row.used)
        for row in view.burden_rows
    ]
    flow.table(view.burden_columns, rows)
