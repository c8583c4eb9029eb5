"""The report as a PDF: page one to look at, the pages after it to look things up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from psmap.apps.report.page import VERDICT_COLOURS, Align, KeyNumber, ReportView, Tone
from psmap.apps.report.pdf_canvas import POINT_MM, Fill, GreyImage, Stroke, Word, text_mm, write_sheets
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
from psmap.apps.report.scene import TYPE_UNITS, Scene, scene_of
from psmap.io.atomic import whole_file

CAUTION, CAUTION_PALE = "#d98200", "#fff6e5"

_PICTURES_LEAST_MM = 95.0
"""Pictures lower than this go to a page of their own."""

_LEGEND_MM = 8.0


def write_pdf(path: Path, view: ReportView) -> None:
    """Write the report as an A4 PDF, whole or not at all; the same view gives the same bytes."""
    flow = Flow()
    _head(flow, view)
    _impression(flow, view)
    _pictures(flow, view)
    _sites(flow, view)
    _burden(flow, view)
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
        _scene(flow, scene, x, flow.y_mm + 3.0, scale)
        x += scene.frame.width_mm * scale + gap
    flow.y_mm += 3.0 + height * scale
    verdicts = {row.verdict for row in view.site_rows}
    legend = [(str(verdict), colour, False) for verdict, colour in VERDICT_COLOURS.items() if verdict in verdicts]
    if legend:
        legend.append(("small", SOFT, True))
    lengths = [11.0 + text_mm(name, SMALL_PT) for name, _, _ in legend]
    x = (LEFT_MM + RIGHT_MM - sum(lengths)) / 2.0
    for (name, colour, dashed), length in zip(legend, lengths, strict=True):
        line = np.array([[x, flow.y_mm + 1.2], [x + 5.0, flow.y_mm + 1.2]])
        flow.sheet.strokes.append(Stroke(line, colour, 1.0 if dashed else 1.5, dashed))
        flow.word(x + 6.5, flow.y_mm + 2.0, name, SMALL_PT, INK)
        x += length
    flow.y_mm += 3.6
    flow.paragraph(view.picture_note, SMALL_PT, SOFT)


def _scene(flow: Flow, scene: Scene, x_mm: float, y_mm: float, scale: float) -> None:
    """Draw a scene with the upper left corner of its frame at x, y and so many mm of paper per mm of patient."""
    picture, sheet = scene.picture, flow.sheet
    origin = np.array([x_mm - scene.frame.x_mm * scale, y_mm - scene.frame.y_mm * scale])
    unit = picture.unit_mm * scale
    size = TYPE_UNITS * unit / POINT_MM
    drop = 0.36 * TYPE_UNITS * unit
    left, top = float(origin[0]), float(origin[1])
    width, height = picture.width_mm * scale, picture.height_mm * scale
    caption = f"{picture.plane.name} {picture.plane.seen_from}"
    sheet.words.append(Word(left + width / 2.0, y_mm - 0.8, caption, SMALL_PT, SOFT, align="middle"))
    sheet.images.append(GreyImage(left, top, width, height, picture.grey))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * [width, height] + origin
    sheet.strokes.append(Stroke(corners, LINE, 0.5))
    labels = [outline.label for outline in picture.outlines if outline.label]
    for label in labels:
        start = label.x_mm + (0.25 if label.left else -0.25) * picture.unit_mm
        ends = np.array([[start, label.y_mm], [label.end_x_mm, label.end_y_mm]]) * scale + origin
        sheet.strokes.append(Stroke(ends, "#8b95a3", 0.35))
    for outline in picture.outlines:
        for line in outline.lines:
            points = line * scale + origin
            if not outline.small:
                sheet.strokes.append(Stroke(points, "#ffffff", 1.9, alpha=0.6))
            weight = 0.55 if outline.small else 1.0
            sheet.strokes.append(Stroke(points, VERDICT_COLOURS[outline.verdict], weight, outline.small))
    for label in labels:
        x, y = np.array([label.x_mm, label.y_mm]) * scale + origin
        align: Align = "end" if label.left else "start"
        sheet.words.append(Word(float(x), float(y) + drop, str(label.site), size, INK, align=align))
    bar = np.array([[scene.bar.x_mm, scene.bar.y_mm], [scene.bar.x_mm + scene.bar.width_mm, scene.bar.y_mm]])
    sheet.strokes.append(Stroke(bar * scale + origin, INK, 1.2))
    if scene.ramp:
        ramp = scene.ramp
        box = (left + ramp.x_mm * scale, top + ramp.y_mm * scale, ramp.width_mm * scale, ramp.height_mm * scale)
        sheet.images.append(GreyImage(*box, np.arange(255, -1, -1, dtype=np.uint8)[None, :]))
        edge = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * [box[2], box[3]] + [box[0], box[1]]
        sheet.strokes.append(Stroke(edge, "#8b95a3", 0.4))
    for text in scene.texts:
        x, y = np.array([text.x_mm, text.y_mm]) * scale + origin
        sheet.words.append(Word(float(x), float(y) + drop, text.text, size, INK, text.bold, text.align))


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
