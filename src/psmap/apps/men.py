"""`psmap phantom` as a Python call: digital men with every truth known, as many as asked for, a process each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psmap.apps.choices import parse_jobs, parse_path
from psmap.apps.reading import PathLike
from psmap.catalog.load import load_physiology, tracer_by_name
from psmap.domain.refusal import Refused
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import scan_man
from psmap.phantom.man_study import TRUTH, write_man
from psmap.version import __version__
from psmap.workflow.runners import ProcessRunner

VOXEL_MM = (1.0, 10.0)


@dataclass(frozen=True, slots=True)
class ManJob:
    """One man to be made, as he travels to the process that makes him."""

    seed: int
    tracer: str
    scenario: str
    voxel_mm: float
    folder: Path


def men(
    out: PathLike,
    *,
    count: int = 1,
    seed: int = 1,
    tracer: str = "psma-11",
    scenario: str | None = None,
    voxel_mm: float = 4.0,
    jobs: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[Path, ...]:
    """Make digital men: PET and CT in DICOM, truth.json beside them. Men that are there already are left as they are.

    A man's folder appears whole or not at all; what a killed call left is made anew.

    Args:
        out: folder; man number n is written to OUT/man-n, n from `seed` on.
        count: how many.
        seed: of the first man; the others follow by one.
        tracer: of the catalogue, with a physiology.
        scenario: 'bcr_low_psa', 'oligo' or 'advanced'; None draws one for each man, a third each.
        voxel_mm: edge of the voxels of PET and CT.
        jobs: how many at once; as many as there are cores if None.
        progress: told how far it is.

    Raises:
        psmap.Refused: a choice that is none, OUT that holds something else under a man's name, or a man that could not
            be made.
    """
    if count < 1 or seed < 0:
        raise Refused(f"{count} men from seed {seed} on cannot be made", cure="one man or more, a seed of 0 or more")
    if not VOXEL_MM[0] <= voxel_mm <= VOXEL_MM[1]:
        raise Refused(f"voxels of {voxel_mm:g} mm", cure=f"{VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm")
    if scenario is not None and scenario not in set(Scenario):
        raise Refused(f"there is no scenario {scenario}", cure=" or ".join(Scenario))
    known = tracer_by_name(tracer).id
    if known not in load_physiology():
        raise Refused(f"where {tracer} goes is not in the catalogue", cure=f"one of {', '.join(load_physiology())}")
    runner = ProcessRunner(parse_jobs(jobs))
    folder = parse_path(out, "out")
    if folder.exists() and not folder.is_dir():
        raise Refused("OUT is a file", where=folder.name, cure="name a folder")
    planned = [
        ManJob(number, known, scenario or _drawn(number), float(voxel_mm), folder / f"man-{number:05d}")
        for number in range(seed, seed + count)
    ]
    missing = [job for job in planned if not _there(job)]
    folder.mkdir(parents=True, exist_ok=True)
    made = len(planned) - len(missing)
    progress(f"{made}/{count} men")
    with closing(runner(make_man, missing)) as ends:
        for ended in ends:
            if ended.fault:
                raise Refused(
                    f"the man of seed {missing[ended.index].seed} could not be made: {ended.fault}",
                    cure="run the command again; if it stays so, report the seed",
                )
            made += 1
            progress(f"{made}/{count} men")
    return tuple(job.folder for job in planned)


def make_man(job: ManJob) -> None:
    """Make one man beside his place and move him there when he is whole."""
    part = job.folder.with_name(f".part-{job.folder.name}")
    shutil.rmtree(part, ignore_errors=True)  # of a call that was killed
    write_man(part, scan_man(job.seed, tracer_by_name(job.tracer), Scenario(job.scenario), voxel_mm=job.voxel_mm))
    part.rename(job.folder)


def _drawn(seed: int) -> str:
    scenarios = list(Scenario)
    return str(scenarios[int(np.random.default_rng([seed, len(scenarios)]).integers(len(scenarios)))])


def _there(job: ManJob) -> bool:
    """Whether this very man, made by this version, stands there; `Refused` where anything else does."""
    if not job.folder.exists():
        return False
    asked = {
        "psmap": __version__,
        "seed": job.seed,
        "tracer": job.tracer,
        "scenario": job.scenario,
        "voxel_mm": job.voxel_mm,
    }
    try:
        truth = json.loads((job.folder / TRUTH).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        truth = None
    if not isinstance(truth, dict) or any(truth.get(key) != value for key, value in asked.items()):
        raise Refused(
            "OUT holds another man, or files that are no man's, under this name",
            where=job.folder.name,
            cure="name another folder, or remove it",
        )
    return True
