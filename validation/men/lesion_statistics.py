"""What psmap measures of drawn lesions against what was measured of real ones.

`python validation/men/lesion_statistics.py` prints a Markdown page. Every lesion is painted on a grid of its own, in a
uniform background, blurred, noised and measured with psmap: the men themselves come later, and with them what they add
(neighbours, organs, urine). Needs pyarrow for the table (`pip install pyarrow`), and PSMAP_DATA or ../shared/data
beside the checkout.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lesion_measuring import Measured, ks_distance, measure_all
from lesion_table import RealLesions, read_real_lesions

from psmap.phantom.lesions import DrawnFocus, FocusKind, Scenario, draw_lesions, draw_pitfalls
from psmap.phantom.lesions.distribution import scanner_model

Floats = npt.NDArray[np.float64]
QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
TRACER = "psma-11"
CUT_ML = 1.0
SEED_SUV = 3.0
"""Sites are looked for from this SUV up, as psmap does; 0.9 % of the table lies under it."""

FAINT_SUV = 1.5
"""For SUVmax alone, where the published range begins at 1.7."""


@dataclass(frozen=True)
class Seen:
    """Men of one scenario with what psmap measures of their lesions, one entry a lesion."""

    men: int
    man: npt.NDArray[np.int64]
    foci: tuple[DrawnFocus, ...]
    measured: tuple[Measured, ...]

    def column(self, name: str) -> Floats:
        """One measured number of every lesion."""
        return np.array([getattr(one, name) for one in self.measured])


def seen(scenario: Scenario, men: int, seed: int, seed_suv: float = FAINT_SUV) -> Seen:
    """Draw and measure."""
    drawn = [draw_lesions(np.random.default_rng([seed, n]), scenario, TRACER, prostatectomy=True) for n in range(men)]
    foci = tuple(focus for lesions in drawn for focus in lesions)
    man = np.repeat(np.arange(men), [len(lesions) for lesions in drawn])
    return Seen(men, man, foci, tuple(measure_all(foci, seed, seed_suv)))


def advanced_page(real: RealLesions, ours: Seen) -> list[str]:
    """Quantiles and distances of `advanced`, cut as the source was."""
    kept = ours.column("volume_ml") >= CUT_ML
    counts = np.bincount(ours.man[kept], minlength=ours.men)
    rows = {
        "SUVmax": (real.suv_max, ours.column("suv_max")[kept]),
        "volume (mL)": (real.volume_ml, ours.column("volume_ml")[kept]),
        "lesions a man": (np.bincount(real.study), counts[counts > 0]),
        "SUVmean / SUVmax": (
            real.suv_mean / real.suv_max,
            (ours.column("suv_mean")[kept] / ours.column("suv_max")[kept]),
        ),
    }
    page = [
        "## advanced",
        "",
        f"{ours.men} men with {len(ours.foci)} lesions; {int(kept.sum())} of at least {CUT_ML:g} mL as measured, in "
        f"{int((counts > 0).sum())} men. Table: {len(real.volume_ml)} in {len(np.bincount(real.study))} studies.",
        "",
        "| | " + " | ".join(f"{q} %" for q in QUANTILES) + " | KS |",
        "|---" * (len(QUANTILES) + 2) + "|",
    ]
    for name, (table, own) in rows.items():
        page.append(f"| {name}, table | {_quantiles(table)} | |")
        page.append(f"| {name}, drawn | {_quantiles(own)} | **{ks_distance(table, own):.3f}** |")
    largest = 40.0
    big = (real.volume_ml >= largest, ours.column("volume_ml") >= largest)
    ratio = real.suv_mean / real.suv_max, ours.column("suv_mean") / np.maximum(ours.column("suv_max"), 1e-9)
    page += [
        "",
        f"SUVmean / SUVmax of lesions of at least {largest:g} mL: table {np.median(ratio[0][big[0]]):.2f}, drawn "
        f"{np.median(ratio[1][big[1]]):.2f} in the median.",
        f"Lesions of any size for one of 1 mL: table {real.all_pieces / len(real.volume_ml):.2f} (by their numbers), "
        f"drawn and found {float((ours.column('suv_max') > 0).sum()) / float(kept.sum()):.2f}.",
        "",
    ]
    return page


def oligo_page(ours: Seen) -> list[str]:
    """Number and SUVmax of `oligo` against Koerber 2021."""
    number = np.bincount(ours.man, minlength=ours.men)
    shares = [float((number == 1).mean()), float((number == 2).mean()), float((number >= 3).mean())]
    suv = ours.column("suv_max")
    suv = suv[suv > 0]
    kinds = Counter(region_of(focus) for focus in ours.foci)
    published = {"bone": 62 / 168, "pelvic node": 81 / 168, "distant node": 25 / 168}
    page = ["## oligo", "", "| | published | drawn |", "|---|---|---|"]
    for name, theirs, own in zip(("one", "two", "three or more"), (46 / 85, 22 / 85, 17 / 85), shares, strict=True):
        page.append(f"| men with {name} | {100 * theirs:.1f} % | {100 * own:.1f} % |")
    page.append(f"| least and most lesions | 1 to 5 | {number.min()} to {number.max()} |")
    page.append(f"| SUVmax, median | 7.45 | {np.median(suv):.2f} |")
    page.append(f"| SUVmax, range | 1.7 to 69 | {suv.min():.2f} to {suv.max():.2f} |")
    page.append(f"| lesions not found from SUV {FAINT_SUV:g} up | | {len(ours.foci) - len(suv)} of {len(ours.foci)} |")
    for name, share in published.items():
        page.append(f"| {name} | {100 * share:.1f} % | {100 * kinds[name] / len(ours.foci):.1f} % |")
    return [*page, ""]


def recurrence_page(ours: Seen) -> list[str]:
    """Men, places and sizes of `bcr_low_psa` against Calais 2018 and the stated sizes."""
    places: list[set[str]] = [set() for _ in range(ours.men)]
    for man, focus in zip(ours.man, ours.foci, strict=True):
        places[man].add(site_of(focus))
    outside = [bool(one & {"bone", "perirectal", "other outside"}) for one in places]
    men_out = max(sum(outside), 1)
    across = np.array([focus.diameter_mm for focus in ours.foci])
    suv = ours.column("suv_max")
    found = float((suv > 0).mean())
    rows = (
        ("men with a lesion", 132 / 270, float(np.mean([bool(one) for one in places]))),
        ("men with a lesion outside the target volume", 52 / 270, men_out / ours.men),
        ("of these, bone", 23 / 52, sum("bone" in one for one in places) / men_out),
        ("of these, perirectal node", 16 / 52, sum("perirectal" in one for one in places) / men_out),
    )
    page = ["## bcr_low_psa", "", "| | published or stated | drawn |", "|---|---|---|"]
    page += [f"| {name} | {100 * theirs:.1f} % | {100 * own:.1f} % |" for name, theirs, own in rows]
    share = float(((across >= 3.0) & (across <= 8.0)).mean())
    page.append(f"| lesions of 3 to 8 mm | most | {100 * share:.1f} % |")
    page.append(f"| diameter, 5 to 95 % | | {np.quantile(across, 0.05):.1f} to {np.quantile(across, 0.95):.1f} mm |")
    page.append(f"| SUVmax as seen, median (5 to 95 %) | | {_middle(suv[suv > 0])} |")
    page.append(f"| lesions found from SUV {FAINT_SUV:g} up | all | {100 * found:.1f} % |")
    return [*page, ""]


def benign_page(men: int, seed: int, lesions: dict[Scenario, Seen]) -> list[str]:
    """Number, size and SUVmax of benign foci, and how far SUVmax tells lesions from them on the default mixture."""
    malignant = [(one.column("suv_max"), 1.0 / one.men) for one in lesions.values()]
    page = [
        "## Benign foci", "",
        "| tracer | foci a man | men without | SUVmax, median (5 to 95 %) | diameter (mm) | "
        "average precision of SUVmax |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for tracer in ("psma-11", "psma-1007", "dcfpyl"):
        drawn = [draw_pitfalls(np.random.default_rng([seed, n]), tracer) for n in range(men)]
        foci = [focus for one in drawn for focus in one]
        suv = np.array([one.suv_max for one in measure_all(foci, seed, FAINT_SUV)])
        across = np.array([focus.diameter_mm for focus in foci])
        precision = average_precision([*malignant, (suv, 3.0 / men)])
        without = float(np.mean([not one for one in drawn]))
        page.append(
            f"| {tracer} | {len(foci) / men:.2f} | {100 * without:.1f} % | {_middle(suv[suv > 0])} | "
            f"{_middle(across)} | {precision:.2f} |"
        )
    return [*page, "", "The average precision counts these foci alone, no organs: the men's own is for the men.", ""]


def average_precision(groups: list[tuple[Floats, float]]) -> float:
    """Of SUVmax for lesions; all groups but the last are lesions. Each group comes with the weight of its foci."""
    values = np.concatenate([suv for suv, _ in groups])
    weight = np.concatenate([np.full(len(suv), own) for suv, own in groups])
    lesion = np.arange(len(values)) < len(values) - len(groups[-1][0])
    order = np.argsort(-values, kind="stable")
    true, every = np.cumsum(weight[order] * lesion[order]), np.cumsum(weight[order])
    return float((true / every * weight[order] * lesion[order]).sum() / true[-1])


def region_of(focus: DrawnFocus) -> str:
    """Bone, pelvic node or distant node, as Koerber counts."""
    if focus.kind is FocusKind.BONE:
        return "bone"
    pelvic = ("obturator", "iliac", "presacral", "mesorectal")
    return "pelvic node" if any(word in focus.place for word in pelvic) else "distant node"


def site_of(focus: DrawnFocus) -> str:
    """Where a lesion lies against the consensus target volume, as Calais counts."""
    if focus.kind is FocusKind.BONE:
        return "bone"
    if focus.place == "mesorectal_node":
        return "perirectal"
    outside = ("common_iliac", "aort", "paracaval", "inguinal", "supraclavicular")
    return "other outside" if any(word in focus.place for word in outside) else "inside"


def _quantiles(values: npt.ArrayLike) -> str:
    return " | ".join(f"{number:.3g}" for number in np.percentile(np.asarray(values, float), QUANTILES))


def _middle(values: Floats) -> str:
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{median:.1f} ({low:.1f} to {high:.1f})"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--men", type=int, default=500, help="men of `advanced`; the others are twice as many")
    parser.add_argument("--seed", type=int, default=11)
    chosen = parser.parse_args()
    model = scanner_model()
    print("# Lesions of the digital man against real ones\n")
    print(
        f"Point spread {model.psf_fwhm_mm:g} mm, voxels {model.voxel_mm:g} mm, background SUV "
        f"{model.background_suv:g}; volume inside {100 * model.contour_fraction:g} % of SUVmax.\n"
    )
    lesions = {
        Scenario.ADVANCED: seen(Scenario.ADVANCED, chosen.men, chosen.seed, SEED_SUV),
        Scenario.OLIGO: seen(Scenario.OLIGO, 2 * chosen.men, chosen.seed + 1),
        Scenario.BCR_LOW_PSA: seen(Scenario.BCR_LOW_PSA, 4 * chosen.men, chosen.seed + 2),
    }
    page = advanced_page(read_real_lesions(), lesions[Scenario.ADVANCED])
    page += oligo_page(lesions[Scenario.OLIGO]) + recurrence_page(lesions[Scenario.BCR_LOW_PSA])
    page += benign_page(2 * chosen.men, chosen.seed + 3, lesions)
    print("\n".join(page))


if __name__ == "__main__":
    main()
