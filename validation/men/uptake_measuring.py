"""What is read off one man's scanned image: organs as the published figures were read, noise, dome and bladder.

The volumes of interest are those of the sources where they say: a sphere of 3 cm in the liver, of 2 cm in the spleen,
of 1.5 cm in the blood of the aorta, 41 % isocontours round glands and kidneys. A sphere lies where the organ is
thickest. Nothing is read off the sharp image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt, label

from psmap.catalog.load import load_tracers
from psmap.catalog.tissues import load_tissues
from psmap.domain.geometry import Grid
from psmap.phantom.anatomy.draw import draw_man
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Painted, paint
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.man_scan import grid_of
from psmap.phantom.tomograph import Conditions, acquire, breathing_share, draw_halo, usual_conditions
from psmap.phantom.uptake import draw_uptake, measured_suv, sharp_suv

Floats32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
TRACERS = ("psma-11", "psma-1007", "dcfpyl", "fdg")
VOXEL_MM = 4.0
SPHERES: Mapping[str, tuple[str, float]] = {
    "liver": ("liver", 30.0), "spleen": ("spleen", 20.0), "aorta": ("aorta_descending", 15.0),
    "lung": ("lung_right", 30.0), "muscle": ("muscle", 20.0), "marrow": ("vertebra_l3_marrow", 15.0),
    "brain": ("brain", 15.0), "heart": ("heart_blood", 30.0),
}  # fmt: skip
"""Name of the measurement -> structure and diameter (mm) of the sphere."""
CONTOURS: Mapping[str, tuple[str, ...]] = {
    "parotid": ("parotid_left", "parotid_right"), "submandibular": ("submandibular_left", "submandibular_right"),
    "lacrimal": ("lacrimal_left", "lacrimal_right"), "kidney": ("kidney_cortex_left", "kidney_cortex_right"),
    "sublingual": ("sublingual_left", "sublingual_right"), "heart_wall": ("heart_wall",), "duodenum": ("duodenum",),
    "gallbladder": ("gallbladder",), "bladder": ("bladder",),
}  # fmt: skip
"""Name of the measurement -> structures, each inside its 41 % isocontour; the mean of both sides."""
ERODED: Mapping[str, tuple[str, ...]] = {
    "prostate": ("prostate_peripheral", "prostate_transition", "prostate_central"), "colon": ("colon",),
    "small_bowel": ("small_bowel",), "stomach": ("stomach",), "pancreas": ("pancreas",),
    "jejunum": ("jejunum_proximal",),
}  # fmt: skip
"""Name of the measurement -> structures, by the beginning of their names, whose mean is taken a voxel inside."""
_PARTS = ("man", "uptake", "texture", "scanner")
RINGS_MM = (4.0, 8.0, 12.0, 16.0, 24.0)
"""Distances from the bladder between which what looks like uptake is read, in the slices of its middle third."""
HALO = 0.5
"""A moderate halo (greatest share that it takes away)."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A man on his grid; `number_of` gives the numbers in `labels` their structures."""

    seed: int
    man: Man
    painted: Painted
    labels: npt.NDArray[np.int16]
    number_of: Mapping[str, int]

    def mask(self, *beginnings: str) -> Bools:
        """Voxels of all structures whose names begin so."""
        wanted = [number for name, number in self.number_of.items() if name.startswith(beginnings)]
        return np.isin(self.labels, wanted)

    @property
    def grid(self) -> Grid:
        """His grid."""
        return self.painted.grid


def dice_of(seed: int) -> dict[str, np.random.Generator]:
    """Dice of its own for each part of a man."""
    children = np.random.SeedSequence(seed).spawn(len(_PARTS))
    return {part: np.random.default_rng(child) for part, child in zip(_PARTS, children, strict=True)}


def subject(seed: int) -> Subject:
    """A man without disease, painted from the vertex to the thighs."""
    man = draw_man(dice_of(seed)["man"])
    structures = structures_of(man)
    painted = paint(structures, grid_of(structures, man, VOXEL_MM), man.bend)
    number_of = {patch.name: number for number, patch in enumerate(painted.patches, start=1)}
    return Subject(seed, man, painted, painted.labels(number_of), number_of)


def measure(who: Subject, tracer_id: str) -> dict[str, float]:
    """Everything that is read off one man under one tracer, by name."""
    tracer, dice = load_tracers()[tracer_id], dice_of(who.seed)
    uptake = draw_uptake(tracer, who.man, dice["uptake"], beads=False)
    sharp = sharp_suv(who.painted, uptake, dice["texture"])
    conditions = replace(usual_conditions(tracer, who.man), halo=draw_halo(dice["scanner"]))
    breathing = breathing_share(who.painted)
    image = acquire(sharp, who.grid, conditions, dice["scanner"], breathing)
    found = {
        "weight_kg": who.man.weight_kg,
        "bmi": who.man.weight_kg / who.man.height_m**2,
        "activity_mbq": conditions.activity_mbq,
        "true_bladder": uptake.suv["urine"],
    }
    for name in ("liver", "spleen", *CONTOURS):
        if name in load_tissues():
            found[f"drawn_{name}"] = measured_suv(uptake, name)
    found |= _organs(who, image)
    found |= _hot_blood(who, image)
    found |= _round_bladder(who, sharp, conditions, breathing)
    return found


def drawn_law(count: int = 1000) -> dict[tuple[str, str], tuple[float, float]]:
    """Tracer and organ -> mean and spread of what the dice give many men, as it should be measured."""
    found: dict[tuple[str, str], list[float]] = {}
    organs = [name for name in ("liver", "spleen", *CONTOURS) if name in load_tissues()]
    for seed in range(count):
        man = draw_man(dice_of(seed)["man"])
        for tracer in TRACERS:
            uptake = draw_uptake(load_tracers()[tracer], man, dice_of(seed)["uptake"], beads=False)
            for organ in organs:
                found.setdefault((tracer, organ), []).append(measured_suv(uptake, organ))
    return {key: (float(np.mean(values)), float(np.std(values, ddof=1))) for key, values in found.items()}


def ball_in(mask: Bools, grid: Grid, diameter_mm: float) -> Bools:
    """The voxels of a ball that lies where the mask is thickest; of the mask only. The mask has voxels."""
    box = tuple(slice(max(int(at.min()) - 1, 0), int(at.max()) + 2) for at in np.nonzero(mask))
    part = np.pad(mask[box], 1)
    deep = distance_transform_edt(part, sampling=grid.spacing_mm)[1:-1, 1:-1, 1:-1]
    middle = np.unravel_index(int(np.argmax(deep)), deep.shape)
    away = [(np.arange(count) - at) * step for count, at, step in zip(deep.shape, middle, grid.spacing_mm, strict=True)]
    square = away[0][:, None, None] ** 2 + away[1][:, None] ** 2 + away[2] ** 2
    found = np.zeros_like(mask)
    found[box] = (square <= (0.5 * diameter_mm) ** 2) & mask[box]
    return found


def _organs(who: Subject, image: Floats32) -> dict[str, float]:
    found = {}
    for name, (structure, diameter) in SPHERES.items():
        mask = who.mask(structure)
        if name == "muscle":
            mask = _buttocks(who, mask)
        values = image[ball_in(mask, who.grid, diameter)].astype(float)
        found[name] = float(values.mean())
        found[f"{name}_cv"] = float(values.std(ddof=1) / values.mean())
        found[f"{name}_max"] = float(values.max())
    for name, structures in CONTOURS.items():
        means, tops = zip(*(_contoured(image, who.mask(structure)) for structure in structures), strict=True)
        found[name], found[f"{name}_max"] = float(np.mean(means)), float(np.mean(tops))
    for name, structures in ERODED.items():
        mask = binary_erosion(who.mask(*structures))
        if mask.any():
            found[name], found[f"{name}_max"] = float(image[mask].mean()), float(image[mask].max())
    inside = binary_erosion(who.mask("liver"), iterations=3)
    found["liver_whole"], found["liver_max"] = float(image[inside].mean()), float(image[inside].max())
    found["spleen_max"] = float(image[binary_erosion(who.mask("spleen"), iterations=2)].max())
    return found


def _buttocks(who: Subject, muscle: Bools) -> Bools:
    """Muscle behind and beside the hip bones."""
    k, j, _ = np.nonzero(who.mask("hip_bone"))
    kept = np.zeros_like(muscle)
    kept[k.min() : k.max(), int(j.mean()) :] = muscle[k.min() : k.max(), int(j.mean()) :]
    return kept


def _contoured(image: Floats32, organ: Bools) -> tuple[float, float]:
    """Mean inside 41 % of the maximum that lies in the organ, of what hangs together with it near the organ; and it."""
    box = tuple(slice(max(int(at.min()) - 3, 0), int(at.max()) + 4) for at in np.nonzero(organ))
    own, near = organ[box], binary_dilation(organ[box], iterations=2)
    values = image[box]
    top = float(values[own].max())
    pieces, _ = label((values >= 0.41 * top) & near)
    at = np.argmax(np.where(own, values, -1.0))
    return float(values[pieces == pieces.flat[at]].mean()), top


def _hot_blood(who: Subject, image: Floats32) -> dict[str, float]:
    """What a threshold of SUV 3 makes of the heart and the great vessels, a voxel inside."""
    blood = binary_erosion(who.mask("heart_blood", "aorta", "vena_cava", "pulmonary"))
    hot = blood & (image >= 3.0)
    _, pieces = label(hot)
    heart = binary_erosion(who.mask("heart_blood"), iterations=2)
    return {
        "blood_over_3_ml": float(hot.sum()) * who.grid.voxel_ml,
        "blood_over_3_pieces": float(pieces),
        "heart_voxel_cv": float(image[heart].std() / image[heart].mean()),
        "heart_top": float(image[heart].max()),
    }


def _round_bladder(who: Subject, sharp: Floats32, conditions: Conditions, breathing: Floats32) -> dict[str, float]:
    """Mean SUV in rings round the bladder without noise: true, scanned, and scanned with a halo."""
    bladder = who.mask("bladder")
    k = np.nonzero(bladder)[0]
    low, high = int(np.percentile(k, 33)), int(np.percentile(k, 67)) + 1
    part = slice(max(low - 25, 0), high + 25)
    step = who.grid.axes_mm
    x, y, z = (float(mm) for mm in who.grid.to_mm((part.start, 0, 0))[0])
    grid = Grid((sharp[part].shape[0], *sharp.shape[1:]), (x, y, z), step)
    away = distance_transform_edt(~bladder[part], sampling=grid.spacing_mm)
    rows = slice(low - part.start, high - part.start)
    quiet = replace(conditions, noise=0.0, halo=0.0)
    rng = np.random.default_rng(0)
    seen = acquire(sharp[part], grid, quiet, rng, breathing[part])
    halo = acquire(sharp[part], grid, replace(quiet, halo=HALO), rng, breathing[part])
    found = {}
    for near, far in pairwise(RINGS_MM):
        ring = (away[rows] > near) & (away[rows] <= far) & (sharp[part][rows] > 0.05)
        for name, of in (("true", sharp[part]), ("seen", seen), ("halo", halo)):
            found[f"ring_{near:.0f}_{name}"] = float(of[rows][ring].mean())
    muscle = _buttocks(who, who.mask("muscle"))[part][rows] & (away[rows] > 40.0)
    found["buttocks_seen"], found["buttocks_halo"] = (float(of[rows][muscle].mean()) for of in (seen, halo))
    return found
