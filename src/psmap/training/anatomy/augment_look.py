"""The same man on another CT and another PET: what differs between scanners, patients and contrast media, and more.

A network that has only seen one painter's men knows the painter. So the level of every tissue is drawn anew round
what was painted, tissues get textures at several scales that the men have not (vessels in lungs, fat in muscle, gas and
contrast medium in bowel, strands in fat), and the scan its noise, blur, table, and the edge of its field. All figures
are ours: wider than life rather than narrower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from psmap.catalog.anatomy_labels import load_labels
from psmap.training.anatomy.augment_space import IGNORE, Seen

LEVEL_HU = {
    "fat": 12.0, "muscle": 12.0, "organ": 15.0, "bowel": 22.0, "gland": 22.0, "vessel": 14.0, "genital": 12.0,
    "urinary": 10.0, "lung": 60.0, "airway": 10.0, "bone": 50.0, "rib": 50.0, "vertebra": 50.0, "implant": 0.0,
}  # fmt: skip
"""Spread of the level of a kind of tissue; that of a label within its kind is half of it."""
GRAIN_HU = {
    "fat": 12.0, "muscle": 14.0, "organ": 10.0, "bowel": 30.0, "gland": 15.0, "vessel": 8.0, "genital": 10.0,
    "urinary": 5.0, "lung": 50.0, "airway": 20.0, "bone": 60.0, "rib": 60.0, "vertebra": 60.0, "implant": 0.0,
}  # fmt: skip
"""Most of a texture's standard deviation."""
BONES = ("bone", "rib", "vertebra")
CT_ONLY, PET_ONLY = 0.25, 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What goes into the network and what should come out; see `Seen`, with where there is CT and PET (0 or 1)."""

    ct: Tensor
    pet: Tensor
    has_ct: Tensor
    has_pet: Tensor
    labels: Tensor
    stations: Tensor
    places: Tensor


def scan_anew(rng: np.random.Generator, seen: Seen) -> Scan:
    """Draw another CT and another PET of what is seen; the same for the same dice."""
    noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
    has_ct, has_pet = seen.field.clone(), seen.field.clone()
    ct = new_ct(rng, noise, seen)
    pet = new_pet(rng, noise, seen)
    die = rng.random()
    if die < PET_ONLY:
        has_ct.zero_()
    elif die < PET_ONLY + CT_ONLY:
        has_pet.zero_()
    labels, stations = seen.labels, seen.stations
    if rng.random() < 0.25:
        ct, has_ct = _round_field(rng, ct, has_ct)
        nothing = (has_ct + has_pet) == 0.0
        labels, stations = labels.masked_fill(nothing, IGNORE), stations.masked_fill(nothing, IGNORE)
    return Scan(ct, pet, has_ct, has_pet, labels, stations, seen.places)


def new_ct(rng: np.random.Generator, noise: torch.Generator, seen: Seen) -> Tensor:
    """Another CT (HU) of the same labels."""
    labels = seen.labels.masked_fill(seen.labels == IGNORE, 0)
    ct = _around_man(rng, seen.ct, labels)
    level, stretch, grain = (torch.from_numpy(each) for each in _tables(rng))
    ct = ct + (stretch[labels] - 1.0) * (ct - 100.0) + level[labels]
    field = _field(noise, ct.shape, int(rng.integers(2, 8)))
    ct = ct + grain[labels] * field * float(rng.uniform(0.0, 1.0))
    ct = _fillings(rng, noise, ct, labels)
    if rng.random() < 0.6:
        ct = blurred(ct, (rng.uniform(0.0, 1.4), *[rng.uniform(0.0, 0.8)] * 2))
    ct = ct + _noise(rng, noise, ct)
    ct = ct * float(rng.uniform(0.97, 1.03)) + float(rng.normal(0.0, 6.0))
    lowest = -1000.0 if rng.random() < 0.5 else -1024.0
    highest = 1000.0 if rng.random() < 0.1 else 3071.0
    return ct.clamp(lowest, highest)


def new_pet(rng: np.random.Generator, noise: torch.Generator, seen: Seen) -> Tensor:
    """Another PET (SUV) of the same labels: other organs hot, other noise, not quite where the CT is."""
    labels = seen.labels.masked_fill(seen.labels == IGNORE, 0)
    factor = torch.from_numpy(np.exp(0.3 * rng.standard_normal(_classes())).astype(np.float32))
    pet = seen.pet * blurred(factor[labels], (1.0, 1.0, 1.0)) * float(np.exp(0.3 * rng.standard_normal()))
    pet = pet * (1.0 + 0.15 * float(rng.random()) * _field(noise, pet.shape, 3)).clamp(min=0.1)
    if rng.random() < 0.5:
        pet = blurred(pet, tuple(rng.uniform(0.0, 1.0, 3)))
    grain = torch.randn(pet.shape, generator=noise)
    if rng.random() < 0.5:
        grain = blurred(grain, (0.6, 0.6, 0.6)) * 2.2
    pet = (pet + grain * pet.clamp(min=0.0).sqrt() * float(rng.uniform(0.0, 0.25))).clamp(min=0.0)
    if rng.random() < 0.3:
        k, j, i = (int(n) for n in rng.integers(-2, 3, 3))
        pet = torch.roll(pet, (k, j, i), (0, 1, 2)) * seen.field
    return pet


def blurred(image: Tensor, sigma: tuple[float, ...]) -> Tensor:
    """Gaussian blur of [k, j, i], standard deviations in voxels; under 0.2 none."""
    found = image
    for axis, width in enumerate(sigma):
        if width < 0.2:
            continue
        reach, size = int(np.ceil(3.0 * width)), found.shape[axis]
        weights = np.exp(-0.5 * (np.arange(reach + 1) / width) ** 2)
        weights /= weights[0] + 2.0 * weights[1:].sum()
        pad = [0, 0, 0, 0, 0, 0]
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = reach
        wide = functional.pad(found[None, None], pad, mode="replicate")[0, 0]
        found = found * float(weights[0])
        for away in range(1, reach + 1):  # sums of slices: a convolution of one channel is several times slower
            both = wide.narrow(axis, reach - away, size) + wide.narrow(axis, reach + away, size)
            found.add_(both, alpha=float(weights[away]))
    return found


def _classes() -> int:
    return len(load_labels().labels) + 1


def _tables(rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], ...]:
    """By label: what is added (HU), how its distance from 100 HU is stretched, and most of its texture (HU)."""
    labels = load_labels().labels
    level, grain = np.zeros(len(labels) + 1, np.float32), np.zeros(len(labels) + 1, np.float32)
    stretch = np.ones(len(labels) + 1, np.float32)
    of_kind = {kind: spread * rng.standard_normal() for kind, spread in LEVEL_HU.items()}
    denser = float(rng.uniform(0.6, 1.5))
    medium = float(rng.uniform(20.0, 220.0)) if rng.random() < 0.35 else 0.0
    excreted = float(rng.uniform(50.0, 500.0)) if rng.random() < 0.12 else 0.0
    for label in labels:
        n, own = label.number, float(rng.standard_normal())
        level[n] = of_kind[label.kind] + 0.5 * LEVEL_HU[label.kind] * own
        grain[n] = GRAIN_HU[label.kind]
        if label.kind in BONES:
            stretch[n] = denser * np.exp(0.08 * own)
        if label.kind == "vessel" or label.id == "heart":
            level[n] += medium * rng.uniform(0.5, 1.0)
        elif label.kind in ("organ", "gland"):
            level[n] += 0.3 * medium * rng.uniform(0.3, 1.5)
        if label.id.startswith("kidney"):
            level[n] += 0.5 * medium + 0.3 * excreted
        if label.kind == "urinary":
            level[n] += excreted * rng.uniform(0.3, 1.0)
    return level, stretch, grain


def _field(noise: torch.Generator, shape: tuple[int, ...] | torch.Size, step: int) -> Tensor:
    """A smooth random field of about unit variance whose lattice has that step (voxels)."""
    lattice = [max(n // step, 1) + 2 for n in shape]
    rough = torch.randn((1, 1, *lattice), generator=noise)
    smooth = functional.interpolate(rough, size=tuple(shape), mode="trilinear", align_corners=True)[0, 0]
    return smooth / smooth.std().clamp(min=1e-3)


def _fillings(rng: np.random.Generator, noise: torch.Generator, ct: Tensor, labels: Tensor) -> Tensor:
    """Gas and contrast medium in bowel, vessels in lungs, fat in muscle, strands in fat."""
    kinds = {kind: torch.tensor(_is_kind(kind))[labels] for kind in ("bowel", "lung", "muscle", "fat")}
    coarse, fine = _field(noise, ct.shape, 6), _field(noise, ct.shape, 2)
    gas = float(rng.uniform(0.8, 3.0))
    ct = torch.where(kinds["bowel"] & (coarse > gas), torch.full_like(ct, -880.0), ct)
    if rng.random() < 0.25:
        full = float(rng.uniform(-1.0, 1.0))
        ct = ct + (kinds["bowel"] & (coarse < full)) * float(rng.uniform(60.0, 400.0))
    vessels, marbling, strands = (float(v) for v in rng.uniform(0.0, 1.0, 3))
    ct = ct + kinds["lung"] * (fine - 1.0).clamp(min=0.0) * (350.0 * vessels)
    ct = ct - kinds["muscle"] * (fine - 1.0).clamp(min=0.0) * (90.0 * marbling)
    return ct + kinds["fat"] * (fine - 1.2).clamp(min=0.0) * (90.0 * strands)


def _is_kind(kind: str) -> list[bool]:
    return [False, *(label.kind == kind for label in load_labels().labels)]


def _noise(rng: np.random.Generator, noise: torch.Generator, ct: Tensor) -> Tensor:
    """White or grained noise, some of it in stripes from side to side as beside shoulders and hips."""
    level = float(rng.uniform(0.0, 35.0)) if rng.random() < 0.7 else 0.0
    grain = torch.randn(ct.shape, generator=noise)
    width = float(rng.uniform(0.0, 0.9))
    if width >= 0.2:
        grain = blurred(grain, (0.0, width, width))
        grain = grain / grain.std()
    added = grain * level
    if rng.random() < 0.2:
        stripes = blurred(torch.randn(ct.shape, generator=noise), (0.3, 0.3, 4.0))
        along = _field(noise, (ct.shape[0], 1, 1), 12).clamp(min=0.0)
        added = added + stripes / stripes.std() * along * float(rng.uniform(5.0, 40.0))
    return added


def _around_man(rng: np.random.Generator, ct: Tensor, labels: Tensor) -> Tensor:
    """Without his table, or with another one, or as he was."""
    body = labels > 0
    die = rng.random()
    if die < 0.6:
        near = functional.max_pool3d(body.float()[None, None], 3, stride=1, padding=1)[0, 0] > 0
        ct = torch.where(near, ct, torch.full_like(ct, -1000.0))
    rows = torch.nonzero(body.any(dim=2).any(dim=0))
    if die < 0.35 and len(rows):
        top = int(rows[-1]) + 1 + int(rng.integers(0, 4))
        thick = int(rng.integers(1, 4))
        table = torch.zeros_like(body)
        table[:, top : top + thick] = True
        ct = torch.where(table & ~body, torch.full_like(ct, float(rng.uniform(-850.0, 150.0))), ct)
    return ct


def _round_field(rng: np.random.Generator, ct: Tensor, has_ct: Tensor) -> tuple[Tensor, Tensor]:
    """A CT whose field is a circle; outside there is nothing, which half of the scanners say and half do not."""
    _, rows, columns = ct.shape
    radius = float(rng.uniform(0.36, 0.55)) * columns
    y = torch.arange(rows)[:, None] - 0.5 * (rows - 1) - float(rng.normal(0.0, 2.0))
    x = torch.arange(columns)[None, :] - 0.5 * (columns - 1) - float(rng.normal(0.0, 2.0))
    outside = (x**2 + y**2 > radius**2)[None].expand(ct.shape)
    told = rng.random() < 0.5
    return ct.masked_fill(outside, -1000.0), has_ct.masked_fill(outside, 0.0) if told else has_ct


def untouched(seen: Seen) -> Scan:
    """A scan of what is seen as it is."""
    return Scan(seen.ct, seen.pet, seen.field.clone(), seen.field.clone(), seen.labels, seen.stations, seen.places)
