"""Men in the dialects of three makers: their SUV by other programs, their words beside those of real headers."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
import SimpleITK
from pydicom.datadict import private_dictionary_description, private_dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

import psmap
from psmap.catalog.load import load_nuclides, load_tracers, nuclide_by_code, recognise_tracer, tracer_by_name
from psmap.catalog.scanners import load_scanners, parse_scanners
from psmap.domain.parameters import ReadParameters
from psmap.domain.refusal import Refused
from psmap.io.dicom_read import read_study
from psmap.phantom.dialects import MAKERS, NEUTRAL, bed_offsets_s, maker_of, written_as
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import PELVIS_MM, ScannedMan, scan_man
from psmap.phantom.man_study import write_man
from psmap.workflow.pipeline import to_suv

ALL = (NEUTRAL, *MAKERS)
PHILIPS = "Philips PET Private Group"
Written = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def pelves() -> dict[str, ScannedMan]:
    """The pelvis of a man with each nuclide; the second CT has contrast medium. Tall enough for two beds."""
    return {
        tracer: scan_man(
            11,
            tracer_by_name(tracer),
            Scenario.OLIGO,
            voxel_mm=8.0,
            field_mm=PELVIS_MM,
            contrast=tracer == "psma-1007",
        )
        for tracer in ("psma-11", "psma-1007")
    }


@pytest.fixture(scope="module")
def written(pelves: dict[str, ScannedMan], tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The folder of a man in a dialect, written once."""
    root = tmp_path_factory.mktemp("dialects")

    def folder(tracer: str, maker: str) -> Path:
        study = root / tracer / maker
        if not study.exists():
            write_man(study, pelves[tracer], maker=maker)
        return study

    return folder


def headers(study: Path, series: str = "PET") -> list[Dataset]:
    return [pydicom.dcmread(file) for file in sorted((study / series).iterdir())]


def half_steps(slices: list[Dataset], factor: float) -> npt.NDArray[np.float64]:
    """Half of what one stored value is worth in each slice, in SUV: the bound of 16 bits, with the slope's digits."""
    return np.array([0.5001 * float(data.RescaleSlope) * factor for data in slices])[:, None, None]


def at(date: str, clock: str) -> datetime:
    return datetime.strptime((date + clock).ljust(15, ".").ljust(21, "0")[:21], "%Y%m%d%H%M%S.%f")


def mean_time_s(duration_s: float, half_life_s: float) -> float:
    """When a frame's activity is its mean: domain.md 1.3, T_ave = ln(x / (1 - exp(-x))) / lambda with x = lambda T."""
    rate = math.log(2.0) / half_life_s
    return math.log(rate * duration_s / (1.0 - math.exp(-rate * duration_s))) / rate


def factor_by_hand(data: Dataset) -> float:
    """SUV of one unit of the image, from the header alone, by the rules of QIBA for START."""
    if data.Units == "CNTS":
        return float(data.private_block(0x7053, PHILIPS)[0x00].value)
    tracer = data.RadiopharmaceuticalInformationSequence[0]
    after = at(data.SeriesDate, data.SeriesTime) - at(data.SeriesDate, tracer.RadiopharmaceuticalStartTime)
    left = math.exp2(-after.total_seconds() / float(tracer.RadionuclideHalfLife))
    return float(data.PatientWeight) * 1000.0 / (float(tracer.RadionuclideTotalDose) * left)


@pytest.mark.parametrize("maker", ALL)
@pytest.mark.parametrize("tracer", ["psma-11", "psma-1007"])
def test_the_suv_is_the_truth_to_half_a_step_by_psmap_and_by_hand(
    tracer: str, maker: str, pelves: dict[str, ScannedMan], written: Written
) -> None:
    man, study = pelves[tracer], written(tracer, maker)
    slices = headers(study)
    factor = factor_by_hand(slices[0])
    allowed = half_steps(slices, factor) + 1e-6 * man.suv
    by_hand = np.stack([data.pixel_array * float(data.RescaleSlope) * factor for data in slices])
    assert np.all(np.abs(by_hand - man.suv) <= allowed)
    found = read_study(study)
    known, _evidence = recognise_tracer(found.pet.acquisition, load_tracers())
    assert known is not None
    assert known.id == tracer
    image = to_suv(found.pet, known, ReadParameters())
    assert np.all(np.abs(image.suv - man.suv) <= allowed + 1e-6 * man.suv)
    assert found.ct is not None
    assert np.array_equal(found.ct.hu, man.hu)
    assert psmap.suv(study).conversion.factor_max == pytest.approx(factor, rel=1e-9)


@pytest.mark.parametrize("maker", ALL)
def test_simpleitk_opens_both_series(maker: str, pelves: dict[str, ScannedMan], written: Written) -> None:
    man, study = pelves["psma-11"], written("psma-11", maker)
    slices = headers(study)
    pet = SimpleITK.ReadImage([str(file) for file in sorted((study / "PET").iterdir())])
    np.testing.assert_allclose(pet.GetOrigin(), man.grid.origin_mm, atol=1e-6)
    np.testing.assert_allclose(pet.GetSpacing(), man.grid.spacing_mm[::-1], atol=1e-6)
    factor = factor_by_hand(slices[0])
    suv = SimpleITK.GetArrayFromImage(pet).astype(np.float64) * factor
    assert np.all(np.abs(suv - man.suv) <= half_steps(slices, factor) + 1e-5 * man.suv)
    ct = SimpleITK.ReadImage([str(file) for file in sorted((study / "CT").iterdir())])
    assert np.array_equal(SimpleITK.GetArrayFromImage(ct), man.hu)


@pytest.mark.parametrize("maker", ALL)
@pytest.mark.parametrize("tracer", ["psma-11", "psma-1007"])
def test_dciodvfy_finds_no_error(tracer: str, maker: str, written: Written) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    study = written(tracer, maker)
    for series, iod in (("PET", "PETImage"), ("CT", "CTImage")):
        files = sorted((study / series).iterdir())
        for file in (files[0], files[len(files) // 2], files[-1]):
            said = subprocess.run(["dciodvfy", "-new", str(file)], capture_output=True, text=True, check=False)
            lines = (said.stdout + said.stderr).splitlines()
            assert iod in lines
            assert [line for line in lines if line.startswith("Error")] == []


def test_both_factors_of_philips_say_the_same(written: Written) -> None:
    """Counts by (7053,1009) to Bq/mL and on by dose and weight, or by (7053,1000) at once: domain.md 1.2, 4 and 5."""
    data = headers(written("psma-1007", "philips"))[3]
    block = data.private_block(0x7053, PHILIPS)
    assert data.Units == "CNTS"
    tracer = data.RadiopharmaceuticalInformationSequence[0]
    assert "RadiopharmaceuticalStartDateTime" not in tracer
    after = at(data.SeriesDate, data.SeriesTime) - at(data.SeriesDate, tracer.RadiopharmaceuticalStartTime)
    dose = float(tracer.RadionuclideTotalDose) * 0.5 ** (after.total_seconds() / float(tracer.RadionuclideHalfLife))
    by_activity = float(block[0x09].value) * float(data.PatientWeight) * 1000.0 / dose
    assert float(block[0x00].value) == pytest.approx(by_activity, rel=1e-8)


@pytest.mark.parametrize("maker", MAKERS)
def test_private_elements_have_the_names_and_types_of_pydicoms_dictionary(maker: str, written: Written) -> None:
    data = headers(written("psma-11", maker))[0]
    tracer = data.RadiopharmaceuticalInformationSequence[0]
    elements = load_scanners()[maker].private
    assert elements
    for element in elements:
        stored = data.private_block(element.group, element.creator)[element.element]
        assert element.vr == stored.VR
        if maker != "siemens":  # which that dictionary does not have
            assert private_dictionary_VR(stored.tag, element.creator) == element.vr
            assert private_dictionary_description(stored.tag, element.creator) == element.name
        if element.holds == "reference_datetime":
            assert stored.value == data.SeriesDate + data.SeriesTime
        if element.holds == "injected_datetime":
            assert stored.value == tracer.RadiopharmaceuticalStartDateTime
        if element.holds == "injected_mbq":
            assert stored.value * 1e6 == float(tracer.RadionuclideTotalDose)
        if element.holds == "half_life_s":
            assert stored.value == pytest.approx(float(tracer.RadionuclideHalfLife), rel=1e-7)


def test_ge_writes_as_the_real_discovery_st_does(data_dir: Path, written: Written) -> None:
    """Words, beds and decay factors beside STS_001's and STS_003's."""
    real = [
        pydicom.dcmread(file, stop_before_pixels=True)
        for file in sorted((data_dir / "fdg_wholebody_STS_001" / "FDG_PET" / "image").iterdir())
    ]
    ours = headers(written("psma-1007", "ge"))
    same = """Manufacturer ManufacturerModelName SoftwareVersions SeriesDescription Units DecayCorrection CorrectedImage
    ImageType SeriesType CollimatorType RandomsCorrectionMethod AttenuationCorrectionMethod ReconstructionMethod
    ScatterCorrectionMethod FieldOfViewShape PixelRepresentation TypeOfDetectorMotion"""
    for keyword in same.split():
        assert ours[0][keyword].value == real[0][keyword].value, keyword
    for slices in (real, ours):
        data = slices[0]
        tracer = data.RadiopharmaceuticalInformationSequence[0]
        half_life_s, frame_s = float(tracer.RadionuclideHalfLife), data.ActualFrameDuration / 1000.0
        assert tracer.RadionuclideCodeSequence[0].CodeValue == "C-111A1"
        assert half_life_s == 6588.0
        assert {each.AcquisitionTime for each in slices} == {data.SeriesTime}
        assert data.SeriesTime.endswith(".00")
        by_height = sorted(slices, key=lambda each: each.ImagePositionPatient[2])
        offsets_s = [float(each.FrameReferenceTime) / 1000.0 for each in by_height]
        assert offsets_s == sorted(offsets_s)
        assert set(np.diff(sorted(set(offsets_s)))) == {frame_s + 3.0}
        for each in slices:
            to_mean_s = float(each.FrameReferenceTime) / 1000.0 + mean_time_s(frame_s, half_life_s)
            assert float(each.DecayFactor) == pytest.approx(2.0 ** (to_mean_s / half_life_s), rel=6e-6)
    bed_mm = [each.ImagePositionPatient[2] for each in real if each.FrameReferenceTime == 243_000]
    assert load_scanners()["ge"].bed_step_mm == pytest.approx(max(bed_mm) - min(bed_mm) + 3.27, abs=0.1)
    real_ct = pydicom.dcmread(
        data_dir / "petct_sts" / "STS_003" / "CT" / "image" / "000010.dcm", stop_before_pixels=True
    )
    ct = headers(written("psma-1007", "ge"), "CT")[0]
    same_ct = """Manufacturer ManufacturerModelName SoftwareVersions FilterType ConvolutionKernel ScanOptions
    PhotometricInterpretation"""
    for keyword in same_ct.split():
        assert ct[keyword].value == real_ct[keyword].value, keyword


@pytest.mark.parametrize(
    ("maker", "file"),
    [("siemens", "SIEMENS"), ("ge", "GE_MEDICAL_AND_BQML"), ("philips", "PHILIPS_CNTS_AND_SUV")],
)
def test_clocks_and_units_are_those_of_real_headers(data_dir: Path, maker: str, file: str, written: Written) -> None:
    real = json.loads((data_dir / "suv_headers" / f"{file}-instances.json").read_text(encoding="utf-8"))
    for data in headers(written("psma-1007", maker)):
        tracer = data.RadiopharmaceuticalInformationSequence[0]
        clocks = (data.AcquisitionTime, tracer.RadiopharmaceuticalStartTime)
        for clock, other in zip(clocks, ("AcquisitionTime", "RadiopharmaceuticalStartTime"), strict=True):
            if maker != "ge" or other != "AcquisitionTime":  # that one writes none; STS_001 has .00
                assert len(clock) == len(real[0][other])
        assert ("RadiopharmaceuticalStartDateTime" in tracer) == ("RadiopharmaceuticalStartDateTime" in real[0])
        assert data.Units == real[0]["Units"]
        assert data.DecayCorrection == real[0]["DecayCorrection"]
        assert set(data.CorrectedImage) >= {"ATTN", "DECY", "SCAT", "DTIM", "NORM"}
        assert "TimezoneOffsetFromUTC" not in data
    if maker == "philips":
        assert list(data.CorrectedImage) == real[0]["CorrectedImage"]
    if maker == "siemens":
        assert set(data.CorrectedImage) == set(real[0]["CorrectedImage"])


@pytest.mark.parametrize(
    ("maker", "file", "to_reference_s", "within_s"),
    [
        ("siemens", "SIEMENS", mean_time_s, 0.06),
        ("philips", "PHILIPS_CNTS_AND_SUV", lambda duration_s, _half_life_s: 0.5 * duration_s, 0.001),
    ],
)
def test_frame_reference_times_follow_the_rule_of_real_headers(
    data_dir: Path,
    maker: str,
    file: str,
    to_reference_s: Callable[[float, float], float],
    within_s: float,
    written: Written,
) -> None:
    """FrameReferenceTime less the frame's start: the time of mean activity, or half the frame."""
    real = json.loads((data_dir / "suv_headers" / f"{file}-instances.json").read_text(encoding="utf-8"))
    for each in real:
        start = at(each["AcquisitionDate"], each["AcquisitionTime"]) - at(each["SeriesDate"], each["SeriesTime"])
        rule_s = to_reference_s(each["ActualFrameDuration"] / 1000.0, each["RadionuclideHalfLife"])
        assert each["FrameReferenceTime"] / 1000.0 == pytest.approx(start.total_seconds() + rule_s, abs=within_s)
    slices = headers(written("psma-1007", maker))
    starts = set()
    for data in slices:
        start_s = (at(data.AcquisitionDate, data.AcquisitionTime) - at(data.SeriesDate, data.SeriesTime)).seconds
        half_life_s = float(data.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife)
        rule_s = to_reference_s(data.ActualFrameDuration / 1000.0, half_life_s)
        assert float(data.FrameReferenceTime) / 1000.0 == pytest.approx(start_s + rule_s, abs=1e-6)
        starts.add(start_s)
    assert len(starts) > 1


@pytest.mark.parametrize("maker", ALL)
def test_a_study_says_that_it_is_a_digital_man(maker: str, written: Written) -> None:
    for series in ("PET", "CT"):
        data = headers(written("psma-11", maker), series)[0]
        assert data.QualityControlImage == "YES"
        assert str(data.PatientName) == "MAN^DIGITAL 11"
        assert data.StudyDescription == "Digital man PET/CT"
        made_by = data.Manufacturer if maker == NEUTRAL else data.ContributingEquipmentSequence[0].Manufacturer
        assert made_by == "psmap"
        assert "ContrastBolusAgent" not in data
    assert headers(written("psma-1007", maker), "CT")[0].ContrastBolusAgent == "iodinated contrast medium"


@pytest.mark.parametrize("maker", MAKERS)
def test_no_two_dialects_share_a_study(maker: str, pelves: dict[str, ScannedMan]) -> None:
    others = [written_as(pelves["psma-11"], other).study.uid_seed for other in ALL if other != maker]
    assert written_as(pelves["psma-11"], maker).study.uid_seed not in others


def test_beds_go_up_from_the_feet_whichever_way_the_slices_run(pelves: dict[str, ScannedMan]) -> None:
    grid, scanner = pelves["psma-11"].grid, load_scanners()["philips"]
    up = bed_offsets_s(grid, scanner, frame_s=180.0)
    height_mm = np.arange(grid.shape[0]) * 8.0
    assert up == tuple(185.0 * (height_mm // 90.0))
    k, j, i = grid.axes_mm
    x, y, z = grid.origin_mm
    down = type(grid)(grid.shape, (x, y, z + 8.0 * (grid.shape[0] - 1)), ((k[0], k[1], -k[2]), j, i))
    assert bed_offsets_s(down, scanner, frame_s=180.0) == up[::-1]
    assert set(bed_offsets_s(grid, load_scanners()[NEUTRAL], frame_s=180.0)) == {0.0}


def test_a_seed_draws_its_maker(pelves: dict[str, ScannedMan]) -> None:
    drawn = [maker_of(seed) for seed in range(300)]
    assert drawn == [maker_of(seed) for seed in range(300)]
    # Binomial of 300 with a third each: 100 and a standard deviation of 8.2, here within four of them.
    assert all(abs(drawn.count(maker) - 100) <= 33 for maker in MAKERS)
    assert written_as(pelves["psma-11"]).scanner.maker == maker_of(11)


def test_an_unknown_maker_is_refused(pelves: dict[str, ScannedMan], tmp_path: Path) -> None:
    with pytest.raises(Refused, match="acme"):
        write_man(tmp_path / "man", pelves["psma-11"], maker="acme")
    assert not (tmp_path / "man").exists()


def test_the_catalogue_speaks_dicom() -> None:
    for scanner in load_scanners().values():
        for keyword in (*scanner.pet, *scanner.ct):
            assert tag_for_keyword(keyword) is not None
        for name, nuclide in scanner.nuclides.items():
            known = nuclide_by_code(nuclide.code)
            assert known is not None
            assert known.name == name
            assert nuclide.half_life_s == pytest.approx(load_nuclides()[name].half_life_s, rel=0.001)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('units = "BQML"', 'units = "GML"', "units"),
        ('model = "digital phantom"', 'modle = "digital phantom"', "modle"),
        ('units = "BQML"', 'units = "CNTS"', "factor"),
        ("decimals = 0", "decimals = ", "no TOML"),
        ("source = ", "origin = ", "source"),
    ],
)
def test_a_wrong_entry_names_its_file_and_key(old: str, new: str, says: str) -> None:
    text = """
[psmap]
manufacturer = "psmap"
model = "digital phantom"
pet_description = "PET AC"
ct_description = "CT AC"
units = "BQML"
decay_correction = "START"
corrected_image = ["ATTN", "DECY"]
series_type = ["STATIC", "IMAGE"]
frame_reference_time = "mean"
acquisition_time = "series"
bed_step_mm = 0.0
table_move_s = 0.0
decimals = 0
time_zone = true
tracer_code = true
start_datetime = true
pet_signed = false
ct_signed = true
ct_intercept_hu = 0
source = "ours: a test"
"""
    assert parse_scanners(text, "here.toml")["psmap"].units == "BQML"
    with pytest.raises(ValueError, match=r"here\.toml") as raised:
        parse_scanners(text.replace(old, new), "here.toml")
    assert says in str(raised.value)
