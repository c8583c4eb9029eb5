"""Shells against scipy's exact distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from psmap.numerics.shell import shell_values


@pytest.mark.parametrize("spacing", [(3.27, 4.69, 4.69), (2.0, 4.07, 4.07), (1.0, 1.0, 1.0), (7.0, 2.5, 5.0)])
def test_shell_is_that_of_the_distance_transform(spacing: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(5)
    values = rng.random((25, 26, 27)).astype(np.float32)
    values[rng.random(values.shape) < 0.02] = np.nan
    site = np.zeros(values.shape, np.bool_)
    site[2:6, 10:14, 20:27] = rng.random((4, 4, 7)) < 0.6
    other = rng.random(values.shape) < 0.1
    distance = ndimage.distance_transform_edt(~site, sampling=spacing)
    wanted = (distance >= 5.0 - 1e-9) & (distance <= 15.0 + 1e-9) & ~other & ~np.isnan(values)
    index = np.flatnonzero(site).astype(np.int64)
    found = shell_values(values, index, spacing, 5.0, 15.0, other.ravel())
    assert len(found) > 100
    assert np.array_equal(found, values[wanted])


def test_limits_belong_to_the_shell() -> None:
    values = np.arange(31, dtype=np.float32).reshape(1, 1, 31)
    found = shell_values(values, np.array([15]), (1.0, 1.0, 0.1), 0.5, 0.7, np.zeros(31, np.bool_))
    assert found.tolist() == [8.0, 9.0, 10.0, 20.0, 21.0, 22.0]


def test_a_shell_needs_a_set() -> None:
    with pytest.raises(ValueError, match="needs a voxel"):
        shell_values(
            np.zeros((2, 2, 2), np.float32), np.empty(0, np.int64), (1.0, 1.0, 1.0), 5, 15, np.zeros(8, np.bool_)
        )
