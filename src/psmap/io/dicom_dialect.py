"""Edits of a data set that is about to be written, by which it comes to speak as one maker's scanner does.

Each function makes an `Edit` of `psmap.io.dicom_write`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydicom.dataset import Dataset

from psmap.io.dicom_write import Edit

_TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime")
_TRACER_TIMES = ("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime")


def all_of(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(data: Dataset, k: int) -> None:
        for each in edits:
            each(data, k)

    return edit


def with_attributes(attributes: Mapping[str, str | Sequence[str]]) -> Edit:
    """Set attributes by keyword, in every slice alike."""

    def edit(data: Dataset, _k: int) -> None:
        for keyword, value in attributes.items():
            setattr(data, keyword, value if isinstance(value, str) else list(value))

    return edit


def with_decay_factors(factor_of: Callable[[int], float]) -> Edit:
    """DecayFactor (0054,1321) of each slice, to the six digits that scanners give."""

    def edit(data: Dataset, k: int) -> None:
        data.DecayFactor = f"{factor_of(k):.6g}"

    return edit


def with_tracer(attributes: Mapping[str, str], without: Sequence[str] = ()) -> Edit:
    """Set attributes of the radiopharmaceutical, and take others away."""

    def edit(data: Dataset, _k: int) -> None:
        tracer = data.RadiopharmaceuticalInformationSequence[0]
        for keyword, value in attributes.items():
            setattr(tracer, keyword, value)
        for keyword in without:
            if keyword in tracer:
                delattr(tracer, keyword)

    return edit


def with_decimals(decimals: int) -> Edit:
    """Every time of day with so many decimals; what lies beyond them is cut off."""

    def edit(data: Dataset, _k: int) -> None:
        _cut(data, _TIMES, decimals)
        for tracer in data.get("RadiopharmaceuticalInformationSequence", ()):
            _cut(tracer, _TRACER_TIMES, decimals)

    return edit


def with_private(group: int, creator: str, element: int, vr: str, value: str | float) -> Edit:
    """A private element in its creator's block (PS3.5 7.8.1)."""

    def edit(data: Dataset, _k: int) -> None:
        data.private_block(group, creator, create=True).add_new(element, vr, value)

    return edit


def with_maker_of_the_image(manufacturer: str, model: str, version: str, description: str) -> Edit:
    """ContributingEquipmentSequence (0018,A001): what made the image, where Manufacturer names another."""

    def edit(data: Dataset, _k: int) -> None:
        purpose = Dataset()
        purpose.CodeValue, purpose.CodingSchemeDesignator = "109102", "DCM"
        purpose.CodeMeaning = "Processing Equipment"
        item = Dataset()
        item.PurposeOfReferenceCodeSequence = [purpose]
        item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions = manufacturer, model, version
        item.ContributionDescription = description
        data.ContributingEquipmentSequence = [item]

    return edit


def _cut(data: Dataset, keywords: Sequence[str], decimals: int) -> None:
    for keyword in keywords:
        if data.get(keyword):
            whole, _, fraction = str(data.get(keyword)).partition(".")
            cut = fraction.ljust(decimals, "0")[:decimals]
            setattr(data, keyword, f"{whole}.{cut}" if cut else whole)
