"""From findings to tumour burden."""

from psmap.steps.burden.volumes import measure_burden

__all__ = ["measure_burden"]
