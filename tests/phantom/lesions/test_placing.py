"""Where foci lie, asked of the solids themselves: in their places, clear of one another and of what they are not in."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from psmap.domain.geometry import FloatArray, Vector
from psmap.phantom.anatomy.bend import Bend, Wave
from psmap.phantom.anatomy.draw import draw_man
from psmap.phantom.anatomy.man import Man, Side
from psmap.phantom.anatomy.nodes import stations
from psmap.phantom.anatomy.paint import Layer, Structure
from psmap.phantom.anatomy.solids import Solid, ellipsoid, tube
from psmap.phantom.anatomy.urinary import URETER_MM, course
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.lesions import Benign, DrawnFocus, FocusKind, Scenario, draw_lesions, draw_pitfalls
from psmap.phantom.lesions.fitting import ball, overlap, run_of, shapes, spots
from psmap.phantom.lesions.focus import UPRIGHT, volume_of_sphere_ml
from psmap.phantom.lesions.placing import TrueSite, place_foci
from psmap.phantom.lesions.region import Crowd, Region
from psmap.phantom.lesions.shape import draw_axes_ratio, draw_directions

MEN, MOST = 40, 20
"""Men, and lesions of one man: in a man with two hundred there is no room."""


@dataclass(frozen=True)
class Placed:
    """A man and his foci in their places."""

    man: Man
    solids: dict[str, Solid]
    layers: dict[str, Layer]
    sites: tuple[TrueSite, ...]
    full: frozenset[str]


def to_reference(bend: Bend, points: npt.ArrayLike) -> FloatArray:
    """The formula of `Bend`: q = w + waves(w), w = (p - shift) / scale."""
    w = (np.atleast_2d(np.asarray(points, dtype=float)) - np.array(bend.shift_mm)) / np.array(bend.scale)
    q: FloatArray = w.copy()
    for wave in bend.waves:
        q += np.sin(2.0 * math.pi * (w @ np.array(wave.per_mm)) + wave.phase)[:, None] * np.array(wave.amplitude_mm)
    return q


def depth(solid: Solid, man: Man, points: npt.ArrayLike) -> FloatArray:
    """Signed distance (mm) of points of the man from a solid of the reference frame."""
    x, y, z = to_reference(man.bend, points).astype(np.float32).T
    found: FloatArray = np.asarray(solid.distance(x, y, z), dtype=np.float64)
    return found


def inside(site: TrueSite) -> FloatArray:
    """Points of the man spread evenly over a focus by dice."""
    rng = np.random.default_rng(1)
    unit = rng.standard_normal((1500, 3))
    unit *= (rng.random(1500) ** (1.0 / 3.0) / np.linalg.norm(unit, axis=1))[:, None]
    points: FloatArray = (unit * np.array(site.focus.half_axes_mm)) @ np.array(site.focus.directions) + site.centre_mm
    return points


def volume_ml(solid: Solid) -> float:
    rng = np.random.default_rng(2)
    points = rng.uniform(solid.low, solid.high, (4_000, 3)).astype(np.float32)
    share = float(np.mean(solid.distance(*points.T) < 0.0))
    return share * float(np.prod(np.array(solid.high) - np.array(solid.low))) / 1000.0


def place(seed: int, scenario: Scenario, tracer: str, extra: tuple[DrawnFocus, ...] = ()) -> Placed:
    man = draw_man(np.random.default_rng([seed, 1]))
    structures = structures_of(man)
    lesions = draw_lesions(np.random.default_rng([seed, 2]), scenario, tracer, man.prostatectomy)[:MOST]
    benign = draw_pitfalls(np.random.default_rng([seed, 3]), tracer)
    sites = place_foci((*lesions, *benign, *extra), man, structures, np.random.default_rng([seed, 4]))
    solids = {each.name: each.solid for each in (*stations(man), *structures)}
    return Placed(man, solids, {each.name: each.layer for each in structures}, sites, frozenset(full(sites, solids)))


def full(sites: tuple[TrueSite, ...], solids: dict[str, Solid]) -> Iterator[str]:
    """Places of which foci make a tenth or more: ellipsoids that may touch no other then find no room."""
    held: dict[str, float] = defaultdict(float)
    for site in sites:
        held[site.focus.place] += site.focus.volume_ml
    return (where for where, ml in held.items() if ml > 0.1 * volume_ml(solids[where]))


def operated(seed: int) -> Man:
    return replace(draw_man(np.random.default_rng(seed)), prostatectomy=True, prostate_ml=0.0)


@pytest.fixture(scope="module")
def men() -> list[Placed]:
    return [place(seed, tuple(Scenario)[seed % 3], "psma-1007") for seed in range(MEN)]


def focus(kind: FocusKind, where: str, ml: float, benign: Benign | None = None, seed: int = 0) -> DrawnFocus:
    rng = np.random.default_rng(seed)
    return DrawnFocus(kind, benign, where, ml, draw_axes_ratio(rng), draw_directions(rng), 10.0)


def test_the_foci_are_those_that_were_drawn(men: list[Placed]) -> None:
    """Volume, SUV and place are the dice's; what is turned or drawn out keeps its volume."""
    for seed, man in enumerate(men[:6]):
        lesions = draw_lesions(
            np.random.default_rng([seed, 2]), tuple(Scenario)[seed % 3], "psma-1007", man.man.prostatectomy
        )
        for drawn, site in zip(lesions[:MOST], man.sites, strict=False):
            assert (site.focus.volume_ml, site.focus.suv, site.focus.place) == (drawn.volume_ml, drawn.suv, drawn.place)
            assert math.prod(site.focus.half_axes_mm) * 4.0 / 3.0 * math.pi / 1000.0 == pytest.approx(drawn.volume_ml)
            frame = np.array(site.focus.directions)
            assert np.abs(frame @ frame.T - np.eye(3)).max() < 1e-6
            assert (
                drawn.kind is not FocusKind.NODE
                or site.focus.axes_ratio == pytest.approx(drawn.axes_ratio)
                or sorted(site.focus.axes_ratio) == pytest.approx(sorted(drawn.axes_ratio))
            )
    assert [site.number for site in men[0].sites] == list(range(1, len(men[0].sites) + 1))


def test_lesions_lie_alike_under_every_tracer() -> None:
    found = [place(4, Scenario.OLIGO, tracer) for tracer in ("psma-1007", "psma-11", "dcfpyl", "fdg")]
    lesions = [
        [(s.centre_mm, s.focus.directions, s.focus.volume_ml) for s in man.sites if s.focus.benign is None]
        for man in found
    ]
    assert lesions[0]
    assert all(each == lesions[0] for each in lesions)


def test_one_focus_more_moves_no_other() -> None:
    more = focus(FocusKind.NODE, "inguinal_node_left", 0.3, Benign.UNSPECIFIC_NODE)
    before, after = (place(5, Scenario.OLIGO, "psma-1007", extra) for extra in ((), (more,)))
    assert after.sites[:-1] == before.sites
    assert after.sites[-1].focus.place == "inguinal_node_left"


def test_no_two_foci_overlap_where_there_is_room(men: list[Placed]) -> None:
    """Share of the smaller that lies in the larger, by points of the smaller."""
    pairs = 0
    for man in men:
        free = [site for site in man.sites if site.focus.place not in man.full]
        for n, one in enumerate(free):
            for other in free[:n]:
                small, large = sorted((one, other), key=lambda site: site.focus.volume_ml)
                away = (inside(small) - np.array(large.centre_mm)) @ np.array(large.focus.directions).T
                held = ((away / np.array(large.focus.half_axes_mm)) ** 2).sum(axis=1) <= 1.0
                assert held.mean() <= 0.06, (one.focus.place, other.focus.place)
                pairs += 1
    assert pairs > 600


def test_nodes_lie_in_their_station_and_in_nothing_else(men: list[Placed]) -> None:
    """No node's centre in a vessel, a bone, urine or bowel; of its body little where the station has room."""
    hollow = ("bladder", "bladder_wall", "rectum", "small_bowel", "colon_sigmoid", "colon_ascending", "trachea")
    nodes = [(man, site) for man in men for site in man.sites if site.focus.kind is FocusKind.NODE]
    assert len(nodes) > 60
    shares = []
    for man, site in nodes:
        assert depth(man.solids[site.focus.place], man.man, site.centre_mm)[0] < 0.1
        points = np.concatenate([np.array([site.centre_mm]), inside(site)])
        box = to_reference(man.man.bend, points)
        held = np.zeros(len(points), np.bool_)
        for name, solid in man.solids.items():
            layer = man.layers.get(name)
            apart = np.any(box.max(axis=0) < solid.low) or np.any(box.min(axis=0) > solid.high)
            if not apart and (layer in (Layer.VESSEL, Layer.BONE) or name in hollow):
                held |= depth(solid, man.man, points) < -1.0
        assert not held[0]
        if site.focus.volume_ml < 1.0 and site.focus.place not in man.full:
            shares.append(float(held.mean()))
    assert np.quantile(shares, 0.95) < 0.10
    assert np.mean(shares) < 0.03


def test_foci_in_bone_keep_to_it(men: list[Placed]) -> None:
    """Seven tenths of the volume and more, unless the bones' foci are larger than a tenth of the bone."""
    bones = [
        (man, site)
        for man in men
        for site in man.sites
        if site.focus.kind is FocusKind.BONE and site.focus.place not in man.full
    ]
    shares = [float(np.mean(depth(man.solids[s.focus.place], man.man, inside(s)) < 0.0)) for man, s in bones]
    assert len(shares) > 80
    assert min(shares) >= 0.7
    assert np.mean(shares) > 0.95
    for man, site in bones:
        assert depth(man.solids[f"{site.focus.place}_marrow"], man.man, site.centre_mm)[0] < 0.1


def test_foci_in_ribs_run_along_them() -> None:
    """2 mL, a ball of 16 mm, in a rib of 8 by 12 mm: drawn out along the rib, not into the lung."""
    man = place(3, Scenario.BCR_LOW_PSA, "fdg")
    ribs = tuple(focus(FocusKind.BONE, f"rib_{n}_left", 2.0, seed=n) for n in range(3, 10))
    for site in place_foci(ribs, man.man, structures_of(man.man), np.random.default_rng(1)):
        assert np.mean(depth(man.solids[site.focus.place], man.man, inside(site)) < 0.0) >= 0.7
        assert max(site.focus.axes_ratio) / min(site.focus.axes_ratio) > 1.5


def test_foci_in_an_organ_keep_to_it(men: list[Placed]) -> None:
    organs = [
        (man, site)
        for man in men
        for site in man.sites
        if site.focus.kind in (FocusKind.VISCERAL, FocusKind.PRIMARY, FocusKind.BOWEL)
        and site.focus.place not in man.full
    ]
    assert len(organs) > 12
    for man, site in organs:
        assert np.mean(depth(man.solids[site.focus.place], man.man, inside(site)) < 0.0) >= 0.85, site.focus.place


def test_a_recurrence_lies_beside_the_seam_and_not_in_urine() -> None:
    for seed in range(10):
        man = operated(seed)
        structures = structures_of(man)
        solids = {each.name: each.solid for each in structures}
        drawn = [
            focus(FocusKind.LOCAL_RECURRENCE, where, volume_of_sphere_ml(across), seed=seed)
            for where, across in (("vesicourethral_anastomosis", 6.0), ("prostate_bed", 10.0))
        ]
        for site in place_foci(drawn, man, structures, np.random.default_rng(seed)):
            assert depth(solids["bladder"], man, site.centre_mm)[0] > 0.0
            assert np.mean(depth(solids["bladder"], man, inside(site)) < -1.0) < 0.03
            # it touches its place
            assert depth(solids[site.focus.place], man, inside(site)).min() < 0.5


def test_urine_in_a_ureter_lies_along_it() -> None:
    """Against the ureter's own centre line: on it, along it, and no wider than it."""
    man = draw_man(np.random.default_rng(12))
    structures = structures_of(man)
    drawn = [
        DrawnFocus(FocusKind.URETER, Benign.URETER, f"ureter_{side.value}", ml, (0.74, 0.74, 1 / 0.74**2), UPRIGHT, 9.0)
        for side in Side
        for ml in np.linspace(0.05, 0.4, 10)
    ]
    tilts, offs = [], []
    for site in place_foci(drawn, man, structures, np.random.default_rng(5)):
        side = Side(site.focus.place.removeprefix("ureter_"))
        line = man.bend.to_man(course(man, side))
        fine = np.concatenate([np.linspace(a, b, 20) for a, b in pairwise(line)])
        n = int(np.argmin(np.linalg.norm(fine - site.centre_mm, axis=1)))
        tangent = fine[min(n + 60, len(fine) - 1)] - fine[max(n - 60, 0)]
        half = np.array(site.focus.half_axes_mm)
        long = np.array(site.focus.directions)[int(np.argmax(half))]
        tilts.append(math.degrees(math.acos(min(1.0, abs(float(long @ tangent)) / float(np.linalg.norm(tangent))))))
        offs.append(float(np.linalg.norm(fine[n] - site.centre_mm)))
        assert sorted(half)[1] <= 1.15 * URETER_MM * max(man.bend.scale)
    assert max(tilts) < 20.0
    assert np.median(offs) < 1.0
    assert max(offs) < 2.5


def test_a_ganglion_shows_once_and_along_its_run(men: list[Placed]) -> None:
    found = 0
    for man in men:
        own = [site for site in man.sites if site.focus.kind is FocusKind.GANGLION]
        assert all(count == 1 for count in Counter(site.focus.place for site in own).values())
        for site in own:
            assert depth(man.solids[site.focus.place], man.man, site.centre_mm)[0] < 0.1
            if "coeliac" in site.focus.place and site.focus.volume_ml < 0.2:
                half = np.array(site.focus.half_axes_mm)
                # a band: flat, and its face is turned to the side, as the ganglion against the aorta
                assert half.min() < 0.6 * np.median(half) or half.max() > 1.5 * np.median(half)
                assert abs(site.focus.directions[int(np.argmin(half))][0]) > 0.5
                found += 1
    assert found > 8


def test_dense_bone_differs_from_focus_to_focus(men: list[Placed]) -> None:
    dense = [site for man in men for site in man.sites if site.focus.osteoblastic]
    values = np.array([site.dense_hu for site in dense], dtype=float)
    assert values.min() >= 300.0
    assert values.max() <= 900.0
    assert values.std() == pytest.approx(600.0 / math.sqrt(12.0), rel=0.15)
    assert all(site.dense_hu is None for man in men for site in man.sites if not site.focus.osteoblastic)


def test_a_place_that_the_man_has_not_is_an_error() -> None:
    man = operated(1)
    structures = structures_of(man)
    for where in ("prostate_peripheral", "nodes_of_ranvier"):
        with pytest.raises(ValueError, match="the man has no"):
            place_foci((focus(FocusKind.PRIMARY, where, 1.0),), man, structures, np.random.default_rng(1))


def test_points_of_a_ball_are_even() -> None:
    """Second moments of the unit ball are 1/5 along every axis, and its mean distance from the middle is 3/4."""
    points = ball(400)
    assert np.abs(points.T @ points / 400 - np.eye(3) / 5.0).max() < 0.01
    assert np.linalg.norm(points, axis=1).mean() == pytest.approx(0.75, abs=0.01)


def test_the_run_of_a_tube_is_its_axis_through_any_bend() -> None:
    bend = Bend((1.1, 0.9, 1.2), (3.0, -4.0, 5.0), (Wave((4.0, 0.0, 2.0), (0.0, 0.002, 0.001), 0.4),))
    along = np.array((2.0, -1.0, 2.0)) / 3.0
    region = Region(tube([-60.0 * along, 60.0 * along], 4.0))
    spot = spots(bend, np.array([[1.0, 0.0, -1.0]]))[0]
    frame = run_of(spot, region, 14.0)
    assert frame is not None
    ends = bend.to_man(np.array((1.0, 0.0, -1.0)) + np.array([-along, along]))
    tangent = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    assert abs(float(frame[0] @ tangent)) > math.cos(math.radians(3.0))


def test_a_focus_larger_than_its_tube_is_drawn_out() -> None:
    """3 mL in a tube of radius 5 mm: its axes across become the tube's, and the third what the volume asks."""
    region = Region(tube([(0.0, 0.0, -80.0), (0.0, 0.0, 80.0)], 5.0))
    spot = spots(Bend(), np.zeros((1, 3)))[0]
    drawn = DrawnFocus(FocusKind.BONE, None, "x", 3.0, (1.0, 1.0, 1.0), UPRIGHT, 5.0)
    last = list(shapes(drawn, spot, region, as_drawn=True, drawn_out=True))[-1]
    long, wide, thin = sorted(last.half_axes_mm, reverse=True)
    assert thin == pytest.approx(5.0, abs=0.5)
    assert wide == pytest.approx(5.0, abs=0.5)
    assert long * wide * thin == pytest.approx(3000.0 * 3.0 / (4.0 * math.pi))
    needle = list(shapes(drawn, spot, region, as_drawn=True, drawn_out=True, most_long=2.0))[-1]
    assert max(needle.axes_ratio) / min(needle.axes_ratio) == pytest.approx(2.0)


def test_overlap_of_balls_is_that_of_the_lens() -> None:
    """Two balls of radius r, d apart, share pi (2 r - d)^2 (d^2 + 4 d r) / (12 d)."""
    r, d = 10.0, 8.0
    one = DrawnFocus(FocusKind.NODE, None, "x", volume_of_sphere_ml(2 * r), (1.0, 1.0, 1.0), UPRIGHT, 1.0)
    lens = math.pi * (2 * r - d) ** 2 * (d * d + 4 * d * r) / (12 * d) / (4.0 / 3.0 * math.pi * r**3)
    assert overlap(one, np.zeros(3), one, np.array((0.0, d, 0.0))) == pytest.approx(lens, abs=0.04)
    assert overlap(one, np.zeros(3), one, np.array((0.0, 2 * r + 0.1, 0.0))) == 0.0


def test_a_region_is_a_solid_without_its_crowd() -> None:
    centre: Vector = (0.0, 0.0, 0.0)
    whole, hole = ellipsoid(centre, (10.0, 10.0, 10.0)), ellipsoid(centre, (4.0, 4.0, 4.0))
    far = Structure("far", ellipsoid((90.0, 0.0, 0.0), (4.0, 4.0, 4.0)), Layer.ORGAN).solid
    points = np.array([(0.0, 0.0, 0.0), (6.0, 0.0, 0.0), (11.0, 0.0, 0.0)])
    assert Region(whole, (hole, far)).holds(points).tolist() == [False, True, False]
    assert Crowd((hole, far)).hold(points, 5.0).tolist() == [False, False, False]
    assert Crowd(()).hold(points).tolist() == [False, False, False]
    assert Crowd((hole,)).hold(np.empty((0, 3))).tolist() == []
