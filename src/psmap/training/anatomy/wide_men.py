"""Men for training, drawn wider than life: what a network has seen too much of costs less than what it never saw.

Size, age, bladder, prostate and posture are spread over all that a man is made with; every organ that can be moved and
scaled by itself is, each axis by its own die; the body is bent more, and in more places. The spreads are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from psmap.domain.geometry import Vector
from psmap.phantom.anatomy.bend import Bend, Wave
from psmap.phantom.anatomy.draw import (
    AGE_YEARS,
    BLADDER_ML_RANGE,
    BMI_RANGE,
    HEIGHT_M,
    PROSTATE_ML_RANGE,
    ManChoices,
    draw_man,
)
from psmap.phantom.anatomy.man import Arms, Man, OrganSize, Side
from psmap.phantom.tomograph import Conditions

ARMS_UP, PROSTATECTOMY, PROSTHESIS, CONTRAST, TABLE, HALO = 0.6, 0.5, 0.12, 0.5, 0.6, 0.3
"""Shares of men."""

BODY_SCALE = 0.04
"""Spread of the scale of the body along each axis, over that of his height and weight (logarithm)."""

SPREADS: Mapping[str, tuple[float, Vector]] = {
    "liver": (0.08, (5.0, 4.0, 8.0)), "spleen": (0.16, (4.0, 5.0, 8.0)), "kidney_left": (0.1, (4.0, 4.0, 10.0)),
    "kidney_right": (0.1, (4.0, 4.0, 10.0)), "adrenal_left": (0.15, (2.0, 2.0, 3.0)),
    "adrenal_right": (0.15, (2.0, 2.0, 3.0)), "heart": (0.07, (5.0, 4.0, 6.0)), "stomach": (0.15, (9.0, 7.0, 9.0)),
    "pancreas": (0.12, (5.0, 5.0, 8.0)), "gallbladder": (0.2, (6.0, 5.0, 6.0)), "small_bowel": (0.06, (6.0, 5.0, 8.0)),
    "colon": (0.06, (6.0, 5.0, 8.0)), "rectum": (0.12, (4.0, 4.0, 4.0)), "mesorectum": (0.1, (3.0, 3.0, 3.0)),
    "prostate_bed": (0.12, (2.0, 2.0, 3.0)), "penile_bulb": (0.15, (2.0, 2.0, 3.0)),
    "seminal_vesicle_left": (0.15, (2.0, 2.0, 2.0)), "seminal_vesicle_right": (0.15, (2.0, 2.0, 2.0)),
    "testis_left": (0.15, (5.0, 5.0, 10.0)), "testis_right": (0.15, (5.0, 5.0, 10.0)),
    "psoas_left": (0.1, (3.0, 3.0, 3.0)), "psoas_right": (0.1, (3.0, 3.0, 3.0)),
    "obturator_internus_left": (0.06, (1.0, 1.0, 2.0)), "obturator_internus_right": (0.06, (1.0, 1.0, 2.0)),
    "levator_ani": (0.05, (1.0, 1.0, 2.0)), "oesophagus": (0.0, (4.0, 3.0, 0.0)), "trachea": (0.0, (3.0, 3.0, 0.0)),
    "thyroid": (0.15, (2.0, 2.0, 6.0)), "tongue": (0.08, (2.0, 3.0, 3.0)),
    "parotid_left": (0.15, (2.0, 2.0, 3.0)), "parotid_right": (0.15, (2.0, 2.0, 3.0)),
    "submandibular_left": (0.15, (2.0, 2.0, 3.0)), "submandibular_right": (0.15, (2.0, 2.0, 3.0)),
    "sublingual_left": (0.12, (1.0, 2.0, 1.0)), "sublingual_right": (0.12, (1.0, 2.0, 1.0)),
    "lacrimal_left": (0.12, (1.0, 1.0, 1.0)), "lacrimal_right": (0.12, (1.0, 1.0, 1.0)),
}  # fmt: skip
"""Part of the man -> spread of its scale along each axis (logarithm), and of its place (mm)."""
FARTHEST = 2.2


def draw_wide_choices(rng: np.random.Generator) -> ManChoices:
    """Choices spread evenly over what a man can be made with; never two that gainsay each other."""
    gone = bool(rng.random() < PROSTATECTOMY)
    side = (Side.LEFT, Side.RIGHT)[int(rng.integers(2))]
    usual_bmi = float(np.clip(rng.normal(27.5, 4.0), *BMI_RANGE))
    return ManChoices(
        height_m=float(rng.uniform(*HEIGHT_M[2:])),
        bmi=float(rng.uniform(*BMI_RANGE)) if rng.random() < 0.4 else usual_bmi,
        age_years=float(rng.uniform(*AGE_YEARS[2:])),
        arms=Arms.UP if rng.random() < ARMS_UP else Arms.DOWN,
        bladder_ml=float(np.exp(rng.uniform(*np.log(BLADDER_ML_RANGE)))),
        prostate_ml=None if gone else float(np.exp(rng.uniform(*np.log(PROSTATE_ML_RANGE)))),
        prostatectomy=True if gone else None,
        prosthesis=side if rng.random() < PROSTHESIS else False,
    )


def draw_wide_man(rng: np.random.Generator) -> Man:
    """A man for training; the same for the same dice."""
    man = draw_man(rng, draw_wide_choices(rng))
    return replace(man, organs=_organs(rng, man.organs), bend=_bend(rng, man.bend))


def draw_wide_conditions(rng: np.random.Generator, usual: Conditions) -> Conditions:
    """A scan spread wider than the usual one: activity, time, point spread, breath, dose, contrast medium, table."""
    psf = float(rng.uniform(4.0, 8.5))
    return replace(
        usual,
        activity_mbq=usual.activity_mbq * float(np.exp(0.4 * rng.standard_normal())),
        uptake_min=float(rng.uniform(45.0, 130.0)),
        minutes_per_bed=float(rng.uniform(1.0, 5.0)),
        psf_fwhm_mm=psf,
        filter_fwhm_mm=psf * float(rng.uniform(0.3, 0.9)),
        breath_mm=float(rng.uniform(0.0, 20.0)),
        halo=float(rng.uniform(0.0, 0.5)) if rng.random() < HALO else 0.0,
        tube_mas=float(np.exp(rng.uniform(np.log(15.0), np.log(250.0)))),
        contrast=bool(rng.random() < CONTRAST),
        table=bool(rng.random() < TABLE),
    )


def _organs(rng: np.random.Generator, drawn: Mapping[str, OrganSize]) -> dict[str, OrganSize]:
    """The drawn sizes and places with more spread on top."""
    found = dict(drawn)
    for name, (spread, shift_mm) in SPREADS.items():
        dice = np.clip(rng.standard_normal(6), -FARTHEST, FARTHEST)
        own = found.get(name, OrganSize())
        sx, sy, sz = (float(s * np.exp(spread * d)) for s, d in zip(own.scale, dice[:3], strict=True))
        x, y, z = (float(a + b * d) for a, b, d in zip(own.shift_mm, shift_mm, dice[3:], strict=True))
        found[name] = OrganSize((sx, sy, sz), (x, y, z))
    return found


def _bend(rng: np.random.Generator, drawn: Bend) -> Bend:
    """The drawn posture, stronger, with a crooked back and four more bends of shorter wavelength."""
    stronger = float(rng.uniform(1.0, 1.8))
    waves = [replace(wave, amplitude_mm=_times(wave.amplitude_mm, stronger)) for wave in drawn.waves]
    for most_mm in ((8.0, 0.0, 0.0), (0.0, 9.0, 0.0)):
        along = (0.0, 0.0, float(1.0 / rng.uniform(350.0, 700.0)))
        waves.append(Wave(_times(most_mm, float(rng.uniform(-1.0, 1.0))), along, float(rng.uniform(0.0, 2 * np.pi))))
    for _ in range(4):
        direction = rng.standard_normal(3)
        direction /= np.linalg.norm(direction) * rng.uniform(250.0, 600.0)
        x, y, z = (float(v) for v in np.clip(rng.standard_normal(3), -2.0, 2.0) * 2.5)
        a, b, c = (float(v) for v in direction)
        waves.append(Wave((x, y, z), (a, b, c), float(rng.uniform(0.0, 2 * np.pi))))
    dice = np.clip(rng.standard_normal(3), -2.0, 2.0)
    sx, sy, sz = (float(s * np.exp(BODY_SCALE * d)) for s, d in zip(drawn.scale, dice, strict=True))
    return Bend((sx, sy, sz), drawn.shift_mm, tuple(waves))


def _times(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor
