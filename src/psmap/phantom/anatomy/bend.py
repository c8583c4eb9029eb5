"""From one man's space to the reference man's and back: size, place, posture, and a smooth random deformation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid, Vector
from psmap.phantom.anatomy.solids import Floats32

SETTLED_AFTER = 12


@dataclass(frozen=True, slots=True)
class Wave:
    """One smooth displacement: amplitude_mm * sin(2 pi per_mm . w + phase); per_mm is one over the wavelength."""

    amplitude_mm: Vector
    per_mm: Vector
    phase: float


@dataclass(frozen=True, slots=True)
class Bend:
    """How a man's space lies over the reference man's: q = w + waves(w), w = (p - shift) / scale.

    Args:
        scale: along x, y, z: man over reference.
        shift_mm: where the reference man's origin lies in the man's space.
        waves: smooth displacements; their wavelengths have to be long against their amplitudes, or space would fold.
    """

    scale: Vector = (1.0, 1.0, 1.0)
    shift_mm: Vector = (0.0, 0.0, 0.0)
    waves: tuple[Wave, ...] = field(default=())

    def to_reference(self, grid: Grid) -> tuple[Floats32, Floats32, Floats32]:
        """Reference coordinates x, y, z (mm, float32, [k, j, i]) of every voxel centre of an axis-parallel grid."""
        steps = np.array(grid.axes_mm, dtype=float)
        if (
            np.count_nonzero(np.abs(steps) > 1e-9) != 3
            or min(abs(steps[0, 2]), abs(steps[1, 1]), abs(steps[2, 0])) == 0
        ):
            raise ValueError("a man is painted on grids along x, y and z only")
        axes = []
        for c, (axis, count) in enumerate(((2, grid.shape[2]), (1, grid.shape[1]), (0, grid.shape[0]))):
            place = grid.origin_mm[c] + np.arange(count) * steps[axis, c]
            axes.append((place - self.shift_mm[c]) / self.scale[c])
        x, y, z = axes
        found = [
            np.broadcast_to(a.astype(np.float32), grid.shape).copy()
            for a in (x[None, None, :], y[None, :, None], z[:, None, None])
        ]
        for wave in self.waves:
            # sin(a + b + c) is the imaginary part of a product, so that no sine is taken voxel by voxel
            i, j, k = (np.exp(2j * np.pi * wave.per_mm[c] * a).astype(np.complex64) for c, a in enumerate((x, y, z)))
            plane = k[:, None] * j[None, :] * np.complex64(np.exp(1j * wave.phase))
            swing = (plane[:, :, None] * i[None, None, :]).imag
            for c, amplitude in enumerate(wave.amplitude_mm):
                if amplitude:
                    found[c] += np.float32(amplitude) * swing
        return found[0], found[1], found[2]

    def to_man(self, points: npt.ArrayLike) -> FloatArray:
        """Where points (n, 3) of the reference frame lie in the man (mm)."""
        goal = np.atleast_2d(np.asarray(points, dtype=float))
        w = goal.copy()
        for _ in range(SETTLED_AFTER):
            w = goal - self._displacement(w)
        placed: FloatArray = w * np.array(self.scale) + np.array(self.shift_mm)
        return placed

    def box(self, low: Vector, high: Vector) -> tuple[FloatArray, FloatArray]:
        """Corners (mm) of a box of the man's space that holds a box of the reference frame."""
        most = sum((np.abs(np.array(wave.amplitude_mm)) for wave in self.waves), np.zeros(3))
        scale, shift = np.array(self.scale), np.array(self.shift_mm)
        return (np.array(low) - most) * scale + shift, (np.array(high) + most) * scale + shift

    def _displacement(self, w: FloatArray) -> FloatArray:
        total = np.zeros_like(w)
        for wave in self.waves:
            swing = np.sin(2.0 * np.pi * (w @ np.array(wave.per_mm)) + wave.phase)
            total += swing[:, None] * np.array(wave.amplitude_mm)
        return total
