"""Nuclides that a PET cannot see: an image of one is a SPECT, whatever its Modality says, and gets no SUV."""

from __future__ import annotations

from psmap.catalog.load import Nuclide, load_nuclides, nuclide_by_code
from psmap.domain.acquisition import PetAcquisition
from psmap.domain.refusal import Refused

_TOLERANCE = 0.01
_COLLIMATORS = frozenset({"PARA", "PINH", "FANB", "CONE", "SLNT", "ASTG", "DIVG"})
"""Defined terms of CollimatorType (0018,1181) for gamma cameras (PS3.3 C.8.4.10); a PET has NONE or RING."""
_CURE = "give the PET; a SPECT has no SUV by these rules. If it is a PET, correct the radionuclide in the header"


def need_positrons(acquisition: PetAcquisition) -> None:
    """Refuse an image of a collimated camera, or whose radionuclide, by code or half-life to 1 %, gives single photons.

    A half-life that a positron emitter shares (67Ga and 89Zr) decides nothing.

    Raises:
        Refused: the tag that names the collimator, or the nuclide.
    """
    if acquisition.collimator_type in _COLLIMATORS:
        raise Refused(
            f"CollimatorType (0018,1181) = {acquisition.collimator_type} is that of a gamma camera: a SPECT stored as "
            "PT",
            cure="give the PET; a SPECT has no SUV by these rules",
        )
    code, half_life_s = acquisition.radionuclide_code, acquisition.radionuclide_half_life_s
    coded = nuclide_by_code(code)
    if code is not None and coded is not None and not coded.positrons:
        raise Refused(
            f"RadionuclideCodeSequence (0054,0300) = ({code.value}, {code.scheme}) is {coded.name}, "
            "which no PET sees: a SPECT stored as PT",
            cure=_CURE,
        )
    alike = [nuclide for nuclide in load_nuclides().values() if _has(nuclide, half_life_s)]
    if alike and not any(nuclide.positrons for nuclide in alike):
        raise Refused(
            f"RadionuclideHalfLife (0018,1075) = {half_life_s:g} s is that of {alike[0].name}, "
            "which no PET sees: a SPECT stored as PT",
            cure=_CURE,
        )


def _has(nuclide: Nuclide, half_life_s: float | None) -> bool:
    return half_life_s is not None and abs(half_life_s / nuclide.half_life_s - 1.0) <= _TOLERANCE
