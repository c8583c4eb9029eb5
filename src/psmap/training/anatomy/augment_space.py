"""Another field of view of a man in another shape: a window, turned, scaled and bent, sometimes seen in a mirror.

A window holds the body's whole width, or most of it; a crop is a box anywhere in him, as a scan of one hip is.

The dice fall first (`draw_view`), what they say is then done without any (`look_through`). A mirror swaps the names of
both sides. It is used only where nothing above the kidneys is in the window: a pelvis in a mirror is a pelvis, but no
patient has his liver on the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from psmap.catalog.anatomy_labels import load_labels
from psmap.training.anatomy.examples import PLACES_STEP, Example
from psmap.training.anatomy.network import STEP

IGNORE = 255
"""Label of voxels that are not scored: outside the field of view."""
WHOLE, PELVIS, CUT_SIDES, MIRROR = 0.3, 0.5, 0.15, 0.5
"""Shares: whole bodies; of the other windows those round the bladder; cut sides; of low windows those mirrored."""
CROP, CROP_SIZE = 0.15, (24, 70)
"""Share of crops, where they are asked for; length of their edges (voxels)."""
LENGTH = (40, 150)
"""Length of a window that is not whole (voxels)."""
TURN_DEGREES, SCALE, BEND_VOXELS, BEND_STEP = 4.0, 0.06, 1.2, 12
"""Spread of the angle about each axis, of the scale (logarithm), of the bends; step of their lattice (voxels)."""
ONLY_HIGH = ("liver", "spleen", "heart", "stomach")


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the dice said: the window in the man's grid and how it is bent.

    Args:
        middle: its middle in the man's grid (k, j, i).
        size: its voxels, before it is filled up to multiples of `STEP`.
        to_man: 3 x 3, from steps in the window to steps in the man.
        bends: displacement on a lattice over the window, [3, k, j, i] in voxels.
        mirror: whether left is right.
    """

    middle: tuple[float, float, float]
    size: tuple[int, int, int]
    to_man: npt.NDArray[np.float64]
    bends: npt.NDArray[np.float32]
    mirror: bool


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A man through a view; tensors [k, j, i] whose shape is of multiples of `STEP`.

    Args:
        ct, pet: HU and SUV, float32.
        labels, stations: int64; `IGNORE` outside the field of view.
        places: where in the reference man voxels of 8 mm lie, mm, float32 [3, k / 2, j / 2, i / 2]; of the mirrored
            man in a mirror, and without meaning outside the field of view.
        field: 1.0 inside the field of view.
    """

    ct: Tensor
    pet: Tensor
    labels: Tensor
    stations: Tensor
    places: Tensor
    field: Tensor


def draw_view(rng: np.random.Generator, example: Example, *, crops: bool = False) -> View:
    """A view of a man, whole or a part of him; with `crops` sometimes a box that does not hold his width."""
    if crops and rng.random() < CROP:
        return _draw_crop(rng, example)
    shape = example.labels.shape
    low, high = _along(rng, example)
    body = example.labels[low:high] > 0
    box = [(float(low), float(high))]
    for axis in (1, 2):
        held = np.flatnonzero(body.any(axis=tuple({0, 1, 2} - {axis})))
        first, last = (0, shape[axis]) if len(held) == 0 else (int(held[0]), int(held[-1]) + 1)
        near, far = rng.uniform(0.0, 10.0, 2)
        if axis == 2 and rng.random() < CUT_SIDES:
            near, far = rng.uniform(-0.25 * (last - first), 2.0, 2)
        box.append((first - near, last + far))
    a, b, c = (0.5 * (first + last - 1.0) for first, last in box)
    k, j, i = (max(round(last - first), 8) for first, last in box)
    return _bent(rng, (a, b, c), (k, j, i), example.labels[low:high])


def _draw_crop(rng: np.random.Generator, example: Example) -> View:
    """A box round some voxel of the body."""
    body = np.flatnonzero(example.labels)
    a, b, c = (float(n) for n in np.unravel_index(body[int(rng.integers(len(body)))], example.labels.shape))
    k, j, i = (int(n) for n in rng.integers(*CROP_SIZE, 3))
    low, high = max(int(a) - k // 2, 0), int(a) + k // 2 + 1
    return _bent(rng, (a, b, c), (k, j, i), example.labels[low:high])


def _bent(
    rng: np.random.Generator,
    middle: tuple[float, float, float],
    size: tuple[int, int, int],
    slices: npt.NDArray[np.uint8],
) -> View:
    """The view of a window, bent and turned, in a mirror where its slices hold nothing that lies on one side."""
    lattice = [n // BEND_STEP + 2 for n in size]
    strength = float(rng.uniform(0.0, 2.0)) * BEND_VOXELS
    bends = (rng.standard_normal((3, *lattice)) * strength).astype(np.float32)
    low_enough = not np.isin(slices, _high_labels()).any()
    mirror = bool(rng.random() < MIRROR) and low_enough
    return View(middle, size, _turned(rng), bends, mirror)


def look_through(example: Example, view: View) -> Seen:
    """The man through the view: CT and PET linear, labels by the nearest voxel; outside him there is air."""
    size = tuple(-(-n // STEP) * STEP for n in view.size)
    places = _places(view, size, example.labels.shape)
    ct = torch.from_numpy(example.ct.astype(np.float32)) + 1000.0  # so that what is outside is air
    pet = torch.from_numpy(example.pet.astype(np.float32))
    images = functional.grid_sample(torch.stack((ct, pet))[None], places, mode="bilinear", align_corners=True)[0]
    maps = torch.from_numpy(np.stack((example.labels, example.stations)).astype(np.float32))
    named = functional.grid_sample(maps[None], places, mode="nearest", align_corners=True)[0].to(torch.int64)
    field = torch.zeros(size)
    field[tuple(slice((n - own) // 2, (n - own) // 2 + own) for n, own in zip(size, view.size, strict=True))] = 1.0
    labels, stations = named[0], named[1]
    reference = _reference(example, places)
    if view.mirror:
        table = load_labels()
        images, field = images.flip(3), field.flip(2)
        labels = torch.tensor(table.mirrored_labels())[labels].flip(2)
        stations = torch.tensor(table.mirrored_stations())[stations].flip(2)
        reference = reference.flip(3) * torch.tensor([-1.0, 1.0, 1.0])[:, None, None, None]
    outside = field == 0.0
    air = torch.where(outside, 0.0, images[0]) - 1000.0
    return Seen(
        air,
        torch.where(outside, 0.0, images[1]),
        labels.masked_fill(outside, IGNORE),
        stations.masked_fill(outside, IGNORE),
        reference,
        field,
    )


def _reference(example: Example, places: Tensor) -> Tensor:
    """Places in the reference man of the window's voxels of 8 mm; `places` is what `_places` gives of those of 4 mm."""
    at = functional.avg_pool3d(places[0].permute(3, 0, 1, 2), 2).permute(1, 2, 3, 0)[None]
    for axis in range(3):  # from the man's voxels to blocks of them, both counted from -1 to 1 between middles
        full, blocks = example.labels.shape[2 - axis], example.places.shape[3 - axis]
        voxel = 0.5 * (at[..., axis] + 1.0) * max(full - 1, 1)
        at[..., axis] = (voxel - 0.5 * (PLACES_STEP - 1)) / PLACES_STEP * (2.0 / max(blocks - 1, 1)) - 1.0
    held = torch.from_numpy(example.places.astype(np.float32))[None]
    return functional.grid_sample(held, at, mode="bilinear", padding_mode="border", align_corners=True)[0]


def _along(rng: np.random.Generator, example: Example) -> tuple[int, int]:
    """First slice of the window and the one after its last."""
    slices = example.labels.shape[0]
    if rng.random() < WHOLE:
        return 0, slices
    length = min(int(rng.integers(*LENGTH)), slices)
    middle = rng.uniform(0.25 * length, slices - 0.25 * length)
    if rng.random() < PELVIS:
        bladder = next(label.number for label in load_labels().labels if label.id == "urinary_bladder")
        held = np.flatnonzero((example.labels == bladder).any(axis=(1, 2)))
        middle = float(held.mean() + rng.uniform(-12.0, 25.0)) if len(held) else middle
    low = int(np.clip(middle - 0.5 * length, 0, slices - 8))
    return low, min(max(int(middle + 0.5 * length), low + 8), slices)


def _high_labels() -> list[int]:
    return [label.number for label in load_labels().labels if label.id in ONLY_HIGH]


def _turned(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    matrix = np.diag(np.exp(np.clip(rng.standard_normal(3), -2.0, 2.0) * SCALE) * np.exp(0.06 * rng.uniform(-1, 1)))
    for axis, angle in enumerate(np.deg2rad(np.clip(rng.standard_normal(3), -2.0, 2.0) * TURN_DEGREES)):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


def _places(view: View, size: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """For every voxel of the window where in the man it lies, as `grid_sample` wants it: [1, k, j, i, (i, j, k)]."""
    steps = [torch.arange(n, dtype=torch.float32) - 0.5 * (n - 1) for n in size]
    bends = functional.interpolate(torch.from_numpy(view.bends)[None], size=size, mode="trilinear", align_corners=True)
    found = []
    for axis in (2, 1, 0):
        row = view.to_man[axis]
        along = [float(row[n]) * steps[n] for n in range(3)]
        place = along[0][:, None, None] + along[1][None, :, None] + along[2][None, None, :]
        place = place + bends[0, axis] + view.middle[axis]
        found.append(place * (2.0 / max(shape[axis] - 1, 1)) - 1.0)
    return torch.stack(found, dim=-1)[None]
