"""Reading an image between its voxels: weights along each axis where axes are parallel, point by point where not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from psmap.domain.geometry import FloatArray
from psmap.numerics.compiled import compiled

Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]

AIR_HU = -1024.0
"""What lies outside a CT's circle is stored as less than air (-2000, -3024): it is read as air."""


@dataclass(frozen=True, slots=True, eq=False)
class Taps:
    """Along one axis: which source voxels each target reads, and with what weights [target, tap]; no weight outside."""

    index: Ints
    weight: Floats32

    def part(self, first: int, last: int) -> Taps:
        """Those of some targets."""
        return Taps(self.index[first:last], self.weight[first:last])


def mean_taps(at: FloatArray, count: int) -> Taps:
    """Weights of the mean over each target's own length of what lies linearly between the source's centres.

    The source is as its outermost voxel up to that voxel's edge; what lies beyond does not count, and a target whose
    middle lies there has no weight.
    """
    half = 0.5 * (abs(float(at[1] - at[0])) if len(at) > 1 else 1.0)
    low, high = np.maximum(at - half, -0.5), np.minimum(at + half, count - 0.5)
    width = int(np.ceil(2.0 * half)) + 3
    index = np.floor(low).astype(np.intp)[:, None] + np.arange(width)
    weight = _risen(high[:, None] - index) - _risen(low[:, None] - index)
    return _inside(index, weight, at, count)


def point_taps(at: FloatArray, count: int) -> Taps:
    """Weights of the value at each target's middle, linear between the source's centres."""
    clipped = np.clip(at, 0.0, count - 1.0)
    index = np.floor(clipped).astype(np.intp)[:, None] + np.arange(2)
    weight = np.maximum(0.0, 1.0 - np.abs(clipped[:, None] - index))
    return _inside(index, weight, at, count)


def _inside(index: Ints, weight: FloatArray, at: FloatArray, count: int) -> Taps:
    """Weights beyond the ends go to the outermost voxels; targets outside have none."""
    total = weight.sum(axis=1, keepdims=True)
    seen = ((at >= -0.5) & (at <= count - 0.5))[:, None]
    share = np.where(seen, weight / np.where(total > 0.0, total, 1.0), 0.0)
    return Taps(np.clip(index, 0, count - 1), share.astype(np.float32))


def _risen(x: FloatArray) -> FloatArray:
    """Integral of the hat of width 2 and height 1 from its left end to x."""
    y = np.clip(x, -1.0, 1.0)
    found: FloatArray = np.where(y < 0.0, 0.5 * (1.0 + y) ** 2, 1.0 - 0.5 * (1.0 - y) ** 2)
    return found


def apply_taps(source: npt.NDArray[np.generic], taps: tuple[Taps, Taps, Taps]) -> Floats32:
    """Weighted sums of a source along its three axes; NaN where an axis has no weight."""
    shape = tuple(len(axis.index) for axis in taps)
    found = np.zeros(shape, np.float32)
    used = taps[0].index[taps[0].weight.any(axis=1)]
    if used.size:
        first, last = int(used.min()), int(used.max()) + 1
        chunk = np.ascontiguousarray(source[first:last])
        k = np.clip(taps[0].index - first, 0, len(chunk) - 1)
        _weigh(
            chunk, k, taps[0].weight, taps[1].index, taps[1].weight, taps[2].index, taps[2].weight,
            np.float32(AIR_HU), found,
        )  # fmt: skip
    for axis, own in enumerate(taps):
        np.moveaxis(found, axis, 0)[~own.weight.any(axis=1)] = np.nan
    return found


@compiled
def _weigh(
    chunk: npt.NDArray[np.generic],
    k_at: Ints,
    k_weight: Floats32,
    j_at: Ints,
    j_weight: Floats32,
    i_at: Ints,
    i_weight: Floats32,
    least: np.float32,
    found: Floats32,
) -> None:
    """Add every source slice, reduced along j, then along i, to the target slices that read it."""
    slices, _, width = chunk.shape
    rows, columns = len(j_at), len(i_at)
    line, plane = np.empty(width, np.float32), np.empty((rows, columns), np.float32)
    for s in range(slices):
        for j in range(rows):
            line[:] = 0.0
            for tap in range(j_at.shape[1]):
                weight = j_weight[j, tap]
                if weight != 0.0:
                    row = chunk[s, j_at[j, tap]]
                    for i in range(width):
                        line[i] += weight * max(np.float32(row[i]), least)
            for i in range(columns):
                total = np.float32(0.0)
                for tap in range(i_at.shape[1]):
                    total += i_weight[i, tap] * line[i_at[i, tap]]
                plane[j, i] = total
        for k in range(len(k_at)):
            for tap in range(k_at.shape[1]):
                if k_at[k, tap] == s and k_weight[k, tap] != 0.0:
                    weight = k_weight[k, tap]
                    for j in range(rows):
                        for i in range(columns):
                            found[k, j, i] += weight * plane[j, i]


@compiled
def read_between(image: Floats32, start: FloatArray, steps: FloatArray, found: Floats32) -> None:
    """Linear values at indices start + steps [3, 3] times (k, j, i); NaN outside the outermost voxels' edges."""
    ends = np.array([float(n) for n in image.shape])
    low, share = np.zeros(3, np.int64), np.zeros(3)
    for k in range(found.shape[0]):
        for j in range(found.shape[1]):
            for i in range(found.shape[2]):
                inside = True
                for axis in range(3):
                    at = start[axis] + k * steps[0, axis] + j * steps[1, axis] + i * steps[2, axis]
                    inside = inside and at >= -0.5 and at <= ends[axis] - 0.5
                    at = min(max(at, 0.0), ends[axis] - 1.0)
                    low[axis] = int(at)
                    share[axis] = at - low[axis]
                if not inside:
                    found[k, j, i] = np.nan
                    continue
                total = 0.0
                for a in range(2 if share[0] > 0.0 else 1):
                    for b in range(2 if share[1] > 0.0 else 1):
                        for c in range(2 if share[2] > 0.0 else 1):
                            weight = share[0] if a else 1.0 - share[0]
                            weight *= share[1] if b else 1.0 - share[1]
                            weight *= share[2] if c else 1.0 - share[2]
                            total += weight * image[low[0] + a, low[1] + b, low[2] + c]
                found[k, j, i] = total


@compiled
def read_nearest(labels: Bytes, start: FloatArray, steps: FloatArray, found: Bytes) -> None:
    """Nearest labels at indices start + steps [3, 3] times (k, j, i); what lies outside is left as it is."""
    depth, height, width = labels.shape
    for k in range(found.shape[0]):
        for j in range(found.shape[1]):
            for i in range(found.shape[2]):
                a = int(np.floor(start[0] + k * steps[0, 0] + j * steps[1, 0] + i * steps[2, 0] + 0.5))
                b = int(np.floor(start[1] + k * steps[0, 1] + j * steps[1, 1] + i * steps[2, 1] + 0.5))
                c = int(np.floor(start[2] + k * steps[0, 2] + j * steps[1, 2] + i * steps[2, 2] + 0.5))
                if 0 <= a < depth and 0 <= b < height and 0 <= c < width:
                    found[k, j, i] = labels[a, b, c]
