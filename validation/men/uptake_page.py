"""The page on uptake: what was asked, what was measured, whether it held, and what it means where it did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from uptake_measuring import HALO, RINGS_MM, TRACERS
from uptake_page_scanner import scanner_section
from uptake_plots import Bar, Curve, curve_plot, organ_plot
from uptake_published import PUBLISHED, PUT_IN, RANGES, Published, Range

from psmap.catalog.load import load_physiology, load_tracers

Row = Mapping[str, Any]
Law = Mapping[tuple[str, str], tuple[float, float]]
Floats = npt.NDArray[np.float64]
Asked = list[tuple[str, str, bool]]
LOW_CV, HIGH_CV, MOST_MEN = 0.08, 0.15, 0.8
MEAN_WITHIN, SPREAD_WITHIN = 0.5, 1.5
"""A mean is held within so many published spreads; a spread within that factor."""
PAIRS = (("parotid", "submandibular"), ("liver", "spleen"), ("parotid", "kidney"), ("aorta", "muscle"))

HEAD = """# How men take up the tracer

{count} digital men, each under the four tracers, and what a reader would measure on their **scanned** images, with
breath, positron range, point spread and counts in them. They have no lesions and no benign foci, as the men of the
published figures have none in what is measured. Voxels of 4 mm. Made by `python validation/men/men_uptake.py OUT`.

| asked | measured | held |
|---|---|---|
{rows}

What does not hold, and what it means for what is built on the men, stands at the end."""
ORGANS = """## Organs, published and measured

Held: the mean of the men lies within {mean:g} published spreads of the published mean, and their spread within a
factor of {spread:g} of the published one; the error of a mean of {count} men is {error:.2f} spreads. *Set by*: the
catalogue was set by this figure, so the row tests the way from the catalogue to the image. *Independent*: it was not.
The men are the same under every tracer and so are their dice: what chance does to one tracer's liver it does to all.
*Drawn*: mean and spread of what the dice give 1,000 men as it should be measured / and the mean of what they gave
these, so that chance can be told from a fault of the way to the image."""
PUT = """### What the catalogue says without a published figure

Catalogue / measured. Muscle, fat, skin, marrow and bowel share out what the organs leave over of the injected
activity, so they need not come out as put in. Small or thin organs (pancreas, gallbladder, heart wall) read more or
less than they have, by what lies beside them.

"""
NOISE = """## Noise

![Noise by weight](images/uptake-noise.svg)

Standard deviation over mean of the voxels in a sphere of 3 cm where the liver is thickest: unevenness of the organ
and counting noise together. Held where the median lies within 8 to 15 % and so do {most:.0%} of the men. The activity
follows the weight, and noise still rises with it: more of a photon's way lies in the man, and the counts spread over
more of him. Heart: the highest of its blood's voxels, 8 mm inside.

| tracer | liver, median | range | men within 8 to 15 % | lighter / heavier half | correlation with weight \
| MBq, median | blood of the aorta | highest voxel of the heart, median | men in whom it is 3 or more \
| blood at SUV 3 or more, median mL |
|---|---|---|---|---|---|---|---|---|---|---|
"""
TOGETHER = """## Organs that go together in a man

Correlation of the logarithms over men.

{table}

Liver under 68Ga-PSMA-11 against 18F-PSMA-1007 in the same men: correlation {liver:.2f}, line {slope:.2f} x
{start:+.2f}; published in 50 men 0.78 and 0.33 x + 1.52 (doi 10.1186/s13550-024-01097-3). Ours is closer: the same
dice are thrown for both tracers, with no change from day to day between the scans."""
BLADDER = """## Round the bladder

Mean SUV in rings round the middle third of the bladder over what is truly there: without a halo / with a moderate one
(`halo` {halo:g}). Over 1 is urine spilt into the ring by the point spread; under 1 is what a scatter correction set too
high takes away. Three scans in ten have a halo, of any strength up to this one (ours). It was set so that buttocks
beside a full, hot bladder lose a fifth, as published for a moderate halo (100 men on PET/MR, doi
10.2967/jnumed.118.224139); most bladders are less full or less hot.

"""
DOWNSTREAM = """## Where it differs, and what that means downstream

{lines}
- Maxima of the 55 men are not counted: they were read on another scanner, whose reconstruction is not known, and they
  contradict the ranges above. Where the men's glands and kidneys are fainter than theirs, a rule tuned on the men for
  what is too hot to be a gland or a kidney would fire too early on such a scanner. Liver and spleen, against which the
  expression score is read, agree.
- Published kidneys under 68Ga-PSMA-11 run from 28.8 (lean body mass, maximum) to 41.7 (mean): the men stand for one
  reading, not for all. Nothing of psmap's is measured against kidneys.
- Read at SUV 3, spots of the blood pool stand out: under {worst} in {share:.0%} of men more than 0.3 mL of the blood of
  heart and great vessels, partly noise (a mean of 1.5 to 2 and 10 to 15 %), partly the liver spilt into the vena cava.
  The men with a hot blood pool give most. A count of sites at a fixed threshold holds such spots; only sites of several
  voxels, or a verdict by place, do not.
- The same man under two tracers is more alike than in life: comparisons of tracers on the men are too tidy.
- The point spread is one Gaussian and the positrons': no overshoot at edges as from point spread modelling, no loss
  away from the middle of the ring. Without noise no sphere recovers more than 1. SUVmax of lesions under 15 mm under
  18F is that of a scanner at the sharp end of EARL standard 1; scanners of standard 2 show more.
- Breath blurs and moves nothing else: no band of false activity at the dome, as a CT of another phase of breath gives
  through attenuation correction. Uptake at the dome is too clean.
- How often there is a halo is a guess, and it has one shape. A score for lesions beside the bladder holds for a scanner
  whose scatter correction fails as seldom.
- 68Ga shows spheres of 10 mm by {less:.0%} fainter than 18F. Whatever infers true activity from SUVmax by one width for
  both nuclides errs by about half of that to either side.
"""


class Men:
    """Columns of the table of men."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = sorted(rows, key=lambda row: row["seed"])

    def column(self, tracer: str, name: str) -> Floats:
        """One measurement of every man under a tracer who has it."""
        return np.array([row[name] for row in self._rows if row["tracer"] == tracer and name in row], dtype=np.float64)


def write_page(page: Path, rows: Sequence[Row], scanner: Mapping[str, Any], law: Law) -> None:
    """Write the page, and its drawings beside it into `images`; `law` is what the dice give many men."""
    men, images = Men(rows), page.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    sections = [
        _organs(men, images, law),
        _noise(men, images),
        _together(men),
        _bladder(men),
        scanner_section(scanner["points"], scanner["spheres"], scanner["breath"], images),
    ]
    asked = "\n".join(
        f"| {what} | {found} | {_yes(held)} |" for _, held_here in sections for what, found, held in held_here
    )
    head = HEAD.format(count=len(men.column("psma-11", "liver")), rows=asked)
    parts = [head, *(text for text, _ in sections), _downstream(men, scanner["spheres"])]
    page.write_text("\n\n".join(parts), "utf-8")


def _organs(men: Men, images: Path, law: Law) -> tuple[str, Asked]:
    count = len(men.column("psma-11", "liver"))
    text = [ORGANS.format(mean=MEAN_WITHIN, spread=SPREAD_WITHIN, count=count, error=1 / np.sqrt(count))]
    for tracer in TRACERS:
        name = load_tracers()[tracer].name
        rows = [of for of in PUBLISHED if of.tracer == tracer]
        bars = [_bar(of, men.column(tracer, of.measured)) for of in rows if of.held_to]
        (images / f"uptake-{tracer}.svg").write_text(organ_plot(bars, name), "utf-8")
        text.append(
            f"### {name}\n\n![Uptake of {name}, published and measured](images/uptake-{tracer}.svg)\n\n"
            "| organ | read as | published | drawn | measured | men | held | source "
            "|\n|---|---|---|---|---|---|---|---|\n" + "\n".join(_organ_row(of, men, law) for of in rows)
        )
        ranges = [of for of in RANGES if of.tracer == tracer]
        if ranges:
            text.append(
                "| organ | read as | usual range | median of the men (10 to 90 %) | in it |\n|---|---|---|---|---|\n"
                + "\n".join(_range_row(of, men.column(tracer, of.measured)) for of in ranges)
            )
    text.append(_put_in(men))
    counted = [of for of in PUBLISHED if of.held_to]
    met = sum(is_held(of, men.column(of.tracer, of.measured)) for of in counted)
    inside = sum(_in_range(of, men.column(of.tracer, of.measured)) for of in RANGES)
    return "\n\n".join(text), [
        ("organ uptake within the published mean and spread", f"{met} of {len(counted)} figures", met == len(counted)),
        ("the usual man within the usual range", f"{inside} of {len(RANGES)} ranges", inside == len(RANGES)),
    ]


def is_held(of: Published, values: Floats) -> bool:
    """Whether mean and spread over men are as published."""
    ratio = float(values.std(ddof=1)) / of.spread
    return (
        abs(float(values.mean()) - of.mean) <= MEAN_WITHIN * of.spread and 1 / SPREAD_WITHIN <= ratio <= SPREAD_WITHIN
    )


def _organ_row(of: Published, men: Men, law: Law) -> str:
    values = men.column(of.tracer, of.measured)
    held = is_held(of, values)
    verdict = _yes(held) if of.held_to else ("agrees" if held else "differs")
    drawn = men.column(of.tracer, f"drawn_{of.organ}")
    put_in = ""
    if len(drawn) and not of.measured.endswith("_max"):
        mean, spread = law[of.tracer, of.organ]
        put_in = f"{mean:.1f} ± {spread:.1f} / {drawn.mean():.1f}"
    kind = "independent" if of.independent else "set by"
    return (
        f"| {of.organ} | {of.how} | {of.mean:g} ± {of.spread:g} | {put_in} | {values.mean():.1f} ± "
        f"{values.std(ddof=1):.1f} | {len(values)} | {verdict} | {kind}: {of.source} |"
    )


def _bar(of: Published, values: Floats) -> Bar:
    whole = " (whole)" if of.measured == "liver_whole" else ""
    found = (float(values.mean()), float(values.std(ddof=1)))
    return Bar(of.organ + whole, (of.mean, of.spread), found, is_held(of, values))


def _in_range(of: Range, values: Floats) -> bool:
    return of.low <= round(float(np.median(values)), 1) <= of.high


def _range_row(of: Range, values: Floats) -> str:
    low, middle, high = np.percentile(values, [10, 50, 90])
    inside = _yes(_in_range(of, values))
    return f"| {of.organ} | {of.how} | {of.low:g} to {of.high:g} | {middle:.1f} ({low:.1f} to {high:.1f}) | {inside} |"


def _put_in(men: Men) -> str:
    lines = []
    for measured, entry in PUT_IN.items():
        cells = []
        for tracer in TRACERS:
            values, organ = men.column(tracer, measured), load_physiology()[tracer].organs[entry]
            cells.append(f"{organ.mean:g} ± {organ.spread:g} / {values.mean():.2g} ± {values.std(ddof=1):.2g}")
        lines.append(f"| {measured.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return f"{PUT}| organ | {_names()} |\n|---|---|---|---|---|\n" + "\n".join(lines)


def _noise(men: Men, images: Path) -> tuple[str, Asked]:
    lines, curves, asked = [], [], []
    for tracer in TRACERS:
        name, cv, weight = load_tracers()[tracer].name, men.column(tracer, "liver_cv"), men.column(tracer, "weight_kg")
        inside = float(np.mean((cv >= LOW_CV) & (cv <= HIGH_CV)))
        lines.append(_noise_row(men, tracer))
        curves.append(Curve(name, list(zip(weight.tolist(), (100 * cv).tolist(), strict=True)), line=False))
        asked.append(
            (
                f"a sphere of 3 cm in one man's liver varies by 8 to 15 %, {name}",
                f"median {np.median(cv):.1%}, {inside:.0%} of men inside",
                LOW_CV <= float(np.median(cv)) <= HIGH_CV and inside >= MOST_MEN,
            )
        )
    plot = curve_plot(
        curves,
        "Noise of the liver by body weight",
        "body weight (kg)",
        "% from voxel to voxel",
        (140.0, 22.0),
        [(40.0, 8.0, 15.0), (140.0, 8.0, 15.0)],
        40.0,
    )
    (images / "uptake-noise.svg").write_text(plot, "utf-8")
    return NOISE.format(most=MOST_MEN) + "\n".join(lines), asked


def _noise_row(men: Men, tracer: str) -> str:
    cv, weight, top = (men.column(tracer, name) for name in ("liver_cv", "weight_kg", "heart_top"))
    heavy = weight > np.median(weight)
    cells = [
        load_tracers()[tracer].name,
        f"{np.median(cv):.1%}",
        f"{cv.min():.1%} to {cv.max():.1%}",
        f"{np.mean((cv >= LOW_CV) & (cv <= HIGH_CV)):.0%}",
        f"{cv[~heavy].mean():.1%} / {cv[heavy].mean():.1%}",
        f"{np.corrcoef(cv, weight)[0, 1]:.2f}",
        f"{np.median(men.column(tracer, 'activity_mbq')):.0f}",
        f"{np.median(men.column(tracer, 'aorta_cv')):.0%}",
        f"{np.median(top):.1f}",
        f"{np.mean(top >= 3.0):.0%}",
        f"{np.median(men.column(tracer, 'blood_over_3_ml')):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _together(men: Men) -> tuple[str, Asked]:
    lines = [f"| | {_names()} |", "|---|---|---|---|---|"]
    for one, other in PAIRS:
        cells = [f"{_alike(men.column(t, one), men.column(t, other)):.2f}" for t in TRACERS]
        lines.append(f"| {one} and {other} | " + " | ".join(cells) + " |")
    ga, f18 = men.column("psma-11", "liver"), men.column("psma-1007", "liver")
    slope, start = np.polyfit(f18, ga, 1)
    text = TOGETHER.format(table="\n".join(lines), liver=_alike(ga, f18), slope=slope, start=start)
    glands = min(_alike(men.column(t, "parotid"), men.column(t, "submandibular")) for t in TRACERS)
    return text, [("organs correlated within a man", f"glands {glands:.2f} or more", glands > 0.5)]


def _bladder(men: Men) -> tuple[str, Asked]:
    rings = " | ".join(f"{a:.0f} to {b:.0f} mm" for a, b in pairwise(RINGS_MM))
    lines = [
        f"| tracer | bladder, SUVmax | {rings} | buttocks, with over without |",
        "|---|---|" + "---|" * len(RINGS_MM),
    ]
    for tracer in TRACERS:
        cells = [f"{np.median(men.column(tracer, 'bladder_max')):.0f}"]
        for ring in RINGS_MM[:-1]:
            true, seen, halo = (men.column(tracer, f"ring_{ring:.0f}_{kind}") for kind in ("true", "seen", "halo"))
            cells.append(f"{np.mean(seen / true):.2f} / {np.mean(halo / true):.2f}")
        left = men.column(tracer, "buttocks_halo") / men.column(tracer, "buttocks_seen")
        lines.append(f"| {load_tracers()[tracer].name} | " + " | ".join(cells) + f" | {left.mean():.2f} |")
    taken = 1.0 - float(np.mean(men.column("psma-11", "ring_8_halo") / men.column("psma-11", "ring_8_seen")))
    return BLADDER.format(halo=HALO) + "\n".join(lines), [
        (
            "halo near the bladder, 68Ga-PSMA-11",
            f"a moderate one takes {taken:.0%} of what lies 8 to 12 mm away",
            True,
        )
    ]


def _downstream(men: Men, spheres: Sequence[Row]) -> str:
    lines = [
        f"- {load_tracers()[of.tracer].name}, {of.organ}, {of.how}: {values.mean():.1f} ± {values.std(ddof=1):.1f} "
        f"against {of.mean:g} ± {of.spread:g}{'' if of.held_to else ' (not counted)'}."
        for of in PUBLISHED
        if not is_held(of, values := men.column(of.tracer, of.measured))
    ]
    lines += [
        f"- {load_tracers()[of.tracer].name}, {of.organ}, {of.how}: median {np.median(values):.1f} outside "
        f"{of.low:g} to "
        f"{of.high:g}."
        for of in RANGES
        if not _in_range(of, values := men.column(of.tracer, of.measured))
    ]
    hot = {t: float(np.mean(men.column(t, "blood_over_3_ml") > 0.3)) for t in TRACERS}
    worst = max(hot, key=lambda tracer: hot[tracer])
    small = {row["nuclide"]: row["contrast_recovery"] for row in spheres if row["diameter_mm"] == 10.0}
    return DOWNSTREAM.format(
        lines="\n".join(lines),
        worst=load_tracers()[worst].name,
        share=hot[worst],
        less=1.0 - small["68Ga"] / small["18F"],
    )


def _names() -> str:
    return " | ".join(load_tracers()[tracer].name for tracer in TRACERS)


def _alike(one: Floats, other: Floats) -> float:
    return float(np.corrcoef(np.log(one), np.log(other))[0, 1])


def _yes(held: bool) -> str:
    return "yes" if held else "**no**"
