"""Times the network of anatomy: python benchmarks/anatomy.py NETWORK [-o FILE] writes the tables as Markdown.

NETWORK is a folder with trunk.onnx and head.onnx. A digital man is scanned and named: by field of view, by threads, by
how many voxels of 8 mm the head sees at once, with and without ONNX Runtime's memory arena, and from a CT of 512 x 512
voxels a slice. Every run is in a process of its own, whose memory is its largest in all, images and libraries with it;
the time of the first call is told beside that of the next ones, since a patient is read once. TotalSegmentator is timed
on the same CT where it is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.catalog.load import tracer_by_name
from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.phantom.anatomy.draw import ManChoices
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import BODY_MM, PELVIS_MM, scan_man
from psmap.steps.anatomy import network
from psmap.steps.anatomy.embedded import segment
from psmap.workflow.segmenters import TotalSegmentator

GATE_S, GATE_MB = 10.0, 2000.0
"""What a whole body may take, on two cores."""
ROUNDS, SEED = 3, 1


@dataclass(frozen=True, slots=True)
class Run:
    """One way of naming a man.

    Args:
        name: as printed.
        pelvis: the pelvis alone, else vertex to mid-thigh.
        bmi: of the man (kg/m2).
        threads: of ONNX Runtime and the resampling.
        at_once: voxels of 8 mm that the head sees at once.
        arena: whether ONNX Runtime keeps its memory.
        slice_mm: voxels of the CT within a slice (mm); 4 is the man's own grid.
    """

    name: str
    pelvis: bool = False
    bmi: float = 27.0
    threads: int = 2
    at_once: int = network.AT_ONCE
    arena: bool = False
    slice_mm: float = 4.0


RUNS = (
    Run("whole body"),
    Run("pelvis alone", pelvis=True),
    Run("a broad man (BMI 40)", bmi=40.0),
    Run("one thread", threads=1),
    Run("head: 8,192 at once", at_once=8192),
    Run("head: 32,768 at once", at_once=32768),
    Run("with the memory arena", arena=True),
    Run("CT of 1 mm in the slice", slice_mm=1.0),
)


def main() -> int:
    """Time every run, print the table and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="Markdown file to write")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        run, man = options.one
        print(json.dumps(_one(options.network, Run(**json.loads(run)), Path(man))))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        rows = [_row(options.network, run, Path(scratch) / "man.npz") for run in RUNS]
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, psmap {version('psmap')}, onnxruntime {version('onnxruntime')}: a digital man "
        f"at 4 mm, seed {SEED}, 68Ga-PSMA-11; asked of a whole body: {GATE_S:g} s, {GATE_MB:g} MB.",
        "",
        "| | voxels of 4 mm | load, s | first call, s | next calls, s | network, s | largest memory, MB | met |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        *_peer(),
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    if options.output is not None:
        options.output.write_text(table, encoding="utf-8")
    return 0


def _row(folder: Path, run: Run, man: Path) -> str:
    pet, ct = _man(run)
    grids = [np.array([grid.origin_mm, *grid.axes_mm]) for grid in (pet.grid, ct.grid)]
    np.savez(man, suv=pet.suv, hu=ct.hu, pet_grid=grids[0], ct_grid=grids[1])
    del pet, ct
    script = str(Path(__file__).resolve())
    command = [sys.executable, script, str(folder), "--one", json.dumps(asdict(run)), str(man)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    calls, inside, mb = found["calls_s"], found["network_s"], found["largest_mb"]
    met = "yes" if max(calls) <= GATE_S and mb <= GATE_MB else "no"
    shape = " x ".join(map(str, found["shape"]))
    return (
        f"| {run.name} | {shape} | {found['load_s']:.2f} | {calls[0]:.1f} | {statistics.median(calls[1:]):.1f} "
        f"| {statistics.median(inside[1:]):.1f} | {mb:.0f} | {met} |"
    )


def _one(folder: Path, run: Run, man: Path) -> dict[str, object]:
    """Load the network and call it."""
    with np.load(man) as held:
        pet = PetImage(_grid(held["pet_grid"], held["suv"].shape), held["suv"], SuvConversion((1.0,), "made", ()))
        ct = CtImage(_grid(held["ct_grid"], held["hu"].shape), held["hu"])
    network.AT_ONCE = run.at_once
    began = perf_counter()
    trunk, head = network.sessions_of(
        (folder / "trunk.onnx").read_bytes(), (folder / "head.onnx").read_bytes(), run.threads, arena=run.arena
    )
    loaded = perf_counter() - began
    timed = _Timed(trunk), _Timed(head)
    calls, inside, shape = [], [], (0, 0, 0)
    for _ in range(ROUNDS):
        before, began = sum(one.seconds for one in timed), perf_counter()
        shape = segment(ct, pet, *timed, threads=run.threads).labels.grid.shape
        calls.append(perf_counter() - began)
        inside.append(sum(one.seconds for one in timed) - before)
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000.0
    return {"load_s": loaded, "calls_s": calls, "network_s": inside, "largest_mb": largest, "shape": shape}


def _grid(numbers: npt.NDArray[np.float64], shape: tuple[int, int, int]) -> Grid:
    origin, *axes = ((float(x), float(y), float(z)) for x, y, z in numbers)
    return Grid(shape, origin, (axes[0], axes[1], axes[2]))


class _Timed:
    """A session that counts the time of its calls."""

    def __init__(self, session: network.Session) -> None:
        self.session, self.seconds = session, 0.0

    def run(self, outputs: list[str] | None, inputs: dict[str, object]) -> list[object]:
        """Run and count."""
        began = perf_counter()
        found = self.session.run(outputs, inputs)
        self.seconds += perf_counter() - began
        return found


def _man(run: Run) -> tuple[PetImage, CtImage]:
    field = PELVIS_MM if run.pelvis else BODY_MM
    scanned = scan_man(
        SEED, tracer_by_name("psma-11"), Scenario.OLIGO, field_mm=field, choices=ManChoices(height_m=1.78, bmi=run.bmi)
    )
    pet = PetImage(scanned.grid, scanned.suv, SuvConversion((1.0,), "made", ()))
    times = 4.0 / run.slice_mm
    if times == 1.0:
        return pet, CtImage(scanned.grid, scanned.hu)
    hu = ndimage.zoom(scanned.hu, (1.0, times, times), order=1, grid_mode=True, mode="nearest").astype(np.int16)
    (x, y, z), step = scanned.grid.origin_mm, run.slice_mm
    shift = 0.5 * (4.0 - step)
    axes = (scanned.grid.axes_mm[0], (0.0, step, 0.0), (step, 0.0, 0.0))
    return pet, CtImage(Grid(hu.shape, (x - shift, y - shift, z), axes), hu)


def _peer() -> list[str]:
    if shutil.which("TotalSegmentator") is None:
        return ["", "TotalSegmentator is not installed here."]
    pet, ct = _man(Run("whole body"))
    began = perf_counter()
    TotalSegmentator(fast=True, device="cpu")(pet, ct)
    return ["", f"TotalSegmentator, its model of 3 mm, on the same CT: {perf_counter() - began:.0f} s."]


if __name__ == "__main__":
    raise SystemExit(main())
