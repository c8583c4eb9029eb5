"""psmap's own network of anatomy, as training leaves it: a folder with its two ONNX files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from psmap.domain.anatomy import Anatomy
from psmap.domain.image import CtImage, PetImage
from psmap.domain.refusal import Refused
from psmap.steps.anatomy.embedded import segment
from psmap.steps.anatomy.network import sessions_of
from psmap.workflow.runners import usable_cores

TRUNK, HEAD = "trunk.onnx", "head.onnx"


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """The network in a folder."""

    folder: Path

    def __call__(self, pet: PetImage | None, ct: CtImage | None) -> Anatomy:
        """Name the voxels. Raises `Refused` without ONNX Runtime, without a body, or where the files are none."""
        if pet is None and ct is None:
            raise Refused("the network of anatomy needs CT, PET or both", cure="give one of them")
        threads, held = usable_cores(), tuple((self.folder / name).read_bytes() for name in (TRUNK, HEAD))
        trunk, head = sessions_of(held[0], held[1], threads)
        digest = hashlib.sha256(b"".join(held)).hexdigest()[:12]
        return segment(ct, pet, trunk, head, threads=threads, source=f"a network of psmap's kind, sha256 {digest}")


def network_files(path: Path) -> tuple[Path, ...]:
    """The files of a network in a folder; none where it holds no network."""
    files = (path / TRUNK, path / HEAD)
    return files if all(file.is_file() for file in files) else ()
