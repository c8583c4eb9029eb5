"""What lesions are held against: the uptake of blood, liver, spleen and parotids, each where it can be trusted.

Definitions: PROMISE (Eiber 2018, doi 10.2967/jnumed.117.198119) names the organs; the VOIs are those in wide use, a
sphere of 10 to 20 mm in the lumen of the thoracic aorta, of 30 mm in the right lobe of the liver, of 20 mm in the
spleen, and the 50 % contours of both parotids.

Where a sphere stands (ours): its centre is a PET voxel so deep in the organ that a margin is left all round, against
breath and blur. Every such place is tried. Those are kept whose standard deviation over mean is no higher than the
median of all (no lesion, vessel or edge in them), of these those whose mean is within 5 % of the kept ones' median
(not wholly in a lesion), and of these the deepest is taken. Where the wanted sphere has no place, the largest that has
is taken; where the least has none, it stands without a margin. A voxel counts whole if its centre lies in the sphere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.domain.anatomy import (
    Absence,
    AnatomyOnPet,
    DrawnVoi,
    Ints64,
    MeasuredReferences,
    Reference,
    ReferenceOrgan,
    ReferenceVoi,
)
from psmap.domain.geometry import Grid
from psmap.domain.image import LabelImage
from psmap.steps.anatomy.contour import Floats, box_round, percent_contour, within
from psmap.steps.anatomy.on_pet import ids_like, label_image, voxels_of
from psmap.steps.anatomy.places import PHYSIOLOGIC

Floats64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PROMISE = "PROMISE, doi 10.2967/jnumed.117.198119; place of the VOI ours"
CONTOUR_SHARE = 0.5
"""Of the gland's maximum."""
LEAST_GLAND_ML = 3.0
"""A parotid of which less is named is not measured (ours; a gland has some 25 mL)."""
UNEVEN = 0.25
"""Standard deviation over mean above which a sphere is warned of (ours; 0.08 to 0.16 in livers without lesions)."""
ORDINARY = 0.05
"""How far a sphere's mean may lie from the median of the calm ones, as a share of it (ours)."""
LEAST_SUV = 0.01
"""What a mean is taken for at least where something is divided by it, g/mL."""
MOST_TRIED = 400
"""Places tried; of more, evenly many are left out."""
ENOUGH = 8
"""Places that a sphere must have before it is made as large as only the deepest place would hold."""


@dataclass(frozen=True, slots=True)
class SphereRule:
    """How a reference sphere is placed.

    Args:
        wanted_mm, least_mm: diameters.
        margin_mm: to the organ's border.
        full_mm: a smaller sphere is warned of. The blood pool's may have 10 to 20 mm; spleens are thin, 15 mm will do.
    """

    wanted_mm: float
    least_mm: float
    margin_mm: float
    full_mm: float


ENOUGH_VOXELS = 7
"""With fewer, mean and standard deviation are chance: a reader is told. A sphere of 10 to 11 mm has 7 of 4 mm."""
BLOOD = SphereRule(20.0, 10.0, 2.0, full_mm=10.0)
LIVER = SphereRule(30.0, 20.0, 10.0, full_mm=30.0)
SPLEEN = SphereRule(20.0, 10.0, 2.0, full_mm=15.0)
"""Margins ours: the point spread of a PET is 5 to 7 mm wide, breath moves liver and spleen by 10 to 15 mm."""


def measure_references(on_pet: AnatomyOnPet, suv: Floats) -> MeasuredReferences:
    """Measure all references; one that cannot be had says why.

    Args:
        on_pet: the anatomy on the PET's grid.
        suv: PET in SUVbw (g/mL) on it, [k, j, i]; voxels without a number are NaN.
    """
    if suv.shape != on_pet.grid.shape:
        raise ValueError(f"a PET of shape {suv.shape} does not fit a grid of shape {on_pet.grid.shape}")
    measured = (_blood_pool(on_pet, suv), _liver(on_pet, suv), _spleen(on_pet, suv), _parotid(on_pet, suv))
    return MeasuredReferences(
        tuple(reference for reference, _ in measured), tuple(voi for _, drawn in measured for voi in drawn)
    )


def voi_labels(drawn: tuple[DrawnVoi, ...], grid: Grid) -> LabelImage:
    """The VOIs as a label map on the PET's grid, numbered from 1 in their order, named 'liver', 'parotid left'."""
    labels = np.zeros(grid.size, np.uint8)
    for number, each in enumerate(drawn, start=1):
        labels[each.index] = number
    names = {number: each.voi.structure.replace("_", " ") for number, each in enumerate(drawn, start=1)}
    return label_image(labels.reshape(grid.shape), grid, names)


_Measured = tuple[Reference, tuple[DrawnVoi, ...]]


def _blood_pool(on_pet: AnatomyOnPet, suv: Floats) -> _Measured:
    organ = ReferenceOrgan.BLOOD_POOL
    parts = tuple(name for name in ("aorta_descending", "aorta_arch") if len(voxels_of(on_pet, (name,))))
    # Parts are one lumen: where they meet is no wall.
    index = voxels_of(on_pet, ids_like(on_pet, ("aorta", "aorta_*")))
    allowed = np.isin(index, voxels_of(on_pet, parts), assume_unique=True)
    warnings: tuple[str, ...] = ()
    if not parts:
        index = voxels_of(on_pet, ("aorta",))
        if len(index) == 0:
            return _withheld(organ, _why_missing(on_pet, "aorta", "aorta_descending", "aorta_arch"))
        allowed, warnings = _thoracic(on_pet, index)
    found = _in_sphere(on_pet, suv, organ, index, allowed, BLOOD, warnings)
    return found or _withheld(
        organ, f"no sphere of {BLOOD.least_mm:g} mm fits into the descending aorta or the arch in the PET"
    )


def _liver(on_pet: AnatomyOnPet, suv: Floats) -> _Measured:
    index = voxels_of(on_pet, ("liver",))
    if len(index) == 0:
        return _withheld(ReferenceOrgan.LIVER, _why_missing(on_pet, "liver"))
    # The right lobe is the larger one: all to the right of the plane that halves the volume lies in it. LPS: right < 0.
    x = _positions(on_pet.grid, index)[:, 0]
    found = _in_sphere(on_pet, suv, ReferenceOrgan.LIVER, index, x <= np.median(x), LIVER)
    return found or _withheld(
        ReferenceOrgan.LIVER, f"no sphere of {LIVER.least_mm:g} mm fits into the right lobe in the PET"
    )


def _spleen(on_pet: AnatomyOnPet, suv: Floats) -> _Measured:
    index = voxels_of(on_pet, ("spleen",))
    if len(index) == 0:
        return _withheld(ReferenceOrgan.SPLEEN, _why_missing(on_pet, "spleen"))
    found = _in_sphere(on_pet, suv, ReferenceOrgan.SPLEEN, index, np.ones(len(index), np.bool_), SPLEEN)
    return found or _withheld(ReferenceOrgan.SPLEEN, f"no sphere of {SPLEEN.least_mm:g} mm fits into it in the PET")


def _parotid(on_pet: AnatomyOnPet, suv: Floats) -> _Measured:
    """All voxels in the 50 % contours of both glands together."""
    organ = ReferenceOrgan.PAROTID
    glands = ("parotid_left", "parotid_right")
    walls = ids_like(on_pet, PHYSIOLOGIC)
    drawn, lacking, warnings = [], [], []
    for name in glands:
        index = voxels_of(on_pet, (name,))
        volume_ml = len(index) * on_pet.grid.voxel_ml
        contour = percent_contour(on_pet, suv, (name,), CONTOUR_SHARE, walls) if volume_ml >= LEAST_GLAND_ML else index
        if len(index) == 0:
            lacking.append(_why_missing(on_pet, name))
        elif volume_ml < LEAST_GLAND_ML:
            lacking.append(f"{name}: only {volume_ml:.1f} mL of it are in the PET")
        elif len(contour) == 0:
            lacking.append(f"{name}: the PET shows no uptake there")
        else:
            warnings += _cut(on_pet, name)
            drawn.append(_drawn(on_pet, organ, name, contour, None))
    if not drawn:
        return _withheld(organ, "; ".join(lacking))
    if len(drawn) == 1:
        warnings.append(f"one gland of two ({'; '.join(lacking)})")
    values = _numbers(suv, np.concatenate([each.index for each in drawn]))
    return _reference(organ, values, tuple(drawn), tuple(warnings)), tuple(drawn)


def _thoracic(on_pet: AnatomyOnPet, index: Ints64) -> tuple[Bools, tuple[str, ...]]:
    """Which voxels of a whole aorta are in its descending part or the back of the arch, and what to warn of.

    With a heart: above its lowest voxel and behind its middle. With lungs: above the lowest third of their height and
    behind their middle. Without either: the upper half of what is seen of the aorta, behind that half's middle.
    """
    place = _positions(on_pet.grid, index)
    for patterns, share in ((("heart*",), 0.0), (("lung_*",), 1.0 / 3.0)):
        others = voxels_of(on_pet, ids_like(on_pet, patterns))
        if len(others):
            around = _positions(on_pet.grid, others)
            low, high = float(around[:, 2].min()), float(around[:, 2].max())
            return (place[:, 2] >= low + share * (high - low)) & (place[:, 1] > float(around[:, 1].mean())), ()
    upper = place[:, 2] >= 0.5 * float(place[:, 2].min() + place[:, 2].max())
    behind = place[:, 1] >= float(place[upper, 1].mean())
    return upper & behind, ("neither heart nor lungs are named: the upper half of the aorta is taken for thoracic",)


def _in_sphere(
    on_pet: AnatomyOnPet,
    suv: Floats,
    organ: ReferenceOrgan,
    index: Ints64,
    allowed: Bools,
    rule: SphereRule,
    warnings: tuple[str, ...] = (),
) -> _Measured | None:
    """The reference in a sphere in the voxels `index` of an organ, its centre where `allowed`; None without room."""
    told: list[str] = list(warnings)
    placed = place_sphere(suv, on_pet.grid, index, allowed, rule)
    if placed is None:
        placed = place_sphere(suv, on_pet.grid, index, allowed, replace(rule, wanted_mm=rule.least_mm, margin_mm=0.0))
        told.append("the sphere reaches the organ's border, for want of room for a margin")
    if placed is None:
        return None
    centre, diameter_mm = placed
    name = on_pet.anatomy.labels.names[int(on_pet.labels.reshape(-1)[centre])]
    voxels = centre + _offsets(on_pet.grid, diameter_mm)
    drawn = (_drawn(on_pet, organ, name, voxels, diameter_mm, centre),)
    told += _cut(on_pet, name)
    if diameter_mm < rule.full_mm:
        told.append(f"a sphere of {diameter_mm:g} mm, for want of room for {rule.wanted_mm:g} mm")
    values = _numbers(suv, voxels)
    mean, deviation = float(values.mean()), float(values.std())
    if mean <= 0.0 or deviation > UNEVEN * mean:
        told.append(f"uneven: the standard deviation is {deviation:.2f} at a mean of {mean:.2f}")
    return _reference(organ, values, drawn, tuple(told)), drawn


def place_sphere(suv: Floats, grid: Grid, index: Ints64, allowed: Bools, rule: SphereRule) -> tuple[int, float] | None:
    """Flat index of the centre and diameter (mm) of the sphere by the rule at the head of this file; None without room.

    Args:
        suv: PET [k, j, i], g/mL; a sphere with a voxel that is no number is no place.
        index: flat indices of the organ.
        allowed: which of them may be the centre.
    """
    depth_mm = _depth_mm(grid, index)
    deepest = np.sort(depth_mm[allowed])[::-1]
    if len(deepest) == 0:
        return None
    rooms = (float(deepest[min(ENOUGH, len(deepest)) - 1]), float(deepest[0]))
    room = next((room for room in rooms if 2.0 * (room - rule.margin_mm) >= rule.least_mm), None)
    if room is None:
        return None
    diameter_mm = min(rule.wanted_mm, float(np.floor(2.0 * (room - rule.margin_mm) + 1e-6)))
    places = np.flatnonzero(allowed & (depth_mm >= 0.5 * diameter_mm + rule.margin_mm - 1e-6))
    places = places[:: -(-len(places) // MOST_TRIED)]
    values = suv.reshape(-1)[index[places][:, None] + _offsets(grid, diameter_mm)].astype(np.float64)
    mean, deviation = values.mean(axis=1), values.std(axis=1)
    known = np.isfinite(mean)
    if not known.any():
        return None
    best = _best(mean[known], deviation[known], depth_mm[places][known])
    return int(index[places][known][best]), diameter_mm


def _best(mean: Floats64, deviation: Floats64, depth_mm: Floats64) -> int:
    """The deepest of the calm and ordinary places; of equals the calmer, then the first.

    The standard deviation is taken over the mean: by itself it would choose the places of low uptake.
    """
    spread = deviation / np.maximum(mean, LEAST_SUV)
    calm = spread <= float(np.median(spread)) * (1 + 1e-6) + 1e-9
    usual = float(np.median(mean[calm]))
    off = np.where(calm, np.abs(mean - usual), np.inf)
    ordinary = np.flatnonzero(off <= max(ORDINARY * abs(usual), float(off.min())))
    # rounded, so that what differs by less than a number can tell is equal
    order = np.lexsort((ordinary, np.round(spread[ordinary], 6), -np.round(depth_mm[ordinary], 3)))
    return int(ordinary[order[0]])


def _depth_mm(grid: Grid, index: Ints64) -> Floats64:
    """How far each voxel's centre lies from the organ's border, which runs half a step before the first voxel outside.

    What lies beyond the grid is outside the organ.
    """
    box = box_round(index, grid.shape)
    mask = np.pad(within(index, grid.shape, box), 1)
    away = ndimage.distance_transform_edt(mask, sampling=grid.spacing_mm)[1:-1, 1:-1, 1:-1]
    k, j, i = np.unravel_index(index, grid.shape)
    own = away[k - box[0].start, j - box[1].start, i - box[2].start] - 0.5 * max(grid.spacing_mm)
    return np.asarray(own, np.float64)


def _offsets(grid: Grid, diameter_mm: float) -> Ints64:
    """Steps in flat indices from a sphere's centre to every voxel whose centre lies in it, ascending."""
    reach = [int(0.5 * diameter_mm / step) for step in grid.spacing_mm]
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.sum((steps @ np.array(grid.axes_mm)) ** 2, axis=1) <= (0.5 * diameter_mm) ** 2 * (1 + 1e-9)
    _, rows, columns = grid.shape
    return np.asarray(steps[inside] @ np.array([rows * columns, columns, 1]), np.int64)


def _drawn(
    on_pet: AnatomyOnPet,
    organ: ReferenceOrgan,
    name: str,
    voxels: Ints64,
    diameter_mm: float | None,
    centre: int | None = None,
) -> DrawnVoi:
    at = voxels if centre is None else np.array([centre])
    x, y, z = (float(mm) for mm in _positions(on_pet.grid, at).mean(axis=0))
    volume_ml = len(voxels) * on_pet.grid.voxel_ml
    return DrawnVoi(organ, ReferenceVoi(name, (x, y, z), diameter_mm, len(voxels), volume_ml), voxels)


def _reference(
    organ: ReferenceOrgan, values: Floats64, drawn: tuple[DrawnVoi, ...], warnings: tuple[str, ...]
) -> Reference:
    """Mean, standard deviation (of the population, as in the liver threshold) and maximum of the voxels."""
    if len(values) < ENOUGH_VOXELS:
        warnings = (*warnings, f"no more than {len(values)} voxels: the PET's are too large for this VOI")
    return Reference(
        organ=organ,
        suv_mean=float(values.mean()),
        suv_sd=float(values.std()),
        suv_max=float(values.max()),
        vois=tuple(each.voi for each in drawn),
        why_not="",
        warnings=warnings,
        ref=PROMISE,
    )


def _withheld(organ: ReferenceOrgan, why: str) -> _Measured:
    return Reference(organ, None, None, None, (), why, (), PROMISE), ()


def _why_missing(on_pet: AnatomyOnPet, *ids: str) -> str:
    """Why none of these structures has a PET voxel, as the anatomy tells it of the first that it speaks of."""
    for name in ids:
        found = on_pet.anatomy.of(name)
        if found is not None:
            return f"{found.name}: {Absence.OUTSIDE_VIEW} of the PET"
        for missing in on_pet.anatomy.missing:
            if missing.id == name:
                return f"{missing.name}: {missing.why}"
    return f"{ids[0]}: {Absence.NOT_NAMED}"


def _cut(on_pet: AnatomyOnPet, name: str) -> list[str]:
    found = on_pet.anatomy.of(name)
    return [f"{found.name} is cut by the field of view"] if found is not None and found.cut else []


def _numbers(suv: Floats, index: Ints64) -> Floats64:
    return np.asarray(suv.reshape(-1)[index], np.float64)


def _positions(grid: Grid, index: Ints64) -> Floats64:
    """LPS mm (n, 3) of flat indices."""
    return grid.to_mm(np.stack(np.unravel_index(index, grid.shape), axis=1))
