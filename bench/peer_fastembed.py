"""fastembed over the same weights, in its own environment.

usage: peer_fastembed.py MODEL COUNT VECTORS.npy|- [PARALLEL] < LIST   prints pictures a second

ImageEmbedding takes no model of one's own by name (TextEmbedding.add_custom_model has no counterpart
for pictures), but `specific_model_path` is a folder with model.onnx and preprocessor_config.json: so
one of its models is asked for, and the folder holds ours. Nothing is downloaded.

PARALLEL: processes of a thread each (its embed(parallel=..)); without it one process, whose ONNX
Runtime has a thread a core. What comes before WARM_UP batches a core does not count: its start.
"""
import json
import os
import pathlib
import sys
import tempfile
import time

import numpy as np

NAMED = "Qdrant/resnet50-onnx"  # its post-processing is to scale to length 1, and no more
BATCH, WARM_UP = 16, 2


def folder_of(model, where):
    card = json.loads((model / "model.json").read_text())
    resize, crop = card["preprocess"]["resize"], card["preprocess"]["crop"]
    (where / "model.onnx").symlink_to((model / card["file"]).resolve())
    (where / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True, "size": {"shortest_edge": resize["size"]}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": crop[0], "width": crop[1]},
        "do_rescale": True, "rescale_factor": card["preprocess"]["scale"],
        "do_normalize": True, "image_mean": card["preprocess"]["mean"],
        "image_std": card["preprocess"]["std"]}))


def main():
    from fastembed import ImageEmbedding

    model, count, out = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    parallel = int(sys.argv[4]) if len(sys.argv) > 4 else None
    paths = sys.stdin.read().splitlines()
    cores = len(os.sched_getaffinity(0))
    skipped = WARM_UP * BATCH * cores
    vectors = []
    with tempfile.TemporaryDirectory() as where:
        folder_of(model, pathlib.Path(where))
        embedding = ImageEmbedding(NAMED, specific_model_path=where, threads=cores,
                                   lazy_load=parallel is not None, local_files_only=True)
        total = count + skipped
        for vector in embedding.embed([paths[i % len(paths)] for i in range(total)],
                                      batch_size=BATCH, parallel=parallel):
            vectors.append(vector)
            if len(vectors) == skipped:
                began = time.perf_counter()
        took = time.perf_counter() - began
    if out != "-":
        np.save(out, np.stack(vectors[:len(paths)]))
    print(f"{count / took:.2f}")


if __name__ == "__main__":
    main()
