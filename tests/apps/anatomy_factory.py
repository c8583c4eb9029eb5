"""Anatomies made of boxes and references made by hand, for the tests of the report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from psmap.domain.anatomy import (
    Absence,
    Anatomy,
    FoundStructure,
    MissingStructure,
    OrganUptakeRow,
    Reference,
    ReferenceOrgan,
    ReferenceVoi,
    SitePlace,
)
from psmap.domain.geometry import Grid, Vector
from psmap.domain.image import LabelImage

Box = tuple[Vector, Vector]

NAMES = {
    "liver": ("Liver", "organ"),
    "spleen": ("Spleen", "organ"),
    "kidney_left": ("Kidney, left", "organ"),
    "kidney_right": ("Kidney, right", "organ"),
    "aorta": ("Aorta", "vessel"),
    "vertebra_l3": ("L3 vertebra", "bone"),
    "parotid_left": ("Parotid gland, left", "gland"),
    "colon": ("Colon", "bowel"),
    "urinary_bladder": ("Urinary bladder", "urinary"),
    "muscle": ("Muscle", "muscle"),
}
"""Id -> printed name and group."""

BOXES: Mapping[str, Box] = {
    "liver": ((-150, -70, 360), (-20, 50, 490)),
    "spleen": ((70, 0, 390), (130, 70, 470)),
    "kidney_right": ((-90, 20, 270), (-40, 70, 370)),
    "kidney_left": ((40, 20, 280), (90, 70, 380)),
    "aorta": ((-10, 10, 200), (14, 34, 500)),
    "vertebra_l3": ((-24, 40, 240), (24, 80, 270)),
    "parotid_left": ((40, -20, 620), (70, 20, 680)),
    "colon": ((100, -60, 150), (140, -20, 350)),
    "urinary_bladder": ((-40, -70, -10), (40, -10, 50)),
}
"""Lowest and highest corner, LPS mm, near the organs of `case_factory.man`."""


def anatomy_of_boxes(
    grid: Grid, boxes: Mapping[str, Box] = BOXES, *, cut: str = "", unsure: str = "", notices: tuple[str, ...] = ()
) -> Anatomy:
    """Every voxel whose centre lies in a box belongs to it."""
    index = np.indices(grid.shape).reshape(3, -1).T
    points = grid.to_mm(index)
    labels = np.zeros(grid.size, dtype=np.int32)
    found = []
    for number, (id, (low, high)) in enumerate(boxes.items(), start=1):
        inside = np.all((points >= low) & (points <= high), axis=1)
        labels[inside] = number
        x, y, z = (float(c) for c in points[inside].mean(axis=0))
        name, group = NAMES[id]
        voxels = int(inside.sum())
        volume = voxels * grid.voxel_ml
        confidence = 0.31 if id == unsure else 0.93
        found.append(FoundStructure(number, id, name, None, group, voxels, volume, (x, y, z), id == cut, confidence))
    missing = (
        *(MissingStructure(f"rib_{n}_{side}", f"Rib {n}, {side}", Absence.OUTSIDE_VIEW) for n in (1, 2, 3)
          for side in ("left", "right")),
        MissingStructure("skull", "Skull", Absence.OUTSIDE_VIEW),
        MissingStructure("gallbladder", "Gallbladder", Absence.NOT_FOUND),
        MissingStructure("prostate", "Prostate", Absence.REMOVED),
        *(MissingStructure(f"structure_{n}", f"Structure {n}", Absence.NOT_NAMED) for n in range(100)),
    )  # fmt: skip
    image = LabelImage(grid, labels.reshape(grid.shape), dict(enumerate(boxes, start=1)))
    return Anatomy(image, tuple(found), missing, "boxes made by hand 1.0", notices)


REFERENCES = (
    Reference(
        ReferenceOrgan.BLOOD_POOL, 1.234, 0.117, 1.689,
        (ReferenceVoi("aorta", (2.0, 22.0, 450.0), 20.0, 65, 4.16),), "", (), "PROMISE made by hand",
    ),
    Reference(
        ReferenceOrgan.LIVER, 5.678, 0.811, 7.432,
        (ReferenceVoi("liver", (-90.0, -10.0, 420.0), 30.0, 220, 14.08),), "",
        ("a smaller sphere, for want of room",), "PROMISE made by hand",
    ),
    Reference(ReferenceOrgan.SPLEEN, None, None, None, (), "the spleen was not found", (), "PROMISE made by hand"),
    Reference(
        ReferenceOrgan.PAROTID, 13.579, 3.21, 24.68,
        (ReferenceVoi("parotid_left", (55.0, 0.0, 650.0), None, 391, 25.02),), "", ("one gland of two",), "ours",
    ),
)  # fmt: skip

UPTAKE = (
    OrganUptakeRow("liver", "Liver", 1512.34, 5.612, 5.587, 9.143, False, 2.02, 8.81, "fifty men.", 5.678, "a sphere"),
    OrganUptakeRow("spleen", "Spleen", 171.5, 1.031, 1.017, 2.204, True, 1.12, 15.13, "fifty men.", 1.044, "a sphere"),
    OrganUptakeRow("colon", "Colon", 803.9, 3.402, 3.333, 8.105, False, 0.41, 2.43, "ours", 3.517, "inside"),
    OrganUptakeRow("heart", "Heart", 702.1, 1.653, 1.664, 2.755, False, None, None, ""),
)


def places_of(sites: int) -> tuple[SitePlace, ...]:
    """Places of sites 1 to n: in the liver, in the liver but mostly kidney, and outside all, by turns."""
    kinds = (
        ("liver", (("liver", 0.81),), None, "liver"),
        ("liver", (("kidney_right", 0.55), ("liver", 0.45)), None, "kidney_right"),
        (None, (), "obturator_node_left", None),
    )
    return tuple(SitePlace(n, *kinds[(n - 1) % 3]) for n in range(1, sites + 1))
