"""Times a whole study, warm, against the usual stack: python benchmarks/whole_study.py [-o FILE] prints Markdown.

From a folder of PET and CT to SUV, sites with all their features, and the label map, twice: by psmap's own steps, and
by pydicom (reading), scipy and SimpleITK (components, statistics, SUVpeak, background) and scikit-image (surface),
written as one would. Every number of both answers is compared first. Then both run in turn in this one process, five
times each, with files in the page cache and kernels compiled. Memory is the highest resident size in a fresh process
over what it held before (Linux).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK as sitk  # noqa: N813
from inputs import ct_grid, pet_grid, suv_volume, write_ct, write_pet
from memory import peak_mb
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area

from psmap.domain.parameters import ReadParameters, Threshold, ThresholdKind
from psmap.io.dicom_read import read_study
from psmap.numerics.suv_peak import peak_sphere
from psmap.steps.detection import detect_sites, site_labels
from psmap.workflow.pipeline import to_suv

ROUNDS = 5
GATE = 4.0
SEED_SUV = 4.0
INNER_MM, OUTER_MM = 5.0, 15.0
PARAMETERS = ReadParameters(threshold=Threshold(ThresholdKind.SUV, SEED_SUV), watershed=False)
CUBE = np.ones((3, 3, 3), dtype=bool)
FEATURES = (
    "voxels",
    "suv_max",
    "suv_mean",
    "suv_peak",
    "volume_ml",
    "centroid k",
    "centroid j",
    "centroid i",
    "sphericity",
    "background_suv",
)
_PACKAGES = ("numpy", "scipy", "SimpleITK", "scikit-image", "pydicom", "numba")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """Labels [k, j, i] on the PET, a row of `FEATURES` a site by falling maximum, and seconds by part."""

    labels: npt.NDArray[np.int32]
    features: Floats
    seconds: dict[str, float]


class Stopwatch:
    """Seconds since the last look, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, name: str) -> None:
        now = perf_counter()
        self.seconds[name] = now - self._last
        self._last = now


def main() -> int:
    """Make the study, compare the answers, run both in turn, print the table and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="Markdown file to write")
    parser.add_argument("--memory", nargs=2, metavar=("SIDE", "STUDY"), help="print the memory of one side, MB")
    asked = parser.parse_args()
    output: Path | None = asked.output
    if asked.memory:
        side = {"peers": _peers, "psmap": _ours}[asked.memory[0]]
        print(peak_mb(lambda: side(Path(asked.memory[1]))))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        study = Path(scratch, "study")
        grid = pet_grid()
        write_pet(study / "PET", grid, suv_volume(grid) * np.float32(2.0))
        write_ct(study / "CT", ct_grid())
        agreement = _compare(_peers(study), _ours(study))
        times: dict[str, list[dict[str, float]]] = {"peers": [], "psmap": []}
        for _ in range(ROUNDS):
            for name, run in (("peers", _peers), ("psmap", _ours)):
                times[name].append(run(study).seconds)
        memory = {name: _memory_of(name, study) for name in times}
    table = _table(times, memory, agreement)
    print(table)
    if output is not None:
        output.write_text(table, encoding="utf-8")
    return 0


def _ours(study: Path) -> Answer:
    watch = Stopwatch()
    found = read_study(study)
    watch.lap("reading")
    pet = to_suv(found.pet, None, PARAMETERS)
    watch.lap("SUV")
    sites = detect_sites(pet, PARAMETERS)
    watch.lap("sites and features")
    labels = site_labels(sites, pet.grid)
    watch.lap("label map")
    rows = [
        (
            site.voxels,
            site.suv_max,
            site.suv_mean,
            site.suv_peak,
            site.volume_ml,
            *pet.grid.to_index(site.centroid_mm)[0],
            np.nan if site.sphericity is None else site.sphericity,
            np.nan if site.background_suv is None else site.background_suv,
        )
        for site in sites
    ]
    return Answer(labels, np.array(rows), watch.seconds)


def _peers(study: Path) -> Answer:
    watch = Stopwatch()
    pet_slices, ct_slices = [], []
    for path in study.rglob("*"):
        if path.is_file():
            data = pydicom.dcmread(path)
            (pet_slices if data.Modality == "PT" else ct_slices).append(data)
    bq, header, axes = _stacked(pet_slices, np.float32)
    _ct, _header, _axes = _stacked(ct_slices, np.int16)
    watch.lap("reading")
    suv = bq * np.float32(_suv_factor(header))
    watch.lap("SUV")
    labels, features = _peer_sites(suv, axes)
    watch.lap("sites and features")
    order = np.argsort(-features[:, 1], kind="stable")
    renumber = np.zeros(len(order) + 1, np.int32)
    renumber[order + 1] = np.arange(1, len(order) + 1)
    labels = renumber[labels]
    watch.lap("label map")
    return Answer(labels, features[order], watch.seconds)


def _stacked(
    slices: list[pydicom.Dataset], kind: type[np.generic]
) -> tuple[npt.NDArray[np.generic], pydicom.Dataset, Floats]:
    """Voxels [k, j, i] with each slice's own slope, the first header, and the three axes (mm)."""
    slices.sort(key=lambda data: float(data.ImagePositionPatient[2]))
    volume = np.empty((len(slices), slices[0].Rows, slices[0].Columns), kind)
    for k, data in enumerate(slices):
        volume[k] = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
    gap = (float(slices[-1].ImagePositionPatient[2]) - float(slices[0].ImagePositionPatient[2])) / (len(slices) - 1)
    row, column = (float(mm) for mm in slices[0].PixelSpacing)
    return volume, slices[0], np.array([(0.0, 0.0, gap), (0.0, row, 0.0), (column, 0.0, 0.0)])


def _suv_factor(header: pydicom.Dataset) -> float:
    tracer = header.RadiopharmaceuticalInformationSequence[0]
    start = datetime.strptime(header.SeriesDate + header.SeriesTime[:6], "%Y%m%d%H%M%S")
    injected = datetime.strptime(str(tracer.RadiopharmaceuticalStartDateTime)[:14], "%Y%m%d%H%M%S")
    half_lives = (start - injected).total_seconds() / float(tracer.RadionuclideHalfLife)
    return float(header.PatientWeight) * 1000.0 / (float(tracer.RadionuclideTotalDose) * 2.0**-half_lives)


def _peer_sites(suv: npt.NDArray[np.float32], axes: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
    """Components with statistics, SUVpeak, surface and background, each within the crop that it needs."""
    labels, _count = ndimage.label(suv >= np.float32(SEED_SUV), CUBE)
    spacing = tuple(float(np.linalg.norm(axis)) for axis in axes)
    voxel_ml = abs(float(np.linalg.det(axes))) / 1000.0
    kernel, reach = _kernel(axes)
    rows = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        own = labels[box] == number
        values = suv[box][own].astype(np.float64)
        corner = np.array([edge.start for edge in box])
        centroid = np.argwhere(own).mean(axis=0) + corner
        rows.append(
            (
                len(values),
                values.max(),
                values.mean(),
                _peak(suv, labels, number, box, kernel, reach),
                len(values) * voxel_ml,
                *centroid,
                _sphericity(own, spacing),
                _background(suv, labels, number, box, spacing),
            )
        )
    return labels, np.array(rows)


def _kernel(axes: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The 1 mL sphere with fractional voxels as a kernel. It is taken from psmap: the two sides share a definition."""
    sphere = peak_sphere(tuple(tuple(axis) for axis in axes), "fractional")
    reach = np.abs(sphere.offset).max(axis=0)
    kernel = np.zeros(2 * reach + 1)
    kernel[tuple((sphere.offset + reach).T)] = sphere.weight / sphere.weight.sum()
    return kernel, reach


def _grown(box: tuple[slice, ...], by: npt.NDArray[np.int64], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(max(edge.start - int(n), 0), min(edge.stop + int(n), size))
        for edge, n, size in zip(box, by, shape, strict=True)
    )


def _peak(
    suv: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int32],
    number: int,
    box: tuple[slice, ...],
    kernel: Floats,
    reach: npt.NDArray[np.int64],
) -> float:
    crop = _grown(box, reach, suv.shape)
    values = suv[crop].astype(np.float64)
    mean = ndimage.convolve(values, kernel, mode="constant")
    if any(
        edge.stop - edge.start != own.stop - own.start + 2 * n for edge, own, n in zip(crop, box, reach, strict=True)
    ):
        mean /= ndimage.convolve(np.ones_like(values), kernel, mode="constant")
    return float(mean[labels[crop] == number].max())


def _sphericity(own: npt.NDArray[np.bool_], spacing: tuple[float, ...]) -> float:
    corners, faces, _, _ = marching_cubes(np.pad(own, 1).astype(np.float32), 0.5, spacing=spacing)
    area = mesh_surface_area(corners, faces)
    one, two, three = (corners[faces[:, n]].astype(np.float64) for n in range(3))
    volume = abs(float(np.einsum("ij,ij->i", one, np.cross(two, three)).sum())) / 6.0
    return float((36.0 * np.pi * volume**2) ** (1.0 / 3.0) / area)


def _background(
    suv: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int32],
    number: int,
    box: tuple[slice, ...],
    spacing: tuple[float, ...],
) -> float:
    crop = _grown(box, np.floor(OUTER_MM / np.array(spacing) * (1 + 1e-9)).astype(int), suv.shape)
    own = sitk.GetImageFromArray((labels[crop] == number).astype(np.uint8))
    own.SetSpacing(spacing[::-1])
    distance = sitk.GetArrayViewFromImage(
        sitk.SignedMaurerDistanceMap(own, insideIsPositive=False, squaredDistance=True, useImageSpacing=True)
    )
    shell = (distance >= INNER_MM**2 * (1 - 1e-6)) & (distance <= OUTER_MM**2 * (1 + 1e-6)) & (labels[crop] == 0)
    return float(np.median(suv[crop][shell]))


def _compare(theirs: Answer, ours: Answer) -> str:
    if theirs.features.shape != ours.features.shape or not np.array_equal(theirs.labels, ours.labels):
        raise SystemExit(f"sites differ: {len(theirs.features)} and {len(ours.features)}")
    worst = {}
    for column, name in enumerate(FEATURES):
        one, other = theirs.features[:, column], ours.features[:, column]
        worst[name] = float(np.max(np.abs(one - other) / np.maximum(np.abs(one), 1e-9)))
        if worst[name] > 1e-4:
            raise SystemExit(f"{name} differs by up to {worst[name]:.2g}")
    name = max(worst, key=lambda key: worst[key])
    return (
        f"The same {len(ours.features)} sites with the same voxels; {len(FEATURES)} features a site, of which "
        f"{name} differs most, by {worst[name]:.1g} of its value."
    )


def _memory_of(side: str, study: Path) -> float:
    """Measured in a process of its own, so that nothing freed before is used again."""
    command = [sys.executable, __file__, "--memory", side, str(study)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _table(times: dict[str, list[dict[str, float]]], memory: dict[str, float], agreement: str) -> str:
    def cell(name: str, part: str) -> tuple[float, float]:
        runs = [1000.0 * (sum(run.values()) if part == "whole study" else run[part]) for run in times[name]]
        return min(runs), statistics.median(runs)

    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES) + ".",
        "",
        f"PET 350 x 200 x 200, CT 300 x 512 x 512. {agreement}",
        "",
        "| part | usual stack, ms | psmap, ms | ratio |",
        "|---|---|---|---|",
    ]
    for part in (*times["psmap"][0], "whole study"):
        peers, ours = cell("peers", part), cell("psmap", part)
        ratio = f"{peers[0] / ours[0]:.1f} / {peers[1] / ours[1]:.1f}"
        lines.append(f"| {part} | {peers[0]:.3g} / {peers[1]:.3g} | {ours[0]:.3g} / {ours[1]:.3g} | {ratio} |")
    peers, ours = cell("peers", "whole study"), cell("psmap", "whole study")
    met = "met" if min(peers[0] / ours[0], peers[1] / ours[1]) >= GATE else "**not met**"
    lines += [
        "",
        f"Gate for the whole study: {GATE:g}, {met}. Memory on top of the imports: usual stack "
        f"{memory['peers']:.0f} MB, psmap {memory['psmap']:.0f} MB.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
