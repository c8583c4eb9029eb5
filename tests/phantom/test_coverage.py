"""Voxel coverage against closed forms and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psmap.domain.geometry import Grid
from psmap.phantom.coverage import covered_fraction

GRID = Grid((9, 10, 11), (-20.0, -18.0, -13.0), ((0.0, 0.0, 3.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))


@given(edge_mm=st.floats(-15.0, 15.0))
@settings(max_examples=30, deadline=None)
def test_a_plane_across_the_voxels_is_exact(edge_mm: float) -> None:
    """Cubes of 4 mm cut at x = edge hold the part to the left of it."""
    grid = Grid((2, 2, 11), (-20.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    fraction = covered_fraction(grid, lambda x, y, z: x - edge_mm + 0.0 * (y + z))
    expected = np.clip((edge_mm - (-20.0 + 4.0 * np.arange(11)) + 2.0) / 4.0, 0.0, 1.0)
    np.testing.assert_allclose(fraction, np.broadcast_to(expected, grid.shape), atol=1e-6)


@given(
    centre=st.tuples(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0), st.floats(-3.0, 3.0)), radius_mm=st.floats(4.0, 9.0)
)
@settings(max_examples=20, deadline=None)
def test_a_ball_keeps_its_volume_wherever_it_lies(centre: tuple[float, float, float], radius_mm: float) -> None:
    a, b, c = centre
    fraction = covered_fraction(GRID, lambda x, y, z: np.sqrt((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) - radius_mm)
    volume = float(fraction.sum(dtype=float)) * GRID.voxel_ml
    assert volume == pytest.approx(4.0 / 3.0 * math.pi * radius_mm**3 / 1000.0, rel=0.015)


def test_every_voxel_agrees_with_brute_force() -> None:
    fraction = covered_fraction(GRID, lambda x, y, z: np.sqrt(x**2 + y**2 + z**2) - 7.0, parts=10)
    steps = (np.arange(40) + 0.5) / 40 - 0.5
    k, j, i = (np.arange(n)[:, None] + steps for n in GRID.shape)
    z, y, x = -13.0 + 3.0 * k, -18.0 + 4.0 * j, -20.0 + 4.0 * i
    r2 = z[:, None, None, :, None, None] ** 2 + y[None, :, None, None, :, None] ** 2
    brute = np.zeros(GRID.shape)
    for column in range(GRID.shape[2]):
        inside = r2[:, :, 0] + x[column] ** 2 < 49.0
        brute[:, :, column] = inside.mean(axis=(-3, -2, -1))
    np.testing.assert_allclose(fraction, brute, atol=0.005)
