"""psmap: from the voxels of a PSMA PET/CT to the decision it should change. Research software, not a medical device."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from psmap.version import __version__

if TYPE_CHECKING:
    from psmap.apps.anatomy import anatomy as anatomy
    from psmap.apps.batching import batch as batch
    from psmap.apps.demonstration import demo as demo
    from psmap.apps.men import men as men
    from psmap.apps.reading import read as read
    from psmap.apps.reading import suv as suv
    from psmap.apps.show import show as show
    from psmap.domain.anatomy import Anatomy as Anatomy
    from psmap.domain.case import Case as Case
    from psmap.domain.refusal import Refused as Refused

_PUBLIC = {
    "Anatomy": ("psmap.domain.anatomy", "Anatomy"),
    "Case": ("psmap.domain.case", "Case"),
    "Refused": ("psmap.domain.refusal", "Refused"),
    "anatomy": ("psmap.apps.anatomy", "anatomy"),
    "batch": ("psmap.apps.batching", "batch"),
    "demo": ("psmap.apps.demonstration", "demo"),
    "men": ("psmap.apps.men", "men"),
    "read": ("psmap.apps.reading", "read"),
    "show": ("psmap.apps.show", "show"),
    "suv": ("psmap.apps.reading", "suv"),
}

__all__ = ["Anatomy", "Case", "Refused", "__version__", "anatomy", "batch", "demo", "men", "read", "show", "suv"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        module, attribute = _PUBLIC[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module 'psmap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
