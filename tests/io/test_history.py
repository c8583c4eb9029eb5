"""history.json: what is meant is taken, everything else is refused by its field."""

from __future__ import annotations

from pathlib import Path

import pytest

from psmap.domain.case import History
from psmap.domain.refusal import Refused
from psmap.io.history import read_history


def told(folder: Path, text: str) -> History:
    path = folder / "history.json"
    path.write_text(text, encoding="utf-8")
    return read_history(path)


def test_what_is_told_comes_through_and_what_is_not_stays_unknown(tmp_path: Path) -> None:
    whole = (
        '{"prostatectomy": true, "prior_radiotherapy": false, "psa_ng_ml": 0.8, "psa_date": "2026-01-31",'
        ' "gleason_score": 9, "adt": null}'
    )
    assert told(tmp_path, whole) == History(True, False, 0.8, "2026-01-31", 9, None)
    assert told(tmp_path, "{}") == History()
    assert told(tmp_path, '{"psa_ng_ml": 1, "psa_date": "1980-01-01"}') == History(psa_ng_ml=1.0, psa_date="1980-01-01")
    assert told(tmp_path, '{"psa_date": "2100-12-31"}').psa_date == "2100-12-31"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"psa_ng_ml": "0.8"}', "psa_ng_ml: "),
        ('{"psa_ng_ml": -1}', "psa_ng_ml: "),
        ('{"psa_ng_ml": NaN}', "psa_ng_ml: "),
        ('{"psa_ng_ml": true}', "psa_ng_ml: "),
        ('{"prostatectomy": 1}', "prostatectomy: "),
        ('{"adt": "yes"}', "adt: "),
        ('{"gleason_score": "7"}', "gleason_score: "),
        ('{"gleason_score": 11}', "gleason_score: "),
        ('{"psa_date": "3024-01-01"}', "psa_date: "),
        ('{"psa_date": "2101-01-01"}', "psa_date: "),
        ('{"psa_date": "1979-12-31"}', "psa_date: "),
        ('{"psa_date": "2024-02-30"}', "psa_date: "),
        ('{"psa_date": "1704067200"}', "psa_date: "),
        ('{"psa_date": 1704067200}', "psa_date: "),
        ('{"prostatectomie": true}', "prostatectomie: "),
        ('{"psa_ng_ml": 1, "psa_ng_ml": 2}', "psa_ng_ml: given more than once"),
        ('{"adt": true, "gleason_score": 7, "adt": true}', "adt: given more than once"),
        ('{"adt": ' + "9" * 5000 + ', "adt": true}', "the file: "),
        ('{"adt": {"a": 1}, "adt": true}', "adt: given more than once"),
        ('{"psa_date": "２０２４-01-01"}', "psa_date: "),
        ('[["adt", true]]', "the file: "),
        ("null", "the file: "),
        ("", "the file: "),
        ("[" * 100_000, "the file: "),
    ],
)
def test_what_is_not_meant_is_refused_by_its_field(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        told(tmp_path, text)
    line = str(refusal.value)
    assert line.startswith(field)
    assert "[history.json]; cure: " in line


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "h.json").write_bytes(b"\xff\xfe{")
    for path in (tmp_path / "h.json", tmp_path / "none.json", tmp_path):
        with pytest.raises(Refused, match="the history cannot be read"):
            read_history(path)
