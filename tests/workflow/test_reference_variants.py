"""The 17 header variants of the SUV reference object (oncoray/suv_computation), made here and read through the door.

As there, 20 slices hold a mask in which the true SUVbw runs from 0.20 over a median of 1.00 to 4.00. What is stored is
worked out in this file from the definition of each variant, so that psmap has to find the way back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset

from psmap.domain.acquisition import Code
from psmap.domain.geometry import Grid
from psmap.domain.parameters import ReadParameters
from psmap.io.dicom_read import read_study
from psmap.io.dicom_write import PetFacts, StudyFacts, write_pet_series
from psmap.workflow.pipeline import to_suv

GRID = Grid((20, 9, 9), (-18.0, -18.0, 100.0), ((0.0, 0.0, 3.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
WEIGHT_KG, HEIGHT_M = 75.0, 1.85
DOSE_BQ, HALF_LIFE_S = 300e6, 6586.2
SERIES_AT = datetime(2026, 2, 3, 11, 0, 0, tzinfo=UTC)
INJECTED_AT = SERIES_AT - timedelta(minutes=70)
FLUORINE = Code("77004003", "SCT", "^18^Fluorine")

Edit = Callable[[Dataset, int], None]


def true_suv() -> npt.NDArray[np.float64]:
    """0.20 to 4.00 on a logarithmic scale with 1.00 in the middle, other in every slice by a turn of the values."""
    low = np.geomspace(0.20, 1.00, 41)
    scale = np.concatenate([low, np.geomspace(1.00, 4.00, 41)[1:]])
    return np.stack([np.roll(scale, k).reshape(9, 9) for k in range(20)])


def bq_ml_at(moment: datetime, half_life_s: float = HALF_LIFE_S, dose_bq: float = DOSE_BQ) -> npt.NDArray[np.float64]:
    """Activity concentration at a moment: SUV * D 2^(-t/T) / W."""
    elapsed_s = (moment - INJECTED_AT).total_seconds()
    return true_suv() * dose_bq * 2.0 ** (-elapsed_s / half_life_s) / (WEIGHT_KG * 1000.0)


def put(**tags: Any) -> Edit:
    def edit(ds: Dataset, _k: int) -> None:
        for keyword, value in tags.items():
            setattr(ds, keyword, value)

    return edit


def philips(suv_factor: str | None, activity_factor: str | None) -> Edit:
    def edit(ds: Dataset, _k: int) -> None:
        block = ds.private_block(0x7053, "Philips PET Private Group", create=True)
        if suv_factor is not None:
            block.add_new(0x00, "DS", suv_factor)
        if activity_factor is not None:
            block.add_new(0x09, "DS", activity_factor)

    return edit


def radiopharmaceutical(**tags: Any) -> Edit:
    def edit(ds: Dataset, _k: int) -> None:
        item = ds.RadiopharmaceuticalInformationSequence[0]
        for keyword, value in tags.items():
            if value is None:
                if keyword in item:
                    delattr(item, keyword)
            else:
                setattr(item, keyword, value)

    return edit


def ge_scan_datetime(moment: datetime) -> Edit:
    def edit(ds: Dataset, _k: int) -> None:
        ds.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", moment.strftime("%Y%m%d%H%M%S"))
        ds.SeriesTime = "150000"

    return edit


def moved_over_midnight(ds: Dataset, _k: int) -> None:
    """Series and acquisition at 00:20, injection at 23:10 with a time only."""
    for stem in ("Series", "Acquisition", "Content", "Study"):
        setattr(ds, f"{stem}Date", "20260204")
        setattr(ds, f"{stem}Time", "002000")
    item = ds.RadiopharmaceuticalInformationSequence[0]
    del item.RadiopharmaceuticalStartDateTime
    item.RadiopharmaceuticalStartTime = "231000"


# kg or m2 by which each SUV type divides where SUVbw divides by 75 kg: vector SUV-4 of the rule sheet (100 Bq, so
# factors are 10 g a unit), and the ideal weight from its formula, the mean of both sexes for 'O'.
JAMES_KG = 75.0 * 614.62747 / 750.0
IBW_KG = ((48.0 + 1.06 * (185.0 - 152.0)) + (45.5 + 0.91 * (185.0 - 152.0))) / 2.0
BSA_CM2 = 198.13758427 * 100.0

BEDS = tuple(SERIES_AT + timedelta(seconds=180 * (k // 5)) for k in range(20))


def uncorrected() -> npt.NDArray[np.float64]:
    """DecayCorrection NONE: mean activity of each slice's own frame of 180 s, decaying all the while."""
    decay = math.log(2.0) / HALF_LIFE_S
    mean = (1.0 - math.exp(-decay * 180.0)) / (decay * 180.0)
    return np.stack([bq_ml_at(at)[k] * mean for k, at in enumerate(BEDS)])


@dataclass(frozen=True)
class Variant:
    values: npt.NDArray[np.float64]
    edit: Edit | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    one_slope: bool = True
    sex: str = "M"


def variants() -> dict[str, Variant]:
    plain = bq_ml_at(SERIES_AT)
    gallium = bq_ml_at(SERIES_AT, 4057.74)
    remade = tuple(SERIES_AT for _ in range(20))
    return {
        "0_0 BQML START": Variant(plain),
        "1_0 slope by slice": Variant(plain, one_slope=False),
        "2_0 GML": Variant(true_suv(), put(Units="GML")),
        "2_1 GML James": Variant(true_suv() * JAMES_KG / WEIGHT_KG, put(Units="GML", SUVType="LBMJAMES128")),
        "2_2 GML ideal weight, sex O": Variant(
            true_suv() * IBW_KG / WEIGHT_KG, put(Units="GML", SUVType="IBW"), sex="O"
        ),
        "2_3 CM2ML": Variant(true_suv() * BSA_CM2 / (WEIGHT_KG * 1000.0), put(Units="CM2ML", SUVType="BSA")),
        "2_4 Philips SUV factor": Variant(true_suv() / 0.000551, philips("0.000551", None), {"units": "CNTS"}),
        "2_5 Philips activity factor": Variant(plain / 1.602563, philips("0", "1.602563"), {"units": "CNTS"}),
        "3_0 dose in MBq": Variant(plain, radiopharmaceutical(RadionuclideTotalDose="300")),
        "3_1 ADMIN": Variant(bq_ml_at(INJECTED_AT), facts={"decay_correction": "ADMIN"}),
        "3_2 series time after the acquisition": Variant(plain, put(SeriesTime="150000"), {"acquired_at": remade}),
        "3_3 GE scan datetime": Variant(plain, ge_scan_datetime(SERIES_AT), {"acquired_at": BEDS}),
        "3_4 NONE, many acquisition times": Variant(
            uncorrected(),
            facts={
                "decay_correction": "NONE",
                "acquired_at": BEDS,
                "corrected_image": ("NORM", "DTIM", "RAN", "ATTN", "SCAT"),
            },
        ),
        "4_0 only the start datetime": Variant(plain, radiopharmaceutical(RadiopharmaceuticalStartTime=None)),
        "4_1 only the start time": Variant(plain, radiopharmaceutical(RadiopharmaceuticalStartDateTime=None)),
        "4_2 over midnight": Variant(plain, moved_over_midnight),
        "5_0 68Ga": Variant(
            gallium, facts={"half_life_s": 4057.74, "nuclide_code": Code("35337001", "SCT", "^68^Gallium")}
        ),
    }


def test_there_are_seventeen() -> None:
    assert len(variants()) == 17


@pytest.mark.parametrize("implicit_vr", [False, True], ids=["explicit", "implicit"])
@pytest.mark.parametrize("name", list(variants()))
def test_variant(name: str, implicit_vr: bool, tmp_path: Path) -> None:
    variant = variants()[name]
    study = StudyFacts("variants", SERIES_AT, patient_sex=variant.sex, weight_kg=WEIGHT_KG, height_m=HEIGHT_M)
    facts = PetFacts(
        **{
            "series_at": SERIES_AT,
            "injected_at": INJECTED_AT,
            "injected_bq": DOSE_BQ,
            "half_life_s": HALF_LIFE_S,
            "nuclide_code": FLUORINE,
            "tracer_name": "18F-PSMA-1007",
            "tracer_code": None,
            **variant.facts,
        }
    )
    write_pet_series(
        tmp_path, GRID, variant.values, study, facts, one_slope=variant.one_slope, implicit_vr=implicit_vr,
        edit=variant.edit,
    )  # fmt: skip
    pet = to_suv(read_study(tmp_path).pet, None, ReadParameters())
    # Stored values are whole numbers of 1/32767 of the hottest, so half of that is the most a voxel can be off; with
    # NONE and one slope, the last bed has decayed for 540 s more: 6 % fewer counts a unit of SUV.
    assert np.max(np.abs(pet.suv - true_suv())) <= 4.0 / 32767 * 0.5 * 2 ** (540 / HALF_LIFE_S) + 4.0 * 2e-7
    assert pet.suv.min() == pytest.approx(0.20, abs=1e-4)
    assert np.median(pet.suv) == pytest.approx(1.00, abs=1e-4)
    assert pet.suv.max() == pytest.approx(4.00, abs=1e-4)
