"""Name digital men that no teaching has seen, and measure it: `unseen_men.py NETWORK OUT -n 20 -j 2`.

NETWORK holds trunk.onnx and head.onnx. Men are drawn wide, as for teaching, from seeds far from those of teaching, and
named as psmap names a patient - network, rules, and the count of vertebrae and ribs - with CT and PET, CT alone, PET
alone, and with both but from the third lumbar vertebra down. One JSON file a man and a way, OUT/WAY/SEED.json; what is
there is left, so that a killed run goes on. `average_man.py` names the same men without any network, and
`anatomy_page.py OUT -o PAGE` makes the page.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from psmap.catalog.anatomy_labels import load_labels
from psmap.domain.anatomy import Anatomy
from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, PetImage
from psmap.domain.suv import SuvConversion
from psmap.steps.anatomy.embedded import segment
from psmap.steps.anatomy.network import Session, sessions_of
from psmap.steps.anatomy.on_pet import nearest_labels
from psmap.training.anatomy.examples import VOXEL_MM, Example, make_example
from psmap.training.anatomy.measures import FEWEST, Labels, dice_by_label, names_right, surface_mm

WAYS = ("both", "ct", "pet", "low")
FIRST_SEED = 100_001
"""Teaching begins at 1 and never comes so far."""


@dataclass(frozen=True, slots=True)
class Job:
    """One man to be named in every way that is missing."""

    seed: int
    network: Path
    out: Path

    def path(self, way: str) -> Path:
        """Where a way's figures go."""
        return self.out / way / f"{self.seed}.json"


def images_of(example: Example) -> tuple[CtImage, PetImage]:
    """A man's images on his grid, whose first voxel stands at the origin."""
    step = VOXEL_MM
    grid = Grid(example.ct.shape, (0.0, 0.0, 0.0), ((0.0, 0.0, step), (0.0, step, 0.0), (step, 0.0, 0.0)))
    return CtImage(grid, example.ct), PetImage(grid, example.pet.astype(np.float32), SuvConversion((1.0,), "made", ()))


def cut_low(example: Example) -> Example:
    """The man from the top of L3 down; whole where he has none in view."""
    third = next(label.number for label in load_labels().labels if label.id == "vertebra_l3")
    held = np.flatnonzero((example.labels == third).any(axis=(1, 2)))
    top = int(held[-1]) + 1 if len(held) else len(example.ct)
    cut = {name: np.ascontiguousarray(getattr(example, name)[:top]) for name in ("ct", "pet", "labels", "stations")}
    return replace(example, **cut)


def measured(example: Example, way: str, trunk: Session, head: Session) -> dict[str, Any]:
    """Name a man and hold it against what he is."""
    whole, example = example, cut_low(example) if way == "low" else example
    ct, pet = images_of(example)
    began = perf_counter()
    anatomy = segment(None if way == "pet" else ct, None if way == "ct" else pet, trunk, head)
    seconds = perf_counter() - began
    found, _ = nearest_labels(anatomy.labels.labels, anatomy.labels.grid, ct.grid)
    return {
        **example.about,
        "seconds": round(seconds, 2),
        **held_against(found, example.labels, whole.labels),
        "stations": _stations(anatomy, example, ct.grid),
        "confidence": {one.id: one.confidence for one in anatomy.found},
        "not_there": [one.id for one in anatomy.found if not (example.labels == one.number).any()],
        "notices": list(anatomy.notices),
    }


def held_against(found: Labels, true: Labels, whole: Labels) -> dict[str, Any]:
    """Figures of every structure, and how many names of vertebrae and ribs are right.

    Names are asked for where half of what the whole man has is in view: a tip of a vertebra bears no name.
    """
    table = load_labels()
    structures = {label.id: figures(found == label.number, true == label.number) for label in table.labels}
    named = {}
    for kind in ("vertebra", "rib"):
        numbers = [label.number for label in table.labels if label.kind == kind]
        cut = [n for n in numbers if 2 * np.count_nonzero(true == n) < np.count_nonzero(whole == n)]
        named[kind] = names_right(found, np.where(np.isin(true, cut), 0, true), numbers)
    return {"structures": {name: row for name, row in structures.items() if row is not None}, "names": named}


def keep(path: Path, figures_of_man: dict[str, Any]) -> None:
    """Write one man's figures, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(figures_of_man), encoding="utf-8")
    part.replace(path)


def figures(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> dict[str, float | None] | None:
    """Dice and distances of the surfaces (mm), None for these where nothing was found; None where there is nothing."""
    if int(true.sum()) < FEWEST:
        return None
    box = find_objects((found | true).astype(np.uint8))[0]
    near = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)
    a, b = found[near], true[near]
    dice = dice_by_label(a.astype(np.uint8), b.astype(np.uint8), 2)[1]
    mean, most = surface_mm(a, b, VOXEL_MM) if a.any() else (None, None)
    return {"dice": dice, "mean_mm": mean, "most_mm": most}


def _stations(anatomy: Anatomy, example: Example, grid: Grid) -> dict[str, float]:
    if anatomy.stations is None:
        return {}
    found, _ = nearest_labels(anatomy.stations.labels, anatomy.stations.grid, grid)
    dice = {}
    for name, number in load_labels().number_of_station().items():
        true = example.stations == number
        if int(true.sum()) >= FEWEST:
            own = found == number
            dice[name] = 2.0 * float((own & true).sum()) / float(own.sum() + true.sum())
    return dice


def name_man(job: Job) -> int:
    """Make one man, name him in every way that is missing, and keep the figures."""
    missing = [way for way in WAYS if not job.path(way).exists()]
    if missing:
        example = make_example(job.seed)
        held = [(job.network / name).read_bytes() for name in ("trunk.onnx", "head.onnx")]
        trunk, head = sessions_of(held[0], held[1], threads=1)
        for way in missing:
            keep(job.path(way), measured(example, way, trunk, head))
    return job.seed


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("-n", "--men", type=int, default=20)
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    asked = parser.parse_args()
    jobs = [Job(seed, asked.network, asked.out) for seed in range(asked.seed, asked.seed + asked.men)]
    with ProcessPoolExecutor(asked.jobs) as pool:
        for done, seed in enumerate(pool.map(name_man, jobs), start=1):
            print(f"{done}/{len(jobs)}: man {seed}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
