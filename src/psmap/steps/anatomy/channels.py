"""What the network of anatomy sees of a scan: CT in two windows, PET on a logarithmic scale, and where there is either.

Voxels are cubes of 4 mm, [k, j, i] upwards, backwards and to the left of the patient.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats32 = npt.NDArray[np.float32]

CHANNELS = ("ct_wide", "ct_soft", "pet", "has_ct", "has_pet")
WIDE_HU, SOFT_HU = (-1000.0, 1500.0), (-200.0, 300.0)
"""CT is clipped to these; the first is divided by 1000, the second runs from -1 to 1."""
PET_SCALE = 3.0
"""ln(1 + SUV) is divided by this: a SUV of 19 is 1."""


def channels_of(ct: Floats32, pet: Floats32, has_ct: Floats32, has_pet: Floats32) -> Floats32:
    """CT (HU), PET (SUV, g/mL) and where each is (0 or 1), all [k, j, i] -> [5, k, j, i]; what is missing is 0."""
    found = np.empty((len(CHANNELS), *ct.shape), np.float32)
    np.multiply(np.clip(ct, *WIDE_HU), has_ct / np.float32(1000.0), out=found[0])
    np.multiply(np.clip(ct, *SOFT_HU) - np.float32(50.0), has_ct / np.float32(250.0), out=found[1])
    np.multiply(np.log1p(np.maximum(pet, 0.0)), has_pet / np.float32(PET_SCALE), out=found[2])
    found[3], found[4] = has_ct, has_pet
    return found
