"""Found against true: every sphere of the phantom beside the site that was found in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psmap.domain.geometry import Grid
from psmap.domain.uptake import UptakeSite
from psmap.phantom.iec_body import SphereTruth
from psmap.phantom.iec_study import IecTruth


@dataclass(frozen=True, slots=True)
class SphereFound:
    """One sphere and its site; everything but the sphere is None where it was missed.

    Args:
        sphere: the truth.
        site: number of the site; two spheres that were not parted name the same site.
        volume_ml: of the site. A fixed threshold below the half-height between sphere and background draws a blurred
            sphere too large, one above it too small: not an error of measurement.
        suv_max, suv_mean, suv_peak: of the site (g/mL).
        recovery_max, recovery_mean, recovery_peak: those over the true SUV (recovery coefficients, 1 is right);
            None for a cold sphere.
        centroid_error_mm: from the true centre to the site's centroid.
    """

    sphere: SphereTruth
    site: int | None = None
    volume_ml: float | None = None
    suv_max: float | None = None
    suv_mean: float | None = None
    suv_peak: float | None = None
    recovery_max: float | None = None
    recovery_mean: float | None = None
    recovery_peak: float | None = None
    centroid_error_mm: float | None = None


@dataclass(frozen=True, slots=True)
class IecComparison:
    """The six spheres, smallest first, and the numbers of the sites that belong to no sphere."""

    spheres: tuple[SphereFound, ...]
    other_sites: tuple[int, ...]

    @property
    def missed(self) -> int:
        """How many hot spheres no site was found for."""
        return sum(found.site is None and found.sphere.suv > 0.0 for found in self.spheres)


def found_against_truth(truth: IecTruth, sites: Sequence[UptakeSite], grid: Grid) -> IecComparison:
    """Match every sphere to the site that holds its centre's voxel, else to the nearest centroid within its radius.

    Args:
        truth: as written.
        sites: as found.
        grid: of the PET that the sites' voxel indices belong to.
    """
    rows = tuple(_found(sphere, sites, grid) for sphere in truth.spheres)
    matched = {row.site for row in rows}
    return IecComparison(rows, tuple(site.id for site in sites if site.id not in matched))


def _found(sphere: SphereTruth, sites: Sequence[UptakeSite], grid: Grid) -> SphereFound:
    site = _site_at(sphere, sites, grid)
    if site is None:
        return SphereFound(sphere)
    return SphereFound(
        sphere,
        site.id,
        site.volume_ml,
        site.suv_max,
        site.suv_mean,
        site.suv_peak,
        _recovery(site.suv_max, sphere),
        _recovery(site.suv_mean, sphere),
        _recovery(site.suv_peak, sphere),
        _distance_mm(sphere, site),
    )


def _recovery(suv: float, sphere: SphereTruth) -> float | None:
    """Found over true SUV; None for a cold sphere."""
    return suv / sphere.suv if sphere.suv > 0.0 else None


def _site_at(sphere: SphereTruth, sites: Sequence[UptakeSite], grid: Grid) -> UptakeSite | None:
    k, j, i = (int(n) for n in np.rint(grid.to_index(sphere.centre_mm)[0]))
    if all(0 <= n < size for n, size in zip((k, j, i), grid.shape, strict=True)):
        centre = (k * grid.shape[1] + j) * grid.shape[2] + i
        for site in sites:
            place = int(np.searchsorted(site.index, centre))
            if place < len(site.index) and int(site.index[place]) == centre:
                return site
    nearest = min(sites, key=lambda site: _distance_mm(sphere, site), default=None)
    if nearest is None or _distance_mm(sphere, nearest) > 0.5 * sphere.diameter_mm:
        return None
    return nearest


def _distance_mm(sphere: SphereTruth, site: UptakeSite) -> float:
    return float(np.linalg.norm(np.subtract(site.centroid_mm, sphere.centre_mm)))
