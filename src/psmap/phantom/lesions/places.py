"""Where foci may lie: structures and nodal stations by region, each with its weight and what it can hold."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated

import numpy as np
from pydantic import Field

from psmap.phantom.lesions.distribution import CatalogTable, Positive, checked, lesion_catalog

_RANGE = re.compile(r"\{(\d+)-(\d+)\}")


class Place(CatalogTable):
    """Some structures that are equally likely among themselves.

    Args:
        ids: ids of `catalog/anatomy`; `{side}` stands for left and right, `{1-5}` for the numbers.
        weight: how likely they are together, against the region's other places.
        room_ml: what each can hold.
    """

    ids: Annotated[list[str], Field(min_length=1)]
    weight: Positive
    room_ml: Positive

    @property
    def structures(self) -> tuple[str, ...]:
        """Every id, written out."""
        return tuple(name for pattern in self.ids for name in written_out(pattern))


def written_out(pattern: str) -> tuple[str, ...]:
    """Ids that a pattern stands for: `rib_{1-12}_{side}` is 24 of them."""
    numbers = _RANGE.search(pattern)
    if numbers is not None:
        first, last = (int(number) for number in numbers.groups())
        each = (_RANGE.sub(str(number), pattern, count=1) for number in range(first, last + 1))
        return tuple(name for one in each for name in written_out(one))
    if "{side}" in pattern:
        return tuple(pattern.replace("{side}", side) for side in ("left", "right"))
    return (pattern,)


@cache
def places_of(region: str) -> tuple[Place, ...]:
    """The places of a region of the catalogue's table `places`."""
    return tuple(checked(Place, table, f"places.{region}") for table in lesion_catalog()["places"][region])


def draw_place(rng: np.random.Generator, places: tuple[Place, ...], volume_ml: float) -> str:
    """A structure that has room for the volume; one of the roomiest where none has."""
    most = max(place.room_ml for place in places)
    roomy = [place for place in places if place.room_ml >= min(volume_ml, most)]
    weights = np.array([place.weight for place in roomy])
    chosen = roomy[int(rng.choice(len(roomy), p=weights / weights.sum()))]
    return chosen.structures[int(rng.integers(len(chosen.structures)))]
