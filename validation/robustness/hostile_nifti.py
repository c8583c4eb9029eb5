"""NIfTI images, sidecars and histories that are cut, forged, swollen or full of what should not be there."""

from __future__ import annotations

import functools
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from hostile_bytes import SPOILS, Dice, extreme_word
from nibabel.nifti1 import Nifti1Header, Nifti1Image
from nibabel.nifti2 import Nifti2Header, Nifti2Image

Images = dict[str, bytes]
Spoiler = Callable[[Images, Dice], Images]

_SHAPE = (8, 8, 4)
_AFFINE = np.array([[-4.0, 0, 0, 14], [0, -4, 0, 14], [0, 0, 3, 0], [0, 0, 0, 1]])
_HEADERS = {348: Nifti1Header, 540: Nifti2Header}
_FLOATS = (np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 1e-45, 3.4e38, -3.4e38, 1e-7, 0.5, 2.0)
_KNOWN_KEYS = ("Units", "Manufacturer", "ManufacturersModelName", "TracerName")
_HISTORY_KEYS = ("prostatectomy", "prior_radiotherapy", "psa_ng_ml", "psa_date", "gleason_score", "adt")
SIDECAR = {"Units": "g/mL", "Manufacturer": "psmap", "ManufacturersModelName": "phantom", "TracerName": "68Ga-PSMA-11"}
HISTORY = {
    "prostatectomy": True, "prior_radiotherapy": False, "psa_ng_ml": 0.42, "psa_date": "2026-01-31", "gleason_score": 7,
    "adt": None,
}  # fmt: skip
_JSON_VALUES = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "-0.0", "9" * 5000, "0." + "1" * 9000, "null", "true", "false",
    "[]", "{}", '""', '"\\ud800"', '"\\udcff\\u0000"', '"\\u202e\\u001b[31m"', '"2026-02-31"', '"2026-13-01"',
    '"99999-01-01"',
    "1", "-1", '"true"', '"0.4"', '"Bq/mL"', '"SUV"', '"g/mL "', '"' + "x" * 70000 + '"', "[" * 300 + "]" * 300,
    '{"a":' * 200 + "1" + "}" * 200, "01", "+1", "'a'", "undefined", "// c", '"\t"', "1.7976931348623157e308", "5e-324",
    '"{{7*7}}"', '"<script>"', '"68Ga-PSMA-11"', '"FDG"', "20260131", "1e2", "7.0", "7.5",
)  # fmt: skip


@functools.cache
def images() -> dict[str, Images]:
    """Undamaged sets of files by name: pet.nii.gz and pet.json, ct, labels, history."""
    dice = np.random.default_rng(8)
    pet = dice.uniform(0.0, 12.0, _SHAPE)
    hu = dice.integers(-1000, 1500, _SHAPE)
    labels = dice.integers(0, 4, _SHAPE)
    text = {"pet.json": json.dumps(SIDECAR).encode(), "history.json": json.dumps(HISTORY).encode()}
    sets = {}
    for name, kind, squeeze, types in (
        ("NIfTI-1 gzipped", Nifti1Image, True, ("f4", "i2", "u2")),
        ("NIfTI-1", Nifti1Image, False, ("f8", "i2", "u1")),
        ("NIfTI-2 gzipped", Nifti2Image, True, ("f4", "i4", "i4")),
        ("NIfTI-1 big endian", Nifti1Image, False, (">f4", ">i2", ">u2")),
    ):
        arrays = {"pet": pet, "ct": hu, "labels": labels}
        written = {
            f"{part}.nii": _image(kind, array.astype(wanted))
            for (part, array), wanted in zip(arrays.items(), types, strict=True)
        }
        if squeeze:
            written = {f"{part}.gz": gzip.compress(content, 1, mtime=0) for part, content in written.items()}
        sets[name] = {**written, **text}
    return sets


def _image(kind: Any, array: npt.NDArray[Any]) -> bytes:
    image = kind(array, _AFFINE, dtype=array.dtype)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_sform(_AFFINE, code=1)
    image.header.set_qform(_AFFINE, code=1)
    if array.dtype.byteorder == ">":
        image = kind(array, _AFFINE, image.header.as_byteswapped(">"))
    content: bytes = image.to_bytes()
    return content


def _one(files: Images, dice: Dice) -> str:
    names = [name for name in files if ".nii" in name]
    return names[0] if dice.random() < 0.6 else names[int(dice.integers(0, len(names)))]


def _within(spoil: Callable[[bytes, Dice], bytes]) -> Spoiler:
    """Spoil one image; of a gzipped one the inside in two cases of three."""

    def spoiler(files: Images, dice: Dice) -> Images:
        name = _one(files, dice)
        inside = name.endswith(".gz") and dice.random() < 0.67
        content = gzip.decompress(files[name]) if inside else files[name]
        if dice.random() < 0.5 and len(content) > 352 and spoil is not SPOILS["truncated"]:
            content = spoil(content[:352], dice) + content[352:]
        else:
            content = spoil(content, dice)
        return {**files, name: gzip.compress(content, 1, mtime=0) if inside else content}

    return spoiler


def _header_fields(files: Images, dice: Dice) -> Images:
    """One to three fields of a header at ends of their range, NaN and infinity among them."""
    name = _one(files, dice)
    squeezed = name.endswith(".gz")
    content = gzip.decompress(files[name]) if squeezed else files[name]
    little = content[:2] in (b"\x5c\x01", b"\x1c\x02")
    size = int.from_bytes(content[:4], "little" if little else "big")
    header = _HEADERS[size](content[:size], endianness="<" if little else ">", check=False)
    fields = [field for field in header.structarr.dtype.names if field not in ("sizeof_hdr", "magic")]
    for _ in range(int(dice.integers(1, 4))):
        field = fields[int(dice.integers(0, len(fields)))]
        _spoil_field(header.structarr, field, dice)
    content = header.structarr.tobytes() + content[size:]
    return {**files, name: gzip.compress(content, 1, mtime=0) if squeezed else content}


def _spoil_field(header: npt.NDArray[Any], field: str, dice: Dice) -> None:
    kind = header.dtype[field].base
    if kind.kind == "S":
        header[field] = dice.bytes(kind.itemsize)
        return
    if kind.kind == "f":
        value: Any = float(dice.choice(_FLOATS))
    else:
        value = np.frombuffer(extreme_word(kind.itemsize, dice), kind.newbyteorder("<"))[0]
    shape = header.dtype[field].shape
    with np.errstate(all="ignore"):
        if shape:
            header[field][int(dice.integers(0, shape[0]))] = value
        else:
            header[field] = value


def _known_types(files: Images, dice: Dice) -> Images:
    """Another type of voxel, known or not, with the number of bytes that it needs or not."""
    name = _one(files, dice)
    content = bytearray(gzip.decompress(files[name]) if name.endswith(".gz") else files[name])
    code = int(dice.choice([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304, 255, 3]))
    content[70:72] = code.to_bytes(2, "little")
    content[72:74] = int(dice.choice([0, 1, 8, 16, 24, 32, 64, 96, 128, 256])).to_bytes(2, "little")
    if dice.random() < 0.7:
        content += dice.bytes(256 * 32)
    return {**files, name: gzip.compress(bytes(content), 1, mtime=0) if name.endswith(".gz") else bytes(content)}


def _swollen(files: Images, dice: Dice) -> Images:
    """A gzip bomb: an image followed by 4 to 80 MB of zeros, with dimensions to match or without."""
    name = _one(files, dice)
    if not name.endswith(".gz"):
        return _within(SPOILS["repeated block"])(files, dice)
    content = bytearray(gzip.decompress(files[name]))
    if dice.random() < 0.5 and content[:4] == b"\x5c\x01\0\0":
        content[42:48] = b"".join(int(dice.choice([1, 200, 1000, 32767])).to_bytes(2, "little") for _ in range(3))
    squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
    made = squeeze.compress(bytes(content))
    for _ in range(int(dice.choice([1, 5, 20], p=[0.6, 0.3, 0.1]))):
        made += squeeze.compress(b"\0" * 4_000_000)
    return {**files, name: made + squeeze.flush()}


def _gzip_tampered(files: Images, dice: Dice) -> Images:
    """Several gzip members, a wrong trailer, flags, or junk behind."""
    name = _one(files, dice)
    content = files[name] if name.endswith(".gz") else gzip.compress(files[name], 1, mtime=0)
    kind = int(dice.integers(0, 5))
    if kind == 0:
        return {**files, name: content * 2}
    if kind == 1:
        return {**files, name: content[:-8] + dice.bytes(8)}
    if kind == 2:
        return {**files, name: content[:3] + dice.bytes(1) + content[4:]}
    if kind == 3:
        return {**files, name: content + dice.bytes(int(dice.integers(1, 100)))}
    return {**files, name: gzip.compress(content)}


def _strange_voxels(files: Images, dice: Dice) -> Images:
    """Voxels that are NaN, infinite, enormous, negative or fractions."""
    name = _one(files, dice)
    squeezed = name.endswith(".gz")
    content = gzip.decompress(files[name]) if squeezed else files[name]
    start = 352 if content[:2] in (b"\x5c\x01", b"\x01\x5c", b"\0\0") else 544
    wanted = np.dtype(str(dice.choice(["<f4", "<f8", "<i2", "<u2", "<i4"])))
    words = np.array([float(dice.choice(_FLOATS)) if wanted.kind == "f" else 0]).astype(wanted).tobytes()
    if wanted.kind != "f":
        words = extreme_word(wanted.itemsize, dice)
    at = start + int(dice.integers(0, max(1, len(content) - start - 8)))
    content = content[:at] + words + content[at + len(words) :]
    return {**files, name: gzip.compress(content, 1, mtime=0) if squeezed else content}


def _swapped_files(files: Images, dice: Dice) -> Images:
    """One file in the place of another."""
    names = list(files)
    one, other = (names[int(at)] for at in dice.choice(len(names), 2, replace=False))
    return {**files, one: files[other], other: files[one]}


def _sidecar(files: Images, dice: Dice) -> Images:
    return {**files, "pet.json": spoiled_json(SIDECAR, _KNOWN_KEYS, dice)}


def _history(files: Images, dice: Dice) -> Images:
    return {**files, "history.json": spoiled_json(HISTORY, _HISTORY_KEYS, dice)}


def spoiled_json(document: dict[str, Any], keys: tuple[str, ...], dice: Dice) -> bytes:
    """A JSON document whose values, keys, nesting or encoding are not what they should be."""
    kind = int(dice.integers(0, 7))
    if kind == 0:
        return list(SPOILS.values())[int(dice.integers(0, len(SPOILS)))](json.dumps(document).encode(), dice)
    if kind == 1:
        depth = int(dice.choice([10, 900, 5000, 100_000]))
        opening, closing = ("[", "]") if dice.random() < 0.5 else ('{"Units":', "}")
        return (opening * depth + "1" + closing * (depth if dice.random() < 0.7 else 0)).encode()
    if kind == 2:
        return json.dumps(document).encode(str(dice.choice(["utf-8-sig", "utf-16", "utf-32", "utf-7"])))
    if kind == 3:
        return dice.bytes(int(dice.integers(0, 300)))
    texts = {key: json.dumps(value) for key, value in document.items()}
    pairs = list(texts.items())
    for _ in range(int(dice.integers(1, 4))):
        key = keys[int(dice.integers(0, len(keys)))]
        if dice.random() < 0.15:
            key = ("", "__proto__", "x" * 3000, "a\\nb", "\\u001b[2J", "\\ud800")[int(dice.integers(0, 6))]
        value = _JSON_VALUES[int(dice.integers(0, len(_JSON_VALUES)))]
        if kind == 4:
            pairs = [(name, value if name == key else text) for name, text in pairs]
        else:
            pairs.append((key, value))
    return ("{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}").encode("utf-8", "surrogatepass")


SPOILERS: dict[str, Spoiler] = {
    **{name: _within(spoil) for name, spoil in SPOILS.items()},
    "header fields": _header_fields,
    "voxel type": _known_types,
    "gzip bomb": _swollen,
    "gzip tampered": _gzip_tampered,
    "strange voxels": _strange_voxels,
    "files exchanged": _swapped_files,
}
"""Every way to spoil the images."""

JSON_SPOILERS: dict[str, Spoiler] = {"sidecar": _sidecar, "history": _history}
"""Every way to spoil the text beside them."""
