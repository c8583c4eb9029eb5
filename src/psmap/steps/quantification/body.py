"""The body that an SUV is normalised to: weight, height and the sizes that can stand in for weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from psmap.domain.refusal import Refused
from psmap.domain.suv import SuvType

WEIGHT_RANGE_KG = (30.0, 250.0)
HEIGHT_RANGE_M = (1.2, 2.3)


@dataclass(frozen=True, slots=True)
class Body:
    """A man as the header knows him; None is unknown."""

    weight_kg: float | None
    height_m: float | None
    sex: str | None


def _lbm_morgan_120(w: float, h_cm: float, male: bool) -> float:
    return 1.10 * w - 120.0 * (w / h_cm) ** 2 if male else 1.07 * w - 148.0 * (w / h_cm) ** 2


def _lbm_james_128(w: float, h_cm: float, male: bool) -> float:
    return 1.10 * w - 128.0 * (w / h_cm) ** 2 if male else 1.07 * w - 148.0 * (w / h_cm) ** 2


def _lbm_janmahasatian(w: float, h_cm: float, male: bool) -> float:
    bmi = w / (h_cm / 100.0) ** 2
    return 9270.0 * w / (6680.0 + 216.0 * bmi) if male else 9270.0 * w / (8780.0 + 244.0 * bmi)


def _ibw(w: float, h_cm: float, male: bool) -> float:
    return 48.0 + 1.06 * (h_cm - 152.0) if male else 45.5 + 0.91 * (h_cm - 152.0)


# Sources: SUVType (0054,1006) and its units in DICOM CID 85; IBSI SUV manual; Janmahasatian 2005
# doi 10.2165/00003088-200544100-00004. 'lbm' with 120 and 'lbmjames128' with 128 are two formulas, both kept.
_MASS_KG: dict[SuvType, Callable[[float, float, bool], float]] = {
    SuvType.LBM: _lbm_morgan_120,
    SuvType.LBMJAMES128: _lbm_james_128,
    SuvType.LBMJANMA: _lbm_janmahasatian,
    SuvType.IBW: _ibw,
}


def body_surface_m2(weight_kg: float, height_m: float) -> float:
    """Body surface by Du Bois: 0.007184 W^0.425 H^0.725 (m2; kg, cm)."""
    return 0.007184 * math.pow(weight_kg, 0.425) * math.pow(height_m * 100.0, 0.725)


def normaliser(kind: SuvType, weight_kg: float, height_m: float | None, sex: str | None) -> float:
    """What stands in the place of the body weight for an SUV of this kind.

    Returns:
        g for bw, lbm*, ibw; cm2 for bsa. SUV of that kind = activity concentration * this / dose.

    Raises:
        Refused: height or sex is needed and missing, or the formula gives no positive size. Sex 'O' takes the mean
            of the male and the female value (IBSI's suggestion; there is no consensus).
    """
    if kind is SuvType.BW:
        return weight_kg * 1000.0
    if height_m is None:
        raise Refused(
            f"SUV{kind} needs the height, and PatientSize (0010,1020) is missing or outside "
            f"{HEIGHT_RANGE_M[0]:g}-{HEIGHT_RANGE_M[1]:g} m",
            cure="give it with --height-m",
        )
    if kind is SuvType.BSA:
        return body_surface_m2(weight_kg, height_m) * 1e4
    if sex not in ("M", "F", "O"):
        raise Refused(
            f"SUV{kind} needs PatientSex (0010,0040), which is {sex or 'missing'}",
            cure="correct the header (M, F or O)",
        )
    formula = _MASS_KG[kind]
    values = [
        formula(weight_kg, height_m * 100.0, male) for male in (True, False) if sex in ("O", "M" if male else "F")
    ]
    mass_kg = sum(values) / len(values)
    if mass_kg <= 0:
        raise Refused(
            f"the formula of SUV{kind} gives {mass_kg:.1f} kg for {weight_kg:g} kg and {height_m:g} m",
            cure="use SUVlbm by Janmahasatian (lbmjanma) or SUVbw",
        )
    return mass_kg * 1000.0


@dataclass(frozen=True, slots=True)
class BodyReading:
    """The body with what had to be converted, for the trace."""

    body: Body
    trace: tuple[str, ...]
    warnings: tuple[str, ...]


def read_body(
    patient_weight: float | None,
    patient_size: float | None,
    patient_sex: str | None,
    *,
    weight_kg: float | None = None,
    height_m: float | None = None,
) -> BodyReading:
    """Turn PatientWeight, PatientSize and PatientSex as stored into kg, m and a letter.

    A weight over 1000 is read as grams, a size over 3 as cm; `weight_kg` and `height_m` are the user's own values
    and win. A weight that is absent or 0 stays None: whether one is needed, the units decide.

    Raises:
        Refused: a weight outside 30-250 kg after conversion; weight and height that look exchanged.
    """
    trace: list[str] = []
    warnings: list[str] = []
    weight: float | None
    if weight_kg is not None:
        weight = weight_kg
        trace.append(f"weight {weight_kg:g} kg given by the user (PatientWeight (0010,1030) = {patient_weight})")
    else:
        weight = patient_weight if patient_weight else None
        trace.append(f"PatientWeight (0010,1030) = {'absent' if patient_weight is None else f'{patient_weight:g}'}")
        if weight is not None and weight > 1000.0:
            warnings.append(f"PatientWeight (0010,1030) = {weight:g} read as grams: {weight / 1000.0:g} kg")
            weight /= 1000.0
    height: float | None
    if height_m is not None:
        height = height_m
        trace.append(f"height {height_m:g} m given by the user (PatientSize (0010,1020) = {patient_size})")
    else:
        height = patient_size if patient_size else None
        if patient_size is not None:
            trace.append(f"PatientSize (0010,1020) = {patient_size:g}")
        if height is not None and height > 3.0:
            height /= 100.0
            warnings.append(f"PatientSize (0010,1020) = {patient_size:g} read as cm: {height:g} m")
    if weight_kg is None and height_m is None and _exchanged(patient_weight, patient_size):
        raise Refused(
            f"PatientWeight (0010,1030) = {patient_weight:g} and PatientSize (0010,1020) = {patient_size:g} "
            "look exchanged",
            cure="give the weight with --weight-kg",
        )
    if weight is not None and not WEIGHT_RANGE_KG[0] <= weight <= WEIGHT_RANGE_KG[1]:
        raise Refused(
            f"a weight of {weight:g} kg (PatientWeight (0010,1030) = {patient_weight}) is outside "
            f"{WEIGHT_RANGE_KG[0]:g}-{WEIGHT_RANGE_KG[1]:g} kg",
            cure="give the weight with --weight-kg",
        )
    if height is not None and not HEIGHT_RANGE_M[0] <= height <= HEIGHT_RANGE_M[1]:
        warnings.append(
            f"a height of {height:g} m (PatientSize (0010,1020) = {patient_size}) is outside "
            f"{HEIGHT_RANGE_M[0]:g}-{HEIGHT_RANGE_M[1]:g} m and is not used"
        )
        height = None
    if patient_sex is not None:
        trace.append(f"PatientSex (0010,0040) = {patient_sex}")
    if patient_sex == "F":
        warnings.append("PatientSex (0010,0040) = F: the rules of psmap are for prostate cancer")
    return BodyReading(Body(weight, height, patient_sex), tuple(trace), tuple(warnings))


def _exchanged(weight: float | None, size: float | None) -> bool:
    """Whether the size is a weight in kg and the weight a height in m or cm."""
    if not weight or not size:
        return False
    size_is_weight = WEIGHT_RANGE_KG[0] <= size < HEIGHT_RANGE_M[0] * 100.0
    weight_is_height = any(HEIGHT_RANGE_M[0] <= weight / unit <= HEIGHT_RANGE_M[1] for unit in (1.0, 100.0))
    return size_is_weight and weight_is_height


def need_weight(body: Body) -> float:
    """The weight in kg, or a refusal: nothing is ever put in its place."""
    if body.weight_kg is None:
        raise Refused("PatientWeight (0010,1030) is missing or 0", cure="give the weight with --weight-kg")
    return body.weight_kg
