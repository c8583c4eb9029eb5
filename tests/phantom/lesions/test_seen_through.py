"""The point spread by which SUVs given as seen are turned back, against the men's own scanner."""

from __future__ import annotations

import numpy as np
import pytest

from psmap.catalog.load import load_tracers
from psmap.domain.geometry import Grid
from psmap.phantom.lesions.focus import UPRIGHT, DrawnFocus, FocusKind
from psmap.phantom.lesions.paint_focus import paint_focus
from psmap.phantom.lesions.recovery import seen_suv
from psmap.phantom.lesions.scenarios import uptake_of
from psmap.phantom.tomograph import Conditions, acquire

STEP = 4.0
GRID = Grid((25, 25, 25), (-48.0, -48.0, -48.0), ((0.0, 0.0, STEP), (0.0, STEP, 0.0), (STEP, 0.0, 0.0)))
AROUND, HOT = 0.7, 30.0


@pytest.mark.parametrize("tracer", ["psma-11", "psma-1007", "dcfpyl", "fdg"])
@pytest.mark.parametrize("volume_ml", [0.3, 0.6, 1.5])
def test_small_foci_are_seen_through_the_point_spread_of_the_tracer(tracer: str, volume_ml: float) -> None:
    """Spheres anywhere between voxels, scanned without noise and breath: within 15 %, for the men's are not round."""
    dice = np.random.default_rng(1)
    conditions = Conditions(load_tracers()[tracer].nuclide, 150.0, 60.0, breath_mm=0.0, noise=0.0)
    focus = DrawnFocus(FocusKind.NODE, None, "presacral_node", volume_ml, (1.0, 1.0, 1.0), UPRIGHT, HOT)
    hottest = []
    for _ in range(8):
        activity = np.full(GRID.shape, AROUND, np.float32)
        x, y, z = (float(mm) for mm in dice.uniform(-0.5, 0.5, 3) * STEP)
        paint_focus(activity, GRID, (x, y, z), focus)
        hottest.append(float(acquire(activity, GRID, conditions, dice)[8:17, 8:17, 8:17].max()))
    expected = seen_suv(HOT, volume_ml, AROUND, uptake_of(tracer).psf_fwhm_mm, STEP)
    assert np.mean(hottest) == pytest.approx(expected, rel=0.15)
