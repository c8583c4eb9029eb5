"""Solids by signed distance: ellipsoids, tubes along curves, lofts along the body, and what can be made of them.

A solid tells for any point how far (mm) it lies from its surface, negative inside, and in which box it lies. The
distance has to be true near the surface only: there it decides how much of a voxel is inside. All in LPS mm of the
reference man (see `psmap.phantom.anatomy`); points come as three arrays of one shape, x, y, z, in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from psmap.domain.geometry import FloatArray, Vector
from psmap.numerics.compiled import compiled

Floats32 = npt.NDArray[np.float32]
Distance = Callable[[Floats32, Floats32, Floats32], Floats32]
_EVERYWHERE = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A body in space.

    Args:
        distance: signed distance (mm), negative inside, of points x, y, z.
        low, high: opposite corners of a box (mm) that holds it.
        radius_mm: one over the mean of the sum of both curvatures of its surface: of a thin tube about its radius, of
            a ball half of it; 0 where the solid is so large or so flat that it does not matter.
    """

    distance: Distance
    low: Vector
    high: Vector
    radius_mm: float = 0.0


def ellipsoid(centre: Vector, half_axes: Vector, directions: Sequence[Vector] | None = None) -> Solid:
    """An ellipsoid.

    Args:
        centre: mm.
        half_axes: lengths along the three directions (mm).
        directions: orthonormal unit vectors of the axes; x, y, z if None.
    """
    frame = np.eye(3) if directions is None else np.array(directions, dtype=float)
    lengths = np.array(half_axes, dtype=float)
    matrix = (frame / lengths[:, None]).astype(np.float32)
    steep = (frame / lengths[:, None] ** 2).astype(np.float32)
    reach = np.sqrt(((frame * lengths[:, None]) ** 2).sum(axis=0))

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        dx, dy, dz = (a - np.float32(c) for a, c in zip((x, y, z), centre, strict=True))
        size = np.zeros(np.broadcast(dx, dy, dz).shape, np.float32)
        slope = np.zeros_like(size)
        for row, fall in zip(matrix, steep, strict=True):
            size += (row[0] * dx + row[1] * dy + row[2] * dz) ** 2
            slope += (fall[0] * dx + fall[1] * dy + fall[2] * dz) ** 2
        size, slope = np.sqrt(size), np.sqrt(slope)
        found: Floats32 = np.where(slope > 0, size * (size - 1) / np.maximum(slope, 1e-12), -np.float32(lengths.min()))
        return found

    # area (Thomsen's formula) over the integral of the curvature: what a thin tube of radius r has, r; a sphere, r / 2
    a, b, c = lengths**1.6075
    area = 4.0 * np.pi * ((a * b + a * c + b * c) / 3.0) ** (1.0 / 1.6075)
    round_mm = float(area / (8.0 * np.pi * np.sqrt(np.mean(lengths**2))))
    return Solid(distance, _vector(np.array(centre) - reach), _vector(np.array(centre) + reach), round_mm)


def tube(points: npt.ArrayLike, radii: npt.ArrayLike, flattened: float = 1.0) -> Solid:
    """A tube along a polyline, its radius changing from point to point; round ends.

    Args:
        points: (n, 3) mm, at least two.
        radii: (n,) or one number (mm).
        flattened: below 1 the tube is thinner along y than along x and z by this factor.
    """
    line = np.array(points, dtype=np.float64)
    thick = np.broadcast_to(np.array(radii, dtype=np.float64), (len(line),)).copy()
    scale = np.array([1.0, 1.0 / flattened, 1.0])
    stretched = line * scale

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
        flat = [np.ascontiguousarray(np.broadcast_to(a, shape), np.float32).reshape(-1) for a in (x, y, z)]
        return _tube(flat[0], flat[1] * np.float32(scale[1]), flat[2], stretched, thick).reshape(shape) * np.float32(
            flattened if flattened < 1.0 else 1.0
        )

    reach = thick[:, None] * np.array([1.0, flattened, 1.0])
    low, high = (line - reach).min(axis=0), (line + reach).max(axis=0)
    return Solid(distance, _vector(low), _vector(high), float(thick.mean()) * flattened**0.5)


@compiled
def _tube(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    z: npt.NDArray[np.float32],
    line: npt.NDArray[np.float64],
    radius: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    found = np.empty(len(x), np.float32)
    for n in range(len(x)):
        best = 1e18
        for s in range(len(line) - 1):
            ax, ay, az = line[s, 0], line[s, 1], line[s, 2]
            bx, by, bz = line[s + 1, 0] - ax, line[s + 1, 1] - ay, line[s + 1, 2] - az
            px, py, pz = x[n] - ax, y[n] - ay, z[n] - az
            length = bx * bx + by * by + bz * bz
            t = 0.0
            if length > 0.0:
                t = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / length))
            ox, oy, oz = px - t * bx, py - t * by, pz - t * bz
            away = (ox * ox + oy * oy + oz * oz) ** 0.5 - (radius[s] + t * (radius[s + 1] - radius[s]))
            best = min(best, away)
        found[n] = best
    return found


def loft(sections: npt.ArrayLike, power: float = 2.0) -> Solid:
    """Superellipses stacked along z, blended between: trunks, lungs, necks.

    Args:
        sections: (n, 5) rows of z, centre x, centre y, half width x, half width y (mm), by rising z.
        power: 2 is an ellipse, more is squarer.
    """
    rows = np.array(sections, dtype=np.float64)
    z_at, rest = rows[:, 0], rows[:, 1:]

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        cx, cy, rx, ry = (np.interp(z, z_at, column).astype(np.float32) for column in rest.T)
        across, back = np.abs(x - cx) / rx, np.abs(y - cy) / ry
        size = (across**power + back**power) ** np.float32(1.0 / power)
        # first-order distance: value over gradient of the gauge, so that flat sides are as true as round ones
        with np.errstate(divide="ignore", invalid="ignore"):
            gradient = size ** np.float32(1.0 - power) * np.hypot(across ** (power - 1) / rx, back ** (power - 1) / ry)
            side = np.where(size > 1e-6, (size - 1) / np.maximum(gradient, 1e-9), -np.minimum(rx, ry))
        ends = np.maximum(np.float32(z_at[0]) - z, z - np.float32(z_at[-1]))
        found: Floats32 = np.maximum(side, ends).astype(np.float32)
        return found

    low = (float((rows[:, 1] - rows[:, 3]).min()), float((rows[:, 2] - rows[:, 4]).min()), float(z_at[0]))
    high = (float((rows[:, 1] + rows[:, 3]).max()), float((rows[:, 2] + rows[:, 4]).max()), float(z_at[-1]))
    return Solid(distance, low, high)


def half_space(point: Vector, outwards: Vector) -> Solid:
    """Everything on the side of a plane that `outwards` points away from. To cut other solids with."""
    normal = np.array(outwards, dtype=float) / float(np.linalg.norm(outwards))
    a, b, c = (np.float32(n) for n in normal)
    level = np.float32(normal @ np.array(point))

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        found: Floats32 = a * x + b * y + c * z - level
        return found

    return Solid(distance, (-_EVERYWHERE,) * 3, (_EVERYWHERE,) * 3)


def union(*solids: Solid) -> Solid:
    """What lies in any of them."""
    return Solid(
        lambda x, y, z: _folded(np.minimum, solids, x, y, z),
        _vector(np.min([solid.low for solid in solids], axis=0)),
        _vector(np.max([solid.high for solid in solids], axis=0)),
    )


def common(*solids: Solid) -> Solid:
    """What lies in all of them."""
    low, high = np.max([solid.low for solid in solids], axis=0), np.min([solid.high for solid in solids], axis=0)
    return Solid(lambda x, y, z: _folded(np.maximum, solids, x, y, z), _vector(low), _vector(np.maximum(low, high)))


def without(solid: Solid, *others: Solid) -> Solid:
    """What lies in the first and in none of the others."""

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        found = solid.distance(x, y, z)
        for other in others:
            found = np.maximum(found, -other.distance(x, y, z))
        return found

    return Solid(distance, solid.low, solid.high)


def blended(one: Solid, other: Solid, over_mm: float) -> Solid:
    """The union with the seam rounded over `over_mm`."""
    width = np.float32(over_mm)

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        a, b = one.distance(x, y, z), other.distance(x, y, z)
        near = np.clip(width - np.abs(a - b), 0, None) / width
        found: Floats32 = np.minimum(a, b) - near * near * width * np.float32(0.25)
        return found

    whole = union(one, other)
    return grown(Solid(distance, whole.low, whole.high), 0.0, box_mm=0.25 * over_mm)


def grown(solid: Solid, by_mm: float, box_mm: float | None = None) -> Solid:
    """The solid with its surface moved outwards (inwards where negative)."""
    shift, reach = np.float32(by_mm), max(by_mm, 0.0) if box_mm is None else box_mm

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        found: Floats32 = solid.distance(x, y, z) - shift
        return found

    return Solid(distance, _vector(np.array(solid.low) - reach), _vector(np.array(solid.high) + reach))


def shell(solid: Solid, thick_mm: float) -> Solid:
    """The outermost `thick_mm` of a solid: cortex, wall, skin."""
    return without(solid, grown(solid, -thick_mm))


def moved(solid: Solid, about: Vector, scale: Vector | float = 1.0, shift_mm: Vector = (0.0, 0.0, 0.0)) -> Solid:
    """Scaled about a point and shifted: how one man's organ comes of the reference man's.

    Args:
        about: fixed point of the scaling (mm), the organ's centre.
        scale: along x, y, z.
        shift_mm: afterwards.
    """
    middle, factor = np.array(about, dtype=float), np.broadcast_to(np.array(scale, dtype=float), (3,))
    away = np.array(shift_mm, dtype=float)
    least = np.float32(factor.min())

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        back = (
            ((a - np.float32(m + s)) / np.float32(f) + np.float32(m)).astype(np.float32)
            for a, m, s, f in zip((x, y, z), middle, away, factor, strict=True)
        )
        found: Floats32 = solid.distance(*back) * least
        return found

    low, high = ((np.array(corner) - middle) * factor + middle + away for corner in (solid.low, solid.high))
    return Solid(distance, _vector(low), _vector(high), solid.radius_mm * float(factor.mean()))


def mirrored(solid: Solid, x_mm: float = 0.0) -> Solid:
    """The other side's, mirrored at the plane x = `x_mm`."""
    twice = np.float32(2.0 * x_mm)
    low = (2.0 * x_mm - solid.high[0], solid.low[1], solid.low[2])
    high = (2.0 * x_mm - solid.low[0], solid.high[1], solid.high[2])
    return Solid(lambda x, y, z: solid.distance(twice - x, y, z), low, high, solid.radius_mm)


def spline(points: npt.ArrayLike, count: int) -> FloatArray:
    """A smooth curve through points (n, 3), as (count, 3) points of equal steps in chord length."""
    given = np.array(points, dtype=float)
    along = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(given, axis=0), axis=1))))
    curve: FloatArray = CubicSpline(along, given)(np.linspace(0.0, along[-1], count))
    return curve


def _folded(
    fold: Callable[[Floats32, Floats32], Floats32], solids: Sequence[Solid], x: Floats32, y: Floats32, z: Floats32
) -> Floats32:
    found = solids[0].distance(x, y, z)
    for solid in solids[1:]:
        found = fold(found, solid.distance(x, y, z))
    return found


def _vector(numbers: npt.ArrayLike) -> Vector:
    x, y, z = (float(number) for number in np.asarray(numbers, dtype=float))
    return x, y, z
