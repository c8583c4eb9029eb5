"""Where along the body a structure usually lies, and so whether the field of view can hold it.

Usual heights (`catalog/body_heights.toml`) are mm above the middle of L5 in a man whose T1 stands 413 mm above it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psmap.catalog.body_heights import load_body_heights

REFERENCE_L5_MM, REFERENCE_SCALE = 12.0, 1.057
"""Where the reference adult man has the middle of L5 (his frame has its origin at the lower end of L5), and his mm for
each mm of a usual height: a line through his vertebrae, validation/men/mass_by_height.py."""
TOP_OF_HEAD_MM, SKULL_BASE_MM, PELVIC_FLOOR_MM = 665.0, 535.0, -215.0
SCALES = (0.75, 1.3)
FAR_APART_MM, LONG_MM = 60.0, 150.0
"""Anchors nearer to each other say nothing of a man's size; all of them within a shorter stretch neither."""
INSIDE_MM = 10.0


class BodyAxis:
    """A man's heights on the scale of usual heights, fitted through what was found of him."""

    def __init__(self, anchors: Mapping[str, float]) -> None:
        """From label ids to z of their centroids (LPS, mm); `ValueError` where none has a usual height."""
        pairs = [(usual, z) for name, z in anchors.items() if (usual := usual_mm(name)) is not None]
        if not pairs:
            raise ValueError("no structure with a usual height was found")
        usual, z = np.array(pairs, np.float64).T
        across = usual[:, None] - usual[None, :]
        far = across > FAR_APART_MM
        slope = 1.0
        if np.ptp(usual) >= LONG_MM and far.any():
            slope = float(np.clip(np.median((z[:, None] - z[None, :])[far] / across[far]), *SCALES))
        self.scale = slope
        self.firm = float(np.ptp(usual)) >= LONG_MM
        self.zero_mm = float(np.median(z - slope * usual))
        self.scatter_mm = float(np.median(np.abs(z - self.zero_mm - slope * usual)))

    def z_mm(self, usual: float) -> float:
        """z (LPS) of a usual height."""
        return self.zero_mm + self.scale * usual

    def reference_mm(self, z_mm: float) -> float:
        """The height in the reference man's frame of a z (LPS) of this man."""
        return REFERENCE_L5_MM + REFERENCE_SCALE * (z_mm - self.zero_mm) / self.scale


def usual_mm(name: str) -> float | None:
    """Usual height of a label or station, left and right alike; None where it has none (fat, muscle, forearms)."""
    return load_body_heights().get(name.removesuffix("_left").removesuffix("_right"))
