"""A man written and read back through psmap's own door: his SUV, his tracer and his truth survive."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from psmap.catalog.load import load_tracers, recognise_tracer, tracer_by_name
from psmap.domain.parameters import ReadParameters
from psmap.io.dicom_read import read_study
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import PELVIS_MM, scan_man
from psmap.phantom.man_study import write_man
from psmap.workflow.pipeline import to_suv


@pytest.mark.parametrize("tracer", ["psma-11", "psma-1007", "dcfpyl", "fdg"])
def test_what_is_written_is_read(tracer: str, tmp_path: Path) -> None:
    man = scan_man(11, tracer_by_name(tracer), Scenario.OLIGO, voxel_mm=8.0, field_mm=PELVIS_MM)
    files = write_man(tmp_path / "study", man)
    found = read_study(tmp_path / "study")
    assert found.ct is not None
    assert np.array_equal(found.ct.hu, man.hu)
    known, _evidence = recognise_tracer(found.pet.acquisition, load_tracers())
    assert known is not None
    assert known.id == tracer
    image = to_suv(found.pet, known, ReadParameters())
    # 16 bit a slice: half a step of a slice's hottest voxel over 32767, and the decimals of the header.
    step = man.suv.max(axis=(1, 2), keepdims=True) / 32767.0
    assert np.all(np.abs(image.suv - man.suv) <= 0.51 * step + 1e-5 * man.suv)
    truth = json.loads((tmp_path / "study" / "truth.json").read_text(encoding="utf-8"))
    assert [site["place"] for site in truth["sites"]] == [site.focus.place for site in man.sites]
    assert truth["man"]["weight_kg"] == man.man.weight_kg
    again = write_man(tmp_path / "again", man)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in files]
