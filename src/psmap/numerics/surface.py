"""Volume and area of a mask's marching-cubes surface, read off a table of the 256 kinds of cube.

On a mask the surface inside a cube of eight voxel centres depends on those eight voxels alone. scikit-image meshes
each of the 256 cubes once; a mask's mesh is then counted, not built, and a bladder takes no longer than a node.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
import numpy.typing as npt
from skimage.measure import marching_cubes

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeshSize:
    """A closed surface: the volume inside (mm3) and its area (mm2)."""

    volume_mm3: float
    area_mm2: float


@lru_cache(maxsize=1)
def _cubes() -> Floats:
    """Triangles (256, n, 3 corners, 3) of every cube on unit axes; cubes with fewer triangles are filled with zeros.

    Bit b of a cube's number is the voxel at (b >> 2, b >> 1 & 1, b & 1).
    """
    meshes = []
    for number in range(256):
        cube = np.array([number >> bit & 1 for bit in range(8)], dtype=np.float32).reshape(2, 2, 2)
        if number in (0, 255):
            meshes.append(np.zeros((0, 3, 3)))
            continue
        corners, triangles, _, _ = marching_cubes(cube, level=0.5)
        meshes.append(corners[triangles].astype(np.float64))
    table = np.zeros((256, max(len(mesh) for mesh in meshes), 3, 3))
    for number, mesh in enumerate(meshes):
        table[number, : len(mesh)] = mesh
    return table


@lru_cache(maxsize=16)
def _cube_sizes(spacing_mm: tuple[float, float, float]) -> tuple[Floats, Floats, Floats]:
    """Per cube: area, flux of the field (x, 0, 0) through the surface, and the surface's projection on the k axis."""
    corner = _cubes() * np.array(spacing_mm)
    normal = np.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0]) / 2.0
    area = np.linalg.norm(normal, axis=2).sum(axis=1)
    projection = normal[:, :, 0].sum(axis=1)
    flux = (normal[:, :, 0] * corner[:, :, :, 0].mean(axis=2)).sum(axis=1)
    return area, flux, projection


def mesh_size(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> MeshSize:
    """Volume and area of the surface at level 0.5 of a mask [k, j, i], closed where the mask meets its border.

    The volume is the flux of (x, 0, 0) through the surface (Gauss), x along k. Spacings are those of k, j, i at
    right angles. An empty mask has neither volume nor area.
    """
    if mask.ndim != 3 or min(spacing_mm) <= 0:
        raise ValueError("a mask has three axes and spacings over zero")
    bits = np.pad(mask, 1).astype(np.uint8)
    number = np.zeros([length - 1 for length in bits.shape], dtype=np.uint8)
    for bit in range(8):
        k, j, i = bit >> 2, bit >> 1 & 1, bit & 1
        part = bits[k : k + number.shape[0], j : j + number.shape[1], i : i + number.shape[2]]
        number |= part << np.uint8(bit)
    area, flux, projection = _cube_sizes(spacing_mm)
    edge = np.flatnonzero((number > 0) & (number < 255))
    kind = number.ravel()[edge]
    place_mm = edge // (number.shape[1] * number.shape[2]) * spacing_mm[0]
    volume = float(np.sum(flux[kind] + place_mm * projection[kind]))
    return MeshSize(abs(volume), float(np.sum(area[kind])))


def sphericity(size: MeshSize) -> float | None:
    """(36 pi V^2)^(1/3) / A: 1 for a ball, less for all else; None without a surface. IBSI QCFX, arXiv 1612.07003."""
    if size.area_mm2 <= 0 or size.volume_mm3 <= 0:
        return None
    return float((36.0 * pi * size.volume_mm3**2) ** (1.0 / 3.0)) / size.area_mm2
