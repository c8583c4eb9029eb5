"""Where in a man a focus of a place may lie: where its centre, what its body keeps to, and what it keeps out of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.nodes import raw_stations
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import Solid, common, ellipsoid, grown
from psmap.phantom.lesions.focus import DrawnFocus, FocusKind
from psmap.phantom.lesions.region import Crowd, Region

NO_NODE_IN = (
    "bladder", "bladder_wall", "rectum", "colon_*", "small_bowel", "jejunum_*", "duodenum", "stomach", "oesophagus",
    "trachea", "bronchi", "heart_wall*", "pericardium", "pulmonary_artery", "kidney_*", "ureter_*",
    "prostate_peripheral", "seminal_vesicle_*", "liver", "pancreas", "psoas_*", "obturator_internus_*", "levator_ani",
    "spinal_cord", "thyroid", "submandibular_*", "parotid_*", "hip_prosthesis",
)  # fmt: skip
"""Structures, besides bones and vessels, that a node lies beside, not in."""
NO_RECURRENCE_IN = (
    "bladder", "urethra", "rectum", "obturator_internus_*", "hip_bone_left", "hip_bone_right", "hip_prosthesis",
)  # fmt: skip
BESIDE, BESIDE_MM = 0.7, 8.0
"""How far from the seam of bladder and urethra a recurrence's centre may lie: of its least half axis, and at most."""
UPPER_PART = 0.55
"""Red marrow of femur and humerus lies in their upper halves (Cristy 1981, Phys Med Biol 26:389)."""
_JOINT = {"femur": "hip_bone", "humerus": "scapula"}
_PLAIN = ("skin", "fat", "muscle", "visceral_fat", "mesorectum")


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """Where foci of one place may lie, in the reference frame.

    Args:
        centres: where their centres lie.
        body: what they lie in; None where they may lie beside it.
        shut: what they keep out of.
        alone: the place by itself, for where nothing is left of `centres`.
    """

    centres: Region
    body: Region | None
    shut: Crowd
    alone: Solid


class Rooms:
    """The rooms of one man; each is made when a focus first asks for it."""

    def __init__(self, man: Man, structures: tuple[Structure, ...]) -> None:
        self._order = sorted(structures, key=lambda structure: structure.layer)
        self._solids = {structure.name: structure.solid for structure in self._order}
        self._man = man
        self._stations: Mapping[str, Solid] = {}
        self._found: dict[tuple[str, float], Room] = {}

    def of(self, focus: DrawnFocus) -> Room:
        """The room of a focus.

        Raises:
            ValueError: if the man has no such structure or station.
        """
        beside = focus.kind is FocusKind.LOCAL_RECURRENCE and focus.place != "prostate_bed"
        key = (focus.place, min(BESIDE_MM, round(BESIDE * min(focus.half_axes_mm), 1)) if beside else 0.0)
        if key not in self._found:
            self._found[key] = self._room(focus, key[1])
        return self._found[key]

    def _room(self, focus: DrawnFocus, beside_mm: float) -> Room:
        place = focus.place
        if focus.kind is FocusKind.NODE:
            return self._station(place)
        if place not in self._solids:
            raise ValueError(f"the man has no {place}")
        if focus.kind is FocusKind.LOCAL_RECURRENCE:
            return self._recurrence(place, beside_mm)
        return self._bone(place) if f"{place}_marrow" in self._solids else self._organ(place)

    def _station(self, place: str) -> Room:
        """What is left of a nodal station beside vessels, bones and organs, and stations that come before it."""
        if not self._stations:
            self._stations = raw_stations(self._man)
        if place not in self._stations:
            raise ValueError(f"the man has no {place}")
        names = list(self._stations)
        before = [self._stations[name] for name in names[: names.index(place)]]
        shut = [s.solid for s in self._order if s.layer in (Layer.VESSEL, Layer.BONE) or _any(s.name, NO_NODE_IN)]
        solid = self._stations[place]
        return Room(Region(solid, (*before, *shut)), None, Crowd(shut), solid)

    def _recurrence(self, place: str, beside_mm: float) -> Room:
        """In the bed, or so near to the seam that it touches it; never in urine."""
        solid = self._solids[place]
        shut = [s.solid for s in self._order if _any(s.name, NO_RECURRENCE_IN)]
        return Room(Region(grown(solid, beside_mm) if beside_mm else solid, shut), None, Crowd(shut), solid)

    def _bone(self, place: str) -> Room:
        marrow = inner = self._solids[f"{place}_marrow"]
        bone, _, side = place.partition("_")
        if bone in _JOINT:
            inner = common(marrow, _upper_part(self._solids[place], self._solids[f"{_JOINT[bone]}_{side}"]))
        whole = Region(self._solids[place], self._over(place, f"{place}_marrow"))
        return Room(Region(inner, self._over(f"{place}_marrow")), whole, Crowd(()), marrow)

    def _organ(self, place: str) -> Room:
        seen = Region(self._solids[place], self._over(place))
        return Room(seen, seen, Crowd(()), self._solids[place])

    def _over(self, place: str, own: str = "") -> list[Solid]:
        """Structures that are painted over a structure."""
        names = [structure.name for structure in self._order]
        later = self._order[names.index(place) + 1 :]
        return [s.solid for s in later if s.name != own and s.name not in _PLAIN]


def _upper_part(bone: Solid, joint: Solid) -> Solid:
    """All that is nearer to the joint than a part of the bone's length."""
    low, high = np.array(joint.low), np.array(joint.high)
    x, y, z = (float(n) for n in (low + high) / 2.0)
    reach = UPPER_PART * float(np.linalg.norm(np.array(bone.high) - np.array(bone.low)))
    return ellipsoid((x, y, z), (reach, reach, reach))


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
