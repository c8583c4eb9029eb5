"""DICOM SEG: the same voxels by highdicom's own reader, conformance by dciodvfy, and the source carried over."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import highdicom
import numpy as np
import pytest
from header_builder import finding, oblique_grid, pet_headers, three_findings
from pydicom import dcmread
from pydicom.dataset import Dataset

from psmap.domain.geometry import Grid
from psmap.domain.refusal import Refused
from psmap.domain.study import SourceFile
from psmap.io import dicom_seg
from psmap.io.deidentify import METHOD, deidentified_uid, deidentify_headers
from psmap.io.dicom_carry_over import carry_over, derived_uid
from psmap.io.dicom_read import read_headers
from psmap.io.dicom_seg import read_segmentation, write_segmentation
from psmap.io.label_map import findings_label_map

WHEN = datetime(2026, 11, 20, 9, 30, 15, 250)


def _write(path: Path, findings, grid: Grid, headers: list[Dataset], when: datetime = WHEN):  # type: ignore[no-untyped-def]
    source = carry_over(headers)
    return write_segmentation(path, findings, grid, source, seed="run", when=when, software_version="0.1.0")


def _errors(path: Path) -> list[str]:
    """What dciodvfy calls an error."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    result = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    report = result.stdout + result.stderr
    assert "Segmentation" in report
    return [line for line in report.splitlines() if line.startswith("Error")]


def _frames_by_highdicom(path: Path, uids: list[str]) -> np.ndarray:
    """Label map of a SEG by highdicom's reader: an implementation that is not ours."""
    segmentation = highdicom.seg.segread(path)
    return segmentation.get_pixels_by_source_instance(uids, combine_segments=True, skip_overlap_checks=False,
                                                      assert_missing_frames_are_empty=True)  # fmt: skip


def test_highdicom_reads_back_every_voxel_of_an_oblique_uneven_series(tmp_path: Path) -> None:
    grid = oblique_grid()
    headers = pet_headers(grid, jitter_mm=[0.0, 0.05, -0.05, 0.03, 0.0, 0.04, 0.0])
    path = tmp_path / "f.seg.dcm"
    _write(path, three_findings(grid), grid, headers)
    drawn = np.zeros(grid.shape, dtype=int)
    for k, j, i in [(1, 2, 3), (1, 2, 4), (2, 2, 3), (2, 3, 3)]:
        drawn[k, j, i] = 1
    drawn[3, 2, 3] = drawn[3, 3, 3] = 2
    drawn[6, 11, 9] = 3
    uids = [header.SOPInstanceUID for header in headers]
    assert np.array_equal(_frames_by_highdicom(path, uids), drawn)
    assert np.array_equal(read_segmentation(path, uids), drawn)
    assert np.array_equal(read_segmentation(path, uids[::-1]), drawn[::-1])
    assert _errors(path) == []


@pytest.mark.parametrize(("shape", "backwards"), [((7, 12, 10), False), ((7, 12, 10), True), ((7, 11, 9), False)])
def test_every_byte_is_what_highdicom_would_have_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], backwards: bool
) -> None:
    """highdicom draws two frames and psmap the others like them; the measure is highdicom drawing all of them."""
    grid = oblique_grid(shape)
    headers = pet_headers(grid, jitter_mm=[0.0, 0.05, -0.05, 0.03, 0.0, 0.04, 0.0])
    if backwards:  # slices that run against the normal of their rows and columns
        headers, (along_k, along_j, along_i) = headers[::-1], grid.axes_mm
        origin = tuple(float(x) for x in grid.to_mm([[grid.shape[0] - 1, 0, 0]])[0])
        grid = Grid(grid.shape, origin, (tuple(-x for x in along_k), along_j, along_i))  # type: ignore[arg-type]
    findings = three_findings(grid)
    _write(tmp_path / "ours.dcm", findings, grid, headers)
    monkeypatch.setattr(dicom_seg, "_pattern", lambda labels, *_: labels)
    monkeypatch.setattr(dicom_seg, "_all_frames", lambda *_: ())
    _write(tmp_path / "highdicom.dcm", findings, grid, headers)
    assert len(dcmread(tmp_path / "highdicom.dcm").PerFrameFunctionalGroupsSequence) == 4
    assert (tmp_path / "ours.dcm").read_bytes() == (tmp_path / "highdicom.dcm").read_bytes()


def test_pixels_of_odd_length_are_filled_up_by_a_zero_byte(tmp_path: Path) -> None:
    """PS3.5 8.1.1: three frames of 12 x 10 bits are 45 bytes."""
    grid = oblique_grid()
    findings = [finding(n + 1, [(n, 1, n)], grid, [4.0]) for n in range(3)]
    _write(tmp_path / "f.seg.dcm", findings, grid, pet_headers(grid))
    pixels = dcmread(tmp_path / "f.seg.dcm").PixelData
    assert len(pixels) == 46 and pixels[-1] == 0
    assert np.unpackbits(np.frombuffer(pixels, np.uint8), bitorder="little").nonzero()[0].tolist() == [10, 131, 252]


def test_planes_lie_where_the_source_says_not_on_an_ideal_grid(tmp_path: Path) -> None:
    grid = oblique_grid()
    headers = pet_headers(grid, jitter_mm=[0.0, 0.05, -0.05, 0.03, 0.0, 0.04, 0.0])
    _write(tmp_path / "f.seg.dcm", three_findings(grid), grid, headers)
    frames = dcmread(tmp_path / "f.seg.dcm").PerFrameFunctionalGroupsSequence
    source = {header.SOPInstanceUID: header.ImagePositionPatient for header in headers}
    assert len(frames) == 4  # 2 planes of site 1, 1 each of sites 2 and 3: empty frames are left out
    for frame in frames:
        uid = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert frame.PlanePositionSequence[0].ImagePositionPatient == pytest.approx(list(source[uid]), abs=1e-6)


def test_patient_study_and_frame_of_reference_are_the_source_s(tmp_path: Path) -> None:
    grid = oblique_grid()
    headers = pet_headers(grid)
    written = _write(tmp_path / "f.seg.dcm", three_findings(grid), grid, headers)
    made = dcmread(tmp_path / "f.seg.dcm")
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate",
                    "AccessionNumber", "FrameOfReferenceUID"):  # fmt: skip
        assert made[keyword].value == headers[0][keyword].value, keyword
    assert made.SpecificCharacterSet == "ISO_IR 192"
    assert made.SeriesInstanceUID == written.series_instance_uid != headers[0].SeriesInstanceUID
    assert [item.SegmentLabel for item in made.SegmentSequence] == ["site 1", "site 2", "site 3"]
    assert [item.SegmentAlgorithmType for item in made.SegmentSequence] == ["AUTOMATIC"] * 3
    assert made.ContentTime == made.InstanceCreationTime == "093015.000250"


def test_equal_input_gives_equal_bytes_and_another_time_does_not(tmp_path: Path) -> None:
    grid = oblique_grid()
    for name, when in (("a", WHEN), ("b", WHEN), ("c", WHEN.replace(minute=31))):
        _write(tmp_path / name, three_findings(grid), grid, pet_headers(grid), when)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_without_findings_nothing_is_written(tmp_path: Path) -> None:
    grid = oblique_grid()
    assert _write(tmp_path / "f.seg.dcm", (), grid, pet_headers(grid)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_single_finding_and_more_than_255_are_written_alike(tmp_path: Path) -> None:
    grid = oblique_grid((5, 12, 10))
    voxels = np.argwhere(np.ones(grid.shape, dtype=bool))
    uids = [header.SOPInstanceUID for header in pet_headers(grid)]
    for count in (1, 300):
        findings = [finding(n + 1, [tuple(voxels[n])], grid, [4.0]) for n in range(count)]
        _write(tmp_path / "f.seg.dcm", findings, grid, pet_headers(grid))
        expected = np.zeros(grid.size, dtype=int)
        expected[:count] = np.arange(1, count + 1)
        assert np.array_equal(read_segmentation(tmp_path / "f.seg.dcm", uids).ravel(), expected)
        assert _errors(tmp_path / "f.seg.dcm") == []


def test_numbers_with_a_gap_keep_their_names(tmp_path: Path) -> None:
    """A reader may have taken finding 2 away; segments have to be numbered without gaps (PS3.3 C.8.20.4)."""
    grid = oblique_grid()
    first, _, third = three_findings(grid)
    headers = pet_headers(grid)
    written = _write(tmp_path / "f.seg.dcm", (third, first), grid, headers)
    assert written.segments == {1: 1, 3: 2}
    labels = read_segmentation(tmp_path / "f.seg.dcm", [header.SOPInstanceUID for header in headers])
    assert np.array_equal(labels, findings_label_map((first, third), grid).labels)


def test_findings_that_overlap_or_lie_outside_are_a_programming_error() -> None:
    grid = oblique_grid()
    one = finding(1, [(1, 2, 3)], grid, [4.0])
    with pytest.raises(ValueError, match="shares voxels"):
        findings_label_map((one, finding(2, [(1, 2, 3)], grid, [4.0])), grid)
    with pytest.raises(ValueError, match="different numbers"):
        findings_label_map((one, finding(1, [(1, 2, 4)], grid, [4.0])), grid)
    with pytest.raises(ValueError, match="outside"):
        findings_label_map((one,), oblique_grid((1, 2, 2)))


def test_headers_of_another_series_or_order_are_a_programming_error(tmp_path: Path) -> None:
    grid = oblique_grid()
    for headers in (pet_headers(grid)[::-1], pet_headers(grid)[:-1], pet_headers(oblique_grid((7, 10, 12)))):
        with pytest.raises(ValueError, match="source"):
            _write(tmp_path / "f.seg.dcm", three_findings(grid), grid, headers)


def test_values_that_break_the_standard_are_not_handed_on(tmp_path: Path) -> None:
    grid = oblique_grid()
    changes = {"StudyID": "S" * 18, "StudyDescription": "D" * 70, "PatientSex": "U", "PatientBirthDate": "1950",
               "PatientAge": "70", "StudyTime": "25:99"}  # fmt: skip
    from pydicom.config import disable_value_validation

    with disable_value_validation():
        headers = pet_headers(grid, **changes)
    _write(tmp_path / "f.seg.dcm", three_findings(grid), grid, headers)
    assert _errors(tmp_path / "f.seg.dcm") == []
    made = dcmread(tmp_path / "f.seg.dcm")
    assert (made.StudyID, made.PatientSex, made.PatientBirthDate) == ("", "", "")
    notes = " ".join(carry_over(headers).notes)
    for keyword in changes:
        assert keyword in notes
    assert "SSS" not in notes and "1950" not in notes


def test_a_backslash_in_a_description_does_not_split_it(tmp_path: Path) -> None:
    grid = oblique_grid()
    _write(tmp_path / "f.seg.dcm", three_findings(grid), grid, pet_headers(grid, StudyDescription="PET\\CT"))
    assert dcmread(tmp_path / "f.seg.dcm").StudyDescription == "PET / CT"
    assert _errors(tmp_path / "f.seg.dcm") == []


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "ImagePositionPatient", "Rows"])
def test_a_source_without_a_place_is_refused(keyword: str) -> None:
    headers = pet_headers(oblique_grid())
    del headers[3][keyword]
    with pytest.raises(Refused, match=f"{keyword} .* absent or incomplete"):
        carry_over(headers)


def test_a_derived_uid_is_the_hash_it_claims_to_be() -> None:
    """First 128 bits of SHA-256('abc') = ba7816bf 8f01cfea 414140de 5dae2223 (FIPS 180-4, example B.1)."""
    assert derived_uid("abc") == f"2.25.{0xBA7816BF8F01CFEA414140DE5DAE2223}"
    assert derived_uid("a", "bc") != derived_uid("ab", "c")
    assert max(len(derived_uid(str(n))) for n in range(200)) <= 64


def test_deidentified_headers_name_nobody_and_still_belong_together(tmp_path: Path) -> None:
    grid = oblique_grid()
    headers = pet_headers(grid, InstitutionName="Clinic", OperatorsName="Op^One", OtherPatientIDs="O-99",
                          PatientAge="076Y", StudyDescription="Müller follow-up",
                          PositionReferenceIndicator="Müller's notch")  # fmt: skip
    headers[0].add_new((0x0009, 0x0010), "LO", "PRIVATE OF MUELLER")
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = headers[1].SOPInstanceUID
    inner.ReferencedSOPClassUID = headers[1].SOPClassUID
    inner.RequestingPhysician = "Roe^Ray"
    headers[0].ReferencedImageSequence = [inner]
    clean = deidentify_headers(headers, "secret")
    shown = "\n".join(str(header) for header in clean)
    for name in (
        "Müller",
        "4711",
        "19500203",
        "Clinic",
        "Op^One",
        "O-99",
        "Doe",
        "Roe",
        "MUELLER",
        "076Y",
        "A1'",
        "notch",
    ):
        assert name not in shown, name
    for header in headers:
        assert header.SOPInstanceUID not in shown and header.StudyInstanceUID not in shown
    assert clean[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID == clean[1].SOPInstanceUID
    assert clean[0].ReferencedImageSequence[0].ReferencedSOPClassUID == headers[1].SOPClassUID
    assert len({header.SOPInstanceUID for header in clean}) == len(headers)
    assert {header.StudyInstanceUID for header in clean} == {deidentified_uid(headers[0].StudyInstanceUID, "secret")}
    assert deidentified_uid("1.2.3", "secret") != deidentified_uid("1.2.3", "other")
    assert headers[0].PatientID == "4711"  # the originals are untouched
    path = tmp_path / "f.seg.dcm"
    _write(path, three_findings(grid), grid, clean)
    made = dcmread(path)
    assert (made.PatientName, made.PatientIdentityRemoved, made.DeidentificationMethod) == ("ANONYMOUS", "YES", METHOD)
    assert made.PositionReferenceIndicator in (None, "")
    assert not any(name in path.read_bytes() for name in (b"4711", "Müller".encode(), b"notch"))
    assert _errors(path) == []


def test_what_is_no_segmentation_of_these_slices_is_refused(tmp_path: Path) -> None:
    grid = oblique_grid()
    path = tmp_path / "f.seg.dcm"
    _write(path, three_findings(grid), grid, pet_headers(grid))
    with pytest.raises(Refused, match="not among the slices"):
        read_segmentation(path, ["1.2.3"])
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(Refused, match="no segmentation"):
        read_segmentation(path, ["1.2.3"])


def real_source(series: Path) -> tuple[list[SourceFile], Grid]:
    """A real series of the data folder in slice order, and a grid through its first and last slice."""
    files = sorted(series.glob("*.dcm"))
    tags = ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns", "SeriesInstanceUID",
            "StudyInstanceUID", "FrameOfReferenceUID"]  # fmt: skip
    slices = [(dcmread(file, stop_before_pixels=True, specific_tags=tags), file) for file in files]
    slices = [(header, file) for header, file in slices if "PixelSpacing" in header]
    slices.sort(key=lambda pair: float(pair[0].ImagePositionPatient[2]))
    first, last = slices[0][0], slices[-1][0]
    gap = (np.array(last.ImagePositionPatient) - np.array(first.ImagePositionPatient)) / (len(slices) - 1)
    row, column = np.array(first.ImageOrientationPatient[:3]), np.array(first.ImageOrientationPatient[3:])
    affine = np.eye(4)
    affine[:3, :3] = np.array([row * first.PixelSpacing[1], column * first.PixelSpacing[0], gap]).T
    affine[:3, 3] = first.ImagePositionPatient
    grid = Grid.from_affine_lps(affine, (len(slices), first.Rows, first.Columns))
    return [SourceFile(file) for _, file in slices], grid


@pytest.mark.parametrize("folder", ["petct_sts/STS_003/PET/image", "fdg_wholebody_STS_001/FDG_PET/image"])
def test_real_headers_give_a_valid_segmentation(tmp_path: Path, data_dir: Path, folder: str) -> None:
    files, grid = real_source(data_dir / folder)
    headers = read_headers(files)
    findings = (
        finding(1, [(3, 4, 5), (4, 4, 5)], grid, [5.0, 4.0]),
        finding(2, [(grid.shape[0] - 1, 9, 9)], grid, [4.5]),
    )
    path = tmp_path / "f.seg.dcm"
    _write(path, findings, grid, headers)
    assert _errors(path) == []
    labels = read_segmentation(path, [str(header.SOPInstanceUID) for header in headers])
    assert np.array_equal(labels, findings_label_map(findings, grid).labels)
    if "STS_003" in folder:  # its StudyID has 18 characters, SH holds 16
        assert carry_over(headers).notes == (
            "StudyID (0020,0010) is longer than 16 characters in the PET and left empty",
        )
