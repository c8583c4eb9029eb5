"""Outlines of the anatomy lie where the structures lie, on grids of any orientation; references are cut and drawn."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import anatomy_factory as made
import case_factory as factory
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from psmap.apps.report.families import (
    FAMILY_COLOURS,
    ORGAN_COLOUR,
    Family,
    family_of,
    main_organs,
    short_name,
)
from psmap.apps.report.lattice import coarser, sampled, span_mm, upright
from psmap.apps.report.page import VERDICT_COLOURS
from psmap.apps.report.projection import PIXEL_MM, pictures
from psmap.apps.report.slices import Slice, anatomy_slices, chosen_depths
from psmap.domain.anatomy import FoundStructure, Reference, ReferenceOrgan, ReferenceVoi
from psmap.domain.geometry import Grid, Vector
from psmap.domain.image import CtImage, PetImage

SIGNED_AXES = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
BOX: dict[str, made.Box] = {"liver": ((-46.0, -14.0, 30.0), (-2.0, 38.0, 94.0))}


def turned(order: tuple[int, ...], signs: tuple[int, ...], degrees: float = 0.0, spacing: float = 4.0) -> Grid:
    """A grid round (-10, 5, 50) mm, 240 mm wide each way, its axes permuted, reversed and turned about x, y and z."""
    axes = np.zeros((3, 3))
    for n, (along, sign) in enumerate(zip(order, signs, strict=True)):
        axes[n, along] = sign * spacing
    for a, b in ((0, 1), (1, 2), (0, 2)):
        turn = np.eye(3)
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn[a, a], turn[a, b], turn[b, a], turn[b, b] = c, -s, s, c
        axes = axes @ turn.T
    count = round(240.0 / spacing)
    origin = np.array([-10.0, 5.0, 50.0]) - (count - 1) / 2 * axes.sum(axis=0)
    rows = tuple(tuple(float(v) for v in axis) for axis in axes)
    return Grid((count, count, count), tuple(float(v) for v in origin), rows)  # type: ignore[arg-type]


def warm_pet(grid: Grid) -> PetImage:
    """SUV 1 wherever there is a voxel, so that nothing is cropped."""
    return PetImage(grid, np.ones(grid.shape, dtype=np.float32), factory.plain_conversion(grid.shape[0]))


PET_GRID = Grid((70, 60, 80), (-150.0, -115.0, -80.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))


def to_lps(one: Slice, points: np.ndarray, grid: Grid = PET_GRID) -> np.ndarray:
    """x and z (LPS mm) of points in a slice of an uncropped picture."""
    low, _ = span_mm(grid)
    left, bottom = low[0] - PIXEL_MM / 2.0, low[2] - PIXEL_MM / 2.0
    return np.stack([left + points[:, 0], bottom + one.height_mm - points[:, 1]], axis=1)


@pytest.mark.parametrize(("order", "signs"), SIGNED_AXES)
@pytest.mark.parametrize("degrees", [0.0, 23.0])
def test_labels_sampled_are_those_of_the_nearest_voxel(
    order: tuple[int, ...], signs: tuple[int, ...], degrees: float
) -> None:
    grid = turned(order, signs, degrees, spacing=24.0)
    labels = np.arange(1, grid.size + 1, dtype=np.int32).reshape(grid.shape)
    lattice = Grid((9, 11, 10), (-131.3, -97.7, -60.1), ((0.0, 0.0, 22.3), (0.0, 19.9, 0.0), (25.7, 0.0, 0.0)))
    got = sampled(labels, grid, lattice).ravel()
    index = np.rint(grid.to_index(lattice.to_mm(np.indices(lattice.shape).reshape(3, -1).T))).astype(int)
    inside = np.all((index >= 0) & (index < grid.shape), axis=1)
    true = np.where(inside, 1 + np.ravel_multi_index(np.clip(index, 0, 9).T, grid.shape), 0)
    exact = grid.to_index(lattice.to_mm(np.indices(lattice.shape).reshape(3, -1).T))
    within = np.all((exact >= 0) & (exact <= 9), axis=1)  # between centres and edge an oblique sampler may give nothing
    assert inside.sum() > 100
    assert np.array_equal(got[within], true[within])
    assert np.all((got[~within] == true[~within]) | (got[~within] == 0))


def test_lattices_cover_what_they_stand_for() -> None:
    grid = turned((1, 2, 0), (1, -1, 1), 11.0, spacing=3.1)
    coarse = coarser(grid)
    corners = np.array(list(product((0, 1), repeat=3)))
    assert coarse.size < grid.size
    assert 3.1 < max(coarse.spacing_mm) <= 4.0
    assert coarse.to_mm(corners * coarse.shape - 0.5) == pytest.approx(grid.to_mm(corners * grid.shape - 0.5))
    low, high = span_mm(grid)
    wide = upright(grid, 4.0, 4.0)
    assert wide.to_mm([0, 0, 0])[0] == pytest.approx(low)
    last = wide.to_mm(np.array(wide.shape) - 1)[0]
    assert np.all((last <= high + 1e-6) & (last > high - 4.0))


@pytest.mark.parametrize(
    ("grid", "near"),
    [
        *((turned(order, signs), 2.01) for order, signs in SIGNED_AXES[::5]),
        (turned((0, 1, 2), (1, 1, 1), 17.0), 4.01),
        (turned((2, 0, 1), (-1, 1, -1), -31.0, spacing=3.0), 3.6),
    ],
)
def test_a_box_is_outlined_at_its_own_millimetres(grid: Grid, near: float) -> None:
    """Within half a voxel where the grid is upright, within a voxel where it is turned."""
    (low, high) = BOX["liver"]
    anatomy = made.anatomy_of_boxes(grid, BOX)
    for one in anatomy_slices(anatomy, (), None, warm_pet(PET_GRID), psma=True):
        assert low[1] - near <= one.y_mm <= high[1] + near
        (contour,) = one.contours
        points = to_lps(one, np.concatenate(contour.lines))
        assert points.min(axis=0) == pytest.approx([low[0], low[2]], abs=near)
        assert points.max(axis=0) == pytest.approx([high[0], high[2]], abs=near)


def test_the_picture_under_the_outline_is_the_slice_of_the_image() -> None:
    """A hot block of the PET, a bright one of the CT, lies inside the outline of its box."""
    (low, high) = BOX["liver"]
    anatomy = made.anatomy_of_boxes(turned((0, 1, 2), (1, 1, 1)), BOX)
    points = PET_GRID.to_mm(np.indices(PET_GRID.shape).reshape(3, -1).T)
    hot = np.all((points >= low) & (points <= high), axis=1).reshape(PET_GRID.shape)
    pet = PetImage(PET_GRID, np.where(hot, 9.0, 1.0).astype(np.float32), factory.plain_conversion(70))
    ct = CtImage(PET_GRID, np.where(hot, 240, -160).astype(np.int16))
    for image, inside, outside in ((None, 255.0 * (1 - 9 / 9), 255.0 * (1 - 1 / 9)), (ct, 255.0, 0.0)):
        one = anatomy_slices(anatomy, (), image, pet, psma=True)[0]
        rows, columns = one.grey.shape
        row, column = np.mgrid[:rows, :columns]
        lps = to_lps(one, np.stack([(column.ravel() + 0.5) * PIXEL_MM, (row.ravel() + 0.5) * PIXEL_MM], axis=1))
        deep = np.all((lps > [low[0] + 4, low[2] + 4]) & (lps < [high[0] - 4, high[2] - 4]), axis=1)
        far = np.any((lps < [low[0] - 5, low[2] - 5]) | (lps > [high[0] + 5, high[2] + 5]), axis=1)
        assert np.all(np.abs(one.grey.ravel()[deep] - inside) <= 1)
        assert np.median(one.grey.ravel()[far]) == pytest.approx(outside, abs=1)


def test_depths_go_through_what_lies_in_front_and_behind() -> None:
    boxes: dict[str, made.Box] = {
        "urinary_bladder": ((-30, -100, 0), (30, -80, 40)),
        "liver": ((-90, -20, 60), (-20, 10, 130)),
        "vertebra_l3": ((-20, 70, 40), (20, 100, 70)),
    }
    depths = chosen_depths(made.anatomy_of_boxes(turned((0, 1, 2), (1, 1, 1)), boxes), ())
    for low, high in boxes.values():
        assert any(low[1] <= y <= high[1] for y in depths)
    assert len(depths) <= 4
    assert all(b - a >= 14.0 - 1e-9 for a, b in pairwise(depths))


def sphere(organ: ReferenceOrgan, centre: Vector, diameter: float | None) -> Reference:
    return Reference(organ, 1.0, 0.1, 2.0, (ReferenceVoi("liver", centre, diameter, 9, 1.0),), "", (), "by hand")


def test_every_voi_is_drawn_once_as_the_slice_cuts_it() -> None:
    anatomy = made.anatomy_of_boxes(turned((0, 1, 2), (1, 1, 1)), BOX)
    centre = (-24.0, 21.0, 60.0)
    slices = anatomy_slices(anatomy, (sphere(ReferenceOrgan.LIVER, centre, 30.0),), None, warm_pet(PET_GRID), psma=True)
    ((one, mark),) = [(one, mark) for one in slices for mark in one.vois]
    assert mark.aside_mm == 0.0
    points = to_lps(one, mark.lines[0])
    radius = np.sqrt(15.0**2 - (one.y_mm - centre[1]) ** 2)
    assert np.hypot(points[:, 0] - centre[0], points[:, 1] - centre[2]) == pytest.approx(radius)
    assert [name.text for name in one.names if name.strong] == ["Liver VOI"]


def test_a_voi_that_no_slice_cuts_is_dashed_and_a_contour_is_a_cross() -> None:
    anatomy = made.anatomy_of_boxes(turned((0, 1, 2), (1, 1, 1)), BOX)
    far = sphere(ReferenceOrgan.SPLEEN, (0.0, 400.0, 60.0), 20.0)
    cross = sphere(ReferenceOrgan.PAROTID, (-24.0, 12.0, 60.0), None)
    slices = anatomy_slices(anatomy, (far, cross), None, warm_pet(PET_GRID), psma=True)
    marks = {mark.name: (one, mark) for one in slices for mark in one.vois}
    one, mark = marks["Spleen VOI"]
    assert mark.aside_mm == pytest.approx(400.0 - one.y_mm)
    assert one is slices[-1]
    one, mark = marks["Parotid VOI"]
    assert mark.contour
    assert len(mark.lines) == 2
    assert all(to_lps(one, line).mean(axis=0) == pytest.approx([-24.0, 60.0]) for line in mark.lines)


def test_a_name_stands_once_where_the_structure_is_largest() -> None:
    grid = factory.grid_of((6.0, 6.0, 6.0), (140, 44, 60))
    slices = anatomy_slices(made.anatomy_of_boxes(grid), made.REFERENCES, None, warm_pet(grid), psma=True)
    named = [name.text for one in slices for name in one.names if not name.strong]
    assert sorted(named) == sorted([short_name(name) for name, group in made.NAMES.values() if group != "muscle"])
    assert [one.y_mm for one in slices] == sorted(one.y_mm for one in slices)


def test_an_anatomy_without_structures_draws_nothing() -> None:
    empty = made.anatomy_of_boxes(turned((0, 1, 2), (1, 1, 1)), {})
    assert anatomy_slices(empty, (), None, warm_pet(PET_GRID), psma=True) == ()
    coronal, sagittal = pictures(warm_pet(PET_GRID).suv, PET_GRID, (), psma=True, anatomy=empty)
    assert coronal.organs == sagittal.organs == ()


@pytest.mark.parametrize("grid", [turned((0, 1, 2), (1, 1, 1)), turned((1, 0, 2), (-1, 1, -1), 12.0)])
@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_organs_on_projections_lie_where_they_are(grid: Grid, flip: float) -> None:
    """On a PET whose rows, columns and slices run either way."""
    (low, high) = BOX["liver"]
    axes = ((0.0, 0.0, 4.0 * flip), (0.0, 4.0 * flip, 0.0), (4.0 * flip, 0.0, 0.0))
    pet = Grid((70, 60, 80), (-150.0 * flip, -115.0 * flip, 60.0 - 140.0 * flip), axes)
    first, last = span_mm(pet)
    coronal, sagittal = pictures(
        np.ones(pet.shape, np.float32), pet, (), psma=True, anatomy=made.anatomy_of_boxes(grid, BOX)
    )
    for picture, across in ((coronal, 0), (sagittal, 1)):
        (organ,) = picture.organs
        assert organ.name == "liver"
        points = np.concatenate(organ.lines)
        side = first[across] - 2.0 + points[:, 0]
        up = last[2] + 2.0 - points[:, 1]
        assert (side.min(), side.max()) == pytest.approx((low[across], high[across]), abs=6.0)
        assert (up.min(), up.max()) == pytest.approx((low[2], high[2]), abs=6.0)
        assert "1 thinly outlined organ" in picture.alt


def structure(id: str, name: str, group: str) -> FoundStructure:
    return FoundStructure(1, id, name, None, group, 1, 1.0, (0.0, 0.0, 0.0), False)


@pytest.mark.parametrize(
    ("id", "group", "family"),
    [
        ("kidney_cortex_left", "organ", Family.URINARY),
        ("vertebra_t4", "bone", Family.BONES),
        ("vertebra_t4_marrow", "marrow", None),
        ("spinal_cord", "organ", None),
        ("muscle", "muscle", None),
        ("parotid_left", "gland", Family.GLANDS),
        ("aorta_abdominal", "vessel", Family.VESSELS),
    ],
)
def test_families(id: str, group: str, family: Family | None) -> None:
    assert family_of(structure(id, "X", group)) is family


def test_a_gallbladder_is_no_bladder_and_a_bed_no_prostate() -> None:
    found = tuple(
        structure(id, id, "organ") for id in ("gallbladder", "prostate_bed", "urinary_bladder", "prostate", "liver")
    )
    assert [name for name, _ in main_organs(found)] == ["liver", "bladder", "prostate"]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("External iliac artery, left", "Ext. iliac artery"),
        ("L3 vertebra", "L3"),
        ("Left ventricle", "Ventricle"),
        ("Pulmonary trunk and arteries", "Pulmonary trunk"),
        ("Urinary bladder", "Bladder"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert short_name(name) == short


# Machado 2009, IEEE Trans Vis Comput Graph 15:1291: severity 1.0, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array([
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ]),
    "deutan": np.array([
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ]),
    "tritan": np.array([
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
    ]),
}  # fmt: skip


def seen_lab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIELAB of an sRGB colour as seen."""
    rgb = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)]) / 255.0
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(sight @ linear, 0.0, 1.0)
    return rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)[None, None])[0, 0]


@pytest.mark.parametrize("sight", BLINDNESS)
def test_colours_are_told_apart(sight: str) -> None:
    """A CIEDE2000 difference of 10 is seen at a glance; with names beside the lines nothing hangs on colour alone."""
    labs = {name: seen_lab(colour, BLINDNESS[sight]) for name, colour in FAMILY_COLOURS.items()}
    families = list(labs)
    for n, one in enumerate(families):
        for other in families[n + 1 :]:
            assert deltaE_ciede2000(labs[one], labs[other]) > 10.0, (one, other)
    organ = seen_lab(ORGAN_COLOUR, BLINDNESS[sight])
    for colour in (*VERDICT_COLOURS.values(), "#FFFFFF", "#000000"):
        assert deltaE_ciede2000(organ, seen_lab(colour, BLINDNESS[sight])) > 10.0, colour
