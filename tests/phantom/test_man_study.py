"""A man written and read back through psmap's own door: his SUV, his tracer and his truth survive."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine

import psmap
from psmap.catalog.load import load_tracers, recognise_tracer, tracer_by_name
from psmap.catalog.scanners import load_scanners
from psmap.domain.parameters import ReadParameters
from psmap.domain.refusal import Refused
from psmap.io.dicom_read import read_study
from psmap.phantom.dialects import maker_of
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import PELVIS_MM, ScannedMan, scan_man
from psmap.phantom.man_study import write_man
from psmap.workflow.pipeline import to_suv


@pytest.fixture(scope="module")
def pelvis() -> ScannedMan:
    return scan_man(11, tracer_by_name("psma-11"), Scenario.OLIGO, voxel_mm=8.0, field_mm=PELVIS_MM)


@pytest.mark.parametrize("tracer", ["psma-11", "psma-1007", "dcfpyl", "fdg"])
def test_what_is_written_is_read(tracer: str, tmp_path: Path) -> None:
    man = scan_man(11, tracer_by_name(tracer), Scenario.OLIGO, voxel_mm=8.0, field_mm=PELVIS_MM)
    files = write_man(tmp_path / "study", man)
    found = read_study(tmp_path / "study")
    assert found.ct is not None
    assert np.array_equal(found.ct.hu, man.hu)
    known, _evidence = recognise_tracer(found.pet.acquisition, load_tracers())
    assert known is not None
    assert known.id == tracer
    image = to_suv(found.pet, known, ReadParameters())
    # 16 bit a slice: half a step of a slice's hottest voxel over 32767, and the decimals of the header.
    step = man.suv.max(axis=(1, 2), keepdims=True) / 32767.0
    assert np.all(np.abs(image.suv - man.suv) <= 0.51 * step + 1e-5 * man.suv)
    truth = json.loads((tmp_path / "study" / "truth.json").read_text(encoding="utf-8"))
    assert [site["place"] for site in truth["sites"]] == [site.focus.place for site in man.sites]
    assert truth["man"]["weight_kg"] == man.man.weight_kg
    assert sorted(files) == sorted(path for path in (tmp_path / "study").rglob("*") if path.is_file())
    again = write_man(tmp_path / "again", man)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files]


def test_without_a_name_the_seed_draws_the_maker(pelvis: ScannedMan, tmp_path: Path) -> None:
    drawn = write_man(tmp_path / "drawn", pelvis)
    named = write_man(tmp_path / "named", pelvis, maker=maker_of(11))
    assert sum(path.suffix == ".dcm" for path in drawn) == 2 * pelvis.grid.shape[0]
    assert [path.read_bytes() for path in drawn] == [path.read_bytes() for path in named]
    truth = json.loads((tmp_path / "drawn" / "truth.json").read_text(encoding="utf-8"))
    assert truth["maker"] == maker_of(11)


def test_nifti_holds_the_very_suv_and_hu(pelvis: ScannedMan, tmp_path: Path) -> None:
    files = write_man(tmp_path / "man", pelvis, layout="nifti")
    assert [path.name for path in files[:3]] == ["pet.nii.gz", "pet.json", "ct.nii.gz"]
    assert files[-1].name == "truth.json"
    for name, array in (("pet", pelvis.suv), ("ct", pelvis.hu)):
        image = nibabel.load(tmp_path / "man" / f"{name}.nii.gz")
        assert image.get_data_dtype() == array.dtype
        assert np.array_equal(np.asanyarray(image.dataobj).T, array)
        x, y, z = apply_affine(image.affine, [3, 2, 1])
        np.testing.assert_allclose([-x, -y, z], pelvis.grid.to_mm([1, 2, 3])[0], atol=1e-3)
    sidecar = json.loads((tmp_path / "man" / "pet.json").read_text(encoding="utf-8"))
    assert sidecar["Units"] == "g/mL"
    assert sidecar["TracerName"] == "68Ga-PSMA-11"
    assert sidecar["Manufacturer"] == load_scanners()[maker_of(11)].manufacturer
    assert sidecar["InjectedRadioactivity"] == round(pelvis.conditions.activity_mbq)
    assert sidecar["ScanStart"] == 60.0 * round(pelvis.conditions.uptake_min)
    again = write_man(tmp_path / "again", pelvis, layout="nifti")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files]


def test_psmap_read_opens_the_nifti(pelvis: ScannedMan, tmp_path: Path) -> None:
    man = tmp_path / "man"
    write_man(man, pelvis, layout="nifti")
    case = psmap.read(pet=man / "pet.nii.gz", ct=man / "ct.nii.gz", tracer="psma-11", out=tmp_path / "out")
    assert case.pet is not None
    assert np.array_equal(case.pet.suv, pelvis.suv)
    assert case.ct is not None
    assert np.array_equal(case.ct.hu, pelvis.hu)


def test_an_unknown_layout_is_refused(pelvis: ScannedMan, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="minc"):
        write_man(tmp_path / "man", pelvis, layout="minc")
    assert not (tmp_path / "man").exists()
