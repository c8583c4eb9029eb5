"""What a focus shows on CT: dense bone, a node or tumour of soft tissue; nothing in bone that is not dense."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.phantom.hounsfield import noise_hu, water_diameter_cm
from psmap.phantom.lesions.focus import FocusKind
from psmap.phantom.lesions.paint_focus import PaintedFocus
from psmap.phantom.lesions.placing import TrueSite
from psmap.phantom.tomograph import Conditions

SOFT_HU, SOFT_CONTRAST_HU = 40.0, 80.0
"""Nodes and other tumour of soft tissue, without and with contrast medium (ours)."""
LEAST_MM = 3.0
"""What is thinner is not seen."""
SOFT = (FocusKind.NODE, FocusKind.VISCERAL, FocusKind.LOCAL_RECURRENCE)


def put_on_ct(
    hu: npt.NDArray[np.int16],
    spot: PaintedFocus,
    site: TrueSite,
    grid: Grid,
    conditions: Conditions,
    rng: np.random.Generator,
) -> None:
    """Put a focus into a CT, in place; where it lies it is as noisy as its slices.

    A node is there in its own size, enlarged or not, as is what has grown in lung, adrenal or the bed of the prostate.

    Args:
        hu: the CT, [k, j, i]; changed.
        spot: which voxels the focus fills.
        site: the focus.
        grid: that of the CT.
        conditions: exposure and contrast medium.
        rng: dice of the noise.
    """
    value = hu_of(site, conditions.contrast)
    if value is None:
        return
    diameter = water_diameter_cm(hu[spot.box[0]].astype(np.float32), grid)
    noise = noise_hu(diameter, grid, conditions).astype(np.float32)
    part = hu[spot.box]
    fresh = np.float32(value) + noise[:, None, None] * rng.standard_normal(part.shape, dtype=np.float32)
    part[...] = np.rint(part + spot.share * (fresh - part)).astype(np.int16)


def hu_of(site: TrueSite, contrast: bool) -> float | None:
    """Hounsfield units of a focus; None where it looks as what it lies in."""
    if site.focus.kind in SOFT and site.focus.short_axis_mm >= LEAST_MM:
        return SOFT_CONTRAST_HU if contrast else SOFT_HU
    return site.dense_hu
