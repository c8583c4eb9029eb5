"""Kills `psmap read` and `psmap batch` at random moments and runs them again:
python validation/robustness/kill_and_resume.py

A study is read once undisturbed. Then, as often as asked, the same command is started in a new OUT and its process
group is sent SIGKILL at a random moment of the run; what stands in OUT then under a final name must be what the
undisturbed run wrote, or be absent. The command is run again, in every third case killed once more, and the results
must equal the undisturbed ones byte for byte (the seconds of each step aside), with nothing temporary left. Leaves
with 1 where any of this does not hold.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from psmap.domain.geometry import Grid
from psmap.io.dicom_write import CtFacts, PetFacts, StudyFacts, write_ct_series, write_pet_series
from psmap.workflow.export import PROVENANCE, RESULTS

AT = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
EPOCH = "1709290800"
LIMIT_S = 120.0
_PSMAP = (sys.executable, "-c", "from psmap.apps.cli.main import main; main()")
_HIDDEN = ".psmap"


@dataclass(frozen=True)
class Killed:
    """One run that was killed.

    Args:
        after_s: when, in seconds from its start.
        begun: how many results, and how many kept steps, stood in OUT then.
        wrong: what did not hold; empty where all did.
    """

    after_s: float
    begun: tuple[int, int]
    wrong: tuple[str, ...]


def write_study(folder: Path, seed: int = 1) -> Path:
    """A PET/CT of 24 x 40 x 40 and 28 x 48 x 48 voxels with three hot balls: a quick study with every result."""
    grid = Grid((24, 40, 40), (-80.0, -80.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    facts = PetFacts(AT, AT - timedelta(minutes=60))
    study = StudyFacts(f"killed {seed}", AT)
    k, j, i = np.indices(grid.shape)
    dice = np.random.default_rng(seed)
    suv = dice.uniform(0.5, 1.5, grid.shape)
    for centre in ((6, 12, 12), (12, 28, 20), (18, 16, 28)):
        far = (k - centre[0]) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2
        suv += 10.0 * (far <= 9)
    per_suv = facts.injected_bq * 2.0 ** (-3600.0 / facts.half_life_s) / 70_000.0
    write_pet_series(folder / "PET", grid, suv * per_suv, study, facts)
    ct_grid = Grid((28, 48, 48), (-84.0, -84.0, -8.0), ((0.0, 0.0, 4.0), (0.0, 3.5, 0.0), (3.5, 0.0, 0.0)))
    hu = dice.integers(-100, 100, ct_grid.shape).astype(np.int16)
    write_ct_series(folder / "CT", ct_grid, hu, study, CtFacts(AT), intercept_hu=-1024)
    return folder


def read_command(study: Path, out: Path) -> list[str]:
    """`psmap read`."""
    return [*_PSMAP, "read", str(study), "-q", "-o", str(out)]


def batch_command(studies: Sequence[Path], out: Path) -> list[str]:
    """`psmap batch`, two studies at a time."""
    return [*_PSMAP, "batch", *map(str, studies), "-q", "-j", "2", "-o", str(out)]


def run(command: Sequence[str]) -> float:
    """Run a command to its end; its seconds."""
    began = time.monotonic()
    subprocess.run(command, env=_environment(), check=True, timeout=LIMIT_S, capture_output=True)
    return time.monotonic() - began


def run_and_kill(command: Sequence[str], now: Callable[[], bool]) -> bool:
    """Start a command in a process group of its own and kill the group as soon as `now` says so.

    Returns:
        Whether it was still running.
    """
    with subprocess.Popen(
        command, env=_environment(), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            if now():
                os.killpg(process.pid, signal.SIGKILL)
                return True
            time.sleep(0.001)
    return False


def after(seconds: float) -> Callable[[], bool]:
    """Says so when this many seconds have passed since it was made."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def after_first_file(out: Path, seconds: float) -> Callable[[], bool]:
    """Says so this many seconds after something first stood in OUT, however long that took."""
    seen: list[float] = []

    def now() -> bool:
        if not seen and out.exists():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() >= seen[0] + seconds

    return now


def first_and_last_s(command: Sequence[str], out: Path) -> tuple[float, float]:
    """Run a command to its end: seconds until something stood in OUT, and until its last file did."""
    began = time.monotonic()
    seen = []
    with subprocess.Popen(command, env=_environment()) as process:
        for path in (out, out / PROVENANCE):
            while process.poll() is None and not path.exists():
                time.sleep(0.001)
            seen.append(time.monotonic() - began)
        if process.wait(LIMIT_S):
            raise RuntimeError("an undisturbed run failed")
    return seen[0], seen[1]


def _environment() -> dict[str, str]:
    return {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}


def results(out: Path) -> dict[str, bytes]:
    """Name and bytes of everything in OUT but what psmap keeps for itself; of provenance all but the seconds."""
    return {
        path.relative_to(out).as_posix(): _without_seconds(path)
        for path in sorted(out.rglob("*"))
        if path.is_file() and not any(part.startswith(_HIDDEN) for part in path.relative_to(out).parts)
    }


def _without_seconds(path: Path) -> bytes:
    content = path.read_bytes()
    if path.name == PROVENANCE:
        document: dict[str, Any] = json.loads(content)
        for step in document["steps"]:
            step["seconds"] = None
        return json.dumps(document).encode()
    if path.name == "batch.csv":
        rows = list(csv.DictReader(content.decode().splitlines()))
        return json.dumps([{**row, "seconds": ""} for row in rows]).encode()
    return content


def half_written(out: Path, whole: dict[str, bytes]) -> Iterator[str]:
    """What stands under a final name and is not what the undisturbed run wrote there."""
    for name in RESULTS:
        if (out / name).exists():
            try:
                same = _without_seconds(out / name) == whole[name]
            except ValueError as error:  # no JSON
                yield f"{name} is half-written: {error}"
                continue
            if not same:
                yield f"{name} is not what the undisturbed run wrote"


def differences(out: Path, whole: dict[str, bytes]) -> Iterator[str]:
    """What the results lack, hold beyond, or hold otherwise; and what is left that is temporary."""
    found = results(out)
    for name in sorted(found.keys() | whole.keys()):
        if found.get(name) != whole.get(name):
            state = "is missing" if name not in found else "is too much" if name not in whole else "is another"
            yield f"{name} {state} after the second run"
    yield from (f"{path.name} is left" for path in out.rglob("*") if ".part-" in path.name)


def kill_and_resume(
    command: Sequence[str],
    out: Path,
    whole: dict[str, bytes],
    now: Callable[[], bool],
    again: Callable[[], bool] | None = None,
) -> Killed | None:
    """Kill a run, look at what is there, run it again (killed once more where `again` says so), and compare.

    Returns:
        How it went; None where the run had ended before it was to be killed.
    """
    began = time.monotonic()
    if not run_and_kill(command, now):
        return None
    after_s = time.monotonic() - began
    begun = sum((out / name).exists() for name in RESULTS), len(list(out.glob(f"{_HIDDEN}/steps/[!.]*")))
    wrong = list(half_written(out, whole))
    if again is not None:
        run_and_kill(command, again)
        wrong += half_written(out, whole)
    run(command)
    return Killed(after_s, begun, (*wrong, *differences(out, whole)))


def kill_reads(scratch: Path, times: int, seed: int) -> Iterator[Killed]:
    """Kill `psmap read` so many times before its last file is there: one in five anywhere in the run, the others from
    its first file on. Runs that had all their files and had not ended yet are given beside them, and not counted.
    """
    study = write_study(scratch / "study")
    run(read_command(study, scratch / "warm"))
    moments = [first_and_last_s(read_command(study, scratch / name), scratch / name) for name in ("whole", "a", "b")]
    first_s, end_s = (min(seconds) for seconds in zip(*moments, strict=True))
    whole = results(scratch / "whole")
    dice = np.random.default_rng(seed)
    done = tries = 0
    while done < times:
        out = scratch / f"killed-{tries}"
        moment_s, again_s = (float(dice.uniform(0.0, end_s - first_s)) for _ in range(2))
        now = after(float(dice.uniform(0.0, end_s))) if tries % 5 == 0 else after_first_file(out, moment_s)
        again = after(first_s + again_s) if tries % 3 == 2 else None
        killed = kill_and_resume(read_command(study, out), out, whole, now, again)
        tries += 1
        if killed is not None:
            done += killed.begun[0] < len(RESULTS)
            yield killed


def kill_batches(scratch: Path, times: int, seed: int) -> Iterator[Killed]:
    """Kill `psmap batch` of three studies: the parent dies, its children see that and stop by themselves."""
    studies = [write_study(scratch / f"study-{k}", seed=k) for k in range(3)]
    seconds = run(batch_command(studies, scratch / "whole"))
    whole = results(scratch / "whole")
    dice = np.random.default_rng(seed)
    for k in range(times):
        out, after_s = scratch / f"killed-{k}", float(dice.uniform(0.1, 0.95)) * seconds
        command = batch_command(studies, out)
        if run_and_kill(command, after(after_s)):
            run(command)
            yield Killed(after_s, (0, 0), tuple(differences(out, whole)))


def _moment(killed: Killed) -> str:
    """Where in the run the kill fell, by what stood in OUT."""
    files, steps = killed.begun
    if files == len(RESULTS):
        return "all results were there"
    if files:
        return "some results were there"
    return "steps were kept, no results" if steps else "nothing was there"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options, kill, and print how it went."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("-n", type=int, default=50, help="how often `psmap read` is killed before its last file")
    options.add_argument("--batches", type=int, default=4, help="how often `psmap batch` is killed")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "batch").mkdir()
        reads = list(kill_reads(Path(folder), given.n, given.seed))
        batches = list(kill_batches(Path(folder) / "batch", given.batches, given.seed))
    print("| killed when | runs | right after the second run |\n|---|---|---|")
    moments, right = Counter(map(_moment, reads)), Counter(_moment(each) for each in reads if not each.wrong)
    for moment, count in sorted(moments.items()):
        print(f"| {moment} | {count} | {right[moment]} |")
    print(f"| `psmap batch` was running | {len(batches)} | {sum(not each.wrong for each in batches)} |")
    wrong = [each for each in (*reads, *batches) if each.wrong]
    for each in wrong:
        print(f"killed after {each.after_s:.3f} s: {'; '.join(each.wrong[:5])}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
