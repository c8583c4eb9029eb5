"""The great vessels: tubes along the courses of aorta, venae cavae, iliac vessels and the stubs of their branches.

Courses of aorta, venae cavae, pulmonary arteries and common iliac vessels follow the centrelines of the reference
adult male (ICRP Publication 110, as measured for psmap), calibres of aorta and venae cavae his sections. He has no
vessels of their own below the iliac bifurcation, and his common iliac arteries and veins are one; there the courses
are those of Gray's Anatomy (Standring 2020) between his sacrum, pelvic wall and groin. Calibres of men: common iliac
artery 12 mm (Joh 2013, Yonsei Med J 54:48), external 8-9 mm, internal 5-7 mm (Johnston 1991, J Vasc Surg 13:452).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from psmap.domain.geometry import FloatArray
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import Solid, spline, tube, union

Course = tuple[tuple[float, float, float, float], ...]
"""x, y, z and radius (mm) from point to point, downstream in arteries, upstream in veins."""

STEP_MM = 6.0
AORTIC_BIFURCATION_MM = (6.5, -40.5, 44.0)
"""In front of the lower half of L4."""
ILIAC_BIFURCATION_MM = {"left": (27.0, -28.0, -10.0), "right": (-31.0, -27.0, -10.0)}
"""In front of the sacroiliac joint, just under the promontory."""

COURSES: Mapping[str, Course] = {
    "aorta_ascending": ((18, -42, 326, 14.0), (12, -47, 342, 14.0), (10, -47, 358, 13.0), (12, -43, 373, 11.5)),
    "aorta_arch": (
        (12, -43, 373, 11.5),
        (18, -35, 379, 10.8),
        (27, -23, 381, 10.4),
        (34, -11, 378, 10.2),
        (36.5, -2, 369, 10.1),
        (33.5, 8, 357, 10.0),
    ),
    "aorta_descending": (
        (33.5, 8, 357, 10.0),
        (28.5, 13.3, 344, 9.9),
        (25.5, 15.5, 328, 9.9),
        (24.5, 18.2, 308, 9.8),
        (23.3, 13.8, 288, 9.5),
        (20.5, 7.5, 270, 9.2),
        (19.8, -1.0, 246, 9.2),
        (16, -7.5, 223, 9.3),
        (14.5, -11.8, 203, 9.8),
        (13.5, -15, 182, 9.7),
    ),
    "aorta_abdominal": (
        (13.5, -15, 182, 9.7),
        (13, -17.5, 160, 9.3),
        (13, -22, 145, 9.0),
        (12.5, -27.5, 128, 8.4),
        (9, -31, 112, 8.4),
        (6, -34.5, 96, 8.1),
        (5, -38, 78, 7.9),
        (6.5, -40, 60, 8.0),
        (*AORTIC_BIFURCATION_MM, 7.6),
    ),
    "common_iliac_artery_left": (
        (*AORTIC_BIFURCATION_MM, 5.8),
        (13.5, -41, 30, 5.6),
        (19, -39, 14, 5.5),
        (24, -34.5, 0, 5.3),
        (*ILIAC_BIFURCATION_MM["left"], 5.2),
    ),
    "common_iliac_artery_right": (
        (*AORTIC_BIFURCATION_MM, 5.8),
        (-3, -43, 34, 5.6),
        (-14, -44, 19, 5.5),
        (-25, -38, 3, 5.3),
        (*ILIAC_BIFURCATION_MM["right"], 5.2),
    ),
    "external_iliac_artery_left": (
        (*ILIAC_BIFURCATION_MM["left"], 4.6),
        (36, -32, -28, 4.4),
        (46, -38, -50, 4.3),
        (54, -46, -74, 4.3),
        (58, -58, -98, 4.3),
        (59, -72, -122, 4.3),
    ),
    "external_iliac_artery_right": (
        (*ILIAC_BIFURCATION_MM["right"], 4.6),
        (-40, -32, -28, 4.4),
        (-50, -38, -50, 4.3),
        (-58, -46, -74, 4.3),
        (-62, -58, -98, 4.3),
        (-63, -72, -122, 4.3),
    ),
    "internal_iliac_artery_left": (
        (*ILIAC_BIFURCATION_MM["left"], 3.6),
        (30, -18, -25, 3.5),
        (34, -8, -42, 3.3),
        (39, 2, -58, 3.0),
        (44, 8, -74, 2.7),
        (46.5, 8, -90, 2.4),
        (46, 5, -104, 2.1),
    ),
    "internal_iliac_artery_right": (
        (*ILIAC_BIFURCATION_MM["right"], 3.6),
        (-34, -18, -25, 3.5),
        (-38, -8, -42, 3.3),
        (-43, 2, -58, 3.0),
        (-49, 8, -74, 2.7),
        (-51.5, 8, -90, 2.4),
        (-51, 5, -104, 2.1),
    ),
    "femoral_artery_left": ((59, -72, -122, 4.3), (60, -78, -145, 4.2), (61, -75, -180, 4.0), (66, -62, -260, 3.6)),
    "femoral_artery_right": (
        (-63, -72, -122, 4.3),
        (-64, -78, -145, 4.2),
        (-65, -75, -180, 4.0),
        (-70, -62, -260, 3.6),
    ),
    "brachiocephalic_trunk": ((14, -40, 386, 5.5), (4, -38, 398, 5.4), (-6, -32, 409, 5.3), (-11, -29, 416, 5.2)),
    "common_carotid_artery_left": (
        (29, -27, 386, 3.8),
        (31, -30, 400, 3.8),
        (38, -31, 418, 3.6),
        (46, -33, 440, 3.5),
        (47, -35, 458, 3.4),
        (43, -38, 485, 3.4),
        (43, -37, 510, 3.2),
        (46, -31, 545, 2.6),
    ),
    "common_carotid_artery_right": (
        (-11, -29, 416, 3.8),
        (-17, -31, 428, 3.6),
        (-21, -33, 440, 3.5),
        (-22, -35, 458, 3.4),
        (-18, -38, 485, 3.4),
        (-18, -37, 510, 3.2),
        (-22, -31, 545, 2.6),
    ),
    "subclavian_artery_left": (
        (33, -13, 383, 5.0),
        (33, -17, 400, 4.8),
        (36, -22, 416, 4.6),
        (46, -26, 430, 4.4),
        (61, -29, 430, 4.2),
        (77, -31, 421, 4.0),
        (93, -35, 406, 3.8),
        (112, -36, 385, 3.6),
        (126, -35, 368, 3.4),
    ),
    "subclavian_artery_right": (
        (-11, -29, 416, 4.6),
        (-21, -26, 426, 4.5),
        (-35, -27, 429, 4.3),
        (-50, -29, 427, 4.1),
        (-66, -32, 416, 3.9),
        (-84, -35, 399, 3.7),
        (-104, -30, 377, 3.5),
    ),
    "coeliac_trunk": ((13.5, -16, 175, 4.0), (13.5, -28, 176, 3.6), (12, -36, 174, 3.4)),
    "superior_mesenteric_artery": (
        (13, -19, 163, 4.0),
        (12.5, -33, 160, 3.7),
        (11, -42, 142, 3.5),
        (7, -50, 112, 3.0),
    ),
    "renal_artery_left": ((13, -21, 151, 3.0), (30, -13, 151, 2.9), (48, -3, 150, 2.7)),
    "renal_artery_right": ((13, -21, 152, 3.0), (-4, -17, 150, 2.9), (-22, -15, 146, 2.8), (-44, -6, 143, 2.7)),
    "vena_cava_superior": (
        (-13, -34, 318, 9.5),
        (-13, -35, 336, 9.4),
        (-10, -35, 353, 9.2),
        (-7.5, -34.5, 367, 9.0),
        (-9, -36.5, 382, 7.5),
        (-13, -36.5, 391, 7.0),
    ),
    "vena_cava_inferior": (
        (-16.5, -36.5, 22, 8.4),
        (-18, -37, 40, 8.4),
        (-18.5, -36.3, 56, 8.5),
        (-19.3, -34.5, 76, 8.7),
        (-19, -32.5, 92, 9.2),
        (-19.3, -30.8, 108, 9.2),
        (-18.5, -28.7, 126, 9.2),
        (-19.5, -25, 145, 9.5),
        (-21, -21, 168, 10.0),
        (-22, -18, 190, 10.5),
        (-20, -18, 212, 11.0),
        (-16, -22, 235, 11.0),
        (-11, -29, 258, 11.0),
    ),
    "common_iliac_vein_left": (
        (-14.5, -36, 24, 6.6),
        (-3, -36.5, 15, 6.4),
        (9, -34.5, 7, 6.4),
        (17, -26.5, -4, 6.3),
        (25, -18, -17, 6.2),
    ),
    "common_iliac_vein_right": (
        (-18, -35.5, 22, 6.6),
        (-22, -31, 8, 6.4),
        (-27.5, -23.5, -5, 6.3),
        (-31, -16, -17, 6.2),
    ),
    "external_iliac_vein_left": (
        (25, -18, -17, 5.4),
        (34, -22, -34, 5.3),
        (42, -28, -54, 5.2),
        (47, -36, -76, 5.2),
        (49, -51, -99, 5.2),
        (48, -71, -120, 5.2),
    ),
    "external_iliac_vein_right": (
        (-31, -16, -17, 5.4),
        (-39, -22, -34, 5.3),
        (-46, -28, -54, 5.2),
        (-51, -36, -76, 5.2),
        (-53, -51, -99, 5.2),
        (-52, -71, -120, 5.2),
    ),
    "internal_iliac_vein_left": (
        (25, -18, -17, 4.4),
        (28, -6, -34, 4.4),
        (33, 5, -50, 4.2),
        (38, 15, -66, 4.0),
        (43, 20, -82, 3.5),
    ),
    "internal_iliac_vein_right": (
        (-31, -16, -17, 4.4),
        (-33.5, -7.5, -34, 4.4),
        (-38, 5, -50, 4.2),
        (-43, 15, -66, 4.0),
        (-48, 20, -82, 3.5),
    ),
    "femoral_vein_left": ((48, -71, -120, 5.2), (48, -79, -142, 5.0), (51, -73, -180, 4.8), (58, -55, -260, 4.4)),
    "femoral_vein_right": (
        (-52, -71, -120, 5.2),
        (-52, -79, -142, 5.0),
        (-55, -73, -180, 4.8),
        (-62, -55, -260, 4.4),
    ),
    "brachiocephalic_vein_left": (
        (-11, -38, 389, 6.5),
        (4, -47, 396, 6.3),
        (20, -44.5, 401, 6.0),
        (34, -40.5, 410, 5.8),
        (44, -38, 420, 5.6),
    ),
    "brachiocephalic_vein_right": ((-13, -36.5, 391, 6.5), (-18, -37, 402, 6.2), (-23, -37, 416, 5.8)),
    "internal_jugular_vein_left": (
        (44, -38, 420, 5.6),
        (54, -37, 437, 5.6),
        (57, -38, 457, 5.6),
        (53, -40, 482, 5.5),
        (52, -39, 507, 5.3),
        (54, -30, 548, 4.6),
    ),
    "internal_jugular_vein_right": (
        (-23, -37, 416, 5.6),
        (-30, -37, 437, 5.6),
        (-32, -38, 457, 5.6),
        (-28, -40, 482, 5.5),
        (-27, -39, 507, 5.3),
        (-30, -30, 548, 4.6),
    ),
    "renal_vein_left": ((-14, -28, 143, 4.6), (8, -36, 145, 4.2), (26, -25, 145, 4.6), (47, -8, 149, 4.8)),
    "renal_vein_right": ((-22, -24, 144, 5.0), (-34, -16, 144, 4.8), (-45, -9, 144, 4.6)),
    "portal_vein": ((4, -40, 156, 6.0), (-10, -45, 164, 6.2), (-22, -49, 178, 6.2), (-34, -50, 192, 5.8)),
}

# Trunk and both branches to the hila; on the right along the vessel of the figures beside the hilum (z 320-344).
PULMONARY_ARTERY: tuple[Course, ...] = (
    ((26, -64, 334, 12.5), (27, -52, 348, 12.5), (25, -37, 356, 11.5)),
    ((25, -37, 356, 9.5), (6, -25, 353, 8.8), (-12, -21, 350, 8.2), (-21, -18, 343, 7.5), (-26.5, -15.5, 326, 6.5)),
    ((25, -37, 356, 9.5), (34, -21, 357, 8.8), (42, -8, 351, 8.0), (46, -2, 339, 7.0), (47, -3, 324, 6.2)),
)

# Veins yield to what presses on them: thickness from front to back over width (inferior vena cava: figures).
FLATTENED: Mapping[str, float] = {
    "vena_cava_inferior": 0.82,
    "common_iliac_vein_left": 0.75,
    "common_iliac_vein_right": 0.8,
    "brachiocephalic_vein_left": 0.8,
}


def vessels(man: Man) -> tuple[Structure, ...]:
    """Arteries and veins, veins first, so that an artery that crosses a vein lies over it.

    `man.organs["vessels"]` widens or narrows all of them by its scale along x; their courses stay, so that none
    parts from its branches.
    """
    named = sorted(COURSES, key=lambda name: "vein" not in name and "vena" not in name)
    found = [Structure(name, vessel(man, name), Layer.VESSEL) for name in named]
    trunk = union(*(_tube(course, _width(man)) for course in PULMONARY_ARTERY))
    return (Structure("pulmonary_artery", trunk, Layer.VESSEL), *found)


def vessel(man: Man, name: str) -> Solid:
    """One vessel of `COURSES`, lumen and wall together (the wall of 1-2 mm is thinner than any voxel here)."""
    return _tube(COURSES[name], _width(man), FLATTENED.get(name, 1.0))


def centreline(course: Sequence[tuple[float, float, float, float]]) -> FloatArray:
    """The smooth course: rows x, y, z, radius (mm), about `STEP_MM` apart."""
    rows = np.array(course, dtype=float)
    length = float(np.linalg.norm(np.diff(rows[:, :3], axis=0), axis=1).sum())
    return spline(rows, max(5, round(length / STEP_MM) + 1))


def _tube(course: Course, width: float, flattened: float = 1.0) -> Solid:
    rows = centreline(course)
    return tube(rows[:, :3], rows[:, 3] * width, flattened)


def _width(man: Man) -> float:
    size = man.organs.get("vessels")
    return 1.0 if size is None else size.scale[0]
