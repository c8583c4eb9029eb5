"""The injected activity and its half-life, as the header gives them."""

from __future__ import annotations

from dataclasses import dataclass

from psmap.domain.acquisition import PetAcquisition
from psmap.domain.refusal import Refused

BQ_RANGE = (1e6, 5e9)
MBQ_RANGE = (1.0, 2000.0)
MCI_UPTO = 30.0
"""Up to here a dose may have been meant in mCi (1 mCi = 37 MBq): the warning says so."""


@dataclass(frozen=True, slots=True)
class Dose:
    """Injected activity (Bq) and half-life (s), with the lines that say how they were read."""

    activity_bq: float
    half_life_s: float
    trace: tuple[str, ...]
    warnings: tuple[str, ...]


def read_dose(acquisition: PetAcquisition, nuclide_half_life_s: float | None) -> Dose:
    """RadionuclideTotalDose (0018,1074) in Bq and RadionuclideHalfLife (0018,1075) in s.

    Args:
        acquisition: the header.
        nuclide_half_life_s: half-life of the nuclide that the header's code names, from the catalogue; None if the
            header names none.

    Raises:
        Refused: dose absent or neither Bq nor MBq; half-life absent and no nuclide named; half-life more than 10 %
            off its nuclide's (up to 1 % is silent, up to 10 % a warning: the header's half-life is what the
            scanner used).
    """
    activity_bq, dose_warnings = _activity_bq(acquisition.radionuclide_total_dose)
    half_life_s, half_life_warnings = _half_life_s(acquisition.radionuclide_half_life_s, nuclide_half_life_s)
    shown = acquisition.radionuclide_half_life_s
    return Dose(
        activity_bq,
        half_life_s,
        (
            f"RadionuclideTotalDose (0018,1074) = {acquisition.radionuclide_total_dose:.9g}: {activity_bq:.9g} Bq",
            f"RadionuclideHalfLife (0018,1075) = {'absent' if shown is None else f'{shown:g}'}: {half_life_s:g} s",
        ),
        (*dose_warnings, *half_life_warnings),
    )


def _activity_bq(stored: float | None) -> tuple[float, tuple[str, ...]]:
    tag = "RadionuclideTotalDose (0018,1074)"
    if stored is None:
        raise Refused(f"{tag} is missing", cure="export the series again with the injected activity")
    if BQ_RANGE[0] <= stored <= BQ_RANGE[1]:
        return stored, ()
    if MBQ_RANGE[0] <= stored <= MBQ_RANGE[1]:
        or_mci = f"; as mCi it would be {stored * 37:g} MBq" if stored <= MCI_UPTO else ""
        return stored * 1e6, (f"{tag} = {stored:g} read as MBq (DICOM wants Bq){or_mci}",)
    raise Refused(
        f"{tag} = {stored:g} is no injected activity: as Bq it is {stored / 1e6:g} MBq, as MBq it is {stored:g} MBq",
        cure="correct the header: Bq, 1e6 to 5e9",
    )


def _half_life_s(header: float | None, nuclide: float | None) -> tuple[float, tuple[str, ...]]:
    tag = "RadionuclideHalfLife (0018,1075)"
    if header is not None and header <= 0:
        raise Refused(f"{tag} = {header:g} s is no half-life", cure="correct the header")
    if header is None:
        if nuclide is None:
            raise Refused(
                f"{tag} is missing and no known RadionuclideCodeSequence (0054,0300) stands in for it",
                cure="export the series again with the radionuclide",
            )
        return nuclide, (f"{tag} is missing: {nuclide:g} s of the coded nuclide is used",)
    if nuclide is None:
        return header, ()
    off = abs(header / nuclide - 1.0)
    if off > 0.10:
        raise Refused(
            f"{tag} = {header:g} s contradicts the nuclide of RadionuclideCodeSequence (0054,0300), {nuclide:g} s",
            cure="correct whichever is wrong in the header",
        )
    if off > 0.01:
        return header, (f"{tag} = {header:g} s is {off:.1%} off its nuclide's {nuclide:g} s; the header's is used",)
    return header, ()
