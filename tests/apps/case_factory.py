"""Cases made by hand for the tests of the report: a warm ellipsoidal man with organs and as many lesions as wanted."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.apps.report.view import ProvenanceSummary
from psmap.domain.acquisition import Code, PetAcquisition, PetSlice
from psmap.domain.burden import BurdenEntry, TumourBurden
from psmap.domain.case import Case, History
from psmap.domain.geometry import Grid
from psmap.domain.image import PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.study import PetSeries
from psmap.domain.suv import AlternativeReading, SuvConversion
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, UptakeSite, Verdict

PSMA_11 = Tracer(
    id="psma-11",
    name="68Ga-PSMA-11",
    nuclide="68Ga",
    psma=True,
    half_life_s=4057.74,
    codes=(Code("C118961", "NCIt", "PSMA-11 Ga^68^"),),
    patterns=("psma[-_ ]?11",),
    reference_organ="liver",
    liver_threshold=True,
    uptake_min=(50.0, 100.0),
    activity_mbq=(111.0, 259.0),
    source="label of gallium Ga 68 gozetotide",
)
FDG = Tracer(
    id="fdg",
    name="18F-FDG",
    nuclide="18F",
    psma=False,
    half_life_s=6586.2,
    codes=(),
    patterns=("fdg",),
    reference_organ=None,
    liver_threshold=False,
    uptake_min=(55.0, 75.0),
    activity_mbq=None,
    source="EANM procedure guideline for tumour imaging",
)

# Centre (right-left, front-back, head-foot; mm, LPS with 0 in the pelvis), half axes (mm), SUV.
ORGANS = (
    ((0, 0, 300), (170, 105, 330), 0.9),
    ((0, 0, 700), (75, 95, 110), 0.8),
    ((-70, 0, -130), (65, 75, 190), 0.6),
    ((70, 0, -130), (65, 75, 190), 0.6),
    ((-85, -20, 420), (75, 65, 70), 5.4),
    ((100, 40, 430), (32, 38, 50), 8.1),
    ((-65, 40, 320), (28, 26, 55), 38.0),
    ((65, 40, 330), (28, 26, 55), 41.0),
    ((0, -45, 20), (38, 30, 32), 45.0),
    ((-55, 5, 650), (14, 16, 26), 15.0),
    ((55, 5, 650), (14, 16, 26), 14.0),
)


def grid_of(spacing_kji: tuple[float, float, float], shape: tuple[int, int, int]) -> Grid:
    """An axial grid, slices from foot to head, centred on the man."""
    k, j, i = spacing_kji
    origin = (-i * (shape[2] - 1) / 2, -j * (shape[1] - 1) / 2, -100.0)
    return Grid(shape, origin, ((0.0, 0.0, k), (0.0, j, 0.0), (i, 0.0, 0.0)))


def man(grid: Grid, lesions: int, seed: int = 3) -> npt.NDArray[np.float32]:
    """SUV of the man with so many hot lesions along the trunk."""
    rng = np.random.default_rng(seed)
    shapes = list(ORGANS)
    for n in range(lesions):
        z = -40.0 + 620.0 * (n + 0.5) / max(lesions, 1)
        side = -1 if n % 2 else 1
        centre = (side * rng.uniform(5, 110), rng.uniform(50, 85), z)
        radius = float(rng.choice([4.5, 7.0, 10.0]))
        shapes.append((centre, (radius, radius, radius), float(rng.uniform(6.0, 30.0))))
    k, j, i = np.indices(grid.shape, sparse=True)
    axis = np.array(grid.axes_mm)
    x = grid.origin_mm[0] + i * axis[2, 0]
    y = grid.origin_mm[1] + j * axis[1, 1]
    z = grid.origin_mm[2] + k * axis[0, 2]
    suv = np.zeros(grid.shape, dtype=np.float32)
    for centre, half, value in shapes:
        inside = (
            ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 + ((z - centre[2]) / half[2]) ** 2
        ) <= 1
        suv[inside] = value
    blurred = ndimage.gaussian_filter(suv, [3.0 / s for s in grid.spacing_mm])
    noisy: npt.NDArray[np.float32] = (blurred * rng.normal(1.0, 0.06, grid.shape)).astype(np.float32)
    return noisy


def sites_of(suv: npt.NDArray[np.float32], grid: Grid, threshold: float = 3.0) -> tuple[UptakeSite, ...]:
    """Connected voxels at or above the threshold, measured simply; SUVpeak is taken as 0.8 of SUVmax."""
    labels, n = ndimage.label(suv >= threshold, np.ones((3, 3, 3)))
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        inside = np.argwhere(labels[box] == label) + [part.start for part in box]
        found.append(np.ravel_multi_index(inside.T, grid.shape))
    found.sort(key=lambda index: -float(suv.flat[index].max()))
    assert len(found) == n
    sites = []
    for number, index in enumerate(found, start=1):
        values = suv.flat[index].astype(float)
        points = grid.to_mm(np.stack(np.unravel_index(index, grid.shape), axis=1))
        volume = len(index) * grid.voxel_ml
        extent = points.max(axis=0) - points.min(axis=0) + np.array(grid.spacing_mm[::-1])
        sites.append(
            UptakeSite(
                id=number,
                index=np.sort(index).astype(np.int64),
                voxels=len(index),
                volume_ml=volume,
                suv_max=float(values.max()),
                suv_mean=float(values.mean()),
                suv_peak=0.8 * float(values.max()),
                suv_peak_touches_other=number % 7 == 3,
                tlu=float(values.mean()) * volume,
                small=volume < 0.5 or len(index) < 3,
                centroid_mm=tuple(float(c) for c in points.mean(axis=0)),  # type: ignore[arg-type]
                max_mm=tuple(float(c) for c in points[int(values.argmax())]),  # type: ignore[arg-type]
                extent_mm=tuple(float(c) for c in extent),  # type: ignore[arg-type]
                sphericity=None,
                background_suv=0.9 if number % 5 else None,
                local_contrast=float(values.max()) / 0.9 if number % 5 else None,
                open_contour=number % 11 == 4,
            )
        )
    return tuple(sites)


def burden_of(sites: tuple[UptakeSite, ...]) -> TumourBurden:
    """Burden of all sites that are not small, the same for the fixed thresholds; no liver mask."""
    counted = [site for site in sites if not site.small]
    volume = sum(site.volume_ml for site in counted)
    tl = sum(site.tlu for site in counted)
    mean = tl / volume if volume else None
    hottest = max((site.suv_max for site in counted), default=None)
    small = len(sites) - len(counted)

    def entry(threshold: float, share: float, open_sites: int = 0) -> BurdenEntry:
        return BurdenEntry(volume * share, tl * share, mean, hottest, len(counted), threshold, small, open_sites)

    return TumourBurden(
        "all_sites_unclassified",
        volume,
        tl,
        mean,
        {
            "suv3": entry(3.0, 1.0),
            "suv4": entry(4.0, 0.8),
            "pct41": entry(0.41, 0.7, 2),
            "pct50": entry(0.5, 0.6, 1),
            "liver": None,
        },
        {"liver": "no liver mask was given (--liver MASK)"},
    )


def case_of(
    suv: npt.NDArray[np.float32],
    grid: Grid,
    *,
    tracer: Tracer | None = PSMA_11,
    conversion: SuvConversion | None = None,
    history: History | None = None,
    choices: tuple[str, ...] = ("PET: the only attenuation-corrected series of 267 slices",),
    verdicts: tuple[Verdict, ...] = (Verdict.EQUIVOCAL,),
) -> Case:
    """A case read to its end; `verdicts` are dealt out in turn."""
    sites = sites_of(suv, grid)
    findings = tuple(
        Finding(site, verdicts[n % len(verdicts)], "not classified yet", "psmap") for n, site in enumerate(sites)
    )
    slices = tuple(PetSlice(None, None, None, None) for _ in range(grid.shape[0]))
    acquisition = PetAcquisition(units="BQML", slices=slices, zone=UTC, series_description="PET for Doe^Jane 4711")
    conversion = conversion or plain_conversion(grid.shape[0])
    return Case(
        parameters=ReadParameters(),
        tracer=tracer,
        tracer_evidence="RadiopharmaceuticalCodeSequence (0054,0304)",
        history=history or History(),
        pet_series=PetSeries(grid, suv.copy(), acquisition, None),
        pet_source=None,
        choices=choices,
        pet=PetImage(grid, suv, conversion),
        sites=sites,
        findings=findings,
        burden=burden_of(sites),
    )


def plain_conversion(slices: int) -> SuvConversion:
    """A conversion without warnings."""
    return SuvConversion(
        factors=(5.367387e-4,) * slices,
        rule="BQML/START, reference time SeriesTime (QIBA)",
        trace=(
            "Units (0054,1001) = BQML",
            "DecayCorrection (0054,1102) = START",
            "PatientWeight (0010,1030) = 80.0 kg",
            "RadionuclideTotalDose (0018,1074) = 1.500000e8 Bq",
            "RadionuclideHalfLife (0018,1075) = 4057.74 s",
            "decay over 3720 s: 0.529700",
        ),
        uptake_min=62.0,
        weight_kg=80.0,
        height_m=1.78,
    )


def doubtful_conversion(slices: int) -> SuvConversion:
    """A conversion with warnings and a second reading."""
    return SuvConversion(
        factors=(2.429030e-4,) * slices,
        rule="BQML/START, reference time SeriesTime (QIBA order 1)",
        trace=(
            "Units (0054,1001) = BQML",
            "SeriesTime (0008,0031) = 13:45:11; earliest AcquisitionTime (0008,0032) of the series = 13:45:11",
            "FrameReferenceTime (0054,1300) = 0 to 1 245 000 ms, back-computed reference time per slice differs from "
            "the one used because it runs on over the bed positions while AcquisitionTime (0008,0032) stands still; "
            "series 1.2.840.113619.2.55.3.2831176355.401.1104932100.211",
            "PatientWeight (0010,1030) = 71.0 kg",
            "RadionuclideTotalDose (0018,1074) = 3.887775e8 Bq",
            "RadionuclideHalfLife (0018,1075) = 6588 s",
        ),
        warnings=(
            "the reference time back-computed from FrameReferenceTime (0054,1300) differs by up to 1335 s from "
            "SeriesTime (0008,0031); both factors are printed",
            "PatientSex (0010,0040) = F: rules for prostate cancer do not apply",
        ),
        alternative=AlternativeReading("BQML/START, reference time back-computed per slice", 2.4318e-4, 2.7946e-4),
        uptake_min=45.2,
        weight_kg=71.0,
    )


def summary() -> ProvenanceSummary:
    """A run at a known time."""
    return ProvenanceSummary(
        psmap="0.1.0",
        started=datetime(2026, 1, 31, 9, 30, 15, tzinfo=UTC),
        run_key="3f9d2c7be1a04c5d8e6f7a8b9c0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c9",
        input_files=267,
    )
