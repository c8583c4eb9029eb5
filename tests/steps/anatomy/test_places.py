"""Where sites lie: shares counted by hand, and the true sites of a digital man against what they were placed in."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pytest
from measured_men import anatomy, cubes, digital_man, site

from psmap.catalog.anatomy import load_anatomy
from psmap.domain.image import LabelImage
from psmap.phantom.true_maps import sites_map
from psmap.steps.anatomy.on_pet import bring_to_pet
from psmap.steps.anatomy.places import PHYSIOLOGIC, place_sites

GRID = cubes((10, 10, 10), 4.0)


def test_shares_station_and_the_organ_with_usual_uptake_are_counted() -> None:
    """20 voxels: 10 in fat, 6 in the ureter, 2 in the vein with the hottest, 2 in nothing; 5 of them in a station."""
    line = np.zeros(GRID.shape, bool)
    line.reshape(-1)[100:120] = True
    masks = {}
    for name, part in (
        ("visceral_fat", (100, 110)),
        ("ureter_left", (110, 116)),
        ("external_iliac_vein_left", (116, 118)),
    ):
        masks[name] = np.zeros(GRID.shape, bool)
        masks[name].reshape(-1)[slice(*part)] = True
    stations = np.zeros(GRID.shape, np.int32)
    stations.reshape(-1)[115:120] = 4
    stations.reshape(-1)[100:103] = 2
    nodal = LabelImage(GRID, stations, {2: "presacral_node", 4: "external_iliac_node_left"})
    on_pet = bring_to_pet(anatomy(GRID, masks, stations=nodal), GRID)
    (place,) = place_sites([site(GRID, line, 117, 7)], on_pet)
    assert place.site == 7
    assert place.at_max == "external_iliac_vein_left"
    assert place.shares == (("visceral_fat", 0.5), ("ureter_left", 0.3), ("external_iliac_vein_left", 0.1))
    assert place.station == "external_iliac_node_left"
    assert place.physiologic == "ureter_left"


def test_a_site_outside_all_is_in_nothing() -> None:
    away = np.zeros(GRID.shape, bool)
    away[0, 0, 0] = True
    on_pet = bring_to_pet(anatomy(GRID, {"prostate": ~away, "rectum": np.zeros(GRID.shape, bool)}), GRID)
    (place,) = place_sites([site(GRID, away, 0)], on_pet)
    assert (place.at_max, place.shares, place.station, place.physiologic) == (None, (), None, None)
    (inside,) = place_sites([site(GRID, ~away, 500)], on_pet)
    assert (inside.at_max, inside.physiologic) == ("prostate", None)
    with pytest.raises(ValueError, match="does not fit"):
        place_sites([replace(site(GRID, away, 0), index=np.array([5000]))], on_pet)


def test_every_organ_of_the_table_says_why_and_fits_a_structure_or_a_whole() -> None:
    wholes = {"urinary_bladder"}
    for pattern, why in PHYSIOLOGIC.items():
        assert why
        assert pattern in wholes or any(fnmatchcase(name, pattern) for name in load_anatomy())


def test_true_sites_of_a_digital_man_lie_where_they_were_put() -> None:
    man, truth = digital_man()
    on_pet = bring_to_pet(truth, man.grid)
    foci = sites_map(man.sites, man.grid)
    stations = 0
    for own in man.sites:
        mask = foci.labels == own.number
        if not mask.any():
            continue
        hottest = int(np.flatnonzero(mask)[np.argmax(man.suv[mask])])
        (place,) = place_sites([site(man.grid, mask, hottest, own.number)], on_pet)
        assert sum(share for _, share in place.shares) <= 1.0 + 1e-9
        counted = {name: np.count_nonzero(mask & (truth.labels.labels == n)) / np.count_nonzero(mask)
                   for n, name in truth.labels.names.items()}  # fmt: skip
        assert dict(place.shares) == pytest.approx({name: share for name, share in counted.items() if share > 0})
        if load_anatomy()[own.focus.place].group == "nodes" and place.station is not None:
            stations += 1
            assert place.station == own.focus.place
    assert stations >= 1
