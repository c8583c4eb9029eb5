"""Grown regions against SimpleITK's ConnectedThreshold and scipy's components."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage

from psmap.numerics.region import grow_region


@pytest.mark.parametrize("fraction", [0.41, 0.5])
def test_region_is_that_of_simpleitk(fraction: float) -> None:
    values = ndimage.gaussian_filter(np.random.default_rng(1).random((20, 24, 28)), 1.5).astype(np.float32)
    values -= values.min()
    image = SimpleITK.GetImageFromArray(values)
    for seed in np.random.default_rng(2).choice(values.size, 20, replace=False):
        k, j, i = (int(n) for n in np.unravel_index(seed, values.shape))
        lower = fraction * float(values[k, j, i]) + 0.3 * float(values.max()) * (1 - fraction)
        peer = SimpleITK.ConnectedThreshold(
            image,
            [(i, j, k)],
            lower=float(np.float32(lower)),
            upper=1e9,
            connectivity=SimpleITK.ConnectedThresholdImageFilter.FullConnectivity,
        )
        taken = np.zeros(values.size, np.bool_)
        region = grow_region(values, int(seed), lower, taken)
        assert np.array_equal(region, np.flatnonzero(SimpleITK.GetArrayFromImage(peer).ravel()))
        assert np.array_equal(region, np.flatnonzero(taken))


def test_a_large_region_outgrows_its_buffer_and_respects_walls() -> None:
    values = np.ones((30, 30, 30), np.float32)
    wall = np.zeros(values.shape, np.bool_)
    wall[:, 10, :] = True
    region = grow_region(values, 0, 1.0, wall.ravel().copy())
    labels, _ = ndimage.label(~wall, np.ones((3, 3, 3)))
    assert np.array_equal(region, np.flatnonzero(labels.ravel() == labels[0, 0, 0]))
    assert len(region) == 30 * 10 * 30


def test_a_seed_that_is_taken_cold_or_no_number_gives_nothing() -> None:
    values = np.array([[[1.0, 5.0, np.nan]]], np.float32)
    assert len(grow_region(values, 0, 2.0, np.zeros(3, np.bool_))) == 0
    assert len(grow_region(values, 2, 2.0, np.zeros(3, np.bool_))) == 0
    assert len(grow_region(values, 1, 2.0, np.array([False, True, False]))) == 0
    with pytest.raises(ValueError, match="seed 3 lies outside"):
        grow_region(values, 3, 2.0, np.zeros(3, np.bool_))
