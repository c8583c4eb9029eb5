"""From stored PET values to SUV."""

from psmap.steps.quantification.balance import balance_activity
from psmap.steps.quantification.suv import (
    SuvInputs,
    convert_to_suv,
    normalised_factors,
    suv_conversion,
    suv_factor,
)

__all__ = ["SuvInputs", "balance_activity", "convert_to_suv", "normalised_factors", "suv_conversion", "suv_factor"]
