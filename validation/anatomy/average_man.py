"""The trivial baseline: name unseen men as the average man of the teaching, `average_man.py MEN OUT -n 20`.

The commonest label, and station, at each place of the box round the bodies of twenty men of MEN (files of
`make_men`, of the teaching) is laid into the box round the body of each unseen man, which psmap's own body mask gives.
No image is looked at but for that box. Figures go to OUT/average beside those of `unseen_men.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from unseen_men import FIRST_SEED, held_against, images_of, keep

from psmap.catalog.anatomy_labels import load_labels
from psmap.steps.anatomy.body_mask import body_box, body_mask
from psmap.steps.anatomy.working_grid import working_scan
from psmap.training.anatomy.examples import Example, make_example, read_example
from psmap.training.anatomy.measures import Labels, dice_by_label

AVERAGE = "average"
SHAPE = (280, 80, 144)
"""Of the box that men are laid into: about the mean of their bodies' boxes at 4 mm."""
MEN = 20

Bytes = npt.NDArray[np.uint8]


def average_of(men: list[Example]) -> tuple[Bytes, Bytes]:
    """The commonest label and the commonest station at each place of the box."""
    table = load_labels()
    return (
        _commonest([_stretched(each.labels[_box(each)], SHAPE) for each in men], len(table.labels) + 1),
        _commonest([_stretched(each.stations[_box(each)], SHAPE) for each in men], len(table.stations) + 1),
    )


def measured(example: Example, labels: Bytes, stations: Bytes) -> dict[str, Any]:
    """Figures of a man who is named as the average man."""
    box = _box(example)
    size = example.labels[box].shape
    found, near = np.zeros_like(example.labels), np.zeros_like(example.stations)
    found[box], near[box] = _stretched(labels, size), _stretched(stations, size)
    table = load_labels()
    dice = dice_by_label(near, example.stations, len(table.stations) + 1)
    there = set(np.unique(example.labels).tolist())
    return {
        **example.about,
        **held_against(found, example.labels, example.labels),
        "stations": {name: dice[number] for name, number in table.number_of_station().items() if number in dice},
        "not_there": [each.id for each in table.labels if each.number not in there and (found == each.number).any()],
    }


def _box(example: Example) -> tuple[slice, ...]:
    return body_box(body_mask(working_scan(*images_of(example))))


def _stretched(volume: Labels, shape: tuple[int, ...]) -> Bytes:
    """The nearest voxel at every place of another shape."""
    at = [((np.arange(n) + 0.5) * own / n).astype(np.intp) for n, own in zip(shape, volume.shape, strict=True)]
    return np.ascontiguousarray(volume[np.ix_(*at)]).astype(np.uint8)


def _commonest(volumes: list[Bytes], classes: int) -> Bytes:
    most, winner = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    for number in range(classes):
        votes = np.sum([volume == number for volume in volumes], axis=0, dtype=np.uint8)
        better = votes > most
        most[better], winner[better] = votes[better], number
    return winner


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("men", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("-n", "--unseen", type=int, default=20)
    asked = parser.parse_args()
    labels, stations = average_of([read_example(file) for file in sorted(asked.men.glob("man-*.npz"))[:MEN]])
    for seed in range(FIRST_SEED, FIRST_SEED + asked.unseen):
        path = asked.out / AVERAGE / f"{seed}.json"
        if not path.exists():
            keep(path, measured(make_example(seed), labels, stations))
            print(f"{seed}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
