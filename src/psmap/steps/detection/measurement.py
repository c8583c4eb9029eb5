"""What is measured of every site: size, uptake, place, shape and contrast, each by the formula beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid, Vector
from psmap.domain.image import PetImage
from psmap.domain.parameters import PeakCentre, ReadParameters
from psmap.domain.uptake import UptakeSite
from psmap.numerics.shell import shell_values
from psmap.numerics.surface import mesh_size, sphericity
from psmap.numerics.suv_peak import PeakSphere, peak_sphere, sphere_index, suv_peaks
from psmap.steps.detection.regions import SHELL_MM, Regions

Ints64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LEAST_BACKGROUND_SUV = 0.1  # ours: air and noise lie below it, and a ratio to them says nothing


def measure_sites(
    pet: PetImage, regions: Regions, parameters: ReadParameters, *, light: bool
) -> tuple[UptakeSite, ...]:
    """One site a region, in the same order, numbered from 1.

    - volume_ml = voxels * voxel volume; suv_mean over the voxels in float64; tlu = voxel volume * sum of SUV
      = suv_mean * volume_ml.
    - suv_peak: see `numerics.suv_peak`, mode from the parameters.
    - extent_mm: the LPS box round the voxels' own boxes, so that one voxel has the size of one voxel.
    - sphericity: IBSI QCFX on the marching-cubes surface.
    - background_suv: median of the shell from 5 to 15 mm off the site, voxels of other sites left out;
      local_contrast = suv_max / background_suv.

    Args:
        light: leave out sphericity, background and contrast (None), for callers who only add up uptake.
    """
    if len(regions.peak) == 0:
        return ()
    grid = pet.grid
    flat = pet.suv.reshape(-1)
    index, start = regions.index, regions.start
    voxels = np.diff(start)
    total = np.add.reduceat(flat[index].astype(np.float64), start[:-1])
    kji = np.stack(np.unravel_index(index, grid.shape), axis=1)
    points = grid.to_mm(kji)
    centroid = np.add.reduceat(points, start[:-1], axis=0) / voxels[:, None]
    box = np.abs(np.array(grid.axes_mm)).sum(axis=0)
    extent = np.maximum.reduceat(points, start[:-1], axis=0) - np.minimum.reduceat(points, start[:-1], axis=0) + box
    hottest = grid.to_mm(np.stack(np.unravel_index(regions.peak, grid.shape), axis=1))
    sphere = peak_sphere(grid.axes_mm, str(parameters.peak_weight))
    if parameters.peak_centre is PeakCentre.AT_MAX:
        peak, centre = suv_peaks(pet.suv, regions.peak, np.arange(len(regions.peak) + 1), sphere)
    else:
        peak, centre = suv_peaks(pet.suv, index, start, sphere)
    touches = _touches_other(grid, index, start, centre, sphere)
    taken = np.zeros(0 if light else grid.size, dtype=np.bool_)
    if not light:
        taken[index] = True
    sites = []
    for n in range(len(voxels)):
        own = index[start[n] : start[n + 1]].copy()
        count = int(voxels[n])
        volume_ml = count * grid.voxel_ml
        suv_max = float(flat[regions.peak[n]])
        background = None if light else _background(pet, own, taken)
        sites.append(
            UptakeSite(
                id=n + 1,
                index=own,
                voxels=count,
                volume_ml=volume_ml,
                suv_max=suv_max,
                suv_mean=float(total[n]) / count,
                suv_peak=float(peak[n]),
                suv_peak_touches_other=bool(touches[n]),
                tlu=float(total[n]) * grid.voxel_ml,
                small=is_small(count, volume_ml, parameters),
                centroid_mm=_vector(centroid[n]),
                max_mm=_vector(hottest[n]),
                extent_mm=_vector(extent[n]),
                sphericity=None if light else _sphericity(grid, kji[start[n] : start[n + 1]]),
                background_suv=background,
                local_contrast=_contrast(suv_max, background),
                open_contour=regions.open_contour[n],
                given_label=regions.given_label[n] if regions.given_label else None,
            )
        )
    return tuple(sites)


def _contrast(suv_max: float, background: float | None) -> float | None:
    """SUVmax over background; None where there is next to no background to compare with."""
    return suv_max / background if background is not None and background >= LEAST_BACKGROUND_SUV else None


def is_small(voxels: int, volume_ml: float, parameters: ReadParameters) -> bool:
    """Under the least volume or the least number of voxels; a volume that equals the least to 1e-9 mL is not small."""
    return voxels < parameters.small_voxels or volume_ml < parameters.small_ml - 1e-9


def _touches_other(grid: Grid, index: Ints64, start: Ints64, centre: Ints64, sphere: PeakSphere) -> Bools:
    """Per site, whether its peak sphere reaches a voxel of another site."""
    owner = np.repeat(np.arange(len(centre)), np.diff(start))
    order = np.argsort(index)
    rising, owner = index[order], owner[order]
    touches = np.zeros(len(centre), dtype=np.bool_)
    for n, place in enumerate(centre):
        if place < 0:
            continue
        inside = sphere_index(grid.shape, int(place), sphere)
        at = np.minimum(np.searchsorted(rising, inside), len(rising) - 1)
        touches[n] = bool(np.any((rising[at] == inside) & (owner[at] != n)))
    return touches


def _sphericity(grid: Grid, kji: npt.NDArray[np.int64]) -> float | None:
    low = kji.min(axis=0)
    mask = np.zeros(kji.max(axis=0) - low + 1, dtype=np.bool_)
    mask[tuple((kji - low).T)] = True
    return sphericity(mesh_size(mask, grid.spacing_mm))


def _background(pet: PetImage, own: Ints64, taken: Bools) -> float | None:
    shell = shell_values(pet.suv, own, pet.grid.spacing_mm, *SHELL_MM, taken)
    return float(np.median(shell)) if len(shell) else None


def _vector(numbers: npt.NDArray[np.float64]) -> Vector:
    x, y, z = (float(number) for number in numbers)
    return x, y, z
