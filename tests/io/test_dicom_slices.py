"""The stored values of many slices, read in batches and threads, against numpy and pydicom one after the other."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builder import ct, pet, refusal, write, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydicom.uid import RLELossless

from psmap.io import dicom_pixels
from psmap.io.dicom_read import _rescale, read_ct, read_pet
from psmap.io.dicom_series import SeriesEntry, scan_study

SLICES = 23


def only(folder: Path) -> SeriesEntry:
    [entry] = scan_study(folder).series
    return entry


def by_pydicom(slices: list) -> np.ndarray:
    """The slow truth: pydicom's pixel_array, slope and intercept of each slice, in float64."""
    return np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])


@pytest.fixture(params=[1, 400, 10**9], ids=["single slices", "batches", "one batch"])
def batch_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_pixels, "BATCH_BYTES", request.param)
    monkeypatch.setattr(dicom_pixels.os, "cpu_count", lambda: 3)


@pytest.mark.usefixtures("batch_bytes")
@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("intercept", ["0", "-17.25"])
def test_every_slice_of_a_pet_lands_in_its_place(tmp_path: Path, unsigned: bool, intercept: str) -> None:
    slices = pet(SLICES, RescaleIntercept=intercept, PixelRepresentation=int(not unsigned))
    truth = by_pydicom(slices).astype(np.float32)
    assert read_pet(only(write(tmp_path / "a", slices))).rescaled.tobytes() == truth.tobytes()
    assert read_pet(only(zipped(tmp_path / "a", tmp_path / "a.zip"))).rescaled.tobytes() == truth.tobytes()


@pytest.mark.usefixtures("batch_bytes")
def test_a_series_of_several_kinds_of_slices(tmp_path: Path) -> None:
    """Signed, unsigned, compressed, with an intercept: side by side in one series."""
    slices = pet(SLICES)
    for number, dataset in enumerate(slices):
        dataset.PixelRepresentation = number // 2 % 2
        dataset.RescaleIntercept = str(number % 5 // 4)
    truth = by_pydicom(slices).astype(np.float32)
    for dataset in slices[3::7]:
        dataset.compress(RLELossless)
    assert read_pet(only(write(tmp_path, slices))).rescaled.tobytes() == truth.tobytes()


@pytest.mark.usefixtures("batch_bytes")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"PixelRepresentation": 1},
        {"RescaleIntercept": -32768},
        {"RescaleIntercept": 28000},
        {"RescaleIntercept": -70000},
        {"RescaleSlope": 2},
        {"RescaleSlope": "0.4", "RescaleIntercept": "-1000.3"},
        {"BitsStored": 12, "HighBit": 11},
    ],
    ids=str,
)
def test_every_slice_of_a_ct_lands_in_its_place(tmp_path: Path, changes: dict[str, object]) -> None:
    slices = ct(SLICES, **changes)
    image, _ = read_ct(only(write(tmp_path, slices)))
    whole = np.rint(by_pydicom(slices))
    assert np.array_equal(image.hu, np.clip(whole, -32768, 32767))
    clipped = int(np.sum((whole < -32768) | (whole > 32767)))
    assert any(note.startswith(f"{clipped} voxels beyond") for note in image.notes) == (clipped > 0)
    assert any("rounded" in note for note in image.notes) == ("0.4" in changes.values())


@pytest.mark.usefixtures("batch_bytes")
def test_the_values_of_all_16_bits(tmp_path: Path) -> None:
    """Unsigned words above 32767 with an intercept that brings them back into int16."""
    words = np.arange(65536, dtype="<u2")
    slices = ct(2, Rows=256, Columns=256, PixelData=words.tobytes(), RescaleIntercept=-32768)
    image, _ = read_ct(only(write(tmp_path, slices)))
    assert np.array_equal(image.hu[1].ravel(), np.arange(-32768, 32768))


@pytest.mark.usefixtures("batch_bytes")
@pytest.mark.parametrize("make", [pet, ct])
def test_of_several_slices_at_fault_the_first_is_named(tmp_path: Path, make: object) -> None:
    """PixelData too short in slices 5 and 17, in the order of their places; the files are shuffled."""
    slices = make(SLICES)  # type: ignore[operator]
    for number in (17, 5):
        slices[number].PixelData = slices[number].PixelData[:-2]
    entry = only(write(tmp_path, slices))
    [first] = [file.path.name for file in entry.files if pydicom.dcmread(file.path).SOPInstanceUID.endswith(".6")]
    read = read_pet if make is pet else read_ct
    line = refusal(lambda: read(entry))
    assert "PixelData (7FE0,0010) is truncated: 94 bytes, and 6 x 8 pixels of 16 bits need 96" in line
    assert f"[{first}]" in line


@pytest.mark.usefixtures("batch_bytes")
@pytest.mark.parametrize("short", [2, 6])
def test_a_missing_slope_and_missing_pixels_are_refused_in_their_order(tmp_path: Path, short: int) -> None:
    slices = ct(9)
    slices[short].PixelData = slices[short].PixelData[:-2]
    del slices[4].RescaleSlope
    line = refusal(lambda: read_ct(only(write(tmp_path, slices))))
    assert ("PixelData (7FE0,0010) is truncated" in line) == (short == 2)
    assert ("RescaleSlope (0028,1053) is missing" in line) == (short == 6)


@pytest.mark.usefixtures("batch_bytes")
def test_files_that_shrink_or_vanish_after_the_scan(tmp_path: Path) -> None:
    entry = only(write(tmp_path, ct(SLICES)))
    path = entry.headers[7].file.path
    path.write_bytes(path.read_bytes()[:-9])
    assert "it ends inside PixelData (7FE0,0010)" in refusal(lambda: read_ct(entry))
    path.unlink()
    assert f"No such file or directory) [{path.name}]" in refusal(lambda: read_ct(entry))


POSITIVE = st.floats(min_value=5e-324, max_value=1e300)


@settings(max_examples=300, deadline=None)
@given(
    hnp.arrays(st.sampled_from([np.dtype("<i2"), np.dtype("<u2")]), (2, 3, 4)),
    hnp.arrays(np.float64, 2, elements=POSITIVE),
    hnp.arrays(np.float64, 2, elements=st.sampled_from([0.0, -0.0, 0.0, -1.5, 1e-320, 3e38])),
)
def test_rescaling_has_the_bits_of_float64_arithmetic(
    stored: np.ndarray, slopes: np.ndarray, intercepts: np.ndarray
) -> None:
    """The shorter way for intercepts of 0 is the same to the sign of zero, whatever the slope."""
    out = np.empty((3, 3, 4), np.float32)
    _rescale(stored, np.append(slopes, 9.0), np.append(intercepts, 9.0), out)
    for k in range(2):
        for value, mine in zip(stored[k].ravel().tolist(), out[k].ravel(), strict=True):
            with np.errstate(over="ignore"):
                truth = np.float32(float(value) * float(slopes[k]) + float(intercepts[k]))
            assert struct.pack("<f", mine) == struct.pack("<f", truth)
