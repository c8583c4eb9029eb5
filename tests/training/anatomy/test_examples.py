"""Men for training: wide but whole, the same for the same seed, complete on disc."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from man_of_boxes import man_of_boxes

from psmap.catalog.anatomy_labels import load_labels
from psmap.phantom.anatomy.draw import BMI_RANGE, HEIGHT_M
from psmap.training.anatomy.examples import Chunk, Example, make_chunk, path_of, read_example, write_example
from psmap.training.anatomy.wide_men import SPREADS, draw_wide_choices, draw_wide_man


@pytest.fixture
def boxes() -> Example:
    return man_of_boxes()


def test_choices_fill_their_ranges_and_never_gainsay() -> None:
    drawn = [draw_wide_choices(np.random.default_rng(seed)) for seed in range(300)]
    heights = [choice.height_m for choice in drawn if choice.height_m is not None]
    assert HEIGHT_M[2] <= min(heights) < HEIGHT_M[2] + 0.02
    assert HEIGHT_M[3] - 0.02 < max(heights) <= HEIGHT_M[3]
    assert all(BMI_RANGE[0] <= (choice.bmi or 0.0) <= BMI_RANGE[1] for choice in drawn)
    assert 0.4 < np.mean([choice.prostatectomy is True for choice in drawn]) < 0.6


def test_a_wide_man_is_the_man_of_his_dice_and_still_invertible() -> None:
    man, again = (draw_wide_man(np.random.default_rng(5)) for _ in range(2))
    assert man == again
    assert set(SPREADS) <= set(man.organs)
    for seed in range(20):
        bend = draw_wide_man(np.random.default_rng(seed)).bend
        # space does not fold: the gradients of all waves together stay under one
        steepest = sum(2 * np.pi * np.linalg.norm(w.amplitude_mm) * np.linalg.norm(w.per_mm) for w in bend.waves)
        assert steepest < 1.0


def test_an_example_survives_the_disc(boxes: Example, tmp_path: Path) -> None:
    write_example(tmp_path / "man.npz", boxes)
    back = read_example(tmp_path / "man.npz")
    for name in ("ct", "pet", "labels", "stations"):
        np.testing.assert_array_equal(getattr(back, name), getattr(boxes, name))
    assert back.about == boxes.about
    assert [path.name for path in tmp_path.iterdir()] == ["man.npz"]


@pytest.mark.train
def test_a_man_is_made_once(tmp_path: Path) -> None:
    make_chunk(Chunk(tmp_path, (3,)))
    path = path_of(tmp_path, 3)
    made = path.stat().st_mtime_ns
    make_chunk(Chunk(tmp_path, (3,)))
    assert path.stat().st_mtime_ns == made
    man = read_example(path)
    assert man.ct.shape == man.pet.shape == man.labels.shape == man.stations.shape
    liver = man.labels == next(label.number for label in load_labels().labels if label.id == "liver")
    # a liver of 0.7 to 3.5 L that looks like one
    assert 0.7e6 / 64 < liver.sum() < 3.5e6 / 64
    assert 40 < np.median(man.ct[liver]) < 160
    assert man.stations.max() <= len(load_labels().stations)
