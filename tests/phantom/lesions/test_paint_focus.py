"""A painted focus against closed forms: its volume, its activity, where it lies; and its SUV through a scanner."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psmap.domain.geometry import Grid, Vector
from psmap.phantom.lesions import DrawnFocus, FocusKind, paint_focus
from psmap.phantom.lesions.focus import volume_of_sphere_ml
from psmap.phantom.lesions.recovery import peak_recovery, seen_suv, true_suv
from psmap.phantom.lesions.shape import draw_axes_ratio, draw_directions
from psmap.phantom.scanner import FWHM_PER_SIGMA, scan

ALONG_AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def cube(size: int, step: float) -> Grid:
    half = -0.5 * (size - 1) * step
    return Grid((size,) * 3, (half,) * 3, ((0.0, 0.0, step), (0.0, step, 0.0), (step, 0.0, 0.0)))


def sphere(volume_ml: float, suv: float, rim: float = 1.0) -> DrawnFocus:
    return DrawnFocus(FocusKind.NODE, None, "presacral_node", volume_ml, (1.0, 1.0, 1.0), ALONG_AXES, suv, rim)


@settings(max_examples=40, deadline=None)
@given(
    log_ml=st.floats(math.log(0.01), math.log(30.0)),
    seed=st.integers(0, 10_000),
    rim=st.floats(0.0, 1.0),
    core=st.sampled_from([1, 2, 3]),
    off=st.tuples(*[st.floats(-2.0, 2.0)] * 3),
)
def test_volume_and_activity_are_the_stated_ones(log_ml: float, seed: int, rim: float, core: int, off: Vector) -> None:
    """Volume V; activity V * the mean of the profile, of which (1 - r^2)^n has 2/5, 8/35 and 16/105 for n = 1, 2, 3."""
    rng = np.random.default_rng(seed)
    volume = math.exp(log_ml)
    focus = DrawnFocus(
        FocusKind.BONE, None, "sternum", volume, draw_axes_ratio(rng), draw_directions(rng), 12.0, rim, core
    )
    grid = cube(25, 4.0)
    activity = np.zeros(grid.shape, np.float32)
    painted = paint_focus(activity, grid, off, focus)
    assert painted is not None
    assert painted.share.sum() * grid.voxel_ml == pytest.approx(volume, rel=0.03)
    mean = 12.0 * (rim + (1.0 - rim) * {1: 2 / 5, 2: 8 / 35, 3: 16 / 105}[core])
    assert activity.sum() * grid.voxel_ml == pytest.approx(volume * mean, rel=0.04)
    assert focus.mean_suv == pytest.approx(mean)


def test_second_moments_are_those_of_the_turned_ellipsoid() -> None:
    """Covariance of the uniform ellipsoid: sum over its axes of a^2 / 5 times the direction's outer product."""
    rng = np.random.default_rng(3)
    ratio, directions = (0.7, 1.0, 1.0 / 0.7), draw_directions(rng)
    focus = DrawnFocus(FocusKind.NODE, None, "presacral_node", 8.0, ratio, directions, 1.0)
    grid = cube(41, 1.5)
    painted = paint_focus(np.zeros(grid.shape, np.float32), grid, (1.0, -2.0, 0.5), focus)
    assert painted is not None
    whole = np.zeros(grid.shape)
    whole[painted.box] = painted.share
    points = grid.to_mm(np.argwhere(whole > 0))
    weights = whole[whole > 0]
    centre = np.average(points, axis=0, weights=weights)
    covariance = np.cov(points.T, aweights=weights, ddof=0)
    frame = np.array(directions)
    expected = frame.T @ np.diag(np.array(focus.half_axes_mm) ** 2 / 5.0) @ frame
    assert centre == pytest.approx([1.0, -2.0, 0.5], abs=0.05)
    assert np.abs(covariance - expected).max() < 0.03 * np.diag(expected).max()


def test_it_replaces_what_it_covers_and_leaves_the_rest() -> None:
    grid = cube(15, 4.0)
    activity = np.full(grid.shape, 5.0, np.float32)
    painted = paint_focus(activity, grid, (0.0, 0.0, 0.0), sphere(8.0, 2.0))
    assert painted is not None
    assert activity[7, 7, 7] == pytest.approx(2.0)
    untouched = np.ones(grid.shape, np.bool_)
    untouched[painted.box] = painted.share == 0.0
    assert np.all(activity[untouched] == 5.0)
    assert np.allclose(activity[painted.box], 5.0 - 3.0 * painted.share, atol=1e-5)


def test_what_lies_outside_the_grid_is_cut_off() -> None:
    grid, focus = cube(15, 4.0), sphere(4.0, 10.0)
    edge = float(grid.to_mm([14, 7, 7])[0, 2]) + 2.0
    activity = np.zeros(grid.shape, np.float32)
    painted = paint_focus(activity, grid, (0.0, 0.0, edge), focus)
    assert painted is not None
    assert painted.share.sum() * grid.voxel_ml == pytest.approx(2.0, rel=0.03)
    assert paint_focus(activity, grid, (0.0, 0.0, edge + 40.0), focus) is None


def test_the_grid_may_be_turned() -> None:
    """The same focus on a grid turned by 30 degrees has the same volume and centre."""
    c, s = 3.0 * math.cos(math.pi / 6), 3.0 * math.sin(math.pi / 6)
    grid = Grid((21, 21, 21), (-20.0, -45.0, -30.0), ((0.0, 0.0, 3.0), (-s, c, 0.0), (c, s, 0.0)))
    centre = tuple(float(n) for n in grid.to_mm([10.2, 9.7, 10.4])[0])
    painted = paint_focus(np.zeros(grid.shape, np.float32), grid, (centre[0], centre[1], centre[2]), sphere(3.0, 1.0))
    assert painted is not None
    assert painted.share.sum() * grid.voxel_ml == pytest.approx(3.0, rel=0.02)
    kji = np.argwhere(painted.share > 0) + [part.start for part in painted.box]
    found = np.average(grid.to_mm(kji), axis=0, weights=painted.share[painted.share > 0])
    assert found == pytest.approx(centre, abs=0.1)


@pytest.mark.parametrize("diameter_mm", [5.0, 8.0, 12.0, 20.0])
def test_recovery_is_that_of_a_painted_and_scanned_sphere(diameter_mm: float) -> None:
    """Fine voxels, so that the sphere and the blur are as good as continuous."""
    grid, volume = cube(61, 1.0), volume_of_sphere_ml(diameter_mm)
    activity = np.zeros(grid.shape, np.float32)
    paint_focus(activity, grid, (0.0, 0.0, 0.0), sphere(volume, 10.0))
    seen = scan(activity, grid, psf_fwhm_mm=6.5, noise=0.0, noise_at=1.0)
    assert peak_recovery(volume, 6.5, 0.5) == pytest.approx(float(seen[30, 30, 30]) / 10.0, rel=0.02)


@pytest.mark.parametrize("diameter_mm", [6.0, 9.0, 14.0])
def test_recovery_is_that_of_the_hottest_coarse_voxel_on_average(diameter_mm: float) -> None:
    """Voxels of 4 mm, the sphere anywhere between them."""
    grid, volume = cube(21, 4.0), volume_of_sphere_ml(diameter_mm)
    rng = np.random.default_rng(2)
    seen = []
    for _ in range(60):
        activity = np.zeros(grid.shape, np.float32)
        x, y, z = (float(n) for n in rng.uniform(-2.0, 2.0, 3))
        paint_focus(activity, grid, (x, y, z), sphere(volume, 10.0))
        seen.append(float(scan(activity, grid, psf_fwhm_mm=6.5, noise=0.0, noise_at=1.0).max()) / 10.0)
    assert peak_recovery(volume, 6.5, 4.0) == pytest.approx(np.mean(seen), rel=0.08)


def test_recovery_is_the_chance_of_a_normal_point_inside() -> None:
    """The formula against a draw of two million points of the point spread."""
    points = np.random.default_rng(1).standard_normal((2_000_000, 3)) * 6.5 / FWHM_PER_SIGMA
    inside = float((np.linalg.norm(points, axis=1) <= 4.0).mean())
    assert peak_recovery(volume_of_sphere_ml(8.0), 6.5, 0.0) == pytest.approx(inside, abs=0.002)


def test_true_suv_undoes_seen_suv() -> None:
    assert true_suv(seen_suv(30.0, 0.2, 0.7, 6.5, 4.0), 0.2, 0.7, 6.5, 4.0) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("volume", "ratio", "suv"), [(0.0, (1.0, 1.0, 1.0), 1.0), (1.0, (1.0, 1.0, 1.1), 1.0), (1.0, (1.0, 1.0, 1.0), -1.0)]
)
def test_a_focus_that_cannot_be_is_not_built(volume: float, ratio: Vector, suv: float) -> None:
    with pytest.raises(ValueError, match="focus"):
        DrawnFocus(FocusKind.NODE, None, "presacral_node", volume, ratio, ALONG_AXES, suv)


def test_an_activity_off_the_grid_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        paint_focus(np.zeros((3, 3, 3), np.float32), cube(5, 4.0), (0.0, 0.0, 0.0), sphere(1.0, 1.0))
