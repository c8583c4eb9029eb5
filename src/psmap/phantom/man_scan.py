"""A digital man from one seed: drawn, painted, given a tracer and lesions, and scanned; every truth kept beside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.domain.tracer import Tracer
from psmap.phantom.anatomy.draw import LEFT_TO_THE_DICE, ManChoices, draw_man
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Painted, Structure, paint
from psmap.phantom.anatomy.solids import Floats32
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.hounsfield import ct_of
from psmap.phantom.lesions.on_ct import put_on_ct
from psmap.phantom.lesions.paint_focus import paint_focus
from psmap.phantom.lesions.pitfalls import draw_pitfalls
from psmap.phantom.lesions.placing import TrueSite as TrueSite
from psmap.phantom.lesions.placing import place_foci
from psmap.phantom.lesions.scenarios import Scenario, draw_lesions
from psmap.phantom.tomograph import Conditions, acquire, breathing_share, draw_halo, usual_conditions
from psmap.phantom.uptake import Uptake, draw_uptake, sharp_suv

BODY_MM, PELVIS_MM = (-330.0, 725.0), (-190.0, 40.0)
"""Fields of view along z in the reference frame: vertex to mid-thigh, and the pelvis from ischium to promontory."""

AROUND_MM = 24.0

_PARTS = ("man", "uptake", "lesions", "pitfalls", "places", "texture", "scanner", "tissue")


@dataclass(frozen=True, slots=True, eq=False)
class ScannedMan:
    """A man, his PET and his CT.

    Args:
        seed, tracer, scenario: what he was made of.
        man, uptake, conditions: what the dice gave.
        grid: where PET and CT lie.
        suv: PET in SUVbw (g/mL), as the scanner gives it.
        sharp: the SUV that went into the scanner.
        hu: CT.
        painted: his anatomy on the grid.
        sites: lesions and benign foci, in their places.
        field_mm: from where to where he was asked for along z, in the reference frame.
        choices: what was chosen of him.
    """

    seed: int
    tracer: str
    scenario: Scenario
    man: Man
    uptake: Uptake
    conditions: Conditions
    grid: Grid
    suv: Floats32
    sharp: Floats32
    hu: npt.NDArray[np.int16]
    painted: Painted
    sites: tuple[TrueSite, ...]
    field_mm: tuple[float, float] = BODY_MM
    choices: ManChoices = LEFT_TO_THE_DICE


def scan_man(
    seed: int,
    tracer: Tracer,
    scenario: Scenario,
    *,
    voxel_mm: float = 4.0,
    field_mm: tuple[float, float] = BODY_MM,
    choices: ManChoices = LEFT_TO_THE_DICE,
    contrast: bool = False,
    man: Man | None = None,
) -> ScannedMan:
    """Make a man and scan him. The same seed gives the same man, with the same foci, on every grid.

    Args:
        seed: of all dice; each part has its own, so that one tracer more or less leaves the man as he is.
        tracer: of `catalog/tracers`, with a physiology.
        scenario: which lesions he has.
        voxel_mm: edge of the cubic voxels of PET and CT.
        field_mm: from where to where along z, in the reference frame.
        choices: what is not left to the dice of the man.
        contrast: whether the CT has contrast medium.
        man: in place of a drawn one.

    Raises:
        Refused: the choices do not go together, or nothing is known of where the tracer goes.
    """
    dice = _dice(seed)
    who = man_of(seed, scenario, choices) if man is None else man
    structures = structures_of(who)
    uptake = draw_uptake(tracer, who, dice["uptake"], beads=False)  # urine in the ureters is drawn among the pitfalls
    foci = (
        *draw_lesions(dice["lesions"], scenario, tracer.id, who.prostatectomy),
        *draw_pitfalls(dice["pitfalls"], tracer.id),
    )
    sites = place_foci(foci, who, structures, dice["places"])
    grid = grid_of(structures, who, voxel_mm, field_mm)
    painted = paint(structures, grid, who.bend)
    sharp = sharp_suv(painted, uptake, dice["texture"])
    conditions = replace(usual_conditions(tracer, who), contrast=contrast, halo=draw_halo(dice["scanner"]))
    hu = ct_of(painted, who, conditions, dice["tissue"])
    for site in sites:
        spot = paint_focus(sharp, grid, site.centre_mm, site.focus)
        if spot is not None:
            put_on_ct(hu, spot, site, grid, conditions, dice["tissue"])
    suv = acquire(sharp, grid, conditions, dice["scanner"], breathing_share(painted))
    made = (seed, tracer.id, scenario, who, uptake, conditions, grid, suv, sharp, hu, painted, sites)
    return ScannedMan(*made, field_mm=field_mm, choices=choices)


def man_of(seed: int, scenario: Scenario, choices: ManChoices = LEFT_TO_THE_DICE) -> Man:
    """The man of a seed as `scan_man` draws him; `Refused` where the choices do not go with the rest of him.

    A man with a recurrence at low PSA comes after prostatectomy, as those of its source do, unless chosen otherwise.
    """
    left_open = choices.prostatectomy is None and choices.prostate_ml is None
    if scenario is Scenario.BCR_LOW_PSA and left_open:
        choices = replace(choices, prostatectomy=True)
    return draw_man(_dice(seed)["man"], choices)


def grid_of(
    structures: tuple[Structure, ...], man: Man, voxel_mm: float, field_mm: tuple[float, float] = BODY_MM
) -> Grid:
    """Cubic voxels round the man's skin, and along z the field of view."""
    skin = next(structure.solid for structure in structures if structure.name == "skin")
    low, high = man.bend.box(
        (skin.low[0], skin.low[1], max(skin.low[2], field_mm[0])), (skin.high[0], skin.high[1], field_mm[1])
    )
    low[:2] -= AROUND_MM
    high[:2] += AROUND_MM
    k, j, i = (int(np.ceil((high[c] - low[c]) / voxel_mm)) for c in (2, 1, 0))
    x, y, z = (float(low[c]) + 0.5 * voxel_mm for c in range(3))
    return Grid((k, j, i), (x, y, z), ((0.0, 0.0, voxel_mm), (0.0, voxel_mm, 0.0), (voxel_mm, 0.0, 0.0)))


def _dice(seed: int) -> dict[str, np.random.Generator]:
    """Dice of its own for every part."""
    children = np.random.SeedSequence(seed).spawn(len(_PARTS))
    return {part: np.random.default_rng(child) for part, child in zip(_PARTS, children, strict=True)}
