"""What even a lean man's skin covers: the bones that lie right under it at shoulder, elbow and wrist.

Fat grows thin in a lean man, but his bones do not: the skin follows them there. Each is given as a rod (see `stack`)
along the bone, so much thicker than the bone as skin and the least of fat need.
"""

from __future__ import annotations

from itertools import pairwise

from psmap.domain.geometry import Vector
from psmap.phantom.anatomy.limb_lines import arm_line
from psmap.phantom.anatomy.limbs_and_skull import ArmFrame
from psmap.phantom.anatomy.man import Man, Side
from psmap.phantom.anatomy.ribcage import clavicle_line, scapula_corners
from psmap.phantom.anatomy.stack import Rod

COVER_MM = 2.5
"""Skin and the least of fat over a bone (ours)."""

# ends of a piece of bone beside the line of the arm (mm along it, outwards, forwards; half its thickness)
_Piece = tuple[tuple[float, float, float, float], tuple[float, float, float, float]]
_UPPER_ARM: tuple[_Piece, ...] = (
    ((0.0, -1.0, 0.0, 23.5), (38.0, 8.0, 2.0, 14.5)),
    ((38.0, 8.0, 2.0, 14.5), (210.0, 0.0, 0.0, 11.5)),
    ((210.0, 0.0, 0.0, 11.5), (289.0, 19.0, 0.0, 12.5)),
    ((210.0, 0.0, 0.0, 11.5), (289.0, -21.0, 0.0, 12.0)),
)
_FOREARM: tuple[_Piece, ...] = (
    ((-8.0, -10.0, -14.0, 11.0), (80.0, -12.0, 0.0, 8.2)),
    ((190.0, 13.0, 0.0, 8.2), (246.0, 8.0, 0.0, 12.0)),
    ((80.0, -12.0, 0.0, 8.2), (248.0, -13.0, 0.0, 7.5)),
)
_SHOULDER_BLADE = (
    ("ridge", "ridge_end"),
    ("ridge_end", "acromion"),
    ("acromion", "acromion_front"),
    ("coracoid_root", "coracoid_bend"),
    ("coracoid_bend", "coracoid_tip"),
    ("root", "inner"),
    ("inner", "tip"),
)
_FLAT_MM = 1.5
"""More over the corners of the shoulder blade, which are too small for a voxel."""
_NEEDED_BELOW_MM = 6.0
"""With more fat than that over the reference man's, all of these lie well inside the skin anyway."""
_CLAVICLE_MM = 9.5
_CLAVICLE_FROM = (5, 8, 11)
"""Points of the clavicle's line from its middle to its outer end."""


def under_skin(man: Man) -> list[Rod]:
    """Rods along the bones of both shoulders and arms, as thick as the skin over them is wide; none in stout men."""
    found: list[Rod] = []
    if man.fat_mm >= _NEEDED_BELOW_MM:
        return found
    for side in Side:
        arm = arm_line(man, side)
        for start, end, pieces in ((arm.shoulder, arm.elbow, _UPPER_ARM), (arm.elbow, arm.wrist, _FOREARM)):
            at = ArmFrame(start, end, man.arms, side)
            found += [_rod(at(*one[:3]), one[3], at(*other[:3]), other[3]) for one, other in pieces]
        corners = scapula_corners(man.arms, side)
        for one, other in _SHOULDER_BLADE:
            (here, half), (there, other_half) = corners[one], corners[other]
            found.append(_rod(here, half + _FLAT_MM, there, other_half + _FLAT_MM))
        line = clavicle_line(man.arms, side)
        found += [_rod(line[a], _CLAVICLE_MM, line[b], _CLAVICLE_MM) for a, b in pairwise(_CLAVICLE_FROM)]
    return found


def _rod(start: Vector, start_mm: float, end: Vector, end_mm: float) -> Rod:
    return Rod(start, end, start_mm + COVER_MM, end_mm + COVER_MM)
