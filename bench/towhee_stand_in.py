"""Runs a program written for Towhee with Towhee itself, and a stand-in for its image_embedding.timm.

usage: PYTHON towhee_stand_in.py torch|onnx PROGRAM MODEL [ARGUMENT...]

Towhee downloads its operators from a hub that is not to be had here. The stand-in computes what
theirs does: a path or array to a picture, timm's transform, forward_features, pooling.
  torch   with timm and torch, as theirs; MODEL is a name of timm's (random weights: neither time nor
          memory depends on them)
  onnx    with ONNX Runtime; MODEL is a folder that `pipilo export` wrote
towhee 1.1.3 must be installed for PYTHON, and what the kind needs. See docs/migration.md.
"""

import json
import os
import runpy
import sys

import numpy as np
from PIL import Image
from towhee import register
from towhee.operator import NNOperator


class TorchModel:
    def __init__(self, name):
        import timm

        self.model = timm.create_model(name).eval()
        self.transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=self.model))

    def __call__(self, image):
        import torch

        with torch.no_grad():
            found = self.model.forward_features(self.transform(image).unsqueeze(0))
        return (found.mean((2, 3)) if found.ndim == 4 else found[:, 0])[0].numpy()


class OnnxModel:
    def __init__(self, folder):
        import onnxruntime

        with open(os.path.join(folder, "model.json"), encoding="utf-8") as file:
            self.card = json.load(file)
        self.session = onnxruntime.InferenceSession(
            os.path.join(folder, self.card["file"]), providers=["CPUExecutionProvider"])

    def __call__(self, image):
        how = self.card["preprocess"]
        size, (height, width) = how["resize"]["size"], how["crop"]
        short = min(image.size)
        image = image.resize([int(size * side / short) for side in image.size], Image.Resampling.BICUBIC)
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        pixels = np.asarray(image.crop((left, top, left + width, top + height)), np.float32)
        pixels = (pixels * np.float32(how["scale"]) - np.float32(how["mean"])) / np.float32(how["std"])
        (found,) = self.session.run(None, {self.card["input"]["name"]: pixels.transpose(2, 0, 1)[None]})
        return (found.mean((2, 3)) if found.ndim == 4 else found[:, 0])[0]


KINDS = {"torch": TorchModel, "onnx": OnnxModel}
kind, program = sys.argv[1:3]


@register(name="image_embedding/timm")
class Timm(NNOperator):
    def __init__(self, model_name):
        super().__init__()
        self.model = KINDS[kind](model_name)

    def __call__(self, data):
        image = Image.open(data) if isinstance(data, str) else Image.fromarray(data)
        return self.model(image.convert("RGB"))


sys.argv = sys.argv[2:]
sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
runpy.run_path(program, run_name="__main__")
