"""Counting vertebrae and ribs: names put right that are off by one, a count in doubt said, odd heights noticed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from standing_man import LEVELS, StandingMan, make_man

from psmap.steps.anatomy.levels import count_levels, in_order, odd_heights
from psmap.steps.anatomy.rules import number_of
from psmap.steps.anatomy.spine_count import BIN_MM, HEIGHTS_MM, best_count
from psmap.steps.anatomy.spine_line import spine_line

Bytes = npt.NDArray[np.uint8]
VERTEBRAE = [number_of(f"vertebra_{level}") for level in LEVELS]
RIBS = [[number_of(f"rib_{n}_{side}") for n in range(1, 13)] for side in ("left", "right")]


@pytest.fixture(scope="module")
def man() -> StandingMan:
    return make_man()


def shifted(labels: Bytes, who: npt.NDArray[np.bool_], by: npt.NDArray[np.int64] | int) -> Bytes:
    """Labels in which vertebrae and ribs of some voxels have a name further down."""
    found = labels.copy()
    for numbers in (VERTEBRAE, *RIBS):
        own = np.isin(labels, numbers) & who
        rank = np.searchsorted(numbers, labels[own])
        step = by if isinstance(by, int) else by[own]
        found[own] = np.array(numbers)[np.clip(rank + step, 0, len(numbers) - 1)]
    return found


def right(found: Bytes, true: Bytes, numbers: list[int]) -> float:
    own = np.isin(true, numbers)
    return float((found[own] == true[own]).mean())


def commonest(found: Bytes, true: Bytes, numbers: list[int]) -> float:
    """Share of structures in which the commonest name is their own."""
    there = [n for n in numbers if (true == n).any()]
    return float(np.mean([np.bincount(found[true == n], minlength=256).argmax() == n for n in there]))


def test_right_names_stay(man: StandingMan) -> None:
    counted = count_levels(man.labels)
    assert right(counted.labels, man.labels, VERTEBRAE) > 0.97
    assert commonest(counted.labels, man.labels, [*RIBS[0], *RIBS[1]]) == 1.0
    assert counted.probability > 0.99 and counted.notices == ()
    other = ~np.isin(man.labels, [*VERTEBRAE, *RIBS[0], *RIBS[1]])
    np.testing.assert_array_equal(counted.labels[other], man.labels[other])


def test_three_names_in_ten_one_off(man: StandingMan) -> None:
    rng = np.random.default_rng(3)
    labels = shifted(man.labels, rng.random(man.labels.shape) < 0.3, rng.choice([-1, 1], man.labels.shape))
    assert right(labels, man.labels, VERTEBRAE) < 0.75
    counted = count_levels(labels)
    assert right(counted.labels, man.labels, VERTEBRAE) > 0.93
    assert commonest(counted.labels, man.labels, [*RIBS[0], *RIBS[1]]) == 1.0


@pytest.mark.parametrize("by", [-1, 1])
def test_a_stretch_with_all_names_one_off(man: StandingMan, by: int) -> None:
    stretch = np.zeros(man.labels.shape, bool)
    stretch[70:125] = True
    labels = shifted(man.labels, stretch, by)
    assert commonest(labels, man.labels, VERTEBRAE) < 0.75
    assert commonest(labels, man.labels, [*RIBS[0], *RIBS[1]]) < 0.5
    counted = count_levels(labels)
    assert commonest(counted.labels, man.labels, VERTEBRAE) == 1.0
    assert commonest(counted.labels, man.labels, [*RIBS[0], *RIBS[1]]) > 0.8


def test_every_level_is_one_piece_and_they_follow_one_another(man: StandingMan) -> None:
    rng = np.random.default_rng(8)
    labels = shifted(man.labels, rng.random(man.labels.shape) < 0.3, rng.choice([-1, 1], man.labels.shape))
    counted = count_levels(labels)
    middles = []
    for number in VERTEBRAE:
        pieces, _ = ndimage.label(counted.labels == number, np.ones((3, 3, 3)))
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() > 0.97 * sizes.sum()
        middles.append(np.argwhere(pieces)[:, 0].mean())
    assert (np.diff(middles) < 0).all()


def test_a_count_in_doubt_is_said(man: StandingMan) -> None:
    """Four vertebrae without an end, half of whose voxels say one level and half the next."""
    labels = np.where(np.isin(man.labels, [*VERTEBRAE[12:16]]), man.labels, np.uint8(0))
    rng = np.random.default_rng(2)
    labels = shifted(labels, rng.random(labels.shape) < 0.5, 1)
    counted = count_levels(labels)
    assert 0.4 < counted.probability < 0.8
    assert "probability" in counted.notices[0] and "one too high or too low" in counted.notices[0]
    clear = count_levels(np.where(np.isin(man.labels, VERTEBRAE[12:16]), man.labels, np.uint8(0)))
    assert clear.probability > 0.9


def test_twice_the_usual_height_is_noticed() -> None:
    heights = list(HEIGHTS_MM)
    heights[20] *= 2.0  # two vertebrae under one name, L2
    votes = np.repeat(np.eye(24) * 50.0, np.rint(np.array(heights) / BIN_MM).astype(int), axis=0)
    count = best_count(votes, (True, True))
    assert count is not None and count.levels == tuple(range(24))
    np.testing.assert_allclose(np.diff(count.cuts_mm), heights, atol=2.0 * BIN_MM)
    (notice,) = odd_heights(count)
    assert notice.startswith(("L2 has 1.9 times", "L2 has 2.0 times"))


def test_cuts_are_found_where_votes_change() -> None:
    votes = np.zeros((60, 24))
    votes[:14, 19], votes[14:31, 20], votes[31:49, 21], votes[49:, 22] = 30.0, 30.0, 30.0, 30.0
    count = best_count(votes, (False, False))
    assert count is not None
    assert count.levels == (19, 20, 21, 22) and count.shifts == (0, 0, 0, 0)
    np.testing.assert_allclose(count.cuts_mm, [0.0, 28.0, 62.0, 98.0, 120.0])
    np.testing.assert_allclose(count.at(np.array([14.0, 62.0, 80.0])), [19.5, 21.0, 21.5])


def test_the_line_of_a_straight_slanted_spine() -> None:
    spine = np.zeros((60, 50, 40), bool)
    for k in range(60):
        front = 8 + round(0.5 * k)
        spine[k, front : front + 7, 15:24] = True
    line = spine_line(spine)
    assert line is not None
    length = float(np.hypot(4.0, 2.0))
    assert line.down[0] == pytest.approx(59 * length, rel=0.03)
    down, behind, aside = line.along(np.array([[30, 26, 19], [30, 27, 22]]))
    # square to the slant, a voxel behind belongs further up the line than its slice says
    assert down[1] < down[0]
    assert behind[0] == pytest.approx(0.0, abs=1.5) and aside[1] - aside[0] == pytest.approx(12.0, abs=0.5)
    assert spine_line(np.zeros((5, 5, 5), bool)) is None


def test_ribs_in_order_as_tried_out_by_hand() -> None:
    rng = np.random.default_rng(0)
    fits = rng.normal(size=(3, 12))
    best = max(
        ((a, b, c) for a in range(12) for b in range(a + 1, 12) for c in range(b + 1, 12)),
        key=lambda abc: sum(fits[n, rib] for n, rib in enumerate(abc)),
    )
    assert in_order(fits) == best
    assert in_order(np.zeros((0, 12))) == ()


def test_nothing_to_count() -> None:
    labels = np.full((20, 20, 20), number_of("liver"), np.uint8)
    counted = count_levels(labels)
    assert counted.labels is labels and counted.probability == 1.0 and counted.notices == ()
