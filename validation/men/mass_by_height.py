"""The reference man's mass by height, weighed as painted: which share of a man lies below every height of him.

The activity balance asks which share of a man lies in a field of view. Where an anatomy says from which height to which
it reaches, the share is read off `catalog/mass_by_height.toml`, which this script makes. The man without arms has in
every slab what he weighs there with the arms where they are not: raised for what lies below the shoulders, hanging for
what lies above them; within the shoulders the lesser of both.

    python validation/men/mass_by_height.py            says how far the table is from what is painted
    python validation/men/mass_by_height.py --write    writes what is painted into the table

With the figures of the reference man at hand (`anatomy_figures`), the volume of trunk, head and legs below each height
is held against theirs.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from psmap.catalog.anatomy_labels import load_labels
from psmap.catalog.mass_by_height import load_mass_by_height
from psmap.catalog.tissues import tissue_of
from psmap.domain.geometry import FloatArray, Grid
from psmap.phantom.anatomy.man import REFERENCE_MAN, Arms, Man
from psmap.phantom.anatomy.paint import Painted, paint
from psmap.phantom.anatomy.whole import structures_of
from psmap.steps.anatomy.body_axis import REFERENCE_L5_MM, REFERENCE_SCALE, usual_mm

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "src" / "psmap" / "catalog" / "mass_by_height.toml"
STEP_MM = 4.0
EVERY_MM = 20.0
STRETCHES = (
    (Arms.UP, -288.0, 0.0),
    (Arms.UP, 0.0, 160.0),
    (Arms.UP, 160.0, 304.0),
    (Arms.DOWN, 480.0, 712.0),
)
"""Arms lie elsewhere, and so the largest piece of the figures' slices is all of trunk or head."""
LOW_MM, HIGH_MM = -1060.0, 1060.0
A_LINE = 12
HEAD = """\
# Which share of the reference man's mass lies below every height: with the arms raised beside the head, with the
# arms hanging beside the trunk, and of the same man what is not arms. Made by validation/men/mass_by_height.py.

source = \"\"\"psmap's digital reference man, whose outline, organs and spine are those of the adult male of ICRP \\
Publication 110 as measured for psmap, painted at 4 mm and weighed with the densities of catalog/tissues.toml\"\"\"

"""


def main(arguments: list[str]) -> int:
    """Weigh him, compare, and write where told to."""
    heights = np.arange(LOW_MM, HIGH_MM + 0.5 * EVERY_MM, EVERY_MM)
    slabs, men = {}, {}
    for arms in Arms:
        man = replace(REFERENCE_MAN, arms=arms)
        men[arms] = whole_man(man, STEP_MM)
        slabs[arms] = slab_kg(men[arms], heights)
        print(f"arms {arms}: {slabs[arms].sum():.1f} kg")
    total = 0.5 * (slabs[Arms.UP].sum() + slabs[Arms.DOWN].sum())
    without = np.minimum(slabs[Arms.UP], slabs[Arms.DOWN]) / total
    print(f"arms: {1.0 - without.sum():.3f} of his mass")
    below = {
        "up": _below(slabs[Arms.UP] / slabs[Arms.UP].sum()),
        "down": _below(slabs[Arms.DOWN] / slabs[Arms.DOWN].sum()),
        "without": _below(without),
    }
    if TABLE.is_file():
        table = load_mass_by_height()
        for name, row in below.items():
            off = np.abs(np.interp(heights, table.z_mm, getattr(table, name)) - row).max()
            print(f"{name}: the table is within {off:.4f} of what is painted")
    _spine(men[Arms.UP])
    _figures(men)
    if "--write" in arguments:
        rows = {"z_mm": [f"{z:g}" for z in heights]} | {
            name: [f"{share:.4f}" for share in row] for name, row in below.items()
        }
        TABLE.write_text(HEAD + "\n".join(_toml(name, row) for name, row in rows.items()), encoding="utf-8")
    return 0


def whole_man(man: Man, step_mm: float) -> Painted:
    """A man painted from his feet to the top of his head or hands."""
    structures = structures_of(man)
    hull = next(structure.solid for structure in structures if structure.name == "skin")
    low, high = man.bend.box(hull.low, hull.high)
    i, j, k = (int((b - a) / step_mm) + 5 for a, b in zip(low, high, strict=True))
    x, y, z = (float(a) - 2.0 * step_mm for a in low)
    grid = Grid((k, j, i), (x, y, z), ((0.0, 0.0, step_mm), (0.0, step_mm, 0.0), (step_mm, 0.0, 0.0)))
    return paint(structures, grid, man.bend)


def slice_kg(painted: Painted) -> FloatArray:
    """Mass (kg) of every slice of a painted man, by the densities of his tissues."""
    density = painted.compose(lambda name: tissue_of(name).density)
    mass: FloatArray = density.sum(axis=(1, 2), dtype=np.float64) * painted.grid.voxel_ml / 1000.0
    return mass


def slab_kg(painted: Painted, heights: FloatArray) -> FloatArray:
    """Mass (kg) between one height (z, mm) and the next."""
    edges = painted.grid.origin_mm[2] + painted.grid.axes_mm[0][2] * (np.arange(painted.grid.shape[0] + 1) - 0.5)
    found: FloatArray = np.diff(np.interp(heights, edges, _below(slice_kg(painted))))
    return found


def _below(parts: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(parts)])


def _toml(name: str, row: list[str]) -> str:
    lines = [", ".join(row[n : n + A_LINE]) for n in range(0, len(row), A_LINE)]
    return "\n".join([f"{name} = [", *(f"    {line}," for line in lines), "]", ""])


def _spine(painted: Painted) -> None:
    """How the usual heights of `body_axis` lie over the reference man's own: what the two constants there say."""
    table = load_labels()
    labels = painted.labels(table.number_of_structure())
    usual, own = [], []
    for label in table.labels:
        height_mm = usual_mm(label.id) if label.kind == "vertebra" else None
        if height_mm is not None:
            usual.append(height_mm)
            own.append(float(painted.grid.to_mm(np.argwhere(labels == label.number)).mean(axis=0)[2]))
    scale, zero = np.polyfit(usual, own, 1)
    off = np.abs(np.array(own) - zero - scale * np.array(usual)).max()
    print(f"z = {zero:.1f} mm + {scale:.4f} times the usual height, to {off:.1f} mm over {len(usual)} vertebrae")
    print(f"carried: {REFERENCE_L5_MM} mm, {REFERENCE_SCALE}")


def _figures(men: Mapping[Arms, Painted]) -> None:
    """Volume of a stretch against the figures' outline, where it holds all that is there but the arms."""
    folder = Path(os.environ.get("PSMAP_DATA", ROOT.parent / "shared" / "data")) / "anatomy_figures"
    if not folder.is_dir():
        print("the figures of the reference man are not here; set PSMAP_DATA to the folder of the real data")
        return
    with (folder / "outline.tsv").open(encoding="utf-8", newline="") as file:
        rows = [(float(row["z_mm"]), float(row["trunk_area_cm2"])) for row in csv.DictReader(file, delimiter="\t")]
    z, area = np.array(rows).T
    for arms, low, high in STRETCHES:
        painted = men[arms]
        inside = painted.compose(lambda name: 1.0).sum(axis=(1, 2)) * painted.grid.voxel_ml / 1000.0
        places = painted.grid.origin_mm[2] + painted.grid.axes_mm[0][2] * np.arange(len(inside))
        figures = area[(z >= low) & (z < high)].sum() * 0.8 / 1000.0
        found = inside[(places >= low - 4.0) & (places < high - 4.0)].sum()
        print(f"{low:g} to {high:g} mm: {found:.2f} L as painted, {figures:.2f} L in the figures")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
