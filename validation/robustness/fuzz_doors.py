"""Throws hostile inputs at every door of psmap and counts what comes out.

    python validation/robustness/fuzz_doors.py -n 100000 -j 2

Each worker is a process with a limit on its memory; one that hangs is killed, one that dies is replaced, and both are
findings. `--seed N --only K` runs input K alone and says how it ended. Leaves with 1 where there is any finding.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

LIMIT_S = 10.0
"""How long one input may take (s)."""
LIMIT_BYTES = 4 * 2**30
"""How much memory a worker may address (4 GiB)."""
_START_S = 120.0

Row = tuple[int, str, str, str, str]
"""Number, door, way, ending and detail of an input: what a worker sends."""

Work = Callable[[Connection, int, str, Sequence[int]], None]
"""What a worker process does: takes the line to its parent, the seed, the only door or '', and its numbers."""


def work(line: Connection, seed: int, door: str, numbers: Sequence[int]) -> None:
    """What a worker does: one input after the other, each announced before it is read."""
    from doors import prepare, run_input

    with tempfile.TemporaryDirectory(dir=_scratch()) as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        prepare(scratch)
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        line.send(None)
        for number in numbers:
            line.send(number)
            judged = run_input(seed, number, scratch, door)
            line.send((number, judged.door, judged.way, str(judged.ending), judged.detail))


def _scratch() -> str | None:
    """Memory that looks like a disk, where there is one: thousands of small files a second."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass
class _Worker:
    process: BaseProcess
    line: Connection
    left: list[int]
    since: float = field(default_factory=time.monotonic)
    at: int | None = None
    ready: bool = False


def run(
    seed: int,
    numbers: Sequence[int],
    workers: int,
    tell: Callable[[str], None] = lambda text: None,
    worker: Work = work,
    door: str = "",
    limit_s: float = LIMIT_S,
    stop: Callable[[], bool] = lambda: False,
) -> list[Row]:
    """Run inputs in worker processes.

    Args:
        seed, numbers: which inputs.
        workers: how many processes.
        tell: told how far it is, now and then.
        worker: what a process does.
        door: the only door; '' for all.
        limit_s: how long one input may take (s).
        stop: asked now and then whether to leave the rest.
    """
    rows: list[Row] = []
    running = [_start(worker, seed, door, list(numbers[first::workers])) for first in range(min(workers, len(numbers)))]
    told = began = time.monotonic()
    while running and not stop():
        ready = wait([each.line for each in running], timeout=0.5)
        for each in list(running):
            over = each.line in ready and not _listen(each, rows)
            patience = limit_s if each.ready else _START_S
            hung = not over and time.monotonic() - each.since > patience
            if over or hung:
                running.remove(each)
                running += _replace(each, hung, rows, worker, seed, door)
        if time.monotonic() - told > 15.0:
            told = time.monotonic()
            findings = sum(row[3] == "finding" for row in rows)
            tell(f"{len(rows)}/{len(numbers)} inputs, {findings} findings, {told - began:.0f} s")
    for each in running:
        each.process.kill()
    return sorted(rows)


def _start(worker: Work, seed: int, door: str, numbers: list[int]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=worker, args=(theirs, seed, door, numbers), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, numbers)


def _listen(each: _Worker, rows: list[Row]) -> bool:
    """Take what the worker has said; False when it has gone."""
    try:
        while each.line.poll():
            said = each.line.recv()
            each.since = time.monotonic()
            each.ready = True
            if isinstance(said, int):
                each.at = said
            elif said is not None:
                rows.append(said)
                each.left.remove(said[0])
                each.at = None
    except (EOFError, OSError):
        return False
    return True


def _replace(each: _Worker, hung: bool, rows: list[Row], worker: Work, seed: int, only: str) -> list[_Worker]:
    """End a worker that hangs or is gone; where it left inputs, note the one it was at and start another."""
    if hung:
        each.process.kill()
    each.process.join()
    each.line.close()
    if not each.left:
        return []
    if each.at is None:
        raise SystemExit(f"a worker ended before its next input, with exit code {each.process.exitcode}")
    from doors import chosen

    door, way, _dice = chosen(seed, each.at, only)
    rows.append((each.at, door, way, "finding", "hung" if hung else f"died with exit code {each.process.exitcode}"))
    each.left.remove(each.at)
    return [_start(worker, seed, only, each.left)] if each.left else []


def table(rows: Iterable[Row], brief: bool = False) -> str:
    """The Markdown table: a row for every door and way (brief: for every door), and one for all."""
    counts = Counter((row[1], "any" if brief else row[2], row[3]) for row in rows)
    lines = ["| door | damage | inputs | results | refusals | findings |", "|---|---|---|---|---|---|"]
    total = Counter[str]()
    for door, way in sorted({(door, way) for door, way, _ in counts}):
        found = Counter({ending: counts[door, way, ending] for ending in ("result", "refusal", "finding")})
        total += found
        lines.append(_line(door, way, found))
    return "\n".join([*lines, _line("**all**", "", total)])


def _line(door: str, way: str, found: Counter[str]) -> str:
    numbers = (sum(found.values()), found["result"], found["refusal"], found["finding"])
    return f"| {door} | {way} | {' | '.join(map(str, numbers))} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options, run, and print table and findings."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-n", type=int, default=1000, help="how many inputs")
    options.add_argument("-j", type=int, default=2, help="how many workers")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, help="one input alone, with its refusal")
    options.add_argument("--door", default="", help="one door alone, such as 'command line'")
    options.add_argument("--minutes", type=float, default=600.0, help="leave the rest after so long")
    given = options.parse_args(arguments)
    numbers = range(given.n) if given.only is None else range(given.only, given.only + 1)
    began, until_s = time.monotonic(), given.minutes * 60.0
    rows = run(
        given.seed,
        numbers,
        given.j,
        lambda text: print(text, file=sys.stderr, flush=True),
        door=given.door,
        stop=lambda: time.monotonic() - began > until_s,
    )
    if given.only is not None:
        print("\n".join(map(str, rows[0])))
    else:
        print(f"{table(rows)}\n\n{table(rows, brief=True)}")
        print(f"\n{len(rows)} inputs of seed {given.seed} in {time.monotonic() - began:.0f} s on {given.j} workers")
    findings = [row for row in rows if row[3] == "finding"]
    for number, door, way, _, detail in findings[:500]:
        again = f"--seed {given.seed} --only {number}" + (f" --door '{given.door}'" if given.door else "")
        print(f"{again}: {door}, {way}: {detail}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
