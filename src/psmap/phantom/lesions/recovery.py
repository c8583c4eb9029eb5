"""How much of a small focus's SUV a scanner shows, in closed form, and back from what it shows to what is there.

A sphere of radius R and SUV 1 blurred by a Gaussian of standard deviation s has at its centre, with u = R / s,

    recovery = erf(u / sqrt 2) - sqrt(2 / pi) u exp(-u^2 / 2)

(the chance that a normal point in three dimensions lies within R). The voxel counts as a part of the blur: a box of
width w has the variance w^2 / 12 along each axis, and the way from the centre of the focus to that of the hottest voxel
takes about half as much again, w^2 / 8 together: within 8 % of spheres of 6 to 14 mm painted anywhere between voxels of
4 mm.
"""

from __future__ import annotations

import math

from psmap.phantom.lesions.focus import diameter_mm
from psmap.phantom.scanner import FWHM_PER_SIGMA


def peak_recovery(volume_ml: float, psf_fwhm_mm: float, voxel_mm: float) -> float:
    """Share (0 to 1) of the contrast of a sphere of that volume that its hottest voxel keeps, on average."""
    spread = math.sqrt((psf_fwhm_mm / FWHM_PER_SIGMA) ** 2 + voxel_mm**2 / 8.0)
    u = 0.5 * diameter_mm(volume_ml) / spread
    return math.erf(u / math.sqrt(2.0)) - math.sqrt(2.0 / math.pi) * u * math.exp(-0.5 * u * u)


def seen_suv(suv: float, volume_ml: float, background_suv: float, psf_fwhm_mm: float, voxel_mm: float) -> float:
    """SUVmax that a scanner shows of a sphere in a uniform background, without noise."""
    return background_suv + (suv - background_suv) * peak_recovery(volume_ml, psf_fwhm_mm, voxel_mm)


def true_suv(seen: float, volume_ml: float, background_suv: float, psf_fwhm_mm: float, voxel_mm: float) -> float:
    """The SUV that would show as that SUVmax: `seen_suv` backwards."""
    return background_suv + (seen - background_suv) / peak_recovery(volume_ml, psf_fwhm_mm, voxel_mm)
