"""Which structures are drawn, in which colour and under which name: few colours, one for each family of organs."""

from __future__ import annotations

import re
from enum import StrEnum
from fnmatch import fnmatchcase

from psmap.domain.anatomy import FoundStructure


class Family(StrEnum):
    """Structures that share a colour."""

    BONES = "bones"
    VESSELS = "vessels"
    ORGANS = "organs of the trunk and head"
    BOWEL = "stomach and bowel"
    URINARY = "kidneys, urinary tract, prostate"
    GLANDS = "glands"


FAMILY_COLOURS: dict[Family, str] = {
    Family.BONES: "#B08A0A",
    Family.VESSELS: "#8E1622",
    Family.ORGANS: "#2747A8",
    Family.BOWEL: "#5C575C",
    Family.URINARY: "#4F97AD",
    Family.GLANDS: "#DF84E6",
}
"""One colour a family; a test holds them apart as seen with each of the three common colour blindnesses."""

VOI_COLOUR = "#111111"
"""References are drawn in black with a white edge, as nothing else is."""

ORGAN_COLOUR = "#B795CC"
"""Outlines of organs on projections: one quiet colour, seen on white and on black, that no verdict has."""

_FAMILY_OF_GROUP = {
    "bone": Family.BONES,
    "implant": Family.BONES,
    "vessel": Family.VESSELS,
    "organ": Family.ORGANS,
    "bowel": Family.BOWEL,
    "urinary": Family.URINARY,
    "genital": Family.URINARY,
    "gland": Family.GLANDS,
}
"""Group of the catalogue -> family; muscle, fat, marrow, air and nodes are not drawn, for they would hide the rest."""

_NOT_DRAWN = ("spinal_cord", "brain_*", "testes", "testis_*", "penile_bulb", "urethra", "*_marrow", "skin")

_NOT_NAMED = ("rib_*", "*_vessels", "forearm_*", "lower_leg", "clavicle_*", "scapula_*", "costal_cartilage*")
"""What everybody knows by its place, or what would fill the margins."""

MAIN_ORGANS: tuple[tuple[str, str], ...] = (
    ("brain", "brain*"),
    ("parotid", "parotid_left"),
    ("parotid", "parotid_right"),
    ("submandibular gland", "submandibular*_left"),
    ("submandibular gland", "submandibular*_right"),
    ("heart", "heart*"),
    ("liver", "liver*"),
    ("spleen", "spleen"),
    ("kidney", "kidney*_left"),
    ("kidney", "kidney*_right"),
    ("bladder", "*bladder"),
    ("prostate", "prostate*"),
)
"""What is outlined on the projections: name and the ids that make it up; a gallbladder and a prostate bed are not."""

_NOT_MAIN = ("gallbladder", "prostate_bed*")

IMPORTANCE: tuple[tuple[str, float], ...] = (
    ("liver*", 3.0),
    ("spleen", 2.0),
    ("kidney*", 3.0),
    ("aorta*", 2.5),
    ("*iliac_artery*", 1.5),
    ("*iliac_vein*", 0.7),
    ("urinary_bladder", 3.0),
    ("bladder", 3.0),
    ("prostate*", 2.0),
    ("rectum", 1.0),
    ("parotid*", 1.5),
    ("submandibular*", 1.0),
    ("heart*", 1.5),
    ("pancreas", 1.0),
    ("duodenum", 0.7),
    ("vena_cava*", 1.0),
    ("vertebra_*", 0.35),
    ("sacrum*", 1.0),
    ("hip_bone*", 1.0),
    ("femur*", 0.7),
    ("hip_prosthesis*", 1.0),
    ("rib_*", 0.03),
)
"""How much a slice gains by showing a structure where it is large; the first pattern that fits, else 0.2."""

_SHORTER = (
    (re.compile(r",? ?\b(left|right)\b", re.IGNORECASE), ""),
    (re.compile(r"^(\w\d+) vertebra$"), r"\1"),
    (re.compile(r"^External\b"), "Ext."),
    (re.compile(r"^Internal\b"), "Int."),
    (re.compile(r"^Common\b"), "Com."),
    (re.compile(r"^Descending thoracic\b"), "Descending"),
    (re.compile(r"^(Superior|Inferior) vena cava$"), r"\1 cava"),
    (re.compile(r"^Urinary bladder$"), "Bladder"),
    (re.compile(r"( gland| glands)$"), ""),
    (re.compile(r",.*$"), ""),
    (re.compile(r" (and|with|of the|in the) .*$"), ""),
)


def family_of(structure: FoundStructure) -> Family | None:
    """The family a structure is drawn in; None for what is not drawn."""
    if _fits(structure.id, _NOT_DRAWN):
        return None
    if structure.id.startswith("kidney"):
        return Family.URINARY
    return _FAMILY_OF_GROUP.get(structure.group)


def is_named(structure: FoundStructure) -> bool:
    """Whether a name may stand beside a structure."""
    return not _fits(structure.id, _NOT_NAMED)


def importance(structure: FoundStructure) -> float:
    """What a slice through the structure is worth."""
    return next((worth for pattern, worth in IMPORTANCE if fnmatchcase(structure.id, pattern)), 0.2)


def short_name(name: str) -> str:
    """A name for the margin of a picture: no side, for the picture shows it, and the usual short forms."""
    for pattern, shorter in _SHORTER:
        name = pattern.sub(shorter, name)
    name = name.strip(" ,")
    return name[:1].upper() + name[1:]


def main_organs(structures: tuple[FoundStructure, ...]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Name and numbers of each organ that is outlined on the projections, of those that were found."""
    found = []
    for name, pattern in MAIN_ORGANS:
        numbers = tuple(s.number for s in structures if fnmatchcase(s.id, pattern) and not _fits(s.id, _NOT_MAIN))
        if numbers:
            found.append((name, numbers))
    return tuple(found)


def _fits(id: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(id, pattern) for pattern in patterns)
