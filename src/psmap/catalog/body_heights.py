"""Where along the body every structure usually lies."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = "body_heights.toml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    source: Annotated[str, Field(min_length=10)]
    height_mm: Annotated[dict[str, float], Field(min_length=1)]


@cache
def load_body_heights() -> Mapping[str, float]:
    """Id without its side -> mm above the middle of L5, of `catalog/body_heights.toml`."""
    return parse_body_heights(files("psmap.catalog").joinpath(FILE).read_text("utf-8"))


def parse_body_heights(text: str) -> Mapping[str, float]:
    """Heights of a TOML text. `ValueError` where it is no such table."""
    try:
        return MappingProxyType(_Table.model_validate(tomllib.loads(text)).height_mm)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ValueError(f"catalogue entry {FILE}: {error}") from error
