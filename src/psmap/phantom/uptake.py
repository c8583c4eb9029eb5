"""Where the tracer goes in one man: an SUV for every structure, urine, and a whole that holds what was injected.

A man's organs are drawn round the published means with the published spreads, alike within a man: glands go together,
bowel goes together, and a man with much fat has higher SUVs everywhere, for fat takes up little of what his weight
says was his. Published SUVs are measured ones; small organs are painted hotter by what the scanner takes away.

The activities of all tissues, of the urine and of what was voided add up to what was injected. What the organs leave
over or lack is shared out among muscle, fat, skin, marrow, bowel and urine, each in proportion to the square of its
own published spread in activity: that is the mean of these tissues' uptakes once their sum is known, had all been drawn
from normal laws. So none of them leaves its published range by more than the sum asks for. Volumes are those of the
reference man, scaled to this man's size; fat is what his weight leaves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from psmap.catalog.load import load_physiology, load_tracers
from psmap.catalog.tissues import Tissue, load_tissues, tissue_of
from psmap.domain.refusal import Refused
from psmap.domain.tracer import OrganUptake, Physiology, Tracer
from psmap.phantom.anatomy.man import Man, Side
from psmap.phantom.anatomy.paint import FULL, Painted
from psmap.phantom.texture import draw_texture, field_on

Floats32 = npt.NDArray[np.float32]

KIN: Mapping[str, tuple[float, tuple[str, ...]]] = {
    "glands": (0.8, ("lacrimal", "parotid", "sublingual", "submandibular", "tubarial")),
    "bowel": (0.7, ("colon", "duodenum", "jejunum", "small_bowel", "stomach")),
    "bile": (0.5, ("gallbladder", "liver")),
    "marrow": (0.7, ("cortex", "marrow", "marrow_limb")),
    "lean": (0.6, ("blood", "fat", "heart_wall", "lung", "muscle", "oesophagus", "pelvic_tissue", "skin", "tongue")),
}
"""Tissues whose uptakes go together, and how closely (correlation of the logarithm with the group's; ours)."""

LIKE: Mapping[str, str] = {"brain_white": "brain"}
"""Tissues on which the die of another falls too."""
GIVES_WAY = ("muscle", "fat", "skin", "marrow", "marrow_limb", "cortex", "small_bowel", "colon", "stomach")
"""Tissues that share out, with the urine, what the organs leave over."""
LEAST, MOST = 0.4, 2.5
"""No uptake is moved farther than that from what was drawn, as a factor."""
FARTHEST = 2.5
"""No die falls farther out than this many spreads."""

USUAL_WEIGHT_OVER_LEAN = 1.372
"""Weight over lean body mass (Janmahasatian 2005) of the mean patient, 1.74 m and 28 kg/m2."""
LEAN_SPREAD = 0.07
"""Spread of the logarithm of that over men whose BMI spreads by 15 %; it is part of the published spreads."""
BETWEEN_SIDES: Mapping[str, float] = {"kidney": 0.04, "parotid": 0.05, "submandibular": 0.05, "lacrimal": 0.07}
"""How far one side differs from the mean of both (spread of the logarithm; ours)."""

VOIDED_ML = (200.0, 0.5)
"""Urine voided between injection and scan: median and spread of the logarithm (ours)."""
LATER_URINE = 0.3
"""Spread of the logarithm of the concentration in the bladder over that of all urine (ours)."""
CALYX = (0.5, 0.5)
"""Concentration in the renal pelvis over that of all urine: median, spread of the logarithm (ours)."""
BEADS_FOR_ALL = 1.3
"""Mean number of hot segments in each ureter where a tenth of the activity has gone into urine (ours)."""
BEAD_LENGTH_MM, BEAD_SHARE = (8.0, 40.0), (0.15, 0.8)
"""Length of a segment, and its concentration over that of the urine: evenly between (ours)."""
BEAD_EDGE_MM = 3.0

GRAIN_MM, COARSE_MM, COARSE = 8.0, 24.0, 0.1
"""Steps of the two lattices of unevenness within organs, and the share of its variance in the coarser one (ours)."""
_URETER = {Side.LEFT: (28.6, -22.5, -64.0, 136.0), Side.RIGHT: (-31.4, -28.0, -64.0, 112.0)}
"""x, y and lowest and highest z (mm): figures of the reference adult male, ICRP Publication 110."""


@dataclass(frozen=True, slots=True)
class Bead:
    """Urine in a part of a ureter, from one z to the other (mm, the man's space), and its SUV (g/mL)."""

    side: Side
    low_mm: float
    high_mm: float
    suv: float


@dataclass(frozen=True, slots=True, eq=False)
class Uptake:
    """One man's uptake.

    Args:
        tracer: id of the tracer.
        suv: entry of the tracer's physiology, 'urine' or 'calyx' -> true SUV (g/mL).
        sides: 'kidney_left' -> factor on that side's SUV.
        beads: urine in the ureters.
        shares: entry -> share of the injected activity in it; with `voided` they add up to 1.
        voided: share of the injected activity that he has voided.
    """

    tracer: str
    suv: Mapping[str, float]
    sides: Mapping[str, float]
    beads: tuple[Bead, ...]
    shares: Mapping[str, float]
    voided: float


def draw_uptake(tracer: Tracer, man: Man, rng: np.random.Generator, *, beads: bool = True) -> Uptake:
    """Draw where a tracer went in a man. The same dice under another tracer give the same man: high stays high.

    Args:
        beads: whether urine stands in parts of the ureters.

    Raises:
        Refused: the catalogue does not say where this tracer goes.
    """
    physiology = load_physiology().get(tracer.id)
    if physiology is None:
        raise Refused(
            f"where {tracer.name} goes is not in the catalogue", cure=f"one of {', '.join(load_physiology())}"
        )
    names = sorted({tissue.uptake for tissue in load_tissues().values()} - {"", "urine", "calyx"})
    missing = [name for name in names if name not in physiology.organs]
    if missing:
        raise ValueError(f"the physiology of {tracer.id} lacks {', '.join(missing)}")
    own = [name for name in names if name not in LIKE]
    dice = dict(zip(own, np.clip(rng.standard_normal(len(own)), -FARTHEST, FARTHEST), strict=True))
    dice.update({name: dice[other] for name, other in LIKE.items()})
    kin = dict(zip(KIN, np.clip(rng.standard_normal(len(KIN)), -FARTHEST, FARTHEST), strict=True))
    sides, fluid = rng.standard_normal(len(BETWEEN_SIDES)), np.clip(rng.standard_normal(4), -FARTHEST, FARTHEST)
    measured = {name: _drawn(physiology.organs[name], name, dice, kin, _stoutness(man)) for name in names}
    true = {name: measured[name] / recovery for name, recovery in _recoveries(tracer.nuclide).items()}
    suv, shares, urine = _balanced(physiology, true, man, float(fluid[0]))
    concentration, in_bladder = _urine(urine, man, fluid)
    suv["urine"] = in_bladder
    suv["calyx"] = concentration * CALYX[0] * math.exp(CALYX[1] * float(fluid[3]))
    shares["urine"] = in_bladder * man.bladder_ml / (1000.0 * man.weight_kg)
    return Uptake(
        tracer=tracer.id,
        suv=MappingProxyType(suv),
        sides=MappingProxyType(_sides(sides)),
        beads=_beads(man, concentration, urine, rng) if beads else (),
        shares=MappingProxyType(shares),
        voided=urine - shares["urine"],
    )


def suv_of(uptake: Uptake, structure: str) -> float:
    """True SUV (g/mL) of a structure by its id; `ValueError` where no tissue of the catalogue has it."""
    entry = tissue_of(structure).uptake
    side = structure.rpartition("_")[2]
    return uptake.suv[entry] * uptake.sides.get(f"{entry}_{side}", 1.0) if entry else 0.0


def measured_suv(uptake: Uptake, tissue: str) -> float:
    """The SUV that stands for the published one: what a scanner shows of a tissue of `tissues.toml`."""
    entry = load_tissues()[tissue]
    return uptake.suv[entry.uptake] * _recovery(entry, load_tracers()[uptake.tracer].nuclide)


def sharp_suv(painted: Painted, uptake: Uptake, rng: np.random.Generator) -> Floats32:
    """The man's SUV before any scanner (g/mL, float32, [k, j, i]), uneven within every tissue.

    Args:
        painted: the man on any grid along x, y, z.
        uptake: what was drawn for him.
        rng: dice of the unevenness; the same dice give the same field in space on every grid.
    """
    fine, coarse = draw_texture(rng, GRAIN_MM), draw_texture(rng, COARSE_MM)
    suv = painted.compose(lambda structure: suv_of(uptake, structure))
    for side in Side:
        _fill(suv, painted, uptake, side)
    spread = painted.compose(lambda structure: tissue_of(structure).variation)
    field = np.float32(math.sqrt(1.0 - COARSE)) * field_on(fine, painted.grid)
    field += np.float32(math.sqrt(COARSE)) * field_on(coarse, painted.grid)
    field *= spread
    field -= np.float32(0.5) * spread * spread
    suv *= np.exp(field, out=field)
    return suv


def _drawn(
    organ: OrganUptake, name: str, dice: Mapping[str, float], kin: Mapping[str, float], stoutness: float
) -> float:
    """A measured SUV from the log-normal law of the published mean and spread, of which stoutness is a part."""
    die = float(dice[name])
    for group, (alike, members) in KIN.items():
        if name in members:
            die = math.sqrt(alike) * float(kin[group]) + math.sqrt(1.0 - alike) * die
    whole = math.log(1.0 + (organ.spread / organ.mean) ** 2)
    own = math.sqrt(max(whole - LEAN_SPREAD**2, 0.25 * whole))
    return organ.mean * math.exp(own * die - 0.5 * whole) * stoutness


def _stoutness(man: Man) -> float:
    """Weight over lean body mass against that of the mean patient; lean mass by Janmahasatian 2005."""
    bmi = man.weight_kg / man.height_m**2
    return man.weight_kg / (9270.0 * man.weight_kg / (6680.0 + 216.0 * bmi)) / USUAL_WEIGHT_OVER_LEAN


def _volumes_ml(man: Man) -> dict[str, float]:
    """Volume of every entry in this man (mL); fat is what his weight leaves, 3 L at least."""
    size = float(np.prod(man.bend.scale))
    volumes: dict[str, float] = {}
    mass_g = 1010.0 * man.bladder_ml / 1000.0
    for tissue in load_tissues().values():
        ml = tissue.reference_ml * size * _own(man, tissue.name)
        if tissue.uptake not in ("", "urine", "calyx"):
            volumes[tissue.uptake] = volumes.get(tissue.uptake, 0.0) + ml
        mass_g += ml * tissue.density
    volumes["fat"] += max((1000.0 * man.weight_kg - mass_g) / load_tissues()["fat"].density, 3000.0)
    return volumes


def _own(man: Man, tissue: str) -> float:
    """How much larger this man's organ is than the reference man's scaled to his size."""
    if tissue.startswith("prostate"):
        return man.prostate_ml / 40.0
    hearts = dict.fromkeys(("heart_wall", "heart_wall_right", "pericardium", "heart_blood"), ("heart",))
    names: dict[str, tuple[str, ...]] = {**hearts, "kidney": ("kidney_left", "kidney_right")}
    sizes = [man.organs[name] for name in names.get(tissue, (tissue,)) if name in man.organs]
    return float(np.mean([np.prod(own.scale) for own in sizes])) if sizes else 1.0


def _recoveries(nuclide: str) -> dict[str, float]:
    """Measured over true SUV of every entry: that of the tissue of its name, where there is one."""
    tissues = load_tissues()
    names = sorted({tissue.uptake for tissue in tissues.values()} - {"", "urine", "calyx"})
    return {name: _recovery(tissues[name], nuclide) for name in names}


def _recovery(tissue: Tissue, nuclide: str) -> float:
    return tissue.recovery_far if nuclide == "68Ga" else tissue.recovery


def _balanced(
    physiology: Physiology, true: Mapping[str, float], man: Man, urine_die: float
) -> tuple[dict[str, float], dict[str, float], float]:
    """SUVs and shares of the injected activity of every entry, and the share in urine; the shares add up to 1."""
    law, grams = physiology.urine, 1000.0 * man.weight_kg
    whole = math.log(1.0 + (law.spread / law.mean) ** 2)
    drawn = {name: true[name] * ml / grams for name, ml in _volumes_ml(man).items()}
    drawn["urine"] = law.mean * math.exp(math.sqrt(whole) * urine_die - 0.5 * whole)
    laws = {"urine": law, **{name: physiology.organs[name] for name in GIVES_WAY}}
    weights = {name: (drawn[name] * of.spread / of.mean) ** 2 for name, of in laws.items()}
    shares = dict(drawn)
    for _ in range(50):
        over = sum(shares.values()) - 1.0
        room = [
            name
            for name in weights
            if (shares[name] > LEAST * drawn[name] if over > 0.0 else shares[name] < MOST * drawn[name])
        ]
        if abs(over) < 1e-12 or not room:
            break
        total = sum(weights[name] for name in room)
        for name in room:
            moved = shares[name] - over * weights[name] / total
            shares[name] = min(max(moved, LEAST * drawn[name]), MOST * drawn[name])
    total = sum(shares.values())
    shares = {name: share / total for name, share in shares.items()}
    suv = {name: own * (shares[name] / drawn[name] if drawn[name] > 0.0 else 1.0) for name, own in true.items()}
    return suv, shares, shares.pop("urine")


def _urine(urine: float, man: Man, fluid: npt.NDArray[np.float64]) -> tuple[float, float]:
    """SUV of all urine since the injection, and of what is in the bladder, which never holds more than was passed."""
    grams = 1000.0 * man.weight_kg
    voided_ml = VOIDED_ML[0] * math.exp(VOIDED_ML[1] * float(fluid[1]))
    concentration = urine * grams / (man.bladder_ml + voided_ml)
    in_bladder = concentration * math.exp(LATER_URINE * float(fluid[2]))
    return concentration, min(in_bladder, urine * grams / max(man.bladder_ml, 1.0))


def _sides(dice: npt.NDArray[np.float64]) -> dict[str, float]:
    found = {}
    for (name, spread), die in zip(BETWEEN_SIDES.items(), dice, strict=True):
        factor = math.exp(spread * float(die))
        found[f"{name}_left"], found[f"{name}_right"] = factor, 1.0 / factor
    return found


def _beads(man: Man, concentration: float, urine: float, rng: np.random.Generator) -> tuple[Bead, ...]:
    found = []
    for side, (x, y, low, high) in _URETER.items():
        for _ in range(int(rng.poisson(BEADS_FOR_ALL * min(urine / 0.1, 1.5)))):
            length, share = float(rng.uniform(*BEAD_LENGTH_MM)), float(rng.uniform(*BEAD_SHARE))
            middle = float(man.bend.to_man([(x, y, rng.uniform(low, high))])[0, 2])
            found.append(Bead(side, middle - 0.5 * length, middle + 0.5 * length, share * concentration))
    return tuple(found)


def _fill(suv: Floats32, painted: Painted, uptake: Uptake, side: Side) -> None:
    """Put urine into the parts of a ureter that hold it, in place."""
    grid = painted.grid
    empty = uptake.suv["ureter"]
    for patch in painted.patches:
        if patch.name != f"ureter_{side}":
            continue
        z = grid.origin_mm[2] + np.arange(grid.shape[0])[patch.box[0]] * grid.axes_mm[0][2]
        hot = np.zeros(len(z))
        for bead in uptake.beads:
            if bead.side is side:
                inside = np.clip(np.minimum(z - bead.low_mm, bead.high_mm - z) / BEAD_EDGE_MM + 0.5, 0.0, 1.0)
                hot = np.maximum(hot, inside * max(bead.suv - empty, 0.0))
        suv[patch.box] += (patch.share * np.float32(1.0 / FULL)) * hot.astype(np.float32)[:, None, None]
