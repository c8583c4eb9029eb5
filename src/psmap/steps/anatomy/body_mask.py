"""The body on the working grid: from CT without the table, from PET where there is no CT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.steps.anatomy.working_grid import VOXEL_MM, Box, WorkingScan

Mask = npt.NDArray[np.bool_]
Floats32 = npt.NDArray[np.float32]

BODY_HU = -300.0
"""Between air and fat; table tops of foam under thin shells have less on the mean of a cube."""
RIM_HU = -550.0
"""Half air, half fat: the outermost cubes of the body."""
FREE_ML, FLESH_HU = 30.0, -150.0
"""A piece apart from the largest is body (a hand, an arm over the head) with this volume and this mean or more."""
EDGE_OF_MEDIAN = 0.25
"""The outline on PET runs where uptake falls to this share of the median within: fat has about half that of muscle."""
SETTLED_AFTER = 20
MARGIN_MM = 24.0
"""Air that is left round the body: the men of the training have as much."""

_IN_PLANE = np.array([[[0] * 3] * 3, [[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[0] * 3] * 3], bool)
_DISC = np.array([[[0, 1, 1, 1, 0], [1] * 5, [1] * 5, [1] * 5, [0, 1, 1, 1, 0]]], bool)


def body_mask(scan: WorkingScan) -> Mask:
    """Where the body is: on CT where a CT sees, on PET elsewhere. Lungs and bowel gas are of the body."""
    found = np.zeros(scan.grid.shape, bool)
    if scan.ct is not None:
        found |= _on_ct(scan.ct)
    if scan.pet is not None:
        unseen = np.ones(scan.grid.shape, bool) if scan.ct is None else ~np.isfinite(scan.ct)
        if unseen.any():
            found |= _on_pet(scan.pet) & unseen
    return found


def body_box(body: Mask) -> Box:
    """The body's box with a margin in the plane of the slices, and every slice; the whole where there is no body."""
    margin = round(MARGIN_MM / VOXEL_MM)
    parts = [slice(0, body.shape[0])]
    for axis in (1, 2):
        held = np.flatnonzero(body.any(axis=(0, 3 - axis)))
        ends = (int(held[0]), int(held[-1]) + 1) if held.size else (0, body.shape[axis])
        parts.append(slice(max(ends[0] - margin, 0), min(ends[1] + margin, body.shape[axis])))
    return parts[0], parts[1], parts[2]


def _on_ct(ct: Floats32) -> Mask:
    """Dense enough, without sheets thinner than about 16 mm (table, clothes), and what such flesh encloses."""
    dense: Mask = ct > BODY_HU
    solid = _filled(_flesh(ndimage.binary_opening(dense, _IN_PLANE), ct))
    opened = _flesh(ndimage.binary_opening(solid, _DISC), ct)
    # what opening took off corners, fingers and ears comes back
    regained: Mask = ndimage.binary_dilation(opened, _IN_PLANE, iterations=2, mask=opened | (solid & dense))
    rim: Mask = ndimage.binary_dilation(regained, _IN_PLANE, mask=regained | (ct > RIM_HU))
    return _filled(rim)


def _flesh(mask: Mask, ct: Floats32) -> Mask:
    """The largest piece, and others that are large and dense enough."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    size = np.bincount(pieces.ravel(), minlength=count + 1)
    size[0] = 0
    total = np.bincount(pieces.ravel(), np.where(mask, ct, np.float32(0.0)).ravel(), minlength=count + 1)
    keep = (size * VOXEL_MM**3 / 1000.0 >= FREE_ML) & (total / np.maximum(size, 1) >= FLESH_HU)
    keep[int(size.argmax())] = True
    keep[0] = False
    held: Mask = keep[pieces]
    return held


def _on_pet(pet: Floats32) -> Mask:
    """The largest connected outline, at a border that is the same whatever the scale; holes filled slice by slice."""
    known = np.isfinite(pet)
    soft = ndimage.gaussian_filter(np.where(known, pet, np.float32(0.0)), 1.0)
    inside: Mask = known & (soft > max(0.5 * float(soft[known].mean()) if known.any() else 0.0, 0.0))
    if not inside.any():
        return inside
    for _ in range(SETTLED_AFTER):
        wider = _largest(known & (soft > EDGE_OF_MEDIAN * float(np.median(soft[inside]))))
        if np.array_equal(wider, inside):
            break
        inside = wider
    return _filled(inside)


def _largest(mask: Mask) -> Mask:
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    largest: Mask = pieces == int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
    return largest


def _filled(mask: Mask) -> Mask:
    """With holes filled slice by slice."""
    holes, count = ndimage.label(~mask, _IN_PLANE)
    outside = np.zeros(count + 1, bool)
    for side in (holes[:, 0], holes[:, -1], holes[:, :, 0], holes[:, :, -1]):
        outside[side.ravel()] = True
    outside[0] = False
    found: Mask = mask | ~outside[holes]
    return found
