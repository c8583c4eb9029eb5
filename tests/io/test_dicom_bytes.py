"""DICOM as bytes: every piece is what pydicom writes, and what pydicom reads back."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from psmap.io.dicom_bytes import bytes_element, bytes_of, element, elements_of, sequence, with_elements
from psmap.io.dicom_carry_over import save


def a_dataset() -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121322", "DCM", "Größe"
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    item.PurposeOfReferenceCodeSequence = [code, code]
    dataset = Dataset()
    dataset.PatientName, dataset.TextValue = "Müller^Jürgen", "site 1"
    dataset.ImagePositionPatient = [1.5, -2.25, 3.0]
    dataset.FloatingPointValue, dataset.ReferencedSegmentNumber = 0.1, 513
    dataset.SourceImageSequence = [item]
    dataset.DerivationCodeSequence = []
    return dataset


def by_pydicom(dataset: Dataset) -> bytes:
    """A data set as `Dataset.save_as` leaves it, UTF-8, without its character set's own element."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    stream = BytesIO()
    dataset.save_as(stream, implicit_vr=False, little_endian=True)
    head = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192"
    assert stream.getvalue().startswith(head)
    return stream.getvalue()[len(head) :]


def test_a_data_set_and_its_elements_are_pydicom_s_bytes() -> None:
    expected = by_pydicom(a_dataset())
    assert bytes_of(a_dataset()) == expected
    assert with_elements(elements_of(a_dataset()), {}) == expected


def test_elements_made_here_are_pydicom_s_bytes() -> None:
    code = b"".join((element("CodeValue", b"121322"), element("CodingSchemeDesignator", b"DCM"),
                     element("CodeMeaning", "Größe".encode())))  # fmt: skip
    item = element("ReferencedSOPInstanceUID", b"1.2.3") + sequence("PurposeOfReferenceCodeSequence", [code, code])
    changes = {
        "PatientName": element("PatientName", "Müller^Jürgen".encode()),
        "TextValue": element("TextValue", b"site 1"),
        "ImagePositionPatient": element("ImagePositionPatient", b"1.5\\-2.25\\3.0"),
        "ReferencedSegmentNumber": element("ReferencedSegmentNumber", b"\x01\x02"),
        "SourceImageSequence": sequence("SourceImageSequence", [item]),
        "DerivationCodeSequence": sequence("DerivationCodeSequence", []),
    }
    kept = Dataset()
    kept.FloatingPointValue, kept.TextValue = 0.1, "replaced"
    assert with_elements(elements_of(kept), changes) == by_pydicom(a_dataset())


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="no attribute Nothing"):
        element("Nothing", b"")
    with pytest.raises(ValueError, match="single value representation"):
        element("PixelData", b"")
    with pytest.raises(ValueError, match="too long for LO"):
        element("CodeMeaning", b"x" * 70_000)
    assert len(element("TextValue", b"x" * 70_000)) == 70_012  # UT counts its length in 32 bits


def test_a_tail_comes_last_and_is_read_back(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3"
    dataset.PatientID = "4711"
    groups = sequence("PerFrameFunctionalGroupsSequence", [element("CodeValue", b"a"), element("CodeValue", b"bc")])
    save(tmp_path / "f.dcm", dataset, [groups, bytes_element("PixelData", b"\x01\x02\x03")])
    read = dcmread(tmp_path / "f.dcm")
    assert (read.PatientID, read.PixelData) == ("4711", b"\x01\x02\x03\x00")
    assert [item.CodeValue for item in read.PerFrameFunctionalGroupsSequence] == ["a", "bc"]
    for tail in ([element("PatientName", b"x")], [element("PatientID", b"x")], [groups, groups]):
        with pytest.raises(ValueError, match="order of their tags"):
            save(tmp_path / "g.dcm", dataset, tail)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.dcm"]
