"""The activity in an image against the activity that was injected: an SUV looked at without trust in its header."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActivityBalance:
    """Whether an SUV can be true, from the voxels.

    Args:
        activity_share: activity in the field of view over the injected activity, decayed to the image's reference
            time; no weight enters where the image is in Bq/mL. None where the body weight is unknown.
        body_kg: mass of the body in the field of view.
        body_from: what that mass was measured on, 'CT' or 'PET'.
        body_length_mm: how much of the body's length lies in the field of view.
        body_share: share of a man's mass that lies in the field of view; the weight does not enter.
        mean_suv: mean SUV of that body (g/mL); about 1 in a man who holds what he was given.
        weight_ratio: the weight used over the weight that goes with the body seen; None where it is unknown.
        not_judged: why the balance says nothing of this image; empty where it does.
        doubts: why the SUV is not to be trusted.
        warnings: what is odd, and not enough for a doubt.
        body_share_from: what that share goes by: 'anatomy' where it tells which part is in view, else 'length'.
    """

    activity_share: float | None
    body_kg: float
    body_from: str
    body_length_mm: float
    body_share: float
    mean_suv: float
    weight_ratio: float | None
    not_judged: str = ""
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    body_share_from: str = "length"

    @property
    def trusted(self) -> bool | None:
        """False where there is a doubt, True where the balance was judged and holds, None where it says nothing."""
        if self.doubts:
            return False
        return None if self.not_judged else True
