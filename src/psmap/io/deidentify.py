"""`--deidentify`: headers and UIDs without what names the man, before anything is written from them.

A basic set, not the whole of DICOM PS3.15 Annex E: names, numbers, addresses, birth date, age and free descriptions
go, private attributes go, every instance UID is replaced. Dates of study and scan stay, and pixels are not touched:
whoever passes results on has to decide whether that is enough. New UIDs are hashes of the old ones and of `secret`;
with a secret that nobody else knows they cannot be matched to a list of the old ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from pydicom.dataset import Dataset

from psmap.domain.refusal import Refused
from psmap.io.dicom_carry_over import derived_uid
from psmap.io.dicom_headers import JUNK_ERRORS
from psmap.io.dicom_values import lenient_pydicom

ANONYMOUS = "ANONYMOUS"
METHOD = "psmap basic set: names, numbers, texts, UIDs; dates kept"
"""DeidentificationMethod (0012,0063), at most 64 characters."""

_REPLACED = ("PatientName", "PatientID")
_EMPTIED = ("PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "StudyID", "PositionReferenceIndicator")
_REMOVED = (
    "IssuerOfPatientID",
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientBirthTime",
    "PatientMotherBirthName",
    "PatientAge",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "PatientComments",
    "AdditionalPatientHistory",
    "MilitaryRank",
    "Occupation",
    "EthnicGroup",
    "MedicalRecordLocator",
    "OperatorsName",
    "PerformingPhysicianName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "RequestingPhysician",
    "ReferringPhysicianAddress",
    "ReferringPhysicianTelephoneNumbers",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
    "DeviceSerialNumber",
    "StudyDescription",
    "SeriesDescription",
    "ImageComments",
    "RequestAttributesSequence",
    "RequestedProcedureDescription",
    "PerformedProcedureStepDescription",
    "PerformedProcedureStepID",
    "DeidentificationMethodCodeSequence",
)
"""Five numbers with points between them or more: no decimal, date or version number of ours looks like that."""
_STANDARD_ROOT = "1.2.840.10008."
"""UIDs under the root of DICOM itself are classes and syntaxes; they name nobody (PS3.6 Annex A)."""


def deidentified_uid(uid: str, secret: str) -> str:
    """The UID that takes the place of `uid`; UIDs of the standard stay as they are."""
    return uid if uid.startswith(_STANDARD_ROOT) or not uid else derived_uid("deidentify", secret, uid)


def deidentify_headers(headers: Sequence[Dataset], secret: str) -> list[Dataset]:
    """Copies of headers without identifiers; the same UID becomes the same new UID everywhere.

    Args:
        headers: headers of one patient.
        secret: text known to nobody else; the same secret gives the same new UIDs.

    Raises:
        Refused: a header holds something that cannot be decoded, so that nobody can say whom it names.
    """
    try:
        with lenient_pydicom():
            return [_deidentified(header, secret) for header in headers]
    except JUNK_ERRORS as error:
        raise Refused(
            f"a header holds an attribute that cannot be decoded ({type(error).__name__}), so it may name the patient",
            cure="export the series again, or read it without --deidentify",
        ) from error


def _deidentified(header: Dataset, secret: str) -> Dataset:
    copy = deepcopy(header)
    copy.remove_private_tags()
    _walk(copy, secret)
    for keyword in _REPLACED:
        setattr(copy, keyword, ANONYMOUS)
    for keyword in _EMPTIED:
        setattr(copy, keyword, "")
    copy.PatientIdentityRemoved = "YES"
    copy.DeidentificationMethod = METHOD
    copy.LongitudinalTemporalInformationModified = "UNMODIFIED"
    return copy


def _walk(dataset: Dataset, secret: str) -> None:
    """Replace UIDs and remove the listed attributes, inside sequences too."""
    for keyword in _REMOVED:
        if keyword in dataset:
            delattr(dataset, keyword)
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _walk(item, secret)
        elif element.VR == "UI" and element.value:
            many = element.VM > 1
            new = [deidentified_uid(str(uid), secret) for uid in (element.value if many else [element.value])]
            element.value = new if many else new[0]
        elif element.VR == "PN":
            element.value = ""
