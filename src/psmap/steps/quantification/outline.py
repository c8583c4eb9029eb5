"""The body in the field of view, from voxels alone: its mass, its length, and whether the image cuts it off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import CtImage, PetImage

BLOCK_MM = 8.0
"""Blocks of about this size are averaged first: coarse enough for noise, fine enough for a body."""

EDGE_OF_MEDIAN = 0.25
"""The outline runs where uptake falls to this fraction of the median within: fat holds about half of that of muscle."""

SETTLED_AFTER = 20
BODY_AREA_CM2 = 50.0
"""A slice holds body from this area on: two calves have about 80 cm2."""

DENSITY_KG_PER_L = 1.0
"""A man with air in his lungs floats: mean density of the trunk, lungs included, on the PET outline."""

AIR_HU = -950
BONE_SLOPE = 0.6
"""Above water 1 HU is about 0.6 mg/mL: cortical bone of 1900 mg/mL has about 1500 HU at 120 kV."""

CUT_OFF = 0.05
"""An image cuts the body off where over this share of its sides lies within."""

CT_COVERS = 0.95
CT_SHOWS = 0.25
"""A CT that shows less than a quarter of what the PET does is of another place, or in other units: it says nothing."""

_IN_PLANE = np.array([[[0] * 3] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0] * 3] * 3])

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class BodyInView:
    """The body in the field of view: mass (kg), what it was measured on, length (mm), and whether it is cut off."""

    mass_kg: float
    measured_on: str
    length_mm: float
    cut_off: bool


def body_in_view(pet: PetImage, ct: CtImage | None) -> BodyInView | None:
    """The body that the PET sees; None where no body can be made out.

    The mass is that of the CT densities within the PET's field of view where a CT covers it, for uptake may be faint
    in muscle when much of the tracer sits in tumour; else that of the PET's own outline at unit density.
    """
    blocks, grid = _averaged(pet)
    inside = _outline(blocks)
    if inside is None:
        return None
    cut_off = _sides(inside) > CUT_OFF
    mass = float(inside.sum()) * grid.voxel_ml / 1000.0 * DENSITY_KG_PER_L
    on_ct = _on_ct(pet.grid, ct) if ct is not None else None
    if on_ct is not None and on_ct[0] >= CT_SHOWS * mass:
        return BodyInView(on_ct[0], "CT", on_ct[1], cut_off)
    area_cm2 = inside.sum(axis=(1, 2)) * grid.voxel_ml / grid.spacing_mm[0] * 10.0
    length = float(np.count_nonzero(area_cm2 >= BODY_AREA_CM2)) * grid.spacing_mm[0]
    return BodyInView(mass, "PET", min(length, pet.grid.shape[0] * pet.grid.spacing_mm[0]), cut_off)


def _averaged(pet: PetImage) -> tuple[Floats, Grid]:
    """The PET in blocks of about `BLOCK_MM`; what does not fill a block at the far ends falls away."""
    size = [
        min(max(1, round(BLOCK_MM / mm)), count) for mm, count in zip(pet.grid.spacing_mm, pet.grid.shape, strict=True)
    ]
    k, j, i = (count // block for count, block in zip(pet.grid.shape, size, strict=True))
    whole = pet.suv[: k * size[0], : j * size[1], : i * size[2]]
    blocks: Floats = np.zeros((k, j, i), np.float32)
    for dk in range(size[0]):
        for dj in range(size[1]):
            for di in range(size[2]):
                blocks += whole[dk :: size[0], dj :: size[1], di :: size[2]]
    blocks /= np.float32(np.prod(size))
    axes = np.array(pet.grid.axes_mm) * np.array(size)[:, None]
    step_k, step_j, step_i = ((float(x), float(y), float(z)) for x, y, z in axes)
    return blocks, Grid((k, j, i), pet.grid.origin_mm, (step_k, step_j, step_i))


def _outline(blocks: Floats) -> Mask | None:
    """The largest connected body, holes filled slice by slice, at a border that is the same whatever the scale."""
    inside: Mask = blocks > max(0.5 * float(blocks.mean()), 0.0)
    if not inside.any():
        return None
    for _ in range(SETTLED_AFTER):
        wider = _largest(blocks > EDGE_OF_MEDIAN * float(np.median(blocks[inside])))
        if np.array_equal(wider, inside):
            break
        inside = wider
    holes, _count = ndimage.label(~inside, _IN_PLANE)
    outside = np.unique(np.concatenate([side.ravel() for side in _four_sides(holes)]))
    filled: Mask = inside | ((holes > 0) & ~np.isin(holes, outside))
    return filled


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    largest: Mask = labels == int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    return largest


def _four_sides(volume: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.generic]]:
    yield from (volume[:, 0], volume[:, -1], volume[:, :, 0], volume[:, :, -1])


def _sides(inside: Mask) -> float:
    """Share of the image's four sides (not of its first and last slice) that lies within the body."""
    return float(np.mean(np.concatenate([side.ravel() for side in _four_sides(inside)])))


def _on_ct(pet: Grid, ct: CtImage) -> tuple[float, float] | None:
    """Mass (kg) and length (mm) of what the CT shows within the PET's box; None where it does not reach that far."""
    box = _box(pet, ct.grid)
    if box is None:
        return None
    every = [max(1, round(0.5 * BLOCK_MM / mm)) for mm in ct.grid.spacing_mm]
    part = ct.hu[tuple(slice(low, high, step) for (low, high), step in zip(box, every, strict=True))]
    voxel_ml = ct.grid.voxel_ml * float(np.prod(every))
    thick_mm = ct.grid.spacing_mm[0] * every[0]
    slices_g = np.array([float(_densities(hu).sum(dtype=np.float64)) for hu in part]) * voxel_ml
    length_mm = float(np.count_nonzero(slices_g / thick_mm * 10.0 >= BODY_AREA_CM2)) * thick_mm
    whole = ((box[0][1] - box[0][0]) * ct.grid.spacing_mm[0]) / (len(part) * thick_mm)
    return float(slices_g.sum()) / 1000.0 * whole, length_mm * whole


def _densities(hu: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Density (g/mL) by Hounsfield units: 1 + HU/1000 up to water, a slower rise above, nothing in air."""
    number = hu.astype(np.float32)
    rise = np.where(number > 0, np.float32(BONE_SLOPE / 1000.0), np.float32(1.0 / 1000.0))
    density: npt.NDArray[np.float32] = np.where(number > AIR_HU, 1.0 + number * rise, np.float32(0.0))
    return density


def _box(pet: Grid, ct: Grid) -> list[tuple[int, int]] | None:
    """Index ranges (first, last + 1) of the CT along k, j, i that span the PET; None where the CT is too short."""
    ends = np.array([[k, j, i] for k in (-0.5, 0.5) for j in (-0.5, 0.5) for i in (-0.5, 0.5)])
    middle = 0.5 * (np.array(pet.shape) - 1)
    corners: FloatArray = ct.to_index(pet.to_mm(middle + ends * np.array(pet.shape)))
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside_low, inside_high = np.maximum(low, -0.5), np.minimum(high, np.array(ct.shape) - 0.5)
    if inside_high[0] - inside_low[0] < CT_COVERS * (high[0] - low[0]) or np.any(inside_high - inside_low < 1.0):
        return None
    return [(int(np.ceil(first)), int(np.floor(last)) + 1) for first, last in zip(inside_low, inside_high, strict=True)]
