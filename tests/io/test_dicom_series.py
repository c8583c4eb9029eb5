"""Which series of a study is read: scanning in any layout, choosing, overriding, passing over and refusing."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from dicom_builder import CT_CLASS, CT_UID, PET_UID, ct, other_object, pet, refusal, write, zipped
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from psmap.domain.study import SourceFile
from psmap.io import dicom_files
from psmap.io.dicom_choice import SeriesChoice, choose_series
from psmap.io.dicom_read import content_hashes, read_bytes, read_study
from psmap.io.dicom_series import scan_study

RTSTRUCT, SR, SEG = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.66.4"
OTHER_FRAME = "1.2.826.0.1.3680043.8.498.99"


def chosen(folder: Path, pet_series: str | None = None, ct_series: str | None = None) -> SeriesChoice:
    return choose_series(scan_study(folder), pet_series, ct_series)


def test_any_nesting_naming_and_company(tmp_path: Path) -> None:
    """Nested folders, no suffixes, foreign files, other objects and a DICOMDIR: counted, none of it in the way."""
    write(tmp_path / "a" / "deep" / "er", pet(), names="IM{:05d}".format)
    write(tmp_path / "b", ct(), names="{}".format)
    for modality, sop_class in (("RTSTRUCT", RTSTRUCT), ("SR", SR), ("SEG", SEG)):
        other_object(tmp_path / "c", modality, sop_class)
    directory = other_object(tmp_path / "c", "DIR", "1.2.840.10008.1.3.10")
    directory.rename(tmp_path / "DICOMDIR")
    (tmp_path / "read me.txt").write_text("no DICOM\n" * 40)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300))
    (tmp_path / "begins like a data set").write_bytes(b"\x08\x00\x05\x00" + bytes(range(256)) * 4)
    (tmp_path / "short").write_bytes(b"\x08")
    zipped(tmp_path / "b", tmp_path / "inside.zip")
    index = scan_study(tmp_path)
    assert (index.foreign, index.directories, len(index.series)) == (5, 1, 5)
    choice = choose_series(index)
    assert choice.pet.series_instance_uid == PET_UID
    assert choice.ct is not None
    assert choice.ct.series_instance_uid == CT_UID
    assert "Passed over: 1 RTSTRUCT, 1 SEG, 1 SR" in choice.choices
    assert "Passed over: 5 foreign files, 1 DICOMDIR" in choice.choices


def test_a_link_that_leads_back_is_entered_once(tmp_path: Path) -> None:
    write(tmp_path / "study", pet())
    (tmp_path / "study" / "again").symlink_to(tmp_path / "study", target_is_directory=True)
    assert [len(entry.files) for entry in scan_study(tmp_path / "study").series] == [6]


def test_a_link_to_a_folder_above_is_not_entered(tmp_path: Path) -> None:
    """Other studies lie beside this one, and even copies of it: none of them is read."""
    write(tmp_path / "all" / "study", pet())
    write(tmp_path / "all" / "copy", pet())
    write(tmp_path / "all" / "other", ct())
    (tmp_path / "all" / "study" / "up").symlink_to(tmp_path / "all", target_is_directory=True)
    (tmp_path / "name").symlink_to(tmp_path / "all" / "study", target_is_directory=True)
    for name in ("all/study", "name", "all/copy/../study"):
        [entry] = scan_study(tmp_path / name).series
        assert (entry.series_instance_uid, len(entry.files)) == (PET_UID, 6)


def test_a_file_with_two_names_is_one_file(tmp_path: Path) -> None:
    write(tmp_path / "a", pet())
    write(tmp_path / "elsewhere", ct())
    (tmp_path / "a" / "link.dcm").symlink_to(tmp_path / "a" / "000.dcm")
    (tmp_path / "a" / "hard.dcm").hardlink_to(tmp_path / "a" / "001.dcm")
    (tmp_path / "a" / "ct").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "a" / "nowhere").symlink_to(tmp_path / "missing")
    files = dicom_files.list_files(tmp_path / "a")
    assert [file.path.name for file in files] == [f"{k:03d}.dcm" for k in (*range(6), *range(6))]
    assert read_study(tmp_path / "a").pet.grid.shape[0] == 6


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])
def test_a_damaged_member_of_a_zip_is_called_damaged(tmp_path: Path, method: int) -> None:
    write(tmp_path / "study", pet())
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w", method) as opened:
        opened.write(tmp_path / "study" / "000.dcm", "000.dcm")
    whole = archive.read_bytes()
    outcomes = set()
    for place in range(40, 400, 9):
        archive.write_bytes(
            whole[:place] + bytes(byte ^ 0xA5 for byte in whole[place : place + 40]) + whole[place + 40 :]
        )
        outcomes.add(refusal(lambda: read_bytes(SourceFile(archive, "000.dcm"))))
    assert outcomes == {"the file cannot be read (damaged) [000.dcm]; cure: make or fetch the zip again, or unpack it"}


def test_a_zip_is_read_as_its_folder_is(tmp_path: Path) -> None:
    write(tmp_path / "study" / "p", pet())
    write(tmp_path / "study" / "c", ct())
    (tmp_path / "study" / "note.txt").write_text("x" * 200)
    folder = read_study(tmp_path / "study")
    archive = zipped(tmp_path / "study", tmp_path / "study.zip")
    inside = read_study(archive)
    assert inside.pet.rescaled.tobytes() == folder.pet.rescaled.tobytes()
    assert inside.pet.grid == folder.pet.grid
    assert inside.pet.acquisition == folder.pet.acquisition
    assert inside.ct is not None
    assert folder.ct is not None
    assert inside.ct.hu.tobytes() == folder.ct.hu.tobytes()
    assert inside.choices == folder.choices
    assert inside.pet.source is not None
    assert folder.pet.source is not None
    assert content_hashes(inside.pet.source.files) == content_hashes(folder.pet.source.files)
    assert read_bytes(inside.pet.source.files[2]) == folder.pet.source.files[2].path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study", "study.zip"]  # nothing was unpacked


def test_hashes_are_those_of_the_shell(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-4 example: SHA-256 of 'abc'
    [(name, digest)] = content_hashes([dicom_files.SourceFile(tmp_path / "abc")])
    assert (name, digest) == ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


def test_bad_zips_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "s", pet())
    archive = zipped(tmp_path / "s", tmp_path / "s.zip")
    whole = archive.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(dicom_files, "MEMBER_LIMIT_BYTES", 100)
        assert "more than 100" in refusal(lambda: scan_study(archive))
    with monkeypatch.context() as patch:
        patch.setattr(dicom_files, "ARCHIVE_LIMIT_BYTES", 1000)
        assert "more than 1000" in refusal(lambda: scan_study(archive))
    with zipfile.ZipFile(archive) as opened:
        start = opened.infolist()[2].header_offset
    (tmp_path / "damaged.zip").write_bytes(whole[: start + 60] + bytes(80) + whole[start + 140 :])
    assert "002.dcm" in refusal(lambda: scan_study(tmp_path / "damaged.zip"))
    (tmp_path / "locked.zip").write_bytes(
        whole.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    )
    assert "encrypted" in refusal(lambda: scan_study(tmp_path / "locked.zip"))


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "s", pet())
    assert "single file" in refusal(lambda: scan_study(tmp_path / "s" / "000.dcm"))
    assert "no such folder" in refusal(lambda: scan_study(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    assert "no DICOM file among 0 files" in refusal(lambda: scan_study(tmp_path / "empty"))


def without_prefix(folder: Path, slices: list[FileDataset], implicit: bool) -> Path:
    """Files as old scanners wrote them: the data set alone, without preamble and meta header."""
    write(folder, slices, implicit=implicit)
    for path in folder.iterdir():
        data = path.read_bytes()
        path.write_bytes(data[132 + 12 + int.from_bytes(data[140:144], "little") :])
    return folder


@pytest.mark.parametrize("implicit", [False, True])
def test_files_without_preamble(tmp_path: Path, implicit: bool) -> None:
    with_prefix = read_study(write(tmp_path / "a", pet(), implicit=implicit))
    bare = read_study(without_prefix(tmp_path / "b", pet(), implicit))
    assert bare.pet.rescaled.tobytes() == with_prefix.pet.rescaled.tobytes()
    assert bare.pet.acquisition == with_prefix.pet.acquisition


def test_a_deflated_data_set(tmp_path: Path) -> None:
    slices = pet()
    for dataset in slices:
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deflated = read_study(write(tmp_path / "a", slices))
    assert deflated.pet.rescaled.tobytes() == read_study(write(tmp_path / "b", pet())).pet.rescaled.tobytes()


def test_the_attenuation_corrected_pet_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "nac", pet(9, f"{PET_UID}.2", CorrectedImage=["DECY"], SeriesDescription="PET NAC"))
    write(tmp_path / "ac", pet())
    choice = chosen(tmp_path)
    assert choice.pet.series_instance_uid == PET_UID
    assert choice.choices[0] == "PET: series 4 (6 files, BQML); the only attenuation-corrected PET"
    assert "not attenuation-corrected; --pet-series takes it" in choice.choices[1]
    assert chosen(tmp_path, f"{PET_UID}.2").pet.description == "PET NAC"
    assert chosen(tmp_path, ".31.2").pet.description == "PET NAC"
    line = refusal(lambda: chosen(tmp_path, "77"))
    assert "--pet-series 77 fits 0 PET series" in line
    assert PET_UID in line


def test_no_attenuation_corrected_pet(tmp_path: Path) -> None:
    write(tmp_path, pet(CorrectedImage=["DECY"]))
    assert "CorrectedImage (0028,0051) lacks ATTN" in refusal(lambda: chosen(tmp_path))


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        (9, {"Units": "PROPCNTS"}),
        (9, {"Units": "CNTS"}),
        (9, {"ImageType": ["DERIVED", "SECONDARY"]}),
        (5, {}),
        (6, {"Units": "GML"}),
        (9, {"SeriesType": ["DYNAMIC", "IMAGE"]}),
        (9, {"SeriesType": ["GATED", "IMAGE"]}),
    ],
)
def test_the_better_of_two_pets(tmp_path: Path, count: int, changes: dict[str, object]) -> None:
    """Static, convertible units, ORIGINAL, slices, the scanner's own units: in this order."""
    write(tmp_path / "a", pet(count, f"{PET_UID}.0", **changes))
    write(tmp_path / "b", pet())
    choice = chosen(tmp_path)
    assert choice.pet.series_instance_uid == PET_UID
    assert "the best of 2 PETs" in choice.choices[0]
    assert "--pet-series" in choice.choices[1]


def test_a_tie_and_two_studies_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "s" / "a", pet(SeriesDescription="one"))
    write(tmp_path / "s" / "b", pet(series=f"{PET_UID}.2", SeriesDescription="two"))
    line = refusal(lambda: chosen(tmp_path / "s"))
    assert f"{PET_UID}, series 4 (6 files, BQML); {PET_UID}.2, series 4 (6 files, BQML)" in line
    assert "one" not in line.split(";")[0]
    assert "--pet-series" in line
    write(tmp_path / "t" / "a", pet())
    write(tmp_path / "t" / "b", pet(9, f"{PET_UID}.2", StudyInstanceUID=OTHER_FRAME))
    assert "several PET series" in refusal(lambda: chosen(tmp_path / "t"))


def test_the_ct_of_the_frame_of_reference_that_covers_the_pet(tmp_path: Path) -> None:
    write(tmp_path / "pet", pet(12))
    write(tmp_path / "half", ct(6, f"{CT_UID}.1"))
    write(tmp_path / "whole", ct(11))
    write(tmp_path / "elsewhere", ct(20, f"{CT_UID}.2", FrameOfReferenceUID=OTHER_FRAME))
    write(tmp_path / "scout", ct(30, f"{CT_UID}.3", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]))
    choice = chosen(tmp_path)
    assert choice.ct is not None
    assert choice.ct.series_instance_uid == CT_UID
    assert choice.choices[1].endswith("shares the PET's frame of reference and covers 100 % of its length")
    assert any("another frame of reference" in line and "20 files" in line for line in choice.choices)
    assert "Passed over: 30 CT localizer" in choice.choices
    assert chosen(tmp_path, ct_series=f"{CT_UID}.1").ct is not None
    assert chosen(tmp_path, ct_series="none").ct is None
    assert "FrameOfReferenceUID (0020,0052)" in refusal(lambda: chosen(tmp_path, ct_series=f"{CT_UID}.2"))


def test_pet_without_ct(tmp_path: Path) -> None:
    write(tmp_path / "pet", pet())
    write(tmp_path / "ct", ct(FrameOfReferenceUID=OTHER_FRAME))
    study = read_study(tmp_path)
    assert study.ct is None
    assert study.ct_source is None
    assert "CT: none that shares the PET's frame of reference" in study.choices


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"PatientID": "Q-9"}, "PatientID (0010,0020)"),
        ({"PatientName": "Roe^Jane"}, "PatientName (0010,0010)"),
        ({"PatientBirthDate": "19510203"}, "PatientBirthDate (0010,0030)"),
    ],
)
def test_different_patients_are_refused_without_their_names(
    tmp_path: Path, changes: dict[str, object], tag: str
) -> None:
    write(tmp_path / "pet", pet())
    write(tmp_path / "ct", ct(**changes))
    line = refusal(lambda: chosen(tmp_path))
    assert f"different patients: {tag} differs" in line
    assert not any(str(value) in line for value in changes.values())


def test_a_name_written_otherwise_is_the_same_patient(tmp_path: Path) -> None:
    write(tmp_path / "pet", pet())
    write(tmp_path / "ct", ct(PatientName="DOE^JOHN^^^", PatientBirthDate=""))
    assert chosen(tmp_path).ct is not None


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1"])
def test_enhanced_pet_is_refused(tmp_path: Path, sop_class: str) -> None:
    other_object(tmp_path, "PT", sop_class)
    line = refusal(lambda: chosen(tmp_path))
    assert f"SOPClassUID (0008,0016) is {sop_class}, Enhanced PET" in line
    assert "classic Positron Emission Tomography Image Storage" in line


def test_a_study_without_pet_says_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path, ct())
    other_object(tmp_path, "RTSTRUCT", RTSTRUCT)
    line = refusal(lambda: chosen(tmp_path))
    assert "no PET series" in line
    assert "found 6 CT, 1 RTSTRUCT, 0 foreign files" in line


def test_an_enhanced_ct_leaves_the_pet_alone(tmp_path: Path) -> None:
    write(tmp_path, pet())
    other_object(tmp_path, "CT", f"{CT_CLASS}.1")
    choice = chosen(tmp_path)
    assert choice.ct is None
    assert "Enhanced CT is not read" in choice.choices[1]
