"""The IEC body phantom against the figures of its standard and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial.transform import Rotation

from psmap.domain.geometry import Grid
from psmap.phantom.iec_body import (
    DIAMETERS_MM,
    IecPhantom,
    body_volume_ml,
    hu_on,
    lung_volume_ml,
    spheres_of,
    suv_on,
    total_uptake,
)

GRID = Grid((66, 64, 82), (-162.0, -126.0, -117.0), ((0.0, 0.0, 3.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))


def test_volumes_of_the_standard() -> None:
    """Sphere volumes in mL as tables of the phantom print them; the empty body is sold as 9.7 L."""
    printed = (0.52, 1.15, 2.57, 5.58, 11.49, 26.52)
    assert [round(sphere.volume_ml, 2) for sphere in spheres_of(IecPhantom())] == list(printed)
    assert body_volume_ml() == pytest.approx(9700.0, rel=0.005)
    assert lung_volume_ml() == pytest.approx(353.429, abs=1e-3)


def test_outline_integrates_to_the_closed_form() -> None:
    """Width over height by quadrature: the front is a half disc, the back two quarter discs and a flat bottom."""
    front, _ = quad(lambda y: 2.0 * math.sqrt(147.0**2 - y**2), -147.0, 0.0)
    back, _ = quad(lambda y: 140.0 + 2.0 * math.sqrt(77.0**2 - y**2), 0.0, 77.0)
    assert body_volume_ml() == pytest.approx((front + back) * 0.18, rel=1e-9)


def test_spheres_stand_every_60_degrees_on_a_circle_of_114_4_mm() -> None:
    centres = np.array([sphere.centre_mm for sphere in spheres_of(IecPhantom(position_mm=(5.0, -7.0, 9.0)))])
    np.testing.assert_allclose(centres[:, 2], 9.0)
    np.testing.assert_allclose(np.linalg.norm(centres[:3] - centres[3:], axis=1), 114.4)
    np.testing.assert_allclose(np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1), 57.2)
    np.testing.assert_allclose(centres[2], (5.0 - 57.2, -7.0, 9.0), atol=1e-9)


@given(
    angles=st.tuples(st.floats(-25.0, 25.0), st.floats(-25.0, 25.0), st.floats(-25.0, 25.0)),
    shift=st.tuples(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0)),
)
@settings(max_examples=5, deadline=None)
def test_total_uptake_is_kept_on_any_grid(
    angles: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    """Without blur the voxels hold the closed-form total, also on a turned grid."""
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    steps = turn.T * 5.0
    middle = np.array([0.0, 0.0, -20.0]) + shift
    shape = (70, 80, 80)
    origin = middle - 0.5 * ((shape[2] - 1) * steps[0] + (shape[1] - 1) * steps[1] + (shape[0] - 1) * steps[2])
    axes = tuple(tuple(float(c) for c in steps[n]) for n in (2, 1, 0))
    grid = Grid(shape, tuple(float(c) for c in origin), axes)
    phantom = IecPhantom(background_suv=1.0, sphere_suv=(8.0, 8.0, 8.0, 8.0, 8.0, 8.0), lung_suv=0.1)
    total = float(suv_on(phantom, grid, parts=3).sum(dtype=float)) * grid.voxel_ml
    assert total == pytest.approx(total_uptake(phantom), rel=5e-4)


@pytest.mark.parametrize("n", range(6))
def test_each_sphere_holds_its_own_activity(n: int) -> None:
    filling = tuple(8.0 if m == n else 0.0 for m in range(6))
    suv = suv_on(IecPhantom(0.0, filling), GRID)
    sphere = spheres_of(IecPhantom())[n]
    total = suv.sum(dtype=float) * GRID.voxel_ml
    assert total == pytest.approx(8.0 * math.pi / 6.0 * DIAMETERS_MM[n] ** 3 / 1000.0, rel=0.003)
    places = GRID.to_mm(np.argwhere(suv > 0.0))
    centroid = np.average(places, axis=0, weights=suv[suv > 0.0])
    np.testing.assert_allclose(centroid, sphere.centre_mm, atol=0.03)


def test_sharp_regions_have_exactly_their_suv() -> None:
    phantom = IecPhantom(background_suv=0.75, sphere_suv=(6.0, 7.0, 8.0, 9.0, 0.0, 11.0), lung_suv=0.25)
    suv = suv_on(phantom, GRID)
    places = GRID.to_mm(np.argwhere(np.ones(GRID.shape, bool)))
    flat = suv.ravel()
    for sphere in spheres_of(phantom)[1:]:
        away = np.linalg.norm(places - sphere.centre_mm, axis=1)
        core = away < 0.5 * sphere.diameter_mm - 3.3
        assert core.any()
        np.testing.assert_allclose(flat[core], sphere.suv, rtol=1e-6, atol=1e-6)
    lung = (np.hypot(places[:, 0], places[:, 1]) < 21.0) & (np.abs(places[:, 2] + 20.0) < 85.0)
    np.testing.assert_allclose(flat[lung], 0.25, rtol=1e-6)
    behind = (np.abs(places[:, 0]) < 60.0) & (np.abs(places[:, 1] - 90.0) < 15.0) & (np.abs(places[:, 2] + 20.0) < 85)
    np.testing.assert_allclose(flat[behind], 0.75, rtol=1e-6)
    outside = (places[:, 1] < -116.0) | (places[:, 1] > 116.0) | (np.abs(places[:, 0]) > 151.0)
    assert outside.any()
    assert flat[outside].max() == 0.0


def test_ct_holds_the_mass_of_water_wall_and_insert() -> None:
    """Mass as 1 + HU/1000 g/mL, integrated, against prisms: 3 mm of wall all round at 1.12, insert at 0.3 g/mL."""
    hu = hu_on(IecPhantom(), GRID)
    mass_g = float((1.0 + hu / 1000.0).sum(dtype=float)) * GRID.voxel_ml * 1.0
    outer_mm2 = math.pi / 2.0 * (150.0**2 + 80.0**2) + 140.0 * 80.0
    wall_ml = outer_mm2 * 186.0 / 1000.0 - body_volume_ml()
    expected = 1.12 * wall_ml + body_volume_ml() - 0.7 * lung_volume_ml()
    assert mass_g == pytest.approx(expected, rel=1e-3)
    assert hu.dtype == np.int16
    k, j, i = np.rint(GRID.to_index([0.0, 0.0, 0.0])[0]).astype(int)
    assert hu[k, j, i] == -700
    assert hu[k, j + 12, i] == 0
    assert hu[0, 0, 0] == -1000


def test_a_sphere_off_the_grid_is_cut_off() -> None:
    corner = Grid((4, 4, 4), (400.0, 400.0, 400.0), GRID.axes_mm)
    assert suv_on(IecPhantom(), corner).max() == 0.0


def test_negative_filling_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        IecPhantom(background_suv=-1.0)
