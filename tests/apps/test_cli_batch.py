"""`psmap batch` at the command line: exit codes, one line, a killed study, Ctrl-C, a second run."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ReadPhantom

IN_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from psmap.apps.cli.main import main
main()
"""


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """The command as in a terminal: Ctrl-C reaches it even where the tests run in the background, which ignores it."""
    return subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, "batch", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def first_child(process: subprocess.Popen[str]) -> int:
    """The first process that the batch starts; Linux lists them."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not listed.parent.is_dir():
        pytest.skip("needs the process lists of Linux")
    while process.poll() is None:
        children = listed.read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.005)
    raise AssertionError("the batch ended without a child")


def outcomes(out: Path) -> list[tuple[str, str, str]]:
    with (out / "batch.csv").open(encoding="utf-8", newline="") as stream:
        return [(row["out"], row["outcome"], row["reason"]) for row in csv.DictReader(stream)]


def test_ctrl_c_ends_the_children(phantom: ReadPhantom, tmp_path: Path) -> None:
    process = start(phantom.study, "-o", tmp_path / "out")
    child = first_child(process)
    process.send_signal(signal.SIGINT)
    code, _stdout, stderr = finish(process)
    assert code == 1 and stderr.startswith("psmap: stopped") and len(stderr.splitlines()) == 1
    assert _ends(child)


def test_children_end_with_a_killed_batch(phantom: ReadPhantom, tmp_path: Path) -> None:
    process = start(phantom.study, "-o", tmp_path / "out")
    child = first_child(process)
    process.kill()
    finish(process)
    assert _ends(child)


def _ends(pid: int) -> bool:
    """Whether a process is gone, or dead and not yet fetched by its parent, within ten seconds."""
    until = time.monotonic() + 10.0
    while "\tZ" not in _state(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return "\tZ" in _state(pid)


def _state(pid: int) -> str:
    try:
        return next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("State"))
    except (OSError, StopIteration):
        return "\tZ"


def test_usage_and_refusals(tmp_path: Path) -> None:
    assert finish(start())[0] == 2
    assert finish(start(tmp_path))[0] == 2
    code, stdout, stderr = finish(start(tmp_path / "nowhere", "-o", tmp_path / "out"))
    assert (code, stdout) == (1, "") and "0/1 done, 1 refused, 0 failed" in stderr
    ((_out, outcome, reason),) = outcomes(tmp_path / "out")
    assert outcome == "refused" and "nowhere" in reason and "cure: " in reason
