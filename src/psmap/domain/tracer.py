"""A tracer as the catalogue knows it, and where it goes in a man."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psmap.domain.acquisition import Code


@dataclass(frozen=True, slots=True)
class Tracer:
    """One radiopharmaceutical.

    Args:
        id: the name used in files and options, 'psma-11'.
        name: the name printed, '68Ga-PSMA-11'.
        nuclide: '68Ga'.
        psma: whether rules for PSMA ligands apply.
        half_life_s: physical half-life of the nuclide (s).
        codes: RadiopharmaceuticalCodeSequence codes that name it.
        patterns: regular expressions for free text, tried in lower case.
        reference_organ: organ of expression score 2, 'liver' or 'spleen'; None where no PSMA rule applies.
        liver_threshold: whether the liver-based lesion threshold is defined for it.
        uptake_min: usual minutes from injection to scan (lowest, highest), None where the catalogue has none.
        activity_mbq: usual injected activity in MBq (lowest, highest), None where the catalogue has none.
        source: where the entry's figures come from.
    """

    id: str
    name: str
    nuclide: str
    psma: bool
    half_life_s: float
    codes: tuple[Code, ...]
    patterns: tuple[str, ...]
    reference_organ: str | None
    liver_threshold: bool
    uptake_min: tuple[float, float] | None
    activity_mbq: tuple[float, float] | None
    source: str


@dataclass(frozen=True, slots=True)
class OrganUptake:
    """Uptake of one tissue over men.

    Args:
        mean: SUV (g/mL) as it is measured on images, or for urine the share of the injected activity.
        spread: standard deviation over men, in the same units.
        source: where both come from.
    """

    mean: float
    spread: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Physiology:
    """Where a tracer goes in a man without disease, at its usual uptake time.

    Args:
        organs: tissue of `tissues.toml` -> uptake.
        urine: share of the injected activity that the kidneys have passed into urine, voided or not.
        uptake_min: minutes from injection to scan that the figures hold for.
        activity_mbq_kg: usual injected activity per kg of body weight.
        source: where what is no organ's own comes from.
    """

    organs: Mapping[str, OrganUptake]
    urine: OrganUptake
    uptake_min: float
    activity_mbq_kg: float
    source: str
