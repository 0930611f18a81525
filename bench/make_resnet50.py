#!/usr/bin/env python3
"""Make a model of resnet50's shape with made-up weights: model.onnx and its card.

usage: make_resnet50.py OUTDIR

The network is ResNet-50 (He et al., 2015) with the stride in the 3x3 convolutions, batch norm folded
away, up to the 2048 numbers behind the average pool. Weights are normal with He's deviation, from a
fixed seed; the last convolution of a block is scaled down, as training would have it, so that 16
blocks of sums stay in range. It computes what a trained one computes, as fast, and says nothing of
any picture. The same numpy gives the same bytes.
"""
import hashlib
import json
import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 50
SIZE = 224
STAGES = [(3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)]  # blocks, width, first stride
EXPANSION = 4


class Graph:
    def __init__(self):
        self.random = numpy.random.Generator(numpy.random.PCG64(SEED))
        self.nodes, self.weights, self.count = [], [], 0

    def node(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"{kind.lower()}{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, value, in_channels, out_channels, kernel, stride=1, scale=1.0):
        deviation = scale * (2 / (in_channels * kernel * kernel)) ** 0.5
        shape = (out_channels, in_channels, kernel, kernel)
        weight = (self.random.standard_normal(shape) * deviation).astype(numpy.float32)
        bias = (self.random.standard_normal(out_channels) * 0.01).astype(numpy.float32)
        names = [f"w{self.count}", f"b{self.count}"]
        self.weights += [numpy_helper.from_array(weight, names[0]),
                         numpy_helper.from_array(bias, names[1])]
        return self.node("Conv", value, *names, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                         pads=[kernel // 2] * 4)

    def block(self, value, channels, width, stride):
        inside = self.node("Relu", self.conv(value, channels, width, 1))
        inside = self.node("Relu", self.conv(inside, width, width, 3, stride))
        inside = self.conv(inside, width, width * EXPANSION, 1, scale=0.3)
        if stride != 1 or channels != width * EXPANSION:
            value = self.conv(value, channels, width * EXPANSION, 1, stride, scale=0.7)
        return self.node("Relu", self.node("Add", value, inside))


def make_model():
    graph = Graph()
    value = graph.node("Relu", graph.conv("input", 3, 64, 7, 2))
    value = graph.node("MaxPool", value, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for blocks, width, stride in STAGES:
        for i in range(blocks):
            value = graph.block(value, channels, width, stride if i == 0 else 1)
            channels = width * EXPANSION
    pooled = graph.node("GlobalAveragePool", value)
    graph.nodes.append(helper.make_node("Flatten", [pooled], ["embedding"], name="embedding"))
    shape = ["n", 3, SIZE, SIZE]
    made = helper.make_model(
        helper.make_graph(
            graph.nodes, "resnet50-shaped",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", channels])],
            graph.weights),
        opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="pipilo bench")
    onnx.checker.check_model(made)
    return made.SerializeToString(), channels


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    model, dim = make_model()
    (out / "model.onnx").write_bytes(model)
    card = {
        "name": "resnet50-shaped",
        "task": "image_embedding",
        "file": "model.onnx",
        "sha256": hashlib.sha256(model).hexdigest(),
        "license": "Apache-2.0",
        "source": f"bench/make_resnet50.py, seed {SEED}",
        "input": {"name": "input", "layout": "nchw", "dtype": "f32"},
        "preprocess": {
            "resize": {"mode": "shortest_edge", "size": 256, "filter": "bilinear"},
            "crop": [SIZE, SIZE],
            "crop_rounding": "half_even",
            "pad": None,
            "color": "rgb",
            "scale": 1 / 255,
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        },
        "output": {"name": "embedding", "pool": "none", "dim": dim, "normalize": False},
    }
    (out / "model.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
