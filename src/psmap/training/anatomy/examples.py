"""Digital men for training, one file each: CT, PET, labels and nodal stations on one grid of 4 mm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from psmap.catalog.anatomy_labels import load_labels
from psmap.catalog.load import load_physiology, load_tracers
from psmap.domain.geometry import Grid
from psmap.domain.tracer import Tracer
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.nodes import stations
from psmap.phantom.anatomy.paint import Structure, paint
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.hounsfield import ct_of
from psmap.phantom.lesions.on_ct import put_on_ct
from psmap.phantom.lesions.paint_focus import paint_focus
from psmap.phantom.lesions.pitfalls import draw_pitfalls
from psmap.phantom.lesions.placing import TrueSite, place_foci
from psmap.phantom.lesions.scenarios import Scenario, draw_lesions
from psmap.phantom.man_scan import grid_of
from psmap.phantom.tomograph import acquire, breathing_share, usual_conditions
from psmap.phantom.uptake import draw_uptake, sharp_suv
from psmap.training.anatomy.wide_men import draw_wide_conditions, draw_wide_man

VOXEL_MM = 4.0
PLACES_STEP = 4
TRIES = 5
HIGHEST_SUV = 6.0e4
"""What a PET is clipped to, so that half precision holds it."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One man for training; all arrays [k, j, i] on one grid of cubic voxels, k upwards, j backwards, i to his left.

    Args:
        ct: HU, int16.
        pet: SUVbw (g/mL), float16.
        labels: numbers of `catalog/anatomy_labels.toml`, uint8.
        stations: numbers of the nodal stations, uint8.
        places: where in the reference man the middles of blocks of `PLACES_STEP` cubed voxels lie, x, y, z in mm,
            float16 [3, k, j, i]; blocks that would reach over the end are left out.
        about: seed, tracer, scenario and what else he is.
    """

    ct: npt.NDArray[np.int16]
    pet: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]
    stations: npt.NDArray[np.uint8]
    places: npt.NDArray[np.float16]
    about: dict[str, object]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Men that one process makes: seeds and the folder they go to."""

    folder: Path
    seeds: tuple[int, ...]


def make_example(seed: int) -> Example:
    """The man of a seed, drawn wide, with one of the tracers, scanned under drawn conditions.

    Raises:
        ValueError: none of `TRIES` men had a place for his foci.
    """
    for attempt in range(TRIES):
        dice = [np.random.default_rng(child) for child in np.random.SeedSequence([seed, attempt]).spawn(6)]
        man = draw_wide_man(dice[0])
        structures = structures_of(man)
        tracer, scenario = _chosen(dice[1])
        try:
            sites = _sites(man, structures, tracer, scenario, dice[2])
        except ValueError:  # so moved about that a focus has no room: the next man of this seed
            continue
        return _scanned(seed, man, structures, tracer, scenario, sites, dice[3:])
    raise ValueError(f"seed {seed}: {TRIES} men without room for their foci")


def path_of(folder: Path, seed: int) -> Path:
    """Where the man of a seed lies."""
    return folder / f"man-{seed:06d}.npz"


def write_example(path: Path, example: Example) -> None:
    """Write beside and move into place."""
    part = path.with_name(f".part-{path.name}")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            ct=example.ct,
            pet=example.pet,
            labels=example.labels,
            stations=example.stations,
            places=example.places,
            about=np.frombuffer(json.dumps(example.about).encode(), np.uint8),
        )
    part.replace(path)


def read_example(path: Path) -> Example:
    """A man as `write_example` wrote him."""
    with np.load(path) as held:
        about = json.loads(held["about"].tobytes().decode())
        return Example(held["ct"], held["pet"], held["labels"], held["stations"], held["places"], about)


def make_chunk(chunk: Chunk) -> None:
    """Make the men of a chunk that are not there yet."""
    for seed in chunk.seeds:
        path = path_of(chunk.folder, seed)
        if not path.exists():
            write_example(path, make_example(seed))


def _chosen(rng: np.random.Generator) -> tuple[Tracer, Scenario]:
    known = sorted(load_physiology())
    tracer = load_tracers()[known[int(rng.integers(len(known)))]]
    return tracer, tuple(Scenario)[int(rng.integers(len(Scenario)))]


def _sites(
    man: Man, structures: tuple[Structure, ...], tracer: Tracer, scenario: Scenario, rng: np.random.Generator
) -> tuple[TrueSite, ...]:
    lesions = draw_lesions(rng, scenario, tracer.id, man.prostatectomy)
    return place_foci((*lesions, *draw_pitfalls(rng, tracer.id)), man, structures, rng)


def _scanned(
    seed: int,
    man: Man,
    structures: tuple[Structure, ...],
    tracer: Tracer,
    scenario: Scenario,
    sites: tuple[TrueSite, ...],
    dice: list[np.random.Generator],
) -> Example:
    grid = grid_of(structures, man, VOXEL_MM)
    painted = paint(structures, grid, man.bend)
    conditions = draw_wide_conditions(dice[0], usual_conditions(tracer, man))
    sharp = sharp_suv(painted, draw_uptake(tracer, man, dice[1], beads=False), dice[1])
    hu = ct_of(painted, man, conditions, dice[2])
    for site in sites:
        spot = paint_focus(sharp, grid, site.centre_mm, site.focus)
        if spot is not None:
            put_on_ct(hu, spot, site, grid, conditions, dice[2])
    suv = acquire(sharp, grid, conditions, dice[2], breathing_share(painted))
    table = load_labels()
    labels = painted.labels(table.number_of_structure()).astype(np.uint8)
    about: dict[str, object] = {
        "seed": seed, "tracer": tracer.id, "scenario": str(scenario), "height_m": man.height_m,
        "weight_kg": man.weight_kg, "arms": str(man.arms), "prostatectomy": man.prostatectomy,
        "prosthesis": str(man.prosthesis or ""), "contrast": conditions.contrast, "sites": len(sites),
    }  # fmt: skip
    pet = np.minimum(suv, HIGHEST_SUV).astype(np.float16)
    return Example(hu, pet, labels, _stations(man, grid), places_of(man, grid), about)


def places_of(man: Man, grid: Grid) -> npt.NDArray[np.float16]:
    """Places in the reference man of a man's blocks of voxels, as `Example` has them."""
    axes = np.array(grid.axes_mm, dtype=float)
    x, y, z = (float(v) for v in np.array(grid.origin_mm) + 0.5 * (PLACES_STEP - 1) * axes.sum(axis=0))
    steps = [tuple(float(v) for v in PLACES_STEP * axis) for axis in axes]
    k, j, i = (n // PLACES_STEP for n in grid.shape)
    wide = Grid((k, j, i), (x, y, z), ((*steps[0],), (*steps[1],), (*steps[2],)))  # type: ignore[arg-type]
    return np.stack(man.bend.to_reference(wide)).astype(np.float16)


def _stations(man: Man, grid: Grid) -> npt.NDArray[np.uint8]:
    painted = paint(stations(man), grid, man.bend)
    return painted.labels(load_labels().number_of_station()).astype(np.uint8)
