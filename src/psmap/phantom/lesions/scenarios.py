"""Three kinds of men: how many lesions of which kind, where, how large and how hot."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Annotated

import numpy as np
from pydantic import Field

from psmap.domain.refusal import Refused
from psmap.phantom.lesions.distribution import (
    CatalogTable,
    Positive,
    Share,
    Text,
    advanced_fit,
    checked,
    draw_advanced,
    draw_profile,
    lesion_catalog,
    scanner_model,
)
from psmap.phantom.lesions.focus import DrawnFocus, DrawnLesion, FocusKind, volume_of_sphere_ml
from psmap.phantom.lesions.places import draw_place, places_of
from psmap.phantom.lesions.recovery import seen_suv, true_suv
from psmap.phantom.lesions.shape import draw_axes_ratio, draw_directions

MOST_LOCAL = 3
"""Foci in one prostate or its bed; what is drawn beyond lies in bone (ours)."""

Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class Scenario(StrEnum):
    """What kind of man."""

    BCR_LOW_PSA = "bcr_low_psa"
    OLIGO = "oligo"
    ADVANCED = "advanced"


DEFAULT_MIXTURE: Mapping[Scenario, float] = MappingProxyType(dict.fromkeys(Scenario, 1.0 / 3.0))
"""Share of men from each scenario in a cohort."""


class TracerUptake(CatalogTable):
    """How a tracer differs: uptake of lesions, its point spread; benign foci: rates, how many, how unlike men are."""

    lesion_suv: Positive
    psf_fwhm_mm: Positive
    rates: Text
    benign_scale: Positive
    dispersion: Positive


class OligoTable(CatalogTable):
    """Men with one to five metastases; `number` gives the shares of one, two, and so on, `tracer` the source's."""

    tracer: Text
    number: list[Share]
    seen_suv_median: Positive
    seen_suv_spread: Positive
    seen_suv_range: Range
    volume_median_ml: Positive
    volume_spread: Positive
    volume_range_ml: Range
    most_suv: Positive
    source: Text


class RecurrenceTable(CatalogTable):
    """Men with PSA below 1 ng/mL after prostatectomy: counts of men, then size and SUV of what PET shows."""

    tracer: Text
    men: int
    inside_only: int
    outside_only: int
    both: int
    outside_bone: int
    outside_perirectal: int
    inside_local_only: Share
    inside_nodes_only: Share
    more: Share
    diameter_median_mm: Positive
    diameter_spread: Positive
    diameter_range_mm: Range
    suv_median: Positive
    suv_spread: Positive
    suv_range: Range
    least_seen_suv: Positive
    osteoblastic: Share
    source: Text


@dataclass(frozen=True, slots=True)
class Uptake:
    """A lesion before it has a place: true volume (mL), and SUV (g/mL) at its centre."""

    volume_ml: float
    suv: float


def draw_lesions(
    rng: np.random.Generator, scenario: Scenario, tracer: str, prostatectomy: bool
) -> tuple[DrawnLesion, ...]:
    """One man's lesions; the same for the same dice.

    Args:
        rng: the dice.
        scenario: what kind of man.
        tracer: id of `catalog/tracers`, such as "psma-11".
        prostatectomy: whether he has no prostate: a lesion there is then a recurrence.

    Raises:
        Refused: for a tracer that the catalogue has no figures of.
    """
    factor = uptake_of(tracer).lesion_suv
    return tuple(
        _lesion(rng, region, Uptake(one.volume_ml, one.suv * factor), prostatectomy, osteoblastic)
        for region, one, osteoblastic in _DRAW[Scenario(scenario)](rng)
    )


@cache
def uptake_of(tracer: str) -> TracerUptake:
    """What the catalogue has on a tracer; `Refused` where it has nothing."""
    tables = lesion_catalog()["tracers"]
    if tracer not in tables or tracer == "source":
        known = ", ".join(name for name in tables if name != "source")
        raise Refused(f"no uptake of lesions is known for the tracer {tracer!r}", cure=f"take one of {known}")
    return checked(TracerUptake, tables[tracer], f"tracers.{tracer}")


@cache
def oligo_table() -> OligoTable:
    """Table `oligo` of the catalogue."""
    table = {key: value for key, value in lesion_catalog()["oligo"].items() if key != "regions"}
    return checked(OligoTable, table, "oligo")


@cache
def recurrence_table() -> RecurrenceTable:
    """Table `bcr_low_psa` of the catalogue."""
    return checked(RecurrenceTable, lesion_catalog()["bcr_low_psa"], "bcr_low_psa")


Drawn = list[tuple[str, Uptake, float]]
"""Region, uptake, and the chance of being osteoblastic in bone."""


def _advanced(rng: np.random.Generator) -> Drawn:
    volumes, suvs = draw_advanced(rng, advanced_fit())
    table = lesion_catalog()["advanced"]["regions"]
    regions = _regions(rng, table, len(volumes))
    return [
        (region, Uptake(float(volume), float(suv)), table["osteoblastic"])
        for region, volume, suv in zip(regions, volumes, suvs, strict=True)
    ]


def _oligo(rng: np.random.Generator) -> Drawn:
    table, regions = oligo_table(), lesion_catalog()["oligo"]["regions"]
    shares = np.array(table.number)
    number = 1 + int(rng.choice(len(shares), p=shares / shares.sum()))
    return [(region, _oligo_uptake(rng, table), regions["osteoblastic"]) for region in _regions(rng, regions, number)]


def _oligo_uptake(rng: np.random.Generator, table: OligoTable) -> Uptake:
    """The SUVmax as published, then the true SUV that shows so; drawn again where that would be beyond nature."""
    low, high = table.seen_suv_range
    psf_fwhm_mm = uptake_of(table.tracer).psf_fwhm_mm
    while True:
        seen = lognormal(rng, table.seen_suv_median, table.seen_suv_spread)
        volume = lognormal(rng, table.volume_median_ml, table.volume_spread)
        if low <= seen <= high and table.volume_range_ml[0] <= volume <= table.volume_range_ml[1]:
            suv = inferred_suv(seen, volume, psf_fwhm_mm)
            if suv <= table.most_suv:
                return Uptake(volume, suv)


def _recurrence(rng: np.random.Generator) -> Drawn:
    table = recurrence_table()
    which = int(rng.integers(table.men))
    if which < table.inside_only:
        inside, outside = True, False
    elif which < table.inside_only + table.outside_only:
        inside, outside = False, True
    else:
        inside = outside = which < table.inside_only + table.outside_only + table.both
    regions = (_inside(rng, table) if inside else []) + (_outside(rng, table) if outside else [])
    return [(region, _recurrence_uptake(rng, table), table.osteoblastic) for region in regions]


def _inside(rng: np.random.Generator, table: RecurrenceTable) -> list[str]:
    """Regions of the lesions inside the consensus target volume: bed, pelvic nodes, or both."""
    dice = rng.random()
    local = dice < table.inside_local_only or dice >= table.inside_local_only + table.inside_nodes_only
    nodes = dice >= table.inside_local_only
    return ["local"] * local + (["inside_node"] * _some(rng, table.more) if nodes else [])


def _outside(rng: np.random.Generator, table: RecurrenceTable) -> list[str]:
    """Regions of the lesions outside it: bone and perirectal nodes as published, another node where neither is."""
    men = table.outside_only + table.both
    bone, perirectal = rng.random(2) < np.array([table.outside_bone / men, table.outside_perirectal / men])
    regions = ["bone"] * (_some(rng, table.more) if bone else 0)
    regions += ["perirectal_node"] * (_some(rng, table.more) if perirectal else 0)
    return regions or ["outside_node"] * _some(rng, table.more)


def _some(rng: np.random.Generator, more: float) -> int:
    """One, and with that chance one more, and so on."""
    return int(rng.geometric(1.0 - more))


def _recurrence_uptake(rng: np.random.Generator, table: RecurrenceTable) -> Uptake:
    """Size and SUV of a lesion that PET shows; drawn again where it would not."""
    model, psf_fwhm_mm = scanner_model(), uptake_of(table.tracer).psf_fwhm_mm
    while True:
        across = lognormal(rng, table.diameter_median_mm, table.diameter_spread)
        suv = lognormal(rng, table.suv_median, table.suv_spread)
        if not table.diameter_range_mm[0] <= across <= table.diameter_range_mm[1]:
            continue
        if not table.suv_range[0] <= suv <= table.suv_range[1]:
            continue
        volume = volume_of_sphere_ml(across)
        if seen_suv(suv, volume, model.background_suv, psf_fwhm_mm, model.voxel_mm) >= table.least_seen_suv:
            return Uptake(volume, suv)


_DRAW: Mapping[Scenario, Callable[[np.random.Generator], Drawn]] = {
    Scenario.BCR_LOW_PSA: _recurrence,
    Scenario.OLIGO: _oligo,
    Scenario.ADVANCED: _advanced,
}


def _regions(rng: np.random.Generator, table: Mapping[str, float], number: int) -> list[str]:
    """Regions of a man's lesions by the table's shares; with the chance `kinship` the region of an earlier one."""
    names = [name for name in table if name not in ("kinship", "osteoblastic", "source")]
    shares = np.array([table[name] for name in names])
    fresh = rng.choice(len(names), size=number, p=shares / shares.sum())
    kin, which = rng.random(number) < table["kinship"], rng.random(number)
    chosen: list[str] = []
    for n in range(number):
        region = chosen[int(which[n] * n)] if n and kin[n] else names[int(fresh[n])]
        full = region == "local" and chosen.count("local") == MOST_LOCAL
        chosen.append("bone" if full else region)
    return chosen


_KIND = {
    "bone": FocusKind.BONE,
    "pelvic_node": FocusKind.NODE,
    "inside_node": FocusKind.NODE,
    "outside_node": FocusKind.NODE,
    "perirectal_node": FocusKind.NODE,
    "distant_node": FocusKind.NODE,
    "visceral": FocusKind.VISCERAL,
}


def _lesion(
    rng: np.random.Generator, region: str, uptake: Uptake, prostatectomy: bool, osteoblastic: float
) -> DrawnLesion:
    """A lesion with its shape, its place, and how it looks on CT."""
    if region == "local":
        kind = FocusKind.LOCAL_RECURRENCE if prostatectomy else FocusKind.PRIMARY
        places = places_of("local_after_prostatectomy" if prostatectomy else "local_with_prostate")
    else:
        kind, places = _KIND[region], places_of(region)
    dense = bool(rng.random() < osteoblastic)
    ratio = draw_axes_ratio(rng)
    rim, core = draw_profile(rng, uptake.volume_ml)
    return DrawnFocus(
        kind=kind,
        benign=None,
        place=draw_place(rng, places, uptake.volume_ml),
        volume_ml=uptake.volume_ml,
        axes_ratio=ratio,
        directions=draw_directions(rng),
        suv=uptake.suv,
        rim=rim,
        core=core,
        osteoblastic=dense if kind is FocusKind.BONE else None,
        enlarged=is_enlarged(uptake.volume_ml, min(ratio)) if kind is FocusKind.NODE else None,
    )


def is_enlarged(volume_ml: float, least_ratio: float) -> bool:
    """Whether a focus of that volume, its short axis that share of the sphere's, makes its node enlarged on CT."""
    limit: float = lesion_catalog()["nodes"]["enlarged_mm"]
    return volume_ml * least_ratio**3 >= volume_of_sphere_ml(limit)


def inferred_suv(seen: float, volume_ml: float, psf_fwhm_mm: float) -> float:
    """The true SUV that shows as SUVmax `seen` through a scanner of that point spread, else the catalogue's."""
    model = scanner_model()
    return true_suv(max(seen, model.background_suv), volume_ml, model.background_suv, psf_fwhm_mm, model.voxel_mm)


def lognormal(rng: np.random.Generator, median: float, spread: float) -> float:
    """A draw by its median and the standard deviation of its natural logarithm."""
    return median * math.exp(spread * float(rng.standard_normal()))
