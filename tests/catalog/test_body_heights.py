"""Usual heights name what the network tells apart, in the order of the body; a table that is none is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest

from psmap.catalog.anatomy_labels import load_labels
from psmap.catalog.body_heights import load_body_heights, parse_body_heights


def test_heights_are_of_labels_and_stations() -> None:
    table = load_labels()
    named = (*(label.id for label in table.labels), *table.stations)
    ids = {name.removesuffix("_left").removesuffix("_right") for name in named}
    assert set(load_body_heights()) <= ids


def test_vertebrae_and_ribs_stand_in_order() -> None:
    heights = load_body_heights()
    spine = [f"vertebra_{region}{n}" for region, count in (("c", 7), ("t", 12), ("l", 5)) for n in range(1, count + 1)]
    for column in (spine, [f"rib_{n}" for n in range(1, 13)]):
        fall = [heights[above] - heights[below] for above, below in pairwise(column)]
        assert min(fall) > 5.0
    # cervical 13 to 20, thoracic 20 to 28, lumbar 28 to 40 mm from middle to middle: Gray's Anatomy, as the men have it
    assert heights["vertebra_l1"] - heights["vertebra_l5"] == pytest.approx(4 * 30.0, abs=12.0)


@pytest.mark.parametrize("text", ["", "source = 'x'", "source = 'long enough'\n[height_mm]\nliver = 'high'", "= ="])
def test_no_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="body_heights"):
        parse_body_heights(text)
