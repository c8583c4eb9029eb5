"""The content-addressed store: one file a step's result, named by the hash of everything that went into it.

Values are nouns of the domain; they are written as JSON plus arrays in one npz file. Nothing is pickled, so a folder
from elsewhere can hold wrong numbers but cannot run code.
"""

from __future__ import annotations

import hashlib
import json
import struct
import warnings
import zipfile
import zlib
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from psmap.domain.acquisition import Code, PetSlice
from psmap.domain.anatomy import (
    Absence,
    Anatomy,
    DrawnVoi,
    FoundStructure,
    MeasuredReferences,
    MissingStructure,
    OrganUptakeRow,
    Reference,
    ReferenceOrgan,
    ReferenceVoi,
    SitePlace,
)
from psmap.domain.burden import BurdenEntry, TumourBurden
from psmap.domain.case import History
from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, LabelImage, PetImage
from psmap.domain.parameters import PeakCentre, PeakWeight, ReadParameters, Threshold, ThresholdKind
from psmap.domain.suv import AlternativeReading, SuvConversion, SuvType
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, FindingClass, UptakeSite, Verdict
from psmap.io.atomic import whole_file

_NOUNS: dict[str, type] = {
    noun.__name__: noun
    for noun in (
        AlternativeReading, Anatomy, BurdenEntry, Code, CtImage, DrawnVoi, Finding, FoundStructure, Grid, History,
        LabelImage, MeasuredReferences, MissingStructure, OrganUptakeRow, PetImage, PetSlice, ReadParameters, Reference,
        ReferenceVoi, SitePlace, SuvConversion, Threshold, Tracer, TumourBurden, UptakeSite,
    )
}  # fmt: skip
_WORDS: dict[str, type[Enum]] = {
    word.__name__: word
    for word in (Absence, FindingClass, PeakCentre, PeakWeight, ReferenceOrgan, SuvType, ThresholdKind, Verdict)
}
_TREE = "tree"
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    MemoryError,
    RuntimeError,  # NotImplementedError and RecursionError among them
    SyntaxError,
    TokenError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What numpy, zipfile and json can raise on a damaged file."""


class Store:
    """A folder of step results. A kill at any moment leaves whole entries only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __contains__(self, key: str) -> bool:
        return self._path(key).is_file()

    def put(self, key: str, value: object) -> None:
        """Keep a value made of nouns, enums, tuples, string-keyed dicts, arrays, numbers, strings and None."""
        arrays: dict[str, npt.NDArray[Any]] = {}
        tree = json.dumps(_encode(value, arrays), allow_nan=False)
        arrays[_TREE] = np.frombuffer(tree.encode("utf-8"), dtype=np.uint8)
        with whole_file(self._path(key)) as part, part.open("wb") as file:
            save = np.savez_compressed if any(map(_worth_packing, arrays.values())) else np.savez
            save(file, allow_pickle=False, **arrays)

    def get(self, key: str) -> object:
        """The value of a key.

        Raises:
            KeyError: the store does not hold it, or its file is damaged (it is then to be made again).
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # numpy's, of headers that it did not write
                with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                    arrays = {name: archive[name] for name in archive.files}
                return _decode(json.loads(bytes(arrays[_TREE]).decode("utf-8")), arrays)
        except _DAMAGED as damaged:
            raise KeyError(key) from damaged

    def _path(self, key: str) -> Path:
        return self.root / f"{key}.npz"


def content_key(*parts: object) -> str:
    """SHA-256 over the canonical JSON of the parts, arrays included."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    digest = hashlib.sha256(json.dumps(_encode(parts, arrays), sort_keys=True, allow_nan=False).encode("utf-8"))
    for array in arrays.values():
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _worth_packing(array: npt.NDArray[Any]) -> bool:
    """Whether an array is a large label map: it packs to a hundredth, where floats take long and stay as they are."""
    return array.dtype.kind == "u" and array.size > 1_000_000


def _encode(value: object, arrays: dict[str, npt.NDArray[Any]]) -> object:
    if isinstance(value, Enum):
        return {"word": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple | list):
        return {"tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        return {"map": [[_encode(key, arrays), _encode(item, arrays)] for key, item in value.items()]}
    if is_dataclass(value) and type(value).__name__ in _NOUNS:
        stored = {field.name: _encode(getattr(value, field.name), arrays) for field in fields(value) if field.init}
        return {"noun": type(value).__name__, "fields": stored}
    raise TypeError(f"the store cannot hold a {type(value).__name__}")


def _decode(tree: Any, arrays: dict[str, npt.NDArray[Any]]) -> object:
    if not isinstance(tree, dict):
        return tree
    if "word" in tree:
        return _WORDS[tree["word"]](tree["value"])
    if "array" in tree:
        return arrays[tree["array"]]
    if "tuple" in tree:
        return tuple(_decode(item, arrays) for item in tree["tuple"])
    if "map" in tree:
        return {_decode(key, arrays): _decode(item, arrays) for key, item in tree["map"]}
    return _NOUNS[tree["noun"]](**{name: _decode(item, arrays) for name, item in tree["fields"].items()})
