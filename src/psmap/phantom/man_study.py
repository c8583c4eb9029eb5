"""A scanned man as a study: PET and CT in DICOM, and his truth as JSON beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from psmap.catalog.load import load_nuclides, tracer_by_name
from psmap.domain.acquisition import Code
from psmap.io.atomic import whole_file
from psmap.io.dicom_write import CtFacts, PetFacts, StudyFacts, write_ct_series, write_pet_series
from psmap.phantom.iec_study import bq_ml_per_suv
from psmap.phantom.man_scan import ScannedMan, TrueSite
from psmap.version import __version__

SCANNED_AT = datetime(2026, 3, 2, 10, 0, 0, tzinfo=UTC)
"""Start of every man's PET, so that files come out the same."""

TRUTH = "truth.json"


def write_man(directory: Path, scanned: ScannedMan) -> tuple[Path, ...]:
    """Write PET, CT and truth.json into `directory`; the same man gives the same bytes.

    Returns:
        Every file written.
    """
    tracer, conditions = tracer_by_name(scanned.tracer), scanned.conditions
    called = f"man/{scanned.seed}/{scanned.tracer}/{scanned.scenario}/{scanned.grid}"
    study = StudyFacts(
        called,
        SCANNED_AT - timedelta(minutes=2),
        patient_name=f"MAN^DIGITAL {scanned.seed}",
        patient_id=f"PSMAP-MAN-{scanned.seed}",
        weight_kg=round(scanned.man.weight_kg, 1),
        height_m=round(scanned.man.height_m, 2),
        description="Digital man PET/CT",
    )
    nuclide = load_nuclides()[tracer.nuclide]
    facts = PetFacts(
        series_at=SCANNED_AT,
        injected_at=SCANNED_AT - timedelta(minutes=round(conditions.uptake_min)),
        injected_bq=round(conditions.activity_mbq) * 1e6,
        half_life_s=nuclide.half_life_s,
        frame_duration_s=60.0 * conditions.minutes_per_bed,
        tracer_name=tracer.name,
        tracer_code=tracer.codes[0] if tracer.codes else None,
        nuclide_code=Code(nuclide.codes[0].value, nuclide.codes[0].scheme, tracer.nuclide),
    )
    activity = scanned.suv.astype(np.float64) * bq_ml_per_suv(study, facts)
    pet = write_pet_series(directory / "PET", scanned.grid, activity, study, facts)
    ct = write_ct_series(
        directory / "CT", scanned.grid, scanned.hu, study, CtFacts(series_at=SCANNED_AT - timedelta(minutes=1))
    )
    truth = directory / TRUTH
    with whole_file(truth) as part:
        text = json.dumps(truth_document(scanned), indent=2, ensure_ascii=False, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")
    return (*pet, *ct, truth)


def truth_document(scanned: ScannedMan) -> dict[str, Any]:
    """What is true of a man: himself, his uptake by tissue (SUV, g/mL), and every focus in its place (LPS mm, mL)."""
    man = scanned.man
    return {
        "psmap": __version__,
        "seed": scanned.seed,
        "tracer": scanned.tracer,
        "scenario": scanned.scenario.value,
        "voxel_mm": scanned.grid.spacing_mm[0],
        "man": {
            "height_m": man.height_m,
            "weight_kg": man.weight_kg,
            "age_years": man.age_years,
            "arms": man.arms.value,
            "bladder_ml": man.bladder_ml,
            "prostate_ml": man.prostate_ml,
            "prostatectomy": man.prostatectomy,
            "prosthesis": man.prosthesis.value if man.prosthesis else None,
        },
        "activity_mbq": scanned.conditions.activity_mbq,
        "uptake_min": scanned.conditions.uptake_min,
        "voided": scanned.uptake.voided,
        "uptake_suv": dict(sorted(scanned.uptake.suv.items())),
        "sites": [_site(site) for site in scanned.sites],
    }


def _site(site: TrueSite) -> dict[str, Any]:
    focus = site.focus
    return {
        "number": site.number,
        "kind": focus.kind.value,
        "benign": focus.benign.value if focus.benign else None,
        "place": focus.place,
        "centre_mm": list(site.centre_mm),
        "volume_ml": focus.volume_ml,
        "half_axes_mm": list(focus.half_axes_mm),
        "suv_centre": focus.suv,
        "suv_mean": focus.mean_suv,
        "osteoblastic": focus.osteoblastic,
        "enlarged": focus.enlarged,
    }
