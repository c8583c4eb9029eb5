"""Nothing pretends: a site that nobody judged says so."""

from __future__ import annotations

import numpy as np

from psmap.domain.geometry import Grid
from psmap.domain.image import PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.suv import SuvConversion
from psmap.domain.uptake import FindingClass, Verdict
from psmap.steps.classification import await_verdict
from psmap.steps.detection import detect_sites


def test_every_site_awaits_its_verdict() -> None:
    suv = np.zeros((3, 3, 9), np.float32)
    suv[1, 1, 1], suv[1, 1, 7] = 5.0, 9.0
    grid = Grid(suv.shape, (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    findings = await_verdict(detect_sites(PetImage(grid, suv, SuvConversion((1.0,), "test", ())), ReadParameters()))
    assert [finding.site.suv_max for finding in findings] == [9.0, 5.0]
    for finding in findings:
        assert finding.verdict is Verdict.EQUIVOCAL
        assert finding.reason == "not classified yet"
        assert finding.author == "psmap"
        assert finding.probability is None
        assert finding.location is None
        assert finding.finding_class is FindingClass.UNKNOWN
