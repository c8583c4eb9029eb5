"""The reference man's anatomy in colours: his bones with his organs as the eye would see them, and slices of 1 mm."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from picture_bones import Colour, lit, look
from picture_parts import Rgb, Sheet, extent_of

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.geometry import Grid
from psmap.phantom.anatomy.man import REFERENCE_MAN
from psmap.phantom.anatomy.paint import Layer, Structure, paint
from psmap.phantom.anatomy.whole import structures_of

LOW_MM, HIGH_MM = (-276.0, -400.0), (276.0, 735.0)
"""Corners (x, z) of the picture of bones."""
PIXEL_MM = 1.0
GROUPS = {
    "body": "#f3dfc6", "muscle": "#c98a7e", "organ": "#b5534a", "bowel": "#d9a55f", "gland": "#7d4fa3",
    "vessel": "#c8102e", "bone": "#f6f1e3", "marrow": "#e7c9a0", "urinary": "#e8cf3a", "genital": "#4f8f8b",
    "ganglion": "#2c7a3f", "nodes": "#2c7a3f", "airway": "#1e2a38", "implant": "#8f969c",
}  # fmt: skip
NAMES = {
    "skin": "#e3bd98", "fat": "#f7e6b5", "visceral_fat": "#f2dc9c", "mesorectum": "#e9cf8a", "liver": "#9c4a34",
    "gallbladder": "#4f8a3c", "spleen": "#6d2f55", "kidney_cortex": "#a8392f", "kidney_pelvis": "#e8cf3a",
    "pancreas": "#e0b04c", "stomach": "#d98e8a", "lung": "#a9c6d8", "heart_wall": "#b03a3a", "heart_blood": "#7f1d1d",
    "brain": "#d8b4b0", "brain_white": "#ecd9d2", "brain_ventricles": "#8fb3cc",
    "spinal_cord": "#e6c35c", "eye": "#e8eef2", "oesophagus": "#c77b70", "thyroid": "#a34f8f",
    "bladder": "#f2dd55", "bladder_wall": "#c99a5b", "vena_cava": "#3c5fa8", "duodenum": "#cf7f3f",
    "jejunum_proximal": "#d8935a", "small_bowel": "#e3b07a", "colon": "#a8834a", "rectum": "#8f6b3b",
    "prostate": "#4f8f8b", "tongue": "#c26b62",
}  # fmt: skip
"""Colours of groups of the vocabulary, and of structures whose name begins so."""
SLICE_AT_MM = {"coronal": -10.0, "sagittal": 0.0}
AXIAL = {
    "eye_left": ("orbits", 90.0),
    "parotid_left": ("parotid glands", 90.0),
    "heart_wall": ("heart", 178.0),
    "pancreas": ("pancreas", 172.0),
    "bladder": ("bladder", 190.0),
    "prostate_peripheral": ("prostate", 196.0),
}
"""Axial slices through the middle of a structure: their names, and half the width shown (mm)."""
AXIAL_SCALE = 0.79
"""Pixels a mm."""
ORGANS, LUNGS, SKIN = 0.88, 0.45, 0.55
"""How much of what lies behind is hidden by organs, by lungs, and by the skin at its edges."""


def draw_anatomy(path: Path) -> None:
    """Front and back of bones with organs, a coronal and a sagittal slice, axial ones below."""
    structures = structures_of(REFERENCE_MAN)
    wide, gap = 430.0, 10.0
    scale = wide / (HIGH_MM[0] - LOW_MM[0])
    sheet = Sheet(1590, 1180)
    left = 0.0
    for picture in _bodies(structures):
        sheet.show(picture, left, 16, wide, (LOW_MM[0], HIGH_MM[0], LOW_MM[1], HIGH_MM[1]))
        left += 0.97 * wide
    left += gap
    for plane in ("coronal", "sagittal"):
        grid = _one_slice(plane, SLICE_AT_MM[plane])
        extent = extent_of(grid, plane)
        width = scale * (extent[1] - extent[0])
        sheet.show(_coloured(structures, grid, plane), left, 16, width, extent)
        left += width + gap
    levels = {name: _middle_of(structures, name) for name in AXIAL}
    left = gap
    for name, z in levels.items():
        grid = _one_slice("axial", z)
        extent = extent_of(grid, "axial")
        half = AXIAL[name][1]
        width = 2 * half * AXIAL_SCALE
        sheet.show(_coloured(structures, grid, "axial"), left, 918, width, extent, (-half, half, *extent[2:]))
        sheet.write(left + width / 2, 1152, AXIAL[name][0], 11, ha="center")
        left += width + gap
    sheet.save(path)


def _middle_of(structures: tuple[Structure, ...], name: str) -> float:
    """Height of the middle of a structure's box."""
    solid = next(structure.solid for structure in structures if structure.name == name)
    return round(0.5 * (solid.low[2] + solid.high[2]))


def colour_of(name: str) -> Colour:
    """The colour of a structure: of its own name, of its kind (veins are blue), else of its group."""
    for part, colour in sorted(NAMES.items(), key=lambda pair: -len(pair[0])):
        if name.startswith(part):
            return to_rgb(colour)
    if "_vein" in name:
        return to_rgb("#3c5fa8")
    return to_rgb(GROUPS[load_anatomy()[name].group])


def _bodies(structures: tuple[Structure, ...]) -> tuple[Rgb, Rgb]:
    """Bones, organs through them, and the skin as a veil; from the front and from the back, on white."""
    group = {name: entry.group for name, entry in load_anatomy().items()}
    inner = ("organ", "bowel", "gland", "vessel", "urinary", "genital")
    lungs = ("lung_left", "lung_right")
    hidden = ("brain", "brain_white", "brain_ventricles", "spinal_cord", "eye_left", "eye_right", *lungs)
    sets: tuple[Iterable[Structure], ...] = (
        [s for s in structures if s.layer is Layer.BONE],
        [s for s in structures if group[s.name] in inner and s.name not in hidden],
        [s for s in structures if s.name in lungs],
        [s for s in structures if s.name == "skin"],
    )
    views = [look(some, colour_of, LOW_MM, HIGH_MM) for some in sets]
    pictures = []
    for side in range(2):
        layers = []
        for n, view in enumerate(views):
            picture, facing = lit(view[side])
            depth = view[side].depth[::-1]
            seen = np.isfinite(depth).astype(np.float32)
            share = (seen, ORGANS * seen, LUNGS * seen, SKIN * seen * (1 - facing) ** 2)[n]
            layers.append((depth, picture, share))
        pictures.append(_over(layers))
    return pictures[0], pictures[1]


def _over(layers: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Rgb:
    """Layers over white, in every pixel the farthest first."""
    depth = np.stack([layer[0] for layer in layers])
    order = np.argsort(-np.where(np.isfinite(depth), depth, 1e9), axis=0)
    picture = np.ones((*depth.shape[1:], 3), np.float32)
    colours, shares = np.stack([layer[1] for layer in layers]), np.stack([layer[2] for layer in layers])
    for n in range(len(layers)):
        own = order[n][None, ..., None]
        share = np.take_along_axis(shares[..., None], own, axis=0)[0]
        picture = (
            picture * (1 - share)
            + np.take_along_axis(colours, np.broadcast_to(own, (1, *colours.shape[1:])), axis=0)[0] * share
        )
    return picture


def _one_slice(plane: str, at_mm: float) -> Grid:
    """A grid one voxel thick through the man."""
    low = {
        "axial": (-272.0, -172.0, at_mm),
        "coronal": (-272.0, at_mm, LOW_MM[1]),
        "sagittal": (at_mm, -172.0, LOW_MM[1]),
    }
    high = {
        "axial": (272.0, 116.0, at_mm),
        "coronal": (272.0, at_mm, HIGH_MM[1]),
        "sagittal": (at_mm, 116.0, HIGH_MM[1]),
    }
    i, j, k = (int((b - a) / PIXEL_MM) + 1 for a, b in zip(low[plane], high[plane], strict=True))
    return Grid((k, j, i), low[plane], ((0, 0, PIXEL_MM), (0, PIXEL_MM, 0), (PIXEL_MM, 0, 0)))


def _coloured(structures: tuple[Structure, ...], grid: Grid, plane: str) -> Rgb:
    """A slice in colours, with soft edges, on white."""
    painted = paint(structures, grid, REFERENCE_MAN.bend)
    colours = {patch.name: colour_of(patch.name) for patch in painted.patches}
    bands = [painted.compose({name: colour[n] for name, colour in colours.items()}.get, 1.0) for n in range(3)]
    picture = np.stack([band.squeeze({"axial": 0, "coronal": 1, "sagittal": 2}[plane]) for band in bands], axis=-1)
    return picture if plane == "axial" else picture[::-1]
