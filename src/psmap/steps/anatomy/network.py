"""The network of anatomy at work: a scan on voxels of 4 mm goes in whole, labels come out, memory stays in bounds.

The trunk sees the whole field of view once, for the names of vertebrae and ribs hang on it. The head names voxels of
4 mm and looks at no neighbours: it is given some voxels of 8 mm at a time, and none that are surely outside the body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from psmap.domain.refusal import Refused
from psmap.steps.anatomy.channels import channels_of

Floats32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

STEP = 16
"""Shapes of the network's input are multiples of this."""
LEAST_INSIDE = 0.02
"""Voxels of 8 mm with a smaller probability of a body in them are not looked at closer."""
PATCH = 6
"""Voxels of 4 mm along each axis that the head sees of the images, the voxel of 8 mm in the middle."""
AT_ONCE = 2048
"""Voxels of 8 mm that the head sees at once: its logits then take 9 MB, and it is faster than with more."""
AIR_HU = -1000.0
TRUNK_TAKES, TRUNK_GIVES = ["x"], ["coarse", "broad", "place", "inside"]
HEAD_TAKES, HEAD_GIVES = ["patch", "features", "place"], ["labels", "sure", "stations"]
ERRORS_ONLY = 3
"""Of ONNX Runtime's own messages."""


class Session(Protocol):
    """What is needed of an ONNX Runtime session."""

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> list[Any]:
        """Outputs by name, in that order; all of them for None."""
        ...


def sessions_of(trunk: bytes, head: bytes, threads: int = 2, *, arena: bool = False) -> tuple[Session, Session]:
    """ONNX Runtime sessions of both files of the network, on the CPU.

    Args:
        trunk, head: what the files hold.
        threads: that one call may use.
        arena: keep memory for the next call. Off, a broad man takes about half the memory and half as long again: of
            each layer no more is held than is still needed.

    Raises:
        Refused: ONNX Runtime is not installed, or the files are no network.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise Refused(
            "the network of anatomy runs in ONNX Runtime, which is not installed", cure="pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = arena
    options.enable_mem_pattern = arena
    options.log_severity_level = ERRORS_ONLY
    states = onnxruntime.capi.onnxruntime_pybind11_state
    faults = (states.InvalidProtobuf, states.InvalidArgument, states.InvalidGraph, states.NotImplemented, states.Fail)
    made = []
    for held, takes, gives in ((trunk, TRUNK_TAKES, TRUNK_GIVES), (head, HEAD_TAKES, HEAD_GIVES)):
        try:
            session = onnxruntime.InferenceSession(held, options, providers=["CPUExecutionProvider"])
        except faults as error:
            raise Refused("the files of the network are damaged", cure="export the network again") from error
        asked, given = ({one.name for one in own} for own in (session.get_inputs(), session.get_outputs()))
        if asked != set(takes) or not set(gives) <= given:
            raise Refused("the files are of another network", cure="give trunk.onnx and head.onnx of one training")
        made.append(session)
    return made[0], made[1]


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What the network says of a scan, [k, j, i].

    Args:
        labels: number of the likeliest label of every voxel of 4 mm, 0 outside the body.
        stations: number of the likeliest nodal station, 0 for none.
        sure: probability of the likeliest label, 0 where nothing was looked at.
    """

    labels: Bytes
    stations: Bytes
    sure: Floats32


def name_voxels(trunk: Session, head: Session, ct: Floats32 | None, pet: Floats32 | None) -> Named:
    """Labels of a scan.

    Args:
        trunk, head: sessions of both files of the network.
        ct, pet: HU and SUV (g/mL) on one grid of cubes of 4 mm; one may be missing. Voxels that are no number are
            outside that image's field of view.

    Raises:
        ValueError: neither CT nor PET, or grids of two shapes.
    """
    given = [image for image in (ct, pet) if image is not None]
    if not given or len({image.shape for image in given}) != 1:
        raise ValueError("CT, PET or both are needed, on one grid")
    shape = given[0].shape
    filled_ct, has_ct = _filled(ct, shape, AIR_HU)
    filled_pet, has_pet = _filled(pet, shape, 0.0)
    x = channels_of(filled_ct, filled_pet, has_ct, has_pet)[None]
    del filled_ct, filled_pet, has_ct, has_pet
    coarse, broad, place_mm, body = trunk.run(TRUNK_GIVES, {"x": x})
    inside = tuple(slice(0, n) for n in shape)
    close = np.zeros(body.shape[2:], bool)
    held = tuple(slice(0, -(-n // 2)) for n in shape)
    close[held] = body[0, 0][held] > LEAST_INSIDE
    labels, sure, stations = _looked_at(head, x[0], coarse[0], broad[0], place_mm[0], np.flatnonzero(close))
    return Named(labels[inside], stations[inside], sure[inside])


def _filled(image: Floats32 | None, shape: tuple[int, ...], nothing: float) -> tuple[Floats32, Floats32]:
    """An image filled up to multiples of `STEP`, and where it is."""
    full = tuple(-(-n // STEP) * STEP for n in shape)
    filled, there = np.full(full, nothing, np.float32), np.zeros(full, np.float32)
    if image is not None:
        inside = tuple(slice(0, n) for n in shape)
        known = np.isfinite(image)
        filled[inside] = np.where(known, image, nothing)
        there[inside] = known
    return filled, there


def _looked_at(
    head: Session,
    x: Floats32,
    coarse: Floats32,
    broad: Floats32,
    place_mm: Floats32,
    chosen: npt.NDArray[np.intp],
) -> tuple[Bytes, Floats32, Bytes]:
    """Labels, how sure they are, and stations, at 4 mm, of the chosen voxels of 8 mm; 0 elsewhere."""
    _, k, j, i = coarse.shape
    padded = np.pad(x, ((0, 0), *[(PATCH // 2 - 1,) * 2] * 3))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH,) * 3, axis=(1, 2, 3))[:, ::2, ::2, ::2]
    places = place_mm.reshape(3, -1)
    labels, stations = np.zeros((2, k * j * i, 8), np.uint8)
    sure = np.zeros((k * j * i, 8), np.float32)
    a, b, c = np.unravel_index(chosen, (k, j, i))
    for first in range(0, len(chosen), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        here, (u, v, w) = chosen[part], (each[part] for each in (a, b, c))
        patch = np.moveaxis(windows[:, u, v, w], 0, 1).reshape(len(here), -1)  # from [channels, m, 6, 6, 6]
        features = np.concatenate((coarse[:, u, v, w], broad[:, u // 2, v // 2, w // 2])).T
        given = (patch, features, places[:, here].T)
        found = head.run(HEAD_GIVES, dict(zip(HEAD_TAKES, map(np.ascontiguousarray, given), strict=True)))
        labels[here], sure[here], stations[here] = found[0], found[1], found[2][:, None]
    return _volume(labels, k, j, i), _volume(sure, k, j, i), _volume(stations, k, j, i)


def _volume(eight: npt.NDArray[Any], k: int, j: int, i: int) -> npt.NDArray[Any]:
    """Eight numbers for each voxel of 8 mm as a volume of voxels of 4 mm."""
    return eight.reshape(k, j, i, 2, 2, 2).transpose(0, 3, 1, 4, 2, 5).reshape(2 * k, 2 * j, 2 * i)
