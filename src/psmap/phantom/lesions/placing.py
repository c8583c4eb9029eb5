"""Foci put in their places: each in its structure or station, turned so that it fits there, none in another.

Every focus has dice of its own, by what it is and its number among its like, so that one more moves no other except by
taking its place. Lesions are placed first, in their order; a focus keeps clear of those before it. It is tried at
several points, the first that fits is taken, and where none does, the best of them: a place may be full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.nodes import points_in
from psmap.phantom.anatomy.paint import Structure
from psmap.phantom.lesions.fitting import (
    MOST_LONG,
    Spot,
    near_mm,
    overlap,
    settled,
    shapes,
    share_in_any,
    share_outside,
    spots,
)
from psmap.phantom.lesions.focus import Benign, DrawnFocus, FocusKind
from psmap.phantom.lesions.rooms import Room, Rooms

TRIES, SCATTERED, ROUNDS = 12, 500, 40
"""Points that a focus is tried at, and how they are looked for: so many at a time, so many times."""
GOOD = 0.02
"""A focus that lies so little (share of its volume) where it should not is where it should be."""
PRESSED_MM = 1.0
"""So deep a focus may press into what it keeps out of."""
CORTEX_HU = (300.0, 900.0)
"""How dense an osteoblastic focus may be on CT (as read off clinical CT; ours)."""
_KEEPS_SHAPE = (FocusKind.NODE, FocusKind.LOCAL_RECURRENCE)
_RUNS_ALONG = (FocusKind.URETER, FocusKind.GANGLION)
_THREAD = 12.0
"""Urine in a ureter may be that much longer than it is wide."""


@dataclass(frozen=True, slots=True)
class TrueSite:
    """One focus in its place.

    Args:
        number: counts from 1, lesions first.
        focus: as it was painted, turned and drawn out as its place asks.
        centre_mm: in the man's space (LPS).
        misplaced: share of its volume that lies outside its organ or bone, or where no focus of its kind should be.
        dense_hu: what an osteoblastic focus has on CT; None for any other.
    """

    number: int
    focus: DrawnFocus
    centre_mm: Vector
    misplaced: float = 0.0
    dense_hu: float | None = None


def place_foci(
    foci: Sequence[DrawnFocus], man: Man, structures: tuple[Structure, ...], rng: np.random.Generator
) -> tuple[TrueSite, ...]:
    """Every focus in its place; the same for the same dice, whatever the grid.

    Args:
        foci: as drawn, lesions first.
        man: whose they are.
        structures: all of his.
        rng: the dice.

    Raises:
        ValueError: if the man has not the place of a focus.
    """
    rooms = Rooms(man, structures)
    placed: list[TrueSite] = []
    for focus, dice in zip(foci, _dice(foci, rng), strict=True):
        hu = float(dice.uniform(*CORTEX_HU))
        found, spot, misplaced = _best(focus, rooms.of(focus), man, dice, placed)
        x, y, z = (float(mm) for mm in spot.man)
        placed.append(TrueSite(len(placed) + 1, found, (x, y, z), misplaced, hu if focus.osteoblastic else None))
    return tuple(placed)


def _dice(foci: Sequence[DrawnFocus], rng: np.random.Generator) -> Iterator[np.random.Generator]:
    """Dice of its own for every focus, by its kind and its number among its like."""
    kinds = (None, *Benign)
    counts = Counter(focus.benign for focus in foci)
    groups = {kind: iter(dice.spawn(counts[kind])) for kind, dice in zip(kinds, rng.spawn(len(kinds)), strict=True)}
    return (next(groups[focus.benign]) for focus in foci)


def _best(
    focus: DrawnFocus, room: Room, man: Man, dice: np.random.Generator, before: Sequence[TrueSite]
) -> tuple[DrawnFocus, Spot, float]:
    """The focus as it lies best, where, and the share of it that is misplaced."""
    best: tuple[float, float, DrawnFocus, Spot] | None = None
    for spot in spots(man.bend, _points(room, dice)):
        at = _centred(focus, room, spot)
        shaped, misplaced = _fitted(focus, room, at)
        shared = _shared(shaped, at.man, before)
        cost = misplaced + shared
        if best is None or cost < best[0]:
            best = (cost, misplaced, shaped, at)
        if cost <= GOOD:
            break
    assert best is not None
    return best[2], best[3], best[1]


def _shared(focus: DrawnFocus, at: FloatArray, before: Sequence[TrueSite]) -> float:
    """The greatest overlap with one of the foci before it."""
    if not before:
        return 0.0
    away = np.linalg.norm(np.array([site.centre_mm for site in before]) - at, axis=1)
    reach = np.array([max(site.focus.half_axes_mm) for site in before]) + max(focus.half_axes_mm)
    near = [before[int(n)] for n in np.flatnonzero(away < reach)]
    return max((overlap(focus, at, site.focus, np.array(site.centre_mm)) for site in near), default=0.0)


def _centred(focus: DrawnFocus, room: Room, spot: Spot) -> Spot:
    """Where the centre lies: on the axis of a ureter or ganglion, off the edges of a bone or organ."""
    if room.body is None:
        return spot
    along = focus.kind in _RUNS_ALONG
    return settled(spot, room.centres, near_mm(focus) if along else max(focus.half_axes_mm), 3 if along else 1)


def _fitted(focus: DrawnFocus, room: Room, spot: Spot) -> tuple[DrawnFocus, float]:
    """The first shape that fits, or the one that fits best, with the share of it that does not."""
    best: tuple[DrawnFocus, float] | None = None
    for shaped in shapes(
        focus,
        spot,
        room.body or room.centres,
        as_drawn=focus.kind not in _RUNS_ALONG,
        drawn_out=focus.kind not in _KEEPS_SHAPE,
        most_long=_THREAD if focus.kind is FocusKind.URETER else MOST_LONG,
    ):
        misplaced = _misplaced(shaped, room, spot)
        if best is None or misplaced < best[1]:
            best = (shaped, misplaced)
        if misplaced <= GOOD:
            break
    assert best is not None
    return best


def _misplaced(focus: DrawnFocus, room: Room, spot: Spot) -> float:
    if room.body is not None:
        return share_outside(spot, focus, room.body)
    return share_in_any(spot, focus, room.shut, PRESSED_MM)


def _points(room: Room, dice: np.random.Generator) -> FloatArray:
    """Some points (n, 3) of a room in the reference frame; of the place alone where nothing else is left."""
    low, high = np.array(room.centres.solid.low), np.array(room.centres.solid.high)
    found = np.empty((0, 3))
    for _ in range(ROUNDS):
        tried = dice.uniform(low, high, (SCATTERED, 3))
        found = np.concatenate([found, tried[room.centres.holds(tried)]])
        if len(found) >= TRIES:
            return found[:TRIES]
    return found if len(found) else points_in(room.alone, dice, TRIES)
