"""Everything that a reading leaves in OUT: each file whole or not at all, and provenance last."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from psmap.domain.anatomy import Anatomy
from psmap.domain.case import Case
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.uptake import Finding
from psmap.io.case_json import case_document, parameters_document, write_json
from psmap.io.deidentify import deidentified_uid, deidentify_headers
from psmap.io.dicom_carry_over import carry_over
from psmap.io.dicom_read import read_headers
from psmap.io.dicom_seg import write_segmentation
from psmap.io.dicom_sr import write_measurements
from psmap.io.label_map import findings_label_map
from psmap.io.nifti import write_image, write_label_map
from psmap.io.pet_nifti import sidecar_document, write_pet, write_sidecar
from psmap.io.tables import LABEL_COLUMNS, STRUCTURE_COLUMNS, label_rows, structure_rows, write_findings
from psmap.steps.anatomy.on_pet import nearest_labels
from psmap.version import __version__
from psmap.workflow.ingest import InputFile, program_of
from psmap.workflow.own_network import CARD, OwnNetwork
from psmap.workflow.run import StepRecord
from psmap.workflow.segmenters import OWN

PROVENANCE = "provenance.json"
CASE = "case.json"
RESULTS = (
    "images/pet_suv.nii.gz",
    "images/pet_suv.json",
    "images/ct.nii.gz",
    "images/anatomy_dseg.nii.gz",
    "images/anatomy_dseg.tsv",
    "images/stations_dseg.nii.gz",
    "images/stations_dseg.tsv",
    "images/findings_dseg.nii.gz",
    "images/findings_dseg.tsv",
    "dicom/findings.seg.dcm",
    "dicom/measurements.sr.dcm",
    "findings.csv",
    CASE,
    "report.html",
    "report.pdf",
    PROVENANCE,
)
"""Every file that a reading may leave in OUT."""
_PACKAGES = ("highdicom", "nibabel", "numba", "numpy", "onnxruntime", "pydicom", "reportlab", "scikit-image", "scipy")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run beside its case.

    Args:
        run_key: hash over inputs, parameters and versions; names the run and seeds its UIDs.
        started: when the run began.
        inputs: the files that went in.
        records: what happened to each step.
        secret: text that seeds the UIDs which replace the study's own, where names and UIDs are replaced in what is
            written; None where they are not.
    """

    run_key: str
    started: datetime
    inputs: tuple[InputFile, ...]
    records: tuple[StepRecord, ...]
    secret: str | None = None


Documents = Callable[[Case, RunFacts], Mapping[str, Callable[[Path], None]]]
"""Lays out what people read: file name -> a writer that puts it at the path it is given."""


def export(case: Case, out: Path, facts: RunFacts, documents: Documents) -> tuple[str, ...]:
    """Write a finished case into OUT and return the names of the files, relative to OUT.

    Args:
        case: a case whose steps have all run.
        out: the folder; made if it is not there.
        facts: the run.
        documents: what the floor above lays out (report.html, report.pdf).

    Raises:
        ValueError: a step has not run.
    """
    if case.pet is None or case.findings is None or (case.burden is None and not case.withheld):
        raise ValueError("export needs a case whose steps have all run")
    written: list[str] = []

    def place(name: str) -> Path:
        if name not in RESULTS:
            raise ValueError(f"{name} is missing in the list of results")
        written.append(name)
        return out / name

    # Packing the images leaves the interpreter free, so they are written beside the other files.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="images") as beside:
        images = beside.submit(_write_images, case, case.pet, case.findings, place)
        notes = _write_dicom(case, case.pet, case.findings, facts, place)
        write_findings(place("findings.csv"), case.findings, case.places or ())
        write_json(place(CASE), case_document(case, __version__, _uid_writer(facts)))
        for name, write in documents(case, facts).items():
            write(place(name))
        images.result()
    written.sort(key=RESULTS.index)
    document = _provenance(case, out, facts, written, notes)
    write_json(out / PROVENANCE, document)
    return (*written, PROVENANCE)


def _write_images(case: Case, pet: PetImage, findings: Sequence[Finding], place: Callable[[str], Path]) -> None:
    image = place("images/pet_suv.nii.gz")
    write_pet(image, pet)
    place("images/pet_suv.json")
    write_sidecar(image, sidecar_document(pet, case.pet_series.acquisition, case.tracer))
    if case.ct is not None:
        write_image(place("images/ct.nii.gz"), case.ct.grid, case.ct.hu)
    if case.anatomy is not None and case.anatomy.found:
        write_anatomy(case.anatomy, case.ct.grid if case.ct is not None else pet.grid, place, "images/")
    labels = place("images/findings_dseg.nii.gz")
    place("images/findings_dseg.tsv")
    write_label_map(labels, findings_label_map(findings, pet.grid), LABEL_COLUMNS, label_rows(findings))


def write_anatomy(anatomy: Anatomy, grid: Grid, place: Callable[[str], Path], folder: str = "") -> None:
    """Write `anatomy_dseg` and, where there are any, `stations_dseg` on a grid, each with its table.

    A table lists every number that has a name, also where it has no voxels: what is not there was looked for.
    """
    for name, labels in (("anatomy", anatomy.labels), ("stations", anatomy.stations)):
        if labels is None:
            continue
        path = place(f"{folder}{name}_dseg.nii.gz")
        place(f"{folder}{name}_dseg.tsv")
        near, _ = nearest_labels(labels.labels, labels.grid, grid)
        write_label_map(path, LabelImage(grid, near, labels.names), STRUCTURE_COLUMNS, structure_rows(labels))


def _write_dicom(
    case: Case, pet: PetImage, findings: Sequence[Finding], facts: RunFacts, place: Callable[[str], Path]
) -> tuple[str, ...]:
    """DICOM SEG and SR where the PET came as DICOM: they need its patient, study and frame of reference."""
    if case.pet_source is None:
        return ("no DICOM SEG or SR: the PET came as NIfTI, which carries no patient, study or frame of reference",)
    headers = read_headers(case.pet_source.files)
    if facts.secret is not None:
        headers = deidentify_headers(headers, facts.secret)
    source = carry_over(headers)
    notes: list[str] = []
    segmentation = None
    if findings:
        segmentation = write_segmentation(
            place("dicom/findings.seg.dcm"),
            findings,
            pet.grid,
            source,
            seed=facts.run_key,
            when=facts.started,
            software_version=__version__,
        )
    else:
        notes.append("no DICOM SEG: there is no site to segment")
    if case.burden is None:  # in a PACS nothing would stand beside the numbers
        return (*notes, *source.notes, f"no DICOM SR: {case.withheld}")
    write_measurements(
        place("dicom/measurements.sr.dcm"),
        findings,
        case.burden,
        source,
        segmentation,
        seed=facts.run_key,
        when=facts.started,
        software_version=__version__,
    )
    return (*notes, *source.notes)


def _uid_writer(facts: RunFacts) -> Callable[[str], str]:
    secret = facts.secret
    return str if secret is None else lambda uid: deidentified_uid(uid, secret)


def _provenance(
    case: Case, out: Path, facts: RunFacts, written: Sequence[str], notes: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "psmap": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "started": facts.started.isoformat(),
        "command": {
            **parameters_document(case.parameters),
            "tracer": case.tracer.id if case.tracer else None,
            "segmenter": None if case.segmenter is None else program_of(case.segmenter) or "files",
            "deidentify": facts.secret is not None,
        },
        "inputs": [{"file": item.file, "sha256": item.sha256} for item in facts.inputs],
        "run_key": facts.run_key,
        "steps": [
            {"name": record.name, "version": record.version, "key": record.key, "seconds": round(record.seconds, 3)}
            for record in facts.records
        ],
        "outputs": [{"file": name, "sha256": file_sha256(out / name)} for name in written],
        "model_cards": _model_cards(case.segmenter),
        "notes": [*case.choices, *([case.withheld] if case.withheld else []), *notes],
    }


def _model_cards(choice: str | None) -> list[dict[str, str]]:
    """Which of psmap's own networks had a part in it."""
    if program_of(choice) != OWN:
        return []
    return [{"model": "anatomy", "sha256": OwnNetwork().sha256(), "card": CARD}]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
