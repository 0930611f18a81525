"""What Python costs: pipilo beside Towhee 1.1.3, alternating in the same run.

usage: python_overhead.py PIPILO_PYTHON TOWHEE_PYTHON [--rounds N] [--pictures FOLDER] [--json]

Each measurement is a process of its own, in its package's own environment; a round takes every one of
them, pipilo and Towhee in turn. A call's time is the best of seven series, since all that others can
do is to lengthen it; the table has the medians over the rounds and the lowest and highest.

The folder: pipilo has its own image_embedding.timm, Towhee an operator that does what its timm operator
does, shared by all runs: where TOWHEE_PYTHON has timm and torch, timm's transform and the same network
by torch (with weights of its own, which cost the same); else the transform by Pillow and numpy and the
same ONNX file through ONNX Runtime. Both decode a list of files and get it by one `batch`.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/efficientnet-lite0"
SERIES = 7

# Name, unit, digits, and what pipilo is held to: at most, or at least where it is a rate.
ROWS = {
    "import": ("ms", 1, 40),
    "identity": ("us", 2, 8),
    "four lambdas": ("us", 2, 16),
    "a row through a step": ("us", 3, 1.5),
    "folder": ("pictures/s", 1, None),
    "one thread": ("calls/s", 1, None),
    "two threads": ("calls/s", 1, None),
    "eight threads": ("calls/s", 1, None),
}


# --- one measurement, in a process of its own ------------------------------------------------------


def best(call, count):
    found = []
    for _ in range(SERIES):
        began = time.perf_counter()
        for i in range(count):
            call(i)
        found.append((time.perf_counter() - began) / count * 1e6)
    return min(found)


def measure_import(package):
    began = time.perf_counter()
    if package == "pipilo":
        from pipilo import ops, pipe  # noqa: F401
    else:
        from towhee import ops, pipe  # noqa: F401
    return {"import": (time.perf_counter() - began) * 1e3}


def measure_calls(package, pipe):
    count, rows = (20_000, 100_000) if package == "pipilo" else (300, 900)  # Towhee: see test_deadlock
    identity = pipe.input("x").map("x", "y", lambda x: x).output("y")
    four = pipe.input("x")
    for _ in range(4):
        four = four.map("x", "x", lambda x: x)

    def of_steps(steps):
        p = pipe.input("n").flat_map("n", "x", range)
        for _ in range(steps):
            p = p.map("x", "x", lambda x: x)
        p = p.window_all("x", "count", len).output("count")
        return best(lambda _: p(rows), 1) / rows

    return {
        "identity": best(identity, count),
        "four lambdas": best(four.output("x"), count),
        "a row through a step": (of_steps(3) - of_steps(1)) / 2,
    }


def torch_network():
    """The picture to the vector, as Towhee's timm operator has it."""
    import timm
    import torch

    network = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=network))

    def embed(image):
        with torch.no_grad():
            features = network.forward_features(transform(image).unsqueeze(0))
            return features.mean((2, 3))[0].numpy()

    return embed


def onnx_network():
    import numpy
    import onnxruntime
    from PIL import Image

    card = json.loads((MODEL / "model.json").read_text())
    steps, name = card["preprocess"], card["output"]["name"]
    size, crop = steps["resize"]["size"], steps["crop"][0]
    scale, mean, std = (numpy.float32(steps[key]) for key in ("scale", "mean", "std"))

    session = onnxruntime.InferenceSession(os.fspath(MODEL / "model.onnx"))
    given = session.get_inputs()[0].name

    def embed(image):
        sides = [int(size * side / min(image.size)) for side in image.size]
        image = image.resize(sides, Image.Resampling.BICUBIC)
        left, top = (round((side - crop) / 2) for side in image.size)
        image = image.crop((left, top, left + crop, top + crop))
        pixels = (numpy.asarray(image, numpy.float32) * scale - mean) / std
        tensor = numpy.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
        return session.run([name], {given: tensor})[0][0]

    return embed


def towhee_embedding(pipe, ops, register):
    from importlib.util import find_spec

    from PIL import Image
    from towhee.operator import NNOperator

    network = torch_network if find_spec("timm") and find_spec("torch") else onnx_network

    @register(name="bench/timm")
    class Timm(NNOperator):
        def __init__(self):
            super().__init__()
            self.embed = network()

        def __call__(self, image):
            return self.embed(image)

    print("Towhee's operator:", network.__name__, file=sys.stderr)
    decode = lambda path: Image.open(path).convert("RGB")  # noqa: E731
    return pipe.input("path").map("path", "img", decode).map(
        "img", "vec", ops.bench.timm()).output("vec")


def pipilo_embedding(pipe, ops):
    return pipe.input("path").map("path", "img", ops.image_decode.cv2_rgb()).map(
        "img", "vec", ops.image_embedding.timm(os.fspath(MODEL))).output("vec")


def threads_rate(p, paths, threads):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(p, paths[: 4 * threads]))
        began = time.perf_counter()
        list(pool.map(p, paths))
        return len(paths) / (time.perf_counter() - began)


def measure_folder(package, pipe, paths):
    if package == "pipilo":
        from pipilo import ops

        p = pipilo_embedding(pipe, ops)
    else:
        from towhee import ops, register

        p = towhee_embedding(pipe, ops, register)
    p.batch(paths[:16])
    began = time.perf_counter()
    results = p.batch(paths)
    found = {"folder": len(paths) / (time.perf_counter() - began)}
    assert all(result.get()[0].shape == (1280,) for result in results)
    for name, threads in (("one thread", 1), ("two threads", 2), ("eight threads", 8)):
        found[name] = threads_rate(p, paths, threads)
    return found


def measure(package, what):
    if what == "import":
        return measure_import(package)
    if package == "pipilo":
        from pipilo import pipe
    else:
        from towhee import pipe
    if what == "calls":
        return measure_calls(package, pipe)
    return measure_folder(package, pipe, sys.stdin.read().splitlines())


# --- the table -----------------------------------------------------------------------------------


def ask(python, package, what, paths=""):
    # From elsewhere: the checkout's own folders are no packages to import.
    command = [python, "-W", "ignore", __file__, "--measure", package, what]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, input=paths, capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        sys.exit(f"{package}, {what}: status {done.returncode}\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    used = [line for line in done.stderr.splitlines() if line.startswith("Towhee's operator:")]
    return found | ({"used": used[0]} if used else {})


def one_round(pythons, paths):
    found = {package: {} for package in pythons}
    for what in ("import", "calls", "folder"):
        for package, python in pythons.items():
            found[package].update(ask(python, package, what, paths if what == "folder" else ""))
    return found


def show(rounds):
    """Prints the table; the lines that are not as they should be."""
    missed = []
    print(f"{'':22} {'pipilo':>30} {'Towhee 1.1.3':>30}")
    middle = {}
    for name, (unit, digits, most) in ROWS.items():
        cells = []
        for package in ("pipilo", "towhee"):
            values = [r[package][name] for r in rounds]
            middle[package, name] = statistics.median(values)
            cells.append(f"{middle[package, name]:.{digits}f} ({min(values):.{digits}f} .. "
                         f"{max(values):.{digits}f})")
        print(f"{name + ', ' + unit:32} {cells[0]:>28} {cells[1]:>28}")
        if most is not None and middle["pipilo", name] > most:
            missed.append(f"{name}: {middle['pipilo', name]:.{digits}f} {unit}, not at most {most}")
    times = middle["pipilo", "folder"] / middle["towhee", "folder"]
    scale = middle["pipilo", "eight threads"] / middle["pipilo", "one thread"]
    print(f"\n{rounds[0]['towhee']['used']}\nfolder: {times:.2f} times Towhee's rate; eight threads: {scale:.2f} times one thread's, "
          f"with {len(os.sched_getaffinity(0))} cores")
    if times < 4:
        missed.append(f"folder: {times:.2f} times Towhee's rate, not at least 4")
    return missed


def main():
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:])), flush=True)
        os._exit(0)  # Towhee's threads are not waited for
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipilo_python")
    parser.add_argument("towhee_python")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=pathlib.Path, default=ROOT / "build/bench/pictures")
    parser.add_argument("--json", action="store_true", help="print every round, for a program")
    arguments = parser.parse_args()
    paths = "\n".join(map(os.fspath, sorted(arguments.pictures.resolve().glob("*.jpg"))))
    # Absolute, but not resolved: an environment's python is a link.
    pythons = {"pipilo": os.path.abspath(arguments.pipilo_python),
               "towhee": os.path.abspath(arguments.towhee_python)}
    rounds = [one_round(pythons, paths) for _ in range(arguments.rounds)]
    if arguments.json:
        print(json.dumps(rounds))
        return
    missed = show(rounds)
    print(*missed, sep="\n")
    sys.exit(1 if missed else 0)


main()
