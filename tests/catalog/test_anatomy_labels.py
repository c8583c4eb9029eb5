"""The labels of the network: every structure of the catalogue in one of them, sides swapped both ways."""

from __future__ import annotations

import pytest

from psmap.catalog.anatomy import load_anatomy, painted_anatomy
from psmap.catalog.anatomy_labels import load_labels, parse_labels

TABLE = """
source = "somebody, in some year"
left_out = {out}
stations = ["*_node", "*_node_left", "*_node_right"]
[[label]]
id = "all"
kind = "organ"
structures = {all}
"""


def test_every_structure_is_in_one_label() -> None:
    table = load_labels()
    placed = [name for label in table.labels for name in label.structures] + list(table.stations)
    assert len(placed) == len(set(placed))
    assert {name for name in painted_anatomy() if name not in placed} == {
        f"ganglion_{place}_{side}" for place in ("cervical", "coeliac", "sacral") for side in ("left", "right")
    }


def test_every_label_is_a_structure_of_the_catalogue_on_its_own_side() -> None:
    entries = load_anatomy()
    for label in load_labels().labels:
        assert entries[label.id].laterality == label.side


def test_bones_are_named_one_by_one() -> None:
    """7 + 12 + 5 vertebrae and twelve pairs of ribs."""
    kinds = [label.kind for label in load_labels().labels]
    assert (kinds.count("vertebra"), kinds.count("rib")) == (24, 24)


def test_a_mirror_twice_is_no_mirror() -> None:
    table = load_labels()
    for mirrored in (table.mirrored_labels(), table.mirrored_stations()):
        assert [mirrored[n] for n in mirrored] == list(range(len(mirrored)))
    ids = ["", *(label.id for label in table.labels)]
    assert ids[table.mirrored_labels()[ids.index("kidney_left")]] == "kidney_right"
    assert ids[table.mirrored_labels()[ids.index("liver")]] == "liver"


@pytest.mark.parametrize(
    ("out", "everything", "fault"),
    [
        ('["ganglion_*"]', '["liver"]', "in none"),
        ('["ganglion_*", "liver"]', '["*"]', "in two labels"),
        ('["unicorn_*"]', '["*"]', "unicorn"),
    ],
)
def test_a_wrong_table_says_what_is_wrong(out: str, everything: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_labels(TABLE.format(out=out, all=everything))
