"""How numbers are printed: rounded for reading, thin spaces, a true minus; files keep full precision."""

from __future__ import annotations

import re
from collections.abc import Iterable

THIN_SPACE = "\u202f"
"""Narrow no-break space between thousands (SI brochure, 9th edition, 5.4.4)."""


ABSENT = "–"

_UID = re.compile(r"\b\d+(?:\.\d+){5,}\b")


def number(value: float | None, decimals: int) -> str:
    """`value` with so many decimals; a dash where there is none."""
    if value is None:
        return ABSENT
    text = f"{value:,.{decimals}f}".replace(",", THIN_SPACE)
    if text.startswith("-"):
        # -0.0 after rounding is zero.
        text = text[1:] if float(f"{value:.{decimals}f}") == 0.0 else "−" + text[1:]
    return text


def suv(value: float | None) -> str:
    """An SUV (g/mL) with one decimal, as it is read out."""
    return number(value, 1)


def volume_ml(value: float) -> str:
    """A volume in mL: one decimal from 10 mL on, two below."""
    return number(value, 1 if value >= 9.995 else 2)


def factor(value: float) -> str:
    """An SUV factor with seven figures, '2.429030e-4'."""
    mantissa, exponent = f"{value:.6e}".split("e")
    return f"{mantissa}e{int(exponent)}" if int(exponent) else mantissa


def range_of(low: float, high: float) -> str:
    """One factor, or the smallest and the largest."""
    return factor(low) if factor(low) == factor(high) else f"{factor(low)} to {factor(high)}"


def millimetres(vector: Iterable[float], joiner: str) -> str:
    """Components in whole millimetres."""
    return joiner.join(number(part, 0) for part in vector)


def count(n: int, one: str, many: str) -> str:
    """'1 site', '2 sites', 'no sites'."""
    return f"{'no' if n == 0 else number(n, 0)} {one if n == 1 else many}"


def without_uids(line: str) -> str:
    """A line with DICOM UIDs left out: paper carries none, `case.json` does."""
    return _UID.sub("(UID in case.json)", line)
