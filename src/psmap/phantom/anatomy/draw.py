"""A man drawn by the dice: size, age, fat, organs, posture, prostate and bladder, each with its published spread.

The dice fall first and always alike; a choice made by an argument only takes the place of what they said. So a man of
a seed stays the same man in all else.

Sources of the spreads (volumes are of men; spread = standard deviation):
    age 70.3 +- 7.6 years, 44 to 90; prostatectomy in 56.8 %; prostate's spread 43 % on the log scale: Korb et al. 2025
        (Cancers 17:1575), 1,016 exams of its published tables.
    prostate: mean 24 mL at 50 to 38 mL at 80 years, Berges and Oelke 2011 (World J Urol 29:171).
    height 1.74 m and BMI 28 kg/m2: Ogden et al. 2004 (NCHS Advance Data 347), men over 60; spreads 7 cm, 15 %: ours.
    residual urine: median 9.5 mL, quartiles 2.5 and 35.4, Kolman et al. 1999 (J Urol 161:122); what flows in between
        voiding and scan, 10 to 120 mL: ours.
    liver 17 % (1710 +- 288 mL): healthy men in table 2 of PMC4267913 (HALT-PKD, 2015).
    spleen 44 % (198 +- 88 mL): Caglar et al. 2014 (Folia Morphol 73:331).
    kidney 19 % (177 +- 34 mL): Kwon et al. 2008 (Korean J Nephrol 27:659).
    heart 19 % (left ventricle 166 +- 32 mL): Petersen et al. 2017 (J Cardiovasc Magn Reson 19:18).
    hip prosthesis in 3 %: Kremers et al. 2015 (J Bone Joint Surg Am 97:1386), between all adults and those of eighty.
    arms up in 85 %, shifts of organs, bends of the body: ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.domain.refusal import Refused
from psmap.phantom.anatomy.bend import Bend, Wave
from psmap.phantom.anatomy.man import REFERENCE_HEIGHT_M, REFERENCE_WEIGHT_KG, Arms, Man, OrganSize, Side

AGE_YEARS = (70.3, 7.6, 44.0, 90.0)
HEIGHT_M = (1.74, 0.07, 1.50, 2.00)
"""Mean, spread, least, most."""
BMI_MEDIAN, BMI_SPREAD, BMI_RANGE = 27.7, 0.15, (19.0, 42.0)
"""kg/m2; the spread is on the log scale."""
WEIGHT_KG_RANGE = (BMI_RANGE[0] * HEIGHT_M[2] ** 2, BMI_RANGE[1] * HEIGHT_M[3] ** 2)
PROSTATECTOMY_SHARE = 0.568
PROSTATE_SPREAD, PROSTATE_ML_RANGE = 0.43, (12.0, 150.0)
RESIDUAL_ML, RESIDUAL_SPREAD, INFLOW_ML, FULLEST_ML = 9.5, 1.965, (10.0, 120.0), 500.0
BLADDER_ML_RANGE = (10.0, FULLEST_ML)
PROSTHESIS_SHARE = 0.03
ARMS_UP_SHARE = 0.85
ORGAN_SPREADS = {"liver": 0.17, "spleen": 0.44, "kidney": 0.19, "heart": 0.19}
"""Spread of the volume over the mean, that of the man's size included."""
SHIFTS_MM: Mapping[str, Vector] = {
    "liver": (2.0, 2.0, 4.0), "spleen": (2.0, 3.0, 5.0), "kidney": (2.0, 2.0, 5.0), "heart": (3.0, 2.0, 3.0),
}  # fmt: skip
ALIKE = 0.8
"""Correlation of both kidneys' sizes within a man (ours)."""
SIZE_SPREAD = 0.09
"""Spread of the volume of the frame that comes of height and build alone."""
FARTHEST = 2.5
"""No die falls farther out than this many spreads."""

LEAN_KG: Mapping[Arms, float] = {Arms.DOWN: 54.81, Arms.UP: 54.99}
"""Mass of the reference man without skin and without the fat under it, as painted at 4 mm."""
# fmt: off
FAT_MM = (-15.0, -10.0, -6.0, -3.0, 0.0, 4.0, 8.0, 14.0, 20.0, 28.0, 36.0, 46.0)
FAT_L: Mapping[Arms, tuple[float, ...]] = {
    Arms.DOWN: (6.14, 7.33, 9.72, 12.33, 15.0, 18.65, 22.4, 28.23, 34.29, 42.67, 51.4, 62.81),
    Arms.UP: (6.08, 7.27, 9.66, 12.24, 14.88, 18.5, 22.22, 27.98, 33.97, 42.25, 50.89, 62.19),
}
SKIN_L: Mapping[Arms, tuple[float, ...]] = {
    Arms.DOWN: (3.26, 3.3, 3.39, 3.46, 3.53, 3.62, 3.7, 3.83, 3.94, 4.08, 4.21, 4.39),
    Arms.UP: (3.22, 3.26, 3.35, 3.42, 3.48, 3.57, 3.65, 3.78, 3.89, 4.02, 4.16, 4.34),
}
# fmt: on
"""Fat under the skin and skin (L) of a man of the reference frame whose `fat_mm` is one of `FAT_MM`, as painted."""
FAT_KG_PER_L, SKIN_KG_PER_L = 0.95, 1.09
"""ICRP Publication 110, table A.1."""
_REFERENCE_BMI = REFERENCE_WEIGHT_KG / REFERENCE_HEIGHT_M**2


@dataclass(frozen=True, slots=True)
class ManChoices:
    """What is chosen of a man; what is None is left to the dice, and a choice moves no other die.

    Args:
        height_m: 1.5 to 2 m.
        weight_kg, bmi: one of them (kg, kg/m2), or neither: then height and the drawn BMI make the weight.
        age_years: 44 to 90.
        arms: where they lie.
        bladder_ml: urine in the bladder, 10 to 500 mL.
        prostate_ml: volume of the prostate, 12 to 150 mL; with it, he has one.
        prostatectomy: whether his prostate was taken out.
        prosthesis: side of a hip prosthesis, or False for none.

    Raises:
        Refused: a choice that is out of range, or two that gainsay each other.
    """

    height_m: float | None = None
    weight_kg: float | None = None
    bmi: float | None = None
    age_years: float | None = None
    arms: Arms | None = None
    bladder_ml: float | None = None
    prostate_ml: float | None = None
    prostatectomy: bool | None = None
    prosthesis: Side | Literal[False] | None = None

    def __post_init__(self) -> None:
        ranges = {
            "height": (self.height_m, HEIGHT_M[2:], "m"),
            "weight": (self.weight_kg, WEIGHT_KG_RANGE, "kg"),
            "BMI": (self.bmi, BMI_RANGE, "kg/m2"),
            "age": (self.age_years, AGE_YEARS[2:], "years"),
            "bladder": (self.bladder_ml, BLADDER_ML_RANGE, "mL"),
            "prostate": (self.prostate_ml, PROSTATE_ML_RANGE, "mL"),
        }
        for what, (value, (least, most), unit) in ranges.items():
            if value is not None and not least <= value <= most:
                raise Refused(f"no man is made with a {what} of {value:g} {unit}", cure=f"{least:g} to {most:g} {unit}")
        if self.weight_kg is not None and self.bmi is not None:
            raise Refused("weight and BMI are two choices of one thing", cure="give one of them")
        if self.prostatectomy and self.prostate_ml is not None:
            raise Refused("after prostatectomy there is no prostate to be of a size", cure="give one of them")


LEFT_TO_THE_DICE = ManChoices()


@dataclass(frozen=True, slots=True)
class _Dice:
    """What fell: standard normal numbers by name and evenly spread ones."""

    normal: Mapping[str, FloatArray]
    even: Mapping[str, FloatArray]


_NORMAL = {"age": 1, "height": 1, "bmi": 1, "prostate": 1, "residual": 1, "organs": 5, "shifts": 15, "bends": 18}
_EVEN = {"inflow": 1, "prostatectomy": 1, "prosthesis": 2, "arms": 1, "bends": 10}


def draw_man(
    rng: np.random.Generator,
    choices: ManChoices = LEFT_TO_THE_DICE,
    *,
    organs: Mapping[str, OrganSize] | None = None,
    bend: Bend | None = None,
) -> Man:
    """A man as he might come to a PSMA PET; what is chosen is not left to the dice.

    Args:
        rng: the dice.
        choices: what is chosen.
        organs: in place of the drawn sizes and shifts.
        bend: in place of the drawn one; his weight is then met by his fat alone, as far as that goes.

    Raises:
        Refused: the chosen weight does not go with the height that was drawn or chosen.
    """
    dice = _throw(rng)
    age = _within(dice.normal["age"][0], AGE_YEARS) if choices.age_years is None else choices.age_years
    height = _within(dice.normal["height"][0], HEIGHT_M) if choices.height_m is None else choices.height_m
    weight = _weight_kg(dice, choices, height)
    gone, prostate_ml = _prostate(dice, choices, age)
    own_arms = Arms.UP if dice.even["arms"][0] < ARMS_UP_SHARE else Arms.DOWN
    own_arms = own_arms if choices.arms is None else choices.arms
    scale = frame(height, weight) if bend is None else bend.scale
    fat_mm, wider = _fat_for(weight, scale, own_arms)
    if bend is None:
        bend = Bend((scale[0] * wider, scale[1] * wider, scale[2]), waves=_waves(dice))
    size = float(np.prod(bend.scale))
    return Man(
        height_m=height,
        weight_kg=weight,
        age_years=age,
        arms=own_arms,
        fat_mm=fat_mm,
        bladder_ml=_bladder_ml(dice) if choices.bladder_ml is None else choices.bladder_ml,
        prostate_ml=prostate_ml,
        prostatectomy=gone,
        prosthesis=_prosthesis(dice) if choices.prosthesis is None else (choices.prosthesis or None),
        organs=_organs(dice, size) if organs is None else organs,
        bend=bend,
    )


def frame(height_m: float, weight_kg: float) -> Vector:
    """Scale along x, y, z of a man's body without his fat: all grows with height, and a little with weight."""
    tall, stout = height_m / REFERENCE_HEIGHT_M, weight_kg / height_m**2 / _REFERENCE_BMI
    return tall**0.5 * stout**0.12, tall**0.5 * stout**0.16, tall


def mass_kg(man: Man) -> float:
    """Mass by tissue densities, reckoned from what the reference man weighs with this man's fat, in his frame."""
    return float(_mass(np.array([man.fat_mm]), float(np.prod(man.bend.scale)), man.arms)[0])


def median_prostate_ml(age_years: float) -> float:
    """Prostate by age: the mean grows evenly per cent by per cent from 24 mL at 50 to 38 mL at 80 years."""
    mean = 24.0 * (38.0 / 24.0) ** ((age_years - 50.0) / 30.0)
    return float(mean * np.exp(-0.5 * PROSTATE_SPREAD**2))


def _throw(rng: np.random.Generator) -> _Dice:
    normal = {name: np.clip(rng.standard_normal(count), -FARTHEST, FARTHEST) for name, count in _NORMAL.items()}
    return _Dice(normal, {name: rng.random(count) for name, count in _EVEN.items()})


def _within(die: float, spread: tuple[float, float, float, float]) -> float:
    mean, deviation, least, most = spread
    return float(np.clip(mean + deviation * die, least, most))


def _weight_kg(dice: _Dice, choices: ManChoices, height_m: float) -> float:
    if choices.weight_kg is None:
        drawn = float(np.clip(BMI_MEDIAN * np.exp(BMI_SPREAD * dice.normal["bmi"][0]), *BMI_RANGE))
        return (drawn if choices.bmi is None else choices.bmi) * height_m**2
    bmi = choices.weight_kg / height_m**2
    if not BMI_RANGE[0] <= bmi <= BMI_RANGE[1]:
        raise Refused(
            f"{choices.weight_kg:g} kg at a height of {height_m:.2f} m is a BMI of {bmi:.1f} kg/m2",
            cure=f"choose height and weight for a BMI of {BMI_RANGE[0]:g} to {BMI_RANGE[1]:g}, or the BMI",
        )
    return choices.weight_kg


def _prostate(dice: _Dice, choices: ManChoices, age_years: float) -> tuple[bool, float]:
    """Whether the prostate was taken out, and its volume (mL)."""
    gone = bool(dice.even["prostatectomy"][0] < PROSTATECTOMY_SHARE)
    if choices.prostate_ml is not None:
        return False, choices.prostate_ml
    if gone if choices.prostatectomy is None else choices.prostatectomy:
        return True, 0.0
    drawn = median_prostate_ml(age_years) * np.exp(PROSTATE_SPREAD * dice.normal["prostate"][0])
    return False, float(np.clip(drawn, *PROSTATE_ML_RANGE))


def _bladder_ml(dice: _Dice) -> float:
    residual = RESIDUAL_ML * np.exp(RESIDUAL_SPREAD * dice.normal["residual"][0])
    least, most = INFLOW_ML
    return float(min(residual + least + (most - least) * dice.even["inflow"][0], FULLEST_ML))


def _prosthesis(dice: _Dice) -> Side | None:
    has, side = dice.even["prosthesis"]
    if has >= PROSTHESIS_SHARE:
        return None
    return Side.LEFT if side < 0.5 else Side.RIGHT


def _organs(dice: _Dice, size: float) -> dict[str, OrganSize]:
    """Sizes and places of liver, spleen, heart and kidneys; their volume's spread is the published one."""
    liver, spleen, heart, left, other = dice.normal["organs"]
    right = ALIKE * left + np.sqrt(1.0 - ALIKE**2) * other
    names = ("liver", "spleen", "heart", "kidney_left", "kidney_right")
    found = {}
    for name, die, shift in zip(
        names, (liver, spleen, heart, left, right), dice.normal["shifts"].reshape(5, 3), strict=True
    ):
        kind = name.split("_")[0]
        whole = np.log(1.0 + ORGAN_SPREADS[kind] ** 2)
        own = np.sqrt(max(whole - SIZE_SPREAD**2, 0.0))
        linear = float(np.exp((own * die - 0.5 * own**2) / 3.0))
        x, y, z = (float(s * d) for s, d in zip(SHIFTS_MM[kind], shift, strict=True))
        found[name] = OrganSize((linear, linear, linear), (x, y, z))
    return found


def _waves(dice: _Dice) -> tuple[Wave, ...]:
    """How he lies, left to right and front to back along his length, and three gentle bends in any direction."""
    normal, even = dice.normal["bends"], dice.even["bends"]
    found = []
    for n, amplitude in enumerate(((4.0, 0.0, 0.0), (0.0, 5.0, 0.0))):
        x, y, z = (float(a * normal[n]) for a in amplitude)
        found.append(
            Wave((x, y, z), (0.0, 0.0, float(1.0 / (700.0 + 400.0 * even[n]))), float(2 * np.pi * even[n + 2]))
        )
    for n in range(3):
        along = normal[2 + 3 * n : 5 + 3 * n] + 1e-6
        a, b, c = (float(v) for v in along / np.linalg.norm(along) / (400.0 + 400.0 * even[4 + n]))
        x, y, z = (1.5 * float(v) for v in normal[[11 + 2 * n, 12 + 2 * n, 2 + n]])
        found.append(Wave((x, y, z), (a, b, c), float(2 * np.pi * even[7 + n])))
    return tuple(found)


def _mass(fat_mm: FloatArray, size: float, arms: Arms) -> FloatArray:
    fat, skin = (np.interp(fat_mm, FAT_MM, litres[arms]) for litres in (FAT_L, SKIN_L))
    total: FloatArray = size * (LEAN_KG[arms] + FAT_KG_PER_L * fat + SKIN_KG_PER_L * skin)
    return total


def _fat_for(weight_kg: float, scale: Vector, arms: Arms) -> tuple[float, float]:
    """The fat that makes the weight, and how much wider or narrower he has to be where fat alone cannot make it."""
    size = float(np.prod(scale))
    steps = np.linspace(FAT_MM[0], FAT_MM[-1], 241)
    masses = _mass(steps, size, arms)
    return float(np.interp(weight_kg, masses, steps)), float(
        np.sqrt(weight_kg / np.clip(weight_kg, masses[0], masses[-1]))
    )
