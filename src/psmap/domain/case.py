"""A case: one PET/CT and what psmap found in it. The record grows by one field a step and is never changed."""

from __future__ import annotations

from dataclasses import dataclass

from psmap.domain.burden import TumourBurden
from psmap.domain.image import CtImage, LabelImage, PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.study import PetSeries, SeriesSource
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, UptakeSite


@dataclass(frozen=True, slots=True)
class History:
    """What images cannot know (`--history`). None is unknown, never assumed."""

    prostatectomy: bool | None = None
    prior_radiotherapy: bool | None = None
    psa_ng_ml: float | None = None
    psa_date: str | None = None
    gleason_score: int | None = None
    adt: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Everything one PET/CT told, as far as it was read.

    Args:
        parameters: the choices made.
        tracer: the tracer; None if it could not be recognised.
        tracer_evidence: what the tracer was recognised by, in one line.
        history: what the user said of the man.
        pet_series, pet_source: the PET before SUV and where it came from.
        ct, ct_source: the CT, if there is one.
        liver, given_sites: masks that the user brought.
        choices: lines on how the series were chosen.
        pet, sites, findings, burden: results, each None until its step has run.
    """

    parameters: ReadParameters
    tracer: Tracer | None
    tracer_evidence: str
    history: History
    pet_series: PetSeries
    pet_source: SeriesSource | None
    ct: CtImage | None = None
    ct_source: SeriesSource | None = None
    liver: LabelImage | None = None
    given_sites: LabelImage | None = None
    choices: tuple[str, ...] = ()
    pet: PetImage | None = None
    sites: tuple[UptakeSite, ...] | None = None
    findings: tuple[Finding, ...] | None = None
    burden: TumourBurden | None = None
