"""The body in the field of view, held against boxes whose mass is known without counting voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.steps.quantification.balance import balance_activity, share_by_length
from psmap.steps.quantification.outline import body_in_view

SPACING = (4.0, 5.0, 5.0)
SHAPE = (250, 80, 100)  # 1000 x 400 x 500 mm
BOX = (slice(None), slice(20, 60), slice(20, 80))  # 200 x 300 mm across: 60 L over the whole length
CONVERSION = SuvConversion(factors=(1.0,) * SHAPE[0], rule="made", trace=(), weight_kg=75.0, height_m=1.75)


def _grid(shape: tuple[int, int, int] = SHAPE) -> Grid:
    dk, dj, di = SPACING
    return Grid(shape, (0.0, 0.0, 0.0), ((0.0, 0.0, dk), (0.0, dj, 0.0), (di, 0.0, 0.0)))


def _pet(suv: np.ndarray) -> PetImage:
    grid = _grid(suv.shape)
    return PetImage(grid, suv.astype(np.float32), replace(CONVERSION, factors=(1.0,) * suv.shape[0]))


def _box(level: float = 1.0) -> np.ndarray:
    suv = np.zeros(SHAPE)
    suv[BOX] = level
    return suv


def test_the_mass_of_a_box_at_unit_density() -> None:
    """1.0 x 0.2 x 0.3 m of warm water: 60 kg, and 1000 mm long; blocks of 8 mm may cut the border to 3 %."""
    body = body_in_view(_pet(_box()), None)
    assert body is not None
    assert body.mass_kg == pytest.approx(60.0, rel=0.03)
    assert body.length_mm == pytest.approx(1000.0, abs=8.0)
    assert (body.measured_on, body.cut_off) == ("PET", False)


@pytest.mark.parametrize("scale", [1e-4, 0.1, 37.0, 1e6])
def test_the_outline_does_not_ask_for_the_scale(scale: float) -> None:
    """Whatever the unit of the voxels, the body is the same."""
    suv = _box() + np.random.default_rng(3).gamma(2.0, 0.01, SHAPE)
    suv[100:120, 30:40, 30:40] = 40.0
    one, other = body_in_view(_pet(suv), None), body_in_view(_pet(suv * scale), None)
    assert one is not None
    assert other is not None
    assert other.mass_kg == pytest.approx(one.mass_kg, rel=1e-6)


def test_holes_in_the_body_belong_to_it() -> None:
    suv = _box()
    suv[50:120, 30:50, 30:45] = 0.0  # lungs without uptake
    body = body_in_view(_pet(suv), None)
    assert body is not None
    assert body.mass_kg == pytest.approx(60.0, rel=0.03)


def test_a_body_that_runs_out_of_the_sides_is_cut_off() -> None:
    suv = np.ones((200, 40, 40))
    body = body_in_view(_pet(suv), None)
    assert body is not None
    assert body.cut_off
    balance = balance_activity(_pet(suv), None)
    assert balance is not None
    assert balance.trusted is None
    assert "cut the body off" in balance.not_judged


@pytest.mark.parametrize(
    ("hu", "kg_per_l"), [(0, 1.0), (-700, 0.3), (-100, 0.9), (1000, 1.6)], ids=["water", "lung", "fat", "bone"]
)
def test_the_ct_gives_densities(hu: int, kg_per_l: float) -> None:
    """60 L of one tissue in air; on a CT of other voxels, which reaches further than the PET."""
    grid = Grid((600, 200, 250), (-10.0, -50.0, -200.0), ((0.0, 0.0, 2.5), (0.0, 2.5, 0.0), (2.5, 0.0, 0.0)))
    x = -10.0 + 2.5 * np.arange(250)
    y = -50.0 + 2.5 * np.arange(200)
    inside = ((y >= 100.0) & (y < 300.0))[None, :, None] & ((x >= 100.0) & (x < 400.0))[None, None, :]
    ct = CtImage(grid, np.where(np.broadcast_to(inside, grid.shape), hu, -1000).astype(np.int16))
    body = body_in_view(_pet(_box()), ct)
    assert body is not None
    assert body.measured_on == "CT"
    assert body.mass_kg == pytest.approx(60.0 * kg_per_l, rel=0.03)
    assert body.length_mm == pytest.approx(1000.0, rel=0.01)


def test_a_ct_that_is_too_short_is_not_used() -> None:
    grid = Grid((100, 100, 125), (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    body = body_in_view(_pet(_box()), CtImage(grid, np.zeros(grid.shape, np.int16)))
    assert body is not None
    assert body.measured_on == "PET"


def test_a_ct_of_air_is_not_used() -> None:
    """Voxels of -1000 where the PET shows 60 kg: the CT lies elsewhere, or is in other units."""
    grid = Grid((300, 100, 130), (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    body = body_in_view(_pet(_box()), CtImage(grid, np.full(grid.shape, -1000, np.int16)))
    assert body is not None
    assert body.measured_on == "PET"
    assert body.mass_kg == pytest.approx(60.0, rel=0.03)


def test_an_empty_image_has_no_body() -> None:
    assert balance_activity(_pet(np.zeros(SHAPE)), None) is None


def test_without_a_weight_only_the_mean_is_judged() -> None:
    pet = _pet(_box(5.0))
    pet = PetImage(pet.grid, pet.suv.copy(), replace(pet.conversion, weight_kg=None))
    balance = balance_activity(pet, None)
    assert balance is not None
    assert (balance.activity_share, balance.weight_ratio) == (None, None)
    assert balance.mean_suv == pytest.approx(5.0, rel=0.03)
    assert balance.trusted is False


def test_shares_of_a_man() -> None:
    """Nothing of him is nothing, all of him is all; half his length in the middle holds most of his mass."""
    assert share_by_length(0.0, 1.8) == 0.0
    assert share_by_length(1800.0, 1.8) == share_by_length(2500.0, 1.8) == 1.0
    assert share_by_length(900.0, 1.8) == pytest.approx(0.72)
    lengths = np.linspace(0.0, 1800.0, 100)
    assert np.all(np.diff([share_by_length(float(length), 1.8) for length in lengths]) > 0.0)
