"""How the few hot loops are compiled: by numba, in nopython mode, once per machine.

The compiled code is kept on disk (``cache=True``), so that only the first run after an install pays for it. Loops
run in one thread and release Python's lock; nothing here starts a pool of its own, so that processes may be forked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """The same function, compiled at its first call; its Python form stays at ``.py_func``.

    Where no folder for compiled code can be written (a read-only installation without a home), numba refuses to
    cache; the loop is then compiled in every process anew.
    """
    try:
        return cast(Callable[P, R], njit(cache=True, nogil=True)(loop))
    except RuntimeError:
        return cast(Callable[P, R], njit(nogil=True)(loop))
