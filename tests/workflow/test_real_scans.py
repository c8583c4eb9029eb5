"""The main job on real scans: a whole-body FDG PET and two FDG PET/CT (TCIA Soft-tissue-Sarcoma, CC BY 3.0)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from scipy import ndimage
from skimage.draw import polygon2mask

import psmap
from psmap.catalog.load import load_schema
from psmap.domain.geometry import Grid

STUDIES = {
    "STS_001": "fdg_wholebody_STS_001",
    "STS_003": "petct_sts/STS_003",
    "STS_036": "petct_sts/STS_036",
}


@dataclass(frozen=True)
class RealRead:
    study: Path
    out: Path
    case: psmap.Case

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "case.json").read_text(encoding="utf-8"))
        return found


@pytest.fixture(scope="module")
def reading(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RealRead]:
    """Each real study, read once."""
    done: dict[str, RealRead] = {}

    def read(name: str) -> RealRead:
        if name not in done:
            study, out = data_dir / STUDIES[name], tmp_path_factory.mktemp(name)
            done[name] = RealRead(study, out, psmap.read(study, out))
        return done[name]

    return read


def contoured(structures: Path, name: str, grid: Grid) -> npt.NDArray[np.bool_]:
    """Voxels whose centre lies inside the drawn contours of a structure: an independent look at where the tumour is."""
    dataset = pydicom.dcmread(structures)
    numbers = {str(item.ROIName): item.ROINumber for item in dataset.StructureSetROISequence}
    mask = np.zeros(grid.shape, dtype=np.bool_)
    for roi in dataset.ROIContourSequence:
        if roi.ReferencedROINumber != numbers[name]:
            continue
        for contour in roi.ContourSequence:
            index = grid.to_index(np.array(contour.ContourData, dtype=float).reshape(-1, 3))
            k = round(float(index[:, 0].mean()))
            mask[k] ^= polygon2mask(grid.shape[1:], index[:, 1:])
    return mask


def test_the_whole_body_factor_is_the_headers_and_the_other_reading_is_said(
    reading: Callable[[str], RealRead],
) -> None:
    """71.0 kg, 3.88777472e8 Bq, 2711 s, half-life 6588 s; read off the IBSI's rounded voxels it is 2.429019e-4."""
    suv = reading("STS_001").document["suv"]
    assert suv["factor_min"] == suv["factor_max"] == pytest.approx(2.429030e-4, rel=1e-6)
    assert suv["factor_min"] == pytest.approx(2.429019e-4, rel=1e-5)
    assert any("0054,1300" in line for line in suv["warnings"])
    assert suv["alternative"]["factor_min"] < suv["factor_min"] < suv["alternative"]["factor_max"]


@pytest.mark.parametrize("name", ["STS_003", "STS_036"])
def test_suv_that_is_suv_already_stays_and_the_ct_is_found(name: str, reading: Callable[[str], RealRead]) -> None:
    case = reading(name).case
    assert case.pet is not None and case.pet.conversion.factors[0] == 1.0
    assert case.ct is not None
    assert any("0010,0040" in line for line in case.pet.conversion.warnings)


@pytest.mark.parametrize("name", STUDIES)
def test_fdg_is_read_and_no_psma_rule_applies(name: str, reading: Callable[[str], RealRead]) -> None:
    read = reading(name)
    assert read.case.tracer is not None and read.case.tracer.id == "fdg"
    assert "No rule for PSMA ligands applies" in (read.out / "report.html").read_text(encoding="utf-8")
    assert any("no PSMA rule applies" in line for line in psmap.show(read.case, read.out, verbose=False))
    assert "liver" in read.document["burden"]["withheld"]


@pytest.mark.parametrize("name", STUDIES)
def test_the_voxels_of_all_sites_are_those_at_or_above_three(name: str, reading: Callable[[str], RealRead]) -> None:
    """Against scipy: every component is made of whole sites, and the hottest voxels agree."""
    case = reading(name).case
    assert case.pet is not None and case.sites is not None
    hot = case.pet.suv >= np.float32(3.0)
    found = np.zeros(case.pet.grid.size, dtype=np.int64)
    for site in case.sites:
        assert not found[site.index].any()
        found[site.index] = site.id
    assert np.array_equal(found.reshape(hot.shape) > 0, hot)
    components, count = ndimage.label(hot, np.ones((3, 3, 3)))
    maxima = ndimage.maximum(case.pet.suv, components, np.arange(1, count + 1))
    peaks = {site.suv_max for site in case.sites}
    assert {float(value) for value in maxima} <= peaks
    assert len(case.sites) >= count


@pytest.mark.parametrize(
    ("name", "structures", "roi"),
    [
        ("STS_001", "FDG_PET/mask/1-1.dcm", "GTV_Mass"),
        ("STS_003", "PET/mask/RS.dcm", None),
        ("STS_036", "PET/mask/RS.dcm", None),
    ],
)
def test_the_tumour_that_a_radiologist_drew_is_among_the_sites(
    name: str, structures: str, roi: str | None, reading: Callable[[str], RealRead]
) -> None:
    read = reading(name)
    assert read.case.pet is not None and read.case.sites is not None
    path = read.study / structures
    roi = roi or str(pydicom.dcmread(path).StructureSetROISequence[0].ROIName)
    drawn = np.flatnonzero(contoured(path, roi, read.case.pet.grid))
    hottest = float(read.case.pet.suv.reshape(-1)[drawn].max())
    holding = [site for site in read.case.sites if np.isin(site.index, drawn).any()]
    assert max(site.suv_max for site in holding) >= hottest
    shared = sum(int(np.isin(site.index, drawn).sum()) for site in holding)
    hot_inside = int(np.count_nonzero(read.case.pet.suv.reshape(-1)[drawn] >= np.float32(3.0)))
    assert shared == hot_inside > 0


@pytest.mark.parametrize("name", STUDIES)
def test_what_is_written_follows_schema_and_standard(name: str, reading: Callable[[str], RealRead]) -> None:
    read = reading(name)
    jsonschema.validate(read.document, load_schema("case"))
    for path in read.out.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".csv", ".tsv", ".html"):
            assert name not in path.read_text(encoding="utf-8"), path.name
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    for object_name in ("findings.seg.dcm", "measurements.sr.dcm"):
        said = subprocess.run(
            ["dciodvfy", "-new", str(read.out / "dicom" / object_name)], capture_output=True, text=True, check=False
        )
        assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_a_real_whole_body_bears_its_suv_out(reading: Callable[[str], RealRead]) -> None:
    """She weighs 71 kg: 87 cm of her weigh less, and hold no more than was injected; crops of a thigh tell nothing."""
    balance = reading("STS_001").case.balance
    assert balance is not None
    assert balance.trusted is True
    assert balance.warnings == ()
    assert balance.activity_share is not None
    assert 0.5 < balance.activity_share < 1.0
    assert 0.6 * 71.0 < balance.body_kg < 71.0
    for name in ("STS_003", "STS_036"):
        crop = reading(name).case.balance
        assert crop is not None
        assert crop.trusted is None
        assert "cut the body off" in crop.not_judged
