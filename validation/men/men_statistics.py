"""What the table of measured men says: their lesions against published ones, and how far SUVmax alone goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lesion_measuring import ks_distance
from men_measure import TRACERS, tracer_of_turn

from psmap.phantom.lesions.distribution import advanced_fit, draw_advanced
from psmap.phantom.lesions.scenarios import Scenario

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]
CUT_ML = 1.0
"""The real lesions were cut there."""
LARGE_ML = 0.5
"""True lesions from there up are those that the scan is likely to show."""
SEED_SUV = 3.0
"""Sites are looked for from this SUV up."""

BRIGHT = (
    "kidney", "bladder", "gallbladder", "liver", "spleen", "lacrimal", "parotid", "submandibular", "sublingual",
    "tubarial",
)  # fmt: skip
"""Organs bright as a whole in every man: no reader asks of them whether they are tumour."""
GUT = ("duodenum", "jejunum", "small_bowel", "colon", "rectum", "stomach", "oesophagus")


def read_men(folder: Path, tracer: str, scenario: Scenario) -> dict[int, Row]:
    """Seed -> man, of one tracer and scenario."""
    paths = sorted((folder / tracer / str(scenario)).glob("*.json"))
    return {int(path.stem): json.loads(path.read_text("utf-8")) for path in paths}


def as_in_the_table(folder: Path) -> list[Row]:
    """`advanced` men, each under the tracer of his turn, so that the tracers' shares are near the real lesions'."""
    by_tracer = {tracer: read_men(folder, tracer, Scenario.ADVANCED) for tracer in TRACERS[:2]}
    seeds = sorted(set().union(*by_tracer.values()))
    return [men[seed] for seed in seeds if seed in (men := by_tracer[tracer_of_turn(seed)])]


def law_of_advanced(men: int = 2000) -> tuple[Floats, Floats]:
    """Number of lesions a man, and true SUV of those of half a mL or more, in men drawn but not scanned."""
    drawn = [draw_advanced(np.random.default_rng([4, n]), advanced_fit()) for n in range(men)]
    number = np.array([float(len(volume)) for volume, _ in drawn])
    return number, np.concatenate([suv[volume >= LARGE_ML] for volume, suv in drawn])


def as_they_fell(men: Sequence[Row]) -> tuple[Floats, Floats]:
    """The same of men who were scanned."""
    true = [lesions(man) for man in men]
    number = np.array([float(len(foci)) for foci in true])
    return number, np.array([focus["suv"] for foci in true for focus in foci if focus["volume_ml"] >= LARGE_ML])


def lesions(man: Row) -> list[Row]:
    """A man's true lesions."""
    return [focus for focus in man["foci"] if focus["benign"] is None]


def reported(man: Row) -> list[tuple[Row, float]]:
    """A man's lesions with the SUVmax that a reader would report.

    It is that of the lesion's hottest site; of a lesion below the SUV from which sites are looked for, the hottest of
    its own voxels, if that reaches the man's blood: below it no uptake is expressed (PROMISE, score 0). A lesion that
    psmap did not tell from an organ or from another lesion is left out.
    """
    suv = {site["id"]: float(site["suv_max"]) for site in man["sites"]}
    found = []
    for focus in lesions(man):
        if focus["sites"]:
            found.append((focus, max(suv[n] for n in focus["sites"])))
        elif focus["suv_seen"] is not None and man["blood_suv"] <= focus["suv_seen"] < SEED_SUV:
            found.append((focus, float(focus["suv_seen"])))
    return found


def under_blood(men: Sequence[Row]) -> int:
    """How many lesions without a site of their own show less than their man's blood."""
    faint = ((focus["suv_seen"], man["blood_suv"]) for man in men for focus in lesions(man) if not focus["sites"])
    return sum(seen is not None and seen < blood for seen, blood in faint)


MEASURES: Mapping[str, Callable[[Row], list[float]]] = {
    "SUVmax": lambda man: [piece["suv_max"] for piece in listed(man)],
    "volume (mL)": lambda man: [piece["volume_ml"] for piece in listed(man)],
    "lesions a man": lambda man: [float(len(listed(man)))] if listed(man) else [],
    "SUVmean / SUVmax": lambda man: [piece["suv_mean"] / piece["suv_max"] for piece in listed(man)],
}
"""What is compared with the real lesions, man by man."""


def listed(man: Row) -> list[Row]:
    """Pieces of at least 1 mL, as the source lists them."""
    return [piece for piece in man["pieces"] if piece["volume_ml"] >= CUT_ML]


def measures(men: Sequence[Row], name: str) -> list[Floats]:
    """One measure, an array a man."""
    return [np.array(MEASURES[name](man), float) for man in men]


def distance_with_limits(table: Floats, men: Sequence[Floats], seed: int) -> tuple[float, float, float]:
    """Kolmogorov-Smirnov distance of men from a table, and the middle 95 % of it over men drawn again and again."""
    found = ks_distance(table, np.concatenate(men))
    return (found, *again(len(men), lambda which: ks_distance(table, np.concatenate([men[n] for n in which])), seed))


def table_against_itself(table: Sequence[Floats], men: int, seed: int) -> tuple[float, float]:
    """The same distance of as many studies of the table as there are men, from all of it: median and 95 %.

    A law without any fault would be as far off.
    """
    rng, whole = np.random.default_rng(seed), np.concatenate(table)
    found = [
        ks_distance(whole, np.concatenate([table[n] for n in rng.integers(len(table), size=men)])) for _ in range(400)
    ]
    median, most = np.quantile(found, [0.5, 0.95])
    return float(median), float(most)


def again(count: int, value: Callable[[npt.NDArray[np.int64]], float], seed: int) -> tuple[float, float]:
    """The middle 95 % of a figure over `count` men drawn with replacement."""
    rng = np.random.default_rng(seed)
    low, high = np.quantile([value(rng.integers(count, size=count)) for _ in range(400)], [0.025, 0.975])
    return float(low), float(high)


Groups = Mapping[Scenario, Sequence[Row]]
"""Men of one tracer by scenario."""


@dataclass(frozen=True, slots=True)
class Uptakes:
    """Entries that SUVmax is to rank: its value, whether it is a lesion, and the weight of its man."""

    suv: Floats
    lesion: npt.NDArray[np.bool_]
    weight: Floats

    @property
    def share(self) -> float:
        """Share of lesions: the average precision of a coin."""
        return float(self.weight[self.lesion].sum() / self.weight.sum())

    @property
    def precision(self) -> float:
        """Average precision of SUVmax: the mean, over lesions, of the share of lesions among all at least as hot."""
        order = np.argsort(-self.suv, kind="stable")
        weight, lesion = self.weight[order], self.lesion[order]
        true = np.cumsum(weight * lesion)
        return float((true / np.cumsum(weight) * weight * lesion).sum() / true[-1])


def every_site(man: Row) -> list[Row]:
    """All that psmap finds in a man."""
    return list(man["sites"])


def organs_once(man: Row) -> list[Row]:
    """Lesions and benign foci site by site, but each organ once, with its hottest site."""
    hottest: dict[str, Row] = {}
    for site in man["sites"]:
        if site["what"] == "organ":
            hottest.setdefault(site["structure"], site)  # sites come in falling order
    return foci_alone(man) + list(hottest.values())


def but_bright_organs(man: Row) -> list[Row]:
    """What is left once the organs that are bright as a whole are set aside."""
    return [site for site in man["sites"] if site["what"] != "organ" or not site["structure"].startswith(BRIGHT)]


def but_bright_organs_and_duodenum(man: Row) -> list[Row]:
    """The same without the duodenum, the brightest part of the bowel."""
    return [site for site in but_bright_organs(man) if site["what"] != "organ" or site["structure"] != "duodenum"]


def but_gut(man: Row) -> list[Row]:
    """The same without the bowel."""
    return [site for site in but_bright_organs(man) if site["what"] != "organ" or not site["structure"].startswith(GUT)]


def foci_alone(man: Row) -> list[Row]:
    """Lesions and benign foci, no organ."""
    return [site for site in man["sites"] if site["what"] != "organ"]


OTHERS: Mapping[str, Callable[[Row], list[Row]]] = {
    "every other site": every_site,
    "the same, each organ once": organs_once,
    "without the organs that are bright as a whole": but_bright_organs,
    "without the duodenum too": but_bright_organs_and_duodenum,
    "without any of the bowel": but_gut,
    "benign foci alone": foci_alone,
}
"""What counts as other uptake; the third is the one that the gate is judged by."""
JUDGED = "without the organs that are bright as a whole"


def uptakes(groups: Groups, others: str) -> dict[Scenario, list[Uptakes]]:
    """Entries man by man; the men of each scenario weigh as much together as those of any other."""
    found: dict[Scenario, list[Uptakes]] = {}
    for scenario, men in groups.items():
        listed_sites = [OTHERS[others](man) for man in men]
        found[scenario] = [
            Uptakes(
                np.array([site["suv_max"] for site in sites], float),
                np.array([site["what"] == "lesion" for site in sites], bool),
                np.full(len(sites), 1.0 / len(men)),
            )
            for sites in listed_sites
        ]
    return found


def together(entries: Sequence[Uptakes]) -> Uptakes:
    """Entries of many men as one list."""
    return Uptakes(
        np.concatenate([entry.suv for entry in entries]),
        np.concatenate([entry.lesion for entry in entries]),
        np.concatenate([entry.weight for entry in entries]),
    )


def precision_with_limits(entries: Mapping[Scenario, Sequence[Uptakes]], seed: int) -> tuple[float, float, float]:
    """Average precision of SUVmax, and the middle 95 % of it over men drawn again and again within their scenario."""
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(300):
        men = [own[n] for own in entries.values() for n in rng.integers(len(own), size=len(own))]
        drawn.append(together(men).precision)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return together([one for own in entries.values() for one in own]).precision, float(low), float(high)


def chance_allows(hits: int, count: int, other_hits: int, other_count: int) -> float:
    """How far two shares of the same chance lie apart at most, in 95 % of cases (pooled, normal approximation)."""
    pooled = (hits + other_hits) / (count + other_count)
    return 1.96 * float(np.sqrt(pooled * (1.0 - pooled) * (1.0 / count + 1.0 / other_count)))


def against_target_volume(focus: Row) -> str:
    """Where a lesion lies against the consensus target volume, as Calais counts."""
    if focus["kind"] == "bone":
        return "bone"
    if focus["place"] == "mesorectal_node":
        return "perirectal"
    outside = ("common_iliac", "aort", "paracaval", "inguinal", "supraclavicular")
    return "other outside" if any(word in focus["place"] for word in outside) else "inside"
