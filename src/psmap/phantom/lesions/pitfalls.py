"""Benign uptake that looks like a lesion: unspecific bone, ganglia, ureter, degeneration, bowel, unspecific nodes."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Annotated

import numpy as np
from pydantic import Field

from psmap.domain.geometry import Vector
from psmap.phantom.lesions.distribution import CatalogTable, Positive, checked, lesion_catalog
from psmap.phantom.lesions.focus import UPRIGHT, Benign, DrawnFocus, FocusKind, volume_of_sphere_ml
from psmap.phantom.lesions.places import Place, draw_place
from psmap.phantom.lesions.scenarios import inferred_suv, is_enlarged, lognormal, uptake_of
from psmap.phantom.lesions.shape import draw_axes_ratio, draw_directions

MOST_SUV = 120.0
"""A benign focus is not drawn hotter than this (true SUV, ours)."""

_UNSPECIFIC_BONE_BELOW = 10.0  # SUVmax of unspecific bone uptake by its definition, doi 10.1007/s00259-021-05424-x


class Pitfall(CatalogTable):
    """One kind of benign focus: foci a man by column of tracers, SUVmax as seen, size, length against width, places."""

    kind: FocusKind
    renal: Annotated[float, Field(ge=0.0)]
    hepatobiliary: Annotated[float, Field(ge=0.0)]
    glucose: Annotated[float, Field(ge=0.0)]
    seen_suv_median: Positive
    seen_suv_spread: Positive
    diameter_median_mm: Positive
    diameter_spread: Positive
    length: Annotated[float, Field(ge=1.0)]
    places: Annotated[list[Place], Field(min_length=1)]
    osteoblastic: bool = False

    def rate(self, column: str) -> float:
        """Foci a man under the tracers of a column."""
        return {"renal": self.renal, "hepatobiliary": self.hepatobiliary, "glucose": self.glucose}[column]


@cache
def pitfalls() -> dict[str, Pitfall]:
    """Name -> kind of benign focus, as in the catalogue."""
    tables = lesion_catalog()["pitfalls"]
    return {name: checked(Pitfall, tables[name], f"pitfalls.{name}") for name in tables if name != "source"}


def draw_pitfalls(rng: np.random.Generator, tracer: str) -> tuple[DrawnFocus, ...]:
    """One man's benign foci; the same for the same dice.

    Their number follows a negative binomial: a gamma variable of mean 1 for the man, a Poisson number for every kind.

    Raises:
        Refused: for a tracer that the catalogue has no figures of.
    """
    own = uptake_of(tracer)
    man = own.benign_scale * float(rng.gamma(own.dispersion, 1.0 / own.dispersion))
    return tuple(
        focus
        for name, pitfall in pitfalls().items()
        for focus in _foci(rng, name, pitfall, own.psf_fwhm_mm, int(rng.poisson(man * pitfall.rate(own.rates))))
    )


def _foci(rng: np.random.Generator, name: str, pitfall: Pitfall, psf_fwhm_mm: float, number: int) -> list[DrawnFocus]:
    """That many foci of a kind; of ganglia none shows twice, and not more than there are."""
    found = [_focus(rng, name, pitfall, psf_fwhm_mm) for _ in range(number)]
    if pitfall.kind is not FocusKind.GANGLION:
        return found
    left = [place for one in pitfall.places for place in one.structures]
    shown = []
    for focus in found[: len(left)]:
        place = focus.place if focus.place in left else left[0]
        left.remove(place)
        shown.append(replace(focus, place=place))
    return shown


def _focus(rng: np.random.Generator, name: str, pitfall: Pitfall, psf_fwhm_mm: float) -> DrawnFocus:
    benign = Benign.GANGLION if name.startswith("ganglion") else Benign(name)
    volume, suv = _volume_and_suv(rng, pitfall, benign, psf_fwhm_mm)
    ratio = _long(draw_axes_ratio(rng, 0.10), pitfall.length)
    upright = benign in (Benign.GANGLION, Benign.URETER)
    return DrawnFocus(
        kind=pitfall.kind,
        benign=benign,
        place=draw_place(rng, tuple(pitfall.places), volume),
        volume_ml=volume,
        axes_ratio=ratio,
        directions=UPRIGHT if upright else draw_directions(rng),
        suv=suv,
        osteoblastic=pitfall.osteoblastic if pitfall.kind is FocusKind.BONE else None,
        enlarged=is_enlarged(volume, min(ratio)) if pitfall.kind is FocusKind.NODE else None,
    )


def _volume_and_suv(
    rng: np.random.Generator, pitfall: Pitfall, benign: Benign, psf_fwhm_mm: float
) -> tuple[float, float]:
    while True:
        volume = volume_of_sphere_ml(lognormal(rng, pitfall.diameter_median_mm, pitfall.diameter_spread))
        seen = lognormal(rng, pitfall.seen_suv_median, pitfall.seen_suv_spread)
        if benign is Benign.UNSPECIFIC_BONE and seen >= _UNSPECIFIC_BONE_BELOW:
            continue
        suv = inferred_suv(seen, volume, psf_fwhm_mm)
        if suv <= MOST_SUV:
            return volume, suv


def _long(ratio: Vector, length: float) -> Vector:
    """Stretched along the third axis, which is z where the focus lies upright; the volume stays."""
    across = length ** (-1.0 / 3.0)
    a, b, c = ratio
    stretched = (a * across, b * across, c * across * length)
    keep = math.prod(stretched) ** (-1.0 / 3.0)
    return stretched[0] * keep, stretched[1] * keep, stretched[2] * keep
