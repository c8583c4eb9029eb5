"""A focus as the dice give it: tumour or benign, of what kind, in which structure, how large, what shape, how hot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from psmap.domain.geometry import Vector
from psmap.phantom.anatomy.solids import Solid, ellipsoid

Frame = tuple[Vector, Vector, Vector]
UPRIGHT: Frame = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


class FocusKind(StrEnum):
    """In what tissue a focus lies."""

    PRIMARY = "primary"
    LOCAL_RECURRENCE = "local_recurrence"
    NODE = "node"
    BONE = "bone"
    VISCERAL = "visceral"
    GANGLION = "ganglion"
    URETER = "ureter"
    BOWEL = "bowel"


class Benign(StrEnum):
    """Why a focus that is no tumour takes up the tracer."""

    UNSPECIFIC_BONE = "unspecific_bone"
    DEGENERATIVE = "degenerative"
    FRACTURE = "fracture"
    GANGLION = "ganglion"
    URETER = "ureter"
    BOWEL = "bowel"
    UNSPECIFIC_NODE = "unspecific_node"


@dataclass(frozen=True, slots=True)
class DrawnFocus:
    """An ellipsoid of uptake that has no place in space yet.

    Args:
        kind: the tissue.
        benign: why it takes up tracer although it is no tumour; None for a lesion.
        place: id of the structure or nodal station of `catalog/anatomy` in which its centre lies; a recurrence at the
            anastomosis may lie beside it and touch it.
        volume_ml: true volume.
        axes_ratio: lengths of the three axes against the sphere of the same volume; their product is 1.
        directions: orthonormal unit vectors of the axes, in the man's own space (LPS).
        suv: SUV at the centre (g/mL), sharp and without noise.
        rim: SUV at the margin as a share of that at the centre.
        core: how narrow the hot core is: at a distance r from the centre (1 is the margin) the SUV is
            suv * (rim + (1 - rim) (1 - r^2)^core).
        osteoblastic: of a focus in bone, whether it is dense on CT; None elsewhere.
        enlarged: of a focus in a node, whether the node is enlarged on CT; None elsewhere.
    """

    kind: FocusKind
    benign: Benign | None
    place: str
    volume_ml: float
    axes_ratio: Vector
    directions: Frame
    suv: float
    rim: float = 1.0
    core: float = 1.0
    osteoblastic: bool | None = None
    enlarged: bool | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.volume_ml < math.inf or not 0.0 <= self.suv < math.inf or not 0.0 <= self.rim <= 1.0:
            raise ValueError("a focus needs a positive volume, an SUV that is not negative and a rim from 0 to 1")
        if self.core <= 0.0:
            raise ValueError("the core of a focus falls off, so its power is positive")
        if min(self.axes_ratio) <= 0.0 or abs(math.prod(self.axes_ratio) - 1.0) > 1e-6:
            raise ValueError("the product of a focus's axes ratios is 1")

    @property
    def diameter_mm(self) -> float:
        """Diameter of the sphere of the same volume."""
        return diameter_mm(self.volume_ml)

    @property
    def half_axes_mm(self) -> Vector:
        """Half the lengths of the axes."""
        a, b, c = (0.5 * self.diameter_mm * ratio for ratio in self.axes_ratio)
        return a, b, c

    @property
    def short_axis_mm(self) -> float:
        """Length of the shortest axis: what is measured of a node on CT."""
        return 2.0 * min(self.half_axes_mm)

    @property
    def mean_suv(self) -> float:
        """True mean SUV; the mean of (1 - r^2)^n over the unit ball is 3/2 B(3/2, n + 1), B Euler's beta function."""
        log_beta = math.lgamma(1.5) + math.lgamma(self.core + 1.0) - math.lgamma(self.core + 2.5)
        return self.suv * (self.rim + (1.0 - self.rim) * 1.5 * math.exp(log_beta))

    def solid_at(self, centre_mm: Vector) -> Solid:
        """The focus as a solid of the man's own space, for labels and CT."""
        return ellipsoid(centre_mm, self.half_axes_mm, self.directions)


DrawnLesion = DrawnFocus
"""A focus whose `benign` is None."""


def diameter_mm(volume_ml: float) -> float:
    """Diameter of the sphere of a volume: (6 V / pi)^(1/3)."""
    return float((6000.0 * volume_ml / math.pi) ** (1.0 / 3.0))


def volume_of_sphere_ml(diameter: float) -> float:
    """Volume of the sphere of a diameter in mm."""
    return math.pi / 6000.0 * diameter**3
