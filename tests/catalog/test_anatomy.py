"""The anatomical vocabulary: complete, unique, with the codes of DICOM's own dictionary."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes

from psmap.catalog.anatomy import GROUPS, load_anatomy, painted_anatomy, parse_anatomy
from psmap.domain.acquisition import Code
from psmap.phantom.true_maps import structure_numbers

ENTRY = """
[[structure]]
id = "kidney_left"
name = "Kidney, left"
code = "64033007"
scheme = "SCT"
group = "organ"
laterality = "left"
source = "somebody"
"""


def test_every_entry_is_complete() -> None:
    entries = load_anatomy()
    assert len(entries) >= 86
    for name, entry in entries.items():
        assert entry.id == name
        assert entry.group in GROUPS
        assert entry.name
        assert entry.source
        if entry.laterality is not None:
            assert entry.laterality in name
        assert entry.code is None or (entry.code.value.isdigit() and entry.code.scheme == "SCT")


def test_both_sides_are_there_and_mean_the_same_thing() -> None:
    entries = load_anatomy()
    for name, entry in entries.items():
        if entry.laterality == "left":
            other = entries[name.replace("_left", "_right")]
            assert other.laterality == "right"
            assert (other.code, other.group) == (entry.code, entry.group)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("aorta_abdominal", codes.SCT.AbdominalAorta),
        ("aorta_arch", codes.SCT.AorticArch),
        ("vena_cava_inferior", codes.SCT.InferiorVenaCava),
        ("common_iliac_artery_left", codes.SCT.CommonIliacArtery),
        ("external_iliac_vein_right", codes.SCT.ExternalIliacVein),
        ("internal_iliac_artery_left", codes.SCT.InternalIliacArtery),
        ("external_iliac_node_left", codes.SCT.ExternalIliacLymphNode),
        ("mediastinal_node", codes.SCT.MediastinalLymphNode),
        ("inguinal_node_right", codes.SCT.InguinalLymphNode),
        ("brain", codes.SCT.Brain),
        ("parotid_left", codes.SCT.ParotidGland),
        ("submandibular_right", codes.SCT.SubmandibularGland),
        ("lacrimal_left", codes.SCT.LacrimalGland),
        ("thyroid", codes.SCT.Thyroid),
        ("tongue", codes.SCT.Tongue),
    ],
)
def test_codes_are_those_of_dicom(name: str, code: object) -> None:
    entry = load_anatomy()[name]
    assert entry.code is not None
    assert (entry.code.value, entry.code.scheme) == (code.value, code.scheme_designator)  # type: ignore[attr-defined]


def test_wholes_come_last_and_leave_the_numbers_of_label_maps_as_they_are() -> None:
    """Numbers are places in the catalogue; those of the first men that were written must stay."""
    names = list(load_anatomy())
    assert names[: len(painted_anatomy())] == list(painted_anatomy())
    assert [names.index(name) + 1 for name in ("skin", "skull", "liver", "ureter_right")] == [1, 10, 266, 285]
    assert structure_numbers() == {name: n for n, name in enumerate(names, start=1) if n <= 285}


def test_a_whole_has_the_code_of_the_structure_itself() -> None:
    entries = load_anatomy()
    for name, code in (
        ("kidney_left", codes.SCT.Kidney),
        ("aorta", codes.SCT.Aorta),
        ("urinary_bladder", codes.SCT.Bladder),
        ("prostate", codes.SCT.Prostate),
        ("sacrum", codes.SCT.Sacrum),
        ("heart_atrium_left", codes.SCT.LeftAtrium),
        ("iliac_vein_right", codes.SCT.IliacVein),
    ):
        assert not entries[name].painted
        assert entries[name].code == Code(code.value, "SCT", entries[name].code.meaning)  # type: ignore[union-attr]
    assert entries["heart_atrium_left"].code.meaning == "Left atrium of the heart"  # type: ignore[union-attr]
    assert entries["kidney_left"].code.meaning == "Kidney"  # type: ignore[union-attr]


def test_an_entry_is_read() -> None:
    (entry,) = parse_anatomy(ENTRY, "abdomen.toml")
    assert entry.code == Code("64033007", "SCT", "Kidney")
    assert (entry.id, entry.name, entry.group, entry.laterality) == ("kidney_left", "Kidney, left", "organ", "left")


def test_a_code_that_is_not_known_is_left_out() -> None:
    (entry,) = parse_anatomy(ENTRY.replace("64033007", ""), "abdomen.toml")
    assert entry.code is None


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('source = "somebody"', "", "source"),
        ('source = "somebody"', 'source = ""', "source"),
        ('group = "organ"', 'group = "thing"', "group"),
        ('laterality = "left"', 'laterality = "right"', "laterality"),
        ('id = "kidney_left"', 'id = "Kidney left"', "id"),
        ('name = "Kidney, left"', "names = 1", "names"),
        ('code = "64033007"', "code = 64033007", "code"),
        ("[[structure]]", "[structure]", "only"),
        ("[[structure]]", "[[structure]", "no TOML"),
    ],
)
def test_a_faulty_entry_names_file_and_key(was: str, becomes: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"abdomen.toml.*{says}"):
        parse_anatomy(ENTRY.replace(was, becomes), "abdomen.toml")


def test_an_id_stands_once() -> None:
    with pytest.raises(ValueError, match="kidney_left stand twice"):
        parse_anatomy(ENTRY + ENTRY, "abdomen.toml")
