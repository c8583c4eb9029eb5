"""The reference man, painted and measured, against the reference adult male in figures.

Paints all structures of the man whose figures lie in the real data (`anatomy_figures`: organs, outline, spine), on
voxels of 2.137 x 2.137 x 4 mm, and compares: organ volumes and extents within 15 % or one 8 mm slice, whichever is
larger, centroids within 15 mm, outline and spine curve within 10 %. Writes `docs/reference-man.md`.

    python validation/men/reference_man.py [docs/reference-man.md]

The figures are those of the reference adult male, ICRP Publication 110, as measured for psmap.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label

from psmap.domain.geometry import FloatArray, Grid
from psmap.phantom.anatomy.man import REFERENCE_MAN
from psmap.phantom.anatomy.paint import Painted, paint
from psmap.phantom.anatomy.whole import structures_of

ROOT = Path(__file__).resolve().parents[2]
MAN = replace(REFERENCE_MAN, prostate_ml=16.5)
"""The man of the figures: his prostate has no hyperplasia."""
STEP_MM = (4.0, 2.137, 2.137)
LOW_MM, HIGH_MM = (-272.0, -172.0, -1054.0), (272.0, 116.0, 728.0)
"""Two slices of ours make one of the figures', whose middles lie at multiples of 8 mm."""
SLICE_MM, PIXEL_MM = 8.0, 2.137
SHARE, NEAR_MM, CURVE_SHARE = 0.15, 15.0, 0.10
URETERS_END_MM = -68.0
"""z of the lower face of the figures' last slice of a ureter."""
TRIMMED = (0.5, 99.5)
"""Percentiles between which an extent runs. The figures' extents leave out the farthest voxels: the vertebrae's are
narrower than the same figures' slices of the spine, and the vessels begin between two slices, a tenth of the way from
-216 to -208 mm, as the 0.5th percentile of their 7,020 voxels does (place 35.1)."""

Row = tuple[str, str, str, str, str, bool]
"""What, which measure, found, figure, allowed, met."""


def _names(prefix: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(prefix)


def _bones(*prefixes: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(prefixes)


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of the figures and the structures that stand for it.

    Args:
        parts: tells of a structure's name whether it counts.
        between_mm: heights (z) to which the figures are confined.
        compared: measures that can be compared.
    """

    parts: Callable[[str], bool]
    between_mm: tuple[float, float] = (-1e4, 1e4)
    compared: tuple[str, ...] = ("volume", "centroid", "extent")


def _side(kind: str, side: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(kind) and side in name.split("_")


def _one_of(*wanted: str) -> Callable[[str], bool]:
    return lambda name: name in wanted


PAIRS: dict[tuple[str, str], Pair] = {
    **{
        (name, "all"): Pair(_one_of(name))
        for name in (
            "adrenal_left",
            "adrenal_right",
            "eye_left",
            "eye_right",
            "gallbladder",
            "stomach",
            "colon_ascending",
            "colon_descending",
            "colon_sigmoid",
            "rectum",
            "heart_blood",
            "liver",
            "lung_left",
            "lung_right",
            "oesophagus",
            "pancreas",
            "spinal_cord",
            "spleen",
            "testis_left",
            "testis_right",
            "thyroid",
            "tongue",
        )
    },
    ("trachea", "all"): Pair(_one_of("trachea_wall")),
    ("brain", "all"): Pair(_one_of("brain", "brain_white", "brain_ventricles")),
    ("heart_wall", "all"): Pair(_one_of("heart_wall", "heart_wall_right", "pericardium")),
    ("ureter_left", "all"): Pair(_one_of("ureter_left"), (URETERS_END_MM, 1e4)),
    ("ureter_right", "all"): Pair(_one_of("ureter_right"), (URETERS_END_MM, 1e4)),
    ("small_intestine", "all"): Pair(_one_of("duodenum", "jejunum_proximal", "small_bowel")),
    ("kidney_left", "all"): Pair(_one_of("kidney_cortex_left", "kidney_pelvis_left")),
    ("kidney_right", "all"): Pair(_one_of("kidney_cortex_right", "kidney_pelvis_right")),
    ("prostate", "all"): Pair(_names("prostate_")),
    ("urinary_bladder", "all"): Pair(_one_of("bladder", "bladder_wall")),
    ("salivary_glands_left", "all"): Pair(_one_of("parotid_left", "submandibular_left", "sublingual_left")),
    ("salivary_glands_right", "all"): Pair(_one_of("parotid_right", "submandibular_right", "sublingual_right")),
    ("clavicles", "left"): Pair(_side("clavicle", "left")),
    ("clavicles", "right"): Pair(_side("clavicle", "right")),
    ("cranium", "all"): Pair(_bones("skull")),
    ("femora_upper", "left"): Pair(_side("femur", "left"), (-332.0, -108.0)),
    ("femora_upper", "right"): Pair(_side("femur", "right"), (-332.0, -108.0)),
    ("humeri_upper", "left"): Pair(_side("humerus", "left"), (284.0, 436.0)),
    ("humeri_upper", "right"): Pair(_side("humerus", "right"), (284.0, 436.0)),
    ("mandible", "all"): Pair(_bones("mandible")),
    ("pelvis_hip_bones", "left"): Pair(_side("hip_bone", "left")),
    ("pelvis_hip_bones", "right"): Pair(_side("hip_bone", "right")),
    ("ribs", "left"): Pair(_side("rib", "left")),
    ("ribs", "right"): Pair(_side("rib", "right")),
    ("scapulae", "left"): Pair(_side("scapula", "left")),
    ("scapulae", "right"): Pair(_side("scapula", "right")),
    ("cervical_spine", "all"): Pair(_bones("vertebra_c")),
    ("thoracic_spine", "all"): Pair(_bones("vertebra_t")),
    ("lumbar_spine", "all"): Pair(_bones("vertebra_l")),
    ("sacrum", "all"): Pair(_bones("sacrum", "coccyx")),
    ("sternum", "all"): Pair(_bones("sternum")),
    ("skin", "all"): Pair(_one_of("skin"), compared=("volume",)),
}
TOGETHER = {("colon_transverse", "all"): ("colon_transverse_right", "colon_transverse_left")}
"""Structures that stand for two rows of the figures."""
SPINE = _bones("vertebra", "sacrum", "coccyx")


def main(arguments: list[str]) -> int:
    """Paint, compare, write the page; the number of measures that are not met is told, not returned."""
    folder = Path(os.environ.get("PSMAP_DATA", ROOT.parent / "shared" / "data")) / "anatomy_figures"
    if not folder.is_dir():
        print("skipped: the figures of the reference man are not here; set PSMAP_DATA to the folder of the real data")
        return 0
    painted = paint(structures_of(MAN), _grid(), MAN.bend)
    rows = [*_organs(painted, folder), *_outline(painted, folder), *_spine(painted, folder)]
    page = _page(rows, painted)
    target = Path(arguments[0]) if arguments else ROOT / "docs" / "reference-man.md"
    target.write_text(page, encoding="utf-8")
    missed = [row for row in rows if not row[5]]
    print("\n".join(" | ".join(row[:5]) for row in missed))
    print(f"{len(rows) - len(missed)} of {len(rows)} met; the table stands in {target.name}")
    return 0


def _grid() -> Grid:
    k, j, i = STEP_MM
    shape = tuple(int((HIGH_MM[c] - LOW_MM[c]) / s) + 1 for c, s in ((2, k), (1, j), (0, i)))
    return Grid((shape[0], shape[1], shape[2]), LOW_MM, ((0.0, 0.0, k), (0.0, j, 0.0), (i, 0.0, 0.0)))


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _organs(painted: Painted, folder: Path) -> list[Row]:
    figures = {(row["organ"], row["part"]): row for row in _table(folder / "organs.tsv")}
    names = list(dict.fromkeys(patch.name for patch in painted.patches))
    labels = painted.labels({name: 1 + n for n, name in enumerate(names)})
    volumes = painted.volumes_ml()
    found: list[Row] = []
    for key, pair in PAIRS.items():
        parts = [name for name in names if pair.parts(name)]
        found += _compare(key, figures[key], pair, parts, _places(painted.grid, labels, names, parts), volumes)
    for key, rows in TOGETHER.items():
        parts = [key[0]]
        joined = _joined([figures[row, "all"] for row in rows])
        found += _compare(
            key, joined, Pair(_one_of(key[0])), parts, _places(painted.grid, labels, names, parts), volumes
        )
    return found


def _joined(rows: list[dict[str, str]]) -> dict[str, str]:
    weights = np.array([float(row["voxels_ml"]) for row in rows])
    joined = {"voxels_ml": str(weights.sum())}
    for axis in "xyz":
        joined[f"c{axis}_mm"] = str(float(np.average([float(row[f"c{axis}_mm"]) for row in rows], weights=weights)))
        joined[f"{axis}_min"] = str(min(float(row[f"{axis}_min"]) for row in rows))
        joined[f"{axis}_max"] = str(max(float(row[f"{axis}_max"]) for row in rows))
    return joined


def _places(grid: Grid, labels: npt.NDArray[np.int16], names: list[str], parts: list[str]) -> FloatArray:
    return grid.to_mm(np.argwhere(np.isin(labels, [1 + names.index(name) for name in parts])))


def _compare(
    key: tuple[str, str],
    figure: dict[str, str],
    pair: Pair,
    parts: list[str],
    places: FloatArray,
    volumes: dict[str, float],
) -> list[Row]:
    """Volume, centroid and extents of one organ; an organ that is not painted misses all three."""
    what = key[0] if key[1] == "all" else f"{key[0]} {key[1]}"
    low, high = pair.between_mm
    places = places[(places[:, 2] >= low) & (places[:, 2] <= high)] if len(places) else places
    if len(places) == 0:
        return [(what, "painted", "no", "yes", "", False)]
    size = {axis: float(figure[f"{axis}_max"]) - float(figure[f"{axis}_min"]) for axis in "xyz"}
    lengths = np.array([size["x"] + PIXEL_MM, size["y"] + PIXEL_MM, size["z"] + SLICE_MM])
    rows: list[Row] = []
    if "volume" in pair.compared:
        whole = pair.between_mm == (-1e4, 1e4)
        ml = sum(volumes[part] for part in parts) if whole else len(places) * float(np.prod(STEP_MM)) / 1000.0
        wanted = float(figure["voxels_ml"])
        allowed = max(SHARE * wanted, wanted * SLICE_MM / float(lengths[2]))
        rows.append((what, "volume (mL)", f"{ml:.1f}", f"{wanted:.1f}", f"{allowed:.1f}", abs(ml - wanted) <= allowed))
    if "centroid" in pair.compared:
        centre = np.array([float(figure[f"c{axis}_mm"]) for axis in "xyz"])
        mean = places.mean(axis=0)
        off = float(np.linalg.norm(mean - centre))
        rows.append((what, "centroid (mm)", _point(mean), _point(centre), f"{NEAR_MM:g}, is {off:.1f}", off <= NEAR_MM))
    if "extent" in pair.compared:
        sliced = places.copy()
        sliced[:, 2] = SLICE_MM * np.round(places[:, 2] / SLICE_MM)
        ends = np.percentile(sliced, TRIMMED, axis=0)
        spans = ends[1] - ends[0] + np.array([PIXEL_MM, PIXEL_MM, SLICE_MM])
        allowed_mm = np.maximum(SHARE * lengths, SLICE_MM)
        met = bool(np.all(np.abs(spans - lengths) <= allowed_mm))
        rows.append((what, "extent x, y, z (mm)", _point(spans), _point(lengths), _point(allowed_mm), met))
    return rows


def _outline(painted: Painted, folder: Path) -> list[Row]:
    """Width, depth and area of the largest piece of every slice; both legs where they touch in the figures."""
    inside = painted.labels({patch.name: 1 for patch in painted.patches}) > 0
    grid = painted.grid
    rows: list[Row] = []
    for figure in _table(folder / "outline.tsv"):
        z, width, depth, area = (float(figure[key]) for key in (
            "z_mm", "trunk_lateral_mm", "trunk_ap_mm", "trunk_area_cm2"
        ))  # fmt: skip
        k = round((z - grid.origin_mm[2]) / STEP_MM[0])
        if k >= grid.shape[0] or abs(z - 716.0) < 6.0:
            continue
        pieces, count = label(inside[k])
        sizes = np.bincount(pieces.ravel(), minlength=2)[1:]
        largest = [1 + int(np.argmax(sizes))] if count else []
        if count > 1 and z < -310.0 and width > 200.0:
            largest = [1 + int(n) for n in np.argsort(sizes)[-2:]]
        found, columns = np.nonzero(np.isin(pieces, largest))
        if len(found) == 0:
            rows.append((f"outline at z = {z:g}", "painted", "no", "yes", "", False))
            continue
        pixel = STEP_MM[1] * STEP_MM[2]
        for measure, value, wanted in (
            ("width (mm)", STEP_MM[2] * (np.ptp(columns) + 1), width),
            ("depth (mm)", STEP_MM[1] * (np.ptp(found) + 1), depth),
            ("area (cm2)", pixel * len(found) / 100.0, area),
        ):
            off = CURVE_SHARE * wanted
            rows.append(
                (f"outline at z = {z:g}", measure, f"{value:.1f}", f"{wanted:.1f}", f"{off:.1f}",
                 abs(float(value) - wanted) <= off)
            )  # fmt: skip
    return rows


def _spine(painted: Painted, folder: Path) -> list[Row]:
    """The curve of the spine: centroid of all its bone in every slice, against that of the figures.

    Ten per cent of its length is the size of the curve (some 110 mm from the most forward to the most backward
    slice); slices with arches but no body jump, so the curve of both is smoothed over five slices.
    """
    names = list(dict.fromkeys(patch.name for patch in painted.patches))
    labels = painted.labels({name: 1 + n for n, name in enumerate(names)})
    bone = np.isin(labels, [1 + n for n, name in enumerate(names) if SPINE(name)])
    sums: dict[float, list[tuple[float, float, float]]] = {}
    for row in _table(folder / "centrelines.tsv"):
        if row["structure"] == "spine":
            sums.setdefault(float(row["z_mm"]), []).append((float(row["n"]), float(row["cx_mm"]), float(row["cy_mm"])))
    heights = sorted(sums)
    wanted = np.array([np.average(np.array(sums[z])[:, 1:], axis=0, weights=np.array(sums[z])[:, 0]) for z in heights])
    grid = painted.grid
    found = []
    for z in heights:
        k = round((z - grid.origin_mm[2]) / STEP_MM[0])
        places = grid.to_mm(np.argwhere(bone[k - 1 : k + 1]))
        found.append(places[:, :2].mean(axis=0) if len(places) else np.array([np.nan, np.nan]))
    ours, theirs = _smooth(np.array(found)), _smooth(wanted)
    allowed = CURVE_SHARE * float(np.ptp(theirs[:, 1]))
    rows: list[Row] = []
    for n in range(2, len(heights), 8):
        off = float(np.linalg.norm(ours[n] - theirs[n]))
        rows.append(
            (f"spine at z = {heights[n]:g}", "centre x, y (mm)", _point(ours[n]), _point(theirs[n]),
             f"{allowed:.1f}, is {off:.1f}", off <= allowed)
        )  # fmt: skip
    return rows


def _smooth(curve: FloatArray) -> FloatArray:
    padded = np.pad(curve, ((2, 2), (0, 0)), mode="edge")
    return np.stack([np.nanmean(padded[n : n + 5], axis=0) for n in range(len(curve))])


def _point(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:.0f}" for number in numbers)


def _page(rows: list[Row], painted: Painted) -> str:
    missed = [row for row in rows if not row[5]]
    head = [
        "# The reference man",
        "",
        "psmap's digital man without any spread, painted and measured, against the reference adult male (ICRP",
        "Publication 110, as measured for psmap). Allowed: organ volumes and extents within 15 % or one slice of 8 mm,",
        "whichever is larger, centroids within 15 mm, outline and spine curve within 10 %. Bones are cortex and marrow",
        "together. His prostate is that of the figures (16.5 mL, no hyperplasia). Extents run from the 0.5th to the",
        "99.5th percentile, as the figures' do.",
        "",
        "Where a figure means something else than the structure of its name here, what it means is compared: of the",
        "trachea the wall without the air in it (`trachea_wall`); of the heart's wall that of the left ventricle, of",
        "the other chambers and the sleeve round the vessels' roots (`heart_wall`, `heart_wall_right`, `pericardium`);",
        "of the brain grey and white matter with the ventricles; of the ureters what lies above -68 mm, where the",
        "figures' end, while his run on into the bladder; of the small intestine duodenum and all loops together; of",
        "femora and humeri the part that the figures have.",
        "",
        f"{len(rows) - len(missed)} of {len(rows)} measures are met. Made by `python validation/men/reference_man.py`.",
        "",
    ]
    if missed:
        head += ["What is not met:", "", *_markdown(missed), ""]
    head += ["## Organs, outline and spine", "", "Of the outline every fourth slice.", ""]
    return "\n".join([*head, *_markdown(_thinned(rows)), ""])


def _thinned(rows: list[Row]) -> list[Row]:
    heights = list(dict.fromkeys(row[0] for row in rows if row[0].startswith("outline")))
    kept = set(heights[2::4])
    return [row for row in rows if row[0] not in heights or row[0] in kept]


def _markdown(rows: list[Row]) -> list[str]:
    lines = ["| what | measure | found | figure | allowed | met |", "|---|---|---|---|---|---|"]
    return lines + [f"| {' | '.join(row[:5])} | {'yes' if row[5] else 'no'} |" for row in rows]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
