"""Compiled loops work where their code can be kept, and where it cannot."""

from __future__ import annotations

import pytest
from numba.core.caching import CacheImpl

from psmap.numerics.compiled import compiled


def triangle(n: int) -> int:
    total = 0
    for step in range(n + 1):
        total += step
    return total


@pytest.mark.parametrize("writable", [True, False])
def test_the_sum_of_the_first_hundred_numbers(writable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not writable:
        monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert compiled(triangle)(100) == 5050
