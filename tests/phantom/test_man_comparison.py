"""Found against true in a man, on geometry made by hand: who is found, who drowns, who is not raised."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from psmap.domain.geometry import Grid, Vector
from psmap.domain.image import LabelImage
from psmap.domain.uptake import UptakeSite
from psmap.phantom.lesions.focus import UPRIGHT
from psmap.phantom.man_comparison import (
    OUTSIDE_HIM,
    Fate,
    ManComparison,
    TrueFocus,
    found_in_man,
    organ_under,
    voxels_of,
)

GRID = Grid((40, 40, 40), (-80.0, -80.0, -80.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
BLADDER, KIDNEY = (0.0, 0.0, -40.0), (40.0, 40.0, 40.0)


def ball(number: int, centre: Vector, radius_mm: float, suv: float = 10.0, benign: str | None = None) -> TrueFocus:
    volume = 4.0 / 3.0 * np.pi * radius_mm**3 / 1000.0
    return TrueFocus(number, "node", benign, "nodes", centre, (radius_mm,) * 3, UPRIGHT, float(volume), suv)


def away(centre: Vector) -> np.ndarray:
    """Distance (mm) of every voxel centre from a point."""
    places = GRID.to_mm(np.stack(np.indices(GRID.shape), axis=-1).reshape(-1, 3))
    return np.linalg.norm(places - np.array(centre), axis=1).reshape(GRID.shape)


def hot(*peaks: tuple[Vector, float, float]) -> np.ndarray:
    """Background SUV 1, and cones: from their SUV at the centre down to nothing over twice their radius."""
    suv = np.ones(GRID.shape, np.float32)
    for centre, radius_mm, height in peaks:
        np.maximum(suv, height * (1.0 - 0.5 * away(centre) / radius_mm), out=suv, casting="unsafe")
    return suv


def sites_of(suv: np.ndarray) -> list[UptakeSite]:
    labels, count = ndimage.label(suv >= 3.0, np.ones((3, 3, 3)))
    found = []
    for label in range(1, count + 1):
        index = np.flatnonzero(labels == label).astype(np.int64)
        values = suv.ravel()[index]
        place = GRID.to_mm(np.unravel_index(index[values.argmax()], GRID.shape))[0]
        found.append(
            UptakeSite(
                id=label, index=index, voxels=len(index), volume_ml=len(index) * GRID.voxel_ml,
                suv_max=float(values.max()), suv_mean=float(values.mean()), suv_peak=float(values.max()),
                suv_peak_touches_other=False, tlu=0.0, small=False, centroid_mm=(0.0, 0.0, 0.0),
                max_mm=(float(place[0]), float(place[1]), float(place[2])), extent_mm=(0.0, 0.0, 0.0), sphericity=None,
                background_suv=None, local_contrast=None,
            )
        )  # fmt: skip
    return found


def compared(foci: list[TrueFocus], suv: np.ndarray) -> ManComparison:
    def organ_at(point: Vector) -> str:
        near = {"bladder": BLADDER, "kidney": KIDNEY}
        return min(near, key=lambda name: float(np.linalg.norm(np.subtract(point, near[name]))))

    return found_in_man(foci, sites_of(suv), suv, GRID, organ_at)


def test_a_focus_by_itself_is_found_with_its_site() -> None:
    suv = hot(((0.0, 40.0, 0.0), 10.0, 12.0), (BLADDER, 14.0, 40.0), (KIDNEY, 12.0, 30.0))
    found = compared([ball(1, (0.0, 40.0, 0.0), 10.0)], suv)
    (row,) = found.foci
    own = next(site for site in sites_of(suv) if site.id == row.site)
    assert row.fate is Fate.FOUND
    assert (row.volume_ml, row.suv_max, row.hottest_suv) == (own.volume_ml, own.suv_max, own.suv_max)
    assert row.suv_max == pytest.approx(12.0)
    assert sorted(found.organs.items()) == [("bladder", 1), ("kidney", 1)]
    assert row.site not in found.other_sites


def test_a_focus_in_the_bladders_site_is_not_called_found() -> None:
    """The bladder's site covers it; its hottest voxel lies 24 mm away, in the bladder."""
    focus = ball(1, (0.0, 24.0, -40.0), 6.0)
    found = compared([focus], hot((BLADDER, 25.0, 40.0)))
    (row,) = found.foci
    assert (row.fate, row.within) == (Fate.SWALLOWED, "bladder")
    assert row.volume_ml is None and row.suv_max is None
    assert list(found.other_sites) == [row.site]


def test_of_two_foci_in_one_site_the_hottest_voxel_tells_which_is_found() -> None:
    cool, warm = (-12.0, 0.0, 0.0), (12.0, 0.0, 0.0)
    found = compared([ball(1, cool, 8.0), ball(2, warm, 8.0)], hot((cool, 12.0, 8.0), (warm, 12.0, 16.0)))
    assert [row.fate for row in found.foci] == [Fate.SWALLOWED, Fate.FOUND]
    assert found.foci[0].within == "focus 2"
    assert found.foci[0].site == found.foci[1].site
    assert found.other_sites == {}


def test_what_is_not_raised_says_how_hot_it_is_and_what_is_outside_says_so() -> None:
    suv = hot(((0.0, 0.0, 0.0), 4.0, 2.5))
    found = compared([ball(1, (0.0, 0.0, 0.0), 3.0), ball(2, (0.0, 0.0, 200.0), 3.0)], suv)
    assert [row.fate for row in found.foci] == [Fate.NOT_RAISED, Fate.OUTSIDE]
    assert found.foci[0].hottest_suv == pytest.approx(2.5)
    assert found.foci[1].hottest_suv is None


def test_a_site_a_little_off_its_focus_is_still_of_it() -> None:
    """Blur and noise move the hottest voxel: 8 mm from the ellipsoid is within reach, 16 mm is not."""
    centre = (0.0, 0.0, 0.0)
    for off_mm, fate in ((8.0, Fate.FOUND), (16.0, Fate.SWALLOWED)):
        suv = hot(((off_mm, 0.0, 0.0), 14.0, 20.0))
        assert compared([ball(1, centre, 2.0)], suv).foci[0].fate is fate


def test_the_voxels_of_an_ellipsoid_hold_its_volume_and_lie_along_its_axes() -> None:
    """More than the ellipsoid, for every voxel that it reaches into counts whole; a tilted needle stays a needle."""
    half = (24.0, 4.0, 4.0)
    tilt = np.sqrt(0.5)
    axes = ((tilt, tilt, 0.0), (-tilt, tilt, 0.0), (0.0, 0.0, 1.0))
    volume = 4.0 / 3.0 * np.pi * np.prod(half) / 1000.0
    needle = TrueFocus(1, "bone", None, "rib", (1.0, 2.0, 3.0), half, axes, float(volume), 5.0)
    index = voxels_of(needle, GRID)
    assert np.all(np.diff(index) > 0)
    assert volume < len(index) * GRID.voxel_ml < 4.0 * volume
    places = GRID.to_mm(np.stack(np.unravel_index(index, GRID.shape), axis=1)) - np.array(needle.centre_mm)
    spread = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)[2][0]
    assert abs(spread @ np.array(axes[0])) == pytest.approx(1.0, abs=0.02)
    tiny = voxels_of(ball(1, (0.3, 0.2, -0.4), 0.1), GRID)
    assert GRID.to_mm(np.stack(np.unravel_index(tiny, GRID.shape), axis=1)).tolist() == [[0.0, 0.0, 0.0]]


def test_the_organ_under_a_point_has_no_sides() -> None:
    labels = np.zeros(GRID.shape, np.int32)
    labels[:20], labels[20:30] = 1, 2
    anatomy = LabelImage(GRID, labels, {1: "kidney_cortex_left", 2: "vertebra_l3_marrow"})
    assert organ_under((0.0, 0.0, -40.0), anatomy) == "kidney"
    assert organ_under((0.0, 0.0, 10.0), anatomy) == "vertebra_l3"
    assert organ_under((0.0, 0.0, 70.0), anatomy) == OUTSIDE_HIM
    assert organ_under((0.0, 0.0, 700.0), anatomy) == OUTSIDE_HIM
