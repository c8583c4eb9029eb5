"""What is said of the anatomy: who named it, what is missing and why, what is cut, what is unsure; lists kept short."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from psmap.apps.report.numerals import count, number
from psmap.apps.report.page import Fact
from psmap.domain.anatomy import Absence, Anatomy, FoundStructure, MissingStructure

LOW_CONFIDENCE = 0.5
"""Structures below this confidence are listed."""

MOST_LISTED = 12
"""A list of structures names at most so many things and counts the rest."""

_NUMBERED = re.compile(r"^(vertebra)_([ctls])(\d+)$|^(rib)_(\d+)_(left|right)$")
_SIDE = re.compile(r"_(left|right)(?=_|$)")

_SENTENCES: tuple[tuple[Absence, str], ...] = (
    (Absence.NOT_FOUND, "Not found"),
    (Absence.REMOVED, "Removed"),
    (Absence.OUTSIDE_VIEW, "Outside the view"),
    (Absence.NOT_NAMED, "Not named"),
)


def anatomy_facts(anatomy: Anatomy) -> tuple[Fact, ...]:
    """Name and sentence, in the order in which they are read."""
    by_side = {structure.id: structure for structure in anatomy.found}
    k, j, i = anatomy.labels.grid.spacing_mm
    facts = [
        Fact("Found by", anatomy.source),
        Fact(
            "Found",
            f"{count(len(by_side), 'structure', 'structures')} on voxels of "
            f"{number(i, 2)} × {number(j, 2)} × {number(k, 2)} mm"
            + (f", {count(_stations(anatomy), 'nodal station', 'nodal stations')}" if anatomy.stations else ""),
        ),
    ]
    for why, head in _SENTENCES:
        missing = [structure for structure in anatomy.missing if structure.why is why]
        if missing:
            facts.append(Fact(head, _missing_words(why, missing)))
    cut = [structure for structure in anatomy.found if structure.cut]
    if cut:
        facts.append(
            Fact("Cut", f"{listing(cut)}: at the edge of the field of view, so volume and uptake are of a part.")
        )
    unsure = [s for s in anatomy.found if s.confidence is not None and s.confidence < LOW_CONFIDENCE]
    if unsure:
        facts.append(Fact("Low confidence", _unsure_words(unsure)))
    return tuple(facts)


def _stations(anatomy: Anatomy) -> int:
    return len(anatomy.stations.names) if anatomy.stations else 0


def _missing_words(why: Absence, missing: Sequence[MissingStructure]) -> str:
    many = len(missing) > 1
    if why is Absence.NOT_NAMED:
        told = count(len(missing), "structure", "structures")
        return f"{told} of the catalogue {'have' if many else 'has'} no name in this source."
    tail = {
        Absence.NOT_FOUND: "in the field of view, but not found; nothing is drawn in their place."
        if many
        else "in the field of view, but not found; nothing is drawn in its place.",
        Absence.REMOVED: "removed, by the history.",
        Absence.OUTSIDE_VIEW: "outside the field of view.",
    }[why]
    return f"{listing(missing)}: {tail}"


def _unsure_words(unsure: Sequence[FoundStructure]) -> str:
    ordered = sorted(unsure, key=lambda s: s.confidence or 0.0)
    shown = [f"{_lower(s.name)} ({number(s.confidence, 2)})" for s in ordered[:MOST_LISTED]]
    more = len(ordered) - len(shown)
    rest = f" and {count(more, 'other', 'others')}" if more else ""
    return f"{_first_upper(', '.join(shown))}{rest}: confidence under {number(LOW_CONFIDENCE, 1)} of 1."


def listing(structures: Iterable[FoundStructure | MissingStructure]) -> str:
    """Names with sides and numbers put together: 'Vertebrae C1 to C4, ribs 1 to 3 on both sides, kidneys, brain'."""
    structures = list(structures)
    words = [*_runs(structures), *_singles(structures)]
    shown, more = words[:MOST_LISTED], len(words) - MOST_LISTED
    text = "; ".join(shown) + (f"; and {count(more, 'other', 'others')}" if more > 0 else "")
    return _first_upper(text)


def _runs(structures: Sequence[FoundStructure | MissingStructure]) -> list[str]:
    """Vertebrae and ribs, by region or side, neighbouring numbers as a run."""
    vertebrae: dict[str, list[int]] = {}
    ribs: dict[int, set[str]] = {}
    for structure in structures:
        found = _NUMBERED.match(structure.id)
        if found and found[1]:
            vertebrae.setdefault(found[2].upper(), []).append(int(found[3]))
        elif found:
            ribs.setdefault(int(found[5]), set()).add(found[6])
    words = [f"{letter}{run}" for letter in "CTLS" for run in _spans(vertebrae.get(letter, []), letter)]
    several = len(words) > 1 or any(" to " in word for word in words)
    told = [f"{'vertebrae' if several else 'vertebra'} {', '.join(words)}"] if words else []
    for sides, side_words in (
        ({"left", "right"}, "on both sides"),
        ({"left"}, "on the left"),
        ({"right"}, "on the right"),
    ):
        spans = _spans([n for n, own in ribs.items() if own == sides], "")
        if spans:
            told.append(f"{'ribs' if len(spans) > 1 or ' to ' in spans[0] else 'rib'} {', '.join(spans)} {side_words}")
    return told


def _spans(numbers: Iterable[int], letter: str) -> list[str]:
    """[1, 2, 3, 5] -> ['1 to 3', '5']; a letter is put before the second number of a span."""
    runs = []
    for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        own = [n for _, n in run]
        runs.append(str(own[0]) if len(own) == 1 else f"{own[0]} to {letter}{own[-1]}")
    return runs


def _singles(structures: Sequence[FoundStructure | MissingStructure]) -> list[str]:
    """All others in their order, left and right of one thing once."""
    others = [s for s in structures if not _NUMBERED.match(s.id)]
    sides: dict[str, set[str]] = {}
    for structure in others:
        found = _SIDE.search(structure.id)
        sides.setdefault(_SIDE.sub("", structure.id), set()).add(found[1] if found else "")
    words: dict[str, str] = {}
    for structure in others:
        stem = _SIDE.sub("", structure.id)
        name = _lower(structure.name)
        if sides[stem] >= {"left", "right"}:
            name = re.sub(r",? ?\b(left|right)\b", "", name).strip() + " on both sides"
        words.setdefault(stem, name)
    return list(words.values())


def _lower(name: str) -> str:
    """'Kidney, left' -> 'kidney, left'; 'L3 vertebra' stays."""
    return name if name[1:2].isdigit() else name[:1].lower() + name[1:]


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
