"""The decision table from a PET header to SUVbw: exact, or refused with the reason and the cure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from psmap.domain.acquisition import PetAcquisition
from psmap.domain.image import PetImage
from psmap.domain.refusal import Refused
from psmap.domain.study import PetSeries
from psmap.domain.suv import AlternativeReading, SuvConversion, SuvType
from psmap.steps.quantification.body import Body, need_weight, normaliser, read_body
from psmap.steps.quantification.clock import (
    TOLERANCE_S,
    acquisition_times,
    back_computed_times,
    injection_time,
    reference_time,
)
from psmap.steps.quantification.decay import decay_factor, frame_average_correction
from psmap.steps.quantification.dose import Dose, read_dose
from psmap.steps.quantification.single_photon import need_positrons
from psmap.steps.quantification.stated_decay import need_stated_decay

PSMA_UPTAKE_MIN = (30.0, 180.0)
MOST_HALF_LIVES = 10.0
"""After ten half-lives a thousandth of the activity is left: no image is made of that, the half-life is wrong."""

SHORTEST_FRAME_MS = 2000.0
"""No bed of a static PET is measured for less; frames last minutes, and a duration in seconds falls below."""


@dataclass(frozen=True, slots=True)
class SuvInputs:
    """What stands beside the header.

    Args:
        nuclide_half_life_s: half-life of the nuclide that the header's code names, from the catalogue.
        weight_kg, height_m: the user's own values, which win over the header's.
        usual_uptake_min: minutes outside of which the uptake time is worth a warning; None for none.
    """

    nuclide_half_life_s: float | None = None
    weight_kg: float | None = None
    height_m: float | None = None
    usual_uptake_min: tuple[float, float] | None = PSMA_UPTAKE_MIN


def suv_factor(weight_g: float, dose_bq: float) -> float:
    """SUVbw per Bq/mL: W / D_ref (g/mL per Bq/mL), D_ref the dose at the time the voxels refer to."""
    return weight_g / dose_bq


def suv_conversion(acquisition: PetAcquisition, inputs: SuvInputs | None = None) -> SuvConversion:
    """Decide how a PET becomes SUVbw.

    The order is QIBA's and the IBSI SUV manual's: corrections, then Units (0054,1001), then DecayCorrection
    (0054,1102), then the reference time. Before them all, the radionuclide has to be one that a PET sees.

    Raises:
        Refused: whatever cannot be turned into an exact SUV.
    """
    inputs = inputs or SuvInputs()
    need_positrons(acquisition)
    _need_corrections(acquisition)
    body = read_body(
        acquisition.patient_weight,
        acquisition.patient_size,
        acquisition.patient_sex,
        weight_kg=inputs.weight_kg,
        height_m=inputs.height_m,
    )
    path = _UNITS.get(acquisition.units)
    if path is None:
        raise Refused(
            f"Units (0054,1001) = {acquisition.units or 'empty'} cannot be turned into an SUV",
            cure="reconstruct or export in BQML, GML, CM2ML, or CNTS with the Philips scale factors",
        )
    found = path(acquisition, body.body, inputs)
    return replace(
        found,
        trace=(f"Units (0054,1001) = {acquisition.units}", *_corrections_trace(acquisition), *found.trace, *body.trace),
        warnings=(*_intercept_warning(acquisition), *_other_reading(found), *found.warnings, *body.warnings),
        weight_kg=body.body.weight_kg,
        height_m=body.body.height_m,
    )


def convert_to_suv(series: PetSeries, conversion: SuvConversion) -> PetImage:
    """Multiply every slice by its factor. Raises `Refused` for a PET without any uptake or with NaN."""
    if not np.all(np.isfinite(series.rescaled)):
        raise Refused("the PET holds voxels that are no numbers", cure="export the series again")
    if not np.any(series.rescaled > 0):
        raise Refused("no voxel of the PET is above 0", cure="check the export: the image is empty")
    factors = np.asarray(conversion.factors, dtype=np.float64).astype(np.float32)
    return PetImage(series.grid, series.rescaled * factors[:, None, None], conversion)


def normalised_factors(conversion: SuvConversion, sex: str | None) -> dict[SuvType, float | Refused]:
    """For each SUV type the number that SUVbw is multiplied with to give it, or why it cannot be had."""
    result: dict[SuvType, float | Refused] = {}
    for kind in SuvType:
        try:
            if conversion.weight_kg is None:
                raise Refused("PatientWeight (0010,1030) is missing or 0", cure="give the weight with --weight-kg")
            size = normaliser(kind, conversion.weight_kg, conversion.height_m, sex)
            result[kind] = size / (conversion.weight_kg * 1000.0)
        except Refused as refusal:
            result[kind] = refusal
    return result


def _need_corrections(acquisition: PetAcquisition) -> None:
    shown = "\\".join(acquisition.corrected_image) or "empty"
    if "ATTN" not in acquisition.corrected_image:
        raise Refused(
            f"CorrectedImage (0028,0051) = {shown}: not corrected for attenuation (ATTN)",
            cure="choose the attenuation-corrected series (--pet-series)",
        )
    decayed = "DECY" in acquisition.corrected_image
    if acquisition.decay_correction == "NONE" and decayed:
        raise Refused(
            "DecayCorrection (0054,1102) = NONE contradicts DECY in CorrectedImage (0028,0051)",
            cure="correct whichever is wrong in the header",
        )
    if acquisition.decay_correction != "NONE" and not decayed:
        raise Refused(
            f"CorrectedImage (0028,0051) = {shown}: not corrected for decay (DECY), while DecayCorrection "
            f"(0054,1102) = {acquisition.decay_correction or 'empty'}",
            cure="choose the decay-corrected series, or correct the header (DecayCorrection NONE)",
        )


def _corrections_trace(acquisition: PetAcquisition) -> tuple[str, ...]:
    lines = [f"CorrectedImage (0028,0051) = {chr(92).join(acquisition.corrected_image)}"]
    if acquisition.decay_correction is not None:
        lines.append(f"DecayCorrection (0054,1102) = {acquisition.decay_correction}")
    return tuple(lines)


def _intercept_warning(acquisition: PetAcquisition) -> tuple[str, ...]:
    intercepts = {facts.rescale_intercept for facts in acquisition.slices}
    if intercepts == {0.0}:
        return ()
    worst = max(intercepts, key=abs)
    return (f"RescaleIntercept (0028,1052) = {worst:g} (0 in a PET, DICOM PS3.3 C.8.9.4): it is added as it stands",)


def _other_reading(found: SuvConversion) -> tuple[str, ...]:
    other = found.alternative
    if other is None:
        return ()
    what = (
        "the reference time back-computed from FrameReferenceTime (0054,1300) is over 60 s off"
        if "back-computed" in other.rule
        else "the two injection times of the header disagree"
    )
    return (
        f"{what}: factor {found.factor_min:.9g} is used ({found.rule}), the other reading gives "
        f"{other.factor_min:.9g} to {other.factor_max:.9g} ({other.factor_min / found.factor_min - 1:+.1%} to "
        f"{other.factor_max / found.factor_min - 1:+.1%})",
    )


def _from_bqml(acquisition: PetAcquisition, body: Body, inputs: SuvInputs) -> SuvConversion:
    weight_kg = need_weight(body)
    dose = read_dose(acquisition, inputs.nuclide_half_life_s)
    decay = _DECAY.get(acquisition.decay_correction or "")
    if decay is None:
        raise Refused(
            f"DecayCorrection (0054,1102) = {acquisition.decay_correction or 'empty'} is none of START, ADMIN, NONE",
            cure="correct the header",
        )
    found = decay(acquisition, weight_kg * 1000.0, dose, inputs)
    return replace(
        found,
        trace=(*dose.trace, *found.trace),
        warnings=(*dose.warnings, *found.warnings),
        injected_mbq=dose.activity_bq / 1e6,
    )


def _start(acquisition: PetAcquisition, weight_g: float, dose: Dose, inputs: SuvInputs) -> SuvConversion:
    reference = reference_time(acquisition)
    injection = injection_time(acquisition, reference.at, dose.half_life_s)
    elapsed_s = (reference.at - injection.at).total_seconds()
    _believable(elapsed_s, dose.half_life_s)
    need_stated_decay(acquisition, dose.half_life_s, elapsed_s)

    def factor_at(at: datetime) -> float:
        left_bq = dose.activity_bq * decay_factor((at - injection.at).total_seconds(), dose.half_life_s)
        return suv_factor(weight_g, left_bq)

    factor = factor_at(reference.at)
    warnings = [*reference.warnings, *injection.warnings, *_uptake_warning(elapsed_s, inputs)]
    trace = [
        f"reference time {reference.at.time()} from {reference.origin}",
        f"injection {injection.at.time()} from {injection.origin}: {elapsed_s:g} s before",
        f"SUVbw = Bq/mL * W / (D * 2^(-t/T)) = Bq/mL * {factor:.9g}",
    ]
    alternative = None
    recomputed = back_computed_times(acquisition, dose.half_life_s)
    if recomputed is None:
        trace.append(
            "reference time not back-computed: FrameReferenceTime, ActualFrameDuration or AcquisitionTime missing or "
            "absurd"
        )
    else:
        apart = [(at - reference.at).total_seconds() for at in recomputed]
        trace.append(
            f"back-computed reference time (AcquisitionTime + T_ave - FrameReferenceTime): {min(apart):+.1f} to "
            f"{max(apart):+.1f} s from it"
        )
        furthest = max(map(abs, apart))
        if furthest > MOST_HALF_LIVES * dose.half_life_s:
            warnings.append(
                f"FrameReferenceTime (0054,1300) puts the reference time {furthest / 3600.0:.3g} h from the scan: "
                "it is not used to check it"
            )
        elif furthest > TOLERANCE_S:
            factors = [factor_at(at) for at in recomputed]
            alternative = AlternativeReading(
                "BQML/START, reference time back-computed per slice (IBSI)", min(factors), max(factors)
            )
    if alternative is None and injection.other is not None:
        left_bq = dose.activity_bq * decay_factor((reference.at - injection.other).total_seconds(), dose.half_life_s)
        by_clock = suv_factor(weight_g, left_bq)
        alternative = AlternativeReading(
            "BQML/START, injection at RadiopharmaceuticalStartTime (0018,1072)", by_clock, by_clock
        )
    return SuvConversion(
        factors=(factor,) * len(acquisition.slices),
        rule=f"BQML/START, reference time from {reference.origin}",
        trace=tuple(trace),
        warnings=tuple(warnings),
        alternative=alternative,
        uptake_min=elapsed_s / 60.0,
    )


def _admin(acquisition: PetAcquisition, weight_g: float, dose: Dose, inputs: SuvInputs) -> SuvConversion:
    factor = suv_factor(weight_g, dose.activity_bq)
    uptake_min, warnings = _uptake_for_information(acquisition, dose.half_life_s, inputs)
    if uptake_min is not None:
        need_stated_decay(acquisition, dose.half_life_s, uptake_min * 60.0)
    return SuvConversion(
        factors=(factor,) * len(acquisition.slices),
        rule="BQML/ADMIN, image corrected to the time of injection",
        trace=(f"SUVbw = Bq/mL * W / D = Bq/mL * {factor:.9g} (no decay: the image is at injection already)",),
        warnings=warnings,
        uptake_min=uptake_min,
    )


def _none(acquisition: PetAcquisition, weight_g: float, dose: Dose, inputs: SuvInputs) -> SuvConversion:
    acquired = acquisition_times(acquisition)
    starts = [at for at in acquired if at is not None]
    if len(starts) < len(acquired):
        raise Refused(
            "DecayCorrection NONE needs AcquisitionTime (0008,0032) on every slice",
            cure="export the series again with its times",
        )
    first = min(starts)
    injection = injection_time(acquisition, first, dose.half_life_s)
    _believable((first - injection.at).total_seconds(), dose.half_life_s)
    factors = []
    for facts, start in zip(acquisition.slices, starts, strict=True):
        if not facts.actual_frame_duration_ms:
            raise Refused(
                "DecayCorrection NONE needs ActualFrameDuration (0018,1242) on every slice",
                cure="export the series again with its frame durations",
            )
        if facts.actual_frame_duration_ms < SHORTEST_FRAME_MS:
            raise Refused(
                f"ActualFrameDuration (0018,1242) = {facts.actual_frame_duration_ms:g} ms is too short for a frame of "
                "a static PET: it looks like seconds",
                cure="correct the header (the duration is in ms)",
            )
        left_bq = dose.activity_bq * decay_factor((start - injection.at).total_seconds(), dose.half_life_s)
        mean = frame_average_correction(facts.actual_frame_duration_ms / 1000.0, dose.half_life_s)
        factors.append(suv_factor(weight_g, left_bq) * mean)
    elapsed_s = (first - injection.at).total_seconds()
    return SuvConversion(
        factors=tuple(factors),
        rule="BQML/NONE, each slice corrected from its own acquisition",
        trace=(
            f"injection {injection.at.time()} from {injection.origin}: {elapsed_s:g} s before the first slice",
            "SUVbw = Bq/mL * W/D * lambda T / (1 - e^(-lambda T)) * 2^(t/T1/2), slice by slice: "
            f"{min(factors):.9g} to {max(factors):.9g}",
        ),
        warnings=(*injection.warnings, *_uptake_warning(elapsed_s, inputs)),
        uptake_min=elapsed_s / 60.0,
    )


def _from_gml(acquisition: PetAcquisition, body: Body, inputs: SuvInputs) -> SuvConversion:
    if acquisition.decay_correction == "NONE":
        raise Refused(
            "Units GML with DecayCorrection (0054,1102) = NONE is no SUV", cure="export a decay-corrected series"
        )
    stored = (acquisition.suv_type or "BW").upper()
    kinds = {kind.value.upper(): kind for kind in SuvType if kind is not SuvType.BSA}
    if stored not in kinds:
        raise Refused(
            f"SUVType (0054,1006) = {stored} is not known for Units GML",
            cure="export SUVbw, or activity concentration (BQML)",
        )
    kind = kinds[stored]
    shown = acquisition.suv_type or "empty, so BW"
    factor = 1.0
    if kind is not SuvType.BW:
        factor = need_weight(body) * 1000.0 / normaliser(kind, need_weight(body), body.height_m, body.sex)
    uptake_min, warnings = _uptake_for_information(acquisition, acquisition.radionuclide_half_life_s, inputs)
    if body.sex == "O" and kind is not SuvType.BW:
        warnings = (*warnings, f"PatientSex O: the mean of the male and the female formula stands for SUV{kind}")
    return SuvConversion(
        factors=(factor,) * len(acquisition.slices),
        rule=f"GML/{kind.value.upper()}, the file holds SUV{kind} already",
        trace=(f"SUVType (0054,1006) = {shown}", f"SUVbw = SUV{kind} * {factor:.9g}"),
        warnings=warnings,
        uptake_min=uptake_min,
    )


def _from_cm2ml(acquisition: PetAcquisition, body: Body, inputs: SuvInputs) -> SuvConversion:
    if (acquisition.suv_type or "BSA").upper() != "BSA":
        raise Refused(
            f"SUVType (0054,1006) = {acquisition.suv_type} contradicts Units CM2ML",
            cure="correct the header: CM2ML is SUVbsa",
        )
    if acquisition.decay_correction == "NONE":
        raise Refused(
            "Units CM2ML with DecayCorrection (0054,1102) = NONE is no SUV", cure="export a decay-corrected series"
        )
    weight_kg = need_weight(body)
    factor = weight_kg * 1000.0 / normaliser(SuvType.BSA, weight_kg, body.height_m, body.sex)
    uptake_min, warnings = _uptake_for_information(acquisition, acquisition.radionuclide_half_life_s, inputs)
    return SuvConversion(
        factors=(factor,) * len(acquisition.slices),
        rule="CM2ML/BSA, the file holds SUVbsa already",
        trace=(f"SUVbw = SUVbsa * W / BSA = SUVbsa * {factor:.9g} (W in g, BSA by Du Bois in cm2)",),
        warnings=warnings,
        uptake_min=uptake_min,
    )


def _from_counts(acquisition: PetAcquisition, body: Body, inputs: SuvInputs) -> SuvConversion:
    suv_scale = acquisition.philips_suv_scale_factor
    activity_scale = acquisition.philips_activity_concentration_scale_factor
    for tag, scale in (("(7053,1000)", suv_scale), ("(7053,1009)", activity_scale)):
        if scale is not None and scale < 0.0:
            raise Refused(f"the Philips scale factor {tag} = {scale:g} is below 0", cure="export the series again")
    if suv_scale:
        uptake_min, warnings = _uptake_for_information(acquisition, acquisition.radionuclide_half_life_s, inputs)
        return SuvConversion(
            factors=(suv_scale,) * len(acquisition.slices),
            rule="CNTS with Philips SUV Scale Factor (7053,1000)",
            trace=(f"SUV Scale Factor (7053,1000) = {suv_scale:g}", f"SUVbw = counts * {suv_scale:.9g}"),
            warnings=warnings,
            uptake_min=uptake_min,
        )
    if activity_scale:
        found = _from_bqml(acquisition, body, inputs)
        scaled = found.alternative
        if scaled is not None:
            scaled = AlternativeReading(
                scaled.rule, scaled.factor_min * activity_scale, scaled.factor_max * activity_scale
            )
        return replace(
            found,
            factors=tuple(factor * activity_scale for factor in found.factors),
            rule=f"CNTS with Philips Activity Concentration Scale Factor (7053,1009), then {found.rule}",
            trace=(f"Activity Concentration Scale Factor (7053,1009) = {activity_scale:g} Bq/mL a count", *found.trace),
            alternative=scaled,
        )
    raise Refused(
        "Units (0054,1001) = CNTS without a Philips scale factor (7053,1000) or (7053,1009) under its private creator",
        cure="export the series with its private tags, or in BQML",
    )


def _believable(elapsed_s: float, half_life_s: float) -> None:
    if elapsed_s > MOST_HALF_LIVES * half_life_s:
        raise Refused(
            f"the image lies {elapsed_s / half_life_s:.0f} half-lives after the injection: "
            f"RadionuclideHalfLife (0018,1075) = {half_life_s:g} s, or the times, cannot be right",
            cure="correct the header (the half-life is in seconds)",
        )


def _uptake_warning(elapsed_s: float, inputs: SuvInputs) -> tuple[str, ...]:
    usual = inputs.usual_uptake_min
    minutes = elapsed_s / 60.0
    if usual is None or usual[0] <= minutes <= usual[1]:
        return ()
    return (f"uptake time {minutes:.0f} min is outside {usual[0]:g}-{usual[1]:g} min",)


def _uptake_for_information(
    acquisition: PetAcquisition, half_life_s: float | None, inputs: SuvInputs
) -> tuple[float | None, tuple[str, ...]]:
    """Minutes from injection to the first acquisition where the SUV does not depend on it; None if unknown."""
    starts = [at for at in acquisition_times(acquisition) if at is not None]
    if not starts:
        return None, ()
    first = min(starts)
    try:
        injection = injection_time(acquisition, first, half_life_s or 0.0)
    except Refused as refusal:
        return None, (f"uptake time unknown ({refusal.what}); the SUV does not depend on it here",)
    elapsed_s = (first - injection.at).total_seconds()
    return elapsed_s / 60.0, (*injection.warnings, *_uptake_warning(elapsed_s, inputs))


_UNITS: dict[str, Callable[[PetAcquisition, Body, SuvInputs], SuvConversion]] = {
    "BQML": _from_bqml,
    "GML": _from_gml,
    "CM2ML": _from_cm2ml,
    "CNTS": _from_counts,
}
_DECAY: dict[str, Callable[[PetAcquisition, float, Dose, SuvInputs], SuvConversion]] = {
    "START": _start,
    "ADMIN": _admin,
    "NONE": _none,
}
