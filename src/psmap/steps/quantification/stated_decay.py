"""What DecayFactor (0054,1321) says of the time an image was corrected to, against what DecayCorrection says."""

from __future__ import annotations

import math

from psmap.domain.acquisition import PetAcquisition, PetSlice
from psmap.domain.refusal import Refused

TOLERANCE = 0.03
"""Half-lives, 2 % of the factor: makers round times to seconds and half-lives to four digits."""

TELLING = 0.14
"""Half-lives from injection to scan, 10 % of decay, below which the two readings are too alike to be told apart."""


def need_stated_decay(acquisition: PetAcquisition, half_life_s: float, elapsed_s: float) -> None:
    """Refuse an image whose decay factors are those of the other reference time.

    DecayFactor scales a frame to the reference time. For START that is the start of the scan: the factor lies between
    2^(FRT/T1/2) and 2^((FRT + duration)/T1/2), with FRT the FrameReferenceTime (0054,1300) of the frame's start or of
    its mean activity (makers differ); for ADMIN the decay since the injection comes on top. Says nothing where a slice
    lacks one of the three, where a factor is 1 (some makers write that always), or where the factors fit neither.

    Args:
        acquisition: with DecayCorrection START or ADMIN, in Bq/mL.
        half_life_s: of the nuclide (s).
        elapsed_s: from injection to the start of the scan (s).

    Raises:
        Refused: the factors contradict DecayCorrection (0054,1102).
    """
    half_lives = elapsed_s / half_life_s
    if half_lives < TELLING:
        return
    stated, other = ("START", "ADMIN") if acquisition.decay_correction == "START" else ("ADMIN", "START")
    on_top = {"START": 0.0, "ADMIN": half_lives}
    as_stated, otherwise = (_all_fit(acquisition, half_life_s, on_top[kind]) for kind in (stated, other))
    if as_stated is False and otherwise:
        factors = [facts.decay_factor for facts in acquisition.slices if facts.decay_factor is not None]
        raise Refused(
            f"DecayCorrection (0054,1102) = {stated}, and DecayFactor (0054,1321) = {min(factors):g} to "
            f"{max(factors):g} is that of an image corrected to {_TO[other]} ({other})",
            cure="correct whichever of the two is wrong in the header",
        )


_TO = {"START": "the start of the scan", "ADMIN": "the injection"}


def _all_fit(acquisition: PetAcquisition, half_life_s: float, on_top: float) -> bool | None:
    """Whether the factor of every slice is as expected with so many half-lives on top; None where one is silent."""
    fits = [_fits(facts, half_life_s, on_top) for facts in acquisition.slices]
    return None if None in fits else all(fits)


def _fits(facts: PetSlice, half_life_s: float, on_top: float) -> bool | None:
    factor, start_ms, duration_ms = facts.decay_factor, facts.frame_reference_time_ms, facts.actual_frame_duration_ms
    if factor is None or factor == 1.0 or start_ms is None or duration_ms is None:
        return None
    if factor <= 0.0:
        return False
    start = on_top + start_ms / 1000.0 / half_life_s
    return start - TOLERANCE <= math.log2(factor) <= start + duration_ms / 1000.0 / half_life_s + TOLERANCE
