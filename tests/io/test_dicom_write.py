"""The DICOM writer against pydicom, SimpleITK, dciodvfy and published decay vectors."""

from __future__ import annotations

import math
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from psmap.domain.acquisition import Code
from psmap.domain.geometry import Grid
from psmap.io.dicom_write import (
    CtFacts,
    PetFacts,
    StudyFacts,
    average_count_time_s,
    frame_of_reference_uid,
    frame_reference_time_s,
    study_instance_uid,
    write_ct_series,
    write_pet_series,
)

WHEN = datetime(2024, 3, 1, 10, 0, 0, tzinfo=UTC)
STUDY = StudyFacts("test", WHEN - timedelta(minutes=2))
PET = PetFacts(series_at=WHEN, injected_at=WHEN - timedelta(minutes=60))
CT = CtFacts(series_at=WHEN)
GRID = Grid((3, 4, 5), (-10.0, 20.5, 300.25), ((0.0, 0.0, 3.0), (0.0, 4.07283, 0.0), (2.5, 0.0, 0.0)))


def turned(angles_deg: tuple[float, float, float], shape: tuple[int, int, int] = (3, 4, 5)) -> Grid:
    """A grid of unequal spacing turned about all three axes of the patient."""
    turn = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    k, j, i = (tuple(float(c) for c in turn[:, n] * step) for n, step in ((2, 3.27), (1, 4.07283), (0, 2.5)))
    return Grid(shape, (-101.5, 33.25, -712.0), (k, j, i))


def ramp(grid: Grid) -> np.ndarray:
    return 10.0 + np.arange(grid.size, dtype=np.float64).reshape(grid.shape) ** 1.5


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (12.0, -7.0, 31.0), (90.0, 0.0, 0.0), (3.0, 175.0, -80.0)])
def test_simpleitk_reads_the_grid_and_the_voxels(tmp_path: Path, angles: tuple[float, float, float]) -> None:
    grid = turned(angles)
    values = ramp(grid)
    files = write_pet_series(tmp_path, grid, values, STUDY, PET)
    image = SimpleITK.ReadImage([str(file) for file in files])
    corner = (4, 3, 2)
    np.testing.assert_allclose(image.GetOrigin(), grid.origin_mm, atol=1e-6)
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(corner), grid.to_mm([2, 3, 4])[0], atol=1e-6)
    np.testing.assert_allclose(image.GetSpacing(), grid.spacing_mm[::-1], atol=1e-6)
    np.testing.assert_allclose(SimpleITK.GetArrayFromImage(image), values, atol=values.max() / 32767)


def test_positions_follow_the_grid_in_a_left_handed_stack(tmp_path: Path) -> None:
    grid = Grid((3, 4, 5), (-10.0, 20.5, 300.0), ((0.0, 0.0, -3.0), (0.0, 4.0, 0.0), (2.0, 0.0, 0.0)))
    for k, file in enumerate(write_pet_series(tmp_path, grid, ramp(grid), STUDY, PET)):
        data = pydicom.dcmread(file)
        assert [float(c) for c in data.ImagePositionPatient] == [-10.0, 20.5, 300.0 - 3.0 * k]
        assert [float(c) for c in data.PixelSpacing] == [4.0, 2.0]
        assert float(data.SliceThickness) == 3.0


@given(scale=st.floats(1e-6, 1e9), signed=st.booleans(), one_slope=st.booleans())
@settings(max_examples=15, deadline=None)
def test_voxels_come_back_to_half_a_written_slope(
    tmp_path_factory: pytest.TempPathFactory, scale: float, signed: bool, one_slope: bool
) -> None:
    values = scale * (ramp(GRID) - (50.0 if signed else 10.0))
    files = write_pet_series(
        tmp_path_factory.mktemp("pet"), GRID, values, STUDY, PET, signed=signed, one_slope=one_slope
    )
    slopes = set()
    for k, file in enumerate(files):
        data = pydicom.dcmread(file)
        text = data["RescaleSlope"].value.original_string
        assert len(text) <= 16
        slopes.add(text)
        error = np.abs(data.pixel_array * float(text) - values[k])
        assert error.max() <= 0.5 * float(text) * (1 + 1e-9)
        assert data.pixel_array.dtype == (np.int16 if signed else np.uint16)
    assert len(slopes) == (1 if one_slope else 3)


def test_an_empty_first_slice_does_not_make_itk_read_whole_numbers(tmp_path: Path) -> None:
    values = ramp(GRID)
    values[0] = 0.0
    files = write_pet_series(tmp_path, GRID, values, STUDY, PET)
    assert pydicom.dcmread(files[0]).RescaleSlope == pydicom.dcmread(files[2]).RescaleSlope
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage([str(file) for file in files]))
    np.testing.assert_allclose(image, values, atol=values.max() / 32767)


def test_a_series_of_zeros_is_zero(tmp_path: Path) -> None:
    data = pydicom.dcmread(write_pet_series(tmp_path, GRID, np.zeros(GRID.shape), STUDY, PET)[1])
    assert data.pixel_array.max() == 0
    assert float(data.RescaleSlope) == 1.0


def test_suv_of_the_published_vector(tmp_path: Path) -> None:
    """Vector SUV-2: 68Ga, half-life 4057.74 s, 3600 s, 150 MBq, 80 kg, 10 000 Bq/mL gives SUV 9.86439700."""
    study = replace(STUDY, weight_kg=80.0)
    values = np.full(GRID.shape, 10_000.0)
    data = pydicom.dcmread(write_pet_series(tmp_path, GRID, values, study, PET)[0])
    tracer = data.RadiopharmaceuticalInformationSequence[0]
    start = datetime.strptime(tracer.RadiopharmaceuticalStartDateTime, "%Y%m%d%H%M%S")
    elapsed_s = (datetime.strptime(data.SeriesDate + data.SeriesTime, "%Y%m%d%H%M%S") - start).total_seconds()
    dose = float(tracer.RadionuclideTotalDose) * 0.5 ** (elapsed_s / float(tracer.RadionuclideHalfLife))
    suv = data.pixel_array[0, 0] * float(data.RescaleSlope) * float(data.PatientWeight) * 1000.0 / dose
    assert suv == pytest.approx(9.86439700, rel=1e-8)


@pytest.mark.parametrize(
    ("half_life_s", "duration_s", "expected_s"),
    [
        (6586.2, 180.0, 89.857923),
        (4057.74, 180.0, 89.769393),
        (4057.74, 240.0, 119.590035),
        (6586.2, 1200.0, 593.686298),
    ],
)
def test_average_count_time_vectors(half_life_s: float, duration_s: float, expected_s: float) -> None:
    assert average_count_time_s(half_life_s, duration_s) == pytest.approx(expected_s, abs=1e-6)


@pytest.mark.parametrize(("duration_s", "expected"), [(180.0, 1.01545267), (240.0, 1.02063858)])
def test_decay_factor_of_a_frame_that_starts_with_the_series(
    tmp_path: Path, duration_s: float, expected: float
) -> None:
    """lambda T / (1 - exp(-lambda T)) for 68Ga; ADMIN multiplies by the decay since the injection."""
    facts = replace(PET, frame_duration_s=duration_s)
    start = pydicom.dcmread(write_pet_series(tmp_path / "s", GRID, ramp(GRID), STUDY, facts)[0])
    assert float(start.DecayFactor) == pytest.approx(expected, rel=1e-8)
    admin_facts = replace(facts, decay_correction="ADMIN")
    admin = pydicom.dcmread(write_pet_series(tmp_path / "a", GRID, ramp(GRID), STUDY, admin_facts)[0])
    assert float(admin.DecayFactor) == pytest.approx(expected / 0.5406649118, rel=1e-8)
    none_facts = replace(facts, decay_correction="NONE", corrected_image=("ATTN",))
    none = pydicom.dcmread(write_pet_series(tmp_path / "n", GRID, ramp(GRID), STUDY, none_facts)[0])
    assert "DecayFactor" not in none


def test_back_computed_reference_time_is_the_series_time_in_every_bed_position(tmp_path: Path) -> None:
    facts = replace(PET, acquired_at=tuple(WHEN + timedelta(seconds=200.5 * k) for k in range(3)))
    for k, file in enumerate(write_pet_series(tmp_path, GRID, ramp(GRID), STUDY, facts)):
        data = pydicom.dcmread(file)
        seconds = 3600 * int(data.AcquisitionTime[:2]) + 60 * int(data.AcquisitionTime[2:4])
        seconds += float(data.AcquisitionTime[4:])
        assert seconds == 36_000 + 200.5 * k
        rate = math.log(2.0) / float(data.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife)
        frame_s = data.ActualFrameDuration / 1000.0
        mean_s = math.log(rate * frame_s / (1.0 - math.exp(-rate * frame_s))) / rate
        assert seconds + mean_s - float(data.FrameReferenceTime) / 1000.0 == pytest.approx(36_000.0, abs=1e-6)
    assert frame_reference_time_s(replace(facts, frame_reference_s=(1.0, 2.0, 3.0)), 1) == 2.0


@pytest.mark.parametrize("implicit_vr", [False, True])
@pytest.mark.parametrize("correction", ["START", "ADMIN", "NONE"])
def test_dciodvfy_finds_no_error(tmp_path: Path, implicit_vr: bool, correction: str) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    facts = replace(PET, decay_correction=correction, tracer_code=Code("126758", "DCM", "PSMA-1007 F^18^"))
    pet = write_pet_series(tmp_path, turned((5.0, 6.0, 7.0)), ramp(GRID), STUDY, facts, implicit_vr=implicit_vr)
    ct = write_ct_series(tmp_path, GRID, ramp(GRID).astype(np.int16), STUDY, CT, implicit_vr=implicit_vr)
    for file, iod in ((pet[1], "PETImage"), (ct[1], "CTImage")):
        said = subprocess.run(["dciodvfy", "-new", str(file)], capture_output=True, text=True, check=False)
        lines = (said.stdout + said.stderr).splitlines()
        assert iod in lines
        assert [line for line in lines if line.startswith("Error")] == []
        expected = "1.2.840.10008.1.2" if implicit_vr else "1.2.840.10008.1.2.1"
        assert pydicom.dcmread(file).file_meta.TransferSyntaxUID == expected


def test_the_same_call_writes_the_same_bytes(tmp_path: Path) -> None:
    one = write_pet_series(tmp_path / "one", GRID, ramp(GRID), STUDY, PET)
    two = write_pet_series(tmp_path / "two", GRID, ramp(GRID), STUDY, PET)
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
    assert sorted(tmp_path.joinpath("one").iterdir()) == list(one)


def test_uids_are_valid_unique_and_shared_where_they_should_be(tmp_path: Path) -> None:
    pet = write_pet_series(tmp_path, GRID, ramp(GRID), STUDY, PET)
    ct = write_ct_series(tmp_path, GRID, ramp(GRID).astype(np.int16), STUDY, CT)
    other = write_pet_series(tmp_path / "other", GRID, ramp(GRID), replace(STUDY, uid_seed="other"), PET)
    sets = [pydicom.dcmread(file) for file in (*pet, *ct, *other)]
    assert len({data.SOPInstanceUID for data in sets}) == 9
    assert len({data.SeriesInstanceUID for data in sets}) == 3
    assert {data.StudyInstanceUID for data in sets[:6]} == {study_instance_uid(STUDY)}
    assert {data.FrameOfReferenceUID for data in sets[:6]} == {frame_of_reference_uid(STUDY)}
    assert all(data.StudyInstanceUID != study_instance_uid(STUDY) for data in sets[6:])
    for data in sets:
        for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
            assert pydicom.uid.UID(data[name].value).is_valid


def test_edit_can_add_private_blocks_and_take_tags_away(tmp_path: Path) -> None:
    def philips(data: Dataset, k: int) -> None:
        block = data.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", str(0.000551 + k))
        data.Units = "CNTS"
        del data.PatientWeight

    files = write_pet_series(tmp_path, GRID, ramp(GRID), STUDY, PET, edit=philips)
    data = pydicom.dcmread(files[2])
    assert float(data.private_block(0x7053, "Philips PET Private Group")[0x00].value) == 2.000551
    assert data.Units == "CNTS"
    assert "PatientWeight" not in data
    assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID


@pytest.mark.parametrize("intercept_hu", [0, -1024])
def test_hounsfield_units_come_back_exactly(tmp_path: Path, intercept_hu: int) -> None:
    hu = np.linspace(-2000, 30_000, GRID.size).astype(np.int16).reshape(GRID.shape)
    files = write_ct_series(tmp_path, GRID, hu, STUDY, CT, intercept_hu=intercept_hu)
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage([str(file) for file in files]))
    np.testing.assert_array_equal(image, hu)
    assert float(pydicom.dcmread(files[0]).RescaleIntercept) == intercept_hu


def test_zone_is_written_for_aware_times_only(tmp_path: Path) -> None:
    aware = pydicom.dcmread(write_ct_series(tmp_path / "a", GRID, np.zeros(GRID.shape, np.int16), STUDY, CT)[0])
    assert aware.TimezoneOffsetFromUTC == "+0000"
    naive_facts = CtFacts(series_at=datetime(2024, 3, 1, 10, 0, 0, 250_000))
    naive = pydicom.dcmread(
        write_ct_series(tmp_path / "n", GRID, np.zeros(GRID.shape, np.int16), STUDY, naive_facts)[0]
    )
    assert "TimezoneOffsetFromUTC" not in naive
    assert naive.SeriesTime == "100000.250000"


def test_what_cannot_be_written_is_a_value_error(tmp_path: Path) -> None:
    values = ramp(GRID)
    with pytest.raises(ValueError, match="shape"):
        write_pet_series(tmp_path, GRID, values[1:], STUDY, PET)
    with pytest.raises(ValueError, match="signed"):
        write_pet_series(tmp_path, GRID, -values, STUDY, PET)
    with pytest.raises(ValueError, match="finite"):
        write_pet_series(tmp_path, GRID, values * np.nan, STUDY, PET)
    with pytest.raises(ValueError, match="frame_reference_s has 1 entries for 3 slices"):
        write_pet_series(tmp_path, GRID, values, STUDY, replace(PET, frame_reference_s=(0.0,)))
    skew = Grid((3, 4, 5), (0.0, 0.0, 0.0), ((0.0, 0.0, 3.0), (1.0, 4.0, 0.0), (2.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="right angles"):
        write_pet_series(tmp_path, skew, values, STUDY, PET)
    with pytest.raises(ValueError, match="16 bit"):
        write_ct_series(tmp_path, GRID, np.full(GRID.shape, 32_000, np.int16), STUDY, CT, intercept_hu=-1024)
    assert list(tmp_path.iterdir()) == []


def test_unsigned_hounsfield_units_come_back_exactly_and_hold_nothing_below_the_intercept(tmp_path: Path) -> None:
    hu = np.linspace(-1024, 3071, GRID.size).astype(np.int16).reshape(GRID.shape)
    files = write_ct_series(tmp_path, GRID, hu, STUDY, CT, intercept_hu=-1024, signed=False)
    assert pydicom.dcmread(files[0]).PixelRepresentation == 0
    image = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage([str(file) for file in files]))
    np.testing.assert_array_equal(image, hu)
    with pytest.raises(ValueError, match="do not fit"):
        write_ct_series(tmp_path, GRID, hu - np.int16(1), STUDY, CT, intercept_hu=-1024, signed=False)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_call(tmp_path: Path) -> None:
    (tmp_path / "PET").write_bytes(b"a file")
    with pytest.raises(OSError, match="PET"):
        write_pet_series(tmp_path / "PET", GRID, ramp(GRID), STUDY, PET)


def test_an_error_in_an_edit_leaves_whole_files_only(tmp_path: Path) -> None:
    def fails_at_the_last(_data: Dataset, k: int) -> None:
        if k == 2:
            raise KeyError("the last")

    with pytest.raises(KeyError, match="the last"):
        write_pet_series(tmp_path, GRID, ramp(GRID), STUDY, PET, edit=fails_at_the_last)
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["PT0001.dcm", "PT0002.dcm"]
