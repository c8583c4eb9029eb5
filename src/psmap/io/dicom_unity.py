"""Whether the files of one series are one scan of one man, and all of it: what slice positions alone cannot tell."""

from __future__ import annotations

from psmap.domain.refusal import Refused
from psmap.io.dicom_files import base_name
from psmap.io.dicom_headers import JUNK_ERRORS, Header
from psmap.io.dicom_series import SeriesEntry
from psmap.io.dicom_values import FreeTexts, named, tag_of, unsigned

_PATIENT = tuple(map(tag_of, ("PatientID", "PatientName", "PatientBirthDate")))
_STUDY = tag_of("StudyInstanceUID")
_NUMBER_OF_SLICES = tag_of("NumberOfSlices")


def of_one_patient(entry: SeriesEntry) -> dict[str, str]:
    """What a series says of the man, compared over all its slices wherever they say something.

    Returns:
        'PatientID (0010,0020)' and its like -> the value in a form that can be compared; absent where no slice has it.

    Raises:
        Refused: two slices name different patients or studies; the message holds none of the values.
    """
    facts: dict[str, str] = {}
    for tag in (*_PATIENT, _STUDY):
        first: Header | None = None
        texts, last = FreeTexts(tag), ""
        for header in entry.headers:
            words = texts.of(header.dataset)
            if words == last:
                continue
            last, value = words, _plain(words)
            if not value:
                continue
            if first is None:
                first, facts[named(tag)] = header, value
            elif value != facts[named(tag)]:
                raise Refused(
                    f"two {'studies' if tag == _STUDY else 'patients'} in one series: {named(tag)} differs between "
                    f"{base_name(first.file)} and {base_name(header.file)}",
                    where=entry.series_instance_uid,
                    cure="export each scan again as a series of its own",
                )
    facts.pop(named(_STUDY), None)
    return facts


def one_static_image(entry: SeriesEntry) -> None:
    """Raise `Refused` where SeriesType (0054,1000) of any slice is DYNAMIC, GATED or REPROJECTION (PS3.3 C.8.9.1.1)."""
    kind = entry.no_static_image
    if kind:
        raise Refused(
            f"SeriesType (0054,1000) is {kind}",
            where=entry.series_instance_uid,
            cure="give the images of the scan itself, not projections of them"
            if kind == "REPROJECTION"
            else "sum the frames or gates to a static series on the scanner's workstation",
        )


def no_slice_lost(entry: SeriesEntry) -> None:
    """Raise `Refused` where there are fewer files than NumberOfSlices (0054,0081; PS3.3 C.8.9.1) says.

    This alone sees slices that are missing at an end of the stack. Fewer slices than files are no fault: where a
    scan has several beds, gates or times some scanners count those of one. So where slices state different numbers,
    the smallest counts.
    """
    stated = [count for count in map(_stated, entry.headers) if count is not None]
    if stated and min(stated) > len(entry.headers):
        raise Refused(
            f"missing slices: NumberOfSlices (0054,0081) is {min(stated)}, the series has {len(entry.headers)} files",
            where=entry.series_instance_uid,
            cure="export the whole series again",
        )


def _stated(header: Header) -> int | None:
    """NumberOfSlices; None where it is absent or no number, since nothing but this check depends on it."""
    try:
        value = unsigned(header.dataset, _NUMBER_OF_SLICES)
    except JUNK_ERRORS:
        return None
    return value if isinstance(value, int) else None


def _plain(name: str) -> str:
    """A name, however its parts are divided and whatever their case."""
    return " ".join(name.replace("^", " ").split()).casefold()
