"""Tables: findings.csv, one row a site in columns that carry their units, and those beside label maps."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.anatomy import SitePlace
from psmap.domain.image import LabelImage
from psmap.domain.refusal import Refused
from psmap.domain.uptake import Finding
from psmap.io.atomic import whole_file

Cell = str | int | float | bool | None

FINDING_COLUMNS: dict[str, type] = {
    "id": int,
    "voxels": int,
    "volume_ml": float,
    "suv_max": float,
    "suv_mean": float,
    "suv_peak": float,
    "suv_peak_touches_other": bool,
    "tlu": float,
    "small": bool,
    "open_contour": bool,
    "given_label": int,
    "centroid_x_mm": float,
    "centroid_y_mm": float,
    "centroid_z_mm": float,
    "max_x_mm": float,
    "max_y_mm": float,
    "max_z_mm": float,
    "extent_x_mm": float,
    "extent_y_mm": float,
    "extent_z_mm": float,
    "sphericity": float,
    "background_suv": float,
    "local_contrast": float,
    "verdict": str,
    "probability": float,
    "reason": str,
    "author": str,
    "location": str,
    "class": str,
    "expression_score": int,
    "structure": str,
    "station": str,
    "physiologic": str,
}
"""Column -> type, in the order of the file; an empty cell is an unknown."""


def finding_row(finding: Finding, place: SitePlace | None = None) -> dict[str, Cell]:
    """A finding as one row of findings.csv; `place` is where it lies by the anatomy, None without one."""
    site = finding.site
    row: dict[str, Cell] = {
        "id": site.id,
        "voxels": site.voxels,
        "volume_ml": site.volume_ml,
        "suv_max": site.suv_max,
        "suv_mean": site.suv_mean,
        "suv_peak": site.suv_peak,
        "suv_peak_touches_other": site.suv_peak_touches_other,
        "tlu": site.tlu,
        "small": site.small,
        "open_contour": site.open_contour,
        "given_label": site.given_label,
        "sphericity": site.sphericity,
        "background_suv": site.background_suv,
        "local_contrast": site.local_contrast,
        "verdict": finding.verdict.value,
        "probability": finding.probability,
        "reason": finding.reason,
        "author": finding.author,
        "location": finding.location,
        "class": finding.finding_class.value,
        "expression_score": finding.expression_score,
        "structure": place.at_max if place else None,
        "station": place.station if place else None,
        "physiologic": place.physiologic if place else None,
    }
    for name, vector in (("centroid", site.centroid_mm), ("max", site.max_mm), ("extent", site.extent_mm)):
        for axis, number in zip("xyz", vector, strict=True):
            row[f"{name}_{axis}_mm"] = number
    return {column: row[column] for column in FINDING_COLUMNS}


def write_findings(path: Path, findings: Sequence[Finding], places: Sequence[SitePlace] = ()) -> None:
    """Write findings.csv (RFC 4180, UTF-8, a header line even without findings); `places` are of the same sites."""
    place = {each.site: each for each in places}
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(FINDING_COLUMNS)
        for finding in findings:
            row = finding_row(finding, place.get(finding.site.id))
            writer.writerow(_shown(value) for value in row.values())


def read_findings(path: Path) -> list[dict[str, Cell]]:
    """Read findings.csv back, every cell in its type and empty cells as None.

    Raises:
        Refused: columns are missing or a cell is not of its type.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            header, rows = list(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"the table cannot be read ({type(error).__name__})", where=path.name, cure="check it") from error
    if header != list(FINDING_COLUMNS):
        raise Refused("the columns are not those of findings.csv", where=path.name, cure="give a table by psmap")
    return [_typed(row, path.name) for row in rows]


def label_rows(findings: Sequence[Finding]) -> list[dict[str, Cell]]:
    """The rows of findings_dseg.tsv: what each number of the label map is."""
    return [
        {
            "index": finding.site.id,
            "name": f"site {finding.site.id}",
            "verdict": finding.verdict.value,
            "class": finding.finding_class.value,
            "location": finding.location,
            "volume_ml": finding.site.volume_ml,
            "suv_max": finding.site.suv_max,
        }
        for finding in findings
    ]


LABEL_COLUMNS = ("index", "name", "verdict", "class", "location", "volume_ml", "suv_max")


STRUCTURE_COLUMNS = ("index", "name", "snomed")


def structure_rows(labels: LabelImage) -> list[dict[str, Cell]]:
    """The rows of anatomy_dseg.tsv and its like: every number of a label map whose names are of the catalogue."""
    codes = ((number, name, load_anatomy()[name].code) for number, name in labels.names.items())
    return [{"index": number, "name": name, "snomed": code.value if code else None} for number, name, code in codes]


def write_tsv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> None:
    """Write a BIDS table: tab separated, UTF-8, 'n/a' where nothing is known (BIDS 1.10, common principles)."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(_shown(row[column]) or "n/a" for column in columns)


def _shown(value: Cell) -> str:
    """A cell as text: the shortest decimal that reads back as the same double, true/false, empty for unknown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if isinstance(value, float) else str(value)


def _typed(row: Mapping[str, str], where: str) -> dict[str, Cell]:
    typed: dict[str, Cell] = {}
    for column, kind in FINDING_COLUMNS.items():
        text = row[column]
        try:
            if text == "" and column not in ("reason", "author"):
                typed[column] = None
            elif kind is bool:
                typed[column] = {"true": True, "false": False}[text]
            else:
                typed[column] = kind(text)
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{column} is {text!r}", where=where, cure=f"give {kind.__name__}") from error
    return typed
