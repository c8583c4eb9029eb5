"""Each plain rule against a man of boxes whose every voxel is known, and against what was done to him."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from standing_man import MIDDLE_I, StandingMan, make_man

from psmap.catalog.anatomy_labels import load_labels
from psmap.io.dicom_read import read_study
from psmap.steps.anatomy import rules
from psmap.steps.anatomy.body_mask import body_box, body_mask
from psmap.steps.anatomy.rules import apply_rules, number_of
from psmap.steps.anatomy.working_grid import WorkingScan, labels_on, working_scan


@pytest.fixture(scope="module")
def man() -> StandingMan:
    return make_man()


@pytest.fixture(scope="module")
def scan(man: StandingMan) -> WorkingScan:
    return working_scan(man.ct(), None)


def test_the_body_is_the_man_without_his_table(man: StandingMan, scan: WorkingScan) -> None:
    body, true = body_mask(scan), man.labels > 0
    assert 2.0 * (body & true).sum() / (body.sum() + true.sum()) > 0.98
    assert not body[:, 37:].any()
    box = body_box(body)
    assert box[0] == slice(0, man.labels.shape[0]) and box[2] == slice(MIDDLE_I - 24 - 6, MIDDLE_I + 24 + 7)


@pytest.mark.parametrize("name", ["STS_003", "STS_036"])
def test_the_body_on_real_crops_is_that_of_a_threshold(data_dir: Path, name: str) -> None:
    ct = read_study(data_dir / "petct_sts" / name).ct
    assert ct is not None
    body = body_mask(scan := working_scan(ct, None))
    # by hand on the CT's own voxels: denser than -300 HU, sheets of 12 mm off, what is large, holes filled
    dense = np.stack([ndimage.binary_opening(plane > -300, iterations=6) for plane in ct.hu])
    pieces, _ = ndimage.label(dense)
    size = np.bincount(pieces.ravel())
    size[0] = 0
    hand = np.stack([ndimage.binary_fill_holes(plane) for plane in (size > 0.03 * size.max())[pieces]])
    found = labels_on(body, scan.grid, ct.grid) > 0
    assert 2.0 * (hand & found).sum() / (hand.sum() + found.sum()) > 0.975


def test_the_body_on_pet_alone(man: StandingMan, scan: WorkingScan) -> None:
    suv = np.where(man.labels > 0, 0.6, 0.01).astype(np.float32)
    suv[man.of("urinary_bladder")] = 80.0
    body = body_mask(WorkingScan(scan.grid, None, None, suv))
    true = man.labels > 0
    assert 2.0 * (body & true).sum() / (body.sum() + true.sum()) > 0.95


def test_what_is_right_stays(man: StandingMan, scan: WorkingScan) -> None:
    ruled = apply_rules(scan, man.labels, np.zeros_like(man.labels), man.labels > 0)
    inner = man.labels > 0
    assert (ruled.labels[inner] == man.labels[inner]).mean() > 0.998
    assert ruled.notices == ()


def test_gas_in_the_liver_is_lung_beside_it_or_nothing(man: StandingMan) -> None:
    labels, ct = man.labels.copy(), man.hu.astype(np.float32)
    under = man.of("lung_right") & np.roll(~man.of("lung_right"), 1, axis=0)  # the lung's lowest slice, called liver
    labels[under] = number_of("liver")
    hole = (slice(66, 69), slice(12, 15), slice(20, 23))
    ct[hole] = -900.0
    found = rules.gas_is_no_organ(labels, ct)
    assert (found[under] == number_of("lung_right")).all()
    assert (found[hole] == 0).all()


def test_an_organ_of_fat_is_none(man: StandingMan) -> None:
    ct = man.hu.astype(np.float32)
    ct[man.of("spleen")] = -100.0
    found = rules.fat_is_no_organ(man.labels, ct)
    assert (found[man.of("spleen")] == number_of("visceral_fat")).all()
    assert (found[~man.of("spleen")] == man.labels[~man.of("spleen")]).all()


def test_bone_loses_its_rim_of_fat_and_keeps_its_marrow() -> None:
    labels = np.full((16, 16, 16), number_of("visceral_fat"), np.uint8)
    labels[3:13, 3:13, 3:13] = number_of("femur_left")
    hu = np.full(labels.shape, -100.0, np.float32)
    hu[4:12, 4:12, 4:12] = 600.0
    hu[6:10, 6:10, 6:10] = -80.0  # yellow marrow in its cortex
    found = rules.rim_of_fat_is_no_bone(labels, hu)
    bone = np.zeros(labels.shape, bool)
    bone[4:12, 4:12, 4:12] = True
    np.testing.assert_array_equal(found == number_of("femur_left"), bone)
    assert (found[~bone] == number_of("visceral_fat")).all()
    # and grows over what is dense beside it
    labels = np.where(bone, number_of("femur_left"), number_of("muscle")).astype(np.uint8)
    hu[2:4, 4:12, 4:12] = 900.0
    found = rules.dense_beside_bone_is_bone(labels, hu)
    bone[2:4, 4:12, 4:12] = True
    np.testing.assert_array_equal(found == number_of("femur_left"), bone)
    # whatever soft organ the network said, but not where contrast medium may stand
    for name, is_bone in (("liver", True), ("urinary_bladder", False), ("aorta", False), ("small_bowel", False)):
        labels[2:4, 4:12, 4:12] = number_of(name)
        found = rules.dense_beside_bone_is_bone(labels, hu)
        assert bool((found[2:4, 4:12, 4:12] == number_of("femur_left")).all()) == is_bone


def test_soft_tissue_called_rib_is_no_rib(man: StandingMan, scan: WorkingScan) -> None:
    assert scan.densest is not None
    labels = man.labels.copy()
    labels[64:70, 12:16, 18:26] = number_of("rib_9_right")
    found = rules.soft_is_no_bone(labels, scan.densest)
    assert (found[64:70, 12:16, 18:26] == number_of("liver")).all()


def test_metal_is_a_prosthesis_only_at_the_hip() -> None:
    labels = np.full((30, 30, 40), number_of("muscle"), np.uint8)
    labels[2:12, 10:20, 24:34] = number_of("femur_left")
    hu = np.full(labels.shape, 50.0, np.float32)
    hu[4:10, 12:18, 26:32] = 3500.0
    hu[22:28, 12:18, 4:10] = 3500.0
    found, notices = rules.metal_is_prosthesis(labels, hu)
    low = (np.arange(30) < 15)[:, None, None]
    np.testing.assert_array_equal(found == number_of("hip_prosthesis"), (hu > 3000.0) & low)
    hip, elsewhere = notices
    assert "left hip" in hip and "14 mL" in hip and "away from the hips" in elsewhere
    # a prosthesis of no metal is none
    labels[4:10, 12:18, 26:32] = number_of("hip_prosthesis")
    found, notices = rules.metal_is_prosthesis(labels, np.full(labels.shape, 300.0, np.float32))
    assert (found[2:12, 10:20, 24:34] == number_of("femur_left")).all() and not notices


def test_a_mirrored_kidney_gets_its_own_side(man: StandingMan, scan: WorkingScan) -> None:
    labels = np.where(man.of("kidney_right"), np.uint8(number_of("kidney_left")), man.labels)
    ruled = apply_rules(scan, labels, np.zeros_like(labels), man.labels > 0)
    assert (ruled.labels[man.of("kidney_right")] == number_of("kidney_right")).mean() > 0.99
    assert (ruled.labels[man.of("kidney_left")] == number_of("kidney_left")).mean() > 0.99
    # one that reaches over the mid-line is left as it is named
    over = np.full_like(labels, number_of("muscle"))
    over[:, 20:24, 28:37] = number_of("vertebra_l3")
    over[10:20, 5:12, MIDDLE_I - 8 : MIDDLE_I + 4] = number_of("kidney_left")
    ruled = apply_rules(WorkingScan(scan.grid, None, None, scan.ct), over, np.zeros_like(over), over > 0)
    assert (ruled.labels == over).mean() > 0.999


def test_stations_have_sides_too(man: StandingMan, scan: WorkingScan) -> None:
    number = load_labels().number_of_station()
    stations = np.zeros_like(man.labels)
    stations[10:14, 18:22, 14:20] = number["obturator_node_left"]
    ruled = apply_rules(scan, man.labels, stations, man.labels > 0)
    assert set(np.unique(ruled.stations)) == {0, number["obturator_node_right"]}


def test_prostate_and_bed_exclude_each_other() -> None:
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:8, 2:8, 2:8] = number_of("prostate_bed")
    assert rules.prostate_or_bed(labels) == (labels, [])
    labels[2:4, 2:8, 2:8] = number_of("prostate")
    found, (told,) = rules.prostate_or_bed(labels)
    assert (
        int((found == number_of("prostate_bed")).sum()) == 216 and "bed after prostatectomy" in told and "67%" in told
    )
    labels[2:8, 2:8, 2:7] = number_of("prostate")
    found, (told,) = rules.prostate_or_bed(labels)
    assert int((found == number_of("prostate")).sum()) == 216 and "a prostate" in told


def test_islands_go(man: StandingMan, scan: WorkingScan) -> None:
    labels = man.labels.copy()
    labels[40:44, 10:14, 20:24] = number_of("liver")
    labels[20:23, 12:14, 40:42] = number_of("spleen")
    ruled = apply_rules(scan, labels, np.zeros_like(labels), man.labels > 0)
    spoiled = labels != man.labels
    assert int(spoiled.sum()) == 64 + 12
    np.testing.assert_array_equal(ruled.labels[spoiled], man.labels[spoiled])


def test_salt_goes(man: StandingMan, scan: WorkingScan) -> None:
    rng = np.random.default_rng(5)
    salt = (man.labels > 0) & (rng.random(man.labels.shape) < 0.02)
    labels = np.where(salt, rng.integers(1, 139, salt.shape).astype(np.uint8), man.labels)
    big = np.isin(man.labels, [number_of(name) for name in ("liver", "spleen", "kidney_left", "lung_left", "brain")])
    before = (labels[big] == man.labels[big]).mean()
    ruled = apply_rules(scan, labels, np.zeros_like(labels), man.labels > 0)
    after = (ruled.labels[big] == man.labels[big]).mean()
    assert before < 0.985 and after > 0.997


def test_a_mirrored_image_is_noticed(man: StandingMan) -> None:
    labels, hu = man.labels[:, :, ::-1].copy(), man.hu[:, :, ::-1].copy()
    middle = rules.mid_line(labels, labels > 0)
    assert np.abs(middle - (63 - MIDDLE_I)).max() < 1.0 and hu.shape == labels.shape
    assert "mirrored" in rules.turned_round(labels, middle)[0]
    assert rules.turned_round(man.labels, rules.mid_line(man.labels, man.labels > 0)) == ()
