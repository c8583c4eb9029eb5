"""Numbers in the margins of a picture, one line each, joined to their sites by leader lines that rarely cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from psmap.domain.geometry import FloatArray

GAP_UNITS = 0.9
"""Distance from the picture's edge to the numbers, in lines of type."""


@dataclass(frozen=True, slots=True, eq=False)
class Anchor:
    """What a number belongs to: a site and the points (n, 2) of its outline, x, y in mm."""

    site: int
    points: FloatArray


@dataclass(frozen=True, slots=True)
class Label:
    """Where a number stands and where its leader ends, x, y in mm of the picture; `left` is the left margin."""

    site: int
    left: bool
    x_mm: float
    y_mm: float
    end_x_mm: float
    end_y_mm: float


def place_labels(anchors: Sequence[Anchor], width_mm: float, height_mm: float, line_mm: float) -> dict[int, Label]:
    """Site id -> place of its number in the left or right margin.

    A number goes to the nearer margin, or to the other one where the nearer is full. Within a margin numbers keep the
    order of their sites from head to foot and stand at least one line apart, moved as little as that allows
    (least squares). Where both margins are full the first anchors, those of the hottest sites, are numbered.

    Args:
        anchors: the sites, most important first.
        width_mm, height_mm: size of the picture.
        line_mm: height of one line of type.
    """
    room = max(1, int(height_mm // line_mm))
    shown = list(anchors[: 2 * room])
    across = {anchor.site: float(anchor.points[:, 0].mean()) - width_mm / 2.0 for anchor in shown}
    left = [anchor for anchor in shown if across[anchor.site] < 0]
    right = [anchor for anchor in shown if across[anchor.site] >= 0]
    for full, other in ((left, right), (right, left)):
        full.sort(key=lambda anchor: abs(across[anchor.site]))
        while len(full) > room:
            other.append(full.pop(0))
    return {
        label.site: label
        for side, column in ((True, left), (False, right))
        for label in _column(column, side, width_mm, height_mm, line_mm)
    }


def _column(anchors: list[Anchor], left: bool, width_mm: float, height_mm: float, line_mm: float) -> list[Label]:
    ordered = sorted(anchors, key=lambda anchor: float(anchor.points[:, 1].mean()))
    wanted = [float(anchor.points[:, 1].mean()) for anchor in ordered]
    x = -GAP_UNITS * line_mm if left else width_mm + GAP_UNITS * line_mm
    labels = []
    for anchor, y in zip(ordered, spread(wanted, line_mm, height_mm), strict=True):
        away = np.hypot(anchor.points[:, 0] - x, anchor.points[:, 1] - y)
        end = anchor.points[int(np.argmin(away))]
        labels.append(Label(anchor.site, left, x, y, float(end[0]), float(end[1])))
    return labels


def spread(wanted: Sequence[float], gap: float, length: float) -> list[float]:
    """Places at least `gap` apart within half a gap of 0 and `length`, nearest to the ascending `wanted` by squares.

    With z[n] = place[n] - n * gap this is isotonic regression, solved by pooling neighbours that violate the order
    (Ayer et al. 1955); limits are met by cutting z, which keeps both order and optimum.
    """
    pools: list[tuple[float, int]] = []
    for n, place in enumerate(wanted):
        total, count = place - n * gap, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before, members = pools.pop()
            total, count = total + before, count + members
        pools.append((total, count))
    lowest = gap / 2.0
    highest = max(lowest, length - gap / 2.0 - (len(wanted) - 1) * gap)
    levels = [min(highest, max(lowest, total / count)) for total, count in pools for _ in range(count)]
    return [level + n * gap for n, level in enumerate(levels)]
