"""Forensics that trust no header: the activity in the image against what was injected, the weight against the body.

Over a whole body the mean SUV is 1, less what was voided: SUV is activity per gram over injected activity per gram.
A clock, an activity or a unit that is wrong moves the activity found in the image against the share of the body that
lies in the field of view; a wrong weight moves the weight against the body that is seen. The heights of a man between
which the field of view lies, by an anatomy, or else a length of body, stand for its share of the mass, so neither test
needs what the other one judges.
"""

from __future__ import annotations

import numpy as np

from psmap.catalog.mass_by_height import load_mass_by_height
from psmap.domain.anatomy import ArmsInView, BodyView
from psmap.domain.balance import ActivityBalance
from psmap.domain.image import CtImage, PetImage
from psmap.steps.quantification.outline import BodyInView, body_in_view

MOST_OFF = 2.0
"""An SUV off by more than this is not trusted."""

WORTH_A_WARNING = 1.5
WEIGHT_OFF = 1.6
"""Men of one weight differ less than tracers do: a weight this far off the body seen is not believed."""

ENOUGH_OF_THE_BODY = 0.6
"""Below it, what is voided, and where the organs of high uptake lie, move the balance by more than two."""

USUAL_HEIGHT_M = 1.75
"""Where the header knows none; a man between 1.6 and 1.9 m changes the share by a tenth."""

_LENGTH = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SHARE = (0.0, 0.18, 0.33, 0.48, 0.63, 0.72, 0.80, 0.86, 0.91, 0.94, 1.0)
"""Largest share of the mass in a part of the body of that length (1 is the height): outline of the reference adult
male by height (ICRP Publication 110), both legs, arms half down and half up."""


def share_by_length(length_mm: float, height_m: float | None) -> float:
    """Share of a man's mass (0 to 1) in a field of view that holds `length_mm` of his trunk and what adjoins it."""
    return float(np.interp(length_mm / 1000.0 / (height_m or USUAL_HEIGHT_M), _LENGTH, _SHARE))


def share_by_view(view: BodyView) -> float:
    """Share of a man's mass (0 to 1) between two heights of him, by the reference man's.

    Arms out of view are missing from what is seen, not from the man. Where nothing is known of them, the mean of raised
    and hanging ones stands for them.
    """
    table = load_mass_by_height()
    postures = {
        ArmsInView.UP: (table.up,),
        ArmsInView.DOWN: (table.down,),
        ArmsInView.OUT_OF_VIEW: (table.without,),
        ArmsInView.UNKNOWN: (table.up, table.down),
    }[view.arms]
    ends = (view.low_mm, view.high_mm)
    return float(np.mean([np.diff(np.interp(ends, table.z_mm, below))[0] for below in postures]))


def balance_activity(pet: PetImage, ct: CtImage | None, view: BodyView | None = None) -> ActivityBalance | None:
    """Judge an SUV by what the voxels hold; None where no body can be made out in the image.

    Args:
        pet: the PET in SUVbw, with the weight and height that were used.
        ct: of the same frame of reference, where there is one.
        view: which part of the man is in the field of view, where an anatomy tells; used where it is firm.
    """
    body = body_in_view(pet, ct)
    if body is None or body.mass_kg <= 0.0:
        return None
    weight_kg = pet.conversion.weight_kg
    uptake_kg = float(pet.suv.sum(dtype=np.float64)) * pet.grid.voxel_ml / 1000.0  # SUV * mL = g of mean uptake
    firm = view if view is not None and view.firm else None
    share = share_by_length(body.length_mm, pet.conversion.height_m) if firm is None else share_by_view(firm)
    activity = uptake_kg / weight_kg if weight_kg else None
    mean = uptake_kg / body.mass_kg
    ratio = weight_kg * share / body.mass_kg if weight_kg else None
    not_judged = _not_judged(body, share)
    doubts = () if not_judged else _off(mean, activity, ratio, share, body, MOST_OFF, WEIGHT_OFF)
    if not doubts and activity is not None and activity > MOST_OFF:  # whatever the field of view
        doubts = (f"the image holds {activity:.2g} times the activity that was injected",)
    odd = () if not_judged or doubts else _off(mean, activity, ratio, share, body, WORTH_A_WARNING, WEIGHT_OFF)
    return ActivityBalance(
        activity_share=activity,
        body_kg=body.mass_kg,
        body_from=body.measured_on,
        body_length_mm=body.length_mm,
        body_share=share,
        mean_suv=mean,
        weight_ratio=ratio,
        not_judged="" if doubts else not_judged,
        doubts=doubts,
        warnings=tuple(f"activity balance: {line}" for line in odd),
        body_share_from="length" if firm is None else "anatomy",
    )


def _not_judged(body: BodyInView, share: float) -> str:
    if body.cut_off:
        return "the sides of the image cut the body off"
    if share < ENOUGH_OF_THE_BODY:
        return (
            f"{body.length_mm / 10.0:.0f} cm of the body are in the field of view, about {share:.0%} of its mass: "
            f"{ENOUGH_OF_THE_BODY:.0%} are needed"
        )
    return ""


def _off(
    mean: float,
    activity: float | None,
    ratio: float | None,
    share: float,
    body: BodyInView,
    most: float,
    weight_off: float,
) -> tuple[str, ...]:
    """What is off by more than `most`, the weight by more than `weight_off`."""
    found = []
    if not 1.0 / most <= mean <= most:
        found.append(
            f"the mean SUV of the body in the image is {mean:.2g} (about 1 where activity, times and weight are right)"
        )
    if activity is not None and not share / most <= activity <= share * most:
        found.append(
            f"the image holds {activity:.2g} of the injected activity, decayed to its reference time, and about "
            f"{share:.0%} of the body: look at activity, injection time and units"
        )
    if ratio is not None and not 1.0 / weight_off <= ratio <= weight_off:
        found.append(
            f"the image shows {body.mass_kg:.0f} kg of body by {body.measured_on} on {body.length_mm / 10.0:.0f} cm, "
            f"as goes with about {body.mass_kg / share:.0f} kg, and the weight used is "
            f"{ratio * body.mass_kg / share:.0f} kg"
        )
    return tuple(found)
