"""Whether a label map fits a CT: the digital man's own, moved, and upside down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured_men import digital_man

from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, LabelImage
from psmap.domain.refusal import Refused
from psmap.io.nifti import write_image
from psmap.steps.anatomy.fit_to_ct import why_not_of
from psmap.workflow.segmenters import FromFiles


def own_map() -> LabelImage:
    return digital_man()[1].labels


def own_ct() -> CtImage:
    man, _ = digital_man()
    return CtImage(man.grid, man.hu)


def moved(labels: LabelImage, x_mm: float, z_mm: float) -> LabelImage:
    x, y, z = labels.grid.origin_mm
    return replace(labels, grid=Grid(labels.grid.shape, (x + x_mm, y, z + z_mm), labels.grid.axes_mm))


def test_his_own_map_fits_as_does_one_a_voxel_away() -> None:
    assert why_not_of(own_map(), own_ct()) == ""
    assert why_not_of(moved(own_map(), 2.0, -2.0), own_ct()) == ""


@pytest.mark.parametrize(("x_mm", "z_mm"), [(32.0, 0.0), (-40.0, 0.0), (0.0, 60.0)])
def test_a_map_that_was_moved_does_not_fit(x_mm: float, z_mm: float) -> None:
    assert "bone has" in why_not_of(moved(own_map(), x_mm, z_mm), own_ct())


def test_a_map_upside_down_has_bone_and_lung_in_the_wrong_place() -> None:
    labels = own_map()
    turned = LabelImage(labels.grid, labels.labels[::-1].copy(), labels.names)
    assert "bone has" in why_not_of(turned, own_ct())
    assert "lung has" in why_not_of(turned, own_ct())


def test_a_map_without_bone_and_lung_cannot_be_told() -> None:
    labels = own_map()
    liver = next(number for number, name in labels.names.items() if name == "liver")
    alone = LabelImage(labels.grid, np.where(labels.labels == liver, liver, 0), {liver: "liver"})
    assert why_not_of(moved(alone, 40.0, 0.0), own_ct()) == ""


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    labels, ct = own_map(), own_ct()
    hip = next(number for number, name in labels.names.items() if name.startswith("femur_left"))
    mask = (labels.labels == hip).astype(np.uint8)
    write_image(tmp_path / "femur_left.nii.gz", labels.grid, mask)
    assert FromFiles(tmp_path)(None, ct).of("femur_left").voxels == int(mask.sum())  # type: ignore[union-attr]
    write_image(tmp_path / "femur_left.nii.gz", labels.grid, mask[::-1].copy())
    with pytest.raises(Refused, match="not of this CT: what it names bone has"):
        FromFiles(tmp_path)(None, ct)
