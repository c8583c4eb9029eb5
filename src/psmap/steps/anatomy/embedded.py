"""The embedded default: from CT, PET or both to the named structures of a scan, and what is missing and why.

Both images go onto cubes of 4 mm, the network names them, plain rules and the count of vertebrae and ribs put right
what they are surer of, and what is left is said with a confidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from psmap.catalog.anatomy import load_anatomy
from psmap.catalog.anatomy_labels import AnatomyLabel, load_labels
from psmap.domain.anatomy import Absence, Anatomy, FoundStructure, MissingStructure
from psmap.domain.geometry import Grid
from psmap.domain.image import CtImage, LabelImage, PetImage
from psmap.steps.anatomy.body_axis import (
    INSIDE_MM,
    PELVIC_FLOOR_MM,
    SKULL_BASE_MM,
    TOP_OF_HEAD_MM,
    BodyAxis,
    usual_mm,
)
from psmap.steps.anatomy.body_mask import Mask, body_box, body_mask
from psmap.steps.anatomy.levels import count_levels
from psmap.steps.anatomy.network import Session, name_voxels
from psmap.steps.anatomy.rules import apply_rules
from psmap.steps.anatomy.working_grid import VOXEL_MM, WorkingScan, cropped, in_view, working_scan

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

SOURCE = "psmap's own network of anatomy"
LEAST_BODY_ML = 200.0
LEAST_ML: Mapping[str, float] = {
    "vertebra": 2.0, "rib": 1.5, "bone": 2.0, "implant": 5.0, "organ": 5.0, "bowel": 3.0, "fat": 5.0,
    "urinary": 0.5, "genital": 0.5, "lung": 20.0, "airway": 2.0, "gland": 0.5, "muscle": 2.0, "vessel": 0.4,
}  # fmt: skip
LEAST_ML_OF: Mapping[str, float] = {
    "coccyx": 0.4, "adrenal": 0.6, "lacrimal": 0.1, "sublingual": 0.2, "tubarial": 0.2, "parotid": 2.0,
    "liver": 100.0, "heart": 50.0, "brain": 20.0, "urinary_bladder": 5.0, "prostate": 3.0, "kidney": 15.0,
    "seminal_vesicles": 0.5, "spinal_cord": 1.0, "eyes": 1.0, "oesophagus": 1.0, "gallbladder": 1.5, "spleen": 10.0,
}  # fmt: skip
"""mL below which a structure is not found, by kind and by id without side: well below the least that digital men of the
training have, so that what is small but there is kept. A part at the edge of the field of view may be half as small."""
CUT_VOXELS = 3
ENOUGH_VERTEBRAE = 4
IN_PLACE_MM, MISPLACED_MM = 60.0, 220.0
"""Digital men spread by 3 to 12 mm; what is further off than the second figure is something else."""
SIDE_MM = 20.0
"""Body that touches the side of the field of view over more than this is said to be cut there."""
CIRCLE_HU = -1500
"""Corners with less lie outside the circle that the CT shows."""
NO_CT = (
    "no CT: named from PET alone; bones, vertebral levels, ribs, vessels and bowel are guesses of the network by "
    "uptake, and no rule on density was held against them"
)
NO_PET = "no PET: named from CT alone; glands, ureters, bladder and bowel are told apart by density only"


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """By number of a label: voxels, mean of their indices [number, 3], voxels at the edge of the view, confidence."""

    voxels: npt.NDArray[np.intp]
    centre: Floats
    at_edge: npt.NDArray[np.intp]
    confidence: Floats


def segment(
    ct: CtImage | None, pet: PetImage | None, trunk: Session, head: Session, *, threads: int = 2, source: str = SOURCE
) -> Anatomy:
    """The anatomy of a scan.

    The confidence of a structure is the mean, over its voxels, of the network's probability of the likeliest label,
    times how much of the structure the rules and the count left as the network had it (Dice), times, for vertebrae and
    ribs, the probability of the count; less where it lies away from its usual height. It is no probability that the
    outline is right, and it was not calibrated on patients: a low one says 'look', a high one does not say 'correct'.

    Args:
        ct, pet: in one frame of reference; one may be missing.
        trunk, head: sessions of the network's two files.
        threads: for the resampling.
        source: who named the voxels.

    Raises:
        ValueError: neither CT nor PET.
    """
    whole = working_scan(ct, pet, threads)
    body = body_mask(whole)
    if float(body.sum()) * whole.grid.voxel_ml < LEAST_BODY_ML:
        return _nothing(whole, source, "no body can be made out in CT or PET")
    notices = [*_which_images(whole), *_cut_at_the_sides(whole, ct, body)]
    seen = in_view(whole)
    # the network is shown the body and a little air, as it was taught
    box = body_box(body)
    scan, edge, ends = cropped(whole, box), (seen & ~ndimage.binary_erosion(seen))[box], _ends_mm(whole.grid, seen)
    body = np.ascontiguousarray(body[box])
    del whole, seen
    named = name_voxels(trunk, head, scan.ct, scan.pet)
    ruled = apply_rules(scan, named.labels, named.stations, body)
    counted = count_levels(ruled.labels)
    measured = _measure(counted.labels, named.labels, named.sure, edge, counted.probability)
    found, too_small = _found(measured, scan.grid)
    if scan.ct is not None and not any(structure.group == "bone" for structure in found):
        return _nothing(scan, source, "there is no bone in the CT, and so no man")
    axis = _axis(found)
    found, misplaced = _in_place(found, axis)
    too_small += [structure.number for structure in misplaced]
    # what is not believed has no name: what else it might be was not asked
    labels = np.where(np.isin(counted.labels, too_small), np.uint8(0), counted.labels)
    small_at_edge = {number for number in too_small if measured.at_edge[number]}
    missing = _missing(found, ruled.stations, small_at_edge, axis, ends)
    notices += [f"{one.name}: far from its usual height, not believed" for one in misplaced]
    notices += [*ruled.notices, *counted.notices, *_cut_short(axis, ends, found)]
    names = {structure.number: structure.id for structure in found}
    stations = dict(enumerate(load_labels().stations, start=1))
    return Anatomy(
        LabelImage(scan.grid, labels, names),
        found,
        missing,
        source,
        tuple(notices),
        LabelImage(scan.grid, ruled.stations, stations),
    )


def _nothing(scan: WorkingScan, source: str, why: str) -> Anatomy:
    """The anatomy of a scan in which there is no man."""
    labels = np.zeros(scan.grid.shape, np.uint8)
    missing = _missing((), labels, set(), None, (0.0, 0.0))
    return Anatomy(LabelImage(scan.grid, labels, {}), (), missing, source, (f"{why}: nothing is named",))


def _measure(labels: Bytes, before: Bytes, sure: npt.NDArray[np.float32], edge: Mask, probability: float) -> _Measured:
    table = load_labels().labels
    count = len(table) + 1
    flat = labels.reshape(-1)
    voxels = np.bincount(flat, minlength=count)
    centre = np.empty((count, 3))
    for axis in range(3):
        along = np.zeros(count)
        for n in range(labels.shape[axis]):
            along += n * np.bincount(labels.take(n, axis).ravel(), minlength=count)
        centre[:, axis] = along / np.maximum(voxels, 1)
    was, kept = np.bincount(before.ravel(), minlength=count), np.bincount(flat[flat == before.ravel()], minlength=count)
    agreement = 2.0 * kept / np.maximum(voxels + was, 1)
    mean = np.bincount(flat, sure.ravel(), minlength=count) / np.maximum(voxels, 1)
    counted = np.array([1.0, *(probability if label.kind in ("vertebra", "rib") else 1.0 for label in table)])
    at_edge = np.bincount(labels[edge], minlength=count)
    return _Measured(voxels, centre, at_edge, np.clip(mean * agreement * counted, 0.0, 1.0))


def _found(measured: _Measured, grid: Grid) -> tuple[tuple[FoundStructure, ...], list[int]]:
    """What is large enough, by number, and the numbers of what has voxels but too few."""
    found, too_small = [], []
    for label in load_labels().labels:
        n = label.number
        voxels, at_edge = int(measured.voxels[n]), int(measured.at_edge[n])
        ml = voxels * grid.voxel_ml
        if not voxels:
            continue
        least = least_ml(label) * (0.5 if at_edge else 1.0)
        if ml < least:
            too_small.append(n)
            continue
        (x, y, z), entry = grid.to_mm([measured.centre[n]])[0].tolist(), load_anatomy()[label.id]
        cut = at_edge >= CUT_VOXELS or at_edge >= 0.05 * voxels
        found.append(
            FoundStructure(
                n, label.id, entry.name, entry.code, entry.group, voxels, ml, (x, y, z), cut,
                round(float(measured.confidence[n]), 3),
            )
        )  # fmt: skip
    return tuple(found), too_small


def _in_place(
    found: tuple[FoundStructure, ...], axis: BodyAxis | None
) -> tuple[tuple[FoundStructure, ...], list[FoundStructure]]:
    """Confidence falls with the way from the usual height; what lies too far off is not believed.

    A kidney in the pelvis lies 150 to 200 mm low, and stays. Arms and what is cut may lie anywhere.
    """
    kept, misplaced = [], []
    for structure in found:
        usual = usual_mm(structure.id)
        if axis is None or not axis.firm or usual is None or structure.cut or structure.id.startswith("humerus"):
            kept.append(structure)
            continue
        away = abs(structure.centroid_mm[2] - axis.z_mm(usual))
        if away > MISPLACED_MM:
            misplaced.append(structure)
            continue
        factor = 1.0 - max(away - IN_PLACE_MM, 0.0) / MISPLACED_MM
        kept.append(replace(structure, confidence=round((structure.confidence or 0.0) * factor, 3)))
    return tuple(kept), misplaced


def _missing(
    found: tuple[FoundStructure, ...],
    stations: Bytes,
    at_edge: set[int],
    axis: BodyAxis | None,
    ends: tuple[float, float],
) -> tuple[MissingStructure, ...]:
    """What of the catalogue has no voxels: outside the field of view where its usual height is beyond the ends.

    Else not found, or, for what the network does not tell apart, not named.
    """
    held, table = {structure.id: structure for structure in found}, load_labels()
    number, station = {label.id: label.number for label in table.labels}, table.number_of_station()
    seen = set(np.unique(stations).tolist())
    missing = []
    for name, entry in load_anatomy().items():
        if name in held or station.get(name) in seen:
            continue
        if name not in number and name not in station:
            missing.append(MissingStructure(name, entry.name, Absence.NOT_NAMED))
            continue
        outside = number.get(name) in at_edge or _beyond(name, axis, ends)
        if name.startswith("forearm"):
            # arms may lie up or down: with the upper arm cut, or out of view, so is the forearm
            upper = held.get(name.replace("forearm", "humerus"))
            outside |= upper.cut if upper else _beyond("humerus", axis, ends)
        missing.append(MissingStructure(name, entry.name, Absence.OUTSIDE_VIEW if outside else Absence.NOT_FOUND))
    return tuple(missing)


def _beyond(name: str, axis: BodyAxis | None, ends: tuple[float, float]) -> bool:
    usual = usual_mm(name)
    if axis is None or usual is None:
        return False
    return not ends[0] + INSIDE_MM <= axis.z_mm(usual) <= ends[1] - INSIDE_MM


def _axis(found: tuple[FoundStructure, ...]) -> BodyAxis | None:
    """Fitted through vertebrae that are not cut, else through all that is not, else through all there is."""
    usual = [structure for structure in found if usual_mm(structure.id) is not None and "humerus" not in structure.id]
    whole = [structure for structure in usual if not structure.cut] or usual
    spine = [structure for structure in whole if structure.id.startswith("vertebra")]
    whole = spine if len(spine) >= ENOUGH_VERTEBRAE else whole
    return BodyAxis({structure.id: structure.centroid_mm[2] for structure in whole}) if whole else None


def _cut_short(axis: BodyAxis | None, ends: tuple[float, float], found: tuple[FoundStructure, ...]) -> list[str]:
    """What the field of view does not reach, above and below."""
    if axis is None:
        return ["nothing was found that says which part of the body is in view"]
    notices = []
    above = axis.z_mm(TOP_OF_HEAD_MM) - ends[1]
    if axis.z_mm(SKULL_BASE_MM) > ends[1]:
        notices.append(f"head not in view: the field of view ends about {_cm(above)} below the top of the head")
    elif above > INSIDE_MM:
        notices.append(f"the head is cut: the field of view ends about {_cm(above)} below its top")
    below = ends[0] - axis.z_mm(PELVIC_FLOOR_MM)
    if below > INSIDE_MM:
        notices.append(
            f"the field of view ends about {_cm(below)} above the pelvic floor: the pelvis is not all in view"
        )
    cut = [structure.name for structure in found if structure.cut and structure.group in ("organ", "gland", "genital")]
    if cut:
        notices.append(f"cut by the field of view: {', '.join(cut)}")
    return notices


def _which_images(scan: WorkingScan) -> list[str]:
    if scan.ct is None:
        return [NO_CT]
    return [NO_PET] if scan.pet is None else []


def _cut_at_the_sides(scan: WorkingScan, ct: CtImage | None, body: Mask) -> list[str]:
    """Over what length the body reaches the side of the CT's field of view: arms, or a broad man."""
    if scan.ct is None or ct is None:
        return []
    seen = np.isfinite(scan.ct)
    if int(np.median(ct.hu[:, 0, 0])) < CIRCLE_HU:
        middle = scan.grid.to_index(ct.grid.to_mm([[0.5 * (n - 1) for n in ct.grid.shape]]))[0]
        radius = 0.5 * min(n * mm for n, mm in zip(ct.grid.shape[1:], ct.grid.spacing_mm[1:], strict=True)) / VOXEL_MM
        j, i = np.indices(scan.grid.shape[1:])
        seen &= np.hypot(j - middle[1], i - middle[2]) <= radius - 1.0
    plane = np.zeros((3, 3, 3), bool)
    plane[1] = ndimage.generate_binary_structure(2, 1)
    rim = body & seen & ~ndimage.binary_erosion(seen, plane)
    length = float(np.count_nonzero(rim.sum(axis=(1, 2)) >= CUT_VOXELS)) * VOXEL_MM
    return [f"the CT cuts the body off at the sides over {_cm(length)} of its length"] if length > SIDE_MM else []


def _ends_mm(grid: Grid, seen: Mask) -> tuple[float, float]:
    """z (LPS) of the lower and upper end of what any image shows."""
    held = np.flatnonzero(seen.any(axis=(1, 2)))
    low, high = grid.to_mm([[held[0] - 0.5, 0, 0], [held[-1] + 0.5, 0, 0]])[:, 2].tolist()
    return low, high


def _cm(mm: float) -> str:
    return f"{mm / 10.0:.0f} cm"


def least_ml(label: AnatomyLabel) -> float:
    """Volume (mL) below which a structure counts as not found."""
    stem = label.id.removesuffix("_left").removesuffix("_right")
    return LEAST_ML_OF.get(stem, LEAST_ML[label.kind])
