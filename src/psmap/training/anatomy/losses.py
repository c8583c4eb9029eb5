"""What is to be small: cross entropy and soft Dice, at 8 mm everywhere and at 4 mm where it is drawn, and the places.

The truth at 8 mm is that of one of the eight voxels of 4 mm, drawn anew each time: in the mean every voxel of 8 mm is
taught the shares of what fills it, and thin vessels are not lost. At 4 mm a drawn part of the voxels is scored, half of
it of the body as it is and half where there is something small; all of them would cost more than the rest of the step.

While the places are not yet known, names cannot be learnt of them. So the head is given the true places, with an error
like the one to come, in a share of the steps that falls to nothing (`told`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from psmap.training.anatomy.augment_space import IGNORE
from psmap.training.anatomy.network import PLACE_MM, AnatomyNetwork, blocks_of

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
        blocks: most voxels of 8 mm that are scored at 4 mm.
        told: probability that the head is given the true places.
        dice: dice on the CPU.
    """
    seen = network.trunk(x)
    features, found = (each[0].flatten(1).T for each in (seen.coarse, seen.place))
    labels, stations = blocks_of(truth.labels[None])[..., 0], blocks_of(truth.stations[None])[..., 0]
    known = (labels != IGNORE).any(dim=1)
    body = ((labels != IGNORE) & (labels != 0)).any(dim=1)
    true_place = truth.places.flatten(1).T / PLACE_MM
    inside = seen.inside.flatten().float()
    parts = {
        "inside": functional.binary_cross_entropy_with_logits(inside[known], body[known].float()),
        "place": (found[body] - true_place[body]).abs().mean() if bool(body.any()) else found.sum() * 0.0,
    }
    place = found.detach()  # places are learnt of places alone
    if float(torch.rand((), generator=dice)) < told:
        place = true_place + _told_error(dice).to(x.device)
    hidden = network.head.hidden(features[body], place[body])
    one = torch.randint(8, (len(labels), 1), generator=dice).to(x.device)
    target, station = (each.gather(1, one)[body][:, 0] for each in (labels, stations))
    scored = target != IGNORE
    parts["coarse"] = _both(network.head.labels_8_mm(hidden)[scored], target[scored], weights)
    even = torch.ones(network.shape.stations, device=x.device)
    even[0] = 0.2
    parts["stations"] = _both(network.head.stations(hidden)[scored], station[scored], even)
    chosen = _chosen(labels, small, blocks, dice)
    if len(chosen):
        logits, _ = network.head(blocks_of(seen.fine[0])[chosen], features[chosen], place[chosen])
        wanted = labels[chosen].flatten()
        parts["fine"] = _both(logits.flatten(0, 1)[wanted != IGNORE], wanted[wanted != IGNORE], weights)
    counts = {"stations": STATIONS_COUNT, "place": PLACES_COUNT, "inside": INSIDE_COUNT}
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
