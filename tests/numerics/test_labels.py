"""Numbers of a label map, against numpy's own sorting."""

from __future__ import annotations

import numpy as np
import pytest

from psmap.numerics.labels import numbers_in


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32])
def test_the_numbers_are_those_that_sorting_finds(kind: type[np.integer]) -> None:
    labels = np.random.default_rng(3).choice(np.array([0, 0, 2, 7, 200], kind), (4, 5, 6))
    for view in (labels, labels[::2, ::-1], labels.T):
        assert numbers_in(view) == set(np.unique(view).tolist()) - {0}
    assert numbers_in(np.zeros((2, 2, 2), kind)) == frozenset()
    assert numbers_in(np.zeros((0, 2, 2), kind)) == frozenset()
