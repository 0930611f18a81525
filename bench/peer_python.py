"""What one would write in Python by hand with the same parts: Pillow, numpy and OpenVINO.

usage: peer_python.py decode|embed MODEL COUNT [VECTORS.npy] < LIST

Prints pictures a second, start-up left out; VECTORS gets those of LIST, in its order.

decode: Pillow to the model's input, a process a core. embed: a thread a core, each decodes (Pillow
lets other threads run meanwhile) and asks a request of its own.
"""
import json
import multiprocessing
import os
import pathlib
import sys
import threading
import time

import numpy as np
from PIL import Image

verb, model, count = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
paths = sys.stdin.read().splitlines()
card = json.loads((model / "model.json").read_text())
cores = len(os.sched_getaffinity(0))
size, crop = card["preprocess"]["resize"]["size"], card["preprocess"]["crop"][0]
scale, mean, std = (np.float32(card["preprocess"][name]) for name in ("scale", "mean", "std"))


def tensor(path):
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    image = image.resize([int(size * side / short) for side in image.size], Image.Resampling.BICUBIC)
    left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
    pixels = np.asarray(image.crop((left, top, left + crop, top + crop)), np.float32)
    return np.ascontiguousarray(((pixels * scale - mean) / std).transpose(2, 0, 1)[None])


def decode_share(part):
    for i in range(part, count, cores):
        tensor(paths[i % len(paths)])


def rate_decode():
    with multiprocessing.get_context("fork").Pool(cores) as pool:
        pool.map(tensor, paths[:cores * 20])
        began = time.perf_counter()
        pool.map(decode_share, range(cores), chunksize=1)
        return count / (time.perf_counter() - began)


def rate_embed():
    import openvino

    core = openvino.Core()
    network = core.read_model(model / "model.onnx")
    network.reshape([1, 3, crop, crop])
    compiled = core.compile_model(network, "CPU", {
        "INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores,
        "ENABLE_CPU_PINNING": False})
    output = compiled.output(card["output"]["name"])
    vectors = np.empty((count, card["output"]["dim"]), np.float32)
    left = iter(range(count))

    def work():
        request = compiled.create_infer_request()
        while (i := next(left, None)) is not None:
            request.infer([tensor(paths[i % len(paths)])], share_inputs=True)
            vectors[i] = request.get_tensor(output).data[0]

    threads = [threading.Thread(target=work) for _ in range(cores)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if len(sys.argv) > 4 and sys.argv[4] != "-":
        np.save(sys.argv[4], vectors[:len(paths)])
    return count / took


print(f"{rate_decode() if verb == 'decode' else rate_embed():.2f}")
