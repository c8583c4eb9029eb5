"""Killed by SIGKILL at six points of a reading and run again: nothing half-written, and the same bytes in the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "validation" / "robustness"))

from kill_and_resume import differences, half_written, read_command, results, run, run_and_kill, write_study

from psmap.workflow.export import PROVENANCE, RESULTS

POINTS: dict[str, Callable[[Path], bool]] = {
    "when the run is noted": lambda out: (out / ".psmap").exists(),
    "when the first step is kept": lambda out: any(out.glob(".psmap/steps/[!.]*")),
    "while the first image is written": lambda out: any(out.glob("images/.part-*")),
    "when the images are there": lambda out: (out / "images/ct.nii.gz").exists(),
    "while a report is written": lambda out: any(out.glob(".part-*-report.*")),
    "when all but provenance is there": lambda out: (out / "report.pdf").exists(),
}


@dataclass(frozen=True)
class Undisturbed:
    """A study and what a run that nobody disturbs makes of it."""

    study: Path
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    study = write_study(folder / "study")
    run(read_command(study, folder / "out"))
    return Undisturbed(study, results(folder / "out"))


def test_the_undisturbed_run_leaves_every_result(undisturbed: Undisturbed) -> None:
    """In a body phantom there is no man to name, so that there is no anatomy."""
    of_anatomy = {name for name in RESULTS if name.startswith(("images/anatomy_", "images/stations_"))}
    assert len(of_anatomy) == 4
    assert set(undisturbed.files) == set(RESULTS) - of_anatomy


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again_gives_the_same_bytes(point: str, undisturbed: Undisturbed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = read_command(undisturbed.study, out)
    assert run_and_kill(command, lambda: POINTS[point](out)), "the run had ended before the point was seen"
    assert list(half_written(out, undisturbed.files)) == []
    run(command)
    assert list(differences(out, undisturbed.files)) == []


def test_a_half_written_or_changed_file_would_be_seen(undisturbed: Undisturbed, tmp_path: Path) -> None:
    """The two checks above can fail: a file cut in half, one changed, one lost, and one left over are all named."""
    for name, content in undisturbed.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert [*half_written(tmp_path, undisturbed.files), *differences(tmp_path, undisturbed.files)] == []
    (tmp_path / "report.pdf").write_bytes(undisturbed.files["report.pdf"][:1000])
    (tmp_path / PROVENANCE).write_bytes(undisturbed.files[PROVENANCE][:100])
    seen = " ".join(half_written(tmp_path, undisturbed.files))
    assert "report.pdf" in seen and PROVENANCE in seen
    (tmp_path / PROVENANCE).unlink()
    (tmp_path / ".part-0123456789ab-case.json").write_bytes(b"{")
    seen = " ".join(differences(tmp_path, undisturbed.files))
    assert "report.pdf is another" in seen and f"{PROVENANCE} is missing" in seen and ".part-" in seen
