"""Plain rules where they are surer than the network: air, body, bone, metal, left and right, stray pieces.

Each rule takes labels and gives labels; a rule that needs a CT leaves what no CT has seen as it is. A voxel that is
taken from one structure goes to a neighbour that may have it, else to none. Thresholds are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import measure

from psmap.catalog.anatomy_labels import load_labels
from psmap.steps.anatomy.body_mask import Mask
from psmap.steps.anatomy.working_grid import VOXEL_MM, WorkingScan

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

GAS_HU = -400.0
"""A cube with less is two fifths gas or more: lung, airway or bowel, no solid organ."""
LIGHTEST_BONE_HU = -30.0
"""A cube of which no part of 2 mm is denser than this is fat or air: at the rim of a bone it is no bone. Marrow within
a bone may be fatter (about -80 HU in the shafts), so that only the rim is looked at."""
POOREST_CORTEX_HU, DENSE_SHARE = 130.0, 0.1
"""Bone has more than this in a tenth of its cubes at least, also where its marrow is fat."""
SURE_BONE_HU = 300.0
"""What is denser than this beside a bone is of that bone, unless contrast medium may stand in it."""
MAY_BE_DENSE, MAY_BE_DENSE_KINDS = (
    ("heart", "gallbladder", "kidney_left", "kidney_right"),
    ("vertebra", "rib", "bone", "vessel", "bowel", "urinary", "implant"),
)
MUSCLE_HU = 50.0
FAT_HU = -50.0
"""A solid organ of which half lies under this is fat."""
METAL_HU, NO_METAL_HU, METAL_ML = 2500.0, 1500.0, 5.0
"""Metal is denser than the densest bone (2000 HU); an implant of the hip has over 50 mL, fillings of teeth under 5."""
SURE_SHARE = 0.9
"""Of prostate and bed: where less is named the one or the other, a reader is told."""
WRONG_SIDE_MM = 8.0
"""A piece is on one side where all but one voxel in fifty lie further than this from the mid-line."""
SPECK = 3
"""Pieces of fewer voxels are never kept: the least structure, a lacrimal gland, has four."""

SMALLEST_APART = {"rib": 10, "vertebra": 120}
"""Voxels of the least piece of ribs, and of the spine, that stays apart from the rest; C3, the smallest, has 160."""

BONE_KINDS = ("vertebra", "rib", "bone")
SOLID_KINDS = ("organ", "gland", "genital", "urinary", "vessel", "muscle")
HOLDS_GAS = ("oesophagus", "tongue")
FREE_ARMS = ("forearm_left", "forearm_right")
"""Forearms over the head, or folded, cross the mid-line."""
LOOSE_KINDS = ("muscle", "fat")
MANY_PIECES = (
    "seminal_vesicles", "testes", "eyes", "sublingual", "tubarial", "lower_leg", "renal_vessels", "visceral_vessels",
    "neck_vessels", "nasal_air", "hip_prosthesis",
)  # fmt: skip
MANY_KINDS = ("vessel", "bowel", "urinary", "airway", "implant")
NEAR, FAR = 2, 15
"""Voxels between the boxes of a piece and of the largest: further off it goes, of one-piece and of other structures."""

_CUBE = np.ones((3, 3, 3), bool)
_WALL = 254


@dataclass(frozen=True, slots=True, eq=False)
class Ruled:
    """Labels and stations after the rules, and what a reader must know."""

    labels: Bytes
    stations: Bytes
    notices: tuple[str, ...]


def apply_rules(scan: WorkingScan, labels: Bytes, stations: Bytes, body: Mask) -> Ruled:
    """All rules in their order; what comes in is left as it is."""
    notices: list[str] = []
    found = np.where(body, labels, np.uint8(0))
    if scan.ct is not None and scan.densest is not None:
        found = gas_is_no_organ(found, scan.ct)
        found = fat_is_no_organ(found, scan.ct)
        found = soft_is_no_bone(found, scan.densest)
        found = rim_of_fat_is_no_bone(found, scan.densest)
        found = dense_beside_bone_is_bone(found, scan.ct)
        found, metal = metal_is_prosthesis(found, scan.densest)
        notices += metal
    middle = mid_line(found, body)
    table = load_labels()
    found = sides_are_the_bodys(found, middle, _sides_of_labels(), table.mirrored_labels())
    near = np.where(body, stations, np.uint8(0))
    near = sides_are_the_bodys(near, middle, _sides_of_stations(), table.mirrored_stations())
    found = stray_pieces_go(found)
    found, either = prostate_or_bed(found)
    notices += either
    return Ruled(found, near, (*notices, *turned_round(found, middle)))


def gas_is_no_organ(labels: Bytes, ct: npt.NDArray[np.float32]) -> Bytes:
    """Gas within what is solid is of the lung, airway or bowel beside it, else of nothing."""
    solid = _numbers(SOLID_KINDS, but=HOLDS_GAS)
    may = _numbers(("lung", "airway", "bowel"), and_ids=HOLDS_GAS)
    return refilled(labels, (ct < GAS_HU) & np.isin(labels, solid), may, rounds=2)


def fat_is_no_organ(labels: Bytes, ct: npt.NDArray[np.float32]) -> Bytes:
    """An organ or gland most of which is fat on CT is not that organ; its voxels are visceral fat."""
    found = labels
    for number, part in _boxes(labels):
        label = load_labels().labels[number - 1]
        if label.kind not in ("organ", "gland", "genital") and label.id != "urinary_bladder":
            continue
        own = labels[part] == number
        hu = ct[part][own]
        hu = hu[np.isfinite(hu)]
        if len(hu) >= 30 and float(np.median(hu)) < FAT_HU:
            found = labels.copy() if found is labels else found
            found[part][own] = number_of("visceral_fat")
    return found


def soft_is_no_bone(labels: Bytes, densest: npt.NDArray[np.float32]) -> Bytes:
    """A piece of bone with next to nothing as dense as poor cortex is no bone; a lytic focus is part of a piece."""
    pieces, count = ndimage.label(np.isin(labels, _numbers(BONE_KINDS)), _CUBE)
    size = np.bincount(pieces.ravel(), minlength=count + 1)
    dense = np.bincount(pieces[~(densest < POOREST_CORTEX_HU)], minlength=count + 1)  # unseen by CT counts as dense
    soft = dense < DENSE_SHARE * size
    soft[0] = False
    return refilled(labels, soft[pieces], every_number_but(_numbers(BONE_KINDS)), rounds=10)


def rim_of_fat_is_no_bone(labels: Bytes, densest: npt.NDArray[np.float32]) -> Bytes:
    """The outer two voxels of a bone are no bone where all is as light as fat; the skull, with its air cells, stays."""
    bones = _numbers(BONE_KINDS, but=("skull",))
    bone = np.isin(labels, bones)
    light = bone & (densest < LIGHTEST_BONE_HU)
    other = ~np.isin(labels, _numbers(BONE_KINDS))
    rim = ndimage.binary_dilation(other, mask=light | other, iterations=2) & light
    return refilled(labels, rim, every_number_but(_numbers(BONE_KINDS)), rounds=3)


def dense_beside_bone_is_bone(labels: Bytes, ct: npt.NDArray[np.float32]) -> Bytes:
    """What is as dense as bone, lies within three voxels of one, and holds no contrast medium, is of that bone.

    The rim of a thick cortex is dense in part only: a cube must be at least half as much denser than muscle as the
    densest beside it.
    """
    soft = every_number_but(_numbers(MAY_BE_DENSE_KINDS, and_ids=MAY_BE_DENSE))
    dense = (ct > SURE_BONE_HU) & np.isin(labels, soft)
    at = np.flatnonzero(np.pad(dense, 1))
    padded = np.pad(ct, 1, constant_values=-np.inf).reshape(-1)
    _, j, i = (n + 2 for n in ct.shape)
    most = np.full(len(at), -np.inf, np.float32)
    for step in (1, -1, i, -i, i * j, -i * j):
        np.fmax(most, padded[at + step], out=most)
    held = padded[at] - MUSCLE_HU >= 0.5 * (most - MUSCLE_HU)
    dense[dense] = held
    return refilled(labels, dense, _numbers(BONE_KINDS), rounds=3, else_as_it_was=True)


def metal_is_prosthesis(labels: Bytes, densest: npt.NDArray[np.float32]) -> tuple[Bytes, list[str]]:
    """Large metal beside hip or femur is a prosthesis; a prosthesis without metal is none; other metal is noticed."""
    own, voxel_ml = number_of("hip_prosthesis"), VOXEL_MM**3 / 1000.0
    hips = {side: [number_of(f"{bone}_{side}") for bone in ("hip_bone", "femur")] for side in ("left", "right")}
    found, notices = labels.copy(), []
    pieces, _ = ndimage.label(densest > METAL_HU, _CUBE)
    for n, part in enumerate(ndimage.find_objects(pieces), start=1):
        metal = pieces[part] == n
        ml = float(np.count_nonzero(metal)) * voxel_ml
        if ml < METAL_ML:
            continue
        wide = _wider(part, 5, labels.shape)
        beside = {side: int(np.isin(labels[wide], numbers).sum()) for side, numbers in hips.items()}
        side = max(beside, key=lambda name: beside[name])
        if beside[side] == 0 and own not in found[part][metal]:
            notices.append(f"metal of {ml:.0f} mL away from the hips: what is named round it is less sure")
            continue
        found[part][metal] = own
        where = f"the {side} hip" if beside[side] else "a hip"
        notices.append(f"metal of {ml:.0f} mL in {where}: a prosthesis; bone and vessels beside it are less sure")
    unmade: list[Ints] = []
    pieces, _ = ndimage.label(found == own, _CUBE)
    for n, part in enumerate(ndimage.find_objects(pieces), start=1):
        hu = densest[part][pieces[part] == n]
        if np.isfinite(hu).all() and float(hu.max()) < NO_METAL_HU:
            unmade.append(np.flatnonzero(pieces == n))
    if unmade:
        marked = np.zeros(labels.shape, bool)
        marked.reshape(-1)[np.concatenate(unmade)] = True
        found = refilled(found, marked, every_number_but((own,)), rounds=20)
    return found, notices


def mid_line(labels: Bytes, body: Mask) -> Floats:
    """Index i of the body's middle in every slice: that of the spine where it is named, else of the body's outline."""
    for mask in (np.isin(labels, _numbers(("vertebra",), and_ids=("sacrum",))), body):
        count = mask.sum(axis=(1, 2))
        held = np.flatnonzero(count >= 5)
        if len(held) < 5:
            continue
        along = np.arange(labels.shape[2], dtype=np.float64)
        middle = (mask.sum(axis=1)[held] @ along) / count[held]
        everywhere = np.interp(np.arange(len(labels)), held, middle)
        smooth: Floats = ndimage.gaussian_filter1d(everywhere, 30.0 / VOXEL_MM, mode="nearest")
        return smooth
    return np.full(len(labels), 0.5 * (labels.shape[2] - 1))


def sides_are_the_bodys(labels: Bytes, middle: Floats, sides: Mapping[int, int], twins: tuple[int, ...]) -> Bytes:
    """A piece of a left structure that lies wholly in the right half is the right one's, and the other way round.

    The tissue was seen, the side is a matter of place: so the piece is kept, under its twin's name.

    Args:
        middle: index i of the mid-line in every slice.
        sides: number -> 1 for left, -1 for right; what has no side, or may cross, is not in it.
        twins: number of the other side for every number.
    """
    found = labels
    margin = WRONG_SIDE_MM / VOXEL_MM
    for number, part in _boxes(labels):
        side = sides.get(number)
        if side is None or twins[number] == number:
            continue
        pieces, count = ndimage.label(labels[part] == number, _CUBE)
        k, _, i = np.nonzero(pieces)
        wrong = (i + part[2].start - middle[k + part[0].start]) * side < -margin
        own = pieces[pieces > 0]
        total = np.bincount(own, minlength=count + 1)
        across = np.bincount(own[wrong], minlength=count + 1) >= 0.98 * np.maximum(total, 1)
        across[0] = False
        if across.any():
            found = labels.copy() if found is labels else found
            found[part][across[pieces]] = twins[number]
    return found


def stray_pieces_go(labels: Bytes) -> Bytes:
    """Of a structure of one piece the largest stays, with what all but touches it; of others all but specks far off."""
    together = _together()[labels]
    pieces: Ints = measure.label(together, connectivity=3, background=0)
    size = np.bincount(pieces.ravel())
    boxes = ndimage.find_objects(pieces)
    number_of_piece = np.zeros(len(size), np.uint8)
    number_of_piece[pieces.ravel()] = together.ravel()
    of: dict[int, list[int]] = {}
    for n in np.flatnonzero(size >= SPECK).tolist():
        if n:
            of.setdefault(int(number_of_piece[n]), []).append(n)
    goes = size < SPECK
    goes[0] = False
    for number, own in of.items():
        largest = max(own, key=lambda n: int(size[n]))
        for n in own:
            one, other = boxes[n - 1], boxes[largest - 1]
            gap = _gap(one, other)
            if number == number_of("vertebra_l1") and _gap(one[1:], other[1:]) > NEAR:
                gap = FAR + 1  # beside the spine, not in line with it
            goes[n] = n != largest and _stray(number, int(size[n]), int(size[largest]), gap)
    return refilled(labels, goes[pieces], every_number_but(()), rounds=20)


def turned_round(labels: Bytes, middle: Floats) -> tuple[str, ...]:
    """Notice of a liver on the left with a spleen on the right: organs mirrored, or an image that is."""
    away = {}
    for name in ("liver", "spleen"):
        k, _, i = np.nonzero(labels == number_of(name))
        if len(k) < 200:
            return ()
        away[name] = float(np.mean(i - middle[k]))
    if away["liver"] > 0.0 > away["spleen"]:
        return ("the liver lies left and the spleen right: an image that is mirrored, or a man whose organs are",)
    return ()


def refilled(labels: Bytes, holes: Mask, may: tuple[int, ...], *, rounds: int, else_as_it_was: bool = False) -> Bytes:
    """Labels in which holes take the commonest of their neighbours' labels that may be taken, from their rim inwards.

    Args:
        holes: voxels that lose their label.
        may: numbers that they may take.
        rounds: how many voxels deep a hole is filled.
        else_as_it_was: what is deeper keeps its label; else it has none.
    """
    at = np.flatnonzero(np.pad(holes, 1))
    if not len(at):
        return labels
    padded = np.pad(labels, 1, constant_values=_WALL)
    flat = padded.reshape(-1)
    was = flat[at]
    flat[at] = _WALL
    allowed = np.zeros(256, bool)
    allowed[list(may)] = True
    allowed[[0, _WALL]] = False
    _, j, i = padded.shape
    steps = np.array([1, -1, i, -i, i * j, -i * j])
    for _ in range(rounds):
        around = flat[at[:, None] + steps]
        votes = (around[:, :, None] == around[:, None, :]).sum(axis=2) * allowed[around]
        best = votes.argmax(axis=1)
        rows = np.arange(len(at))
        named = votes[rows, best] > 0
        flat[at[named]] = around[rows, best][named]
        at, was = at[~named], was[~named]
        if not len(at) or not named.any():
            break
    flat[at] = was if else_as_it_was else 0
    return np.ascontiguousarray(padded[1:-1, 1:-1, 1:-1])


@cache
def number_of(name: str) -> int:
    """Number of a label. `KeyError` where there is no such label."""
    numbers: dict[str, int] = {label.id: label.number for label in load_labels().labels}
    return numbers[name]


def _stray(number: int, size: int, largest: int, gap: int) -> bool:
    label = load_labels().labels[number - 1]
    if label.kind in LOOSE_KINDS:
        return False
    if label.kind in SMALLEST_APART:
        return gap > NEAR and (size < SMALLEST_APART[label.kind] or (label.kind == "vertebra" and gap > FAR))
    if label.id in MANY_PIECES or label.kind in MANY_KINDS:
        return gap > FAR and size < 0.5 * largest
    return gap > NEAR or size < 0.02 * largest


def _gap(one: tuple[slice, ...], other: tuple[slice, ...]) -> int:
    return max(max(int(a.start) - int(b.stop), int(b.start) - int(a.stop), 0) for a, b in zip(one, other, strict=True))


def _wider(part: tuple[slice, ...], by: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(max(p.start - by, 0), min(p.stop + by, n)) for p, n in zip(part, shape, strict=True))


def _boxes(labels: Bytes) -> list[tuple[int, tuple[slice, ...]]]:
    """Number and box of every label that is there."""
    return [(n, part) for n, part in enumerate(ndimage.find_objects(labels), start=1) if part is not None]


@cache
def _together() -> Bytes:
    """Number under which a label's pieces are found: vertebrae together, ribs of a side together; counted later."""
    found = np.arange(256, dtype=np.uint8)
    for label in load_labels().labels:
        if label.kind == "vertebra":
            found[label.number] = number_of("vertebra_l1")
        elif label.kind == "rib":
            found[label.number] = number_of(f"rib_1_{label.side}")
    return found


def prostate_or_bed(labels: Bytes) -> tuple[Bytes, list[str]]:
    """A man has a prostate or the bed of one: where both were named, all is what more of it was named."""
    both = number_of("prostate"), number_of("prostate_bed")
    voxels = [int(np.count_nonzero(labels == number)) for number in both]
    if not min(voxels):
        return labels, []
    less, more = both if voxels[0] < voxels[1] else both[::-1]
    word = "its bed after prostatectomy" if more == both[1] else "a prostate"
    share = max(voxels) / sum(voxels)
    told = [f"prostate or bed: taken for {word}, as {share:.0%} of it was named"] if share < SURE_SHARE else []
    return np.where(labels == less, np.uint8(more), labels), told


@cache
def _sides_of_labels() -> dict[int, int]:
    table = load_labels().labels
    return {n.number: 1 if n.side == "left" else -1 for n in table if n.side and n.id not in FREE_ARMS}


@cache
def _sides_of_stations() -> dict[int, int]:
    named = load_labels().number_of_station().items()
    return {n: 1 if name.endswith("_left") else -1 for name, n in named if name.endswith(("_left", "_right"))}


@cache
def _numbers(kinds: tuple[str, ...], but: tuple[str, ...] = (), and_ids: tuple[str, ...] = ()) -> tuple[int, ...]:
    labels = load_labels().labels
    return tuple(n.number for n in labels if (n.kind in kinds and n.id not in but) or n.id in and_ids)


def every_number_but(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers of all labels without some."""
    return tuple(label.number for label in load_labels().labels if label.number not in numbers)
