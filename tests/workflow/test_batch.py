"""A cohort: same bytes as single readings, no study harms another, a second run does only what is missing."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from batch_studies import HOT_VOXELS, VOXEL_ML, poison, write_small_study

import psmap
from psmap.apps.batching import Batch
from psmap.catalog.load import load_schema
from psmap.domain.refusal import Refused
from psmap.workflow.batch import COLUMNS, plan_batch, unique_names
from psmap.workflow.runners import DaskRunner, ProcessRunner, usable_cores

NUMBERS = {
    "sites": int,
    "psma_tv_ml": float,
    "suv_factor_min": float,
    "suv_factor_max": float,
    "warnings": int,
    "seconds": float,
}


def rows_of(table: Path) -> list[dict[str, Any]]:
    """batch.csv by the csv module alone, every cell in its type, each row held against the schema."""
    with table.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = [
            {name: None if cell == "" else NUMBERS.get(name, str)(cell) for name, cell in row.items()} for row in reader
        ]
        assert tuple(reader.fieldnames or ()) == COLUMNS
    for row in rows:
        jsonschema.validate(row, load_schema("batch"))
    return rows


def results_of(out: Path) -> dict[str, Any]:
    """Name and bytes of all results; of provenance.json everything but the seconds."""
    paths = (path for path in out.rglob("*") if path.is_file() and ".psmap" not in path.parts)
    found: dict[str, Any] = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
    provenance = json.loads(found["provenance.json"])
    for step in provenance["steps"]:
        step["seconds"] = None
    return {**found, "provenance.json": provenance}


def times_of(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[Path, ...], Path, Batch]:
    """Two good studies of the same base name and a poisoned one between them, read as a batch."""
    root = tmp_path_factory.mktemp("cohort")
    studies = tuple(write_small_study(root / name) for name in ("one/pt", "poisoned", "two/pt"))
    poison(studies[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1709290800")
        return studies, root / "out", psmap.batch(studies, root / "out", jobs=2)


def test_the_table_says_how_each_study_came_out(cohort: tuple[tuple[Path, ...], Path, Batch]) -> None:
    _studies, out, done = cohort
    rows = rows_of(out / "batch.csv")
    assert [(row["study"], row["out"], row["outcome"]) for row in rows] == [
        ("pt", "pt", "done"),
        ("poisoned", "poisoned", "refused"),
        ("pt", "pt-2", "done"),
    ]
    assert "cure: " in rows[1]["reason"]
    assert done.line == "2/3 done, 1 refused, 0 failed" and not done.all_done
    for row in (rows[0], rows[2]):
        assert row["sites"] == 1
        assert row["psma_tv_ml"] == pytest.approx(HOT_VOXELS * VOXEL_ML, rel=1e-9)  # the cube that was written
        case = json.loads((out / row["out"] / "case.json").read_text(encoding="utf-8"))
        assert row["psma_tv_ml"] == case["burden"]["psma_tv_ml"]
        assert (row["suv_factor_min"], row["suv_factor_max"]) == (case["suv"]["factor_min"], case["suv"]["factor_max"])
        assert row["warnings"] == len(case["suv"]["warnings"])


def test_a_batch_writes_what_single_readings_write(
    cohort: tuple[tuple[Path, ...], Path, Batch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies, out, _done = cohort
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1709290800")
    psmap.read(studies[2], tmp_path / "single")
    assert results_of(tmp_path / "single") == results_of(out / "pt-2")


def test_a_second_run_tries_the_refused_one_and_leaves_the_others(
    cohort: tuple[tuple[Path, ...], Path, Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    studies, out, first = cohort
    before = {**times_of(out / "pt"), **times_of(out / "pt-2")}
    told: list[str] = []
    again = psmap.batch(studies, out, progress=told.append)
    assert {**times_of(out / "pt"), **times_of(out / "pt-2")} == before
    assert told == ["2/3 done, 0 refused, 0 failed", "2/3 done, 1 refused, 0 failed"]
    assert [row.result.seconds for row in again.rows][::2] == [row.result.seconds for row in first.rows][::2]
    (out / "pt" / "findings.csv").unlink()
    psmap.batch(studies[:1], out)
    assert (out / "pt" / "findings.csv").is_file()
    assert [row["out"] for row in rows_of(out / "batch.csv")] == ["pt"]


def test_other_choices_are_read_again(cohort: tuple[tuple[Path, ...], Path, Batch], tmp_path: Path) -> None:
    """The cube has SUV 10, so a border of 11 finds nothing."""
    studies, out, _done = cohort
    shutil.copytree(out, tmp_path / "out")
    second = psmap.batch(studies[2:], tmp_path / "out", threshold=11.0)
    assert [row.result.sites for row in second.rows] == [0]


def test_names_are_unique_and_stable() -> None:
    given = [Path(name) for name in ("/a/x", "/b/X", "/c/x.zip", "/d/x-2", "/e/batch.csv", "/f/.psmap-batch", "/")]
    names = unique_names(given)
    assert names == ["x", "X-2", "x-3", "x-2-2", "batch.csv-2", ".psmap-batch-2", "study"]
    assert unique_names(given[:3]) == names[:3]


def test_what_holds_for_all_is_refused_before_any_study(tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    out = tmp_path / "out"
    for wrong in (
        {"threshold": "hot"},
        {"threshold": "liver", "segmenter": "none"},
        {"segmenter": "anatomy_dseg.nii.gz"},
        {"segmenter": str(study)},
        {"peak": "top"},
        {"tracer": "gallium"},
        {"jobs": 0},
        {"engine": "abacus"},
        {"engine": "dask"},
        {"engine": "dask", "scheduler": "tcp://127.0.0.1:1", "jobs": 2},
        {"scheduler": "tcp://127.0.0.1:1"},
    ):
        with pytest.raises(Refused):
            psmap.batch([study], out, **wrong)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="no study"):
        psmap.batch([], out)
    for inside in (study, study / "out"):
        with pytest.raises(Refused, match="lies in"):
            plan_batch([study], inside, {})
    assert not out.exists()


def test_the_segmenter_is_handed_to_every_study(
    cohort: tuple[tuple[Path, ...], Path, Batch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a program that is not there, which each study says for itself; with it, the liver threshold is allowed."""
    studies = cohort[0][::2]
    monkeypatch.setenv("PATH", str(tmp_path))
    done = psmap.batch(studies, tmp_path / "out", segmenter="TotalSegmentator-fast", threshold="liver", jobs=2)
    assert [row.result.outcome.value for row in done.rows] == ["refused", "refused"]
    assert all("TotalSegmentator is not installed" in row.result.reason for row in done.rows)
    with pytest.raises(Refused, match=r"files are of one study \[map\.nii\.gz\].*psmap read") as caught:
        psmap.batch(studies, tmp_path / "out", segmenter="Smith/map.nii.gz")
    assert "Smith" not in str(caught.value)


def test_a_death_harms_no_other_job(tmp_path: Path) -> None:
    """The functions are Python's own, so what each process does is known."""
    ends = list(ProcessRunner(2)(signal.raise_signal, [signal.SIGKILL, signal.SIGTERM, 0]))
    assert sorted((ended.index, ended.fault) for ended in ends) == [
        (0, "killed by SIGKILL"),
        (1, "killed by SIGTERM"),
        (2, ""),
    ]
    (failed, went_well) = sorted(
        ProcessRunner(1)(os.mkdir, [tmp_path / "no" / "where", tmp_path / "made"]), key=lambda ended: ended.index
    )
    assert failed.fault == "ended with exit code 1" and "FileNotFoundError" in failed.log
    assert went_well.fault == "" and (tmp_path / "made").is_dir()
    assert usable_cores() == len(os.sched_getaffinity(0))


def test_a_dask_cluster_gives_the_same_results_and_the_same_table(
    cohort: tuple[tuple[Path, ...], Path, Batch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    studies, out, _done = cohort
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1709290800")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50, local_directory=tmp_path / "dask"
    ) as cluster:
        done = psmap.batch(studies, tmp_path / "out", engine="dask", scheduler=cluster.scheduler_address)
        runner = DaskRunner(cluster.scheduler_address)
        ends = sorted((ended.index, ended.fault) for ended in runner(signal.raise_signal, [signal.SIGKILL, 0]))
    assert ends == [(0, "killed by SIGKILL"), (1, "")]  # and the workers were still there to say so
    for name in ("pt", "pt-2"):
        assert results_of(tmp_path / "out" / name) == results_of(out / name)
    expected = psmap.batch(studies, out)
    same = [(row.study, row.out, row.result.model_copy(update={"seconds": 0, "key": ""})) for row in done.rows]
    assert same == [
        (row.study, row.out, row.result.model_copy(update={"seconds": 0, "key": ""})) for row in expected.rows
    ]


def test_a_cluster_that_does_not_answer_is_refused(
    cohort: tuple[tuple[Path, ...], Path, Batch], tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with pytest.raises(Refused, match="scheduler"):
        psmap.batch(cohort[0], tmp_path / "out", engine="dask", scheduler="nonsense://127.0.0.1:1")


def test_a_killed_study_fails_alone_and_a_second_run_does_only_that(
    cohort: tuple[tuple[Path, ...], Path, Batch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command line, one study at a time, so that the first child is known to read the first study."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1709290800")
    studies, good, _done = cohort
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from psmap.apps.cli.main import main; main()", "batch"]
    command += [str(studies[2]), str(studies[0]), "-o", str(out), "-j", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and not (children := listed.read_text().split()):
        time.sleep(0.005)
    os.kill(int(children[0]), signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, "")
    assert stderr == "psmap: 1/2 done, 0 refused, 1 failed; the reasons are in batch.csv\n"
    rows = [(row["out"], row["outcome"], row["reason"]) for row in rows_of(out / "batch.csv")]
    assert rows == [("pt", "failed", "killed by SIGKILL"), ("pt-2", "done", None)]
    before = times_of(out / "pt-2")
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (again.returncode, again.stdout) == (0, "2/2 done, 0 refused, 0 failed; see batch.csv\n")
    assert [row["outcome"] for row in rows_of(out / "batch.csv")] == ["done", "done"]
    assert times_of(out / "pt-2") == before
    assert results_of(out / "pt") == results_of(good / "pt-2")
