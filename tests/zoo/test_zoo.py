"""Every broken header gives the right SUV or a refusal with the tag and a cure; none a wrong number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faults_man
import pytest
from faults import FAULTS
from zoo_fault import REFUSED, RIGHT, Answer, Fault, answer, right
from zoo_page import PAGE, page
from zoo_study import Man, bq_ml, put_tracer, write

from psmap.domain.parameters import ReadParameters

Ask = Callable[[Fault], Answer]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The answer to a fault, found once."""
    known: dict[str, Answer] = {}

    def find(fault: Fault) -> Answer:
        if fault.name not in known:
            known[fault.name] = answer(fault, tmp_path_factory.mktemp("zoo") / "study")
        return known[fault.name]

    return find


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "_"))
def test_right_or_refused(fault: Fault, ask: Ask) -> None:
    found = ask(fault)
    assert found.outcome == fault.outcome, found
    assert found.words, f"the answer does not name {fault.says}"
    if fault.outcome == REFUSED:
        assert found.cure
    else:
        assert found.error <= 1.0
        assert found.named_in_warning or not fault.warned


def test_the_zoo_is_large_and_no_two_are_alike() -> None:
    """The issue asks for 40 at least."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40
    assert len({fault.wrong for fault in FAULTS}) == len(FAULTS)


def test_a_wrong_number_would_be_seen(tmp_path: Path) -> None:
    """70.1 kg instead of 70, or 0.1 % of the dose, is far more than rounding: the check of the truth can fail."""

    @right("nothing that a header could show", says="(0010,1030)")
    def heavier(study: Path) -> None:
        write(study, man=Man(weight_kg=70.1))

    @right("nothing that a header could show", says="(0018,1074)")
    def stronger(study: Path) -> None:
        write(study, put_tracer(RadionuclideTotalDose="150150000"))

    for fault in (heavier, stronger):
        found = answer(fault, tmp_path / fault.name)
        assert found.outcome == RIGHT
        assert found.error > 10.0


def test_the_cure_of_a_missing_weight_cures(tmp_path: Path) -> None:
    cured = replace(faults_man.weight_missing, outcome=RIGHT)
    found = answer(cured, tmp_path, ReadParameters(weight_kg=70.0))
    assert found.outcome == RIGHT
    assert found.error <= 1.0


def test_the_stored_values_are_those_of_the_rule_sheet() -> None:
    """Vector SUV-2 (68Ga, 150 MBq, 60 min): 10,000 Bq/mL are SUV 9.86439700 in 80 kg."""
    suv_of_one = bq_ml(weight_kg=80.0).max() / 20.0
    assert 10_000.0 / suv_of_one == pytest.approx(9.86439700, abs=1e-8)


def test_the_page_is_what_psmap_answers(ask: Ask) -> None:
    """If this fails: python tests/zoo/write_page.py, and look at what changed."""
    assert PAGE.read_text(encoding="utf-8") == page({fault.name: ask(fault) for fault in FAULTS})
