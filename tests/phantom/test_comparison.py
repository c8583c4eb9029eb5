"""Found against true, on sites drawn with scipy from images whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from psmap.domain.geometry import Grid
from psmap.domain.uptake import UptakeSite
from psmap.phantom.comparison import found_against_truth
from psmap.phantom.iec_body import IecPhantom, spheres_of, suv_on
from psmap.phantom.iec_study import IecTruth, grid_round

GRID = grid_round(IecPhantom(), (2.0, 2.0, 2.0), (96, 116, 152))


def truth_of(phantom: IecPhantom) -> IecTruth:
    return IecTruth(spheres_of(phantom), phantom.background_suv, phantom.lung_suv, 0.0, 0.0, GRID, GRID)


def drawn(suv: np.ndarray, threshold: float, grid: Grid = GRID) -> list[UptakeSite]:
    """Sites by threshold and 26 neighbours, hottest and largest first."""
    labels, count = ndimage.label(suv >= threshold, np.ones((3, 3, 3)))
    sites = []
    for label in range(1, count + 1):
        index = np.flatnonzero(labels == label)
        values = suv.ravel()[index].astype(float)
        places = grid.to_mm(np.stack(np.unravel_index(index, grid.shape), axis=1))
        centroid = tuple(float(c) for c in places.mean(axis=0))
        hottest = tuple(float(c) for c in places[values.argmax()])
        volume = len(index) * grid.voxel_ml
        sites.append(
            UptakeSite(
                id=label,
                index=index,
                voxels=len(index),
                volume_ml=volume,
                suv_max=float(values.max()),
                suv_mean=float(values.mean()),
                suv_peak=float(values.max()),
                suv_peak_touches_other=False,
                tlu=float(values.mean()) * volume,
                small=False,
                centroid_mm=centroid,
                max_mm=hottest,
                extent_mm=(0.0, 0.0, 0.0),
                sphericity=None,
                background_suv=None,
                local_contrast=None,
            )
        )
    return sites


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    return suv_on(IecPhantom(), GRID)


def test_a_sharp_phantom_is_found_as_it_is(sharp: np.ndarray) -> None:
    """At the half-height (8 + 1) / 2 a sharp sphere keeps its volume, centre and SUVmax."""
    found = found_against_truth(truth_of(IecPhantom()), drawn(sharp, 4.5), GRID)
    assert found.missed == 0
    assert found.other_sites == ()
    for row in found.spheres:
        assert row.volume_ml == pytest.approx(row.sphere.volume_ml, rel=0.06)
        assert row.suv_max == pytest.approx(8.0, rel=1e-6)
        assert row.recovery_max == pytest.approx(1.0, rel=1e-6)
        assert row.recovery_mean == pytest.approx(row.suv_mean / 8.0, rel=1e-12)
        assert row.centroid_error_mm < 0.35


def test_recovery_is_measured_against_each_sphere(sharp: np.ndarray) -> None:
    """An image that is 20 % too low has recovery 0.8 in all six."""
    found = found_against_truth(truth_of(IecPhantom()), drawn(0.8 * sharp, 3.0), GRID)
    assert [row.recovery_max for row in found.spheres] == pytest.approx([0.8] * 6, rel=1e-6)
    assert [row.recovery_peak for row in found.spheres] == pytest.approx([0.8] * 6, rel=1e-6)


def test_missed_spheres_and_strange_sites_are_counted(sharp: np.ndarray) -> None:
    suv = sharp.copy()
    small = np.rint(GRID.to_index(spheres_of(IecPhantom())[0].centre_mm)[0]).astype(int)
    suv[tuple(slice(n - 4, n + 5) for n in small)] = 1.0
    suv[20:23, 90:93, 70:73] = 5.0
    sites = drawn(suv, 3.0)
    strange = next(site.id for site in sites if site.voxels == 27)
    found = found_against_truth(truth_of(IecPhantom()), sites, GRID)
    assert found.missed == 1
    assert found.spheres[0].site is None
    assert found.spheres[0].volume_ml is None
    assert found.other_sites == (strange,)


def test_a_cold_sphere_is_neither_missed_nor_found() -> None:
    phantom = IecPhantom(sphere_suv=(8.0, 8.0, 8.0, 8.0, 8.0, 0.0))
    found = found_against_truth(truth_of(phantom), drawn(suv_on(phantom, GRID), 3.0), GRID)
    assert found.missed == 0
    assert found.spheres[5].site is None


def test_a_site_that_misses_the_centre_counts_within_the_radius(sharp: np.ndarray) -> None:
    """The largest sphere with its middle cooled away is a shell; its centroid is still the centre."""
    suv = sharp.copy()
    centre = np.rint(GRID.to_index(spheres_of(IecPhantom())[5].centre_mm)[0]).astype(int)
    suv[tuple(slice(n - 2, n + 3) for n in centre)] = 1.0
    found = found_against_truth(truth_of(IecPhantom()), drawn(suv, 4.5), GRID)
    assert found.missed == 0
    assert found.spheres[5].centroid_error_mm < 0.5


def test_unparted_spheres_name_the_same_site(sharp: np.ndarray) -> None:
    """A threshold under the background makes one site of everything."""
    found = found_against_truth(truth_of(IecPhantom()), drawn(sharp, 0.5), GRID)
    assert [row.site for row in found.spheres] == [1] * 6


def test_no_sites_at_all() -> None:
    found = found_against_truth(truth_of(IecPhantom()), [], GRID)
    assert found.missed == 6
    assert found.other_sites == ()
