"""case.json and its neighbours: valid by their schemas, and all files of a case say the same numbers."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from header_builder import finding, oblique_grid, pet_headers, three_findings
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from psmap.domain.acquisition import PetAcquisition, PetSlice
from psmap.domain.balance import ActivityBalance
from psmap.domain.burden import BurdenEntry, TumourBurden
from psmap.domain.case import Case, History
from psmap.domain.image import PetImage
from psmap.domain.parameters import PeakCentre, PeakWeight, ReadParameters, Threshold, ThresholdKind
from psmap.domain.study import PetSeries, SeriesSource
from psmap.domain.suv import AlternativeReading, SuvConversion
from psmap.domain.tracer import Tracer
from psmap.io.case_json import as_text, case_document, parameters_document, suv_document, write_json
from psmap.io.deidentify import deidentified_uid
from psmap.io.dicom_carry_over import carry_over
from psmap.io.dicom_seg import read_segmentation, write_segmentation
from psmap.io.dicom_sr import read_measurements, write_measurements
from psmap.io.label_map import findings_label_map
from psmap.io.nifti import read_image, read_labels, write_label_map
from psmap.io.pet_nifti import read_pet, sidecar_document, sidecar_path, write_pet, write_sidecar
from psmap.io.tables import LABEL_COLUMNS, finding_row, label_rows, read_findings, write_findings

SCHEMAS = Path(__file__).parents[2] / "src" / "psmap" / "catalog" / "schemas"
GRID = oblique_grid()
TRACER = Tracer("psma-11", "68Ga-PSMA-11", "68Ga", True, 4057.74, (), (), "liver", True, None, None, "test")
SUV = SuvConversion(
    factors=(2.4e-4,) * GRID.shape[0],
    rule="BQML/START",
    trace=("PatientWeight 71.0 kg",),
    warnings=("two readings",),
    alternative=AlternativeReading("back-computed", 2.3e-4, 2.3e-4),
    uptake_min=62.0,
    weight_kg=71.0,
)
ENTRY = BurdenEntry(0.5, 3.5, 7.0, 9.3, 1, 3.0, small_sites=2)
BURDEN = TumourBurden(
    "all_sites_unclassified", 0.5, 3.5, 7.0, {"suv3": ENTRY, "liver": None}, {"liver": "no liver mask was given"}
)


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def acquisition(duration_ms: float | None = 180000.0) -> PetAcquisition:
    facts = PetSlice(None, None, None, duration_ms)
    slices = (facts,) * GRID.shape[0]
    return PetAcquisition("BQML", slices, UTC, corrected_image=("ATTN", "DECY"), manufacturer="MADE UP")


def a_case() -> Case:
    """A case with suv values that its findings claim."""
    suv = np.zeros(GRID.shape, dtype=np.float32)
    suv[1, 2, 3] = 9.3
    source = SeriesSource("1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3", "1.2.3", ())
    return Case(
        parameters=ReadParameters(),
        tracer=TRACER,
        tracer_evidence="RadiopharmaceuticalCodeSequence C118961",
        history=History(prostatectomy=True, gleason_score=7),
        pet_series=PetSeries(GRID, suv.copy(), acquisition(), source),
        pet_source=source,
        choices=("PET series 2 of 2",),
        pet=PetImage(GRID, suv, SUV),
        findings=three_findings(GRID),
        burden=BURDEN,
    )


def test_the_document_keeps_the_contract_of_its_keys() -> None:
    """Keys and nesting that scripts may rely on, as the interface page prints them."""
    document = case_document(a_case(), "0.1.0")
    validator("case").validate(document)
    assert document["psmap"] == "0.1.0"
    assert document["parameters"]["threshold"] == {"kind": "suv", "value": 3.0}
    assert (document["parameters"]["watershed"], document["parameters"]["peak"]) == (True, "max_mean/fractional")
    assert {"tracer", "pet_series_uid", "uptake_min", "prostatectomy"} <= set(document["study"])
    assert (document["study"]["tracer"], document["study"]["prostatectomy"]) == ("psma-11", True)
    assert {"type", "factor_min", "factor_max", "rule", "trace", "warnings"} <= set(document["suv"])
    assert set(document["sites"][0]) >= {
        "id", "voxels", "volume_ml", "suv_max", "suv_mean", "suv_peak", "tlu", "small", "centroid_mm", "verdict",
        "probability", "reason", "author", "location", "class", "expression_score", "coverage",
    }  # fmt: skip
    assert {"scope", "psma_tv_ml", "tl_psma", "suv_mean", "by_definition"} <= set(document["burden"])
    entry = document["burden"]["by_definition"]["suv3"]
    assert {"volume_ml", "tl", "suv_mean", "suv_max", "sites", "threshold"} <= set(entry)
    assert document["burden"]["by_definition"]["liver"] is None
    assert document["burden"]["withheld"] == {"liver": "no liver mask was given"}
    assert document["stage"] is None


def test_unknowns_are_null_and_still_valid() -> None:
    case = replace(a_case(), tracer=None, pet_source=None, history=History(), findings=(),
                   pet=PetImage(GRID, np.zeros(GRID.shape, np.float32), SuvConversion((1.0,), "GML", ())),
                   burden=TumourBurden("suspicious", 0.0, 0.0, None))  # fmt: skip
    document = case_document(case, "0.1.0")
    validator("case").validate(document)
    assert document["study"]["prostatectomy"] is None and document["study"]["pet_series_uid"] is None
    assert document["suv"]["alternative"] is None and document["sites"] == []


def test_every_parameter_stands_in_the_document() -> None:
    """Changing any field of ReadParameters has to show, so that a new field cannot be forgotten."""
    others = {
        "threshold": Threshold(ThresholdKind.PERCENT_OF_MAX, 0.41),
        "seed_suv": 2.5,
        "watershed": False,
        "watershed_h_suv": 2.0,
        "watershed_h_fraction": 0.3,
        "peak_centre": PeakCentre.AT_MAX,
        "peak_weight": PeakWeight.BINARY,
        "small_ml": 1.0,
        "small_voxels": 5,
        "weight_kg": 80.0,
        "height_m": 1.8,
        "accept_suv": True,
    }
    assert set(others) == {field.name for field in fields(ReadParameters)}
    seen = {as_text(parameters_document(replace(ReadParameters(), **{name: value}))) for name, value in others.items()}
    seen.add(as_text(parameters_document(ReadParameters())))
    assert len(seen) == len(others) + 1


def test_identifiers_are_replaced_where_asked() -> None:
    case = a_case()
    document = case_document(case, "0.1.0", uid=lambda uid: deidentified_uid(uid, "secret"))
    validator("case").validate(document)
    assert case.pet_source is not None
    assert document["study"]["pet_series_uid"] == deidentified_uid(case.pet_source.series_instance_uid, "secret")
    assert "1.2.826.0.1.3680043.8.498" not in as_text(document)
    assert "1.2.826.0.1.3680043.8.498" in as_text(case_document(case, "0.1.0"))


def test_a_case_without_results_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="worked out"):
        case_document(replace(a_case(), findings=None), "0.1.0")


def test_numbers_that_json_lacks_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "case.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_utf_8_and_reads_back_exactly(tmp_path: Path) -> None:
    document = case_document(a_case(), "0.1.0")
    document["sites"][0]["reason"] = "Prüfung, 前立腺"
    document["sites"][0]["suv_peak"] = 0.1 + 0.2
    write_json(tmp_path / "case.json", document)
    content = (tmp_path / "case.json").read_bytes()
    assert "前立腺".encode() in content and content.endswith(b"}\n") and b"\r" not in content
    assert json.loads(content) == document


def test_the_suv_block_is_valid_alone() -> None:
    balance = ActivityBalance(0.7, 50.0, "PET", 900.0, 0.75, 0.93, 1.05, warnings=("activity balance: odd",))
    validator("suv").validate({"suv": suv_document(SUV, None)})
    document = suv_document(SUV, balance)
    validator("suv").validate({"suv": document})
    assert (document["trusted"], document["balance"]["activity_share"]) == (True, 0.7)
    assert suv_document(SUV, replace(balance, not_judged="too little"))["trusted"] is None
    assert suv_document(SUV, replace(balance, doubts=("too much",)))["trusted"] is False
    assert document["alternative"] == {"rule": "back-computed", "factor_min": 2.3e-4, "factor_max": 2.3e-4}


def test_all_files_of_a_case_say_the_same_numbers(tmp_path: Path) -> None:
    case = a_case()
    findings = case.findings
    assert findings is not None and case.pet is not None
    headers = pet_headers(GRID)
    source = carry_over(headers)
    facts = {"seed": "run", "when": datetime(2026, 11, 20, 9, 30), "software_version": "0.1.0"}
    write_json(tmp_path / "case.json", case_document(case, "0.1.0"))
    write_findings(tmp_path / "findings.csv", findings)
    write_label_map(tmp_path / "d.nii.gz", findings_label_map(findings, GRID), LABEL_COLUMNS, label_rows(findings))
    written = write_segmentation(tmp_path / "f.dcm", findings, GRID, source, **facts)
    write_measurements(tmp_path / "m.dcm", findings, BURDEN, source, written, **facts)

    document = json.loads((tmp_path / "case.json").read_text())
    rows = read_findings(tmp_path / "findings.csv")
    *groups, burden = read_measurements(tmp_path / "m.dcm")
    segments = read_segmentation(tmp_path / "f.dcm", [header.SOPInstanceUID for header in headers])
    labels = read_labels(tmp_path / "d.nii.gz", like=GRID)
    assert np.array_equal(labels.labels, segments)
    assert len(document["sites"]) == len(rows) == len(groups) == int(segments.max()) == 3
    for site, row, group in zip(document["sites"], rows, groups, strict=True):
        for key in ("volume_ml", "suv_max", "suv_mean", "suv_peak", "tlu"):
            assert site[key] == row[key] == group.values[key], key
        assert site["verdict"] == row["verdict"] == group.verdict
        assert f"site {site['id']}" == f"site {row['id']}" == group.tracking_id
        mask = segments == site["id"]
        assert mask.sum() == site["voxels"] == row["voxels"]
        assert mask.sum() * GRID.voxel_ml == pytest.approx(site["volume_ml"], rel=1e-12)
        centroid = GRID.to_mm(np.argwhere(mask)).mean(axis=0)
        assert site["centroid_mm"] == pytest.approx(list(centroid), abs=1e-9)
    assert document["burden"]["psma_tv_ml"] == burden.values["volume_ml"]
    assert document["burden"]["tl_psma"] == burden.values["tlu"]
    assert document["burden"]["scope"] == burden.scope


def test_rows_of_the_tables_follow_their_schemas(tmp_path: Path) -> None:
    known = finding(4, [(0, 0, 0)], GRID, [3.2], probability=0.94, expression_score=2, location="l5")
    findings = (*three_findings(GRID), known)
    write_findings(tmp_path / "findings.csv", findings)
    for found, row in zip(findings, read_findings(tmp_path / "findings.csv"), strict=True):
        validator("findings").validate(row)
        assert row == finding_row(found)
    for row in label_rows(findings):
        validator("findings_dseg").validate(row)
    schema = json.loads((SCHEMAS / "findings.schema.json").read_text())
    assert list(schema["properties"]) == list(finding_row(findings[0]))
    schema = json.loads((SCHEMAS / "findings_dseg.schema.json").read_text())
    assert tuple(schema["properties"]) == LABEL_COLUMNS


def test_a_pet_written_with_its_sidecar_is_read_as_suv_again(tmp_path: Path) -> None:
    case = a_case()
    assert case.pet is not None
    path = tmp_path / "pet_suv.nii.gz"
    write_pet(path, case.pet)
    pet = replace(case.pet, conversion=replace(case.pet.conversion, injected_mbq=152.5))
    write_sidecar(path, sidecar_document(pet, acquisition(), TRACER))
    assert sidecar_path(path).name == "pet_suv.json"
    document = json.loads(sidecar_path(path).read_text())
    validator("pet_suv").validate(document)
    assert document == {
        "Units": "g/mL",
        "Manufacturer": "MADE UP",
        "TracerName": "68Ga-PSMA-11",
        "TracerRadionuclide": "68Ga",
        "InjectedRadioactivity": 152.5,
        "InjectedRadioactivityUnits": "MBq",
        "ImageDecayCorrected": True,
        "InjectionStart": 0,
        "ScanStart": 3720.0,
        "FrameTimesStart": [3720.0],
        "FrameDuration": [180.0],
    }
    pet = read_pet(path)
    grid, _ = read_image(path)
    assert pet.grid == grid and pet.acquisition.radiopharmaceutical == "68Ga-PSMA-11"
    assert float(pet.rescaled.max()) == np.float32(9.3)


def test_a_sidecar_claims_only_what_is_known() -> None:
    case = a_case()
    assert case.pet is not None
    bare = PetImage(GRID, np.zeros(GRID.shape, np.float32), SuvConversion((1.0,), "GML", ()))
    unknown = PetAcquisition("GML", (PetSlice(None, None, None, None),) * GRID.shape[0], UTC)
    document = sidecar_document(bare, unknown, None)
    validator("pet_suv").validate(document)
    assert document == {"Units": "g/mL", "ImageDecayCorrected": False}


def test_a_sidecar_repeats_no_free_text_of_an_unknown_tracer() -> None:
    case = a_case()
    assert case.pet is not None
    noted = replace(acquisition(), radiopharmaceutical="dose of Mr Smith")
    document = sidecar_document(case.pet, noted, None)
    validator("pet_suv").validate(document)
    assert "TracerName" not in document
    assert "Smith" not in json.dumps(document)


def a_provenance() -> dict[str, object]:
    hashed = {"file": "000000.dcm", "sha256": "0" * 64}
    return {
        "psmap": "0.1.0", "python": "3.11.7", "packages": {"numpy": "2.4.6"}, "started": "2026-11-20T09:30:15+00:00",
        "command": {"threshold": "suv 3.0"}, "inputs": [hashed], "run_key": "f" * 64,
        "steps": [{"name": "sites", "version": 1, "key": "a" * 64, "seconds": 0.5}], "outputs": [hashed],
        "model_cards": [], "notes": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    "spoilt", [{"run_key": "short"}, {"inputs": [{"file": "a"}]}, {"patient": "x"}, {"steps": None}]
)
def test_the_schema_of_the_provenance_tells_good_from_bad(spoilt: dict[str, object]) -> None:
    validator("provenance").validate(a_provenance())
    with pytest.raises(ValidationError):
        validator("provenance").validate({**a_provenance(), **spoilt})


def test_the_schema_of_the_case_tells_good_from_bad() -> None:
    good = case_document(a_case(), "0.1.0")
    for place, key, value in (("study", "patient_name", "x"), ("suv", "factor_min", -1.0), ("burden", "scope", "all")):
        bad = json.loads(json.dumps(good))
        bad[place][key] = value
        with pytest.raises(ValidationError):
            validator("case").validate(bad)
    bad = json.loads(json.dumps(good))
    bad["sites"][0]["verdict"] = "benign"
    with pytest.raises(ValidationError):
        validator("case").validate(bad)


def test_every_key_of_every_schema_is_described() -> None:
    def undescribed(node: object, path: str) -> list[str]:
        found: list[str] = []
        if isinstance(node, dict):
            for name, child in node.get("properties", {}).items():
                if "description" not in child:
                    found.append(f"{path}.{name}")
                found += undescribed(child, f"{path}.{name}")
            for key in ("items", "additionalProperties"):
                found += undescribed(node.get(key), path)
        return found

    names = sorted(SCHEMAS.glob("*.schema.json"))
    assert len(names) >= 7
    assert [place for name in names for place in undescribed(json.loads(name.read_text()), name.stem)] == []


def test_the_interface_page_names_every_key_and_file() -> None:
    """docs/interface.md explains each key of each schema in code type."""

    def keys(node: object) -> set[str]:
        found: set[str] = set()
        if isinstance(node, dict):
            for name, child in node.get("properties", {}).items():
                found |= {name} | keys(child)
            for key in ("items", "additionalProperties"):
                found |= keys(node.get(key))
        return found

    page = (Path(__file__).parents[2] / "docs" / "interface.md").read_text(encoding="utf-8")
    for path in SCHEMAS.glob("*.schema.json"):
        assert path.name in page
        missing = {key for key in keys(json.loads(path.read_text())) if f"`{key}`" not in page}
        assert missing == set(), path.name
