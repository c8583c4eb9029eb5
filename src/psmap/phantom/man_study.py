"""A scanned man as a study: PET and CT as a scanner's DICOM or as NIfTI, and his truth beside them."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Literal

import numpy as np

from psmap.catalog.load import tracer_by_name
from psmap.domain.acquisition import PetAcquisition, PetSlice
from psmap.domain.image import PetImage
from psmap.domain.refusal import Refused
from psmap.domain.suv import SuvConversion
from psmap.io.dicom_write import write_ct_series, write_pet_series
from psmap.io.nifti import write_image
from psmap.io.pet_nifti import sidecar_document, sidecar_path, write_pet, write_sidecar
from psmap.phantom.dialects import WrittenAs, written_as
from psmap.phantom.man_scan import ScannedMan
from psmap.phantom.truth import write_truth

Layout = Literal["dicom", "nifti"]
LAYOUTS: tuple[Layout, ...] = ("dicom", "nifti")
PET_NIFTI, CT_NIFTI = "pet.nii.gz", "ct.nii.gz"


def write_man(
    directory: Path, scanned: ScannedMan, *, layout: str = "dicom", maker: str | None = None
) -> tuple[Path, ...]:
    """Write PET, CT and truth into `directory`; the same man gives the same bytes.

    Args:
        directory: made if missing.
        scanned: the man.
        layout: 'dicom' for PET/PT0001.dcm and CT/CT0001.dcm onwards, 'nifti' for pet.nii.gz in SUVbw with pet.json,
            and ct.nii.gz in HU.
        maker: of the scanner: 'siemens', 'ge', 'philips', or 'psmap' for the standard without a maker's habits. None
            draws one of the three by his seed. In NIfTI it is a word in pet.json only.

    Returns:
        Every file written.

    Raises:
        Refused: no such layout, or no such maker.
    """
    if layout not in LAYOUTS:
        raise Refused(f"men are not written as {layout}", cure=" or ".join(LAYOUTS))
    written = written_as(scanned, maker)
    images = (
        _write_dicom(directory, scanned, written) if layout == "dicom" else _write_nifti(directory, scanned, written)
    )
    return (*images, *write_truth(directory, scanned, layout=layout, maker=written.scanner.maker))


def _write_dicom(directory: Path, scanned: ScannedMan, written: WrittenAs) -> tuple[Path, ...]:
    stored = scanned.suv.astype(np.float64) * written.stored_per_suv
    pet = write_pet_series(
        directory / "PET",
        scanned.grid,
        stored,
        written.study,
        written.pet,
        signed=written.scanner.pet_signed,
        edit=written.edit_pet,
    )
    ct = write_ct_series(
        directory / "CT",
        scanned.grid,
        scanned.hu,
        written.study,
        written.ct,
        intercept_hu=written.scanner.ct_intercept_hu,
        signed=written.scanner.ct_signed,
        edit=written.edit_ct,
    )
    return (*pet, *ct)


def _write_nifti(directory: Path, scanned: ScannedMan, written: WrittenAs) -> tuple[Path, ...]:
    """The SUV as they are, without the steps of 16 bits."""
    pet, ct = directory / PET_NIFTI, directory / CT_NIFTI
    facts, slices = written.pet, scanned.grid.shape[0]
    conversion = SuvConversion(
        factors=(1.0,) * slices,
        rule="SUVbw of a digital man",
        trace=(),
        uptake_min=(facts.series_at - facts.injected_at).total_seconds() / 60.0,
        injected_mbq=facts.injected_bq / 1e6,
    )
    image = PetImage(scanned.grid, scanned.suv.copy(), conversion)
    acquisition = PetAcquisition(
        units="GML",
        slices=(PetSlice(None, None, None, 1000.0 * facts.frame_duration_s),) * slices,
        zone=UTC,
        corrected_image=facts.corrected_image,
        manufacturer=written.study.manufacturer,
        manufacturer_model_name=written.study.model,
    )
    write_pet(pet, image)
    write_sidecar(pet, sidecar_document(image, acquisition, tracer_by_name(scanned.tracer)))
    write_image(ct, scanned.grid, scanned.hu)
    return (pet, sidecar_path(pet), ct)
