"""Names of other programs: every class of theirs is mapped or left out with a reason, and sides stay sides."""

from __future__ import annotations

import pytest

from psmap.catalog.anatomy import load_anatomy
from psmap.catalog.anatomy_names import OWN, load_names, parse_names

# The classes of task total of TotalSegmentator 2 in their order (Wasserthal 2023, map_to_binary.py).
CLASSES = """
spleen kidney_right kidney_left gallbladder liver stomach pancreas adrenal_gland_right adrenal_gland_left
lung_upper_lobe_left lung_lower_lobe_left lung_upper_lobe_right lung_middle_lobe_right lung_lower_lobe_right
esophagus trachea thyroid_gland small_bowel duodenum colon urinary_bladder prostate kidney_cyst_left
kidney_cyst_right sacrum vertebrae_S1 vertebrae_L5 vertebrae_L4 vertebrae_L3 vertebrae_L2 vertebrae_L1 vertebrae_T12
vertebrae_T11 vertebrae_T10 vertebrae_T9 vertebrae_T8 vertebrae_T7 vertebrae_T6 vertebrae_T5 vertebrae_T4
vertebrae_T3 vertebrae_T2 vertebrae_T1 vertebrae_C7 vertebrae_C6 vertebrae_C5 vertebrae_C4 vertebrae_C3 vertebrae_C2
vertebrae_C1 heart aorta pulmonary_vein brachiocephalic_trunk subclavian_artery_right subclavian_artery_left
common_carotid_artery_right common_carotid_artery_left brachiocephalic_vein_left brachiocephalic_vein_right
atrial_appendage_left superior_vena_cava inferior_vena_cava portal_vein_and_splenic_vein iliac_artery_left
iliac_artery_right iliac_vena_left iliac_vena_right humerus_left humerus_right scapula_left scapula_right
clavicula_left clavicula_right femur_left femur_right hip_left hip_right spinal_cord gluteus_maximus_left
gluteus_maximus_right gluteus_medius_left gluteus_medius_right gluteus_minimus_left gluteus_minimus_right
autochthon_left autochthon_right iliopsoas_left iliopsoas_right brain skull
"""
TOTAL = [
    *CLASSES.split(),
    *(f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 13)),
    "sternum",
    "costal_cartilages",
]

TABLE = """
program = "Other"
source = "somebody, in some year"
[names]
Leber = "liver"
niere_left = "kidney_left"
[[left_out]]
why = "nobody asks for it"
names = ["Milz"]
"""


def test_every_class_of_task_total_is_one_structure_of_ours() -> None:
    table = load_names()["totalsegmentator"]
    assert len(TOTAL) == 117
    ids = [table.id_of(name) for name in TOTAL]
    assert None not in ids
    assert len(set(ids)) == 117


@pytest.mark.parametrize(
    ("program", "name", "own"),
    [
        ("totalsegmentator", "vertebrae_T12", "vertebra_t12"),
        ("totalsegmentator", "rib_left_7", "rib_7_left"),
        ("totalsegmentator", "hip_right", "hip_bone_right"),
        ("totalsegmentator", "inferior_vena_cava", "vena_cava_inferior"),
        ("totalsegmentator", "parotid_gland_left", "parotid_left"),
        ("totalsegmentator", "vertebrae_S1", "sacrum_s1"),
        ("moose", "vertebra_L6", "vertebra_l6"),
        ("moose", "bladder", "urinary_bladder"),
        ("moose", "Legs", "legs"),
        ("moose", "thyroid_left", "thyroid_lobe_left"),
        ("psmap", "bladder", "bladder"),
        ("psmap", "unicorn", None),
    ],
)
def test_names_mean_what_they_say(program: str, name: str, own: str | None) -> None:
    assert load_names()[program].id_of(name) == own


def test_sides_never_change() -> None:
    entries = load_anatomy()
    for table in load_names().values():
        for name, own in table.ids.items():
            side = entries[own].laterality
            assert side is None or side in name, name
            assert not ("left" in name and "right" in own)
            assert not ("right" in name and "left" in own)


def test_psmap_comes_first_and_knows_itself() -> None:
    tables = load_names()
    assert next(iter(tables)) == OWN
    assert dict(tables[OWN].ids) == {name: name for name in load_anatomy()}


def test_a_table_is_read() -> None:
    table = parse_names(TABLE, "other.toml")
    assert (table.program, table.id_of(" leber "), table.id_of("milz")) == ("Other", "liver", None)
    assert table.left_out["milz"] == "nobody asks for it"
    assert table.known(["LEBER", "Milz", "Herz"]) == 2


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ('source = "somebody, in some year"', "", "source"),
        ('"liver"', '"unicorn"', "no structure is called unicorn"),
        ('"kidney_left"', '"kidney_right"', "two sides"),
        ('["Milz"]', '["leber"]', "leber stand twice"),
        ('why = "nobody asks for it"', "", "why"),
        ("[names]", "[names", "other.toml"),
    ],
)
def test_a_faulty_table_says_what_is_wrong(was: str, becomes: str, says: str) -> None:
    assert was in TABLE
    with pytest.raises(ValueError, match=f"(?s)other.toml.*{says}|{says}"):
        parse_names(TABLE.replace(was, becomes, 1), "other.toml")
