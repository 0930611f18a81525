"""timm and torch over the same weights, in their own environment.

usage: peer_timm.py MODEL COUNT VECTORS.npy|- < LIST          prints pictures a second

timm's tf_efficientnet_lite0 is the same network with a batch norm behind each convolution. model.onnx
has them folded into the convolutions, so here each norm adds its convolution's bias and changes nothing
else. Pictures come by timm's own transform from a DataLoader with a process a core, in batches of 32;
the network has all cores. What comes before the first WARM_UP batches are done does not count.
"""
import json
import os
import pathlib
import sys
import time

import numpy as np
import onnx
import timm
import torch
from onnx import numpy_helper
from PIL import Image

NAME = "tf_efficientnet_lite0"
BATCH, WARM_UP = 32, 2


def network(model, card):
    graph = onnx.load(model / card["file"]).graph
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    convolutions = iter([node for node in graph.node if node.op_type == "Conv"])
    net = timm.create_model(NAME, num_classes=0).eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                _, weight, bias = next(convolutions).input
                module.weight.copy_(torch.tensor(weights[weight]))
                biased = torch.tensor(weights[bias])
            elif isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.zero_()
                module.running_var.fill_(1 - module.eps)
                module.weight.fill_(1)
                module.bias.copy_(biased)
    return net


class Pictures(torch.utils.data.Dataset):
    def __init__(self, paths, card):
        resize, crop = card["preprocess"]["resize"], card["preprocess"]["crop"]
        self.paths = paths
        self.transform = timm.data.create_transform(
            (3, *crop), interpolation=resize["filter"], crop_pct=crop[0] / resize["size"],
            mean=card["preprocess"]["mean"], std=card["preprocess"]["std"])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.transform(Image.open(self.paths[i]).convert("RGB"))


def main():
    model, count, out = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    card = json.loads((model / "model.json").read_text())
    paths = sys.stdin.read().splitlines()
    net = network(model, card)
    warm_up = WARM_UP * BATCH
    every = [paths[i % len(paths)] for i in range(warm_up + count)]
    loader = torch.utils.data.DataLoader(Pictures(every, card), BATCH,
                                         num_workers=len(os.sched_getaffinity(0)))
    vectors, began, done = [], 0, 0
    with torch.inference_mode():
        for tensors in loader:
            vectors.append(net(tensors).numpy())
            done += len(tensors)
            if done == warm_up:
                began = time.perf_counter()
    took = time.perf_counter() - began
    if out != "-":
        place = {path: i for i, path in reversed(list(enumerate(every)))}
        np.save(out, np.concatenate(vectors)[[place[path] for path in paths]])
    print(f"{count / took:.2f}")


if __name__ == "__main__":
    main()
