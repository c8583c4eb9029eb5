"""A focus on CT against closed forms: as much soft tissue as its volume, dense bone in bone, noise as in the slice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from psmap.domain.geometry import Grid
from psmap.phantom.hounsfield import noise_hu, water_diameter_cm
from psmap.phantom.lesions import DrawnFocus, FocusKind, paint_focus
from psmap.phantom.lesions.focus import UPRIGHT, volume_of_sphere_ml
from psmap.phantom.lesions.on_ct import SOFT_CONTRAST_HU, SOFT_HU, put_on_ct
from psmap.phantom.lesions.placing import TrueSite
from psmap.phantom.tomograph import Conditions

GRID = Grid((25, 25, 25), (-48.0, -48.0, -48.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
FAT_HU = -100
QUIET = Conditions("68Ga", 150.0, 60.0, tube_mas=1e9)


def site(kind: FocusKind, across_mm: float, dense_hu: float | None = None) -> TrueSite:
    drawn = DrawnFocus(kind, None, "x", volume_of_sphere_ml(across_mm), (1.0, 1.0, 1.0), UPRIGHT, 9.0)
    return TrueSite(1, drawn, (1.0, -0.5, 0.7), dense_hu=dense_hu)


def ct_with(one: TrueSite, how: Conditions = QUIET) -> npt.NDArray[np.int16]:
    hu = np.full(GRID.shape, FAT_HU, np.int16)
    spot = paint_focus(np.zeros(GRID.shape, np.float32), GRID, one.centre_mm, one.focus)
    assert spot is not None
    put_on_ct(hu, spot, one, GRID, how, np.random.default_rng(1))
    return hu


@pytest.mark.parametrize("across_mm", [5.0, 7.0, 20.0])
@pytest.mark.parametrize("kind", [FocusKind.NODE, FocusKind.VISCERAL, FocusKind.LOCAL_RECURRENCE])
def test_soft_tissue_in_fat_is_as_much_as_the_focus(kind: FocusKind, across_mm: float) -> None:
    """A node of 5 mm is on the CT too: the Hounsfield units over fat add up to its volume."""
    one = site(kind, across_mm)
    for how, level in ((QUIET, SOFT_HU), (replace(QUIET, contrast=True), SOFT_CONTRAST_HU)):
        more = ct_with(one, how).astype(float) - FAT_HU
        found = more.sum() * GRID.voxel_ml / (level - FAT_HU)
        assert found == pytest.approx(one.focus.volume_ml, rel=0.05)


def test_only_dense_bone_and_only_what_is_large_enough_shows() -> None:
    assert ct_with(site(FocusKind.BONE, 15.0, 700.0)).max() == 700
    for nothing in (site(FocusKind.BONE, 15.0), site(FocusKind.URETER, 8.0), site(FocusKind.NODE, 2.5)):
        assert np.all(ct_with(nothing) == FAT_HU)


def test_a_focus_is_as_noisy_as_its_slice() -> None:
    how = replace(QUIET, tube_mas=60.0)
    hu = ct_with(site(FocusKind.NODE, 60.0), how)
    away = np.linalg.norm(GRID.to_mm(np.argwhere(np.ones(GRID.shape, np.bool_))) - (1.0, -0.5, 0.7), axis=1)
    inside = hu.reshape(-1)[away < 26.0]
    level = noise_hu(water_diameter_cm(np.full((1, 25, 25), FAT_HU, np.float32), GRID), GRID, how)[0]
    assert inside.mean() == pytest.approx(SOFT_HU, abs=1.0)
    assert inside.std() == pytest.approx(float(level), rel=0.12)
