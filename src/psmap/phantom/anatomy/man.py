"""One man: what is drawn for him by the dice, from which everything else follows without any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from psmap.domain.geometry import Vector
from psmap.phantom.anatomy.bend import Bend
from psmap.phantom.anatomy.solids import Solid, moved

REFERENCE_HEIGHT_M = 1.76
REFERENCE_WEIGHT_KG = 73.0
"""The reference adult man, ICRP Publication 89."""


class Arms(StrEnum):
    """Where the arms lie."""

    UP = "up"
    DOWN = "down"


class Side(StrEnum):
    """Left or right of the man."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class OrganSize:
    """One man's organ against the reference man's: linear scale along x, y, z and shift of its centre (mm)."""

    scale: Vector = (1.0, 1.0, 1.0)
    shift_mm: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Man:
    """Everything that makes this man differ from the reference man.

    Args:
        height_m, weight_kg: his size.
        age_years: his age.
        arms: up beside the head, or down.
        fat_mm: thickness of the fat under his skin over that of the reference man (mm, negative for a lean man).
        bladder_ml: urine in the bladder.
        prostate_ml: volume of the prostate; 0 after prostatectomy.
        prostatectomy: whether bed and anastomosis stand in its place.
        prosthesis: the side of a hip prosthesis, None for none.
        organs: name of a structure, or of a group of them -> how it differs.
        bend: his space over the reference man's.
    """

    height_m: float = REFERENCE_HEIGHT_M
    weight_kg: float = REFERENCE_WEIGHT_KG
    age_years: float = 68.0
    arms: Arms = Arms.DOWN
    fat_mm: float = 0.0
    bladder_ml: float = 200.0
    prostate_ml: float = 16.5
    prostatectomy: bool = False
    prosthesis: Side | None = None
    organs: Mapping[str, OrganSize] = field(default_factory=dict)
    bend: Bend = field(default_factory=Bend)

    def own(self, name: str, solid: Solid, about: Vector) -> Solid:
        """The reference man's solid in this man's size and place, about its centre."""
        size = self.organs.get(name)
        return solid if size is None else moved(solid, about, size.scale, size.shift_mm)


REFERENCE_MAN = Man()
