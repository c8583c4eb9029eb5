"""From a case to the page: every sentence and every printed number of the report, made once for HTML and PDF."""

from __future__ import annotations

from psmap.apps.report.anatomy_part import anatomy_part
from psmap.apps.report.definitions import definition_used, notes, parameter_facts, small_words, threshold_words
from psmap.apps.report.numerals import (
    ABSENT,
    count,
    number,
    range_of,
    suv,
    volume_ml,
    without_uids,
)
from psmap.apps.report.page import Banner, Fact, KeyNumber, ProvenanceSummary, ReportView, Tone
from psmap.apps.report.projection import Picture, pictures, tilt_note
from psmap.apps.report.tables import BURDEN_COLUMNS, burden_rows, site_table
from psmap.domain.balance import ActivityBalance
from psmap.domain.burden import TumourBurden
from psmap.domain.case import Case, History
from psmap.domain.image import PetImage
from psmap.domain.suv import SuvConversion
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, Verdict

__all__ = ["ProvenanceSummary", "ReportView", "report_view"]

UNCLASSIFIED = "all_sites_unclassified"
"""`TumourBurden.scope` until verdicts exist."""

FOOTER = "psmap {version} · research use only, not a medical device · run {run}"


def report_view(case: Case, provenance_summary: ProvenanceSummary) -> ReportView:
    """Everything that the report of a case prints.

    Raises:
        ValueError: the case has not been read to its end (no SUV image, findings or burden).
    """
    pet, findings, burden = case.pet, case.findings, case.burden
    if pet is None or findings is None or (burden is None and not case.withheld):
        raise ValueError("a report needs a case with SUV image, findings and burden")
    psma = case.tracer is not None and case.tracer.psma
    unclassified = burden is None or burden.scope == UNCLASSIFIED
    drawn = pictures(pet.suv, pet.grid, findings, psma=psma, anatomy=case.anatomy)
    site_columns, site_rows = site_table(findings, case.places, case.anatomy)
    return ReportView(
        title="PSMA PET/CT report" if psma else "PET/CT report",
        subtitle="Sites of raised uptake, their measurements and the burden, computed from the images",
        started=provenance_summary.started,
        psmap=provenance_summary.psmap,
        facts=_facts(case, pet),
        banners=_banners(case, unclassified),
        warnings=tuple(
            without_uids(line)
            for line in (*pet.conversion.warnings, *(case.balance.warnings if case.balance is not None else ()))
        ),
        impression=_impression(case, findings, burden, unclassified),
        key_numbers=_key_numbers(case, findings, burden, unclassified),
        pictures=drawn,
        picture_note=_picture_note(drawn, pet),
        site_columns=site_columns,
        site_rows=site_rows,
        site_note=_site_note(case, findings, unclassified),
        burden_columns=BURDEN_COLUMNS,
        burden_rows=burden_rows(burden, case.parameters),
        burden_note=_burden_note(case, burden, unclassified),
        anatomy=anatomy_part(case, pet, psma=psma),
        suv_facts=(*_suv_facts(pet.conversion, case.tracer), *_balance_facts(case.balance)),
        suv_trace=tuple(without_uids(line) for line in pet.conversion.trace),
        history=_history(case.history),
        parameters=parameter_facts(case.parameters),
        choices=case.choices,
        provenance=_provenance(provenance_summary, case.tracer),
        notes=notes(case.parameters, with_places=case.places is not None),
        footer=FOOTER.format(version=provenance_summary.psmap, run=provenance_summary.run_key[:12]),
    )


def _facts(case: Case, pet: PetImage) -> tuple[Fact, ...]:
    tracer = case.tracer.name if case.tracer else "not recognised"
    k, j, i = pet.grid.shape
    dk, dj, di = pet.grid.spacing_mm
    return (
        Fact("Tracer", tracer),
        Fact("Uptake time", _uptake(pet.conversion, case.tracer)),
        Fact("PET", f"{i} × {j} × {k} voxels of {number(di, 2)} × {number(dj, 2)} × {number(dk, 2)} mm"),
        Fact("CT", "same frame of reference" if case.ct else "none"),
    )


def _uptake(conversion: SuvConversion, tracer: Tracer | None) -> str:
    if conversion.uptake_min is None:
        return "unknown"
    text = f"{number(conversion.uptake_min, 0)} min"
    if tracer and tracer.uptake_min:
        low, high = tracer.uptake_min
        text += f" (usual {number(low, 0)} to {number(high, 0)})"
    return text


def _banners(case: Case, unclassified: bool) -> tuple[Banner, ...]:
    tracer = case.tracer
    banners = [Banner(Tone.RESEARCH, "Research use only.", "Not a medical device. Not for clinical decisions.")]
    if case.balance is not None and case.balance.doubts:
        doubts = "; ".join(case.balance.doubts)
        what = f"{doubts[0].upper()}{doubts[1:]}."
        if case.withheld:
            banners.append(Banner(Tone.CAUTION, "The SUV is not to be trusted: the burden is withheld.", what))
        else:
            banners.append(Banner(Tone.CAUTION, "The SUV is not to be trusted. It was accepted by the user.", what))
    if unclassified:
        banners.append(
            Banner(
                Tone.CAUTION,
                "Sites are not classified yet.",
                "Physiological uptake (glands, liver, spleen, kidneys, bowel, urine) is included in every "
                "number below. None of them is a tumour burden.",
            )
        )
    if tracer is None:
        banners.append(
            Banner(Tone.CAUTION, "The tracer could not be recognised.", "No rule for PSMA ligands has been applied.")
        )
    elif not tracer.psma:
        banners.append(
            Banner(
                Tone.CAUTION,
                f"{tracer.name} is not a PSMA ligand.",
                "No rule for PSMA ligands applies; sites are measured all the same.",
            )
        )
    return tuple(banners)


def _impression(
    case: Case, findings: tuple[Finding, ...], burden: TumourBurden | None, unclassified: bool
) -> tuple[str, ...]:
    border = threshold_words(case.parameters)
    if not findings:
        return (f"No site of raised uptake was found ({border}).",)
    small = sum(finding.site.small for finding in findings)
    lines = [
        f"{count(len(findings), 'site', 'sites')} of raised uptake ({border})"
        + (f", {number(small, 0)} of them small ({small_words(case.parameters)})." if small else ".")
    ]
    if not unclassified:
        tally = {verdict: sum(f.verdict == verdict for f in findings) for verdict in Verdict}
        lines.append(", ".join(f"{number(n, 0)} {verdict}" for verdict, n in tally.items()) + ".")
    hottest = max(findings, key=lambda finding: finding.site.suv_max)
    place = f", {hottest.location.replace('_', ' ')}" if hottest.location else ""
    lines.append(
        f"The hottest is site {hottest.site.id}{place}: SUVmax {suv(hottest.site.suv_max)}, "
        f"SUVpeak {suv(hottest.site.suv_peak)}, volume {volume_ml(hottest.site.volume_ml)} mL."
    )
    if burden is None:
        return (*lines, "The burden is withheld.")
    counted = "all sites, physiological uptake included" if unclassified else "suspicious findings only"
    lines.append(
        f"Burden of {counted}: {volume_ml(burden.volume_ml)} mL, total uptake {number(burden.tl, 1)} g/mL × mL"
        + (f", SUVmean {suv(burden.suv_mean)}." if burden.suv_mean is not None else ".")
    )
    return tuple(lines)


def _key_numbers(
    case: Case, findings: tuple[Finding, ...], burden: TumourBurden | None, unclassified: bool
) -> tuple[KeyNumber, ...]:
    small = sum(finding.site.small for finding in findings)
    hottest = max(findings, key=lambda finding: finding.site.suv_max, default=None)
    scope = "all sites, physiology included" if unclassified else "suspicious findings"
    key = definition_used(case.parameters)
    entry = burden.by_definition.get(key) if key and burden is not None else None
    left_out = scope
    if entry and entry.small_sites:
        left_out = f"{count(entry.small_sites, 'small site', 'small sites')} left out"
    return (
        KeyNumber("Sites", number(len(findings), 0), "", f"{number(small, 0)} small" if small else "none small"),
        KeyNumber(
            "Hottest site",
            suv(hottest.site.suv_max) if hottest else ABSENT,
            "SUVmax" if hottest else "",
            f"site {hottest.site.id}" if hottest else "no site",
        ),
        *(
            (KeyNumber("Volume", ABSENT, "", "withheld"), KeyNumber("Total uptake", ABSENT, "", "withheld"))
            if burden is None
            else (
                KeyNumber("Volume", volume_ml(burden.volume_ml), "mL", scope),
                KeyNumber("Total uptake", number(burden.tl, 1), "g/mL × mL", left_out),
            )
        ),
    )


def _picture_note(drawn: tuple[Picture, Picture], pet: PetImage) -> str:
    numbered = [outline.site for outline in drawn[0].outlines if outline.label]
    parts = [
        "Maximum intensity projections in inverse grey: white is SUV 0, black is SUV "
        f"{number(drawn[0].window_suv, 0)} and above."
    ]
    total = len(drawn[0].outlines)
    if total:
        dashed = "; small sites are dashed" if any(outline.small for outline in drawn[0].outlines) else ""
        parts.append(f"Lines show the projected outline of each site{dashed}.")
    not_small = sum(not outline.small for outline in drawn[0].outlines)
    if len(numbered) < total:
        which = "that are not small" if len(numbered) == not_small else "that are hottest"
        parts.append(f"Numbered are the {number(len(numbered), 0)} of {number(total, 0)} sites {which}.")
    if drawn[0].organs:
        names = list(dict.fromkeys(organ.name for organ in drawn[0].organs))
        parts.append(f"Thin lines are organs by the anatomy: {', '.join(names)}.")
    tilt = tilt_note(pet.grid)
    return " ".join([*parts, tilt] if tilt else parts)


def _site_note(case: Case, findings: tuple[Finding, ...], unclassified: bool) -> str:
    if not findings:
        return f"No site of raised uptake was found ({threshold_words(case.parameters)})."
    if unclassified:
        return "The verdict is ‘equivocal’ for every site because sites are not classified yet."
    return ""


def _burden_note(case: Case, burden: TumourBurden | None, unclassified: bool) -> str:
    if burden is None:
        return "Withheld: volumes and uptake of sites rest on the SUV."
    if unclassified:
        counted = "All sites are counted, physiological uptake included, because sites are not classified yet."
    else:
        counted = f"Counted: {burden.scope.replace('_', ' ')} findings."
    if burden.by_definition.get("liver") is None:
        return counted
    where = "in the mask given" if case.liver is not None else "in the sphere of the reference"
    return f"{counted} The liver's uptake was measured {where}."


def _suv_facts(conversion: SuvConversion, tracer: Tracer | None) -> tuple[Fact, ...]:
    facts = [
        Fact("Type", f"SUV{conversion.type}"),
        Fact("Factor used", range_of(conversion.factor_min, conversion.factor_max)),
        Fact("Rule", without_uids(conversion.rule)),
        Fact("Uptake time", _uptake(conversion, tracer)),
    ]
    other = conversion.alternative
    if other:
        low = other.factor_min / conversion.factor_min
        high = other.factor_max / conversion.factor_max
        ratios = [number(ratio, 4) for ratio in sorted((low, high))]
        ratio = ratios[0] if ratios[0] == ratios[1] else f"{ratios[0]} to {ratios[1]}"
        facts += [
            Fact("Other reading", without_uids(other.rule)),
            Fact("Its factor", range_of(other.factor_min, other.factor_max)),
            Fact("Other / used", f"{ratio} (an SUV of this report times this gives the other reading)"),
        ]
    if conversion.weight_kg is not None:
        facts.append(Fact("Body weight", f"{number(conversion.weight_kg, 1)} kg"))
    if conversion.height_m is not None:
        facts.append(Fact("Body height", f"{number(conversion.height_m, 2)} m"))
    return tuple(facts)


def _balance_facts(balance: ActivityBalance | None) -> tuple[Fact, ...]:
    if balance is None:
        return (Fact("Activity balance", "not judged: no body can be made out in the image"),)
    held = "" if balance.activity_share is None else f"{number(100.0 * balance.activity_share, 0)} % of the activity, "
    seen = (
        f"{held}{number(balance.body_kg, 1)} kg of body by {balance.body_from} in the field of view, "
        f"mean SUV {suv(balance.mean_suv)}"
    )
    judged = {True: "holds", False: "does not hold", None: f"not judged: {balance.not_judged}"}[balance.trusted]
    return (Fact("Activity balance", judged), Fact("Seen in the image", seen))


def _history(history: History) -> tuple[Fact, ...]:
    words = {True: "yes", False: "no"}
    facts = [
        Fact(name, words[value])
        for name, value in (
            ("Prostatectomy", history.prostatectomy),
            ("Prior radiotherapy", history.prior_radiotherapy),
            ("Androgen deprivation", history.adt),
        )
        if value is not None
    ]
    if history.psa_ng_ml is not None:
        on = f" on {history.psa_date}" if history.psa_date else ""
        facts.append(Fact("PSA", f"{number(history.psa_ng_ml, 2)} ng/mL{on}"))
    if history.gleason_score is not None:
        facts.append(Fact("Gleason score", str(history.gleason_score)))
    return tuple(facts)


def _provenance(summary: ProvenanceSummary, tracer: Tracer | None) -> tuple[Fact, ...]:
    facts = [
        Fact("psmap", summary.psmap),
        Fact("Run started", summary.started.strftime("%Y-%m-%d %H:%M:%S %Z")),
        Fact("Run key", summary.run_key),
        Fact("Files read", number(summary.input_files, 0)),
    ]
    if tracer:
        facts.append(Fact("Tracer data", tracer.source))
    return tuple(facts)
