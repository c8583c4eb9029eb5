"""The shape of a focus: an ellipsoid longer one way than another, turned any way."""

from __future__ import annotations

import math

import numpy as np

from psmap.domain.geometry import Vector
from psmap.phantom.lesions.focus import Frame

LENGTH_SPREAD = 0.18
"""Standard deviation of the logarithm of each axis before the three are scaled to product 1 (ours): the longest is in
the median 1.35 times the shortest, as nodes are oval."""


def draw_axes_ratio(rng: np.random.Generator, spread: float = LENGTH_SPREAD) -> Vector:
    """Lengths of three axes against the sphere of the same volume."""
    logs = np.clip(spread * rng.standard_normal(3), -2.0 * spread, 2.0 * spread)
    a, b, c = (math.exp(float(log)) for log in logs - logs.mean())
    return a, b, c


def draw_directions(rng: np.random.Generator) -> Frame:
    """Three orthonormal directions, evenly over all rotations (Shoemake 1992: a normal quaternion, scaled to 1)."""
    quaternion = rng.standard_normal(4)
    w, x, y, z = (float(n) for n in quaternion / np.linalg.norm(quaternion))
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
