"""Write `docs/how-lifelike-are-the-men.md` and its picture from the men that `men_measure.py` left in a folder.

    python validation/men/men_page.py FOLDER

Needs pyarrow for the table of real lesions (`pip install pyarrow`), and PSMAP_DATA or ../shared/data beside the
checkout.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lesion_table import RealLesions, read_real_lesions
from men_measure import TRACERS
from men_plots import draw_quantiles
from men_prose import DOWNSTREAM, HEAD
from men_statistics import (
    JUDGED,
    LARGE_ML,
    MEASURES,
    OTHERS,
    SEED_SUV,
    Groups,
    Row,
    against_target_volume,
    as_in_the_table,
    as_they_fell,
    chance_allows,
    distance_with_limits,
    law_of_advanced,
    lesions,
    listed,
    measures,
    precision_with_limits,
    read_men,
    reported,
    table_against_itself,
    together,
    under_blood,
    uptakes,
)

from psmap.catalog.load import tracer_by_name
from psmap.phantom.lesions.scenarios import Scenario

ROOT = Path(__file__).resolve().parents[2]
PAGE, PICTURE = ROOT / "docs" / "how-lifelike-are-the-men.md", ROOT / "docs" / "images" / "men-quantiles.svg"
QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
MOST_DISTANCE, POINTS = 0.1, 5.0
MEDIAN, MEDIAN_SHARE, RANGE = 7.45, 0.10, (1.7, 69.0)
PRECISION = (0.55, 0.75)
PUBLISHED_NUMBERS = {"one": 46 / 85, "two": 22 / 85, "three or more": 17 / 85}

Floats = npt.NDArray[np.float64]
Verdict = tuple[str, str, str, bool]
"""What is asked of, what is asked, what was measured, whether it is met."""


def real_measures(real: RealLesions) -> dict[str, list[Floats]]:
    """The table in the same terms: an array a study."""
    columns = {"SUVmax": real.suv_max, "volume (mL)": real.volume_ml, "SUVmean / SUVmax": real.suv_mean / real.suv_max}
    studies = range(int(real.study.max()) + 1)
    found = {name: [column[real.study == n] for n in studies] for name, column in columns.items()}
    found["lesions a man"] = [np.array([float((real.study == n).sum())]) for n in studies]
    return found


def advanced(men: Sequence[Row], real: RealLesions) -> tuple[list[str], list[Verdict]]:
    """Quantiles and distances of `advanced`, cut as the source was."""
    tables = real_measures(real)
    some = sum(bool(listed(man)) for man in men)
    pieces = sum(len(listed(man)) for man in men)
    page = [
        "## `advanced`: against 8,771 real lesions",
        "",
        f"{len(men)} men, three of eight under 68Ga-PSMA-11 and five under 18F-PSMA-1007, as the studies of the table "
        f"are, with {sum(len(lesions(man)) for man in men):,} true lesions, of whom {some} show at least "
        f"one of 1 mL or more, {pieces:,} together. The table: {len(real.suv_max):,} in {len(tables['SUVmax'])} "
        "studies ([PSMA-PET-CT-Lesions](https://doi.org/10.7937/r7ep-3x37), TCIA, CC BY 4.0).",
        "",
        "| | " + " | ".join(f"{q} %" for q in QUANTILES) + " |",
        "|---" * (len(QUANTILES) + 1) + "|",
    ]
    verdicts, distances = [], []
    for name in MEASURES:
        own = measures(men, name)
        page.append(f"| {name}, table | {_quantiles(np.concatenate(tables[name]))} |")
        page.append(f"| {name}, men | {_quantiles(np.concatenate(own))} |")
        found, low, high = distance_with_limits(np.concatenate(tables[name]), own, 1)
        itself, most = table_against_itself(tables[name], some, 2)
        distances.append(f"| {name} | {found:.3f} | {low:.3f} to {high:.3f} | {itself:.3f} ({most:.3f}) |")
        if name != "SUVmean / SUVmax":
            asked = f"KS distance at most {MOST_DISTANCE}"
            verdicts.append((f"`advanced`: {name}", asked, f"{found:.3f}", found <= MOST_DISTANCE))
    page += [
        "",
        "![Percentiles 1 to 99 of the men over those of the table](images/men-quantiles.svg)",
        "",
        f"The Kolmogorov-Smirnov distance, its middle 95 % over men drawn again and again, and that of {some} studies "
        "of the table from all of it, in the median (and 95th percentile): a law without fault would be as far off.",
        "",
        "| | distance | 95 % of it | the table from itself |",
        "|---|---|---|---|",
        *distances,
        "",
        *luck(men),
        "",
    ]
    shown = ("SUVmax", "volume (mL)", "lesions a man")
    panels = {name: (np.concatenate(tables[name]), np.concatenate(measures(men, name))) for name in shown}
    draw_quantiles(PICTURE, panels, "table", "men")
    return page, verdicts


def luck(men: Sequence[Row]) -> list[str]:
    """How far the dice of these men fell from the law, apart from any scan."""
    (number, suv), (own_number, own_suv) = law_of_advanced(), as_they_fell(men)
    hotter = float(np.exp(np.log(own_suv).mean() - np.log(suv).mean()))
    return [
        f"Part of the distance is dice: the true SUV of these men's lesions of {LARGE_ML:g} mL or more is {hotter:.2f} "
        "times that of 2,000 men drawn from the same law (geometric mean), and they have "
        f"{own_number.mean():.1f} true lesions a man, in the median {np.median(own_number):g}; the law's "
        f"{number.mean():.1f} and {np.median(number):g}. Few men with many lesions each weigh most.",
    ]


def oligo(men: Sequence[Row]) -> tuple[list[str], list[Verdict]]:
    """Number and SUVmax of `oligo` against Koerber 2021."""
    shown = [reported(man) for man in men]
    number = np.array([len(one) for one in shown])
    positive = number[number > 0]
    suv = np.array([value for one in shown for _, value in one])
    drawn = np.array([len(lesions(man)) for man in men])
    true = np.bincount(drawn, minlength=6)
    of_size = {"one": positive == 1, "two": positive == 2, "three or more": positive >= 3}
    page = [
        "## `oligo`: against Koerber 2021",
        "",
        f"{len(men)} men. Drawn for them: " + ", ".join(f"{n} lesions in {true[n]}" for n in range(1, 6)) + ". "
        f"{int((suv < SEED_SUV).sum())} of {len(suv)} lesions stay below SUV {SEED_SUV:g}, where psmap begins to look; "
        f"{under_blood(men)} more show less than the man's blood and are not reported (PROMISE, score 0; a rule that "
        "came after the first look, for a lesion of SUV 1.2 in the halo round a bladder); "
        f"{sum(len(lesions(man)) for man in men) - len(suv) - under_blood(men)} are not told from an organ or another "
        f"lesion; {int((number == 0).sum())} men show none.",
        "",
        "| | published | men |",
        "|---|---|---|",
    ]
    verdicts: list[Verdict] = []
    within = bool(positive.min() >= 1 and positive.max() <= 5)
    verdicts.append(("`oligo`: lesions a man", "1 to 5", f"{positive.min()} to {positive.max()}", within))
    for name, which in of_size.items():
        share, theirs = float(which.mean()), PUBLISHED_NUMBERS[name]
        page.append(f"| men with {name} | {_percent(theirs)} | {_percent(share)} |")
        met = 100.0 * abs(share - theirs) <= POINTS
        verdicts.append(
            (f"`oligo`: men with {name}", f"{_percent(theirs)}, within {POINTS:g} points", _percent(share), met)
        )
    median = float(np.median(suv))
    page.append(f"| SUVmax, median | {MEDIAN} | {median:.2f} |")
    page.append(f"| SUVmax, range | {RANGE[0]} to {RANGE[1]:g} | {suv.min():.2f} to {suv.max():.1f} |")
    verdicts.append(
        (
            "`oligo`: SUVmax, median",
            f"{MEDIAN}, within 10 %",
            f"{median:.2f}",
            abs(median / MEDIAN - 1.0) <= MEDIAN_SHARE,
        )
    )
    inside = bool(suv.min() >= RANGE[0] and suv.max() <= RANGE[1])
    outside = int(((suv < RANGE[0]) | (suv > RANGE[1])).sum())
    measured = f"{suv.min():.2f} to {suv.max():.1f}" + (f"; {outside} of {len(suv)} outside" if outside else "")
    verdicts.append(("`oligo`: SUVmax, range", "none outside 1.7 to 69", measured, inside))
    kinds = [_region(focus) for one in shown for focus, _ in one]
    for name, theirs in {"bone": 62 / 168, "pelvic node": 81 / 168, "distant node": 25 / 168}.items():
        page.append(f"| lesions: {name} | {_percent(theirs)} | {_percent(kinds.count(name) / len(kinds))} |")
    return [*page, ""], verdicts


def recurrence(men: Sequence[Row]) -> tuple[list[str], list[Verdict]]:
    """Men, places and sizes of `bcr_low_psa` against Calais 2018 and the stated sizes."""
    places = [{against_target_volume(focus) for focus, _ in reported(man)} for man in men]
    out = [one for one in places if one & {"bone", "perirectal", "other outside"}]
    bone, perirectal = (sum(where in one for one in out) for where in ("bone", "perirectal"))
    rows = (
        ("men with a lesion", 132, 270, sum(bool(one) for one in places), len(men)),
        ("men with a lesion outside the consensus target volume", 52, 270, len(out), len(men)),
        ("of these, with one in bone", 23, 52, bone, len(out)),
        ("of these, with a perirectal node", 16, 52, perirectal, len(out)),
    )
    foci = [focus for man in men for focus in lesions(man)]
    across = np.array([focus["diameter_mm"] for focus in foci])
    small = float(((across >= 3.0) & (across <= 8.0)).mean())
    suv = np.array([value for man in men for _, value in reported(man)])
    page = [
        "## `bcr_low_psa`: against Calais 2018 and the stated sizes",
        "",
        f"{len(men)} men with {len(foci)} lesions; {int((suv >= SEED_SUV).sum())} of these reach SUV {SEED_SUV:g}. Met "
        "is what lies no farther from the published share than the chance of both counts allows in 95 % of cases.",
        "",
        "| | published or stated | men |",
        "|---|---|---|",
    ]
    verdicts: list[Verdict] = []
    for name, theirs, of, ours, men_of in rows:
        share, published = ours / max(men_of, 1), theirs / of
        apart = chance_allows(theirs, of, ours, max(men_of, 1))
        page.append(f"| {name} | {theirs} of {of}, {_percent(published)} | {ours} of {men_of}, {_percent(share)} |")
        asked = f"{_percent(published)}; chance allows {100.0 * apart:.0f} points"
        verdicts.append((f"`bcr_low_psa`: {name}", asked, _percent(share), abs(share - published) <= apart))
    page.append(f"| lesions of 3 to 8 mm (true diameter) | most | {_percent(small)} |")
    page.append(f"| true diameter, median (5 to 95 %) | 5.5 mm | {_middle(across)} mm |")
    page.append(f"| SUVmax, median (5 to 95 %) | | {_middle(suv)} |")
    had = sum(bool(man["prostatectomy"]) for man in men) / len(men)
    page.append(f"| men after prostatectomy | all | {_percent(had)} |")
    verdicts.append(("`bcr_low_psa`: lesions of 3 to 8 mm", "most", _percent(small), small > 0.5))
    verdicts.append(("`bcr_low_psa`: men after prostatectomy", "all", _percent(had), had == 1.0))
    return [*page, ""], verdicts


def too_easy(groups: dict[str, Groups]) -> tuple[list[str], list[Verdict]]:
    """Average precision of SUVmax by tracer, under every reading of 'other uptake'."""
    names = {tracer: tracer_by_name(tracer).name for tracer in groups}
    page = [
        "## Is it too easy? What SUVmax alone can do",
        "",
        "The unit is the site as `psmap read` lists it: SUV 3 and up, split where it touches. A site is a lesion where "
        "the hottest true voxel next to its own hottest one owes half of its activity, or more, to a lesion. The "
        "average precision is the mean, over the lesions, of the share of lesions among all that is at least as hot; a "
        "coin's is the share of lesions. Every man of the default mixture weighs the same, a third from each scenario; "
        "in brackets the middle 95 % over men drawn again and again within their scenario.",
        "",
        "| other uptake | " + " | ".join(f"{names[tracer]}" for tracer in groups) + " |",
        "|---" * (len(groups) + 1) + "|",
    ]
    verdicts: list[Verdict] = []
    for others in OTHERS:
        cells = []
        for tracer, bodies in groups.items():
            entries = uptakes(bodies, others)
            found, low, high = precision_with_limits(entries, 3)
            coin = together([one for own in entries.values() for one in own]).share
            cells.append(f"{found:.2f} ({low:.2f} to {high:.2f}); coin {coin:.2f}")
            if others == JUDGED:
                met = PRECISION[0] <= found <= PRECISION[1]
                asked = f"average precision {PRECISION[0]} to {PRECISION[1]}"
                verdicts.append(
                    (
                        f"SUVmax alone, bright organs set aside, {names[tracer]}",
                        asked,
                        f"{found:.2f} ({low:.2f} to {high:.2f})",
                        met,
                    )
                )
        bold = "**" if others == JUDGED else ""
        page.append(f"| {bold}{others}{bold} | " + " | ".join(cells) + " |")
    page += [
        "",
        f"By scenario, other uptake {JUDGED}:",
        "",
        "| | " + " | ".join(names.values()) + " |",
        "|---" * (len(groups) + 1) + "|",
    ]
    for scenario in Scenario:
        cells = []
        for bodies in groups.values():
            whole = together(uptakes({scenario: bodies[scenario]}, JUDGED)[scenario])
            cells.append(f"{whole.precision:.2f}; coin {whole.share:.2f}")
        page.append(f"| `{scenario}` | " + " | ".join(cells) + " |")
    return [*page, "", *benign(groups, names)], verdicts


def benign(groups: dict[str, Groups], names: dict[str, str]) -> list[str]:
    """How many benign foci there are, and how hot."""
    page = [
        "The benign foci by themselves (one man a seed; they are the same in every scenario):",
        "",
        "| | drawn a man | with a site of their own | men without such a site | SUVmax, median (5 to 95 %) | "
        "hottest spot in a man's ureters, median |",
        "|---|---|---|---|---|---|",
    ]
    for tracer, bodies in groups.items():
        men = bodies[Scenario.BCR_LOW_PSA]
        drawn = sum(len(man["foci"]) - len(lesions(man)) for man in men) / len(men)
        own = [[focus for focus in man["foci"] if focus["benign"] and focus["sites"]] for man in men]
        suv = np.array([site["suv_max"] for man in men for site in man["sites"] if site["what"] == "benign"])
        without = sum(not one for one in own) / len(men)
        ureter = [
            max([f["suv_seen"] or 0.0 for f in man["foci"] if f["benign"] == "ureter"], default=0.0) for man in men
        ]
        hottest = f"{np.median(ureter):.1f}" if np.median(ureter) > 0.0 else "none"
        page.append(
            f"| {names[tracer]} | {drawn:.2f} | {sum(map(len, own)) / len(men):.2f} | {_percent(without)} | "
            f"{_middle(suv)} | {hottest} |"
        )
    return [*page, ""]


def default_mixture(folder: Path) -> Groups:
    """Men of the first tracer whose seed was scanned in every scenario, so that each scenario is a third."""
    men = {scenario: read_men(folder, TRACERS[0], scenario) for scenario in Scenario}
    seeds = sorted(set.intersection(*(set(own) for own in men.values())))
    return {scenario: [own[seed] for seed in seeds] for scenario, own in men.items()}


def facts(mixed: Sequence[Row], bodies: Groups, real: RealLesions) -> dict[str, float]:
    """Figures for the words on the differences."""
    volume, suv, even = (
        np.concatenate(measures(mixed, name)) for name in ("volume (mL)", "SUVmax", "SUVmean / SUVmax")
    )
    table_even = real.suv_mean / real.suv_max
    every = [man for men in bodies.values() for man in men]
    true = sum(len(lesions(man)) for man in every)
    found = {s: float(np.mean([len(reported(man)) for man in men])) for s, men in bodies.items()}
    faint = sum(value < SEED_SUV for man in every for _, value in reported(man))
    seen = sum(value >= SEED_SUV for man in mixed for _, value in reported(man))
    many = np.sort([len(reported(man)) for man in bodies[Scenario.ADVANCED]])[::-1]
    return {
        "top_tenth": float(many[: max(round(0.1 * len(many)), 1)].sum() / many.sum()),
        **{f"volume_{q}": float(np.percentile(volume, q) / np.percentile(real.volume_ml, q)) for q in (5, 95)},
        "volume_median": float(np.median(volume) / np.median(real.volume_ml)),
        "suv_median": float(np.median(suv) / np.median(real.suv_max)),
        "suv_95": float(np.percentile(suv, 95) / np.percentile(real.suv_max, 95)),
        "even_5": float(np.percentile(even, 5)),
        "even_95": float(np.percentile(even, 95)),
        "table_even_5": float(np.percentile(table_even, 5)),
        "table_even_95": float(np.percentile(table_even, 95)),
        "seen_per_listed": seen / len(volume),
        "unseen": faint / true,
        "swallowed": 1.0 - sum(len(reported(man)) for man in every) / true,
        "advanced_share": found[Scenario.ADVANCED] / sum(found.values()),
    }


def _region(focus: Row) -> str:
    """Bone, pelvic node or distant node, as Koerber counts."""
    if focus["kind"] == "bone":
        return "bone"
    pelvic = ("obturator", "iliac", "presacral", "mesorectal")
    return "pelvic node" if any(word in focus["place"] for word in pelvic) else "distant node"


def _quantiles(values: Floats) -> str:
    return " | ".join(f"{number:.3g}" for number in np.percentile(values, QUANTILES))


def _middle(values: Floats) -> str:
    if len(values) == 0:
        return "none"
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{median:.1f} ({low:.1f} to {high:.1f})"


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"


def main() -> None:
    """Read, reckon, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    groups: dict[str, Groups] = {
        tracer: {scenario: list(read_men(chosen.folder, tracer, scenario).values()) for scenario in Scenario}
        for tracer in TRACERS
    }
    mixed, real = as_in_the_table(chosen.folder), read_real_lesions()
    parts = (
        advanced(mixed, real),
        oligo(list(read_men(chosen.folder, TRACERS[0], Scenario.OLIGO).values())),
        recurrence(list(read_men(chosen.folder, TRACERS[0], Scenario.BCR_LOW_PSA).values())),
        too_easy(groups),
    )
    verdicts = [verdict for _, some in parts for verdict in some]
    table = [f"| {what} | {asked} | {found} | {'yes' if met else '**no**'} |" for what, asked, found, met in verdicts]
    counts = "; ".join(
        f"{tracer_by_name(tracer).name}: " + ", ".join(f"{len(men)} `{scenario}`" for scenario, men in own.items())
        for tracer, own in groups.items()
    )
    page = [
        HEAD,
        f"Men measured: {counts}.",
        "",
        "| | asked | measured | met |",
        "|---|---|---|---|",
        *table,
        "",
        *(line for lines, _ in parts for line in lines),
        DOWNSTREAM.format(**facts(mixed, default_mixture(chosen.folder), real)),
    ]
    PAGE.write_text("\n".join(page).rstrip() + "\n", encoding="utf-8")
    print("\n".join(table))


if __name__ == "__main__":
    main()
