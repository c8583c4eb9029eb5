"""case.json: everything one reading told, for machines; its keys are a contract (docs/interface.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from psmap.domain.anatomy import SitePlace
from psmap.domain.balance import ActivityBalance
from psmap.domain.burden import BurdenEntry, TumourBurden
from psmap.domain.case import Case
from psmap.domain.parameters import ReadParameters
from psmap.domain.suv import SuvConversion
from psmap.domain.uptake import Finding
from psmap.io.anatomy_json import anatomy_document, organ_uptake_document, place_document, references_document
from psmap.io.atomic import whole_file

Document = dict[str, Any]


def case_document(case: Case, version: str, uid: Callable[[str], str] = str) -> Document:
    """The case as the document of case.json; units are LPS mm, mL, SUVbw in g/mL, minutes.

    Args:
        case: a case whose findings have been worked out, and its burden, unless that is withheld.
        version: psmap's version.
        uid: what to make of each UID before it is written; `--deidentify` gives a replacement.

    Raises:
        ValueError: a step has not run.
    """
    if case.pet is None or case.findings is None or (case.burden is None and not case.withheld):
        raise ValueError("case.json needs a case whose PET, findings and burden have been worked out")
    source, ct_source = case.pet_source, case.ct_source
    places = {place.site: place for place in case.places or ()}
    return {
        "psmap": version,
        "parameters": parameters_document(case.parameters),
        "study": {
            "tracer": case.tracer.id if case.tracer else None,
            "tracer_evidence": case.tracer_evidence,
            "study_uid": uid(source.study_instance_uid) if source else None,
            "pet_series_uid": uid(source.series_instance_uid) if source else None,
            "ct_series_uid": uid(ct_source.series_instance_uid) if ct_source else None,
            "ct": case.ct is not None,
            "uptake_min": case.pet.conversion.uptake_min,
            "prostatectomy": case.history.prostatectomy,
            "history": asdict(case.history),
            "choices": list(case.choices),
        },
        "suv": suv_document(case.pet.conversion, case.balance),
        "anatomy": None if case.anatomy is None else anatomy_document(case.anatomy),
        "references": None if case.references is None else references_document(case.references.references),
        "organ_uptake": None if case.organ_uptake is None else organ_uptake_document(case.organ_uptake),
        "sites": [_site(finding, places.get(finding.site.id)) for finding in case.findings],
        "stage": None,
        "burden": None if case.burden is None else _burden(case.burden),
        "withheld": case.withheld or None,
    }


def parameters_document(parameters: ReadParameters) -> Document:
    """Every choice that changes a number; `peak` is '<centre>/<weight>'."""
    return {
        "threshold": {"kind": parameters.threshold.kind.value, "value": parameters.threshold.value},
        "seed_suv": parameters.seed_suv,
        "watershed": parameters.watershed,
        "watershed_h_suv": parameters.watershed_h_suv,
        "watershed_h_fraction": parameters.watershed_h_fraction,
        "peak": parameters.peak,
        "small_ml": parameters.small_ml,
        "small_voxels": parameters.small_voxels,
        "weight_kg": parameters.weight_kg,
        "height_m": parameters.height_m,
        "accept_suv": parameters.accept_suv,
    }


def suv_document(conversion: SuvConversion, balance: ActivityBalance | None) -> Document:
    """How the SUV came about, and whether the voxels bear it out: what `psmap suv --json` prints under 'suv'."""
    other = conversion.alternative
    return {
        "type": conversion.type.value,
        "factor_min": conversion.factor_min,
        "factor_max": conversion.factor_max,
        "rule": conversion.rule,
        "trace": list(conversion.trace),
        "warnings": list(conversion.warnings),
        "alternative": None
        if other is None
        else {"rule": other.rule, "factor_min": other.factor_min, "factor_max": other.factor_max},
        "uptake_min": conversion.uptake_min,
        "weight_kg": conversion.weight_kg,
        "height_m": conversion.height_m,
        "trusted": None if balance is None else balance.trusted,
        "balance": None if balance is None else _balance(balance),
    }


def as_text(document: Document) -> str:
    """A document as JSON text, indented, one newline at its end.

    Raises:
        ValueError: a number is not finite; JSON has no word for that.
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, document: Document) -> None:
    """Write a document as a whole file in UTF-8. Raises `ValueError`, and writes nothing, if it cannot be JSON."""
    text = as_text(document)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def _balance(balance: ActivityBalance) -> Document:
    return {
        **asdict(balance),
        "not_judged": balance.not_judged or None,
        "doubts": list(balance.doubts),
        "warnings": list(balance.warnings),
    }


def _site(finding: Finding, place: SitePlace | None) -> Document:
    site = finding.site
    return {
        "id": site.id,
        "voxels": site.voxels,
        "volume_ml": site.volume_ml,
        "suv_max": site.suv_max,
        "suv_mean": site.suv_mean,
        "suv_peak": site.suv_peak,
        "peak_touches_other": site.suv_peak_touches_other,
        "tlu": site.tlu,
        "small": site.small,
        "open_contour": site.open_contour,
        "given_label": site.given_label,
        "centroid_mm": list(site.centroid_mm),
        "max_mm": list(site.max_mm),
        "extent_mm": list(site.extent_mm),
        "sphericity": site.sphericity,
        "background_suv": site.background_suv,
        "local_contrast": site.local_contrast,
        "verdict": finding.verdict.value,
        "probability": finding.probability,
        "reason": finding.reason,
        "author": finding.author,
        "anatomy": place_document(place),
        "location": finding.location,
        "class": finding.finding_class.value,
        "expression_score": finding.expression_score,
        "coverage": None,
    }


def _burden(burden: TumourBurden) -> Document:
    return {
        "scope": burden.scope,
        "psma_tv_ml": burden.volume_ml,
        "tl_psma": burden.tl,
        "suv_mean": burden.suv_mean,
        "by_definition": {name: _entry(entry) for name, entry in burden.by_definition.items()},
        "withheld": dict(burden.withheld),
    }


def _entry(entry: BurdenEntry | None) -> Document | None:
    return None if entry is None else asdict(entry)
