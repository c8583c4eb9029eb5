"""The two tables of the report, sites and burden, cell by cell as printed."""

from __future__ import annotations

from collections.abc import Sequence

from psmap.apps.report.anatomy_tables import PLACE_COLUMNS, place_cells, places_by_site
from psmap.apps.report.definitions import BURDEN_NAMES, definition_used, threshold_words
from psmap.apps.report.numerals import ABSENT, millimetres, number, suv, volume_ml
from psmap.apps.report.page import BurdenRow, Column, SiteRow
from psmap.domain.anatomy import Anatomy, SitePlace
from psmap.domain.burden import BurdenEntry, TumourBurden
from psmap.domain.parameters import ReadParameters
from psmap.domain.uptake import Finding, UptakeSite

SITE_COLUMNS = (
    Column("Site"),
    Column("SUVmax"),
    Column("SUVpeak"),
    Column("SUVmean"),
    Column("Volume", "mL"),
    Column("TLU", "g/mL × mL"),
    Column("Contrast"),
    Column("Extent", "mm"),
    Column("Centroid", "L, P, H mm"),
    Column("Place", number=False),
    Column("Verdict", number=False),
    Column("Flags", number=False),
)

BURDEN_COLUMNS = (
    Column("Definition", number=False),
    Column("Threshold", number=False),
    Column("Volume", "mL"),
    Column("TL", "g/mL × mL"),
    Column("SUVmean"),
    Column("SUVmax"),
    Column("Sites"),
    Column("Small", "left out"),
    Column("Open", "left out"),
)


def site_table(
    findings: tuple[Finding, ...], places: Sequence[SitePlace] | None, anatomy: Anatomy | None
) -> tuple[tuple[Column, ...], tuple[SiteRow, ...]]:
    """Columns and one row a finding. Where places are known two columns of them stand before the verdict.

    The column of the classifier's place then stands only where it holds a word: the page has no room for dashes.
    """
    rows = [_site_cells(finding) for finding in findings]
    columns = list(SITE_COLUMNS)
    if places is not None:
        known = places_by_site(places)
        n = next(n for n, column in enumerate(columns) if column.name == "Place")
        keep = n + any(finding.location for finding in findings)
        columns[keep : n + 1] = PLACE_COLUMNS
        rows = [
            (*row[:keep], *place_cells(f.site.id, known, anatomy), *row[n + 1 :])
            for f, row in zip(findings, rows, strict=True)
        ]
    made = (SiteRow(f.site.id, f.verdict, f.site.small, row) for f, row in zip(findings, rows, strict=True))
    return tuple(columns), tuple(made)


def _site_cells(finding: Finding) -> tuple[str, ...]:
    site = finding.site
    verdict = str(finding.verdict)
    if finding.probability is not None:
        verdict += f" ({number(finding.probability, 2)})"
    return (
        str(site.id),
        suv(site.suv_max),
        suv(site.suv_peak),
        suv(site.suv_mean),
        number(site.volume_ml, 2),
        number(site.tlu, 1),
        number(site.local_contrast, 1),
        millimetres(site.extent_mm, " × "),
        millimetres(site.centroid_mm, ", "),
        finding.location.replace("_", " ") if finding.location else ABSENT,
        verdict,
        flags(site),
    )


def flags(site: UptakeSite) -> str:
    """What to bear in mind with a site's numbers, or nothing."""
    marks = (
        (site.small, "small"),
        (site.suv_peak_touches_other, "peak shared"),
        (site.open_contour, "open contour"),
    )
    return ", ".join(word for set_, word in marks if set_)


def burden_rows(burden: TumourBurden | None, parameters: ReadParameters) -> tuple[BurdenRow, ...]:
    """One row a definition in the order of `BURDEN_COLUMNS`; the definition the case was read with is marked.

    Where that definition is none of the published ones, the burden itself heads the table.
    """
    if burden is None:
        return (BurdenRow("Every definition", True, (), "withheld: the SUV is not to be trusted"),)
    used = definition_used(parameters)
    rows = []
    if used not in burden.by_definition:
        name = threshold_words(parameters)
        rows.append(
            BurdenRow(
                name[0].upper() + name[1:],
                True,
                (ABSENT, volume_ml(burden.volume_ml), number(burden.tl, 1), suv(burden.suv_mean), *([ABSENT] * 4)),
            )
        )
    for key, entry in burden.by_definition.items():
        name = BURDEN_NAMES.get(key, key)
        if entry is None:
            rows.append(BurdenRow(name, key == used, (), burden.withheld.get(key, "not measured")))
        else:
            rows.append(BurdenRow(name, key == used, _burden_cells(key, entry)))
    return tuple(rows)


def _burden_cells(key: str, entry: BurdenEntry) -> tuple[str, ...]:
    threshold = f"SUV ≥ {number(entry.threshold, 2)}"
    if key.startswith("pct"):
        threshold = f"{number(100.0 * entry.threshold, 0)} % of SUVmax"
    return (
        threshold,
        volume_ml(entry.volume_ml),
        number(entry.tl, 1),
        suv(entry.suv_mean),
        suv(entry.suv_max),
        number(entry.sites, 0),
        number(entry.small_sites, 0),
        number(entry.open_sites, 0),
    )
