"""Small drawings for the page on the men: quantiles against quantiles, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SIDE, GAP, LEFT, BELOW, ABOVE = 210.0, 70.0, 52.0, 48.0, 26.0
PERCENT = np.arange(1.0, 99.5, 1.0)


def draw_quantiles(path: Path, panels: Mapping[str, tuple[Floats, Floats]], across: str, up: str) -> None:
    """Write one panel a measure: percentiles 1 to 99 of one sample over those of the other, both axes logarithmic."""
    width = LEFT + len(panels) * SIDE + (len(panels) - 1) * GAP + 14.0
    height = ABOVE + SIDE + BELOW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
    ]
    for n, (name, (table, men)) in enumerate(panels.items()):
        parts += _panel(LEFT + n * (SIDE + GAP), name, np.percentile(table, PERCENT), np.percentile(men, PERCENT))
    for n in range(len(panels)):
        x = LEFT + n * (SIDE + GAP)
        parts.append(_text(x + SIDE / 2, height - 8, across))
        parts.append(_text(x - 38, ABOVE + SIDE / 2, up, turned=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _panel(x: float, name: str, table: Floats, men: Floats) -> list[str]:
    low = math.log10(min(table.min(), men.min()) * 0.9)
    high = math.log10(max(table.max(), men.max()) * 1.1)

    def at(value: float) -> float:
        return SIDE * (math.log10(value) - low) / (high - low)

    parts = [
        f'<rect x="{x:.1f}" y="{ABOVE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>',
        f'<line x1="{x:.1f}" y1="{ABOVE + SIDE}" x2="{x + SIDE:.1f}" y2="{ABOVE}" stroke="#bbb"/>',
        _text(x + SIDE / 2, ABOVE - 9, name, weight="bold"),
    ]
    for tick in _ticks(10**low, 10**high):
        parts.append(_text(x + at(tick), ABOVE + SIDE + 14, f"{tick:g}"))
        parts.append(_text(x - 5, ABOVE + SIDE - at(tick) + 4, f"{tick:g}", anchor="end"))
        parts.append(
            f'<path d="M{x + at(tick):.1f} {ABOVE + SIDE} v-4 M{x:.1f} {ABOVE + SIDE - at(tick):.1f} h4" '
            'stroke="#888" fill="none"/>'
        )
    for a, b in zip(table, men, strict=True):
        parts.append(f'<circle cx="{x + at(a):.1f}" cy="{ABOVE + SIDE - at(b):.1f}" r="2" fill="#1f5fa8"/>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    every = [step * 10.0**power for power in range(-2, 5) for step in (1.0, 2.0, 5.0)]
    inside = [tick for tick in every if low <= tick <= high]
    return inside if len(inside) <= 6 else [tick for tick in inside if f"{tick:e}".startswith("1")]


def _text(
    x: float, y: float, words: str, *, anchor: str = "middle", weight: str = "normal", turned: bool = False
) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"{turn}>{words}</text>'
