"""SUVpeak: the mean in a sphere of 1 mL, exact, evaluated only where a sphere may stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import floor, pi

import numpy as np
import numpy.typing as npt

from psmap.numerics.compiled import compiled
from psmap.numerics.sorted_flood import Floats32, Ints64, flat_view

# Radius (mm) of a sphere of 1 mL: (3 * 1000 mm3 / (4 pi))^(1/3) = 6.2035049 mm. PERCIST's 1 cm3 sphere:
# Wahl 2009, J Nucl Med 50:122S, doi 10.2967/jnumed.108.057307; Lodge 2012, PMC3417317.
PEAK_RADIUS_MM = (3000.0 / (4.0 * pi)) ** (1.0 / 3.0)

# Fibonacci lattices (number of points, generator): neighbours in the Fibonacci sequence.
_FINE_LATTICE = (2584, 1597)
_COARSE_LATTICE = (610, 377)
_LEAST = 1e-6  # a voxel with a smaller share of itself inside the sphere is left out

Axes = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class PeakSphere:
    """The 1 mL sphere round a voxel centre.

    Args:
        offset: steps (n, 3) along k, j, i to every voxel that counts, int64.
        weight: (n,) share of each voxel inside the sphere, float64; 1 throughout in the binary mode.
    """

    offset: Ints64
    weight: npt.NDArray[np.float64]


@lru_cache(maxsize=16)
def peak_sphere(axes_mm: Axes, weight: str) -> PeakSphere:
    """The sphere on a lattice.

    Args:
        axes_mm: the step from one voxel to the next along k, j and i, as vectors in mm; right angles are not needed.
        weight: 'fractional': each voxel counts by its share inside the sphere, integrated exactly along k and on
            some thousand lines a voxel across it (good to 0.001); 'binary': a voxel counts if its centre lies within
            the radius.

    Raises:
        ValueError: for any other weight.
    """
    if weight not in ("fractional", "binary"):
        raise ValueError(f"a peak weight is 'fractional' or 'binary', not {weight!r}")
    axes = np.array(axes_mm, dtype=float)
    # The sphere spans r * |column of the inverse| steps either way along each axis.
    span = PEAK_RADIUS_MM * np.linalg.norm(np.linalg.inv(axes), axis=0)
    if weight == "binary":
        reach = [floor(steps + 1e-9) for steps in span]
        lattice = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
        inside = np.sum((lattice @ axes) ** 2, axis=1) <= PEAK_RADIUS_MM**2 * (1 + 1e-12)
        offset = lattice[inside].astype(np.int64)
        share = np.ones(len(offset))
    else:
        reach = [floor(steps + 0.5) for steps in span]
        shares = _shares(axes, reach)
        counted = shares > _LEAST
        offset = (np.argwhere(counted) - np.array(reach)).astype(np.int64)
        share = shares[counted]
    offset.setflags(write=False)
    share.setflags(write=False)
    return PeakSphere(offset, share)


def _shares(axes: npt.NDArray[np.float64], reach: list[int]) -> npt.NDArray[np.float64]:
    """Share of each voxel inside the sphere, indexed [k + reach, j + reach, i + reach].

    Every cell of the (j, i) plane is crossed by lines along k through the points of a Fibonacci lattice and its
    mirror images; the part of a line inside the sphere is exact. No two lines of a lattice share a coordinate, so
    that a nearly flat piece of the sphere is met as well across the lines as along them.
    """
    cells = [(j, i) for j in range(-reach[1], reach[1] + 1) for i in range(-reach[2], reach[2] + 1)]
    points, generator = _FINE_LATTICE if len(cells) <= 60 else _COARSE_LATTICE
    n = np.arange(points)
    u, w = (n + 0.5) / points - 0.5, (n * generator + 0.5) / points % 1.0 - 0.5
    inner = np.concatenate([np.stack((u * a, w * b), axis=1) for a in (1, -1) for b in (1, -1)])
    # Points x_k a_k + q on a line lie inside where A x_k^2 + 2 B x_k + C <= 0.
    q = (np.array(cells, dtype=float)[:, None, :] + inner) @ axes[1:]
    a = float(axes[0] @ axes[0])
    b = q @ axes[0]
    c = np.einsum("clx,clx->cl", q, q) - PEAK_RADIUS_MM**2
    half = np.sqrt(np.maximum(b * b - a * c, 0.0)) / a
    low, high = -b / a - half, -b / a + half
    shares = np.empty((2 * reach[0] + 1, len(cells)))
    for row, k in enumerate(range(-reach[0], reach[0] + 1)):
        chord = np.clip(np.minimum(high, k + 0.5) - np.maximum(low, k - 0.5), 0.0, None)
        shares[row] = chord.mean(axis=1)
    return shares.reshape(2 * reach[0] + 1, 2 * reach[1] + 1, 2 * reach[2] + 1)


def suv_peaks(
    values: npt.NDArray[np.floating], index: Ints64, start: Ints64, sphere: PeakSphere
) -> tuple[npt.NDArray[np.float64], Ints64]:
    """SUVpeak of many sites at once: the highest sphere mean over the places where its centre may stand.

    Voxels outside the site count like any other. Voxels outside the image, or without a number, do not: the mean is
    then over the rest of the sphere.

    Args:
        values: image [k, j, i]; taken as float32, summed in float64.
        index: flat indices of the allowed centres, site after site: all voxels of a site for the mode `max_mean`
            (PERCIST), its hottest voxel alone for `at_max`.
        start: site n may use ``index[start[n]:start[n + 1]]``.
        sphere: from `peak_sphere`.

    Returns:
        Per site the peak (NaN without a centre or a number) and the flat index of its centre (the first of equals;
        -1 where the peak is NaN).
    """
    if values.ndim != 3:
        raise ValueError(f"an image has three axes, not {values.ndim}")
    shape = np.array(values.shape, dtype=np.int64)
    return _peaks(
        flat_view(values),
        shape,
        np.asarray(index, dtype=np.int64),
        np.asarray(start, dtype=np.int64),
        sphere.offset,
        sphere.weight,
    )


def sphere_index(shape: tuple[int, int, int], centre: int, sphere: PeakSphere) -> Ints64:
    """Flat indices of the sphere's voxels inside the image when it stands at ``centre``."""
    kji = np.array(np.unravel_index(centre, shape)) + sphere.offset
    inside = np.all((kji >= 0) & (kji < np.array(shape)), axis=1)
    index: Ints64 = np.ravel_multi_index(tuple(kji[inside].T), shape).astype(np.int64)
    return index


@compiled
def _mean_of_numbers(
    flat: Floats32,
    slices: int,
    rows: int,
    columns: int,
    k: int,
    j: int,
    i: int,
    offset: Ints64,
    weight: npt.NDArray[np.float64],
) -> float:
    """The sphere's mean at one centre over its voxels inside the image that hold a number; NaN without any."""
    total = 0.0
    counted = 0.0
    for p in range(offset.shape[0]):
        kk, jj, ii = k + offset[p, 0], j + offset[p, 1], i + offset[p, 2]
        if 0 <= kk < slices and 0 <= jj < rows and 0 <= ii < columns:
            number = flat[(kk * rows + jj) * columns + ii]
            if not np.isnan(number):
                total += weight[p] * number
                counted += weight[p]
    return total / counted if counted > 0.0 else np.nan


@compiled
def _peaks(
    flat: Floats32,
    shape: Ints64,
    index: Ints64,
    start: Ints64,
    offset: Ints64,
    weight: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], Ints64]:
    slices, rows, columns = shape[0], shape[1], shape[2]
    parts = offset.shape[0]
    step = np.empty(parts, np.int64)
    whole = 0.0
    rk, rj, ri = np.int64(0), np.int64(0), np.int64(0)
    for p in range(parts):
        step[p] = (offset[p, 0] * rows + offset[p, 1]) * columns + offset[p, 2]
        whole += weight[p]
        rk, rj, ri = max(rk, offset[p, 0]), max(rj, offset[p, 1]), max(ri, offset[p, 2])
    four = np.empty(4, np.float64)
    sites = start.shape[0] - 1
    peak = np.empty(sites, np.float64)
    centre = np.empty(sites, np.int64)
    for s in range(sites):
        peak[s] = np.nan
        centre[s] = -1
        a = start[s]
        while a < start[s + 1]:
            f = index[a]
            i = f % columns
            row = f // columns
            j = row % rows
            k = row // rows
            four[0] = np.nan
            together = 1
            if rk <= k < slices - rk and rj <= j < rows - rj and ri <= i < columns - ri - 3:
                # Four neighbouring centres at a time: the processor adds for all of them in the time of one.
                while together < 4 and a + together < start[s + 1] and index[a + together] == f + together:
                    together += 1
                first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
                for p in range(parts):
                    share = weight[p]
                    g = np.uint64(f + step[p])  # unsigned: no check for a count from the end
                    first += share * flat[g]
                    second += share * flat[g + np.uint64(1)]
                    third += share * flat[g + np.uint64(2)]
                    fourth += share * flat[g + np.uint64(3)]
                four[0], four[1], four[2], four[3] = first / whole, second / whole, third / whole, fourth / whole
            for c in range(together):
                mean = four[c]
                if np.isnan(mean):
                    mean = _mean_of_numbers(flat, slices, rows, columns, k, j, i + c, offset, weight)
                if mean > peak[s] or (np.isnan(peak[s]) and not np.isnan(mean)):
                    peak[s] = mean
                    centre[s] = f + c
            a += together
    return peak, centre
