"""CT and PET on cubes of 4 mm: ramps and means kept, turned images, fields of view, and labels back again."""

from __future__ import annotations

import numpy as np
import pytest

from psmap.domain.geometry import Grid, Vector
from psmap.domain.image import CtImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.steps.anatomy.working_grid import in_view, labels_on, working_grid, working_scan

Axes = tuple[Vector, Vector, Vector]
FINE: Axes = ((0.0, 0.0, 1.5), (0.0, 0.98, 0.0), (0.98, 0.0, 0.0))
FEET_FIRST: Axes = ((0.0, 0.0, -1.5), (0.0, -0.98, 0.0), (-0.98, 0.0, 0.0))
SAGITTAL: Axes = ((1.5, 0.0, 0.0), (0.0, 0.0, -0.98), (0.0, 0.98, 0.0))
SLOPE = np.array([3.0, -2.0, 1.5])


def turned(degrees: float) -> Axes:
    """Axes of `FINE` turned about x, and a little about z."""
    a, b = np.deg2rad(degrees), np.deg2rad(0.5 * degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    k, j, i = (np.array(FINE) @ (about_x @ about_z).T).tolist()
    return (k[0], k[1], k[2]), (j[0], j[1], j[2]), (i[0], i[1], i[2])


def ramp(axes: Axes, shape: tuple[int, int, int] = (40, 60, 66)) -> CtImage:
    """HU that rise evenly along a slant, about 0 in the middle."""
    grid = Grid(shape, (12.0, -7.0, 31.0), axes)
    points = grid.to_mm(np.indices(shape).reshape(3, -1).T)
    hu = (points - points.mean(axis=0)) @ SLOPE
    return CtImage(grid, np.rint(hu).astype(np.int16).reshape(shape))


def pet(grid: Grid, suv: np.ndarray) -> PetImage:
    return PetImage(grid, suv.astype(np.float32), SuvConversion((1.0,), "test", ()))


@pytest.mark.parametrize("axes", [FINE, FEET_FIRST, SAGITTAL, turned(12.0)], ids=["fine", "feet", "sagittal", "turned"])
def test_what_rises_evenly_stays_as_it_is(axes: Axes) -> None:
    ct = ramp(axes)
    scan = working_scan(ct, None)
    assert scan.ct is not None and scan.densest is not None
    middle = ct.grid.to_mm(np.indices(ct.grid.shape).reshape(3, -1).T).mean(axis=0)
    points = scan.grid.to_mm(np.indices(scan.grid.shape).reshape(3, -1).T)
    inside = np.all(np.abs(ct.grid.to_index(points) - 0.5 * (np.array(ct.grid.shape) - 1)) * ct.grid.spacing_mm
                    < 0.5 * np.array(ct.grid.shape) * ct.grid.spacing_mm - 6.0, axis=1)  # fmt: skip
    want = (points - middle) @ SLOPE
    # HU are whole numbers, rounded by up to a half
    np.testing.assert_allclose(scan.ct.reshape(-1)[inside], want[inside], atol=0.3)
    # the densest part of 2 mm lies 1 mm off along every axis
    np.testing.assert_allclose(scan.densest.reshape(-1)[inside], want[inside] + np.abs(SLOPE).sum(), atol=0.5)
    assert int(inside.sum()) > 200


def test_the_mean_of_noise_is_kept_and_nothing_folds_over() -> None:
    rng = np.random.default_rng(4)
    shape = (64, 96, 96)
    grid = Grid(shape, (0.5, 0.5, 0.5), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    hu = rng.normal(40.0, 100.0, shape)
    stripes = 500.0 * (-1.0) ** np.arange(96)  # finer than any cube: gone, not folded over
    scan = working_scan(CtImage(grid, np.rint(hu + stripes).astype(np.int16)), None)
    assert scan.ct is not None and scan.grid.shape == (16, 24, 24)
    inner = scan.ct[:, :, 1:-1]
    assert inner.mean() == pytest.approx(np.rint(hu).mean(), abs=1.0)
    # a mean over 64 voxels has an eighth of the noise; a little less where neighbours share voxels
    assert 8.0 < inner.std() < 14.0


def test_slabs_join_without_a_seam() -> None:
    ct = ramp(FINE, (90, 30, 30))
    one, two = working_scan(ct, None, threads=1), working_scan(ct, None, threads=3)
    assert one.ct is not None and two.ct is not None
    np.testing.assert_array_equal(one.ct, two.ct)
    steps = np.diff(one.ct[2:-2, 4, 4])
    np.testing.assert_allclose(steps, SLOPE[2] * 4.0, atol=0.5)


def test_union_of_both_fields_of_view() -> None:
    own = Grid((20, 20, 20), (0.0, 0.0, 0.0), ((0, 0, 2.0), (0, 2.0, 0), (2.0, 0, 0)))
    ct = CtImage(own, np.full((20,) * 3, 7, np.int16))
    grid = Grid((12, 12, 12), (-20.0, -20.0, 20.0), ((0, 0, 5.0), (0, 5.0, 0), (5.0, 0, 0)))
    scan = working_scan(ct, pet(grid, np.full((12, 12, 12), 2.5)))
    assert scan.ct is not None and scan.pet is not None
    low = np.array(scan.grid.origin_mm) - 2.0
    np.testing.assert_allclose(low, (-22.5, -22.5, -1.0))
    assert np.isnan(scan.ct).any() and np.isnan(scan.pet).any()
    assert set(np.unique(scan.ct[np.isfinite(scan.ct)])) == {7.0}
    np.testing.assert_allclose(scan.pet[np.isfinite(scan.pet)], 2.5)
    # a CT of 40 mm along z and a PET from 17.5 to 77.5
    points = scan.grid.to_mm([[k, 0, 0] for k in range(scan.grid.shape[0])])[:, 2]
    has_pet = np.isfinite(scan.pet).any(axis=(1, 2))
    np.testing.assert_array_equal(has_pet, (points >= 17.5) & (points <= 77.5))
    has_ct = np.isfinite(scan.ct).any(axis=(1, 2))
    np.testing.assert_array_equal(has_ct, (points >= -1.0) & (points <= 39.0))
    np.testing.assert_array_equal(in_view(scan), np.isfinite(scan.ct) | np.isfinite(scan.pet))
    with pytest.raises(ValueError, match="needed"):
        working_grid([])


def test_what_lies_outside_a_cts_circle_is_air() -> None:
    hu = np.full((8, 8, 8), -3024, np.int16)
    grid = Grid(hu.shape, (0.0, 0.0, 0.0), ((0, 0, 4.0), (0, 4.0, 0), (4.0, 0, 0)))
    scan = working_scan(CtImage(grid, hu), None)
    assert scan.ct is not None
    np.testing.assert_allclose(scan.ct, -1024.0)


def test_pet_is_linear_and_ends_with_its_field() -> None:
    grid = Grid((10, 11, 12), (3.0, 4.0, 5.0), turned(9.0))
    affine = grid.affine_lps
    affine[:3, :3] *= 4.0
    coarse = Grid.from_affine_lps(affine, grid.shape)
    points = coarse.to_mm(np.indices(coarse.shape).reshape(3, -1).T)
    suv = (5.0 + 0.01 * (points - points[0]) @ SLOPE).reshape(coarse.shape)
    scan = working_scan(None, pet(coarse, suv))
    assert scan.pet is not None and scan.ct is None
    at = scan.grid.to_mm(np.indices(scan.grid.shape).reshape(3, -1).T)
    index = coarse.to_index(at)
    inside = np.all((index >= 0.0) & (index <= np.array(coarse.shape) - 1.0), axis=1)
    want = 5.0 + 0.01 * (at - points[0]) @ SLOPE
    np.testing.assert_allclose(scan.pet.reshape(-1)[inside], want[inside], rtol=1e-5)
    outside = np.any((index < -0.5) | (index > np.array(coarse.shape) - 0.5), axis=1)
    assert np.isnan(scan.pet.reshape(-1)[outside]).all()


@pytest.mark.parametrize("axes", [FINE, FEET_FIRST, SAGITTAL, turned(20.0)], ids=["fine", "feet", "sagittal", "turned"])
def test_labels_come_back_by_the_nearest_voxel(axes: Axes) -> None:
    own = Grid((9, 10, 11), (-4.0, 6.0, 2.0), ((0, 0, 4.0), (0, 4.0, 0), (4.0, 0, 0)))
    labels = np.random.default_rng(2).integers(0, 200, own.shape).astype(np.uint8)
    target = Grid((24, 30, 26), (0.1, 1.2, 3.3), axes)
    found = labels_on(labels, own, target)
    index = np.floor(own.to_index(target.to_mm(np.indices(target.shape).reshape(3, -1).T)) + 0.5).astype(int)
    inside = np.all((index >= 0) & (index < np.array(own.shape)), axis=1)
    want = np.zeros(target.size, np.uint8)
    want[inside] = labels[tuple(index[inside].T)]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.reshape(-1), want)
