"""Published uptake that men are held to, and how each figure was read; figures of `../shared/domain.md` 2.3 and of the
papers named. A figure that the catalogue was set by is marked as such: then it is a test of the way from the catalogue
to the image, not of the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass

FIFTY = "50 men, doi 10.1186/s13550-024-01097-3"
LI = "65 scans, Li 2017, PMC5450367"
TRAGARDH = "1,086 men, Trägårdh 2025, doi 10.1111/cpf.70016 (median; interquartile range over 1.35)"
KURASH = "mean of 80 scans, Kurash 2020, doi 10.1038/s41598-020-60099-y; spread of SULmax, 32 %, Valstar"
WANG = "98 patients, Wang 2007, doi 10.1007/s11307-006-0075-y"
LIU = "spread of 343 patients, Liu 2019, doi 10.5812/iranjradiol.84881; mean general knowledge"
READERS = "55 men, Clin Nucl Med 2017;42(7), practical interpretation hurdles in 68Ga-PSMA PET/CT"
GENERAL = "general knowledge of the field"


@dataclass(frozen=True, slots=True)
class Published:
    """A mean and spread over men.

    Args:
        tracer: id.
        measured: name of the measurement in the table of men.
        organ: as printed.
        how: how it is read.
        mean, spread: SUV (g/mL).
        source: where it comes from.
        independent: whether the catalogue was not set by it.
        held_to: whether it counts for the gate.
    """

    tracer: str
    measured: str
    organ: str
    how: str
    mean: float
    spread: float
    source: str
    independent: bool = False
    held_to: bool = True


@dataclass(frozen=True, slots=True)
class Range:
    """A range in which the usual man lies; `measured` to `high` as in `Published`."""

    tracer: str
    measured: str
    organ: str
    how: str
    low: float
    high: float
    source: str = GENERAL


_SPHERE, _SMALL, _CONTOUR = "mean, 3 cm sphere", "mean, 2 cm sphere", "mean in 41 % of the maximum"
_MAX = "maximum"

PUBLISHED = (
    Published("psma-11", "liver", "liver", _SPHERE, 5.4, 1.7, FIFTY),
    Published("psma-11", "spleen", "spleen", _SMALL, 8.1, 3.5, FIFTY),
    Published("psma-11", "parotid", "parotid", _CONTOUR, 14.5, 4.6, KURASH),
    Published("psma-11", "submandibular", "submandibular", _CONTOUR, 13.0, 4.2, KURASH),
    Published("psma-11", "kidney", "kidney", _CONTOUR, 30.0, 8.0, "between three sources, see the catalogue"),
    Published("psma-1007", "liver", "liver", _SPHERE, 11.7, 3.9, FIFTY),
    Published("psma-1007", "spleen", "spleen", _SMALL, 11.2, 3.5, FIFTY),
    Published("psma-1007", "kidney", "kidney", _CONTOUR, 13.1, 3.4, TRAGARDH),
    Published("psma-1007", "parotid", "parotid", _CONTOUR, 18.6, 5.0, TRAGARDH),
    Published("psma-1007", "liver_whole", "liver", "mean, whole organ", 11.8, 3.3, TRAGARDH, independent=True),
    Published("dcfpyl", "liver_whole", "liver", "mean, whole organ", 5.0, 0.7, LI),
    Published("dcfpyl", "liver", "liver", _SPHERE, 5.1, 0.7, LI, independent=True),
    Published("dcfpyl", "spleen", "spleen", _SMALL, 4.0, 1.5, LI),
    Published("dcfpyl", "parotid", "parotid", _CONTOUR, 9.05, 2.05, LI),
    Published("dcfpyl", "submandibular", "submandibular", _CONTOUR, 9.5, 2.25, LI),
    Published("dcfpyl", "lacrimal", "lacrimal", _CONTOUR, 6.5, 1.8, LI),
    Published("dcfpyl", "kidney", "kidney", _CONTOUR, 19.75, 4.55, LI),
    Published("fdg", "liver", "liver", _SPHERE, 2.2, 0.48, LIU),
    Published("fdg", "sublingual", "sublingual", _CONTOUR, 3.3, 1.5, WANG),
    Published("psma-11", "liver_max", "liver", _MAX, 8.2, 2.5, READERS, independent=True, held_to=False),
    Published("psma-11", "spleen_max", "spleen", _MAX, 10.9, 3.9, READERS, independent=True, held_to=False),
    Published("psma-11", "parotid_max", "parotid", _MAX, 24.4, 8.1, READERS, independent=True, held_to=False),
    Published("psma-11", "submandibular_max", "submandibular", _MAX, 26.7, 7.1, READERS, True, False),
    Published("psma-11", "lacrimal_max", "lacrimal", _MAX, 15.7, 7.2, READERS, independent=True, held_to=False),
    Published("psma-11", "kidney_max", "kidney", _MAX, 66.4, 25.4, READERS, independent=True, held_to=False),
    Published("psma-11", "duodenum_max", "duodenum", _MAX, 17.6, 8.9, READERS, independent=True, held_to=False),
)

RANGES = (
    Range("psma-11", "aorta", "blood in the aorta", "mean, 1.5 cm sphere", 1.5, 2.0),
    Range("psma-11", "lacrimal_max", "lacrimal", _MAX, 5.0, 10.0),
    Range("psma-11", "kidney_max", "kidney", _MAX, 40.0, 60.0),
    Range("psma-11", "duodenum_max", "duodenum", _MAX, 8.0, 15.0),
    Range("psma-11", "bladder_max", "bladder", _MAX, 10.0, 100.0),
    Range("psma-1007", "aorta", "blood in the aorta", "mean, 1.5 cm sphere", 1.5, 2.0),
    Range("psma-1007", "duodenum_max", "duodenum", _MAX, 10.0, 15.0),
    Range("psma-1007", "bladder_max", "bladder", _MAX, 2.0, 8.0),
    Range("dcfpyl", "aorta", "blood in the aorta", "mean, 1.5 cm sphere", 1.5, 2.0),
    Range("dcfpyl", "duodenum_max", "duodenum", _MAX, 8.0, 12.0),
    Range("dcfpyl", "bladder_max", "bladder", _MAX, 20.0, 100.0),
)

PUT_IN = {
    "aorta": "blood", "lung": "lung", "muscle": "muscle", "marrow": "marrow", "brain": "brain",
    "heart_wall": "heart_wall", "sublingual": "sublingual", "gallbladder": "gallbladder", "pancreas": "pancreas",
    "prostate": "prostate",
}  # fmt: skip
"""Measurement -> entry of the catalogue without a published figure: does what was put in come out?"""

EARL_1 = {
    10.0: ((0.27, 0.43), (0.34, 0.57)), 13.0: ((0.44, 0.60), (0.59, 0.85)), 17.0: ((0.57, 0.73), (0.73, 1.01)),
    22.0: ((0.63, 0.78), (0.83, 1.09)), 28.0: ((0.72, 0.85), (0.91, 1.13)), 37.0: ((0.76, 0.89), (0.95, 1.16)),
}  # fmt: skip
"""Diameter (mm) -> limits of SUV over truth in a 50 % isocontour and of the maximum, EARL 18F standard 1: page of
the accreditation specifications, January 2017."""
