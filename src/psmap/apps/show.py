"""A conversion, a case and a demonstration in a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from psmap.domain.anatomy import Absence, Anatomy
from psmap.domain.balance import ActivityBalance
from psmap.domain.case import Case
from psmap.domain.suv import SuvConversion, SuvType
from psmap.steps.quantification import normalised_factors

SHOWN_SITES = 10
SHOWN_IDS = 8
RESEARCH_ONLY = "Research use only. Not a medical device."


def suv_lines(conversion: SuvConversion, sex: str | None) -> Iterator[str]:
    """Factor, rule, other reading, warnings, trace, and the factors of the other SUV types."""
    if conversion.factor_min == conversion.factor_max:
        yield f"SUVbw factor   {conversion.factor_min:.9g}"
    else:
        yield f"SUVbw factor   {conversion.factor_min:.9g} to {conversion.factor_max:.9g} (by slice)"
    yield f"rule           {conversion.rule}"
    if conversion.uptake_min is not None:
        yield f"uptake time    {conversion.uptake_min:.1f} min"
    if conversion.alternative is not None:
        other = conversion.alternative
        yield f"other reading  {other.factor_min:.9g} to {other.factor_max:.9g}: {other.rule}"
    for warning in conversion.warnings:
        yield f"warning        {warning}"
    for line in conversion.trace:
        yield f"trace          {line}"
    for kind, found in normalised_factors(conversion, sex).items():
        if kind is not SuvType.BW:
            shown = f"SUVbw * {found:.6g}" if isinstance(found, float) else f"not available: {found.what}"
            yield f"SUV{kind.value:<11} {shown}"


def balance_lines(balance: ActivityBalance | None) -> Iterator[str]:
    """Whether the voxels bear the SUV out."""
    if balance is None:
        yield "balance        not judged: no body can be made out in the image"
        return
    for doubt in balance.doubts:
        yield f"NOT TRUSTED    {doubt}"
    for warning in balance.warnings:
        yield f"warning        {warning}"
    if balance.not_judged:
        yield f"balance        not judged: {balance.not_judged}"
    held = "" if balance.activity_share is None else f"{balance.activity_share:.0%} of the injected activity, "
    yield (
        f"balance        {held}{balance.body_kg:.1f} kg of body by {balance.body_from} in the field of view, "
        f"mean SUV {balance.mean_suv:.2f}; share of the body in view by {balance.body_share_from}"
    )


def show(result: Case | Anatomy, out: Path, *, verbose: bool = False) -> Iterator[str]:
    """What `psmap read`, or `psmap anatomy`, prints of its result.

    Args:
        result: what the command found.
        out: where its files are.
        verbose: every step, choice and structure.
    """
    if isinstance(result, Anatomy):
        yield from anatomy_lines(result, verbose=verbose)
        yield f"written to {out}: anatomy_dseg.nii.gz with its table, anatomy.json"
        yield RESEARCH_ONLY
    else:
        yield from case_lines(result, out, verbose=verbose)


def anatomy_lines(anatomy: Anatomy, *, verbose: bool = False) -> Iterator[str]:
    """Who named the voxels, how many structures there are, what was looked for in vain, and what to know."""
    if not anatomy.found:
        yield f"anatomy: none by {anatomy.source}"
        yield from (f"anatomy: {notice}" for notice in anatomy.notices)
        return
    cut = sum(structure.cut for structure in anatomy.found)
    yield f"anatomy: {len(anatomy.found)} structures by {anatomy.source}, {cut} of them cut by the field of view"
    if verbose:
        for structure in anatomy.found:
            shown = ", cut" if structure.cut else ""
            yield f"  {structure.id}: {structure.volume_ml:.1f} mL{shown}"
    for why in (Absence.OUTSIDE_VIEW, Absence.NOT_FOUND, Absence.REMOVED):
        ids = [structure.id for structure in anatomy.missing if structure.why is why]
        if ids:
            more = f" and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS and not verbose else ""
            yield f"{why.value}: {', '.join(ids if verbose else ids[:SHOWN_IDS])}{more}"
    for notice in anatomy.notices:
        yield f"anatomy: {notice}"


def case_lines(case: Case, out: Path, *, verbose: bool = False) -> Iterator[str]:
    """What was read, the hottest sites, the burden, and where the rest is."""
    yield from case.choices
    tracer = case.tracer.name if case.tracer else "unknown"
    yield f"tracer: {tracer} ({case.tracer_evidence})"
    if case.tracer is None or not case.tracer.psma:
        yield "no PSMA rule applies: this is not known to be a PSMA tracer; sites and burden are read all the same"
    if case.pet is not None:
        if verbose:
            yield from balance_lines(case.balance)
            yield from suv_lines(case.pet.conversion, case.pet_series.acquisition.patient_sex)
        else:
            conversion = case.pet.conversion
            yield f"SUVbw factor {conversion.factor_min:.9g}: {conversion.rule}"
            for warning in (*conversion.warnings, *(case.balance.warnings if case.balance else ())):
                yield f"warning: {warning}"
    for doubt in case.balance.doubts if case.balance else ():
        yield f"SUV NOT TRUSTED: {doubt}"
    if case.anatomy is not None:
        yield from anatomy_lines(case.anatomy, verbose=verbose)
    findings = case.findings or ()
    yield f"{len(findings)} sites of raised uptake, not classified yet: physiological uptake is among them"
    where = {place.site: place.at_max or "outside all structures" for place in case.places or ()}
    if findings:
        yield "  id  SUVmax  SUVpeak  SUVmean  volume mL" + ("  in" if where else "")
    for finding in findings if verbose else findings[:SHOWN_SITES]:
        site = finding.site
        beside = (f"  {where[site.id]}" if site.id in where else "") + ("  small" if site.small else "")
        yield (
            f"{site.id:4d} {site.suv_max:7.2f} {site.suv_peak:8.2f} {site.suv_mean:8.2f} {site.volume_ml:10.2f}{beside}"
        )
    if len(findings) > SHOWN_SITES and not verbose:
        yield f"  ... and {len(findings) - SHOWN_SITES} more in findings.csv"
    if case.burden is not None:
        yield f"burden of all sites: {case.burden.volume_ml:.2f} mL, TL {case.burden.tl:.2f} g/mL*mL"
    elif case.withheld:
        yield "burden withheld, and all that rests on the SUV; mend the header, or give --accept-suv"
    dicom = "DICOM SEG" if case.withheld else "DICOM SEG and SR"
    yield f"written to {out}: report.html, report.pdf, case.json, findings.csv, images, {dicom}"
    yield RESEARCH_ONLY
