"""A digital man as one maker's PET/CT would write him: pure functions from the man to what stands in the headers.

The image is the same in all dialects; only its units and the words around it differ. What differs is knowledge of
`catalog/scanners.toml`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from psmap.catalog.load import load_nuclides, tracer_by_name
from psmap.catalog.scanners import PrivateElement, ScannerDialect, ScannerNuclide, load_scanners
from psmap.domain.acquisition import Code
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.refusal import Refused
from psmap.domain.tracer import Tracer
from psmap.io.dicom_dialect import (
    all_of,
    with_attributes,
    with_decay_factors,
    with_decimals,
    with_maker_of_the_image,
    with_private,
    with_tracer,
)
from psmap.io.dicom_write import CtFacts, Edit, PetFacts, StudyFacts, average_count_time_s
from psmap.phantom.iec_study import bq_ml_per_suv
from psmap.phantom.man_scan import ScannedMan
from psmap.version import __version__

SCANNED_AT = datetime(2026, 3, 2, 10, 0, 0, tzinfo=UTC)
"""Start of every man's PET, so that files come out the same."""

NEUTRAL = "psmap"
MAKERS = ("siemens", "ge", "philips")
"""Who may have made the scanner of a man of whom nothing else is said."""

BQ_ML_A_COUNT = 1.6
"""Scale of an image in counts: that of (7053,1009) = 1.602563 in the tests of cornerstonejs/calculate-suv, rounded."""

CONTRAST = {"ContrastBolusAgent": "iodinated contrast medium", "ContrastBolusRoute": "IV"}


@dataclass(frozen=True, slots=True)
class WrittenAs:
    """What to hand to `psmap.io.dicom_write`.

    Args:
        scanner: the dialect.
        study, pet, ct: facts of the headers.
        stored_per_suv: what an SUV of 1 is in the units of the PET.
        edit_pet, edit_ct: the rest of the headers.
    """

    scanner: ScannerDialect
    study: StudyFacts
    pet: PetFacts
    ct: CtFacts
    stored_per_suv: float
    edit_pet: Edit
    edit_ct: Edit


def maker_of(seed: int) -> str:
    """Who made the scanner of the man of this seed; a die of its own, so that the man stays as he is."""
    return MAKERS[int(np.random.default_rng([seed, 0x0070]).integers(len(MAKERS)))]


def scanner_of(seed: int, maker: str | None) -> ScannerDialect:
    """The dialect of a maker by name, or of the one drawn by the man's seed. `Refused` if there is none of the name."""
    scanners = load_scanners()
    name = maker_of(seed) if maker is None else maker
    if name not in scanners:
        raise Refused(f"no scanner of {name} is in the catalogue", cure=f"one of {', '.join(scanners)}")
    return scanners[name]


def written_as(scanned: ScannedMan, maker: str | None = None) -> WrittenAs:
    """How a scanner of this maker writes the man; `Refused` if the catalogue has none."""
    scanner = scanner_of(scanned.seed, maker)
    at = SCANNED_AT if scanner.time_zone else SCANNED_AT.replace(tzinfo=None)
    offset_s = bed_offsets_s(scanned.grid, scanner, frame_s=_frame_s(scanned))
    dose = dose_of(scanned, maker)
    study, pet = _study(scanned, scanner, dose, at), _pet(scanned, scanner, dose, at, offset_s)
    bq_ml = bq_ml_per_suv(study, pet)
    always = [with_decimals(scanner.decimals)]
    if scanner.maker != NEUTRAL:
        always.append(with_maker_of_the_image("psmap", "digital man", __version__, "made by software, no scan"))
    of_ct = {**_of_scanner(scanner), **scanner.ct, **(CONTRAST if scanned.conditions.contrast else {})}
    return WrittenAs(
        scanner,
        study,
        pet,
        CtFacts(series_at=at - timedelta(minutes=1), description=scanner.ct_description),
        bq_ml if scanner.units == "BQML" else 1.0 / float(_suv_a_count(bq_ml)),
        all_of(*_pet_edits(scanned, scanner, pet, offset_s, bq_ml), *always),
        all_of(with_attributes(of_ct), *always),
    )


def nuclide_of(scanner: ScannerDialect, tracer: Tracer) -> ScannerNuclide:
    """The tracer's nuclide as the scanner writes it, or else as the catalogue of nuclides has it."""
    if tracer.nuclide in scanner.nuclides:
        return scanner.nuclides[tracer.nuclide]
    known = load_nuclides()[tracer.nuclide]
    return ScannerNuclide(Code(known.codes[0].value, known.codes[0].scheme, known.name), known.half_life_s, None)


@dataclass(frozen=True, slots=True)
class Dose:
    """What the headers say of the injection.

    Args:
        injected_mbq: activity at the injection.
        uptake_min: from the injection to the start of the PET.
        weight_kg: of the man.
        half_life_s: of the nuclide.
    """

    injected_mbq: float
    uptake_min: float
    weight_kg: float
    half_life_s: float

    @property
    def mbq_per_suv_ml(self) -> float:
        """Activity (MBq) at the start of the PET of 1 mL at SUVbw 1: dose decayed to then, over the weight in g."""
        left = math.exp2(-60.0 * self.uptake_min / self.half_life_s)
        return self.injected_mbq * left / (1000.0 * self.weight_kg)


def dose_of(scanned: ScannedMan, maker: str | None = None) -> Dose:
    """The injection as a scanner of this maker says it: whole MBq, whole minutes, the weight to 100 g."""
    conditions = scanned.conditions
    return Dose(
        injected_mbq=float(round(conditions.activity_mbq)),
        uptake_min=float(round(conditions.uptake_min)),
        weight_kg=round(scanned.man.weight_kg, 1),
        half_life_s=nuclide_of(scanner_of(scanned.seed, maker), tracer_by_name(scanned.tracer)).half_life_s,
    )


def bed_offsets_s(grid: Grid, scanner: ScannerDialect, *, frame_s: float) -> tuple[float, ...]:
    """From the start of the PET to the start of each slice's frame (s): beds from the feet up, each at its height.

    Source of the direction: STS_001 (see `catalog/scanners.toml`), and usual for PSMA, where the bladder fills.
    """
    z: FloatArray = grid.to_mm(np.stack([np.arange(grid.shape[0]), *np.zeros((2, grid.shape[0]))], axis=1))[:, 2]
    if scanner.bed_step_mm == 0.0:
        return (0.0,) * len(z)
    beds = np.floor((z - z.min()) / scanner.bed_step_mm)
    return tuple(float(bed) * (frame_s + scanner.table_move_s) for bed in beds)


def _study(scanned: ScannedMan, scanner: ScannerDialect, dose: Dose, at: datetime) -> StudyFacts:
    made_of = (scanned.seed, scanned.tracer, scanned.scenario, scanned.grid, scanned.choices)
    contrast = "contrast" if scanned.conditions.contrast else "plain"
    return StudyFacts(
        "/".join(["man", *map(str, made_of), contrast, scanner.maker]),
        at - timedelta(minutes=2),
        patient_name=f"MAN^DIGITAL {scanned.seed}",
        patient_id=f"PSMAP-MAN-{scanned.seed}",
        weight_kg=dose.weight_kg,
        height_m=round(scanned.man.height_m, 2),
        description="Digital man PET/CT",
        manufacturer=scanner.manufacturer,
        model=scanner.model,
    )


def _pet(
    scanned: ScannedMan, scanner: ScannerDialect, dose: Dose, at: datetime, offset_s: tuple[float, ...]
) -> PetFacts:
    tracer = tracer_by_name(scanned.tracer)
    nuclide = nuclide_of(scanner, tracer)
    frame_s = _frame_s(scanned)
    to_reference_s = {
        "start": 0.0,
        "middle": 0.5 * frame_s,
        "mean": average_count_time_s(dose.half_life_s, frame_s),
    }[scanner.frame_reference_time]
    beds = tuple(at + timedelta(seconds=offset) for offset in offset_s)
    return PetFacts(
        series_at=at,
        injected_at=at - timedelta(minutes=dose.uptake_min),
        injected_bq=dose.injected_mbq * 1e6,
        half_life_s=dose.half_life_s,
        frame_duration_s=frame_s,
        acquired_at=beds if scanner.acquisition_time == "bed" else None,
        frame_reference_s=tuple(offset + to_reference_s for offset in offset_s),
        tracer_name=tracer.name,
        tracer_code=tracer.codes[0] if tracer.codes and scanner.tracer_code else None,
        nuclide_code=nuclide.code,
        units=scanner.units,
        decay_correction=scanner.decay_correction,
        corrected_image=scanner.corrected_image,
        description=scanner.pet_description,
    )


def _pet_edits(
    scanned: ScannedMan, scanner: ScannerDialect, pet: PetFacts, offset_s: tuple[float, ...], bq_ml: float
) -> list[Edit]:
    """What the scanner writes beyond the facts; every frame's factor is that of its mean activity."""
    tracer = tracer_by_name(scanned.tracer)
    fraction = nuclide_of(scanner, tracer).positron_fraction
    to_mean_s = average_count_time_s(pet.half_life_s, pet.frame_duration_s)
    return [
        with_attributes({**_of_scanner(scanner), "SeriesType": scanner.series_type, **scanner.pet}),
        with_decay_factors(lambda k: float(2.0 ** ((offset_s[k] + to_mean_s) / pet.half_life_s))),
        with_tracer(
            {} if fraction is None else {"RadionuclidePositronFraction": f"{fraction:g}"},
            without=() if scanner.start_datetime else ("RadiopharmaceuticalStartDateTime",),
        ),
        *(
            with_private(each.group, each.creator, each.element, each.vr, _held(each, scanner, pet, tracer, bq_ml))
            for each in scanner.private
        ),
    ]


def _frame_s(scanned: ScannedMan) -> float:
    """Duration of a frame in whole seconds: so are all times, as some makers write no others."""
    return float(round(60.0 * scanned.conditions.minutes_per_bed))


def _of_scanner(scanner: ScannerDialect) -> dict[str, str]:
    return {"SoftwareVersions": scanner.software} if scanner.software else {}


def _suv_a_count(bq_ml: float) -> str:
    """SUV of one count, to the digits in which the header gives it."""
    return f"{BQ_ML_A_COUNT / bq_ml:.6g}"


def _held(element: PrivateElement, scanner: ScannerDialect, pet: PetFacts, tracer: Tracer, bq_ml: float) -> str | float:
    """What a private element holds, in agreement with the rest of the header: the two factors of a count, say."""
    point = f".{0:0{scanner.decimals}d}" if scanner.decimals else ""
    values: dict[str, str | float] = {
        "reference_datetime": pet.series_at.strftime("%Y%m%d%H%M%S") + point,
        "injected_datetime": pet.injected_at.strftime("%Y%m%d%H%M%S") + point,
        "injected_mbq": pet.injected_bq / 1e6,
        "left_in_syringe_mbq": 0.0,
        "tracer_name": tracer.name,
        "nuclide_name": tracer.nuclide,
        "half_life_s": pet.half_life_s,
        "suv_a_count": _suv_a_count(bq_ml),
        "bq_ml_a_count": f"{float(_suv_a_count(bq_ml)) * bq_ml:.10g}",
    }
    return values[element.holds]
