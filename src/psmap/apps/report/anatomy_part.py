"""From a case to what the report says and draws of the anatomy."""

from __future__ import annotations

from collections.abc import Sequence

from psmap.apps.report.anatomy_tables import (
    REFERENCE_COLUMNS,
    UPTAKE_COLUMNS,
    reference_note,
    reference_rows,
    uptake_note,
    uptake_rows,
)
from psmap.apps.report.anatomy_words import anatomy_facts
from psmap.apps.report.families import FAMILY_COLOURS, VOI_COLOUR
from psmap.apps.report.numerals import number
from psmap.apps.report.page import AnatomyPart, LegendEntry, PlainTable
from psmap.apps.report.projection import window_top
from psmap.apps.report.slices import HU_WINDOW, Slice, anatomy_slices
from psmap.domain.case import Case
from psmap.domain.image import PetImage


def anatomy_part(case: Case, pet: PetImage, *, psma: bool) -> AnatomyPart | None:
    """The part of the report on the anatomy; None where the case has neither structures nor what rests on them."""
    anatomy, uptake = case.anatomy, case.organ_uptake
    references = None if case.references is None else case.references.references
    if anatomy is None and references is None and uptake is None:
        return None
    named = anatomy if anatomy is not None and anatomy.found else None
    slices = anatomy_slices(named, references or (), case.ct, pet, psma=psma) if named is not None else ()
    tracer = case.tracer.name if case.tracer else "a tracer that was not recognised"
    return AnatomyPart(
        notices=anatomy.notices if anatomy is not None else (),
        facts=anatomy_facts(named) if named is not None else (),
        slices=slices,
        legend=_legend(slices),
        slice_note=_slice_note(slices, case, pet, psma=psma),
        references=None
        if references is None
        else PlainTable(REFERENCE_COLUMNS, reference_rows(references, anatomy), reference_note(references)),
        uptake=None if uptake is None else PlainTable(UPTAKE_COLUMNS, uptake_rows(uptake), uptake_note(uptake, tracer)),
    )


def _legend(slices: Sequence[Slice]) -> tuple[LegendEntry, ...]:
    """Every colour that is used, and no other."""
    used = {contour.family for one in slices for contour in one.contours}
    entries = [LegendEntry(family.value, colour) for family, colour in FAMILY_COLOURS.items() if family in used]
    marks = [mark for one in slices for mark in one.vois]
    if marks:
        entries.append(LegendEntry("VOI of a reference", VOI_COLOUR))
    if any(mark.aside_mm for mark in marks):
        entries.append(LegendEntry("VOI before or behind the slice", VOI_COLOUR, dashed=True))
    return tuple(entries)


def _slice_note(slices: Sequence[Slice], case: Case, pet: PetImage, *, psma: bool) -> str:
    if not slices:
        return "No structure that could be drawn was found."
    if case.ct is not None:
        image = f"CT, black is {number(HU_WINDOW[0], 0)} HU, white {number(HU_WINDOW[1], 0)} HU"
    else:
        image = f"PET in inverse grey, white is SUV 0, black SUV {number(window_top(float(pet.suv.max()), psma), 0)}"
    parts = [
        f"{image}. A and P: mm before and behind the scanner's origin. A structure is named where it is largest; "
        "left and right as hung."
    ]
    if any(mark.contour for one in slices for mark in one.vois):
        parts.append("A cross marks the middle of a VOI that is a contour inside its structure.")
    aside = [mark for one in slices for mark in one.vois if mark.aside_mm]
    if aside:
        told = ", ".join(
            f"{mark.name.removesuffix(' VOI')} {number(abs(mark.aside_mm), 0)} mm "
            f"{'behind' if mark.aside_mm > 0 else 'in front'}"
            for mark in aside
        )
        parts.append(f"Dashed VOIs lie beside the slice they are drawn on: {told}.")
    return " ".join(parts)
