"""The activity balance on men of known mass and activity, under right headers and under wrong ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from balance_cases import FAULTS, MEN, Case, answer
from balance_man import Scan, mass_kg, part_of, suv_of
from balance_page import PAGE, page

from psmap.domain.balance import ActivityBalance

Weigh = Callable[[Case], tuple[ActivityBalance, float]]


@pytest.fixture(scope="module")
def weigh(tmp_path_factory: pytest.TempPathFactory) -> Weigh:
    """The answer to a case, found once."""
    known: dict[str, tuple[ActivityBalance, float]] = {}

    def find(case: Case) -> tuple[ActivityBalance, float]:
        if case.what not in known:
            known[case.what] = answer(case, tmp_path_factory.mktemp("balance"))
        return known[case.what]

    return find


@pytest.mark.parametrize("case", (*MEN, *FAULTS), ids=lambda case: case.what.replace(" ", "_"))
def test_the_answer_is_the_one_asked_for(case: Case, weigh: Weigh) -> None:
    balance, _total = weigh(case)
    assert balance.trusted is case.trusted, balance
    assert bool(balance.doubts) == (case.trusted is False)
    assert bool(balance.not_judged) == (case.trusted is None)


@pytest.mark.parametrize("case", MEN, ids=lambda case: case.what.replace(" ", "_"))
def test_mass_and_activity_are_those_of_the_man(case: Case, weigh: Weigh) -> None:
    """Counted on the man's own voxels: activity to 2 % (the scanner's blur leaves the field), mass to 8 %."""
    suv, grid, body, lungs = suv_of(case.man)
    seen, field = part_of(grid, case.man.from_to_mm)
    balance, _total = weigh(case)
    activity = float(suv[seen].sum()) * grid.voxel_ml / 70_000.0
    assert balance.activity_share == pytest.approx(activity, rel=0.02)
    table = 3.5 * field.shape[0] * field.spacing_mm[0] / 1000.0 if case.man.ct else 0.0  # kg of table a metre
    assert balance.body_kg == pytest.approx(mass_kg(body[seen], lungs[seen], grid) + table, rel=0.08)


@pytest.mark.parametrize("case", [case for case in FAULTS if case.man == Scan(case.man.organs)], ids=lambda c: c.what)
def test_the_suv_is_off_by_as_much_as_the_table_says(case: Case, weigh: Weigh) -> None:
    _balance, right = weigh(MEN[0])
    _balance, total = weigh(case)
    assert total / right == pytest.approx(case.off, rel=1e-3)


def test_no_two_cases_are_called_the_same() -> None:
    assert len({case.what for case in (*MEN, *FAULTS)}) == len(MEN) + len(FAULTS)


def test_the_page_is_what_psmap_answers(weigh: Weigh) -> None:
    """If this fails: python tests/zoo/write_balance_page.py, and look at what changed."""
    assert PAGE.read_text(encoding="utf-8") == page({case.what: weigh(case)[0] for case in (*MEN, *FAULTS)})
