"""The table of steps: it reads from top to bottom as the work is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psmap.catalog.load import nuclide_half_life_s
from psmap.domain.burden import TumourBurden
from psmap.domain.image import LabelImage, PetImage
from psmap.domain.parameters import ReadParameters
from psmap.domain.study import PetSeries
from psmap.domain.tracer import Tracer
from psmap.domain.uptake import Finding, UptakeSite
from psmap.steps.burden import measure_burden
from psmap.steps.classification import await_verdict
from psmap.steps.detection import detect_by_definition, detect_sites
from psmap.steps.quantification import SuvInputs, balance_activity, convert_to_suv, suv_conversion
from psmap.steps.quantification.suv import PSMA_UPTAKE_MIN


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


def find_sites(
    pet: PetImage,
    parameters: ReadParameters,
    tracer: Tracer | None,
    liver: LabelImage | None,
    given: LabelImage | None,
) -> tuple[UptakeSite, ...]:
    """Every site of raised uptake under the case's own threshold."""
    return detect_sites(pet, parameters, given=given, liver=liver, tracer=tracer)


def weigh_burden(
    findings: tuple[Finding, ...],
    pet: PetImage,
    parameters: ReadParameters,
    tracer: Tracer | None,
    liver: LabelImage | None,
) -> TumourBurden:
    """The burden of the findings under every published definition."""
    return measure_burden(findings, detect_by_definition(pet, parameters, tracer=tracer, liver=liver))


PIPELINE = (
    Step("suv", needs=("pet_series", "tracer", "parameters"), gives="pet", run=to_suv, stored=False),
    Step("balance", needs=("pet", "ct"), gives="balance", run=balance_activity, stored=False),
    Step("sites", needs=("pet", "parameters", "tracer", "liver", "given_sites"), gives="sites", run=find_sites),
    Step("findings", needs=("sites",), gives="findings", run=await_verdict),
    Step(
        "burden",
        needs=("findings", "pet", "parameters", "tracer", "liver"),
        gives="burden",
        run=weigh_burden,
        rests_on_suv=True,
    ),
)
