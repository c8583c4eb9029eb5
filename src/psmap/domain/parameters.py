"""Every choice that changes a number, in one value that is stored with the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class ThresholdKind(StrEnum):
    """How the border of a site is drawn."""

    SUV = "suv"
    PERCENT_OF_MAX = "percent_of_max"
    LIVER = "liver"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The border of a site: an SUV (g/mL), a fraction of the site's maximum, or the user's own label map."""

    kind: ThresholdKind = ThresholdKind.SUV
    value: float | None = 3.0


class PeakCentre(StrEnum):
    """Where the SUVpeak sphere may stand."""

    MAX_MEAN = "max_mean"
    AT_MAX = "at_max"


class PeakWeight(StrEnum):
    """How voxels on the sphere's surface count."""

    FRACTIONAL = "fractional"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class ReadParameters:
    """The choices of `psmap read`.

    Args:
        threshold: border of the sites listed.
        seed_suv: SUV at which sites are found before a percent contour is drawn round their maximum.
        watershed: whether touching sites are split.
        watershed_h_suv, watershed_h_fraction: two peaks stay apart when the lower one rises over the saddle by
            at least max(h_suv, h_fraction * lower peak).
        peak_centre, peak_weight: SUVpeak mode.
        small_ml, small_voxels: a site under either is small.
        weight_kg, height_m: the user's own values, which win over the header's.
        accept_suv: whether burden and what follows is worked out of an SUV that the activity balance doubts.
    """

    threshold: Threshold = field(default_factory=Threshold)
    seed_suv: float = 3.0
    watershed: bool = True
    watershed_h_suv: float = 1.0
    watershed_h_fraction: float = 0.2
    peak_centre: PeakCentre = PeakCentre.MAX_MEAN
    peak_weight: PeakWeight = PeakWeight.FRACTIONAL
    small_ml: float = 0.5
    small_voxels: int = 3
    weight_kg: float | None = None
    height_m: float | None = None
    accept_suv: bool = False

    @property
    def peak(self) -> str:
        """The SUVpeak mode in one word pair, 'max_mean/fractional'."""
        return f"{self.peak_centre}/{self.peak_weight}"
