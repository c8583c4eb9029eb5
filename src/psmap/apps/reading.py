"""`psmap read` and `psmap suv` as Python calls: same names, same arguments, typed results."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psmap
from psmap.apps.choices import parse_path, parse_peak, parse_segmenter, parse_size, parse_threshold
from psmap.apps.report.html import write_html
from psmap.apps.report.page import ProvenanceSummary
from psmap.apps.report.pdf import write_pdf
from psmap.apps.report.view import report_view
from psmap.apps.show import balance_lines, suv_lines
from psmap.domain.case import Case
from psmap.domain.parameters import ReadParameters
from psmap.domain.refusal import Refused
from psmap.domain.suv import SuvConversion
from psmap.io.case_json import suv_document
from psmap.io.pet_nifti import sidecar_document, write_pet, write_sidecar
from psmap.steps.quantification import balance_activity
from psmap.workflow.export import RunFacts
from psmap.workflow.ingest import ReadRequest, ingest
from psmap.workflow.pipeline import to_suv
from psmap.workflow.segmenters import OWN
from psmap.workflow.session import read_case

PathLike = str | os.PathLike[str]
Progress = Callable[[str], None]


def _silent(_step: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class SuvAnswer:
    """What `psmap suv` found: the conversion, as lines to read and as a document."""

    conversion: SuvConversion
    lines: tuple[str, ...]
    document: dict[str, Any]


def now() -> datetime:
    """The time of day in UTC, or SOURCE_DATE_EPOCH (seconds) where that is set, for the same bytes twice."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(
            f"SOURCE_DATE_EPOCH = {epoch} is no time", cure="whole seconds since 1970, or unset it"
        ) from error


def read(
    study: PathLike | None = None,
    out: PathLike = "psmap-out",
    *,
    pet: PathLike | None = None,
    ct: PathLike | None = None,
    tracer: str | None = None,
    history: PathLike | None = None,
    threshold: str | float | None = None,
    liver: PathLike | None = None,
    findings: PathLike | None = None,
    segmenter: PathLike | None = OWN,
    watershed: bool = True,
    peak: str = "max_mean/fractional",
    pet_series: str | None = None,
    ct_series: str | None = None,
    weight_kg: float | None = None,
    height_m: float | None = None,
    accept_suv: bool = False,
    deidentify: bool = False,
    force: bool = False,
    progress: Progress = _silent,
) -> Case:
    """Read one PET/CT: SUV, every site of raised uptake, the burden, and the files and reports in `out`.

    Args:
        study: folder or zip of DICOM; or give `pet` (SUVbw as NIfTI) with `ct` and `tracer`.
        out: the results folder; what an earlier run left there is kept and resumed.
        tracer: a tracer of the catalogue, overriding the header.
        history: history.json.
        threshold: border of a site: an SUV (3.0), a percentage of its maximum ('41%'), or 'liver'.
        liver, findings: label maps on the PET grid; `findings` are the user's own lesions.
        segmenter: who names the voxels: 'psmap' by its own network, 'totalsegmentator', 'totalsegmentator-fast', or
            the path of a label map with its names or of a folder of masks; 'none' or None names nothing.
        watershed: split touching sites.
        peak: SUVpeak mode.
        pet_series, ct_series: SeriesInstanceUIDs that override the choice.
        weight_kg, height_m: override the header.
        accept_suv: work out the burden of an SUV that the activity balance doubts.
        deidentify: replace names and UIDs in everything written.
        force: start afresh.
        progress: told the name of each step.

    Raises:
        psmap.Refused: with what is wrong, where, and the cure.
    """
    centre, weight = parse_peak(peak)
    parameters = ReadParameters(
        threshold=parse_threshold(threshold, given=findings is not None),
        watershed=watershed,
        peak_centre=centre,
        peak_weight=weight,
        weight_kg=parse_size(weight_kg, "--weight-kg"),
        height_m=parse_size(height_m, "--height-m"),
        accept_suv=accept_suv,
    )
    request = ReadRequest(
        study=_path(study, "study"),
        pet=_path(pet, "pet"),
        ct=_path(ct, "ct"),
        tracer=tracer,
        history=_path(history, "history"),
        liver=_path(liver, "liver"),
        findings=_path(findings, "findings"),
        segmenter=parse_segmenter(segmenter),
        pet_series=pet_series,
        ct_series=ct_series,
        parameters=parameters,
    )
    case, _facts = read_case(
        request, parse_path(out, "out"), reports, started=now(), deidentify=deidentify, force=force, progress=progress
    )
    return case


def suv(
    study: PathLike,
    out: PathLike | None = None,
    *,
    pet_series: str | None = None,
    weight_kg: float | None = None,
    height_m: float | None = None,
    progress: Progress = _silent,
) -> SuvAnswer:
    """Can the SUV be trusted? Factor, rule, the trace of every tag, and the other reading where there are two.

    Args:
        study: folder or zip of DICOM.
        out: where to write the SUV image (.nii.gz), with its sidecar; None writes nothing.
        pet_series, weight_kg, height_m: as in `read`.
        progress: told the name of each step.

    Raises:
        psmap.Refused: the SUV cannot be had exactly.
    """
    if out is not None and not str(out).endswith(".nii.gz"):
        raise Refused("the SUV image is written as NIfTI", where=Path(out).name, cure="name a file ending in .nii.gz")
    parameters = ReadParameters(
        weight_kg=parse_size(weight_kg, "--weight-kg"), height_m=parse_size(height_m, "--height-m")
    )
    progress("reading")
    case = ingest(ReadRequest(study=parse_path(study, "study"), pet_series=pet_series, parameters=parameters)).case
    image = to_suv(case.pet_series, case.tracer, parameters)
    balance = balance_activity(image, case.ct)
    if out is not None:
        write_pet(Path(out), image)
        write_sidecar(Path(out), sidecar_document(image, case.pet_series.acquisition, case.tracer))
    conversion = image.conversion
    lines = (
        *case.choices,
        *balance_lines(balance),
        *suv_lines(conversion, case.pet_series.acquisition.patient_sex),
    )
    return SuvAnswer(conversion, lines, {"suv": suv_document(conversion, balance)})


def reports(case: Case, facts: RunFacts) -> dict[str, Callable[[Path], None]]:
    """The reports of a case, laid out once so that HTML and PDF cannot differ: file name -> writer."""
    view = report_view(case, ProvenanceSummary(psmap.__version__, facts.started, facts.run_key, len(facts.inputs)))
    return {"report.html": lambda path: write_html(path, view), "report.pdf": lambda path: write_pdf(path, view)}


def _path(path: PathLike | None, what: str) -> Path | None:
    return None if path is None else parse_path(path, what)
