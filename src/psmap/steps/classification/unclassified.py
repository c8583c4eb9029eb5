"""Before any classifier has spoken: every site is equivocal, and says that nobody has judged it."""

from __future__ import annotations

from collections.abc import Iterable

from psmap.domain.uptake import NOT_CLASSIFIED, Finding, UptakeSite, Verdict


def await_verdict(sites: Iterable[UptakeSite]) -> tuple[Finding, ...]:
    """One finding a site, in the order of the sites, without probability or place."""
    return tuple(Finding(site=site, verdict=Verdict.EQUIVOCAL, reason=NOT_CLASSIFIED, author="psmap") for site in sites)
