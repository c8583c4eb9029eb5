"""`psmap phantom`: men are made, made again the same, and left alone where they are there."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest

import psmap
from psmap.apps.cli.main import main
from psmap.apps.men import time_left


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
        ({"count": 10**9}, "1000000000 men"),
        ({"seed": 10**80}, "men from seed 1000"),
        ({"jobs": 0}, "-j 0"),
        ({"voxel_mm": 0.1}, "voxels of 0.1 mm"),
        ({"scenario": "sad"}, "--scenario sad"),
        ({"tracer": "choline"}, "choline"),
        ({"field": "head"}, "--field head"),
        ({"layout": "analyze"}, "--format analyze"),
        ({"maker": "acme"}, "acme"),
        ({"arms": "crossed"}, "--arms crossed"),
        ({"prosthesis": "both"}, "--prosthesis both"),
        ({"height_m": 2.5}, "height of 2.5 m"),
        ({"weight_kg": 90.0, "bmi": 30.0}, "weight and BMI"),
        ({"weight_kg": 160.0}, "BMI of"),
        ({"age": 12.0}, "age of 12"),
        ({"bladder_ml": 0.0}, "bladder of 0"),
        ({"prostatectomy": True, "prostate_ml": 40.0}, "prostate"),
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
    others: list[dict[str, object]] = [
        {"voxel_mm": 8.0}, {"tracer": "fdg"}, {"scenario": "advanced"}, {"field": "pelvis"}, {"layout": "nifti"},
        {"contrast": True}, {"maker": "psmap"}, {"arms": "down"}, {"prosthesis": "none"}, {"bladder_ml": 200.0},
    ]  # fmt: skip
    for other in others:
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


def test_every_choice_reaches_the_man_and_changes_nothing_else(tmp_path: Path) -> None:
    """What is chosen stands in his truth; what is not, and does not follow from it, is as it was drawn."""
    told = ["--field", "pelvis", "--format", "nifti", "--voxel-mm", "10", "--seed", "5", "--scenario", "oligo", "-q"]
    chosen = ["--height-m", "1.8", "--bmi", "30", "--age", "60", "--arms", "down", "--bladder-ml", "300", "--contrast"]
    cut = ["--no-prostatectomy", "--prosthesis", "left"]
    for name, arguments in (("drawn", told), ("chosen", [*told, *chosen, *cut])):
        with pytest.raises(SystemExit) as left:
            main(["phantom", "-o", str(tmp_path / name), *arguments])
        assert left.value.code == 0
    drawn, made = (
        json.loads((tmp_path / name / "man-00005" / "truth.json").read_text()) for name in ("drawn", "chosen")
    )
    man = made["man"]
    assert (man["height_m"], man["age_years"], man["arms"], man["bladder_ml"]) == (1.8, 60.0, "down", 300.0)
    assert (man["prostatectomy"], man["prosthesis"], made["contrast"]) == (False, "left", True)
    assert man["weight_kg"] == pytest.approx(30.0 * 1.8**2)
    assert made["choices"]["bmi"] == 30.0 and drawn["choices"]["bmi"] is None
    assert (drawn["contrast"], drawn["layout"], made["layout"]) == (False, "nifti", "nifti")
    assert drawn["maker"] == made["maker"]
    assert not list((tmp_path / "chosen").rglob("*.dcm"))
    again = psmap.men(
        tmp_path / "chosen", seed=5, scenario="oligo", voxel_mm=10.0, field="pelvis", layout="nifti", height_m=1.8,
        bmi=30.0, age=60.0, arms="down", bladder_ml=300.0, contrast=True, prostatectomy=False, prosthesis="left",
    )  # fmt: skip
    assert [path.name for path in again] == ["man-00005"]


def test_the_maker_is_the_scanners_and_drawn_by_the_seed(tmp_path: Path) -> None:
    asked = {"seed": 3, "voxel_mm": 10.0, "field": "pelvis", "scenario": "oligo"}
    drawn = psmap.men(tmp_path / "drawn", **asked)[0]  # type: ignore[arg-type]
    maker = json.loads((drawn / "truth.json").read_text())["maker"]
    assert psmap.men(tmp_path / "drawn", **asked, maker=maker)[0] == drawn  # type: ignore[arg-type]
    header = pydicom.dcmread(next((drawn / "PET").iterdir()), stop_before_pixels=True)
    assert maker.upper() in str(header.Manufacturer).upper()


def test_the_line_of_progress_says_how_long_it_will_take() -> None:
    assert [time_left(seconds) for seconds in (0.0, 0.9, 12.3, 150.0, 7200.0)] == [
        "", "", ", 12 s left", ", 2 min left", ", 2.0 h left",
    ]  # fmt: skip
