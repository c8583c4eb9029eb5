"""The shipped network on real scans (TCIA Soft-tissue-Sarcoma, CC BY 3.0), held against what plain rules can say.

There is no truth of these scans. On CT, bone is what is dense and body what is not air; on a whole-body FDG PET of a
woman with hot myocardium, urine and kidneys, some organs can be pointed at without any network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

import psmap
from psmap.catalog.anatomy import load_anatomy
from psmap.steps.anatomy.on_pet import nearest_labels
from psmap.workflow.ingest import ReadRequest
from psmap.workflow.naming import Scan, read_scan

Bools = npt.NDArray[np.bool_]
SMOOTH_MM = 5.0


@pytest.fixture(scope="module", params=["STS_003", "STS_036"])
def on_ct(request: pytest.FixtureRequest, data_dir: Path) -> tuple[Scan, psmap.Anatomy]:
    study = data_dir / "petct_sts" / request.param
    return read_scan(ReadRequest(study=study)), psmap.anatomy(study)


@pytest.fixture(scope="module")
def on_fdg(data_dir: Path) -> tuple[Scan, psmap.Anatomy]:
    study = data_dir / "fdg_wholebody_STS_001" / "FDG_PET" / "image"
    return read_scan(ReadRequest(study=study)), psmap.anatomy(study)


def largest(mask: Bools) -> Bools:
    pieces, count = ndimage.label(mask)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray(pieces == int(sizes.argmax()))


def pointed_at(scan: Scan) -> Mapping[str, Bools]:
    """What plain rules on a whole-body FDG PET can tell: the core of each organ."""
    assert scan.pet is not None
    grid, step = scan.pet.grid, np.array(scan.pet.grid.spacing_mm)
    suv = ndimage.gaussian_filter(np.nan_to_num(scan.pet.suv), SMOOTH_MM / step)
    x, y, z = np.moveaxis(grid.to_mm(np.argwhere(np.ones(grid.shape, bool))), 1, 0).reshape(3, *grid.shape)
    body = largest(suv > 0.3)
    found = {"heart": largest((suv > 4.0) & (z > np.median(z[body])))}  # the upper half's largest hot piece
    heart_z = float(z[found["heart"]].mean())
    trunk = body & (np.abs(z - heart_z) < 300.0)
    midline, depth = float(x[trunk].mean()), float(y[trunk].mean())
    low = np.where((z < heart_z - 250.0) & (np.abs(x - midline) < 60.0), suv, 0.0)
    found["urinary_bladder"] = largest(low > 0.3 * low.max())
    between = (z < heart_z - 80.0) & (z > float(z[found["urinary_bladder"]].mean()) + 120.0) & (y > depth)
    for side, sign in (("right", -1.0), ("left", 1.0)):
        beside = sign * (x - midline)
        hot = np.where(between & (beside > 40.0) & (beside < 110.0), suv, 0.0)
        found[f"kidney_{side}"] = largest(hot > 0.35 * hot.max())
    right = (x < midline - 20.0) & (np.abs(z - heart_z + 70.0) < 90.0)
    smooth = ndimage.gaussian_filter(suv, 2.0 * SMOOTH_MM / step)
    found["liver"] = largest(right & (smooth > 0.7 * np.percentile(smooth[right & body], 90.0)))
    return found


@pytest.mark.parametrize("name", ["heart", "urinary_bladder", "kidney_left", "kidney_right", "liver"])
def test_organs_of_a_real_pet_are_where_a_plain_rule_points(on_fdg: tuple[Scan, psmap.Anatomy], name: str) -> None:
    """More than half of what the rule points at has the organ's name."""
    scan, anatomy = on_fdg
    assert scan.pet is not None and (found := anatomy.of(name)) is not None
    labels, _ = nearest_labels(anatomy.labels.labels, anatomy.labels.grid, scan.pet.grid)
    assert float((labels[pointed_at(scan)[name]] == found.number).mean()) > 0.5


def test_the_brain_of_the_real_pet_is_cut_off(on_fdg: tuple[Scan, psmap.Anatomy]) -> None:
    """The field of view ends at the base of the brain: it is cut or not found, and the head is said to be cut."""
    _, anatomy = on_fdg
    brain = anatomy.of("brain")
    assert brain is None or (brain.cut and brain.volume_ml < 400.0)
    assert any("head" in notice and "field of view ends" in notice for notice in anatomy.notices)


def test_bone_and_body_of_a_real_ct(on_ct: tuple[Scan, psmap.Anatomy]) -> None:
    """Boxes of 15 and 19 cm out of two women, which hold no width of a body, the hardest that there is to name.

    What is named bone is dense, most of the largest dense piece is named bone, and body is what is not air.
    """
    scan, anatomy = on_ct
    assert scan.ct is not None
    grid, hu = scan.ct.grid, scan.ct.hu
    labels, _ = nearest_labels(anatomy.labels.labels, anatomy.labels.grid, grid)
    bones = [one.number for one in anatomy.found if load_anatomy()[one.id].group == "bone"]
    named = np.isin(labels, bones)
    dense = largest(hu > 200)
    assert float(named[dense].mean()) > 0.5
    surface = ndimage.binary_dilation(hu > 100, iterations=2)
    assert float(ndimage.binary_fill_holes(surface)[named].mean()) > 0.9
    body = ndimage.binary_fill_holes(largest(ndimage.binary_opening(hu > -300, iterations=2)))
    agree = 2.0 * float((body & (labels > 0)).sum()) / float(body.sum() + (labels > 0).sum())
    assert agree > 0.95
