"""What a report says, as plain values: HTML and PDF print these and nothing else, so they cannot differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from psmap.apps.report.projection import Picture
from psmap.apps.report.slices import Slice
from psmap.domain.uptake import Verdict

Align = Literal["start", "middle", "end"]
"""Which end of a line of text its place names."""


@dataclass(frozen=True, slots=True)
class ProvenanceSummary:
    """How the result came about, in the few facts that stand on paper.

    Args:
        psmap: version of psmap.
        started: when the run began; an aware datetime.
        run_key: hash over inputs, versions and parameters.
        input_files: number of files read.
    """

    psmap: str
    started: datetime
    run_key: str
    input_files: int

    def __post_init__(self) -> None:
        if self.started.tzinfo is None:
            raise ValueError("the time at which a run started needs a zone")


class Tone(StrEnum):
    """How loud a banner is."""

    RESEARCH = "research"
    CAUTION = "caution"


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence that nobody may overlook."""

    tone: Tone
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """One of the large numbers at the top: value, unit, and the line under it."""

    name: str
    value: str
    unit: str
    note: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, the unit under the head, and whether it holds numbers (aligned right)."""

    name: str
    unit: str = ""
    number: bool = True


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One row of the table of sites: printed cells, in the order of the columns."""

    id: int
    verdict: Verdict
    small: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BurdenRow:
    """One definition of the burden: printed cells, or why they are withheld."""

    name: str
    used: bool
    cells: tuple[str, ...]
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class AnatomyRow:
    """One row of a table of the anatomy: printed cells; `marked` outside the usual, `soft` where unmeasured."""

    cells: tuple[str, ...]
    marked: bool = False
    soft: bool = False


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A table and the note below it."""

    columns: tuple[Column, ...]
    rows: tuple[AnatomyRow, ...]
    note: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What a line's colour means."""

    name: str
    colour: str
    dashed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class AnatomyPart:
    """What the report says and draws of the anatomy.

    Args:
        notices: what a reader must know first.
        facts: who named it, what is missing and why, what is cut or unsure.
        slices: coronal slices with outlines; empty where nothing was found.
        legend: every colour of the slices.
        slice_note: what the slices show, below them.
        references, uptake: tables; None where they were not measured.
    """

    notices: tuple[str, ...]
    facts: tuple[Fact, ...]
    slices: tuple[Slice, ...]
    legend: tuple[LegendEntry, ...]
    slice_note: str
    references: PlainTable | None
    uptake: PlainTable | None


@dataclass(frozen=True, slots=True)
class Note:
    """A definition at the foot of the report."""

    term: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class ReportView:
    """Everything that a report prints.

    Args:
        title, subtitle: the head.
        started: when the run began; also the PDF's creation date.
        psmap: version of psmap.
        facts: tracer, uptake time, images: the line under the head.
        banners: research use, verdicts missing, tracer not PSMA.
        warnings: what a physicist should look at; empty if nothing.
        impression: sentences that sum the case up.
        key_numbers: the large numbers.
        pictures: coronal, then sagittal projection.
        picture_note: what the pictures show, below them.
        site_columns, site_rows, site_note: table of sites; the note stands where there is something to say.
        burden_columns, burden_rows, burden_note: burden under every definition.
        anatomy: the named structures and what rests on them; None where there are none.
        suv_facts, suv_trace: how the SUV came about.
        history: what the user said of the patient; empty if nothing.
        parameters, choices, provenance: how the case was read.
        notes: definitions.
        footer: stands at the foot of every page.
    """

    title: str
    subtitle: str
    started: datetime
    psmap: str
    facts: tuple[Fact, ...]
    banners: tuple[Banner, ...]
    warnings: tuple[str, ...]
    impression: tuple[str, ...]
    key_numbers: tuple[KeyNumber, ...]
    pictures: tuple[Picture, ...]
    picture_note: str
    site_columns: tuple[Column, ...]
    site_rows: tuple[SiteRow, ...]
    site_note: str
    burden_columns: tuple[Column, ...]
    burden_rows: tuple[BurdenRow, ...]
    burden_note: str
    anatomy: AnatomyPart | None
    suv_facts: tuple[Fact, ...]
    suv_trace: tuple[str, ...]
    history: tuple[Fact, ...]
    parameters: tuple[Fact, ...]
    choices: tuple[str, ...]
    provenance: tuple[Fact, ...]
    notes: tuple[Note, ...]
    footer: str


VERDICT_COLOURS: dict[Verdict, str] = {
    Verdict.SUSPICIOUS: "#D55E00",
    Verdict.EQUIVOCAL: "#0072B2",
    Verdict.PHYSIOLOGIC: "#009E73",
}
"""Vermilion, blue and bluish green of Okabe and Ito's palette, told apart with any common colour blindness."""
