"""`psmap demo`: make a study whose truth is known, read it, and lay what was found beside what is true."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psmap.apps.choices import parse_path
from psmap.apps.found_and_true import iec_lines, man_lines
from psmap.apps.men import MOST_SEED, is_there, make_man, plan_man, truth_in
from psmap.apps.reading import read
from psmap.apps.show import case_lines
from psmap.domain.case import Case
from psmap.domain.image import LabelImage
from psmap.domain.refusal import Refused
from psmap.io.nifti import read_labels
from psmap.phantom.comparison import IecComparison, found_against_truth
from psmap.phantom.iec_study import IecTruth, write_iec_study
from psmap.phantom.man_comparison import ManComparison, TrueFocus, foci_of, found_in_man, organ_under
from psmap.phantom.true_maps import structure_numbers
from psmap.phantom.truth import ANATOMY_MAP, TRUTH

STUDY, RESULTS = "study", "read"
IEC_STUDY, IEC_RESULTS = "iec-study", "iec-read"
SEED, SCENARIO, TRACER, MAKER = 29, "oligo", "psma-11", "siemens"
"""Of the man who is shown if nothing else is asked for."""
PSF_MM, NOISE, IEC_SEED = 5.0, 0.05, 1


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A read study whose truth is known, with the lines that `psmap demo` prints.

    Args:
        case: what `read` made of it.
        truth: the man's truth.json, or the truth of the body phantom.
        comparison: found against true.
        lines: for the terminal.
    """

    case: Case
    truth: dict[str, Any] | IecTruth
    comparison: ManComparison | IecComparison
    lines: tuple[str, ...]


def demo(
    out: str | os.PathLike[str] = "psmap-demo",
    *,
    iec: bool = False,
    seed: int | None = None,
    scenario: str | None = None,
    tracer: str | None = None,
    psf_mm: float | None = None,
    noise: float | None = None,
    force: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> Demonstration:
    """Write the DICOM of a digital man into `out`/study and read it into `out`/read; or that of a body phantom.

    Args:
        out: the folder.
        iec: an IEC-type body phantom instead, in `out`/iec-study and `out`/iec-read.
        seed: of the man, or of the phantom's noise.
        scenario, tracer: of the man; 'oligo' and 'psma-11' if None.
        psf_mm: of the phantom: FWHM of the point spread (mm), 0 is sharp; 5 if None.
        noise: of the phantom: relative standard deviation of a voxel of the warm body, 0 is none; 0.05 if None.
        force: make and read afresh.
        progress: told the name of each step.

    Raises:
        psmap.Refused: an option is out of range, or OUT holds another study.
    """
    if seed is not None and not 0 <= seed < MOST_SEED:
        raise Refused(f"--seed {seed} is no seed", cure=f"a whole number from 0 to {MOST_SEED - 1}")
    folder = parse_path(out, "out")
    if folder.exists() and not folder.is_dir():
        raise Refused("OUT is a file", where=folder.name, cure="name a folder")
    if iec:
        if scenario is not None or tracer is not None:
            raise Refused("a body phantom has neither scenario nor tracer to choose", cure="leave out --iec, or those")
        return _phantom(
            folder,
            psf_mm=PSF_MM if psf_mm is None else psf_mm,
            noise=NOISE if noise is None else noise,
            seed=IEC_SEED if seed is None else seed,
            force=force,
            progress=progress,
        )
    if psf_mm is not None or noise is not None:
        raise Refused("--psf-mm and --noise are of the body phantom", cure="add --iec, or leave them out")
    return _man(
        folder,
        seed=SEED if seed is None else seed,
        scenario=scenario or SCENARIO,
        tracer=tracer or TRACER,
        force=force,
        progress=progress,
    )


def _man(
    folder: Path, *, seed: int, scenario: str, tracer: str, force: bool, progress: Callable[[str], None]
) -> Demonstration:
    job = plan_man(seed, folder / STUDY, tracer=tracer, scenario=scenario, maker=MAKER)
    if force and truth_in(job.folder) is not None:
        shutil.rmtree(job.folder)
    if not is_there(job, "name another folder; a man is replaced with --force"):
        progress("making a man")
        folder.mkdir(parents=True, exist_ok=True)
        make_man(job)
    truth = truth_in(job.folder)
    case = read(job.folder, folder / RESULTS, force=force, progress=progress)
    if case.pet is None or case.sites is None or truth is None:
        raise ValueError("a reading ends with a PET and its sites, a man with his truth")
    anatomy = _anatomy(job.folder)
    comparison = found_in_man(
        _foci(truth), case.sites, case.pet.suv, case.pet.grid, lambda point: organ_under(point, anatomy)
    )
    lines = (*case_lines(case, folder / RESULTS), "", *man_lines(truth, comparison))
    return Demonstration(case, truth, comparison, lines)


def _foci(truth: Mapping[str, Any]) -> tuple[TrueFocus, ...]:
    """The foci of a truth.json that may have been changed since it was written."""
    try:
        return foci_of(truth)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Refused(
            "the foci are not as psmap writes them", where=TRUTH, cure="--force makes the man anew"
        ) from error


def _anatomy(folder: Path) -> LabelImage:
    """The true structures of a man who was written to a folder."""
    read_back = read_labels(folder / ANATOMY_MAP)
    return LabelImage(read_back.grid, read_back.labels, {n: name for name, n in structure_numbers().items()})


def _phantom(
    folder: Path, *, psf_mm: float, noise: float, seed: int, force: bool, progress: Callable[[str], None]
) -> Demonstration:
    if not 0.0 <= psf_mm <= 20.0:
        raise Refused(f"--psf-mm {psf_mm:g} is no point spread of a scanner", cure="a FWHM from 0 to 20 mm")
    if not 0.0 <= noise <= 0.5:
        raise Refused(f"--noise {noise:g} is no relative noise", cure="a value from 0 to 0.5")
    if noise > 0.0 and psf_mm == 0.0:
        raise Refused("noise without a point spread is not what a scanner gives", cure="set --noise 0 or --psf-mm > 0")
    progress("making the phantom")
    truth = write_iec_study(folder / IEC_STUDY, psf_fwhm_mm=psf_mm, noise=noise, seed=seed)
    case = read(folder / IEC_STUDY, folder / IEC_RESULTS, force=force, progress=progress)
    if case.pet is None or case.sites is None:
        raise ValueError("a reading ends with a PET and its sites")
    comparison = found_against_truth(truth, case.sites, case.pet.grid)
    lines = (*case_lines(case, folder / IEC_RESULTS), "", *iec_lines(truth, comparison))
    return Demonstration(case, truth, comparison, lines)
