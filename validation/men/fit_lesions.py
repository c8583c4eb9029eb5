"""Fit the law of `advanced` to the real lesions: `python validation/men/fit_lesions.py` prints the TOML of its numbers.

Needs pyarrow for the table (`pip install pyarrow`), and PSMAP_DATA or ../shared/data beside the checkout. The true
lesions of the law are seen through a response table: psmap's own measurement of foci painted, blurred and noised. What
it finds under 1 mL is left out, as in the source, and men with nothing left.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from lesion_measuring import ks_distance, measure_all
from lesion_table import RealLesions, read_real_lesions
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize import minimize

from psmap.phantom.lesions.distribution import AdvancedFit, advanced_fit, draw_advanced, draw_profile, scanner_model
from psmap.phantom.lesions.focus import DrawnFocus, FocusKind
from psmap.phantom.lesions.shape import draw_axes_ratio, draw_directions

Floats = npt.NDArray[np.float64]
VOLUMES_ML = np.geomspace(0.02, 1500.0, 14)
SUVS = np.array([2.0, 4.0, 8.0, 20.0, 60.0, 400.0])
REPEATS = 10
SEED_SUV = 3.0
"""Sites are looked for from this SUV up, as psmap does; 0.9 % of the table lies under it."""
FAINTEST_SUV = 2.0
"""A lesion that shows this SUVmax would have been drawn by the source's readers (ours; their coldest is 1.79)."""
FITTED = (
    "number_scale", "number_a", "number_b", "number_suv_correlation", "volume_mu", "volume_sigma", "volume_tau",
    "volume_between", "suv_mu", "suv_between", "suv_within", "suv_slope",
)  # fmt: skip
QUANTILES = np.array([0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99])


@dataclass(frozen=True)
class Response:
    """Means and spreads of ln(measured / true) for volume and contrast, over ln volume and ln SUV."""

    volume: RegularGridInterpolator
    volume_sd: RegularGridInterpolator
    suv: RegularGridInterpolator
    suv_sd: RegularGridInterpolator


def response(seed: int) -> Response:
    """Measure foci over the whole range of volume and SUV."""
    rng = np.random.default_rng(seed)
    foci = [
        DrawnFocus(
            FocusKind.BONE,
            None,
            "",
            volume,
            draw_axes_ratio(rng),
            draw_directions(rng),
            suv,
            *draw_profile(rng, volume),
        )
        for volume, suv, _ in product(VOLUMES_ML.tolist(), SUVS.tolist(), range(REPEATS))
    ]
    seen = measure_all(foci, seed, seed_suv=0.9)
    shape = (len(VOLUMES_ML), len(SUVS), REPEATS)
    volume = np.log([max(m.volume_ml, 1e-3) / f.volume_ml for m, f in zip(seen, foci, strict=True)]).reshape(shape)
    suv = np.log([max(m.suv_max, 0.5) / f.suv for m, f in zip(seen, foci, strict=True)]).reshape(shape)
    axes = (np.log(VOLUMES_ML), np.log(SUVS))
    tables = (volume.mean(axis=2), volume.std(axis=2), suv.mean(axis=2), suv.std(axis=2))
    for at in range(len(SUVS) - 2, -1, -1):
        faint = np.exp(tables[2][:, at]) * SUVS[at] < SEED_SUV
        for table in tables[:2]:  # a contour round what is not found says nothing; the next hotter focus's stands in
            table[faint, at] = table[faint, at + 1]
    print_response(tables[0], tables[2])
    return Response(*(RegularGridInterpolator(axes, table, bounds_error=False, fill_value=None) for table in tables))


def print_response(volume: Floats, suv: Floats) -> None:
    """The response as a page: measured over true, at SUV 20."""
    print("| true volume (mL) | measured / true volume | SUVmax / true SUV |\n|---|---|---|")
    at = int(np.searchsorted(SUVS, 20.0))
    for n, ml in enumerate(VOLUMES_ML):
        print(f"| {ml:.3g} | {np.exp(volume[n, at]):.2f} | {np.exp(suv[n, at]):.2f} |")
    print()


@dataclass(frozen=True)
class Men:
    """Lesions seen in many men, cut at 1 mL: ln SUVmax, ln volume, and the man each belongs to."""

    log_suv: Floats
    log_volume: Floats
    man: npt.NDArray[np.int64]
    all_pieces: int
    men_with_some: int

    @property
    def counts(self) -> Floats:
        """Lesions a man, of those who have any."""
        count = np.bincount(self.man)
        return count[count > 0].astype(float)


def seen_men(fit: AdvancedFit, seen: Response, men: int, seed: int, seed_suv: float = SEED_SUV) -> Men:
    """Men of the law as the source would have listed them; the same dice for every fit."""
    drawn = [draw_advanced(np.random.default_rng([seed, n]), fit) for n in range(men)]
    log_v = np.log(np.concatenate([volume for volume, _ in drawn]))
    log_s = np.log(np.concatenate([suv for _, suv in drawn]))
    man = np.repeat(np.arange(men), [len(volume) for volume, _ in drawn])
    rng = np.random.default_rng(seed)
    at = np.stack([log_v, log_s], axis=1)
    volume = log_v + seen.volume(at) + seen.volume_sd(at) * rng.standard_normal(len(at))
    suv = log_s + seen.suv(at) + seen.suv_sd(at) * rng.standard_normal(len(at))
    kept = (suv > np.log(seed_suv)) & (volume >= 0.0)
    piece = suv > np.log(FAINTEST_SUV)
    return Men(suv[kept], volume[kept], man[kept], int(piece.sum()), len(np.unique(man[piece])))


def within_and_between(values: Floats, man: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Standard deviations within and between men, by analysis of variance of unequal groups."""
    _, group = np.unique(man, return_inverse=True)
    count = np.bincount(group).astype(float)
    mean = np.bincount(group, values) / count
    within = ((values - mean[group]) ** 2).sum() / (len(values) - len(count))
    between = (count * (mean - values.mean()) ** 2).sum() / (len(count) - 1)
    typical = (len(values) - (count**2).sum() / len(values)) / (len(count) - 1)
    return float(np.sqrt(within)), float(np.sqrt(max((between - within) / typical, 0.0)))


def summary(men: Men) -> dict[str, float]:
    """What the fit is to get right beside the three distributions."""
    suv_within, suv_between = within_and_between(men.log_suv, men.man)
    volume_within, volume_between = within_and_between(men.log_volume, men.man)
    _, group = np.unique(men.man, return_inverse=True)
    count = np.bincount(group)
    mean = np.bincount(group, men.log_suv) / count
    volume_mean = np.bincount(group, men.log_volume) / count
    inside = np.corrcoef(men.log_suv - mean[group], men.log_volume - volume_mean[group])[0, 1]
    return {
        "suv_within": suv_within,
        "suv_between": suv_between,
        "volume_within": volume_within,
        "volume_between": volume_between,
        "correlation_suv_volume_within": float(inside),
        "correlation_suv_number": float(np.corrcoef(mean, np.log(count))[0, 1]),
        "pieces_per_listed": men.all_pieces / len(men.man),
        "men_with_pieces_per_listed_man": men.men_with_some / len(count),
    }


def misfit(real: Men, ours: Men) -> float:
    """Sum of squares: quantiles, Kolmogorov-Smirnov distances, and the summary."""
    total = 0.0
    for a, b in (
        (real.log_suv, ours.log_suv), (real.log_volume, ours.log_volume), (np.log(real.counts), np.log(ours.counts)),
    ):  # fmt: skip
        total += 100.0 * ks_distance(a, b) ** 2
        total += float(np.mean((np.quantile(a, QUANTILES) - np.quantile(b, QUANTILES)) ** 2))
    theirs, own = summary(real), summary(ours)
    weight = {"pieces_per_listed": 0.5, "men_with_pieces_per_listed_man": 5.0, "correlation_suv_volume_within": 3.0}
    return total + 2.0 * sum(weight.get(key, 1.0) * (theirs[key] - own[key]) ** 2 for key in theirs)


def fitted(real: Men, seen: Response, start: AdvancedFit, men: int, seed: int, steps: int) -> AdvancedFit:
    """Nelder and Mead over the numbers of the law, all of them in their own units."""
    first = np.array([float(getattr(start, name)) for name in FITTED])
    scale = np.maximum(np.abs(first), 0.3)

    def cost(point: Floats) -> float:
        trial = dict(zip(FITTED, (first + point * scale).tolist(), strict=True))
        low = min(trial[name] for name in FITTED if name not in ("volume_mu", "suv_mu", "suv_slope"))
        if low <= 0.01 or trial["number_suv_correlation"] > 0.95:
            return 1e3
        return misfit(real, seen_men(start.model_copy(update=trial), seen, men, seed))

    simplex = np.concatenate([np.zeros((1, len(first))), 0.15 * np.eye(len(first))])
    options = {"maxfev": steps, "initial_simplex": simplex, "adaptive": True, "xatol": 1e-3, "fatol": 1e-4}
    best = minimize(cost, np.zeros(len(first)), method="Nelder-Mead", options=options)
    print(f"misfit {cost(np.zeros(len(first))):.4f} -> {best.fun:.4f} in {best.nfev} trials\n")
    return start.model_copy(update=dict(zip(FITTED, (first + best.x * scale).tolist(), strict=True)))


def main() -> None:
    """Fit, and print the numbers and how well they do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--men", type=int, default=700)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    real = listed(read_real_lesions())
    seen = response(chosen.seed)
    fit = fitted(real, seen, advanced_fit(), chosen.men, chosen.seed, chosen.steps)
    fresh = seen_men(fit, seen, 2 * chosen.men, chosen.seed + 1)
    print(f"contour {scanner_model().contour_fraction}, point spread {scanner_model().psf_fwhm_mm} mm")
    for name in FITTED:
        print(f"{name} = {getattr(fit, name):.3f}")
    print("\n| | table | law, other dice |\n|---|---|---|")
    for (key, theirs), own in zip(summary(real).items(), summary(fresh).values(), strict=True):
        print(f"| {key} | {theirs:.3f} | {own:.3f} |")
    for name, a, b in (
        ("ln SUVmax", real.log_suv, fresh.log_suv),
        ("ln volume", real.log_volume, fresh.log_volume),
        ("lesions a man", real.counts, fresh.counts),
    ):
        print(f"| KS distance {name} | | {ks_distance(a, b):.3f} |")


def listed(table: RealLesions) -> Men:
    """The table in the same terms; how many pieces and men it was cut from is in it and in its source."""
    return Men(np.log(table.suv_max), np.log(table.volume_ml), table.study, table.all_pieces, table.men_with_lesions)


if __name__ == "__main__":
    main()
