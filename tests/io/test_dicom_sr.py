"""TID 1500: the numbers of the findings, exactly, in an object that dciodvfy and highdicom accept."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import highdicom
import pytest
from header_builder import oblique_grid, pet_headers, three_findings
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from psmap.domain.burden import TumourBurden
from psmap.domain.geometry import Grid
from psmap.domain.refusal import Refused
from psmap.domain.study import SourceFile
from psmap.domain.uptake import Verdict
from psmap.io.dicom_carry_over import carry_over
from psmap.io.dicom_read import read_headers
from psmap.io.dicom_seg import write_segmentation
from psmap.io.dicom_sr import read_measurements, write_measurements

WHEN = datetime(2026, 11, 20, 9, 30, 15, 250)
BURDEN = TumourBurden("all_sites_unclassified", 1.0 / 3.0, 7.123456789012345, 21.370370367037035)
NO_BURDEN = TumourBurden("suspicious", 0.0, 0.0, None)


def _write(folder: Path, findings, grid: Grid, headers: list[Dataset], burden: TumourBurden = BURDEN):  # type: ignore[no-untyped-def]
    facts = {"seed": "run", "when": WHEN, "software_version": "0.1.0"}
    source = carry_over(headers)
    written = write_segmentation(folder / "f.seg.dcm", findings, grid, source, **facts)
    write_measurements(folder / "m.sr.dcm", findings, burden, source, written, **facts)
    return written


def _complaints(path: Path, kinds: tuple[str, ...] = ("Error", "Warning")) -> list[str]:
    """Errors and warnings of dciodvfy, but for the one that private codes are private."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    result = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).splitlines()
    assert any("Comprehensive3DSR" in line for line in lines)
    return [line for line in lines if line.startswith(kinds) and "99PSMAP" not in line]


def _groups(path: Path) -> list[Dataset]:
    """The items of the container Imaging Measurements (126010, DCM)."""
    content = dcmread(path).ContentSequence
    (found,) = [item for item in content if item.ConceptNameCodeSequence[0].CodeValue == "126010"]
    return list(found.ContentSequence)


def test_every_number_is_read_back_exactly(tmp_path: Path) -> None:
    grid = oblique_grid()
    findings = three_findings(grid)
    written = _write(tmp_path, findings, grid, pet_headers(grid))
    *sites, burden = read_measurements(tmp_path / "m.sr.dcm")
    assert [group.tracking_id for group in sites] == ["site 1", "site 2", "site 3"]
    for group, found in zip(sites, findings, strict=True):
        site = found.site
        assert group.values == {
            "volume_ml": site.volume_ml,
            "suv_max": site.suv_max,
            "suv_mean": site.suv_mean,
            "suv_peak": site.suv_peak,
            "tlu": site.tlu,
        }
        assert (group.verdict, group.segment) == (found.verdict.value, written.segments[site.id])
        assert group.tracking_uid == written.tracking_uids[site.id]
    assert (burden.tracking_id, burden.scope) == ("burden", "all_sites_unclassified")
    assert burden.values == {"volume_ml": 1.0 / 3.0, "tlu": 7.123456789012345, "suv_mean": 21.370370367037035}
    assert _complaints(tmp_path / "m.sr.dcm") == []


def test_highdicom_understands_the_report(tmp_path: Path) -> None:
    """highdicom's own search by codes: a reader that knows TID 1411 but not psmap."""
    grid = oblique_grid()
    findings = three_findings(grid)
    written = _write(tmp_path, findings, grid, pet_headers(grid))
    report = highdicom.sr.srread(tmp_path / "m.sr.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 3
    for group, found in zip(groups, findings, strict=True):
        suvs = group.get_measurements(codes.DCM.Suvbw)
        assert [(item.derivation.meaning, item.value) for item in suvs] == [
            ("Maximum", found.site.suv_max),
            ("Mean", found.site.suv_mean),
            ("Peak Value Within ROI", found.site.suv_peak),
        ]
        assert {item.unit.value for item in suvs} == {"g/ml{SUVbw}"}
        (volume,) = group.get_measurements(codes.SCT.Volume)
        assert (volume.value, volume.unit.value) == (found.site.volume_ml, "ml")
        reference = group.referenced_segment[0]
        assert reference.referenced_sop_instance_uid == written.sop_instance_uid
        assert reference.referenced_segment_numbers == [written.segments[found.site.id]]


def test_the_report_lists_its_segmentation_and_every_slice_as_evidence(tmp_path: Path) -> None:
    grid = oblique_grid()
    headers = pet_headers(grid)
    written = _write(tmp_path, three_findings(grid), grid, headers)
    report = dcmread(tmp_path / "m.sr.dcm")
    listed = set()
    for keyword in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in report.get(keyword, []):
            for series in study.ReferencedSeriesSequence:
                listed |= {str(item.ReferencedSOPInstanceUID) for item in series.ReferencedSOPSequence}
    assert listed == {str(header.SOPInstanceUID) for header in headers} | {written.sop_instance_uid}
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "COMPLETE",
        "UNVERIFIED",
        "PRELIMINARY",
    )
    assert report.PatientName == headers[0].PatientName
    assert report.StudyInstanceUID == headers[0].StudyInstanceUID


def test_every_site_has_the_group_that_highdicom_builds_for_it(tmp_path: Path) -> None:
    """highdicom builds the first site's group alone; of each other site a report with no other site is the measure."""
    grid = oblique_grid()
    headers = pet_headers(grid)
    verdicts = (Verdict.PHYSIOLOGIC, Verdict.SUSPICIOUS, Verdict.EQUIVOCAL)
    findings = [replace(found, verdict=verdict) for found, verdict in zip(three_findings(grid), verdicts, strict=True)]
    written = _write(tmp_path, findings, grid, headers)
    *groups, burden = _groups(tmp_path / "m.sr.dcm")
    assert len({str(group) for group in groups}) == len(groups) == len(findings)
    for found, group in zip(findings, groups, strict=True):
        alone = replace(written, segments={found.site.id: written.segments[found.site.id]})
        write_measurements(tmp_path / "one.sr.dcm", [found], BURDEN, carry_over(headers), alone, seed="run", when=WHEN,
                           software_version="0.1.0")  # fmt: skip
        assert _groups(tmp_path / "one.sr.dcm") == [group, burden]


def test_without_findings_the_burden_alone_is_reported(tmp_path: Path) -> None:
    grid = oblique_grid()
    _write(tmp_path, (), grid, pet_headers(grid), NO_BURDEN)
    (burden,) = read_measurements(tmp_path / "m.sr.dcm")
    assert (burden.scope, burden.values) == ("suspicious", {"volume_ml": 0.0, "tlu": 0.0})
    assert _complaints(tmp_path / "m.sr.dcm") == []


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    grid = oblique_grid()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _write(tmp_path / name, three_findings(grid), grid, pet_headers(grid))
    assert (tmp_path / "a" / "m.sr.dcm").read_bytes() == (tmp_path / "b" / "m.sr.dcm").read_bytes()


def test_findings_without_their_segmentation_are_a_programming_error(tmp_path: Path) -> None:
    grid = oblique_grid()
    source = carry_over(pet_headers(grid))
    with pytest.raises(ValueError, match="do not belong together"):
        write_measurements(tmp_path / "m.sr.dcm", three_findings(grid), BURDEN, source, None, seed="run",
                           when=WHEN, software_version="0.1.0")  # fmt: skip
    written = _write(tmp_path, three_findings(grid), grid, pet_headers(grid))
    with pytest.raises(ValueError, match="do not belong together"):
        write_measurements(tmp_path / "m.sr.dcm", three_findings(grid), BURDEN, source,
                           replace(written, segments={1: 1, 2: 2, 4: 3}), seed="run", when=WHEN,
                           software_version="0.1.0")  # fmt: skip
    with pytest.raises(ValueError, match="scope"):
        _write(tmp_path, three_findings(grid), grid, pet_headers(grid), TumourBurden("some", 0.0, 0.0, None))


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.sr.dcm").write_text("no DICOM")
    with pytest.raises(Refused, match="no measurement report"):
        read_measurements(tmp_path / "m.sr.dcm")


def test_real_headers_give_a_valid_report(tmp_path: Path, data_dir: Path) -> None:
    files = sorted((data_dir / "petct_sts" / "STS_003" / "PET" / "image").glob("*.dcm"))
    source = carry_over(read_headers([SourceFile(file) for file in files]))
    write_measurements(tmp_path / "m.sr.dcm", (), BURDEN, source, None, seed="run", when=WHEN,
                       software_version="0.1.0")  # fmt: skip
    assert _complaints(tmp_path / "m.sr.dcm", ("Error",)) == []
    assert len(source.notes) == 1 and "StudyID" in source.notes[0]
    assert len(read_measurements(tmp_path / "m.sr.dcm")) == 1
