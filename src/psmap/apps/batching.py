"""`psmap batch` as a Python call: a cohort of studies, each read by itself, and one table of how each came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from psmap.apps.choices import parse_jobs, parse_path, parse_peak, parse_segmenter, parse_threshold
from psmap.apps.reading import PathLike, now, read
from psmap.catalog.load import tracer_by_name
from psmap.contracts import Runner
from psmap.domain.parameters import ThresholdKind
from psmap.domain.refusal import Refused
from psmap.workflow.batch import (
    TABLE,
    BatchRow,
    Outcome,
    StudyJob,
    batch_line,
    keep_outcome,
    plan_batch,
    run_batch,
)
from psmap.workflow.runners import DaskRunner, ProcessRunner
from psmap.workflow.segmenters import OWN

ENGINES = ("process", "dask")


@dataclass(frozen=True, slots=True)
class Batch:
    """A finished batch: its table as a file and as rows, and the line that sums it up."""

    table: Path
    rows: tuple[BatchRow, ...]
    line: str

    @property
    def all_done(self) -> bool:
        """Whether no study was refused or failed."""
        return all(row.result.outcome is Outcome.DONE for row in self.rows)


def batch(
    studies: Iterable[PathLike],
    out: PathLike,
    *,
    jobs: int | None = None,
    engine: str = "process",
    scheduler: str | None = None,
    tracer: str | None = None,
    threshold: str | float | None = None,
    segmenter: str | None = OWN,
    watershed: bool = True,
    peak: str = "max_mean/fractional",
    accept_suv: bool = False,
    deidentify: bool = False,
    force: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> Batch:
    """Read many studies, each in a process of its own; one that is refused or dies harms no other.

    What an earlier batch did is kept; what is missing, was refused, or failed, is read again.

    Args:
        studies: folders or zips of DICOM, one a study.
        out: results go to OUT/NAME a study, the table to OUT/batch.csv.
        jobs: how many processes at once; as many as there are cores if None. Not with Dask.
        engine: 'process', or 'dask' for a cluster.
        scheduler: address of the Dask scheduler.
        segmenter: who names the voxels of all studies: 'psmap', 'totalsegmentator' or 'totalsegmentator-fast'; 'none'
            or None names nothing.
        tracer, threshold, watershed, peak, accept_suv, deidentify: as in `psmap.read`, for all studies.
        force: read all studies afresh.
        progress: told how far the batch is, as one line.

    Raises:
        psmap.Refused: a choice that holds for all studies is wrong; a study that cannot be read is a row of the table.
    """
    now()
    parse_peak(peak)
    program = parse_segmenter(segmenter, program=True)
    if parse_threshold(threshold, given=False).kind is ThresholdKind.LIVER and program is None:
        raise Refused(
            "--threshold liver needs the liver of every study",
            cure="leave --segmenter out, or psmap read --liver study by study",
        )
    if tracer is not None:
        tracer_by_name(tracer)
    options: dict[str, Any] = {
        "tracer": tracer,
        "threshold": threshold,
        "segmenter": program,
        "watershed": watershed,
        "peak": peak,
        "accept_suv": accept_suv,
        "deidentify": deidentify,
    }
    planned = plan_batch([parse_path(study, "study") for study in studies], parse_path(out, "out"), options)
    runner = _runner(engine, scheduler, jobs)
    table = Path(out) / TABLE
    rows = run_batch(planned, _afresh if force else _on, runner, table, force=force, progress=progress)
    return Batch(table, rows, batch_line(rows, len(planned)))


def _on(job: StudyJob) -> None:
    """Read one study, going on from what is there."""
    keep_outcome(job, partial(read, job.study, job.out, **job.options))


def _afresh(job: StudyJob) -> None:
    """Read one study from its start."""
    keep_outcome(job, partial(read, job.study, job.out, force=True, **job.options))


def _runner(engine: str, scheduler: str | None, jobs: int | None) -> Runner:
    if engine not in ENGINES:
        raise Refused(f"--engine {engine} is none", cure=" or ".join(ENGINES))
    if engine == "dask":
        if scheduler is None:
            raise Refused("--engine dask needs a cluster", cure="give its address: --scheduler tcp://HOST:8786")
        if jobs is not None:
            raise Refused("-j is for processes of this machine", cure="leave it out: Dask's workers set the number")
        return DaskRunner(scheduler)
    if scheduler is not None:
        raise Refused("--scheduler is for Dask", cure="add --engine dask")
    return ProcessRunner(parse_jobs(jobs))
