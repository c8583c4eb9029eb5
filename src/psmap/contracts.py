"""What the author of a plug-in has to read: the shapes that a detector and a classifier must have."""

from __future__ import annotations

from typing import Protocol

from psmap.domain.image import CtImage, PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, UptakeSite


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
