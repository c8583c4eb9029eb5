"""Findings as a label map: every voxel of a site carries the finding's number, all others 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.domain.uptake import Finding


def findings_label_map(findings: Sequence[Finding], grid: Grid) -> LabelImage:
    """The label map of findings on the grid of their PET, int32 [k, j, i]; names are 'site 1', 'site 2', ...

    Raises:
        ValueError: two findings share a number or a voxel, or a voxel lies outside the grid.
    """
    numbers = {finding.site.id: finding.site.id for finding in findings}
    names = {number: f"site {number}" for number in numbers}
    return LabelImage(grid, painted(findings, grid, numbers, np.int32), names)


def painted(
    findings: Sequence[Finding], grid: Grid, numbers: Mapping[int, int], dtype: type[np.integer[Any]]
) -> npt.NDArray[Any]:
    """An array [k, j, i] of `dtype` in which every voxel of finding f holds `numbers[f]`, all others 0.

    Raises:
        ValueError: two findings share a number or a voxel, or a voxel lies outside the grid.
    """
    if len(numbers) != len(findings) or min(numbers.values(), default=1) < 1:
        raise ValueError("findings need different numbers from 1 on")
    flat = np.zeros(grid.size, dtype=dtype)
    for finding in findings:
        site = finding.site
        if site.index.size and (site.index[0] < 0 or site.index[-1] >= grid.size):
            raise ValueError(f"site {site.id} has voxels outside the grid")
        if flat[site.index].any():
            raise ValueError(f"site {site.id} shares voxels with another site")
        flat[site.index] = numbers[site.id]
    return flat.reshape(grid.shape)
