"""Where each site of raised uptake lies, by the anatomy: structure, nodal station, usual organ; no verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

import numpy as np

from psmap.domain.anatomy import AnatomyOnPet, Labels, SitePlace
from psmap.domain.geometry import Vector
from psmap.domain.uptake import UptakeSite

PHYSIOLOGIC: Mapping[str, str] = MappingProxyType(
    {
        "kidney_left": "proximal tubules bind PSMA ligands, urine in the calyces holds them",
        "kidney_right": "proximal tubules bind PSMA ligands, urine in the calyces holds them",
        "kidney_cortex_*": "proximal tubules bind PSMA ligands",
        "kidney_pelvis_*": "urine",
        "ureter_*": "urine",
        "bladder": "urine",
        "urinary_bladder": "urine",
        "urethra": "urine after voiding",
        "liver": "takes up and excretes PSMA ligands",
        "gallbladder": "bile",
        "spleen": "takes up PSMA ligands",
        "pancreas": "takes up some",
        "adrenal_*": "takes up some, and the coeliac ganglion beside it",
        "lacrimal_*": "glands bind PSMA ligands",
        "parotid_*": "glands bind PSMA ligands",
        "submandibular_*": "glands bind PSMA ligands",
        "sublingual*": "glands bind PSMA ligands",
        "tubarial*": "glands bind PSMA ligands",
        "stomach": "its wall takes up some",
        "duodenum": "its mucosa binds PSMA ligands, bile",
        "jejunum*": "its mucosa binds PSMA ligands",
        "small_bowel": "its mucosa binds PSMA ligands",
        "colon*": "what it holds, variable",
        "ganglion_*": "ganglia take up PSMA ligands",
    }
)
"""Pattern of structure ids -> why uptake there is usual under PSMA ligands (PMC6299744, and general knowledge of the
field). Prostate and rectum are not among them: uptake there is looked at. Nor are cysts."""


def place_sites(sites: Iterable[UptakeSite], on_pet: AnatomyOnPet) -> tuple[SitePlace, ...]:
    """The place of every site, in the order given.

    Args:
        sites: their indices are into the PET's grid, that of `on_pet`.
        on_pet: the anatomy on it.

    Raises:
        ValueError: a site does not fit the grid.
    """
    names = on_pet.anatomy.labels.names
    usual = {
        number: name for number, name in names.items() if any(fnmatchcase(name, pattern) for pattern in PHYSIOLOGIC)
    }
    stations = on_pet.anatomy.stations.names if on_pet.anatomy.stations is not None else {}
    return tuple(_place(site, on_pet, names, usual, stations) for site in sites)


def _place(
    site: UptakeSite,
    on_pet: AnatomyOnPet,
    names: Mapping[int, str],
    usual: Mapping[int, str],
    stations: Mapping[int, str],
) -> SitePlace:
    if len(site.index) == 0 or not 0 <= site.index[0] <= site.index[-1] < on_pet.grid.size:
        raise ValueError(f"site {site.id} does not fit a grid of shape {on_pet.grid.shape}")
    shares = _shares(on_pet.labels, site, names)
    organs = [(name, share) for name, share in shares if name in usual.values()]
    nodal = _shares(on_pet.stations, site, stations) if on_pet.stations is not None else ()
    return SitePlace(
        site=site.id,
        at_max=names.get(_label_at(on_pet, site.max_mm)),
        shares=shares,
        station=nodal[0][0] if nodal else None,
        physiologic=organs[0][0] if organs else None,
    )


def _shares(labels: Labels, site: UptakeSite, names: Mapping[int, str]) -> tuple[tuple[str, float], ...]:
    """Name and share of the site's voxels, the largest first, equals by number; without what has no name."""
    counts = np.bincount(labels.reshape(-1)[site.index])
    held = sorted((-int(counts[n]), int(n)) for n in np.flatnonzero(counts) if int(n) in names)
    return tuple((names[number], -count / len(site.index)) for count, number in held)


def _label_at(on_pet: AnatomyOnPet, place_mm: Vector) -> int:
    """Label of the voxel nearest to a place; 0 where that is outside the grid."""
    at = np.rint(on_pet.grid.to_index(place_mm)[0]).astype(int)
    if np.any(at < 0) or np.any(at >= on_pet.grid.shape):
        return 0
    return int(on_pet.labels[tuple(at)])
