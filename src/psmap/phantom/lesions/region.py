"""What lies in a solid and in none of others: asked point by point, of the others only those that are near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray
from psmap.phantom.anatomy.solids import Solid


class Crowd:
    """Many solids, of which few are near any point."""

    def __init__(self, solids: Sequence[Solid]) -> None:
        self._solids = tuple(solids)
        self._low = np.array([solid.low for solid in solids]).reshape(-1, 3)
        self._high = np.array([solid.high for solid in solids]).reshape(-1, 3)

    def touching(self, low: npt.ArrayLike, high: npt.ArrayLike) -> tuple[Solid, ...]:
        """Those whose boxes touch a box (mm)."""
        near = np.all((self._low < np.asarray(high)) & (self._high > np.asarray(low)), axis=1)
        return tuple(self._solids[n] for n in np.flatnonzero(near))

    def hold(self, points: FloatArray, deeper_mm: float = 0.0) -> npt.NDArray[np.bool_]:
        """Which of points (n, 3) lie deeper than that in any of them."""
        held = np.zeros(len(points), np.bool_)
        if len(points) == 0:
            return held
        for solid in self.touching(points.min(axis=0), points.max(axis=0)):
            free = np.flatnonzero(np.all((points > solid.low) & (points < solid.high), axis=1) & ~held)
            held[free] = distances(solid, points[free]) < -deeper_mm
        return held


class Region:
    """What lies in a solid and in none of a crowd."""

    def __init__(self, solid: Solid, others: Sequence[Solid] = ()) -> None:
        self.solid = solid
        self._others = Crowd(Crowd(others).touching(solid.low, solid.high))

    def holds(self, points: FloatArray) -> npt.NDArray[np.bool_]:
        """Which of points (n, 3), mm, lie in the region."""
        held = np.zeros(len(points), np.bool_)
        boxed = np.flatnonzero(np.all((points > self.solid.low) & (points < self.solid.high), axis=1))
        held[boxed] = distances(self.solid, points[boxed]) < 0.0
        inside = np.flatnonzero(held)
        held[inside] = ~self._others.hold(points[inside])
        return held


def distances(solid: Solid, points: FloatArray) -> npt.NDArray[np.float32]:
    """Signed distances (mm) of points (n, 3) from a solid's surface."""
    if len(points) == 0:
        return np.empty(0, np.float32)
    x, y, z = np.ascontiguousarray(points.T, dtype=np.float32)
    return solid.distance(x, y, z)
