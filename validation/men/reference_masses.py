"""What the reference man's tissues hold as painted: measured, held against what the code carries of it, and put there.

A man's weight is met by his fat, and his uptake is shared by volume; both rest on figures of the painted reference man:
`LEAN_KG`, `FAT_L` and `SKIN_L` in `psmap.phantom.anatomy.draw`, and `reference_ml` in `catalog/tissues.toml`. After
a change of his shapes they have to be measured anew:

    python validation/men/reference_masses.py            says how far they are from what is painted
    python validation/men/reference_masses.py --write    writes what is painted into both files
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from psmap.catalog.tissues import load_tissues, tissue_of
from psmap.domain.geometry import Grid
from psmap.phantom.anatomy import draw
from psmap.phantom.anatomy.body import body
from psmap.phantom.anatomy.man import REFERENCE_MAN, Arms, Man
from psmap.phantom.anatomy.paint import Structure, paint
from psmap.phantom.anatomy.whole import structures_of

SOURCE = Path(__file__).resolve().parents[2] / "src" / "psmap"
STEP_MM = 4.0
TISSUE_MAN = replace(REFERENCE_MAN, prostate_ml=40.0)
"""`reference_ml` is of a man with a prostate of 40 mL, arms down."""
SOFT, MARROW, CORTEX, LUNG = 1.05, 1.1, 1.92, 0.4
KG_PER_L: Mapping[str, float] = {
    "visceral_fat": 0.95, "mesorectum": 0.95, "nasal_air": 0.0, "trachea": 0.0, "bronchi": 0.0,
}  # fmt: skip
"""ICRP Publication 110, table A.1; marrow with its spongy bone 1.1; lungs with their air."""


def main(arguments: list[str]) -> int:
    """Measure, compare, and write where told to."""
    fat, skin, lean = {}, {}, {}
    for arms in Arms:
        fat[arms], skin[arms] = fat_and_skin_l(arms)
        lean[arms] = lean_kg(arms)
    tissues = tissues_ml()
    for arms in Arms:
        print(f"arms {arms}: lean {draw.LEAN_KG[arms]} kg, painted {lean[arms]:.2f}")
        print(f"  fat {draw.FAT_L[arms]} L, painted {fat[arms]}\n  skin {draw.SKIN_L[arms]} L, painted {skin[arms]}")
    for name, ml in tissues.items():
        carried = load_tissues()[name].reference_ml
        if abs(ml - carried) > 0.01 * carried:
            print(f"{name}: {carried:g} mL, painted {ml:g}")
    if "--write" in arguments:
        _write_draw(lean, fat, skin)
        _write_tissues(tissues)
    return 0


def fat_and_skin_l(arms: Arms) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fat under the skin and skin (L) at every `draw.FAT_MM`."""
    rows = []
    for fat_mm in draw.FAT_MM:
        man = replace(REFERENCE_MAN, arms=arms, fat_mm=fat_mm)
        found = _volumes_ml(man, body(man))
        rows.append((round(found["fat"] / 1000.0, 2), round(found["skin"] / 1000.0, 2)))
    fat, skin = zip(*rows, strict=True)
    return fat, skin


def lean_kg(arms: Arms) -> float:
    """Mass of all but skin and the fat under it."""
    man = replace(REFERENCE_MAN, arms=arms)
    found = _volumes_ml(man, structures_of(man))
    return round(sum(_kg_per_l(name) * ml for name, ml in found.items() if name not in ("skin", "fat")) / 1000.0, 2)


def tissues_ml() -> dict[str, float]:
    """Volume (mL, three figures) of every tissue whose `reference_ml` the catalogue carries."""
    found = {name: 0.0 for name, tissue in load_tissues().items() if tissue.reference_ml > 0.0}
    for structure, ml in _volumes_ml(TISSUE_MAN, structures_of(TISSUE_MAN)).items():
        name = tissue_of(structure).name
        if name in found:
            found[name] += ml
    return {name: float(f"{ml:.4g}" if ml >= 1000.0 else f"{ml:.3g}") for name, ml in found.items()}


def _kg_per_l(name: str) -> float:
    if name in KG_PER_L:
        return KG_PER_L[name]
    if name.startswith("lung_"):
        return LUNG
    tissue = tissue_of(name).name
    return CORTEX if tissue.startswith("cortex") else MARROW if tissue in ("marrow", "marrow_limb", "diploe") else SOFT


def _volumes_ml(man: Man, structures: tuple[Structure, ...]) -> dict[str, float]:
    hull = next(structure.solid for structure in structures if structure.name == "skin")
    low, high = man.bend.box(hull.low, hull.high)
    i, j, k = (int((b - a) / STEP_MM) + 5 for a, b in zip(low, high, strict=True))
    x, y, z = (float(a) - 2.0 * STEP_MM for a in low)
    grid = Grid((k, j, i), (x, y, z), ((0.0, 0.0, STEP_MM), (0.0, STEP_MM, 0.0), (STEP_MM, 0.0, 0.0)))
    return paint(structures, grid, man.bend).volumes_ml()


def _write_draw(
    lean: Mapping[Arms, float], fat: Mapping[Arms, tuple[float, ...]], skin: Mapping[Arms, tuple[float, ...]]
) -> None:
    file = SOURCE / "phantom" / "anatomy" / "draw.py"
    text = file.read_text(encoding="utf-8")
    both = ", ".join(f"Arms.{arms.name}: {lean[arms]}" for arms in (Arms.DOWN, Arms.UP))
    text = re.sub(r"(LEAN_KG: .*? = )\{.*?\}", rf"\g<1>{{{both}}}", text)
    for name, litres in (("FAT_L", fat), ("SKIN_L", skin)):
        for arms in Arms:
            row = f"({', '.join(str(value) for value in litres[arms])})"
            pattern = rf"({name}: [^{{]*\{{.*?Arms\.{arms.name}: )\([^)]*\)"
            text = re.sub(pattern, rf"\g<1>{row}", text, count=1, flags=re.DOTALL)
    file.write_text(text, encoding="utf-8")


def _write_tissues(tissues: Mapping[str, float]) -> None:
    file = SOURCE / "catalog" / "tissues.toml"
    text = file.read_text(encoding="utf-8")
    for name, ml in tissues.items():
        pattern = rf"(^\[{name}\]\n(?:[^\[\n].*\n)*?reference_ml = )[\d.]+"
        text = re.sub(pattern, rf"\g<1>{ml}", text, count=1, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
