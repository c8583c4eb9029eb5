"""What the author of a plug-in has to read: the shapes of a segmenter, a detector, a classifier and a runner."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from psmap.domain.anatomy import Anatomy
from psmap.domain.image import CtImage, PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, UptakeSite

Job = TypeVar("Job")


class Segmenter(Protocol):
    """Says which structure every voxel of a scan belongs to."""

    def __call__(self, pet: PetImage | None, ct: CtImage | None) -> Anatomy:
        """Return the anatomy in the frame of reference of PET and CT, on a grid of its own.

        What is not found is said so, not guessed. Where the segmenter cannot work with what it is given, it raises
        `Refused` with one line.
        """
        ...


class Detector(Protocol):
    """Finds every site of raised uptake in a PET."""

    def __call__(self, pet: PetImage, parameters: ReadParameters) -> tuple[UptakeSite, ...]:
        """Return the sites, numbered from 1 by falling SUVmax."""
        ...


class Classifier(Protocol):
    """Says of every site whether it is suspicious, equivocal or physiologic, and why."""

    def __call__(
        self, sites: tuple[UptakeSite, ...], pet: PetImage, ct: CtImage | None, tracer: Tracer | None
    ) -> tuple[Finding, ...]:
        """Return one finding a site, in the order of the sites."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """How one job of a runner ended.

    Args:
        index: which job, counted from 0.
        fault: what ended it before its time; empty where the function came to its end.
        log: what it left on standard error, where there was a fault.
    """

    index: int
    fault: str = ""
    log: str = ""


class Runner(Protocol):
    """Runs one function over many jobs, each so that the death of one harms no other."""

    def __call__(self, function: Callable[[Job], None], jobs: Sequence[Job]) -> Generator[Ended, None, None]:
        """Yield every job as it ends, in whatever order; closed early, it ends what still runs.

        The function is a module's own (it travels by name), and leaves its results in files of its own.
        """
        ...
