"""Anatomy alone, from request to files: what is there is kept, what is missing is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from psmap.domain.anatomy import Anatomy
from psmap.domain.image import CtImage, PetImage
from psmap.domain.refusal import Refused
from psmap.io.anatomy_json import anatomy_document
from psmap.io.case_json import write_json
from psmap.io.nifti import read_ct
from psmap.io.store import Store, content_key
from psmap.version import __version__
from psmap.workflow.export import file_sha256, write_anatomy
from psmap.workflow.ingest import (
    ReadRequest,
    hashed,
    named_by,
    need_files,
    need_voxels_of_a_pet,
    read_images,
)
from psmap.workflow.pipeline import PIPELINE, to_suv
from psmap.workflow.segmenters import segmenter

ANATOMY = "anatomy.json"
RESULTS = ("anatomy_dseg.nii.gz", "anatomy_dseg.tsv", "stations_dseg.nii.gz", "stations_dseg.tsv", ANATOMY)
"""Every file that may be left in OUT."""
_STEPS, _RECORD = Path(".psmap", "steps"), Path(".psmap", "anatomy.json")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What the voxels are named of: PET in SUV, CT, or both, how they were chosen, and the hashes of their files."""

    pet: PetImage | None
    ct: CtImage | None
    choices: tuple[str, ...]
    images: tuple[str, ...]


class _Output(BaseModel):
    file: str
    sha256: str


class _Record(BaseModel):
    """OUT/.psmap/anatomy.json: of which images and by whom, and what was written; nothing until all of it was."""

    key: str
    images: list[str]
    outputs: list[_Output] = []


def name_scan(request: ReadRequest, out: Path | None, *, force: bool, progress: Tell, tell: Tell) -> Anatomy:
    """Name the voxels of a scan, and leave label maps, tables and anatomy.json in OUT.

    A second run over the same inputs writes nothing; one with another segmenter replaces the results of the same scan;
    those of another scan, and files by somebody else, are never overwritten unless it is forced.

    Args:
        request: STUDY, PET, CT or PET and CT, and the segmenter.
        out: the folder; None writes nothing.
        force: forget what is in OUT and start afresh.
        progress: told what is being done.
        tell: told how the images were chosen, a line each.

    Returns:
        The anatomy.

    Raises:
        Refused: an input cannot be read, the segmenter refuses, or OUT holds something else.
    """
    if request.segmenter is None:
        raise ValueError("somebody has to name the voxels")
    if out is not None and out.exists() and not out.is_dir():
        raise Refused("OUT is a file", where=out.name, cure="name a folder")
    name_voxels = segmenter(request.segmenter)
    progress("reading")
    scan = read_scan(request)
    for choice in scan.choices:
        tell(choice)
    if out is None:
        progress("anatomy")
        return _somebody(name_voxels(scan.pet, scan.ct))
    key = _key(request.segmenter, scan)
    earlier = _earlier(out)
    if not force:
        _ours(out, earlier, scan)
    store = Store(out / _STEPS)
    anatomy = None if force else _kept(store, key)
    if anatomy is None:
        progress("anatomy")
        anatomy = _somebody(name_voxels(scan.pet, scan.ct))
        store.put(key, anatomy)
    if not force and earlier is not None and earlier.key == key and _whole(out, earlier):
        return anatomy
    progress("writing")
    _write(anatomy, scan, out, _Record(key=key, images=list(scan.images)))
    return anatomy


def read_scan(request: ReadRequest) -> Scan:
    """The images of a request. A PET comes in SUV; no tracer is asked for. Raises `Refused` as `ingest` does."""
    need_files(request)
    if request.study is None and request.pet is None and request.ct is not None:
        ct = read_ct(request.ct)
        return Scan(None, ct, ("PET: none", "CT: NIfTI", *ct.notes), (hashed(request.ct, "CT").sha256,))
    study, inputs, _beside = read_images(request)
    need_voxels_of_a_pet(study.pet.grid)
    images = tuple(item.sha256 for item in (*inputs["pet"], *inputs["ct"]))
    return Scan(to_suv(study.pet, None, request.parameters), study.ct, study.choices, images)


def _somebody(anatomy: Anatomy) -> Anatomy:
    """Refuse an anatomy of nothing, which a reading goes on with and which nobody has asked for here."""
    if not anatomy.found:
        why = anatomy.notices[0] if anatomy.notices else "no structure was found"
        raise Refused(why, cure="check that CT is in HU, PET in SUV, and that a man is in them")
    return anatomy


def _key(choice: str, scan: Scan) -> str:
    version = next(step.version for step in PIPELINE if step.gives == "anatomy")
    return content_key(__version__, version, scan.images, named_by(choice)[1])


def _earlier(out: Path) -> _Record | None:
    """What an earlier run left, or None; a damaged file counts as none."""
    try:
        return _Record.model_validate_json((out / _RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def _ours(out: Path, earlier: _Record | None, scan: Scan) -> None:
    """Refuse to write over what is not the anatomy of one of these images, finished or begun."""
    mine = earlier is not None and not set(scan.images).isdisjoint(earlier.images)
    if not mine and any((out / name).exists() for name in RESULTS):
        raise Refused(
            "OUT holds files that are not the anatomy of this scan",
            where=out.name,
            cure="name another folder, or give --force to replace them",
        )


def _kept(store: Store, key: str) -> Anatomy | None:
    """The anatomy that an earlier run left, or None; a damaged one counts as none."""
    try:
        kept = store.get(key)
    except KeyError:
        return None
    return kept if isinstance(kept, Anatomy) else None


def _whole(out: Path, earlier: _Record) -> bool:
    """Whether all that was written is there with the bytes it had."""
    return bool(earlier.outputs) and all(
        item.file in RESULTS and (out / item.file).is_file() and file_sha256(out / item.file) == item.sha256
        for item in earlier.outputs
    )


def _write(anatomy: Anatomy, scan: Scan, out: Path, record: _Record) -> None:
    """Write all files; the record says first whose they will be, and last that they are all there."""
    written: list[str] = []

    def place(name: str) -> Path:
        if name not in RESULTS:
            raise ValueError(f"{name} is missing in the list of results")
        written.append(name)
        return out / name

    grid = scan.ct.grid if scan.ct is not None else scan.pet.grid if scan.pet is not None else anatomy.labels.grid
    write_json(out / _RECORD, record.model_dump(mode="json"))
    write_anatomy(anatomy, grid, place)
    write_json(place(ANATOMY), anatomy_document(anatomy))
    for name in RESULTS:
        if name not in written:  # left by an earlier run, and no longer true
            (out / name).unlink(missing_ok=True)
    outputs = [_Output(file=name, sha256=file_sha256(out / name)) for name in written]
    write_json(out / _RECORD, record.model_copy(update={"outputs": outputs}).model_dump(mode="json"))
