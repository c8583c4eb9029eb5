"""What the numbers of a label map mean, as whoever wrote it says: in a table, a JSON, or its own header."""

from __future__ import annotations

import csv
import gzip
import html
import json
import re
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psmap.domain.refusal import Refused

HIGHEST = 65535
"""Labels fit 16 bits."""
MOST_BYTES = 4_000_000
"""Names of 65,535 structures; longer texts are none."""
_LABEL = re.compile(rb'<Label\s+Key="(\d{1,9})"[^>]*>(.*?)</Label>', re.DOTALL)
_CDATA = re.compile(r"\s*<!\[CDATA\[(.*?)\]\]>\s*", re.DOTALL)
_GZIP_MAGIC = b"\x1f\x8b"
_OFFSETS = {348: (108, "f"), 540: (168, "q")}
"""sizeof_hdr of NIfTI-1 and NIfTI-2 -> where vox_offset stands, and its type (nifti1.h, nifti2.h)."""


def stem_of(path: Path) -> str:
    """'liver' of 'liver.nii.gz'."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def names_beside(path: Path, also: Path | None = None) -> Mapping[int, str] | None:
    """Number -> name of the label map at `path`; None where nobody says.

    Looked for, first found first taken: `also`, a JSON; the table of its stem with .tsv; the JSON of its stem; the
    LabelTable that TotalSegmentator writes into the header (its nifti_ext_header.py).

    Raises:
        Refused: a table or a JSON that is there and cannot be read, or says two things of one number.
    """
    stem = stem_of(path)
    if also is not None and also.is_file():
        return _of_json(also)
    if (table := path.with_name(f"{stem}.tsv")).is_file():
        return _of_table(table)
    if (document := path.with_name(f"{stem}.json")).is_file():
        found = _of_json(document, required=False)
        if found is not None:
            return found
    return _of_header(path) or None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused("the table of names is too long to be one", where=path.name, cure="check it")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(
            f"the names cannot be read ({type(error).__name__})", where=path.name, cure="write them in UTF-8"
        ) from error


def _of_table(path: Path) -> Mapping[int, str]:
    try:
        rows = list(csv.DictReader(_text(path).splitlines(), delimiter="\t"))
    except csv.Error as error:
        raise Refused(
            "the table of names cannot be read", where=path.name, cure="separate its columns by tabs"
        ) from error
    columns = set(rows[0]) if rows else set()
    if not {"index", "name"} <= columns:
        raise Refused("the table has no columns index and name", where=path.name, cure="name its columns as BIDS does")
    return _checked([(row["index"], row["name"]) for row in rows], path)


def _of_json(path: Path, required: bool = True) -> Mapping[int, str] | None:
    """Number -> name of `{"1": "liver"}`, `{"organ_indices": {"1": {"name": "liver"}}}` (MOOSE), or `{"labels":
    {"liver": 1}}` (nnU-Net's dataset.json). Another JSON beside an image is its own affair unless it is required."""
    try:
        document = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise Refused("the names are no readable JSON", where=path.name, cure="mend it, or move it away") from error
    pairs = _pairs(document)
    if pairs is not None:
        return _checked(pairs, path)
    if required:
        raise Refused("the JSON names no labels", where=path.name, cure="give number and name of each")
    return None


def _pairs(document: Any) -> list[tuple[Any, Any]] | None:
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("organ_indices"), dict):
        document = document["organ_indices"]
    elif isinstance(document.get("labels"), dict):
        document = {number: name for name, number in document["labels"].items() if isinstance(number, int | str)}
    pairs = [(number, name.get("name") if isinstance(name, dict) else name) for number, name in document.items()]
    numbered = bool(pairs) and all(str(number).isdigit() and isinstance(name, str) for number, name in pairs)
    return pairs if numbered else None


def _checked(pairs: list[tuple[Any, Any]], path: Path) -> Mapping[int, str]:
    """Numbers and names, background left out."""
    found: dict[int, str] = {}
    for number, name in pairs:
        text, called = ("" if each is None else str(each).strip() for each in (number, name))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= HIGHEST):
            raise Refused(f"index is {text[:40]!r}", where=path.name, cure=f"give whole numbers from 0 to {HIGHEST}")
        if not called.isprintable():
            raise Refused(f"the name of {text} is {called[:40]!r}", where=path.name, cure="give printable names")
        if found.get(int(text), called) != called:
            raise Refused(f"the number {text} has two names", where=path.name, cure="give each number one")
        found[int(text)] = called
    return {number: name for number, name in found.items() if number > 0 and name not in ("", "n/a")}


def _of_header(path: Path) -> Mapping[int, str]:
    """Names of the label table between header and voxels of a NIfTI; empty where there is none that can be read."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
                head = stream.read(540)
                rest = stream.read(max(0, min(_voxels_at(head), MOST_BYTES) - len(head)))
    except (OSError, EOFError, zlib.error, struct.error, ValueError, OverflowError):
        return {}  # what is wrong with the file is said when its voxels are read
    pairs = [(key.decode("ascii"), _plain(text)) for key, text in _LABEL.findall(head[348:] + rest)]
    return _checked(pairs, path)


def _voxels_at(head: bytes) -> int:
    """vox_offset of a header, in either byte order; 0 where it is no NIfTI."""
    for order in "<>":
        place = _OFFSETS.get(struct.unpack(f"{order}i", head[:4])[0])
        if place is not None:
            return int(struct.unpack_from(f"{order}{place[1]}", head, place[0])[0])
    return 0


def _plain(text: bytes) -> str:
    decoded = text.decode("utf-8", errors="replace")
    inside = _CDATA.fullmatch(decoded)
    return inside[1] if inside else html.unescape(decoded)
