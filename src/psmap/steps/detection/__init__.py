"""From SUV to sites of raised uptake."""

from psmap.steps.detection.sites import SitesByDefinition, detect_by_definition, detect_sites, site_labels
from psmap.steps.detection.thresholds import DEFINITIONS, liver_threshold_suv

__all__ = [
    "DEFINITIONS",
    "SitesByDefinition",
    "detect_by_definition",
    "detect_sites",
    "liver_threshold_suv",
    "site_labels",
]
