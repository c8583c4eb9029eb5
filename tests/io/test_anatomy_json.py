"""Anatomy as documents: valid by their schemas, and every value is that of the noun."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from header_builder import oblique_grid, three_findings
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from test_case_json import a_case, validator

from psmap.catalog.load import load_schema
from psmap.domain.acquisition import Code
from psmap.domain.anatomy import (
    Absence,
    Anatomy,
    FoundStructure,
    MeasuredReferences,
    MissingStructure,
    OrganUptakeRow,
    Reference,
    ReferenceOrgan,
    ReferenceVoi,
    SitePlace,
)
from psmap.domain.case import Case
from psmap.domain.image import LabelImage
from psmap.io.anatomy_json import anatomy_document
from psmap.io.case_json import as_text, case_document
from psmap.io.tables import FINDING_COLUMNS, read_findings, write_findings

GRID = oblique_grid()
LIVER = FoundStructure(
    3, "liver", "Liver", Code("10200004", "SCT", "Liver"), "organ", 7, 0.7, (1.5, -2.0, 40.25), True, 0.875
)
PSOAS = FoundStructure(9, "psoas_left", "Psoas muscle, left", None, "muscle", 2, 0.2, (0.0, 1.0, 2.0), False)
MISSING = (
    MissingStructure("prostate", "Prostate", Absence.REMOVED),
    MissingStructure("vertebra_c1", "Vertebra C1", Absence.OUTSIDE_VIEW),
    MissingStructure("vertebra_c2", "Vertebra C2", Absence.OUTSIDE_VIEW),
    MissingStructure("spleen", "Spleen", Absence.NOT_FOUND),
    MissingStructure("hilar_node_left", "Hilar node, left", Absence.NOT_FOUND),
    MissingStructure("skin", "Skin", Absence.NOT_NAMED),
)
VOI = ReferenceVoi("liver", (1.0, 2.0, 3.0), 30.0, 81, 14.1)
REFERENCES = (
    Reference(ReferenceOrgan.BLOOD_POOL, None, None, None, (), "Aorta: not found in the field of view", (), "PROMISE"),
    Reference(ReferenceOrgan.LIVER, 5.1, 0.4, 6.3, (VOI,), "", ("Liver is cut by the field of view",), "PROMISE"),
    Reference(
        ReferenceOrgan.PAROTID, 8.5, 1.7, 12.0, (replace(VOI, structure="parotid_left", diameter_mm=None),), "", (), "x"
    ),
)
ROWS = (
    OrganUptakeRow("kidney_left", "Kidney, left", 150.0, 30.0, 31.0, 60.0, True, 12.0, 50.0, "doi", 41.5, "a contour"),
    OrganUptakeRow("heart", "Heart", 500.0, 1.25, 1.2, 3.0, False, None, None, ""),
)
PLACES = (
    SitePlace(1, "liver", (("liver", 0.75), ("psoas_left", 0.25)), None, "liver"),
    SitePlace(3, None, (), "hilar_node_right", None),
)


def an_anatomy() -> Anatomy:
    labels, stations = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint16)
    labels.reshape(-1)[:7], labels.reshape(-1)[10:12], stations.reshape(-1)[:3] = 3, 9, 4
    return Anatomy(
        LabelImage(GRID, labels, {3: "liver", 9: "psoas_left"}),
        (LIVER, PSOAS),
        MISSING,
        "somebody 1.0",
        ("a notice",),
        LabelImage(GRID, stations, {4: "hilar_node_right", 5: "hilar_node_left"}),
    )


def a_placed_case() -> Case:
    """A case with sites 1 and 3 placed, and 2 not."""
    return replace(
        a_case(),
        anatomy=an_anatomy(),
        references=MeasuredReferences(REFERENCES, ()),
        organ_uptake=ROWS,
        places=PLACES,
    )


def plain(value: object) -> Any:
    """A noun as JSON has it: vectors as lists, nothing said as null."""
    return json.loads(json.dumps(value), object_hook=lambda held: {k: v if v != "" else None for k, v in held.items()})


def test_the_values_are_those_of_the_nouns() -> None:
    document = json.loads(as_text(case_document(a_placed_case(), "0.1.0")))
    validator("case").validate(document)
    found = document["anatomy"]["found"]
    assert found[0] == {
        "id": "liver",
        "name": "Liver",
        "snomed": "10200004",
        "volume_ml": 0.7,
        "centroid_mm": [1.5, -2.0, 40.25],
        "cut": True,
        "confidence": 0.875,
    }
    assert (found[1]["id"], found[1]["snomed"], found[1]["confidence"]) == ("psoas_left", None, None)
    assert document["anatomy"]["missing"] == {
        "outside_view": ["vertebra_c1", "vertebra_c2"],
        "not_found": ["spleen", "hilar_node_left"],
        "removed": ["prostate"],
        "not_named": 1,
    }
    assert document["anatomy"]["stations"] == ["hilar_node_right"]
    assert (document["anatomy"]["source"], document["anatomy"]["notices"]) == ("somebody 1.0", ["a notice"])
    assert document["references"] == [plain(asdict(reference)) for reference in REFERENCES]
    assert document["organ_uptake"] == [plain(asdict(row)) for row in ROWS]
    assert set(document["organ_uptake"][0]) == {field.name for field in fields(OrganUptakeRow)}
    assert [site["anatomy"] for site in document["sites"]] == [
        {"at_max": "liver", "shares": {"liver": 0.75, "psoas_left": 0.25}, "station": None, "physiologic": "liver"},
        None,
        {"at_max": None, "shares": {}, "station": "hilar_node_right", "physiologic": None},
    ]
    assert list(document["sites"][0]["anatomy"]["shares"]) == ["liver", "psoas_left"]


def test_without_anatomy_all_of_it_is_null() -> None:
    document = case_document(a_case(), "0.1.0")
    validator("case").validate(document)
    assert (document["anatomy"], document["references"], document["organ_uptake"]) == (None, None, None)
    assert [site["anatomy"] for site in document["sites"]] == [None] * 3


def test_every_structure_stands_in_one_list() -> None:
    """A station with voxels is found, whatever the list of the missing says of it."""
    anatomy = an_anatomy()
    told = replace(anatomy, missing=(*MISSING, MissingStructure("hilar_node_right", "x", Absence.NOT_NAMED)))
    assert anatomy_document(told) == anatomy_document(anatomy)
    assert anatomy_document(replace(anatomy, stations=None))["stations"] is None


def test_the_object_alone_and_in_the_case_have_one_schema() -> None:
    alone, whole = load_schema("anatomy"), load_schema("case")["properties"]["anatomy"]
    Draft202012Validator(alone).validate(anatomy_document(an_anatomy()))
    for key in ("properties", "required", "additionalProperties"):
        assert alone[key] == whole[key]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("anatomy", "missing", "lost"), []),
        (("anatomy", "found", 0, "volume_ml"), 0.0),
        (("anatomy", "found", 0, "confidence"), 1.5),
        (("references", 1, "organ"), "kidney"),
        (("references", 1, "vois", 0, "diameter_mm"), -1.0),
        (("organ_uptake", 0, "suv_mean"), None),
        (("sites", 0, "anatomy", "shares", "liver"), 1.5),
    ],
    ids=str,
)
def test_the_schema_tells_good_from_bad(place: tuple[str | int, ...], value: object) -> None:
    document = json.loads(as_text(case_document(a_placed_case(), "0.1.0")))
    held = document
    for key in place[:-1]:
        held = held[key]
    held[place[-1]] = value
    with pytest.raises(ValidationError):
        validator("case").validate(document)


def test_the_table_says_where_each_site_lies(tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    write_findings(path, three_findings(GRID), PLACES)
    rows = read_findings(path)
    for row in rows:
        validator("findings").validate(row)
    assert list(FINDING_COLUMNS)[-3:] == ["structure", "station", "physiologic"]
    assert [tuple(row[name] for name in ("structure", "station", "physiologic")) for row in rows] == [
        ("liver", None, "liver"),
        (None, None, None),
        (None, "hilar_node_right", None),
    ]
