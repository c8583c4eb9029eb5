"""psmap's own network of anatomy: the one that is shipped, or a folder with the two ONNX files that training leaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from psmap.domain.anatomy import Anatomy
from psmap.domain.image import CtImage, PetImage
from psmap.domain.refusal import Refused
from psmap.steps.anatomy.embedded import segment
from psmap.steps.anatomy.network import sessions_of
from psmap.workflow.runners import usable_threads

TRUNK, HEAD = "trunk.onnx", "head.onnx"
SHIPPED = Path(str(files("psmap"))) / "models" / "anatomy"
"""Where the network lies that comes with psmap."""
CARD = "docs/models/anatomy.md"


@dataclass(frozen=True, slots=True)
class OwnNetwork:
    """The network in a folder."""

    folder: Path = SHIPPED

    def __call__(self, pet: PetImage | None, ct: CtImage | None) -> Anatomy:
        """Name the voxels; of a scan without a man in it none. Raises `Refused` where the files are no network."""
        if pet is None and ct is None:
            raise Refused("the network of anatomy needs CT, PET or both", cure="give one of them")
        threads = usable_threads()
        trunk, head = sessions_of((self.folder / TRUNK).read_bytes(), (self.folder / HEAD).read_bytes(), threads)
        return segment(ct, pet, trunk, head, threads=threads, source=f"{self._whose()}, sha256 {self.sha256()[:12]}")

    def sha256(self) -> str:
        """Of both files together."""
        return hashlib.sha256(b"".join((self.folder / name).read_bytes() for name in (TRUNK, HEAD))).hexdigest()

    def _whose(self) -> str:
        return "psmap's network of anatomy" if self.folder == SHIPPED else "a network of psmap's kind"


def network_files(path: Path) -> tuple[Path, ...]:
    """The files of a network in a folder; none where it holds no network."""
    files_there = (path / TRUNK, path / HEAD)
    return files_there if all(file.is_file() for file in files_there) else ()
