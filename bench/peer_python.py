"""What one would write in Python by hand with the same parts: Pillow, numpy and OpenVINO.

usage: peer_python.py decode|plain|embed MODEL COUNT [VECTORS.npy] < LIST

Prints pictures a second, start-up left out; VECTORS gets those of LIST, in its order.

decode: Pillow to the model's input, a process a core. plain: a loop, one picture after the other, the
engine's own layout, which gives all cores to each. embed: the best that was found by hand: a thread a
core, each decodes (Pillow lets other threads run meanwhile) and asks a request of its own.
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


def compile_model(**layout):
    import openvino

    core = openvino.Core()
    network = core.read_model(model / "model.onnx")
    network.reshape([1, 3, crop, crop])
    return core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32", **layout})


def embed_each(compiled, numbers, vectors):
    """A request of its own for each of the pictures that `numbers` still has."""
    request = compiled.create_infer_request()
    output = compiled.output(card["output"]["name"])
    for i in numbers:
        request.infer([tensor(paths[i % len(paths)])], share_inputs=True)
        vectors[i] = request.get_tensor(output).data[0]


def rate_embed(threads, **layout):
    compiled = compile_model(**layout)
    vectors = np.empty((count, card["output"]["dim"]), np.float32)
    numbers = iter(range(count))
    workers = [threading.Thread(target=embed_each, args=(compiled, numbers, vectors))
               for _ in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - began
    if len(sys.argv) > 4 and sys.argv[4] != "-":
        np.save(sys.argv[4], vectors[:len(paths)])
    return count / took


WAYS = {
    "decode": rate_decode,
    "plain": lambda: rate_embed(1),
    "embed": lambda: rate_embed(cores, NUM_STREAMS=cores, INFERENCE_NUM_THREADS=cores,
                                ENABLE_CPU_PINNING=False),
}
print(f"{WAYS[verb]():.2f}")
