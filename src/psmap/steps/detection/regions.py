"""The voxels of every site, before anything is measured: under a threshold, in a percent contour, or as given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.refusal import Refused
from psmap.numerics.region import grow_region
from psmap.numerics.shell import shell_values
from psmap.numerics.sorted_flood import Basins, label_basins
from psmap.steps.detection.thresholds import fraction_of_max, on_pet_grid, positive_suv

Ints64 = npt.NDArray[np.int64]
SHELL_MM = (5.0, 15.0)  # the background of a site: from 5 to 15 mm off its nearest voxel, centre to centre (ours)

# A contour is open when a larger share of the site's far background, from 10 to 15 mm off its seed voxels, reaches
# its threshold; nearer by lies the slope of the lesion itself, which a broad faint lesion's contour rightly takes in.
# Voxels occupied at random join into an endless cluster beyond the site percolation threshold, which for 26
# neighbours on the simple cubic lattice is 0.0976: Kurzawski and Malarz 2012, Rep. Math. Phys. 70:163.
OPEN_SHARE = 0.10
FAR_SHELL_MM = (10.0, 15.0)


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Disjoint sets of voxels in falling order of their maximum (ties: by flat index of the maximum).

    Args:
        index: flat voxel indices, set after set, ascending within a set.
        start: set n is ``index[start[n]:start[n + 1]]``.
        peak: flat index of the hottest voxel of every set.
        open_contour: per set, whether its percent contour could not be closed.
        given_label: per set, the user's own number for it; empty where the sets are psmap's.
    """

    index: Ints64
    start: Ints64
    peak: Ints64
    open_contour: tuple[bool, ...]
    given_label: tuple[int, ...] = ()


def above_suv(pet: PetImage, suv: float, parameters: ReadParameters) -> Regions:
    """26-connected voxels at or above the SUV, touching maxima split by watershed if the parameters say so."""
    basins = _basins(pet, suv, parameters)
    return Regions(basins.index, basins.start, basins.peak, (False,) * len(basins.peak))


def percent_contours(pet: PetImage, fractions: tuple[float, ...], parameters: ReadParameters) -> tuple[Regions, ...]:
    """A contour at each fraction of its maximum round every site found at the seed SUV; one `Regions` a fraction.

    The contour is grown from the site's hottest voxel through 26-neighbours at or above fraction * SUVmax (the
    product rounded to float32, as voxels are). It may not enter the seed voxels of another site; a voxel below the
    seed SUV that several contours reach belongs to the site of the higher SUVmax, which is grown first.

    A contour whose threshold lies below the seed SUV is open, and the site then keeps its seed voxels, when more
    than 10 % (`OPEN_SHARE`) of the shell from 10 to 15 mm round the site's seed voxels, seed voxels of all sites
    left out, reach its threshold; when that shell is empty; or when the contour all the same finds a way out of
    the box 15 mm beyond its seed voxels, as it does along a warm organ that fills little of the shell.
    """
    chosen = [fraction_of_max(fraction) for fraction in fractions]
    seed_suv = positive_suv(parameters.seed_suv, "seed_suv")
    seeds = _basins(pet, seed_suv, parameters)
    in_seeds = np.zeros(pet.grid.size, dtype=np.bool_)
    in_seeds[seeds.index] = True
    maximum = pet.suv.reshape(-1)[seeds.peak].astype(np.float64)
    shells: dict[int, npt.NDArray[np.float32]] = {}
    results = []
    for fraction in chosen:
        taken = in_seeds.copy()
        sets: list[Ints64] = []
        open_contour: list[bool] = []
        for n, peak in enumerate(seeds.peak):
            seed = seeds.index[seeds.start[n] : seeds.start[n + 1]]
            threshold = np.float32(fraction * maximum[n])
            if threshold < np.float32(seed_suv):
                if n not in shells:
                    shells[n] = shell_values(pet.suv, seed, pet.grid.spacing_mm, *FAR_SHELL_MM, in_seeds)
                shell = shells[n]
                if len(shell) == 0 or np.count_nonzero(shell >= threshold) > OPEN_SHARE * len(shell):
                    sets.append(seed)
                    open_contour.append(True)
                    continue
            taken[seed] = False
            region = grow_region(pet.suv, int(peak), float(threshold), taken)
            broken_out = bool(threshold < np.float32(seed_suv)) and _leaves_surroundings(region, seed, pet.grid)
            if broken_out:
                taken[region] = False
            taken[seed] = True
            sets.append(seed if broken_out else region)
            open_contour.append(broken_out)
        results.append(Regions(*_laid_out(sets), seeds.peak, tuple(open_contour)))
    return tuple(results)


def as_given(pet: PetImage, given: LabelImage) -> Regions:
    """The sites of the user's own map. Nothing is split by uptake.

    A map of several labels holds one site a label, in one piece or not. A map of a single label is a mask, as most
    programs write lesions, and holds one site for every 26-connected piece.

    Raises:
        Refused: if the map is off the PET's grid, empty, not of whole numbers, or covers voxels without an SUV.
    """
    numbers = on_pet_grid(given, pet, "the label map of sites")
    labels = _pieces(numbers).reshape(-1)
    marked = np.flatnonzero(labels)
    if len(marked) == 0:
        raise Refused("the label map of sites is empty", cure="give a map with at least one label other than 0")
    order = np.argsort(labels[marked], kind="stable")
    marked = marked[order].astype(np.int64)
    label = labels[marked]
    sets = np.split(marked, np.flatnonzero(np.diff(label)) + 1)
    flat = pet.suv.reshape(-1)
    peaks = []
    for voxels in sets:
        suv = flat[voxels]
        if not np.all(np.isfinite(suv)):
            raise Refused(
                f"label {labels[voxels[0]]} of the label map covers voxels without an SUV",
                cure="draw the site inside the field of view",
            )
        peaks.append(int(voxels[int(np.argmax(suv))]))
    falling = sorted(range(len(sets)), key=lambda n: (-float(flat[peaks[n]]), peaks[n]))
    index, start = _laid_out([sets[n] for n in falling])
    peak = np.array([peaks[n] for n in falling], dtype=np.int64)
    return Regions(index, start, peak, (False,) * len(sets), tuple(int(own) for own in numbers.reshape(-1)[peak]))


def _pieces(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """The labels themselves; where there is a single one, its 26-connected pieces, each with a label of its own."""
    if labels.size == 0 or labels.max() == 0 or np.any((labels != 0) & (labels != labels.max())):
        return labels
    pieces: npt.NDArray[np.int32] = ndimage.label(labels, structure=np.ones((3, 3, 3)))[0]
    return pieces


def _leaves_surroundings(region: Ints64, seed: Ints64, grid: Grid) -> bool:
    """Whether a region reaches out of the box that lies 15 mm (`SHELL_MM`) beyond the box round its seed voxels."""
    for axis, spacing_mm in enumerate(grid.spacing_mm):
        reach = SHELL_MM[1] / spacing_mm
        own = np.unravel_index(seed, grid.shape)[axis]
        grown = np.unravel_index(region, grid.shape)[axis]
        if grown.min() < own.min() - reach or grown.max() > own.max() + reach:
            return True
    return False


def _basins(pet: PetImage, suv: float, parameters: ReadParameters) -> Basins:
    return label_basins(
        pet.suv,
        suv,
        split=parameters.watershed,
        h_abs=parameters.watershed_h_suv,
        h_fraction=parameters.watershed_h_fraction,
    )


def _laid_out(sets: list[Ints64]) -> tuple[Ints64, Ints64]:
    lengths = np.array([0, *(len(voxels) for voxels in sets)], dtype=np.int64)
    index = np.concatenate(sets) if sets else np.empty(0, dtype=np.int64)
    return index, np.cumsum(lengths)
