"""What is true of a man voxel by voxel: his structures, his foci and his nodal stations as label maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from psmap.catalog.anatomy import painted_anatomy
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.nodes import stations
from psmap.phantom.anatomy.paint import paint
from psmap.phantom.lesions.placing import TrueSite
from psmap.phantom.man_scan import ScannedMan

Labels = npt.NDArray[np.int32]
Floats32 = npt.NDArray[np.float32]
Box = tuple[slice, slice, slice]


def structure_numbers() -> Mapping[str, int]:
    """Structure or station id -> its number in label maps: its place in the catalogue, from 1."""
    return MappingProxyType({name: number for number, name in enumerate(painted_anatomy(), start=1)})


def anatomy_map(scanned: ScannedMan) -> LabelImage:
    """The structure on top of each voxel, of those that fill half of it or more; 0 where none does, as outside him.

    Foci are no structures: what lies in the liver is liver.
    """
    numbers = structure_numbers()
    found = scanned.painted.labels(numbers).astype(np.int32)
    names = {numbers[patch.name]: patch.name for patch in scanned.painted.patches}
    return LabelImage(scanned.grid, found, dict(sorted(names.items())))


def stations_map(man: Man, grid: Grid) -> LabelImage:
    """The nodal stations as they are drawn along their vessels, whatever is painted there; no voxel is in two."""
    numbers = structure_numbers()
    painted = paint(stations(man), grid, man.bend)
    names = {numbers[patch.name]: patch.name for patch in painted.patches}
    return LabelImage(grid, painted.labels(numbers).astype(np.int32), dict(sorted(names.items())))


def sites_map(sites: Sequence[TrueSite], grid: Grid) -> LabelImage:
    """The foci by number: every voxel whose centre lies in the true ellipsoid.

    A focus so small that it holds no centre has the voxel that holds its own, as far as that is in the grid. Where
    foci overlap, a voxel is of the one whose centre is nearer, measured in its own half axes.
    """
    found = np.zeros(grid.shape, np.int32)
    nearest: Floats32 = np.full(grid.shape, np.inf, np.float32)
    for site in sites:
        _label(found, nearest, grid, site)
    return LabelImage(grid, found, {site.number: f"site {site.number}" for site in sites})


def in_grid(grid: Grid, site: TrueSite) -> bool:
    """Whether the centre of a focus lies in a voxel of the grid."""
    index = np.rint(grid.to_index(site.centre_mm)[0])
    return bool(np.all(index >= 0) and np.all(index < grid.shape))


def inside(grid: Grid, site: TrueSite) -> tuple[Box, Floats32] | None:
    """A part of the grid round a focus, and how far its voxel centres lie from the focus's; None where it is outside.

    The distance is measured in the focus's own half axes and squared: up to 1 a centre lies in the ellipsoid.
    """
    to_ball = np.array(site.focus.directions) / np.array(site.focus.half_axes_mm)[:, None]
    reach_mm = np.linalg.norm(np.array(site.focus.directions).T * site.focus.half_axes_mm, axis=1)
    centre = grid.to_index(site.centre_mm)[0]
    reach = np.abs(np.linalg.inv(np.array(grid.axes_mm))).T @ reach_mm
    first = np.maximum(np.ceil(centre - reach), 0).astype(int)
    last = np.minimum(np.floor(centre + reach) + 1, grid.shape).astype(int)
    if np.any(last <= first):
        return None
    k, j, i = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    index = np.indices(tuple(last - first)).reshape(3, -1).T + first
    away = (grid.to_mm(index) - np.array(site.centre_mm)) @ to_ball.T
    return (k, j, i), (away**2).sum(axis=1).astype(np.float32).reshape(tuple(last - first))


def _label(found: Labels, nearest: Floats32, grid: Grid, site: TrueSite) -> None:
    """Number the voxels of one focus, in place; `nearest` is the squared distance of each from the focus it is of."""
    around = inside(grid, site)
    if around is not None and np.any(around[1] <= 1.0):
        box, squared = around
        own = (squared <= 1.0) & (squared < nearest[box])
        found[box][own] = site.number
        nearest[box][own] = squared[own]
    elif in_grid(grid, site):
        k, j, i = (int(n) for n in np.rint(grid.to_index(site.centre_mm)[0]))
        if nearest[k, j, i] > 0.0:  # of two that hold no centre in one voxel, the first has it
            found[k, j, i], nearest[k, j, i] = site.number, 0.0
