"""The network that comes with psmap: the default of a reading, held against the truth of a digital man."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import psmap
from conftest import ReadPhantom, command
from psmap.catalog.anatomy_labels import load_labels
from psmap.catalog.load import load_schema
from psmap.io.anatomy_maps import read_anatomy
from psmap.steps.anatomy.on_pet import nearest_labels
from psmap.workflow.own_network import HEAD, SHIPPED, TRUNK

MOST_BYTES = 15_000_000
SEED = 100_029
"""Of the man; the teaching has seeds from 1 to 400."""


@dataclass(frozen=True)
class Named:
    """A man whom psmap named by itself."""

    study: Path
    out: Path
    case: psmap.Case
    document: dict[str, Any]
    provenance: dict[str, Any]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Named:
    folder = tmp_path_factory.mktemp("named")
    (study,) = psmap.men(folder / "men", seed=SEED, scenario="oligo", voxel_mm=4.0, jobs=1)
    case = psmap.read(study, folder / "out", threshold="liver")
    held = [json.loads((folder / "out" / name).read_text("utf-8")) for name in ("case.json", "provenance.json")]
    return Named(study, folder / "out", case, *held)


def dice_of(named: Named, name: str) -> float:
    """Of a structure as psmap named it and as it is, on the grid of the man's own label map."""
    true = read_anatomy(named.study / "truth" / "anatomy_dseg.nii.gz", None).labels
    anatomy = named.case.anatomy
    structure = anatomy.of(name) if anatomy is not None else None
    if anatomy is None or structure is None:
        return 0.0
    found, _ = nearest_labels(anatomy.labels.labels, anatomy.labels.grid, true.grid)
    parts = next(label.structures for label in load_labels().labels if label.id == name)
    mine = found == structure.number
    his = np.isin(true.labels, [number for number, own in true.names.items() if own in parts])
    return float(2.0 * (mine & his).sum() / (mine.sum() + his.sum()))


def test_its_files_are_small() -> None:
    assert 1_000_000 < sum((SHIPPED / name).stat().st_size for name in (TRUNK, HEAD)) <= MOST_BYTES


@pytest.mark.parametrize(
    ("name", "least"),
    [("liver", 0.85), ("lung_left", 0.85), ("lung_right", 0.85), ("urinary_bladder", 0.75), ("kidney_left", 0.75)],
)
def test_large_organs_of_a_man_of_whom_all_is_known(named: Named, name: str, least: float) -> None:
    """Well below what the card says of the median, for this is one man."""
    assert dice_of(named, name) >= least


def test_references_places_and_the_liver_threshold_need_no_mask(named: Named) -> None:
    measured = {row["organ"]: row for row in named.document["references"]}
    assert measured["liver"]["suv_mean"] is not None
    truth = json.loads((named.study / "truth.json").read_text("utf-8"))
    assert measured["liver"]["suv_mean"] == pytest.approx(truth["organs"]["liver"]["suv_mean"], rel=0.15)
    assert named.document["parameters"]["threshold"]["kind"] == "liver"
    assert all(site["anatomy"] is not None for site in named.document["sites"])


def test_provenance_names_the_model_and_its_card(named: Named, repository: Path) -> None:
    assert list(jsonschema.Draft202012Validator(load_schema("provenance")).iter_errors(named.provenance)) == []
    (card,) = named.provenance["model_cards"]
    held = b"".join((SHIPPED / name).read_bytes() for name in (TRUNK, HEAD))
    assert card["sha256"] == hashlib.sha256(held).hexdigest() and named.provenance["command"]["segmenter"] == "psmap"
    assert (repository / card["card"]).is_file()
    assert card["sha256"][:12] in named.document["anatomy"]["source"]


def test_named_again_alone_it_is_the_same(named: Named, tmp_path: Path) -> None:
    """`psmap anatomy` by the images that were written; PET and CT lose nothing as NIfTI but digits."""
    images = named.out / "images"
    pet, ct = images / "pet_suv.nii.gz", images / "ct.nii.gz"
    assert command("anatomy", "--ct", ct, "--pet", pet, "-q", "-o", tmp_path / "out") == 0
    ours, again = (
        read_anatomy(path / "anatomy_dseg.nii.gz", None).labels.labels for path in (images, tmp_path / "out")
    )
    assert float(np.mean(ours == again)) > 0.9999


def test_with_none_nothing_is_named(named: Named, tmp_path: Path) -> None:
    case = psmap.read(named.study, tmp_path / "out", segmenter="none")
    assert case.anatomy is None and case.references is None
    assert not (tmp_path / "out" / "images" / "anatomy_dseg.nii.gz").exists()


def test_in_a_body_phantom_nothing_is_named_and_that_is_said(
    phantom: ReadPhantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads((phantom.out / "case.json").read_text("utf-8"))
    assert document["anatomy"]["found"] == [] and "no bone" in document["anatomy"]["notices"][0]
    assert document["references"] is None
    assert "no bone in the CT" in (phantom.out / "report.html").read_text("utf-8")
    assert any("no bone" in line for line in phantom.shown.lines)
    with pytest.raises(psmap.Refused, match="liver could not be measured: there is no bone"):
        psmap.read(phantom.study, tmp_path / "out", threshold="liver")
    ct = phantom.out / "images" / "ct.nii.gz"
    assert command("anatomy", "--ct", ct, "-o", tmp_path / "alone") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no bone" in line and "cure: " in line and not (tmp_path / "alone" / "anatomy.json").exists()
