"""psmap: from the voxels of a PSMA PET/CT to the decision it should change. Research software, not a medical device."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from psmap.domain.case import Case as Case
    from psmap.domain.refusal import Refused as Refused

_PUBLIC = {
    "Case": "psmap.domain.case",
    "Refused": "psmap.domain.refusal",
}

__all__ = ["Case", "Refused", "__version__"]


def __getattr__(name: str) -> object:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'psmap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
