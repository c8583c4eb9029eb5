"""The stage that a man truly has: his lesions with class, region, sextants and reach, put to the rules of PROMISE.

A focus counts as reaching a place where a tenth of it or `REACH_ML` lies there, whichever is less: what is painted
decides, not what was meant. That and the share of marrow are measured on lattices of their own, so that the stage is
the same on every grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.geometry import Grid
from psmap.domain.promise import SEXTANTS, LocalExtent, StagedSite, node_region
from psmap.domain.uptake import FindingClass
from psmap.phantom.anatomy.man import Man
from psmap.phantom.anatomy.paint import paint
from psmap.phantom.anatomy.solids import Solid
from psmap.phantom.anatomy.whole import structures_of
from psmap.phantom.lesions.focus import FocusKind
from psmap.phantom.lesions.placing import TrueSite
from psmap.phantom.man_scan import grid_of
from psmap.phantom.true_maps import inside

REACH_SHARE, REACH_ML = 0.10, 0.5
"""From what share of a focus, or what volume, on it reaches a place (ours)."""
DIFFUSE_SHARE = 0.5
"""Marrow of the axial skeleton that tumour fills from which on it is involved diffusely (ours; PROMISE has none)."""
MARROW_MM = 8.0
AXIAL = ("skull", "mandible", "vertebra_", "sacrum_", "coccyx", "rib_", "sternum")
"""Bones of the axial skeleton by the beginnings of their ids."""

GLAND = ("prostate_peripheral", "prostate_transition", "prostate_central", "urethra")
VESICLES = ("seminal_vesicle_left", "seminal_vesicle_right")
_WALL = ("obturator_internus_left", "obturator_internus_right", "hip_bone_left", "hip_bone_right")
ADJACENT = ("bladder_wall", "rectum", "levator_ani", *_WALL)
"""What PROMISE names for miT4, as far as it is painted: bladder, rectum, levator ani, wall of the pelvis."""
_STEPS = 24

_CLASS_OF = {
    FocusKind.PRIMARY: FindingClass.LOCAL,
    FocusKind.LOCAL_RECURRENCE: FindingClass.LOCAL,
    FocusKind.BONE: FindingClass.BONE,
    FocusKind.VISCERAL: FindingClass.VISCERAL,
}

Inside = npt.NDArray[np.bool_]


def class_of(site: TrueSite) -> FindingClass:
    """Where a lesion belongs; physiologic for a benign focus, whatever tissue it lies in."""
    if site.focus.benign is not None:
        return FindingClass.PHYSIOLOGIC
    if site.focus.kind is FocusKind.NODE:
        region = node_region(site.focus.place)
        if region is None:
            raise ValueError(f"{site.focus.place} is no nodal station of PROMISE")
        return FindingClass.PELVIC_NODE if region.pelvic else FindingClass.DISTANT_NODE
    return _CLASS_OF[site.focus.kind]


def staged_sites(man: Man, sites: Sequence[TrueSite]) -> tuple[StagedSite, ...]:
    """The lesions among a man's foci, as the rules take them."""
    lesions = [site for site in sites if site.focus.benign is None]
    classes = [class_of(site) for site in lesions]
    solids: Mapping[str, Solid] = {}
    if FindingClass.LOCAL in classes and not man.prostatectomy:
        solids = {structure.name: structure.solid for structure in structures_of(man)}
    return tuple(
        _local(man, site, solids)
        if finding_class is FindingClass.LOCAL and solids
        else StagedSite(site.number, finding_class, site.focus.place)
        for site, finding_class in zip(lesions, classes, strict=True)
    )


def marrow_share(man: Man, sites: Sequence[TrueSite]) -> float:
    """Share of the marrow of the axial skeleton that lies in lesions of bone, on voxels of `MARROW_MM`."""
    bone = [site for site in sites if class_of(site) is FindingClass.BONE]
    if not bone:
        return 0.0
    structures = structures_of(man)
    entries = load_anatomy()
    axial = tuple(s for s in structures if s.name.startswith(AXIAL) and entries[s.name].group == "marrow")
    grid = grid_of(structures, man, MARROW_MM)
    marrow = paint(axial, grid, man.bend).compose(lambda name: 1.0)
    tumour = np.zeros(grid.shape, np.bool_)
    for site in bone:
        around = inside(grid, site)
        if around is not None:
            tumour[around[0]] |= around[1] <= 1.0
    return float(marrow[tumour].sum(dtype=np.float64) / marrow.sum(dtype=np.float64))


def _local(man: Man, site: TrueSite, solids: Mapping[str, Solid]) -> StagedSite:
    """A focus in or about the prostate: how far it reaches, and the sextants it lies in."""
    x, y, z = _points_in(man, site)

    def within(names: tuple[str, ...]) -> Inside:
        found: Inside = np.any([solids[name].distance(x, y, z) < 0.0 for name in names], axis=0)
        return found

    least = min(REACH_SHARE, REACH_ML / site.focus.volume_ml)
    gland = within(GLAND)
    vesicles = within(VESICLES) & ~gland
    adjacent = within(ADJACENT) & ~gland & ~vesicles
    extent = LocalExtent.CONFINED
    for reached, where in (
        (LocalExtent.BEYOND_CAPSULE, ~gland),
        (LocalExtent.SEMINAL_VESICLE, vesicles),
        (LocalExtent.ADJACENT_ORGAN, adjacent),
    ):
        if where.mean() >= least:
            extent = reached
    whole = solids["prostate_peripheral"]
    segments = _sextants(whole, x, z)
    touched = frozenset(name for n, name in enumerate(SEXTANTS) if (gland & (segments == n)).mean() >= least)
    return StagedSite(site.number, FindingClass.LOCAL, site.focus.place, extent, touched)


def _points_in(man: Man, site: TrueSite) -> tuple[npt.NDArray[np.float32], ...]:
    """Reference coordinates (mm) of a lattice of points in a focus: `_STEPS` cells along each side of its box."""
    solid = site.focus.solid_at(site.centre_mm)
    low, high = np.array(solid.low), np.array(solid.high)
    step = (high - low) / _STEPS
    x, y, z = (float(mm) for mm in low + 0.5 * step)
    dx, dy, dz = (float(mm) for mm in step)
    lattice = Grid((_STEPS, _STEPS, _STEPS), (x, y, z), ((0.0, 0.0, dz), (0.0, dy, 0.0), (dx, 0.0, 0.0)))
    places = lattice.to_mm(np.indices(lattice.shape).reshape(3, -1).T).astype(np.float32)
    within = solid.distance(places[:, 0], places[:, 1], places[:, 2]).reshape(lattice.shape) < 0.0
    return tuple(along[within] for along in man.bend.to_reference(lattice))


def _sextants(whole: Solid, x: npt.NDArray[np.float32], z: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """The sextant of each point, as its place in `SEXTANTS`: sides of the middle plane, thirds of the height."""
    middle = 0.5 * (whole.low[0] + whole.high[0])
    third = (whole.high[2] - whole.low[2]) / 3.0
    down = np.clip(np.floor((whole.high[2] - z) / third), 0, 2).astype(np.int64)
    found: npt.NDArray[np.int64] = np.where(x > middle, down, 3 + down)
    return found
