"""From slice positions to a lattice: a pure function that orders slices and refuses what is no regular stack.

Formula (DICOM PS3.3 C.7.6.2.1.1): the centre of the pixel in row j and column i of slice k lies at
``ImagePositionPatient(k) + i * PixelSpacing[1] * r + j * PixelSpacing[0] * c``, with r and c the first and the last
three numbers of ImageOrientationPatient. PixelSpacing is the distance between rows (along j), then between columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray, Grid, Vector
from psmap.domain.refusal import Refused

OFF_LINE_MM = 0.1
"""A slice may lie this far off the fitted straight line (mm) ..."""
OFF_LINE_OF_GAP = 0.05
"""... or this fraction of the gap, whichever is larger (real whole-body scans jitter by 0.05 mm in 3.3 mm)."""
SAME_PLACE_MM = 0.01
"""Slices nearer than this along the normal lie at the same place (mm)."""
MISSING_FROM_GAPS = 1.5
"""A gap this many times the usual one means that slices are missing."""
COSINE_TOLERANCE = 1e-4
"""Direction cosines of one series agree to this: 0.05 mm over 500 mm."""
ORTHONORMAL_TOLERANCE = 1e-3
"""Direction cosines have length 1 and stand at right angles to this: what rounding to four decimals can do."""
SPACING_TOLERANCE_MM = 2e-4
"""PixelSpacing of one series agrees to this (mm): 0.1 mm over 512 columns."""
TILT_DEGREES = 0.1
"""The stack may lean this far from the normal; gantry tilts begin at half a degree."""

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class SlicePlanes:
    """Where the slices of one series lie, in the order of its files.

    Args:
        positions_mm: ImagePositionPatient, (n, 3), LPS mm.
        orientations: ImageOrientationPatient, (n, 6).
        spacings_mm: PixelSpacing, (n, 2): between rows, between columns.
        sizes: (Rows, Columns) of every slice.
        tilts_degrees: GantryDetectorTilt (0018,1120) of every slice, 0 where absent.
        names: what to call every slice in a message: the base name of its file.
    """

    positions_mm: FloatArray
    orientations: FloatArray
    spacings_mm: FloatArray
    sizes: tuple[tuple[int, int], ...]
    tilts_degrees: tuple[float, ...]
    names: tuple[str, ...]


def stack(planes: SlicePlanes) -> tuple[Grid, IntArray]:
    """The lattice of a series and the order of its slices, so that k rises along r x c.

    Returns:
        The grid, whose step along k is the least-squares line through all positions, and the indices that sort the
        slices.

    Raises:
        Refused: the slices are no regular stack; the message names a tag or file, the value and the cure.
    """
    if len(planes.names) < 2:
        raise Refused(
            "the series is a single slice, so its gap is unknown",
            where=planes.names[0] if planes.names else "",
            cure="give the whole series",
        )
    _same_size(planes)
    spacing = _same_numbers(
        planes.spacings_mm, SPACING_TOLERANCE_MM, "PixelSpacing (0028,0030)", "mixed PixelSpacing", planes.names
    )
    cosines = _same_numbers(
        planes.orientations,
        COSINE_TOLERANCE,
        "ImageOrientationPatient (0020,0037)",
        "mixed orientation",
        planes.names,
    )
    if not np.all(spacing > 0):
        raise Refused(
            f"PixelSpacing (0028,0030) is {_shown(spacing)}, and must be positive",
            where=planes.names[0],
            cure="export again",
        )
    normal = _normal(cosines, planes.names[0])
    along = planes.positions_mm @ normal
    order: IntArray = np.argsort(along, kind="stable")
    positions, along = planes.positions_mm[order], along[order]
    names = [planes.names[index] for index in order]
    _no_duplicates(positions, along, names)
    _no_missing(along, names)
    origin, step = _line(positions, names)
    _no_tilt(step, normal, len(names), planes)
    rows, columns = planes.sizes[0]
    axes = (_vector(step), _vector(cosines[3:] * spacing[0]), _vector(cosines[:3] * spacing[1]))
    return Grid((len(names), rows, columns), _vector(origin), axes), order


def _same_size(planes: SlicePlanes) -> None:
    usual = Counter(planes.sizes).most_common(1)[0][0]
    for size, name in zip(planes.sizes, planes.names, strict=True):
        if size != usual:
            raise Refused(
                f"mixed size: Rows (0028,0010) x Columns (0028,0011) is {size[0]} x {size[1]}, "
                f"elsewhere {usual[0]} x {usual[1]}",
                where=name,
                cure="export each reconstruction as a series of its own",
            )


def _same_numbers(numbers: FloatArray, tolerance: float, tag: str, complaint: str, names: Sequence[str]) -> FloatArray:
    usual: FloatArray = np.quantile(numbers, 0.5, axis=0, method="lower")
    off = np.max(np.abs(numbers - usual), axis=1)
    worst = int(np.argmax(off))
    if off[worst] > tolerance:
        raise Refused(
            f"{complaint}: {tag} is {_shown(numbers[worst])}, elsewhere {_shown(usual)}",
            where=names[worst],
            cure="export each reconstruction as a series of its own",
        )
    return usual


def _normal(cosines: FloatArray, name: str) -> FloatArray:
    row, column = cosines[:3], cosines[3:]
    off = max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column))
    if off > ORTHONORMAL_TOLERANCE:
        raise Refused(
            f"ImageOrientationPatient (0020,0037) is {_shown(cosines)}: no two unit vectors at right angles",
            where=name,
            cure="export again",
        )
    normal: FloatArray = np.cross(row, column)
    return normal / np.linalg.norm(normal)


def _no_duplicates(positions: FloatArray, along: FloatArray, names: Sequence[str]) -> None:
    gaps = np.diff(along)
    nearest = int(np.argmin(gaps))
    if gaps[nearest] < SAME_PLACE_MM:
        doubled = int(np.sum(gaps < SAME_PLACE_MM))
        raise Refused(
            f"duplicated slices: {names[nearest]} and {names[nearest + 1]} lie at the same place, "
            f"ImagePositionPatient (0020,0032) {_shown(positions[nearest])} ({doubled} such in the series)",
            where=names[nearest + 1],
            cure="remove the copies; sum a dynamic or gated scan to a static series before export",
        )


def _no_missing(along: FloatArray, names: Sequence[str]) -> None:
    gaps = np.diff(along)
    usual = float(np.quantile(gaps, 0.5, method="lower"))
    widest = int(np.argmax(gaps))
    if gaps[widest] > MISSING_FROM_GAPS * usual:
        absent = max(1, round(float(gaps[widest]) / usual) - 1)
        places = int(np.sum(gaps > MISSING_FROM_GAPS * usual))
        raise Refused(
            f"missing slices: {gaps[widest]:.3f} mm between {names[widest]} and {names[widest + 1]} by "
            f"ImagePositionPatient (0020,0032), where the usual gap is {usual:.3f} mm: {absent} missing there, "
            f"{places} such place{'s' if places > 1 else ''}",
            where=names[widest],
            cure="export the whole series again",
        )


def _line(positions: FloatArray, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Least squares: positions = origin + n * step, n = 0, 1, ..."""
    count = len(positions)
    n = np.arange(count, dtype=np.float64)
    centred = n - n.mean()
    step: FloatArray = centred @ (positions - positions[0]) / (centred @ centred)
    origin: FloatArray = positions[0] + np.mean(positions - positions[0] - n[:, None] * step, axis=0)
    off = np.linalg.norm(positions - (origin + n[:, None] * step), axis=1)
    gap = float(np.linalg.norm(step))
    allowed = max(OFF_LINE_MM, OFF_LINE_OF_GAP * gap)
    worst = int(np.argmax(off))
    if off[worst] > allowed:
        raise Refused(
            f"irregular slices: ImagePositionPatient (0020,0032) {_shown(positions[worst])} lies {off[worst]:.3f} mm "
            f"off the straight line through the series (gap {gap:.3f} mm, allowed {allowed:.3f} mm)",
            where=names[worst],
            cure="export the series with equal gaps, or resample it",
        )
    return origin, step


def _no_tilt(step: FloatArray, normal: FloatArray, count: int, planes: SlicePlanes) -> None:
    gap = float(np.linalg.norm(step))
    sideways = float(np.linalg.norm(step - (step @ normal) * normal))
    angle = float(np.degrees(np.arctan2(sideways, float(step @ normal))))
    drift = sideways * (count - 1)
    if angle > TILT_DEGREES and drift > max(OFF_LINE_MM, OFF_LINE_OF_GAP * gap):
        tilt = max(planes.tilts_degrees, key=abs)
        said = f"GantryDetectorTilt (0018,1120) is {tilt:g}, and the" if tilt else "the"
        raise Refused(
            f"gantry tilt: {said} slices by ImagePositionPatient (0020,0032) are sheared {angle:.2f} degrees "
            "against the normal of ImageOrientationPatient (0020,0037)",
            where=planes.names[0],
            cure="resample the series to an untilted one",
        )


def _shown(numbers: FloatArray) -> str:
    return "\\".join(f"{float(value):.10g}" for value in numbers)


def _vector(numbers: FloatArray) -> Vector:
    x, y, z = (float(value) + 0.0 for value in numbers)  # no negative zeros
    return x, y, z
