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
    left_by_a_kill = (tmp_path / "men" / "man-00006").rename(tmp_path / "men" / ".part-man-00006")
    (left_by_a_kill / "truth.json").unlink()
    (left_by_a_kill / "PET" / "PT9999.dcm").write_bytes(b"of a finer grid")
    told: list[str] = []
    psmap.men(tmp_path / "men", count=2, seed=5, voxel_mm=10.0, progress=told.append)
    assert told == ["1/2 men", "2/2 men"]
    assert files_of(tmp_path / "men" / "man-00006") == second
    assert sorted(path.name for path in (tmp_path / "men").iterdir()) == ["man-00005", "man-00006"]
    kept = [path for path in times if path.parts[-3] == "man-00005"]
    assert kept
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"count": 0}, "0 men"),
        ({"jobs": 0}, "-j 0"),
        ({"voxel_mm": 0.1}, "voxels of 0.1 mm"),
        ({"scenario": "sad"}, "no scenario sad"),
        ({"tracer": "choline"}, "choline"),
    ],
)
def test_wrong_choices_are_refused(choice: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(psmap.Refused, match=says):
        psmap.men(tmp_path, **choice)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_what_stands_there_already_is_never_mixed_with_a_man(tmp_path: Path) -> None:
    """Slices of two grids in one folder would be a series that no program reads right."""
    psmap.men(tmp_path / "men", seed=5, voxel_mm=10.0, scenario="oligo")
    before = files_of(tmp_path / "men")
    for other in ({"voxel_mm": 8.0}, {"tracer": "fdg"}, {"scenario": "advanced"}):
        with pytest.raises(psmap.Refused, match="another man"):
            psmap.men(tmp_path / "men", **{"seed": 5, "voxel_mm": 10.0, "scenario": "oligo", **other})  # type: ignore[arg-type]
    assert files_of(tmp_path / "men") == before
    (tmp_path / "own" / "man-00005").mkdir(parents=True)
    (tmp_path / "own" / "man-00005" / "notes.txt").write_text("mine")
    with pytest.raises(psmap.Refused, match="no man's"):
        psmap.men(tmp_path / "own", seed=5, voxel_mm=10.0)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(psmap.Refused, match="OUT is a file"):
        psmap.men(tmp_path / "file", seed=5, voxel_mm=10.0)
