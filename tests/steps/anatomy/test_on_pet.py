"""The anatomy on the PET's grid: against a slow truth on every kind of grid, and against the volume of a ball."""

from __future__ import annotations

import numpy as np
import pytest
from measured_men import anatomy, ball, cubes, digital_man
from scipy.ndimage import map_coordinates

from psmap.catalog.load import tracer_by_name
from psmap.domain.anatomy import Anatomy
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.steps.anatomy.on_pet import bring_to_pet, ids_like, liver_on_pet, nearest_labels, voxels_of
from psmap.steps.detection.thresholds import liver_threshold_suv


def turned(shape: tuple[int, int, int], mm: tuple[float, float, float], degrees: tuple[float, float]) -> Grid:
    """A grid turned about x and z, off the origin."""
    a, b = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag(mm[::-1])
    affine[:3, 3] = affine[:3, :3] @ (-0.5 * np.array(shape[::-1], float)) + (3.3, -2.1, 1.7)
    return Grid.from_affine_lps(affine, shape)


def reordered(grid: Grid, order: tuple[int, int, int], flip: int) -> Grid:
    """The same lattice with its axes in another order and one of them run backwards."""
    k, j, i = (np.array(axis) for axis in grid.axes_mm)
    axes, origin = [k, j, i], np.array(grid.origin_mm)
    origin = origin + axes[flip] * (grid.shape[flip] - 1)
    axes[flip] = -axes[flip]
    new = np.eye(4)
    chosen = [axes[n] for n in order]
    new[:3, 0], new[:3, 1], new[:3, 2], new[:3, 3] = chosen[2], chosen[1], chosen[0], origin
    shape = grid.shape[order[0]], grid.shape[order[1]], grid.shape[order[2]]
    return Grid.from_affine_lps(new, shape)


STRAIGHT = (0.0, 0.0)
CT_SHAPE, CT_MM = (31, 40, 44), (3.0, 1.37, 1.37)
CT, PET = turned(CT_SHAPE, CT_MM, STRAIGHT), turned((19, 17, 20), (4.07, 4.01, 4.01), STRAIGHT)
CASES = {
    "itself": (CT, CT),
    "coarser": (CT, PET),
    "finer": (CT, turned((50, 61, 40), (1.1, 0.93, 1.3), STRAIGHT)),
    "axes in another order, one backwards": (reordered(CT, (2, 0, 1), 1), PET),
    "the map oblique": (turned(CT_SHAPE, CT_MM, (11.0, -7.0)), PET),
    "the PET oblique": (CT, turned((19, 17, 20), (4.07, 4.01, 4.01), (-20.0, 33.0))),
    "both, alike": (turned(CT_SHAPE, CT_MM, (9.0, 5.0)), turned((19, 17, 20), (4.07, 4.01, 4.01), (9.0, 5.0))),
}


@pytest.mark.parametrize("case", CASES)
def test_labels_are_those_of_scipy_at_order_nought(case: str) -> None:
    source, target = CASES[case]
    labels = np.random.default_rng(3).integers(0, 200, source.shape).astype(np.uint8)
    found, inside = nearest_labels(labels, source, target)
    at = source.to_index(target.to_mm(np.indices(target.shape).reshape(3, -1).T)).T
    clear = np.all(np.abs(at - np.floor(at) - 0.5) > 1e-5, axis=0).reshape(target.shape)
    assert np.count_nonzero(~clear) < 0.1 * clear.size  # centres on a border, where programs may differ
    slow = map_coordinates(labels.astype(float), at, order=0, mode="grid-constant", cval=0.0).reshape(target.shape)
    assert np.array_equal(found[clear], slow[clear])
    within = np.all((at > -0.5) & (at < np.array(source.shape)[:, None] - 0.5), axis=0)
    assert np.array_equal(inside[clear], within.reshape(target.shape)[clear])
    assert found.dtype == np.uint8
    assert inside.any()


def test_a_centre_on_the_border_of_two_voxels_is_in_the_upper_one() -> None:
    source = cubes((2, 2, 4), 2.0)
    target = Grid((1, 1, 3), (-2.0, -1.0, -1.0), ((0.0, 0.0, 2.0), (0.0, 2.0, 0.0), (2.0, 0.0, 0.0)))
    labels = np.tile(np.array([1, 2, 3, 4], np.uint16), (2, 2, 1))
    found, _ = nearest_labels(labels, source, target)
    assert found.reshape(-1).tolist() == [2, 3, 4]


@pytest.mark.parametrize("degrees", [(0.0, 0.0), (13.0, 21.0)])
def test_a_ball_keeps_its_volume_and_its_place(degrees: tuple[float, float]) -> None:
    """4/3 pi r^3 = 113.1 mL at 30 mm."""
    source, target = turned((60, 70, 70), (1.7, 1.2, 1.2), degrees), cubes((40, 40, 40), 2.5)
    found, _ = nearest_labels(ball(source, (4.0, -3.0, 2.0), 30.0).astype(np.uint8), source, target)
    volume_ml = np.count_nonzero(found) * target.voxel_ml
    assert volume_ml == pytest.approx(113.1, rel=0.01)
    assert target.to_mm(np.argwhere(found)).mean(axis=0) == pytest.approx([4.0, -3.0, 2.0], abs=0.1)


def test_a_map_that_does_not_meet_the_pet_is_nowhere() -> None:
    labels = np.ones((4, 4, 4), np.int32)
    away = Grid((5, 5, 5), (500.0, 0.0, 0.0), cubes((5, 5, 5), 4.0).axes_mm)
    for target in (away, turned((5, 5, 5), (4.0, 4.0, 4.0), (10.0, 10.0))):
        found, inside = nearest_labels(
            labels, Grid((4, 4, 4), (-300.0, 0.0, 0.0), cubes((4, 4, 4), 4.0).axes_mm), target
        )
        assert not found.any()
        assert not inside.any()


def test_labels_keep_the_smallest_type_that_holds_them() -> None:
    grid = cubes((2, 3, 4), 4.0)
    for highest, dtype in ((255, np.uint8), (256, np.uint16), (70000, np.uint32)):
        labels = np.zeros(grid.shape, np.int32)
        labels[1, 2, 3] = highest
        found, _ = nearest_labels(labels, grid, grid)
        assert found.dtype == dtype
        assert int(found.max()) == highest
    with pytest.raises(ValueError, match="do not fit"):
        nearest_labels(np.zeros((2, 2, 2), np.uint8), grid, grid)


def test_voxels_of_a_structure_are_those_that_bear_its_number() -> None:
    man, truth = digital_man()
    on_pet = bring_to_pet(truth, man.grid)
    assert np.array_equal(on_pet.labels, truth.labels.labels)
    assert on_pet.inside.all()
    for name in ("liver", "kidney_cortex_left"):
        number = next(n for n, other in truth.labels.names.items() if other == name)
        assert np.array_equal(voxels_of(on_pet, (name,)), np.flatnonzero(truth.labels.labels == number))
    both = voxels_of(on_pet, ids_like(on_pet, ("kidney_cortex_*",)))
    assert np.all(np.diff(both) > 0)
    assert ids_like(on_pet, ("parotid_*",)) == ("parotid_left", "parotid_right")
    assert len(voxels_of(on_pet, ("no such organ",))) == 0
    assert sum(part.stop - part.start for part in on_pet.of_number.values()) == np.count_nonzero(truth.labels.labels)


def test_the_liver_is_a_mask_that_the_liver_threshold_takes() -> None:
    """SUVmean 5.0 and SD 1.0 give 4.30 (1 + 1 / 5) = 5.16."""
    grid = cubes((20, 20, 20), 4.0)
    mask = ball(grid, (0.0, 0.0, 0.0), 30.0)
    drawn: Anatomy = anatomy(grid, {"spleen": ~mask, "liver": mask})
    suv = np.zeros(grid.shape, np.float32)
    inside = np.flatnonzero(mask)
    suv.reshape(-1)[inside] = np.where(np.arange(len(inside)) % 2, 4.0, 6.0)
    pet = PetImage(grid, suv, SuvConversion((1.0,) * 20, "made", ()))
    liver = liver_on_pet(bring_to_pet(drawn, grid))
    assert isinstance(liver, LabelImage)
    assert liver_threshold_suv(pet, liver, tracer_by_name("psma-11")) == pytest.approx(5.16, abs=0.01)
    assert liver_on_pet(bring_to_pet(anatomy(grid, {"spleen": mask}), grid)) is None
