"""What a fault is: a small function that writes a broken study, its sentence, and what psmap has to answer to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from zoo_study import true_suv

from psmap.domain.parameters import ReadParameters
from psmap.domain.refusal import Refused
from psmap.io.dicom_read import read_study
from psmap.workflow.pipeline import to_suv

Maker = Callable[[Path], object]

RIGHT, REFUSED = "right SUV", "refused"

_LONG_UID = re.compile(r"\b(2\.25)\.\d{6,}")


@dataclass(frozen=True)
class Fault:
    """One animal of the zoo.

    Args:
        make: writes the broken study into a folder; its name is the fault's.
        wrong: what is wrong, in one sentence.
        outcome: RIGHT or REFUSED.
        says: what the answer must name, mostly a tag.
        warned: with RIGHT, whether a warning has to name it; otherwise the trace does.
    """

    make: Maker
    wrong: str
    outcome: str
    says: str
    warned: bool = False

    @property
    def name(self) -> str:
        """The fault's name as a sentence has it."""
        return getattr(self.make, "__name__", "").replace("_", " ")


@dataclass(frozen=True)
class Answer:
    """What psmap made of a broken study.

    Args:
        outcome: RIGHT or REFUSED; RIGHT is said of any SUV here, `error` tells whether it is one.
        words: the line that names the fault's tag; empty where none does.
        cure: of a refusal.
        error: largest difference to the true SUV, in units of what rounding to 16 bit and float32 can do.
        named_in_warning: whether `words` are of a warning.
    """

    outcome: str
    words: str
    cure: str = ""
    error: float = 0.0
    named_in_warning: bool = False


def right(wrong: str, says: str) -> Callable[[Maker], Fault]:
    """The header leaves one reading: the SUV is right, and the trace names what it was read from."""
    return lambda make: Fault(make, wrong, RIGHT, says)


def right_with_warning(wrong: str, says: str) -> Callable[[Maker], Fault]:
    """The header is mended: the SUV is right, and a warning names the tag."""
    return lambda make: Fault(make, wrong, RIGHT, says, warned=True)


def refused(wrong: str, says: str) -> Callable[[Maker], Fault]:
    """The header leaves no reading, or several: psmap refuses, names the tag and a cure."""
    return lambda make: Fault(make, wrong, REFUSED, says)


def faults_of(module: object) -> tuple[Fault, ...]:
    """Every fault of a module, in the order written."""
    return tuple(each for each in vars(module).values() if isinstance(each, Fault))


def answer(fault: Fault, study: Path, parameters: ReadParameters | None = None) -> Answer:
    """Write the broken study into `study` and read it through psmap's door."""
    fault.make(study)
    try:
        found = read_study(study)
        image = to_suv(found.pet, None, parameters or ReadParameters())
    except Refused as refusal:
        words = str(refusal) if fault.says in str(refusal) else ""
        return Answer(REFUSED, stable(words), refusal.cure)
    truth = true_suv()
    # A stored value is a whole number of the slice's slope, hottest / 32767; the SUV is kept as float32.
    most = truth.max(axis=(1, 2), keepdims=True) / 32767.0 * 0.5 * (1.0 + 1e-3) + truth * 3e-7
    error = float(np.max(np.abs(image.suv - truth) / most))
    conversion = image.conversion
    said = _naming(conversion.warnings, fault.says)
    words = said or _naming((*found.choices, conversion.rule, *conversion.trace), fault.says)
    return Answer(RIGHT, stable(words), error=error, named_in_warning=bool(said))


def _naming(lines: tuple[str, ...], what: str) -> str:
    return next((line for line in lines if what in line), "")


def stable(words: str) -> str:
    """Without the long UIDs of the made-up studies."""
    return _LONG_UID.sub(r"\1.…", words)
