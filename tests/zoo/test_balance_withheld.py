"""What rests on an SUV that is not to be trusted is withheld, from the command line to the report."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from balance_cases import FAULTS
from balance_man import write_man

import psmap
from psmap.apps.cli.main import main

POUNDS = next(case for case in FAULTS if case.what == "70 kg written as 154 (pounds)")


@pytest.fixture(scope="module")
def pounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A man whose weight in pounds stands where kilograms belong."""
    study = tmp_path_factory.mktemp("pounds") / "study"
    write_man(study, POUNDS.man, weight_kg=POUNDS.weight_kg)
    yield study
    shutil.rmtree(study)


def _document(out: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((out / "case.json").read_text(encoding="utf-8"))
    return read


def test_burden_and_sr_are_withheld_until_the_suv_is_accepted(pounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    case = psmap.read(pounds, out)
    assert case.burden is None
    assert case.findings
    assert "kg" in case.withheld
    document = _document(out)
    assert document["burden"] is None
    assert document["withheld"] == case.withheld
    assert document["suv"]["trusted"] is False  # type: ignore[index]
    assert (out / "dicom" / "findings.seg.dcm").is_file()
    assert not (out / "dicom" / "measurements.sr.dcm").exists()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "The SUV is not to be trusted: the burden is withheld." in page
    assert "withheld: the SUV is not to be trusted" in page
    steps = [step["name"] for step in json.loads((out / "provenance.json").read_text(encoding="utf-8"))["steps"]]
    assert "balance" in steps
    assert "burden" not in steps

    accepted = psmap.read(pounds, out, accept_suv=True)
    assert accepted.burden is not None
    assert accepted.burden.volume_ml > 0.0
    assert _document(out)["withheld"] is None
    assert (out / "dicom" / "measurements.sr.dcm").is_file()
    assert "It was accepted by the user." in (out / "report.html").read_text(encoding="utf-8")

    mended = psmap.read(pounds, out, weight_kg=70.0)
    assert mended.burden is not None
    assert mended.balance is not None
    assert mended.balance.trusted is True
    # The true weight makes every SUV smaller by 70/154.
    assert mended.pet is not None
    assert case.pet is not None
    assert mended.pet.suv.max() / case.pet.suv.max() == pytest.approx(70.0 / 154.0, rel=1e-5)


def test_the_command_line_says_so_even_when_quiet(
    pounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["read", str(pounds), "-o", str(tmp_path / "out"), "-q"])
    assert left.value.code == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("psmap: burden withheld: the SUV is not to be trusted:")
    assert "--accept-suv" in said.err
    with pytest.raises(SystemExit):
        main(["read", str(pounds), "-o", str(tmp_path / "out")])
    assert "SUV NOT TRUSTED" in capsys.readouterr().out


def test_a_batch_leaves_the_volume_empty(pounds: Path, tmp_path: Path) -> None:
    done = psmap.batch([pounds], tmp_path / "batch", jobs=1)
    with done.table.open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert (row["outcome"], row["suv_trusted"], row["psma_tv_ml"]) == ("done", "false", "")


def test_psmap_suv_prints_the_doubt(pounds: Path) -> None:
    answer = psmap.suv(pounds)
    assert answer.document["suv"]["trusted"] is False
    assert any(line.startswith("NOT TRUSTED") for line in answer.lines)
