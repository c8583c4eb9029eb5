"""Anatomy that another program left on disk: a label map with its names, a folder of masks, or MOOSE's label maps.

A label map's names stand in a table beside it (BIDS 1.10, derivatives: columns index and name), in a JSON beside it, or
in its own header, where TotalSegmentator puts them. What a name means is in `catalog/anatomy_names`; a number or a name
that we do not know is kept out and said, never guessed. Where two structures claim a voxel, the smaller one has it,
whatever their order: a vertebra in a mask of the body stays a vertebra.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from psmap.catalog.anatomy_names import OWN, NameTable, load_names
from psmap.domain.anatomy import NamedLabels
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.domain.refusal import Refused
from psmap.io.anatomy_map_names import HIGHEST, names_beside, stem_of
from psmap.io.nifti import read_image

Voxels = npt.NDArray[Any]
Sizes = npt.NDArray[np.int64]
Names = Mapping[int, str]

OWN_MAP, OWN_STATIONS = "anatomy_dseg.nii.gz", "stations_dseg.nii.gz"
_AT_ONCE = 1 << 22
"""Voxels looked at together."""
_MOOSE = re.compile(r"(?P<model>[a-z]+_(?:CT|PT_FDG|PT)_\w+?)_segmentation_.*\.nii(?:\.gz)?$")
_OF_MAPS, _OF_MASKS = (OWN, "totalsegmentator", "moose"), ("totalsegmentator", OWN, "moose")
"""Whose names are looked for first: psmap writes maps, TotalSegmentator masks."""
_SHOWN = 8
"""Names that a notice prints; it counts the rest."""
_NO_SIZE = np.iinfo(np.int64).max
"""Of the background, and of what has not come yet: everything is smaller."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """One file: where it is, what its numbers are by the other program, and whether it is a mask of one structure,
    in whatever number."""

    path: Path
    names: Names
    mask: bool = False


@dataclass(slots=True, eq=False)
class _Merged:
    """The map as it grows, file by file."""

    grid: Grid | None = None
    labels: Voxels = field(default_factory=lambda: np.zeros(0, np.uint8))
    sizes: Sizes = field(default_factory=lambda: np.full(1, _NO_SIZE))
    shared: int = 0
    unnamed: dict[str, set[int]] = field(default_factory=dict)


def read_anatomy(path: Path, like: Grid | None = None) -> NamedLabels:
    """Read anatomy from a label map, or from a folder.

    Args:
        path: a NIfTI label map with its names; a folder of one mask a structure, named after it (TotalSegmentator); a
            folder of MOOSE's label maps; or a folder with `anatomy_dseg.nii.gz` as psmap writes it.
        like: axes are turned to run as those of this grid, without interpolation; the map keeps its own voxels.

    Returns:
        The map on its own grid, unsigned 8 or 16 bit, its names ids of the catalogue of anatomy.

    Raises:
        Refused: nothing there that can be read, no names, none that we know, files on several grids, an empty map, or
            voxels that are no labels.
    """
    if path.is_file():
        return _read_map(path, like)
    if not path.is_dir():
        raise Refused("there is no such file or folder", where=path.name, cure="give a label map, or a folder of masks")
    for fits, read in FOLDERS:
        found = fits(path)
        if found:
            return read(found, like)
    raise Refused(
        "the folder holds no anatomy that psmap can read",
        where=path.name,
        cure="give masks called as TotalSegmentator calls them, MOOSE's label maps, or one label map by its name",
    )


def anatomy_files(path: Path) -> tuple[Path, ...]:
    """The files that `read_anatomy` may read at a path, sorted: maps or masks, and all that can hold their names."""
    found = [path] if path.is_file() else next((found for fits, _ in FOLDERS if (found := fits(path))), [])
    images = [*found, *(own.with_name(OWN_STATIONS) for own in found if own.name == OWN_MAP)]
    beside = [image.with_name(f"{stem_of(image)}{end}") for image in images for end in (".tsv", ".json")]
    of_models = [names for folder in {image.parent for image in found} for names in folder.glob("*_organ_indices.json")]
    return tuple(sorted(file for file in {*images, *beside, *of_models} if file.is_file()))


def _own_map(folder: Path) -> list[Path]:
    return [path for path in (folder / OWN_MAP, folder / "images" / OWN_MAP) if path.is_file()][:1]


def _moose_maps(folder: Path) -> list[Path]:
    files = [*folder.glob("*_segmentation_*.nii*"), *folder.glob("segmentations/*_segmentation_*.nii*")]
    return sorted(path for path in files if _MOOSE.match(path.name))


def _masks(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.nii"), *folder.glob("*.nii.gz")])


def _read_map(path: Path, like: Grid | None) -> NamedLabels:
    """One label map, and the nodal stations beside it where both are psmap's own."""
    names = names_beside(path)
    if names is None:
        raise Refused(
            "the label map does not say what its numbers mean",
            where=path.name,
            cure=f"put a table {stem_of(path)}.tsv beside it, with the columns index and name",
        )
    table = _table_for(list(names.values()), _OF_MAPS, path.name)
    source = f"a label map by the names of {table.program}"
    read = _put_together([_Layer(path, names)], table, source, like)
    beside = path.with_name(OWN_STATIONS)
    if path.name != OWN_MAP or not beside.is_file():
        return read
    station_names = names_beside(beside)
    if not station_names:
        return read
    stations = _put_together([_Layer(beside, station_names)], table, source, read.labels.grid, empty=True)
    if not stations.labels.grid.matches(read.labels.grid):
        raise Refused("stations and structures lie on two grids", where=beside.name, cure="write both alike")
    return NamedLabels(
        read.labels,
        read.nameable | stations.nameable,
        read.source,
        (*read.notices, *stations.notices),
        stations.labels,
    )


def _named_map(folder: Path) -> list[Path]:
    """The only image of a folder, where it says what its numbers mean."""
    images = _masks(folder)
    return images if len(images) == 1 and names_beside(images[0]) else []


def _read_one(paths: list[Path], like: Grid | None) -> NamedLabels:
    return _read_map(paths[0], like)


def _read_moose(paths: list[Path], like: Grid | None) -> NamedLabels:
    """MOOSE's label maps, one a model, as one map. A map without its names is left out with a notice."""
    table = load_names()["moose"]
    layers, notices = [], []
    for path in paths:
        model = str(_MOOSE.match(path.name)["model"])  # type: ignore[index]
        names = names_beside(path, path.with_name(f"{model}_organ_indices.json"))
        if names is None:  # MOOSE's numbers differ between its versions
            notices.append(f"{model}: the file of its names is missing, so that the map was left out")
        else:
            layers.append(_Layer(path, names))
    if not layers:
        raise Refused(
            "none of MOOSE's label maps says what its numbers mean",
            where=paths[0].parent.name,
            cure="keep the files *_organ_indices.json that MOOSE writes beside them",
        )
    return _put_together(layers, table, "MOOSE, " + ", ".join(_models(layers)), like, notices=tuple(notices))


def _models(layers: list[_Layer]) -> list[str]:
    return [layer.path.name.split("_segmentation_")[0] for layer in layers]


def _read_masks(paths: list[Path], like: Grid | None) -> NamedLabels:
    """One mask a structure, named after it."""
    names = [stem_of(path) for path in paths]
    table = _table_for(names, _OF_MASKS, paths[0].parent.name)
    layers = [_Layer(path, {1: name}, mask=True) for path, name in zip(paths, names, strict=True)]
    return _put_together(layers, table, f"masks by the names of {table.program}", like)


FOLDERS: tuple[
    tuple[Callable[[Path], list[Path]], Callable[[list[Path], Grid | None], NamedLabels]],
    ...,
] = ((_own_map, _read_one), (_moose_maps, _read_moose), (_named_map, _read_one), (_masks, _read_masks))
"""What a folder may hold, in the order in which it is looked for: the files, and how they are read."""


def _table_for(names: list[str], order: tuple[str, ...], where: str) -> NameTable:
    """The program that knows most of the names, of those that know as many the first."""
    best = max((load_names()[program] for program in order), key=lambda table: table.known(names))
    if best.known(names) == 0:
        raise Refused(
            f"psmap knows none of the names, such as {', '.join(sorted(names)[:3]) or 'none at all'}",
            where=where,
            cure="name the structures as psmap's catalogue of anatomy, TotalSegmentator or MOOSE do",
        )
    return best


def _put_together(
    layers: list[_Layer],
    table: NameTable,
    source: str,
    like: Grid | None,
    *,
    notices: tuple[str, ...] = (),
    empty: bool = False,
) -> NamedLabels:
    """All files as one map, numbered in their order, with one number an id."""
    number = _numbers(layers, table)
    merged = _Merged()
    for layer in layers:
        new = {n: number[own] for n, name in layer.names.items() if (own := table.id_of(name)) in number}
        if new:
            _add(merged, layer, new, max(number.values()), like)
    if merged.grid is None or not (empty or merged.labels.any()):
        raise Refused(
            "no voxel has a structure that psmap knows", where=layers[0].path.name, cure="give the map of this scan"
        )
    image = LabelImage(merged.grid, merged.labels, {n: own for own, n in number.items()})
    names = {name for layer in layers for name in layer.names.values()}
    of_files = frozenset(name for layer in layers if layer.mask for name in layer.names.values())
    return NamedLabels(image, frozenset(number), source, (*notices, *_said(merged, table, names, of_files)))


def _numbers(layers: list[_Layer], table: NameTable) -> dict[str, int]:
    """Id -> its number in the map. A single label map keeps its own, of several with one id the first."""
    numbered = [(n, own) for layer in layers for n, name in sorted(layer.names.items()) if (own := table.id_of(name))]
    found: dict[str, int] = {}
    for n, own in numbered:
        found.setdefault(own, n if len(layers) == 1 else len(found) + 1)
    return found


def _add(merged: _Merged, layer: _Layer, new: Mapping[int, int], highest: int, like: Grid | None) -> None:
    """Bring one file into the map: each of its voxels goes to the smaller of what is there and what comes."""
    grid, voxels = read_image(layer.path, merged.grid or like)
    if merged.grid is None:
        merged.grid = grid
        merged.labels = np.zeros(grid.shape, np.uint8 if highest < 256 else np.uint16)
        merged.sizes = np.full(highest + 1, _NO_SIZE)
    elif not grid.matches(merged.grid):
        raise Refused(
            f"the file lies on another grid than those before it, {grid.shape} voxels",
            where=layer.path.name,
            cure="give files of one scan by one run",
        )
    counts = _counted(voxels, layer)
    numbers = {int(n) for n in np.flatnonzero(counts)} - {0}
    if layer.mask:
        if len(numbers) > 1:
            raise Refused(
                f"a mask holds 0 and one other number, this one {len(numbers)}",
                where=layer.path.name,
                cure="give one mask a structure, or the names of its numbers in a table beside it",
            )
        new = dict.fromkeys(numbers, *new.values())
    elif strange := numbers - set(layer.names):
        model = _MOOSE.match(layer.path.name)
        merged.unnamed[model["model"] if model else ""] = strange
    table = np.zeros(len(counts), merged.labels.dtype)
    for n in numbers & set(new):
        table[n] = new[n]
    sizes = np.bincount(table, counts, minlength=len(merged.sizes)).astype(np.int64)
    for part in _parts(voxels.shape):
        if not voxels[part].any():  # most of a mask, and of a map above the head
            continue
        coming = table[voxels[part].astype(np.uint16, copy=False)].reshape(-1)
        at = np.flatnonzero(coming)
        there, own = merged.labels[part].reshape(-1), coming[at]
        old = there[at]
        merged.shared += int(np.count_nonzero((old > 0) & (old != own)))
        there[at] = np.where(sizes[own] < merged.sizes[old], own, old)
    came = np.unique(table[table > 0])
    merged.sizes[came] = np.where(merged.sizes[came] == _NO_SIZE, 0, merged.sizes[came]) + sizes[came]


def _counted(voxels: Voxels, layer: _Layer) -> Sizes:
    """Voxels of every number from 0 on. Refuses what is no label."""
    counts = np.zeros(HIGHEST + 1, np.int64)
    for part in _parts(voxels.shape):
        some = voxels[part]
        low, high = some.min(), some.max()
        if low == high == 0:
            counts[0] += some.size
            continue
        whole = some if some.dtype.kind in "iu" else np.rint(some)
        if low < 0 or high > HIGHEST or (whole is not some and np.any(whole != some)):
            raise Refused(
                f"labels are whole numbers from 0 to {HIGHEST}, this map runs from {voxels.min():g} to"
                f" {voxels.max():g} or has fractions",
                where=layer.path.name,
                cure="give the labels themselves, not an image or a probability",
            )
        own = np.bincount(whole.reshape(-1).astype(np.uint16, copy=False))
        counts[: len(own)] += own
    return counts[: int(np.flatnonzero(counts)[-1]) + 1]


def _parts(shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices of a volume, some at a time."""
    step = max(1, _AT_ONCE // (shape[1] * shape[2]))
    return (slice(k, k + step) for k in range(0, shape[0], step))


def _said(merged: _Merged, table: NameTable, names: set[str], of_files: frozenset[str]) -> tuple[str, ...]:
    """What a reader must know of what was kept out, and of what was in two structures.

    Unknown names of files are counted only: this goes into results, and the name of a file may hold a patient's.
    """
    said = []
    unknown = sorted(n for n in names if table.id_of(n) is None and n.strip().lower() not in table.left_out)
    if files := len(of_files.intersection(unknown)):
        said.append(f"files whose names psmap does not know were kept out: {files}")
        unknown = [name for name in unknown if name not in of_files]
    left = sorted(n for n in names if n.strip().lower() in table.left_out)
    if unknown:
        said.append(f"names that psmap does not know were kept out: {_listed(unknown)}")
    if left:
        said.append(f"structures that psmap leaves out: {_listed(left)}")
    for model, numbers in sorted(merged.unnamed.items()):
        where = f"{model}: " if model else ""
        said.append(f"{where}numbers without a name were kept out: {_listed([str(n) for n in sorted(numbers)])}")
    if merged.shared:
        said.append(f"{merged.shared} voxels were in two structures and went to the smaller one")
    return tuple(said)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
