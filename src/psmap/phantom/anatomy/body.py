"""The body's layers: skin, the fat under it, muscle, and the fat that fills the trunk between the organs.

The outline is that of the reference adult male, ICRP Publication 110, as measured for psmap (widths, depths, areas and
centres of the trunk and legs every 8 mm). Its figures tell nothing of how fat and muscle share what lies inside; the
thickness of the fat is ours, such that the sums are those of the reference man of ICRP Publication 89: 3.3 kg skin,
29 kg muscle, 18 kg fat, 73 kg in all. A man's `fat_mm` thickens or thins it, most over the belly.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.limb_lines import LEG_PLANE_MM, arm_line, leg_line
from psmap.phantom.anatomy.man import Arms, Man, Side
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import Solid, common, ellipsoid, grown, shell, tube, union, without
from psmap.phantom.anatomy.stack import Rod, Stack, stack, stacked
from psmap.phantom.anatomy.under_skin import under_skin

SKIN_MM = 2.0
"""Thickness of the skin: 3.42 L (the figures) over the man's surface."""
SEAM_MM = 4.0
LEAST_FAT_MM, LEAST_FAT_SHARE = 1.0, 0.4
"""No fat is thinned below this, nor below this share of the reference man's: bones would stand out of the skin."""
WALL_MM = 5.0
"""Least muscle in front of the trunk's cavity."""

# fmt: off
_TRUNK = (  # z, centre x, y, half width x, y (mm), power of the superellipse
    (-246, -3.0, 4.0, 36.0, 36.0, 2.0), (-240, -3.5, 3.0, 64.0, 52.0, 2.0), (-232, -4.5, 1.0, 105.0, 70.0, 2.0),
    (-224, -5.5, -1.0, 142.0, 82.0, 2.05), (-212, -6.4, -3.0, 181.0, 92.5, 2.3), (-202, -6.2, -3.4, 190.0, 94.8, 2.4),
    (-192, -5.9, -3.3, 191.2, 95.1, 2.4),
    (-160, -4.4, -2.0, 189.1, 95.1, 2.43), (-128, -4.0, -2.3, 185.9, 98.3, 2.4), (-96, -5.4, -2.8, 183.8, 97.2, 2.47),
    (-64, -4.5, -4.1, 179.5, 95.0, 2.6), (-32, -3.6, -11.7, 169.8, 99.3, 2.49), (0, -2.0, -16.4, 168.8, 100.4, 2.25),
    (32, -0.3, -17.3, 163.4, 99.3, 2.33), (64, 2.8, -21.7, 157.1, 100.4, 2.55), (96, 3.6, -29.6, 149.6, 106.8, 2.6),
    (128, 4.5, -32.7, 150.2, 112.2, 2.4), (160, 5.2, -32.8, 151.7, 115.4, 2.44), (192, 4.5, -28.7, 154.9, 115.4, 2.48),
    (224, 3.2, -23.7, 160.2, 117.5, 2.47), (256, 2.8, -19.8, 168.8, 114.3, 2.6), (288, 4.1, -13.6, 170.5, 112.2, 2.68),
    (308, 5.0, -8.0, 171.0, 110.2, 2.45), (322, 5.7, -5.0, 171.5, 108.8, 2.35), (332, 4.5, -1.5, 182.0, 107.5, 2.33),
    (344, 3.5, 1.8, 184.0, 105.8, 2.3), (368, 3.7, 3.8, 184.0, 97.2, 2.25),
    (392, 4.7, 6.2, 180.0, 86.6, 2.2), (416, 6.5, 4.6, 174.0, 79.0, 2.1), (432, 9.0, 3.5, 170.0, 73.7, 2.0),
    (440, 12.0, 4.0, 166.0, 72.6, 1.9), (448, 15.0, 4.6, 152.0, 71.5, 1.8), (456, 16.0, 2.0, 135.0, 70.0, 1.7),
    (462, 13.0, -3.0, 104.0, 68.3, 1.7),
    (472, 13.0, -9.9, 79.0, 66.3, 1.8), (480, 13.5, -15.4, 68.3, 70.5, 1.8), (488, 13.8, -10.0, 64.3, 60.0, 1.9),
    (496, 13.9, -4.0, 63.5, 54.0, 2.0),
    (512, 12.8, -17.0, 63.5, 61.0, 2.05), (536, 11.2, -17.0, 70.0, 64.0, 2.1), (552, 9.9, -17.0, 75.0, 68.0, 2.1),
    (568, 8.0, -17.0, 77.5, 75.0, 2.1), (584, 8.8, -18.0, 81.5, 87.0, 2.05), (600, 6.7, -34.0, 82.0, 107.0, 2.0),
    (616, 6.7, -31.0, 82.0, 106.0, 2.0), (640, 3.7, -35.4, 81.2, 105.8, 2.09), (656, 2.8, -35.3, 78.0, 101.5, 2.2),
    (672, 2.0, -34.6, 73.7, 94.0, 2.23), (688, 0.5, -32.3, 63.0, 83.3, 2.3), (704, 1.4, -32.3, 50.0, 69.0, 2.2),
    (712, 2.0, -32.5, 33.0, 51.0, 2.2), (718, 2.0, -32.5, 12.0, 20.0, 2.0),
)
_JAW = (  # what the face has in front of that: chin, mouth and cheeks
    (484, 13.7, -40.0, 34.0, 42.0, 2.0), (488, 13.8, -43.0, 45.0, 48.5, 2.0), (496, 13.5, -50.0, 48.0, 60.0, 2.0),
    (512, 11.8, -64.0, 58.5, 69.0, 2.05), (536, 10.8, -66.0, 62.0, 77.0, 1.95), (552, 9.9, -66.0, 65.5, 81.0, 1.9),
    (568, 8.5, -66.0, 68.0, 79.0, 1.9), (584, 8.5, -68.0, 71.0, 76.0, 2.0), (602, 6.7, -66.0, 70.0, 66.0, 2.0),
)
_PERINEUM = (  # the insides of the thighs, which lie against each other from the perineum down
    (-308, -2.4, -2.0, 3.0, 5.0), (-304, -2.4, -2.0, 6.0, 16.0), (-296, -2.4, -2.0, 10.0, 27.0),
    (-280, -2.4, -1.0, 14.0, 40.0), (-264, -2.4, 0.0, 20.0, 50.0), (-248, -2.4, 0.0, 34.0, 62.0),
    (-236, -2.4, 0.0, 34.0, 62.0),
)
_LEG = (  # the left leg, x from the plane between the legs; the last number shears the foot outwards
    (-1051, 100.0, -59.0, 34.0, 60.0, 1.8, -0.1), (-1039, 100.0, -59.0, 34.0, 60.0, 1.8, -0.1),
    (-1035, 94.0, -52.0, 34.0, 66.0, 1.7, -0.2), (-1031, 88.0, -46.0, 36.0, 117.0, 1.6, -0.42),
    (-1023, 85.0, -41.0, 49.0, 127.0, 1.65, -0.35), (-1016, 84.0, -37.0, 50.0, 128.0, 1.65, -0.33),
    (-1000, 74.0, -6.0, 44.0, 113.0, 1.6, -0.38),
    (-984, 70.7, 7.6, 42.0, 93.0, 1.6, -0.25), (-968, 67.0, 15.6, 38.0, 78.0, 1.7, -0.18),
    (-952, 62.0, 25.0, 35.0, 63.0, 1.8), (-928, 58.7, 33.6, 35.2, 49.0, 1.8), (-904, 58.0, 39.0, 33.0, 38.5),
    (-880, 63.5, 42.3, 36.3, 34.1), (-848, 66.3, 43.0, 40.6, 34.1, 2.08), (-816, 67.0, 42.0, 47.0, 35.2, 2.1),
    (-784, 68.6, 40.6, 53.4, 37.4, 2.1), (-752, 69.4, 38.9, 59.8, 39.5, 2.18), (-720, 71.4, 37.3, 64.1, 42.7, 2.1),
    (-688, 73.9, 35.4, 65.2, 46.0, 1.95), (-668, 74.0, 32.0, 62.0, 48.0, 1.95), (-656, 72.8, 28.9, 58.8, 50.2, 1.95),
    (-624, 68.9, 27.6, 56.6, 51.8), (-592, 64.7, 17.9, 56.6, 56.6, 1.9), (-560, 64.3, 0.8, 58.8, 62.0, 1.85),
    (-528, 63.0, -4.8, 60.0, 66.2, 1.75), (-496, 63.2, -6.9, 59.8, 63.0), (-464, 66.5, -6.7, 60.9, 64.1, 1.95),
    (-432, 71.1, -6.9, 63.0, 67.3), (-400, 76.7, -4.8, 66.2, 74.8, 1.92), (-368, 80.6, -5.7, 70.5, 78.0, 2.05),
    (-336, 84.6, -7.8, 75.8, 81.2, 2.15), (-314, 86.0, -8.3, 81.0, 83.3, 2.17), (-304, 83.5, -6.7, 84.5, 84.4, 2.1),
    (-288, 88.0, -5.6, 88.3, 84.4, 2.1),
    (-264, 92.0, -5.5, 91.2, 87.0, 2.2), (-244, 95.5, -4.3, 92.5, 89.0, 2.2), (-224, 95.0, -4.0, 91.5, 89.5, 2.2),
    (-210, 94.5, -4.0, 90.5, 88.5, 2.2), (-196, 91.0, -4.0, 86.0, 85.0, 2.2), (-184, 84.0, -4.0, 60.0, 60.0, 2.2),
)
_SCROTUM = (
    (-292, 2.4, -62.0, 8.0, 12.0), (-284, 2.4, -62.0, 19.0, 28.0), (-256, 2.4, -62.0, 25.0, 34.0),
    (-224, 2.0, -62.0, 26.0, 36.0), (-206, 0.0, -60.0, 29.0, 36.0),
    (-196, 0.0, -58.0, 26.0, 32.0), (-184, 0.0, -54.0, 14.0, 18.0), (-178, 0.0, -52.0, 4.0, 5.0),
)
_CAVITY = (
    (-180, -4.0, -16.0, 3.0, 3.0), (-176, -4.0, -16.5, 17.0, 18.0), (-168, -4.0, -18.0, 31.0, 32.0),
    (-140, -4.0, -15.0, 46.0, 48.0), (-110, -4.0, -10.0, 56.0, 60.0),
    (-80, -4.0, -8.0, 62.0, 64.0), (-40, -3.0, -30.0, 90.0, 66.0), (0, -2.0, -38.0, 112.0, 64.0),
    (40, 0.0, -38.0, 118.0, 64.0), (80, 2.0, -42.0, 122.0, 70.0), (120, 3.0, -44.0, 126.0, 80.0),
    (160, 4.0, -40.0, 128.0, 88.0), (200, 4.0, -36.0, 128.0, 90.0), (240, 4.0, -30.0, 130.0, 88.0),
    (280, 4.0, -22.0, 128.0, 82.0), (320, 5.0, -18.0, 122.0, 76.0), (360, 5.0, -10.0, 108.0, 66.0),
    (392, 6.0, -2.0, 88.0, 52.0), (416, 7.0, 2.0, 64.0, 38.0), (430, 8.0, 0.0, 40.0, 26.0),
)
_BACK = (  # muscle and spines behind the vertebral bodies: x, y, z, radius (mm)
    (-5.0, 66.0, -60.0, 20.0), (-2.0, 38.0, 0.0, 28.0), (0.0, 37.0, 80.0, 30.0), (0.8, 49.0, 160.0, 28.0),
    (1.0, 66.0, 240.0, 24.0), (2.0, 68.0, 320.0, 22.0), (6.0, 52.0, 380.0, 22.0), (12.0, 30.0, 430.0, 22.0),
)
_FOSSA = (  # the left ischioanal fossa: fat beside the anal canal, under the pelvic floor, inside the sitting bone
    (-196, 27.5, 20.0, 2.0, 3.0), (-190, 27.5, 20.0, 8.5, 13.0), (-180, 27.5, 20.0, 12.5, 19.0),
    (-168, 27.5, 20.0, 14.0, 21.0), (-154, 27.5, 20.0, 12.0, 18.0), (-144, 27.5, 20.0, 7.0, 10.5),
    (-140, 27.5, 20.0, 2.0, 3.0),
)
_FAT = (  # z, fat under the skin at the sides, in front, behind (mm), share of fat_mm at the sides, in front, behind
    (-248, 18.5, 15.0, 23.5, 0.8, 0.8, 0.8), (-192, 21.0, 15.0, 26.0, 0.9, 0.9, 0.9),
    (-128, 22.5, 20.0, 25.0, 1.0, 1.2, 0.9), (-64, 20.0, 22.5, 21.0, 1.0, 1.6, 0.9),
    (0, 18.5, 22.5, 16.0, 1.1, 1.9, 0.8), (64, 16.0, 21.0, 13.5, 1.1, 1.9, 0.8), (128, 12.5, 17.5, 11.0, 1.0, 1.6, 0.8),
    (224, 8.5, 12.5, 7.5, 0.8, 1.1, 0.6), (320, 7.5, 10.0, 6.0, 0.7, 0.8, 0.5), (400, 7.5, 7.5, 5.0, 0.6, 0.6, 0.5),
    (448, 6.0, 6.0, 6.0, 0.5, 0.5, 0.5), (480, 4.0, 4.0, 4.0, 0.4, 0.4, 0.4), (560, 2.5, 2.5, 2.5, 0.2, 0.2, 0.2),
    (620, 1.5, 1.5, 1.5, 0.05, 0.05, 0.05), (724, 1.5, 1.5, 1.5, 0.05, 0.05, 0.05),
)
_LEG_FAT = (  # z, fat all round (mm), share of fat_mm
    (-1050, 2.5, 0.05), (-960, 3.0, 0.05), (-904, 4.0, 0.1), (-720, 6.5, 0.3), (-592, 5.0, 0.25), (-432, 10.5, 0.4),
    (-264, 15.5, 0.7), (-208, 18.0, 0.8),
)
# fmt: on
_ARM_DOWN = ((34.0, 29.5, 1.75), (29.5, 29.0, 1.9), (29.0, 33.0, 1.8), (33.0, 21.0, 1.6), (16.0, 10.0, 2.6))
_ARM_UP = ((42.0, 38.0, 1.2), (38.0, 36.0, 1.2), (36.0, 34.0, 1.1), (34.0, 22.0, 1.1), (20.0, 10.0, 1.6))
"""Deltoid, upper arm down to its middle and to the elbow, forearm, hand: half widths (mm) at both ends and depth over
width. Hanging arms are pressed flat between trunk and table, as the reference man's. Together they hold below the
shoulders the 5.5 L that his trunk, head and legs leave of his 71.1 L."""
_DELTOID = (0.24, 0.6)
"""Where along the upper arm the deltoid and its upper half end."""
_BESIDE_BONE_MM = 23.0
"""How far outside the humerus the hanging upper arm is centred there."""
_ARM_FAT_MM = 6.0
_NECK_MM = 472.0
"""Under this the head's sections are the neck's."""
_ARM_SHARE = 0.35


def body(man: Man) -> tuple[Structure, ...]:
    """Skin, fat under the skin, muscle, fat of the trunk's cavity, and a hip prosthesis where he has one."""
    layers = (
        Structure("skin", _hull(man, under_mm=0.0), Layer.SKIN),
        Structure("fat", _hull(man, under_mm=SKIN_MM), Layer.FAT),
        Structure("muscle", _flesh(man), Layer.MUSCLE),
        Structure("visceral_fat", cavity(man), Layer.CAVITY),
    )
    return layers if man.prosthesis is None else (*layers, _prosthesis(man, man.prosthesis))


def cavity(man: Man) -> Solid:
    """What lies inside ribs, abdominal wall and pelvic bones, from the top of the lungs to the pelvic floor."""
    behind = tube([row[:3] for row in _BACK], [row[3] for row in _BACK])
    fossa = stack(_FOSSA)
    rooms = stacked([stack(_CAVITY, power=2.4), fossa, fossa.mirrored(LEG_PLANE_MM)])
    inside = man.own("visceral_fat", without(rooms, behind), (4.0, -25.0, 150.0))
    return common(inside, grown(_flesh(man), -WALL_MM))


def under_face(deep_mm: float) -> Solid:
    """What lies that deep under the skin of the reference man's face and head."""
    head = [row for row in _TRUNK if row[0] >= _NECK_MM]
    return stacked([stack(rows).narrowed(deep_mm, deep_mm, deep_mm) for rows in (head, _JAW)], seam_mm=SEAM_MM)


def _hull(man: Man, under_mm: float) -> Solid:
    """The body, or what lies that deep under its surface."""
    stacks = []
    for part, thick in (*_parts(man), _perineum(man)):
        more = thick[:, 1] - thick[:, 0]
        stacks.append(part.narrowed(*(under_mm - more).T))
    rods = [rod.narrowed(under_mm - _arm_fat(man) + _ARM_FAT_MM) for rod in _arms(man)]
    return stacked(stacks, [*rods, *(rod.narrowed(under_mm) for rod in (*_face(), *under_skin(man)))], SEAM_MM)


def _flesh(man: Man) -> Solid:
    """What lies under the fat: the same for lean men and fat ones, but where fat is too thin to be thinned."""
    stacks = []
    for part, thick in _parts(man):
        stacks.append(part.narrowed(*(SKIN_MM + thick[:, 0]).T))
    return stacked(stacks, [rod.narrowed(SKIN_MM + _ARM_FAT_MM) for rod in _arms(man)], SEAM_MM)


def _parts(man: Man) -> list[tuple[Stack, FloatArray]]:
    """The stacks, each with the fat of every row: [row, reference man or this man, sides or front or back] (mm)."""
    trunk, jaw, leg, scrotum = (stack(rows) for rows in (_TRUNK, _JAW, _LEG, _SCROTUM))
    leg.rows[:, 1] += LEG_PLANE_MM
    on_trunk, on_jaw = (_fat(part, np.array(_FAT), man.fat_mm) for part in (trunk, jaw))
    on_leg = _fat(leg, _leg_fat(), man.fat_mm)
    bare = np.full((len(scrotum.rows), 2, 3), LEAST_FAT_MM)
    return [
        (trunk, on_trunk),
        (jaw, on_jaw),
        (leg, on_leg),
        (leg.mirrored(LEG_PLANE_MM), on_leg),
        (scrotum, bare),
    ]


def _perineum(man: Man) -> tuple[Stack, FloatArray]:
    """What is between the thighs, all of it fat, and how much of it as in `_parts`."""
    part = stack(_PERINEUM)
    return part, _fat(part, _leg_fat(), man.fat_mm)


def _leg_fat() -> FloatArray:
    """`_LEG_FAT` by sides, front and back, as `_FAT` is."""
    table: FloatArray = np.array(_LEG_FAT)[:, [0, 1, 1, 1, 2, 2, 2]]
    return table


def _fat(part: Stack, table: FloatArray, fat_mm: float) -> FloatArray:
    thick = np.stack([np.interp(part.rows[:, 0], table[:, 0], column) for column in table[:, 1:].T], axis=1)
    usual, share = thick[:, :3], thick[:, 3:]
    least = np.minimum(usual, np.maximum(LEAST_FAT_MM, LEAST_FAT_SHARE * usual))
    return np.stack([usual, np.maximum(usual + share * fat_mm, least)], axis=1)


def _arm_fat(man: Man) -> float:
    return max(_ARM_FAT_MM + _ARM_SHARE * man.fat_mm, LEAST_FAT_SHARE * _ARM_FAT_MM)


def _arms(man: Man) -> list[Rod]:
    rods = []
    down = man.arms is Arms.DOWN
    for side in (Side.LEFT, Side.RIGHT):
        line = arm_line(man, side)
        # a thin arm lies closer to the bone, so that its inner side stays where it was
        beside = _BESIDE_BONE_MM - max(_ARM_FAT_MM - _arm_fat(man), 0.0) if down else 0.0
        out = beside if side is Side.LEFT else -beside
        x, y, z = _between(line.shoulder, line.elbow, _DELTOID[0])
        u, v, w = _between(line.shoulder, line.elbow, _DELTOID[1])
        joints = (line.shoulder, (x + out, y, z), (u + out / 2.0, v, w), line.elbow, line.wrist, line.fingertip)
        sizes = _ARM_DOWN if down else _ARM_UP
        rods += [Rod(*ends, *size) for ends, size in zip(pairwise(joints), sizes, strict=True)]
        rods += _girdle(line.shoulder, 1.0 if side is Side.LEFT else -1.0, down)
    return rods


def _girdle(shoulder: Vector, out: float, down: bool) -> list[Rod]:
    """What covers collarbone, acromion and shoulder blade: it follows the shoulder up when the arm is raised."""
    x, y, z = shoulder
    more = 0.0 if down else 6.0
    rods = [
        Rod(
            (x - 14.0 * out, y + 12.0 - more, z + 33.0), (12.0 + 60.0 * out, 8.0 - 2.0 * more, 444.0 + more), 18.0, 22.0
        ),
        Rod((x - 8.0 * out, y + 44.0, z + 16.0), (x - 78.0 * out, y + 74.0, z + 8.0), 22.0 + more, 22.0 + more),
    ]
    if not down:
        rods.append(Rod((x - 4.0 * out, y + 40.0, z - 10.0), (x - 20.0 * out, y + 60.0, z - 130.0), 36.0, 34.0))
        # what lies between the ridge of the turned shoulder blade and the back
        rods.append(Rod((x - 12.0 * out, y + 52.0, z - 8.0), (x - 66.0 * out, y + 68.0, z - 22.0), 25.0, 25.0))
    return rods


def _face() -> list[Rod]:
    """Nose and ears, which make the head's outline in front and at the sides."""
    nose = Rod((8.0, -140.0, 614.0), (8.0, -146.0, 588.0), 8.0, 12.0)
    ears = [Rod((7.0 + s * 81.0, -12.0, 572.0), (7.0 + s * 81.0, -8.0, 612.0), 7.0, 9.0) for s in (-1.0, 1.0)]
    return [nose, *ears]


def _prosthesis(man: Man, side: Side) -> Structure:
    """Cup, head, neck and stem of a total hip replacement; the sizes are common ones (head 32 mm, cup 54 mm)."""
    line = leg_line(man, side)
    out = 1.0 if side is Side.LEFT else -1.0
    x, y, z = line.hip
    cup = shell(ellipsoid(line.hip, (27.0, 27.0, 27.0)), 5.0)
    head = ellipsoid(line.hip, (16.0, 16.0, 16.0))
    bend = (x + out * 32.0, y + 6.0, z - 34.0)
    along = np.array(line.knee) - np.array(bend)
    end = np.array(bend) + 130.0 * along / np.linalg.norm(along)
    neck = tube([line.hip, bend], [7.0, 8.0])
    stem = tube([bend, tuple(end)], [9.0, 4.5])
    return Structure("hip_prosthesis", union(cup, head, neck, stem), Layer.IMPLANT)


def _between(start: Vector, end: Vector, share: float) -> Vector:
    a, b, c = (s + share * (e - s) for s, e in zip(start, end, strict=True))
    return a, b, c
