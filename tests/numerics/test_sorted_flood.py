"""Components against scipy, splits against a plain flood in Python and against two Gaussians in closed form."""

from __future__ import annotations

from itertools import product
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from psmap.numerics.sorted_flood import Basins, label_basins

FULL = np.ones((3, 3, 3))
STEPS = [step for step in product((-1, 0, 1), repeat=3) if step != (0, 0, 0)]
VOLUMES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6),
    elements=st.sampled_from([0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, float("nan")]),
)


def members(basins: Basins) -> list[list[int]]:
    return [basins.index[a:b].tolist() for a, b in zip(basins.start[:-1], basins.start[1:], strict=True)]


def flood_in_python(values: np.ndarray, threshold: float, h_abs: float, h_fraction: float) -> list[list[int]]:
    """The rule of `label_basins`, voxel by voxel with sets and dictionaries: slow, and written from the rule alone."""
    points = [p for p in product(*map(range, values.shape)) if values[p] >= threshold]
    points.sort(key=lambda p: (-float(values[p]), p))
    rank = {p: n for n, p in enumerate(points)}
    peak: dict[tuple[int, ...], tuple[int, ...]] = {}
    for p in points:
        seen = [q for q in (tuple(np.add(p, step).tolist()) for step in STEPS) if q in peak]
        if not seen:
            peak[p] = p
            continue
        meeting = {peak[q] for q in seen}
        elder = min(meeting, key=rank.__getitem__)
        for other in meeting - {elder}:
            top = float(values[other])
            if top - float(values[p]) < max(h_abs, h_fraction * top):
                peak = {q: elder if r == other else r for q, r in peak.items()}
        peak[p] = peak[min(seen, key=rank.__getitem__)]
    flat = {p: int(np.ravel_multi_index(p, values.shape)) for p in points}
    return [sorted(flat[q] for q in points if peak[q] == top) for top in points if peak[top] == top]


@given(VOLUMES, st.sampled_from([1.0, 2.0, 2.5]))
@settings(max_examples=60, deadline=None)
def test_components_are_those_of_scipy(values: np.ndarray, threshold: float) -> None:
    labels, number = ndimage.label(values >= threshold, FULL)
    expected = {tuple(np.flatnonzero(labels.ravel() == n + 1)) for n in range(number)}
    basins = label_basins(values, threshold, split=False)
    assert {tuple(m) for m in members(basins)} == expected
    tops = [float(values.ravel()[m].max()) for m in members(basins)]
    assert tops == sorted(tops, reverse=True)
    assert values.ravel()[basins.peak].tolist() == tops


@given(VOLUMES, st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.2, 0.5]))
@settings(max_examples=150, deadline=None)
def test_split_is_that_of_the_plain_flood(values: np.ndarray, h_abs: float, h_fraction: float) -> None:
    basins = label_basins(values, 1.0, split=True, h_abs=h_abs, h_fraction=h_fraction)
    assert members(basins) == flood_in_python(values, 1.0, h_abs, h_fraction)


def test_split_of_a_noisy_volume_is_that_of_the_plain_flood() -> None:
    values = np.random.default_rng(3).gamma(2.0, 1.5, (9, 10, 11)).astype(np.float32)
    basins = label_basins(values, 1.0, split=True, h_abs=1.0, h_fraction=0.2)
    assert members(basins) == flood_in_python(values, 1.0, 1.0, 0.2)
    assert len(basins.peak) > 5


@given(VOLUMES)
@settings(max_examples=60, deadline=None)
def test_every_hot_voxel_belongs_to_exactly_one_basin(values: np.ndarray) -> None:
    basins = label_basins(values, 2.0, split=True)
    assert np.array_equal(np.sort(basins.index), np.flatnonzero(values >= 2.0))


def test_components_may_span_the_blocks_that_are_compared_together() -> None:
    """The scan works through 262,144 voxels at a time; a rod along k crosses three such borders."""
    values = np.zeros((70, 128, 128), np.float32)
    values[:, 64, 64] = 5.0
    (rod,) = members(label_basins(values, 3.0, split=False))
    assert rod == [(k * 128 + 64) * 128 + 64 for k in range(70)]


def two_gaussians(lower_peak: float, distance: float, sigma: float) -> np.ndarray:
    """Peaks of 10 and about `lower_peak` on the line j = i = 0 of a volume."""
    k, j, i = np.mgrid[0:41, -4:5, -4:5]

    def ball(centre: float) -> np.ndarray:
        return np.exp(-((k - centre) ** 2 + j**2 + i**2) / (2 * sigma**2))

    return (10 * ball(10) + lower_peak * ball(10 + distance)).astype(np.float32)


@pytest.mark.parametrize("h_fraction", [0.0, 0.3])
def test_two_gaussians_part_exactly_at_h(h_fraction: float) -> None:
    """Equal Gaussians of sigma s at distance d: peak A(1 + e^(-d^2/2s^2)), saddle 2A e^(-d^2/8s^2) half way."""
    sigma, distance, height = 3.0, 10, 10.0
    values = two_gaussians(height, distance, sigma)
    peak = height * (1 + exp(-(distance**2) / (2 * sigma**2)))
    saddle = 2 * height * exp(-(distance**2) / (8 * sigma**2))
    assert log(saddle) < log(peak)
    rise = peak - saddle
    if h_fraction == 0.0:
        assert len(label_basins(values, 1.0, split=True, h_abs=rise - 1e-4, h_fraction=0.0).peak) == 2
        assert len(label_basins(values, 1.0, split=True, h_abs=rise + 1e-4, h_fraction=0.0).peak) == 1
    else:
        assert len(label_basins(values, 1.0, split=True, h_abs=0.0, h_fraction=rise / peak - 1e-5).peak) == 2
        assert len(label_basins(values, 1.0, split=True, h_abs=0.0, h_fraction=rise / peak + 1e-5).peak) == 1


def test_threshold_is_compared_as_the_voxels_are_stored() -> None:
    """float32(4.1) is less than 4.1; a voxel stored as 4.1 still reaches a threshold of 4.1."""
    values = np.full((1, 1, 3), 4.1, np.float32)
    values[0, 0, 1] = np.nextafter(np.float32(4.1), np.float32(0))
    assert members(label_basins(values, 4.1, split=False)) == [[0], [2]]


def test_an_image_needs_three_axes() -> None:
    with pytest.raises(ValueError, match="three axes, not 2"):
        label_basins(np.zeros((3, 3), np.float32), 1.0, split=False)
    with pytest.raises(ValueError, match="must be numbers"):
        label_basins(np.zeros((3, 3, 3), np.float32), float("nan"), split=False)
