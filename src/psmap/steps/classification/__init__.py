"""From sites to findings."""

from psmap.steps.classification.unclassified import NOT_CLASSIFIED, await_verdict

__all__ = ["NOT_CLASSIFIED", "await_verdict"]
