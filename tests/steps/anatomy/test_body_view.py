"""Which part of a man is in view: men as points on a line, and digital men weighed voxel by voxel."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from measured_men import cubes

from psmap.catalog.anatomy_labels import load_labels
from psmap.catalog.tissues import tissue_of
from psmap.domain.anatomy import Absence, Anatomy, ArmsInView, BodyView, FoundStructure, MissingStructure, NamedLabels
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.phantom.anatomy.draw import ManChoices
from psmap.phantom.anatomy.man import Arms
from psmap.phantom.anatomy.paint import Painted, paint
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import grid_of, man_of
from psmap.steps.anatomy.body_axis import REFERENCE_L5_MM, REFERENCE_SCALE, usual_mm
from psmap.steps.anatomy.body_view import view_of_body
from psmap.steps.anatomy.named import anatomy_of
from psmap.steps.quantification.balance import share_by_view

WHOLE_MM = (-1100.0, 1100.0)
TRUNK = ("vertebra_t8", "vertebra_t10", "vertebra_t12", "vertebra_l2", "vertebra_l5")
ARM_BONES = ("humerus_left", "humerus_right", "forearm_left", "forearm_right")


def _found(id: str, z: float, cut: bool = False) -> FoundStructure:
    return FoundStructure(1, id, id, None, "bone", 9, 9.0, (0.0, 0.0, z), cut)


def _anatomy(*found: FoundStructure, why: Absence = Absence.NOT_FOUND) -> Anatomy:
    there = {structure.id for structure in found}
    missing = tuple(MissingStructure(id, id, why) for id in ARM_BONES if id not in there)
    grid = cubes((2, 2, 2), 4.0)
    return Anatomy(LabelImage(grid, np.zeros(grid.shape, np.int32), {}), found, missing, "points")


def _points(*ids: str, scale: float = 1.0, zero: float = 0.0) -> list[FoundStructure]:
    """Structures where a man has them whose usual heights are stretched and moved."""
    return [_found(id, zero + scale * (usual_mm(id) or 0.0)) for id in ids]


def _field(low: float, high: float, mm: float = 4.0) -> Grid:
    """A PET whose voxels' faces lie at these heights."""
    count = round((high - low) / mm)
    return Grid((count, 3, 3), (-4.0, -4.0, low + 0.5 * mm), ((0.0, 0.0, mm), (0.0, mm, 0.0), (mm, 0.0, 0.0)))


def _z(reference_mm: float, scale: float, zero: float) -> float:
    """Where a man of that scale has a height of the reference man's frame."""
    return zero + scale * (reference_mm - REFERENCE_L5_MM) / REFERENCE_SCALE


@pytest.mark.parametrize(("scale", "zero"), [(1.0, 0.0), (0.9, -830.0), (1.15, 412.0)])
def test_the_ends_are_read_off_on_the_reference_mans_scale(scale: float, zero: float) -> None:
    low, high = _z(-200.0, scale, zero), _z(300.0, scale, zero)
    field = _field(low, high, (high - low) / 100.0)
    view = view_of_body(_anatomy(*_points(*TRUNK, scale=scale, zero=zero)), field)
    assert view is not None
    assert view.firm
    assert (view.low_mm, view.high_mm) == pytest.approx((-200.0, 300.0), abs=0.5)
    assert (view.landmarks, view.scatter_mm) == (5, pytest.approx(0.0, abs=1e-6))


def test_slices_from_above_downwards_are_the_same_view() -> None:
    man, field = _anatomy(*_points(*TRUNK)), _field(-200.0, 300.0)
    x, y, z = field.origin_mm
    down = Grid(field.shape, (x, y, z + 4.0 * (field.shape[0] - 1)), ((0.0, 0.0, -4.0), *field.axes_mm[1:]))
    assert view_of_body(man, down) == view_of_body(man, field)


def test_no_landmark_is_no_view() -> None:
    field = _field(-200.0, 300.0)
    assert view_of_body(_anatomy(), field) is None
    assert view_of_body(_anatomy(_found("femur_left", -300.0), _found("humerus_left", 260.0)), field) is None
    assert view_of_body(_anatomy(_found("vertebra_l5", 0.0, cut=True)), field) is None


@pytest.mark.parametrize(
    "found",
    [
        _points("vertebra_l1", "vertebra_l3", "vertebra_t6"),  # three
        _points("vertebra_l1", "vertebra_l2", "vertebra_l3", "vertebra_l4", "vertebra_l5"),  # 118 mm
        [_found(id, z) for id, z in zip(TRUNK, (40.0, -90.0, 210.0, -30.0, 160.0), strict=True)],  # upside down
    ],
    ids=["too_few", "too_short", "at_odds"],
)
def test_too_little_to_go_by_is_not_firm(found: list[FoundStructure]) -> None:
    view = view_of_body(_anatomy(*found), _field(-200.0, 300.0))
    assert view is not None
    assert not view.firm


@pytest.mark.parametrize(
    ("ends", "bones", "arms"),
    [
        ((-300.0, 560.0), {"humerus_left": 500.0, "humerus_right": 500.0}, ArmsInView.UP),
        ((-300.0, 560.0), {"humerus_left": 250.0, "forearm_left": 20.0}, ArmsInView.DOWN),
        ((-300.0, 560.0), {"humerus_left": 500.0, "forearm_right": 20.0}, ArmsInView.UNKNOWN),
        ((90.0, 440.0), {"humerus_left": 432.0}, ArmsInView.UP),  # a stump: hanging, it would reach far down
        ((405.0, 900.0), {"humerus_left": 420.0}, ArmsInView.DOWN),  # and raised, far up
        ((-300.0, 560.0), {}, ArmsInView.OUT_OF_VIEW),
        ((-300.0, 240.0), {}, ArmsInView.OUT_OF_VIEW),
        ((-900.0, -130.0), {}, ArmsInView.OUT_OF_VIEW),
    ],
)
def test_arms_are_where_their_bones_are(ends: tuple[float, float], bones: dict[str, float], arms: ArmsInView) -> None:
    at = [_found(id, _z(z, 1.0, 0.0)) for id, z in bones.items()]
    view = view_of_body(_anatomy(*_points(*TRUNK), *at), _field(*(_z(z, 1.0, 0.0) for z in ends)))
    assert view is not None
    assert view.arms is arms


def test_arms_that_the_source_cannot_name_are_unknown() -> None:
    field = _field(_z(-300.0, 1.0, 0.0), _z(560.0, 1.0, 0.0))
    view = view_of_body(_anatomy(*_points(*TRUNK), why=Absence.NOT_NAMED), field)
    assert view is not None
    assert view.arms is ArmsInView.UNKNOWN


@cache
def _painted(seed: int, arms: Arms) -> Painted:
    """A drawn man, whole, on voxels of 8 mm."""
    man = man_of(seed, Scenario.OLIGO, ManChoices(arms=arms))
    structures = structures_of(man)
    return paint(structures, grid_of(structures, man, 8.0, WHOLE_MM), man.bend)


def _view(painted: Painted, first: int, last: int) -> BodyView | None:
    labels = painted.labels(load_labels().number_of_structure())[first:last].astype(np.int32)
    x, y, z = painted.grid.origin_mm
    grid = replace(painted.grid, shape=labels.shape, origin_mm=(x, y, z + 8.0 * first))
    names = {label.number: label.id for label in load_labels().labels}
    return view_of_body(
        anatomy_of(NamedLabels(LabelImage(grid, labels, names), frozenset(names.values()), "true")), grid
    )


@pytest.mark.parametrize(("seed", "arms"), [(21, Arms.UP), (22, Arms.DOWN)])
@pytest.mark.parametrize(
    "ends",
    [(-330.0, 725.0), (-330.0, 577.0), (90.0, 445.0), (-200.0, 260.0), (-1100.0, 40.0), (240.0, 725.0)],
    ids=["vertex", "skull_base", "chest_and_abdomen", "abdomen_and_pelvis", "legs", "head_and_chest"],
)
def test_the_share_is_what_the_man_weighs_there(seed: int, arms: Arms, ends: tuple[float, float]) -> None:
    """Weighed on the painted densities of men who are not in the table: to 3 % of the whole man."""
    painted = _painted(seed, arms)
    man = man_of(seed, Scenario.OLIGO, ManChoices(arms=arms))
    kg = painted.compose(lambda name: tissue_of(name).density).sum(axis=(1, 2), dtype=np.float64)
    k = [round((man.bend.scale[2] * z - painted.grid.origin_mm[2]) / 8.0 + 0.5) for z in ends]
    first, last = (int(np.clip(end, 0, len(kg))) for end in k)
    view = _view(painted, first, last)
    assert view is not None
    assert view.firm
    assert share_by_view(view) == pytest.approx(float(kg[first:last].sum() / kg.sum()), abs=0.03)
