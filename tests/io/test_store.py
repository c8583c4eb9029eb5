"""The store gives back what was put in, bit for bit, and forgets what is damaged."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from psmap.domain.geometry import Grid
from psmap.domain.image import PetImage
from psmap.domain.suv import AlternativeReading, SuvConversion
from psmap.domain.uptake import Finding, UptakeSite, Verdict
from psmap.io.store import Store, content_key

GRID = Grid((2, 3, 4), (0.1, -0.2, 1e-17), ((0.0, 0.0, 3.27), (0.0, 4.07283, 0.0), (4.07283, 0.0, 0.0)))


def a_pet() -> PetImage:
    suv = np.random.default_rng(1).random(GRID.shape, dtype=np.float32)
    conversion = SuvConversion((0.1, 1 / 3), "rule", ("a", "b"), alternative=AlternativeReading("other", 1.0, 2.0))
    return PetImage(GRID, suv, conversion)


def a_finding() -> Finding:
    numbers = {field.name: 0.1 for field in fields(UptakeSite)}
    site = UptakeSite(**{**numbers, "index": np.array([3, 5], np.int64), "centroid_mm": (0.1, 0.2, 0.3)})  # type: ignore[arg-type]
    return Finding(site, Verdict.EQUIVOCAL, "not classified yet", "psmap")


def test_round_trip_is_exact(tmp_path: Path) -> None:
    store, pet, finding = Store(tmp_path), a_pet(), a_finding()
    store.put("key", (pet, (finding,), {"suv3": None}))
    back_pet, (back_finding,), nothing = store.get("key")  # type: ignore[misc]
    assert back_pet.grid == pet.grid and back_pet.conversion == pet.conversion
    assert back_pet.suv.tobytes() == pet.suv.tobytes() and back_pet.suv.dtype == np.float32
    assert back_finding.verdict is Verdict.EQUIVOCAL
    assert back_finding.site.index.tolist() == [3, 5] and back_finding.site.centroid_mm == (0.1, 0.2, 0.3)
    assert nothing == {"suv3": None}


@pytest.mark.parametrize("damage", [b"", b"not a zip", b"PK\x03\x04 truncated"])
def test_a_damaged_entry_is_a_missing_entry(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path)
    store.put("key", a_pet())
    (tmp_path / "key.npz").write_bytes(damage)
    with pytest.raises(KeyError):
        store.get("key")


def test_a_truncated_entry_is_a_missing_entry(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("key", a_pet())
    whole = (tmp_path / "key.npz").read_bytes()
    (tmp_path / "key.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KeyError):
        store.get("key")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "key.npz", tree=np.array([{"noun": "Grid"}], dtype=object))
    with pytest.raises(KeyError):
        Store(tmp_path).get("key")


def test_the_key_follows_every_bit_of_its_parts() -> None:
    suv = np.zeros((2, 2), np.float32)
    other = suv.copy()
    other[1, 1] = np.nextafter(np.float32(0), np.float32(1))
    keys = {content_key("a", suv), content_key("a", other), content_key("b", suv), content_key("a", suv.reshape(4))}
    assert len(keys) == 4
    assert content_key("a", suv) == content_key("a", suv.copy())
