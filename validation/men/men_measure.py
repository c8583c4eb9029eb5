"""Make men, measure them with psmap and keep what was found beside what is true: `men_measure.py OUT --men 100`.

Every man is scanned and measured by psmap's own step under the parameters of `psmap read`: sites from SUV 3 up, split
where they touch. One JSON file a man, OUT/TRACER/SCENARIO/SEED.json; what is there is left as it is, so that a killed
run goes on. `--check FOLDER` writes every man in DICOM, reads him with `psmap.read` and stops where the sites differ.

What a site is, follows from the sharp image, before any scanner: the hottest true voxel next to the site's own hottest
one, and the focus that gives half of that voxel's activity, or else the structure on top there.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.apps.reading import read
from psmap.catalog.load import tracer_by_name
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import ReadParameters, Threshold, ThresholdKind
from psmap.domain.suv import SuvConversion
from psmap.domain.uptake import UptakeSite
from psmap.phantom import man_scan
from psmap.phantom.anatomy.bend import Bend
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import Painted, Structure, paint
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.hounsfield import ct_of
from psmap.phantom.lesions.distribution import scanner_model
from psmap.phantom.lesions.paint_focus import paint_focus
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import ScannedMan, scan_man
from psmap.phantom.man_study import write_man
from psmap.phantom.tomograph import Conditions
from psmap.phantom.uptake import Uptake, sharp_suv
from psmap.steps.detection import detect_sites

TRACERS = ("psma-11", "psma-1007", "dcfpyl")
FIRST_SEED = 10_000
"""The same seed is the same body under every tracer, and in two scenarios or three, so that it is painted once."""
GALLIUM_TURNS = (0, 3, 6)
"""Three of eight `advanced` men go under 68Ga, five under 18F: the real lesions are of 185 and 312 studies."""
AROUND = np.ones((3, 3, 3), np.bool_)

Labels = npt.NDArray[np.int32]
Floats32 = npt.NDArray[np.float32]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One man to be made and measured."""

    seed: int
    tracer: str
    scenario: Scenario
    out: Path

    @property
    def path(self) -> Path:
        """Where his rows go."""
        return self.out / self.tracer / str(self.scenario) / f"{self.seed}.json"


def tracer_of_turn(seed: int) -> str:
    """The tracer under which the `advanced` man of a seed is held against the real lesions."""
    return TRACERS[0] if seed % 8 in GALLIUM_TURNS else TRACERS[1]


def jobs_of(seed: int, out: Path, tracers: Sequence[str], scenarios: Sequence[Scenario], sparing: bool) -> list[Job]:
    """The men to be made of one body; sparing, those alone that are held against published figures of lesions."""
    if sparing:
        turns = {Scenario.ADVANCED: tracer_of_turn(seed), Scenario.OLIGO: TRACERS[0], Scenario.BCR_LOW_PSA: TRACERS[0]}
        return [Job(seed, turns[scenario], scenario, out) for scenario in scenarios]
    return [Job(seed, tracer, scenario, out) for scenario in scenarios for tracer in tracers]


def measured(scanned: ScannedMan) -> Row:
    """Everything that the page needs of one man."""
    pet = PetImage(scanned.grid, scanned.suv, SuvConversion((1.0,), "made", ()))
    sites = detect_sites(pet, ReadParameters())
    focus_at, structures = true_focus(scanned), scanned.painted.labels(_numbers(scanned))
    names = {number: name for name, number in _numbers(scanned).items()}
    rows = []
    for site in sites:
        voxel = hottest_near(scanned, site)
        number = int(focus_at[voxel])
        rows.append(_site_row(scanned, site, number, names.get(int(structures[voxel]), "outside")))
    return {
        "seed": scanned.seed,
        "tracer": scanned.tracer,
        "scenario": str(scanned.scenario),
        "prostatectomy": scanned.man.prostatectomy,
        "weight_kg": scanned.man.weight_kg,
        "blood_suv": scanned.uptake.suv["blood"],
        "sites": rows,
        "pieces": pieces(scanned, pet, focus_at),
        "foci": _focus_rows(scanned, focus_at, rows),
    }


def true_focus(scanned: ScannedMan) -> Labels:
    """Per voxel the number of the focus that gives half of its sharp activity or more; 0 where none does."""
    found = np.zeros(scanned.grid.shape, np.int32)
    for site in scanned.sites:
        alone = np.zeros(scanned.grid.shape, np.float32)
        spot = paint_focus(alone, scanned.grid, site.centre_mm, site.focus)
        if spot is not None:
            most = 2.0 * alone[spot.box] >= scanned.sharp[spot.box]
            found[spot.box][most & (spot.share > 0.0)] = site.number
    return found


def hottest_near(scanned: ScannedMan, site: UptakeSite) -> tuple[int, int, int]:
    """The hottest voxel of the sharp image among the site's hottest voxel and its 26 neighbours."""
    centre = np.rint(scanned.grid.to_index(site.max_mm)[0]).astype(int)
    low = np.maximum(centre - 1, 0)
    box = tuple(slice(int(a), int(b) + 2) for a, b in zip(low, centre, strict=True))
    part = scanned.sharp[box]
    k, j, i = (int(a + b) for a, b in zip(low, np.unravel_index(int(np.argmax(part)), part.shape), strict=True))
    return k, j, i


def pieces(scanned: ScannedMan, pet: PetImage, focus_at: Labels) -> list[Row]:
    """Lesions as the readers of the source would have listed them: psmap's measure of the connected pieces of a mask.

    The source numbers its lesions in the order of the scan, as pieces of a mask are. Readers know a lesion's organ from
    the lesion and draw by hand, so each lesion is outlined by itself: from its own hottest voxel, if that has the SUV
    from which sites are looked for, at 41 % of it (the definition that stands for the source's, see `lesions.toml`) or,
    where its surroundings reach that, at 41 % of what it has over them; no farther than a point spread (two voxels)
    from what is its own, and not into what is another's.
    """
    suv, fraction = scanned.suv, scanner_model().contour_fraction
    mask = np.zeros(scanned.grid.shape, np.bool_)
    for site, box in zip(scanned.sites, ndimage.find_objects(focus_at, len(scanned.sites)), strict=True):
        if site.focus.benign is not None or box is None:
            continue
        near = tuple(slice(max(part.start - 4, 0), part.stop + 4) for part in box)
        own = focus_at[near] == site.number
        values = np.where(own, suv[near], 0.0)
        peak = int(np.argmax(values))
        hottest = float(values.reshape(-1)[peak])
        if hottest < ReadParameters().seed_suv:
            continue
        free = focus_at[near] == 0
        reach = ndimage.binary_dilation(own, AROUND, iterations=2)
        ring = suv[near][ndimage.binary_dilation(reach, AROUND, iterations=2) & ~reach & free]
        around = float(np.median(ring)) if len(ring) else 0.0
        threshold = fraction * hottest
        if threshold < around < hottest:
            threshold = around + fraction * (hottest - around)
        reach &= own | free
        label, _ = ndimage.label(reach & (suv[near] >= threshold), AROUND)
        mask[near] |= label == label.reshape(-1)[peak]
    if not mask.any():
        return []
    drawn = LabelImage(scanned.grid, mask.astype(np.uint8), {1: "lesions"})
    given = ReadParameters(threshold=Threshold(ThresholdKind.GIVEN, None))
    return [
        {"suv_max": site.suv_max, "suv_mean": site.suv_mean, "volume_ml": site.volume_ml}
        for site in detect_sites(pet, given, given=drawn)
    ]


def _site_row(scanned: ScannedMan, site: UptakeSite, number: int, structure: str) -> Row:
    focus = scanned.sites[number - 1].focus if number else None
    what = "organ" if focus is None else "lesion" if focus.benign is None else "benign"
    return {
        "id": site.id,
        "suv_max": site.suv_max,
        "suv_mean": site.suv_mean,
        "volume_ml": site.volume_ml,
        "what": what,
        "focus": number or None,
        "benign": focus.benign.value if focus is not None and focus.benign else None,
        "structure": structure,
        "max_mm": list(site.max_mm),
    }


def _focus_rows(scanned: ScannedMan, focus_at: Labels, rows: list[Row]) -> list[Row]:
    """Every true focus with the sites that are its own, and the SUVmax within reach of it whether found or not."""
    own: dict[int, list[int]] = {}
    for row in rows:
        if row["focus"]:
            own.setdefault(row["focus"], []).append(row["id"])
    found = []
    boxes = ndimage.find_objects(focus_at, len(scanned.sites))
    for site, box in zip(scanned.sites, boxes, strict=True):
        focus = site.focus
        seen = None if box is None else float(scanned.suv[box][focus_at[box] == site.number].max())
        found.append(
            {
                "number": site.number,
                "kind": focus.kind.value,
                "benign": focus.benign.value if focus.benign else None,
                "place": focus.place,
                "volume_ml": focus.volume_ml,
                "diameter_mm": focus.diameter_mm,
                "suv": focus.suv,
                "suv_mean": focus.mean_suv,
                "suv_seen": seen,
                "sites": own.get(site.number, []),
            }
        )
    return found


def _numbers(scanned: ScannedMan) -> dict[str, int]:
    return {name: n for n, name in enumerate(dict.fromkeys(patch.name for patch in scanned.painted.patches), start=1)}


class OneBody:
    """What stays the same from one scan of a seed to the next: `scan_man` finds it ready and gives the same image.

    Structures and painting belong to the body, the sharp image without foci to body and tracer, the CT to nothing that
    is measured here.
    """

    def __init__(self) -> None:
        self.man: Man | None = None
        self.structures: tuple[Structure, ...] = ()
        self.painted: Painted | None = None
        self.sharp: dict[str, Floats32] = {}
        self.hu: npt.NDArray[np.int16] | None = None

    def structures_of(self, man: Man) -> tuple[Structure, ...]:
        """`structures_of`, made anew for another man only."""
        if man != self.man:
            self.man, self.structures, self.painted = man, structures_of(man), None
        return self.structures

    def paint(self, structures: Iterable[Structure], grid: Grid, bend: Bend) -> Painted:
        """`paint`, done anew for other structures or another grid only."""
        if structures is not self.structures or self.painted is None or self.painted.grid != grid:
            self.painted, self.sharp, self.hu = paint(structures, grid, bend), {}, None
        return self.painted

    def sharp_suv(self, painted: Painted, uptake: Uptake, rng: np.random.Generator) -> Floats32:
        """`sharp_suv`, done anew for another tracer only; a copy, for foci are painted into it."""
        if uptake.tracer not in self.sharp:
            self.sharp[uptake.tracer] = sharp_suv(painted, uptake, rng)
        return self.sharp[uptake.tracer].copy()

    def ct_of(
        self, painted: Painted, man: Man, conditions: Conditions, rng: np.random.Generator
    ) -> npt.NDArray[np.int16]:
        """`ct_of`, done once."""
        if self.hu is None:
            self.hu = ct_of(painted, man, conditions, rng)
        return self.hu

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Scans in here share what they can."""
        with ExitStack() as stack:
            for name in ("structures_of", "paint", "sharp_suv", "ct_of"):
                stack.enter_context(patch.object(man_scan, name, getattr(self, name)))
            yield


def make(jobs: Sequence[Job]) -> int:
    """Make, measure and keep men of one body; each one's file appears whole or not at all."""
    with OneBody().kept():
        for job in jobs:
            rows = measured(scan_man(job.seed, tracer_by_name(job.tracer), job.scenario))
            job.path.parent.mkdir(parents=True, exist_ok=True)
            part = job.path.with_suffix(".part")
            part.write_text(json.dumps(rows), encoding="utf-8")
            part.replace(job.path)
    return len(jobs)


def check(job: Job, folder: Path) -> str:
    """Write the man in DICOM, read him with `psmap.read`, and compare the sites; say how far they are apart."""
    scanned = scan_man(job.seed, tracer_by_name(job.tracer), job.scenario)
    here = folder / f"{job.tracer}-{job.scenario}-{job.seed}"
    shutil.rmtree(here, ignore_errors=True)
    write_man(here, scanned)
    case = read(here, here / "read")
    ours, theirs = measured(scanned)["sites"], case.sites or ()
    if len(ours) != len(theirs):
        raise SystemExit(f"{here.name}: {len(ours)} sites in memory, {len(theirs)} read back")
    apart = max(abs(a["suv_max"] - b.suv_max) / b.suv_max for a, b in zip(ours, theirs, strict=True))
    volume = max(abs(a["volume_ml"] - b.volume_ml) for a, b in zip(ours, theirs, strict=True))
    return f"{here.name}: {len(ours)} sites, SUVmax within {apart:.1e}, volumes within {volume:.3f} mL"


def main() -> None:
    """Make the men that are missing, a process each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--men", type=int, default=100, help="of every scenario under every tracer")
    parser.add_argument("--tracer", action="append", choices=TRACERS)
    parser.add_argument("--scenario", action="append", choices=list(map(str, Scenario)))
    parser.add_argument("--sparing", action="store_true", help="only what is held against published lesions")
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("--check", type=Path, help="folder for the men in DICOM; checks instead of measuring")
    chosen = parser.parse_args()
    tracers, scenarios = chosen.tracer or TRACERS, [Scenario(name) for name in chosen.scenario or Scenario]
    bodies = [jobs_of(FIRST_SEED + n, chosen.out, tracers, scenarios, chosen.sparing) for n in range(chosen.men)]
    if chosen.check:
        for job in (job for jobs in bodies for job in jobs):
            print(check(job, chosen.check), flush=True)
        return
    missing = [left for jobs in bodies if (left := [job for job in jobs if not job.path.exists()])]
    total, done = sum(map(len, missing)), 0
    print(f"{total} of {sum(map(len, bodies))} men are to be made", flush=True)
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for count in pool.map(make, missing):
            done += count
            print(f"{done}/{total}", flush=True)


if __name__ == "__main__":
    main()
