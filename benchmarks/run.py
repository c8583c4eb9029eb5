"""Times psmap against what most people use: python benchmarks/run.py [-o FILE] writes the table as Markdown.

Every case checks first that the peer and psmap give the same answer, then runs both in turn in this one process, five
times each; the kernels are compiled before. Ratios are the peer's time over psmap's, of the fastest and of the median
run; memory is that of one run over what the process held before (Linux). Needs SimpleITK (extra `test`).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813
from inputs import ct_grid, pet_grid, suv_volume, write_ct, write_pet
from memory import peak_mb
from scipy import ndimage

from psmap.io.dicom_read import read_ct, read_pet
from psmap.io.dicom_series import scan_study
from psmap.numerics.region import grow_region
from psmap.numerics.sorted_flood import Basins, label_basins
from psmap.numerics.suv_peak import PeakSphere, peak_sphere, suv_peaks

ROUNDS = 5
SEED_SUV = 4.0
FRACTION = 0.41
CUBE = np.ones((3, 3, 3), dtype=bool)
HEAVY = (
    "numpy",
    "scipy",
    "numba",
    "pydicom",
    "highdicom",
    "nibabel",
    "skimage",
    "matplotlib",
    "PIL",
    "reportlab",
    "SimpleITK",
)

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison: what is done, by whom, the least ratio that is asked for, and how the two answers compare."""

    name: str
    peer_name: str
    gate: float
    peer: Callable[[], object]
    ours: Callable[[], object]
    agreement: str


def main() -> int:
    """Make the inputs, run every case, print the table and write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="Markdown file to write")
    output: Path | None = parser.parse_args().output
    with tempfile.TemporaryDirectory() as scratch:
        grid = pet_grid()
        suv = suv_volume(grid)
        pet = write_pet(Path(scratch, "pet"), grid, suv)
        ct = write_ct(Path(scratch, "ct"), ct_grid())
        cases = [*_series(pet, ct), *_sites(suv, grid.axes_mm)]
        rows = [_row(case) for case in cases]
    loaded = _loaded_by_help()
    lines = [
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in _PACKAGES) + ".",
        "",
        "| what | peer | peer, ms | psmap, ms | ratio | gate | met | peer, MB | psmap, MB | agreement |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"`psmap --help` imports {', '.join(loaded) or 'no scientific library'}.",
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    if output is not None:
        output.write_text(table, encoding="utf-8")
    return 0


_PACKAGES = ("numpy", "scipy", "SimpleITK", "pydicom", "numba")


def _row(case: Case) -> str:
    peer, ours = [], []
    for _ in range(ROUNDS):
        peer.append(_ms(case.peer))
        ours.append(_ms(case.ours))
    fast, middle = min(peer) / min(ours), statistics.median(peer) / statistics.median(ours)
    times = (f"{min(runs):.3g} / {statistics.median(runs):.3g}" for runs in (peer, ours))
    met = "yes" if min(fast, middle) >= case.gate else "no"
    memory = " | ".join(f"{peak_mb(action):.0f}" for action in (case.peer, case.ours))
    return (
        f"| {case.name} | {case.peer_name} | {' | '.join(times)} | {fast:.1f} / {middle:.1f} | {case.gate:g} | {met} "
        f"| {memory} | {case.agreement} |"
    )


def _ms(action: Callable[[], object]) -> float:
    begin = perf_counter()
    action()
    return 1000.0 * (perf_counter() - begin)


def _series(pet: Path, ct: Path) -> list[Case]:
    cases = []
    for folder, kind, gate in ((pet, "PET 350 x 200 x 200", 8.0), (ct, "CT 300 x 512 x 512", 4.0)):
        ours = _pet_values if folder is pet else _ct_values
        theirs, mine = _sitk_series(folder), ours(folder)
        worst = float(np.max(np.abs(theirs.astype(np.float64) - mine)))
        scale = float(np.max(np.abs(mine)))
        if worst > 1e-6 * scale:
            raise SystemExit(f"{kind}: SimpleITK and psmap differ by {worst:g}")
        cases.append(
            Case(
                f"{kind}, folder to array",
                "SimpleITK",
                gate,
                lambda folder=folder: _sitk_series(folder),
                lambda folder=folder, ours=ours: ours(folder),
                f"largest difference {worst:.1g} of {scale:.3g}",
            )
        )
    return cases


def _sitk_series(folder: Path) -> Floats:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    values: Floats = sitk.GetArrayFromImage(reader.Execute())
    return values


def _pet_values(folder: Path) -> Floats:
    return read_pet(scan_study(folder).series[0]).rescaled


def _ct_values(folder: Path) -> npt.NDArray[np.int16]:
    return read_ct(scan_study(folder).series[0])[0].hu


def _sites(suv: npt.NDArray[np.float32], axes_mm: tuple[tuple[float, float, float], ...]) -> list[Case]:
    basins = label_basins(suv, SEED_SUV, split=False)
    sphere = peak_sphere((axes_mm[0], axes_mm[1], axes_mm[2]), "fractional")
    theirs, mine = _scipy_components(suv), _components(suv)
    if theirs.shape != mine.shape or not np.allclose(theirs, mine, rtol=1e-9):
        raise SystemExit("components: scipy and psmap differ")
    peaks = (_scipy_peaks(suv, basins, sphere), suv_peaks(suv, basins.index, basins.start, sphere)[0])
    if not np.allclose(*peaks, rtol=1e-9):
        raise SystemExit("SUVpeak: scipy and psmap differ")
    image = sitk.GetImageFromArray(suv)
    contours: tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.int64]]] = ([], [])
    if _sitk_contours(image, suv, basins, contours[0]) != _contours(suv, basins, contours[1]):
        raise SystemExit("contours: SimpleITK and psmap differ in size")
    if not all(np.array_equal(one, np.sort(other)) for one, other in zip(*contours, strict=True)):
        raise SystemExit("contours: SimpleITK and psmap differ")
    return [
        Case(
            f"components at SUV {SEED_SUV:g}, with volume, maximum, mean, centroid",
            "scipy.ndimage",
            4.0,
            lambda: _scipy_components(suv),
            lambda: _components(suv),
            f"same {len(mine)} components, statistics to 1e-9",
        ),
        Case(
            "SUVpeak, 1 mL, sphere placed freely within each site",
            "scipy.ndimage.convolve, a crop a site",
            5.0,
            lambda: _scipy_peaks(suv, basins, sphere),
            lambda: suv_peaks(suv, basins.index, basins.start, sphere),
            f"same {len(peaks[1])} peaks to 1e-9",
        ),
        Case(
            f"contours at {100 * FRACTION:g} % of the maximum",
            "SimpleITK ConnectedThreshold",
            20.0,
            lambda: _sitk_contours(image, suv, basins),
            lambda: _contours(suv, basins),
            f"same voxels in every site, {sum(map(len, contours[1]))} in all",
        ),
    ]


def _scipy_components(suv: npt.NDArray[np.float32]) -> Floats:
    """Voxels, maximum, mean and centroid of every component, by falling maximum; statistics within its own box."""
    labels, _ = ndimage.label(suv >= np.float32(SEED_SUV), CUBE)
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        own = labels[box] == number
        values = suv[box][own].astype(np.float64)
        corner = [edge.start for edge in box]
        found.append((len(values), values.max(), values.mean(), *(np.argwhere(own).mean(axis=0) + corner)))
    rows = np.array(found)
    return rows[np.argsort(-rows[:, 1], kind="stable")]


def _components(suv: npt.NDArray[np.float32]) -> Floats:
    basins = label_basins(suv, SEED_SUV, split=False)
    begin, voxels = basins.start[:-1], np.diff(basins.start)
    flat = suv.reshape(-1)
    mean = np.add.reduceat(flat[basins.index].astype(np.float64), begin) / voxels
    places = np.unravel_index(basins.index, suv.shape)
    centroid = [np.add.reduceat(place, begin) / voxels for place in places]
    return np.column_stack((voxels, flat[basins.peak], mean, *centroid))


def _scipy_peaks(suv: npt.NDArray[np.float32], basins: Basins, sphere: PeakSphere) -> Floats:
    reach = np.abs(sphere.offset).max(axis=0)
    kernel = np.zeros(2 * reach + 1)
    kernel[tuple((sphere.offset + reach).T)] = sphere.weight / sphere.weight.sum()
    peaks = []
    for begin, end in zip(basins.start[:-1], basins.start[1:], strict=True):
        kji = np.stack(np.unravel_index(basins.index[begin:end], suv.shape), axis=1)
        low = np.maximum(kji.min(axis=0) - reach, 0)
        high = kji.max(axis=0) + reach + 1
        crop = suv[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].astype(np.float64)
        mean = ndimage.convolve(crop, kernel, mode="constant")
        if np.any(kji.min(axis=0) < reach) or np.any(high > suv.shape):
            mean /= ndimage.convolve(np.ones_like(crop), kernel, mode="constant")
        peaks.append(mean[tuple((kji - low).T)].max())
    return np.array(peaks)


def _sitk_contours(
    image: sitk.Image, suv: npt.NDArray[np.float32], basins: Basins, voxels: list[npt.NDArray[np.int64]] | None = None
) -> list[int]:
    """How many voxels each contour holds; `voxels`, where given, takes their flat indices."""
    counts = []
    flat = suv.reshape(-1)
    for peak in basins.peak:
        k, j, i = (int(place) for place in np.unravel_index(peak, suv.shape))
        least = float(np.float32(FRACTION * float(flat[peak])))
        grown = sitk.ConnectedThreshold(
            image, [(i, j, k)], least, float(flat.max()), 1, sitk.ConnectedThresholdImageFilter.FullConnectivity
        )
        counts.append(int(np.count_nonzero(sitk.GetArrayViewFromImage(grown))))
        if voxels is not None:
            voxels.append(np.flatnonzero(sitk.GetArrayViewFromImage(grown)))
    return counts


def _contours(
    suv: npt.NDArray[np.float32], basins: Basins, voxels: list[npt.NDArray[np.int64]] | None = None
) -> list[int]:
    """The same by psmap's own growing."""
    taken = np.zeros(suv.size, dtype=np.bool_)
    flat = suv.reshape(-1)
    counts = []
    for peak in basins.peak:
        region = grow_region(suv, int(peak), FRACTION * float(flat[peak]), taken)
        taken[region] = False
        counts.append(len(region))
        if voxels is not None:
            voxels.append(region)
    return counts


def _loaded_by_help() -> list[str]:
    """Scientific libraries that a fresh process has imported after printing the help."""
    program = (
        "import sys\nfrom psmap.apps.cli.main import main\nsys.argv = ['psmap', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.rsplit("LOADED", 1)[1].split()


if __name__ == "__main__":
    raise SystemExit(main())
