"""The lattice of a series against the standard's own formula, and everything that is no regular stack."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dicom_builder import refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from psmap.io.dicom_geometry import SlicePlanes, stack


def turned(a: float, b: float, c: float) -> np.ndarray:
    """A rotation about x, then y, then z (radians)."""
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x


def planes(
    count: int = 6,
    gap: float = 3.0,
    rotation: np.ndarray | None = None,
    origin: tuple[float, float, float] = (-10.0, -20.0, -900.0),
    spacing: tuple[float, float] = (4.0, 3.5),
) -> SlicePlanes:
    axes = np.eye(3) if rotation is None else rotation
    positions = np.array(origin) + np.arange(count)[:, None] * gap * axes[:, 2]
    return SlicePlanes(
        positions_mm=positions,
        orientations=np.tile(np.concatenate([axes[:, 0], axes[:, 1]]), (count, 1)),
        spacings_mm=np.tile(spacing, (count, 1)),
        sizes=((7, 5),) * count,
        tilts_degrees=(0.0,) * count,
        names=tuple(f"{k}.dcm" for k in range(count)),
    )


def moved(series: SlicePlanes, index: int, by: tuple[float, float, float]) -> SlicePlanes:
    positions = series.positions_mm.copy()
    positions[index] += by
    return replace(series, positions_mm=positions)


angle = st.floats(-3.1, 3.1)


@settings(deadline=None)
@given(a=angle, b=angle, c=angle, gap=st.floats(0.6, 10), rows=st.floats(0.5, 6), columns=st.floats(0.5, 6),
       seed=st.integers(0, 2**16))  # fmt: skip
def test_every_voxel_lies_where_the_standard_says(
    a: float, b: float, c: float, gap: float, rows: float, columns: float, seed: int
) -> None:
    """PS3.3 C.7.6.2.1.1: P = S + i * PixelSpacing[1] * X + j * PixelSpacing[0] * Y, in any orientation and order."""
    series = planes(5, gap, turned(a, b, c), spacing=(rows, columns))
    shuffle = np.random.default_rng(seed).permutation(5)
    mixed = replace(series, positions_mm=series.positions_mm[shuffle])
    grid, order = stack(mixed)
    assert grid.shape == (5, 7, 5)
    x, y = series.orientations[0, :3], series.orientations[0, 3:]
    for k in range(5):
        for j, i in ((0, 0), (6, 0), (0, 4), (3, 2)):
            expected = mixed.positions_mm[order[k]] + i * columns * x + j * rows * y
            np.testing.assert_allclose(grid.to_mm((k, j, i))[0], expected, atol=1e-9 * 1000)
    assert np.linalg.det(np.array([grid.axes_mm[2], grid.axes_mm[1], grid.axes_mm[0]])) > 0  # k rises along X x Y


def test_a_head_down_orientation_sorts_downwards() -> None:
    """X x Y points to -z, so the first slice is the topmost."""
    axes = np.diag([1.0, -1.0, -1.0])
    grid, order = stack(planes(4, 2.0, axes))
    assert grid.axes_mm[0] == pytest.approx((0, 0, -2.0))
    assert order.tolist() == [0, 1, 2, 3]


def test_real_jitter_is_fitted() -> None:
    """Gaps between 3.19 and 3.29 mm, as in real whole-body scans: the step is numpy's least-squares line."""
    z = np.cumsum(np.random.default_rng(0).choice([3.19, 3.27, 3.27, 3.29], 40))
    z = z - 0.8 * (z - np.polyval(np.polyfit(np.arange(40), z, 1), np.arange(40)))
    series = planes(40)
    positions = series.positions_mm.copy()
    positions[:, 2] = z
    grid, _ = stack(replace(series, positions_mm=positions))
    slope, start = np.polyfit(np.arange(40), z, 1)
    assert grid.axes_mm[0][2] == pytest.approx(slope, abs=1e-9)
    assert grid.origin_mm[2] == pytest.approx(start, abs=1e-9)


@pytest.mark.parametrize(
    ("gap", "off", "fine"),
    [
        (3.0, 0.12, True),
        (3.0, 0.2, False),
        (1.0, 0.08, True),
        (1.0, 0.13, False),
        (10.0, 0.4, True),
        (10.0, 0.7, False),
    ],
)
def test_the_limit_is_a_tenth_of_a_millimetre_or_five_percent(gap: float, off: float, fine: bool) -> None:
    """One slice of 31 in the middle moved by `off`: its distance from the fitted line is off * (1 - 1/31)."""
    series = moved(planes(31, gap), 15, (0, 0, off))
    if fine:
        assert stack(series)[0].axes_mm[0][2] == pytest.approx(gap, abs=1e-9)
    else:
        line = refusal(lambda: stack(series))
        assert "irregular slices" in line
        assert "ImagePositionPatient (0020,0032)" in line
        assert "[15.dcm]" in line
        assert f"{off * 30 / 31:.3f} mm" in line


def test_a_slice_off_sideways_is_refused() -> None:
    line = refusal(lambda: stack(moved(planes(31), 15, (0.3, 0, 0))))
    assert "irregular slices" in line
    assert "[15.dcm]" in line


def test_missing_slices_are_counted() -> None:
    series = planes(12)
    keep = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    gapped = replace(
        planes(10), positions_mm=series.positions_mm[keep], names=tuple(series.names[index] for index in keep)
    )
    line = refusal(lambda: stack(gapped))
    assert "missing slices: 9.000 mm between 3.dcm and 6.dcm" in line
    assert "usual gap is 3.000 mm: 2 missing there" in line


def test_duplicated_slices_are_named() -> None:
    line = refusal(lambda: stack(moved(planes(6), 3, (0, 0, -3.0))))
    assert "duplicated slices: 2.dcm and 3.dcm" in line
    assert "-10\\-20\\-894" in line


def test_a_sheared_stack_is_a_gantry_tilt() -> None:
    """Positions that step straight up while the planes lean by 15 degrees."""
    lean = turned(np.deg2rad(15), 0, 0)
    upright = planes(8)
    series = replace(
        upright,
        orientations=np.tile(np.concatenate([lean[:, 0], lean[:, 1]]), (8, 1)),
        tilts_degrees=(15.0,) * 8,
    )
    line = refusal(lambda: stack(series))
    assert "gantry tilt: GantryDetectorTilt (0018,1120) is 15" in line
    assert "sheared 15.00 degrees" in line


def test_a_tilt_that_was_resampled_away_is_no_tilt() -> None:
    series = replace(planes(8), tilts_degrees=(15.0,) * 8)
    assert stack(series)[0].spacing_mm == pytest.approx((3.0, 4.0, 3.5))


def test_mixed_and_impossible_planes_are_refused() -> None:
    series = planes(6)
    sizes = (*series.sizes[:4], (7, 6), series.sizes[5])
    line = refusal(lambda: stack(replace(series, sizes=sizes)))
    assert "mixed size" in line
    assert "is 7 x 6, elsewhere 7 x 5 [4.dcm]" in line

    spacings = series.spacings_mm.copy()
    spacings[2, 1] = 3.6
    line = refusal(lambda: stack(replace(series, spacings_mm=spacings)))
    assert "PixelSpacing (0028,0030) is 4\\3.6, elsewhere 4\\3.5 [2.dcm]" in line

    orientations = series.orientations.copy()
    orientations[1, 1] = 0.01
    line = refusal(lambda: stack(replace(series, orientations=orientations)))
    assert "mixed orientation: ImageOrientationPatient (0020,0037)" in line
    assert "[1.dcm]" in line

    skew = np.tile([1.0, 0, 0, 0.1, 1.0, 0], (6, 1))
    assert "right angles" in refusal(lambda: stack(replace(series, orientations=skew)))
    assert "must be positive" in refusal(lambda: stack(replace(series, spacings_mm=np.zeros((6, 2)))))
    assert "single slice" in refusal(lambda: stack(planes(1)))
