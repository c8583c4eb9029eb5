"""Faults of the series: other objects in the same folder, lost, doubled and mixed slices, wrong kinds of image."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from zoo_fault import refused, right
from zoo_study import GRID, NOON, bq_ml, put, write

from psmap.domain.geometry import Grid
from psmap.io.dicom_write import CtFacts, StudyFacts, write_ct_series

ENHANCED_PET = "1.2.840.10008.5.1.4.1.1.130"
NUCLEAR_MEDICINE = "1.2.840.10008.5.1.4.1.1.20"


def write_ct(study: Path, about: StudyFacts | None = None) -> None:
    """A CT of water in the PET's frame of reference."""
    axes = ((0.0, 0.0, 3.0), (0.0, 8.0, 0.0), (8.0, 0.0, 0.0))
    grid = Grid((12, 8, 8), GRID.origin_mm, axes)
    write_ct_series(study / "CT", grid, np.zeros(grid.shape, np.int16), about or StudyFacts("zoo", NOON), CtFacts(NOON))


def all_in_one_folder(study: Path) -> None:
    """Move the files of every series into the study's own folder, named by number."""
    for number, file in enumerate(sorted(study.rglob("*.dcm"))):
        file.rename(study / f"{number:06d}")


@right("PET and CT lie in one folder, file by file, without extensions", says="PET:")
def ct_in_the_same_folder(study: Path) -> None:
    write(study)
    write_ct(study)
    all_in_one_folder(study)


@right("Hundreds of unrelated files lie beside the PET", says="foreign files")
def unrelated_files_beside(study: Path) -> None:
    write(study)
    for number in range(300):
        (study / f"note{number}.txt").write_text("nothing of a PET\n", encoding="utf-8")


@refused("PET and CT are of two patients", says="(0010,0020)")
def ct_of_another_patient(study: Path) -> None:
    write(study)
    write_ct(study, StudyFacts("zoo", NOON, patient_id="ANOTHER"))


@refused("Two PETs of equal right lie in the folder, with other values", says="several PET series")
def two_pets_alike(study: Path) -> None:
    write(study)
    write(study, values=bq_ml() * 0.5, facts={"series_number": 3, "description": "again"}, folder="AGAIN")


@right("A derived PET with other values lies beside the original", says="passed over")
def derived_pet_beside(study: Path) -> None:
    write(study)
    facts = {"series_number": 3, "description": "filtered", "image_type": ("DERIVED", "SECONDARY")}
    write(study, values=bq_ml() * 0.5, facts=facts, folder="DERIVED")


@refused("The PET is an Enhanced PET object", says="(0008,0016)")
def enhanced_pet(study: Path) -> None:
    write(study, put(SOPClassUID=ENHANCED_PET))


@refused("The object is of the NM class with Modality PT", says="no PET series")
def nuclear_medicine_called_pt(study: Path) -> None:
    write(study, put(SOPClassUID=NUCLEAR_MEDICINE))


@refused("The series is dynamic", says="(0054,1000)")
def dynamic_series(study: Path) -> None:
    write(study, put(SeriesType=["DYNAMIC", "IMAGE"]))


@refused("The series is gated", says="(0054,1000)")
def gated_series(study: Path) -> None:
    write(study, put(SeriesType=["GATED", "IMAGE"]))


@refused("A slice in the middle is lost", says="missing slice")
def slice_lost_in_the_middle(study: Path) -> None:
    write(study)[5].unlink()


@refused("The last slice is lost, which positions cannot show", says="(0054,0081)")
def slice_lost_at_the_end(study: Path) -> None:
    write(study)[-1].unlink()


@refused("A slice is there twice", says="(0008,0018)")
def slice_copied(study: Path) -> None:
    file = write(study)[5]
    file.with_name("copy.dcm").write_bytes(file.read_bytes())


@refused("A slice is there twice, under another SOPInstanceUID", says="duplicate")
def slice_renamed(study: Path) -> None:
    file = write(study)[5]
    data = dcmread(file)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.save_as(file.with_name("again.dcm"))


@refused("Slices of two patients are in one series", says="(0010,0020)")
def slices_of_two_patients(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        data.PatientID = "ANOTHER" if k > 8 else "PSMAP-IEC"

    write(study, edit)


@refused("A file was cut off while it was copied", says="truncated")
def file_cut_off(study: Path) -> None:
    file = write(study)[5]
    file.write_bytes(file.read_bytes()[:-100])


@refused("PixelSpacing of one slice differs", says="(0028,0030)")
def spacing_differs(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        if k == 3:
            data.PixelSpacing = ["4.2", "4.2"]

    write(study, edit)


@refused("The dose differs between slices: two injections were mixed", says="(0018,1074)")
def two_injections_in_one_series(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        if k > 5:
            data.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = "300000000"

    write(study, edit)


@refused("Every voxel is 0", says="no voxel")
def empty_image(study: Path) -> None:
    write(study, values=np.zeros(GRID.shape))


@refused("SeriesTime differs between slices: two scans were mixed", says="(0008,0031)")
def two_scans_in_one_series(study: Path) -> None:
    def edit(data: Dataset, k: int) -> None:
        if k > 5:
            data.SeriesTime = datetime(2026, 2, 3, 12, 40, 0).strftime("%H%M%S")

    write(study, edit)
