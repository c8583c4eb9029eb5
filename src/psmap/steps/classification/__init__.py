"""From sites to findings."""

from psmap.steps.classification.unclassified import await_verdict

__all__ = ["await_verdict"]
