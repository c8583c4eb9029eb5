"""How well the references are measured: blood, liver, spleen and parotids of digital men against what they truly hold.

Eighteen men (seeds 101 to 118, six of each scenario), each under 68Ga-PSMA-11 and under 18F-PSMA-1007, are scanned on
the PET's usual voxels of 4 mm and measured as psmap measures a patient, with their true anatomy. The truth is the SUV
that went into the scanner, over the voxels wholly of the organ and clear of foci. The liver threshold of the men under
68Ga-PSMA-11 is taken from the whole liver, from 10 mm inside its border, and from the reference sphere, as psmap takes
it. Prints a page in Markdown; three minutes on one core.

    python validation/anatomy/references.py > docs/how-well-references-are-measured.md
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.catalog.load import tracer_by_name
from psmap.domain.anatomy import AnatomyOnPet, DrawnVoi, NamedLabels, ReferenceOrgan
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.domain.tracer import Tracer
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import ScannedMan, scan_man
from psmap.phantom.true_maps import anatomy_map, sites_map
from psmap.steps.anatomy.named import anatomy_of
from psmap.steps.anatomy.on_pet import bring_to_pet, label_image, liver_on_pet, voxels_of
from psmap.steps.anatomy.references import measure_references, voi_labels
from psmap.steps.detection.thresholds import liver_threshold_suv

Floats32 = npt.NDArray[np.float32]

SEEDS = range(101, 119)
TRACERS = ("psma-11", "psma-1007")
ORGANS: Mapping[ReferenceOrgan, tuple[str, tuple[str, ...]]] = {
    ReferenceOrgan.BLOOD_POOL: ("blood pool", ("aorta_descending", "aorta_arch")),
    ReferenceOrgan.LIVER: ("liver", ("liver",)),
    ReferenceOrgan.SPLEEN: ("spleen", ("spleen",)),
    ReferenceOrgan.PAROTID: ("parotids", ("parotid_left", "parotid_right")),
}
"""Printed name, and the painted structures whose true SUV the reference stands for."""
MARGIN_MM = 10.0
WHOLE = 0.999
"""Share of a voxel from which it is wholly of an organ."""
WAYS = ("whole liver", "10 mm inside its border", "the sphere of 30 mm")

HEAD = """\
# How well are the references measured?

<!-- Made by validation/anatomy/references.py. -->

The [references](anatomy.md#references) of digital men, measured by psmap in the image, against what the men truly hold.
**This is truth of digital men, not accuracy on patients**: psmap was given each man's true anatomy, and CT and PET of
one position; what a segmenter gets wrong, and a patient who moves, come on top of it. No rule of the measurement was
set on these men.

{men} men (seeds {first} to {last}; {scenarios}), each under both tracers, vertex to
mid-thigh on voxels of 4 mm. The true SUV of an organ is the mean of what went into the scanner, over the voxels that
are wholly of it and clear of lesions and benign foci; that of the blood pool is taken in the arch and the descending
aorta.

To do it again, in three minutes on one core:

```sh
python validation/anatomy/references.py > docs/how-well-references-are-measured.md
```
"""
ERRORS = """\
## Measured less true

Error of the mean in the VOI as a share of the true SUV, median and range over the men; and its two parts. *By place*:
an organ is uneven, and where the VOI stands it holds truly more or less than the whole. *By scanner*: what blur, breath
and noise make of the mean of these same voxels. The parotids' VOI is what lies over half of their maximum, and blur
carries much of what so small a gland holds out of it.

| tracer | reference | men measured | true SUV (g/mL) | error | range | by place | range | by scanner | range |
|---|---|---|---|---|---|---|---|---|---|"""
THRESHOLDS = """\
## The liver threshold, from three places

4.30 · (1 + s/m) (g/mL), which is defined for 68Ga-PSMA-11 alone. Foci in a liver, lesions or benign, are in the mask of
the whole liver and may be in that of its inside.

| where mean m and standard deviation s are taken | median (g/mL) | range |
|---|---|---|"""
ROWS = """\
| seed | scenario | foci in the liver | whole liver | 10 mm inside | sphere |
|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One man under one tracer; of every organ that was measured three SUVs: true, true in the VOI, measured."""

    seed: int
    scenario: Scenario
    tracer: Tracer
    suv: Mapping[ReferenceOrgan, tuple[float, float, float]]
    warnings: tuple[str, ...]
    thresholds: tuple[float, ...]
    liver_foci: int


def main() -> int:
    """Scan, measure, print."""
    kinds = list(Scenario)
    men = [measure(seed, kinds[seed % len(kinds)], tracer_by_name(name)) for seed in SEEDS for name in TRACERS]
    each = ", ".join(f"{sum(m.scenario is kind for m in men) // len(TRACERS)} `{kind}`" for kind in kinds)
    print(HEAD.format(men=len(SEEDS), first=SEEDS[0], last=SEEDS[-1], scenarios=each))
    print(ERRORS)
    for tracer in TRACERS:
        print("\n".join(error_row([man for man in men if man.tracer.id == tracer], organ) for organ in ORGANS))
    warned = Counter(words for man in men for words in man.warnings)
    print(f"\nWarnings that psmap prints beside them, and in how many of the {len(men)} scans:\n")
    print("\n".join(f"- {words}: {count}" for words, count in sorted(warned.items())))
    livers = [man for man in men if man.thresholds]
    print(f"\n{THRESHOLDS}")
    for way, words in enumerate(WAYS):
        print(f"| {words} | {median_range(man.thresholds[way] for man in livers)} |")
    print(f"\n{ROWS}")
    for man in livers:
        print(f"| {man.seed} | `{man.scenario}` | {man.liver_foci} | {' | '.join(map(plain, man.thresholds))} |")
    return 0


def measure(seed: int, scenario: Scenario, tracer: Tracer) -> Measured:
    """Scan a man and measure him with his true anatomy."""
    man = scan_man(seed, tracer, scenario)
    labels = anatomy_map(man)
    on_pet = bring_to_pet(anatomy_of(NamedLabels(labels, frozenset(labels.names.values()), "truth")), man.grid)
    references = measure_references(on_pet, man.suv)
    foci = sites_map(man.sites, man.grid).labels
    clear = ~ndimage.binary_dilation(foci > 0)
    suv, warnings = {}, []
    for organ, (words, ids) in ORGANS.items():
        reference = references.of(organ)
        warnings += [f"{words}: {warning}" for warning in reference.warnings]
        if reference.suv_mean is not None:
            voi = np.concatenate([drawn.index for drawn in references.drawn if drawn.organ is organ])
            there = float(man.sharp.reshape(-1)[voi].mean(dtype=np.float64))
            suv[organ] = (true_suv(man, ids, clear), there, reference.suv_mean)
    in_liver = np.unique(foci.reshape(-1)[voxels_of(on_pet, ("liver",))])
    three = thresholds(man.suv, on_pet, references.drawn, tracer) if tracer.liver_threshold else ()
    return Measured(seed, scenario, tracer, suv, tuple(warnings), three, int(np.count_nonzero(in_liver)))


def true_suv(man: ScannedMan, ids: Sequence[str], clear: npt.NDArray[np.bool_]) -> float:
    """Mean SUV before the scanner in the voxels wholly of these structures."""
    share = man.painted.compose(lambda name: float(name in ids))
    return float(man.sharp[(share > WHOLE) & clear].mean(dtype=np.float64))


def thresholds(suv: Floats32, on_pet: AnatomyOnPet, drawn: Sequence[DrawnVoi], tracer: Tracer) -> tuple[float, ...]:
    """The liver threshold (g/mL) by `WAYS`."""
    pet = PetImage(on_pet.grid, suv, SuvConversion((1.0,) * on_pet.grid.shape[0], "made", ()))
    whole = liver_on_pet(on_pet)
    if whole is None:
        raise ValueError("a man without a liver")
    sphere = voi_labels(tuple(voi for voi in drawn if voi.organ is ReferenceOrgan.LIVER), on_pet.grid)
    return tuple(liver_threshold_suv(pet, mask, tracer) for mask in (whole, inside(whole), sphere))


def inside(whole: LabelImage) -> LabelImage:
    """The voxels whose centres lie that far inside the border, which runs half a step before the first one outside."""
    steps = whole.grid.spacing_mm
    deep = ndimage.distance_transform_edt(whole.labels > 0, sampling=steps) - 0.5 * max(steps) >= MARGIN_MM
    return label_image(deep.astype(np.uint8), whole.grid, {1: "liver"})


def error_row(men: Sequence[Measured], organ: ReferenceOrgan) -> str:
    """One organ under one tracer: true SUV, error, and its two parts, which add up to it."""
    true, there, found = np.array([man.suv[organ] for man in men if organ in man.suv]).T
    parts = (found - true, there - true, found - there)
    errors = [median_range(part / true, percent) for part in parts]
    ends = f"{true.min():.2f} to {true.max():.2f}"
    return f"| {men[0].tracer.name} | {ORGANS[organ][0]} | {len(true)} of {len(men)} | {ends} | {' | '.join(errors)} |"


plain = "{:.2f}".format


def percent(share: float) -> str:
    """With its sign, but for nought."""
    return f"{round(100.0 * share, 1) + 0.0:+.1f} %"


def median_range(values: Iterable[float], printed: Callable[[float], str] = plain) -> str:
    """Two cells: median, and lowest to highest."""
    held = list(values)
    return f"{printed(float(np.median(held)))} | {printed(min(held))} to {printed(max(held))}"


if __name__ == "__main__":
    sys.exit(main())
