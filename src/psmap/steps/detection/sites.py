"""Every site of raised uptake in a PET, under the border that the reader chose and under every published one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import ReadParameters, ThresholdKind
from psmap.domain.refusal import Refused
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import UptakeSite
from psmap.steps.detection.measurement import measure_sites
from psmap.steps.detection.regions import Regions, above_suv, as_given, percent_contours
from psmap.steps.detection.thresholds import (
    DEFINITIONS,
    fraction_of_max,
    liver_threshold_suv,
    liver_withheld,
    positive_suv,
)

# definition -> (SUV or fraction of the maximum used, sites), or the reason why it cannot be had
SitesByDefinition = dict[str, tuple[float, tuple[UptakeSite, ...]] | str]


def detect_sites(
    pet: PetImage,
    parameters: ReadParameters,
    *,
    given: LabelImage | None = None,
    liver: LabelImage | None = None,
    tracer: Tracer | None = None,
) -> tuple[UptakeSite, ...]:
    """The sites under the threshold of the parameters, numbered from 1 by falling SUVmax (ties: by flat index).

    Args:
        given: the user's own label map on the PET's grid, for the kind `given`; each label is one site.
        liver: mask of the liver on the PET's grid, for the kind `liver`.
        tracer: for the kind `liver`, which is defined for PSMA-11 only.

    Raises:
        Refused: for a threshold that is none, or a mask that is missing, empty or off the PET's grid.
    """
    threshold = parameters.threshold
    regions: Regions
    if threshold.kind is ThresholdKind.SUV:
        regions = above_suv(pet, positive_suv(threshold.value, "the threshold"), parameters)
    elif threshold.kind is ThresholdKind.LIVER:
        regions = above_suv(pet, liver_threshold_suv(pet, liver, tracer), parameters)
    elif threshold.kind is ThresholdKind.PERCENT_OF_MAX:
        (regions,) = percent_contours(pet, (fraction_of_max(threshold.value),), parameters)
    else:
        if given is None:
            raise Refused("no label map of sites was given", cure="give --findings LABELMAP on the PET's grid")
        regions = as_given(pet, given)
    return measure_sites(pet, regions, parameters, light=False)


def detect_by_definition(
    pet: PetImage, parameters: ReadParameters, *, tracer: Tracer | None = None, liver: LabelImage | None = None
) -> SitesByDefinition:
    """The sites under each of `DEFINITIONS` with the threshold used, or why a definition is withheld.

    The sites carry uptake and size, no sphericity and no background. Watershed, seed SUV and small limits are those
    of the parameters.

    Raises:
        Refused: if a liver mask is given that could be used but is empty or off the PET's grid.
    """
    result: SitesByDefinition = {}
    fractions = {
        name: fraction_of_max(threshold.value)
        for name, threshold in DEFINITIONS.items()
        if threshold.kind is ThresholdKind.PERCENT_OF_MAX
    }
    contours = dict(zip(fractions, percent_contours(pet, tuple(fractions.values()), parameters), strict=True))
    for name, threshold in DEFINITIONS.items():
        if name in contours:
            used, regions = fractions[name], contours[name]
        elif threshold.kind is ThresholdKind.LIVER:
            reason = liver_withheld(liver, tracer)
            if reason is not None:
                result[name] = reason
                continue
            used = liver_threshold_suv(pet, liver, tracer)
            regions = above_suv(pet, used, parameters)
        else:
            used = positive_suv(threshold.value, name)
            regions = above_suv(pet, used, parameters)
        result[name] = used, measure_sites(pet, regions, replace(parameters, threshold=threshold), light=True)
    return result


def site_labels(sites: Iterable[UptakeSite], grid: Grid) -> npt.NDArray[np.int32]:
    """A label volume [k, j, i]: each voxel holds the id of its site, 0 elsewhere."""
    labels = np.zeros(grid.size, dtype=np.int32)
    for site in sites:
        if len(site.index) and not 0 <= site.index[0] <= site.index[-1] < grid.size:
            raise ValueError(f"site {site.id} does not fit a grid of shape {grid.shape}")
        labels[site.index] = site.id
    return labels.reshape(grid.shape)
