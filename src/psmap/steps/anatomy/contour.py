"""Percent contours of a normal organ: what holds together with its hottest voxel, in it and close round it.

A CT outline and the PET of a small gland seldom lie on each other to the voxel, so the contour may leave the outline by
some millimetres; it may not enter another organ that takes the tracer up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.domain.anatomy import AnatomyOnPet, Ints64
from psmap.steps.anatomy.on_pet import voxels_of

Floats = npt.NDArray[np.floating]
Box = tuple[slice, slice, slice]

REACH_MM = 8.0
"""How far a contour leaves the organ's outline at most, centre to centre (ours; two voxels of 4 mm)."""


def percent_contour(
    on_pet: AnatomyOnPet, suv: Floats, ids: tuple[str, ...], fraction: float, walls: tuple[str, ...] = ()
) -> Ints64:
    """Flat indices, ascending, of the contour of an organ; empty where none of its voxels has a number over zero.

    The voxels at or above `fraction` of the organ's own maximum that are joined by 26-neighbours to where it is.

    Args:
        suv: PET [k, j, i] on the grid of `on_pet`, g/mL.
        ids: the structures that are the organ.
        walls: structures that are not entered; those of the organ itself are none.
    """
    own = voxels_of(on_pet, ids)
    values = suv.reshape(-1)[own]
    if not np.any(values > 0.0):
        return np.empty(0, np.int64)
    peak = int(own[int(np.nanargmax(values))])
    # the product as a number of the voxels' own type, so that the same voxel never falls on two sides of it
    limit = suv.dtype.type(fraction * float(np.nanmax(values)))
    box = box_round(own, on_pet.grid.shape, tuple(int(REACH_MM / step) + 1 for step in on_pet.grid.spacing_mm))
    organ = within(own, on_pet.grid.shape, box)
    away_mm = ndimage.distance_transform_edt(~organ, sampling=on_pet.grid.spacing_mm)
    barred = tuple(name for name in walls if name not in ids)
    names = on_pet.anatomy.labels.names
    numbers = [number for number in on_pet.of_number if names.get(number) in barred]
    near = (away_mm <= REACH_MM * (1 + 1e-9)) & ~np.isin(on_pet.labels[box], numbers)
    with np.errstate(invalid="ignore"):
        pieces, _ = ndimage.label(near & (suv[box] >= limit), structure=np.ones((3, 3, 3)))
    at = np.array(np.unravel_index(peak, on_pet.grid.shape)) - [part.start for part in box]
    k, j, i = np.nonzero(pieces == pieces[tuple(at)])
    first = [part.start for part in box]
    flat = np.ravel_multi_index((k + first[0], j + first[1], i + first[2]), on_pet.grid.shape)
    return np.asarray(flat, np.int64)


def box_round(index: Ints64, shape: tuple[int, int, int], reach: tuple[int, ...] = (0, 0, 0)) -> Box:
    """The smallest box [k, j, i] round voxels, `reach` voxels wider on either side as far as the grid goes."""
    places = np.unravel_index(index, shape)
    k, j, i = (
        slice(max(int(at.min()) - more, 0), min(int(at.max()) + more + 1, length))
        for at, more, length in zip(places, reach, shape, strict=True)
    )
    return k, j, i


def within(index: Ints64, shape: tuple[int, int, int], box: Box) -> npt.NDArray[np.bool_]:
    """Voxels as a mask of their box, in which they all lie."""
    mask = np.zeros(tuple(part.stop - part.start for part in box), np.bool_)
    k, j, i = np.unravel_index(index, shape)
    mask[k - box[0].start, j - box[1].start, i - box[2].start] = True
    return mask
