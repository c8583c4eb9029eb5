"""Small undamaged PET/CT studies as bytes, in several encodings and in the dialects of several makers."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from psmap.domain.geometry import Grid
from psmap.io.dicom_write import CtFacts, PetFacts, StudyFacts, write_ct_series, write_pet_series

Files = dict[str, bytes]
"""A study: name and content of every file."""

PATIENT_NAME, PATIENT_ID = "Wolkenstein^Oswald", "PID-1377-1445"
SLICES = 4
AT = datetime(2026, 2, 3, 12, 0, 0)
LITTLE_ENDIAN = (
    "explicit", "implicit", "GE", "Siemens", "Philips counts", "decay corrected to injection", "SUV stored",
)  # fmt: skip
"""The studies whose elements can be taken apart."""


@functools.cache
def studies() -> dict[str, Files]:
    """The undamaged studies by name: a PET and a CT of four slices of 8 x 8 each (32 x 32 in JPEG 2000)."""
    config.settings.writing_validation_mode = config.IGNORE
    plain = _written(lambda data, k: None)
    return {
        "explicit": plain,
        "implicit": _recoded(plain, ImplicitVRLittleEndian),
        "big endian": _recoded(plain, ExplicitVRBigEndian),
        "deflated": _recoded(plain, DeflatedExplicitVRLittleEndian),
        "RLE": _compressed(plain, RLELossless),
        "JPEG-LS": _compressed(plain, JPEGLSLossless),
        "JPEG 2000": _compressed(_written(lambda data, k: None, size=32), JPEG2000Lossless),
        "GE": _written(_ge),
        "Siemens": _written(_siemens),
        "Philips counts": _written(_philips, units="CNTS"),
        "decay corrected to injection": _written(lambda data, k: None, decay_correction="ADMIN"),
        "SUV stored": _written(_stored_suv, units="GML"),
    }


def _grid(size: int, first_mm: float, step_mm: float) -> Grid:
    axes = ((0.0, 0.0, step_mm), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0))
    return Grid((SLICES, size, size), (-2.0 * size, -2.0 * size, first_mm), axes)


def _written(edit: Callable[[Dataset, int], None], size: int = 8, **facts: str) -> Files:
    study = StudyFacts("hostile", AT, PATIENT_NAME, PATIENT_ID)
    dice = np.random.default_rng(4)
    pet_grid, ct_grid = _grid(size, 0.0, 3.0), _grid(size, -1.0, 3.5)
    suv = dice.uniform(0.1, 12.0, pet_grid.shape)
    pet = PetFacts(AT, AT - timedelta(hours=1), **facts)  # type: ignore[arg-type]
    per_suv = 1.0 if facts.get("units") == "GML" else pet.injected_bq * 2.0 ** (-3600.0 / pet.half_life_s) / 70_000.0
    hu = dice.integers(-1000, 1500, ct_grid.shape).astype(np.int16)

    def open_ended(data: Dataset, k: int) -> None:
        edit(data, k)
        _open(data)

    with TemporaryDirectory() as folder:
        written = write_pet_series(Path(folder), pet_grid, suv * per_suv, study, pet, edit=open_ended)
        written += write_ct_series(Path(folder), ct_grid, hu, study, CtFacts(AT), intercept_hu=-1024)
        return {path.name: path.read_bytes() for path in written}


def _open(data: Dataset) -> None:
    """Write sequences and items with undefined length, so that a value inside may change its own."""
    for element in data:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _open(item)


def _ge(data: Dataset, _k: int) -> None:
    data.Manufacturer = "GE MEDICAL SYSTEMS"
    data.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20260203120000.00")


def _siemens(data: Dataset, _k: int) -> None:
    data.Manufacturer = "SIEMENS"
    data.private_block(0x0071, "SIEMENS MED PT", create=True).add_new(0x22, "DT", "20260203120000.000000")


def _philips(data: Dataset, _k: int) -> None:
    data.Manufacturer = "Philips Medical Systems"
    block = data.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.0004")
    block.add_new(0x09, "DS", "1.5")


def _stored_suv(data: Dataset, _k: int) -> None:
    data.SUVType = "BW"


def _recoded(files: Files, syntax: str) -> Files:
    return {name: _saved(content, lambda data: setattr(data.file_meta, "TransferSyntaxUID", syntax), syntax)
            for name, content in files.items()}  # fmt: skip


def _compressed(files: Files, syntax: str) -> Files:
    return {name: _saved(content, lambda data: data.compress(syntax, generate_instance_uid=False), None)
            for name, content in files.items()}  # fmt: skip


def _saved(content: bytes, change: Callable[[Dataset], None], syntax: str | None) -> bytes:
    data = dcmread(io.BytesIO(content))
    if syntax == ExplicitVRBigEndian:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    change(data)
    stream = io.BytesIO()
    if syntax is None:
        dcmwrite(stream, data, enforce_file_format=True)
    else:
        implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
        dcmwrite(stream, data, implicit_vr=implicit, little_endian=little, force_encoding=True)
    return stream.getvalue()
