"""Which numbers a label map holds, without sorting it: a map may have 200 million voxels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def numbers_in(labels: npt.NDArray[np.integer]) -> frozenset[int]:
    """The numbers over 0 with at least one voxel in a map of whole numbers from 0 on, [k, j, i]."""
    held = np.zeros(int(labels.max(initial=0)) + 1, np.bool_)
    for part in labels:
        held[part.reshape(-1)] = True
    return frozenset(int(number) for number in np.flatnonzero(held)) - {0}
