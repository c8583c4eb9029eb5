"""Who names the voxels: another program that is installed here, files that one has left, or a network of our own."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from psmap.contracts import Segmenter
from psmap.domain.anatomy import Anatomy, NamedLabels
from psmap.domain.geometry import FloatArray, Grid
from psmap.domain.image import CtImage, PetImage
from psmap.domain.refusal import Refused
from psmap.io.anatomy_maps import read_anatomy
from psmap.io.nifti import write_image
from psmap.steps.anatomy.fit_to_ct import why_not_of
from psmap.steps.anatomy.named import anatomy_of
from psmap.workflow.own_network import OwnNetwork, network_files

OWN = "psmap"
"""The network that is shipped: who names the voxels if nobody else is asked for."""
_COMMAND = "TotalSegmentator"
_VERSION = re.compile(r"\d+(?:\.\d+)+\w*")
_VERSION_S = 120.0
"""How long the question for its version may take; it loads PyTorch first."""
_SHELL_SIGNAL = 128
"""A shell adds the signal that ended a program to this."""
_LAST_BYTES = 4000


@dataclass(frozen=True, slots=True)
class TotalSegmentator:
    """TotalSegmentator by its command, task total, where it is installed.

    The options are those of totalsegmentator/bin/TotalSegmentator.py; with `--ml` the output is one file, which holds
    the names (https://github.com/wasserth/TotalSegmentator/issues/186). CT and output lie in a temporary folder. By its
    own settings the program may fetch its weights and send usage statistics.

    Args:
        fast: the model of 3 mm, for machines without a GPU.
        device: 'gpu', 'cpu', 'mps' or 'gpu:1'; without a GPU the program itself turns to the CPU.
    """

    fast: bool = False
    device: str = "gpu"

    def __call__(self, pet: PetImage | None, ct: CtImage | None) -> Anatomy:
        """Name the voxels of a CT. Raises `Refused` without CT, without the program, or where it fails."""
        command = shutil.which(_COMMAND)
        if command is None:
            raise Refused(
                "TotalSegmentator is not installed here",
                cure="install it, or give the folder that it has written elsewhere",
            )
        if ct is None:
            raise Refused("TotalSegmentator needs a CT", cure="give the CT of this PET")
        with tempfile.TemporaryDirectory(prefix="psmap-") as name:
            folder = Path(name)
            write_image(folder / "ct.nii.gz", ct.grid, ct.hu)
            output = folder / "output" / "segmentation.nii.gz"
            output.parent.mkdir()
            options = ["--ml", "--device", self.device, *(["--fast"] if self.fast else [])]
            _run([command, "-i", str(folder / "ct.nii.gz"), "-o", str(output), *options], folder / "log.txt")
            if not output.is_file():
                raise Refused("TotalSegmentator ended well and left no label map", cure="try it by hand on this CT")
            named = read_anatomy(output, ct.grid)
        _check_place(named, ct.grid)
        model = "task total, 3 mm" if self.fast else "task total"
        return anatomy_of(replace(named, source=f"TotalSegmentator {_version(command)}, {model}"))


@dataclass(frozen=True, slots=True)
class FromFiles:
    """What another program has left on disk: a label map with its names, or a folder (`io.anatomy_maps`)."""

    path: Path

    def __call__(self, pet: PetImage | None, ct: CtImage | None) -> Anatomy:
        """Read it. Raises `Refused` where it cannot be read, lies elsewhere than the scan, or does not fit the CT."""
        scan = ct.grid if ct is not None else pet.grid if pet is not None else None
        named = read_anatomy(self.path, scan)
        if scan is not None:
            _check_place(named, scan)
        why = "" if ct is None else why_not_of(named.labels, ct)
        if why:
            raise Refused(f"the anatomy is not of this CT: {why}", cure="give the anatomy of this CT")
        return anatomy_of(named)


SEGMENTERS: Mapping[str, Callable[[], Segmenter]] = MappingProxyType(
    {
        OWN: OwnNetwork,
        "totalsegmentator": TotalSegmentator,
        "totalsegmentator-fast": lambda: TotalSegmentator(fast=True),
    }
)
"""Name -> how the segmenter is made."""


def segmenter(choice: str | Path) -> Segmenter:
    """The segmenter of that name; else the network or the files at that path. Raises `Refused` where it is neither."""
    made = SEGMENTERS.get(str(choice).lower())
    if made is not None:
        return made()
    if network_files(Path(choice)):
        return OwnNetwork(Path(choice))
    if Path(choice).exists():
        return FromFiles(Path(choice))
    raise Refused(
        f"there is no segmenter {Path(choice).name!r}, and no such file or folder",
        cure=f"give {', '.join(SEGMENTERS)}, or a path",
    )


def _run(command: list[str], log: Path) -> None:
    """Run a program to its end; what it prints goes to a file. `Refused` with its last line where it fails."""
    with log.open("wb") as stream:
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, cwd=log.parent, check=False
            ).returncode
        except OSError as error:
            raise Refused(
                f"TotalSegmentator cannot be started ({error.strerror})", cure="try TotalSegmentator --version"
            ) from error
    if code == 0:
        return
    stopped = _signal(-code if code < 0 else code - _SHELL_SIGNAL)
    if stopped:
        raise Refused(
            f"TotalSegmentator was stopped ({stopped})", cure="it may need more memory: try the fast model on this CT"
        )
    raise Refused(
        f"TotalSegmentator ended with code {code}: {_last_line(log)}", cure="try it by hand on this CT, or mend it"
    )


def _signal(number: int) -> str:
    """'SIGKILL' for 9, empty for what is no signal."""
    return signal.Signals(number).name if number in {each.value for each in signal.Signals} else ""


def _last_line(log: Path) -> str:
    text = log.read_bytes()[-_LAST_BYTES:].decode("utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _version(command: str) -> str:
    try:
        said = subprocess.run(
            [command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_VERSION_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "of unknown version"
    found = _VERSION.search(said.stdout.decode("utf-8", errors="replace")) if said.returncode == 0 else None
    return found[0] if found else "of unknown version"


def _check_place(named: NamedLabels, scan: Grid) -> None:
    """Refuse a map that has no place in common with the scan: it is of another one."""
    ours, theirs = _box_mm(scan), _box_mm(named.labels.grid)
    if np.any(np.minimum(ours[1], theirs[1]) <= np.maximum(ours[0], theirs[0])):
        raise Refused("the anatomy lies outside the scan altogether", cure="give the anatomy of this scan")


def _box_mm(grid: Grid) -> FloatArray:
    """Lowest and highest LPS coordinates of a grid's voxels, [2, 3]."""
    ends = np.array([(-0.5, length - 0.5) for length in grid.shape])
    corners = grid.to_mm([[k, j, i] for k in ends[0] for j in ends[1] for i in ends[2]])
    return np.stack([corners.min(axis=0), corners.max(axis=0)])
