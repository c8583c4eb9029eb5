"""Findings as a DICOM structured report: TID 1500 with one volumetric group (TID 1411) a finding, and the burden.

Every number stands twice, as a decimal string of 16 characters and as the exact double (FloatingPointValue), so the
report says the same as case.json. Standard codes are used where their meaning fits; three of psmap's own (scheme
99PSMAP, described in the object) fill the gaps: total lesion uptake, because total lesion glycolysis would name the
wrong metabolism for a PSMA ligand; the verdict with its three values; the scope of the burden.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.sr.coding import Code as SrCode
from pydicom.valuerep import DSfloat

from psmap.domain.burden import TumourBurden
from psmap.domain.refusal import Refused
from psmap.domain.uptake import Finding, Verdict
from psmap.io.dicom_bytes import CHARACTER_SET, Elements, bytes_of, element, elements_of, sequence, with_elements
from psmap.io.dicom_carry_over import PRODUCT, CarriedOver, derived_uid, no_names_aloud, save, stamp
from psmap.io.dicom_headers import JUNK_ERRORS
from psmap.io.dicom_seg import SEGMENTATION_STORAGE, WrittenSegmentation

if TYPE_CHECKING:
    from highdicom.sr import Measurement

SERIES_NUMBER = 9002
SCHEME = "99PSMAP"

_TLU = SrCode("TLU", SCHEME, "Total lesion uptake")
_VERDICT = SrCode("VERDICT", SCHEME, "Verdict on a site of raised uptake")
_SCOPE = SrCode("SCOPE", SCHEME, "Findings counted in the tumour burden")
_VERDICTS = {
    Verdict.SUSPICIOUS: SrCode("SUSPICIOUS", SCHEME, "Suspicious"),
    Verdict.EQUIVOCAL: SrCode("EQUIVOCAL", SCHEME, "Equivocal"),
    Verdict.PHYSIOLOGIC: SrCode("PHYSIOLOGIC", SCHEME, "Physiologic"),
}
_SCOPES = {
    "all_sites_unclassified": SrCode("ALL_SITES", SCHEME, "All sites, not classified yet"),
    "suspicious": _VERDICTS[Verdict.SUSPICIOUS],
}
_ML = SrCode("ml", "UCUM", "ml")
_SUV = SrCode("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")
_G = SrCode("g", "UCUM", "g")
_VOLUME = SrCode("118565006", "SCT", "Volume")
_SUVBW = SrCode("126401", "DCM", "SUVbw")
_MAXIMUM = SrCode("56851009", "SCT", "Maximum")
_MEAN = SrCode("373098007", "SCT", "Mean")
_PEAK = SrCode("126031", "DCM", "Peak Value Within ROI")
_REGION = SrCode("C85402", "NCIt", "Imaging Region of Interest")
_PET = SrCode("44136-0", "LN", "PET unspecified body region")
_TITLE = SrCode("126001", "DCM", "Oncology Measurement Report")

_MEASUREMENTS, _GROUP, _SEGMENT, _DERIVATION = "126010", "125007", "121191", "121401"
_TRACKING_ID, _TRACKING_UID = "112039", "112040"
_HOLDERS = ("MeasuredValueSequence", "ReferencedSOPSequence", "ConceptCodeSequence")
"""Sequences of one item in which a content item holds its value (PS3.3 C.17.3)."""
_KEYS = {
    ("118565006", None): "volume_ml",
    ("126401", "56851009"): "suv_max",
    ("126401", "373098007"): "suv_mean",
    ("126401", "126031"): "suv_peak",
    ("TLU", None): "tlu",
}


@dataclass(frozen=True, slots=True)
class MeasuredGroup:
    """One group of a report as read back.

    Args:
        tracking_id: 'site 1', or 'burden'.
        tracking_uid: the TrackingUID.
        segment: the segment that the group refers to; None for the burden.
        verdict: the value of the verdict; None for the burden.
        scope: which findings the burden counts; None for a site.
        values: volume_ml, suv_max, suv_mean, suv_peak, tlu: those that the group holds.
    """

    tracking_id: str
    tracking_uid: str
    segment: int | None = None
    verdict: str | None = None
    scope: str | None = None
    values: Mapping[str, float] = field(default_factory=dict)


def write_measurements(
    path: Path,
    findings: Sequence[Finding],
    burden: TumourBurden,
    source: CarriedOver,
    segmentation: WrittenSegmentation | None,
    *,
    seed: str,
    when: datetime,
    software_version: str,
) -> None:
    """Write the measurements as Comprehensive 3D SR, unverified and preliminary: no physician has seen them yet.

    Args:
        path: the file to write.
        findings: the findings; none is allowed, the report then holds the burden alone.
        burden: the tumour burden under the definition that the case was read with.
        source: what is carried over of the PET's headers, one a slice, in slice order.
        segmentation: what `write_segmentation` returned for the same findings.
        seed, when, software_version: as there.

    Raises:
        ValueError: a finding has no segment, or a segment no finding.
    """
    # highdicom takes two seconds to import: a declared heavy library.
    from highdicom import sr
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from pydicom.sr.codedict import codes

    if sorted(finding.site.id for finding in findings) != sorted(segmentation.segments if segmentation else ()):
        raise ValueError("findings and segmentation do not belong together")
    first = source.headers[0]
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=derived_uid(PRODUCT, software_version),
            name=PRODUCT,
            manufacturer_name=PRODUCT,
            model_name=PRODUCT,
            serial_number=software_version,
        ),
    )
    groups: list[object] = []
    if segmentation is not None:
        groups.append(_site_group(findings[0], segmentation, str(first.SeriesInstanceUID)))
    groups.append(_burden_group(burden, seed))
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_PET,
        title=_TITLE,
        imaging_measurements=groups,
    )
    with no_names_aloud():
        report = sr.Comprehensive3DSR(
            evidence=[*source.headers, *([_reference(segmentation, first)] if segmentation is not None else [])],
            content=content,
            series_instance_uid=derived_uid(seed, "report series"),
            series_number=SERIES_NUMBER,
            sop_instance_uid=derived_uid(seed, "report"),
            instance_number=1,
            manufacturer=PRODUCT,
            manufacturer_model_name=PRODUCT,
            software_versions=software_version,
            device_serial_number=software_version,
            series_description="psmap: measurements",
            is_complete=True,
            is_final=False,
            is_verified=False,
            specific_character_set=CHARACTER_SET,
            coding_schemes=[
                CodingSchemeIdentificationItem(
                    designator=SCHEME,
                    name="psmap's own codes",
                    version=software_version,
                    responsible_organization=PRODUCT,
                )
            ],
        )
    stamp(report, when)
    save(path, report, _all_groups(report, findings, segmentation) if segmentation is not None else ())


def read_measurements(path: Path) -> tuple[MeasuredGroup, ...]:
    """Every measurement group of a report that psmap wrote, in its order.

    Raises:
        Refused: the file is no readable measurement report.
    """
    try:
        report = dcmread(path)
        groups = tuple(_read_group(item) for item in _items(report, _GROUP, deep=True))
    except JUNK_ERRORS as error:
        raise Refused(
            f"this is no measurement report written by psmap ({type(error).__name__})",
            where=path.name,
            cure="give the dicom/measurements.sr.dcm of a psmap output folder",
        ) from error
    return groups


def _site_group(finding: Finding, segmentation: WrittenSegmentation, source_series: str) -> object:
    from highdicom import sr  # a declared heavy library

    site = finding.site
    # Built by hand and without frame numbers, which are not allowed beside a segment number.
    segment = sr.ReferencedSegment(
        sop_class_uid=SEGMENTATION_STORAGE,
        sop_instance_uid=segmentation.sop_instance_uid,
        segment_number=segmentation.segments[site.id],
        source_series=sr.SourceSeriesForSegmentation(source_series),
    )
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=segmentation.tracking_uids[site.id], identifier=f"site {site.id}"
        ),
        referenced_segment=segment,
        finding_type=_REGION,
        measurements=[
            _measurement(_VOLUME, site.volume_ml, _ML),
            _measurement(_SUVBW, site.suv_max, _SUV, _MAXIMUM),
            _measurement(_SUVBW, site.suv_mean, _SUV, _MEAN),
            _measurement(_SUVBW, site.suv_peak, _SUV, _PEAK),
            _measurement(_TLU, site.tlu, _G),
        ],
        qualitative_evaluations=[sr.QualitativeEvaluation(name=_VERDICT, value=_VERDICTS[finding.verdict])],
    )


def _all_groups(report: Dataset, findings: Sequence[Finding], segmentation: WrittenSegmentation) -> list[bytes]:
    """Take the content out of a report of one site and give it with the groups of all sites.

    highdicom copies and searches the whole tree several times, 12 ms a site. So it is given one site, whose group it
    checks; the groups of the others have the same form and differ in their values alone.
    """
    (measurements,) = _items(report, _MEASUREMENTS)
    pattern, burden = measurements.ContentSequence
    mould = _Mould(pattern)
    groups = [*(mould.cast(finding, segmentation) for finding in findings), bytes_of(burden)]
    content = {"ContentSequence": sequence("ContentSequence", groups)}
    items = [
        with_elements(elements_of(item), content) if item is measurements else bytes_of(item)
        for item in report.ContentSequence
    ]
    del report.ContentSequence
    return [sequence("ContentSequence", items)]


class _Mould:
    """The group of one site as bytes, in which the values of another are put."""

    def __init__(self, pattern: Dataset) -> None:
        self._group = elements_of(pattern)
        self._items = [_mould_item(item) for item in pattern.ContentSequence]

    def cast(self, finding: Finding, segmentation: WrittenSegmentation) -> bytes:
        """The elements of a site's group."""
        items = []
        for item in self._items:
            changes = {keyword: element(keyword, value) for keyword, value in item.values(finding, segmentation)}
            if item.holder and changes:
                changes = {item.holder: sequence(item.holder, [with_elements(item.held, changes)])}
            items.append(with_elements(item.elements, changes))
        return with_elements(self._group, {"ContentSequence": sequence("ContentSequence", items)})


@dataclass(frozen=True, slots=True)
class _MouldItem:
    """A content item of the pattern: its elements, and those of the one-item sequence that holds its value."""

    concept: str
    derivation: str | None
    elements: Elements
    holder: str
    held: Elements

    def values(self, finding: Finding, segmentation: WrittenSegmentation) -> Iterator[tuple[str, bytes]]:
        """What differs from site to site: keyword and value; nothing where all sites say the same."""
        site = finding.site
        if self.holder == "MeasuredValueSequence":
            value = float(getattr(site, _KEYS[self.concept, self.derivation]))
            yield "NumericValue", str(DSfloat(value, auto_format=True)).encode("ascii")
            yield "FloatingPointValue", struct.pack("<d", value)
        elif self.concept == _TRACKING_ID:
            yield "TextValue", f"site {site.id}".encode()
        elif self.concept == _TRACKING_UID:
            yield "UID", segmentation.tracking_uids[site.id].encode("ascii")
        elif self.concept == _SEGMENT:
            yield "ReferencedSegmentNumber", struct.pack("<H", segmentation.segments[site.id])
        elif self.concept == _VERDICT.value:
            code = _VERDICTS[finding.verdict]
            yield "CodeValue", code.value.encode("ascii")
            yield "CodeMeaning", code.meaning.encode()


def _mould_item(item: Dataset) -> _MouldItem:
    concept = str(item.ConceptNameCodeSequence[0].CodeValue)
    holder = next((keyword for keyword in _HOLDERS if keyword in item), "")
    held = elements_of(item[holder].value[0]) if holder else {}
    return _MouldItem(concept, _derivation(item), elements_of(item), holder, held)


def _burden_group(burden: TumourBurden, seed: str) -> object:
    from highdicom import sr  # a declared heavy library

    measurements = [_measurement(_VOLUME, burden.volume_ml, _ML), _measurement(_TLU, burden.tl, _G)]
    if burden.suv_mean is not None:
        measurements.append(_measurement(_SUVBW, burden.suv_mean, _SUV, _MEAN))
    if burden.scope not in _SCOPES:
        raise ValueError(f"no code stands for the burden's scope {burden.scope!r}")
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=derived_uid(seed, "burden"), identifier="burden"),
        measurements=measurements,
        qualitative_evaluations=[sr.QualitativeEvaluation(name=_SCOPE, value=_SCOPES[burden.scope])],
    )


def _measurement(name: SrCode, value: float, unit: SrCode, derivation: SrCode | None = None) -> Measurement:
    from highdicom import sr  # a declared heavy library

    return sr.Measurement(name=name, value=float(value), unit=unit, derivation=derivation)


def _reference(segmentation: WrittenSegmentation, source: Dataset) -> Dataset:
    """What a report has to know of the segmentation to list it as evidence."""
    reference = Dataset()
    reference.SOPClassUID = SEGMENTATION_STORAGE
    reference.SOPInstanceUID = segmentation.sop_instance_uid
    reference.SeriesInstanceUID = segmentation.series_instance_uid
    reference.StudyInstanceUID = str(source.StudyInstanceUID)
    return reference


def _items(dataset: Dataset, concept: str, deep: bool = False) -> list[Dataset]:
    found = []
    for item in dataset.get("ContentSequence", []):
        if "ConceptNameCodeSequence" in item and item.ConceptNameCodeSequence[0].CodeValue == concept:
            found.append(item)
        elif deep:
            found += _items(item, concept, deep)
    return found


def _derivation(measurement: Dataset) -> str | None:
    """How a number was made of its voxels: the code's value."""
    derivations = _items(measurement, _DERIVATION)
    return str(derivations[0].ConceptCodeSequence[0].CodeValue) if derivations else None


def _read_group(group: Dataset) -> MeasuredGroup:
    values: dict[str, float] = {}
    facts: dict[str, Any] = {}
    for item in group.ContentSequence:
        concept = item.ConceptNameCodeSequence[0].CodeValue
        if item.ValueType == "NUM":
            values[_KEYS[concept, _derivation(item)]] = float(item.MeasuredValueSequence[0].FloatingPointValue)
        elif concept == _TRACKING_ID:
            facts["tracking_id"] = str(item.TextValue)
        elif concept == _TRACKING_UID:
            facts["tracking_uid"] = str(item.UID)
        elif concept == _SEGMENT:
            facts["segment"] = int(item.ReferencedSOPSequence[0].ReferencedSegmentNumber)
        elif concept == _VERDICT.value:
            facts["verdict"] = str(item.ConceptCodeSequence[0].CodeValue).lower()
        elif concept == _SCOPE.value:
            value = item.ConceptCodeSequence[0].CodeValue
            facts["scope"] = next(scope for scope, code in _SCOPES.items() if code.value == value)
    return MeasuredGroup(values=values, **facts)
