"""Found against true in lines for the terminal, none over 100 columns: of a digital man, and of the body phantom."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from psmap.phantom.comparison import IecComparison
from psmap.phantom.iec_study import IecTruth
from psmap.phantom.man_comparison import Fate, FocusFound, ManComparison

COLUMNS = 100
ITS_OWN_LESION = ("primary", "local_recurrence")


def man_lines(truth: dict[str, Any], comparison: ManComparison, border_suv: float = 3.0) -> Iterator[str]:
    """Every focus in the field, one line each, and a tally of the other sites.

    Args:
        truth: truth.json.
        comparison: found against true.
        border_suv: the border of the sites.
    """
    seen = [found for found in comparison.foci if found.fate is not Fate.OUTSIDE]
    lesions = [found for found in seen if found.focus.benign is None]
    benign = [found for found in seen if found.focus.benign is not None]
    yield (
        f"Found against true: a digital man (seed {truth['seed']}, {truth['scenario']}), "
        f"{_many(lesions, 'lesion')} and {_many(benign, 'benign focus', 'benign foci')}"
    )
    yield "  no  focus             in                            true mL  found mL  true SUV  SUVmax  site"
    for found in seen:
        yield _focus_line(found, border_suv)
    yield (
        f"Found: {_found(lesions)} of {_many(lesions, 'lesion')}, "
        f"{_found(benign)} of {_many(benign, 'benign focus', 'benign foci')}."
    )
    others = ", ".join(f"{_words(organ)} {count}" for organ, count in comparison.organs.items())
    yield from _wrapped(f"Other sites, physiological uptake: {len(comparison.other_sites)} ({others or 'none'}).")
    yield from _wrapped(
        "True SUV is that of the centre before the scanner. Blur lowers SUVmax and widens the volume at a fixed "
        "border, the more the smaller the focus; noise raises SUVmax. Nothing is classified yet: psmap found all of "
        "these alike, and tells no lesion from an organ."
    )


def _focus_line(found: FocusFound, border_suv: float) -> str:
    focus = found.focus
    name = focus.benign or (focus.kind if focus.kind in ITS_OWN_LESION else f"{focus.kind} lesion")
    head = f"{focus.number:4d}  {_cut(_words(name), 16):16}  {_cut(_words(focus.place), 28):28} {focus.volume_ml:8.2f}"
    if found.fate is Fate.FOUND:
        return f"{head} {found.volume_ml:9.2f} {focus.suv:9.2f} {found.suv_max:7.2f} {found.site:5d}"
    if found.fate is Fate.SWALLOWED:
        lost = f"{head}      lost {focus.suv:9.2f} in {found.site}, "
        return lost + _cut(_words(found.within or ""), COLUMNS - len(lost))
    return f"{head}    missed {focus.suv:8.2f} {found.hottest_suv:7.2f}   under {border_suv:g}"


def iec_lines(truth: IecTruth, comparison: IecComparison) -> Iterator[str]:
    """The table of found against true, one line a sphere."""
    yield (
        f"Found against true: IEC-type body phantom, background SUV {truth.background_suv:g}, point spread "
        f"{truth.psf_fwhm_mm:g} mm, noise {truth.noise:.0%}"
    )
    yield "sphere mm  true mL  found mL  true SUV  SUVmax  SUVpeak  SUVmean  centre off by mm"
    for found in comparison.spheres:
        sphere = found.sphere
        head = f"{sphere.diameter_mm:9.0f} {sphere.volume_ml:8.2f} "
        if found.site is None:
            yield f"{head}   missed {sphere.suv:9.2f}"
            continue
        yield (
            f"{head}{found.volume_ml:9.2f} {sphere.suv:9.2f} {found.suv_max:7.2f} {found.suv_peak:8.2f} "
            f"{found.suv_mean:8.2f} {found.centroid_error_mm:17.2f}"
        )
    yield f"{comparison.missed} spheres missed, {len(comparison.other_sites)} sites that are no sphere"
    yield (
        "A border at SUV 3 lies below the half-height of a hot sphere: blurred by point spread and voxels, found "
        "volumes are larger than true; small spheres lose SUV to it."
    )


def _found(rows: list[FocusFound]) -> int:
    return sum(row.fate is Fate.FOUND for row in rows)


def _many(rows: list[FocusFound], one: str, more: str = "") -> str:
    return f"{len(rows)} {one if len(rows) == 1 else more or one + 's'}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS)
