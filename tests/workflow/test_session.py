"""What a reading leaves in OUT: whole, agreeing with itself, kept on a second run. Kills are in test_killed."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import psmap
from conftest import ReadPhantom
from psmap.catalog.load import load_schema
from psmap.io.dicom_read import read_headers
from psmap.io.dicom_seg import read_segmentation
from psmap.io.dicom_sr import read_measurements
from psmap.io.nifti import read_image, read_labels, write_image


def case_of(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "case.json").read_text(encoding="utf-8"))
    return document


def files_of(out: Path) -> dict[str, bytes]:
    """Name and bytes of everything in OUT but the store."""
    found = (path for path in sorted(out.rglob("*")) if path.is_file() and ".psmap" not in path.parts)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found}


def without_seconds(files: dict[str, bytes]) -> dict[str, object]:
    """The same with the seconds of each step left out of provenance: two runs never take equally long."""
    provenance = json.loads(files["provenance.json"])
    for step in provenance["steps"]:
        step["seconds"] = None
    return {**files, "provenance.json": provenance}


EXPECTED = {
    "case.json",
    "findings.csv",
    "report.html",
    "report.pdf",
    "provenance.json",
    "images/pet_suv.nii.gz",
    "images/pet_suv.json",
    "images/ct.nii.gz",
    "images/findings_dseg.nii.gz",
    "images/findings_dseg.tsv",
    "dicom/findings.seg.dcm",
    "dicom/measurements.sr.dcm",
}


def test_every_promised_file_is_there_and_nothing_else(phantom: ReadPhantom) -> None:
    assert set(files_of(phantom.out)) == EXPECTED


@pytest.mark.parametrize(("file", "schema"), [("case.json", "case"), ("provenance.json", "provenance")])
def test_json_follows_its_schema(phantom: ReadPhantom, file: str, schema: str) -> None:
    document = json.loads((phantom.out / file).read_text(encoding="utf-8"))
    assert list(jsonschema.Draft202012Validator(load_schema(schema)).iter_errors(document)) == []


def test_the_six_spheres_are_found_where_they_are(phantom: ReadPhantom) -> None:
    """Centres and SUV of the phantom are closed forms; half a voxel is 2 mm, and 1 mL fits well inside 37 mm."""
    comparison = phantom.shown.comparison
    assert comparison.missed == 0 and comparison.other_sites == ()
    for found in comparison.spheres:
        assert found.centroid_error_mm is not None and found.centroid_error_mm < 2.0
    largest = comparison.spheres[-1]
    assert largest.suv_peak == pytest.approx(8.0, rel=0.03)


def test_json_csv_label_map_seg_and_sr_say_the_same(phantom: ReadPhantom) -> None:
    case, out = case_of(phantom.out), phantom.out
    with (out / "findings.csv").open(encoding="utf-8", newline="") as stream:
        rows = {int(row["id"]): row for row in csv.DictReader(stream)}
    groups = {group.tracking_id: group for group in read_measurements(out / "dicom" / "measurements.sr.dcm")}
    labels = read_labels(out / "images" / "findings_dseg.nii.gz")
    _grid, suv = read_image(out / "images" / "pet_suv.nii.gz")
    source = phantom.shown.case.pet_source
    assert source is not None
    voxel_ml = phantom.shown.case.pet_series.grid.voxel_ml
    assert len(case["sites"]) == len(rows) == 6
    for site in case["sites"]:
        row, group = rows[site["id"]], groups[f"site {site['id']}"]
        mask = labels.labels == site["id"]
        assert site["voxels"] == int(row["voxels"]) == np.count_nonzero(mask)
        assert site["volume_ml"] == float(row["volume_ml"]) == pytest.approx(site["voxels"] * voxel_ml, rel=1e-9)
        assert site["suv_max"] == float(row["suv_max"]) == pytest.approx(float(suv[mask].max()), rel=1e-7)
        assert site["suv_mean"] == float(row["suv_mean"]) == pytest.approx(suv[mask].mean(dtype=float), rel=1e-6)
        assert site["tlu"] == pytest.approx(site["suv_mean"] * site["volume_ml"], rel=1e-9)
        measured = sorted(group.values.values())
        expected = sorted(site[key] for key in ("volume_ml", "suv_max", "suv_mean", "suv_peak", "tlu"))
        assert measured == pytest.approx(expected, rel=1e-6)
    counted = [site for site in case["sites"] if not site["small"]]
    assert case["burden"]["psma_tv_ml"] == pytest.approx(sum(site["volume_ml"] for site in counted))
    assert case["burden"]["tl_psma"] == pytest.approx(sum(site["tlu"] for site in counted))
    uids = [str(header.SOPInstanceUID) for header in read_headers(source.files)]
    assert np.array_equal(read_segmentation(out / "dicom" / "findings.seg.dcm", uids), labels.labels)


def test_the_report_says_the_same_as_the_json(phantom: ReadPhantom) -> None:
    html = (phantom.out / "report.html").read_text(encoding="utf-8")
    for site in case_of(phantom.out)["sites"]:
        assert f"{site['suv_max']:.2f}" in html or f"{site['suv_max']:.1f}" in html


def test_no_identifier_leaves_in_text(phantom: ReadPhantom) -> None:
    """The phantom's PatientName and PatientID must stand in DICOM results only."""
    for name, content in files_of(phantom.out).items():
        if not name.startswith("dicom/"):
            assert b"PHANTOM" not in content and b"PSMAP-IEC" not in content, name
    assert b"PSMAP-IEC" in (phantom.out / "dicom" / "findings.seg.dcm").read_bytes()


def test_a_second_run_writes_nothing(phantom: ReadPhantom, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(phantom.out, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    psmap.read(phantom.study, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before


def test_a_lost_or_changed_file_is_written_again(phantom: ReadPhantom, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(phantom.out, out)
    (out / "report.pdf").unlink()
    (out / "findings.csv").write_text("changed")
    psmap.read(phantom.study, out)
    assert without_seconds(files_of(out)) == without_seconds(files_of(phantom.out))


def test_another_threshold_replaces_and_force_starts_afresh(phantom: ReadPhantom, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(phantom.out, out)
    psmap.read(phantom.study, out, threshold=4.0)
    higher = case_of(out)
    assert higher["parameters"]["threshold"] == {"kind": "suv", "value": 4.0}
    assert higher["burden"]["psma_tv_ml"] < case_of(phantom.out)["burden"]["psma_tv_ml"]
    assert higher["burden"]["by_definition"] == case_of(phantom.out)["burden"]["by_definition"]
    psmap.read(phantom.study, out, force=True)
    assert case_of(out)["sites"] == case_of(phantom.out)["sites"]


def test_the_results_of_another_study_are_not_overwritten(phantom: ReadPhantom, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(phantom.out, out)
    provenance = json.loads((out / "provenance.json").read_text())
    for item in provenance["inputs"]:
        item["sha256"] = "0" * 64
    (out / "provenance.json").write_text(json.dumps(provenance))
    with pytest.raises(psmap.Refused, match="not the results of this study"):
        psmap.read(phantom.study, out)
    (out / "provenance.json").write_text('{"inputs": 5}')
    started = out / ".psmap" / "started.json"
    started.write_text(started.read_text().replace(str(json.loads(started.read_text())["images"][0]), "0" * 64))
    with pytest.raises(psmap.Refused, match="not the results of this study"):
        psmap.read(phantom.study, out)


def test_files_of_the_users_own_are_not_overwritten(phantom: ReadPhantom, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "report.pdf").write_text("mine")
    (out / "notes.txt").write_text("mine")
    with pytest.raises(psmap.Refused, match="--force"):
        psmap.read(phantom.study, out)
    assert (out / "report.pdf").read_text() == "mine"
    psmap.read(phantom.study, out, force=True)
    assert set(files_of(out)) == EXPECTED | {"notes.txt"}


@pytest.mark.parametrize(
    "damage", ["", "no json", "[]", '{"inputs": [1]}', '{"run_key": "", "inputs": [], "outputs": 3}']
)
def test_damaged_provenance_is_made_again(damage: str, phantom: ReadPhantom, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(phantom.out, out)
    (out / "provenance.json").write_text(damage)
    psmap.read(phantom.study, out)
    assert without_seconds(files_of(out)) == without_seconds(files_of(phantom.out))


def test_provenance_that_points_elsewhere_removes_nothing_there(phantom: ReadPhantom, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "precious.txt"
    other.write_text("precious")
    shutil.copytree(phantom.out, out)
    provenance = json.loads((out / "provenance.json").read_text())
    provenance["outputs"] += [{"file": "../precious.txt", "sha256": "0"}, {"file": "images", "sha256": "0"}]
    (out / "provenance.json").write_text(json.dumps(provenance))
    psmap.read(phantom.study, out, force=True)
    assert other.read_text() == "precious"
    assert set(files_of(out)) == EXPECTED


def test_what_an_earlier_run_left_and_this_one_does_not_is_removed(phantom: ReadPhantom, tmp_path: Path) -> None:
    """Above the hottest voxel there is no site, hence no segmentation; the old one would no longer be true."""
    out = tmp_path / "out"
    shutil.copytree(phantom.out, out)
    case = psmap.read(phantom.study, out, threshold=20.0)
    assert case.sites == ()
    assert set(files_of(out)) == EXPECTED - {"dicom/findings.seg.dcm"}
    assert case_of(out)["burden"]["psma_tv_ml"] == 0.0 and case_of(out)["burden"]["suv_mean"] is None


def test_a_changed_sidecar_is_a_new_run_and_a_ct_elsewhere_is_refused(phantom: ReadPhantom, tmp_path: Path) -> None:
    pet = tmp_path / "pet.nii.gz"
    shutil.copy(phantom.out / "images" / "pet_suv.nii.gz", pet)
    for maker in ("ONE", "TWO"):
        (tmp_path / "pet.json").write_text(json.dumps({"Units": "g/mL", "Manufacturer": maker}))
        psmap.read(None, tmp_path / "out", pet=pet, tracer="psma-11")
        sidecar = json.loads((tmp_path / "out" / "images" / "pet_suv.json").read_text())
        assert sidecar["Manufacturer"] == maker
    ct = phantom.shown.case.ct
    assert ct is not None
    far = replace(ct.grid, origin_mm=(5000.0, 0.0, 0.0))
    write_image(tmp_path / "far.nii.gz", far, ct.hu)
    with pytest.raises(psmap.Refused, match="covers nothing of the PET"):
        psmap.read(None, tmp_path / "far", pet=pet, ct=tmp_path / "far.nii.gz", tracer="psma-11")


def test_nifti_and_zip_give_the_sites_of_the_dicom(phantom: ReadPhantom, tmp_path: Path) -> None:
    images = phantom.out / "images"
    by_nifti = psmap.read(
        None, tmp_path / "nifti", pet=images / "pet_suv.nii.gz", ct=images / "ct.nii.gz", tracer="psma-11"
    )
    archive = shutil.make_archive(str(tmp_path / "study"), "zip", phantom.study)
    by_zip = psmap.read(archive, tmp_path / "zip")
    expected = phantom.shown.case.sites
    assert expected is not None and by_nifti.sites is not None and by_zip.sites is not None
    for sites in (by_nifti.sites, by_zip.sites):
        assert [site.index.tolist() for site in sites] == [site.index.tolist() for site in expected]
        assert [site.suv_max for site in sites] == [site.suv_max for site in expected]
    assert not (tmp_path / "nifti" / "dicom").exists()


def test_given_lesions_and_liver(phantom: ReadPhantom, tmp_path: Path) -> None:
    """psmap's own label map, given back, is measured as it was found."""
    labels = phantom.out / "images" / "findings_dseg.nii.gz"
    sites = read_labels(labels)
    liver = tmp_path / "liver.nii.gz"
    write_image(liver, sites.grid, (sites.labels == 1).astype(np.int16))
    case = psmap.read(phantom.study, tmp_path / "out", findings=labels, liver=liver)
    expected = phantom.shown.case.sites
    assert case.sites is not None and expected is not None
    assert [site.tlu for site in case.sites] == [site.tlu for site in expected]
    inside = phantom.shown.case.pet.suv[sites.labels == 1].astype(float)  # type: ignore[union-attr]
    entry = case.burden.by_definition["liver"] if case.burden else None
    assert entry is not None and entry.threshold == pytest.approx(4.30 * (1.0 + inside.std() / inside.mean()))


def test_deidentify_replaces_names_and_uids(phantom: ReadPhantom, tmp_path: Path) -> None:
    psmap.read(phantom.study, tmp_path / "out", deidentify=True)
    case, plain = case_of(tmp_path / "out"), case_of(phantom.out)
    assert case["study"]["pet_series_uid"] != plain["study"]["pet_series_uid"]
    for content in files_of(tmp_path / "out").values():
        assert b"PSMAP-IEC" not in content
        assert plain["study"]["pet_series_uid"].encode() not in content
