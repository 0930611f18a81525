"""Towhee 1.1.3 over the same weights, in its own environment.

usage: peer_towhee.py MODEL COUNT VECTORS.npy|- < LIST          prints pictures a second

Its hub is not asked: an operator is registered that does what its image_embedding.timm does, Pillow and
numpy before the network, the network by ONNX Runtime on all cores. (torch, which it would use, is
slower; see bench/towhee.sh.)
"""
import json
import pathlib
import sys
import time

import numpy as np
from PIL import Image

WARM_UP = 20


class Embedding:
    """From the path to the vector."""

    def __init__(self, model):
        import onnxruntime

        card = json.loads((pathlib.Path(model) / "model.json").read_text())
        self.size, self.crop = card["preprocess"]["resize"]["size"], card["preprocess"]["crop"][0]
        self.scale, self.mean, self.std = (np.float32(card["preprocess"][n])
                                           for n in ("scale", "mean", "std"))
        self.session = onnxruntime.InferenceSession(pathlib.Path(model) / card["file"],
                                                    providers=["CPUExecutionProvider"])
        self.names = [card["output"]["name"]]
        self.input = card["input"]["name"]

    def __call__(self, path):
        image = Image.open(path).convert("RGB")
        short = min(image.size)
        image = image.resize([int(self.size * side / short) for side in image.size],
                             Image.Resampling.BICUBIC)
        left, top = round((image.width - self.crop) / 2), round((image.height - self.crop) / 2)
        pixels = np.asarray(image.crop((left, top, left + self.crop, top + self.crop)), np.float32)
        tensor = ((pixels * self.scale - self.mean) / self.std).transpose(2, 0, 1)[None]
        return self.session.run(self.names, {self.input: np.ascontiguousarray(tensor)})[0][0]


def main():
    from towhee import ops, pipe, register

    model, count, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    paths = sys.stdin.read().splitlines()
    register(name="bench/same")(Embedding)
    embed = (pipe.input("paths").flat_map("paths", "path", lambda paths: paths)
             .map("path", "vec", ops.bench.same(model)).output("vec"))
    embed([paths[i % len(paths)] for i in range(WARM_UP)])
    began = time.perf_counter()
    rows = embed([paths[i % len(paths)] for i in range(count)])
    took = time.perf_counter() - began
    vectors = [rows.get()[0] for _ in range(count)]
    if out != "-":
        np.save(out, np.stack(vectors[:len(paths)]))
    print(f"{count / took:.2f}")


if __name__ == "__main__":
    main()
