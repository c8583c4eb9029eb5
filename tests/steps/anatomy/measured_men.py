"""Anatomies for the measurements: drawn by hand on a grid, or the truth of a digital man, scanned once for all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import center_of_mass

from psmap.catalog.load import tracer_by_name
from psmap.domain.anatomy import Anatomy, FoundStructure, MissingStructure
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.domain.uptake import UptakeSite
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import ScannedMan, scan_man
from psmap.phantom.true_maps import anatomy_map, stations_map

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def cubes(shape: tuple[int, int, int], mm: float) -> Grid:
    """Cubes whose middle is the origin; along k upwards, along j backwards, along i to the left of the patient."""
    z, y, x = (-0.5 * mm * (n - 1) for n in shape)
    return Grid(shape, (x, y, z), ((0.0, 0.0, mm), (0.0, mm, 0.0), (mm, 0.0, 0.0)))


def positions(grid: Grid) -> tuple[Floats, Floats, Floats]:
    """LPS mm x, y, z of every voxel, each [k, j, i]."""
    lps = grid.to_mm(np.indices(grid.shape).reshape(3, -1).T).reshape(*grid.shape, 3)
    return lps[..., 0], lps[..., 1], lps[..., 2]


def ball(grid: Grid, centre_mm: tuple[float, float, float], radius_mm: float) -> Bools:
    """Voxels whose centres lie in a ball."""
    return sum((at - c) ** 2 for at, c in zip(positions(grid), centre_mm, strict=True)) <= radius_mm**2


def anatomy(
    grid: Grid,
    structures: dict[str, Bools],
    *,
    cut: Iterable[str] = (),
    missing: tuple[MissingStructure, ...] = (),
    stations: LabelImage | None = None,
) -> Anatomy:
    """An anatomy of masks; where they overlap the later one is on top."""
    labels = np.zeros(grid.shape, np.uint8)
    for number, mask in enumerate(structures.values(), start=1):
        labels[mask] = number
    names = dict(enumerate(structures, start=1))
    image = LabelImage(grid, labels.astype(np.int32), names)
    return Anatomy(image, _found(image, cut), missing, "drawn", (), stations)


def site(grid: Grid, mask: Bools, hottest: int, number: int = 1) -> UptakeSite:
    """A site of the voxels of a mask, its maximum at a flat index."""
    index = np.flatnonzero(mask)
    x, y, z = (float(mm) for mm in grid.to_mm(np.array(np.unravel_index(hottest, grid.shape)))[0])
    here = (x, y, z)
    ml = len(index) * grid.voxel_ml
    return UptakeSite(
        number, index, len(index), ml, 9.0, 5.0, 7.0, False, 5.0 * ml, False, here, here, here, None, None, None
    )


@cache
def digital_man() -> tuple[ScannedMan, Anatomy]:
    """A man under 68Ga-PSMA-11 with few lesions, whole body in voxels of 5 mm, and his true anatomy."""
    man = scan_man(4, tracer_by_name("psma-11"), Scenario.OLIGO, voxel_mm=5.0)
    labels = anatomy_map(man)
    return man, Anatomy(labels, _found(labels), (), "truth of the digital man", (), stations_map(man.man, man.grid))


def _found(labels: LabelImage, cut: Iterable[str] = ()) -> tuple[FoundStructure, ...]:
    counts = np.bincount(labels.labels.reshape(-1))
    numbers = [int(n) for n in np.flatnonzero(counts) if n]
    middles = labels.grid.to_mm(np.array(center_of_mass(labels.labels > 0, labels.labels, numbers)))
    found = []
    for number, (x, y, z) in zip(numbers, middles, strict=True):
        name, voxels = labels.names[number], int(counts[number])
        place = (float(x), float(y), float(z))
        ml, printed = voxels * labels.grid.voxel_ml, name.replace("_", " ").capitalize()
        found.append(FoundStructure(number, name, printed, None, "organ", voxels, ml, place, name in set(cut)))
    return tuple(found)
