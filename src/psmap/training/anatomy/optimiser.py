"""Who moves the weights: Muon those of the inner layers, AdamW all others.

Muon makes the step of a matrix orthogonal, so that no few directions take all of it (Jordan 2024,
https://kellerjordan.github.io/posts/muon/); PyTorch's own is used. A convolution's weights count as the matrix of its
outputs by everything that it sees. Layers that say something (labels, places) and biases and norms stay with AdamW.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from psmap.training.anatomy.network import AnatomyNetwork

MUON_RATE = 5.0
"""Muon's learning rate by AdamW's, both for steps of like size."""
DECAY, MOMENTUM, NORM = 1e-4, 0.95, 1.0
SAYING = ("labels", "labels_8_mm", "stations", "rough_place", "place", "inside")
"""Layers whose outputs are read."""


class Optimiser:
    """Both optimisers of a network that already is on its device."""

    def __init__(self, network: AnatomyNetwork) -> None:
        self._inner = [
            each
            for name, each in network.named_parameters()
            if each.ndim >= 2 and not set(name.split(".")).intersection(SAYING)
        ]
        inner = {id(each) for each in self._inner}
        self._others = [each for each in network.parameters() if id(each) not in inner]
        # the same numbers in memory, seen as matrices, which is all that Muon takes
        self._matrices = [nn.Parameter(each.data.view(len(each), -1)) for each in self._inner]
        self._muon = torch.optim.Muon(
            self._matrices, weight_decay=DECAY, momentum=MOMENTUM, adjust_lr_fn="match_rms_adamw"
        )
        self._adamw = torch.optim.AdamW(self._others, weight_decay=DECAY)

    def step(self, loss: Tensor, rate: float) -> None:
        """Calculate the gradients of a loss and move the weights at a learning rate.

        A scan that shows next to nothing, a box of PET alone, can give gradients without bounds: it moves nothing.
        """
        for each in (*self._inner, *self._others):
            each.grad = None
        loss.backward()
        given = [each.grad for each in (*self._inner, *self._others) if each.grad is not None]
        if not bool(torch.isfinite(nn.utils.get_total_norm(given))):
            return
        nn.utils.clip_grad_norm_(self._others, NORM)
        for weights, matrix in zip(self._inner, self._matrices, strict=True):
            matrix.grad = None if weights.grad is None else weights.grad.view_as(matrix)
        for optimiser, own in ((self._muon, MUON_RATE * rate), (self._adamw, rate)):
            for group in optimiser.param_groups:
                group["lr"] = own
            optimiser.step()

    def held(self) -> dict[str, Any]:
        """What a checkpoint holds of them."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def take_up(self, held: dict[str, Any]) -> None:
        """Go on as `held` was."""
        self._muon.load_state_dict(held["muon"])
        self._adamw.load_state_dict(held["adamw"])
