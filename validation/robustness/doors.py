"""One hostile input through one door of psmap, watched: what comes out must be a result or a clear refusal.

Input K of seed N is always the same. It is made in a folder of its own; while psmap reads it, warnings are errors and
every change of the file system is seen (by an audit hook, PEP 578), whoever makes it.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import hostile_dicom
import hostile_folder
import hostile_nifti
import hostile_store
import hostile_zip
import numpy as np
import numpy.typing as npt
import small_studies
from hostile_bytes import SPOILS, Dice
from watch import keep_watch, own_folder, rights, seen, watched

from psmap.apps.cli.main import main
from psmap.domain.case import Case
from psmap.domain.image import PetImage
from psmap.domain.refusal import Refused
from psmap.io.nifti import read_image
from psmap.io.store import Store
from psmap.workflow.ingest import ReadRequest, ingest
from psmap.workflow.pipeline import to_suv

LONGEST_LINE = 1000
"""A refusal is a line to read: its path, its value and its cure have room in this many characters."""

_HIDDEN = (*small_studies.PATIENT_NAME.split("^"), small_studies.PATIENT_ID)
_FIXED = "undamaged"


class Ending(StrEnum):
    """How an input ended."""

    RESULT = "result"
    REFUSAL = "refusal"
    FINDING = "finding"


@dataclass(frozen=True)
class Judged:
    """An input and its ending; `detail` is the refusal, or what is wrong."""

    number: int
    door: str
    way: str
    ending: Ending
    detail: str = ""


class Wrong(Exception):
    """psmap gave a result, or a refusal, that is none."""


@dataclass(frozen=True)
class Images:
    """What came through the door as images: SUV [k, j, i] and HU or None."""

    suv: npt.NDArray[np.float32]
    hu: npt.NDArray[np.int16] | None


@dataclass(frozen=True)
class Task:
    """One input, made and ready to be read.

    Args:
        read: reads it and returns images, if there are any to compare.
        expected: what a result must equal; None where the damage may change values.
        out: where psmap may write; None for nowhere.
        as_nobody: read without root's rights.
    """

    read: Callable[[], Images | None]
    expected: Images | None = None
    out: Path | None = None
    as_nobody: bool = False


@dataclass(frozen=True)
class Door:
    """A door: its share of the inputs, its ways of damage, and how an input is made in an empty folder."""

    share: float
    ways: tuple[str, ...]
    make: Callable[[Path, str, Dice], Task]


def _pick(names: tuple[str, ...] | list[str], dice: Dice) -> str:
    return names[int(dice.integers(0, len(names)))]


def _study_for(way: str, dice: Dice) -> tuple[str, small_studies.Files]:
    """A study that this way of damage can be done to."""
    names = tuple(small_studies.studies())
    any_encoding = way in SPOILS or way == "files mixed"
    name = _pick(names if any_encoding else small_studies.LITTLE_ENDIAN, dice)
    return name, small_studies.studies()[name]


def _dicom_folder(folder: Path, way: str, dice: Dice) -> Task:
    name, files = _study_for(way, dice)
    spoiled = hostile_dicom.SPOILERS[way](files, dice)
    study = hostile_folder.write_files(folder / "study", spoiled)
    return Task(lambda: through(ReadRequest(study=study)), _undamaged(name) if way == "truncated" else None)


def _dicom_zip(folder: Path, way: str, dice: Dice) -> Task:
    name, files = _study_for("value replaced" if way == "spoiled DICOM" else "", dice)
    archive = folder / "study.zip"
    archive.write_bytes(hostile_zip.ZIPPERS[way](files, dice))
    same = way in ("truncated", "wrapped", "bomb", "nested zips", "many members", "links")
    return Task(lambda: through(ReadRequest(study=archive)), _undamaged(name) if same else None)


def _nifti(folder: Path, way: str, dice: Dice) -> Task:
    name = _pick(list(hostile_nifti.images()), dice)
    spoilers = {**hostile_nifti.SPOILERS, **hostile_nifti.JSON_SPOILERS}
    files = spoilers[way](hostile_nifti.images()[name], dice)
    request = _nifti_request(folder, files, dice)
    return Task(lambda: through(request), _undamaged(name) if way == "truncated" else None)


def _nifti_request(folder: Path, files: hostile_nifti.Images, dice: Dice | None) -> ReadRequest:
    hostile_folder.write_files(folder, files)
    pet, ct, labels = (
        next(folder / name for name in files if name.startswith(part)) for part in ("pet", "ct", "labels")
    )
    liver = labels if dice is None or dice.random() < 0.5 else None
    return ReadRequest(pet=pet, ct=ct, liver=liver, history=folder / "history.json")


def _strange_folder(folder: Path, way: str, dice: Dice) -> Task:
    files = small_studies.studies()["explicit"]
    study = hostile_folder.BUILDERS[way](folder, files, dice)
    return Task(lambda: through(ReadRequest(study=study)), as_nobody=way == "no permission")


def _store(folder: Path, way: str, dice: Dice) -> Task:
    (folder / f"{hostile_store.KEY}.npz").write_bytes(hostile_store.SPOILERS[way](hostile_store.kept(), dice))

    def read() -> None:
        try:
            Store(folder).get(hostile_store.KEY)
        except KeyError as gone:
            raise Refused("the store does not hold it", cure="the step is run again") from gone

    return Task(read)


def _command(folder: Path, way: str, dice: Dice) -> Task:
    out = folder / "out"
    if way == "psmap read --pet":
        files = hostile_nifti.images()[_pick(list(hostile_nifti.images()), dice)]
        spoilers = {**hostile_nifti.SPOILERS, **hostile_nifti.JSON_SPOILERS}
        request = _nifti_request(folder, spoilers[_pick(list(spoilers), dice)](files, dice), dice)
        named = {"pet": request.pet, "ct": request.ct, "liver": request.liver, "history": request.history}
        arguments = [text for option, path in named.items() if path for text in (f"--{option}", str(path))]
        return Task(
            lambda: _run_command(["read", *arguments, "--tracer", "psma-11", "-q", "-o", str(out)], out), out=out
        )
    spoil = _pick(list(hostile_dicom.SPOILERS), dice)
    _name, files = _study_for(spoil, dice)
    spoiled = hostile_dicom.SPOILERS[spoil](files, dice)
    if dice.random() < 0.2:
        study = folder / "study.zip"
        study.write_bytes(hostile_zip.zipped(spoiled, dice))
    else:
        study = hostile_folder.write_files(folder / "study", spoiled)
    if way == "psmap suv":
        return Task(lambda: _run_command(["suv", str(study), "-o", str(out / "suv.nii.gz")], out), out=out)
    return Task(lambda: _run_command(["read", str(study), "-v", "-o", str(out)], out), out=out)


def _run_command(arguments: list[str], out: Path) -> None:
    """The command line in this process: 0 and results, or 1 and one line on standard error."""
    said, wrong = io.StringIO(), io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        try:
            main(arguments)
        except SystemExit as left:
            code = left.code or 0
    lines = wrong.getvalue().splitlines()
    if code == 1 and len(lines) == 1 and lines[0].startswith("psmap: refused: "):
        _, _, line = lines[0].partition("refused: ")
        what, _, cure = line.partition("; cure: ")
        raise Refused(what, cure=cure)
    if code != 0 or lines:
        raise Wrong(f"exit code {code}, {len(lines)} lines on standard error: {wrong.getvalue()[:300]!r}")
    for line in said.getvalue().splitlines():
        _need_printable(line)
    for path in out.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    for path in out.rglob("*suv.nii.gz"):
        _need_finite(read_image(path)[1])


def _no_constant(name: str) -> None:
    raise Wrong(f"{name} stands in a JSON file")


DOORS: dict[str, Door] = {
    "DICOM folder": Door(0.52, tuple(hostile_dicom.SPOILERS), _dicom_folder),
    "DICOM zip": Door(0.17, tuple(hostile_zip.ZIPPERS), _dicom_zip),
    "NIfTI": Door(0.13, tuple(hostile_nifti.SPOILERS), _nifti),
    "JSON": Door(0.05, tuple(hostile_nifti.JSON_SPOILERS), _nifti),
    "strange folder": Door(0.03, tuple(hostile_folder.BUILDERS), _strange_folder),
    "kept results": Door(0.06, tuple(hostile_store.SPOILERS), _store),
    "command line": Door(0.04, ("psmap suv", "psmap read", "psmap read --pet"), _command),
}
"""Every door, with its share of the inputs."""


def through(request: ReadRequest) -> Images:
    """Bring images through the door to SUV, with all that is said of how it came about."""
    case: Case = ingest(request).case
    image = to_suv(case.pet_series, case.tracer, case.parameters)
    _need_sound(image)
    conversion = image.conversion
    for line in (*case.choices, conversion.rule, *conversion.trace, *conversion.warnings):
        _need_printable(line)
    return Images(image.suv, None if case.ct is None else case.ct.hu)


def _need_sound(image: PetImage) -> None:
    if image.suv.shape != image.grid.shape or image.suv.dtype != np.float32:
        raise Wrong(f"SUV of {image.suv.dtype} {image.suv.shape} on a grid {image.grid.shape}")
    _need_finite(image.suv)


def _need_finite(voxels: npt.NDArray[Any]) -> None:
    if not np.isfinite(voxels).all():
        raise Wrong(f"{np.count_nonzero(~np.isfinite(voxels))} voxels of the result are not finite")


def _need_printable(line: str) -> None:
    bad = next((letter for letter in line if not (letter.isprintable() or letter == "\t")), None)
    if bad is not None:
        raise Wrong(f"a line of the answer holds {bad!r}: {line[:200]!r}")


def _need_clear(refused: Refused, scratch: Path) -> None:
    """A refusal is one printable line with a cure, of a length to read, and names no patient and no path."""
    line = str(refused)
    if not refused.what.strip() or not refused.cure.strip():
        raise Wrong(f"a refusal without {'reason' if refused.cure.strip() else 'cure'}: {line[:200]!r}")
    _need_printable(line)
    if len(line) > LONGEST_LINE:
        raise Wrong(f"a refusal of {len(line)} characters: {line[:150]!r}...")
    if str(scratch) in line:
        raise Wrong(f"a refusal names the whole path: {line[:300]!r}")


def _need_anonymous(way: str, refused: Refused) -> None:
    if way in _MOVES_VALUES:
        return
    for secret in _HIDDEN:
        if secret in str(refused):
            raise Wrong(f"a refusal names the patient: {str(refused)[:300]!r}")


_MOVES_VALUES = {"value of another element", "tag changed", "headers spliced", "several at once", "swapped blocks",
                 "deleted", "inserted", "length at an extreme", "bits flipped", "extreme words", "repeated block",
                 "overwritten", "random tail", "VR swapped", "spoiled DICOM", "psmap read", "psmap suv"}  # fmt: skip
"""Ways that put the bytes of PatientName where another value should stand, which a refusal may then quote."""

_known: dict[str, Images] = {}


def _undamaged(name: str) -> Images:
    """What the undamaged study of this name gives, found before anything was spoiled."""
    return _known[name]


def prepare(scratch: Path) -> None:
    """Make the undamaged inputs and read each once: libraries are loaded and kernels compiled before the watch."""
    sys.dont_write_bytecode = True
    keep_watch()
    for name, files in small_studies.studies().items():
        with own_folder(scratch) as folder:
            _known[name] = through(ReadRequest(study=hostile_folder.write_files(folder / _FIXED, files)))
    for name, files in hostile_nifti.images().items():
        with own_folder(scratch) as folder:
            _known[name] = through(_nifti_request(folder, files, None))
    with own_folder(scratch) as folder:
        study = hostile_folder.write_files(folder / _FIXED, small_studies.studies()["explicit"])
        _run_command(["read", str(study), "-q", "-o", str(folder / "out")], folder / "out")


def chosen(seed: int, number: int, door: str = "") -> tuple[str, str, Dice]:
    """Door, way and dice of an input; a door that is named is always taken."""
    dice = np.random.default_rng((seed, number))
    shares = np.array([each.share for each in DOORS.values()])
    drawn = list(DOORS)[int(dice.choice(len(DOORS), p=shares / shares.sum()))]
    name = door or drawn
    return name, _pick(DOORS[name].ways, dice), dice


def run_input(seed: int, number: int, scratch: Path, door: str = "") -> Judged:
    """Make input `number`, read it under watch, and judge what came out."""
    name, way, dice = chosen(seed, number, door)
    with own_folder(scratch) as folder:
        task = DOORS[name].make(folder, way, dice)
        ending, detail = judged(task, way, folder)
    return Judged(number, name, way, ending, detail)


def judged(task: Task, way: str, scratch: Path) -> tuple[Ending, str]:
    """Read one input under watch."""
    try:
        ending, detail = _read(task, way, scratch)
    except Wrong as wrong:
        ending, detail = Ending.FINDING, str(wrong)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the finding)
        ending, detail = Ending.FINDING, _where(error)
    if seen():
        return Ending.FINDING, f"a change outside OUT: {'; '.join(seen()[:3])}"
    return ending, detail


def _read(task: Task, way: str, scratch: Path) -> tuple[Ending, str]:
    try:
        with warnings.catch_warnings(), rights(task.as_nobody), watched(task.out):
            warnings.simplefilter("error")
            for ours_not in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):
                warnings.simplefilter("ignore", ours_not)
            found = task.read()
    except Refused as refused:
        _need_clear(refused, scratch)
        _need_anonymous(way, refused)
        return Ending.REFUSAL, str(refused)
    if task.expected is not None and found is not None:
        _need_equal(task.expected, found)
    return Ending.RESULT, ""


def _need_equal(expected: Images, found: Images) -> None:
    if not np.array_equal(expected.suv, found.suv):
        raise Wrong(
            f"the SUV is silently another: {found.suv.shape} voxels, {expected.suv.shape} in the undamaged study"
        )
    if found.hu is not None and expected.hu is not None and not np.array_equal(expected.hu, found.hu):
        raise Wrong("the CT is silently another")


def _where(error: BaseException) -> str:
    """The error and the places it came from, nearest last."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-6:]]
    return f"{type(error).__name__}: {str(error)[:200]!r} at {' > '.join(places)}"
