"""The network keeps its shapes, the loss is what its formula says, a step and a checkpoint do what they should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from man_of_boxes import man_of_boxes
from scipy.ndimage import gaussian_filter

from psmap.training.anatomy.augment_look import blurred, scan_anew
from psmap.training.anatomy.augment_space import IGNORE, View, draw_view, look_through
from psmap.training.anatomy.examples import Example, path_of, write_example
from psmap.training.anatomy.loop import Plan, learning_rate, teach
from psmap.training.anatomy.losses import soft_dice, weights_of
from psmap.training.anatomy.network import (
    PATCH,
    AnatomyNetwork,
    NetworkShape,
    blocks_of,
    features_of,
    from_blocks,
    load_network,
    patches_of,
)
from psmap.training.anatomy.optimiser import Optimiser

pytestmark = pytest.mark.train
SMALL = NetworkShape(widths=(4, 6, 8, 8), hidden=8, own=4, up=4, mix=8)


@pytest.fixture
def boxes() -> Example:
    return man_of_boxes()


def plain_view(example: Example, mirror: bool = False) -> View:
    k, j, i = example.labels.shape
    middle = (0.5 * (k - 1), 0.5 * (j - 1), 0.5 * (i - 1))
    return View(middle, (k, j, i), np.eye(3), np.zeros((3, 2, 2, 2), np.float32), mirror)


def test_a_plain_view_changes_nothing(boxes: Example) -> None:
    seen = look_through(boxes, plain_view(boxes))
    assert tuple(seen.ct.shape) == (48, 32, 48)
    inside = seen.field.numpy() == 1.0
    np.testing.assert_array_equal(seen.labels.numpy()[4:44], boxes.labels)
    np.testing.assert_allclose(seen.ct.numpy()[4:44], boxes.ct, atol=0.2)
    assert inside.sum() == boxes.labels.size
    assert set(np.unique(seen.labels.numpy()[~inside])) == {IGNORE}


def test_places_go_where_the_voxels_go(boxes: Example) -> None:
    seen = look_through(boxes, plain_view(boxes))
    place = seen.places.numpy()
    assert place.shape == (3, 24, 16, 24)
    # the middle of the first voxel of 8 mm of his first slice, 2 voxels of filling before it; half precision
    np.testing.assert_allclose(place[:, 12, 8, 12], [4.0, 4.0, 4.0], atol=0.1)
    shifted = View((19.5 + 2.0, 15.5, 23.5 + 4.0), (40, 32, 48), np.eye(3), np.zeros((3, 2, 2, 2), np.float32), False)
    np.testing.assert_allclose(look_through(boxes, shifted).places.numpy()[:, 12, 8, 12], [20.0, 4.0, 12.0], atol=0.1)
    mirrored = look_through(boxes, plain_view(boxes, mirror=True)).places.numpy()
    np.testing.assert_allclose(mirrored[:, 12, 8, 12], [4.0, 4.0, 4.0], atol=0.1)


def test_a_mirror_swaps_sides_and_names(boxes: Example) -> None:
    seen = look_through(boxes, plain_view(boxes, mirror=True)).labels.numpy()[4:44]
    straight = boxes.labels
    left, right = (np.unique(straight[6, 10, part])[-1] for part in (slice(34, 40), slice(8, 14)))
    assert left != right
    # the box that lay to his right lies to his left now, and is called so
    assert seen[6, 10, 48 - 1 - 10] == left
    assert np.count_nonzero(seen == left) == np.count_nonzero(straight == right)


def test_crops_are_boxes_in_the_body_and_only_where_asked_for(boxes: Example) -> None:
    shape = boxes.labels.shape
    held = np.argwhere(boxes.labels)
    widest = int(np.ptp(held[:, 2])) + 1
    drawn = [draw_view(np.random.default_rng(seed), boxes, crops=True) for seed in range(400)]
    crops = [view for view in drawn if max(view.size) < 70 and view.middle == tuple(np.rint(view.middle))]
    inside = [view for view in crops if boxes.labels[tuple(np.rint(view.middle).astype(int))]]
    assert 0.1 < len(inside) / len(drawn) < 0.25 and all(min(view.size) >= 24 for view in inside)
    plain = [draw_view(np.random.default_rng(seed), boxes) for seed in range(100)]
    assert min(view.size[2] for view in plain) > 0.4 * widest and shape[2] >= widest


def test_a_blur_is_scipys() -> None:
    image = np.random.default_rng(3).standard_normal((20, 24, 28)).astype(np.float32)
    want = gaussian_filter(image, (1.4, 0.1, 0.8), mode="nearest", truncate=3.0)
    np.testing.assert_allclose(blurred(torch.from_numpy(image), (1.4, 0.1, 0.8)).numpy(), want, atol=0.01)


def test_the_same_dice_give_the_same_scan(boxes: Example) -> None:
    def one() -> tuple[object, ...]:
        rng = np.random.default_rng(7)
        scan = scan_anew(rng, look_through(boxes, draw_view(rng, boxes)))
        return scan.ct, scan.pet, scan.labels

    for a, b in zip(one(), one(), strict=True):
        assert torch.equal(a, b)


def test_blocks_and_back() -> None:
    volume = torch.arange(4 * 6 * 8).reshape(1, 4, 6, 8)
    assert torch.equal(from_blocks(blocks_of(volume)[..., 0], (4, 6, 8)), volume[0])


def test_the_head_sees_the_voxel_and_two_round_it() -> None:
    x = torch.arange(2 * 4 * 6 * 8, dtype=torch.float32).reshape(2, 4, 6, 8)
    patch = patches_of(x, torch.tensor([1 * 3 * 4 + 1 * 4 + 2])).reshape(2, 6, 6, 6)
    assert torch.equal(patch[:, 2:4, 2:4, 2:4], x[:, 2:4, 2:4, 4:6])
    assert torch.equal(patch[:, 0, 0, 0], x[:, 0, 0, 2])
    assert float(patch[:, 4:].abs().max()) == 0.0  # beyond the end there is nothing


def test_soft_dice_of_certainty_is_the_dice() -> None:
    target = torch.tensor([0] * 10 + [1] * 10)
    said = torch.tensor([0] * 5 + [1] * 15)
    shares = torch.nn.functional.one_hot(said, 3).float()
    # 2*5/(5+10) and 2*10/(15+10); the third class is not there
    assert float(soft_dice(shares, target)) == pytest.approx((2 / 3 + 0.8) / 2, abs=1e-5)


def test_rare_labels_weigh_more() -> None:
    found = weights_of(torch.tensor([1e6, 100.0, 100.0, 1.0, 0.0]))
    assert found.tolist() == pytest.approx([0.5, 1.0, 1.0, 100**0.25, 1.0])


def test_the_rate_rises_and_falls() -> None:
    rates = [learning_rate(share, 1.0) for share in (0.0, 0.015, 0.03, 0.515, 1.0)]
    assert rates == pytest.approx([0.01, 0.51, 1.0, 0.5, 0.0])


def test_muon_moves_the_inner_weights_and_adamw_the_rest() -> None:
    """Muon's first step is near orthogonal: its singular values are nearly the same, as no plain gradient's are."""
    torch.manual_seed(1)
    network = AnatomyNetwork(SMALL)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    optimiser = Optimiser(network)
    seen = network.trunk(torch.randn(1, SMALL.channels, 16, 16, 32))
    every = torch.arange(seen.coarse[0, 0].numel())
    patch = torch.randn(len(every), SMALL.channels * PATCH**3)
    said = network.head(patch, features_of(seen.coarse[0], seen.broad[0], every), torch.randn(len(every), 3))
    optimiser.step(sum(part.square().mean() for part in (*said, seen.place, seen.rough_place, seen.inside)), 1e-3)
    moved = {name: value.detach() - before[name] for name, value in network.named_parameters()}
    assert all(bool(step.abs().max() > 0.0) for step in moved.values())
    inner = torch.linalg.svdvals(moved["trunk.ways_down.1.0.first.weight"].flatten(1))
    assert float(inner.min() / inner.max()) > 0.3
    first = moved["head.labels.bias"].abs()  # AdamW's first step is its rate, whatever the gradient
    assert float(first.median()) == pytest.approx(1e-3, rel=0.05)


def test_a_gradient_without_bounds_moves_nothing() -> None:
    network = AnatomyNetwork(SMALL)
    before = [value.detach().clone() for value in network.parameters()]
    optimiser = Optimiser(network)
    optimiser.step(sum(value.sum() for value in network.parameters()) * torch.tensor(float("inf")), 1e-3)
    assert all(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))
    optimiser.step(sum(value.sum() for value in network.parameters()), 1e-3)
    assert not any(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_a_killed_run_is_taken_up(boxes: Example, tmp_path: Path) -> None:
    men = tmp_path / "men"
    men.mkdir()
    for seed in range(3):
        write_example(path_of(men, seed), boxes)
    for run, pauses in (("whole", (4,)), ("broken", (2, 4))):
        for steps in pauses:
            # the rate is that of the whole run, as a kill leaves it
            teach(men, tmp_path / run, Plan(1.0, steps, rate=0.0, half=False, blocks=200), SMALL, "cpu")
    a, b = (load_network(tmp_path / run / "weights.pt").state_dict() for run in ("whole", "broken"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    logs = [(tmp_path / run / "log.jsonl").read_text().splitlines() for run in ("whole", "broken")]
    whole, broken = ([json.loads(line)["coarse"] for line in log if "coarse" in line] for log in logs)
    assert whole == pytest.approx(broken)


def test_export_is_what_torch_says(tmp_path: Path) -> None:
    from psmap.training.anatomy.export import export

    torch.manual_seed(1)
    trunk, head = export(AnatomyNetwork(SMALL), tmp_path)
    assert trunk.stat().st_size + head.stat().st_size < 2e5


def test_the_step_says_what_torch_says(boxes: Example, tmp_path: Path) -> None:
    """The whole way of use, in ONNX Runtime and by parts, against the whole network in torch at once."""
    from psmap.steps.anatomy.network import name_voxels
    from psmap.training.anatomy.export import export, session
    from psmap.training.anatomy.score import predict

    torch.manual_seed(3)
    network = AnatomyNetwork(SMALL)
    trunk, head = (session(path) for path in export(network, tmp_path))
    for see in ("both", "ct", "pet"):
        want, want_stations = predict(network, boxes, "cpu", see)
        ct = None if see == "pet" else boxes.ct.astype(np.float32)
        pet = None if see == "ct" else boxes.pet.astype(np.float32)
        got = name_voxels(trunk, head, ct, pet)
        assert (got.labels == want).mean() > 0.97
        assert (got.stations == want_stations).mean() > 0.97


def test_a_folder_with_a_network_names_voxels(boxes: Example, tmp_path: Path) -> None:
    """The whole way from weights to an anatomy, by the path that a user gives."""
    from psmap.domain.geometry import Grid
    from psmap.domain.image import CtImage
    from psmap.domain.refusal import Refused
    from psmap.training.anatomy.export import export
    from psmap.workflow.segmenters import segmenter

    torch.manual_seed(5)
    export(AnatomyNetwork(SMALL), tmp_path)
    grid = Grid(boxes.ct.shape, (0.0, 0.0, 0.0), ((0.0, 0.0, 4.0), (0.0, 4.0, 0.0), (4.0, 0.0, 0.0)))
    anatomy = segmenter(tmp_path)(None, CtImage(grid, boxes.ct))
    # an untaught network finds nothing that stands to reason; what it does not find is said, and why
    named = {one.id for one in anatomy.found} | {one.id for one in anatomy.missing}
    assert {"liver", "vertebra_l3", "rib_7_left"} <= named
    assert any(notice.startswith(("no PET", "there is no bone")) for notice in anatomy.notices)
    for name, cure in (("head.onnx", "of another network"), ("trunk.onnx", "damaged")):
        content = (tmp_path / "trunk.onnx").read_bytes()
        (tmp_path / name).write_bytes(content if name == "head.onnx" else content[:-50])
        with pytest.raises(Refused, match=cure):
            segmenter(tmp_path)(None, CtImage(grid, boxes.ct))
