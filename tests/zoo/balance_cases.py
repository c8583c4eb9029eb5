"""What the activity balance is tried on: men without any fault, and one man under wrong but plausible headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from balance_man import (
    ABDOMEN,
    FDG,
    PELVIS,
    PSMA,
    TUMOURS,
    VERTEX_TO_THIGH,
    WHOLE,
    Scan,
    write_man,
)
from zoo_study import INJECTED, Edit, nuclide, put, put_tracer

from psmap.domain.balance import ActivityBalance
from psmap.domain.parameters import ReadParameters
from psmap.io.dicom_read import read_study
from psmap.steps.quantification import balance_activity
from psmap.workflow.pipeline import to_suv

USUAL = Scan(PSMA)
FLUORINE_S = 6586.2
FLUORINE = Scan(PSMA, half_life_s=FLUORINE_S)
AS_FLUORINE = nuclide("77004003", "SCT", "^18^Fluorine", FLUORINE_S)


@dataclass(frozen=True)
class Case:
    """One scan under one header.

    Args:
        what: in words.
        off: by how much the SUV is wrong: the one the header gives over the true one.
        trusted: what the balance has to answer; None is 'not judged'.
        man: who is scanned, and where.
        edits, facts, times, weight_kg: how the header, or the stored values, are wrong (see `write_man`).
    """

    what: str
    off: float
    trusted: bool | None
    man: Scan = USUAL
    edits: tuple[Edit, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    times: float = 1.0
    weight_kg: float = 70.0


def answer(case: Case, study: Path) -> tuple[ActivityBalance, float]:
    """Write the scan, read it through psmap's door, and weigh it; with the sum of SUV times volume (g)."""
    write_man(study, case.man, *case.edits, times=case.times, facts=case.facts, weight_kg=case.weight_kg)
    found = read_study(study)
    image = to_suv(found.pet, None, ReadParameters())
    balance = balance_activity(image, found.ct)
    if balance is None:
        raise ValueError("no body was made out")
    return balance, float(image.suv.sum(dtype=float)) * image.grid.voxel_ml


def _injected(minutes_early: float) -> dict[str, Any]:
    return {"injected_at": INJECTED - timedelta(minutes=minutes_early)}


def _decayed(minutes: float, half_life_s: float) -> float:
    return float(2.0 ** (minutes * 60.0 / half_life_s))


GALLIUM_S = 4057.74

MEN = (
    Case("skull base to mid-thigh, arms up", 1.0, True),
    Case("skull base to mid-thigh, arms up, with a CT", 1.0, True, Scan(PSMA, ct=True)),
    Case("skull base to mid-thigh, arms down, with a CT", 1.0, True, Scan(PSMA, arms_up=False, ct=True)),
    Case("vertex to mid-thigh", 1.0, True, Scan(PSMA, VERTEX_TO_THIGH)),
    Case("the whole man, with a CT", 1.0, True, Scan(PSMA, WHOLE, ct=True)),
    Case("1.1 L of tumour, little uptake elsewhere", 1.0, True, Scan(TUMOURS)),
    Case("1.1 L of tumour, with a CT", 1.0, True, Scan(TUMOURS, ct=True)),
    Case("FDG, brain in the field of view", 1.0, True, Scan(FDG, VERTEX_TO_THIGH)),
    Case("a third voided before the scan", 1.0, True, Scan(PSMA, retained=0.65)),
    Case("abdomen alone", 1.0, None, Scan(PSMA, ABDOMEN)),
    Case("pelvis alone", 1.0, None, Scan(PSMA, PELVIS)),
)
"""Nothing is wrong with any of them."""

FAULTS = (
    Case("68Ga, injection written 30 min early", _decayed(30, GALLIUM_S), True, facts=_injected(30)),
    Case("68Ga, injection written an hour early (summer time)", _decayed(60, GALLIUM_S), False, facts=_injected(60)),
    Case("68Ga, injection written 40 min late", _decayed(-40, GALLIUM_S), True, facts=_injected(-40)),
    Case("68Ga, injection written two hours early", _decayed(120, GALLIUM_S), False, facts=_injected(120)),
    Case(
        "18F, injection written an hour early", _decayed(60, FLUORINE_S), True, FLUORINE, (AS_FLUORINE,), _injected(60)
    ),
    Case(
        "18F, injection written three hours early",
        _decayed(180, FLUORINE_S),
        False,
        FLUORINE,
        (AS_FLUORINE,),
        _injected(180),
    ),
    Case(
        "activity of another man: 150 MBq were 200",
        150.0 / 200.0,
        True,
        edits=(put_tracer(RadionuclideTotalDose="2e8"),),
    ),
    Case("150 MBq were written as 400", 150.0 / 400.0, False, edits=(put_tracer(RadionuclideTotalDose="4e8"),)),
    Case("a nought too few: 15 MBq", 10.0, False, edits=(put_tracer(RadionuclideTotalDose="1.5e7"),)),
    Case("4.05 mCi written as 4.05, read as MBq", 37.0, False, edits=(put_tracer(RadionuclideTotalDose="4.054054"),)),
    Case(
        "4.05 mCi written as 4.05, pelvis alone",
        37.0,
        False,
        Scan(PSMA, PELVIS),
        (put_tracer(RadionuclideTotalDose="4.054054"),),
    ),
    Case(
        "a nought too many, pelvis alone", 0.1, None, Scan(PSMA, PELVIS), (put_tracer(RadionuclideTotalDose="1.5e9"),)
    ),
    Case("70 kg written as 154 (pounds)", 2.2, False, weight_kg=154.0),
    Case("70 kg written as 154 (pounds), with a CT", 2.2, False, Scan(PSMA, ct=True), weight_kg=154.0),
    Case("70 kg written as 95", 95.0 / 70.0, True, weight_kg=95.0),
    Case("70 kg written as 42", 42.0 / 70.0, True, weight_kg=42.0),
    Case("70 kg written as 35", 35.0 / 70.0, False, weight_kg=35.0),
    Case(
        "two faults that cancel: double the weight, double the activity",
        1.0,
        False,
        weight_kg=140.0,
        edits=(put_tracer(RadionuclideTotalDose="3e8"),),
    ),
    Case("voxels in kBq/mL, Units say Bq/mL", 1e-3, False, times=1e-3),
    Case("voxels in nCi/mL, Units say Bq/mL", 1.0 / 37.0, False, times=1.0 / 37.0),
    Case(
        "corrected to the injection, called START, DecayFactor always 1",
        _decayed(60, GALLIUM_S),
        False,
        facts={"decay_correction": "ADMIN"},
        times=_decayed(60, GALLIUM_S),
        edits=(put(DecayCorrection="START", DecayFactor="1.0"),),
    ),
    Case(
        "corrected to the start, called ADMIN, DecayFactor always 1",
        _decayed(-60, GALLIUM_S),
        True,
        edits=(put(DecayCorrection="ADMIN", DecayFactor="1.0"),),
    ),
    Case("60 % of the activity stayed in the arm, outside the field of view", 1.0, False, Scan(PSMA, retained=0.38)),
)
"""Wrong, and by no header's own words."""
