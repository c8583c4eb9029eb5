"""A digital man from one seed: drawn, painted, given a tracer and lesions, and scanned; every truth kept beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid, Vector
from psmap.domain.tracer import Tracer
from psmap.phantom.anatomy.draw import draw_man
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.nodes import points_in, stations
from psmap.phantom.anatomy.paint import Painted, Structure, paint
from psmap.phantom.anatomy.solids import Floats32, Solid
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.hounsfield import ct_of
from psmap.phantom.lesions.focus import DrawnFocus
from psmap.phantom.lesions.paint_focus import PaintedFocus, paint_focus
from psmap.phantom.lesions.pitfalls import draw_pitfalls
from psmap.phantom.lesions.scenarios import Scenario, draw_lesions
from psmap.phantom.tomograph import Conditions, acquire, breathing_share, usual_conditions
from psmap.phantom.uptake import Uptake, draw_uptake, sharp_suv

BODY_MM, PELVIS_MM = (-330.0, 725.0), (-190.0, 40.0)
"""Fields of view along z in the reference frame: vertex to mid-thigh, and the pelvis from ischium to promontory."""

AROUND_MM = 24.0
OSTEOBLASTIC_HU, NODE_HU = 650.0, 40.0
"""An osteoblastic focus and an enlarged node on CT (ours, as read off clinical CT: dense bone 400 to 1000 HU)."""

_PARTS = ("man", "uptake", "lesions", "pitfalls", "places", "texture", "scanner", "tissue")


@dataclass(frozen=True, slots=True)
class TrueSite:
    """One focus in its place: `number` counts from 1, lesions first; `centre_mm` is in the man's space (LPS)."""

    number: int
    focus: DrawnFocus
    centre_mm: Vector


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


def scan_man(
    seed: int,
    tracer: Tracer,
    scenario: Scenario,
    *,
    voxel_mm: float = 4.0,
    field_mm: tuple[float, float] = BODY_MM,
    man: Man | None = None,
) -> ScannedMan:
    """Make a man and scan him. The same seed gives the same man, with the same foci, on every grid.

    Args:
        seed: of all dice; each part has its own, so that one tracer more or less leaves the man as he is.
        tracer: of `catalog/tracers`, with a physiology.
        scenario: which lesions he has.
        voxel_mm: edge of the cubic voxels of PET and CT.
        field_mm: from where to where along z, in the reference frame.
        man: in place of a drawn one.

    Raises:
        Refused: nothing is known of where the tracer goes.
    """
    dice = _dice(seed)
    who = draw_man(dice["man"]) if man is None else man
    structures = structures_of(who)
    uptake = draw_uptake(tracer, who, dice["uptake"], beads=False)  # urine in the ureters is drawn among the pitfalls
    foci = (
        *draw_lesions(dice["lesions"], scenario, tracer.id, who.prostatectomy),
        *draw_pitfalls(dice["pitfalls"], tracer.id),
    )
    sites = tuple(_placed(foci, who, structures, dice["places"]))
    grid = grid_of(structures, who, voxel_mm, field_mm)
    painted = paint(structures, grid, who.bend)
    sharp = sharp_suv(painted, uptake, dice["texture"])
    conditions = usual_conditions(tracer, who)
    hu = ct_of(painted, who, conditions, dice["tissue"])
    for site in sites:
        spot = paint_focus(sharp, grid, site.centre_mm, site.focus)
        if spot is not None:
            _on_ct(hu, spot, site.focus)
    suv = acquire(sharp, grid, conditions, dice["scanner"], breathing_share(painted))
    return ScannedMan(seed, tracer.id, scenario, who, uptake, conditions, grid, suv, sharp, hu, painted, sites)


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


def _placed(
    foci: tuple[DrawnFocus, ...], man: Man, structures: tuple[Structure, ...], dice: np.random.Generator
) -> Iterator[TrueSite]:
    """Each focus at a point of its structure or station, drawn evenly over its volume; in bone, of its marrow."""
    solids = _solids(structures, man)
    for number, focus in enumerate(foci, start=1):
        solid = solids.get(f"{focus.place}_marrow", solids.get(focus.place))
        if solid is None:
            raise ValueError(f"the man has no {focus.place}")
        x, y, z = (float(mm) for mm in man.bend.to_man(points_in(solid, dice, 1))[0])
        yield TrueSite(number, focus, (x, y, z))


def _solids(structures: tuple[Structure, ...], man: Man) -> Mapping[str, Solid]:
    return {structure.name: structure.solid for structure in (*stations(man), *structures)}


def _on_ct(hu: npt.NDArray[np.int16], spot: PaintedFocus, focus: DrawnFocus) -> None:
    """What the focus shows on CT: dense bone, or a node of soft tissue where it is enlarged; else nothing."""
    if not (focus.osteoblastic or focus.enlarged):
        return
    value = OSTEOBLASTIC_HU if focus.osteoblastic else NODE_HU
    part = hu[spot.box]
    part[...] = np.rint(part + spot.share * (value - part)).astype(np.int16)
