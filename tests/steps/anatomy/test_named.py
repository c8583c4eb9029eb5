"""From a label map to the anatomy: volumes and centroids in closed form, edges, and what is missing and why."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.anatomy import Absence, Anatomy, NamedLabels
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.steps.anatomy.named import SPINE, anatomy_of

GRID = Grid((12, 10, 8), (-7.0, 5.0, 100.0), ((0.0, 0.0, 3.0), (0.0, 2.0, 0.0), (1.5, 0.0, 0.0)))
COSINE, SINE = math.cos(0.3), math.sin(0.3)
OBLIQUE = Grid((9, 9, 9), (1.0, 2.0, 3.0), ((0.0, -4 * SINE, 4 * COSINE), (0.0, 2 * COSINE, 2 * SINE), (3.0, 0, 0)))


def named(labels: npt.NDArray[np.integer], names: dict[int, str], grid: Grid = GRID) -> NamedLabels:
    image = LabelImage(grid, labels, names)  # type: ignore[arg-type]
    return NamedLabels(image, frozenset((*names.values(), "spleen", *SPINE)), "a test")


def boxed(grid: Grid, boxes: dict[str, tuple[slice, slice, slice]], dtype: type = np.uint8) -> NamedLabels:
    labels = np.zeros(grid.shape, dtype)
    for n, box in enumerate(boxes.values(), start=1):
        labels[box] = n
    return named(labels, dict(enumerate(boxes, start=1)), grid)


def why(anatomy: Anatomy) -> dict[str, Absence]:
    return {each.id: each.why for each in anatomy.missing}


@given(
    st.sampled_from([GRID, OBLIQUE]),
    st.sampled_from([np.uint8, np.uint16, np.int32]),
    st.tuples(*(st.tuples(st.integers(0, 4), st.integers(1, 4)) for _ in range(3))),
)
def test_a_box_has_its_volume_and_its_middle(grid: Grid, dtype: type, edges: tuple[tuple[int, int], ...]) -> None:
    k, j, i = (slice(first, first + length) for first, length in edges)
    (liver,) = anatomy_of(boxed(grid, {"liver": (k, j, i)}, dtype)).found
    count = math.prod(length for _, length in edges)
    middle = [first + (length - 1) / 2 for first, length in edges]
    centre = np.array(grid.origin_mm) + sum(m * np.array(axis) for m, axis in zip(middle, grid.axes_mm, strict=True))
    a, b, c = (np.array(axis) for axis in grid.axes_mm)
    assert liver.voxels == count
    assert liver.volume_ml == pytest.approx(count * abs(np.dot(a, np.cross(b, c))) / 1000.0, rel=1e-12)
    assert np.allclose(liver.centroid_mm, centre, atol=1e-9)
    ends = zip(edges, grid.shape, strict=True)
    assert liver.cut is any(first == 0 or first + length == size for (first, length), size in ends)


def test_what_is_found_carries_what_the_catalogue_says() -> None:
    labels = np.zeros(GRID.shape, np.uint16)
    labels[3:5, 3:5, 3:5], labels[6, 6, 6] = 400, 7
    anatomy = anatomy_of(named(labels, {7: "kidney_left", 400: "liver", 9: "spleen"}), confidence={"liver": 0.75})
    assert [structure.number for structure in anatomy.found] == [7, 400]
    kidney, liver = anatomy.found
    assert (kidney.id, kidney.name, kidney.group, kidney.confidence) == ("kidney_left", "Kidney, left", "organ", None)
    assert kidney.code is not None
    assert kidney.code.value == "64033007"
    assert (liver.voxels, liver.cut, liver.confidence) == (8, False, 0.75)
    assert anatomy.of("liver") is liver
    assert anatomy.source == "a test"


def test_every_entry_of_the_catalogue_is_found_or_missing() -> None:
    anatomy = anatomy_of(boxed(GRID, {"liver": (slice(3, 5), slice(3, 5), slice(3, 5))}))
    there = [structure.id for structure in anatomy.found] + [structure.id for structure in anatomy.missing]
    assert sorted(there) == sorted(load_anatomy())
    reasons = why(anatomy)
    assert reasons["spleen"] is Absence.NOT_FOUND
    assert reasons["pancreas"] is Absence.NOT_NAMED


@pytest.mark.parametrize("flipped", [False, True])
def test_vertebrae_beyond_one_that_the_edge_cuts_are_outside(flipped: bool) -> None:
    """The top slice cuts T10; L2 ends before the bottom. T10 to L2 lie in between, L1 was not found."""
    grid = Grid((12, 10, 8), (0, 0, 33.0), ((0, 0, -3.0), (0, 2, 0), (2, 0, 0))) if flipped else GRID
    spans = {"vertebra_t10": (10, 12), "vertebra_t11": (8, 9), "vertebra_t12": (6, 7), "vertebra_l2": (2, 4)}
    boxes = {}
    for level, (first, end) in spans.items():
        k = slice(12 - end, 12 - first) if flipped else slice(first, end)
        boxes[level] = (k, slice(3, 5), slice(3, 5))
    anatomy = anatomy_of(boxed(grid, boxes))
    reasons = why(anatomy)
    assert anatomy.of("vertebra_t10").cut  # type: ignore[union-attr]
    assert {reasons[level] for level in SPINE[: SPINE.index("vertebra_t10")]} == {Absence.OUTSIDE_VIEW}
    assert {reasons[level] for level in ("vertebra_l1", "vertebra_l3", "vertebra_l5")} == {Absence.NOT_FOUND}


def test_a_side_that_is_cut_says_nothing_of_what_lies_above() -> None:
    anatomy = anatomy_of(boxed(GRID, {"vertebra_t10": (slice(4, 6), slice(0, 2), slice(3, 5))}))
    assert anatomy.found[0].cut
    assert why(anatomy)["vertebra_t9"] is Absence.NOT_FOUND


def test_the_field_of_view_of_a_scan_cuts_too() -> None:
    """A scan that ends at the middle of the map: what lies beyond it or in its last slice is cut, what ends before not.

    Its slices are 1 mm thick, from 100 to 118 mm; those of the map 3 mm.
    """
    view = Grid((19, 10, 8), GRID.origin_mm, ((0.0, 0.0, 1.0), GRID.axes_mm[1], GRID.axes_mm[2]))
    middle = (slice(3, 5), slice(3, 5))
    boxes = {"liver": (slice(2, 4), *middle), "spleen": (slice(5, 7), *middle), "pancreas": (slice(9, 10), *middle)}
    cut = {structure.id: structure.cut for structure in anatomy_of(boxed(GRID, boxes), view).found}
    assert cut == {"liver": False, "spleen": True, "pancreas": True}
    assert not any(structure.cut for structure in anatomy_of(boxed(GRID, boxes)).found)


def test_what_cannot_be_measured_is_an_error() -> None:
    labels = np.ones(GRID.shape, np.uint8)
    for names, fault in (({1: "unicorn"}, "unicorn"), ({2: "liver"}, "labels"), ({1: "liver", 2: "liver"}, "one name")):
        with pytest.raises(ValueError, match=fault):
            anatomy_of(named(labels, names))
    with pytest.raises(ValueError, match="negative"):
        anatomy_of(named(-np.ones(GRID.shape, np.int16), {1: "liver"}))


def test_an_empty_map_has_nothing() -> None:
    anatomy = anatomy_of(named(np.zeros(GRID.shape, np.uint8), {1: "liver"}))
    assert anatomy.found == ()
    assert why(anatomy)["liver"] is Absence.NOT_FOUND
