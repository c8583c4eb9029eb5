"""Anatomy as documents: anatomy.json, and what case.json says of structures, references, organs and places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from psmap.domain.anatomy import (
    Absence,
    Anatomy,
    FoundStructure,
    OrganUptakeRow,
    Reference,
    ReferenceVoi,
    SitePlace,
)
from psmap.numerics.labels import numbers_in

Document = dict[str, Any]

LISTED = {Absence.OUTSIDE_VIEW: "outside_view", Absence.NOT_FOUND: "not_found", Absence.REMOVED: "removed"}
"""Reason -> key of the list of ids. What the source has no name for is counted alone: nobody looked for it."""


def anatomy_document(anatomy: Anatomy) -> Document:
    """What was found, and what was not, and why; volumes in mL, places in LPS mm.

    Stations are those with voxels; None where the source has none at all.
    """
    stations = None
    if anatomy.stations is not None:
        names = anatomy.stations.names
        stations = [names[number] for number in sorted(numbers_in(anatomy.stations.labels))]
    missing = [each for each in anatomy.missing if each.id not in (stations or ())]
    return {
        "source": anatomy.source,
        "notices": list(anatomy.notices),
        "found": [_found(structure) for structure in anatomy.found],
        "missing": {
            **{key: [each.id for each in missing if each.why is why] for why, key in LISTED.items()},
            "not_named": sum(each.why is Absence.NOT_NAMED for each in missing),
        },
        "stations": stations,
    }


def references_document(references: Sequence[Reference]) -> list[Document]:
    """Uptake of the reference organs, each with its VOIs; SUV in g/mL."""
    return [
        {
            "organ": reference.organ.value,
            "suv_mean": reference.suv_mean,
            "suv_sd": reference.suv_sd,
            "suv_max": reference.suv_max,
            "vois": [_voi(voi) for voi in reference.vois],
            "why_not": reference.why_not or None,
            "warnings": list(reference.warnings),
            "ref": reference.ref,
        }
        for reference in references
    ]


def organ_uptake_document(rows: Sequence[OrganUptakeRow]) -> list[Document]:
    """The table of normal organs; volumes in mL, SUV in g/mL."""
    return [{**asdict(row), "ref": row.ref or None, "compared_as": row.compared_as or None} for row in rows]


def place_document(place: SitePlace | None) -> Document | None:
    """Where a site lies; None where nobody named the voxels."""
    if place is None:
        return None
    return {
        "at_max": place.at_max,
        "shares": dict(place.shares),
        "station": place.station,
        "physiologic": place.physiologic,
    }


def _found(structure: FoundStructure) -> Document:
    return {
        "id": structure.id,
        "name": structure.name,
        "snomed": structure.code.value if structure.code else None,
        "volume_ml": structure.volume_ml,
        "centroid_mm": list(structure.centroid_mm),
        "cut": structure.cut,
        "confidence": structure.confidence,
    }


def _voi(voi: ReferenceVoi) -> Document:
    return {**asdict(voi), "centre_mm": list(voi.centre_mm)}
