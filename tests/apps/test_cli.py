"""The command line: exit codes, one line for bad input, JSON that follows its schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from conftest import ReadPhantom
from psmap.catalog.load import load_schema
from psmap.io.nifti import write_image


def psmap_command(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from psmap.apps.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )


def refused(*arguments: str | Path) -> str:
    done = psmap_command(*arguments)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("psmap: refused: "), done.stderr
    assert "cure: " in lines[0]
    return lines[0]


def test_read_prints_what_was_chosen_and_found(phantom: ReadPhantom) -> None:
    done = psmap_command("read", phantom.study, "-o", phantom.out)
    assert done.returncode == 0, done.stderr
    assert "6 sites of raised uptake" in done.stdout
    assert "Not a medical device" in done.stdout


def test_read_json_is_case_json(phantom: ReadPhantom) -> None:
    done = psmap_command("read", phantom.study, "-o", phantom.out, "--json")
    assert done.stdout.encode() == (phantom.out / "case.json").read_bytes()


def test_suv_json_follows_its_schema_and_quiet_is_silent(phantom: ReadPhantom) -> None:
    done = psmap_command("suv", phantom.study, "--json")
    document = json.loads(done.stdout)
    jsonschema.validate(document, load_schema("suv"))
    assert document == {"suv": json.loads((phantom.out / "case.json").read_text())["suv"]}
    assert psmap_command("suv", phantom.study, "-q").stdout == ""


def test_suv_prints_the_trace_and_writes_the_image(phantom: ReadPhantom, tmp_path: Path) -> None:
    done = psmap_command("suv", phantom.study, "-o", tmp_path / "suv.nii.gz")
    assert "0054,1001" in done.stdout and "0018,1074" in done.stdout
    assert (tmp_path / "suv.nii.gz").read_bytes() == (phantom.out / "images" / "pet_suv.nii.gz").read_bytes()


@pytest.mark.parametrize("command", ["read", "suv"])
def test_wrong_usage_is_exit_code_2(command: str) -> None:
    assert psmap_command(command).returncode == 2
    assert psmap_command(command, "--no-such-option").returncode == 2


def test_bad_input_is_one_line(phantom: ReadPhantom, tmp_path: Path) -> None:
    assert "nowhere" in refused("read", tmp_path / "nowhere", "-o", tmp_path / "out")
    empty = tmp_path / "empty"
    empty.mkdir()
    refused("read", empty, "-o", tmp_path / "out")
    (tmp_path / "file").write_text("text")
    refused("read", tmp_path / "file", "-o", tmp_path / "out")
    refused("read", phantom.study, "-o", tmp_path / "file")
    refused("read", phantom.study, "--pet", tmp_path / "x.nii.gz", "-o", tmp_path / "out")
    refused("read", "--pet", tmp_path / "x.nii.gz", "-o", tmp_path / "out")
    refused("read", phantom.study, "-o", tmp_path / "out", "--threshold", "hot")
    refused("read", phantom.study, "-o", tmp_path / "out", "--threshold", "liver", "--segmenter", "none")
    assert "41%" in refused("read", phantom.study, "-o", tmp_path / "out", "--threshold", "41")
    refused("read", phantom.study, "-o", tmp_path / "out", "--peak", "top")
    refused("read", phantom.study, "-o", tmp_path / "out", "--weight-kg", "nan")
    refused("suv", phantom.study, "--height-m", "inf")
    refused("demo", "-o", tmp_path / "file")
    os.mkfifo(tmp_path / "pipe.nii.gz")
    for option in ("--pet", "--findings", "--liver", "--history"):
        study = [] if option == "--pet" else [phantom.study]
        for unread in (tmp_path / "pipe.nii.gz", empty, tmp_path / "absent"):
            line = refused("read", *study, "-o", tmp_path / "out", option, unread, "--tracer", "psma-11")
            assert option in line and unread.name in line
    assert "psma-1007" in refused("read", phantom.study, "-o", tmp_path / "out", "--tracer", "gallium")
    refused("read", phantom.study, "-o", tmp_path / "out", "--weight-kg", "7")
    refused("read", phantom.study, "-o", tmp_path / "out", "--pet-series", "1.2.3")
    assert "--tracer" in refused("read", "--pet", phantom.out / "images" / "ct.nii.gz", "-o", tmp_path / "out")
    history = tmp_path / "history.json"
    history.write_text('{"prostatectomie": true}')
    assert "prostatectomie" in refused("read", phantom.study, "-o", tmp_path / "out", "--history", history)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [("read", "", "-o", "out"), ("read", "study", "-o", ""), ("suv", ""), ("demo", "-o", ""), ("batch", "", "-o", "o")],
)
def test_an_empty_path_is_not_the_current_folder(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A variable of the shell that is not set must neither be read from nor written to."""
    done = psmap_command(*arguments, cwd=tmp_path)
    assert done.returncode == 1 and "is empty" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_liver_threshold_is_refused_for_psma_1007(phantom: ReadPhantom, tmp_path: Path) -> None:
    labels = phantom.out / "images" / "findings_dseg.nii.gz"
    arguments = ("--threshold", "liver", "--liver", labels, "--tracer", "psma-1007")
    assert "liver" in refused("read", phantom.study, "-o", tmp_path / "out", *arguments)


def test_a_mask_of_another_grid_is_refused(phantom: ReadPhantom, tmp_path: Path) -> None:
    ct = phantom.shown.case.ct
    assert ct is not None
    mask = tmp_path / "mask.nii.gz"
    write_image(mask, ct.grid, (ct.hu > 0).astype(np.int16))
    assert "PET grid" in refused("read", phantom.study, "-o", tmp_path / "out", "--findings", mask)
