"""Counting vertebrae and ribs: names that follow one another along the spine, each level one piece.

The network says of every voxel which vertebra it is of, and may be wrong by one over a stretch. What is certain is that
vertebrae follow one another from head to foot without a gap. So the spine is cut across its line where the cuts, with
names in order, agree best with what the network says and with usual heights; that is found exactly, by dynamic
programming. How much better the best count is than one that begins a level higher or lower says how sure the names are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.catalog.anatomy_labels import load_labels
from psmap.steps.anatomy.spine_count import BIN_MM, HEIGHTS_MM, LEVELS, Count, best_count
from psmap.steps.anatomy.spine_line import SpineLine, spine_line
from psmap.steps.anatomy.working_grid import VOXEL_MM

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

BESIDE_MM = 30.0
FEWEST_END = 60
SURE = 0.8
"""Below this probability of the count a reader is told."""
BEHIND_MM = 4.0
"""What lies further behind the spine's line is arch: it hangs down over the next level and has no vote."""
KEEPS_MM, KEEPS_ARCH_MM = 5.0, 12.0
"""How far over a cut a voxel of the body and of the arch keep what the network said."""
DROOP = (*(0.3,) * 7, *(0.42,) * 9, *(0.2,) * 3, *(0.1,) * 5)
"""How far (mm) an arch hangs down for every mm behind the line, by level: measured by us on digital men, whose
processes are Gray's; spinous processes of the thorax 17 mm in 45."""
ODD_HEIGHT = 1.5
"""A level so much taller or shorter than its neighbours, against the usual, may be two, or half of one."""
HEAD_MM = 48.0
"""A rib that comes this near to the line of the spine has its head in view."""
HEAD_BELOW = (0.45, *(0.15,) * 8, *(0.2,) * 3)
"""Where the head of each rib lies below the upper border of its own vertebra, in its heights: those of the second to
the ninth stand on the disc above, the others on their vertebra (Gray's Anatomy)."""
HEAD_SPREAD = 0.3
RIB_DOUBT = 0.15
"""Share of the votes that every number of a rib is given first: a head a level off its place outweighs all votes."""
WHOLE_RIB = 60
"""A piece of fewer voxels is a fragment: the least rib, the twelfth, has 150."""
SMALL_RIB, SMALL_SPINE = 8, 120
"""Smaller pieces (voxels) are not counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Labels with vertebrae and ribs counted.

    Args:
        labels: [k, j, i].
        probability: of this count against one that begins higher or lower, by the votes, whose errors are taken for
            independent from vertebra to vertebra; 1 where there is nothing to count.
        notices: what a reader must know.
    """

    labels: Bytes
    probability: float
    notices: tuple[str, ...]


def count_levels(labels: Bytes) -> Counted:
    """Vertebrae and ribs of a scan on the working grid, renamed where they do not follow one another."""
    first = _vertebrae()[0]
    spine = np.isin(labels, _vertebrae())
    pieces, _ = ndimage.label(spine, np.ones((3, 3, 3)))
    spine = (np.bincount(pieces.ravel()) >= SMALL_SPINE)[pieces] & spine
    line = spine_line(spine)
    if line is None:
        return Counted(labels, 1.0, ())
    voxels = np.argwhere(spine)
    down, behind, _ = line.along(voxels)
    said = labels[spine].astype(np.intp) - first
    body = behind < BEHIND_MM
    count = best_count(_votes(down[body], said[body]), _ends(labels, voxels))
    if count is None:
        return Counted(labels, 1.0, ())
    found = labels.copy()
    found[spine] = (first + _names(count, down, behind, said)).astype(np.uint8)
    found = _smoothed(found, spine)
    notices = [*in_doubt(count), *odd_heights(count)]
    for side in ("left", "right"):
        notices += _count_ribs(found, side, line, count)
    return Counted(found, count.probability, tuple(notices))


def _votes(down: Floats, said: Ints) -> Floats:
    """Voxels by bin of 2 mm down the line and level; each voxel is spread over its own 4 mm."""
    bins = max(1, int(np.ceil((float(down.max()) + 0.5 * VOXEL_MM) / BIN_MM)))
    votes = np.zeros((bins, len(LEVELS)))
    for shift in (-0.5, 0.5):
        at = np.clip(((down + shift * BIN_MM) / BIN_MM).astype(np.intp), 0, bins - 1)
        np.add.at(votes, (at, said), 1.0)
    return votes


def _ends(labels: Bytes, voxels: Ints) -> tuple[bool, bool]:
    """Whether skull lies just above the spine, and sacrum just below."""
    reach = round(BESIDE_MM / VOXEL_MM)
    top, bottom = int(voxels[:, 0].max()), int(voxels[:, 0].min())
    above = labels[max(top - reach, 0) : top + reach] == _number("skull")
    below = labels[max(bottom - reach, 0) : bottom + reach] == _number("sacrum")
    return int(above.sum()) >= FEWEST_END, int(below.sum()) >= FEWEST_END


def _names(count: Count, down: Floats, behind: Floats, said: Ints) -> Ints:
    """Level of every voxel of the spine: that between the cuts, or what the network said where that is as near."""
    arch = behind >= BEHIND_MM
    own = np.clip(np.floor(count.at(down)), 0, len(LEVELS) - 1).astype(np.intp)
    lowered = down - np.array(DROOP)[own] * np.maximum(behind, 0.0)
    cut = np.clip(np.floor(count.at(lowered)), count.levels[0], count.levels[-1]).astype(np.intp)
    upper = count.cuts_mm[np.clip(cut - count.levels[0], 0, len(count.levels) - 1)]
    lower = count.cuts_mm[np.clip(cut - count.levels[0] + 1, 0, len(count.levels))]
    reach = np.where(arch, KEEPS_ARCH_MM, KEEPS_MM)
    said = said - np.array(count.shifts)[cut - count.levels[0]]
    in_view = (said >= count.levels[0]) & (said <= count.levels[-1])
    keeps = ((said == cut - 1) & (lowered - upper < reach)) | ((said == cut + 1) & (lower - lowered < reach))
    found: Ints = np.where(keeps & in_view, said, cut)
    return found


def _smoothed(labels: Bytes, spine: npt.NDArray[np.bool_]) -> Bytes:
    """Every voxel of the spine takes the commonest name of the vertebral voxels in the cube of 3 voxels round it."""
    found = labels.copy()
    (box,) = ndimage.find_objects(spine.astype(np.uint8))
    part, inside = labels[box], spine[box]
    most, winner = np.zeros(part.shape, np.float32), part.copy()
    for number in np.unique(part[inside]).tolist():
        own = ndimage.uniform_filter((part == number).astype(np.float32), 3, mode="constant")
        own += np.float32(0.01) * (part == number)  # a draw is the voxel's own
        better = own > most
        most[better], winner[better] = own[better], number
    found[box] = np.where(inside, winner, part)
    return found


def in_doubt(count: Count) -> tuple[str, ...]:
    """Notice of a count that is unsure."""
    if count.probability >= SURE:
        return ()
    return (
        f"vertebrae {_shown(count.levels[0])} to {_shown(count.levels[-1])} are counted with a probability of "
        f"{count.probability:.2f}: all levels, and ribs with them, may be one too high or too low",
    )


def odd_heights(count: Count) -> tuple[str, ...]:
    """Notices of levels far taller or shorter than goes with the others; the two at the ends may be cut."""
    whole = np.diff(count.cuts_mm)[1:-1]
    if len(whole) < 4:
        return ()
    ratio = whole / np.array(HEIGHTS_MM)[list(count.levels[1:-1])]
    against = ratio / float(np.median(ratio))
    return tuple(
        f"{_shown(level)} has {own:.1f} times the height that goes with its neighbours: a vertebra more or less than "
        "usual (L6, T13) or a crushed one; names from there on are unsure"
        for level, own in zip(count.levels[1:-1], against.tolist(), strict=True)
        if own > ODD_HEIGHT or own < 1.0 / ODD_HEIGHT
    )


def _count_ribs(labels: Bytes, side: str, line: SpineLine, count: Count) -> list[str]:
    """Rename the ribs of a side, in place, by the vertebra at their heads and by what the network said."""
    numbers = [_number(f"rib_{n}_{side}") for n in range(1, 13)]
    ribs = np.isin(labels, numbers)
    if not ribs.any():
        return []
    labels[...] = _smoothed(labels, ribs)
    rank = np.full(256, -1, np.intp)
    rank[numbers] = np.arange(12)
    notices: list[str] = []
    with_head: list[tuple[float, Floats, Ints]] = []
    for voxels in _rib_pieces(labels, ribs, line):
        votes = np.bincount(rank[labels[tuple(voxels.T)]], minlength=12) / len(voxels)
        head = _head(voxels, line, count)
        if head is None:
            labels[tuple(voxels.T)] = numbers[int(votes.argmax())]
            continue
        away = (head - 7.0 - np.arange(12) - np.array(HEAD_BELOW)) / HEAD_SPREAD
        with_head.append((head, np.log(votes + RIB_DOUBT) - 0.5 * away**2, voxels))
        if head > 19.6:
            notices.append(f"a rib on the {side} begins at L1: a thirteenth rib, or a count that is one off")
    with_head.sort(key=lambda one: one[0])
    named = in_order(np.array([fits for _, fits, _ in with_head]).reshape(-1, 12))
    for (_, _, voxels), rib in zip(with_head, named, strict=True):
        labels[tuple(voxels.T)] = numbers[rib]
    return notices


def in_order(fits: Floats) -> tuple[int, ...]:
    """Rising numbers 0 to 11 with the best sum of fits [piece, 12], pieces from above; each its best where over 12."""
    count = len(fits)
    if count > 12:
        return tuple(int(n) for n in fits.argmax(axis=1))
    best = np.full((count + 1, 13), -np.inf)  # of the first pieces, with numbers under n
    best[0] = 0.0
    for piece in range(count):
        for n in range(1, 13):
            best[piece + 1, n] = max(best[piece + 1, n - 1], best[piece, n - 1] + fits[piece, n - 1])
    found, n = [], 12
    for piece in range(count, 0, -1):
        while best[piece, n - 1] == best[piece, n]:
            n -= 1
        n -= 1
        found.append(n)
    return tuple(found[::-1])


def _rib_pieces(labels: Bytes, ribs: npt.NDArray[np.bool_], line: SpineLine) -> list[Ints]:
    """Voxels (n, 3) of every connected piece of ribs; two that touch, each with a head of its own, are parted."""
    pieces, _ = ndimage.label(ribs)
    found: list[Ints] = []
    for n, part in enumerate(ndimage.find_objects(pieces), start=1):
        own = pieces[part] == n
        first = [p.start for p in part]
        seeds = np.zeros(own.shape, np.intp)
        for number in np.unique(labels[part][own]).tolist():
            named, count = ndimage.label(own & (labels[part] == number))
            for one in range(1, count + 1):
                voxels = np.argwhere(named == one)
                if len(voxels) >= WHOLE_RIB and _away(voxels + first, line).min() <= HEAD_MM:
                    seeds[tuple(voxels.T)] = int(seeds.max()) + 1
        if seeds.max() > 1:
            _, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
            seeds = np.where(own, seeds[tuple(nearest)], 0)
        else:
            seeds = own.astype(np.intp)
        parts = [np.argwhere(seeds == one) + first for one in range(1, int(seeds.max()) + 1)]
        found += [voxels for voxels in parts if len(voxels) >= SMALL_RIB]
    return found


def _away(voxels: Ints, line: SpineLine) -> Floats:
    """Distance of voxels from the line of the spine, mm."""
    _, behind, aside = line.along(voxels)
    found: Floats = np.hypot(behind, aside)
    return found


def _head(voxels: Ints, line: SpineLine, count: Count) -> float | None:
    """Level with fraction at a rib's inner end; None for a fragment, and where that end is not seen."""
    away = _away(voxels, line)
    if len(voxels) < WHOLE_RIB or float(away.min()) > HEAD_MM:
        return None
    down, _, _ = line.along(voxels[away <= float(away.min()) + 8.0])
    return float(np.median(count.at(down)))


def _shown(level: int) -> str:
    return LEVELS[level].upper()


@cache
def _number(name: str) -> int:
    numbers: dict[str, int] = {label.id: label.number for label in load_labels().labels}
    return numbers[name]


@cache
def _vertebrae() -> tuple[int, ...]:
    """Numbers of C1 to L5; `ValueError` where they do not follow one another in the table of labels."""
    numbers = tuple(_number(f"vertebra_{level}") for level in LEVELS)
    if any(b - a != 1 for a, b in pairwise(numbers)):
        raise ValueError("labels of vertebrae do not follow one another")
    return numbers
