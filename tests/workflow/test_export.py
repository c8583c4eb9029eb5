"""Writing the results: images are packed in a second thread, and nothing of that may show."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

import psmap
from conftest import ReadPhantom
from psmap.workflow import export


def test_provenance_lists_the_files_in_their_order(phantom: ReadPhantom) -> None:
    listed = [item["file"] for item in json.loads((phantom.out / "provenance.json").read_text())["outputs"]]
    assert listed == [name for name in export.RESULTS if name in listed]
    assert "images/pet_suv.nii.gz" in listed


def test_images_that_cannot_be_written_end_the_run_without_provenance(
    phantom: ReadPhantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        assert threading.current_thread() is not threading.main_thread()
        raise OSError(28, "No space left on device", "pet_suv.nii.gz")

    monkeypatch.setattr(export, "_write_images", full)
    with pytest.raises(OSError, match="No space left"):
        psmap.read(phantom.study, tmp_path / "out")
    assert not (tmp_path / "out" / "provenance.json").exists()


def test_images_are_whole_where_another_file_cannot_be_written(
    phantom: ReadPhantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "findings.csv")

    monkeypatch.setattr(export, "write_findings", full)
    with pytest.raises(OSError, match="No space left"):
        psmap.read(phantom.study, tmp_path / "out")
    images = tmp_path / "out" / "images"
    for image in (phantom.out / "images").iterdir():
        assert (images / image.name).read_bytes() == image.read_bytes()
    assert [path.name for path in images.iterdir() if path.name.startswith(".part")] == []
    assert not (tmp_path / "out" / "provenance.json").exists()
