"""Uptake of the normal organs of this patient, beside what is usual under his tracer.

The catalogue's ranges are of figures measured in a certain way: a sphere in liver, spleen and aorta, the mean inside
41 % of the maximum in glands and kidneys, the mean some way inside wherever an organ is large and even. Each organ is
measured the same way for the comparison, beside the plain mean, median and maximum of all its PET voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from psmap.catalog.load import load_physiology
from psmap.domain.anatomy import AnatomyOnPet, Ints64, OrganUptakeRow, Reference, ReferenceOrgan
from psmap.domain.geometry import Grid
from psmap.domain.tracer import OrganUptake, Tracer
from psmap.steps.anatomy.contour import Floats, percent_contour
from psmap.steps.anatomy.on_pet import ids_like, voxels_of
from psmap.steps.anatomy.places import PHYSIOLOGIC

CONTOUR_SHARE = 0.41
"""Of the organ's maximum, as the catalogue's figures of glands and kidneys are read."""
INSIDE_MM = 4.0
"""'Inside' are voxels from whose centre no centre outside the organ lies this near; one voxel of 4 mm (ours)."""
MOST_INSIDE = 100_000
"""Voxels of an organ that are looked at for that; of more, evenly many are left out."""
SPREADS = 2.0
"""The usual range runs so many standard deviations to either side of the mean over men."""


class Way(StrEnum):
    """How a figure is measured that is held against the usual range."""

    SPHERE = "mean of the reference sphere"
    CONTOUR = "mean inside 41 % of its maximum"
    INSIDE = "mean 4 mm inside its border"


@dataclass(frozen=True, slots=True)
class OrganRule:
    """One row of the table.

    Args:
        id, name: of the row.
        structures: patterns of the ids that are the organ, as a whole or in parts.
        entry: of the tracer's physiology; '' where no range can be said.
        way: how the figures of the catalogue were measured.
        reference: whose sphere it is.
    """

    id: str
    name: str
    structures: tuple[str, ...]
    entry: str = ""
    way: Way = Way.INSIDE
    reference: ReferenceOrgan | None = None


def _both(stem: str, name: str, entry: str, way: Way, parts: tuple[str, ...] = ()) -> tuple[OrganRule, OrganRule]:
    """Left and right."""
    left, right = (
        OrganRule(f"{stem}_{side}", f"{name}, {side}", tuple(f"{part}_{side}" for part in (stem, *parts)), entry, way)
        for side in ("left", "right")
    )
    return left, right


ORGANS: tuple[OrganRule, ...] = (
    *_both("lacrimal", "Lacrimal gland", "lacrimal", Way.CONTOUR),
    *_both("parotid", "Parotid gland", "parotid", Way.CONTOUR),
    *_both("submandibular", "Submandibular gland", "submandibular", Way.CONTOUR),
    # both in one label have one hottest voxel: the contour is that of the hotter side
    OrganRule("sublingual", "Sublingual glands", ("sublingual*",), "sublingual", Way.CONTOUR),
    OrganRule("tubarial", "Tubarial glands", ("tubarial*",), "tubarial", Way.CONTOUR),
    OrganRule("thyroid", "Thyroid", ("thyroid", "thyroid_lobe_*"), "thyroid"),
    OrganRule("aorta", "Aorta (blood)", ("aorta", "aorta_*"), "blood", Way.SPHERE, ReferenceOrgan.BLOOD_POOL),
    OrganRule("heart", "Heart", ("heart", "heart_*", "pericardium")),
    *_both("lung", "Lung", "lung", Way.INSIDE, ("lung_*",)),
    OrganRule("liver", "Liver", ("liver",), "liver", Way.SPHERE, ReferenceOrgan.LIVER),
    OrganRule("gallbladder", "Gallbladder", ("gallbladder",), "gallbladder", Way.CONTOUR),
    OrganRule("spleen", "Spleen", ("spleen",), "spleen", Way.SPHERE, ReferenceOrgan.SPLEEN),
    OrganRule("pancreas", "Pancreas", ("pancreas",), "pancreas"),
    *_both("adrenal", "Adrenal gland", "", Way.INSIDE),  # no range: the kidney beside it outshines what is its own
    *_both("kidney", "Kidney", "kidney", Way.CONTOUR, ("kidney_cortex", "kidney_pelvis")),
    OrganRule("stomach", "Stomach", ("stomach",), "stomach"),
    OrganRule("duodenum", "Duodenum", ("duodenum",), "duodenum", Way.CONTOUR),
    OrganRule("jejunum", "Proximal jejunum", ("jejunum*",), "jejunum"),
    OrganRule("small_bowel", "Small bowel", ("small_bowel",), "small_bowel"),
    OrganRule("colon", "Colon", ("colon", "colon_*"), "colon"),
    OrganRule("urinary_bladder", "Urinary bladder", ("urinary_bladder", "bladder")),  # urine: no range
    OrganRule("prostate", "Prostate", ("prostate", "prostate_[!b]*"), "prostate"),  # not the bed
    OrganRule("vertebrae", "Vertebrae (marrow)", ("vertebra_*", "vertebral_bodies"), "marrow"),
    OrganRule("muscle", "Muscle", ("muscle", "skeletal_muscle", "gluteus*", "*psoas_*", "autochthon_*"), "muscle"),
)
"""Rows from head to thigh. The ways are those by which docs/how-men-take-up-the-tracer.md finds the catalogue again."""
UNPUBLISHED = ("ours", "general knowledge")
"""Words of the catalogue's sources."""


def measure_organs(
    on_pet: AnatomyOnPet,
    suv: Floats,
    tracer: Tracer | None,
    references: tuple[Reference, ...],
    *,
    prostatectomy: bool | None = None,
) -> tuple[OrganUptakeRow, ...]:
    """The table: one row for every organ of `ORGANS` that has PET voxels with a number.

    Args:
        on_pet: the anatomy on the PET's grid.
        suv: PET in SUVbw (g/mL) on it, [k, j, i].
        tracer: for the usual ranges; without it, or where the catalogue does not know it, there are none.
        references: as measured on the same PET; their spheres are compared where the range is of a sphere.
        prostatectomy: a prostate that is out has no row.
    """
    if suv.shape != on_pet.grid.shape:
        raise ValueError(f"a PET of shape {suv.shape} does not fit a grid of shape {on_pet.grid.shape}")
    physiology = load_physiology().get(tracer.id) if tracer is not None else None
    usual = physiology.organs if physiology is not None else {}
    spheres = {reference.organ: reference.suv_mean for reference in references}
    walls = ids_like(on_pet, PHYSIOLOGIC)
    rows = []
    for rule in ORGANS:
        if rule.id == "prostate" and prostatectomy:
            continue
        ids = ids_like(on_pet, rule.structures)
        index = voxels_of(on_pet, ids)
        index = index[np.isfinite(suv.reshape(-1)[index])]
        if len(index) == 0:
            continue
        compared = None
        if rule.entry in usual and rule.reference is not None:
            compared = spheres.get(rule.reference)
        elif rule.entry in usual and rule.way is Way.CONTOUR:
            compared = _mean(suv, percent_contour(on_pet, suv, ids, CONTOUR_SHARE, walls))
        elif rule.entry in usual:
            compared = _mean(suv, _inside(on_pet.grid, index))
        rows.append(_row(on_pet, suv, rule, ids, index, _published(usual.get(rule.entry)), compared))
    return tuple(rows)


def _published(usual: OrganUptake | None) -> OrganUptake | None:
    """The entry where mean and spread rest on publications: against no other is a patient held."""
    if usual is None or any(word in usual.source for word in UNPUBLISHED):
        return None
    return usual if "doi" in usual.source else None


def _row(
    on_pet: AnatomyOnPet,
    suv: Floats,
    rule: OrganRule,
    ids: tuple[str, ...],
    index: Ints64,
    usual: OrganUptake | None,
    compared: float | None,
) -> OrganUptakeRow:
    values = suv.reshape(-1)[index]
    structures = [on_pet.anatomy.of(name) for name in ids]
    return OrganUptakeRow(
        id=rule.id,
        name=rule.name,
        volume_ml=len(index) * on_pet.grid.voxel_ml,
        suv_mean=float(values.mean(dtype=np.float64)),
        suv_median=float(np.median(values)),
        suv_max=float(values.max()),
        cut=any(found is not None and found.cut for found in structures) or _at_edge(on_pet.grid, index),
        usual_low=None if usual is None else round(max(usual.mean - SPREADS * usual.spread, 0.0), 6),
        usual_high=None if usual is None else round(usual.mean + SPREADS * usual.spread, 6),
        ref="" if usual is None else usual.source,
        suv_compared=compared,
        compared_as="" if compared is None else rule.way.value,
    )


def _mean(suv: Floats, index: Ints64) -> float | None:
    return float(suv.reshape(-1)[index].mean(dtype=np.float64)) if len(index) else None


def _at_edge(grid: Grid, index: Ints64) -> bool:
    """Whether voxels touch the edge of the PET."""
    places = np.unravel_index(index, grid.shape)
    return any(at.min() == 0 or at.max() == length - 1 for at, length in zip(places, grid.shape, strict=True))


def _inside(grid: Grid, index: Ints64) -> Ints64:
    """The voxels (of many, some) with no voxel outside within `INSIDE_MM`; all of an organ too thin to have any.

    Beyond the edge of the grid the organ is taken to go on.
    """
    mask = np.zeros(grid.size, np.bool_)
    mask[index] = True
    looked_at = index[:: -(-len(index) // MOST_INSIDE)]
    k, j, i = np.unravel_index(looked_at, grid.shape)
    deep = np.ones(len(looked_at), np.bool_)
    for dk, dj, di in _steps(grid):
        kept = np.flatnonzero(deep)
        beside = np.ravel_multi_index((k[kept] + dk, j[kept] + dj, i[kept] + di), grid.shape, mode="clip")
        deep[kept] = mask[beside]
    return looked_at[deep] if deep.any() else index


def _steps(grid: Grid) -> list[tuple[int, int, int]]:
    """Steps along k, j, i to all voxel centres within `INSIDE_MM`; the next along each axis always."""
    reach = [max(int(INSIDE_MM / step * (1 + 1e-9)), 1) for step in grid.spacing_mm]
    steps = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    away_mm = np.linalg.norm(steps @ np.array(grid.axes_mm), axis=1)
    wanted = ((away_mm <= INSIDE_MM * (1 + 1e-9)) | (np.abs(steps).sum(axis=1) == 1)) & (away_mm > 0.0)
    return [(int(dk), int(dj), int(di)) for dk, dj, di in steps[wanted]]
