"""Projections hang the right way round, hold the true maxima, and outline sites where they are."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from psmap.apps.report.leaders import Anchor, place_labels, spread
from psmap.apps.report.projection import (
    CORONAL,
    SAGITTAL,
    orient,
    outline_lines,
    pictures,
    pixels_of,
    project,
    tilt_note,
    to_grey,
    window_top,
)
from psmap.domain.geometry import Grid
from psmap.domain.uptake import Finding, UptakeSite, Verdict

SIGNED_AXES = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def lattice(order: tuple[int, ...], signs: tuple[int, ...]) -> Grid:
    """A grid of 9 x 7 x 8 voxels whose array axis n runs along LPS axis order[n], forwards or backwards."""
    axes = np.zeros((3, 3))
    for n, (along, sign) in enumerate(zip(order, signs, strict=True)):
        axes[n, along] = sign * (3.0, 4.0, 5.0)[n]
    middle = np.array([20.0, -30.0, 40.0])
    origin = middle - (np.array([9, 7, 8]) - 1) / 2 @ axes
    return Grid((9, 7, 8), tuple(origin), tuple(tuple(axis) for axis in axes))  # type: ignore[arg-type]


def site_at(index: list[int], number: int = 1) -> UptakeSite:
    where = (0.0, 0.0, 0.0)
    flat = np.array(sorted(index), dtype=np.int64)
    return UptakeSite(
        number, flat, len(index), 1.0, 9.0, 8.0, 7.0, False, 8.0, False, where, where, where, None, None, None
    )


@pytest.mark.parametrize(("order", "signs"), SIGNED_AXES)
def test_left_front_head_lands_at_the_upper_right_and_upper_left(
    order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    grid = lattice(order, signs)
    corners = grid.to_mm([[k, j, i] for k in (0, 8) for j in (0, 6) for i in (0, 7)])
    # The patient's left, front (LPS y smallest) and head corner, found by its position alone.
    point = [corners[:, 0].max(), corners[:, 1].min(), corners[:, 2].max()]
    k, j, i = np.rint(grid.to_index(point)[0]).astype(int)
    volume = np.zeros(grid.shape, dtype=np.float32)
    volume[k, j, i] = 7.0
    orientation = orient(grid)
    coronal, sagittal = project(volume, orientation, CORONAL), project(volume, orientation, SAGITTAL)
    assert coronal[0, -1] == 7.0
    assert coronal.sum() == 7.0
    assert sagittal[0, 0] == 7.0
    assert sagittal.sum() == 7.0
    assert orientation.tilt_deg == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(("order", "signs"), SIGNED_AXES[::5])
def test_pixels_of_a_site_are_the_projection_of_its_mask(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    grid = lattice(order, signs)
    index = np.random.default_rng(5).choice(grid.size, 40, replace=False).astype(np.int64)
    mask = np.zeros(grid.size, dtype=np.float32)
    mask[index] = 1.0
    for plane in (CORONAL, SAGITTAL):
        expected = np.argwhere(project(mask.reshape(grid.shape), orient(grid), plane))
        assert np.array_equal(pixels_of(index, grid.shape, orient(grid), plane), expected)


def test_projection_of_an_axial_series_is_the_maximum_turned_head_up() -> None:
    grid = lattice((2, 1, 0), (1, 1, 1))
    volume = np.random.default_rng(1).random(grid.shape, dtype=np.float32)
    assert np.array_equal(project(volume, orient(grid), CORONAL), np.max(volume, axis=1)[::-1])
    assert np.array_equal(project(volume, orient(grid), SAGITTAL), np.max(volume, axis=2)[::-1])


def test_an_oblique_grid_is_told() -> None:
    def tilted(degrees: float) -> Grid:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return Grid((4, 4, 4), (0.0, 0.0, 0.0), ((0.0, -3 * s, 3 * c), (0.0, 3 * c, 3 * s), (3.0, 0.0, 0.0)))

    assert "tilted by 12°" in tilt_note(tilted(12.0))
    assert tilt_note(tilted(1.5)) == ""


def test_grey_is_inverse_and_clipped_at_the_window() -> None:
    grey = to_grey(np.array([[0.0, 5.0, 10.0, 50.0]], dtype=np.float32), 10.0, (1.0, 1.0))
    assert grey.tolist() == [[255, 128, 0, 0]]


@pytest.mark.parametrize(
    ("hottest", "psma", "top"), [(60.0, True, 10.0), (60.0, False, 7.0), (6.2, True, 7.0), (1.0, True, 5.0)]
)
def test_window(hottest: float, psma: bool, top: float) -> None:
    assert window_top(hottest, psma) == top


def area(line: np.ndarray) -> float:
    x, y = line[:, 0], line[:, 1]
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2.0


def test_outline_of_a_block_is_its_border_with_the_corners_cut() -> None:
    block = np.array([[row, column] for row in range(3, 6) for column in range(10, 14)])
    (line,) = outline_lines(block, 2.0, 5.0)
    assert line.min(axis=0) == pytest.approx([50.0, 6.0])
    assert line.max(axis=0) == pytest.approx([70.0, 12.0])
    # Half-way between pixel centres each corner loses a triangle of half a pixel by half a pixel.
    assert area(line) == pytest.approx((12 - 4 / 8) * 10.0)


def test_outline_of_one_pixel_has_its_area_and_place() -> None:
    (line,) = outline_lines(np.array([[4, 7]]), 3.0, 3.0)
    assert area(line) == pytest.approx(9.0, rel=0.01)
    assert line[:-1].mean(axis=0) == pytest.approx([22.5, 13.5])


def test_outlines_lie_at_the_true_distance_from_the_edges_of_the_picture() -> None:
    grid = Grid((40, 30, 50), (100.0, -20.0, 0.0), ((0.0, 0.0, 3.0), (0.0, 4.0, 0.0), (-4.0, 0.0, 0.0)))
    suv = np.ones(grid.shape, dtype=np.float32)
    k, j, i = 31, 6, 9
    index = [int(np.ravel_multi_index((k, j + dj, i + di), grid.shape)) for dj in (0, 1) for di in (0, 1)]
    finding = Finding(site_at(index), Verdict.EQUIVOCAL, "not classified yet", "psmap")
    coronal, sagittal = pictures(suv, grid, (finding,), psma=True)
    # Every column holds body, so nothing is cropped: voxel edges run from 100 + 2 leftmost down to -98 mm.
    assert (coronal.width_mm, coronal.height_mm, sagittal.width_mm) == (200.0, 120.0, 120.0)
    centre_lps = grid.to_mm([[k, j + 0.5, i + 0.5]])[0]
    from_right = centre_lps[0] - (100.0 - 49 * 4.0 - 2.0)
    from_top = (39 * 3.0 + 1.5) - centre_lps[2]
    from_front = centre_lps[1] - (-20.0 - 2.0)
    line = coronal.outlines[0].lines[0][:-1]
    assert line.mean(axis=0) == pytest.approx([from_right, from_top])
    assert sagittal.outlines[0].lines[0][:-1].mean(axis=0) == pytest.approx([from_front, from_top])


def test_empty_margins_are_cropped_but_never_a_site() -> None:
    grid = Grid((40, 30, 100), (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    suv = np.zeros(grid.shape, dtype=np.float32)
    suv[:, :, 40:60] = 1.0
    plain, _ = pictures(suv, grid, (), psma=True)
    # 20 columns and 12 mm on either side.
    assert plain.width_mm == pytest.approx(20 * 4.0 + 2 * 12.0)
    far = Finding(site_at([int(np.ravel_multi_index((20, 15, 5), grid.shape))]), Verdict.EQUIVOCAL, "", "psmap")
    wide, _ = pictures(suv, grid, (far,), psma=True)
    assert wide.width_mm == pytest.approx((60 - 5) * 4.0 + 2 * 12.0)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30).map(sorted))
def test_labels_move_as_little_as_keeping_apart_allows(wanted: list[float]) -> None:
    gap = 3.0
    places = np.array(spread(wanted, gap, 100.0))
    steps = gap * np.arange(len(wanted))
    fitted = isotonic_regression(np.array(wanted) - steps).x
    lowest, highest = gap / 2, 100.0 - gap / 2 - steps[-1]
    assert places == pytest.approx(np.clip(fitted, lowest, highest) + steps)
    assert np.all(np.diff(places) >= gap - 1e-9)
    assert places[0] >= gap / 2 - 1e-9
    assert places[-1] <= 100.0 - gap / 2 + 1e-9


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 100)), max_size=120))
def test_numbers_never_overlap_and_the_hottest_get_them(centres: list[tuple[float, float]]) -> None:
    anchors = [Anchor(n, np.array([[x, y]])) for n, (x, y) in enumerate(centres, start=1)]
    labels = place_labels(anchors, 60.0, 100.0, 4.0)
    assert set(labels) == set(range(1, min(len(centres), 50) + 1))
    for side in (True, False):
        places = sorted(label.y_mm for label in labels.values() if label.left is side)
        assert all(b - a >= 4.0 - 1e-9 for a, b in pairwise(places))
        assert all(2.0 - 1e-9 <= place <= 98.0 + 1e-9 for place in places)
