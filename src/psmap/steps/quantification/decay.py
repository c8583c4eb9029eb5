"""Radioactive decay over a scan: decay factors and the mean activity of a frame."""

from __future__ import annotations

import math


def decay_constant_per_s(half_life_s: float) -> float:
    """lambda = ln 2 / T1/2 (1/s)."""
    return math.log(2.0) / half_life_s


def decay_factor(elapsed_s: float, half_life_s: float) -> float:
    """Share of the activity left after `elapsed_s`: 2^(-t/T1/2)."""
    return math.exp(-decay_constant_per_s(half_life_s) * elapsed_s)


def frame_average_correction(duration_s: float, half_life_s: float) -> float:
    """Activity at the start of a frame over its mean during the frame: lambda T / (1 - e^(-lambda T)).

    Source: IBSI SUV manual (oncoray/suv_computation), path for DecayCorrection NONE.
    """
    x = decay_constant_per_s(half_life_s) * duration_s
    return x / -math.expm1(-x) if x else 1.0


def average_activity_time_s(duration_s: float, half_life_s: float) -> float:
    """T_ave = (1/lambda) ln(lambda T / (1 - e^(-lambda T))): when, after its start, a frame's activity is its mean (s).

    Source: IBSI SUV manual (oncoray/suv_computation), back-computation of the reference time.
    """
    return math.log(frame_average_correction(duration_s, half_life_s)) / decay_constant_per_s(half_life_s)
