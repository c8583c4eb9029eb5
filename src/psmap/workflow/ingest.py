"""Through the door: what the user named becomes a case, with a hash of every input."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from psmap.catalog.load import load_tracers, recognise_tracer, tracer_by_name
from psmap.domain.case import Case, History
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import LabelImage
from psmap.domain.parameters import ReadParameters, ThresholdKind
from psmap.domain.refusal import Refused
from psmap.domain.study import PetSeries, SeriesSource, Study
from psmap.domain.tracer import Tracer
from psmap.io.anatomy_maps import anatomy_files
from psmap.io.dicom_read import content_hashes, read_study
from psmap.io.history import read_history
from psmap.io.nifti import read_ct, read_labels
from psmap.io.pet_nifti import read_pet, sidecar_path
from psmap.io.store import content_key
from psmap.workflow.own_network import OwnNetwork, network_files
from psmap.workflow.segmenters import OWN, SEGMENTERS, segmenter


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What to read.

    Args:
        study: folder or zip of DICOM; None when `pet` is given.
        pet, ct: NIfTI files, PET in SUVbw.
        tracer: a name of the catalogue, which overrides the header.
        history, liver, findings: history.json and label maps on the PET grid.
        segmenter: who names the voxels: a name of `segmenters`, or the path of what another program has left; None
            for nobody.
        pet_series, ct_series: SeriesInstanceUIDs (or their unique end) that override the choice.
        parameters: every choice that changes a number.
    """

    study: Path | None = None
    pet: Path | None = None
    ct: Path | None = None
    tracer: str | None = None
    history: Path | None = None
    liver: Path | None = None
    findings: Path | None = None
    segmenter: str | None = None
    pet_series: str | None = None
    ct_series: str | None = None
    parameters: ReadParameters = field(default_factory=ReadParameters)


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file that went in: what it is (not its name, which may hold a patient's) and the hash of its bytes."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came through the door.

    Args:
        case: the case, with no step run yet.
        keys: field of the case -> hash of its content.
        inputs: every file that went in.
        images: the hashes of those that hold the PET and the CT.
    """

    case: Case
    keys: dict[str, str]
    inputs: tuple[InputFile, ...]
    images: tuple[str, ...]


VOXEL_MM = (0.5, 50.0)
"""Voxels of a PET, ours: scanners give 1 to 6 mm."""

_NOTHING: tuple[InputFile, ...] = ()


def ingest(request: ReadRequest) -> Ingested:
    """Read what the request names. Raises `Refused` for whatever cannot be read exactly."""
    need_files(request)
    if request.segmenter is not None:
        segmenter(request.segmenter)  # refused before anything is read
    study, image_inputs, beside = read_images(request)
    need_voxels_of_a_pet(study.pet.grid)
    tracer, evidence = _tracer(request, study.pet)
    history = read_history(request.history) if request.history else History()
    labels = {
        name: _labels_on_pet(path, study.pet, name)
        for name, path in (("liver", request.liver), ("findings", request.findings))
        if path
    }
    case = Case(
        parameters=_parameters(request),
        tracer=tracer,
        tracer_evidence=evidence,
        history=history,
        pet_series=study.pet,
        pet_source=study.pet.source,
        ct=study.ct,
        ct_source=study.ct_source,
        liver=labels.get("liver"),
        given_sites=labels.get("findings"),
        segmenter=request.segmenter,
        choices=study.choices,
    )
    named = (("history", request.history), ("liver", request.liver), ("findings", request.findings))
    extra = {name: hashed(path, name) for name, path in named if path}
    anatomy_inputs, segmenter_key = named_by(request.segmenter)
    pet_key = content_key(*(item.sha256 for item in image_inputs["pet"]))
    keys = {
        "pet_series": pet_key,
        "ct": content_key(*(item.sha256 for item in image_inputs["ct"])),
        "tracer": content_key(tracer),
        "history": content_key(history),
        "parameters": content_key(case.parameters),
        "liver": content_key(extra["liver"].sha256 if "liver" in extra else None),
        "given_sites": content_key(extra["findings"].sha256 if "findings" in extra else None),
        "segmenter": segmenter_key,
    }
    images = (*image_inputs["pet"], *image_inputs["ct"])
    inputs = (*images, *beside, *extra.values(), *anatomy_inputs)
    return Ingested(case, keys, inputs, tuple(item.sha256 for item in images))


def need_files(request: ReadRequest) -> None:
    """Refuse folders, pipes and devices where a file is meant: a pipe that nobody fills would be waited for."""
    for option in ("pet", "ct", "history", "liver", "findings"):
        path: Path | None = getattr(request, option)
        if path is not None and not path.is_file():
            what = "is no file" if path.exists() else "does not exist"
            raise Refused(f"what --{option} names {what}", where=path.name, cure="name a file")


def need_voxels_of_a_pet(grid: Grid) -> None:
    """Refuse voxels that no PET of a man has: a spacing in another unit, or damaged."""
    low, high = VOXEL_MM
    if not low <= min(grid.spacing_mm) <= max(grid.spacing_mm) <= high:
        shown = " x ".join(f"{mm:.4g}" for mm in grid.spacing_mm)
        raise Refused(
            f"the PET's voxels are {shown} mm, and a PET of a man has {low:g} to {high:g} mm",
            cure="export the PET again, with its spacing in mm",
        )


def read_images(request: ReadRequest) -> tuple[Study, dict[str, tuple[InputFile, ...]], tuple[InputFile, ...]]:
    """The images, the files they came from, and the files beside them."""
    if request.study is not None and request.pet is None:
        if request.ct is not None:
            raise Refused("--ct belongs to --pet", cure="for DICOM choose the CT with --ct-series")
        study = read_study(request.study, request.pet_series, request.ct_series)
        inputs = {"pet": _hashed_series(study.pet.source, "PET"), "ct": _hashed_series(study.ct_source, "CT")}
        return study, inputs, _NOTHING
    if request.pet is not None and request.study is None:
        return _read_nifti(request.pet, request.ct)
    raise Refused("nothing to read, or two things", cure="give STUDY (DICOM folder or zip) or --pet (NIfTI)")


def _read_nifti(
    pet_path: Path, ct_path: Path | None
) -> tuple[Study, dict[str, tuple[InputFile, ...]], tuple[InputFile, ...]]:
    pet = read_pet(pet_path)
    ct = read_ct(ct_path) if ct_path else None
    if ct is not None and ct_path is not None and not _overlap(pet.grid, ct.grid):
        raise Refused("the CT covers nothing of the PET", where=ct_path.name, cure="give the CT of the same scan")
    choices = ("PET: NIfTI, taken as SUVbw", f"CT: {'NIfTI' if ct_path else 'none'}")
    inputs = {"pet": (hashed(pet_path, "PET"),), "ct": (hashed(ct_path, "CT"),) if ct_path else _NOTHING}
    sidecar = sidecar_path(pet_path)
    beside = (hashed(sidecar, "PET sidecar"),) if sidecar.is_file() else _NOTHING
    notes = ct.notes if ct else ()
    return Study(pet, ct, None, (*choices, *notes)), inputs, beside


def _overlap(one: Grid, other: Grid) -> bool:
    """Whether the boxes round two grids, along the patient's axes, share any volume."""
    (low, high), (other_low, other_high) = _box_mm(one), _box_mm(other)
    return bool(np.all(np.minimum(high, other_high) > np.maximum(low, other_low)))


def _box_mm(grid: Grid) -> tuple[FloatArray, FloatArray]:
    ends = [(0, size - 1) for size in grid.shape]
    corners = grid.to_mm([[k, j, i] for k in ends[0] for j in ends[1] for i in ends[2]])
    return corners.min(axis=0), corners.max(axis=0)


def _tracer(request: ReadRequest, pet: PetSeries) -> tuple[Tracer | None, str]:
    if request.tracer is not None:
        return tracer_by_name(request.tracer), "given by the user"
    if request.pet is not None and not pet.acquisition.radiopharmaceutical:
        raise Refused("a NIfTI PET does not say its tracer", where=request.pet.name, cure="give --tracer")
    return recognise_tracer(pet.acquisition, load_tracers())


def _parameters(request: ReadRequest) -> ReadParameters:
    kind = request.parameters.threshold.kind
    if (kind is ThresholdKind.GIVEN) != (request.findings is not None):
        raise Refused("--findings and the threshold 'given' belong together", cure="leave --threshold out")
    if kind is ThresholdKind.LIVER and request.liver is None and request.segmenter is None:
        raise Refused(
            "the liver threshold needs the liver",
            cure="give its mask on the PET grid with --liver MASK, or leave --segmenter out, so that psmap finds it",
        )
    return request.parameters


def _labels_on_pet(path: Path, pet: PetSeries, option: str) -> LabelImage:
    labels = read_labels(path, pet.grid)
    if not labels.grid.matches(pet.grid, tolerance_mm=0.05):
        raise Refused(
            f"the label map of --{option} does not lie on the PET grid "
            f"({labels.grid.shape} voxels against {pet.grid.shape})",
            where=path.name,
            cure="resample it to the PET (nearest neighbour)",
        )
    return LabelImage(pet.grid, labels.labels, labels.names)


def hashed(path: Path, what: str) -> InputFile:
    """A file by what it is and the hash of its bytes."""
    with path.open("rb") as file:
        return InputFile(what, hashlib.file_digest(file, "sha256").hexdigest())


def named_by(choice: str | None) -> tuple[tuple[InputFile, ...], str]:
    """The files that a segmenter reads, none where it is a program, and one hash of who and what names the voxels.

    The hash is over the names of the files too: a mask is of the structure that its file is called by.
    """
    if program_of(choice) == OWN:
        return _NOTHING, content_key(OWN, OwnNetwork().sha256())
    if choice is None or program_of(choice) is not None:
        return _NOTHING, content_key(program_of(choice))
    paths = network_files(Path(choice)) or anatomy_files(Path(choice))
    files = tuple(hashed(path, f"anatomy {number}") for number, path in enumerate(paths, start=1))
    return files, content_key(*((path.name, file.sha256) for path, file in zip(paths, files, strict=True)))


def program_of(choice: str | None) -> str | None:
    """The segmenter's name where the choice is one, and not files."""
    return choice.lower() if choice is not None and choice.lower() in SEGMENTERS else None


def _hashed_series(source: SeriesSource | None, what: str) -> tuple[InputFile, ...]:
    hashes = content_hashes(source.files) if source else ()
    return tuple(InputFile(f"{what} slice {number}", sha256) for number, (_name, sha256) in enumerate(hashes, start=1))
