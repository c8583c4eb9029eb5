"""Tumour burden: how much volume and how much uptake the findings hold, under every published definition at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.burden import BurdenEntry, TumourBurden
from psmap.domain.uptake import NOT_CLASSIFIED, Finding, UptakeSite, Verdict

ALL_UNCLASSIFIED = "all_sites_unclassified"
SUSPICIOUS = "suspicious"

# definition -> (SUV or fraction used, its sites), or why it is withheld
SitesByDefinition = Mapping[str, tuple[float, tuple[UptakeSite, ...]] | str]


@dataclass(frozen=True, slots=True)
class _Sum:
    volume_ml: float
    tl: float
    suv_mean: float | None
    suv_max: float | None
    sites: int
    small_sites: int
    open_sites: int


def measure_burden(findings: Sequence[Finding], sites_by_definition: SitesByDefinition) -> TumourBurden:
    """Add up volume (PSMA-TV, mL) and total uptake (TL-PSMA = sum of SUVmean * volume, g/mL * mL).

    Until verdicts exist (every finding's reason is 'not classified yet') all sites count, and the scope says so.
    After that only suspicious findings do; of a definition's own sites those count that share voxels with suspicious
    findings, and at least as many as with all others. Small sites and sites with an open percent contour are left
    out of every sum and counted apart (a site that is both, as small).

    Args:
        findings: the case's findings, whose own sites give the burden at the top.
        sites_by_definition: from `detect_by_definition`.
    """
    unclassified = all(
        finding.verdict is Verdict.EQUIVOCAL and finding.reason == NOT_CLASSIFIED for finding in findings
    )
    suspicious = [finding.site for finding in findings if finding.verdict is Verdict.SUSPICIOUS]
    others = [finding.site for finding in findings if finding.verdict is not Verdict.SUSPICIOUS]
    own = _add_up(finding.site for finding in findings) if unclassified else _add_up(suspicious)
    wanted, unwanted = _voxels(suspicious), _voxels(others)
    by_definition: dict[str, BurdenEntry | None] = {}
    withheld: dict[str, str] = {}
    for name, known in sites_by_definition.items():
        if isinstance(known, str):
            by_definition[name] = None
            withheld[name] = known
            continue
        threshold, sites = known
        total = _add_up(site for site in sites if unclassified or _belongs(site, wanted, unwanted))
        by_definition[name] = BurdenEntry(
            volume_ml=total.volume_ml,
            tl=total.tl,
            suv_mean=total.suv_mean,
            suv_max=total.suv_max,
            sites=total.sites,
            threshold=threshold,
            small_sites=total.small_sites,
            open_sites=total.open_sites,
        )
    return TumourBurden(
        scope=ALL_UNCLASSIFIED if unclassified else SUSPICIOUS,
        volume_ml=own.volume_ml,
        tl=own.tl,
        suv_mean=own.suv_mean,
        by_definition=by_definition,
        withheld=withheld,
    )


def _add_up(sites: Iterable[UptakeSite]) -> _Sum:
    counted: list[UptakeSite] = []
    small = unclosed = 0
    for site in sites:
        if site.small:
            small += 1
        elif site.open_contour:
            unclosed += 1
        else:
            counted.append(site)
    volume_ml = float(sum(site.volume_ml for site in counted))
    tl = float(sum(site.tlu for site in counted))
    return _Sum(
        volume_ml=volume_ml,
        tl=tl,
        suv_mean=tl / volume_ml if volume_ml > 0 else None,
        suv_max=max((site.suv_max for site in counted), default=None),
        sites=len(counted),
        small_sites=small,
        open_sites=unclosed,
    )


def _voxels(sites: Sequence[UptakeSite]) -> npt.NDArray[np.int64]:
    """All their voxels, ascending."""
    return np.sort(np.concatenate([np.empty(0, dtype=np.int64), *(site.index for site in sites)]))


def _shared(site: UptakeSite, voxels: npt.NDArray[np.int64]) -> int:
    """How many of the site's voxels are among the others, which ascend."""
    if len(voxels) == 0:
        return 0
    at = np.minimum(np.searchsorted(voxels, site.index), len(voxels) - 1)
    return int(np.count_nonzero(voxels[at] == site.index))


def _belongs(site: UptakeSite, wanted: npt.NDArray[np.int64], unwanted: npt.NDArray[np.int64]) -> bool:
    suspicious = _shared(site, wanted)
    return suspicious > 0 and suspicious >= _shared(site, unwanted)
