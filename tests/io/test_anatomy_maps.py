"""Anatomy of other programs: label maps with names, folders of masks, MOOSE's folders; what is wrong is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from nibabel.nifti1 import Nifti1Extension, Nifti1Image

from psmap.catalog.load import tracer_by_name
from psmap.domain.anatomy import Absence
from psmap.domain.geometry import Grid
from psmap.domain.refusal import Refused
from psmap.io.anatomy_map_names import names_beside
from psmap.io.anatomy_maps import OWN_MAP, anatomy_files, read_anatomy
from psmap.io.nifti import write_image
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import PELVIS_MM, ScannedMan, scan_man
from psmap.phantom.true_maps import anatomy_map, stations_map
from psmap.phantom.truth import ANATOMY_MAP, truth_document, write_truth
from psmap.steps.anatomy.named import anatomy_of

GRID = Grid((12, 10, 8), (-7.0, 5.0, 100.0), ((0.0, 0.0, 3.0), (0.0, 2.0, 0.0), (1.5, 0.0, 0.0)))
BOX = (slice(2, 6), slice(2, 6), slice(2, 6))
INNER = (slice(3, 5), slice(3, 5), slice(3, 5))
OTHER = (slice(8, 11), slice(2, 6), slice(2, 6))

Boxes = Mapping[int, tuple[slice, slice, slice]]


def drawn(boxes: Boxes, dtype: type = np.uint8, grid: Grid = GRID) -> npt.NDArray[np.generic]:
    voxels = np.zeros(grid.shape, dtype)
    for number, box in boxes.items():
        voxels[box] = number
    return voxels


def with_table(path: Path, boxes: Boxes, names: Mapping[int, str]) -> Path:
    write_image(path, GRID, drawn(boxes))
    rows = "".join(f"{number}\t{name}\tn/a\n" for number, name in names.items())
    path.with_name(path.name.replace(".nii.gz", ".tsv")).write_text(f"index\tname\tsnomed\n{rows}", encoding="utf-8")
    return path


def with_header(path: Path, boxes: Boxes, names: Mapping[int, str]) -> Path:
    """As TotalSegmentator writes with --ml: names in an extension of the header."""
    labels = "".join(
        f'<Label Key="{number}" Red="1.0" Green="0.0" Blue="0.0" Alpha="1"><![CDATA[{name}]]></Label>\n'
        for number, name in names.items()
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14T05:45:09]]></Date>'
        f'   <VolumeInformation Index="0">   <LabelTable>{labels}  </LabelTable>'
        "  <VolumeType><![CDATA[Label]]></VolumeType>   </VolumeInformation></CaretExtension>"
    )
    image = Nifti1Image(drawn(boxes).T, np.diag([-1.5, -2.0, 3.0, 1.0]) + shifted())
    image.header.extensions.append(Nifti1Extension(0, xml.encode("utf-8")))
    image.to_filename(path)
    return path


def shifted() -> npt.NDArray[np.float64]:
    """The origin of `GRID` in RAS."""
    shift = np.zeros((4, 4))
    shift[:3, 3] = (7.0, -5.0, 100.0)
    return shift


def mask(folder: Path, name: str, box: tuple[slice, slice, slice] | None, value: int = 1) -> None:
    folder.mkdir(exist_ok=True)
    write_image(folder / f"{name}.nii.gz", GRID, drawn({value: box} if box else {}))


# The digital man's own truth


@pytest.fixture(scope="module")
def man() -> ScannedMan:
    return scan_man(0, tracer_by_name("psma-1007"), Scenario.OLIGO, voxel_mm=6.0, field_mm=PELVIS_MM)


def test_a_mans_truth_comes_back(man: ScannedMan, tmp_path: Path) -> None:
    """Voxel by voxel the map that was painted, and the volumes that truth.json says."""
    write_truth(tmp_path, man)
    truth, stations = anatomy_map(man), stations_map(man.man, man.grid)
    for path in (tmp_path / ANATOMY_MAP, (tmp_path / ANATOMY_MAP).parent):
        named = read_anatomy(path, man.grid)
        assert named.notices == ()
        assert named.labels.labels.dtype == np.uint16
        assert np.array_equal(named.labels.labels, truth.labels)
        assert named.labels.names == truth.names
        assert named.stations is not None
        assert np.array_equal(named.stations.labels, stations.labels)
        assert named.source == "a label map by the names of psmap"
    anatomy = anatomy_of(named)
    organs = {name: organ for name, organ in truth_document(man)["organs"].items() if organ["voxels"]}
    assert {structure.id for structure in anatomy.found} == set(organs)
    for structure in anatomy.found:
        organ = organs[structure.id]
        assert (structure.voxels, structure.volume_ml) == (organ["voxels"], pytest.approx(organ["volume_ml"]))
        index = np.argwhere(truth.labels == structure.number)
        # NIfTI keeps positions to 1e-4 mm
        assert np.allclose(structure.centroid_mm, man.grid.to_mm(index).mean(axis=0), atol=1e-4)
        edge = np.any((index == 0) | (index == np.array(man.grid.shape) - 1))
        assert structure.cut is bool(edge)
    reasons = {each.id: each.why for each in anatomy.missing}
    assert reasons["liver"] is Absence.NOT_NAMED


# One label map


def test_totalsegmentators_map_says_its_names_itself(tmp_path: Path) -> None:
    names = {1: "spleen", 5: "liver", 25: "sacrum", 52: "aorta", 92: "rib_left_1"}
    named = read_anatomy(with_header(tmp_path / "out.nii.gz", {5: BOX, 92: OTHER, 52: INNER}, names))
    assert named.source == "a label map by the names of TotalSegmentator"
    assert named.labels.names == {1: "spleen", 5: "liver", 25: "sacrum", 52: "aorta", 92: "rib_1_left"}
    assert np.array_equal(named.labels.labels, drawn({5: BOX, 92: OTHER, 52: INNER}))
    assert named.labels.labels.dtype == np.uint8
    assert named.labels.grid.matches(GRID)
    assert named.notices == ()
    anatomy = anatomy_of(named)
    reasons = {each.id: each.why for each in anatomy.missing}
    assert (reasons["spleen"], reasons["pancreas"]) == (Absence.NOT_FOUND, Absence.NOT_NAMED)


def test_a_folder_with_one_named_map_is_that_map(tmp_path: Path) -> None:
    with_header(tmp_path / "segmentation.nii.gz", {1: BOX}, {1: "vertebrae_L1"})
    assert read_anatomy(tmp_path).labels.names == {1: "vertebra_l1"}


@pytest.mark.parametrize(
    "document",
    [
        {"0": "background", "3": "liver"},
        {"organ_indices": {"3": {"name": "liver", "SNOMED": {"ID": "1", "name": "Liver"}}}},
        {"labels": {"background": 0, "liver": 3}},
    ],
)
def test_names_may_stand_in_a_json(tmp_path: Path, document: object) -> None:
    write_image(tmp_path / "map.nii.gz", GRID, drawn({3: BOX}))
    (tmp_path / "map.json").write_text(json.dumps(document), encoding="utf-8")
    named = read_anatomy(tmp_path / "map.nii.gz")
    assert np.array_equal(named.labels.labels, drawn({3: BOX}))
    assert named.labels.names[3] == "liver"


def test_another_json_beside_an_image_is_its_own_affair(tmp_path: Path) -> None:
    with_header(tmp_path / "map.nii.gz", {1: BOX}, {1: "liver"})
    (tmp_path / "map.json").write_text('{"Manufacturer": "somebody"}', encoding="utf-8")
    assert names_beside(tmp_path / "map.nii.gz") == {1: "liver"}


def test_what_has_no_known_name_is_kept_out_and_said(tmp_path: Path) -> None:
    names = {1: "liver", 2: "unicorn", 3: "liver_vessels"}
    boxes = {1: BOX, 2: INNER, 3: (slice(7, 8), slice(0, 1), slice(0, 1)), 9: OTHER}
    path = with_table(tmp_path / "map.nii.gz", boxes, names)
    named = read_anatomy(path)
    assert named.labels.names == {1: "liver"}
    expected = drawn(boxes)
    expected[expected != 1] = 0  # type: ignore[operator]
    assert np.array_equal(named.labels.labels, expected)
    assert any("unicorn" in notice for notice in named.notices)
    assert any("liver_vessels" in notice and "leaves out" in notice for notice in named.notices)
    assert any("numbers without a name" in notice and "9" in notice for notice in named.notices)


def test_several_numbers_of_one_structure_become_one(tmp_path: Path) -> None:
    path = with_table(tmp_path / "map.nii.gz", {2: BOX, 7: OTHER}, {2: "eye_left", 7: "eyeball_left"})
    named = read_anatomy(path)
    assert named.labels.names == {2: "eye_left"}
    assert np.array_equal(named.labels.labels, drawn({2: BOX}) + 2 * (drawn({1: OTHER}) > 0))  # type: ignore[operator]


def test_axes_are_turned_to_those_of_the_scan(tmp_path: Path) -> None:
    """A scan whose slices run from the head down: voxel for voxel the same points of the patient."""
    downwards = Grid(GRID.shape, (-7.0, 5.0, 133.0), ((0.0, 0.0, -3.0), *GRID.axes_mm[1:]))
    named = read_anatomy(with_table(tmp_path / "map.nii.gz", {1: BOX}, {1: "liver"}), downwards)
    assert named.labels.grid.matches(downwards)
    assert np.array_equal(named.labels.labels, drawn({1: BOX})[::-1])


def test_stored_floats_that_are_whole_are_labels(tmp_path: Path) -> None:
    path = with_table(tmp_path / "map.nii.gz", {1: BOX}, {1: "liver", 300: "spleen"})
    write_image(path, GRID, drawn({1: BOX, 300: OTHER}, np.float32))
    labels = read_anatomy(path).labels.labels
    assert labels.dtype == np.uint16
    assert np.array_equal(labels, drawn({1: BOX, 300: OTHER}, np.uint16))


# A folder of masks


def test_a_folder_of_masks_becomes_one_map(tmp_path: Path) -> None:
    mask(tmp_path, "liver", BOX)
    mask(tmp_path, "vertebrae_L5", OTHER, value=255)
    mask(tmp_path, "spleen", None)
    (tmp_path / "statistics.json").write_text("{}", encoding="utf-8")
    named = read_anatomy(tmp_path)
    anatomy = anatomy_of(named)
    assert {structure.id: structure.voxels for structure in anatomy.found} == {"liver": 64, "vertebra_l5": 48}
    assert {each.id: each.why for each in anatomy.missing}["spleen"] is Absence.NOT_FOUND
    assert named.source == "masks by the names of TotalSegmentator"
    number = next(structure.number for structure in anatomy.found if structure.id == "liver")
    assert np.array_equal(named.labels.labels == number, drawn({1: BOX}) == 1)


def test_the_smaller_structure_has_a_shared_voxel_whatever_the_order(tmp_path: Path) -> None:
    """The names are given in all orders to a large, a middle and a small box, each within the other."""
    whole = (slice(1, 9), slice(1, 9), slice(1, 7))
    for n, names in enumerate(itertools.permutations(("body", "heart", "aorta"))):
        folder = tmp_path / str(n)
        for name, box in zip(names, (whole, BOX, INNER), strict=True):
            mask(folder, name, box)
        named = read_anatomy(folder)
        number = {own: key for key, own in named.labels.names.items()}
        ids = [{"body": "whole_body"}.get(name, name) for name in names]
        expected = drawn({})
        for own, box in zip(ids, (whole, BOX, INNER), strict=True):
            expected[box] = number[own]
        assert np.array_equal(named.labels.labels, expected)
        assert any("two structures" in notice for notice in named.notices)


def test_an_image_among_the_masks_is_kept_out_and_said(tmp_path: Path) -> None:
    mask(tmp_path, "liver", BOX)
    write_image(tmp_path / "ct.nii.gz", GRID, np.full(GRID.shape, -1000, np.int16))
    named = read_anatomy(tmp_path)
    assert list(named.labels.names.values()) == ["liver"]
    assert named.notices == ("files whose names psmap does not know were kept out: 1",)


def test_no_name_of_a_file_stands_in_the_notices(tmp_path: Path) -> None:
    """Notices go into case.json and the report, and a file may be called by its patient."""
    folder = tmp_path / "masks"
    mask(folder, "liver", BOX)
    mask(folder, "Smith_John_tumour", INNER)
    path = with_table(tmp_path / "Smith_John.nii.gz", {1: BOX, 9: OTHER}, {1: "liver"})
    for notices in (read_anatomy(folder).notices, read_anatomy(path).notices):
        assert notices and "Smith" not in " ".join(notices)


def test_all_that_may_be_read_is_listed(tmp_path: Path) -> None:
    """What is not listed could change without anybody knowing: names of a map are among it."""
    own = with_table(tmp_path / "read" / "images" / OWN_MAP, {1: BOX}, {1: "liver"})
    with_table(own.with_name("stations_dseg.nii.gz"), {1: BOX}, {1: "hilar_node_left"})
    (own.parent / "pet_suv.json").write_text("{}", encoding="utf-8")
    named = [own.with_name(f"{stem}_dseg{end}") for stem in ("anatomy", "stations") for end in (".nii.gz", ".tsv")]
    assert list(anatomy_files(own)) == list(anatomy_files(tmp_path / "read")) == named
    mask(tmp_path / "masks", "liver", BOX)
    (tmp_path / "masks" / "notes.txt").write_text("not read", encoding="utf-8")
    assert [path.name for path in anatomy_files(tmp_path / "masks")] == ["liver.nii.gz"]
    moose(tmp_path / "moose", "organs", {1: BOX}, {1: "liver"})
    listed = [path.name for path in anatomy_files(tmp_path / "moose")]
    assert listed == ["clin_CT_organs_organ_indices.json", "clin_CT_organs_segmentation_CT_case.nii.gz"]
    assert anatomy_files(tmp_path / "nowhere") == ()


# MOOSE


def moose(folder: Path, model: str, boxes: Boxes, names: Mapping[int, str] | None) -> None:
    folder.mkdir(exist_ok=True)
    write_image(folder / f"clin_CT_{model}_segmentation_CT_case.nii.gz", GRID, drawn(boxes))
    if names is not None:
        indices = {str(n): {"name": name, "SNOMED": None} for n, name in names.items()}
        path = folder / f"clin_CT_{model}_organ_indices.json"
        path.write_text(json.dumps({"organ_indices": indices}), encoding="utf-8")


def test_mooses_maps_become_one(tmp_path: Path) -> None:
    """Two models with their names; two without, whose numbers could be of any version of MOOSE."""
    folder = tmp_path / "segmentations"
    moose(folder, "organs", {8: BOX, 15: OTHER}, {8: "liver", 15: "spleen", 17: "thyroid_left"})
    moose(folder, "cardiac", {6: INNER}, {6: "aorta"})
    moose(folder, "vertebrae", {24: (slice(0, 1), slice(8, 10), slice(0, 2))}, None)
    moose(folder, "PUMA", {3: OTHER}, None)
    named = read_anatomy(tmp_path)
    anatomy = anatomy_of(named)
    assert {structure.id: structure.voxels for structure in anatomy.found} == {
        "liver": 64 - 8,
        "spleen": 48,
        "aorta": 8,
    }
    assert named.source == "MOOSE, clin_CT_cardiac, clin_CT_organs"
    for model in ("clin_CT_vertebrae", "clin_CT_PUMA"):
        assert any(model in notice and "left out" in notice for notice in named.notices)
    assert {each.id: each.why for each in anatomy.missing}["thyroid_lobe_left"] is Absence.NOT_FOUND


# What is refused


def test_wrong_voxels_are_refused(tmp_path: Path) -> None:
    path = with_table(tmp_path / "map.nii.gz", {1: BOX}, {1: "liver"})
    for dtype, value in ((np.float32, 0.5), (np.int16, -1), (np.int32, 70000)):
        write_image(path, GRID, drawn({1: BOX}, dtype) + np.array(value, dtype) * (drawn({1: OTHER}, dtype) > 0))  # type: ignore[operator]
        with pytest.raises(Refused, match="whole numbers"):
            read_anatomy(path)


def test_an_empty_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no voxel has a structure"):
        read_anatomy(with_table(tmp_path / "map.nii.gz", {}, {1: "liver"}))
    mask(tmp_path / "masks", "liver", None)
    with pytest.raises(Refused, match="no voxel has a structure"):
        read_anatomy(tmp_path / "masks")


def test_a_map_without_names_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "map.nii.gz", GRID, drawn({1: BOX}))
    with pytest.raises(Refused, match=r"does not say what its numbers mean.*map\.tsv"):
        read_anatomy(tmp_path / "map.nii.gz")


def test_names_of_nobody_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="unicorn"):
        read_anatomy(with_table(tmp_path / "map.nii.gz", {1: BOX}, {1: "unicorn"}))
    with pytest.raises(Refused, match="no voxel has a structure"):
        read_anatomy(with_table(tmp_path / "map.nii.gz", {1: BOX}, {1: "liver_vessels"}))


def test_masks_on_two_grids_are_refused(tmp_path: Path) -> None:
    mask(tmp_path, "liver", BOX)
    write_image(tmp_path / "spleen.nii.gz", Grid(GRID.shape, (0.0, 0.0, 0.0), GRID.axes_mm), drawn({1: OTHER}))
    with pytest.raises(Refused, match="another grid"):
        read_anatomy(tmp_path)


def test_a_mask_of_two_numbers_is_refused(tmp_path: Path) -> None:
    mask(tmp_path, "spleen", OTHER)
    write_image(tmp_path / "liver.nii.gz", GRID, drawn({1: BOX, 2: OTHER}))
    with pytest.raises(Refused, match="one other number"):
        read_anatomy(tmp_path)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("index\tname\n1\tliver\n1\tspleen\n", "two names"),
        ("index\tname\nx\tliver\n", "index is 'x'"),
        ("index\tname\n-1\tliver\n", "index is '-1'"),
        ("index\tname\n999999999\tliver\n", "index is '999999999'"),
        ("number\tname\n1\tliver\n", "index and name"),
        ("index\tname\n1\tli\x07ver\n", "name of 1"),
        ("", "index and name"),
        (b"index\tname\n1\tl\xff\n", "cannot be read"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path: Path, table: str | bytes, says: str) -> None:
    path = with_table(tmp_path / "map.nii.gz", {1: BOX}, {1: "liver"})
    content = table if isinstance(table, bytes) else table.encode("utf-8")
    (tmp_path / "map.tsv").write_bytes(content)
    with pytest.raises(Refused, match=says):
        read_anatomy(path)


@pytest.mark.parametrize("document", ["{", "[" * 100_000, '{"organ_indices": 3}'])
def test_a_faulty_json_is_refused(tmp_path: Path, document: str) -> None:
    moose(tmp_path, "organs", {8: BOX}, None)
    (tmp_path / "clin_CT_organs_organ_indices.json").write_text(document, encoding="utf-8")
    with pytest.raises(Refused, match="JSON"):
        read_anatomy(tmp_path)


def test_what_is_not_there_or_no_anatomy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no such file or folder"):
        read_anatomy(tmp_path / "nowhere")
    with pytest.raises(Refused, match="holds no anatomy"):
        read_anatomy(tmp_path)
    moose(tmp_path, "PUMA", {3: OTHER}, None)
    with pytest.raises(Refused, match="none of MOOSE's"):
        read_anatomy(tmp_path)
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8bnothing")
    (tmp_path / "broken.tsv").write_text("index\tname\n1\tliver\n", encoding="utf-8")
    with pytest.raises(Refused, match="NIfTI"):
        read_anatomy(tmp_path / "broken.nii.gz")
    assert names_beside(tmp_path / "nowhere.nii.gz") is None
