"""Measures are what their formulas say: Dice, distances of surfaces, names."""

from __future__ import annotations

import numpy as np
import pytest

from psmap.training.anatomy.measures import dice_by_label, names_right, surface_mm


def test_dice_of_two_boxes() -> None:
    true, found = np.zeros((2, 20, 20, 20), np.uint8)
    true[5:15, 5:15, 5:15] = 3
    found[10:20, 5:15, 5:15] = 3
    assert dice_by_label(found, true, 5) == {3: pytest.approx(0.5)}


def test_surfaces_three_voxels_apart() -> None:
    true, found = np.zeros((2, 20, 20, 20), bool)
    true[5, 2:18, 2:18] = True
    found[8, 2:18, 2:18] = True
    assert surface_mm(found, true, 4.0) == pytest.approx((12.0, 12.0))
    assert surface_mm(true, true, 4.0) == (0.0, 0.0)
    assert surface_mm(~(true | ~true), true, 4.0) == (float("inf"), float("inf"))


def test_names_go_by_the_commonest_of_their_kind() -> None:
    true, found = np.zeros((2, 6, 10, 10), np.uint8)
    true[0:2], true[2:4], true[4:6] = 1, 2, 3
    found[0:2], found[2:4] = 1, 3
    found[2, :2] = 2
    assert names_right(found, true, [1, 2, 3]) == (1, 3)
