"""Structures painted on a grid one over the other, with the share of each voxel that they fill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.phantom.anatomy.bend import Bend
from psmap.phantom.anatomy.solids import Floats32, Solid

Box = tuple[slice, slice, slice]
FULL = 250
"""A whole voxel; shares are kept in steps of 1/250."""


class Layer(IntEnum):
    """What is painted over what: the later over the earlier."""

    SKIN = 0
    FAT = 10
    MUSCLE = 20
    CAVITY = 30
    ORGAN = 40
    CONTENT = 50
    VESSEL = 60
    BONE = 70
    MARROW = 75
    GLAND = 80
    NODE = 90
    IMPLANT = 95


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A named solid: `name` is an id of the vocabulary in `catalog/anatomy`."""

    name: str
    solid: Solid
    layer: Layer


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One painted structure: where, and the share of each voxel of the box (uint8, `FULL` is all of it)."""

    name: str
    box: Box
    share: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A man on a grid: patches in the order of painting."""

    grid: Grid
    patches: tuple[Patch, ...]

    def compose(self, value_of: Callable[[str], float | None], background: float = 0.0) -> npt.NDArray[np.float32]:
        """An image: every structure's value by name; None leaves what lies under it.

        Args:
            value_of: value of a structure, such as an activity concentration or Hounsfield units.
            background: outside the man.
        """
        image = np.full(self.grid.shape, background, np.float32)
        for patch in self.patches:
            value = value_of(patch.name)
            if value is not None:
                part = image[patch.box]
                part += (patch.share * np.float32(1.0 / FULL)) * (np.float32(value) - part)
        return image

    def labels(self, number_of: Mapping[str, int]) -> npt.NDArray[np.int16]:
        """The label of the structure on top, where it fills half the voxel or more; 0 outside the man."""
        found = np.zeros(self.grid.shape, np.int16)
        for patch in self.patches:
            number = number_of.get(patch.name)
            if number is not None:
                found[patch.box][2 * patch.share.astype(np.int16) >= FULL] = number
        return found

    def volumes_ml(self) -> dict[str, float]:
        """Visible volume of every structure (mL): what is painted over counts for the later one."""
        left: dict[str, float] = {}
        covered = np.zeros(self.grid.shape, np.float32)
        for patch in reversed(self.patches):
            share = patch.share * np.float32(1.0 / FULL)
            free = (np.float32(1.0) - covered[patch.box]) * share
            left[patch.name] = left.get(patch.name, 0.0) + float(free.sum(dtype=np.float64)) * self.grid.voxel_ml
            covered[patch.box] += free
        return left


def paint(
    structures: Iterable[Structure],
    grid: Grid,
    bend: Bend,
    progress: Callable[[str], None] = lambda name: None,
) -> Painted:
    """Paint structures by layer, then in the order given.

    The share of a voxel is 1/2 - d/w held to 0..1, with d the distance of its centre from the surface and w its width:
    exact for a plane face on, and good to a few per cent of the volume of a body some voxels across. A thin tube would
    gain by it: pi (r^2 + w^2 / 12) across in place of pi r^2. So the surface of solids that tell how much it is bent is
    taken w^2 / 24 r farther in, which gives that back.

    Args:
        structures: solids in the reference frame.
        grid: along x, y, z; any size, what lies outside is cut off.
        bend: the man's space over the reference man's.
        progress: told each structure's name.
    """
    x, y, z = bend.to_reference(grid)
    width = float(np.prod(grid.spacing_mm) ** (1.0 / 3.0) / np.prod(bend.scale) ** (1.0 / 3.0))
    patches = []
    for structure in sorted(structures, key=lambda structure: structure.layer):
        progress(structure.name)
        box = _box(grid, bend, structure.solid, width)
        if box is not None:
            share = shares(structure.solid, x[box], y[box], z[box], width)
            patches.append(Patch(structure.name, box, np.rint(share * FULL).astype(np.uint8)))
    return Painted(grid, tuple(patches))


def _box(grid: Grid, bend: Bend, solid: Solid, width: float) -> Box | None:
    low, high = bend.box(solid.low, solid.high)
    corners = np.array([np.where([a, b, c], high, low) for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    index = grid.to_index(np.clip(corners, -1e6, 1e6))
    first = np.maximum(np.floor(index.min(axis=0) - 1), 0).astype(int)
    last = np.minimum(np.ceil(index.max(axis=0) + 2), grid.shape).astype(int)
    if np.any(last <= first):
        return None
    k, j, i = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return k, j, i


def shares(solid: Solid, x: Floats32, y: Floats32, z: Floats32, width_mm: float) -> Floats32:
    """Share (0 to 1) of voxels of that width at reference points that a solid fills."""
    thin = solid.radius_mm
    inwards = min(width_mm**2 / (24.0 * thin), 0.5 * thin) if thin > 0.0 else 0.0
    found: Floats32 = np.clip(0.5 - (solid.distance(x, y, z) + np.float32(inwards)) / np.float32(width_mm), 0.0, 1.0)
    return found
