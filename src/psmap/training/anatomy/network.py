"""The network of anatomy: a 3-D U-Net that sees voxels of 4 mm once, works at 8 to 64 mm, and names voxels of 4 mm.

    4 mm   stem ------------------------------------------------------------- head -> labels
    8 mm     down, block ---------------------------------- block -------------' -> inside the body
    16 mm         down, block ---------------- block --> place in the reference man -' -> stations
    32 mm              down, block -- block
    64 mm                   down, blocks

Where a voxel lies in the reference man (his x, y and z) is said first, from features of 16 mm, and taught by itself:
three smooth numbers are learnt sooner than the names of 24 vertebrae and 24 ribs, which hang on little else. The head
is told that place and what there is to see, and looks at no neighbours: it is run for some voxels of 8 mm at a time,
where there is a body, so that its logits, 139 for each voxel of 4 mm, need not fit in memory at once. Norms are those
of the instance: nothing is kept of the training data's statistics, and a field of view of any size is the same to
training and use. On the way up, what comes from below is added and not put beside, which halves the cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

STEP = 16
"""Shapes of inputs are multiples of this: four times halved."""
PLACE_MM = 100.0
"""Unit of places in the reference man."""
WAVES_PER_PLACE = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
"""Waves in `PLACE_MM`: of 1.6 m to 5 cm, which two ribs differ by."""


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """How large it is.

    Args:
        channels: of the input, see `channels`.
        stem, head: features at 4 mm, of the stem and of the upsampled part of the head.
        widths: features at 8, 16, 32 and 64 mm.
        blocks: residual blocks on the way down at these levels; on the way up there is one each.
        hidden: features of the head at 8 mm.
        labels, stations: classes of the head, background included.
    """

    channels: int = 5
    stem: int = 12
    head: int = 20
    widths: tuple[int, int, int, int] = (24, 64, 128, 160)
    blocks: tuple[int, int, int, int] = (1, 1, 1, 2)
    hidden: int = 96
    labels: int = 139
    stations: int = 25


class Block(nn.Module):
    """Two convolutions and what they are added to."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(width, width, 3, padding=1, bias=False)
        self.first_norm = nn.InstanceNorm3d(width, affine=True)
        self.second = nn.Conv3d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.InstanceNorm3d(width, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """[n, width, k, j, i] -> the same shape."""
        inner = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(x + self.second_norm(self.second(inner)))


class Down(nn.Module):
    """Half as many voxels along each axis."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, 2, stride=2, bias=False)
        self.norm = nn.InstanceNorm3d(after, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """[n, before, k, j, i] -> [n, after, k / 2, j / 2, i / 2]."""
        return torch.relu(self.norm(self.conv(x)))


class Up(nn.Module):
    """Twice as many voxels along each axis: every voxel becomes eight, each by weights of its own."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.after = after
        self.conv = nn.Conv3d(before, 8 * after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[n, before, k, j, i] -> [n, after, 2 k, 2 j, 2 i]."""
        n, _, k, j, i = x.shape
        eight = self.conv(x).reshape(n, self.after, 2, 2, 2, k, j, i)
        return eight.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(n, self.after, 2 * k, 2 * j, 2 * i)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the trunk says of a scan.

    Args:
        fine: features at 4 mm, [n, stem, K, J, I].
        coarse: features at 8 mm, [n, width, K/2, J/2, I/2].
        place: where in the reference man each voxel of 8 mm lies: x, y, z in units of `PLACE_MM`, [n, 3, ...].
        inside: logit of there being a body in the voxel of 8 mm, [n, 1, ...].
    """

    fine: Tensor
    coarse: Tensor
    place: Tensor
    inside: Tensor


class Trunk(nn.Module):
    """From the input to features at 4 and 8 mm, and the place in the reference man."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        w = shape.widths
        self.stem = nn.Conv3d(shape.channels, shape.stem, 3, padding=1)
        self.downs = nn.ModuleList(Down(a, b) for a, b in zip((shape.stem, *w[:-1]), w, strict=True))
        self.ways_down = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(count))) for width, count in zip(w, shape.blocks, strict=True)
        )
        self.ups = nn.ModuleList(Up(w[n + 1], w[n]) for n in range(3))
        self.ways_up = nn.ModuleList(Block(w[n]) for n in range(3))
        self.place = Up(w[1], 3)
        self.inside = nn.Conv3d(w[0], 1, 1)

    def forward(self, x: Tensor) -> Features:
        """Input [n, channels, K, J, I]."""
        fine = torch.relu(self.stem(x))
        held = []
        at = fine
        for down, way in zip(self.downs, self.ways_down, strict=True):
            at = way(down(at))
            held.append(at)
        place = at
        for n in (2, 1, 0):
            at = self.ways_up[n](held[n] + self.ups[n](at))
            if n == 1:
                with torch.autocast(x.device.type, enabled=False):  # half precision is 4 mm at one metre
                    place = self.place(at.float())
        return Features(fine, at, place, self.inside(at))


class Head(nn.Module):
    """Labels and station of voxels of 8 mm, and labels of the eight of 4 mm in each; it looks at no neighbours.

    What is said at 4 mm is what is said at 8 mm with something added, so that it need not be learnt a second time.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.width = shape.head
        self.hide = nn.Linear(shape.widths[0] + len(WAVES_PER_PLACE) * 6 + 3, shape.hidden)
        self.labels_8_mm = nn.Linear(shape.hidden, shape.labels)
        self.stations = nn.Linear(shape.hidden, shape.stations)
        self.up = nn.Linear(shape.widths[0], 8 * shape.head)
        self.mix = nn.Linear(shape.stem + shape.head, 32)
        self.labels = nn.Linear(32, shape.labels)

    def hidden(self, coarse: Tensor, place: Tensor) -> Tensor:
        """Features at 8 mm [m, width] and places [m, 3] -> [m, hidden]."""
        return torch.relu(self.hide(torch.cat((coarse, place, *waves_of(place)), dim=1)))

    def forward(self, fine: Tensor, coarse: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Features at 4 mm [m, 8, stem], at 8 mm [m, width], places [m, 3] -> logits [m, 8, labels], [m, stations]."""
        hidden = self.hidden(coarse, place)
        eight = torch.relu(self.up(coarse)).reshape(-1, 8, self.width)
        own = torch.relu(self.mix(torch.cat((fine, eight), dim=2)))
        logits: Tensor = self.labels(own) + self.labels_8_mm(hidden)[:, None]
        return logits, self.stations(hidden)


def waves_of(place: Tensor) -> tuple[Tensor, Tensor]:
    """Sines and cosines of places [m, 3] at every wavelength, [m, 3 waves] each: with them near places differ."""
    waves = torch.tensor(WAVES_PER_PLACE, dtype=place.dtype, device=place.device) * (2.0 * math.pi)
    phase = (place[:, :, None] * waves).flatten(1)
    return torch.sin(phase), torch.cos(phase)


class AnatomyNetwork(nn.Module):
    """Trunk and head."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.trunk = Trunk(shape)
        self.head = Head(shape)


def blocks_of(volume: Tensor) -> Tensor:
    """Features at 4 mm [c, K, J, I] by the voxels of 8 mm they lie in: [K J I / 8, 8, c]."""
    c, k, j, i = volume.shape
    parts = volume.reshape(c, k // 2, 2, j // 2, 2, i // 2, 2).permute(1, 3, 5, 2, 4, 6, 0)
    return parts.reshape(-1, 8, c)


def from_blocks(blocks: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """One number for every voxel of 4 mm [m, 8] back as a volume [K, J, I]."""
    k, j, i = (n // 2 for n in shape)
    return blocks.reshape(k, j, i, 2, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(shape)
