"""The curve of a run: its losses and its Dice against the hours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

RUNNING = 15
"""Steps over which losses are averaged."""


def draw_curve(log: Path, picture: Path) -> None:
    """Draw what a `log.jsonl` holds."""
    import matplotlib.pyplot as plt

    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for part in ("coarse", "fine", "stations"):
        held = [(entry["seconds"] / 3600.0, entry[part]) for entry in entries if part in entry]
        if len(held) >= RUNNING:
            hours, loss = np.array(held).T
            mean = np.convolve(loss, np.ones(RUNNING) / RUNNING, mode="valid")
            left.plot(hours[RUNNING - 1 :], mean, label=part)
    checked = [entry for entry in entries if "dice" in entry]
    for name in checked[-1]["dice"] if checked else ():
        held = [(entry["seconds"] / 3600.0, entry["dice"].get(name)) for entry in checked]
        right.plot(*np.array([pair for pair in held if pair[1] is not None]).T, label=name)
    left.set(xlabel="hours", ylabel="loss")
    right.set(xlabel="hours", ylabel="Dice", ylim=(0.0, 1.0))
    for axes in (left, right):
        if axes.lines:
            axes.legend(fontsize=7, ncols=2)
    figure.savefig(picture, dpi=110)
    plt.close(figure)
