"""Tumour burden under several published definitions at once."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BurdenEntry:
    """Burden under one definition.

    Args:
        volume_ml: sum of voxel volumes (PSMA-TV).
        tl: sum over sites of SUVmean * volume (TL-PSMA), g/mL * mL.
        suv_mean: tl / volume; None without volume.
        suv_max: hottest voxel; None without sites.
        sites: number of sites counted.
        threshold: SUV used, or the fraction of the maximum for percent definitions.
        small_sites: sites left out because they are small.
        open_sites: sites left out because their percent contour could not be closed against the background.
    """

    volume_ml: float
    tl: float
    suv_mean: float | None
    suv_max: float | None
    sites: int
    threshold: float
    small_sites: int = 0
    open_sites: int = 0


@dataclass(frozen=True, slots=True)
class TumourBurden:
    """Burden of the findings in `scope`.

    Args:
        scope: which findings are counted: 'all_sites_unclassified' until verdicts exist, then 'suspicious'.
        volume_ml, tl, suv_mean: under the definition that the case was read with.
        by_definition: definition -> entry, or None where it cannot be had.
        withheld: definition -> why its entry is None.
    """

    scope: str
    volume_ml: float
    tl: float
    suv_mean: float | None
    by_definition: dict[str, BurdenEntry | None] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
