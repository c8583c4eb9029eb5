"""Muscles that planning and staging look at: psoas, obturator internus, levator ani.

The figures of the reference man tell of all muscle in one. Courses as in Gray's Anatomy; sizes: psoas some 9 cm2 at L3
and 13 cm2 at L5 in men (Derstine et al. 2018, Sci Rep 8:11369, skeletal muscle by level), male pelvic floor 46 mL
(Juntendo Med J 2024, 70:429), obturator internus about 40 mL (ours, from its breadth, height and thickness).
"""

from __future__ import annotations

from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import (
    Solid,
    common,
    ellipsoid,
    half_space,
    mirrored,
    shell,
    spline,
    tube,
    union,
    without,
)

MIDDLE_MM = -2.4
"""x of the middle plane of the reference man's pelvis."""


def muscles(man: Man) -> tuple[Structure, ...]:
    """Psoas and obturator internus of both sides, levator ani."""
    pairs = (("psoas", _psoas_left(), 0.0), ("obturator_internus", _obturator_left(), MIDDLE_MM))
    found = []
    for name, left, plane in pairs:
        centre = (0.5 * (left.low[0] + left.high[0]), left.low[1], 0.5 * (left.low[2] + left.high[2]))
        found.append(Structure(f"{name}_left", man.own(f"{name}_left", left, centre), Layer.CAVITY))
        other = (2.0 * plane - centre[0], centre[1], centre[2])
        found.append(Structure(f"{name}_right", man.own(f"{name}_right", mirrored(left, plane), other), Layer.CAVITY))
    levator = man.own("levator_ani", _levator(), (-3.0, 0.0, -150.0))
    return (*found, Structure("levator_ani", levator, Layer.CAVITY))


def _psoas_left() -> Solid:
    """From the side of T12 down beside the lumbar spine, over the brim of the pelvis to the lesser trochanter."""
    course = [
        (27.0, 4.0, 158.0), (32.0, 0.0, 120.0), (38.0, -4.0, 80.0), (43.0, -8.0, 40.0), (49.0, -13.0, 0.0),
        (57.0, -26.0, -40.0), (68.0, -42.0, -80.0), (80.0, -46.0, -120.0), (88.0, -28.0, -165.0), (90.0, -8.0, -192.0),
    ]  # fmt: skip
    radii = [5.0, 9.0, 13.5, 17.0, 18.5, 18.0, 16.0, 13.0, 9.0, 6.0]
    return union(tube(spline(course, 28), _along(radii, 28)))


def _along(radii: list[float], count: int) -> list[float]:
    steps = (len(radii) - 1) / (count - 1)
    found = []
    for n in range(count):
        at = min(int(n * steps), len(radii) - 2)
        t = n * steps - at
        found.append(radii[at] + t * (radii[at + 1] - radii[at]))
    return found


def _obturator_left() -> Solid:
    """A plate on the inner side of the obturator foramen and of the wall of the true pelvis."""
    turned = ((0.94, -0.30, 0.17), (0.30, 0.954, 0.0), (-0.162, 0.051, 0.985))
    return ellipsoid((52.0, -14.0, -126.0), (8.0, 36.0, 36.0), turned)


def _levator() -> Solid:
    """A funnel from the walls of the true pelvis to the anal canal, open in front for urethra and prostate."""
    funnel = shell(ellipsoid((MIDDLE_MM, -8.0, -118.0), (49.0, 58.0, 56.0)), 3.0)
    below = half_space((0.0, 0.0, -128.0), (0.0, 0.0, 1.0))
    gap = ellipsoid((MIDDLE_MM, -32.0, -172.0), (14.0, 34.0, 22.0))
    canal = tube([(-3.6, 10.0, -134.0), (-3.0, 17.0, -152.0), (-3.0, 29.0, -178.0)], [12.5, 12.0, 12.5])
    return union(without(common(funnel, below), gap), canal)
