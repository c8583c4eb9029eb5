"""Draws every picture of the digital men in the documentation, from seeds: all men in them are made up.

    python validation/pictures/draw_pictures.py [-o docs/images] [NAME ...]

NAME is one or more of man-mip, man-fused, man-anatomy, man-tracers, men-differ; all without any. The same psmap draws
the same pictures.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np
from picture_anatomy import draw_anatomy
from picture_parts import (
    BENIGN,
    FAINT,
    INK,
    LESION,
    Extent,
    Sheet,
    cross,
    extent_of,
    fused,
    inverted,
    mark,
    mip,
    on_grid,
    slice_at,
    windowed,
)

from psmap.catalog.load import tracer_by_name
from psmap.phantom.anatomy.draw import ManChoices
from psmap.phantom.anatomy.man import Arms, Side
from psmap.phantom.lesions.placing import TrueSite
from psmap.phantom.lesions.scenarios import Scenario
from psmap.phantom.man_scan import ScannedMan, man_of, scan_man

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
TOP_SUV = 10.0
"""SUV shown black, or white-hot, in every picture."""
FIRST_SEED, LAST_SEED = 41, 140
"""Among these the man of the pictures is looked for: the first with the lesions that the pictures show."""
COARSE_MM, PET_MM, CT_MM = 10.0, 4.0, 2.0
TRACERS = {"psma-11": "[68Ga]Ga-PSMA-11", "psma-1007": "[18F]PSMA-1007", "dcfpyl": "[18F]DCFPyL", "fdg": "[18F]FDG"}
AROUND_MM, WIDE_MM, DEEP_MM, ROW = 105.0, 205.0, 125.0, 165.0
"""Fused slices: from the lesion up and down, from the man's middle to the sides, to front and back;
pixels from the upper to the lower edge."""
HIPS_Y_MM = -5.0
MOST_BMI, CLEAR_SUV = 30.0, 10.0
"""Men of usual build; a focus whose SUV times its volume in mL (1 at most) is above this stands out."""
MEN = {
    "lean": ManChoices(height_m=1.80, bmi=19.5),
    "heavy": ManChoices(height_m=1.72, bmi=39.0),
    "tall": ManChoices(height_m=1.96, bmi=24.0),
    "hip prosthesis": ManChoices(height_m=1.76, bmi=26.0, prosthesis=Side.LEFT),
    "no prostate,\nfull bladder": ManChoices(height_m=1.74, bmi=26.0, prostatectomy=True, bladder_ml=480.0),
    "arms down": ManChoices(height_m=1.78, bmi=26.0, arms=Arms.DOWN),
}
USUAL = ManChoices(arms=Arms.UP, prosthesis=False, bladder_ml=120.0)
"""What the other five leave open is left to the dice, save these."""


def main() -> int:
    """Draw the pictures asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}")
    parser.add_argument("-o", "--output", type=Path, default=IMAGES, help="folder")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.names or PICTURES:
        begun = perf_counter()
        path = options.output / f"{name}.png"
        PICTURES[name](path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, {perf_counter() - begun:.0f} s")
    return 0


def draw_mip(path: Path) -> None:
    """The man from the front and from his left, his foci numbered."""
    scan = _scan(_seed(), "psma-11")
    front, side = (extent_of(scan.grid, plane) for plane in ("coronal", "sagittal"))
    scale, gap, top = 0.82, 70, 44
    widths = [scale * (extent[1] - extent[0]) for extent in (front, side)]
    foot = top + scale * (front[3] - front[2]) + 10
    sheet = Sheet(int(sum(widths) + 3 * gap), int(foot + 86))
    left = float(gap)
    for axis, plane, extent, width, name in (
        (0, "coronal", front, widths[0], "from the front"),
        (1, "sagittal", side, widths[1], "from his left"),
    ):
        axes = sheet.show(inverted(mip(scan.suv, plane), TOP_SUV), left, top, width, extent)
        sheet.write(left + width / 2, 12, name, ha="center")
        for benign, colour in ((False, LESION), (True, BENIGN)):
            spots = {
                site.number: (site.centre_mm[axis], site.centre_mm[2])
                for site in scan.sites
                if bool(site.focus.benign) == benign and front[2] < site.centre_mm[2] < front[3]
            }
            mark(axes, spots, colour)
        left += width + gap
    lines = [(f"{TRACERS['psma-11']}, SUV 0 to {TOP_SUV:g}", INK)]
    for benign, colour in ((False, LESION), (True, BENIGN)):
        told = [_told(site, number=True) for site in scan.sites if bool(site.focus.benign) == benign]
        words = f"{'no tumour' if benign else 'tumour'}: {'; '.join(told) or 'none'}"
        lines += [(line, colour) for line in textwrap.wrap(words, 120)]
    for n, (words, colour) in enumerate(lines):
        sheet.write(gap / 2, foot + 18 * n, words, 8.5, color=colour)
    sheet.save(path)


def draw_fused(path: Path) -> None:
    """CT, PET and both together through a node and through a dense lesion of bone, in three planes."""
    shown = ((_seed(), _node, 40.0, 400.0), (_other_seed(), _bone, 350.0, 1600.0))
    widths = {
        "axial": ROW * WIDE_MM / DEEP_MM,
        "coronal": ROW * WIDE_MM / AROUND_MM,
        "sagittal": ROW * DEEP_MM / AROUND_MM,
    }
    gap, edge, top = 6.0, 14.0, 40.0
    block = sum(widths.values()) + 2 * gap
    sheet = Sheet(int(2 * block + 3 * edge), int(top + 3 * (ROW + gap) + 28))
    for n, (seed, pick, centre, width) in enumerate(shown):
        scan = _scan(seed, "psma-11")
        site = pick(scan.sites)
        assert site is not None
        near = _near(seed, site)
        pet = on_grid(scan.suv, scan.grid, near.grid)
        left = edge + n * (block + edge)
        sheet.write(left + block / 2, 10, _told(site), 12, ha="center")
        for plane, wide in widths.items():
            ct = windowed(slice_at(near.hu, near.grid, plane, site.centre_mm), centre, width)
            suv = slice_at(pet, near.grid, plane, site.centre_mm)
            for row, image in enumerate((ct, inverted(suv, TOP_SUV), fused(ct, suv, TOP_SUV))):
                place = (left, top + row * (ROW + gap), wide)
                axes = sheet.show(image, *place, extent_of(near.grid, plane), _window(near, site, plane))
                if row == 0:
                    cross(axes, *_across(site, plane))
            left += wide + gap
    words = f"From above: CT (left soft tissue, right bone), PET (SUV 0 to {TOP_SUV:g}), both together"
    sheet.write(edge, top + 3 * (ROW + gap) + 2, words, 10, color=FAINT)
    sheet.save(path)


def _near(seed: int, site: TrueSite) -> ScannedMan:
    """A man once more, finely, round a focus."""
    bend = man_of(seed, Scenario.OLIGO).bend
    z = (site.centre_mm[2] - bend.shift_mm[2]) / bend.scale[2]
    reach = AROUND_MM + 12.0  # he is bent, so that the reference frame lies some mm off
    field = (z - reach, z + reach)
    return scan_man(seed, tracer_by_name("psma-11"), Scenario.OLIGO, voxel_mm=CT_MM, field_mm=field)


def _window(near: ScannedMan, site: TrueSite, plane: str) -> Extent:
    """What is shown: his trunk from side to side and from front to back, and as much above and below the focus."""
    body = np.argwhere(near.sharp > 0)
    x, y, _ = (float(v) for v in near.grid.to_mm(0.5 * (body.min(axis=0) + body.max(axis=0)))[0])
    z = site.centre_mm[2]
    if plane == "axial":
        return x - WIDE_MM, x + WIDE_MM, y + DEEP_MM, y - DEEP_MM
    if plane == "coronal":
        return x - WIDE_MM, x + WIDE_MM, z - AROUND_MM, z + AROUND_MM
    return y - DEEP_MM, y + DEEP_MM, z - AROUND_MM, z + AROUND_MM


def _across(site: TrueSite, plane: str) -> tuple[float, float]:
    x, y, z = site.centre_mm
    return {"axial": (x, y), "coronal": (x, z), "sagittal": (y, z)}[plane]


def draw_tracers(path: Path) -> None:
    """The same man with four tracers, on one grey scale."""
    scans = [_scan(_seed(), tracer) for tracer in TRACERS]
    extent = extent_of(scans[0].grid, "coronal")
    width = 330.0
    height = width * (extent[3] - extent[2]) / (extent[1] - extent[0])
    sheet = Sheet(int(4 * width + 5 * 14), int(height + 80))
    for n, (scan, name) in enumerate(zip(scans, TRACERS.values(), strict=True)):
        left = 14 + n * (width + 14)
        sheet.show(inverted(mip(scan.suv, "coronal"), TOP_SUV), left, 44, width, extent)
        sheet.write(left + width / 2, 14, name, 13, ha="center")
    sheet.write(14, 52 + height, f"The same man, {_count(scans[0])} lesions; SUV 0 to {TOP_SUV:g} in all four", 10)
    sheet.save(path)


def draw_men(path: Path) -> None:
    """Six men who differ: PET from the front, and CT through the hips, all on one scale."""
    scans = [
        scan_man(seed, tracer_by_name("psma-11"), Scenario.OLIGO, voxel_mm=PET_MM, choices=_open(choices))
        for seed, choices in enumerate(MEN.values(), start=1)
    ]
    extents = [extent_of(scan.grid, "coronal") for scan in scans]
    bottom, top = min(extent[2] for extent in extents), max(extent[3] for extent in extents)
    width = 200.0
    half = 0.5 * max(extent[1] - extent[0] for extent in extents)
    height = width * (top - bottom) / (2 * half)
    sheet = Sheet(int(6 * width + 7 * 8), int(2 * height + 84))
    for n, (name, scan, extent) in enumerate(zip(MEN, scans, extents, strict=True)):
        left = 8 + n * (width + 8)
        middle = 0.5 * (extent[0] + extent[1])
        window = (middle - half, middle + half, bottom, top)
        hips = windowed(slice_at(scan.hu, scan.grid, "coronal", (middle, HIPS_Y_MM, 0.0)), 100.0, 900.0)
        for row, image in enumerate((inverted(mip(scan.suv, "coronal"), TOP_SUV), hips)):
            axes = sheet.show(image, left, 66 + row * (height + 8), width, extent, window)
            axes.set_facecolor("black" if row else "white")
        sheet.write(left + width / 2, 24, name, 12, ha="center", va="center")
        told = f"{scan.man.height_m:.2f} m, {scan.man.weight_kg:.0f} kg"
        sheet.write(left + width / 2, 46, told, 9, ha="center", color=FAINT)
    sheet.save(path)


def _open(choices: ManChoices) -> ManChoices:
    """A man's choices, and the usual ones where he has none."""
    usual = {
        name: value for name in ("arms", "prosthesis", "bladder_ml") if (value := getattr(USUAL, name)) is not None
    }
    return replace(choices, **{name: value for name, value in usual.items() if getattr(choices, name) is None})


@cache
def _seed() -> int:
    """The man of most pictures: arms up, of usual build, three to five lesions, among them a clear enlarged node."""

    def wanted(seed: int) -> bool:
        man = man_of(seed, Scenario.OLIGO)
        if man.arms is not Arms.UP or man.weight_kg / man.height_m**2 > MOST_BMI:
            return False
        return _node(_rough(seed).sites) is not None and 3 <= _count(_rough(seed)) <= 5

    return _first(wanted)


@cache
def _other_seed() -> int:
    """A man who has a clear lesion in the spine that is dense on CT."""
    return _first(lambda seed: man_of(seed, Scenario.OLIGO).arms is Arms.UP and _bone(_rough(seed).sites) is not None)


def _first(wanted: Callable[[int], bool]) -> int:
    for seed in range(FIRST_SEED, LAST_SEED + 1):
        if wanted(seed):
            return seed
    raise SystemExit(f"no man from {FIRST_SEED} to {LAST_SEED} has the lesions that the pictures show")


@cache
def _rough(seed: int) -> ScannedMan:
    """A few coarse slices: his foci are the same on every grid."""
    return scan_man(seed, tracer_by_name("psma-11"), Scenario.OLIGO, voxel_mm=COARSE_MM, field_mm=(0.0, 40.0))


def _node(sites: tuple[TrueSite, ...]) -> TrueSite | None:
    """An enlarged node of the pelvis that stands out."""
    return next((s for s in sites if s.focus.enlarged and s.centre_mm[2] < 60.0 and _clear(s)), None)


def _bone(sites: tuple[TrueSite, ...]) -> TrueSite | None:
    """A lesion of the spine that is dense on CT and stands out."""
    found = (s for s in sites if s.focus.osteoblastic and s.focus.place.startswith("vertebra"))
    return next((s for s in found if _clear(s)), None)


def _clear(site: TrueSite) -> bool:
    return site.focus.benign is None and site.focus.suv * min(1.0, site.focus.volume_ml) > CLEAR_SUV


def _count(scan: ScannedMan) -> int:
    return sum(1 for site in scan.sites if site.focus.benign is None)


@cache
def _scan(seed: int, tracer: str) -> ScannedMan:
    return scan_man(seed, tracer_by_name(tracer), Scenario.OLIGO, voxel_mm=PET_MM)


def _told(site: TrueSite, number: bool = False) -> str:
    """A focus in words."""
    focus = site.focus
    dense = ", dense on CT" if focus.osteoblastic else ""
    what = f"{focus.place.replace('_', ' ')}, {focus.diameter_mm:.0f} mm{dense}"
    return f"{site.number} {what}" if number else what


PICTURES: dict[str, Callable[[Path], None]] = {
    "man-mip": draw_mip,
    "man-fused": draw_fused,
    "man-anatomy": draw_anatomy,
    "man-tracers": draw_tracers,
    "men-differ": draw_men,
}

if __name__ == "__main__":
    raise SystemExit(main())
