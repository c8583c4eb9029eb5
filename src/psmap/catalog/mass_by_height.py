"""Which share of the reference man's mass lies below every height of him."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = "mass_by_height.toml"
Row = Annotated[list[float], Field(min_length=2)]


@dataclass(frozen=True, slots=True)
class MassByHeight:
    """Shares of his mass, from 0 upwards, below each height.

    Args:
        z_mm: heights in the reference man's frame, ascending.
        up: with the arms raised beside the head; the last is 1.
        down: with the arms hanging; the last is 1.
        without: what is not arms, as a share of the man with them; the last is below 1.
        source: where they come from.
    """

    z_mm: tuple[float, ...]
    up: tuple[float, ...]
    down: tuple[float, ...]
    without: tuple[float, ...]
    source: str


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: Annotated[str, Field(min_length=10)]
    z_mm: Row
    up: Row
    down: Row
    without: Row


@cache
def load_mass_by_height() -> MassByHeight:
    """The table of `catalog/mass_by_height.toml`."""
    return parse_mass_by_height(files("psmap.catalog").joinpath(FILE).read_text("utf-8"))


def parse_mass_by_height(text: str) -> MassByHeight:
    """A table of a TOML text.

    Raises:
        ValueError: no such table, rows of unlike length, heights that do not rise, or shares that fall or leave 0 to 1.
    """
    try:
        table = _Table.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ValueError(f"catalogue entry {FILE}: {error}") from error
    if any(high <= low for low, high in pairwise(table.z_mm)):
        raise ValueError(f"catalogue entry {FILE}: z_mm: heights have to rise")
    for name, row in (("up", table.up), ("down", table.down), ("without", table.without)):
        falls = any(high < low for low, high in pairwise(row))
        if len(row) != len(table.z_mm) or falls or row[0] != 0.0 or row[-1] > 1.0:
            raise ValueError(f"catalogue entry {FILE}: {name}: one share a height, rising from 0 to 1 at most")
    return MassByHeight(tuple(table.z_mm), tuple(table.up), tuple(table.down), tuple(table.without), table.source)
