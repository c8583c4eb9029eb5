"""From a trained network to two ONNX files, trunk and head, checked against torch.

    python -m psmap.training.anatomy.export RUN/weights.pt FOLDER

`psmap anatomy --segmenter FOLDER` names voxels with them.

The trunk gives, for a whole field of view, features at 8 and at 16 mm, places in the reference man (mm) and the
probability of there being a body; the head gives, for some voxels of 8 mm, the likeliest label of the eight voxels of
4 mm in each, how sure it is (its probability), and the likeliest station. Weights are kept in half precision and
widened when the file is loaded, so that the arithmetic is single precision.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from psmap.training.anatomy.network import PLACE_MM, STEP, AnatomyNetwork, Head, features_of, load_network, patches_of

OPSET = 18
TRUNK_AXES = {
    "x": {2: "k", 3: "j", 4: "i"},
    "coarse": {2: "k8", 3: "j8", 4: "i8"},
    "broad": {2: "k16", 3: "j16", 4: "i16"},
    "place": {2: "k8", 3: "j8", 4: "i8"},
    "inside": {2: "k8", 3: "j8", 4: "i8"},
}
HEAD_AXES = {name: {0: "m"} for name in ("patch", "features", "place", "labels", "sure", "stations")}
SMALLEST_HALF = 1024
"""Arrays with fewer numbers stay in single precision."""
AGREE = 2e-2
"""Largest difference of features between torch and the exported file, which half precision weights allow."""


class _TrunkOut(nn.Module):
    def __init__(self, network: AnatomyNetwork) -> None:
        super().__init__()
        self.trunk = network.trunk

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        seen = self.trunk(x)
        return seen.coarse, seen.broad, seen.place * PLACE_MM, torch.sigmoid(seen.inside)


class _HeadOut(nn.Module):
    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, patch: Tensor, features: Tensor, place_mm: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, _, stations = self.head(patch, features, place_mm / PLACE_MM)
        sure, labels = torch.softmax(logits, dim=2).max(dim=2)
        return labels.to(torch.uint8), sure, stations.argmax(dim=1).to(torch.uint8)


def export(network: AnatomyNetwork, folder: Path) -> tuple[Path, Path]:
    """Write trunk.onnx and head.onnx.

    Raises:
        ValueError: what ONNX Runtime makes of the files is not what torch makes of the network.
    """
    network = network.cpu().eval()
    folder.mkdir(parents=True, exist_ok=True)
    shape = network.shape
    x = torch.randn(1, shape.channels, 2 * STEP, 2 * STEP, 3 * STEP)
    with torch.no_grad():
        seen = _TrunkOut(network)(x)
    trunk, head = folder / "trunk.onnx", folder / "head.onnx"
    _write(_TrunkOut(network), (x,), trunk, TRUNK_AXES)
    _write(_HeadOut(network.head), head_inputs(x, *seen[:3]), head, HEAD_AXES)
    _check(network, trunk, head)
    return trunk, head


def head_inputs(x: Tensor, coarse: Tensor, broad: Tensor, place_mm: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the trunk says of one scan, as the head takes it."""
    every = torch.arange(coarse[0, 0].numel())
    features = features_of(coarse[0], broad[0], every)
    return patches_of(x[0], every), features.contiguous(), place_mm[0].flatten(1).T.contiguous()


def _write(module: nn.Module, example: tuple[Tensor, ...], path: Path, axes: dict[str, dict[int, str]]) -> None:
    inputs = list(axes)[: len(example)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that needs no more than onnx, and of norms of the instance
        torch.onnx.export(
            module.eval(), example, str(path), input_names=inputs, output_names=list(axes)[len(example) :],
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    onnx.save(halved_weights(onnx.load(path)), path)


def halved_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with its large weights in half precision, each widened by a Cast before it is used."""
    graph = model.graph
    casts = []
    for weight in graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype == np.float32 and array.size >= SMALLEST_HALF:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def _check(network: AnatomyNetwork, trunk: Path, head: Path) -> None:
    x = torch.randn(1, network.shape.channels, 3 * STEP, 2 * STEP, 4 * STEP, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        want = _TrunkOut(network)(x)
        want_labels = _HeadOut(network.head)(*head_inputs(x, *want[:3]))[0]
    got = session(trunk).run(None, {"x": x.numpy()})
    for name, a, b in zip(list(TRUNK_AXES)[1:], want, got, strict=True):
        away = float(np.abs(a.numpy() - b).max())
        if away > AGREE * max(float(a.abs().max()), 1.0):
            raise ValueError(f"{trunk.name}: {name} is {away:.3g} away from torch's")
    inputs = head_inputs(x, *(torch.from_numpy(each) for each in got[:3]))
    labels = session(head).run(None, dict(zip(HEAD_AXES, (each.numpy() for each in inputs), strict=False)))[0]
    same = float((want_labels.numpy() == labels).mean())
    if same < 0.95:
        raise ValueError(f"{head.name}: {same:.1%} of the labels are torch's")


def session(path: Path, threads: int = 2) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on that many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args(arguments)
    for path in export(load_network(asked.weights), asked.out):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
