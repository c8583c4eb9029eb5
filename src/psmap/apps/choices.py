"""What a user writes for a choice ('41%', 'max_mean/binary') becomes a parameter, or a refusal that says why not."""

from __future__ import annotations

import math
import os
from pathlib import Path

from psmap.domain.parameters import PeakCentre, PeakWeight, Threshold, ThresholdKind
from psmap.domain.refusal import Refused
from psmap.workflow.runners import usable_cores
from psmap.workflow.segmenters import SEGMENTERS

NOBODY = "none"
"""Written for a segmenter where nothing is to be named."""
HIGHEST_SUV = 30.0
"""A border above is more likely a percentage without its sign."""


def parse_threshold(text: str | float | None, *, given: bool) -> Threshold:
    """An SUV ('3.0'), a percentage of the maximum ('41%'), 'liver', or the user's own label map (`given`)."""
    if given:
        if text is not None:
            raise Refused("--threshold and --findings are two borders for one site", cure="give one of them")
        return Threshold(ThresholdKind.GIVEN, None)
    if text is None:
        return Threshold()
    words = str(text).strip().lower()
    if words == "liver":
        return Threshold(ThresholdKind.LIVER, None)
    percent = words.endswith("%")
    try:
        value = float(words.removesuffix("%"))
    except ValueError:
        value = math.nan
    if percent and 10.0 <= value <= 90.0:
        return Threshold(ThresholdKind.PERCENT_OF_MAX, value / 100.0)
    if not percent and 0.1 <= value <= HIGHEST_SUV:
        return Threshold(ThresholdKind.SUV, value)
    raise Refused(
        f"--threshold {text} is no border",
        cure=f"an SUV from 0.1 to {HIGHEST_SUV:g} ('3.0'), 10 to 90 percent of the maximum ('41%'), or 'liver'",
    )


def parse_path(path: str | os.PathLike[str], what: str) -> Path:
    """A path that names something: an empty one, from a variable that is not set, would mean the current folder."""
    if not os.fspath(path):
        raise Refused(f"{what} is empty", cure="name it ('.' is the current folder)")
    return Path(path)


def parse_segmenter(choice: str | os.PathLike[str] | None, *, program: bool = False) -> str | None:
    """Who names the voxels: a name or a path, with `program` a name only; None, or 'none', for nobody."""
    if choice is None:
        return None
    text = str(parse_path(choice, "segmenter"))
    if text.lower() == NOBODY:
        return None
    if program and text.lower() not in SEGMENTERS:
        raise Refused(
            "the segmenter of a batch is a program: files are of one study",
            where=Path(text).name,
            cure=f"give {', '.join(SEGMENTERS)} or {NOBODY}, or the files to psmap read, study by study",
        )
    return text


def parse_size(value: float | None, option: str) -> float | None:
    """A body weight or height given by the user: a finite number over zero, or none."""
    if value is not None and not (math.isfinite(value) and value > 0.0):
        raise Refused(f"{option} {value} is no size of a body", cure="a number over zero, weight in kg, height in m")
    return value


def parse_peak(text: str) -> tuple[PeakCentre, PeakWeight]:
    """'max_mean/fractional' and its like."""
    centre, _, weight = text.partition("/")
    try:
        return PeakCentre(centre), PeakWeight(weight or PeakWeight.FRACTIONAL)
    except ValueError as error:
        raise Refused(
            f"--peak {text} is no SUVpeak mode",
            cure="max_mean or at_max, then / and fractional or binary: max_mean/fractional",
        ) from error


def parse_jobs(jobs: int | None) -> int:
    """How many processes at once: as many as this process may use cores if not given."""
    if jobs is not None and jobs < 1:
        raise Refused(f"-j {jobs} is no number of processes", cure="1 or more")
    return usable_cores() if jobs is None else jobs
