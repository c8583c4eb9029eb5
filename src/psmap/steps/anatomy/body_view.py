"""Which part of a man lies in a field of view: vertebrae and organs say it, not a length of body.

The heights of what was found are fitted against the usual heights of the reference man (`body_axis`), and the ends of
the field of view are read off on his scale. Arms may lie up or down, and are looked for by their bones.
"""

from __future__ import annotations

import numpy as np

from psmap.domain.anatomy import Absence, Anatomy, ArmsInView, BodyView, FoundStructure
from psmap.domain.geometry import Grid
from psmap.steps.anatomy.body_axis import LONG_MM, BodyAxis, usual_mm

ENOUGH_LANDMARKS = 4
MOST_SCATTER_MM = 20.0
"""Men differ from the usual heights by 3 to 12 mm; landmarks that disagree by more than this are no man's."""

LIMBS = ("humerus", "femur", "lower_leg", "femoral_vessels")
"""Their usual heights are those of the part in view, or hang on where the arms lie: no landmarks."""

UPPER_ARM, FOREARM = ("humerus",), ("forearm", "radius", "ulna")
WHERE_MM = {
    (UPPER_ARM, ArmsInView.UP): (445.0, 743.0),
    (FOREARM, ArmsInView.UP): (743.0, 949.0),
    (UPPER_ARM, ArmsInView.DOWN): (121.0, 410.0),
    (FOREARM, ArmsInView.DOWN): (-124.0, 121.0),
}
"""Between which heights (z, reference man) the bones of an arm lie, shoulder to elbow and elbow to wrist, as in the
digital reference man (psmap.phantom.anatomy.limb_lines, with its sources)."""

SHOULDER_MM, NEAR_SHOULDER_MM = 427.5, 20.0
"""Between both of its places. A stump of a bone so near to it does not tell up from down."""

SEEN_MM = 60.0
"""An arm's bone of which less is in view may well be missed."""


def view_of_body(anatomy: Anatomy, grid: Grid) -> BodyView | None:
    """The part of a man that a grid holds; None where not one landmark was found whole.

    Args:
        anatomy: the named structures, in the grid's frame of reference.
        grid: of the PET.
    """
    axis, landmarks = _fit(anatomy)
    if axis is None:
        return None
    low, high = (axis.reference_mm(z) for z in _ends(grid))
    firm = axis.firm and landmarks >= ENOUGH_LANDMARKS and axis.scatter_mm <= MOST_SCATTER_MM
    arms = _arms(anatomy, axis, (low, high))
    return BodyView(low, high, arms, landmarks, axis.scatter_mm, firm)


def _fit(anatomy: Anatomy) -> tuple[BodyAxis | None, int]:
    """The axis through whole vertebrae where they are many and far apart, else through all that is whole."""
    whole = [structure for structure in anatomy.found if _is_landmark(structure)]
    spine = [structure for structure in whole if structure.id.startswith("vertebra")]
    heights = [usual_mm(structure.id) or 0.0 for structure in spine]
    chosen = spine if len(spine) >= ENOUGH_LANDMARKS and np.ptp(heights) >= LONG_MM else whole
    if not chosen:
        return None, 0
    return BodyAxis({structure.id: structure.centroid_mm[2] for structure in chosen}), len(chosen)


def _is_landmark(structure: FoundStructure) -> bool:
    return not structure.cut and not structure.id.startswith(LIMBS) and usual_mm(structure.id) is not None


def _ends(grid: Grid) -> tuple[float, float]:
    """Lowest and highest z (LPS, mm) of the grid's middle line along its most upright axis, voxels to their faces."""
    upright = int(np.argmax(np.abs(np.array(grid.axes_mm)[:, 2]) / np.array(grid.spacing_mm)))
    ends = np.repeat(0.5 * (np.array([grid.shape], float) - 1.0), 2, axis=0)
    ends[:, upright] = (-0.5, grid.shape[upright] - 0.5)
    z = grid.to_mm(ends)[:, 2]
    return float(z.min()), float(z.max())


def _arms(anatomy: Anatomy, axis: BodyAxis, view: tuple[float, float]) -> ArmsInView:
    """Up or down by the bones that were found; out of view where none is found and none can have been missed."""
    bones = [structure for structure in anatomy.found if structure.id.startswith((*UPPER_ARM, *FOREARM))]
    if bones:
        told = {_side_of_shoulder(axis.reference_mm(bone.centroid_mm[2]), view) for bone in bones}
        told -= {ArmsInView.UNKNOWN}
        return told.pop() if len(told) == 1 else ArmsInView.UNKNOWN
    nameable = {structure.id.rsplit("_", 1)[0] for structure in anatomy.missing if structure.why != Absence.NOT_NAMED}
    gone = all(_not_there(posture, view, nameable) for posture in (ArmsInView.UP, ArmsInView.DOWN))
    return ArmsInView.OUT_OF_VIEW if gone else ArmsInView.UNKNOWN


def _side_of_shoulder(reference_mm: float, view: tuple[float, float]) -> ArmsInView:
    """Above the shoulder is up. A stump beside it belongs to an arm that leaves the view: to where less is in view."""
    above = reference_mm - SHOULDER_MM
    if abs(above) >= NEAR_SHOULDER_MM:
        return ArmsInView.UP if above > 0.0 else ArmsInView.DOWN
    up, down = (_in_view(view, UPPER_ARM, arms) >= SEEN_MM for arms in (ArmsInView.UP, ArmsInView.DOWN))
    if up == down:
        return ArmsInView.UNKNOWN
    return ArmsInView.UP if down else ArmsInView.DOWN


def _not_there(posture: ArmsInView, view: tuple[float, float], nameable: set[str]) -> bool:
    """Whether arms lying so would have been found, or would lie beyond the field of view; none was found."""
    there = [bones for bones in (UPPER_ARM, FOREARM) if _in_view(view, bones, posture) >= SEEN_MM]
    return not there or any(nameable.intersection(bones) for bones in there)


def _in_view(view: tuple[float, float], bones: tuple[str, ...], posture: ArmsInView) -> float:
    """Along how many mm a bone lies in view, if the arm lies so; negative where it lies beyond."""
    low, high = WHERE_MM[bones, posture]
    return min(view[1], high) - max(view[0], low)
