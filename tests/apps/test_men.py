"""`psmap phantom`: men are made, made again the same, and left alone where they are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import psmap
from psmap.apps.cli.main import main


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_men_are_made_and_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["phantom", "-o", str(tmp_path / "men"), "-n", "2", "--seed", "5", "--voxel-mm", "10"])
    assert left.value.code == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "men" / f"man-0000{n}") for n in (5, 6)]
    first, second = (files_of(tmp_path / "men" / f"man-0000{n}") for n in (5, 6))
    assert len([name for name in first if name.startswith("PET")]) > 50
    truths = [json.loads(each["truth.json"]) for each in (first, second)]
    assert truths[0]["seed"] == 5
    assert truths[0]["man"] != truths[1]["man"]
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "men").rglob("*.dcm")}
    (tmp_path / "men" / "man-00006" / "truth.json").unlink()
    told: list[str] = []
    psmap.men(tmp_path / "men", count=2, seed=5, voxel_mm=10.0, progress=told.append)
    assert told == ["1/2 men", "2/2 men"]
    assert files_of(tmp_path / "men" / "man-00006") == second
    kept = [path for path in times if path.parts[-3] == "man-00005"]
    assert kept
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"count": 0}, "0 men"),
        ({"voxel_mm": 0.1}, "voxels of 0.1 mm"),
        ({"scenario": "sad"}, "no scenario sad"),
        ({"tracer": "choline"}, "choline"),
    ],
)
def test_wrong_choices_are_refused(choice: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(psmap.Refused, match=says):
        psmap.men(tmp_path, **choice)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())
