"""SUVpeak against the counts of the rule sheet, a brute-force sphere, scipy's correlation and the IBSI phantom."""

from __future__ import annotations

from math import cos, pi, sin
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from psmap.numerics.suv_peak import PEAK_RADIUS_MM, peak_sphere, sphere_index, suv_peaks

Axes = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


def right_angled(k: float, j: float, i: float) -> Axes:
    return ((0.0, 0.0, k), (0.0, j, 0.0), (i, 0.0, 0.0))


def test_the_sphere_holds_one_millilitre() -> None:
    assert pytest.approx(6.2035049, abs=5e-8) == PEAK_RADIUS_MM
    assert pytest.approx(1000.0, rel=1e-12) == 4 / 3 * pi * PEAK_RADIUS_MM**3


@pytest.mark.parametrize(
    ("axes", "count"),
    [
        (right_angled(4.0, 4.0, 4.0), 19),
        (right_angled(3.0, 4.07283, 4.07283), 21),
        (right_angled(2.0, 2.0, 2.0), 123),
        (right_angled(3.27, 5.46875, 5.46875), 7),
    ],
)
def test_binary_counts(axes: Axes, count: int) -> None:
    """Voxel counts of the centre test, domain rule sheet 4."""
    assert len(peak_sphere(axes, "binary").weight) == count


TILTED: Axes = (
    (0.0, 3.0 * sin(0.3), 3.0 * cos(0.3)),
    (0.0, 4.0 * cos(0.3), -4.0 * sin(0.3)),
    (4.0, 0.0, 0.0),
)
SHEARED: Axes = ((0.8, 0.0, 3.0), (0.0, 4.0, 0.0), (4.0, 0.5, 0.0))


@pytest.mark.parametrize(
    "axes",
    [right_angled(3.0, 4.07283, 4.07283), right_angled(1.0, 1.2, 1.2), right_angled(10.0, 8.0, 8.0), TILTED, SHEARED],
)
def test_shares_are_those_of_a_finely_sampled_sphere(axes: Axes) -> None:
    sphere = peak_sphere(axes, "fractional")
    matrix = np.array(axes)
    voxel_mm3 = abs(np.linalg.det(matrix))
    assert sphere.weight.sum() * voxel_mm3 == pytest.approx(1000.0, rel=2e-4)
    # Along i exact, on a square lattice of lines across it: the other way round than psmap does it.
    fine = (np.arange(500) + 0.5) / 500 - 0.5
    across = fine[:, None, None] * matrix[0] + fine[None, :, None] * matrix[1]
    a = float(matrix[2] @ matrix[2])
    for offset, weight in list(zip(sphere.offset, sphere.weight, strict=True))[:: max(1, len(sphere.weight) // 15)]:
        q = across + offset @ matrix
        b, c = q @ matrix[2], np.sum(q * q, axis=-1) - PEAK_RADIUS_MM**2
        half = np.sqrt(np.maximum(b * b - a * c, 0)) / a
        inside = np.maximum(np.minimum(-b / a + half, 0.5) - np.maximum(-b / a - half, -0.5), 0)
        assert weight == pytest.approx(inside.mean(), abs=1.5e-3)


def dense(sphere_offset: np.ndarray, weight: np.ndarray) -> np.ndarray:
    reach = np.abs(sphere_offset).max(axis=0)
    kernel = np.zeros(2 * reach + 1)
    kernel[tuple((sphere_offset + reach).T)] = weight
    return kernel


@pytest.mark.parametrize("weight", ["fractional", "binary"])
def test_peaks_are_those_of_a_correlation_with_the_whole_image(weight: str) -> None:
    """Renormalised at the image's border: correlation of the image over correlation of ones, both padded by 0."""
    values = np.random.default_rng(7).gamma(2.0, 2.0, (12, 13, 14)).astype(np.float32)
    sphere = peak_sphere(right_angled(3.0, 4.07283, 4.07283), weight)
    kernel = dense(sphere.offset, sphere.weight)
    mean = ndimage.correlate(values.astype(float), kernel, mode="constant") / ndimage.correlate(
        np.ones(values.shape), kernel, mode="constant"
    )
    everywhere = np.arange(values.size, dtype=np.int64)
    each, _ = suv_peaks(values, everywhere, np.arange(values.size + 1), sphere)
    np.testing.assert_allclose(each, mean.ravel(), rtol=1e-12)
    sites = np.sort(np.random.default_rng(8).choice(values.size, 90, replace=False))
    peak, centre = suv_peaks(values, sites, np.array([0, 30, 60, 90]), sphere)
    for n in range(3):
        part = sites[30 * n : 30 * n + 30]
        assert peak[n] == pytest.approx(mean.ravel()[part].max(), rel=1e-12)
        assert centre[n] == part[np.argmax(mean.ravel()[part])]


def test_voxels_without_a_number_do_not_count() -> None:
    values = np.full((7, 7, 7), 4.0, np.float32)
    values[3, 3, 4] = np.nan
    peak, centre = suv_peaks(values, np.array([171]), np.array([0, 1, 1]), peak_sphere(right_angled(4, 4, 4), "binary"))
    assert peak[0] == 4.0
    assert centre[0] == 171
    assert np.isnan(peak[1])
    assert centre[1] == -1


def test_sphere_index_stays_inside_the_image() -> None:
    """At a corner an eighth of the 19 voxels' lattice is left: the centre, 3 faces and 3 edges."""
    sphere = peak_sphere(right_angled(4.0, 4.0, 4.0), "binary")
    inside = sphere_index((5, 5, 5), 0, sphere)
    assert sorted(inside.tolist()) == [0, 1, 5, 6, 25, 26, 30]


def test_ibsi_digital_phantom(data_dir: Path) -> None:
    """IBSI consensus: local intensity peak 2.6, global intensity peak 3.1 (1 cm3 sphere, voxel centres)."""
    image = nibabel.load(data_dir / "ibsi" / "phantom.nii.gz")
    values = np.asarray(image.dataobj, dtype=np.float32)
    mask = np.asarray(nibabel.load(data_dir / "ibsi" / "mask.nii.gz").dataobj) > 0
    k, j, i = (float(zoom) for zoom in image.header.get_zooms())
    sphere = peak_sphere(right_angled(k, j, i), "binary")
    inside = np.flatnonzero(mask)
    highest = inside[values.ravel()[inside] == values.ravel()[inside].max()]
    (local,), _ = suv_peaks(values, highest, np.array([0, len(highest)]), sphere)
    (overall,), _ = suv_peaks(values, inside, np.array([0, len(inside)]), sphere)
    assert round(float(local), 1) == 2.6
    assert round(float(overall), 1) == 3.1


def test_other_weights_are_errors() -> None:
    with pytest.raises(ValueError, match="'soft'"):
        peak_sphere(right_angled(4, 4, 4), "soft")
