"""The line of the spine through voxels called vertebra, and how far down that line every voxel lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.steps.anatomy.working_grid import VOXEL_MM

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SMOOTH_MM = 24.0
"""The line bends no sharper than this."""
SHORTEST_MM = 24.0
FEWEST = 40
"""A spine of fewer voxels, or shorter, has no line."""


@dataclass(frozen=True, slots=True, eq=False)
class SpineLine:
    """One point a slice from the lowest slice with spine to the highest.

    Args:
        points: mm from the corner of the grid along (k, j, i) [slice, 3].
        down: length of the line from its upper end to each point, mm.
    """

    points: Floats
    down: Floats

    def along(self, voxels: npt.NDArray[np.integer]) -> tuple[Floats, Floats, Floats]:
        """Of voxels (n, 3): mm down the line, mm behind it, mm to the left of it.

        A voxel belongs to the point at which the line runs square to the way there; beyond the ends the line goes
        straight on.
        """
        p = np.asarray(voxels, np.float64) * VOXEL_MM
        z = self.points[:, 0]
        tangent = np.gradient(self.points, VOXEL_MM, axis=0)  # per mm upwards
        at = p[:, 0].copy()
        for _ in range(4):  # each turn moves up or down by what still lies along the line
            held = np.clip(at, z[0], z[-1])
            t = np.stack([np.interp(held, z, tangent[:, c]) for c in range(3)], axis=1)
            t /= np.sqrt((t**2).sum(axis=1, keepdims=True))
            c = np.stack([np.interp(held, z, self.points[:, c]) for c in range(3)], axis=1)
            rest = ((p - c) * t).sum(axis=1)
            at = np.where((at > z[0]) & (at < z[-1]), np.clip(at + rest * t[:, 0], z[0], z[-1]), held)
        own = np.stack([np.interp(at, z, self.points[:, c]) for c in range(3)], axis=1)
        beyond = np.where((at <= z[0]) | (at >= z[-1]), rest, 0.0)
        down = np.interp(at, z, self.down) - beyond
        return down, p[:, 1] - own[:, 1], p[:, 2] - own[:, 2]


def spine_line(spine: Mask) -> SpineLine | None:
    """The line through the middle of a spine [k, j, i]; None where there is too little of it."""
    held = np.flatnonzero(spine.any(axis=(1, 2)))
    if not held.size or int(spine.sum()) < FEWEST or (held[-1] - held[0] + 1) * VOXEL_MM < SHORTEST_MM:
        return None
    first, last = int(held[0]), int(held[-1]) + 1
    count = spine[first:last].sum(axis=(1, 2)).astype(np.float64)
    middles = []
    for axis in (2, 1):  # the sum along i leaves j, that along j leaves i
        other = spine[first:last].sum(axis=axis).astype(np.float64)
        sums = other @ np.arange(other.shape[1])
        weight = ndimage.gaussian_filter1d(count, SMOOTH_MM / VOXEL_MM, mode="nearest")
        middles.append(ndimage.gaussian_filter1d(sums, SMOOTH_MM / VOXEL_MM, mode="nearest") / np.maximum(weight, 1e-9))
    points = np.stack((np.arange(first, last, dtype=np.float64), *middles), axis=1) * VOXEL_MM
    steps = np.sqrt((np.diff(points, axis=0) ** 2).sum(axis=1))
    down = np.concatenate(([0.0], np.cumsum(steps)))
    return SpineLine(points, down[-1] - down)
