"""Where the border of a site is drawn: fixed SUV, fraction of the maximum, or the liver-based threshold."""

from __future__ import annotations

from math import isfinite

import numpy as np
import numpy.typing as npt

from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import Threshold, ThresholdKind
from psmap.domain.refusal import Refused
from psmap.domain.tracer import Tracer

# SUV of the liver-based threshold at a liver without spread (qPSMA: Gafita 2019, J Nucl Med 60:1277,
# doi 10.2967/jnumed.118.224055; Seifert 2020, J Nucl Med 61:1786).
LIVER_BASE_SUV = 4.30
# Fewer voxels give no standard deviation worth the name (ours).
LEAST_LIVER_VOXELS = 10

# name in `by_definition` -> border. 3.0 and the liver threshold: qPSMA, as above; 4.0: in use for PSMA-TV; 41 %:
# the EANM guideline for FDG (Boellaard 2015, EJNMMI 42:328); 45 to 50 % are common for PSMA. None of them is a
# standard for PSMA: doi 10.1007/s00259-023-06163-x. That is why all are reported.
DEFINITIONS: dict[str, Threshold] = {
    "suv3": Threshold(ThresholdKind.SUV, 3.0),
    "suv4": Threshold(ThresholdKind.SUV, 4.0),
    "pct41": Threshold(ThresholdKind.PERCENT_OF_MAX, 0.41),
    "pct50": Threshold(ThresholdKind.PERCENT_OF_MAX, 0.50),
    "liver": Threshold(ThresholdKind.LIVER, None),
}


def positive_suv(suv: float | None, name: str) -> float:
    """The SUV, refused unless it is a number over zero."""
    if suv is None or not isfinite(suv) or suv <= 0:
        raise Refused(f"{name} is {suv}, not an SUV over zero", cure="give a number over zero, 3.0 for example")
    return float(suv)


def fraction_of_max(fraction: float | None) -> float:
    """The fraction, refused unless it lies between 0 and 1."""
    if fraction is None or not isfinite(fraction) or not 0 < fraction < 1:
        raise Refused(
            f"the fraction of the maximum is {fraction}, not a number between 0 and 1",
            cure="give 0.41 for a contour at 41 %",
        )
    return float(fraction)


def on_pet_grid(labels: LabelImage, pet: PetImage, what: str) -> npt.NDArray[np.integer]:
    """The whole-numbered labels of a map that lies on the PET's grid; refused if it does not or holds fractions."""
    if not labels.grid.matches(pet.grid):
        raise Refused(
            f"{what} lies on a grid of {_grid_words(labels.grid.shape, labels.grid.spacing_mm)}, "
            f"not on the PET's of {_grid_words(pet.grid.shape, pet.grid.spacing_mm)}",
            cure="resample it to the PET with nearest neighbour, keeping origin and orientation",
        )
    numbers = labels.labels
    if numbers.dtype.kind not in "iub":
        raise Refused(f"{what} holds numbers of type {numbers.dtype}", cure="give a label map of whole numbers")
    if numbers.dtype.kind == "i" and numbers.size and numbers.min() < 0:
        raise Refused(f"{what} holds the label {numbers.min()}", cure="give labels from 0 (background) upwards")
    return numbers


def liver_withheld(liver: LabelImage | None, tracer: Tracer | None) -> str | None:
    """Why there can be no liver threshold, or None where there can: it is defined for PSMA-11 alone."""
    if tracer is None:
        return "the liver threshold is defined for 68Ga-PSMA-11 only, and the tracer is not known"
    if not tracer.liver_threshold:
        return f"the liver threshold is defined for 68Ga-PSMA-11 only, not for {tracer.name}"
    if liver is None:
        return "the liver threshold needs a mask of the liver, or the organs named"
    return None


def liver_threshold_suv(pet: PetImage, liver: LabelImage | None, tracer: Tracer | None) -> float:
    """4.30 / SUVmean_liver * (SUVmean_liver + SD_liver) = 4.30 * (1 + SD / mean), g/mL.

    Mean and standard deviation run over the liver's voxels in float64; the standard deviation is that of the
    population (divided by n), which for a liver of thousands of voxels is the sample's to four digits. The liver is
    the label named 'liver', or the only label of the map. Source: qPSMA, see `LIVER_BASE_SUV`.

    Raises:
        Refused: for any tracer but PSMA-11, without a mask, or if the mask is off the PET's grid, empty, ambiguous
            or too small, or the liver's mean SUV is not over zero.
    """
    reason = liver_withheld(liver, tracer)
    if reason is not None or liver is None:
        raise Refused(str(reason), cure="give --liver MASK and a PSMA-11 study, or choose another threshold")
    labels = on_pet_grid(liver, pet, "the liver mask")
    inside = labels == _liver_label(liver, labels)
    suv = pet.suv[inside].astype(np.float64)
    if len(suv) < LEAST_LIVER_VOXELS:
        raise Refused(
            f"the liver mask holds {len(suv)} voxels, too few for a standard deviation",
            cure=f"give a mask of at least {LEAST_LIVER_VOXELS} voxels",
        )
    mean, deviation = float(suv.mean()), float(suv.std())
    if not isfinite(mean) or not isfinite(deviation) or mean <= 0:
        raise Refused(f"the mean SUV in the liver mask is {mean}", cure="check that the mask covers the liver")
    return LIVER_BASE_SUV / mean * (mean + deviation)


def _liver_label(liver: LabelImage, labels: npt.NDArray[np.integer]) -> int:
    named = [label for label, name in liver.names.items() if name.strip().casefold() == "liver"]
    present = [int(label) for label in np.unique(labels) if label != 0]
    if not present:
        raise Refused("the liver mask is empty", cure="give a mask with at least one voxel other than 0")
    if len(named) == 1 and named[0] in present:
        return named[0]
    if len(present) == 1:
        return present[0]
    raise Refused(
        f"the liver mask holds {len(present)} labels and it is not clear which is the liver",
        cure="give a mask with the liver alone",
    )


def _grid_words(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> str:
    k, j, i = shape
    dk, dj, di = spacing_mm
    return f"{i}x{j}x{k} voxels of {di:.4g}x{dj:.4g}x{dk:.4g} mm"
