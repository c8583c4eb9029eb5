"""The table of steps: it reads from top to bottom as the work is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psmap.catalog.load import nuclide_half_life_s
from psmap.domain.anatomy import (
    Anatomy,
    AnatomyOnPet,
    BodyView,
    MeasuredReferences,
    OrganUptakeRow,
    ReferenceOrgan,
    SitePlace,
)
from psmap.domain.burden import TumourBurden
from psmap.domain.case import History
from psmap.domain.image import CtImage, LabelImage, PetImage
from psmap.domain.parameters import ReadParameters, ThresholdKind
from psmap.domain.refusal import Refused
from psmap.domain.study import PetSeries
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, UptakeSite
from psmap.steps.anatomy.body_view import view_of_body
from psmap.steps.anatomy.on_pet import bring_to_pet
from psmap.steps.anatomy.organ_uptake import measure_organs
from psmap.steps.anatomy.places import place_sites
from psmap.steps.anatomy.references import measure_references, voi_labels
from psmap.steps.burden import measure_burden
from psmap.steps.classification import await_verdict
from psmap.steps.detection import detect_by_definition, detect_sites
from psmap.steps.quantification import SuvInputs, balance_activity, convert_to_suv, suv_conversion
from psmap.steps.quantification.suv import PSMA_UPTAKE_MIN
from psmap.workflow.segmenters import segmenter


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the pipeline.

    Args:
        name: what it is called in provenance and progress.
        needs: fields of the case that it reads, in the order of `run`'s arguments.
        gives: the field of the case that it fills.
        run: the verb.
        version: raised whenever the same input may give another result.
        stored: whether the result is kept in the store; False where making it again is cheaper than reading it.
        rests_on_suv: whether the result is withheld where the SUV is not to be trusted (`Case.withheld`).
    """

    name: str
    needs: tuple[str, ...]
    gives: str
    run: Callable[..., object]
    version: int = 1
    stored: bool = True
    rests_on_suv: bool = False


def to_suv(series: PetSeries, tracer: Tracer | None, parameters: ReadParameters) -> PetImage:
    """Bring a PET to SUVbw with what the catalogue and the user know beside the header."""
    acquisition = series.acquisition
    usual = PSMA_UPTAKE_MIN if tracer is None or tracer.psma else None
    inputs = SuvInputs(
        nuclide_half_life_s=nuclide_half_life_s(acquisition.radionuclide_code),
        weight_kg=parameters.weight_kg,
        height_m=parameters.height_m,
        usual_uptake_min=usual,
    )
    return convert_to_suv(series, suv_conversion(acquisition, inputs))


def name_voxels(pet: PetImage, ct: CtImage | None, choice: str | None) -> Anatomy | None:
    """The named structures of the scan by who was chosen; None where nobody was."""
    return None if choice is None else segmenter(choice)(pet, ct)


def see_body(anatomy: Anatomy | None, pet: PetImage) -> BodyView | None:
    """Which part of the man the PET holds, by the anatomy."""
    return None if anatomy is None or not anatomy.found else view_of_body(anatomy, pet.grid)


def lay_on_pet(anatomy: Anatomy | None, pet: PetImage) -> AnatomyOnPet | None:
    """The anatomy on the PET's voxels; None where nothing was found, on which nothing can rest."""
    return None if anatomy is None or not anatomy.found else bring_to_pet(anatomy, pet.grid)


def measure_reference_organs(on_pet: AnatomyOnPet | None, pet: PetImage) -> MeasuredReferences | None:
    """Uptake of liver, spleen, blood pool and parotid."""
    return None if on_pet is None else measure_references(on_pet, pet.suv)


def find_sites(
    pet: PetImage,
    parameters: ReadParameters,
    tracer: Tracer | None,
    liver: LabelImage | None,
    given: LabelImage | None,
    references: MeasuredReferences | None,
    anatomy: Anatomy | None,
) -> tuple[UptakeSite, ...]:
    """Every site of raised uptake under the case's own threshold."""
    if parameters.threshold.kind is ThresholdKind.LIVER and liver is None:
        _need_liver(references, anatomy)
    return detect_sites(pet, parameters, given=given, liver=_liver(liver, references, pet), tracer=tracer)


def weigh_burden(
    findings: tuple[Finding, ...],
    pet: PetImage,
    parameters: ReadParameters,
    tracer: Tracer | None,
    liver: LabelImage | None,
    references: MeasuredReferences | None,
) -> TumourBurden:
    """The burden of the findings under every published definition."""
    seen = _liver(liver, references, pet)
    return measure_burden(findings, detect_by_definition(pet, parameters, tracer=tracer, liver=seen))


def compare_organs(
    on_pet: AnatomyOnPet | None,
    pet: PetImage,
    tracer: Tracer | None,
    references: MeasuredReferences | None,
    history: History,
) -> tuple[OrganUptakeRow, ...] | None:
    """Uptake of normal organs against what is usual under the tracer."""
    if on_pet is None or references is None:
        return None
    return measure_organs(on_pet, pet.suv, tracer, references.references, prostatectomy=history.prostatectomy)


def find_places(sites: tuple[UptakeSite, ...], on_pet: AnatomyOnPet | None) -> tuple[SitePlace, ...] | None:
    """In which structures the sites lie."""
    return None if on_pet is None else place_sites(sites, on_pet)


def _need_liver(references: MeasuredReferences | None, anatomy: Anatomy | None) -> None:
    """Refuse the liver threshold where no liver could be measured, and say why not."""
    if anatomy is not None and not anatomy.found:
        why_not: str | None = "; ".join(anatomy.notices) or "nothing is named"
    elif references is None:
        raise Refused(
            "the liver threshold rests on the SUV, which is not to be trusted",
            cure="give --accept-suv, or choose another threshold",
        )
    else:
        why_not = references.of(ReferenceOrgan.LIVER).why_not
    if why_not:
        raise Refused(f"the liver could not be measured: {why_not}", cure="give --liver MASK, or another threshold")


def _liver(mask: LabelImage | None, references: MeasuredReferences | None, pet: PetImage) -> LabelImage | None:
    """Where the liver's uptake is taken: the user's mask, else the sphere of the reference, where there is one.

    The whole liver by an anatomy would not do: its border, blurred by scanner and breath, raises the deviation.
    """
    if mask is not None or references is None:
        return mask
    drawn = tuple(voi for voi in references.drawn if voi.organ is ReferenceOrgan.LIVER)
    return voi_labels(drawn, pet.grid) if drawn else None


PIPELINE = (
    Step("suv", needs=("pet_series", "tracer", "parameters"), gives="pet", run=to_suv, stored=False),
    Step("anatomy", needs=("pet", "ct", "segmenter"), gives="anatomy", run=name_voxels),
    Step("body view", needs=("anatomy", "pet"), gives="body_view", run=see_body, stored=False),
    Step("balance", needs=("pet", "ct", "body_view"), gives="balance", run=balance_activity, stored=False),
    Step("anatomy on PET", needs=("anatomy", "pet"), gives="anatomy_on_pet", run=lay_on_pet, stored=False),
    Step(
        "references",
        needs=("anatomy_on_pet", "pet"),
        gives="references",
        run=measure_reference_organs,
        rests_on_suv=True,
    ),
    Step(
        "sites",
        needs=("pet", "parameters", "tracer", "liver", "given_sites", "references", "anatomy"),
        gives="sites",
        run=find_sites,
        version=2,
    ),
    Step("findings", needs=("sites",), gives="findings", run=await_verdict),
    Step(
        "burden",
        needs=("findings", "pet", "parameters", "tracer", "liver", "references"),
        gives="burden",
        run=weigh_burden,
        version=2,
        rests_on_suv=True,
    ),
    Step(
        "organ uptake",
        needs=("anatomy_on_pet", "pet", "tracer", "references", "history"),
        gives="organ_uptake",
        run=compare_organs,
        rests_on_suv=True,
    ),
    Step("places", needs=("sites", "anatomy_on_pet"), gives="places", run=find_places),
)
