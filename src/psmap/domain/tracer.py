"""A tracer as the catalogue knows it."""

from __future__ import annotations

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
