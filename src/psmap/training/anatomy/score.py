"""How well a network names unseen men: Dice and surface distance by label, and whether vertebrae and ribs are right.

    python -m psmap.training.anatomy.score WEIGHTS MEN --seed 100001 -n 20 -o scores.json

Men are made as those for training, from seeds that training has not seen, and shown whole, with CT and PET, CT alone or
PET alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import binary_erosion, distance_transform_edt

from psmap.catalog.anatomy_labels import load_labels
from psmap.steps.anatomy.channels import channels_of
from psmap.training.anatomy.examples import VOXEL_MM, Example, read_example
from psmap.training.anatomy.network import STEP, AnatomyNetwork, features_of, from_blocks, load_network, patches_of

Labels = npt.NDArray[np.uint8]
SHOWN = (
    "liver", "lung_left", "spleen", "kidney_left", "urinary_bladder", "prostate", "rectum",
    "external_iliac_artery_left", "vertebra_l3", "rib_7_right",
)  # fmt: skip
NAMED_KINDS = ("vertebra", "rib")
FEWEST = 8
"""Structures with fewer voxels are not scored."""
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


def dice_by_label(found: Labels, true: Labels, classes: int) -> dict[int, float]:
    """2 |A B| / (|A| + |B|) of every label that is there; labels with fewer than `FEWEST` voxels have none."""
    a, b = np.bincount(found.ravel(), minlength=classes), np.bincount(true.ravel(), minlength=classes)
    both = np.bincount(true[found == true].ravel(), minlength=classes)
    return {n: float(2.0 * both[n] / (a[n] + b[n])) for n in range(1, classes) if b[n] >= FEWEST}


def surface_mm(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_], voxel_mm: float) -> tuple[float, float]:
    """Mean and 95th percentile of the distances of both surfaces from each other (mm); infinite where one is empty."""
    if not found.any() or not true.any():
        return float("inf"), float("inf")
    edges = [mask & ~binary_erosion(mask) for mask in (found, true)]
    to_other = [distance_transform_edt(~edge)[other] for edge, other in zip(edges, edges[::-1], strict=True)]
    away = np.concatenate(to_other) * voxel_mm
    return float(away.mean()), float(np.percentile(away, 95.0))


def names_right(found: Labels, true: Labels, numbers: Sequence[int]) -> tuple[int, int]:
    """Of how many structures the commonest name of their kind, found in them, is their own; and how many there are.

    A structure in which no name of the kind was found has no right name.
    """
    right = there = 0
    for number in numbers:
        own = true == number
        if int(own.sum()) < FEWEST:
            continue
        there += 1
        votes = np.bincount(found[own].ravel(), minlength=256)[list(numbers)]
        right += int(votes.max() > 0 and numbers[int(votes.argmax())] == number)
    return right, there


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


def score(network: AnatomyNetwork, files: Sequence[Path], device: str, see: str) -> dict[str, object]:
    """Median Dice and surface distances of every label and station over the men, and the share of right names."""
    table = load_labels()
    dice: dict[str, list[float]] = {}
    mean_mm: dict[str, list[float]] = {}
    named = {kind: np.zeros(2, int) for kind in NAMED_KINDS}
    for file in files:
        example = read_example(file)
        labels, stations = predict(network, example, device, see)
        ids = {label.number: label.id for label in table.labels}
        for number, value in dice_by_label(labels, example.labels, len(ids) + 1).items():
            dice.setdefault(ids[number], []).append(value)
            box = _box((labels == number) | (example.labels == number))
            away = surface_mm(labels[box] == number, example.labels[box] == number, VOXEL_MM)
            mean_mm.setdefault(ids[number], []).append(away[0])
        for number, value in dice_by_label(stations, example.stations, len(table.stations) + 1).items():
            dice.setdefault(table.stations[number - 1], []).append(value)
        for kind in NAMED_KINDS:
            named[kind] += names_right(labels, example.labels, _numbers(kind))
    return {
        "see": see,
        "men": len(files),
        "dice": _medians(dice),
        "surface_mm": _medians(mean_mm),
        "names": {kind: float(right / max(there, 1)) for kind, (right, there) in named.items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("men", type=Path, help="folder of men that training has not seen")
    parser.add_argument("-n", "--count", type=int, default=20)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--see", nargs="+", default=["both", "ct", "pet"], choices=["both", "ct", "pet"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args(arguments)
    network = load_network(asked.weights).to(asked.device)
    files = sorted(asked.men.glob("man-*.npz"))[: asked.count]
    found = [score(network, files, asked.device, see) for see in asked.see]
    asked.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def _numbers(kind: str) -> list[int]:
    return [label.number for label in load_labels().labels if label.kind == kind]


def _medians(values: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: round(float(np.median(held)), 3) for name, held in values.items()}


def _box(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    found = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        found.append(slice(max(int(held[0]) - 1, 0), int(held[-1]) + 2))
    return tuple(found)


if __name__ == "__main__":
    raise SystemExit(main())
