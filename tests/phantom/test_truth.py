"""Truth beside the images: label maps against closed forms, activities that add up, a stage that follows from foci."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from psmap.catalog.anatomy import load_anatomy
from psmap.catalog.load import load_schema, tracer_by_name
from psmap.domain.geometry import Grid, Vector
from psmap.io.dicom_write import PetFacts, StudyFacts
from psmap.io.nifti import read_labels
from psmap.phantom.anatomy.man import REFERENCE_MAN, Man
from psmap.phantom.anatomy.paint import Painted, paint
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.dialects import dose_of
from psmap.phantom.iec_study import SCANNED_AT, bq_ml_per_suv
from psmap.phantom.lesions.focus import UPRIGHT, Benign, DrawnFocus, FocusKind, Frame
from psmap.phantom.lesions.placing import TrueSite
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import PELVIS_MM, ScannedMan, grid_of, scan_man
from psmap.phantom.true_maps import anatomy_map, sites_map, structure_numbers
from psmap.phantom.true_stage import AXIAL, class_of, marrow_share, staged_sites
from psmap.phantom.truth import (
    ANATOMY_MAP,
    SITES_MAP,
    STATIONS_MAP,
    TRUTH,
    truth_document,
    write_truth,
)

GRID = Grid((40, 50, 60), (-60.0, -50.0, -40.0), ((0.0, 0.0, 2.0), (0.0, 2.0, 0.0), (2.0, 0.0, 0.0)))
TURNED: Frame = ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0))
PROSTATE: Vector = (-2.9, -13.3, -151.3)
"""Centroid of the reference man's prostate (figures of the reference adult male, ICRP Publication 110)."""


def focus_at(
    centre: Vector,
    volume_ml: float,
    *,
    number: int = 1,
    kind: FocusKind = FocusKind.PRIMARY,
    place: str = "prostate_peripheral",
    benign: Benign | None = None,
    ratio: Vector = (1.0, 1.0, 1.0),
    directions: Frame = UPRIGHT,
) -> TrueSite:
    return TrueSite(number, DrawnFocus(kind, benign, place, volume_ml, ratio, directions, 20.0), centre)


@pytest.fixture(scope="module")
def man() -> ScannedMan:
    """A pelvis of a man with his prostate."""
    scanned = scan_man(0, tracer_by_name("psma-1007"), Scenario.OLIGO, voxel_mm=6.0, field_mm=PELVIS_MM)
    assert not scanned.man.prostatectomy
    return scanned


@pytest.fixture(scope="module")
def document(man: ScannedMan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(truth_document(man), allow_nan=False))
    return found


@pytest.mark.parametrize("directions", [UPRIGHT, TURNED])
@pytest.mark.parametrize("volume_ml", [2.0, 12.0])
def test_a_site_has_the_volume_and_the_centre_of_its_ellipsoid(volume_ml: float, directions: Frame) -> None:
    """Closed form: 4/3 pi a b c; a lattice of n voxels misses it by the order of n^(1/3) voxels at random (2 %)."""
    site = focus_at((3.1, -7.7, 5.3), volume_ml, ratio=(1.5, 1.0, 1.0 / 1.5), directions=directions)
    a, b, c = site.focus.half_axes_mm
    assert 4e-3 / 3.0 * math.pi * a * b * c == pytest.approx(volume_ml)
    labels = sites_map([site], GRID).labels
    index = np.argwhere(labels == 1)
    assert len(index) * GRID.voxel_ml == pytest.approx(volume_ml, rel=0.03)
    assert np.allclose(GRID.to_mm(index).mean(axis=0), site.centre_mm, atol=0.1 * 2.0)
    points = (GRID.to_mm(index) - np.array(site.centre_mm)) @ np.array(directions).T / np.array([a, b, c])
    assert np.linalg.norm(points, axis=1).max() <= 1.0 + 1e-6


def test_a_focus_smaller_than_a_voxel_has_the_voxel_of_its_centre() -> None:
    small, outside = focus_at((3.4, -7.6, 5.2), 0.001), focus_at((500.0, 0.0, 0.0), 0.001, number=2)
    index = np.argwhere(sites_map([small, outside], GRID).labels)
    assert GRID.to_mm(index).tolist() == [[4.0, -8.0, 6.0]]
    large = focus_at((3.0, -7.0, 5.0), 8.0, number=3)
    for order in ([small, large], [large, small]):
        labels = sites_map(order, GRID).labels
        assert np.count_nonzero(labels == 1) == 1  # it is not lost in the large one
    twice = sites_map([small, replace(small, number=4)], GRID).labels
    assert np.unique(twice).tolist() == [0, 1]


def test_foci_that_overlap_share_voxels_by_the_nearer_centre() -> None:
    """Two equal spheres are parted by the plane in the middle between them; the order does not matter."""
    left, right = focus_at((10.0, 0.0, 0.0), 8.0), focus_at((-5.0, 0.0, 0.0), 8.0, number=2)
    labels = sites_map([left, right], GRID).labels
    assert np.array_equal(labels, sites_map([right, left], GRID).labels)
    for site, side in ((left, 1.0), (right, -1.0)):
        x = GRID.to_mm(np.argwhere(labels == site.number))[:, 0]
        assert np.all(side * (x - 2.5) >= 0.0)
    alone = sites_map([left], GRID).labels, sites_map([right], GRID).labels
    assert np.array_equal(labels > 0, (alone[0] > 0) | (alone[1] > 0))


def test_a_focus_over_the_edge_of_the_image_keeps_what_is_in_it() -> None:
    edge = focus_at((-61.0, 0.0, 0.0), 8.0)  # the middle of the sphere lies on the outer face of the first voxels
    labels = sites_map([edge], GRID).labels
    assert np.count_nonzero(labels) * GRID.voxel_ml == pytest.approx(4.0, rel=0.05)


def test_truth_json_is_what_its_schema_says(document: dict[str, Any], man: ScannedMan) -> None:
    schema = load_schema("truth")
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
    assert (document["seed"], document["tracer"], document["scenario"]) == (0, "psma-1007", "oligo")
    assert document["voxel_mm"] == 6.0
    assert [site["place"] for site in document["sites"]] == [site.focus.place for site in man.sites]
    assert document["man"]["weight_kg"] == man.man.weight_kg


def test_sites_say_what_and_where_they_are(document: dict[str, Any], man: ScannedMan) -> None:
    entries = load_anatomy()
    assert any(site["lesion"] for site in document["sites"])
    for site in document["sites"]:
        assert (site["verdict"] == "suspicious") is site["lesion"] is (site["benign"] is None)
        assert (site["class"] == "physiologic") is not site["lesion"]
        entry = entries[site["location"]]
        assert site["code"] == (entry.code.value if entry.code else None)
        assert site["side"] == entry.laterality
        assert (site["station"] == site["place"]) is (site["kind"] == "node")
        x, y, z = (np.array(axis) for axis in site["directions"])
        assert np.allclose(np.cross(x, y) @ z, 1.0, atol=1e-6)
        a, b, c = site["half_axes_mm"]
        assert 4e-3 / 3.0 * math.pi * a * b * c == pytest.approx(site["volume_ml"])
        low, high = man.grid.to_mm([[-0.5] * 3, np.array(man.grid.shape) - 0.5])
        assert site["in_field"] == bool(np.all(low <= site["centre_mm"]) and np.all(site["centre_mm"] <= high))
        assert (site["voxels"] > 0) is (site["seen_suv_max"] is not None)
        if site["in_field"] and site["voxels"] == 1:
            k, j, i = np.rint(man.grid.to_index(site["centre_mm"])[0]).astype(int)
            assert site["seen_suv_max"] == float(man.suv[k, j, i])


def test_activities_of_the_organs_add_up_to_that_of_the_image(document: dict[str, Any], man: ScannedMan) -> None:
    """And each is SUV times volume, by the SUV's own definition as the DICOM writer takes it."""
    facts = PetFacts(
        series_at=SCANNED_AT,
        injected_at=SCANNED_AT - timedelta(minutes=round(man.conditions.uptake_min)),
        injected_bq=round(man.conditions.activity_mbq) * 1e6,
        half_life_s=dose_of(man).half_life_s,
    )
    per_suv = bq_ml_per_suv(StudyFacts("man", SCANNED_AT, weight_kg=round(man.man.weight_kg, 1)), facts) / 1e6
    assert document["dose"]["mbq_per_suv_ml"] == pytest.approx(per_suv, rel=1e-12)
    total = float(man.sharp.sum(dtype=np.float64)) * man.grid.voxel_ml * per_suv
    organs = document["organs"]
    assert document["field"]["activity_mbq"] == pytest.approx(total, rel=1e-9)
    parts = sum(organ["activity_mbq"] for organ in organs.values()) + document["field"]["unlabelled_mbq"]
    assert parts == pytest.approx(total, rel=1e-9)
    for organ in organs.values():
        if organ["voxels"]:
            assert organ["activity_mbq"] == pytest.approx(organ["suv_mean"] * organ["volume_ml"] * per_suv, rel=1e-9)
    labels = anatomy_map(man).labels
    number = structure_numbers()["prostate_peripheral"]
    assert organs["prostate_peripheral"]["suv_mean"] == pytest.approx(float(man.sharp[labels == number].mean()))
    assert organs["prostate_peripheral"]["seen_suv_mean"] == pytest.approx(float(man.suv[labels == number].mean()))


def test_a_uniform_man_has_his_suv_everywhere(man: ScannedMan) -> None:
    """SUV 1 in every voxel: every organ has SUV 1, and 1 mL holds the dose over the weight."""
    even = replace(man, sharp=np.ones_like(man.sharp), suv=np.full_like(man.suv, 2.0))
    found = truth_document(even)
    seen = {(organ["suv_mean"], organ["seen_suv_mean"]) for organ in found["organs"].values() if organ["voxels"]}
    assert seen == {(1.0, 2.0)}
    ml = even.grid.size * even.grid.voxel_ml
    assert found["field"]["activity_mbq"] == pytest.approx(found["dose"]["mbq_per_suv_ml"] * ml)
    assert found["field"]["seen_activity_mbq"] == pytest.approx(2.0 * found["field"]["activity_mbq"])


def test_what_is_written_is_what_is_true(man: ScannedMan, document: dict[str, Any], tmp_path: Path) -> None:
    files = write_truth(tmp_path / "man", man, layout="nifti")
    assert files[-1] == tmp_path / "man" / TRUTH
    written = json.loads(files[-1].read_text(encoding="utf-8"))
    assert written == {**document, "layout": "nifti"}
    again = write_truth(tmp_path / "again", man, layout="nifti")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files]
    entries = load_anatomy()
    for name, schema in ((ANATOMY_MAP, "anatomy_dseg"), (SITES_MAP, "sites_dseg"), (STATIONS_MAP, "anatomy_dseg")):
        labels = read_labels(tmp_path / "man" / name)
        assert labels.grid.matches(man.grid)
        rows = typed_rows(tmp_path / "man" / name.replace(".nii.gz", ".tsv"))
        for row in rows:
            Draft202012Validator(load_schema(schema)).validate(row)
        named = {row["index"]: row["name"] for row in rows}
        assert set(np.unique(labels.labels)) - {0} <= set(named)
        if schema == "anatomy_dseg":
            assert set(named.values()) <= set(entries)
            assert {entries[called].group == "nodes" for called in named.values()} == {name == STATIONS_MAP}
    counts = np.bincount(read_labels(tmp_path / "man" / SITES_MAP).labels.reshape(-1), minlength=len(man.sites) + 1)
    assert counts[1:].tolist() == [site["voxels"] for site in document["sites"]]


def typed_rows(table: Path) -> list[dict[str, Any]]:
    kinds = {"index": int, "volume_ml": float}
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [{name: None if cell == "n/a" else kinds.get(name, str)(cell) for name, cell in row.items()} for row in rows]


def test_foci_lie_in_the_labels_of_their_places(man: ScannedMan, tmp_path: Path) -> None:
    """Within a voxel of its centre a node has its station, any other focus its structure or the marrow of it."""
    write_truth(tmp_path, man)
    maps = {name: read_labels(tmp_path / name).labels for name in (ANATOMY_MAP, STATIONS_MAP)}
    numbers = structure_numbers()
    tried = 0
    for site in man.sites:
        index = np.rint(man.grid.to_index(site.centre_mm)[0]).astype(int)
        if site.misplaced > 0.02 or np.any(index < 1) or np.any(index >= np.array(man.grid.shape) - 1):
            continue
        k, j, i = index
        node = site.focus.kind is FocusKind.NODE
        around = maps[STATIONS_MAP if node else ANATOMY_MAP][k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2]
        wanted = [numbers[site.focus.place], numbers.get(f"{site.focus.place}_marrow", 0)]
        assert np.any(np.isin(around, [number for number in wanted if number])), site.focus.place
        tried += 1
    assert tried


def test_the_stage_is_the_same_on_every_grid(man: ScannedMan, document: dict[str, Any]) -> None:
    coarse = scan_man(0, tracer_by_name("psma-1007"), Scenario.OLIGO, voxel_mm=9.0, field_mm=PELVIS_MM)
    found = truth_document(coarse)
    for key in ("stage", "stage_v1", "marrow_share"):
        assert found[key] == document[key]


def test_stage_of_foci_that_are_put_there(man: ScannedMan) -> None:
    """Benign foci set no letter; what lies beyond the image is in the stage and not in that of the image."""
    centre = man.grid.to_mm((np.array(man.grid.shape) - 1) / 2.0)[0]
    here, far = (float(centre[0]), float(centre[1]), float(centre[2])), (0.0, 0.0, 5000.0)

    def put(number: int, kind: FocusKind, place: str, at: Vector = here, benign: Benign | None = None) -> TrueSite:
        return focus_at(at, 0.2, number=number, kind=kind, place=place, benign=benign)

    foci = (
        put(1, FocusKind.NODE, "internal_iliac_node_left"),
        put(2, FocusKind.NODE, "obturator_node_right"),
        put(3, FocusKind.NODE, "paraaortic_node_left", far),
        put(4, FocusKind.BONE, "sacrum_s1"),
        put(5, FocusKind.VISCERAL, "liver", far),
        put(6, FocusKind.BONE, "rib_5_left", benign=Benign.UNSPECIFIC_BONE),
        put(7, FocusKind.NODE, "inguinal_node_left", benign=Benign.UNSPECIFIC_NODE),
        put(8, FocusKind.URETER, "ureter_left", benign=Benign.URETER),
    )
    found = truth_document(replace(man, sites=foci))
    assert found["stage"]["text"] == "miT0 miN2(IIL,OBR) miM1a(RP), miM1b(uni), miM1c(liver)"
    assert found["stage_v1"]["text"] == "miT0 miN1b(IIL,OBR) miM1a(RP), miM1b(uni), miM1c(liver)"
    assert found["stage_in_field"]["text"] == "miT0 miN2(IIL,OBR) miM1b(uni)"
    assert found["stage"]["evidence"] == {"n": [1, 2], "m": [3, 4, 5]}
    classes = [site["class"] for site in found["sites"]]
    assert classes == ["pelvic_node"] * 2 + ["distant_node", "bone", "visceral"] + ["physiologic"] * 3
    Draft202012Validator(load_schema("truth")).validate(json.loads(json.dumps(found)))


@pytest.mark.parametrize(
    ("offset", "volume_ml", "extent", "segments"),
    [
        ((6.0, 4.0, 0.0), 0.1, "CONFINED", {"LM"}),
        ((-6.0, 4.0, 0.0), 0.1, "CONFINED", {"RM"}),
        ((6.0, 2.0, -12.0), 0.05, "CONFINED", {"LA"}),
        ((0.0, 6.0, 0.0), 0.3, "CONFINED", {"LM", "RM"}),
        ((10.0, 6.0, 0.0), 2.0, "BEYOND_CAPSULE", {"LM"}),
        ((20.0, 20.3, 27.8), 0.1, "SEMINAL_VESICLE", set()),
        ((0.0, 0.0, 0.0), 60.0, "ADJACENT_ORGAN", {"LB", "LM", "LA", "RB", "RM", "RA"}),
    ],
)
def test_how_far_a_tumour_of_the_prostate_reaches(
    offset: Vector, volume_ml: float, extent: str, segments: set[str]
) -> None:
    """In the reference man, whose prostate of 16.5 mL is some 25 x 30 x 45 mm: what is where is plain."""
    x, y, z = (p + o for p, o in zip(PROSTATE, offset, strict=True))
    (found,) = staged_sites(REFERENCE_MAN, [focus_at((x, y, z), volume_ml)])
    assert found.extent.name == extent
    assert found.segments == segments


def test_recurrences_have_no_extent() -> None:
    after = Man(prostatectomy=True, prostate_ml=0.0)
    bed = focus_at((-2.9, -13.0, -150.0), 1.0, kind=FocusKind.LOCAL_RECURRENCE, place="prostate_bed")
    (found,) = staged_sites(after, [bed])
    assert (found.finding_class.value, found.segments) == ("local", frozenset())
    with pytest.raises(ValueError, match="no nodal station"):
        class_of(focus_at((0.0, 0.0, 0.0), 1.0, kind=FocusKind.NODE, place="liver"))


def share_on_fine_voxels(site: TrueSite) -> float:
    """The slow truth: marrow labelled on 3 mm, and every centre asked whether it is in the sphere."""
    structures = tuple(s for s in structures_of(REFERENCE_MAN) if s.name == "skin" or s.name.startswith(AXIAL))
    grid = grid_of(structures, REFERENCE_MAN, 3.0)
    numbers = {s.name: 1 for s in structures if s.name.endswith("_marrow")}
    index = np.argwhere(paint(structures, grid, REFERENCE_MAN.bend).labels(numbers))
    away = np.linalg.norm(grid.to_mm(index) - np.array(site.centre_mm), axis=1)
    return float(np.mean(away <= 0.5 * site.focus.diameter_mm))


def test_share_of_the_marrow() -> None:
    """None without lesions of bone, all of it in one that holds the man, and benign bone is none."""
    whole = replace(focus_at((0.0, 0.0, 200.0), 4.0e6, kind=FocusKind.BONE, place="vertebra_l1"), number=1)
    assert marrow_share(REFERENCE_MAN, []) == 0.0
    assert marrow_share(REFERENCE_MAN, [whole]) == pytest.approx(1.0)
    benign = replace(whole, focus=replace(whole.focus, benign=Benign.DEGENERATIVE))
    assert marrow_share(REFERENCE_MAN, [benign]) == 0.0
    lumbar = focus_at((0.0, 10.0, 85.0), 500.0, kind=FocusKind.BONE, place="vertebra_l3")
    spine = marrow_share(REFERENCE_MAN, [lumbar])
    assert 0.05 < spine < 0.6
    assert spine == pytest.approx(share_on_fine_voxels(lumbar), rel=0.1)  # thin marrow of skull and ribs


def test_an_empty_image_has_nothing(man: ScannedMan) -> None:
    """A man without foci, of whom nothing was painted: no site, no organ, miT0 miN0 miM0."""
    nobody = replace(man, sites=(), painted=Painted(man.grid, ()))
    found = truth_document(nobody)
    assert (found["sites"], found["organs"]) == ([], {})
    assert found["stage"]["text"] == "miT0 miN0 miM0"
    assert found["field"]["unlabelled_mbq"] == pytest.approx(found["field"]["activity_mbq"])


def test_the_dose_is_what_the_header_of_the_maker_says(man: ScannedMan) -> None:
    """GE and Philips write 6588 s for 18F, Siemens 6586.2 s, as real headers do."""
    said = {
        maker: dose_of(replace(man, tracer="psma-1007"), maker).half_life_s for maker in ("ge", "philips", "siemens")
    }
    assert said == {"ge": 6588.0, "philips": 6588.0, "siemens": 6586.2}
