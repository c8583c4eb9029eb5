"""The IEC body phantom in closed form: six spheres round a lung insert in a warm body of known outline.

Figures from NEMA NU 2-2018 (section 7, image quality) and IEC 61675-1: the inside of the body is a half disc of radius
147 mm in front and, behind it, two quarter discs of radius 77 mm joined by a flat bottom 140 mm wide; it is 180 mm
long; six spheres of 10 to 37 mm inner diameter stand every 60 degrees on a circle of 114.4 mm in one plane, 70 mm from
the inside of the lid; an insert of 50 mm diameter and 0.3 g/mL runs along the whole of the axis through the middle of
that circle, which lies 35 mm in front of the centre of the half disc. The walls of the body are 3 mm of acrylic.

Left out: the walls of the spheres (about 1 mm, without activity), their stems, and the wall of the lung insert.

The phantom is scaled as if cut from a man: its concentrations are given in SUV, and the header that goes with it says
70 kg, although the phantom itself holds less than 10 kg of water (psmap refuses so light a patient).

Coordinates are LPS mm: x to the left, y to the back, z to the head. The origin is where the axis of the insert meets
the plane of the spheres, `IecPhantom.position_mm` moves it. The lid is on the side of the head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid, Vector
from psmap.phantom.coverage import SignedDistance, covered_fraction

DIAMETERS_MM = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)
"""Inner diameters of the spheres (mm), NEMA NU 2-2018."""

CIRCLE_RADIUS_MM = 57.2
"""Radius of the circle through the centres of the spheres (mm), NEMA NU 2-2018."""

FRONT_RADIUS_MM = 147.0
BACK_RADIUS_MM = 77.0
FLAT_HALF_WIDTH_MM = 70.0
LENGTH_MM = 180.0
LID_TO_SPHERES_MM = 70.0
LUNG_RADIUS_MM = 25.0
WALL_MM = 3.0
AXIS_BEFORE_FRONT_CENTRE_MM = 35.0
"""How far the axis of insert and spheres lies in front of the centre of the half disc: mid-height of the inside."""

WATER_HU, AIR_HU = 0.0, -1000.0
ACRYLIC_HU = 120.0
"""Acrylic (PMMA) at 120 kV, about 110 to 130 HU."""

LUNG_HU = -700.0
"""1000 * (0.3 g/mL - 1 g/mL) / (1 g/mL): a water-like insert of 0.3 g/mL."""


@dataclass(frozen=True, slots=True)
class IecPhantom:
    """How the phantom is filled and where it lies.

    Args:
        background_suv: SUV of the warm body (g/mL).
        sphere_suv: SUV of the six spheres, smallest first (g/mL); 8:1 by default, cold spheres are 0.
        lung_suv: SUV of the lung insert (g/mL).
        position_mm: LPS position of the phantom's origin.
    """

    background_suv: float = 1.0
    sphere_suv: tuple[float, float, float, float, float, float] = (8.0,) * 6
    lung_suv: float = 0.0
    position_mm: Vector = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if min(self.background_suv, self.lung_suv, *self.sphere_suv) < 0.0:
            raise ValueError("an SUV of the phantom is negative")


@dataclass(frozen=True, slots=True)
class SphereTruth:
    """What is known of one sphere: inner diameter (mm), volume (mL), centre (LPS mm) and SUV (g/mL)."""

    diameter_mm: float
    volume_ml: float
    centre_mm: Vector
    suv: float


def spheres_of(phantom: IecPhantom) -> tuple[SphereTruth, ...]:
    """The six spheres, smallest first; the 17 mm one lies on the horizontal through the axis, at the right."""
    x, y, z = phantom.position_mm
    truths = []
    for n, (diameter, suv) in enumerate(zip(DIAMETERS_MM, phantom.sphere_suv, strict=True), start=1):
        angle = math.radians(60.0 * n)
        centre = (x + CIRCLE_RADIUS_MM * math.cos(angle), y + CIRCLE_RADIUS_MM * math.sin(angle), z)
        truths.append(SphereTruth(diameter, math.pi / 6.0 * diameter**3 / 1000.0, centre, suv))
    return tuple(truths)


def body_volume_ml() -> float:
    """Volume inside the empty body (mL): (pi 147^2 / 2 + pi 77^2 / 2 + 140 * 77) mm^2 times 180 mm."""
    area_mm2 = math.pi / 2.0 * (FRONT_RADIUS_MM**2 + BACK_RADIUS_MM**2) + 2.0 * FLAT_HALF_WIDTH_MM * BACK_RADIUS_MM
    return area_mm2 * LENGTH_MM / 1000.0


def lung_volume_ml() -> float:
    """Volume of the lung insert (mL)."""
    return math.pi * LUNG_RADIUS_MM**2 * LENGTH_MM / 1000.0


def total_uptake(phantom: IecPhantom) -> float:
    """SUV integrated over the whole phantom (g/mL * mL), in closed form."""
    spheres = spheres_of(phantom)
    warm_ml = body_volume_ml() - lung_volume_ml() - sum(sphere.volume_ml for sphere in spheres)
    hot = sum(sphere.suv * sphere.volume_ml for sphere in spheres)
    return phantom.background_suv * warm_ml + phantom.lung_suv * lung_volume_ml() + hot


def suv_on(phantom: IecPhantom, grid: Grid, parts: int = 5) -> npt.NDArray[np.float32]:
    """SUV of every voxel (g/mL, float32, [k, j, i]), sharp and without noise: the mean over the voxel.

    Args:
        phantom: the filling.
        grid: any grid; what lies outside it is cut off.
        parts: number of parts along each edge of a voxel on a surface.
    """
    suv = phantom.background_suv * covered_fraction(grid, _body(phantom), parts)
    suv += (phantom.lung_suv - phantom.background_suv) * covered_fraction(grid, _lung(phantom), parts)
    for sphere in spheres_of(phantom):
        box, inside = _box_round(grid, sphere)
        suv[inside] += (sphere.suv - phantom.background_suv) * covered_fraction(box, _ball(sphere), 2 * parts)
    clipped: npt.NDArray[np.float32] = np.maximum(suv, np.float32(0.0))
    return clipped


def hu_on(phantom: IecPhantom, grid: Grid, parts: int = 3) -> npt.NDArray[np.int16]:
    """Hounsfield units of every voxel (int16, [k, j, i]): water in an acrylic wall, lung insert, air around.

    The spheres hold water and do not show. Arguments as for `suv_on`.
    """
    hu = AIR_HU + (ACRYLIC_HU - AIR_HU) * covered_fraction(grid, _body(phantom, WALL_MM), parts)
    hu += (WATER_HU - ACRYLIC_HU) * covered_fraction(grid, _body(phantom), parts)
    hu += (LUNG_HU - WATER_HU) * covered_fraction(grid, _lung(phantom), parts)
    rounded: npt.NDArray[np.int16] = np.rint(hu).astype(np.int16)
    return rounded


def _body(phantom: IecPhantom, wall_mm: float = 0.0) -> SignedDistance:
    """The inside of the body, or with a wall its outside."""
    x0, y0, _ = phantom.position_mm

    def distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        across, back = np.abs(x - x0), y - y0 - AXIS_BEFORE_FRONT_CENTRE_MM
        front = np.hypot(across, back) - FRONT_RADIUS_MM
        behind = np.hypot(np.maximum(across - FLAT_HALF_WIDTH_MM, 0.0), back) - BACK_RADIUS_MM
        return np.maximum(np.where(back > 0.0, behind, front), _ends(phantom, z)) - wall_mm

    return distance


def _lung(phantom: IecPhantom) -> SignedDistance:
    x0, y0, _ = phantom.position_mm

    def distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        return np.maximum(np.hypot(x - x0, y - y0) - LUNG_RADIUS_MM, _ends(phantom, z))

    return distance


def _ends(phantom: IecPhantom, z: FloatArray) -> FloatArray:
    """Distance from the two flat ends of the inside, negative between them."""
    middle = phantom.position_mm[2] + LID_TO_SPHERES_MM - 0.5 * LENGTH_MM
    ends: FloatArray = np.abs(z - middle) - 0.5 * LENGTH_MM
    return ends


def _ball(sphere: SphereTruth) -> SignedDistance:
    x0, y0, z0 = sphere.centre_mm

    def distance(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        return np.sqrt((x - x0) ** 2 + (y - y0) ** 2 + (z - z0) ** 2) - 0.5 * sphere.diameter_mm

    return distance


def _box_round(grid: Grid, sphere: SphereTruth) -> tuple[Grid, tuple[slice, slice, slice]]:
    """The part of the grid that holds the sphere with two voxels to spare, at least one voxel, and where it is."""
    centre = grid.to_index(sphere.centre_mm)[0]
    reach = 0.5 * sphere.diameter_mm * np.linalg.norm(np.linalg.inv(np.array(grid.axes_mm)), axis=0) + 2.0
    last = np.array(grid.shape) - 1
    low = np.clip(np.floor(centre - reach), 0, last).astype(int)
    high = np.clip(np.ceil(centre + reach), 0, last).astype(int)
    corner = grid.to_mm(low)[0]
    k, j, i = (int(n) for n in high - low + 1)
    box = Grid((k, j, i), (float(corner[0]), float(corner[1]), float(corner[2])), grid.axes_mm)
    return box, (
        slice(int(low[0]), int(high[0]) + 1),
        slice(int(low[1]), int(high[1]) + 1),
        slice(int(low[2]), int(high[2]) + 1),
    )
