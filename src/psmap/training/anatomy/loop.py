"""Teach the network of anatomy: one command, as long as asked for, taken up where it was killed.

    python -m psmap.training.anatomy.loop MEN RUN --hours 3 --seed 1

MEN holds the files of `make_men`; every tenth man is kept for validation. RUN gets `checkpoint.pt` (what it needs to go
on), `log.jsonl`, `curve.png`, and `weights.pt`, the weights averaged over the last steps. Every step's dice come of the
seed and the step, so that a run that was killed sees what it would have seen. The learning rate follows the time
spent, or the steps where their number is given (`--steps`, for a run that can be repeated): it rises over the first
twentieth and falls as a cosine to nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from psmap.catalog.anatomy_labels import load_labels
from psmap.steps.anatomy.channels import channels_of
from psmap.training.anatomy.augment_look import Scan, scan_anew
from psmap.training.anatomy.augment_space import draw_view, look_through
from psmap.training.anatomy.curve import draw_curve
from psmap.training.anatomy.examples import read_example
from psmap.training.anatomy.losses import Truth, loss_of, weights_of
from psmap.training.anatomy.network import AnatomyNetwork, NetworkShape
from psmap.training.anatomy.optimiser import Optimiser
from psmap.training.anatomy.score import quick_dice

KEPT_EVERY = 10
WARM_UP, AVERAGE = 0.03, 0.998
TOLD_UNTIL = 0.4
"""Share of the run after which the head is told no true places any more; before, ever less often."""
SMALL = 700
"""Labels with fewer voxels of 4 mm in a man (mean) are small."""
CROPS_FROM = 1300
"""Step from which crops are among the views: names are learnt sooner of whole windows."""
COUNTED = 40
"""Men whose voxels are counted for the weights."""
ENDLESS = 10**9


@dataclass(frozen=True, slots=True)
class Plan:
    """How the network is taught.

    Args:
        hours: of wall time, all calls together.
        steps: instead of the hours, where it is not None.
        seed: of weights and dice.
        rate: highest learning rate, of AdamW.
        blocks: most voxels of 8 mm whose labels are scored in a step.
        keep_s: seconds between two checkpoints.
        validate_s: seconds between two validations.
        workers: processes that prepare scans; 0 for none.
        half: whether the device calculates in bfloat16 where that is safe.
    """

    hours: float
    steps: int | None = None
    seed: int = 1
    rate: float = 2e-3
    blocks: int = 10000
    keep_s: float = 180.0
    validate_s: float = 600.0
    workers: int = 0
    half: bool = True


class Steps(Dataset[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """What every step sees: a man drawn, seen through a view, scanned anew; by number of the step."""

    def __init__(self, men: Sequence[Path], seed: int, first: int) -> None:
        self.men, self.seed, self.first = men, seed, first

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, self.first + number])
        example = read_example(self.men[int(rng.integers(len(self.men)))])
        view = draw_view(rng, example, crops=self.first + number >= CROPS_FROM)
        return inputs_of(scan_anew(rng, look_through(example, view)))


def inputs_of(scan: Scan) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Channels, labels, stations and places of a scan."""
    x = channels_of(*(each.numpy() for each in (scan.ct, scan.pet, scan.has_ct, scan.has_pet)))
    return torch.from_numpy(x), scan.labels, scan.stations, scan.places


def learning_rate(share: float, highest: float) -> float:
    """At a share of the time (0 to 1)."""
    if share < WARM_UP:
        return highest * (share / WARM_UP + 0.01)
    return highest * 0.5 * (1.0 + math.cos(math.pi * min((share - WARM_UP) / (1.0 - WARM_UP), 1.0)))


def teach(men: Path, run: Path, plan: Plan, shape: NetworkShape, device: str) -> None:
    """Teach until the time is over; what is in `run` is taken up.

    Raises:
        ValueError: too few men, or a run of another shape or seed.
    """
    files = sorted(men.glob("man-*.npz"))
    taught, kept = [f for n, f in enumerate(files) if n % KEPT_EVERY], files[::KEPT_EVERY]
    if len(taught) < 2:
        raise ValueError(f"{len(files)} men are too few")
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    state = _State(AnatomyNetwork(shape).to(device), plan, run)
    weights, small = (each.to(device) for each in _counted(taught[:COUNTED]))
    began = time.monotonic() - state.seconds
    last_kept = last_checked = state.seconds
    for x, *true in _stream(taught, plan, state.step):
        share = state.seconds / (3600.0 * plan.hours) if plan.steps is None else state.step / plan.steps
        if share >= 1.0:
            break
        rate = learning_rate(share, plan.rate)
        truth = Truth(*(each[0].to(device) for each in true))
        told = max(1.0 - share / TOLD_UNTIL, 0.0)
        parts = state.take(x.to(device), truth, weights, small, rate, told)
        state.seconds = time.monotonic() - began
        state.log({**parts, "rate": rate, "voxels": truth.labels.numel()})
        if state.seconds - last_checked > plan.validate_s:
            last_checked = state.seconds
            state.log({"dice": quick_dice(state.averaged(), kept[:3], device)})
        if state.seconds - last_kept > plan.keep_s:
            last_kept = state.seconds
            state.keep()
    state.log({"dice": quick_dice(state.averaged(), kept[:6], device)})
    state.keep()
    torch.save({"shape": asdict(shape), "weights": state.average}, run / "weights.pt")
    draw_curve(run / "log.jsonl", run / "curve.png")


class _State:
    """What a checkpoint holds."""

    def __init__(self, network: AnatomyNetwork, plan: Plan, run: Path) -> None:
        self.network, self.plan, self.run = network, plan, run
        self.step, self.seconds = 0, 0.0
        self.optimiser = Optimiser(network)
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        if (run / "checkpoint.pt").exists():
            self._take_up()

    def take(
        self, x: Tensor, truth: Truth, weights: Tensor, small: Tensor, rate: float, told: float
    ) -> dict[str, float]:
        """One step."""
        self.network.train()
        dice = torch.Generator().manual_seed(self.plan.seed * ENDLESS + self.step)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.plan.half):
            loss = loss_of(
                self.network, x, truth, weights=weights, small=small, blocks=self.plan.blocks, told=told, dice=dice,
            )  # fmt: skip
        self.optimiser.step(loss.total, rate)
        self.step += 1
        share = min(AVERAGE, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1.0 - share)
        return loss.parts

    def averaged(self) -> AnatomyNetwork:
        """A network with the averaged weights."""
        network = AnatomyNetwork(self.network.shape)
        network.load_state_dict(self.average)
        return network.eval()

    def log(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"step": self.step, "seconds": round(self.seconds, 1), **entry})
        with (self.run / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def keep(self) -> None:
        part = self.run / ".part-checkpoint.pt"
        held = {
            "network": self.network.state_dict(), "average": self.average, "optimiser": self.optimiser.held(),
            "step": self.step, "seconds": self.seconds, "seed": self.plan.seed, "shape": asdict(self.network.shape),
        }  # fmt: skip
        torch.save(held, part)
        part.replace(self.run / "checkpoint.pt")

    def _take_up(self) -> None:
        device = next(self.network.parameters()).device
        held = torch.load(self.run / "checkpoint.pt", map_location=device, weights_only=True)
        if (held["seed"], held["shape"]) != (self.plan.seed, asdict(self.network.shape)):
            raise ValueError("the checkpoint is of another seed or of a network of another shape")
        self.network.load_state_dict(held["network"])
        self.optimiser.take_up(held["optimiser"])
        self.average, self.step, self.seconds = held["average"], held["step"], held["seconds"]


def _stream(men: Sequence[Path], plan: Plan, first: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    ahead = {"prefetch_factor": 4} if plan.workers else {}
    yield from DataLoader(Steps(men, plan.seed, first), batch_size=1, num_workers=plan.workers, **ahead)


def _counted(men: Sequence[Path]) -> tuple[Tensor, Tensor]:
    """Weights of the labels, and which of them are small."""
    classes = len(load_labels().labels) + 1
    counts = sum((np.bincount(read_example(file).labels.ravel(), minlength=classes) for file in men), np.zeros(classes))
    found = torch.from_numpy(counts).float()
    return weights_of(found), found < SMALL * len(men)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("men", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--steps", type=int, help="instead of the hours: a run that can be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--validate-s", type=float, default=600.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--single", action="store_true", help="calculate in single precision throughout")
    asked = parser.parse_args(arguments)
    plan = Plan(
        asked.hours,
        asked.steps,
        asked.seed,
        asked.rate,
        workers=asked.workers,
        validate_s=asked.validate_s,
        half=not asked.single,
    )
    teach(asked.men, asked.run, plan, NetworkShape(), asked.device)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
