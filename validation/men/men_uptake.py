"""Do the men take up the tracer, and does the scanner show it, as published? Makes men, measures them, writes the page.

    python validation/men/men_uptake.py OUT [-n 40] [-j 2] [--page docs/how-men-take-up-the-tracer.md]

OUT keeps one line of figures a man and tracer (`men.jsonl`) and those of the scanner (`scanner.json`); a run that was
killed goes on where it stopped. Delete OUT to measure anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from uptake_measuring import TRACERS, drawn_law, measure, subject
from uptake_page import write_page
from uptake_scanner import measure_scanner

ROOT = Path(__file__).resolve().parents[2]
FIRST_SEED = 5000
"""Of the men measured; none of them was looked at when the catalogue's figures were set."""


def one_man(seed: int, tracers: tuple[str, ...]) -> list[dict[str, Any]]:
    """All figures of one man under these tracers: the same man, the same dice."""
    who = subject(seed)
    return [{"seed": seed, "tracer": tracer, **measure(who, tracer)} for tracer in tracers]


def measure_men(out: Path, count: int, workers: int) -> None:
    """Measure what is missing of `count` men, one line a man and tracer."""
    table = out / "men.jsonl"
    done = {(row["seed"], row["tracer"]) for row in read(table)}
    work = {
        seed: missing
        for seed in range(FIRST_SEED, FIRST_SEED + count)
        if (missing := tuple(tracer for tracer in TRACERS if (seed, tracer) not in done))
    }
    with ProcessPoolExecutor(workers) as pool, table.open("a", encoding="utf-8") as file:
        for number, rows in enumerate(pool.map(one_man, work, work.values()), start=1):
            file.writelines(f"{json.dumps(row)}\n" for row in rows)
            file.flush()
            print(f"man {number} of {len(work)}", file=sys.stderr)


def read(table: Path) -> list[dict[str, Any]]:
    """The rows of the table; a last line cut short by a kill is left out."""
    if not table.exists():
        return []
    lines = table.read_text("utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        table.write_text("".join(whole), "utf-8")
    return [json.loads(line) for line in whole]


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("-n", type=int, default=40, help="men")
    parser.add_argument("-j", type=int, default=1, help="processes")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "how-men-take-up-the-tracer.md")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    measure_men(arguments.out, arguments.n, arguments.j)
    scanner = arguments.out / "scanner.json"
    if not scanner.exists():
        scanner.write_text(json.dumps(measure_scanner(), indent=1), "utf-8")
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.n)
    rows = [row for row in read(arguments.out / "men.jsonl") if row["seed"] in seeds]
    write_page(arguments.page, rows, json.loads(scanner.read_text("utf-8")), drawn_law())


if __name__ == "__main__":
    main()
