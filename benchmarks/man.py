"""Times the digital man: python benchmarks/man.py [-o FILE] writes the table as Markdown. There is no free peer.

A man at 4 mm (vertex to mid-thigh), his pelvis alone, and both with DICOM and truth written, in this process, kernels
compiled before; then four men by two processes through `psmap.men`. Times are those of the fastest and of the median
run; memory is that of one run over what the process held before (Linux), of the two processes that of the larger.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from memory import peak_mb

import psmap
from psmap.catalog.load import tracer_by_name
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import BODY_MM, PELVIS_MM, scan_man
from psmap.phantom.man_study import write_man

ROUNDS, SEED = 5, 1
GATE_BODY_S, GATE_PELVIS_S = 15.0, 3.0
"""What a whole man at 4 mm and a pelvis alone may take, on two cores."""
MEN, JOBS = 4, 2


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed, and what it may take (s); None where nothing is asked."""

    name: str
    gate_s: float | None
    action: Callable[[], object]


def main() -> int:
    """Time every case, print the table and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="Markdown file to write")
    parser.add_argument("-n", "--rounds", type=int, default=ROUNDS, help="runs of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _man(BODY_MM)  # compiles the kernels
        rows = [_row(case, options.rounds) for case in _cases(folder)]
        rows.append(_cohort(folder, options.rounds))
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, psmap {version('psmap')}, numpy {version('numpy')}, scipy {version('scipy')}: "
        f"seed {SEED}, 68Ga-PSMA-11, scenario oligo, voxels of 4 mm, {options.rounds} runs each.",
        "",
        "| what | least, s | median, s | gate, s | met | memory, MB |",
        "|---|---|---|---|---|---|",
        *rows,
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    if options.output is not None:
        options.output.write_text(table, encoding="utf-8")
    return 0


def _cases(folder: Path) -> list[Case]:
    return [
        Case("a man, PET and CT as arrays", GATE_BODY_S, lambda: _man(BODY_MM)),
        Case("the same, with DICOM and truth written", GATE_BODY_S, lambda: _written(BODY_MM, folder / "man")),
        Case("a pelvis alone, PET and CT as arrays", GATE_PELVIS_S, lambda: _man(PELVIS_MM)),
        Case("the same, with DICOM and truth written", GATE_PELVIS_S, lambda: _written(PELVIS_MM, folder / "pelvis")),
    ]


def _man(field_mm: tuple[float, float]) -> object:
    return scan_man(SEED, tracer_by_name("psma-11"), Scenario.OLIGO, field_mm=field_mm)


def _written(field_mm: tuple[float, float], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    write_man(folder, scan_man(SEED, tracer_by_name("psma-11"), Scenario.OLIGO, field_mm=field_mm))


def _row(case: Case, rounds: int) -> str:
    runs = [_seconds(case.action) for _ in range(rounds)]
    return _line(case.name, runs, case.gate_s, peak_mb(case.action))


def _cohort(folder: Path, rounds: int) -> str:
    """Men by the command's own way; the processes and their imports are part of the time."""
    runs = []
    for n in range(rounds):
        out = folder / f"men {n}"
        runs.append(
            _seconds(partial(psmap.men, out, count=MEN, seed=SEED, tracer="psma-11", scenario="oligo", jobs=JOBS))
        )
        shutil.rmtree(out)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return _line(f"`psmap phantom -n {MEN} -j {JOBS}`, all written", runs, None, most)


def _seconds(action: Callable[[], object]) -> float:
    begin = perf_counter()
    action()
    return perf_counter() - begin


def _line(name: str, runs: list[float], gate_s: float | None, memory_mb: float) -> str:
    met = "" if gate_s is None else "yes" if statistics.median(runs) <= gate_s else "no"
    gate = "" if gate_s is None else f"{gate_s:g}"
    return f"| {name} | {min(runs):.2f} | {statistics.median(runs):.2f} | {gate} | {met} | {memory_mb:.0f} |"


if __name__ == "__main__":
    raise SystemExit(main())
