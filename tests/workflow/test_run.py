"""Steps run in the order of what they need, once, and again only where something they need has changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from psmap.domain.case import Case
from psmap.io.store import Store
from psmap.workflow.pipeline import PIPELINE, Step
from psmap.workflow.run import order_steps, run_steps


@dataclass(frozen=True)
class Bag:
    """A record of four fields that stands in for a case."""

    a: int = 1
    b: int = 2
    total: int | None = None
    square: int | None = None


def as_case(bag: Bag) -> Case:
    return bag  # type: ignore[return-value]


def table(calls: list[str], version: int = 1) -> tuple[Step, ...]:
    def add(a: int, b: int) -> int:
        calls.append("add")
        return a + b

    def square(total: int) -> int:
        calls.append("square")
        return total**2

    return (
        Step("square", needs=("total",), gives="square", run=square),
        Step("add", needs=("a", "b"), gives="total", run=add, version=version),
    )


def test_order_follows_needs_and_a_hole_is_an_error() -> None:
    assert [step.name for step in order_steps(table([]), ("a", "b"))] == ["add", "square"]
    with pytest.raises(ValueError, match="add"):
        order_steps(table([]), ("a",))


def test_the_pipeline_reads_from_top_to_bottom() -> None:
    door = ("pet_series", "ct", "tracer", "history", "parameters", "liver", "given_sites", "segmenter")
    assert order_steps(PIPELINE, door) == PIPELINE


def test_a_stored_result_is_not_made_again(tmp_path: Path) -> None:
    calls: list[str] = []
    keys = {"a": "1", "b": "2"}
    store = Store(tmp_path)
    first, _ = run_steps(as_case(Bag()), keys, store, steps=table(calls))
    second, records = run_steps(as_case(Bag()), keys, store, steps=table(calls))
    assert calls == ["add", "square"]
    assert (first, second) == (Bag(total=3, square=9), Bag(total=3, square=9))
    assert all(record.from_store for record in records)


def test_a_changed_input_or_version_runs_what_hangs_on_it(tmp_path: Path) -> None:
    calls: list[str] = []
    store = Store(tmp_path)
    run_steps(as_case(Bag()), {"a": "1", "b": "2"}, store, steps=table(calls))
    changed, _ = run_steps(as_case(Bag(b=5)), {"a": "1", "b": "5"}, store, steps=table(calls))
    assert changed == Bag(b=5, total=6, square=36)
    run_steps(as_case(Bag()), {"a": "1", "b": "2"}, store, steps=table(calls, version=2))
    assert calls == ["add", "square"] * 3


def test_a_damaged_result_is_made_again(tmp_path: Path) -> None:
    calls: list[str] = []
    store, keys = Store(tmp_path), {"a": "1", "b": "2"}
    run_steps(as_case(Bag()), keys, store, steps=table(calls))
    for entry in tmp_path.iterdir():
        entry.write_bytes(b"damaged")
    case, _ = run_steps(as_case(Bag()), keys, store, steps=table(calls))
    assert calls == ["add", "square"] * 2
    assert case == Bag(total=3, square=9)
