"""CT of stand-in men: tissues, noise, table and streaks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.phantom.anatomy.bend import Bend
from psmap.phantom.anatomy.man import REFERENCE_MAN, Man, Side
from psmap.phantom.anatomy.paint import Layer, Painted, Structure, paint
from psmap.phantom.anatomy.solids import Solid, ellipsoid, tube
from psmap.phantom.hounsfield import (
    ANGLES,
    ct_of,
    noise_hu,
    parallel_rays,
    ramp_filtered,
    table_top_mm,
    water_diameter_cm,
)
from psmap.phantom.tomograph import Conditions

CONDITIONS = Conditions("68Ga", 150.0, 60.0)
QUIET = replace(CONDITIONS, tube_mas=1e7)
PLAIN = replace(QUIET, table=False)


def grid_of(voxel_mm: float, slices: int = 12, half_mm: float = 200.0) -> Grid:
    count = int(2.0 * half_mm / voxel_mm)
    low = -0.5 * (count - 1) * voxel_mm
    return Grid(
        (slices, count, count),
        (low, low, -0.5 * (slices - 1) * voxel_mm),
        ((0.0, 0.0, voxel_mm), (0.0, voxel_mm, 0.0), (voxel_mm, 0.0, 0.0)),
    )


def rod(x: float, y: float, radius: float, reach: float = 500.0) -> Solid:
    return tube([(x, y, -reach), (x, y, reach)], radius)


def patient(grid: Grid, *more: Structure, radius: float = 90.0) -> Painted:
    structures = (
        Structure("muscle", rod(0.0, 0.0, radius), Layer.MUSCLE),
        Structure("liver", rod(-40.0, 0.0, 30.0), Layer.ORGAN),
        Structure("aorta_abdominal", rod(30.0, 30.0, 14.0), Layer.VESSEL),
        Structure("kidney_cortex_left", rod(45.0, -25.0, 22.0), Layer.ORGAN),
        Structure("femur_left", rod(0.0, -55.0, 16.0), Layer.BONE),
        Structure("femur_left_marrow", rod(0.0, -55.0, 9.0), Layer.MARROW),
        Structure("vertebra_l1", rod(0.0, 55.0, 22.0), Layer.BONE),
        Structure("vertebra_l1_marrow", rod(0.0, 55.0, 18.0), Layer.MARROW),
        *more,
    )
    return paint(structures, grid, Bend())


def mean_at(hu: np.ndarray, grid: Grid, x: float, y: float, radius: float) -> float:
    i = grid.origin_mm[0] + np.arange(grid.shape[2]) * grid.axes_mm[2][0]
    j = grid.origin_mm[1] + np.arange(grid.shape[1]) * grid.axes_mm[1][1]
    disc = (i[None, :] - x) ** 2 + (j[:, None] - y) ** 2 < radius**2
    return float(hu[:, disc].mean())


@pytest.mark.parametrize(("x", "y", "radius", "low", "high"), [
    (-40.0, 0.0, 20.0, 50.0, 65.0), (0.0, 0.0, 6.0, 40.0, 65.0), (30.0, 30.0, 8.0, 30.0, 55.0),
    (45.0, -25.0, 15.0, 25.0, 40.0), (0.0, 55.0, 12.0, 110.0, 170.0), (0.0, -55.0, 5.0, -60.0, 40.0),
])  # fmt: skip
def test_tissues_have_their_usual_hounsfield_units(x: float, y: float, radius: float, low: float, high: float) -> None:
    """Ranges of unenhanced CT: liver 50-65, muscle 40-65, blood 30-55, kidney 25-40 (general radiology)."""
    grid = grid_of(2.0)
    hu = ct_of(patient(grid), REFERENCE_MAN, PLAIN, np.random.default_rng(1))
    assert low < mean_at(hu, grid, x, y, radius) < high
    assert hu.dtype == np.int16
    assert hu[0, 0, 0] == pytest.approx(-1000, abs=2)


def test_cortex_is_dense_and_contrast_goes_into_vessels_and_kidneys() -> None:
    grid = grid_of(2.0)
    painted = patient(grid)
    plain = ct_of(painted, REFERENCE_MAN, PLAIN, np.random.default_rng(1))
    late = ct_of(painted, REFERENCE_MAN, replace(PLAIN, contrast=True), np.random.default_rng(1))
    assert plain.max() > 1000
    assert mean_at(late, grid, 30.0, 30.0, 8.0) - mean_at(plain, grid, 30.0, 30.0, 8.0) > 80.0
    assert mean_at(late, grid, 45.0, -25.0, 15.0) - mean_at(plain, grid, 45.0, -25.0, 15.0) > 100.0
    assert mean_at(late, grid, 0.0, -55.0, 5.0) == pytest.approx(mean_at(plain, grid, 0.0, -55.0, 5.0), abs=5.0)


def test_marrow_thins_by_two_units_a_year() -> None:
    """Trabecular bone of the lumbar spine by age: Pickhardt 2013."""
    grid = grid_of(2.0)
    at = {
        age: mean_at(
            ct_of(patient(grid), replace(REFERENCE_MAN, age_years=age), PLAIN, np.random.default_rng(1)),
            grid, 0.0, 55.0, 12.0,
        )
        for age in (55.0, 75.0)
    }  # fmt: skip
    assert at[55.0] - at[75.0] == pytest.approx(40.0, abs=2.0)


def test_a_water_cylinder_has_its_own_water_equivalent_diameter() -> None:
    """AAPM Report 220; an annulus of fat of -100 HU counts nine tenths."""
    grid = grid_of(1.0, slices=2)
    j, i = np.indices(grid.shape[1:]) - 0.5 * (grid.shape[1] - 1)
    away = np.hypot(i, j)
    water = np.where(away < 140.0, 0.0, -1000.0).astype(np.float32)
    fat = np.where(away < 140.0, np.where(away < 100.0, 0.0, -100.0), -1000.0).astype(np.float32)
    found = water_diameter_cm(np.stack([water, fat]), grid)
    assert found[0] == pytest.approx(28.0, rel=0.002)
    assert found[1] == pytest.approx(2.0 * math.sqrt(10.0**2 + 0.9 * (14.0**2 - 10.0**2)), rel=0.002)


@pytest.mark.parametrize("voxel_mm", [1.5, 4.0])
def test_noise_is_as_reckoned(voxel_mm: float) -> None:
    """Blood has hardly any unevenness of its own: what a disc of it spreads by is the noise."""
    grid = grid_of(voxel_mm, slices=24)
    painted = paint((Structure("heart_blood", rod(0.0, 0.0, 120.0), Layer.VESSEL),), grid, Bend())
    loud, still = (
        ct_of(painted, REFERENCE_MAN, replace(CONDITIONS, table=False, tube_mas=mas), np.random.default_rng(2))
        for mas in (8.0, 1e7)
    )
    middle = slice(grid.shape[1] // 2 - int(50 / voxel_mm), grid.shape[1] // 2 + int(50 / voxel_mm))
    noise = (loud.astype(float) - still)[:, middle, middle]
    expected = float(
        noise_hu(water_diameter_cm(still.astype(np.float32), grid)[12], grid, replace(CONDITIONS, tube_mas=8.0))
    )
    assert noise.std() == pytest.approx(expected, rel=0.06)
    assert abs(noise.mean()) < 0.1 * expected


def test_noise_follows_dose_and_size() -> None:
    """Half the exposure, root 2; 2 cm more water: the root of a half of its attenuation's exponential."""
    grid = grid_of(2.0)
    own = float(noise_hu(28.0, grid, CONDITIONS))
    assert float(noise_hu(28.0, grid, replace(CONDITIONS, tube_mas=30.0))) == pytest.approx(own * math.sqrt(2.0))
    assert float(noise_hu(38.0, grid, CONDITIONS)) == pytest.approx(own * math.exp(0.25 * 0.2 * 10.0))


def test_the_table_lies_under_the_man_and_can_be_left_out() -> None:
    grid = grid_of(2.0)
    painted = patient(grid)
    with_table, without = (
        ct_of(painted, REFERENCE_MAN, replace(QUIET, table=table), np.random.default_rng(3)) for table in (True, False)
    )
    shown = (with_table.astype(int) - without) > 30
    y = grid.origin_mm[1] + 2.0 * np.arange(grid.shape[1])
    rows = y[shown.any(axis=(0, 2))]
    assert rows.min() < table_top_mm(REFERENCE_MAN) < rows.max()
    assert rows.min() > 30.0
    body = painted.compose(lambda name: 1.0) > 0.99
    np.testing.assert_allclose(
        with_table[body].astype(int), without[body].astype(int), atol=1
    )  # its share of the noise


def test_rays_filtered_and_projected_back_give_the_disc_again() -> None:
    """Filtered back projection inverts the sum along rays: 1 in a disc of 1, 0 outside; its longest ray is 12 cm."""
    j, i = np.indices((80, 120))
    away = 0.4 * np.hypot(j - 45, i - 70)
    disc = np.clip((6.0 - away) / 0.4 + 0.5, 0.0, 1.0)
    rays, bins = parallel_rays(80, 120, [0.4, 0.4])
    lengths = rays @ disc.ravel() * 0.4
    assert lengths.max() == pytest.approx(12.0, rel=0.03)
    image = rays.T @ ramp_filtered(lengths.reshape(ANGLES, bins, 1), 0.4).ravel() * (math.pi / ANGLES)
    image = image.reshape(80, 120)
    assert image[away < 4.0].mean() == pytest.approx(1.0, abs=0.005)
    assert image[(away > 9.0) & (away < 14.0)].mean() == pytest.approx(0.0, abs=0.005)


def hip_man() -> Man:
    return replace(REFERENCE_MAN, prosthesis=Side.LEFT)


def test_metal_throws_dark_bands_along_its_long_axis() -> None:
    """Between two pieces of metal rays cross both: the textbook dark band of beam hardening (Barrett and Keat 2004)."""
    grid = grid_of(2.0, slices=12)
    metal = ellipsoid((-60.0, 0.0, 0.0), (14.0, 14.0, 8.0)), ellipsoid((60.0, 0.0, 0.0), (14.0, 14.0, 8.0))
    muscle = Structure("muscle", rod(0.0, 0.0, 150.0), Layer.MUSCLE)
    painted = paint((muscle, *(Structure("hip_prosthesis", solid, Layer.IMPLANT) for solid in metal)), grid, Bend())
    streaked, clean = (
        ct_of(painted, hip_man(), replace(PLAIN, streaks=streaks), np.random.default_rng(4)).astype(float)
        for streaks in (True, False)
    )
    added = streaked - clean
    between, beside = mean_at(added[5:7], grid, 0.0, 0.0, 8.0), mean_at(added[5:7], grid, 0.0, 90.0, 8.0)
    assert between < beside - 20.0
    assert np.abs(added[0]).max() <= 1.0
    assert streaked.max() == 3071


def test_a_man_without_prosthesis_has_no_streaks() -> None:
    grid = grid_of(2.0)
    a, b = (
        ct_of(patient(grid), REFERENCE_MAN, replace(CONDITIONS, streaks=streaks), np.random.default_rng(5))
        for streaks in (True, False)
    )
    np.testing.assert_array_equal(a, b)


def test_gas_stands_in_the_colon() -> None:
    grid = grid_of(4.0, slices=60)
    painted = paint((Structure("colon_ascending", rod(0.0, 0.0, 100.0), Layer.ORGAN),), grid, Bend())
    hu = ct_of(painted, REFERENCE_MAN, PLAIN, np.random.default_rng(6))
    gas = np.mean(hu[:, 40:60, 40:60] < -500)
    assert 0.03 < gas < 0.3
