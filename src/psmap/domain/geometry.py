"""Where voxels lie: a regular lattice in LPS millimetres (DICOM PS3.3 C.7.6.2.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = tuple[float, float, float]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular lattice of voxel centres. Arrays on it are indexed ``[k, j, i]`` = slice, row, column.

    Args:
        shape: number of voxels (k, j, i).
        origin_mm: LPS position of the centre of voxel (0, 0, 0).
        axes_mm: three LPS vectors: the step from one voxel to the next along k, along j and along i.
    """

    shape: tuple[int, int, int]
    origin_mm: Vector
    axes_mm: tuple[Vector, Vector, Vector]

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise ValueError(f"a grid needs at least one voxel along each axis, not {self.shape}")
        numbers = np.array([self.origin_mm, *self.axes_mm], dtype=float)
        if not np.all(np.isfinite(numbers)):
            raise ValueError("grid positions must be finite")
        if self.voxel_ml <= 0:
            raise ValueError("grid axes must span a volume")

    @property
    def spacing_mm(self) -> Vector:
        """Distance between neighbouring voxel centres along (k, j, i), mm."""
        k, j, i = (float(np.linalg.norm(axis)) for axis in self.axes_mm)
        return k, j, i

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, mL."""
        return abs(float(np.linalg.det(np.array(self.axes_mm, dtype=float)))) / 1000.0

    @property
    def size(self) -> int:
        """Number of voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def affine_lps(self) -> FloatArray:
        """4x4 matrix from (i, j, k, 1) to LPS mm."""
        affine = np.eye(4)
        axes = np.array(self.axes_mm, dtype=float)
        affine[:3, 0], affine[:3, 1], affine[:3, 2] = axes[2], axes[1], axes[0]
        affine[:3, 3] = self.origin_mm
        return affine

    @classmethod
    def from_affine_lps(cls, affine: FloatArray, shape: tuple[int, int, int]) -> Grid:
        """The grid of a 4x4 matrix from (i, j, k, 1) to LPS mm, for arrays of ``shape`` (k, j, i)."""
        matrix = np.asarray(affine, dtype=float)
        axes = tuple(_vector(matrix[:3, column]) for column in (2, 1, 0))
        return cls(shape, _vector(matrix[:3, 3]), (axes[0], axes[1], axes[2]))

    def to_mm(self, kji: npt.ArrayLike) -> FloatArray:
        """LPS mm (n, 3) of voxel indices (n, 3) in order k, j, i; fractions are allowed."""
        index = np.atleast_2d(np.asarray(kji, dtype=float))
        points: FloatArray = np.asarray(self.origin_mm, dtype=float) + index @ np.array(self.axes_mm, dtype=float)
        return points

    def to_index(self, lps_mm: npt.ArrayLike) -> FloatArray:
        """Fractional voxel indices (n, 3) in order k, j, i of LPS points (n, 3) in mm."""
        points = np.atleast_2d(np.asarray(lps_mm, dtype=float)) - np.asarray(self.origin_mm, dtype=float)
        index: FloatArray = points @ np.linalg.inv(np.array(self.axes_mm, dtype=float))
        return index

    def matches(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Whether the other grid has the same shape and every corner lies within the tolerance."""
        if self.shape != other.shape:
            return False
        corners = np.array([[k, j, i] for k in (0, 1) for j in (0, 1) for i in (0, 1)]) * (np.array(self.shape) - 1)
        return bool(np.max(np.abs(self.to_mm(corners) - other.to_mm(corners))) <= tolerance_mm)


def _vector(numbers: FloatArray) -> Vector:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
