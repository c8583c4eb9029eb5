"""Whether a label map can belong to a CT: what it names bone has to be dense there, and what it names lung airy.

A map of another series, moved, or with its axes turned, mostly overlaps the scan and would give places and references
that are silently wrong. Bone and lung show it: no patient has them otherwise. What they cannot show: left taken for
right, and another man of his size who lies as he does.
"""

from __future__ import annotations

import numpy as np

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, LabelImage
from psmap.steps.anatomy.on_pet import nearest_labels

LEAST_BONE_HU, MOST_LUNG_HU = 70.0, -400.0
"""Medians, ours. Of 60 digital men: bones 238 to 305 (T12 and L1 alone from 97), 32 mm to a side at most 57; lungs -776
to -772, upside down from -76. A thin skeleton has to pass rather than be refused."""
FEWEST = 200
"""With fewer of the voxels looked at nothing is said."""
LOOKED_AT = 2_000_000
"""Voxels of the CT that are looked at, at most: every second or third along each axis."""


def why_not_of(labels: LabelImage, ct: CtImage) -> str:
    """Why a label map cannot be of a CT; empty where nothing speaks against it.

    Args:
        labels: on a grid of its own; its names are ids of the catalogue of anatomy.
        ct: in the same frame of reference.
    """
    step = max(1, int(np.ceil((ct.grid.size / LOOKED_AT) ** (1.0 / 3.0))))
    hu = ct.hu[::step, ::step, ::step]
    k, j, i = ((step * x, step * y, step * z) for x, y, z in ct.grid.axes_mm)
    found, _ = nearest_labels(labels.labels, labels.grid, Grid(hu.shape, ct.grid.origin_mm, (k, j, i)))
    groups = {name: load_anatomy()[name].group for name in labels.names.values()}
    bone = [number for number, name in labels.names.items() if groups[name] in ("bone", "marrow")]
    lung = [number for number, name in labels.names.items() if name.startswith("lung")]
    said = []
    for numbers, what, fits in ((bone, "bone", _dense), (lung, "lung", _airy)):
        values = hu[np.isin(found, numbers)]
        if len(values) >= FEWEST and not fits(median := float(np.median(values))):
            said.append(f"what it names {what} has {median:.0f} HU in the median")
    return " and ".join(said)


def _dense(hu: float) -> bool:
    return hu >= LEAST_BONE_HU


def _airy(hu: float) -> bool:
    return hu <= MOST_LUNG_HU
