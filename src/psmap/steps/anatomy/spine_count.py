"""The best count of the vertebrae: cuts across the spine and names in order, by votes and usual heights.

Solved exactly by dynamic programming over the cuts, for every size of man, with the network's names right, one too high
or one too low; where votes change there is a border, be the names right or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

LEVELS = (*(f"c{n}" for n in range(1, 8)), *(f"t{n}" for n in range(1, 13)), *(f"l{n}" for n in range(1, 6)))
HEIGHTS_MM = (
    *(16.0, 22.0, 17.0, 17.0, 17.0, 17.0, 18.0),
    *(20.0, 21.0, 22.0, 23.0, 24.0, 24.5, 25.0, 26.0, 27.0, 28.0, 29.0, 30.0),
    *(33.0, 34.0, 35.0, 35.5, 35.0),
)
"""From one border to the next along the spine, half a disc at either end: the reference adult male's column (ICRP
Publication 110, as measured for psmap) on the longer way along the curve, rounded by us."""
HEIGHT_SPREAD = 0.15
"""Standard deviation of ln(height / usual height), and sizes of men that are tried."""
SIZES = (0.86, 0.93, 1.0, 1.08, 1.16)
BIN_MM = 2.0
LOWEST_MM, HIGHEST_MM = 8.0, 64.0
DOUBT = 0.02
"""Share of the votes that every level is given before any is counted."""
ENDS = 4.0
"""Log odds against another first level than C1 below a skull, and another last one than L5 above a sacrum."""
SHIFTS = (-1, 0, 1)
CHANGE, SHIFTED = 3.0, 0.5
"""Log odds against the network's names going off by one at a vertebra, or coming back, and against each that is off."""
BORDER = 4.0
"""Log odds between a cut where votes change most and one where they do not change."""


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """Vertebrae along the line from head to foot.

    Args:
        levels: 0 (C1) to 23 (L5).
        cuts_mm: mm down the line of the n + 1 cuts.
        probability: of this count.
        shifts: by how much the network's name is off, for every level.
    """

    levels: tuple[int, ...]
    cuts_mm: Floats
    probability: float
    shifts: tuple[int, ...] = ()

    def at(self, down: Floats) -> Floats:
        """Level with fraction: 7.0 is the upper border of T1, 7.5 the middle of its body."""
        found: Floats = np.interp(down, self.cuts_mm, self.levels[0] + np.arange(len(self.cuts_mm)))
        above, below = down < self.cuts_mm[0], down > self.cuts_mm[-1]
        found[above] = self.levels[0] - (self.cuts_mm[0] - down[above]) / HEIGHTS_MM[self.levels[0]]
        found[below] = self.levels[-1] + 1 + (down[below] - self.cuts_mm[-1]) / HEIGHTS_MM[self.levels[-1]]
        return found


def best_count(votes: Floats, ends: tuple[bool, bool]) -> Count | None:
    """The best names in order for votes by bin of 2 mm down the spine and level [bin, 24].

    Args:
        ends: whether a skull lies above and a sacrum below.

    Returns:
        None where the spine is too short for a vertebra.
    """
    total = votes.sum(axis=1, keepdims=True)
    share = np.where(total > 2.0, votes / np.maximum(total, 1.0), 1.0 / len(LEVELS))
    # the votes of one vertebra together are one witness
    log_share = np.log((share + DOUBT) / (1.0 + len(LEVELS) * DOUBT)) * (BIN_MM / np.array(HEIGHTS_MM))
    borders = _borders(share)
    counts = [_cuts(log_share, borders, top, ends) for top in range(len(LEVELS))]
    held = [(score, count) for score, count in counts if count is not None]
    if not held:
        return None
    score, best = max(held, key=lambda one: one[0])
    return replace(best, probability=1.0 / float(np.exp(np.array([other for other, _ in held]) - score).sum()))


def _borders(share: Floats) -> Floats:
    """What a cut before each bin, or after the last, is worth: where votes change, names being right or not."""
    padded = np.pad(share, ((3, 3), (0, 0)), mode="edge")
    mean = (padded[:-2] + padded[1:-1] + padded[2:]) / 3.0  # of bins n - 3 to n - 1 at n
    change = 0.5 * np.abs(mean[3:] - mean[:-3]).sum(axis=1)
    usual = float(np.percentile(change, 90.0)) if len(change) else 0.0
    found: Floats = BORDER * (np.minimum(change / max(usual, 1e-6), 1.0) - 0.5)
    return found


def _cuts(log_share: Floats, borders: Floats, top: int, ends: tuple[bool, bool]) -> tuple[float, Count | None]:
    """Best score and count of a spine whose first vertebra is `top`.

    What is carried along is, for every size of man, shift of the names and bin, the best score with a cut there.
    """
    bins = len(log_share)
    sizes, shifts = len(SIZES), len(SHIFTS)
    cost = np.where(np.eye(shifts, dtype=bool), 0.0, CHANGE)
    score = np.full((sizes, shifts, bins + 1), -np.inf)
    score[:, :, 0] = (-ENDS if ends[0] and top else 0.0) - cost[SHIFTS.index(0)]
    best, at = -np.inf, (0, 0, 0, top)
    came: list[tuple[Ints, Ints]] = []
    for level in range(top, len(LEVELS)):
        turns = score[:, None, :, :] - cost[None, :, :, None]
        before, start = turns.argmax(axis=2), turns.max(axis=2)
        gain = np.stack([_summed(log_share, level + shift) for shift in SHIFTS])
        start = start - np.where(np.array(SHIFTS) == 0, 0.0, SHIFTED)[:, None]
        # without a sacrum below the last vertebra may be cut: shorter than usual, but no taller
        rest = np.arange(bins, -1, -1, dtype=np.float64) * BIN_MM
        end = start + gain[:, -1:] - gain + _height(rest, level, cut=not ends[1])[:, None, :]
        end[:, :, bins] = -np.inf
        end -= ENDS if ends[1] and level != len(LEVELS) - 1 else 0.0
        if float(end.max()) > best:
            size, shift, cut = np.unravel_index(int(end.argmax()), end.shape)
            best, at = float(end.max()), (int(size), int(shift), int(cut), level)
        score, height = _grown(start, gain, level, cut=level == top and not ends[0])
        score += borders
        came.append((before, height))
    if not np.isfinite(best):
        return best, None
    return best, _traced(came, at, top, bins)


def _grown(start: Floats, gain: Floats, level: int, *, cut: bool) -> tuple[Floats, Ints]:
    """Best scores with the lower cut of a level at each bin, and the heights (bins) that they come from."""
    grown, height = np.full(start.shape, -np.inf), np.zeros(start.shape, np.intp)
    bins = start.shape[2] - 1
    lowest = 1 if cut else round(LOWEST_MM / BIN_MM)
    for h in range(lowest, min(round(HIGHEST_MM / BIN_MM), bins) + 1):
        prior = _height(np.array([h * BIN_MM]), level, cut=cut)
        new = start[:, :, :-h] + (gain[:, h:] - gain[:, :-h]) + prior[:, None, :]
        better = new > grown[:, :, h:]
        grown[:, :, h:][better] = new[better]
        height[:, :, h:][better] = h
    return grown, height


def _traced(came: list[tuple[Ints, Ints]], at: tuple[int, int, int, int], top: int, bins: int) -> Count:
    """The way back from the last vertebra: its size, shift, upper cut and level."""
    size, shift, cut, last = at
    cuts, shifts = [bins, cut], [SHIFTS[shift]]
    for level in range(last, top, -1):
        shift = int(came[level - top][0][size, shift, cut])
        cut -= int(came[level - 1 - top][1][size, shift, cut])
        cuts.append(cut)
        shifts.append(SHIFTS[shift])
    levels = tuple(range(top, last + 1))
    return Count(levels, np.array(cuts[::-1], np.float64) * BIN_MM, 1.0, tuple(shifts[::-1]))


def _summed(log_share: Floats, level: int) -> Floats:
    """Sum over the bins before each bin of what speaks for a level; a name that there is not has no votes."""
    own = log_share[:, level] if 0 <= level < len(LEVELS) else log_share.min(axis=1)
    found: Floats = np.concatenate(([0.0], np.cumsum(own)))
    return found


def _height(mm: Floats, level: int, *, cut: bool) -> Floats:
    """Log of how usual heights are for every size of man [size, height]; one that may be cut is only ever too tall."""
    usual = np.array(SIZES)[:, None] * HEIGHTS_MM[level]
    away = np.log(np.maximum(mm, 1e-6) / usual) / HEIGHT_SPREAD
    found: Floats = -0.5 * (np.maximum(away, 0.0) if cut else away) ** 2
    return found
