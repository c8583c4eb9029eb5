"""Projections and slices on paper: grey picture, outlines, names with leaders, scale bar, legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psmap.apps.report.families import FAMILY_COLOURS, ORGAN_COLOUR, VOI_COLOUR
from psmap.apps.report.leaders import Label
from psmap.apps.report.page import VERDICT_COLOURS, Align, LegendEntry
from psmap.apps.report.pdf_canvas import POINT_MM, GreyImage, Stroke, Word, text_mm
from psmap.apps.report.pdf_flow import INK, LEFT_MM, LINE, RIGHT_MM, SMALL_PT, SOFT, Flow
from psmap.apps.report.projection import Picture
from psmap.apps.report.scene import TYPE_UNITS, Box, Scene, SceneText, SliceScene
from psmap.apps.report.slices import Slice
from psmap.domain.geometry import FloatArray

_LEADER = "#8b95a3"


class _Paper:
    """Where on the page a scene stands: upper left corner of its frame, and mm of paper per mm of the patient."""

    def __init__(self, flow: Flow, frame: Box, unit_mm: float, x_mm: float, y_mm: float, scale: float) -> None:
        self.sheet = flow.sheet
        self.scale = scale
        self.unit_mm = unit_mm
        self.origin: FloatArray = np.array([x_mm - frame.x_mm * scale, y_mm - frame.y_mm * scale])
        self.type_pt = TYPE_UNITS * unit_mm * scale / POINT_MM

    def at(self, points: FloatArray) -> FloatArray:
        """Points of the scene on the page."""
        placed: FloatArray = points * self.scale + self.origin
        return placed

    def word(self, text: str, x_mm: float, y_mm: float, align: Align, *, bold: bool = False) -> None:
        """A word whose middle line is at y."""
        x, y = self.at(np.array([x_mm, y_mm]))
        drop = 0.36 * TYPE_UNITS * self.unit_mm * self.scale
        self.sheet.words.append(Word(float(x), float(y) + drop, text, self.type_pt, INK, bold, align))

    def leader(self, label: Label) -> None:
        """The line from just beside a name to what it names."""
        start = label.x_mm + (0.25 if label.left else -0.25) * self.unit_mm
        ends = self.at(np.array([[start, label.y_mm], [label.end_x_mm, label.end_y_mm]]))
        self.sheet.strokes.append(Stroke(ends, _LEADER, 0.35))

    def ground(self, picture: Picture | Slice) -> None:
        """The grey picture in its frame."""
        left, top = (float(side) for side in self.origin)
        width, height = picture.width_mm * self.scale, picture.height_mm * self.scale
        self.sheet.images.append(GreyImage(left, top, width, height, picture.grey))
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * [width, height] + self.origin
        self.sheet.strokes.append(Stroke(corners, LINE, 0.5))

    def surroundings(self, bar: Box, texts: Sequence[SceneText]) -> None:
        """Scale bar, letters and words."""
        ends = np.array([[bar.x_mm, bar.y_mm], [bar.x_mm + bar.width_mm, bar.y_mm]])
        self.sheet.strokes.append(Stroke(self.at(ends), INK, 1.2))
        for text in texts:
            self.word(text.text, text.x_mm, text.y_mm, text.align, bold=text.bold)


def draw_projection(flow: Flow, scene: Scene, x_mm: float, y_mm: float, scale: float) -> None:
    """Draw a projection with the upper left corner of its frame at x, y and so many mm of paper per mm of patient."""
    picture = scene.picture
    paper = _Paper(flow, scene.frame, picture.unit_mm, x_mm, y_mm, scale)
    _caption(flow, f"{picture.plane.name} {picture.plane.seen_from}", paper, picture.width_mm, y_mm)
    paper.ground(picture)
    for organ in picture.organs:
        for line in organ.lines:
            paper.sheet.strokes.append(Stroke(paper.at(line), ORGAN_COLOUR, 0.55))
    labels = [outline.label for outline in picture.outlines if outline.label]
    for label in labels:
        paper.leader(label)
    for outline in picture.outlines:
        for line in outline.lines:
            points = paper.at(line)
            if not outline.small:
                paper.sheet.strokes.append(Stroke(points, "#ffffff", 1.9, alpha=0.6))
            weight = 0.55 if outline.small else 1.0
            paper.sheet.strokes.append(Stroke(points, VERDICT_COLOURS[outline.verdict], weight, outline.small))
    for label in labels:
        paper.word(str(label.site), label.x_mm, label.y_mm, "end" if label.left else "start")
    _ramp(scene.ramp, paper)
    paper.surroundings(scene.bar, scene.texts)


def draw_slice(flow: Flow, scene: SliceScene, x_mm: float, y_mm: float, scale: float) -> None:
    """Draw a slice as `draw_projection` draws a projection."""
    cut = scene.slice
    paper = _Paper(flow, scene.frame, cut.unit_mm, x_mm, y_mm, scale)
    _caption(flow, f"{cut.head} {cut.place}", paper, cut.width_mm, y_mm)
    paper.ground(cut)
    for contour in cut.contours:
        for line in contour.lines:
            points = paper.at(line)
            paper.sheet.strokes.append(Stroke(points, "#ffffff", 1.4, alpha=0.55))
            paper.sheet.strokes.append(Stroke(points, FAMILY_COLOURS[contour.family], 0.75))
    for name in cut.names:
        paper.leader(name.label)
    for mark in cut.vois:
        for line in mark.lines:
            points = paper.at(line)
            paper.sheet.strokes.append(Stroke(points, "#ffffff", 2.2))
            paper.sheet.strokes.append(Stroke(points, VOI_COLOUR, 1.0, bool(mark.aside_mm)))
    for name in cut.names:
        align: Align = "end" if name.label.left else "start"
        paper.word(name.text, name.label.x_mm, name.label.y_mm, align, bold=name.strong)
    paper.surroundings(scene.bar, scene.texts)


def draw_legend(flow: Flow, entries: Sequence[LegendEntry]) -> None:
    """Lines and what they mean, in rows in the middle of the page."""
    rows: list[list[LegendEntry]] = [[]]
    for entry in entries:
        if rows[-1] and sum(_legend_mm(own) for own in [*rows[-1], entry]) > RIGHT_MM - LEFT_MM:
            rows.append([])
        rows[-1].append(entry)
    for row in rows:
        x = (LEFT_MM + RIGHT_MM - sum(_legend_mm(entry) for entry in row)) / 2.0
        for entry in row:
            line = np.array([[x, flow.y_mm + 1.2], [x + 5.0, flow.y_mm + 1.2]])
            flow.sheet.strokes.append(Stroke(line, entry.colour, 1.0 if entry.dashed else 1.5, entry.dashed))
            flow.word(x + 6.5, flow.y_mm + 2.0, entry.name, SMALL_PT, INK)
            x += _legend_mm(entry)
        flow.y_mm += 3.6


def _legend_mm(entry: LegendEntry) -> float:
    return 11.0 + text_mm(entry.name, SMALL_PT)


def _caption(flow: Flow, text: str, paper: _Paper, width_mm: float, y_mm: float) -> None:
    middle = float(paper.origin[0]) + width_mm * paper.scale / 2.0
    flow.sheet.words.append(Word(middle, y_mm - 0.8, text, SMALL_PT, SOFT, align="middle"))


def _ramp(ramp: Box | None, paper: _Paper) -> None:
    if ramp is None:
        return
    left, top = (float(side) for side in paper.at(np.array([ramp.x_mm, ramp.y_mm])))
    width, height = ramp.width_mm * paper.scale, ramp.height_mm * paper.scale
    paper.sheet.images.append(GreyImage(left, top, width, height, np.arange(255, -1, -1, dtype=np.uint8)[None, :]))
    edge = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) * [width, height] + [left, top]
    paper.sheet.strokes.append(Stroke(edge, "#8b95a3", 0.4))
