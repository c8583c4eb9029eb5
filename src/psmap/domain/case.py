"""A case: one PET/CT and what psmap found in it. The record grows by one field a step and is never changed."""

from __future__ import annotations

from dataclasses import dataclass

from psmap.domain.anatomy import Anatomy, AnatomyOnPet, BodyView, MeasuredReferences, OrganUptakeRow, SitePlace
from psmap.domain.balance import ActivityBalance
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
        segmenter: who is to name the voxels; None for nobody.
        anatomy: the named structures; None where none was asked for.
        body_view: which part of the man lies in the PET's field of view, by the anatomy; None without one.
        anatomy_on_pet: the same on the PET's grid.
        references: uptake of liver, spleen, blood pool and parotid.
        organ_uptake: uptake of normal organs against what is usual.
        places: where each site lies by the anatomy.
        balance: the activity in the image against what was injected; None until then, or where no body can be made out.
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
    segmenter: str | None = None
    choices: tuple[str, ...] = ()
    pet: PetImage | None = None
    balance: ActivityBalance | None = None
    sites: tuple[UptakeSite, ...] | None = None
    findings: tuple[Finding, ...] | None = None
    burden: TumourBurden | None = None
    anatomy: Anatomy | None = None
    body_view: BodyView | None = None
    anatomy_on_pet: AnatomyOnPet | None = None
    references: MeasuredReferences | None = None
    organ_uptake: tuple[OrganUptakeRow, ...] | None = None
    places: tuple[SitePlace, ...] | None = None

    @property
    def withheld(self) -> str:
        """Why burden, and everything that rests on the SUV, is not worked out; empty where it is."""
        if self.balance is None or not self.balance.doubts or self.parameters.accept_suv:
            return ""
        return f"the SUV is not to be trusted: {'; '.join(self.balance.doubts)}"
