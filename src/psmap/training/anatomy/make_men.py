"""Make digital men for training: one command, as many processes as asked for.

    python -m psmap.training.anatomy.make_men OUT -n 400 --seed 1 -j 2

A file appears whole or not at all, and what is there is left as it is: a killed call is taken up by calling it again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from psmap.training.anatomy.examples import Chunk, make_chunk, path_of
from psmap.workflow.runners import ProcessRunner, usable_cores

CHUNK = 8
"""Men made by one process."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0 once all are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("-n", "--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1, help="of the first man; the others follow by one")
    parser.add_argument("-j", "--jobs", type=int, default=usable_cores())
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    missing = [seed for seed in range(asked.seed, asked.seed + asked.count) if not path_of(asked.out, seed).exists()]
    chunks = [Chunk(asked.out, tuple(missing[n : n + CHUNK])) for n in range(0, len(missing), CHUNK)]
    made, began = 0, time.monotonic()
    with closing(ProcessRunner(asked.jobs)(make_chunk, chunks)) as ends:
        for ended in ends:
            if ended.fault:
                print(f"seeds {chunks[ended.index].seeds}: {ended.fault}\n{ended.log}", file=sys.stderr)
                return 1
            made += len(chunks[ended.index].seeds)
            print(f"{made}/{len(missing)} men, {(time.monotonic() - began) / made:.2f} s each", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
