"""A small man of a few boxes for the tests of training."""

from __future__ import annotations

import numpy as np

from psmap.catalog.anatomy_labels import load_labels
from psmap.training.anatomy.examples import Example


def number(name: str) -> int:
    return next(label.number for label in load_labels().labels if label.id == name)


def man_of_boxes() -> Example:
    """40 x 32 x 48 voxels: fat, in it a hip bone and an artery on each side, the bladder, and one station."""
    labels = np.zeros((40, 32, 48), np.uint8)
    labels[2:38, 4:28, 4:44] = number("subcutaneous")
    labels[5:20, 8:14, 8:14] = number("hip_bone_right")
    labels[5:20, 8:14, 34:40] = number("hip_bone_left")
    labels[8:12, 16:18, 18:20] = number("external_iliac_artery_right")
    labels[10:20, 10:20, 20:28] = number("urinary_bladder")
    stations = np.zeros_like(labels)
    stations[8:12, 16:20, 30:34] = 1
    ct = np.where(labels == 0, -1000, np.where(labels == number("subcutaneous"), -100, 40)).astype(np.int16)
    pet = np.where(labels == number("urinary_bladder"), 30.0, 1.0).astype(np.float16)
    # 4 mm voxels whose middle is the origin of the reference man
    axes = [4.0 * (4.0 * np.arange(n // 4) + 1.5 - 0.5 * (n - 1)) for n in (48, 32, 40)]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    return Example(ct, pet, labels, stations, np.stack((x, y, z)).astype(np.float16), {"seed": 0})
