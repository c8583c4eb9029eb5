"""What bones are made of: thick plates between corners, and straps of oval section along a curve.

A plate is a triangle with a thickness that changes from corner to corner; where two of its corners are one it is a
rod. Blades, arches, processes and shafts are sets of them, in one solid that is measured in one pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Vector
from psmap.numerics.compiled import compiled
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import Floats32, Solid, grown

Flat32 = npt.NDArray[np.float32]


def plates(corners: npt.ArrayLike, radii: npt.ArrayLike, faces: Sequence[Sequence[int]]) -> Solid:
    """Triangles and rods with round edges, all in one.

    Args:
        corners: (n, 3) mm.
        radii: (n,) half thickness at each corner, or one number (mm).
        faces: three corner numbers make a plate, two a rod.
    """
    points = np.array(corners, dtype=np.float64)
    thick = np.broadcast_to(np.array(radii, dtype=np.float64), (len(points),)).copy()
    index = np.array([(*face, face[-1])[:3] for face in faces], dtype=np.int64)
    middle = points[index].mean(axis=1)
    reach = np.linalg.norm(points[index] - middle[:, None, :], axis=2).max(axis=1) + thick[index].max(axis=1)

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        shape, flat = _flat(x, y, z)
        return _plates(*flat, points, thick, index, middle, reach).reshape(shape)

    used = np.unique(index)
    low = (points[used] - thick[used, None]).min(axis=0)
    high = (points[used] + thick[used, None]).max(axis=0)
    return Solid(distance, corner(low), corner(high))


def strap(points: npt.ArrayLike, thin: npt.ArrayLike, half_thick: npt.ArrayLike, half_wide: npt.ArrayLike) -> Solid:
    """A curve with an oval section and round ends: ribs, sternum, jaw.

    Args:
        points: (n, 3) mm.
        thin: (n, 3) the direction in which it is thin, at each point.
        half_thick, half_wide: (n,) or one number (mm): half the section along `thin` and across.
    """
    line = np.array(points, dtype=np.float64)
    normal = np.array(thin, dtype=np.float64)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    small = np.broadcast_to(np.array(half_thick, dtype=np.float64), (len(line),)).copy()
    large = np.broadcast_to(np.array(half_wide, dtype=np.float64), (len(line),)).copy()

    def distance(x: Floats32, y: Floats32, z: Floats32) -> Floats32:
        shape, flat = _flat(x, y, z)
        return _strap(*flat, line, normal, small, large).reshape(shape)

    # the thin direction turns between two points, so that an end of the oval may swing a little out of both their boxes
    reach = np.sqrt((normal * small[:, None]) ** 2 + (1.0 - normal**2) * large[:, None] ** 2) + 0.1 * large[:, None]
    return Solid(distance, corner((line - reach).min(axis=0)), corner((line + reach).max(axis=0)))


def bone(man: Man, name: str, whole: Solid, marrow: Solid | float) -> tuple[Structure, Structure]:
    """A bone and the marrow in it, in the man's own size.

    Args:
        name: id of the bone; that of its marrow ends in `_marrow`.
        marrow: the solid of the marrow, or how thick (mm) the cortex over it is.
    """
    inner = grown(whole, -marrow) if isinstance(marrow, float) else marrow
    middle = corner((np.array(whole.low) + np.array(whole.high)) / 2.0)
    return (
        Structure(name, man.own(name, whole, middle), Layer.BONE),
        Structure(f"{name}_marrow", man.own(name, inner, middle), Layer.MARROW),
    )


def boxed(solid: Solid, low: Vector, high: Vector) -> Solid:
    """The same solid with a tighter box: for what is cut out of a larger body."""
    return Solid(solid.distance, corner(np.maximum(solid.low, low)), corner(np.minimum(solid.high, high)))


def corner(numbers: npt.ArrayLike) -> Vector:
    """Three numbers as a vector."""
    x, y, z = (float(number) for number in np.asarray(numbers, dtype=float))
    return x, y, z


def turned(points: npt.ArrayLike, about: Vector, axis: Vector, degrees: float) -> FloatArray:
    """Points (n, 3) turned about an axis through a point, by the right hand (Rodrigues' formula)."""
    k = np.array(axis, dtype=float) / float(np.linalg.norm(axis))
    away = np.atleast_2d(np.asarray(points, dtype=float)) - np.array(about)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    found: FloatArray = away * c + np.cross(k, away) * s + np.outer(away @ k, k) * (1.0 - c) + np.array(about)
    return found


def _flat(x: Floats32, y: Floats32, z: Floats32) -> tuple[tuple[int, ...], tuple[Flat32, Flat32, Flat32]]:
    shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
    a, b, c = (np.ascontiguousarray(np.broadcast_to(v, shape), np.float32).reshape(-1) for v in (x, y, z))
    return shape, (a, b, c)


@compiled
def _plates(
    x: Flat32,
    y: Flat32,
    z: Flat32,
    points: FloatArray,
    thick: FloatArray,
    faces: npt.NDArray[np.int64],
    middle: FloatArray,
    reach: FloatArray,
) -> Flat32:
    """Distance to the nearest plate, by the regions of a triangle (Ericson, Real-Time Collision Detection, 5.1.5)."""
    found = np.empty(len(x), np.float32)
    for n in range(len(x)):
        best = 1e9
        for f in range(len(faces)):
            mx, my, mz = x[n] - middle[f, 0], y[n] - middle[f, 1], z[n] - middle[f, 2]
            bound = best + reach[f]
            if bound <= 0.0 or mx * mx + my * my + mz * mz >= bound * bound:
                continue
            a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
            ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
            vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
            px, py, pz = x[n] - points[a, 0], y[n] - points[a, 1], z[n] - points[a, 2]
            d1, d2 = ux * px + uy * py + uz * pz, vx * px + vy * py + vz * pz
            uu, vv, uv = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, ux * vx + uy * vy + uz * vz
            d3, d4, d5, d6 = d1 - uu, d2 - uv, d1 - uv, d2 - vv
            va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
            s = t = 0.0
            if b == c:
                s = min(1.0, max(0.0, d1 / uu))
            elif d1 <= 0.0 and d2 <= 0.0:
                pass
            elif d3 >= 0.0 and d4 <= d3:
                s = 1.0
            elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
                s = d1 / (d1 - d3)
            elif d6 >= 0.0 and d5 <= d6:
                t = 1.0
            elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
                t = d2 / (d2 - d6)
            elif va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
                t = (d4 - d3) / ((d4 - d3) + (d5 - d6))
                s = 1.0 - t
            else:
                s, t = vb / (va + vb + vc), vc / (va + vb + vc)
            ox, oy, oz = px - s * ux - t * vx, py - s * uy - t * vy, pz - s * uz - t * vz
            radius = thick[a] + s * (thick[b] - thick[a]) + t * (thick[c] - thick[a])
            best = min(best, (ox * ox + oy * oy + oz * oz) ** 0.5 - radius)
        found[n] = best
    return found


@compiled
def _strap(
    x: Flat32, y: Flat32, z: Flat32, line: FloatArray, normal: FloatArray, small: FloatArray, large: FloatArray
) -> Flat32:
    found = np.empty(len(x), np.float32)
    for n in range(len(x)):
        nearest, where, at = 1e18, 0, 0.0
        for s in range(len(line) - 1):
            bx, by, bz = line[s + 1, 0] - line[s, 0], line[s + 1, 1] - line[s, 1], line[s + 1, 2] - line[s, 2]
            px, py, pz = x[n] - line[s, 0], y[n] - line[s, 1], z[n] - line[s, 2]
            t = min(1.0, max(0.0, (px * bx + py * by + pz * bz) / (bx * bx + by * by + bz * bz)))
            ox, oy, oz = px - t * bx, py - t * by, pz - t * bz
            away = ox * ox + oy * oy + oz * oz
            if away < nearest:
                nearest, where, at = away, s, t
        s, t = where, at
        along, across, length = 0.0, 0.0, 0.0
        for c, p in enumerate((x[n], y[n], z[n])):
            offset = p - line[s, c] - t * (line[s + 1, c] - line[s, c])
            direction = normal[s, c] + t * (normal[s + 1, c] - normal[s, c])
            along += offset * direction
            length += direction * direction
            across += offset * offset
        along /= length**0.5
        a, b = small[s] + t * (small[s + 1] - small[s]), large[s] + t * (large[s + 1] - large[s])
        rest = max(across - along * along, 0.0)
        steep = (along * along / a**4 + rest / b**4) ** 0.5
        size = (along * along / a**2 + rest / b**2) ** 0.5
        found[n] = size * (size - 1.0) / steep if steep > 1e-9 else -min(a, b)
    return found
