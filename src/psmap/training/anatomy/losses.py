"""What is to be small: cross entropy and soft Dice at 4 and 8 mm, errors of places, and where there is a body.

Labels are scored in a drawn part of the voxels of 8 mm, half of it of the body as it is and half where there is
something small; all of them would cost more than the rest of the step. The truth at 8 mm is that of one of the eight
voxels of 4 mm, drawn anew each time: in the mean every voxel of 8 mm is taught the shares of what fills it, and thin
vessels are not lost.

While the places are not yet known, names cannot be learnt of them. So the head is given the true places, with an error
like the one to come, in a share of the steps that falls to nothing (`told`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from psmap.training.anatomy.augment_space import IGNORE
from psmap.training.anatomy.network import PLACE_MM, AnatomyNetwork, blocks_of, features_of, patches_of

FEWEST = 6
"""Labels with fewer voxels in a scan have no Dice of their own."""
STATIONS_COUNT, PLACES_COUNT, INSIDE_COUNT = 0.5, 2.0, 0.5
"""Weights of the losses of stations, of places (in units of `PLACE_MM`), and of where there is a body."""
TOLD_ERROR_MM = (2.0, 12.0)
"""Least and most standard deviation of the error of places that the head is told: one shift for a scan."""


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """The sum to be made small and what it is made of."""

    total: Tensor
    parts: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true of one scan.

    Args:
        labels, stations: at 4 mm [K, J, I], int64, `IGNORE` where nothing is scored.
        places: in the reference man at 8 mm, mm, [3, K / 2, J / 2, I / 2].
    """

    labels: Tensor
    stations: Tensor
    places: Tensor


def loss_of(
    network: AnatomyNetwork,
    x: Tensor,
    truth: Truth,
    *,
    weights: Tensor,
    small: Tensor,
    blocks: int,
    told: float,
    dice: torch.Generator,
) -> Loss:
    """Loss of one scan.

    Args:
        network: on the device of `x`.
        x: [1, channels, K, J, I].
        truth: of the scan.
        weights: of the labels' cross entropy.
        small: for every label whether it is small.
        blocks: most voxels of 8 mm whose labels are scored.
        told: probability that the head is given the true places.
        dice: dice on the CPU.
    """
    seen = network.trunk(x)
    found = _rows(seen.place[0])
    rough, rough_truth, rough_body = _at_32_mm(seen.rough_place[0], truth)
    labels, stations = blocks_of(truth.labels[None])[..., 0], blocks_of(truth.stations[None])[..., 0]
    known = (labels != IGNORE).any(dim=1)
    body = ((labels != IGNORE) & (labels != 0)).any(dim=1)
    true_place = _rows(truth.places) / PLACE_MM
    inside = seen.inside.flatten().float()
    parts = {
        "inside": functional.binary_cross_entropy_with_logits(inside[known], body[known].float()),
        "place": _away(found[body], true_place[body]),
        "rough place": _away(rough[rough_body], rough_truth[rough_body]),
    }
    place = found.detach()  # places are learnt of places alone
    if float(torch.rand((), generator=dice)) < told:
        place = true_place + _told_error(dice).to(x.device)
    chosen = _chosen(labels, small, blocks, dice)
    if len(chosen):
        features = features_of(seen.coarse[0], seen.broad[0], chosen)
        fine, coarse, station = network.head(patches_of(x[0], chosen), features, place[chosen])
        wanted = labels[chosen].flatten()
        parts["fine"] = _both(fine.flatten(0, 1)[wanted != IGNORE], wanted[wanted != IGNORE], weights)
        one = torch.randint(8, (len(chosen), 1), generator=dice).to(x.device)
        target, true_station = (each[chosen].gather(1, one)[:, 0] for each in (labels, stations))
        scored = target != IGNORE
        parts["coarse"] = _both(coarse[scored], target[scored], weights)
        even = torch.ones(network.shape.stations, device=x.device)
        even[0] = 0.2
        parts["stations"] = _both(station[scored], true_station[scored], even)
    counts = {"stations": STATIONS_COUNT, "place": PLACES_COUNT, "rough place": PLACES_COUNT, "inside": INSIDE_COUNT}
    total = sum((value * counts.get(name, 1.0) for name, value in parts.items()), torch.zeros((), device=x.device))
    return Loss(total, {name: float(value.detach()) for name, value in parts.items()})


def soft_dice(shares: Tensor, target: Tensor) -> Tensor:
    """Mean over the labels present of 2 |P T| / (|P| + |T|), P the probabilities [n, classes], T the truth [n]."""
    classes = shares.shape[1]
    count = torch.bincount(target, minlength=classes).to(shares.dtype)
    own = shares.gather(1, target[:, None])[:, 0]
    shared = torch.zeros(classes, dtype=shares.dtype, device=shares.device).index_add(0, target, own)
    dice = 2.0 * shared / (shares.sum(dim=0) + count).clamp(min=1.0)
    present = count >= FEWEST
    return dice[present].mean() if bool(present.any()) else shared.sum() * 0.0 + 1.0


def weights_of(counts: Tensor) -> Tensor:
    """Weight of every label from how many voxels it has: the fourth root of the rarity, 0.5 to 4, 1 for the median."""
    present = counts > 0
    median = counts[present].median()
    found = (median / counts.clamp(min=1.0)) ** 0.25
    return torch.where(present, found.clamp(0.5, 4.0), torch.ones_like(found))


def _rows(volume: Tensor) -> Tensor:
    """[c, K, J, I] -> [K J I, c]; no copy where channels lie last in memory."""
    return volume.permute(1, 2, 3, 0).flatten(0, 2)


def _at_32_mm(rough: Tensor, truth: Truth) -> tuple[Tensor, Tensor, Tensor]:
    """Places as said at 32 mm and as they are, [n, 3], and which of them lie in a body."""
    body = ((truth.labels != IGNORE) & (truth.labels != 0)).float()[None, None]
    inside = functional.max_pool3d(body, 8).flatten() > 0
    true = functional.avg_pool3d(truth.places[None], 4)[0] / PLACE_MM
    return _rows(rough), _rows(true), inside


def _away(found: Tensor, true: Tensor) -> Tensor:
    """Mean distance along an axis."""
    return (found - true).abs().mean() if len(found) else found.sum() * 0.0


def _told_error(dice: torch.Generator) -> Tensor:
    low, high = TOLD_ERROR_MM
    spread = low + (high - low) * float(torch.rand((), generator=dice))
    return torch.randn(3, generator=dice) * (spread / PLACE_MM)


def _both(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross entropy and one minus the Dice, from one softmax."""
    if len(target) == 0:
        return logits.sum() * 0.0
    logs = torch.log_softmax(logits.float(), dim=1)
    return functional.nll_loss(logs, target, weight=weights) + 1.0 - soft_dice(logs.exp(), target)


def _chosen(labels: Tensor, small: Tensor, most: int, dice: torch.Generator) -> Tensor:
    """Numbers of the voxels of 8 mm that are scored at 4 mm."""
    known = labels.masked_fill(labels == IGNORE, 0)
    found = []
    for held in (small[known].any(dim=1), (known > 0).any(dim=1)):
        places = torch.nonzero(held)[:, 0]
        drawn = torch.randperm(len(places), generator=dice)[: most // 2].to(places.device)
        found.append(places[drawn])
    return torch.cat(found)
