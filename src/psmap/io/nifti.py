"""NIfTI in and out: LPS inside, RAS in the file, and no voxel moved by more than 1e-4 mm on the way.

NIfTI-1 (https://nifti.nimh.nih.gov/nifti-1) keeps its geometry in 32-bit floats. A step of 3.27 mm rounded there and
taken 600 times from the corner would be off by 7e-5 mm at the far end, on top of the rounding of the corner itself.
So the corner is chosen such that the middle of the volume is met, which halves the first error.
"""

from __future__ import annotations

import gzip
import io
import logging
import math
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Header, Nifti1Image
from nibabel.nifti2 import Nifti2Header, Nifti2Image
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import CtImage, LabelImage
from psmap.domain.refusal import Refused
from psmap.io.atomic import whole_file
from psmap.io.tables import Cell, write_tsv

_DTYPES = frozenset(np.dtype(name) for name in ("float32", "int16", "uint8", "uint16", "int32"))
_GZIP_LEVEL = 1  # whole-body images: a third of the time of level 6 for files a tenth larger
_GZIP_MAGIC = b"\x1f\x8b"
MOST_BYTES = 4 * 1024**3
"""Largest image, unpacked (4 GiB; a CT of 512 x 512 x 2000 in 16 bit has 1 GiB)."""
_SURPLUS_BYTES = 16 * 1024**2
"""Largest rest that may follow the voxels."""
_DEFLATE_RATIO = 1032
"""No deflated file swells more than this (zlib, technical details)."""
_MAGIC = {Nifti1Image: (344, b"n+1\0"), Nifti2Image: (4, b"n+2\0")}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SHEAR = 1e-4
"""Axes may lean this far (cosine) from right angles: 0.05 mm over 500 mm, what 32-bit rounding stays far below."""
_DISAGREE_MM = 0.1
_UNREADABLE = (
    ImageFileError,
    HeaderDataError,
    WrapStructError,
    OSError,
    EOFError,
    zlib.error,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    MemoryError,
)
"""What nibabel and gzip can raise on a damaged file."""


def write_image(path: Path, grid: Grid, array: npt.NDArray[Any]) -> None:
    """Write an image as gzipped NIfTI-1 with sform and qform (code 1, scanner); equal input gives equal bytes.

    Args:
        path: a name ending in .nii.gz.
        grid: where the voxels lie; its axes stay as they are, only the world turns from LPS to RAS.
        array: [k, j, i], of type float32 (SUV), int16 (HU), uint8, uint16 or int32 (labels).

    Raises:
        ValueError: another type, another shape, or another suffix.
    """
    if array.dtype not in _DTYPES:
        raise ValueError(f"psmap writes no {array.dtype} to NIfTI")
    if array.shape != grid.shape:
        raise ValueError(f"array of shape {array.shape} does not fit a grid of shape {grid.shape}")
    if not path.name.endswith(".nii.gz"):
        raise ValueError("an image file is named .nii.gz")
    header = Nifti1Header()
    header.set_data_dtype(array.dtype)
    header.set_data_shape(grid.shape[::-1])
    affine = _LPS_TO_RAS @ _rounded_about_centre(grid)
    header.set_qform(affine, code="scanner")
    header.set_sform(affine, code="scanner")
    header.set_xyzt_units("mm", "sec")
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    header["scl_slope"], header["scl_inter"] = 1.0, 0.0
    with (
        whole_file(path) as part,
        part.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=raw, mtime=0) as stream,
    ):
        stream.write(header.binaryblock + b"\0\0\0\0")
        # i runs fastest in NIfTI: the C order of [k, j, i].
        stream.write(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)


def read_image(path: Path, like: Grid | None = None) -> tuple[Grid, npt.NDArray[Any]]:
    """Read a 3-D image: its grid in LPS mm and its voxels [k, j, i], scaled by scl_slope and scl_inter.

    Voxel axes may run any way in the file. They are turned, without interpolation, so that i, j, k run along those
    of `like`; without it along left, posterior, superior, as in most DICOM series.

    Raises:
        Refused: no readable NIfTI, more than one volume, no geometry or a contradictory or sheared one, a unit other
            than mm, voxels that are no finite real numbers.
    """
    with _quietly():
        grid, voxels = _read(path)
    return _turned(grid, voxels, like)


def _read(path: Path) -> tuple[Grid, npt.NDArray[Any]]:
    """Grid and voxels [k, j, i] with the axes as the file has them."""
    image = _load(path)
    shape = tuple(int(size) for size in image.shape)
    if len(shape) < 3:
        raise Refused("the image has fewer than three dimensions", where=path.name, cure="give a volume")
    if min(shape) < 1:
        raise Refused("the image has no voxels", where=path.name, cure="make it again")
    if len(shape) > 3 and max(shape[3:]) > 1:
        raise Refused(
            f"the image has {'x'.join(map(str, shape))} voxels: more than one volume",
            where=path.name,
            cure="give one static volume",
        )
    affine = _LPS_TO_RAS @ _affine_ras(image, path.name)
    try:
        voxels = np.asanyarray(image.dataobj).reshape(shape[:3])
    except _UNREADABLE as error:
        raise _damaged(path, error) from error
    if voxels.dtype.kind not in "iuf":
        raise Refused(f"voxels of type {voxels.dtype} are no real numbers", where=path.name, cure="give a scalar image")
    if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
        count = int(np.count_nonzero(~np.isfinite(voxels)))
        raise Refused(f"{count} voxels are not finite", where=path.name, cure="replace NaN and infinity by numbers")
    grid = Grid.from_affine_lps(affine, (shape[2], shape[1], shape[0]))
    return grid, voxels.astype(voxels.dtype.newbyteorder("="), copy=False).T


def read_labels(path: Path, like: Grid | None = None) -> LabelImage:
    """Read a label map: whole numbers from 0 on. Raises `Refused` for anything else, and as `read_image`."""
    grid, voxels = read_image(path, like)
    labels = voxels.astype(np.int32) if _fits_int32(voxels) else None
    if labels is None or np.any(labels != voxels) or np.any(labels < 0):
        raise Refused(
            f"a label map holds whole numbers from 0 on, this image runs from {voxels.min():g} to {voxels.max():g}"
            " or has fractions",
            where=path.name,
            cure="give the mask itself, not an image or a probability",
        )
    return LabelImage(grid, np.ascontiguousarray(labels))


def read_ct(path: Path, like: Grid | None = None) -> CtImage:
    """Read a CT in Hounsfield units; fractions are rounded, with a note. Raises `Refused` as `read_image`."""
    grid, voxels = read_image(path, like)
    if voxels.min() < -32768 or voxels.max() > 32767:
        raise Refused(
            f"a CT of {voxels.min():g} to {voxels.max():g} is not in Hounsfield units",
            where=path.name,
            cure="give the CT in HU, which fits 16 bits",
        )
    rounded = np.rint(voxels).astype(np.int16)
    notes = ("CT: fractional HU rounded to whole numbers",) if np.any(rounded != voxels) else ()
    return CtImage(grid, np.ascontiguousarray(rounded), notes)


def write_label_map(path: Path, labels: LabelImage, columns: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> None:
    """Write a label map (uint16 where the labels fit, else int32) and beside it the table of what they are.

    Args:
        path: a name ending in .nii.gz; the table has the same stem and .tsv.
        labels: the label map.
        columns, rows: the table; BIDS wants the columns index and name.

    Raises:
        ValueError: negative labels, or a label that no row explains.
    """
    present = np.unique(labels.labels)
    if present[0] < 0:
        raise ValueError("labels are not negative")
    unexplained = {int(label) for label in present if label} - {row["index"] for row in rows}
    if unexplained:
        raise ValueError(f"no row explains the labels {sorted(unexplained)}")
    write_image(path, labels.grid, labels.labels.astype(np.uint16 if present[-1] < 65536 else np.int32))
    write_tsv(path.with_name(path.name.removesuffix(".nii.gz") + ".tsv"), columns, rows)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep nibabel's log and numpy's warnings to themselves: what is wrong with a file is said once, in a refusal."""
    log = logging.getLogger("nibabel.global")
    log.addFilter(_nothing)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def _load(path: Path) -> Any:
    """The image, from the whole file: only then are the checksum and the length in its gzip trailer looked at."""
    try:
        content = _unpacked(path)
        kind = _kind(content)
        if kind is not None:
            return kind.from_bytes(content)
    except FileNotFoundError as error:
        raise Refused("there is no such file", where=path.name, cure="check the name") from error
    except _UNREADABLE as error:
        raise _damaged(path, error) from error
    raise Refused("the file is no NIfTI image in one piece", where=path.name, cure="convert it to .nii.gz")


def _kind(content: bytes) -> Any:
    """Which NIfTI a file is by its magic number; None where it is none in one piece."""
    for kind, (start, magic) in _MAGIC.items():
        if content[start : start + len(magic)] == magic:
            return kind
    return None


def _unpacked(path: Path) -> bytes:
    """All bytes of an image; of a gzipped one no more than its header asks for, however far it would swell."""
    packed_bytes = path.stat().st_size
    with path.open("rb") as raw:
        gzipped = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        raw.seek(0)
        if not gzipped:
            needed = max(packed_bytes, _needed_bytes(raw.read(Nifti2Header.sizeof_hdr)))
            _plausible(path, needed, packed_bytes)
            raw.seek(0)
            return raw.read()
        with gzip.GzipFile(fileobj=raw) as stream:
            head = stream.read(Nifti2Header.sizeof_hdr)
            needed = _needed_bytes(head)
            _plausible(path, needed, _DEFLATE_RATIO * packed_bytes)
            content = head + stream.read(max(0, needed - len(head)))
            surplus = 0
            while chunk := stream.read(io.DEFAULT_BUFFER_SIZE * 16):
                surplus += len(chunk)
                if surplus > _SURPLUS_BYTES:
                    raise Refused(
                        f"the file holds more than the {needed} bytes that its header asks for",
                        where=path.name,
                        cure="make it again",
                    )
    return content


def _needed_bytes(head: bytes) -> int:
    """How many bytes a header asks for, its own among them; those of the header where it is none."""
    kind = _kind(head)
    if kind is None:
        return len(head)
    header = kind.header_class(head[: kind.header_class.sizeof_hdr], check=False)
    voxels = math.prod(int(size) for size in header.get_data_shape())
    return int(header.get_data_offset()) + voxels * int(header.get_data_dtype().itemsize)


def _plausible(path: Path, needed: int, most: int) -> None:
    """Refuse an image that is too large, or larger than its file can hold, before any memory is asked for it."""
    if needed > MOST_BYTES:
        raise Refused(
            f"the image has {needed} bytes, more than {MOST_BYTES}",
            where=path.name,
            cure="cut or resample it to the patient",
        )
    if needed > most:
        raise Refused(
            f"the file is shorter than the {needed} bytes that its header asks for",
            where=path.name,
            cure="make or copy it again; it may be cut short",
        )


def _damaged(path: Path, error: BaseException) -> Refused:
    return Refused(
        f"the file is no readable NIfTI image ({type(error).__name__})",
        where=path.name,
        cure="make or copy it again; it may be cut short",
    )


def _affine_ras(image: Any, name: str) -> FloatArray:
    header = image.header
    try:
        sform, sform_code = header.get_sform(coded=True)
        qform, qform_code = header.get_qform(coded=True)
        units = header.get_xyzt_units()[0]
    except _UNREADABLE as error:
        raise Refused("the header's geometry is invalid", where=name, cure="write the image again") from error
    if not sform_code and not qform_code:
        raise Refused("sform_code and qform_code are both 0: the image does not say where it lies", where=name,
                      cure="write it again with its geometry")  # fmt: skip
    affine: FloatArray = np.asarray(sform if sform_code else qform, dtype=float)
    if units not in ("mm", "unknown"):
        raise Refused(f"xyzt_units says {units}", where=name, cure="write the image in mm")
    if not np.all(np.isfinite(affine)) or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise Refused("the affine spans no volume", where=name, cure="write the image again with its geometry")
    steps = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    lean = float(np.max(np.abs(steps.T @ steps - np.eye(3))))
    if not lean <= _SHEAR:  # steps beyond all measure have a cosine of NaN
        raise Refused(f"the axes of sform are sheared (cosine {lean:.4g})", where=name, cure="resample the image")
    if sform_code and qform_code:
        corners = np.array([[i, j, k, 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        corners[:, :3] *= np.array(image.shape[:3]) - 1
        apart_mm = float(np.max(np.abs(corners @ (affine - np.asarray(qform)).T)))
        if not apart_mm <= _DISAGREE_MM:  # a qform of NaN agrees with nothing
            raise Refused(f"sform and qform disagree by {apart_mm:.3g} mm", where=name,
                          cure="write both alike, or set one code to 0")  # fmt: skip
    return affine


def _rounded_about_centre(grid: Grid) -> FloatArray:
    """The affine whose 32-bit rounding leaves the middle of the volume where it is, to the rounding of one number."""
    exact = grid.affine_lps
    rounded = exact.astype(np.float32).astype(float)
    middle = (np.array(grid.shape[::-1]) - 1) / 2
    rounded[:3, 3] = exact[:3, 3] + (exact[:3, :3] - rounded[:3, :3]) @ middle
    return rounded


def _turned(grid: Grid, voxels: npt.NDArray[Any], like: Grid | None) -> tuple[Grid, npt.NDArray[Any]]:
    """The same image, its axes in the order and sense of another grid (default: k superior, j posterior, i left)."""
    wanted = np.array(like.axes_mm if like else ((0, 0, 1), (0, 1, 0), (1, 0, 0)), dtype=float)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    axes = np.array(grid.axes_mm, dtype=float)
    along = wanted @ (axes / np.linalg.norm(axes, axis=1, keepdims=True)).T
    order = _best_order(np.abs(along))
    voxels = voxels.transpose(order)
    origin, axes = np.array(grid.origin_mm, dtype=float), axes[list(order)]
    for axis, source in enumerate(order):
        if along[axis, source] < 0:
            voxels = np.flip(voxels, axis)
            origin = origin + axes[axis] * (voxels.shape[axis] - 1)
            axes[axis] = -axes[axis]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes[::-1].T, origin
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    return Grid.from_affine_lps(affine, shape), np.ascontiguousarray(voxels)


def _best_order(cosines: FloatArray) -> tuple[int, int, int]:
    """Which axis of the file runs along which wanted axis: the permutation with the largest sum of cosines."""
    orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    return max(orders, key=lambda order: sum(float(cosines[axis, source]) for axis, source in enumerate(order)))


def _fits_int32(voxels: npt.NDArray[Any]) -> bool:
    return bool(voxels.min() >= -(2**31) and voxels.max() < 2**31)
