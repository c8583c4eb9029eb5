"""Small drawings of the page on uptake, as SVG: uptake published and measured, noise by weight, recovery by size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDE, LEFT, RIGHT, TOP, BOTTOM = 640, 60, 20, 30, 45
COLOURS = ("#0b6fa4", "#c8501e", "#3d8b37", "#7a4fa3")
Place = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Bar:
    """One organ: what it is, published mean and spread, measured mean and spread, and whether it is held."""

    organ: str
    published: tuple[float, float]
    measured: tuple[float, float]
    held: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """One line or cloud of points of a plot."""

    name: str
    points: Sequence[tuple[float, float]]
    line: bool = True
    dashed: bool = False


def organ_plot(bars: Sequence[Bar], title: str) -> str:
    """A row an organ: published mean with one spread to both sides, and under it the measured one."""
    height = TOP + 34 * len(bars) + BOTTOM
    most = max(max(sum(bar.published), sum(bar.measured)) for bar in bars)
    x = _scale(0.0, most, 150.0, WIDE - RIGHT)
    parts = [_text(LEFT, 18, title, "start", bold=True)]
    for row, bar in enumerate(bars):
        y = TOP + 34.0 * row + 14
        named, colour = (bar.organ, "#222") if bar.held else (f"{bar.organ}: differs", COLOURS[1])
        parts.append(_text(140, y + 6, named, "end", colour=colour))
        for shift, (mean, spread), colour in ((0, bar.published, "#777"), (11, bar.measured, COLOURS[0])):
            low, high = x(max(mean - spread, 0.0)), x(mean + spread)
            parts.append(_line(low, y + shift, high, y + shift, colour, 3))
            parts.append(f'<circle cx="{x(mean):.1f}" cy="{y + shift:.1f}" r="4.5" fill="{colour}"/>')
    parts += _axis_x(x, most, height - BOTTOM, "SUV (g/mL): grey published, blue measured; mean and one spread")
    return _svg(height, parts)


def curve_plot(
    curves: Sequence[Curve],
    title: str,
    across: str,
    up: str,
    most: tuple[float, float],
    band: Sequence[tuple[float, float, float]] = (),
    least: float = 0.0,
) -> str:
    """Curves and clouds of points in one frame.

    Args:
        most: the ends of both axes.
        band: x, lower and upper limit of a grey band.
        least: where the x axis begins.
    """
    height = 340
    x, y = _scale(least, most[0], LEFT, WIDE - RIGHT), _scale(0.0, most[1], height - BOTTOM, TOP)
    parts = [_text(LEFT, 18, title, "start", bold=True)]
    if band:
        edge = [(at, low) for at, low, _ in band] + [(at, high) for at, _, high in reversed(band)]
        corners = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in edge)
        parts.append(f'<polygon points="{corners}" fill="#bbb" fill-opacity="0.45"/>')
    for tick in _ticks(0.0, most[1]):
        parts += [
            _line(LEFT - 4, y(tick), WIDE - RIGHT, y(tick), "#ddd", 1),
            _text(LEFT - 8, y(tick) + 4, f"{tick:g}", "end"),
        ]
    for number, curve in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x(a), y(b)) for a, b in curve.points]
        if curve.line:
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
            dash = ' stroke-dasharray="6 4"' if curve.dashed else ""
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        else:
            parts += [
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}" fill-opacity="0.7"/>' for a, b in places
            ]
        parts.append(_text(WIDE - RIGHT, height - BOTTOM - 14 - 16 * number, curve.name, "end", colour=colour))
    parts += _axis_x(x, most[0], height - BOTTOM, across, least)
    parts.append(f'<text transform="translate(16,{height / 2}) rotate(-90)" text-anchor="middle">{up}</text>')
    return _svg(height, parts)


def _scale(low: float, high: float, at_low: float, at_high: float) -> Place:
    return lambda value: at_low + (value - low) / (high - low) * (at_high - at_low)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, five to ten of them."""
    step = next(s * 10.0**n for n in range(-3, 4) for s in (1.0, 2.0, 2.5, 5.0) if (high - low) / (s * 10.0**n) <= 8.0)
    first = int(-(-low // step))
    return [step * n for n in range(first, int(high / step + 1e-9) + 1)]


def _axis_x(x: Place, most: float, y: float, name: str, least: float = 0.0) -> list[str]:
    parts = [_line(x(least), y, x(most), y, "#333", 1)]
    for tick in _ticks(least, most):
        parts += [_line(x(tick), y, x(tick), y + 4, "#333", 1), _text(x(tick), y + 17, f"{tick:g}", "middle")]
    return [*parts, _text(0.5 * (x(least) + x(most)), y + 36, name, "middle")]


def _line(x0: float, y0: float, x1: float, y1: float, colour: str, wide: float) -> str:
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{wide:g}"/>'


def _text(x: float, y: float, text: str, anchor: str, *, colour: str = "#222", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{text}</text>'


def _svg(height: float, parts: Sequence[str]) -> str:
    size = f'width="{WIDE}" height="{height:g}" viewBox="0 0 {WIDE} {height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return "\n".join([head, f'<rect width="{WIDE}" height="{height:g}" fill="#fff"/>', *parts, "</svg>", ""])
