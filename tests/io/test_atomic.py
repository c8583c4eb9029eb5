"""A file appears whole or not at all, and what a killed writer left goes with the next write."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from psmap.io.atomic import whole_file

WRITER = """
import sys, time
from pathlib import Path
from psmap.io.atomic import whole_file
with whole_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("begun", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(final: Path, text: str) -> None:
    with whole_file(final) as part:
        part.write_text(text)


def begun(final: Path) -> subprocess.Popen[str]:
    """Another process that is in the middle of writing the file."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(final)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_it_appears_when_the_block_has_ended(tmp_path: Path) -> None:
    with whole_file(tmp_path / "new" / "a.txt") as part:
        part.write_text("all of it")
        assert part.suffix == ".txt" and not (tmp_path / "new" / "a.txt").exists()
    assert names(tmp_path / "new") == ["a.txt"] and (tmp_path / "new" / "a.txt").read_text() == "all of it"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "old")
    with pytest.raises(ValueError, match="broken"), whole_file(tmp_path / "a.txt") as part:
        part.write_text("ne")
        raise ValueError("broken")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_the_part_of_a_killed_writer_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    final, other = tmp_path / "a.txt", tmp_path / "b-a.txt"
    with begun(final) as living, begun(other) as of_another_file, begun(final) as killed:
        killed.kill()
        killed.wait()
        assert len(names(tmp_path)) == 3
        write(final, "whole")
        assert final.read_text() == "whole"
        left = [name for name in names(tmp_path) if name.startswith(".part-")]
        assert sorted(name.split("-", 2)[2] for name in left) == ["a.txt", "b-a.txt"]
        for process in (of_another_file, living):
            process.send_signal(signal.SIGKILL)
            process.wait()
    write(final, "again")
    write(other, "too")
    assert names(tmp_path) == ["a.txt", "b-a.txt"]


def test_files_have_the_rights_that_any_new_file_has(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "x")
    (tmp_path / "plain.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode
