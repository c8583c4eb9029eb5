"""From a label map with names to the anatomy: what was found, how large and where, and what was not, and why.

Volumes are counts of voxels, centroids means of voxel centres. A map may have 200 million voxels: it is read slice by
slice and never copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.anatomy import Absence, Anatomy, FoundStructure, MissingStructure, NamedLabels
from psmap.domain.geometry import Grid
from psmap.numerics.labels import numbers_in

Counts = npt.NDArray[np.int64]

SPINE = tuple(
    f"vertebra_{level}" for level in [*(f"c{n}" for n in range(1, 8)), *(f"t{n}" for n in range(1, 13))]
) + tuple(f"vertebra_l{n}" for n in range(1, 6))
"""From above downwards."""
TOUCHING = 1e-3
"""Voxels: what headers round is no touch."""


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """Voxels of one number, counted along each axis of the map: how many lie in each slice, row and column."""

    along: tuple[Counts, Counts, Counts]

    @property
    def voxels(self) -> int:
        return int(self.along[0].sum())

    @property
    def centroid(self) -> tuple[float, ...]:
        """Mean index (k, j, i)."""
        return tuple(float(counts @ np.arange(len(counts))) / self.voxels for counts in self.along)

    @property
    def box(self) -> npt.NDArray[np.int64]:
        """First and last index on each axis, [2, 3]."""
        ends = [np.flatnonzero(counts)[[0, -1]] for counts in self.along]
        return np.stack(ends, axis=1).astype(np.int64)


def anatomy_of(
    named: NamedLabels, view: Grid | None = None, confidence: Mapping[str, float] = MappingProxyType({})
) -> Anatomy:
    """Measure the structures of a named label map.

    Args:
        named: the map; its names are ids of the catalogue of anatomy.
        view: the field of view, where the map reaches beyond it: the grid of CT or PET. A structure that reaches the
            outermost voxels of it, or of the map, is cut.
        confidence: id -> 0 to 1, where the source gives one.

    Returns:
        The structures with voxels by number, and every other entry of the catalogue as missing: not named by the
        source; outside the field of view, for vertebrae beyond one that the edge cuts; else not found.

    Raises:
        ValueError: a number without a name, two numbers of one name, or a name that the catalogue has not.
    """
    labels, entries = named.labels, load_anatomy()
    unknown = sorted(set(labels.names.values()) - set(entries))
    if unknown:
        raise ValueError(f"the catalogue of anatomy has no {', '.join(unknown)}")
    if len(set(labels.names.values())) != len(labels.names):
        raise ValueError("two numbers of the map have one name")
    views = (labels.grid,) if view is None else (labels.grid, view)
    found: list[FoundStructure] = []
    ends: set[tuple[str, str]] = set()
    for number, counted in _count(labels.labels, sorted(labels.names)).items():
        entry, voxels = entries[labels.names[number]], counted.voxels
        edges = frozenset[str]().union(*(_edges_reached(counted.box, labels.grid, grid) for grid in views))
        ends |= {(entry.id, edge) for edge in edges if edge in ("top", "bottom")}
        found.append(
            FoundStructure(
                number=number,
                id=entry.id,
                name=entry.name,
                code=entry.code,
                group=entry.group,
                voxels=voxels,
                volume_ml=voxels * labels.grid.voxel_ml,
                centroid_mm=_point(labels.grid, counted.centroid),
                cut=bool(edges),
                confidence=confidence.get(entry.id),
            )
        )
    there = {structure.id for structure in found}
    outside = _beyond(there, ends)
    if named.stations is not None:
        there |= {named.stations.names[number] for number in numbers_in(named.stations.labels)}
    missing = tuple(
        MissingStructure(entry.id, entry.name, _why(entry.id, named.nameable, outside))
        for entry in entries.values()
        if entry.id not in there
    )
    return Anatomy(labels, tuple(found), missing, named.source, named.notices, named.stations)


def _why(id: str, nameable: frozenset[str], outside: frozenset[str]) -> Absence:
    if id not in nameable:
        return Absence.NOT_NAMED
    return Absence.OUTSIDE_VIEW if id in outside else Absence.NOT_FOUND


def _count(labels: npt.NDArray[np.integer], numbers: list[int]) -> dict[int, _Counted]:
    """Number -> its voxels along the axes, for the numbers that have any, in their order.

    Numbers are first put close together, so that tables are as long as there are structures; of every slice only the
    labelled voxels are looked at.
    """
    highest = max(int(labels.max()), *numbers, 0)
    if int(labels.min()) < 0:
        raise ValueError("labels are not negative")
    place = np.full(highest + 1, -1, np.int64)
    place[numbers] = np.arange(len(numbers))
    slices, _, columns = labels.shape
    along = tuple(np.zeros((len(numbers), length), np.int64) for length in labels.shape)
    for k in range(slices):
        flat = labels[k].reshape(-1)
        at = np.flatnonzero(flat)
        if len(at) == 0:
            continue
        own = place[flat[at]]
        if own.min() < 0:
            raise ValueError(f"no name explains the labels {sorted({int(n) for n in flat[at][own < 0]})}")
        row, column = np.divmod(at, columns)
        along[0][:, k] = np.bincount(own, minlength=len(numbers))
        for table, index in ((along[1], row), (along[2], column)):
            table += np.bincount(own * table.shape[1] + index, minlength=table.size).reshape(table.shape)
    return {
        number: _Counted((along[0][n], along[1][n], along[2][n]))
        for n, number in enumerate(numbers)
        if along[0][n].any()
    }


def _edges_reached(box: npt.NDArray[np.int64], grid: Grid, view: Grid) -> frozenset[str]:
    """Which edges of a field of view a box of voxels reaches: 'top', 'bottom' and 'side'.

    It reaches one when it covers part of the view's outermost voxels there. Where the map's axes are askew to the
    view's, the box counts with its corners.
    """
    low, high = box[0] - 0.5, box[1] + 0.5
    corners = np.array([np.where(mask, high, low) for mask in product((False, True), repeat=3)])
    index = view.to_index(grid.to_mm(corners))
    upwards = np.array(view.axes_mm)[:, 2] / np.array(view.spacing_mm)
    upright = int(np.argmax(np.abs(upwards)))
    reached = set()
    for axis, length in enumerate(view.shape):
        ends = ("bottom", "top") if upwards[axis] > 0.0 else ("top", "bottom")
        beyond = (index[:, axis].min() < 0.5 - TOUCHING, index[:, axis].max() > length - 1.5 + TOUCHING)
        reached |= {end if axis == upright else "side" for end, there in zip(ends, beyond, strict=True) if there}
    return frozenset(reached)


def _beyond(there: set[str], ends: set[tuple[str, str]]) -> frozenset[str]:
    """Vertebrae that lie outside: above the highest one found where the top edge cuts it, below the lowest likewise."""
    places = [place for place, level in enumerate(SPINE) if level in there]
    if not places:
        return frozenset()
    above = SPINE[: places[0]] if (SPINE[places[0]], "top") in ends else ()
    below = SPINE[places[-1] + 1 :] if (SPINE[places[-1]], "bottom") in ends else ()
    return frozenset((*above, *below))


def _point(grid: Grid, index: tuple[float, ...]) -> tuple[float, float, float]:
    x, y, z = (float(part) for part in grid.to_mm(index)[0])
    return x, y, z
