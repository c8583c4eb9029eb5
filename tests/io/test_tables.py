"""findings.csv: read by the csv module alone and by psmap, digit for digit."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from header_builder import finding, oblique_grid, three_findings
from hypothesis import given, settings
from hypothesis import strategies as st

from psmap.domain.refusal import Refused
from psmap.domain.uptake import FindingClass, Verdict
from psmap.io.tables import FINDING_COLUMNS, LABEL_COLUMNS, label_rows, read_findings, write_findings, write_tsv


def test_another_reader_finds_the_same_numbers(tmp_path: Path) -> None:
    grid = oblique_grid()
    findings = three_findings(grid)
    write_findings(tmp_path / "findings.csv", findings)
    with (tmp_path / "findings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = {column: [row[column] for row in rows] for column in FINDING_COLUMNS}
    assert table["id"] == ["1", "2", "3"]
    assert [float(cell) for cell in table["volume_ml"]] == [found.site.volume_ml for found in findings]
    assert [float(cell) for cell in table["suv_max"]] == [9.3, 6.25, 1.0 / 3.0 + 3.0]
    means = [(9.3 + 7.0 + 5.1 + 4.4) / 4, 4.875, 1.0 / 3.0 + 3.0]
    assert [float(cell) for cell in table["suv_mean"]] == pytest.approx(means, rel=1e-15)
    assert [float(cell) for cell in table["centroid_z_mm"]] == [found.site.centroid_mm[2] for found in findings]
    assert table["verdict"] == ["equivocal", "suspicious", "physiologic"]
    assert table["small"] == ["true", "true", "true"]
    assert table["reason"][1] == "bright, and large"  # a comma inside a quoted cell (RFC 4180)
    assert table["sphericity"] == ["0.8", "", ""] and table["probability"] == ["", "", ""]


@settings(max_examples=60, deadline=None)
@given(
    suv=st.floats(0.01, 1e4, allow_nan=False),
    reason=st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30),
    probability=st.none() | st.floats(0, 1),
    score=st.none() | st.integers(0, 3),
    location=st.none() | st.sampled_from(["internal_iliac_node_left", "l5"]),
)
def test_a_row_reads_back_as_it_was(tmp_path_factory, suv, reason, probability, score, location) -> None:  # type: ignore[no-untyped-def]
    found = finding(7, [(0, 0, 0)], oblique_grid(), [suv], Verdict.SUSPICIOUS, reason=reason, author="Ünal, \"A\"",
                    probability=probability, expression_score=score, location=location,
                    finding_class=FindingClass.BONE)  # fmt: skip
    path = tmp_path_factory.mktemp("csv") / "findings.csv"
    write_findings(path, [found])
    (row,) = read_findings(path)
    assert row["suv_max"] == suv and row["tlu"] == found.site.tlu
    assert (row["reason"], row["author"], row["class"]) == (reason, 'Ünal, "A"', "bone")
    assert (row["probability"], row["expression_score"], row["location"]) == (probability, score, location)
    assert (row["id"], row["small"], row["open_contour"], row["sphericity"]) == (7, True, False, None)


def test_without_findings_the_header_alone_is_written(tmp_path: Path) -> None:
    write_findings(tmp_path / "findings.csv", ())
    with (tmp_path / "findings.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [list(FINDING_COLUMNS)]
    assert read_findings(tmp_path / "findings.csv") == []


def test_a_table_by_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    path.write_text("id,volume\n1,2\n")
    with pytest.raises(Refused, match="columns"):
        read_findings(path)
    write_findings(path, three_findings(oblique_grid()))
    path.write_text(path.read_text().replace("9.3", "nine"))
    with pytest.raises(Refused, match=r"suv_max is 'nine'.*give float"):
        read_findings(path)
    with pytest.raises(Refused, match="cannot be read"):
        read_findings(tmp_path / "none.csv")


def test_the_table_of_the_label_map_says_n_a_for_unknown(tmp_path: Path) -> None:
    write_tsv(tmp_path / "d.tsv", LABEL_COLUMNS, label_rows(three_findings(oblique_grid())))
    lines = (tmp_path / "d.tsv").read_text().splitlines()
    assert lines[0] == "index\tname\tverdict\tclass\tlocation\tvolume_ml\tsuv_max"
    assert lines[1].startswith("1\tsite 1\tequivocal\tunknown\tn/a\t") and lines[1].endswith("\t9.3")
    assert len(lines) == 4
