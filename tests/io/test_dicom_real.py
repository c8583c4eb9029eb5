"""Real scans through the door, against SimpleITK's geometry and pydicom's own voxels slice by slice."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - the name its own manual uses

from psmap.domain.study import SeriesSource, Study
from psmap.io.dicom_read import read_study


def there(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"{folder.name} is not among the real data")
    return folder


def slice_by_slice(source: SeriesSource | None) -> np.ndarray:
    assert source is not None
    slices = [pydicom.dcmread(file.path) for file in source.files]
    return np.stack([s.pixel_array.astype(float) * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])


def by_simpleitk(source: SeriesSource | None) -> sitk.Image:
    assert source is not None
    folder = str(source.files[0].path.parent)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(folder, source.series_instance_uid)
    return sitk.ReadImage(names, sitk.sitkFloat64)


@pytest.fixture(scope="module")
def whole_body(data_dir: Path) -> Study:
    return read_study(there(data_dir / "fdg_wholebody_STS_001"))


def test_the_whole_body_scan_and_its_facts(whole_body: Study) -> None:
    """267 slices with gaps of 3.19 to 3.29 mm, NumberOfTimeSlices 6 and an RTSTRUCT beside them; figures as stored."""
    facts = whole_body.pet.acquisition
    assert whole_body.pet.grid.shape == (267, 128, 128)
    assert (facts.patient_weight, facts.radionuclide_total_dose) == (71.0, 3.88777472e8)
    assert (facts.radionuclide_half_life_s, facts.series_time) == (6588.0, time(11, 20, 11))
    assert (facts.units, facts.decay_correction) == ("BQML", "START")
    assert len({piece.frame_reference_time_ms for piece in facts.slices}) == 6  # six bed positions
    assert facts.ge_scan_datetime is None  # its creator is there, its element is not
    assert whole_body.ct is None
    assert "Passed over: 1 RTSTRUCT" in whole_body.choices


def test_the_whole_body_voxels(whole_body: Study) -> None:
    truth = slice_by_slice(whole_body.pet.source)
    assert whole_body.pet.rescaled.tobytes() == truth.astype(np.float32).tobytes()
    theirs = by_simpleitk(whole_body.pet.source)
    grid = whole_body.pet.grid
    np.testing.assert_allclose(grid.origin_mm, theirs.GetOrigin(), atol=0.164)  # 5 % of the gap: the line is fitted
    np.testing.assert_allclose(grid.spacing_mm[::-1], theirs.GetSpacing(), rtol=1e-3)
    np.testing.assert_allclose(sitk.GetArrayFromImage(theirs), truth, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("patient", "slices"), [("STS_003", 51), ("STS_036", 68)])
def test_matched_pet_and_ct(data_dir: Path, patient: str, slices: int) -> None:
    study = read_study(there(data_dir / "petct_sts" / patient))
    assert study.ct is not None
    assert study.ct_source is not None
    assert study.pet.source is not None
    assert study.ct_source.frame_of_reference_uid == study.pet.source.frame_of_reference_uid
    assert (study.pet.grid.shape[0], study.ct.grid.shape[0]) == (slices, slices)
    assert (study.pet.acquisition.units, study.pet.acquisition.suv_type) == ("GML", "BW")
    assert study.pet.acquisition.patient_sex == "F"
    assert "Passed over: 2 RTSTRUCT" in study.choices
    assert study.pet.rescaled.tobytes() == slice_by_slice(study.pet.source).astype(np.float32).tobytes()
    assert np.array_equal(study.ct.hu, slice_by_slice(study.ct_source))
    theirs = by_simpleitk(study.ct_source)
    assert np.array_equal(study.ct.hu, sitk.GetArrayFromImage(theirs))
    np.testing.assert_allclose(study.ct.grid.origin_mm, theirs.GetOrigin(), atol=1e-6)
    np.testing.assert_allclose(study.ct.grid.spacing_mm[::-1], theirs.GetSpacing(), atol=1e-6)
