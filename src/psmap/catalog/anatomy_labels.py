"""What the network of anatomy tells apart: the structures of the catalogue put together into labels and stations."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from psmap.catalog.anatomy import painted_anatomy

FILE = "anatomy_labels.toml"
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class AnatomyLabel:
    """One label.

    Args:
        id: 'kidney_left'.
        number: in label maps, from 1.
        kind: label maps of one kind look alike on CT: 'vertebra', 'vessel', ...
        structures: ids of the structures it holds.
    """

    id: str
    number: int
    kind: str
    structures: tuple[str, ...]

    @property
    def side(self) -> str | None:
        """'left', 'right', or None for what has no side."""
        return next((side for side in ("left", "right") if self.id.endswith(f"_{side}")), None)


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Both heads of the network.

    Args:
        labels: in the order of their numbers.
        stations: ids of nodal stations; the first has number 1.
    """

    labels: tuple[AnatomyLabel, ...]
    stations: tuple[str, ...]

    def number_of_structure(self) -> Mapping[str, int]:
        """Structure id -> number of its label; structures that are left out are not in it."""
        return MappingProxyType({own: label.number for label in self.labels for own in label.structures})

    def number_of_station(self) -> Mapping[str, int]:
        """Station id -> its number."""
        return MappingProxyType({name: number for number, name in enumerate(self.stations, start=1)})

    def mirrored_labels(self) -> tuple[int, ...]:
        """Number of the label of the other side for every number from 0 (background) on."""
        return _mirrored(tuple(label.id for label in self.labels))

    def mirrored_stations(self) -> tuple[int, ...]:
        """The same for stations."""
        return _mirrored(self.stations)


class _Label(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Text
    structures: Annotated[list[Text], Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: Annotated[str, Field(min_length=10)]
    left_out: list[Text]
    stations: Annotated[list[Text], Field(min_length=1)]
    label: Annotated[list[_Label], Field(min_length=1, max_length=254)]


@cache
def load_labels() -> LabelTable:
    """The labels of `catalog/anatomy_labels.toml`. `ValueError` where they do not fit the catalogue of anatomy."""
    return parse_labels(files("psmap.catalog").joinpath(FILE).read_text("utf-8"))


def parse_labels(text: str) -> LabelTable:
    """Labels of a TOML text.

    Raises:
        ValueError: no such table, a pattern that no structure answers to, or a structure in two labels or in none.
    """
    try:
        table = _Table.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ValueError(f"catalogue entry {FILE}: {error}") from error
    every = tuple(painted_anatomy())
    stations = _chosen(every, table.stations)
    labels = tuple(
        AnatomyLabel(entry.id, number, entry.kind, _chosen(every, entry.structures))
        for number, entry in enumerate(table.label, start=1)
    )
    ids = [label.id for label in labels]
    if len(set(ids)) != len(ids):
        raise ValueError(f"catalogue entry {FILE}: a label stands twice")
    placed = [*stations, *_chosen(every, table.left_out), *(own for label in labels for own in label.structures)]
    wrong = sorted({name for name in placed if placed.count(name) > 1} | (set(every) - set(placed)))
    if wrong:
        raise ValueError(f"catalogue entry {FILE}: {', '.join(wrong)}: in two labels, or in none")
    return LabelTable(labels, stations)


def _chosen(every: tuple[str, ...], patterns: list[str]) -> tuple[str, ...]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in every):
            raise ValueError(f"catalogue entry {FILE}: no structure is called {pattern}")
    return tuple(name for name in every if any(fnmatchcase(name, pattern) for pattern in patterns))


def _mirrored(ids: tuple[str, ...]) -> tuple[int, ...]:
    number = {name: place for place, name in enumerate(ids, start=1)}
    other = {"left": "right", "right": "left"}
    found = [0]
    for name in ids:
        stem, _, end = name.rpartition("_")
        # a station on one side only (left of the aorta) has no twin and stays what it is
        found.append(number.get(f"{stem}_{other.get(end, end)}", number[name]))
    return tuple(found)
