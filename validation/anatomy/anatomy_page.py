"""Put the figures of `unseen_men.py` on a page, `anatomy_page.py OUT -o PAGE.md`, and print what is met."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from average_man import AVERAGE
from unseen_men import WAYS

from psmap.catalog.anatomy import load_anatomy
from psmap.catalog.anatomy_labels import load_labels

ASKED: Mapping[str, tuple[float, tuple[str, ...]]] = {
    "liver, lungs": (0.92, ("liver", "lung_left", "lung_right")),
    "spleen, kidneys, bladder": (0.88, ("spleen", "kidney_left", "kidney_right", "urinary_bladder")),
    "parotids, prostate, rectum": (0.75, ("parotid_left", "parotid_right", "prostate", "rectum")),
    "external and internal iliac vessels": (
        0.60,
        tuple(f"{end}_iliac_{kind}_{side}" for end in ("external", "internal") for kind in ("artery", "vein")
              for side in ("left", "right")),
    ),
}  # fmt: skip
"""Structures and the least median Dice of each."""
NAMES_RIGHT = 0.95
WORDS = {
    "both": "CT and PET", "ct": "CT alone", "pet": "PET alone", "low": "from L3 down", AVERAGE: "the average man",
}  # fmt: skip

HEAD = """\
# How well does the network name?

<!-- Made by validation/anatomy/unseen_men.py and validation/anatomy/anatomy_page.py. -->

Measured on digital men that no teaching has seen, drawn as wide as those of teaching and named as a patient is:
network, rules, and the count of vertebrae and ribs. **This is truth of digital men. It says nothing of patients**: real
scans have no such truth here.
"""

Row = dict[str, Any]


def main() -> int:
    """Read, reckon, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    men = {way: read_men(asked.folder / way) for way in (*WAYS, AVERAGE)}
    verdicts = verdict_rows(men["both"])
    page = [
        HEAD,
        f"{len(men['both'])} men, seeds {men['both'][0]['seed']} to {men['both'][-1]['seed']}.",
        "",
        "| with CT and PET | asked | measured | met |",
        "|---|---|---|---|",
        *verdicts,
        "",
        "## Every structure",
        "",
        "Median Dice over the men; in brackets the mean distance of the surfaces and its 95th percentile (mm), medians "
        "too. Structures whose name differs only in side, level or number stand together, with the least median among "
        "them. *From L3 down*: CT and PET of which nothing above is in view. *The average man* is the least that a "
        "network has to beat: the commonest label of twenty men of the teaching at each place of the box round their "
        "bodies, laid into the box round his.",
        "",
        *heading(men),
        *structure_rows(men),
        "",
        "## Names, and what is not there",
        "",
        *heading(men),
        *name_rows(men),
    ]
    asked.output.write_text("\n".join(page).rstrip() + "\n", encoding="utf-8")
    print("\n".join(verdicts))
    return 0


def heading(men: Mapping[str, Sequence[Row]]) -> list[str]:
    """The first two lines of a table with a column a way."""
    return ["| | " + " | ".join(WORDS[way] for way in men) + " |", "|---" * (len(men) + 1) + "|"]


def read_men(folder: Path) -> list[Row]:
    """The men of one way, by seed."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def median_of(men: Sequence[Row], name: str, key: str = "dice") -> float | None:
    """Median over the men who have the structure; a structure that was not found has no distance."""
    values = [man["structures"][name][key] for man in men if name in man["structures"]]
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def share_right(men: Sequence[Row], kind: str) -> float | None:
    """Share of the vertebrae, or ribs, of all men whose name is right; None where none is in view."""
    right, there = (int(n) for n in np.sum([man["names"][kind] for man in men], axis=0))
    return right / there if there else None


def verdict_rows(men: Sequence[Row]) -> list[str]:
    """What was asked, and whether every one of the structures meets it."""
    rows = []
    for words, (least, names) in ASKED.items():
        found = {name: median_of(men, name) or 0.0 for name in names}
        shown = ", ".join(f"{name.replace('_', ' ')} {dice:.2f}" for name, dice in found.items())
        met = "yes" if min(found.values()) >= least else "**no**"
        rows.append(f"| {words}: median Dice | at least {least:.2f} | {shown} | {met} |")
    for kind in ("vertebra", "rib"):
        share = share_right(men, kind) or 0.0
        met = "yes" if share >= NAMES_RIGHT else "**no**"
        words = "vertebrae" if kind == "vertebra" else "ribs"
        rows.append(f"| names of {words} right | {NAMES_RIGHT:.0%} | {share:.1%} | {met} |")
    return rows


def structure_rows(men: Mapping[str, Sequence[Row]]) -> list[str]:
    """A row for every group of structures."""
    groups: dict[str, list[str]] = {}
    for label in load_labels().labels:
        stem = label.kind if label.kind in ("vertebra", "rib") else label.id
        groups.setdefault(stem.removesuffix("_left").removesuffix("_right"), []).append(label.id)
    rows = []
    for stem, names in groups.items():
        cells = []
        for way in men:
            known = {name: dice for name in names if (dice := median_of(men[way], name)) is not None}
            if not known:
                cells.append("none had it")
                continue
            worst = min(known, key=lambda name: known[name])
            away = [median_of(men[way], worst, key) for key in ("mean_mm", "most_mm")]
            shown = " / ".join("not found" if mm is None else f"{mm:.1f}" for mm in away)
            cells.append(f"{known[worst]:.2f} ({shown})")
        title = load_anatomy()[names[0]].name if len(names) == 1 else stem.replace("_", " ").capitalize()
        rows.append(f"| {title} | " + " | ".join(cells) + " |")
    return rows


def _percent(share: float | None) -> str:
    return "none in view" if share is None else f"{share:.1%}"


def name_rows(men: Mapping[str, Sequence[Row]]) -> list[str]:
    """Shares of right names, structures named that a man has not, and seconds."""
    rows = [
        f"| names of {words} right | " + " | ".join(_percent(share_right(men[way], kind)) for way in men) + " |"
        for kind, words in (("vertebra", "vertebrae"), ("rib", "ribs"))
    ]
    absent = (f"{np.mean([len(man['not_there']) for man in men[way]]):.1f}" for way in men)
    stations = (f"{np.median([dice for man in men[way] for dice in man['stations'].values()]):.2f}" for way in men)
    rows.append("| nodal stations: median Dice | " + " | ".join(stations) + " |")
    rows.append("| structures named that the man has not, a man | " + " | ".join(absent) + " |")
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
