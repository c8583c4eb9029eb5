"""Our own reader of headers against pydicom's, on every kind of file: the same header, or left to pydicom."""

from __future__ import annotations

import importlib
import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_builder import CT_CLASS, PET_CLASS, code, ct, pet, write
from header_twice import FILE, quick, same, same_or_left, slow
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from psmap.domain.refusal import Refused
from psmap.domain.study import SourceFile
from psmap.io.dicom_fast import FIRST_BYTES, MOST_BYTES, HeaderReader
from psmap.io.dicom_files import Opener, list_files
from psmap.io.dicom_headers import Header
from psmap.io.dicom_layout import TooShort
from psmap.io.dicom_values import lenient_pydicom

EXPLICIT, IMPLICIT = ExplicitVRLittleEndian, ImplicitVRLittleEndian


def stored(dataset: FileDataset, syntax: str = EXPLICIT) -> bytes:
    """A data set as the bytes of its file."""
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def undefined_lengths(dataset: Dataset) -> None:
    """All sequences and items, however deep, are written with undefined length."""
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                undefined_lengths(item)


def vendors(dataset: Dataset) -> None:
    """The private elements that psmap reads, and some that it does not."""
    for group, creator, offset, vr, value in (
        (0x0009, "GEMS_PETD_01", 0x0D, "DT", "20260131101500"),
        (0x0071, "SIEMENS MED PT", 0x22, "DT", "20260131101500.5"),
        (0x7053, "Philips PET Private Group", 0x00, "DS", "0.000123"),
        (0x7053, "Philips PET Private Group", 0x09, "DS", ""),
        (0x0019, "ANOTHER", 0x01, "OB", b"\x01\x02\x03\x04"),
        (0x0019, "ANOTHER", 0x02, "SQ", [code("1", "L", "one")]),
        (0x0009, "GEMS_PETD_01", 0x0E, "SQ", [code("2", "L", "two")]),
    ):
        dataset.private_block(group, creator, create=True).add_new(offset, vr, value)


def many_sequences(dataset: Dataset) -> None:
    inner = code("1", "L", "inner")
    inner.PurposeOfReferenceCodeSequence = DicomSequence([code("2", "L", "innermost"), Dataset()])
    dataset.ReferencedImageSequence = DicomSequence([inner, code("3", "L", "second")])
    dataset.SourceImageSequence = DicomSequence([])
    dataset.AnatomicRegionSequence = DicomSequence([code("T-D0010", "SRT", "Body")])


def empty_values(dataset: Dataset) -> None:
    for keyword in ("PatientBirthDate", "PatientWeight", "SeriesDescription", "SeriesTime", "NumberOfFrames"):
        setattr(dataset, keyword, None)
    dataset.RescaleType = ""


def nothing(dataset: Dataset) -> None:
    pass


def alphabets(character_set: object, name: str) -> Callable[[FileDataset], None]:
    def change(dataset: FileDataset) -> None:
        dataset.SpecificCharacterSet = character_set
        dataset.PatientName, dataset.SeriesDescription = name, name

    return change


CHANGES: dict[str, Callable[[FileDataset], None]] = {
    "as it is": nothing,
    "undefined lengths": undefined_lengths,
    "private": vendors,
    "private, undefined lengths": lambda dataset: (vendors(dataset), undefined_lengths(dataset)),
    "sequences": many_sequences,
    "sequences, undefined lengths": lambda dataset: (many_sequences(dataset), undefined_lengths(dataset)),
    "empty": empty_values,
    "Latin": alphabets("ISO_IR 100", "Müller^Jörg"),
    "UTF-8": alphabets("ISO_IR 192", "Łukasz^Ян"),
    "Japanese": alphabets(["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    "no such set": alphabets("ISO_IR 999", "Doe^John"),
    "empty set": alphabets("", "Doe^John"),
}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("make", [pet, ct])
@pytest.mark.parametrize("change", CHANGES)
def test_plain_files_are_read_as_pydicom_reads_them(
    syntax: str, make: Callable[[], list[FileDataset]], change: str
) -> None:
    """By a reader that has seen the slices before, too, whose lengths and places differ from slice to slice."""
    private_in_implicit = change == "private, undefined lengths" and syntax == IMPLICIT  # nothing says it is a sequence
    reader = HeaderReader()
    with lenient_pydicom():
        for turn in range(2):
            for number, dataset in enumerate(make()):
                dataset.SOPInstanceUID += "1" * (3 * number)
                CHANGES[change](dataset)
                data = stored(dataset, syntax)
                assert same_or_left(data) != private_in_implicit, (turn, number)
                assert same_or_left(data, reader) != private_in_implicit, (turn, number)


def encapsulated(dataset: FileDataset) -> bytes:
    dataset.compress(RLELossless)
    return stored(dataset, RLELossless)


def without_meta(dataset: FileDataset) -> bytes:
    stream = io.BytesIO()
    Dataset(dataset).save_as(stream, implicit_vr=True, little_endian=True)
    return stream.getvalue()


def big_endian(dataset: FileDataset) -> bytes:
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    stream = io.BytesIO()
    dcmwrite(stream, dataset, implicit_vr=False, little_endian=False)
    return stream.getvalue()


def changed(**changes: object) -> Callable[[FileDataset], bytes]:
    def change(dataset: FileDataset) -> bytes:
        for keyword, value in changes.items():
            setattr(dataset, keyword, value)
        return stored(dataset)

    return change


def without(keyword: str) -> Callable[[FileDataset], bytes]:
    def change(dataset: FileDataset) -> bytes:
        delattr(dataset, keyword)
        return stored(dataset)

    return change


def radiotherapy(dataset: FileDataset) -> bytes:
    dataset.RTPlanLabel = "none of an image"
    return stored(dataset)


def replaced(old: bytes, new: bytes) -> Callable[[FileDataset], bytes]:
    def change(dataset: FileDataset) -> bytes:
        data = stored(dataset)
        assert old in data
        return data.replace(old, new, 1)

    return change


OTHERS: dict[str, Callable[[FileDataset], bytes]] = {
    "deflated": lambda dataset: stored(dataset, DeflatedExplicitVRLittleEndian),
    "big endian": big_endian,
    "encapsulated": encapsulated,
    "another syntax": lambda dataset: stored(dataset).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0", 1),
    "JPEG 2000, not encapsulated": lambda dataset: replaced(
        b"\x14\x001.2.840.10008.1.2.1\0", b"\x16\x00" + JPEG2000Lossless.encode()
    )(dataset),
    "no meta header": without_meta,
    "MR": changed(SOPClassUID="1.2.840.10008.5.1.4.1.1.4"),
    "a storage class in the meta header only": changed(SOPClassUID=""),
    "no series": without("SeriesInstanceUID"),
    "no pixels": without("PixelData"),
    "radiotherapy": radiotherapy,
    "unknown VR": replaced(b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00ZZ"),
    "implicit after all": lambda dataset: stored(dataset, IMPLICIT).replace(
        b"\x12\x001.2.840.10008.1.2\0", b"\x14\x001.2.840.10008.1.2.1\0"
    ),
    "explicit after all": lambda dataset: stored(dataset).replace(
        b"\x14\x001.2.840.10008.1.2.1\0", b"\x12\x001.2.840.10008.1.2\0"
    ),
    "group 0000": replaced(b"\x08\x00\x08\x00CS", b"\x00\x00\x08\x00CS"),
    "an item out of place": replaced(b"\x08\x00\x60\x00CS", b"\xfe\xff\x0d\xe0CS"),
    "pixels in floating point": replaced(b"\xe0\x7f\x10\x00", b"\xe0\x7f\x08\x00"),
}


@pytest.mark.parametrize("make", OTHERS)
def test_everything_else_is_left_to_pydicom(make: str) -> None:
    with lenient_pydicom():
        assert quick(OTHERS[make](pet(1)[0])) is None


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("sequence", [False, True])
def test_a_file_cut_anywhere_is_left_to_pydicom(syntax: str, sequence: bool) -> None:
    """Only what is missing from the pixels' padding could go unseen, and there is none here."""
    dataset = pet(1)[0]
    vendors(dataset)
    if sequence:
        undefined_lengths(dataset)
        del dataset[Tag(0x0009, 0x100E)], dataset[Tag(0x0019, 0x1002)]
    data = stored(dataset, syntax)
    reader = HeaderReader()
    with lenient_pydicom():
        assert same_or_left(data, reader)
        for length in range(len(data)):
            assert quick(data[:length], reader) is None
            assert quick(data[:length]) is None


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_the_beginning_of_a_file_is_enough_or_too_short(syntax: str) -> None:
    """However much was read of a file: the same header, or a call for more; enough is all up to the pixels."""
    dataset = pet(1)[0]
    many_sequences(dataset)
    undefined_lengths(dataset)
    data = stored(dataset, syntax)
    with lenient_pydicom():
        whole = quick(data)
        assert whole is not None
        assert whole.pixel_offset is not None
        for length in range(132, len(data)):
            try:
                found = HeaderReader().plain(FILE, data[:length], len(data))
            except TooShort:
                assert length < whole.pixel_offset
            else:
                assert found is not None
                same(found, whole)


@pytest.mark.parametrize(("extra", "taken"), [(FIRST_BYTES, True), (5 * FIRST_BYTES, True), (MOST_BYTES, False)])
def test_long_headers(tmp_path: Path, extra: int, taken: bool) -> None:
    slices = pet(2)
    for dataset in slices:
        dataset.private_block(0x0019, "LONG", create=True).add_new(1, "OB", b"\x01\x02" * (extra // 2))
    reader = HeaderReader()
    with Opener() as opener, lenient_pydicom():
        for file in list_files(write(tmp_path, slices)):
            found, theirs = reader.file(opener, file), slow(file.path.read_bytes())
            assert (found is not None) == taken
            if found is not None:
                assert isinstance(theirs, Header)
                assert (found.pixel_offset, found.dataset) == (theirs.pixel_offset, theirs.dataset)


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with Opener() as opener, pytest.raises(Refused, match=r"cannot be read.*\[gone\.dcm\]"):
        HeaderReader().file(opener, SourceFile(tmp_path / "gone.dcm"))


def test_every_file_of_the_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    """One reader for all of them, as in one large study; most are plain."""
    monkeypatch.syspath_prepend(str(repository / "tests" / "zoo"))
    faults = importlib.import_module("faults").FAULTS
    reader, taken = HeaderReader(), []
    with lenient_pydicom():
        for fault in faults[::3]:
            fault.make(tmp_path / fault.name)
            for file in sorted((tmp_path / fault.name).rglob("*"))[:9]:
                if file.is_file():
                    taken.append(same_or_left(file.read_bytes(), reader))
    assert sum(taken) > 0.9 * len(taken) > 150


@pytest.mark.parametrize("seed", range(4))
def test_damaged_headers_are_read_alike_or_left(seed: int) -> None:
    """Bits flipped, bytes lost, put in or changed, in files of all kinds, by a reader that learns from them too."""
    dice = random.Random(seed)
    base = []
    for syntax in (EXPLICIT, IMPLICIT):
        for make in (pet, ct):
            for change in CHANGES.values():
                dataset = make(1)[0]
                with lenient_pydicom():
                    change(dataset)
                    base.append(stored(dataset, syntax))
    reader, taken = HeaderReader(), 0
    with lenient_pydicom():
        for _ in range(700):
            data = bytearray(dice.choice(base))
            end = len(data) - 96  # where the pixels begin
            for _ in range(dice.choice((1, 1, 2, 4))):
                damage(data, dice.randrange(132, end), dice)
            taken += same_or_left(bytes(data), reader)
    assert taken > 100


def damage(data: bytearray, at: int, dice: random.Random) -> None:
    kind = dice.randrange(5)
    if kind == 0:
        del data[at : at + dice.randrange(1, 9)]
    elif kind == 1:
        data[at:at] = dice.randbytes(dice.randrange(1, 9))
    elif kind == 2:
        data[at] = dice.randrange(256)
    else:
        data[at] ^= 1 << dice.randrange(8)


SHORT = sorted(str(vr.value) for vr in EXPLICIT_VR_LENGTH_16)
LONG = sorted(str(vr.value) for vr in EXPLICIT_VR_LENGTH_32)
KEPT_TAGS = [
    0x00080008, 0x00080060, 0x0008103E, 0x00100010, 0x00101030, 0x00181242, 0x00200013, 0x00200032, 0x00280008,
    0x00280010, 0x00280030, 0x00281053, 0x00540016, 0x00540081, 0x00541000, 0x00090010, 0x0009100D, 0x70531000,
]  # fmt: skip
TAGS = st.one_of(st.sampled_from(KEPT_TAGS), st.integers(0x0008_0009, 0x7FDF_FFFF))
VALUES = st.one_of(
    st.binary(max_size=9),
    st.sampled_from([b"", b"1.5\\2 ", b"ISO_IR 100", b"20260131", b"\x06\x00", b"Doe^John"]),
)


def head_of(tag: int, vr: str, length: int, implicit: bool) -> bytes:
    name = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return name + struct.pack("<I", length)
    if vr in LONG:
        return name + vr.encode() + b"\0\0" + struct.pack("<I", length)
    return name + vr.encode() + struct.pack("<H", length)


@st.composite
def elements(draw: st.DrawFn, implicit: bool, depth: int = 0) -> bytes:
    """One element in any VR, with any value, or a sequence of defined or undefined length, items within items."""
    tag = draw(TAGS)
    if depth < 3 and draw(st.integers(0, 3)) == 0:
        items = b"".join(draw(st.lists(sequence_items(implicit, depth), max_size=3)))
        vr = draw(st.sampled_from(["SQ", "SQ", "UN"]))
        tag = draw(st.sampled_from([0x00540016, 0x00081140, tag]))
        if draw(st.booleans()):
            return head_of(tag, vr, 0xFFFFFFFF, implicit) + items + b"\xfe\xff\xdd\xe0\0\0\0\0"
        return head_of(tag, "SQ", len(items), implicit) + items
    value = draw(VALUES)
    return head_of(tag, draw(st.sampled_from(SHORT + LONG)), len(value), implicit) + value


@st.composite
def sequence_items(draw: st.DrawFn, implicit: bool, depth: int) -> bytes:
    inside = b"".join(draw(st.lists(elements(implicit, depth + 1), max_size=4)))
    if draw(st.booleans()):
        return b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inside + b"\xfe\xff\x0d\xe0\0\0\0\0"
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inside)) + inside


@st.composite
def files(draw: st.DrawFn) -> tuple[list[bytes], bool]:
    """Files of one layout: a sound beginning, then the same elements in one order or another, some changed or twice."""
    implicit = draw(st.booleans())
    meta = stored(pet(1)[0], IMPLICIT if implicit else EXPLICIT)
    length = 144 + struct.unpack_from("<I", meta, 140)[0]
    first = b""
    character_set = draw(st.sampled_from([None, b"ISO_IR 100", b"ISO_IR 192", b"\\ISO 2022 IR 87 "]))
    if character_set is not None:
        first += head_of(0x00080005, "CS", len(character_set), implicit) + character_set
    for tag, value in ((0x00080016, PET_CLASS.encode()), (0x0020000E, b"1.2.3\0")):
        value += b"\0" * (len(value) % 2)
        first += head_of(tag, "UI", len(value), implicit) + value
    pool = draw(st.lists(elements(implicit), max_size=12))
    found = []
    for _ in range(draw(st.integers(1, 4))):
        chosen = draw(st.permutations(pool)) if draw(st.booleans()) else list(pool)
        chosen += draw(st.lists(elements(implicit), max_size=2))
        pixels = head_of(0x7FE00010, "OW", 4, implicit) + b"\1\0\2\0"
        found.append(meta[:length] + first + b"".join(chosen) + pixels)
    return found, implicit


@settings(max_examples=400, deadline=None)
@given(files())
def test_any_elements_in_any_order(made: tuple[list[bytes], bool]) -> None:
    reader = HeaderReader()
    with lenient_pydicom():
        for data in made[0] * 2:
            assert same_or_left(data) == same_or_left(data, reader)


def test_a_tag_that_stands_twice(tmp_path: Path) -> None:
    """The last one counts, in the place of the first, as a dictionary has it."""
    data = stored(ct(1)[0])
    one = b"\x08\x00\x3e\x10LO\x06\x00"
    at = data.index(b"\x08\x00\x3e\x10LO")
    twice = data[:at] + one + b"first " + one + b"second" + data[at:]
    with lenient_pydicom():
        assert same_or_left(twice)
        found = quick(twice)
        assert found is not None
        assert found.description == "CT AC"


def test_elements_that_slices_share_are_not_shared_with_the_next_study() -> None:
    """Other values of the same length, then the first ones again: nothing is taken from an earlier file."""
    reader = HeaderReader()
    with lenient_pydicom():
        for value in ("75.5", "82.0", "75.5", "82.0", "99.9"):
            for dataset in pet(3, PatientWeight=value, PatientID=f"P-{value}"):
                assert same_or_left(stored(dataset), reader)
                found = quick(stored(dataset), reader)
                assert found is not None
                weight = found.dataset.get_item(Tag("PatientWeight"))
                assert isinstance(weight, RawDataElement)
                assert weight.value == value.encode()


@pytest.mark.parametrize("folder", ["fdg_wholebody_STS_001", "petct_sts"])
def test_real_files(data_dir: Path, folder: str) -> None:
    if not (data_dir / folder).is_dir():
        pytest.skip(f"{folder} is not among the real data")
    reader = HeaderReader()
    images = 0
    with lenient_pydicom():
        for file in list_files(data_dir / folder):
            data = file.path.read_bytes()
            taken = same_or_left(data, reader)
            theirs = slow(data)
            image = isinstance(theirs, Header) and theirs.sop_class_uid in (PET_CLASS, CT_CLASS)
            assert taken == image, file.path.name
            images += image
    assert images > 100
