"""Run the table of steps: in order of what they need, skipping what the store already holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from psmap.domain.case import Case
from psmap.io.store import Store, content_key
from psmap.version import __version__
from psmap.workflow.pipeline import PIPELINE, Step

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What happened to one step: its key in the store, the seconds it took, and whether it was there already."""

    name: str
    version: int
    key: str
    seconds: float
    from_store: bool


def order_steps(steps: Iterable[Step], given: Iterable[str]) -> tuple[Step, ...]:
    """Sort steps so that each comes after what it needs. Raises ValueError where something needed is never given."""
    waiting, known, ordered = list(steps), set(given), []
    while waiting:
        ready = next((step for step in waiting if set(step.needs) <= known), None)
        if ready is None:
            missing = {step.name: sorted(set(step.needs) - known) for step in waiting}
            raise ValueError(f"steps that can never run, with what they lack: {missing}")
        waiting.remove(ready)
        known.add(ready.gives)
        ordered.append(ready)
    return tuple(ordered)


def run_steps(
    case: Case,
    keys: Mapping[str, str],
    store: Store,
    progress: Progress = lambda name: None,
    steps: Iterable[Step] = PIPELINE,
) -> tuple[Case, tuple[StepRecord, ...]]:
    """Fill the case step by step; what rests on an SUV that is not to be trusted stays None, and has no record.

    Args:
        case: the fields that came through the door.
        keys: field -> hash of its content, for every field that the steps may need from the door.
        store: where results are kept.
        progress: told the name of each step before it runs.
        steps: the table.

    Returns:
        The filled case and one record a step.
    """
    known, records = dict(keys), []
    for step in order_steps(steps, known):
        progress(step.name)
        key = content_key(__version__, step.name, step.version, tuple(known[need] for need in step.needs))
        if step.rests_on_suv and case.withheld:
            known[step.gives] = key
            continue
        started = time.perf_counter()
        result, from_store = _result(step, case, key, store)
        records.append(StepRecord(step.name, step.version, key, time.perf_counter() - started, from_store))
        case = replace(case, **{step.gives: result})  # type: ignore[arg-type]
        known[step.gives] = key
    return case, tuple(records)


def _result(step: Step, case: Case, key: str, store: Store) -> tuple[object, bool]:
    if step.stored and key in store:
        try:
            return store.get(key), True
        except KeyError:
            pass  # damaged: made again below, and written over
    result = step.run(*(getattr(case, need) for need in step.needs))
    if step.stored:
        store.put(key, result)
    return result, False
