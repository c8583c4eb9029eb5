"""The report as one HTML file: no network, no font, no picture from outside; safe to send and to archive."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined

from psmap.apps.report.families import FAMILY_COLOURS, ORGAN_COLOUR
from psmap.apps.report.leaders import Label
from psmap.apps.report.page import VERDICT_COLOURS, ReportView
from psmap.apps.report.projection import OrganOutline, Outline
from psmap.apps.report.scene import TYPE_UNITS, Scene, scene_of, slice_scenes
from psmap.apps.report.slices import Contour, VoiMark
from psmap.io.atomic import whole_file

PICTURE_HEIGHT_PX = 840
"""Largest height of the projections on a screen."""

PICTURE_HEIGHT_PRINTED_MM = 104
"""Their largest height when the page is printed, so that they stay on the first sheet of A4."""


def write_html(path: Path, view: ReportView) -> None:
    """Write the report as one self-contained HTML file, whole or not at all."""
    text = html_text(view)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def html_text(view: ReportView) -> str:
    """The report as HTML. Its content security policy forbids every fetch and names its only script by hash."""
    templates = files("psmap.apps.report") / "templates"
    script = (templates / "report.js").read_text(encoding="utf-8")
    scenes = [scene_of(picture, with_ramp=n == 0) for n, picture in enumerate(view.pictures)]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    environment = Environment(
        loader=PackageLoader("psmap.apps.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "mm": _mm,
        "outline": outline_path,
        "leader": leader_path,
        "png": png_uri,
        "mark": mark_path,
    }
    environment.filters["largest_first"] = largest_first
    return environment.get_template("report.html.j2").render(
        view=view,
        scenes=scenes,
        slices=slice_scenes(view.anatomy.slices) if view.anatomy else [],
        families=FAMILY_COLOURS,
        organ_colour=ORGAN_COLOUR,
        type_units=TYPE_UNITS,
        colours=VERDICT_COLOURS,
        verdicts={row.verdict for row in view.site_rows},
        any_small=any(row.small for row in view.site_rows),
        policy=policy,
        css=_picture_rules(scenes) + (templates / "report.css").read_text(encoding="utf-8"),
        script=script,
        zip=zip,
    )


def outline_path(outline: Outline | OrganOutline | Contour) -> str:
    """The `d` attribute of an outline: closed lines, a tenth of a millimetre fine."""
    return "".join("M" + "L".join(f"{_mm(x)} {_mm(y)}" for x, y in line[:-1].tolist()) + "Z" for line in outline.lines)


def mark_path(mark: VoiMark) -> str:
    """The `d` attribute of a VOI: its circle, or its cross, open lines."""
    return "".join("M" + "L".join(f"{_mm(x)} {_mm(y)}" for x, y in line.tolist()) for line in mark.lines)


def largest_first(outlines: Sequence[Outline]) -> list[Outline]:
    """The outlines by falling area of their upright box, so that a site drawn over a larger one can be pointed at."""
    return sorted(outlines, key=lambda outline: -float(np.prod(np.ptp(np.concatenate(outline.lines), axis=0))))


def leader_path(label: Label, unit_mm: float) -> str:
    """The `d` attribute of a leader line, from just beside the number to the outline."""
    start = label.x_mm + (0.25 if label.left else -0.25) * unit_mm
    return f"M{_mm(start)} {_mm(label.y_mm)}L{_mm(label.end_x_mm)} {_mm(label.end_y_mm)}"


def png_uri(grey: npt.NDArray[np.uint8]) -> str:
    """An 8-bit grey picture as a PNG data URI (W3C PNG specification, colour type 0, filter 0 in every row)."""
    rows, columns = grey.shape
    raw = np.concatenate([np.zeros((rows, 1), np.uint8), grey], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _mm(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _picture_rules(scenes: list[Scene]) -> str:
    """Both pictures at one scale: widths for a wide screen, shares of the first one's width for a narrow one."""
    scale = PICTURE_HEIGHT_PX / max(scene.frame.height_mm for scene in scenes)
    widest = max(scene.frame.width_mm for scene in scenes)
    rules = [
        f".figure-{n} {{ flex: 0 1 {scene.frame.width_mm * scale:.1f}px; "
        f"--share: {100 * scene.frame.width_mm / widest:.1f}%; }}\n"
        for n, scene in enumerate(scenes, start=1)
    ]
    on_paper = PICTURE_HEIGHT_PRINTED_MM / max(scene.frame.height_mm for scene in scenes)
    rules += [
        f"@media print {{ .figure-{n} {{ flex: 0 1 {scene.frame.width_mm * on_paper:.1f}mm; }} }}\n"
        for n, scene in enumerate(scenes, start=1)
    ]
    rules += [f".dot.{verdict} {{ background: {colour}; }}\n" for verdict, colour in VERDICT_COLOURS.items()]
    return "".join(rules)
