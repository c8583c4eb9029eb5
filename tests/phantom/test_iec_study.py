"""The written PET/CT of the phantom, read with plain pydicom and arithmetic, holds its truth."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK

from psmap.phantom.iec_body import IecPhantom, total_uptake
from psmap.phantom.iec_study import IecTruth, write_iec_study

WEIGHT_G = 70_000.0
REFERENCE_DOSE_BQ = 150e6 * 2.0 ** (-3600.0 / 4057.74)
"""150 MBq of 68Ga an hour after the injection."""


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IecTruth]:
    """A study without blur and noise."""
    directory = tmp_path_factory.mktemp("sharp")
    return directory, write_iec_study(directory, psf_fwhm_mm=0.0, noise=0.0)


def suv_of(directory: Path) -> tuple[np.ndarray, np.ndarray, list[pydicom.Dataset]]:
    """SUV by slope, weight and decayed dose of the header; the largest quantisation error a slice; the headers."""
    sets = [pydicom.dcmread(file) for file in sorted((directory / "PET").iterdir())]
    suv, error = [], []
    for data in sets:
        tracer = data.RadiopharmaceuticalInformationSequence[0]
        injected = datetime.strptime(tracer.RadiopharmaceuticalStartDateTime, "%Y%m%d%H%M%S")
        elapsed = datetime.strptime(data.SeriesDate + data.SeriesTime, "%Y%m%d%H%M%S") - injected
        halvings = elapsed.total_seconds() / float(tracer.RadionuclideHalfLife)
        factor = float(data.PatientWeight) * 1000.0 / (float(tracer.RadionuclideTotalDose) * 0.5**halvings)
        suv.append(data.pixel_array * float(data.RescaleSlope) * factor)
        error.append(0.5 * float(data.RescaleSlope) * factor)
    return np.array(suv), np.array(error), sets


def test_suv_read_back_is_the_truth(sharp: tuple[Path, IecTruth]) -> None:
    directory, truth = sharp
    suv, error, _ = suv_of(directory)
    places = truth.pet_grid.to_mm(np.argwhere(np.ones(suv.shape, bool))).reshape(*suv.shape, 3)
    assert error.max() < 2e-4
    for sphere in truth.spheres[1:]:
        core = np.linalg.norm(places - sphere.centre_mm, axis=-1) < 0.5 * sphere.diameter_mm - 3.3
        assert core.any()
        assert np.abs(suv[core] - 8.0).max() <= error.max() * 1.01
    warm = np.linalg.norm(places - np.array([0.0, 90.0, -20.0]), axis=-1) < 15.0
    assert np.abs(suv[warm] - 1.0).max() <= error.max() * 1.01
    assert np.abs(suv[np.hypot(places[..., 0], places[..., 1]) < 21.0]).max() == 0.0
    total = suv.sum() * truth.pet_grid.voxel_ml
    assert total == pytest.approx(total_uptake(IecPhantom()), rel=1e-4)


def test_activity_is_that_of_a_man_of_70_kg(sharp: tuple[Path, IecTruth]) -> None:
    """Background in Bq/mL = decayed dose / weight, read by SimpleITK without any header arithmetic of ours."""
    directory, truth = sharp
    image = SimpleITK.ReadImage([str(file) for file in sorted((directory / "PET").iterdir())])
    k, j, i = (int(n) for n in np.rint(truth.pet_grid.to_index([0.0, 90.0, -20.0])[0]))
    assert image[i, j, k] == pytest.approx(REFERENCE_DOSE_BQ / WEIGHT_G, rel=1e-4)
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint((i, j, k)), truth.pet_grid.to_mm([k, j, i])[0])


def test_ct_shares_the_frame_of_reference_and_shows_lung_and_wall(sharp: tuple[Path, IecTruth]) -> None:
    directory, truth = sharp
    files = sorted((directory / "CT").iterdir())
    image = SimpleITK.ReadImage([str(file) for file in files])
    for place, hu in (((0.0, 0.0, 0.0), -700), ((0.0, 60.0, 0.0), 0), ((0.0, -125.0, 0.0), -1000)):
        assert image[image.TransformPhysicalPointToIndex(place)] == hu
    pet = pydicom.dcmread(directory / "PET" / "PT0001.dcm")
    ct = pydicom.dcmread(files[0])
    for keyword in ("FrameOfReferenceUID", "StudyInstanceUID", "PatientID", "PatientName"):
        assert pet[keyword].value == ct[keyword].value
    assert str(ct.PatientName) == "PHANTOM^IEC"
    assert len(files) == truth.ct_grid.shape[0]


def test_blur_and_noise_are_as_asked(tmp_path: Path) -> None:
    truth = write_iec_study(tmp_path, psf_fwhm_mm=6.0, noise=0.08, seed=1)
    suv, _, _ = suv_of(tmp_path)
    k, j, i = (int(n) for n in np.rint(truth.pet_grid.to_index([0.0, 75.0, -50.0])[0]))
    warm = suv[k - 15 : k + 8, j - 5 : j + 6, i - 12 : i + 13]
    assert warm.mean() == pytest.approx(1.0, abs=0.005)
    assert warm.std() == pytest.approx(0.08, rel=0.1)
    hottest = suv.max()
    assert 7.5 < hottest < 9.0
    total = suv.sum() * truth.pet_grid.voxel_ml
    assert total == pytest.approx(total_uptake(IecPhantom()), rel=1e-3)


def test_same_arguments_same_bytes_other_seed_other_noise(sharp: tuple[Path, IecTruth], tmp_path: Path) -> None:
    directory, truth = sharp
    again = write_iec_study(tmp_path / "again", psf_fwhm_mm=0.0, noise=0.0)
    assert again == truth
    names = sorted(path.relative_to(directory) for path in directory.rglob("*.dcm"))
    assert len(names) == 75 + 67
    assert all((directory / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)
    later = datetime(2025, 7, 9, 23, 30, tzinfo=UTC)
    write_iec_study(tmp_path / "other", psf_fwhm_mm=0.0, noise=0.02, seed=5, when=later)
    suv, _, sets = suv_of(tmp_path / "other")
    assert sets[0].SeriesDate == "20250709"
    assert sets[0].StudyInstanceUID != pydicom.dcmread(directory / "PET" / "PT0001.dcm").StudyInstanceUID
    assert suv[40].std() != suv_of(directory)[0][40].std()


def test_dciodvfy_finds_no_error(sharp: tuple[Path, IecTruth]) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    directory, _ = sharp
    for name, iod in (("PET/PT0045.dcm", "PETImage"), ("CT/CT0001.dcm", "CTImage")):
        said = subprocess.run(["dciodvfy", "-new", str(directory / name)], capture_output=True, text=True, check=False)
        lines = (said.stdout + said.stderr).splitlines()
        assert iod in lines
        assert [line for line in lines if line.startswith("Error")] == []
