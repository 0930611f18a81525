"""Memory over many pipelines, or over one long batch, in a process of its own.

usage: soak.py pipelines|batch COUNT MODEL FOLDER        FOLDER holds the pictures

pipelines: the program of Towhee's issue 2696: for each picture a pipeline is built, called and
dropped. batch: one pipeline and one `batch` over pictures made as they are asked for, each result
looked at and dropped. Prints one JSON object: the series of anonymous memory in kB, threads,
descriptors, how often the model was loaded, and what was alive at the end.

On two cores: each of many threads would touch memory of its own for the first time at some time.
"""

import gc
import json
import os
import sys
from pathlib import Path

import numpy

import pipilo
from pipilo import ops, pipe
from pipilo.types import Image

WATCHED = 100  # looks at memory


def status():
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    # Exact; RssAnon may be off by some pages a core.
    rolled = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return {
        "anonymous": int(rolled["Anonymous"].split()[0]),
        "resident": int(lines["VmRSS"].split()[0]),
        "threads": int(lines["Threads"]),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }


def pipelines(count, model, folder):
    paths = sorted(map(str, folder.iterdir()))
    for i in range(count):
        p = (
            pipe.input("path").map("path", "img", ops.image_decode.cv2_rgb())
            .map("img", "vec", ops.image_embedding.timm(model)).output("vec")
        )
        vector = p(paths[i % len(paths)]).get()[0]
        assert vector.dtype == numpy.float32 and vector.ndim == 1
        del p
        yield


def batch(count, model, folder):
    made = numpy.random.default_rng(1)

    def pictures():
        for _ in range(count):
            height, width = made.integers(40, 120, 2)
            yield Image(made.integers(0, 256, (height, width, 3), numpy.uint8), "RGB")

    p = pipe.input("img").map("img", "vec", ops.image_embedding.timm(model)).map(
        "vec", "norm", lambda v: float((v * v).sum())).output("vec", "norm")
    for result in p.stream(pictures()):
        vector, norm = result.get()
        assert vector.ndim == 1 and norm > 0
        yield


def main(what, count, model, folder):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    every = max(1, count // WATCHED)
    series = []
    for i, _ in enumerate({"pipelines": pipelines, "batch": batch}[what](count, model, folder), 1):
        if i % every == 0 or i == min(1000, count // 10):
            series.append({"after": i, **status()})
            if sys.stderr.isatty() or "PIPILO_SOAK_SHOW" in os.environ:
                print(series[-1], file=sys.stderr, flush=True)
    gc.collect()
    json.dump({"series": series, "stats": pipilo.stats()}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
