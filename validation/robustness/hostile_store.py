"""Damaged files in the store of step results: cut, flipped, or a right zip whose arrays and tree lie."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hostile_bytes import SPOILS, Dice

from psmap.domain.acquisition import PetSlice
from psmap.domain.case import History
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.io.store import Store

Spoiler = Callable[[bytes, Dice], bytes]
KEY = "kept"
_TREES = (
    "null", "[]", "{}", '{"tree": 1}', '{"noun": "Grid"}', '{"noun": "os", "fields": {}}', '{"array": "none"}',
    '{"tuple": 5}',
    '{"word": "Verdict", "value": "none"}', '{"word": [], "value": 1}', '{"map": [[1]]}', '{"map": [[{"map": []}, 1]]}',
    '{"noun": "History", "fields": {"nothing": 1}}', '{"noun": "Grid", "fields": []}', "1e999",
    "9" * 5000, "[" * 100_000,
    '{"tuple":[' * 3000 + "1" + "]}" * 3000, '{"noun": "Grid", "fields": {"shape": 1, "origin_mm": 2, "axes_mm": 3}}',
    "\ud800",
)  # fmt: skip


@functools.cache
def kept() -> bytes:
    """What the store writes for a value with nouns, arrays, text and numbers."""
    grid = Grid((2, 3, 4), (0.0, 0.0, 0.0), ((0.0, 0.0, 3.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    labels = LabelImage(grid, np.arange(24, dtype=np.int32).reshape(2, 3, 4))
    with TemporaryDirectory() as folder:
        Store(Path(folder)).put(KEY, (labels, History(), PetSlice(None, None, 1.0, None), {"name": "x", "number": 2.5}))
        return (Path(folder) / f"{KEY}.npz").read_bytes()


def _members(change: Callable[[str, bytes, Dice], bytes]) -> Spoiler:
    """A right zip, with right checksums, round changed members."""

    def spoiler(content: bytes, dice: Dice) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
            for name in old.namelist():
                if dice.random() < 0.9:
                    new.writestr(zipfile.ZipInfo(name), change(name, old.read(name), dice))
        return stream.getvalue()

    return spoiler


def _any_bytes(_name: str, content: bytes, dice: Dice) -> bytes:
    return list(SPOILS.values())[int(dice.integers(0, len(SPOILS)))](content, dice)


def _array_headers(_name: str, content: bytes, dice: Dice) -> bytes:
    """The text header of an npy file replaced, with the length that fits it."""
    headers = (
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<i4', 'fortran_order': 0, 'shape': 'x', }",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999,), }", "{'descr': '<i4'}",
        "{", "(" * 3000, "1L", "",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<i4', 'fortran_order': True, 'shape': (24L,)}",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (3,), }", "{'descr': '<U99999999', 'shape': (9,)}",
        "\n\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "[" * 90 + "]" * 90,
        "{'descr': '<M8[as]', 'shape': (1,)}",
    )  # fmt: skip
    if dice.random() < 0.3:
        return content
    text = headers[int(dice.integers(0, len(headers)))].encode()
    version = int(dice.choice([1, 2, 3, 4]))
    return (
        b"\x93NUMPY"
        + bytes((version, 0))
        + len(text).to_bytes(2 if version == 1 else 4, "little")
        + text
        + content[-96:]
    )


def _trees(name: str, content: bytes, dice: Dice) -> bytes:
    """Another tree of nouns in place of the right one."""
    if name != "tree.npy":
        return content
    text = _TREES[int(dice.integers(0, len(_TREES)))].encode("utf-8", "surrogatepass")
    if dice.random() < 0.4:
        start = content.find(b"{", 20)
        tree = json.loads(content[start:])
        tree["tuple"][int(dice.integers(0, 4))] = json.loads(_TREES[int(dice.integers(0, 10))])
        text = json.dumps(tree).encode()
    stream = io.BytesIO()
    np.save(stream, np.frombuffer(text, np.uint8))
    return stream.getvalue()


SPOILERS: dict[str, Spoiler] = {
    **SPOILS,
    "bytes of arrays": _members(_any_bytes),
    "headers of arrays": _members(_array_headers),
    "tree of nouns": _members(_trees),
}
"""Every way to spoil what the store kept."""
