"""Many studies, one after another or side by side: what is done is kept, what went wrong stands in one table."""

from __future__ import annotations

import csv
import json
import os
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from psmap.contracts import Runner
from psmap.domain.case import Case
from psmap.domain.refusal import Refused
from psmap.io.atomic import whole_file
from psmap.io.dicom_files import list_files
from psmap.io.store import content_key
from psmap.version import __version__
from psmap.workflow.export import PROVENANCE

TABLE = "batch.csv"
KEPT = ".psmap-batch"
"""Folder in OUT of the outcomes from which a batch goes on."""


class Outcome(StrEnum):
    """How a study of a batch came out."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class StudyOutcome(BaseModel):
    """OUT/.psmap-batch/NAME.json: how one study came out, and of which input and choices that is true.

    `psma_tv_ml` is in mL, the factors of SUVbw in g/mL per stored unit, `seconds` is the time taken; None is unknown.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    outcome: Outcome
    reason: str = ""
    run_key: str | None = None
    sites: int | None = None
    psma_tv_ml: float | None = None
    suv_factor_min: float | None = None
    suv_factor_max: float | None = None
    suv_trusted: bool | None = None
    warnings: int | None = None
    seconds: float | None = None


COLUMNS = (
    "study",
    "out",
    "outcome",
    "reason",
    "sites",
    "psma_tv_ml",
    "suv_factor_min",
    "suv_factor_max",
    "suv_trusted",
    "warnings",
    "seconds",
)
"""The columns of batch.csv, in order."""


@dataclass(frozen=True, slots=True)
class StudyJob:
    """One study of a batch, as it travels to the process that reads it.

    Args:
        study: folder or zip, absolute.
        out: the folder of its results, absolute.
        kept: the file of its outcome.
        key: hash of where and what the study is and of every choice.
        options: the choices, as arguments of the function that reads.
    """

    study: Path
    out: Path
    kept: Path
    key: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A row of batch.csv: the base name of the study, the folder of its results in OUT, and how it came out."""

    study: str
    out: str
    result: StudyOutcome


def plan_batch(studies: Sequence[Path], out: Path, options: Mapping[str, Any]) -> tuple[StudyJob, ...]:
    """One job a study, in the order given, each with a folder of its own in OUT.

    Args:
        studies: folders or zips of DICOM.
        out: the folder of the batch.
        options: the choices that all studies share.

    Raises:
        Refused: there is no study, OUT is a file, or OUT lies in one of the studies.
    """
    if not studies:
        raise Refused("there is no study", cure="name folders or zips of DICOM")
    folder = _absolute(out)
    if folder.exists() and not folder.is_dir():
        raise Refused("OUT is a file", where=out.name, cure="name a folder")
    paths = [_absolute(study) for study in studies]
    for path in paths:
        if folder.is_relative_to(path):
            raise Refused("OUT is, or lies in, one of the studies", where=path.name, cure="name a folder beside them")
    return tuple(
        StudyJob(path, folder / name, folder / KEPT / f"{name}.json", _key(path, options), options)
        for path, name in zip(paths, unique_names(paths), strict=True)
    )


def unique_names(studies: Iterable[Path]) -> list[str]:
    """A folder name a study: its base name without .zip; where that is taken, with -2, -3 ... in the order given.

    Names that differ in case only count as the same, as many file systems have it.
    """
    taken = {TABLE, KEPT}
    names = []
    for study in studies:
        base = study.stem if study.suffix.lower() == ".zip" else study.name
        name, number = base or "study", 1
        while _folded(name) in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(_folded(name))
        names.append(name)
    return names


def run_batch(
    jobs: Sequence[StudyJob],
    function: Callable[[StudyJob], None],
    runner: Runner,
    table: Path,
    *,
    force: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[BatchRow, ...]:
    """Read the studies that are not done yet; the table is written anew after each.

    Args:
        jobs: of `plan_batch`.
        function: reads one study and leaves its outcome behind (by `keep_outcome`).
        runner: where it is run.
        table: batch.csv.
        force: read all studies afresh.
        progress: told how far the batch is, as one line.
    """
    known = {} if force else {index: kept for index, job in enumerate(jobs) if (kept := _done(job))}
    missing = [index for index in range(len(jobs)) if index not in known]
    for index in missing:
        jobs[index].kept.unlink(missing_ok=True)
        _log(jobs[index]).unlink(missing_ok=True)

    def tell() -> tuple[BatchRow, ...]:
        rows = tuple(_row(jobs[index], known[index]) for index in sorted(known))
        write_table(table, rows)
        progress(batch_line(rows, len(jobs)))
        return rows

    rows = tell()
    with closing(runner(function, [jobs[index] for index in missing])) as ends:
        for ended in ends:
            job = jobs[missing[ended.index]]
            known[missing[ended.index]] = _outcome(job, ended.fault, ended.log)
            rows = tell()
    return rows


def keep_outcome(job: StudyJob, read: Callable[[], Case]) -> None:
    """Read one study and leave its outcome: done with its numbers, or refused with the reason.

    Whatever else goes wrong is not caught: the process ends, and the batch calls the study failed.
    """
    began = time.perf_counter()
    try:
        case = read()
    except Refused as refusal:
        outcome = StudyOutcome(key=job.key, outcome=Outcome.REFUSED, reason=str(refusal))
    except OSError as error:
        name = Path(error.filename).name if error.filename else ""
        reason = str(Refused(error.strerror or type(error).__name__, where=name, cure="check the path and the disk"))
        outcome = StudyOutcome(key=job.key, outcome=Outcome.REFUSED, reason=reason)
    else:
        outcome = _numbers(job, case)
    outcome = outcome.model_copy(update={"seconds": round(time.perf_counter() - began, 3)})
    with whole_file(job.kept) as part:
        part.write_text(outcome.model_dump_json(), encoding="utf-8")


def write_table(path: Path, rows: Iterable[BatchRow]) -> None:
    """Write batch.csv (RFC 4180, UTF-8): a row a study, numbers with every digit, an empty cell for unknown."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in rows:
            cells = {"study": row.study, "out": row.out, **row.result.model_dump(mode="json")}
            writer.writerow(_cell(cells[column]) for column in COLUMNS)


def _cell(value: object) -> object:
    """As RFC 4180 has no types: nothing for unknown, 'true' and 'false' as JSON writes them."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def batch_line(rows: Sequence[BatchRow], total: int) -> str:
    """How far a batch is: '12/270 done, 1 refused, 0 failed'."""
    count = {outcome: sum(row.result.outcome is outcome for row in rows) for outcome in Outcome}
    return f"{count[Outcome.DONE]}/{total} done, {count[Outcome.REFUSED]} refused, {count[Outcome.FAILED]} failed"


def _numbers(job: StudyJob, case: Case) -> StudyOutcome:
    if case.pet is None or case.findings is None or (case.burden is None and not case.withheld):
        raise ValueError("the outcome of a study needs a case whose steps have all run")
    conversion = case.pet.conversion
    return StudyOutcome(
        key=job.key,
        outcome=Outcome.DONE,
        run_key=_run_key(job.out),
        sites=len(case.findings),
        psma_tv_ml=case.burden.volume_ml if case.burden is not None else None,
        suv_factor_min=conversion.factor_min,
        suv_factor_max=conversion.factor_max,
        suv_trusted=case.balance.trusted if case.balance is not None else None,
        warnings=len(conversion.warnings),
    )


def _outcome(job: StudyJob, fault: str, log: str) -> StudyOutcome:
    """What a finished process left; without that, or after a fault, the study failed."""
    kept = _kept(job)
    if kept is not None and kept.key == job.key and not fault:
        return kept
    reason = fault or "ended without an outcome"
    if log:
        with whole_file(_log(job)) as part:
            part.write_text(log, encoding="utf-8")
        reason += f"; what it said last is in {KEPT}/{_log(job).name}"
    job.kept.unlink(missing_ok=True)
    return StudyOutcome(key=job.key, outcome=Outcome.FAILED, reason=reason)


def _done(job: StudyJob) -> StudyOutcome | None:
    """The outcome of an earlier batch if it is 'done', of this input and these choices, and its results are there."""
    kept = _kept(job)
    if kept is None or kept.outcome is not Outcome.DONE or kept.key != job.key:
        return None
    return kept if kept.run_key is not None and kept.run_key == _run_key(job.out) else None


def _kept(job: StudyJob) -> StudyOutcome | None:
    try:
        return StudyOutcome.model_validate_json(job.kept.read_bytes())
    except (OSError, ValidationError):
        return None


class _Listed(BaseModel):
    file: str


class _Finished(BaseModel):
    run_key: str
    outputs: list[_Listed]


def _run_key(out: Path) -> str | None:
    """The run whose results are in OUT; None where provenance, or a file that it lists, is not there."""
    try:
        finished = _Finished.model_validate_json((out / PROVENANCE).read_bytes())
    except (OSError, ValidationError):
        return None
    return finished.run_key if all((out / item.file).is_file() for item in finished.outputs) else None


def _row(job: StudyJob, result: StudyOutcome) -> BatchRow:
    return BatchRow(job.study.name, job.out.name, result)


def _log(job: StudyJob) -> Path:
    return job.kept.with_suffix(".log")


def _absolute(path: Path) -> Path:
    """Absolute and without '..', but through no link: a linked study keeps the name that the user gave it."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (pathlib has no such thing)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _key(study: Path, options: Mapping[str, Any]) -> str:
    """Hash of version, choices, place, and the name, size and time of change of every file: quick, reads no pixel."""
    choices = json.dumps(dict(options), sort_keys=True)
    return content_key(__version__, choices, str(study), tuple(_files(study)))


def _files(study: Path) -> Iterator[tuple[str, int, int]]:
    try:
        paths = [file.path for file in list_files(study)] if study.is_dir() else [study] if study.is_file() else []
    except Refused:  # said again, and better, when the study is read
        paths = []
    for path in paths:
        facts = path.stat()
        yield str(path.relative_to(study)), facts.st_size, facts.st_mtime_ns
