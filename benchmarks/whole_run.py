"""Times the whole of `psmap read` in a fresh process: python benchmarks/whole_run.py [-o FILE] prints Markdown.

Three studies: a body phantom and a whole-body digital man, which psmap makes itself, and, where PSMAP_DATA names the
folder of real data, a whole-body PET (fdg_wholebody_STS_001). Each is read into a new folder, first with an empty cache
of compiled kernels, then several times with a filled one, and as often without an anatomy. The time is that of the
clock on the wall from the start of the process to its end; the memory is the highest sum of resident pages of the
process and its children, looked at every 20 ms, or the system's own mark of the process where that is higher. Linux and
macOS only (os.wait4).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROUNDS = 5
GATE_S, GATE_NAMED_S, GATE_FIRST_S, GATE_MB = 6.0, 16.0, 30.0, 2048.0
"""What a whole-body study may take on two cores, in the middle of the runs: without an anatomy, with psmap's own, the
first time of all; and the memory."""
MAN = ("--seed", "29", "--tracer", "psma-11", "--scenario", "oligo", "--maker", "siemens")

WHOLE_BODY = "fdg_wholebody_STS_001"
_COMMAND = "from psmap.apps.cli.main import main; main()"
_BY_PART = """
import json, resource, sys, time
parts, now = [], ["start of Python", float(sys.argv[3])]
def begin(name):
    if name == now[0]:
        return
    moment = time.time()
    parts.append((now[0], moment - now[1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
    now[:] = [name, moment]
begin("imports")
import psmap
psmap.read
begin("reading")
psmap.read(sys.argv[1], sys.argv[2], progress=begin)
begin("")
print(json.dumps(parts))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One process: seconds on the wall, and the most memory that it and its children held, in MB."""

    wall_s: float
    peak_mb: float


def main() -> int:
    """Read every study that is there, print the tables and write them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="Markdown file to write")
    parser.add_argument("-n", "--rounds", type=int, default=ROUNDS, help="runs with a filled cache")
    options = parser.parse_args()
    rows, parts = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for name, study in _studies(Path(scratch)).items():
            cache = Path(scratch, f"kernels of {name}")
            first = _read(study, Path(scratch, name, "first"), cache)
            rows.append(_row(name, "first, empty kernel cache", [first], GATE_FIRST_S))
            for who, gate_s in (("psmap", GATE_NAMED_S), ("none", GATE_S)):
                runs = [_read(study, Path(scratch, name, f"{who} {n}"), cache, who) for n in range(options.rounds)]
                rows.append(_row(name, f"`--segmenter {who}`, filled cache, {len(runs)} runs", runs, gate_s))
            parts += _parts(name, study, Path(scratch, name), cache)
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, psmap {version('psmap')}: `psmap read -q STUDY -o OUT`, each in a process of "
        "its own and into a new folder.",
        "",
        "| study | run | least, s | median, s | most, s | gate, s | peak, MB | gate, MB | met |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        *parts,
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    if options.output is not None:
        options.output.write_text(table, encoding="utf-8")
    return 0


def _studies(scratch: Path) -> dict[str, Path]:
    """Name -> folder of DICOM: the phantom, the man, and the real whole body where it is."""
    _psmap(["demo", "--iec", "-q", "-o", str(scratch / "demo")], scratch / "kernels of the demo")
    _psmap(["phantom", "-q", "-o", str(scratch / "man"), *MAN], scratch / "kernels of the demo")
    studies = {"body phantom": scratch / "demo" / "iec-study", "digital man": scratch / "man"}
    data = os.environ.get("PSMAP_DATA")
    if data and Path(data, WHOLE_BODY).is_dir():
        studies[WHOLE_BODY] = Path(data, WHOLE_BODY)
    return studies


def _psmap(arguments: list[str], cache: Path) -> Run:
    """Run the command line in a process of its own.

    This process stays small and loads no psmap: the system counts what it holds at the fork as the child's memory.
    """
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", _COMMAND, *arguments], env=_environment(cache))
    peak_mb = 0.0
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        peak_mb = max(peak_mb, _resident_mb(process.pid))
        time.sleep(0.02)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"psmap {arguments[0]} ended with {process.returncode}")
    return Run(wall_s, max(peak_mb, _mb(usage.ru_maxrss)))


def _read(study: Path, out: Path, cache: Path, who: str = "psmap") -> Run:
    return _psmap(["read", "-q", str(study), "-o", str(out), "--segmenter", who], cache)


def _environment(cache: Path) -> dict[str, str]:
    return {**os.environ, "NUMBA_CACHE_DIR": str(cache)}


def _resident_mb(pid: int) -> float:
    """What a process and its children hold now; 0 where the system does not tell (no /proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = [
            int(child)
            for tasks in Path(f"/proc/{pid}/task").iterdir()
            for child in (tasks / "children").read_text().split()
        ]
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 + sum(map(_resident_mb, children))


def _mb(ru_maxrss: float) -> float:
    """The system's mark of the highest memory: kilobytes on Linux, bytes on macOS."""
    return ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _row(name: str, what: str, runs: list[Run], gate_s: float) -> str:
    walls = [run.wall_s for run in runs]
    peak = max(run.peak_mb for run in runs)
    met = "yes" if statistics.median(walls) <= gate_s and peak <= GATE_MB else "no"
    return (
        f"| {name} | {what} | {min(walls):.2f} | {statistics.median(walls):.2f} | {max(walls):.2f} | {gate_s:g} "
        f"| {peak:.0f} | {GATE_MB:g} | {met} |"
    )


def _parts(name: str, study: Path, folder: Path, cache: Path) -> list[str]:
    """Where the time goes: one more run from Python, asked at the border of every part."""
    out = folder / "by part"
    command = [sys.executable, "-c", _BY_PART, str(study), str(out), str(time.time())]
    told = subprocess.run(command, env=_environment(cache), capture_output=True, text=True, check=True).stdout
    parts = json.loads(told)
    steps = {step["name"]: step["seconds"] for step in json.loads((out / "provenance.json").read_text())["steps"]}
    lines = [
        "",
        f"{name}, by part (one run of `psmap.read` in a fresh process, kernels cached):",
        "",
        "| part | s | of it in the step itself, s | peak so far, MB |",
        "|---|---|---|---|",
    ]
    for part, seconds, peak in parts:
        step = f"{steps[part]:.2f}" if part in steps else ""
        lines.append(f"| {part} | {seconds:.2f} | {step} | {_mb(peak):.0f} |")
    total = sum(seconds for _, seconds, _ in parts)
    lines.append(f"| sum | {total:.2f} | {sum(steps.values()):.2f} | |")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
