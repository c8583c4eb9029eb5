"""Nuclides that a PET cannot see: an image of one is a SPECT, whatever its Modality says, and gets no SUV."""

from __future__ import annotations

from dataclasses import dataclass

from psmap.domain.acquisition import PetAcquisition
from psmap.domain.refusal import Refused

_SNOMED_RT = frozenset({"SRT", "SNM3", "99SDM"})
_TOLERANCE = 0.01
_CURE = "give the PET; a SPECT has no SUV by these rules. If it is a PET, correct the radionuclide in the header"


@dataclass(frozen=True, slots=True)
class _SinglePhoton:
    name: str
    sct: str
    srt: str
    half_life_s: float | None


# Codes: DICOM PS3.16 CID 18. Half-lives: textbook values (general knowledge, good to far less than
# the 1 % they serve for), in h or d times 3600 or 86,400; 177Lu as in the catalogue.
# 67Ga (3.26 d) has the half-life of the positron emitter 89Zr (3.27 d), so that only its code tells.
_NUCLIDES = (
    _SinglePhoton("67Ga", "2008008", "C-131A2", None),
    _SinglePhoton("99mTc", "72454006", "C-163A8", 6.007 * 3600),
    _SinglePhoton("111In", "56609000", "C-145A4", 2.805 * 86_400),
    _SinglePhoton("123I", "21572004", "C-114A4", 13.22 * 3600),
    _SinglePhoton("131I", "1368003", "C-114B1", 8.025 * 86_400),
    _SinglePhoton("153Sm", "419804008", "C-B1134", 46.28 * 3600),
    _SinglePhoton("177Lu", "447553000", "C-101ED", 6.647 * 86_400),
    _SinglePhoton("188Re", "423578007", "C-1018D", 17.00 * 3600),
    _SinglePhoton("201Tl", "60057003", "C-138A9", 3.042 * 86_400),
    _SinglePhoton("223Ra", "24853006", "C-136A2", 11.43 * 86_400),
)


def need_positrons(acquisition: PetAcquisition) -> None:
    """Refuse an image whose radionuclide, by code or by half-life to 1 %, gives single photons.

    Raises:
        Refused: the tag that names the nuclide, and the nuclide.
    """
    code, half_life_s = acquisition.radionuclide_code, acquisition.radionuclide_half_life_s
    for nuclide in _NUCLIDES:
        if code is not None and (
            (code.scheme == "SCT" and code.value == nuclide.sct)
            or (code.scheme in _SNOMED_RT and code.value == nuclide.srt)
        ):
            raise Refused(
                f"RadionuclideCodeSequence (0054,0300) = ({code.value}, {code.scheme}) is {nuclide.name}, "
                "which no PET sees: a SPECT stored as PT",
                cure=_CURE,
            )
        known_s = nuclide.half_life_s
        if known_s is not None and half_life_s is not None and abs(half_life_s / known_s - 1.0) <= _TOLERANCE:
            raise Refused(
                f"RadionuclideHalfLife (0018,1075) = {half_life_s:g} s is that of {nuclide.name}, "
                "which no PET sees: a SPECT stored as PT",
                cure=_CURE,
            )
