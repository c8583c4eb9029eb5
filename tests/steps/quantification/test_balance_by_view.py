"""The activity balance where an anatomy says which part of a man is in view: sums that close, and a man's legs."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from psmap.catalog.load import tracer_by_name
from psmap.domain.anatomy import ArmsInView, BodyView
from psmap.domain.image import CtImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import ScannedMan, scan_man
from psmap.steps.quantification.balance import balance_activity, share_by_view
from psmap.workflow.pipeline import PIPELINE, see_body

LEGS_MM = (-1100.0, 40.0)
POSTURES = tuple(ArmsInView)


def _view(low: float, high: float, arms: ArmsInView = ArmsInView.UP) -> BodyView:
    return BodyView(low, high, arms, 12, 3.0, True)


@pytest.mark.parametrize("arms", [ArmsInView.UP, ArmsInView.DOWN, ArmsInView.UNKNOWN])
def test_the_whole_man_is_one(arms: ArmsInView) -> None:
    assert share_by_view(_view(-2000.0, 2000.0, arms)) == pytest.approx(1.0, abs=1e-9)
    assert share_by_view(_view(1500.0, 2000.0, arms)) == share_by_view(_view(-2000.0, -1500.0, arms)) == 0.0


@pytest.mark.parametrize("arms", POSTURES)
def test_parts_add_up_and_more_in_view_is_more(arms: ArmsInView) -> None:
    cuts = np.linspace(-1100.0, 1100.0, 45)
    parts = [share_by_view(_view(float(low), float(high), arms)) for low, high in pairwise(cuts)]
    assert min(parts) >= 0.0
    assert sum(parts) == pytest.approx(share_by_view(_view(-1100.0, 1100.0, arms)), abs=1e-9)


def test_arms_are_counted_where_they_lie() -> None:
    """Hanging arms lie beside the belly, raised ones beside the head; what is not known is half way between."""
    belly, head = (-200.0, 250.0), (500.0, 1100.0)
    share = {arms: [share_by_view(_view(*ends, arms)) for ends in (belly, head)] for arms in POSTURES}
    assert share[ArmsInView.DOWN][0] > share[ArmsInView.UP][0] + 0.03
    assert share[ArmsInView.UP][1] > share[ArmsInView.DOWN][1] + 0.03
    assert share[ArmsInView.OUT_OF_VIEW] == pytest.approx(
        np.minimum(share[ArmsInView.UP], share[ArmsInView.DOWN]), abs=2e-3
    )
    assert share[ArmsInView.UNKNOWN] == pytest.approx(np.mean([share[ArmsInView.UP], share[ArmsInView.DOWN]], axis=0))


@pytest.fixture(scope="module")
def legs() -> tuple[ScannedMan, PetImage, CtImage]:
    """A digital man under 68Ga-PSMA-11, from his feet to his loins; nothing is wrong with his header."""
    man = scan_man(3, tracer_by_name("psma-11"), Scenario.OLIGO, voxel_mm=8.0, field_mm=LEGS_MM)
    about = SuvConversion(
        factors=(1.0,) * man.grid.shape[0],
        rule="made",
        trace=(),
        weight_kg=man.man.weight_kg,
        height_m=man.man.height_m,
    )
    return man, PetImage(man.grid, man.suv, about), CtImage(man.grid, man.hu)


def test_legs_and_pelvis_do_not_pass_for_most_of_a_man(legs: tuple[ScannedMan, PetImage, CtImage]) -> None:
    """By length they are taken for head and trunk, where the kidneys lie, and his right header is called wrong."""
    _man, pet, ct = legs
    by_length = balance_activity(pet, ct)
    by_view = balance_activity(pet, ct, _view(*LEGS_MM, ArmsInView.OUT_OF_VIEW))
    assert by_length is not None
    assert by_view is not None
    assert (by_length.body_share_from, by_length.trusted) == ("length", False)
    assert (by_view.body_share_from, by_view.trusted) == ("anatomy", None)
    assert by_view.body_share == pytest.approx(by_view.body_kg / pet.conversion.weight_kg, abs=0.03)
    assert by_view.weight_ratio == pytest.approx(1.0, abs=0.05)


def test_a_view_that_is_not_firm_changes_nothing(legs: tuple[ScannedMan, PetImage, CtImage]) -> None:
    _man, pet, ct = legs
    loose = replace(_view(*LEGS_MM), firm=False)
    assert balance_activity(pet, ct, loose) == balance_activity(pet, ct) == balance_activity(pet, ct, None)


def test_a_wrong_weight_is_seen_by_the_view_too(legs: tuple[ScannedMan, PetImage, CtImage]) -> None:
    """Kilograms written as pounds: 2.2 times the weight, in a view of the whole trunk and legs."""
    _man, pet, ct = legs
    pounds = replace(pet.conversion, weight_kg=2.2046 * (pet.conversion.weight_kg or 0.0))
    wrong = balance_activity(PetImage(pet.grid, pet.suv, pounds), ct, _view(*LEGS_MM, ArmsInView.OUT_OF_VIEW))
    assert wrong is not None
    assert wrong.weight_ratio == pytest.approx(2.2046, rel=0.05)


def test_the_balance_knows_the_view_before_anything_rests_on_it() -> None:
    order = [step.name for step in PIPELINE]
    first_resting = min(order.index(step.name) for step in PIPELINE if step.rests_on_suv)
    assert order.index("anatomy") < order.index("body view") < order.index("balance") < first_resting


def test_without_an_anatomy_there_is_no_view(legs: tuple[ScannedMan, PetImage, CtImage]) -> None:
    _man, pet, _ct = legs
    assert see_body(None, pet) is None
