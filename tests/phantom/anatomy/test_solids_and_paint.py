"""Solids and painting, held against volumes and places known in closed form."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.phantom.anatomy.bend import Bend, Wave
from psmap.phantom.anatomy.paint import Layer, Structure, paint
from psmap.phantom.anatomy.solids import (
    Solid,
    common,
    ellipsoid,
    grown,
    half_space,
    loft,
    mirrored,
    moved,
    shell,
    spline,
    tube,
    union,
    without,
)


def _grid(step: float = 2.0, half: float = 60.0) -> Grid:
    count = int(2 * half / step) + 1
    axes = ((0.0, 0.0, step), (0.0, step, 0.0), (step, 0.0, 0.0))
    return Grid((count, count, count), (-half, -half, -half), axes)


def _ml(solid: Solid, grid: Grid | None = None) -> float:
    painted = paint([Structure("one", solid, Layer.ORGAN)], grid or _grid(), Bend())
    return painted.volumes_ml()["one"]


TURNED = ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0))
BALL = ellipsoid((3.0, -4.0, 5.0), (30.0, 30.0, 30.0))
ROD = tube([(0, 0, -40), (0, 0, 40)], 12.0)


@pytest.mark.parametrize(
    ("solid", "ml"),
    [
        (BALL, 4 / 3 * pi * 27.0),
        (ellipsoid((0, 0, 0), (40, 20, 12), TURNED), 4 / 3 * pi * 9.6),
        (ROD, pi * 1.44 * 8 + 4 / 3 * pi * 1.728),
        (tube([(0, 0, -40), (0, 0, 40)], 12.0, flattened=0.5), 0.5 * (pi * 1.44 * 8 + 4 / 3 * pi * 1.728)),
        (loft([(-40, 0, 0, 30, 20), (40, 0, 0, 30, 20)]), pi * 6 * 8),
        (loft([(-40, 0, 0, 10, 20), (40, 0, 0, 30, 20)]), pi * 2 * 2 * 8),
        (common(BALL, half_space((3.0, -4.0, 5.0), (1.0, 1.0, 0.0))), 2 / 3 * pi * 27.0),
        (without(BALL, ellipsoid((3.0, -4.0, 5.0), (20.0, 20.0, 20.0))), 4 / 3 * pi * 19.0),
        (shell(BALL, 10.0), 4 / 3 * pi * 19.0),
        (grown(BALL, 5.0), 4 / 3 * pi * 3.5**3),
        (moved(BALL, (3.0, -4.0, 5.0), (1.2, 0.8, 1.0)), 4 / 3 * pi * 27.0 * 0.96),
        (union(ROD, tube([(-40, 0, 0), (-40, 0, 1e-3)], 10.0)), pi * 1.44 * 8 + 4 / 3 * pi * (1.728 + 1.0)),
    ],
)
def test_volume(solid: Solid, ml: float) -> None:
    """Distances are of first order for curved surfaces, so 2 % are allowed."""
    assert _ml(solid) == pytest.approx(ml, rel=0.02)


@pytest.mark.parametrize("step", [1.5, 2.0, 4.0, 7.0])
def test_the_volume_is_the_same_on_every_grid(step: float) -> None:
    assert _ml(BALL, _grid(step)) == pytest.approx(4 / 3 * pi * 27.0, rel=0.02)


@pytest.mark.parametrize(
    ("solid", "mm3"),
    [
        # a round-ended rod of radius r and length l holds pi r^2 l + 4/3 pi r^3; an ellipsoid 4/3 pi a b c
        (tube([(-1.0, 0.7, -40.0), (3.0, -2.0, 40.0)], 3.0), pi * 9.0 * 80.146 + 36.0 * pi),
        (tube([(-30.0, 0.7, 2.0), (30.0, 20.0, 11.0)], 2.0), pi * 4.0 * 63.670 + 32.0 / 3.0 * pi),
        (ellipsoid((0.7, -0.3, 1.1), (4.0, 4.0, 4.0)), 256.0 / 3.0 * pi),
        (ellipsoid((0.7, -0.3, 1.1), (10.0, 5.0, 2.5)), 500.0 / 3.0 * pi),
    ],
)
def test_what_is_thin_gains_nothing_by_voxels_of_4_mm(solid: Solid, mm3: float) -> None:
    assert _ml(solid, _grid(4.0)) == pytest.approx(mm3 / 1000.0, rel=0.07)
    moved_there = moved(solid, (0.0, 0.0, 0.0), 1.2, (1.0, 2.0, 3.0))
    assert _ml(moved_there, _grid(4.0)) == pytest.approx(1.2**3 * mm3 / 1000.0, rel=0.07)


@pytest.mark.parametrize("solid", [BALL, ROD, loft([(-40, 5, 3, 10, 20), (40, -5, 0, 30, 20)], power=3.0)])
def test_nothing_lies_outside_the_box(solid: Solid) -> None:
    dice = np.random.default_rng(1)
    points = dice.uniform(-80, 80, (3, 20_000)).astype(np.float32)
    inside = solid.distance(*points) < 0
    assert inside.any()
    for place, low, high in zip(points, solid.low, solid.high, strict=True):
        assert np.all((place[inside] >= low - 1e-3) & (place[inside] <= high + 1e-3))


def test_the_distance_is_true_near_the_surface() -> None:
    """Of an ellipsoid, against the nearest of many points on its surface."""
    dice = np.random.default_rng(2)
    axes = np.array((40.0, 20.0, 12.0))
    sphere = dice.normal(size=(200_000, 3))
    sphere /= np.linalg.norm(sphere, axis=1)[:, None]
    surface = sphere * axes
    normal = surface / axes**2
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    off = dice.uniform(-2.0, 2.0, 50)
    points = (surface[:50] + off[:, None] * normal[:50]).astype(np.float32)
    found = ellipsoid((0, 0, 0), (40, 20, 12)).distance(*points.T)
    assert np.max(np.abs(found - off)) < 0.35


def test_what_is_painted_later_lies_on_top() -> None:
    inner = Structure("inner", ellipsoid((0, 0, 0), (15, 15, 15)), Layer.GLAND)
    outer = Structure("outer", ellipsoid((0, 0, 0), (30, 30, 30)), Layer.ORGAN)
    painted = paint([inner, outer], _grid(), Bend())
    labels = painted.labels({"inner": 2, "outer": 1})
    assert labels[30, 30, 30] == 2
    assert labels[30, 30, 41] == 1
    assert labels[0, 0, 0] == 0
    image = painted.compose({"inner": 5.0, "outer": 1.0}.get, background=-1.0)
    assert (image[30, 30, 30], image[30, 30, 41], image[0, 0, 0]) == (5.0, 1.0, -1.0)
    whole = (image.sum(dtype=float) + image.size) * painted.grid.voxel_ml
    assert whole == pytest.approx(4 / 3 * pi * (2.0 * 27.0 + 4.0 * 3.375), rel=0.02)
    assert painted.volumes_ml()["outer"] == pytest.approx(4 / 3 * pi * (27.0 - 3.375), rel=0.02)


def test_a_man_is_scaled_moved_and_bent() -> None:
    wave = Wave((4.0, -3.0, 2.0), (1 / 400, 1 / 500, 1 / 600), 0.7)
    bend = Bend((1.1, 0.9, 1.2), (5.0, -3.0, 8.0), (wave,))
    ball = ellipsoid((10.0, 5.0, -5.0), (20.0, 20.0, 20.0))
    grid = _grid()
    painted = paint([Structure("ball", ball, Layer.ORGAN)], grid, bend)
    share = painted.compose({"ball": 1.0}.get)
    places = np.argwhere(share > 0)
    centre = np.average(grid.to_mm(places), axis=0, weights=share[share > 0])
    assert centre == pytest.approx(bend.to_man([(10.0, 5.0, -5.0)])[0], abs=0.6)
    assert painted.volumes_ml()["ball"] == pytest.approx(4 / 3 * pi * 8.0 * 1.1 * 0.9 * 1.2, rel=0.06)


def test_back_and_forth() -> None:
    wave = Wave((4.0, -3.0, 2.0), (1 / 400, 1 / 500, 1 / 600), 0.7)
    bend = Bend((1.1, 0.9, 1.2), (5.0, -3.0, 8.0), (wave,))
    grid = _grid(20.0)
    x, y, z = bend.to_reference(grid)
    there = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    everywhere = grid.to_mm(np.argwhere(np.ones(grid.shape, bool)))
    assert np.max(np.abs(bend.to_man(there) - everywhere)) < 1e-3


def test_mirrored_and_spline() -> None:
    left = ellipsoid((30.0, 0.0, 0.0), (10.0, 8.0, 6.0))
    assert mirrored(left).low[0] == pytest.approx(-40.0)
    assert _ml(mirrored(left)) == pytest.approx(_ml(left), rel=1e-6)
    points = [(0.0, 0.0, 0.0), (10.0, 5.0, 0.0), (20.0, 0.0, 5.0)]
    curve = spline(points, 21)
    assert curve[0] == pytest.approx(points[0])
    assert curve[-1] == pytest.approx(points[-1])
    assert np.min(np.linalg.norm(curve - np.array(points[1]), axis=1)) < 0.7
