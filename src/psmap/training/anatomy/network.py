"""The network of anatomy: a 3-D U-Net that works at 8 to 64 mm, and a head that names voxels of 4 mm.

    4 mm   input ---------------------------------------- patches of 6 x 6 x 6 ------> head -> labels
    8 mm     stem, block ------------------------------------------- block ------------'|  -> inside the body
    16 mm         down, block ---------------------- block ------------------------------'  -> stations
    32 mm              down, block -------- block        '-> place in the reference man -'
    64 mm                   down, blocks         '-> place, roughly -'

Nothing is calculated at 4 mm for the whole field of view: that would be most of the time and of the memory. Where a
voxel lies in the reference man (his x, y and z) is said first, roughly from features of 32 mm, better from those of
16 mm, and taught by itself: three smooth numbers are learnt sooner than the names of 24 vertebrae and 24 ribs, which
hang on little else. The head is told that place, what the U-Net makes of 8 and of 16 mm there, and the images
themselves in the voxel of 8 mm and two voxels of 4 mm round it. It looks at nothing else, and is run for some voxels of
8 mm at a time, where there is a body, so that its logits, 139 for each voxel of 4 mm, need not fit in memory at once.

Norms are those of the instance: nothing is kept of the training data's statistics, and a field of view of any size is
the same to training and use. On the way up, what comes from below is added and not put beside, which halves the cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

STEP = 16
"""Shapes of inputs are multiples of this: four times halved."""
PATCH = 6
"""Voxels of 4 mm along each axis that the head sees of the images: a voxel of 8 mm and two more on every side."""
PLACE_MM = 100.0
"""Unit of places in the reference man."""
WAVES_PER_PLACE = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
"""Waves in `PLACE_MM`: of 1.6 m to 5 cm, which two ribs differ by."""


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """How large it is.

    Args:
        channels: of the input, see `channels`.
        widths: features at 8, 16, 32 and 64 mm.
        blocks: residual blocks on the way down at these levels; on the way up there is one each.
        hidden: features of the head at 8 mm.
        own, up, mix: features of a voxel of 4 mm from the images, from 8 mm, and from both.
        labels, stations: classes of the head, background included.
    """

    channels: int = 5
    widths: tuple[int, int, int, int] = (16, 64, 128, 160)
    blocks: tuple[int, int, int, int] = (1, 1, 1, 2)
    hidden: int = 256
    own: int = 32
    up: int = 24
    mix: int = 96
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
        coarse, broad: features at 8 and at 16 mm, [n, width, K/2, J/2, I/2] and [n, width, K/4, J/4, I/4].
        place: where in the reference man each voxel of 8 mm lies: x, y, z in units of `PLACE_MM`, [n, 3, ...].
        rough_place: the same at 32 mm, as it was said first.
        inside: logit of there being a body in the voxel of 8 mm, [n, 1, ...].
    """

    coarse: Tensor
    broad: Tensor
    place: Tensor
    rough_place: Tensor
    inside: Tensor


class Trunk(nn.Module):
    """From the input to features at 8 mm and the place in the reference man."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        w = shape.widths
        self.stem = nn.Conv3d(shape.channels, w[0], 4, stride=2, padding=1, bias=False)
        self.stem_norm = nn.InstanceNorm3d(w[0], affine=True)
        self.downs = nn.ModuleList(Down(a, b) for a, b in pairwise(w))
        self.ways_down = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(count))) for width, count in zip(w, shape.blocks, strict=True)
        )
        self.ups = nn.ModuleList(Up(w[n + 1], w[n]) for n in range(3))
        self.ways_up = nn.ModuleList(Block(w[n]) for n in range(3))
        self.rough_place = nn.Conv3d(w[2], 3, 1)
        self.place = Up(w[1], 3)
        self.inside = nn.Conv3d(w[0], 1, 1)

    def forward(self, x: Tensor) -> Features:
        """Input [n, channels, K, J, I]."""
        at = self.ways_down[0](torch.relu(self.stem_norm(self.stem(x))))
        held = [at]
        for down, way in zip(self.downs, self.ways_down[1:], strict=True):
            at = way(down(at))
            held.append(at)
        at_32_mm = self.ways_up[2](held[2] + self.ups[2](at))
        at_16_mm = self.ways_up[1](held[1] + self.ups[1](at_32_mm))
        at_8_mm = self.ways_up[0](held[0] + self.ups[0](at_16_mm))
        with torch.autocast(x.device.type, enabled=False):  # half precision is 4 mm at one metre
            rough = self.rough_place(at_32_mm.float())
            place = functional.interpolate(rough, scale_factor=4.0, mode="nearest") + self.place(at_16_mm.float())
        return Features(at_8_mm, at_16_mm, place, rough, self.inside(at_8_mm))


class Head(nn.Module):
    """Labels and station of voxels of 8 mm, and labels of the eight of 4 mm in each; it looks at no neighbours.

    What is said at 4 mm is what is said at 8 mm with something added, so that it need not be learnt a second time.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        self.hide = nn.Linear(shape.widths[0] + shape.widths[1] + len(WAVES_PER_PLACE) * 6 + 3, shape.hidden)
        self.labels_8_mm = nn.Linear(shape.hidden, shape.labels)
        self.stations = nn.Linear(shape.hidden, shape.stations)
        self.own = nn.Linear(shape.channels * PATCH**3, 8 * shape.own)
        self.up = nn.Linear(shape.hidden, 8 * shape.up)
        self.mix = nn.Linear(shape.own + shape.up, shape.mix)
        self.labels = nn.Linear(shape.mix, shape.labels)

    def forward(self, patch: Tensor, features: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of some voxels of 8 mm.

        Args:
            patch: what `patches_of` gives, [m, channels * 216].
            features: what `features_of` gives, [m, both widths].
            place: in the reference man, in `PLACE_MM`, [m, 3].

        Returns:
            Of the labels at 4 mm [m, 8, labels], of the label at 8 mm [m, labels], of the station [m, stations].
        """
        hidden = torch.relu(self.hide(torch.cat((features, place, *waves_of(place)), dim=1)))
        own = torch.relu(self.own(patch)).reshape(-1, 8, self.shape.own)
        up = torch.relu(self.up(hidden)).reshape(-1, 8, self.shape.up)
        mixed = torch.relu(self.mix(torch.cat((own, up), dim=2)))
        at_8_mm: Tensor = self.labels_8_mm(hidden)
        return self.labels(mixed) + at_8_mm[:, None], at_8_mm, self.stations(hidden)


def features_of(coarse: Tensor, broad: Tensor, chosen: Tensor) -> Tensor:
    """Features of voxels of 8 mm, by number [m], and of the voxels of 16 mm they lie in: [m, both widths]."""
    j, i = coarse.shape[2:]
    a, b, c = chosen // (j * i), chosen % (j * i) // i, chosen % i
    return torch.cat((coarse[:, a, b, c], broad[:, a // 2, b // 2, c // 2])).T


def patches_of(x: Tensor, chosen: Tensor) -> Tensor:
    """What the head sees of the input [channels, K, J, I] round voxels of 8 mm, by number [m]: [m, channels * 216]."""
    j, i = x.shape[2:]
    padded = functional.pad(x, (PATCH // 2 - 1,) * 6)
    windows = padded.unfold(1, PATCH, 2).unfold(2, PATCH, 2).unfold(3, PATCH, 2)
    j, i = j // 2, i // 2
    return windows[:, chosen // (j * i), chosen % (j * i) // i, chosen % i].transpose(0, 1).flatten(1)


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


def load_network(path: Path) -> AnatomyNetwork:
    """The network of a `weights.pt`."""
    held = torch.load(path, map_location="cpu", weights_only=True)
    network = AnatomyNetwork(NetworkShape(**held["shape"]))
    network.load_state_dict(held["weights"])
    return network.eval()
