"""The reference man's mass by height, against what others measured of the parts of men."""

from __future__ import annotations

import numpy as np
import pytest

from psmap.catalog.mass_by_height import load_mass_by_height, parse_mass_by_height

ROWS = "z_mm = [0, 10]\nup = [0.0, 1.0]\ndown = [0.0, 1.0]\nwithout = [0.0, 0.9]\n"
SOURCE = "source = 'made up for this test'\n"
KNEE_MM, CHIN_MM = -556.0, 500.0


def test_shanks_and_feet_weigh_what_they_do_in_men() -> None:
    """Two shanks and feet are 2 x (4.33 + 1.37) % of a man (de Leva 1996, J Biomech 29:1223)."""
    table = load_mass_by_height()
    below = float(np.interp(KNEE_MM, table.z_mm, table.up))
    assert below == pytest.approx(2 * (0.0433 + 0.0137), rel=0.1)


def test_the_head_weighs_what_it_does_in_men() -> None:
    """A head with part of the neck is 6.94 % of a man (the same); from the chin up it is less, and more than 5 %."""
    table = load_mass_by_height()
    assert 0.05 < 1.0 - float(np.interp(CHIN_MM, table.z_mm, table.down)) < 0.075


def test_raised_arms_lie_above_the_head_and_hanging_ones_below_the_shoulders() -> None:
    table = load_mass_by_height()
    at_vertex = [float(np.interp(730.0, table.z_mm, row)) for row in (table.up, table.down)]
    assert at_vertex[0] < 0.98
    assert at_vertex[1] == pytest.approx(1.0, abs=1e-3)
    assert 0.06 < 1.0 - table.without[-1] < 0.12  # both arms: 9.9 % with the shoulders' share (de Leva 1996)
    assert np.interp(0.0, table.z_mm, table.down) > np.interp(0.0, table.z_mm, table.up)


def test_the_whole_man_is_one_and_no_share_falls() -> None:
    table = load_mass_by_height()
    for row in (table.up, table.down):
        assert (row[0], row[-1]) == (0.0, 1.0)
        assert np.all(np.diff(row) >= 0.0)
    assert np.all(np.array(table.without) <= np.array(table.down) + 1e-3)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("[0, 10]", "[10, 0]"),
        ("up = [0.0, 1.0]", "up = [0.0, 1.0, 1.0]"),
        ("up = [0.0, 1.0]", "up = [0.1, 1.0]"),
        ("down = [0.0, 1.0]", "down = [0.0, 1.1]"),
        ("without", "with_out"),
        ("source", "sauce"),
    ],
)
def test_a_wrong_table_is_refused(was: str, becomes: str) -> None:
    parse_mass_by_height(SOURCE + ROWS)
    with pytest.raises(ValueError, match=r"mass_by_height\.toml"):
        parse_mass_by_height((SOURCE + ROWS).replace(was, becomes, 1))
