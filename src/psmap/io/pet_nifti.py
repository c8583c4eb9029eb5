"""A PET in SUV as NIfTI with its PET-BIDS sidecar: pet_suv.nii.gz and pet_suv.json.

Keys are those of the BIDS specification for PET (1.10, src/schema/rules/sidecars/pet.yaml); only what is known is
written, so a sidecar is not always complete in the sense of BIDS. Times are in seconds after the injection (TimeZero).
"""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np

from psmap.domain.acquisition import PetAcquisition, PetSlice
from psmap.domain.image import PetImage
from psmap.domain.refusal import Refused
from psmap.domain.study import PetSeries
from psmap.domain.tracer import Tracer
from psmap.io.case_json import write_json
from psmap.io.nifti import read_image, write_image

SUV_UNITS = "g/mL"
HIGHEST_SUV = 5000.0
"""Ours: urine and kidneys reach some hundred, while Bq/mL images run to tens of thousands."""
MOST_SIDECAR_BYTES = 1_000_000
"""A sidecar is a page of text."""
LONGEST_TEXT = 200
"""Characters of a name in a sidecar."""
_KNOWN_SUV_UNITS = frozenset({"g/ml", "g/ml{suvbw}", "suv", "suvbw", "gml"})


def write_pet(path: Path, pet: PetImage) -> None:
    """Write the SUVbw of a PET as float32 NIfTI. `path` ends in .nii.gz."""
    write_image(path, pet.grid, pet.suv)


def sidecar_path(path: Path) -> Path:
    """The sidecar that belongs to an image: the same stem with .json."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    return path.with_name(f"{stem}.json")


def sidecar_document(pet: PetImage, acquisition: PetAcquisition, tracer: Tracer | None) -> dict[str, Any]:
    """What is known of a PET, under PET-BIDS keys; free text on the tracer, which can hold a name, is not repeated.

    Args:
        pet: the PET in SUV.
        acquisition: what the header said.
        tracer: the tracer, if it was recognised.
    """
    document: dict[str, Any] = {"Units": SUV_UNITS}
    if acquisition.manufacturer:
        document["Manufacturer"] = acquisition.manufacturer
    if acquisition.manufacturer_model_name:
        document["ManufacturersModelName"] = acquisition.manufacturer_model_name
    if tracer is not None:
        document["TracerName"], document["TracerRadionuclide"] = tracer.name, tracer.nuclide
    injected_mbq = pet.conversion.injected_mbq
    if injected_mbq is not None:
        document["InjectedRadioactivity"], document["InjectedRadioactivityUnits"] = injected_mbq, "MBq"
    document["ImageDecayCorrected"] = "DECY" in acquisition.corrected_image
    uptake_min = pet.conversion.uptake_min
    if uptake_min is not None:
        document["InjectionStart"] = 0
        document["ScanStart"] = uptake_min * 60.0
        document["FrameTimesStart"] = [uptake_min * 60.0]
    durations = {facts.actual_frame_duration_ms for facts in acquisition.slices}
    duration_ms = durations.pop() if len(durations) == 1 else None
    if duration_ms is not None:
        document["FrameDuration"] = [duration_ms / 1000.0]
    return document


def write_sidecar(path: Path, document: dict[str, Any]) -> None:
    """Write the sidecar of the image at `path` (.nii.gz) beside it."""
    write_json(sidecar_path(path), document)


def read_pet(path: Path) -> PetSeries:
    """Read a PET that the caller declares to be in SUVbw (g/mL), as `--pet` does.

    NIfTI itself has no field for the unit. A sidecar of the same stem, if there is one, may name the tracer and the
    scanner, and must not contradict the declaration. The result looks like a DICOM series with Units GML and SUVType
    BW, corrected for attenuation and decay: an SUV without either would be none.

    Raises:
        Refused: as `read_image`; or the sidecar is unreadable or states another unit.
    """
    sidecar = _read_sidecar(sidecar_path(path))
    units = sidecar.get("Units")
    if units is not None and str(units).strip().lower() not in _KNOWN_SUV_UNITS:
        raise Refused(
            f"Units is {str(units)[:40]!r}, psmap reads NIfTI in SUVbw only",
            where=sidecar_path(path).name,
            cure="give the DICOM series, from which psmap works out the SUV, or an image in g/mL",
        )
    grid, voxels = read_image(path)
    if voxels.max() > HIGHEST_SUV:
        raise Refused(
            f"the hottest voxel is {voxels.max():g}, which no SUV is",
            where=path.name,
            cure="give an image in SUVbw (g/mL), not in Bq/mL; or the DICOM series",
        )
    if voxels.min() < -HIGHEST_SUV:
        raise Refused(
            f"the coldest voxel is {voxels.min():g}, which no SUV is",
            where=path.name,
            cure="give an image in SUVbw (g/mL)",
        )
    unknown = PetSlice(None, None, None, None)
    acquisition = PetAcquisition(
        units="GML",
        slices=(unknown,) * grid.shape[0],
        zone=UTC,
        suv_type="BW",
        corrected_image=("ATTN", "DECY"),
        manufacturer=_text(sidecar, "Manufacturer", path),
        manufacturer_model_name=_text(sidecar, "ManufacturersModelName", path),
        radiopharmaceutical=_text(sidecar, "TracerName", path),
    )
    return PetSeries(grid, np.ascontiguousarray(voxels, dtype=np.float32), acquisition, None)


def _read_sidecar(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > MOST_SIDECAR_BYTES:
            raise ValueError("longer than any sidecar")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, no JSON, a number of 4300 digits
        raise Refused(
            f"the sidecar is no readable JSON ({type(error).__name__})",
            where=path.name,
            cure="mend it, or move it away",
        ) from error
    if not isinstance(document, dict):
        raise Refused("the sidecar is no JSON object", where=path.name, cure="mend it, or move it away")
    return document


def _text(sidecar: dict[str, Any], key: str, image: Path) -> str:
    """A name: one printable line; it stands in reports and files later."""
    value = sidecar.get(key)
    if not isinstance(value, str):
        return ""
    if len(value) > LONGEST_TEXT or not value.isprintable():
        raise Refused(
            f"{key} is no line of up to {LONGEST_TEXT} letters", where=sidecar_path(image).name, cure="mend the sidecar"
        )
    return value
