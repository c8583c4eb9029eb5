"""A plain man of boxes and rods on cubes of 4 mm, with true labels and a CT: for the rules, the count and the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage
from psmap.steps.anatomy.body_mask import body_box, body_mask
from psmap.steps.anatomy.rules import number_of
from psmap.steps.anatomy.working_grid import working_scan

Bytes = npt.NDArray[np.uint8]

LEVELS = (*(f"c{n}" for n in range(1, 8)), *(f"t{n}" for n in range(1, 13)), *(f"l{n}" for n in range(1, 6)))
THICK = (*(4,) * 7, 5, 5, 5, *(6,) * 4, *(7,) * 5, *(8,) * 5)
"""Slices of each vertebra from C1 to L5: 16 to 32 mm."""
SACRUM = 22
MIDDLE_I = 32


@dataclass(frozen=True, eq=False)
class StandingMan:
    """His labels and his CT, [k, j, i] upwards, backwards, to the left."""

    labels: Bytes
    hu: npt.NDArray[np.int16]

    @property
    def grid(self) -> Grid:
        """Cubes of 4 mm."""
        return Grid(self.labels.shape, (-126.0, -86.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))  # type: ignore[arg-type]

    def ct(self, first: int = 0, last: int | None = None) -> CtImage:
        """Slices of him."""
        grid, hu = self.grid, np.ascontiguousarray(self.hu[first:last])
        x, y, z = grid.origin_mm
        return CtImage(Grid(hu.shape, (x, y, z + 4.0 * first), grid.axes_mm), hu)

    def of(self, name: str) -> npt.NDArray[np.bool_]:
        """Where a structure is."""
        return self.labels == number_of(name)


def make_man(seed: int = 0) -> StandingMan:
    """Trunk and head: spine curved to the front in the loin, ribs as half rings, a few organs, a table under him."""
    depth = SACRUM + sum(THICK) + 30
    labels = np.zeros((depth, 44, 64), np.uint8)
    j, i = np.indices(labels.shape[1:])
    for k in range(depth):
        wide = 10.0 if k >= depth - 30 else 24.0
        body = ((i - MIDDLE_I) / wide) ** 2 + ((j - 20) / (10.0 if wide < 20 else 15.0)) ** 2 <= 1.0
        labels[k][body] = number_of("muscle")
    top = depth - 30
    labels[4:SACRUM, 24:30, 26:39] = number_of("sacrum")
    for level, thick in zip(LEVELS, THICK, strict=True):
        for k in range(top - thick, top):
            front = 20 + round(2.0 * np.sin(0.06 * k))
            labels[k, front : front + 7, 28:37] = number_of(f"vertebra_{level}")
        if level.startswith("t"):
            number = int(level[1:])
            for side, sign in (("left", 1), ("right", -1)):
                name = number_of(f"rib_{number}_{side}")
                for turn in np.linspace(0.35, 2.2, 60):  # from the spine round to the front, falling
                    a, b = MIDDLE_I + sign * round(20 * np.sin(turn)), 21 + round(11 * np.cos(turn))
                    k = top - 2 - round(2.2 * turn)
                    spot = labels[k : k + 2, b : b + 2, a - (sign < 0) : a + 2 - (sign < 0)]
                    spot[spot == number_of("muscle")] = name
        top -= thick
    _organs(labels, depth)
    return StandingMan(labels, _hu(labels, seed))


def _organs(labels: Bytes, depth: int) -> None:
    def put(name: str, k: tuple[int, int], j: tuple[int, int], i: tuple[int, int]) -> None:
        part = labels[slice(*k), slice(*j), slice(*i)]
        part[part == number_of("muscle")] = number_of(name)

    put("skull", (depth - 24, depth - 1), (10, 31), (22, 43))
    labels[depth - 22 : depth - 4, 13:28, 25:40] = number_of("brain")
    put("liver", (62, 78), (9, 20), (14, 34))
    put("spleen", (69, 79), (20, 27), (44, 51))
    put("kidney_left", (50, 66), (21, 29), (41, 48))
    put("kidney_right", (48, 64), (21, 29), (17, 24))
    put("urinary_bladder", (6, 16), (8, 18), (26, 39))
    for side, i in (("left", (36, 46)), ("right", (19, 29))):
        put(f"lung_{side}", (80, 116), (12, 24), i)


def _hu(labels: Bytes, seed: int) -> npt.NDArray[np.int16]:
    hu = np.full(labels.shape, -1000.0)
    hu[labels > 0] = 50.0
    bones = [n for n in np.unique(labels).tolist() if n and n <= number_of("skull")]
    hu[np.isin(labels, bones)] = 350.0
    for side in ("left", "right"):
        hu[labels == number_of(f"lung_{side}")] = -750.0
    hu[:, 38:40, 8:56] = 0.0  # the table, 8 mm thick, 12 mm behind his back
    found: npt.NDArray[np.int16] = np.rint(hu + np.random.default_rng(seed).normal(0.0, 15.0, hu.shape)).astype(
        np.int16
    )
    return found


class Trunk:
    """Stands in for the network's trunk: knows the labels, says them with a probability of 0.9."""

    def __init__(self, labels: Bytes, stations: Bytes) -> None:
        self.labels, self.stations = labels, stations

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> list[Any]:
        """Features are the eight labels themselves, and the station."""
        k, j, i = inputs["x"].shape[2:]
        fine, near = np.zeros((2, k, j, i), np.float32)
        inside = tuple(slice(0, n) for n in self.labels.shape)
        fine[inside], near[inside] = self.labels, self.stations
        eight = (
            fine.reshape(k // 2, 2, j // 2, 2, i // 2, 2).transpose(1, 3, 5, 0, 2, 4).reshape(8, k // 2, j // 2, i // 2)
        )
        coarse = np.concatenate((eight, near[None, ::2, ::2, ::2]))[None]
        broad = np.zeros_like(coarse[:, :1, ::2, ::2, ::2])
        return [coarse, broad, np.zeros_like(coarse[:, :3]), (eight.max(axis=0) > 0).astype(np.float32)[None, None]]


class Head:
    """Reads the labels off the features."""

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> list[Any]:
        """Labels and stations of the voxels asked for."""
        labels = np.rint(inputs["features"][:, :8]).astype(np.uint8)
        return [labels, np.full(labels.shape, 0.9, np.float32), inputs["features"][:, 8].astype(np.uint8)]


def sessions(labels: Bytes, scan: CtImage) -> tuple[Trunk, Head]:
    """Sessions that answer with these labels, given on the CT's own cubes, for the part that the network is shown."""
    box = body_box(body_mask(working_scan(scan, None)))
    return Trunk(labels[box], np.zeros_like(labels[box])), Head()
