"""How an SUV came about: the factor, the rule, every tag that went into it, and the other reading if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SuvType(StrEnum):
    """SUVType (0054,1006): what the uptake is normalised to."""

    BW = "bw"
    LBM = "lbm"
    LBMJAMES128 = "lbmjames128"
    LBMJANMA = "lbmjanma"
    BSA = "bsa"
    IBW = "ibw"


@dataclass(frozen=True, slots=True)
class AlternativeReading:
    """A second, defensible reading of the same header, kept in sight."""

    rule: str
    factor_min: float
    factor_max: float


@dataclass(frozen=True, slots=True)
class SuvConversion:
    """From rescaled stored values to SUVbw (g/mL).

    Args:
        factors: one factor a slice: SUVbw = (P * RescaleSlope + RescaleIntercept) * factor.
        rule: which rule of the decision table was used, in the DICOM words that decided it.
        trace: one line per tag or number used, in the order of use.
        warnings: what a physicist should look at.
        alternative: the other reading where two are possible.
        uptake_min: minutes from injection to the reference time of the image, where known.
        injected_mbq: injected activity (MBq) as it was read, where the rule needed it.
        weight_kg: body weight used (kg), where one was needed or known.
        height_m: body height (m), where known.
    """

    factors: tuple[float, ...]
    rule: str
    trace: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    alternative: AlternativeReading | None = None
    uptake_min: float | None = None
    injected_mbq: float | None = None
    weight_kg: float | None = None
    height_m: float | None = None
    type: SuvType = SuvType.BW

    @property
    def factor_min(self) -> float:
        """The smallest factor over the slices."""
        return min(self.factors)

    @property
    def factor_max(self) -> float:
        """The largest factor over the slices."""
        return max(self.factors)
