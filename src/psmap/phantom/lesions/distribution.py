"""How many lesions a man with advanced disease has, how large and how hot: a fit to 8,771 real ones, and its drawing.

The law, for a man (logarithms are natural):

    number n      ln n = ln(scale) B, B a beta variable of shapes a and b; rounded, at least 1
    volume (mL)   ln V = mu + w + sigma Z + tau E, w ~ N(0, between) the man's own, Z standard normal, E exponential
    SUV (g/mL)    ln S = mu + u + slope (ln V - ln 1 mL) + within Z', u ~ N(0, between) the man's own

u is correlated with the number (Gaussian copula). The volume is a double Pareto-like law: above its bulk the chance of
a larger one falls as V^(-1/tau), which is what exponential growth over exponentially distributed ages gives (Iwata et
al. 2000, J Theor Biol 203:177), and below its bulk it falls as a lognormal: that is the assumption on what lies under
1 mL. All numbers stand in `catalog/lesions.toml`; `validation/men/fit_lesions.py` made them.
"""

from __future__ import annotations

import math
import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import betaincinv, ndtr

Floats = npt.NDArray[np.float64]
Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1)]
Table = TypeVar("Table", bound="CatalogTable")


class CatalogTable(BaseModel):
    """A table of the catalogue: no key too many, none missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScannerModel(CatalogTable):
    """The scanner that published SUVs and volumes were seen through.

    Args:
        psf_fwhm_mm: point spread, full width at half maximum.
        voxel_mm: edge of a voxel.
        background_suv: SUV round a focus.
        contour_fraction: share of SUVmax at which a measured volume ends.
    """

    psf_fwhm_mm: Positive
    voxel_mm: Positive
    background_suv: Positive
    contour_fraction: Share
    source: Text


class AdvancedFit(CatalogTable):
    """The law of `advanced`; see the module for the meaning of its numbers."""

    number_scale: Positive
    number_a: Positive
    number_b: Positive
    number_suv_correlation: Annotated[float, Field(gt=-1.0, lt=1.0)]
    volume_mu: float
    volume_sigma: Positive
    volume_tau: Positive
    volume_between: Positive
    suv_mu: float
    suv_between: Positive
    suv_within: Positive
    suv_slope: float
    least_volume_ml: Positive
    most_volume_ml: Positive
    least_suv: Positive
    most_suv: Positive
    source: Text


@cache
def lesion_catalog() -> dict[str, Any]:
    """The whole of `catalog/lesions.toml`."""
    return tomllib.loads(files("psmap.catalog").joinpath("lesions.toml").read_text("utf-8"))


def checked(model: type[Table], table: object, where: str) -> Table:
    """A table of the catalogue as its model; a `ValueError` names the table and the key at fault."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ValueError(f"catalogue entry lesions.toml, {where}: {faults}") from error


@cache
def scanner_model() -> ScannerModel:
    """The scanner model of the catalogue."""
    return checked(ScannerModel, lesion_catalog()["scanner"], "scanner")


@cache
def advanced_fit() -> AdvancedFit:
    """The fit of the catalogue."""
    table = {key: value for key, value in lesion_catalog()["advanced"].items() if key != "regions"}
    return checked(AdvancedFit, table, "advanced")


def draw_advanced(rng: np.random.Generator, fit: AdvancedFit) -> tuple[Floats, Floats]:
    """Volumes (mL) and SUVs (g/mL) of one man's lesions, in arrays of one length, at least 1."""
    number_z, own_z = rng.standard_normal(2)
    number = draw_number(float(number_z), fit)
    correlation = fit.number_suv_correlation
    own_suv = fit.suv_between * (correlation * number_z + math.sqrt(1.0 - correlation**2) * own_z)
    own_volume = fit.volume_between * rng.standard_normal()
    log_volume = _log_volumes(rng, fit, own_volume, number)
    log_suv = fit.suv_mu + own_suv + fit.suv_slope * log_volume + fit.suv_within * rng.standard_normal(number)
    return np.exp(log_volume), np.clip(np.exp(log_suv), fit.least_suv, fit.most_suv)


def _log_volumes(rng: np.random.Generator, fit: AdvancedFit, own: float, number: int) -> Floats:
    """Logarithms of volumes; what lies beyond the least and the most is drawn again."""
    least, most = math.log(fit.least_volume_ml), math.log(fit.most_volume_ml)
    found: Floats = np.empty(number)
    left = np.arange(number)
    while len(left):
        found[left] = fit.volume_mu + own + fit.volume_sigma * rng.standard_normal(len(left))
        found[left] += fit.volume_tau * rng.standard_exponential(len(left))
        left = left[(found[left] < least) | (found[left] > most)]
    return found


def draw_number(standard_normal: float, fit: AdvancedFit) -> int:
    """The number of lesions that belongs to a draw from the standard normal law."""
    share = float(betaincinv(fit.number_a, fit.number_b, ndtr(standard_normal)))
    return max(1, round(math.exp(share * math.log(fit.number_scale))))


def draw_profile(rng: np.random.Generator, volume_ml: float) -> tuple[float, float]:
    """SUV at a lesion's margin against its centre, and the power of its core (see `DrawnFocus`).

    SUVmean/SUVmax of the table falls from 0.63 at 1 mL to 0.37 above 40 mL: small lesions are even, large ones have a
    hot core in a fainter rest. 0.45 is as faint as the rest may be: a contour at 41 % of SUVmax would cut it off.
    """
    size = math.log(max(volume_ml, 0.5) / 0.5)
    rim = 1.0 - 0.20 * size + 0.06 * rng.standard_normal()
    core = 1.0 + 0.7 * size + 0.3 * rng.standard_normal()
    return min(1.0, max(0.45, rim)), min(4.0, max(1.0, core))
