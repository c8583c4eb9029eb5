"""`psmap phantom` as a Python call: digital men with every truth known, as many as asked for, a process each."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from psmap.apps.choices import parse_jobs, parse_path
from psmap.apps.reading import PathLike
from psmap.catalog.load import load_physiology, tracer_by_name
from psmap.contracts import Runner
from psmap.domain.refusal import Refused
from psmap.phantom.anatomy.draw import LEFT_TO_THE_DICE, ManChoices
from psmap.phantom.anatomy.man import Arms, Side
from psmap.phantom.dialects import scanner_of
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import BODY_MM, PELVIS_MM, man_of, scan_man
from psmap.phantom.man_study import LAYOUTS, write_man
from psmap.phantom.truth import TRUTH
from psmap.version import __version__
from psmap.workflow.runners import ProcessRunner

VOXEL_MM = (1.0, 10.0)
MOST_MEN, MOST_SEED = 100_000, 2**63
"""A seed stands in PatientID (0010,0020), which holds 64 characters."""
FIELDS = {"body": BODY_MM, "pelvis": PELVIS_MM}


@dataclass(frozen=True, slots=True)
class ManJob:
    """One man to be made, as he travels to the process that makes him; see `men`."""

    seed: int
    tracer: str
    scenario: str
    folder: Path
    voxel_mm: float = 4.0
    field: str = "body"
    contrast: bool = False
    layout: str = "dicom"
    maker: str = "siemens"
    choices: ManChoices = LEFT_TO_THE_DICE


def men(
    out: PathLike,
    *,
    count: int = 1,
    seed: int = 1,
    tracer: str = "psma-11",
    scenario: str | None = None,
    voxel_mm: float = 4.0,
    field: str = "body",
    layout: str = "dicom",
    maker: str | None = None,
    contrast: bool = False,
    height_m: float | None = None,
    weight_kg: float | None = None,
    bmi: float | None = None,
    age: float | None = None,
    arms: str | None = None,
    bladder_ml: float | None = None,
    prostate_ml: float | None = None,
    prostatectomy: bool | None = None,
    prosthesis: str | None = None,
    jobs: int | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[Path, ...]:
    """Make digital men: PET and CT, truth.json beside them. Men that are there already are left as they are.

    A man's folder appears whole or not at all; what a killed call left is made anew. What is None is drawn for each man
    from his seed, and a choice changes nothing but what was chosen and what follows from it.

    Args:
        out: folder; man number n is written to OUT/man-n, n from `seed` on.
        count: how many.
        seed: of the first man; the others follow by one.
        tracer: of the catalogue, with a physiology.
        scenario: 'bcr_low_psa', 'oligo' or 'advanced'; None draws one for each man, a third each.
        voxel_mm: edge of the voxels of PET and CT.
        field: 'body' (vertex to mid-thigh) or 'pelvis'.
        layout: files, 'dicom' or 'nifti'.
        maker: whose DICOM dialect: 'siemens', 'ge', 'philips', or 'psmap' for the standard without a maker's habits.
        contrast: whether the CT has contrast medium.
        height_m, weight_kg, bmi, age, bladder_ml, prostate_ml: of every man (m, kg, kg/m2, years, mL); weight or BMI.
        arms: 'up' or 'down'.
        prostatectomy: whether the prostate was taken out.
        prosthesis: hip prosthesis, 'left', 'right' or 'none'.
        jobs: how many at once; as many as there are cores if None.
        progress: told how far it is, and how long it will still take.

    Raises:
        psmap.Refused: a choice that is none, OUT that holds something else under a man's name, or a man that could not
            be made.
    """
    if not 1 <= count <= MOST_MEN or not 0 <= seed <= MOST_SEED - count:
        raise Refused(
            f"{count} men from seed {seed} on cannot be made",
            cure=f"one to {MOST_MEN} men, seeds from 0 to {MOST_SEED - 1}",
        )
    choices = ManChoices(
        height_m=height_m,
        weight_kg=weight_kg,
        bmi=bmi,
        age_years=age,
        arms=None if arms is None else Arms(_one_of(arms, "--arms", tuple(Arms))),
        bladder_ml=bladder_ml,
        prostate_ml=prostate_ml,
        prostatectomy=prostatectomy,
        prosthesis=_side(prosthesis),
    )
    runner = ProcessRunner(parse_jobs(jobs))
    folder = parse_path(out, "out")
    if folder.exists() and not folder.is_dir():
        raise Refused("OUT is a file", where=folder.name, cure="name a folder")
    planned = [
        plan_man(
            number,
            folder / f"man-{number:05d}",
            tracer=tracer,
            scenario=scenario,
            voxel_mm=voxel_mm,
            field=field,
            contrast=contrast,
            layout=layout,
            maker=maker,
            choices=choices,
        )
        for number in range(seed, seed + count)
    ]
    missing = [job for job in planned if not is_there(job)]
    folder.mkdir(parents=True, exist_ok=True)
    _make_all(missing, count, runner, progress)
    return tuple(job.folder for job in planned)


def plan_man(
    seed: int,
    folder: Path,
    *,
    tracer: str = "psma-11",
    scenario: str | None = None,
    voxel_mm: float = 4.0,
    field: str = "body",
    contrast: bool = False,
    layout: str = "dicom",
    maker: str | None = None,
    choices: ManChoices = LEFT_TO_THE_DICE,
) -> ManJob:
    """One man as a job, `Refused` where something that was asked for is none; the arguments are those of `men`."""
    if not VOXEL_MM[0] <= voxel_mm <= VOXEL_MM[1]:
        raise Refused(f"voxels of {voxel_mm:g} mm", cure=f"{VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm")
    if scenario is not None:
        _one_of(scenario, "--scenario", tuple(Scenario))
    _one_of(field, "--field", tuple(FIELDS))
    _one_of(layout, "--format", LAYOUTS)
    scanner = scanner_of(seed, maker)
    known = tracer_by_name(tracer).id
    if known not in load_physiology():
        raise Refused(f"where {tracer} goes is not in the catalogue", cure=f"one of {', '.join(load_physiology())}")
    drawn = scenario or _drawn(seed)
    man_of(seed, Scenario(drawn), choices)
    return ManJob(
        seed,
        known,
        drawn,
        folder,
        voxel_mm=float(voxel_mm),
        field=field,
        contrast=contrast,
        layout=layout,
        maker=scanner.maker,
        choices=choices,
    )


def make_man(job: ManJob) -> None:
    """Make one man beside his place and move him there when he is whole."""
    part = job.folder.with_name(f".part-{job.folder.name}")
    shutil.rmtree(part, ignore_errors=True)  # of a call that was killed
    scanned = scan_man(
        job.seed,
        tracer_by_name(job.tracer),
        Scenario(job.scenario),
        voxel_mm=job.voxel_mm,
        field_mm=FIELDS[job.field],
        choices=job.choices,
        contrast=job.contrast,
    )
    write_man(part, scanned, layout=job.layout, maker=job.maker)
    part.rename(job.folder)


def is_there(job: ManJob, cure: str = "name another folder, or remove it") -> bool:
    """Whether this very man, made by this version, stands there; `Refused` with that cure where anything else does."""
    if not job.folder.exists():
        return False
    truth = truth_in(job.folder)
    if truth is None or any(truth.get(key) != value for key, value in _asked(job).items()):
        raise Refused(
            "OUT holds another man, or files that are no man's, under this name",
            where=job.folder.name,
            cure=cure,
        )
    return True


def truth_in(folder: Path) -> dict[str, Any] | None:
    """truth.json of a man's folder; None where there is none that can be read."""
    try:
        truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return truth if isinstance(truth, dict) else None


def _asked(job: ManJob) -> dict[str, Any]:
    """What tells a man from another, as it stands in truth.json."""
    return {
        "psmap": __version__,
        "seed": job.seed,
        "tracer": job.tracer,
        "scenario": job.scenario,
        "voxel_mm": job.voxel_mm,
        "field_mm": list(FIELDS[job.field]),
        "contrast": job.contrast,
        "layout": job.layout,
        "maker": job.maker,
        "choices": asdict(job.choices),
    }


def _make_all(missing: list[ManJob], count: int, runner: Runner, progress: Callable[[str], None]) -> None:
    """Make the men that are not there yet, and tell how far it is."""
    made, began = 0, time.monotonic()
    progress(f"{count - len(missing)}/{count} men")
    with closing(runner(make_man, missing)) as ends:
        for ended in ends:
            if ended.fault:
                raise Refused(
                    f"the man of seed {missing[ended.index].seed} could not be made: {ended.fault}",
                    cure="run the command again; if it stays so, report the seed",
                )
            made += 1
            left = (time.monotonic() - began) / made * (len(missing) - made)
            progress(f"{count - len(missing) + made}/{count} men{time_left(left)}")


def time_left(seconds: float) -> str:
    """', 40 s left' and its like; nothing where it is no more than a second."""
    if seconds <= 1.0:
        return ""
    if seconds < 100.0:
        return f", {seconds:.0f} s left"
    return f", {seconds / 60.0:.0f} min left" if seconds < 6000.0 else f", {seconds / 3600.0:.1f} h left"


def _one_of(word: str, option: str, known: tuple[str, ...]) -> str:
    if word not in known:
        raise Refused(f"{option} {word} is unknown", cure=" or ".join(known))
    return word


def _side(prosthesis: str | None) -> Side | Literal[False] | None:
    if prosthesis is None:
        return None
    word = _one_of(prosthesis, "--prosthesis", (*Side, "none"))
    return False if word == "none" else Side(word)


def _drawn(seed: int) -> str:
    scenarios = list(Scenario)
    return str(scenarios[int(np.random.default_rng([seed, len(scenarios)]).integers(len(scenarios)))])
