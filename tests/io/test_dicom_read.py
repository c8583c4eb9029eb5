"""The pixels of a series against pydicom and SimpleITK, compressed against plain, and every damaged one refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - the name its own manual uses
from dicom_builder import CT_UID, PET_UID, ct, pet, refusal, write
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from psmap.domain.geometry import Grid
from psmap.domain.study import SourceFile
from psmap.io import dicom_pixels
from psmap.io.dicom_headers import Header, read_header_by_pydicom
from psmap.io.dicom_read import read_ct, read_pet, read_study
from psmap.io.dicom_series import SeriesEntry, scan_study
from psmap.io.dicom_values import lenient_pydicom


def only(folder: Path) -> SeriesEntry:
    [entry] = scan_study(folder).series
    return entry


def by_pydicom(slices: list[FileDataset]) -> np.ndarray:
    """The slow truth: pydicom's pixel_array, slope and intercept of each slice, in float64."""
    return np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])


def by_simpleitk(folder: Path, series: str) -> sitk.Image:
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series)
    return sitk.ReadImage(names, sitk.sitkFloat64)


def same_place(grid: Grid, image: sitk.Image) -> None:
    """Origin, spacing and direction as SimpleITK has them, in its order x, y, z."""
    assert grid.shape == image.GetSize()[::-1]
    np.testing.assert_allclose(grid.origin_mm, image.GetOrigin(), atol=1e-6)
    np.testing.assert_allclose(grid.spacing_mm[::-1], image.GetSpacing(), atol=1e-6)
    directions = np.array(grid.axes_mm[::-1]).T / np.array(grid.spacing_mm[::-1])
    np.testing.assert_allclose(directions, np.reshape(image.GetDirection(), (3, 3)), atol=1e-6)


@pytest.mark.parametrize("implicit", [False, True])
def test_pet_is_pydicoms_bit_for_bit(tmp_path: Path, implicit: bool) -> None:
    slices = pet()
    series = read_pet(only(write(tmp_path, slices, implicit=implicit)))
    assert series.rescaled.dtype == np.float32
    assert series.rescaled.tobytes() == by_pydicom(slices).astype(np.float32).tobytes()
    assert series.source is not None
    assert (series.source.series_instance_uid, len(series.source.files)) == (PET_UID, 6)
    places = [pydicom.dcmread(file.path).ImagePositionPatient[2] for file in series.source.files]
    assert places == sorted(places)
    same_place(series.grid, by_simpleitk(tmp_path, PET_UID))


def test_ct_is_pydicoms_and_simpleitks(tmp_path: Path) -> None:
    slices = ct()
    image, source = read_ct(only(write(tmp_path, slices)))
    assert image.hu.dtype == np.int16
    assert np.array_equal(image.hu, by_pydicom(slices))
    assert image.notes == ()
    assert source.series_instance_uid == CT_UID
    theirs = by_simpleitk(tmp_path, CT_UID)
    assert np.array_equal(image.hu, sitk.GetArrayFromImage(theirs))
    same_place(image.grid, theirs)


def oblique(slices: list[FileDataset]) -> list[FileDataset]:
    """Turn a series by 20 degrees about z and 10 about x; the cosines are written in 16 characters, as DS allows."""
    a, b = np.deg2rad(10.0), np.deg2rad(20.0)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    turn = about_z @ about_x
    for dataset in slices:
        place = turn @ np.array([float(v) for v in dataset.ImagePositionPatient])
        dataset.ImagePositionPatient = [f"{v:.10f}" for v in place]
        dataset.ImageOrientationPatient = [f"{v:.12f}" for v in (*turn[:, 0], *turn[:, 1])]
    return slices


def test_oblique_series_lie_where_simpleitk_puts_them(tmp_path: Path) -> None:
    slices = oblique(pet())
    series = read_pet(only(write(tmp_path, slices)))
    theirs = by_simpleitk(tmp_path, PET_UID)
    same_place(series.grid, theirs)
    for k, j, i in ((0, 0, 0), (5, 5, 7), (2, 4, 1)):
        np.testing.assert_allclose(
            series.grid.to_mm((k, j, i))[0], theirs.TransformIndexToPhysicalPoint((i, j, k)), atol=1e-6
        )
    assert np.array_equal(series.rescaled, by_pydicom(slices).astype(np.float32))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("make", [pet, ct])
def test_compressed_equals_plain(tmp_path: Path, syntax: str, make: Callable[[], list[FileDataset]]) -> None:
    compressed = make()
    for dataset in compressed:  # unsigned, and large enough for the wavelets of JPEG 2000
        dataset.PixelData = np.tile(np.abs(dataset.pixel_array), (8, 8)).astype("<u2").tobytes()
        dataset.Rows, dataset.Columns, dataset.PixelRepresentation = 48, 64, 0
    truth = by_pydicom(compressed)
    for dataset in compressed:
        dataset.compress(syntax)
    entry = only(write(tmp_path, compressed))
    found = read_pet(entry).rescaled if make is pet else read_ct(entry)[0].hu
    assert np.array_equal(found, truth.astype(found.dtype))


def test_signed_values_through_rle(tmp_path: Path) -> None:
    slices = pet()
    truth = by_pydicom(slices).astype(np.float32)
    assert truth.min() < 0
    for dataset in slices:
        dataset.compress(RLELossless)
    assert read_pet(only(write(tmp_path, slices))).rescaled.tobytes() == truth.tobytes()


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("bits", [12, 16])
def test_stored_bits_and_sign_as_pydicom_takes_them(tmp_path: Path, signed: int, bits: int) -> None:
    slices = ct(BitsStored=bits, HighBit=bits - 1, PixelRepresentation=signed)
    if signed:
        for dataset in slices:
            stored = np.frombuffer(dataset.PixelData, "<u2").astype(np.int32) - 2048
            dataset.PixelData = stored.astype("<i2").tobytes()
    image, _ = read_ct(only(write(tmp_path, slices)))
    read_back = [pydicom.dcmread(file) for file in sorted(tmp_path.iterdir())]
    read_back.sort(key=lambda dataset: dataset.ImagePositionPatient[2])
    assert np.array_equal(image.hu, by_pydicom(read_back))


def test_eight_bits_and_big_endian(tmp_path: Path) -> None:
    slices = pet(BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0, PixelData=bytes(range(48)))
    assert np.array_equal(read_pet(only(write(tmp_path / "8", slices))).rescaled, by_pydicom(slices))
    big = pet()
    truth = by_pydicom(big).astype(np.float32)
    (tmp_path / "big").mkdir()
    for k, dataset in enumerate(big):
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        fresh = Dataset()
        fresh.update(dataset)
        fresh.file_meta = dataset.file_meta
        fresh.save_as(tmp_path / "big" / f"{k}.dcm", enforce_file_format=True)
    assert read_pet(only(tmp_path / "big")).rescaled.tobytes() == truth.tobytes()


def test_fractional_hounsfield_units_are_rounded_and_said(tmp_path: Path) -> None:
    slices = ct(RescaleSlope="0.4", RescaleIntercept="-1000.3")
    image, _ = read_ct(only(write(tmp_path, slices)))
    exact = by_pydicom(slices)
    assert np.max(np.abs(image.hu - exact)) <= 0.5
    assert "rounded to whole HU on 6 of 6 slices" in image.notes[0]


def test_whole_slopes_are_exact_and_padding_is_clipped(tmp_path: Path) -> None:
    slices = ct(RescaleSlope="2", RescaleIntercept="-1024")
    stored = np.full((6, 8), 5, "<u2")
    stored[0, :3] = 65535
    slices[2].PixelData = stored.tobytes()
    image, _ = read_ct(only(write(tmp_path, slices)))
    assert image.hu[2, 5, 5] == 5 * 2 - 1024
    assert image.hu[2, 0, :4].tolist() == [32767, 32767, 32767, -1014]
    assert image.notes == ("3 voxels beyond -32768..32767 HU (padding) set to that range's ends",)


def test_the_intercept_of_a_pet_is_applied_and_kept(tmp_path: Path) -> None:
    slices = pet(RescaleIntercept="-12.5")
    series = read_pet(only(write(tmp_path, slices)))
    assert {piece.rescale_intercept for piece in series.acquisition.slices} == {-12.5}
    assert series.rescaled.tobytes() == by_pydicom(slices).astype(np.float32).tobytes()


def test_time_slices_alone_make_no_dynamic_series(tmp_path: Path) -> None:
    slices = pet(NumberOfTimeSlices=6, SeriesType=["STATIC", "IMAGE"])
    assert read_pet(only(write(tmp_path, slices))).grid.shape == (6, 6, 8)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"SeriesType": ["DYNAMIC", "IMAGE"]}, "SeriesType (0054,1000) is DYNAMIC"),
        ({"SeriesType": ["GATED", "IMAGE"]}, "SeriesType (0054,1000) is GATED"),
        ({"SeriesType": ["WHOLE BODY", "REPROJECTION"]}, "SeriesType (0054,1000) is REPROJECTION"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "PhotometricInterpretation (0028,0004) is MONOCHROME1"),
        ({"SamplesPerPixel": 3}, "SamplesPerPixel (0028,0002) is 3"),
        ({"NumberOfFrames": 4}, "NumberOfFrames (0028,0008) is 4"),
        ({"PixelData": None}, "PixelData (7FE0,0010) is missing"),
        ({"PixelData": bytes(50)}, "PixelData (7FE0,0010) is truncated: 50 bytes"),
        ({"Rows": None}, "Rows (0028,0010) is missing"),
        ({"ImagePositionPatient": None}, "ImagePositionPatient (0020,0032) is missing"),
        ({"PixelSpacing": None}, "PixelSpacing (0028,0030) is missing"),
        ({"RescaleSlope": None}, "RescaleSlope (0028,1053) is missing"),
    ],
)
def test_what_would_go_wrong_silently_is_refused(tmp_path: Path, changes: dict[str, object], shown: str) -> None:
    slices = pet()
    for dataset in slices[3:4] if "SeriesType" not in changes else slices:
        for keyword, value in changes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
    line = refusal(lambda: read_pet(only(write(tmp_path, slices))))
    assert shown in line
    assert ".dcm" in line or PET_UID in line


def test_a_dynamic_series_that_does_not_say_so(tmp_path: Path) -> None:
    slices = [*pet(), *pet(seed=3)]
    for k, dataset in enumerate(slices):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{PET_UID}.9.{k}"
    line = refusal(lambda: read_pet(only(write(tmp_path, slices))))
    assert "duplicated slices" in line
    assert "6 such in the series" in line


def test_a_file_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, pet())
    (tmp_path / "copy.dcm").write_bytes((tmp_path / "002.dcm").read_bytes())
    line = refusal(lambda: read_pet(only(tmp_path)))
    assert "002.dcm and copy.dcm are the same object, SOPInstanceUID (0008,0018)" in line


def test_mixed_frames_of_reference(tmp_path: Path) -> None:
    slices = pet()
    slices[5].FrameOfReferenceUID = "1.2.3"
    assert "FrameOfReferenceUID (0020,0052)" in refusal(lambda: read_pet(only(write(tmp_path, slices))))


def test_missing_slices_of_files(tmp_path: Path) -> None:
    slices = pet(9)
    del slices[4]
    line = refusal(lambda: read_study(write(tmp_path, slices)))
    assert "missing slices: 6.000 mm" in line
    assert "1 missing there" in line


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("lost", [[0], [6], [0, 1, 5, 6]])
def test_slices_missing_at_an_end_are_counted(tmp_path: Path, lost: list[int], implicit: bool) -> None:
    slices = pet(7, NumberOfSlices=7)
    assert read_pet(only(write(tmp_path / "whole", slices, implicit=implicit))).grid.shape[0] == 7
    left = [dataset for k, dataset in enumerate(slices) if k not in lost]
    line = refusal(lambda: read_study(write(tmp_path / "part", left, implicit=implicit)))
    assert f"NumberOfSlices (0054,0081) is 7, the series has {len(left)} files" in line


@pytest.mark.parametrize("stated", [[3] * 6, [0] * 6, [None] * 6, [6, 6, 47, 6, 6, 6], [None, 47, 5, 47, 47, 47]])
def test_a_count_of_one_bed_or_none_is_no_loss(tmp_path: Path, stated: list[int | None]) -> None:
    slices = pet()
    for dataset, count in zip(slices, stated, strict=True):
        if count is not None:
            dataset.NumberOfSlices = count
    assert read_pet(only(write(tmp_path, slices))).grid.shape[0] == 6


@pytest.mark.parametrize("raw", [b"", b"\x2f", b"\x2f\x00\x2f", b"\x2f\x00\x2f\x00"])
def test_a_count_that_cannot_be_read_says_nothing(tmp_path: Path, raw: bytes) -> None:
    slices = pet()
    write(tmp_path, slices, implicit=True)
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        at = data.index(b"\x54\x00\x02\x11")  # DecayCorrection is the next tag of the group
        element = b"\x54\x00\x81\x00" + len(raw).to_bytes(4, "little") + raw
        path.write_bytes(data[:at] + element + data[at:])
    assert read_pet(only(tmp_path)).grid.shape[0] == 6


@pytest.mark.parametrize("kinds", [["DYNAMIC", "IMAGE"], ["GATED", "IMAGE"], ["STATIC", "REPROJECTION"]])
def test_the_series_type_of_every_slice_counts(tmp_path: Path, kinds: list[str]) -> None:
    slices = pet()
    slices[4].SeriesType = kinds
    line = refusal(lambda: read_pet(only(write(tmp_path, slices))))
    assert f"SeriesType (0054,1000) is {next(kind for kind in kinds if kind not in ('IMAGE', 'STATIC'))}" in line


@pytest.mark.parametrize(
    ("keyword", "value", "shown"),
    [
        ("PatientID", "Q-9", "two patients in one series: PatientID (0010,0020)"),
        ("PatientName", "Roe^Jane", "two patients in one series: PatientName (0010,0010)"),
        ("PatientBirthDate", "19510203", "two patients in one series: PatientBirthDate (0010,0030)"),
        ("StudyInstanceUID", "1.2.3.4", "two studies in one series: StudyInstanceUID (0020,000D)"),
    ],
)
@pytest.mark.parametrize("make", [pet, ct])
def test_two_patients_or_studies_in_one_series(
    tmp_path: Path, make: Callable[[], list[FileDataset]], keyword: str, value: str, shown: str
) -> None:
    slices = make()
    for dataset in slices[3:]:
        setattr(dataset, keyword, value)
    read = read_pet if make is pet else read_ct
    line = refusal(lambda: read(only(write(tmp_path, slices))))
    assert shown in line
    assert ".dcm and " in line
    assert value not in line


def test_a_patient_named_in_some_slices_only_is_one_patient(tmp_path: Path) -> None:
    slices = pet()
    slices[0].PatientName, slices[1].PatientID, slices[2].PatientBirthDate = "DOE^JOHN^^^", "", ""
    del slices[3].PatientName
    assert read_pet(only(write(tmp_path, slices))).grid.shape[0] == 6


@pytest.mark.parametrize("implicit", [False, True])
def test_a_header_cut_anywhere_is_seen_as_damaged(tmp_path: Path, implicit: bool) -> None:
    """Whatever the length that is left: never an undamaged header, never an error of another kind."""
    path = write(tmp_path, pet(1), implicit=implicit) / "000.dcm"
    data = path.read_bytes()
    file = SourceFile(path)
    with lenient_pydicom():
        whole = read_header_by_pydicom(file, data[:132], io.BytesIO(data))
        assert isinstance(whole, Header)
        assert whole.damage == ""
        for length in range(132, len(data)):
            cut = read_header_by_pydicom(file, data[:132], io.BytesIO(data[:length]))
            assert isinstance(cut, Header)
            assert cut.damage


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b"\x28\x00\x10\x00US\x02\x00\x06\x00", b"\x28\x00\x10\x00US\x03\x00\x06\x00\x00", "Rows (0028,0010)"),
        (b"\x28\x00\x52\x10DS\x04\x00", b"\x28\x00\x52\x10FD\x04\x00", "RescaleIntercept (0028,1052)"),
    ],
)
def test_bytes_that_are_no_number_are_refused(tmp_path: Path, old: bytes, new: bytes, named: str) -> None:
    """Three bytes where two make a number, four where eight do."""
    path = next(write(tmp_path, pet()).iterdir())
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    line = refusal(lambda: read_study(tmp_path))
    assert f"{named} holds bytes that are no" in line
    assert f"[{path.name}]" in line


@pytest.mark.parametrize("keep", [0, 60, 130, 140, 175, 200, 400, 500, 800, 936, 1100, 1187, 1280])
def test_a_study_with_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    """The slice at the end of the series too, whose loss no gap would show."""
    folder = write(tmp_path, pet())
    last = max(folder.iterdir(), key=lambda path: pydicom.dcmread(path).ImagePositionPatient[2])
    last.write_bytes(last.read_bytes()[:keep])
    line = refusal(lambda: read_study(tmp_path))
    assert f"[{last.name}]" in line
    assert any(word in line for word in ("truncated", "missing", "ends before", "cannot be read"))


def test_a_truncated_compressed_file_is_refused(tmp_path: Path) -> None:
    slices = pet()
    for dataset in slices:
        dataset.compress(RLELossless)
    path = write(tmp_path, slices) / "001.dcm"
    path.write_bytes(path.read_bytes()[:-30])
    assert "001.dcm" in refusal(lambda: read_study(tmp_path))


def test_a_truncated_ct_file_says_how_to_go_on_without(tmp_path: Path) -> None:
    write(tmp_path / "p", pet())
    path = write(tmp_path / "c", ct()) / "003.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    line = refusal(lambda: read_study(tmp_path))
    assert "[003.dcm]" in line
    assert "--ct-series none" in line
    assert read_study(tmp_path, ct_series="none").ct is None


def test_codecs_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = pet()
    for dataset in slices:
        dataset.compress(RLELossless)
        dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    line = refusal(lambda: read_study(write(tmp_path / "a", slices)))
    assert f"TransferSyntaxUID (0002,0010) is {JPEGLosslessSV1}" in line
    assert "uncompressed" in line

    for dataset in slices:
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    write(tmp_path / "b", slices)

    class Absent:
        is_available = False

    monkeypatch.setattr(dicom_pixels, "get_decoder", lambda uid: Absent)
    line = refusal(lambda: read_study(tmp_path / "b"))
    assert "JPEG 2000" in line
    assert 'pip install "psmap[codecs]"' in line


def test_garbage_in_compressed_pixels_is_refused(tmp_path: Path) -> None:
    slices = pet()
    for dataset in slices:
        dataset.compress(RLELossless)
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert "cannot be decoded (JPEG 2000" in refusal(lambda: read_study(write(tmp_path, slices)))
