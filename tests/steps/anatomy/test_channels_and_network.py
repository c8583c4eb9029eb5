"""What the network sees of a scan, and that its parts come back where they belong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from psmap.steps.anatomy.channels import channels_of
from psmap.steps.anatomy.network import name_voxels


class Trunk:
    """Says of every voxel of 8 mm what its mean HU is; surely no body below -500."""

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> list[Any]:
        wide = inputs["x"][:, :1]
        _, _, k, j, i = wide.shape
        mean = wide.reshape(k // 2, 2, j // 2, 2, i // 2, 2).mean(axis=(1, 3, 5))[None]
        place = np.concatenate((mean, mean, mean))[None]
        return [mean[None], mean[None, :, ::2, ::2, ::2], place, (mean > -0.5).astype(np.float32)[None]]


class Head:
    """Names every voxel of 4 mm by its own feature: 100 HU is 100."""

    seen = 0

    def run(self, outputs: list[str] | None, inputs: dict[str, Any]) -> list[Any]:
        patch = inputs["patch"].reshape(-1, 5, 6, 6, 6)
        self.seen += len(patch)
        assert inputs["place"].shape == (len(patch), 3)
        # its own mean, and something of the 16 mm that it lies in
        np.testing.assert_allclose(inputs["features"][:, 0], patch[:, 0, 2:4, 2:4, 2:4].mean(axis=(1, 2, 3)), atol=1e-5)
        assert inputs["features"].shape == (len(patch), 2)
        middle = patch[:, 0, 2:4, 2:4, 2:4].reshape(-1, 8)
        labels = np.rint(middle * 1000.0).astype(np.uint8)
        return [labels, labels / np.float32(255.0), np.full(len(labels), 2, np.uint8)]


def test_channels_in_their_units() -> None:
    ct = np.array([[[-1000.0, 50.0, 300.0, 3000.0]]], np.float32)
    pet = np.array([[[0.0, math.e - 1.0, math.exp(3.0) - 1.0, 5.0]]], np.float32)
    one, none = np.ones_like(ct), np.zeros_like(ct)
    x = channels_of(ct, pet, one, one)[:, 0, 0]
    assert x[0].tolist() == pytest.approx([-1.0, 0.05, 0.3, 1.5])
    assert x[1].tolist() == pytest.approx([-1.0, 0.0, 1.0, 1.0])
    assert x[2, :3].tolist() == pytest.approx([0.0, 1.0 / 3.0, 1.0])
    assert np.abs(channels_of(ct, pet, none, one)[[0, 1, 3]]).max() == 0.0


def test_voxels_come_back_where_they_belong() -> None:
    rng = np.random.default_rng(1)
    ct = np.full((40, 34, 50), -1000.0, np.float32)
    ct[4:36, 6:28, 10:40] = rng.integers(1, 255, (32, 22, 30))
    head = Head()
    named = name_voxels(Trunk(), head, ct, None)
    np.testing.assert_array_equal(named.labels, np.where(ct > 0.0, ct, 0.0).astype(np.uint8))
    np.testing.assert_allclose(named.sure, named.labels / 255.0, atol=1e-6)
    assert named.stations.shape == ct.shape
    assert named.stations[20, 16, 20] == 2
    # only the body was looked at closer
    assert head.seen == 16 * 11 * 15


def test_one_image_at_least_and_one_grid() -> None:
    a, b = np.zeros((16, 16, 16), np.float32), np.zeros((16, 16, 17), np.float32)
    for ct, pet in ((None, None), (a, b)):
        with pytest.raises(ValueError, match="on one grid"):
            name_voxels(Trunk(), Head(), ct, pet)
