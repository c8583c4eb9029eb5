"""The anatomical vocabulary: every structure by id, with name, SNOMED CT code, group and source.

The digital man is painted of most of them; the rest are wholes that other programs and the network name, last in order.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psmap.domain.acquisition import Code

Group = Literal[
    "body",
    "organ",
    "bowel",
    "gland",
    "vessel",
    "bone",
    "marrow",
    "muscle",
    "urinary",
    "genital",
    "ganglion",
    "nodes",
    "airway",
    "implant",
]
Laterality = Literal["left", "right"]
GROUPS: tuple[str, ...] = get_args(Group)

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class AnatomyEntry:
    """One structure of the vocabulary.

    Args:
        id: name of the structure in label maps and tables, 'kidney_cortex_left'.
        name: as it is printed.
        code: what it is, left and right alike; None where we know no code.
        group: one of `GROUPS`.
        laterality: 'left' or 'right', None for what has no side.
        source: where the code and the figures come from.
        painted: the digital man is painted of it.
    """

    id: str
    name: str
    code: Code | None
    group: str
    laterality: str | None
    source: str
    painted: bool = True


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    name: Text
    code: Annotated[str, Field(pattern=r"^[0-9]*$")]
    scheme: Literal["SCT"] = "SCT"
    group: Group
    laterality: Laterality | None = None
    painted: bool = True
    source: Text


@cache
def painted_anatomy() -> Mapping[str, AnatomyEntry]:
    """The part of `load_anatomy` that the digital man is painted of, in the same order."""
    return MappingProxyType({name: entry for name, entry in load_anatomy().items() if entry.painted})


@cache
def load_anatomy() -> Mapping[str, AnatomyEntry]:
    """Structure id -> entry, of all files of `catalog/anatomy/`, in the order of the files' names.

    Raises:
        ValueError: an entry is incomplete or an id stands twice; it names file and entry.
    """
    found: dict[str, AnatomyEntry] = {}
    folder = files("psmap.catalog").joinpath("anatomy")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".toml"):
            continue
        for entry in parse_anatomy(file.read_text("utf-8"), file.name):
            if entry.id in found:
                raise ValueError(f"catalogue entry {file.name}, {entry.id}: the id stands twice in the catalogue")
            found[entry.id] = entry
    return MappingProxyType(found)


def parse_anatomy(text: str, file: str) -> tuple[AnatomyEntry, ...]:
    """Entries of a TOML text; `file` is the name that errors carry. `ValueError` names file, entry and key."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"catalogue entry {file} is no TOML: {error}") from error
    structures = tables.pop("structure", [])
    if tables or not isinstance(structures, list):
        raise ValueError(f"catalogue entry {file}: only [[structure]] tables belong here")
    entries = tuple(_entry(table, file) for table in structures)
    ids = [entry.id for entry in entries]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"catalogue entry {file}: the ids {', '.join(twice)} stand twice")
    return entries


def _entry(table: Any, file: str) -> AnatomyEntry:
    where = f"{file}, {table.get('id', 'without id') if isinstance(table, dict) else 'no table'}"
    try:
        read = _Entry.model_validate(table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError(f"catalogue entry {where}: {faults}") from error
    side = next((side for side in get_args(Laterality) if f"_{side}" in read.id), None)
    if read.laterality is not None and read.laterality != side:
        raise ValueError(f"catalogue entry {where}: laterality: the id says {side or 'no side'}")
    # a wider code means neither side; that of a single structure ('Left atrium') says its side itself
    meaning = re.sub(r"(?i),? ?\b(left|right)\b ?", "", read.name) if read.laterality or read.painted else read.name
    code = Code(read.code, read.scheme, meaning[:1].upper() + meaning[1:]) if read.code else None
    return AnatomyEntry(read.id, read.name, code, read.group, read.laterality, read.source, read.painted)
