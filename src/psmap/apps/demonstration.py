"""`psmap demo`: make a study whose truth is known, read it, and lay what was found beside what is true."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from psmap.apps.choices import parse_path
from psmap.apps.reading import read
from psmap.apps.show import case_lines
from psmap.domain.case import Case
from psmap.domain.refusal import Refused
from psmap.phantom.comparison import IecComparison, found_against_truth
from psmap.phantom.iec_study import IecTruth, write_iec_study

STUDY = "study"
RESULTS = "read"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A read phantom: the case, the truth, and both side by side, with the lines that `psmap demo` prints."""

    case: Case
    truth: IecTruth
    comparison: IecComparison
    lines: tuple[str, ...]


def demo(
    out: str | os.PathLike[str] = "psmap-demo",
    *,
    psf_mm: float = 5.0,
    noise: float = 0.05,
    seed: int = 1,
    force: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> Demonstration:
    """Write the DICOM of an IEC-type body phantom PET/CT into `out`/study and read it into `out`/read.

    Args:
        out: the folder.
        psf_mm: FWHM of the point spread (mm); 0 is sharp.
        noise: relative standard deviation of a voxel of the warm body; 0 is none.
        seed: of the noise.
        force: read afresh.
        progress: told the name of each step.

    Raises:
        psmap.Refused: an option is out of range.
    """
    if not 0.0 <= psf_mm <= 20.0:
        raise Refused(f"--psf-mm {psf_mm:g} is no point spread of a scanner", cure="a FWHM from 0 to 20 mm")
    if not 0.0 <= noise <= 0.5:
        raise Refused(f"--noise {noise:g} is no relative noise", cure="a value from 0 to 0.5")
    if noise > 0.0 and psf_mm == 0.0:
        raise Refused("noise without a point spread is not what a scanner gives", cure="set --noise 0 or --psf-mm > 0")
    if seed < 0:
        raise Refused(f"--seed {seed} is below 0", cure="a whole number from 0 on")
    folder = parse_path(out, "out")
    if folder.exists() and not folder.is_dir():
        raise Refused("OUT is a file", where=folder.name, cure="name a folder")
    progress("making the phantom")
    truth = write_iec_study(folder / STUDY, psf_fwhm_mm=psf_mm, noise=noise, seed=seed)
    case = read(folder / STUDY, folder / RESULTS, force=force, progress=progress)
    if case.pet is None or case.sites is None:
        raise ValueError("a reading ends with a PET and its sites")
    comparison = found_against_truth(truth, case.sites, case.pet.grid)
    lines = (*case_lines(case, folder / RESULTS, verbose=False), "", *comparison_lines(truth, comparison))
    return Demonstration(case, truth, comparison, lines)


def comparison_lines(truth: IecTruth, comparison: IecComparison) -> Iterator[str]:
    """The table of found against true, one line a sphere."""
    yield (
        f"Found against true: IEC-type body phantom, background SUV {truth.background_suv:g}, point spread "
        f"{truth.psf_fwhm_mm:g} mm, noise {truth.noise:.0%}"
    )
    yield "sphere mm  true mL  found mL  true SUV  SUVmax  SUVpeak  SUVmean  centre off by mm"
    for found in comparison.spheres:
        sphere = found.sphere
        head = f"{sphere.diameter_mm:9.0f} {sphere.volume_ml:8.2f} "
        if found.site is None:
            yield f"{head}   missed {sphere.suv:9.2f}"
            continue
        yield (
            f"{head}{found.volume_ml:9.2f} {sphere.suv:9.2f} {found.suv_max:7.2f} {found.suv_peak:8.2f} "
            f"{found.suv_mean:8.2f} {found.centroid_error_mm:17.2f}"
        )
    yield f"{comparison.missed} spheres missed, {len(comparison.other_sites)} sites that are no sphere"
    yield (
        "A border at SUV 3 lies below the half-height of a hot sphere: blurred by point spread and voxels, found "
        "volumes are larger than true; small spheres lose SUV to it."
    )
