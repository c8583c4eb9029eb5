"""The table of normal organs: closed forms in drawn organs, the catalogue's ranges, and one digital man."""

from __future__ import annotations

import numpy as np
import pytest
from measured_men import anatomy, ball, cubes, digital_man, positions

from psmap.catalog.anatomy import load_anatomy
from psmap.catalog.load import load_physiology, tracer_by_name
from psmap.domain.anatomy import OrganUptakeRow
from psmap.phantom.uptake import measured_suv, suv_of
from psmap.steps.anatomy.on_pet import bring_to_pet
from psmap.steps.anatomy.organ_uptake import ORGANS, measure_organs
from psmap.steps.anatomy.references import measure_references

PSMA_11 = tracer_by_name("psma-11")
GRID = cubes((50, 50, 50), 4.0)
X, Y, Z = positions(GRID)


def by_id(rows: tuple[OrganUptakeRow, ...]) -> dict[str, OrganUptakeRow]:
    return {row.id: row for row in rows}


def test_a_row_holds_the_plain_figures_of_all_voxels_and_one_measured_as_the_range_was() -> None:
    """A kidney: three quarters cortex at 30, the rest pelvis at 10, which is under 41 % of the maximum."""
    whole = (np.abs(X) < 32.0) & (np.abs(Y) < 20.0) & (np.abs(Z) < 40.0)
    pelvis = whole & (X > 16.0)
    suv = np.where(pelvis, 10.0, 30.0) * whole
    drawn = anatomy(GRID, {"kidney_cortex_left": whole & ~pelvis, "kidney_pelvis_left": pelvis})
    (row,) = measure_organs(bring_to_pet(drawn, GRID), suv.astype(np.float32), PSMA_11, ())
    assert (row.id, row.name, row.cut) == ("kidney_left", "Kidney, left", False)
    assert row.volume_ml == pytest.approx(np.count_nonzero(whole) * 0.064)
    assert (row.suv_mean, row.suv_median, row.suv_max) == pytest.approx((25.0, 30.0, 30.0))
    assert row.suv_compared == pytest.approx(30.0)
    assert row.compared_as == "mean inside 41 % of its maximum"
    # 30 +- 2 * 8 of the catalogue; its source is printed in words, not as the letter
    assert (row.usual_low, row.usual_high) == (14.0, 46.0)
    assert "Kurash 2020" in row.ref


def test_whole_and_parts_are_the_same_row() -> None:
    whole = ball(GRID, (0.0, 0.0, 0.0), 30.0)
    suv = np.where(whole, 20.0 + 0.1 * X, 1.0).astype(np.float32)
    parts = anatomy(GRID, {"kidney_cortex_right": whole & (X < 0), "kidney_pelvis_right": whole & (X >= 0)})
    rows = [
        measure_organs(bring_to_pet(a, GRID), suv, PSMA_11, ()) for a in (anatomy(GRID, {"kidney_right": whole}), parts)
    ]
    assert rows[0] == rows[1]


def test_inside_leaves_out_the_border_which_the_blur_has_lowered() -> None:
    """A cube of 10 voxels at 2, its outermost layer at 1; of an organ one voxel thick all is taken."""
    cube = np.zeros(GRID.shape, bool)
    cube[10:20, 10:20, 10:20] = True
    core = np.zeros(GRID.shape, bool)
    core[11:19, 11:19, 11:19] = True
    leaf = np.zeros(GRID.shape, bool)
    leaf[30, 10:30, 10:30] = True
    suv = (1.0 * cube + 1.0 * core + 3.0 * leaf).astype(np.float32)
    rows = by_id(measure_organs(bring_to_pet(anatomy(GRID, {"muscle": cube, "stomach": leaf}), GRID), suv, PSMA_11, ()))
    assert rows["muscle"].suv_compared == pytest.approx(2.0)
    assert rows["muscle"].suv_mean == pytest.approx(1.0 + 8**3 / 10**3)
    assert rows["stomach"].suv_compared == pytest.approx(3.0)


def test_without_a_tracer_or_a_range_nothing_is_compared() -> None:
    mask = ball(GRID, (0.0, 0.0, 0.0), 30.0)
    suv = np.where(mask, 20.0, 1.0).astype(np.float32)
    bladder = bring_to_pet(anatomy(GRID, {"urinary_bladder": mask}), GRID)
    spleen = bring_to_pet(anatomy(GRID, {"spleen": mask}), GRID)
    for on_pet, tracer in ((bladder, PSMA_11), (spleen, None), (spleen, tracer_by_name("dotatate"))):
        (row,) = measure_organs(on_pet, suv, tracer, measure_references(on_pet, suv).references)
        assert (row.usual_low, row.usual_high, row.ref, row.suv_compared, row.compared_as) == (None, None, "", None, "")
        assert row.suv_mean == pytest.approx(20.0)
    (row,) = measure_organs(spleen, suv, PSMA_11, measure_references(spleen, suv).references)
    assert row.suv_compared == pytest.approx(20.0)
    assert row.compared_as == "mean of the reference sphere"


def test_a_removed_prostate_a_bed_and_a_brain_have_no_row_and_an_edge_is_told() -> None:
    prostate, bed, brain = (ball(GRID, (0.0, y, 0.0), 14.0) for y in (-60.0, 0.0, 60.0))
    on_pet = bring_to_pet(anatomy(GRID, {"prostate_central": prostate, "prostate_bed": bed, "brain": brain}), GRID)
    suv = np.ones(GRID.shape, np.float32)
    assert [row.id for row in measure_organs(on_pet, suv, PSMA_11, ())] == ["prostate"]
    assert measure_organs(on_pet, suv, PSMA_11, (), prostatectomy=True) == ()
    low = bring_to_pet(anatomy(GRID, {"spleen": Z < -60.0}), GRID)
    assert measure_organs(low, suv, PSMA_11, ())[0].cut


def test_every_range_of_the_table_is_in_every_physiology_and_every_pattern_fits_a_structure() -> None:
    for tracer, physiology in load_physiology().items():
        for rule in ORGANS:
            assert rule.entry == "" or rule.entry in physiology.organs, (tracer, rule.id)
    parts = set(load_anatomy())
    on_pet = bring_to_pet(digital_man()[1], digital_man()[0].grid)
    found = {row.id for row in measure_organs(on_pet, digital_man()[0].suv, PSMA_11, ())}
    removed = {"prostate"} if digital_man()[0].man.prostatectomy else set()
    assert found == {rule.id for rule in ORGANS} - removed
    assert {"kidney_cortex_left", "colon_sigmoid", "aorta_arch"} <= parts


def test_on_a_digital_man_the_compared_figures_are_those_he_was_drawn_with() -> None:
    """Six men under two tracers at 4 mm gave, in the mean of the men, 0.92 to 1.09 of what was drawn."""
    man, truth = digital_man()
    on_pet = bring_to_pet(truth, man.grid)
    references = measure_references(on_pet, man.suv).references
    rows = by_id(measure_organs(on_pet, man.suv, PSMA_11, references))
    for name in ("kidney", "parotid", "submandibular"):
        both = np.mean([rows[f"{name}_{side}"].suv_compared for side in ("left", "right")])
        assert both == pytest.approx(measured_suv(man.uptake, name), rel=0.15), name
    for name, entry in (("liver", "liver"), ("spleen", "spleen"), ("aorta", "blood"), ("muscle", "muscle")):
        assert rows[name].suv_compared == pytest.approx(man.uptake.suv[entry], rel=0.15), name
    seen = rows["liver"]
    assert seen.volume_ml == pytest.approx(man.painted.volumes_ml()["liver"], rel=0.02)
    assert seen.suv_max > suv_of(man.uptake, "liver") > seen.suv_mean  # noise at the top, blur at the border
