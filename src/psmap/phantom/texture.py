"""Smooth variation within organs: one field in the man's space, the same whatever grid it is looked at on.

White numbers stand on a lattice fixed in space; between them runs a cubic B-spline. Its weights along each axis are
divided by the root of the sum of their squares, so that the field has mean 0 and variance 1 at every point, not only
at the lattice's. Two points farther apart than four steps of the lattice know nothing of each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid

Floats32 = npt.NDArray[np.float32]
LOW_MM, HIGH_MM = (-480.0, -380.0, -1400.0), (480.0, 380.0, 1250.0)
"""The box (x, y, z) in which a man of any size lies; beyond it the field repeats its border."""


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """White numbers on a lattice: [z, y, x], `step_mm` apart from `LOW_MM` on."""

    lattice: Floats32
    step_mm: float


def draw_texture(rng: np.random.Generator, step_mm: float = 8.0) -> Texture:
    """A field whose grain is about 1.7 steps wide (FWHM of its correlation about 2.4 steps)."""
    counts = [int(np.ceil((high - low) / step_mm)) + 4 for low, high in zip(LOW_MM, HIGH_MM, strict=True)]
    lattice = rng.standard_normal((counts[2], counts[1], counts[0]), dtype=np.float32)
    return Texture(lattice, step_mm)


def field_on(texture: Texture, grid: Grid) -> Floats32:
    """The field at every voxel centre (float32, [k, j, i]).

    Raises:
        ValueError: the grid does not lie along x, y and z.
    """
    field = texture.lattice
    lines = _lines(grid)
    for axis, (place, low) in enumerate(zip(lines, LOW_MM[::-1], strict=True)):
        weights, first = _weights((place - low) / texture.step_mm, field.shape[axis])
        part = np.take(field, np.arange(first, first + weights.shape[1]), axis=axis)
        # the axis that is worked on comes to the front and goes back, so that each step is one matrix product
        moved = np.moveaxis(part, axis, 0)
        product = weights @ moved.reshape(len(moved), -1)
        field = np.moveaxis(product.reshape(len(weights), *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(field)


def _lines(grid: Grid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Positions (mm) of the voxel centres along z, y and x."""
    steps = np.array(grid.axes_mm, dtype=float)
    along = np.array([steps[0, 2], steps[1, 1], steps[2, 0]])
    if np.count_nonzero(np.abs(steps) > 1e-9) != 3 or np.abs(along).min() == 0.0:
        raise ValueError("a man's texture is looked at on grids along x, y and z only")
    z, y, x = (grid.origin_mm[2 - n] + np.arange(grid.shape[n]) * along[n] for n in range(3))
    return z, y, x


def _weights(place: FloatArray, count: int) -> tuple[Floats32, int]:
    """Rows of B-spline weights for places in steps from the lattice's start, and the first lattice point they use."""
    held = np.clip(place + 1.0, 1.0, count - 2.001)
    whole = np.floor(held).astype(int)
    t = held - whole
    four = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6.0
    four /= np.sqrt((four**2).sum(axis=1, keepdims=True))
    first, last = int(whole.min()) - 1, int(whole.max()) + 2
    weights = np.zeros((len(place), last - first + 1), np.float32)
    rows = np.arange(len(place))
    for n in range(4):
        weights[rows, whole - 1 - first + n] = four[:, n]
    return weights, first
