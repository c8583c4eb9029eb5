"""How a label map agrees with the truth: Dice, distances of the surfaces, and whether names of a kind are right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_erosion, distance_transform_edt

Labels = npt.NDArray[np.integer]

FEWEST = 8
"""Structures with fewer voxels are not measured."""


def dice_by_label(found: Labels, true: Labels, classes: int) -> dict[int, float]:
    """2 |A B| / (|A| + |B|) of every label that is there; labels with fewer than `FEWEST` voxels have none."""
    a, b = np.bincount(found.ravel(), minlength=classes), np.bincount(true.ravel(), minlength=classes)
    both = np.bincount(true[found == true].ravel(), minlength=classes)
    return {n: float(2.0 * both[n] / (a[n] + b[n])) for n in range(1, classes) if b[n] >= FEWEST}


def surface_mm(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_], voxel_mm: float) -> tuple[float, float]:
    """Mean and 95th percentile of the distances of both surfaces from each other (mm); infinite where one is empty."""
    if not found.any() or not true.any():
        return float("inf"), float("inf")
    edges = [mask & ~binary_erosion(mask) for mask in (found, true)]
    to_other = [distance_transform_edt(~edge)[other] for edge, other in zip(edges, edges[::-1], strict=True)]
    away = np.concatenate(to_other) * voxel_mm
    return float(away.mean()), float(np.percentile(away, 95.0))


def names_right(found: Labels, true: Labels, numbers: Sequence[int]) -> tuple[int, int]:
    """Of how many structures the commonest name of their kind, found in them, is their own; and how many there are.

    A structure in which no name of the kind was found has no right name.
    """
    right = there = 0
    for number in numbers:
        own = true == number
        if int(own.sum()) < FEWEST:
            continue
        there += 1
        votes = np.bincount(found[own].ravel(), minlength=256)[list(numbers)]
        right += int(votes.max() > 0 and numbers[int(votes.argmax())] == number)
    return right, there
