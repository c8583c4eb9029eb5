"""A mask of one label holds a site for each of its pieces; a map of several labels one site a label."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import ReadParameters, Threshold, ThresholdKind
from psmap.domain.suv import SuvConversion
from psmap.steps.detection import detect_sites

GIVEN = ReadParameters(threshold=Threshold(ThresholdKind.GIVEN, None))


def test_the_real_lesion_mask_has_111_lesions_of_431_ml(data_dir: Path) -> None:
    """TCIA PSMA-PET-CT-Lesions (CC BY 4.0): 111 components, 431 mL, by the dataset's own description."""
    (path,) = (data_dir / "psma_lesion_mask").glob("*.nii.gz")
    image = nibabel.load(path)
    mask = np.ascontiguousarray(np.asarray(image.dataobj).T.astype(np.int32))
    dx, dy, dz = (float(step) for step in image.header.get_zooms()[:3])
    grid = Grid(mask.shape, (0.0, 0.0, 0.0), ((0.0, 0.0, dz), (0.0, dy, 0.0), (dx, 0.0, 0.0)))
    pet = PetImage(grid, np.ones(mask.shape, np.float32), SuvConversion((1.0,), "made", ()))
    sites = detect_sites(pet, GIVEN, given=LabelImage(grid, mask))
    assert len(sites) == 111
    assert sum(site.volume_ml for site in sites) == pytest.approx(431, abs=0.5)


def test_labels_and_pieces() -> None:
    grid = Grid((5, 5, 9), (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    suv = np.ones(grid.shape, np.float32)
    pet = PetImage(grid, suv, SuvConversion((1.0,), "made", ()))
    mask = np.zeros(grid.shape, np.int32)
    mask[1, 1, 1:3] = mask[2, 2, 3] = 7
    mask[3, 3, 7] = 7
    assert sorted(site.voxels for site in detect_sites(pet, GIVEN, given=LabelImage(grid, mask))) == [1, 3]
    two = mask.copy()
    two[4, 0, 0] = 2
    assert sorted(site.voxels for site in detect_sites(pet, GIVEN, given=LabelImage(grid, two))) == [1, 4]
