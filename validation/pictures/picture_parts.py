"""What pictures are put together from: sheets measured in pixels, projections, slices, colours, small files.

Every image is shown as the clinic hangs it: the patient's right on the left of the picture, head up, seen from his
feet in axial slices, his front on the left in sagittal ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from scipy import ndimage

from psmap.domain.geometry import Grid

Rgb = npt.NDArray[np.float32]
"""[row, column, 3], 0 to 1."""
Floats = npt.NDArray[np.floating] | npt.NDArray[np.integer]
Number = TypeVar("Number", bound=np.number)
Extent = tuple[float, float, float, float]
"""Left, right, bottom, top of a picture in mm of the patient: along x or y across, along z or y upwards."""

DPI = 100
MOST_BYTES = 400_000
INK, FAINT = "#1a1a1a", "#6b6b6b"
LESION, BENIGN = "#d1480a", "#1f6fb4"
ENLARGED = 2
RADIUS_MM, TOGETHER_MM = 17.0, 18.0
AXES = {"axial": (0, 2, 1), "coronal": (1, 2, 0), "sagittal": (2, 1, 0)}
"""Plane -> array axis cut through, array axis across, array axis upright."""


@dataclass(slots=True)
class Sheet:
    """A white sheet of so many pixels; places are counted from its upper left corner."""

    width: int
    height: int
    figure: Figure = field(init=False)

    def __post_init__(self) -> None:
        self.figure = Figure(figsize=(self.width / DPI, self.height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def show(
        self, image: Rgb, left: float, top: float, width: float, extent: Extent, window: Extent | None = None
    ) -> Axes:
        """Hang a picture so many pixels wide; its axes are in mm of the patient.

        Args:
            image: what lies in `extent`.
            window: what is shown, all of it if None.
        """
        shown = extent if window is None else window
        height = width * abs((shown[3] - shown[2]) / (shown[1] - shown[0]))
        box = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        axes.imshow(np.clip(image, 0, 1), extent=extent, interpolation="bilinear", aspect="auto")
        axes.set_xlim(*shown[:2])
        axes.set_ylim(*shown[2:])
        axes.set_xticks([])
        axes.set_yticks([])
        for edge in axes.spines.values():
            edge.set_visible(False)
        return axes

    def write(self, left: float, top: float, words: str, size: float = 10, **how: object) -> None:
        """Words whose upper left corner (or what `ha`, `va` say) stands there."""
        style = {"color": INK, "ha": "left", "va": "top", "fontsize": size, **how}
        self.figure.text(left / self.width, 1 - top / self.height, words, **style)  # type: ignore[arg-type]

    def save(self, path: Path, colours: int = 256) -> None:
        """As PNG with a palette; fewer colours where it would be too large a file."""
        canvas = self.figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)
        canvas.draw()  # type: ignore[no-untyped-call]
        whole = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]
        while True:
            file = BytesIO()
            whole.quantize(colours, kmeans=1, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
            if file.tell() <= MOST_BYTES or colours <= 32:
                break
            colours //= 2
        if file.tell() > MOST_BYTES:
            raise SystemExit(f"{path.name} has {file.tell()} bytes, more than {MOST_BYTES}")
        path.write_bytes(file.getvalue())


def extent_of(grid: Grid, plane: str) -> Extent:
    """Edges of a grid's picture in a plane."""
    _, across, up = AXES[plane]
    low = np.array(grid.origin_mm)[::-1] - 0.5 * np.array(grid.spacing_mm)
    high = low + np.array(grid.spacing_mm) * grid.shape
    bottom, top = (high[up], low[up]) if plane == "axial" else (low[up], high[up])  # axial: the front above
    return float(low[across]), float(high[across]), float(bottom), float(top)


def slice_at(
    volume: npt.NDArray[Number], grid: Grid, plane: str, at_mm: tuple[float, float, float]
) -> npt.NDArray[Number]:
    """The slice of a volume through a point (LPS mm), the way it is hung."""
    axis = AXES[plane][0]
    index = int(np.clip(np.rint(grid.to_index(at_mm)[0][axis]), 0, grid.shape[axis] - 1))
    return _hung(np.take(volume, index, axis=axis), plane)


def mip(volume: Floats, plane: str) -> Floats:
    """Maximum through a plane, the way it is hung, enlarged with smooth interpolation."""
    flat = _hung(volume.max(axis=AXES[plane][0]), plane)
    large: Floats = ndimage.zoom(flat, ENLARGED, order=3, mode="nearest", grid_mode=True)
    return np.maximum(large, 0.0)


def _hung(flat: npt.NDArray[Number], plane: str) -> npt.NDArray[Number]:
    return flat if plane == "axial" else flat[::-1]


def inverted(suv: Floats, top: float) -> Rgb:
    """SUV 0 white, `top` and above black."""
    return grey(1.0 - suv / top)


def grey(values: Floats) -> Rgb:
    return np.repeat(np.clip(values, 0, 1)[..., None].astype(np.float32), 3, axis=2)


def windowed(hu: Floats, centre: float, width: float) -> Rgb:
    """CT in a window of that centre and width (HU)."""
    return grey((hu - (centre - 0.5 * width)) / width)


def fused(ct: Rgb, suv: Floats, top: float) -> Rgb:
    """PET in the hot colours over CT: the hotter, the less of the CT is seen."""
    share = np.clip(suv / top, 0, 1)
    colour = colormaps["hot"](share)[..., :3].astype(np.float32)
    weight = np.clip((share - 0.12) * 2.0, 0, 0.85)[..., None].astype(np.float32)
    mixed: Rgb = ct * (1 - weight) + colour * weight
    return mixed


def on_grid(volume: Floats, own: Grid, other: Grid) -> npt.NDArray[np.float32]:
    """A volume of one grid brought to another, both along x, y and z, with linear interpolation."""
    step = np.array(other.spacing_mm) / np.array(own.spacing_mm)
    offset = own.to_index(other.origin_mm)[0]
    found: npt.NDArray[np.float32] = ndimage.affine_transform(
        volume.astype(np.float32), step, offset=offset, output_shape=other.shape, order=1, mode="nearest"
    )
    return found


def mark(axes: Axes, spots: Mapping[int, tuple[float, float]], colour: str) -> None:
    """A thin circle round every spot and its number beside it; spots that lie together share one."""
    left, right = sorted(axes.get_xlim())
    together: list[list[int]] = []
    for number, spot in spots.items():
        near = [group for group in together if math.dist(spots[group[0]], spot) < TOGETHER_MM]
        if near:
            near[0].append(number)
        else:
            together.append([number])
    angle = np.linspace(0, 2 * np.pi, 73)
    for group in together:
        x, z = (float(v) for v in np.mean([spots[number] for number in group], axis=0))
        axes.plot(x + RADIUS_MM * np.cos(angle), z + RADIUS_MM * np.sin(angle), color=colour, lw=1.1)
        side = 1 if x > 0.5 * (left + right) else -1
        axes.text(
            x + side * (RADIUS_MM + 6), z + 0.5 * RADIUS_MM, ", ".join(map(str, group)), color=colour, fontsize=9,
            weight="bold", va="center", ha="left" if side > 0 else "right",
        )  # fmt: skip


def cross(axes: Axes, x: float, z: float) -> None:
    """Four thin lines that point to a spot and leave it free."""
    for sign in (-1, 1):
        near, far = sign * RADIUS_MM, sign * 2.2 * RADIUS_MM
        axes.plot([x + near, x + far], [z, z], color="#ffd23f", lw=0.9)
        axes.plot([x, x], [z + near, z + far], color="#ffd23f", lw=0.9)
