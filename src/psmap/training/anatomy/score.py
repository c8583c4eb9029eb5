"""How teaching goes: Dice of a few men that it does not learn from, and whether vertebrae and ribs are right.

What a taught network is worth is measured by `validation/anatomy/unseen_men.py`, with the rules that come after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from psmap.catalog.anatomy_labels import load_labels
from psmap.steps.anatomy.channels import channels_of
from psmap.training.anatomy.examples import Example, read_example
from psmap.training.anatomy.measures import dice_by_label, names_right
from psmap.training.anatomy.network import STEP, AnatomyNetwork, features_of, from_blocks, patches_of

Labels = npt.NDArray[np.uint8]
SHOWN = (
    "liver", "lung_left", "spleen", "kidney_left", "urinary_bladder", "prostate", "rectum",
    "external_iliac_artery_left", "vertebra_l3", "rib_7_right",
)  # fmt: skip
NAMED_KINDS = ("vertebra", "rib")
LEAST_INSIDE = 0.02
"""Voxels of 8 mm with a smaller probability of a body in them are not looked at closer."""
BLOCKS = 20000
"""Voxels of 8 mm that the head sees at once."""


def predict(network: AnatomyNetwork, example: Example, device: str, see: str = "both") -> tuple[Labels, ...]:
    """Labels and stations of a whole man at 4 mm.

    Args:
        see: 'both', 'ct' or 'pet'.
    """
    shape = example.labels.shape
    pad = [(0, -n % STEP) for n in shape]
    full = tuple(n + more for n, (_, more) in zip(shape, pad, strict=True))
    cut = tuple(slice(0, n) for n in shape)
    field = np.pad(np.ones(shape, np.float32), pad)
    ct = np.pad(example.ct.astype(np.float32), pad, constant_values=-1000.0)
    pet = np.pad(example.pet.astype(np.float32), pad)
    nothing = np.zeros_like(field)
    seen = channels_of(ct, pet, nothing if see == "pet" else field, nothing if see == "ct" else field)
    x = torch.from_numpy(seen)[None].to(device)
    with torch.no_grad():
        found = network.trunk(x)
        place = found.place[0].flatten(1).T
        labels = torch.zeros((len(place), 8), dtype=torch.uint8, device=x.device)
        stations = torch.zeros((len(place), 1), dtype=torch.uint8, device=x.device)
        inside = torch.sigmoid(found.inside.flatten().float()) > LEAST_INSIDE
        for part in torch.nonzero(inside)[:, 0].split(BLOCKS):
            logits, _, station_logits = network.head(
                patches_of(x[0], part), features_of(found.coarse[0], found.broad[0], part), place[part]
            )
            labels[part] = logits.argmax(dim=2).to(torch.uint8)
            stations[part] = station_logits.argmax(dim=1, keepdim=True).to(torch.uint8)
    size = (full[0], full[1], full[2])
    return tuple(from_blocks(each.expand(-1, 8), size).cpu().numpy()[cut] for each in (labels, stations))


def quick_dice(network: AnatomyNetwork, files: Sequence[Path], device: str) -> dict[str, float]:
    """Mean Dice over all labels and of some, of a few men, CT and PET; and the share of right names."""
    network = network.to(device).eval()
    table = load_labels()
    rows = []
    for file in files:
        example = read_example(file)
        labels, _ = predict(network, example, device)
        dice = dice_by_label(labels, example.labels, len(table.labels) + 1)
        row = {label.id: dice[label.number] for label in table.labels if label.id in SHOWN and label.number in dice}
        row["all"] = float(np.mean(list(dice.values())))
        for kind in NAMED_KINDS:
            right, there = names_right(labels, example.labels, _numbers(kind))
            if there:
                row[f"{kind} names"] = right / there
        rows.append(row)
    names = sorted({name for row in rows for name in row})
    return {name: round(float(np.mean([row[name] for row in rows if name in row])), 3) for name in names}


def _numbers(kind: str) -> list[int]:
    return [label.number for label in load_labels().labels if label.kind == kind]
