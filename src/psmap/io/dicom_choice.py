"""Which PET and which CT of a study are read, with one line for everything chosen or passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import config
from pydicom.uid import UID

from psmap.domain.geometry import FloatArray
from psmap.domain.refusal import Refused
from psmap.io.dicom_files import base_name
from psmap.io.dicom_headers import CT_IMAGE_STORAGE, ENHANCED_CT, ENHANCED_PET, PET_IMAGE_STORAGE
from psmap.io.dicom_pet import has_philips_factor
from psmap.io.dicom_series import SeriesEntry, StudyIndex
from psmap.io.dicom_unity import of_one_patient
from psmap.io.dicom_values import lenient_pydicom, numbers, tag_of

NO_CT = "none"
"""The value of `ct_series` that asks for the PET alone."""

_UNITS_IN_ORDER = ("BQML", "GML", "CM2ML", "CNTS")
_POSITION = tag_of("ImagePositionPatient")
_ORIENTATION = tag_of("ImageOrientationPatient")
_BEFORE_SLICES = 3  # between two studies, only these first fields of a rank may decide, never the number of slices


@dataclass(frozen=True, slots=True, eq=False)
class SeriesChoice:
    """The series to read.

    Args:
        pet: the PET.
        ct: the CT of its frame of reference; None where there is none, or none is wanted.
        choices: one line a choice, and what was passed over.
    """

    pet: SeriesEntry
    ct: SeriesEntry | None
    choices: tuple[str, ...]


def choose_series(index: StudyIndex, pet_series: str | None = None, ct_series: str | None = None) -> SeriesChoice:
    """Choose the attenuation-corrected PET, and the CT that shares its frame of reference.

    Args:
        index: what the study holds.
        pet_series, ct_series: SeriesInstanceUID, its end, or SeriesNumber, fitting a single series; `ct_series` may
            be 'none'.

    Raises:
        Refused: there is no usable PET, the choice is open, an option names nothing, PET and CT are of different
            patients, or a damaged file may belong to a chosen series.
    """
    with lenient_pydicom():
        pet, pet_lines = _choose_pet(index, pet_series)
        _no_damage(index, pet)
        ct, ct_lines = _choose_ct(index, pet, ct_series)
        if ct is not None:
            _no_damage(index, ct)
            _same_patient(pet, ct)
    return SeriesChoice(pet, ct, (*pet_lines, *ct_lines, *_passed_over(index)))


def _choose_pet(index: StudyIndex, wanted: str | None) -> tuple[SeriesEntry, list[str]]:
    pets = [entry for entry in index.series if entry.is_pet]
    if not pets:
        raise _no_pet(index)
    if wanted is not None:
        pet = _named(pets, wanted, "PET", "--pet-series")
        why = "chosen by --pet-series"
    else:
        corrected = [entry for entry in pets if entry.attenuation_corrected]
        if not corrected:
            raise Refused(
                "no attenuation-corrected PET: CorrectedImage (0028,0051) lacks ATTN in "
                + "; ".join(_described(entry) for entry in pets),
                where=index.name,
                cure="give the attenuation-corrected series of the study",
            )
        pet = _best_pet(corrected, index)
        why = "the only attenuation-corrected PET" if len(corrected) == 1 else f"the best of {len(corrected)} PETs"
    lines = [f"PET: {_listed(pet)}; {why}"]
    for other in pets:
        if other is not pet:
            reason = "attenuation-corrected too" if other.attenuation_corrected else "not attenuation-corrected"
            lines.append(f"PET passed over ({reason}; --pet-series takes it): {_listed(other)}")
    return pet, lines


def _no_pet(index: StudyIndex) -> Refused:
    enhanced = [entry for entry in index.series if entry.sop_class_uid in ENHANCED_PET]
    if enhanced:
        return Refused(
            f"SOPClassUID (0008,0016) is {enhanced[0].sop_class_uid}, Enhanced PET, which the SUV rules do not cover",
            where=_described(enhanced[0]),
            cure="export the PET as classic Positron Emission Tomography Image Storage",
        )
    damaged = [header for header in index.damaged if header.sop_class_uid in ("", PET_IMAGE_STORAGE)]
    if damaged:
        return Refused(damaged[0].damage, where=base_name(damaged[0].file), cure="export or copy the file again")
    found = ", ".join(f"{count} {kind}" for kind, count in sorted(_kinds(index.series).items())) or "nothing else"
    return Refused(
        f"no PET series (SOPClassUID {PET_IMAGE_STORAGE}, Modality PT); found {found}, {index.foreign} foreign files",
        where=index.name,
        cure="give the study that holds the PET",
    )


def _best_pet(candidates: Sequence[SeriesEntry], index: StudyIndex) -> SeriesEntry:
    ranked = sorted(candidates, key=_pet_rank)
    best = _pet_rank(ranked[0])
    rivals = [
        entry
        for entry in ranked[1:]
        if _pet_rank(entry) == best
        or (
            _pet_rank(entry)[:_BEFORE_SLICES] == best[:_BEFORE_SLICES]
            and entry.study_instance_uid != ranked[0].study_instance_uid
        )
    ]
    if rivals:
        raise Refused(
            "several PET series could be meant: " + "; ".join(_described(entry) for entry in (ranked[0], *rivals)),
            where=index.name,
            cure="name one with --pet-series UID, or give the folder of one study",
        )
    return ranked[0]


def _pet_rank(entry: SeriesEntry) -> tuple[bool, bool, bool, int, int]:
    """Lowest first: static, units that become SUV, ORIGINAL\\PRIMARY, most slices, units nearest to the scanner."""
    convertible = entry.units in _UNITS_IN_ORDER[:3] or (
        entry.units == "CNTS" and has_philips_factor(entry.headers[0].dataset)
    )
    unit = _UNITS_IN_ORDER.index(entry.units) if entry.units in _UNITS_IN_ORDER else len(_UNITS_IN_ORDER)
    original = entry.image_type[:2] == ("ORIGINAL", "PRIMARY")
    return bool(entry.no_static_image), not convertible, not original, -len(entry.headers), unit


def _choose_ct(index: StudyIndex, pet: SeriesEntry, wanted: str | None) -> tuple[SeriesEntry | None, list[str]]:
    if wanted is not None and wanted.strip().lower() == NO_CT:
        return None, ["CT: none, by --ct-series none"]
    cts = [entry for entry in index.series if entry.is_ct]
    if wanted is not None:
        ct = _named(cts, wanted, "CT", "--ct-series")
        if ct.frame_of_reference_uid != pet.frame_of_reference_uid or not ct.frame_of_reference_uid:
            raise Refused(
                f"FrameOfReferenceUID (0020,0052) of the CT is {ct.frame_of_reference_uid or 'absent'}, that of the "
                f"PET is {pet.frame_of_reference_uid or 'absent'}",
                where=_described(ct),
                cure="name a CT of the PET's frame of reference, or --ct-series none",
            )
        return ct, [f"CT: {_listed(ct)}; chosen by --ct-series"]
    sharing = [entry for entry in cts if entry.frame_of_reference_uid == pet.frame_of_reference_uid != ""]
    lines = [
        f"CT passed over (another frame of reference than the PET): {_listed(entry)}"
        for entry in cts
        if entry not in sharing
    ]
    covered = [(entry, _coverage(pet, entry)) for entry in sharing]
    lines += [f"CT passed over (covers nothing of the PET): {_listed(entry)}" for entry, part in covered if part <= 0]
    covered = sorted(
        ((entry, part) for entry, part in covered if part > 0),
        key=lambda pair: (-round(pair[1], 2), -len(pair[0].headers), _number(pair[0]), pair[0].series_instance_uid),
    )
    if not covered:
        enhanced = any(entry.sop_class_uid in ENHANCED_CT for entry in index.series)
        why = "the study's Enhanced CT is not read; export it as classic CT Image Storage" if enhanced else ""
        return None, ["CT: none that shares the PET's frame of reference" + (f" ({why})" if why else ""), *lines]
    ct, part = covered[0]
    chosen = f"CT: {_listed(ct)}; shares the PET's frame of reference and covers {100 * part:.0f} % of its length"
    others = [f"CT passed over (--ct-series takes it): {_listed(entry)}" for entry, _ in covered[1:]]
    return ct, [chosen, *others, *lines]


def _number(entry: SeriesEntry) -> int:
    return int(entry.number) if entry.number.isdecimal() else 1_000_000_000


def _coverage(pet: SeriesEntry, ct: SeriesEntry) -> float:
    """Fraction of the PET's length, along its own normal, that lies between the first and the last CT slice."""
    orientation = numbers(pet.headers[0].dataset, _ORIENTATION, base_name(pet.headers[0].file))
    pet_positions, ct_positions = _positions(pet), _positions(ct)
    if orientation is None or len(orientation) != 6 or not len(pet_positions) or not len(ct_positions):
        return 0.0
    normal = np.cross(orientation[:3], orientation[3:])
    pet_along, ct_along = pet_positions @ normal, ct_positions @ normal
    low, high = float(pet_along.min()), float(pet_along.max())
    if high <= low:
        return 0.0
    shared = min(high, float(ct_along.max())) - max(low, float(ct_along.min()))
    return max(0.0, shared / (high - low))


def _positions(entry: SeriesEntry) -> FloatArray:
    found = (numbers(header.dataset, _POSITION, base_name(header.file)) for header in entry.headers)
    return np.array([position for position in found if position is not None and len(position) == 3], dtype=float)


def _named(entries: Sequence[SeriesEntry], wanted: str, kind: str, option: str) -> SeriesEntry:
    uid = wanted.strip()
    exact = [entry for entry in entries if uid in (entry.series_instance_uid, entry.number)]
    fitting = exact or [entry for entry in entries if uid and entry.series_instance_uid.endswith(uid)]
    if len(fitting) == 1:
        return fitting[0]
    there = "; ".join(_described(entry) for entry in entries) or "none"
    raise Refused(
        f"{option} {uid} fits {len(fitting)} {kind} series; the study holds: {there}",
        cure="give the whole SeriesInstanceUID, an end of it or a SeriesNumber that fits one series only",
    )


def _same_patient(pet: SeriesEntry, ct: SeriesEntry) -> None:
    """Compared where both headers hold something; the values are never shown."""
    one, other = of_one_patient(pet), of_one_patient(ct)
    for name, mine in one.items():
        if mine != other.get(name, mine):
            raise Refused(
                f"PET and CT are of different patients: {name} differs",
                where=f"{_described(pet)} and {_described(ct)}",
                cure="give the study of one patient, or --ct-series none",
            )


def _no_damage(index: StudyIndex, entry: SeriesEntry) -> None:
    own = [header for header in entry.headers if header.damage]
    nameless = [header for header in index.damaged if header.sop_class_uid in ("", entry.sop_class_uid)]
    for header in (*own, *nameless):
        whose = "" if header in own else "; it may be a slice of the chosen series"
        raise Refused(
            header.damage + whose,
            where=base_name(header.file),
            cure="export or copy the file again"
            + (", or remove it" if whose else "")
            + ("" if entry.is_pet else ", or --ct-series none"),
        )


def _passed_over(index: StudyIndex) -> list[str]:
    others = [entry for entry in index.series if not (entry.is_pet or entry.is_ct)]
    counts = [f"{count} {kind}" for kind, count in sorted(_kinds(others).items())]
    lines = [f"Passed over: {', '.join(counts)}"] if counts else []
    if index.foreign or index.directories:
        parts = [f"{index.foreign} foreign file{'' if index.foreign == 1 else 's'}"] if index.foreign else []
        parts += [f"{index.directories} DICOMDIR"] if index.directories else []
        lines.append(f"Passed over: {', '.join(parts)}")
    lost = [header for header in index.damaged if header.sop_class_uid not in ("", PET_IMAGE_STORAGE)]
    if lost:
        lines.append(f"Unreadable DICOM: {len(lost)} ({', '.join(base_name(header.file) for header in lost[:3])})")
    return lines


def _kinds(entries: Sequence[SeriesEntry]) -> Counter[str]:
    """How many objects of which kind: 'RTSTRUCT', 'CT localizer'; the name of the SOP class where needed."""
    kinds: Counter[str] = Counter()
    for entry in entries:
        kind = entry.modality or _class_name(entry)
        if entry.is_localizer:
            kind += " localizer"
        elif entry.modality == "PT" or (entry.modality == "CT" and entry.sop_class_uid != CT_IMAGE_STORAGE):
            kind += f" ({_class_name(entry)})"
        kinds[kind] += len(entry.headers)
    return kinds


def _class_name(entry: SeriesEntry) -> str:
    """Name of the SOP class; the UID itself where it has none or is malformed."""
    return UID(entry.sop_class_uid, validation_mode=config.IGNORE).name


def _listed(entry: SeriesEntry) -> str:
    """One series for the lines that are kept: no UID, and no SeriesDescription, in which some sites write names."""
    parts = [f"{len(entry.headers)} files"] + ([entry.units] if entry.is_pet and entry.units else [])
    return f"series {entry.number or 'without number'} ({', '.join(parts)})"


def _described(entry: SeriesEntry) -> str:
    """One series for a refusal, with the UID that an option can name."""
    return f"{entry.series_instance_uid}, {_listed(entry)}"
