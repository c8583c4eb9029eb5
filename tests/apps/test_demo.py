"""`psmap demo`: a man is made, read, and laid beside his truth; a second call does nothing; nothing is mixed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import psmap
from conftest import ReadPhantom
from psmap.apps import demonstration
from psmap.apps.cli.main import main
from psmap.apps.demonstration import Demonstration
from psmap.apps.found_and_true import man_lines
from psmap.phantom.lesions.focus import UPRIGHT
from psmap.phantom.man_comparison import Fate, FocusFound, ManComparison, TrueFocus


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Demonstration]:
    """The demonstration of the man, run once."""
    folder = tmp_path_factory.mktemp("man")
    return folder, psmap.demo(folder)


def comparison_of(shown: Demonstration) -> ManComparison:
    assert isinstance(shown.comparison, ManComparison)
    return shown.comparison


def test_he_shows_lesions_and_organs(shown: tuple[Path, Demonstration]) -> None:
    """The man who is shown to everybody has a few lesions, most of which are found, and organs that are bright."""
    folder, done = shown
    comparison = comparison_of(done)
    truth = json.loads((folder / "study" / "truth.json").read_text(encoding="utf-8"))
    assert done.truth == truth
    lesions = [row for row in comparison.foci if row.focus.benign is None]
    assert 2 <= len(lesions) <= 5
    assert sum(row.fate is Fate.FOUND for row in lesions) >= 2
    assert {"kidney", "parotid", "liver"} <= set(comparison.organs)
    assert len(comparison.foci) == len(truth["sites"])
    table = done.lines[done.lines.index("") + 1 :]
    assert table[0].startswith("Found against true: a digital man")
    assert all(len(line) <= 100 for line in table)
    assert len([line for line in table if line[:4].strip().isdigit()]) == len(comparison.foci)


def test_every_row_agrees_with_the_case_and_the_truth(shown: tuple[Path, Demonstration]) -> None:
    """case.json and truth.json, read by themselves, say what the rows say."""
    folder, done = shown
    case = json.loads((folder / "read" / "case.json").read_text(encoding="utf-8"))
    sites = {site["id"]: site for site in case["sites"]}
    comparison = comparison_of(done)
    own = {row.site for row in comparison.foci if row.fate is Fate.FOUND}
    assert own | set(comparison.other_sites) == set(sites)
    assert not own & set(comparison.other_sites)
    for row in comparison.foci:
        if row.fate is Fate.FOUND:
            site = sites[row.site]
            assert (row.volume_ml, row.suv_max) == (site["volume_ml"], site["suv_max"])
            assert np.linalg.norm(np.subtract(site["max_mm"], row.focus.centre_mm)) < 30.0
        if row.fate is Fate.NOT_RAISED:
            assert row.hottest_suv is not None and row.hottest_suv < 3.0 + 1e-3


def test_a_second_call_makes_and_reads_nothing(
    shown: tuple[Path, Demonstration], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, done = shown
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as left:
        main(["demo", "-o", str(folder)])
    assert left.value.code == 0
    assert capsys.readouterr().out.splitlines() == list(done.lines)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_another_man_is_refused_and_force_puts_him_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: tuple[Path, Demonstration]
) -> None:
    folder, _ = shown
    with pytest.raises(psmap.Refused, match="another man"):
        psmap.demo(folder, seed=1)
    made: list[Path] = []
    monkeypatch.setattr(demonstration, "make_man", lambda job: made.append(job.folder) or stop())
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "truth.json").write_text('{"psmap": "0.0.1", "seed": 4}', encoding="utf-8")
    with pytest.raises(RuntimeError, match="made"):
        psmap.demo(tmp_path, force=True)
    assert made == [tmp_path / "study"] and not made[0].exists()
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(psmap.Refused, match="no man's"):
        psmap.demo(tmp_path, force=True)
    assert (tmp_path / "study" / "notes.txt").read_text(encoding="utf-8") == "mine"


def stop() -> None:
    raise RuntimeError("made")


def test_the_body_phantom_stands_beside_him(phantom: ReadPhantom) -> None:
    assert phantom.shown.lines[-1].startswith("A border at SUV 3")
    assert any("spheres missed" in line for line in phantom.shown.lines)
    assert {path.name for path in phantom.out.parent.iterdir()} == {"iec-study", "iec-read"}


def test_the_lines_say_what_became_of_each_focus() -> None:
    """The longest names of the catalogue fit; a focus out of the image has no line."""
    focus = TrueFocus(
        7, "local_recurrence", None, "submandibular_right_with_a_very_long_name", (0.0, 0.0, 0.0), (3.0, 3.0, 3.0),
        UPRIGHT, 0.11, 7.25,
    )  # fmt: skip
    bone = replace(focus, number=8, kind="bone", benign="unspecific_bone", place="rib_3_left")
    rows = (
        FocusFound(focus, Fate.FOUND, 3, 0.64, 5.5, None, 5.5),
        FocusFound(bone, Fate.SWALLOWED, 12, within="vesicourethral_anastomosis_and_more", hottest_suv=4.0),
        FocusFound(bone, Fate.NOT_RAISED, hottest_suv=2.25),
        FocusFound(focus, Fate.OUTSIDE),
    )
    lines = list(
        man_lines({"seed": 1, "scenario": "oligo"}, ManComparison(rows, {4: "kidney", 5: "liver", 6: "kidney"}))
    )
    assert lines[0].endswith("1 lesion and 2 benign foci")
    assert all(len(line) <= 100 for line in lines)
    found, lost, missed = lines[2:5]
    assert "local recurrence  submandibular right" in found
    assert found.split()[-5:] == ["0.11", "0.64", "7.25", "5.50", "3"]
    assert "lost" in lost and "7.25 in 12, vesicour" in lost and lost.endswith(".")
    assert "missed" in missed and missed.split()[-3:] == ["2.25", "under", "3"]
    assert "Found: 1 of 1 lesion, 0 of 2 benign foci." in lines
    assert "Other sites, physiological uptake: 3 (kidney 2, liver 1)." in lines


@pytest.mark.parametrize("sites", [None, [{"number": 1}], [7], "none"])
def test_a_truth_that_was_changed_is_refused(sites: object, tmp_path: Path, shown: tuple[Path, Demonstration]) -> None:
    folder = tmp_path / "shown"
    shutil.copytree(shown[0], folder)
    truth = json.loads((folder / "study" / "truth.json").read_text(encoding="utf-8"))
    (folder / "study" / "truth.json").write_text(json.dumps({**truth, "sites": sites}), encoding="utf-8")
    with pytest.raises(psmap.Refused, match=r"not as psmap writes them.*truth\.json.*--force"):
        psmap.demo(folder)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"seed": -1}, "--seed -1"),
        ({"seed": 10**80}, "--seed 1000"),
        ({"noise": 0.1}, "add --iec"),
        ({"psf_mm": 3.0}, "add --iec"),
        ({"iec": True, "scenario": "oligo"}, "leave out --iec"),
        ({"iec": True, "tracer": "fdg"}, "leave out --iec"),
        ({"iec": True, "psf_mm": 50.0}, "--psf-mm 50"),
        ({"iec": True, "noise": 2.0}, "--noise 2"),
        ({"iec": True, "psf_mm": 0.0}, "noise without"),
        ({"scenario": "sad"}, "sad"),
        ({"tracer": "choline"}, "choline"),
    ],
)
def test_wrong_choices_are_refused(choice: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(psmap.Refused, match=says):
        psmap.demo(tmp_path / "out", **choice)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
