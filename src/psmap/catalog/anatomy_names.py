"""What other programs call the structures of the catalogue of anatomy: their names, and what of them we leave out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psmap.catalog.anatomy import load_anatomy

OWN = "psmap"
"""Whose names are the ids of the catalogue themselves."""

_SIDES = re.compile(r"(?:^|_)(left|right)(?=_|$)")

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class NameTable:
    """The names of one program.

    Args:
        program: as it is printed, 'TotalSegmentator'.
        ids: its name, in small letters -> id of the catalogue; several names may have one id.
        left_out: its name, in small letters -> why we do not read it.
        source: where the names come from.
    """

    program: str
    ids: Mapping[str, str]
    left_out: Mapping[str, str]
    source: str

    def id_of(self, name: str) -> str | None:
        """Id of a structure by the program's name, whatever its letters' case; None where we have none."""
        return self.ids.get(name.strip().lower())

    def known(self, names: Iterable[str]) -> int:
        """How many of the names the program has, those that we leave out among them."""
        plain = (name.strip().lower() for name in names)
        return sum(name in self.ids or name in self.left_out for name in plain)


class _LeftOut(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    why: Annotated[str, Field(min_length=10)]
    names: Annotated[list[Text], Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    program: Text
    source: Annotated[str, Field(min_length=10)]
    names: Annotated[dict[Text, Text], Field(min_length=1)]
    left_out: list[_LeftOut] = []


@cache
def load_names() -> Mapping[str, NameTable]:
    """Program, in small letters -> its names: psmap's own ids first, then the files of `catalog/anatomy_names/`.

    Raises:
        ValueError: an entry is incomplete or does not fit the catalogue of anatomy; it names the file.
    """
    own = {name: name for name in load_anatomy()}
    found = {OWN: NameTable(OWN, MappingProxyType(own), MappingProxyType({}), "catalog/anatomy")}
    folder = files("psmap.catalog").joinpath("anatomy_names")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            table = parse_names(file.read_text("utf-8"), file.name)
            found[table.program.lower()] = table
    return MappingProxyType(found)


def parse_names(text: str, file: str) -> NameTable:
    """Names of a TOML text; `file` is the name that errors carry.

    Raises:
        ValueError: no such table, an id that the catalogue has not or of the other side, or a name that stands twice.
    """
    try:
        table = _Table.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ValueError(f"catalogue entry {file}: {error}") from error
    unknown = sorted(set(table.names.values()) - set(load_anatomy()))
    if unknown:
        raise ValueError(f"catalogue entry {file}: no structure is called {', '.join(unknown)}")
    for name, own in table.names.items():
        if not _same_side(name, own):
            raise ValueError(f"catalogue entry {file}: {name} and {own} are of two sides")
    every = [name.lower() for name in table.names]
    every += [name.lower() for group in table.left_out for name in group.names]
    twice = sorted({name for name in every if every.count(name) > 1})
    if twice:
        raise ValueError(f"catalogue entry {file}: {', '.join(twice)} stand twice")
    return NameTable(
        table.program,
        MappingProxyType({name.lower(): own for name, own in table.names.items()}),
        MappingProxyType({name.lower(): group.why for group in table.left_out for name in group.names}),
        table.source,
    )


def _same_side(name: str, own: str) -> bool:
    """Whether both say the same side, or one of them none."""
    theirs, ours = set(_SIDES.findall(name.lower())), set(_SIDES.findall(own))
    return not theirs or not ours or theirs == ours
