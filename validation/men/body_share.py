"""Which share of a man lies in a field of view: by a length of body and by an anatomy, against the truth of drawn men.

Twelve men (seeds 1 to 12), each with arms up and arms down, are painted whole on voxels of 8 mm, weighed by the
densities of their tissues, and cut to fields of view. The share by length is that of the activity balance without an
anatomy: the length of slices with 50 cm2 of body or more, and the man's true height. The share by anatomy rests on the
true label map of what is in view; once more with every vertebra named as the one below it, and once with the forearms
not named, as TotalSegmentator's main task leaves them. Prints a table in Markdown.

    python validation/men/body_share.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from mass_by_height import slice_kg, whole_man

from psmap.catalog.anatomy_labels import load_labels
from psmap.domain.anatomy import ArmsInView, BodyView, NamedLabels
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import LabelImage
from psmap.phantom.anatomy.draw import ManChoices
from psmap.phantom.anatomy.man import Arms, Man
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import man_of
from psmap.steps.anatomy.body_view import view_of_body
from psmap.steps.anatomy.named import SPINE, anatomy_of
from psmap.steps.quantification.balance import share_by_length, share_by_view
from psmap.steps.quantification.outline import BODY_AREA_CM2

SEEDS = range(1, 13)
VOXEL_MM = 8.0
FIELDS: Mapping[str, tuple[float, float]] = {
    "the whole man": (-1100.0, 1100.0),
    "vertex to mid-thigh": (-330.0, 725.0),
    "skull base to mid-thigh": (-330.0, 577.0),
    "skull base to feet": (-1100.0, 577.0),
    "head, neck and chest": (240.0, 725.0),
    "chest and abdomen": (90.0, 445.0),
    "abdomen and pelvis": (-200.0, 260.0),
    "pelvis alone": (-190.0, 40.0),
    "pelvis and legs": (-1100.0, 40.0),
}
"""From where to where, in the reference man's frame (z, mm)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Weighed:
    """A painted man: his labels, and mass and area of every slice."""

    man: Man
    grid: Grid
    labels: npt.NDArray[np.int32]
    kg: FloatArray
    area_cm2: FloatArray


def main() -> int:
    """Paint, cut, estimate, print."""
    off: dict[str, dict[str, list[float]]] = {field: {} for field in FIELDS}
    true: dict[str, list[float]] = {field: [] for field in FIELDS}
    arms_right = views = loose = 0
    for seed in SEEDS:
        for arms in Arms:
            weighed = _weigh(man_of(seed, Scenario.OLIGO, ManChoices(arms=arms)))
            for field, (low, high) in FIELDS.items():
                part = _part(weighed, low, high)
                share = float(weighed.kg[part].sum() / weighed.kg.sum())
                length = float(np.count_nonzero(weighed.area_cm2[part] >= BODY_AREA_CM2)) * VOXEL_MM
                by_length = share_by_length(length, weighed.man.height_m)
                true[field].append(share)
                found = off[field]
                found.setdefault("length", []).append(by_length - share)
                for name, told in VARIANTS.items():
                    view = told(weighed, part)
                    firm = view is not None and view.firm
                    own = share_by_view(view) if view is not None and firm else by_length
                    found.setdefault(name, []).append(own - share)
                    if name == "anatomy":
                        views, loose = views + 1, loose + (not firm)
                        arms_right += view is not None and _right(view.arms, arms, (low, high))
    names = ("length", *VARIANTS)
    print(f"| field of view | true share | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
    for field, found in off.items():
        cells = [f"{np.median(np.abs(found[n])):.3f}, {np.max(np.abs(found[n])):.3f}" for n in names]
        print(f"| {field} | {min(true[field]):.2f} to {max(true[field]):.2f} | {' | '.join(cells)} |")
    print(f"{loose} of {views} views not firm; arms right in {arms_right}")
    return 0


def _right(found: ArmsInView, arms: Arms, field: tuple[float, float]) -> bool:
    in_view = field[1] > 445.0 if arms is Arms.UP else field[1] > -124.0 and field[0] < 380.0
    return found.value == arms.value or (not in_view and found is ArmsInView.OUT_OF_VIEW)


def _weigh(man: Man) -> _Weighed:
    painted = whole_man(man, VOXEL_MM)
    labels = painted.labels(load_labels().number_of_structure()).astype(np.int32)
    body = painted.compose(lambda name: 1.0).sum(axis=(1, 2)) * VOXEL_MM**2 / 100.0
    return _Weighed(man, painted.grid, labels, slice_kg(painted), body)


def _part(weighed: _Weighed, low: float, high: float) -> slice:
    """The slices whose centres lie between two heights of the reference frame."""
    man = weighed.man
    ends = [man.bend.scale[2] * z + man.bend.shift_mm[2] for z in (low, high)]
    first, last = (
        int(np.clip(round((z - weighed.grid.origin_mm[2]) / VOXEL_MM + 0.5), 0, len(weighed.kg))) for z in ends
    )
    return slice(first, last)


def _true_view(weighed: _Weighed, part: slice) -> BodyView | None:
    return _view(weighed, part, lambda name: name)


def _one_too_low(weighed: _Weighed, part: slice) -> BodyView | None:
    below = dict(pairwise(SPINE))
    return _view(weighed, part, lambda name: below.get(name, name))


def _without_forearms(weighed: _Weighed, part: slice) -> BodyView | None:
    return _view(weighed, part, lambda name: None if name.startswith("forearm") else name)


def _view(weighed: _Weighed, part: slice, named: Callable[[str], str | None]) -> BodyView | None:
    """What an anatomy of these slices says, its labels named otherwise; None takes a label away."""
    x, y, z = weighed.grid.origin_mm
    labels = weighed.labels[part].copy()
    grid = replace(weighed.grid, shape=labels.shape, origin_mm=(x, y, z + VOXEL_MM * part.start))
    names: dict[int, str] = {}
    number_of: dict[str, int] = {}
    for label in load_labels().labels:
        name = named(label.id)
        at = labels == label.number
        if name is None or name in number_of:  # two of one name: they are one
            labels[at] = 0 if name is None else number_of[name]
        else:
            names[label.number], number_of[name] = name, label.number
    anatomy = anatomy_of(NamedLabels(LabelImage(grid, labels, names), frozenset(names.values()), "drawn"))
    return view_of_body(anatomy, grid)


VARIANTS: Mapping[str, Callable[[_Weighed, slice], BodyView | None]] = {
    "anatomy": _true_view,
    "one vertebra off": _one_too_low,
    "no forearms named": _without_forearms,
}

if __name__ == "__main__":
    sys.exit(main())
