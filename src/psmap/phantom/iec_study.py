"""The IEC body phantom as a PET/CT in DICOM, with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from psmap.domain.geometry import Grid, Vector
from psmap.io.dicom_write import CtFacts, PetFacts, StudyFacts, write_ct_series, write_pet_series
from psmap.phantom.iec_body import LENGTH_MM, LID_TO_SPHERES_MM, IecPhantom, SphereTruth, hu_on, spheres_of, suv_on
from psmap.phantom.scanner import scan

DEFAULT_PHANTOM = IecPhantom()

SCANNED_AT = datetime(2024, 3, 1, 10, 0, 0, tzinfo=UTC)
"""Start of the PET scan of the phantom unless told otherwise; a fixed time, so that files come out the same."""

UPTAKE = timedelta(minutes=60)
"""From injection to scan: in the 50 to 100 min of the label of 68Ga-PSMA-11."""

PET_VOXEL_MM = (3.0, 4.07283, 4.07283)
"""Along (k, j, i): the 4.07 mm matrix of a common PET/CT."""

CT_VOXEL_MM = (3.0, 1.5, 1.5)


@dataclass(frozen=True, slots=True)
class IecTruth:
    """What is known of a written study.

    Args:
        spheres: the six spheres, smallest first.
        background_suv, lung_suv: SUV of the body and of the lung insert (g/mL).
        psf_fwhm_mm: point spread put on the images (mm).
        noise: relative standard deviation of a voxel of the body.
        pet_grid, ct_grid: where the voxels lie.
    """

    spheres: tuple[SphereTruth, ...]
    background_suv: float
    lung_suv: float
    psf_fwhm_mm: float
    noise: float
    pet_grid: Grid
    ct_grid: Grid


def grid_round(phantom: IecPhantom, voxel_mm: Vector, shape: tuple[int, int, int]) -> Grid:
    """An axial grid of ``shape`` and ``voxel_mm``, both along (k, j, i), round the middle of the phantom's body."""
    x, y, z = phantom.position_mm
    middle = (x, y, z + LID_TO_SPHERES_MM - 0.5 * LENGTH_MM)
    dk, dj, di = voxel_mm
    k, j, i = shape
    origin = (middle[0] - 0.5 * (i - 1) * di, middle[1] - 0.5 * (j - 1) * dj, middle[2] - 0.5 * (k - 1) * dk)
    return Grid(shape, origin, ((0.0, 0.0, dk), (0.0, dj, 0.0), (di, 0.0, 0.0)))


def bq_ml_per_suv(study: StudyFacts, facts: PetFacts) -> float:
    """Activity concentration (Bq/mL) of SUVbw 1 at ``series_at``: D * 2^(-dt / half-life) / weight in g.

    Source: the definition of SUVbw, QIBA FDG-PET/CT profile, for DecayCorrection START.
    """
    if study.weight_kg is None:
        raise ValueError("SUV needs a weight")
    elapsed_s = (facts.series_at - facts.injected_at).total_seconds()
    return float(facts.injected_bq * 2.0 ** (-elapsed_s / facts.half_life_s) / (1000.0 * study.weight_kg))


def write_iec_study(
    directory: Path,
    *,
    psf_fwhm_mm: float = 5.0,
    noise: float = 0.05,
    filter_fwhm_mm: float | None = None,
    seed: int = 0,
    when: datetime = SCANNED_AT,
    phantom: IecPhantom = DEFAULT_PHANTOM,
    implicit_vr: bool = False,
) -> IecTruth:
    """Write the phantom's PET and CT into ``directory``/PET and ``directory``/CT, and return the truth.

    150 MBq of 68Ga-PSMA-11 in a man of 70 kg, 60 min before the scan, BQML, DecayCorrection START. The same arguments
    write the same bytes.

    Args:
        directory: made if missing.
        psf_fwhm_mm: point spread (mm FWHM); 0 is sharp.
        noise: relative standard deviation of a voxel of the body; 0 is none.
        filter_fwhm_mm: the part of the point spread that comes after the noise; None is 4 mm, or psf_fwhm_mm if less.
        seed: of the noise.
        when: start of the scan.
        phantom: filling and position.
        implicit_vr: implicit instead of explicit VR little endian.

    Raises:
        ValueError: see `psmap.phantom.scanner.scan`.
    """
    pet_grid = grid_round(phantom, PET_VOXEL_MM, (75, 80, 100))
    ct_grid = grid_round(phantom, CT_VOXEL_MM, (67, 168, 214))
    seen = scan(
        suv_on(phantom, pet_grid),
        pet_grid,
        psf_fwhm_mm=psf_fwhm_mm,
        noise=noise,
        noise_at=phantom.background_suv,
        filter_fwhm_mm=min(4.0, psf_fwhm_mm) if filter_fwhm_mm is None else filter_fwhm_mm,
        rng=np.random.default_rng(seed),
    )
    called = f"iec/{phantom}/{psf_fwhm_mm}/{noise}/{filter_fwhm_mm}/{seed}/{when.isoformat()}"
    study = StudyFacts(called, when - timedelta(minutes=2), description="IEC body phantom PET/CT")
    facts = PetFacts(series_at=when, injected_at=when - UPTAKE)
    activity = seen.astype(np.float64) * bq_ml_per_suv(study, facts)
    write_pet_series(directory / "PET", pet_grid, activity, study, facts, implicit_vr=implicit_vr)
    ct_facts = CtFacts(series_at=when - timedelta(minutes=1))
    write_ct_series(directory / "CT", ct_grid, hu_on(phantom, ct_grid), study, ct_facts, implicit_vr=implicit_vr)
    return IecTruth(
        spheres_of(phantom), phantom.background_suv, phantom.lung_suv, psf_fwhm_mm, noise, pet_grid, ct_grid
    )
