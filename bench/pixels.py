"""Pixels beside Pillow's and libjpeg-turbo's: what a JPEG takes on one core, and the ratios.

usage: pixels.py BUILD [--json] [--rounds N] [--pictures DIR]

Everything runs on one and the same core, from files that the page cache holds. In each round one
thing is measured after the other; a ratio is taken within a round, and the table has the medians.
Times are of the processor. The window is decode, resize to a shortest edge of 256 (bicubic) and a
centre crop of 224, in 8 bits; before anything is measured, pipilo's must equal Pillow's to the byte.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from PIL import Image

from pictures import machine, make

ROOT = pathlib.Path(__file__).resolve().parents[1]
EDGE, CROP = 256, 224
# Pictures of each size, times each is taken in a measurement, reductions of the bare decode.
SIZES = {(500, 375): (64, 6, (1,)), (1632, 1224): (16, 4, (1, 2)), (4000, 3000): (6, 2, (1, 4))}
WANTED = {("window", (500, 375)): 2.6, ("window", (1632, 1224)): 4, ("fast", (1632, 1224)): 6}
WANTED_DECODE = 0.9


def window(path):
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    image = image.resize([int(EDGE * side / short) for side in image.size], Image.Resampling.BICUBIC)
    left, top = round((image.width - CROP) / 2), round((image.height - CROP) / 2)
    return image.crop((left, top, left + CROP, top + CROP))


def by_pillow(paths, times):
    began = time.process_time()
    for path in paths * times:
        window(path).tobytes()
    return (time.process_time() - began) / (len(paths) * times) * 1e3


def by_program(program, verb, paths, times, scale=1):
    run = subprocess.run([program, verb, str(len(paths) * times), str(scale)],
                         input="\n".join(paths) + "\n", text=True, capture_output=True, check=True)
    return float(run.stdout)


def check_same(program, paths):
    run = subprocess.run([program, "print", str(len(paths))], input="\n".join(paths).encode() + b"\n",
                         capture_output=True, check=True)
    if run.stdout != b"".join(window(path).tobytes() for path in paths):
        sys.exit("the pixels are not Pillow's")


def one_round(program, folders):
    figures = {}
    for size, (_, times, scales) in SIZES.items():
        paths, name = folders[size], f"{size[0]}x{size[1]}"
        pillow = by_pillow(paths, times)
        figures[name, "Pillow", "ms"] = pillow
        for verb in ("window", "tensor", "fast"):
            took = by_program(program, verb, paths, times)
            figures[name, verb, "ms"] = took
            figures[name, verb, "x Pillow"] = pillow / took
        for scale in scales:
            bare = by_program(program, "bare", paths, times, scale)
            took = by_program(program, "decode", paths, times, scale)
            figures[name, f"decode 1/{scale}", "ms"] = took
            figures[name, f"decode 1/{scale}", "of bare libjpeg-turbo"] = bare / took
    return figures


def wanted(row):
    size, what, unit = row
    if unit == "of bare libjpeg-turbo":
        return WANTED_DECODE
    wish = WANTED.get((what, tuple(map(int, size.split("x")))))
    return wish if unit == "x Pillow" else None


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--json", action="store_true", help="print one object, every round in it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=pathlib.Path, default=ROOT / "build/bench")
    arguments = parser.parse_args()
    program = arguments.build.resolve() / "bench/pixels"
    here = machine()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    folders = {size: make(ROOT / ".deps/photos", arguments.pictures / f"{size[0]}x{size[1]}", count, size)
               for size, (count, *_) in SIZES.items()}
    for paths in folders.values():
        check_same(program, paths)
    rounds = [one_round(program, folders) for _ in range(arguments.rounds)]
    medians = {row: statistics.median(r[row] for r in rounds) for row in rounds[0]}
    if arguments.json:
        print(json.dumps({"machine": here, "figures": {" ".join(row): [r[row] for r in rounds]
                                                       for row in medians}}))
        return 0
    print(f"{here['cpu']}, one core; same pixels as Pillow's; median of {len(rounds)} rounds "
          "(lowest .. highest)\n")
    missed = 0
    for row, median in medians.items():
        values, wish = [r[row] for r in rounds], wanted(row)
        note = "" if wish is None else f"   at least {wish} is wanted"
        missed += wish is not None and median < wish
        print(f"{row[0]:10} {row[1]:11} {median:8.2f} {row[2]:21} "
              f"({min(values):.2f} .. {max(values):.2f}){note}")
    return 1 if missed else 0


sys.exit(main())
