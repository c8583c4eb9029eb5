"""How much of every voxel lies inside a body, from the body's signed distance: 1 inside, 0 outside, a fraction between.

Voxels further from the surface than half their diagonal are decided by their centre. Only the others are cut into
n x n x n parts, and a part is inside by 1/2 - d/w (held to 0..1), with d the distance of its centre and w its width:
exact for a plane surface seen face on, and in error by a few tenths of a per cent of a small sphere otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid

SignedDistance = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""Distance (mm) of LPS points x, y, z from a surface, negative inside. It has to be true near the surface only."""


def covered_fraction(grid: Grid, distance: SignedDistance, parts: int = 5) -> npt.NDArray[np.float32]:
    """Fraction of every voxel of the grid (float32, [k, j, i], 0 to 1) that lies where `distance` is negative.

    Args:
        grid: any grid, oblique or not.
        distance: signed distance of the body (mm).
        parts: number of parts along each edge of a voxel on the surface.
    """
    axes = np.array(grid.axes_mm, dtype=float)
    half_diagonal = 0.5 * float(np.abs(axes).sum(axis=0) @ np.abs(axes).sum(axis=0)) ** 0.5
    at_centre = distance(*_centres(grid))
    fraction = (at_centre < 0.0).astype(np.float32)
    surface = np.nonzero(np.abs(at_centre) <= half_diagonal)
    centres = grid.to_mm(np.stack(surface, axis=1))
    width = float(np.linalg.norm(axes, axis=1).mean()) / parts
    steps = (np.arange(parts) + 0.5) / parts - 0.5
    total = np.zeros(len(centres))
    for k in steps:
        for j in steps:
            for i in steps:
                x, y, z = (centres + np.array([k, j, i]) @ axes).T
                total += np.clip(0.5 - distance(x, y, z) / width, 0.0, 1.0)
    fraction[surface] = (total / parts**3).astype(np.float32)
    return fraction


def _centres(grid: Grid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """LPS coordinates of all voxel centres; three arrays of the grid's shape, or shapes that broadcast to it."""
    k, j, i = (np.arange(n, dtype=float) for n in grid.shape)
    step_k, step_j, step_i = np.array(grid.axes_mm, dtype=float)
    x, y, z = (
        grid.origin_mm[c]
        + (k * step_k[c])[:, None, None]
        + (j * step_j[c])[None, :, None]
        + (i * step_i[c])[None, None, :]
        for c in range(3)
    )
    return x, y, z
