"""Searching: exactly, beside what the memory gives and NumPy's dot; in 16 bits; and by an index.

usage: search.py BUILD [--json] [--rounds N] [--rows N] [--keep]

In each round everything is measured once, one after the other; a ratio is taken within a round, and
the table has the medians. Bandwidth and exact search are measured over --rows vectors of 1280 random
numbers (their values do not matter to the speed), recall and the index over 100,000 of crops of
photographs (vectors.py). The stores, 9 GB, are made in build/bench/search and deleted afterwards.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import numpy

from pictures import machine
from vectors import make_store, write_beside

ROOT = pathlib.Path(__file__).resolve().parents[1]
CROPS, REAL, DIM, QUERIES, BLOCK = 10_000, 100_000, 1280, 1000, 10_000
WANTED = {"share of the memory's rate": 0.85, "recall@10 by the index": 0.95,
          "the index, x exact": 30}
# NumPy's product of all vectors with one, from the mapped file: seconds, the median of three.
NUMPY_DOT = """
import numpy, sys, time
rows = numpy.load(sys.argv[1], mmap_mode="r")
query, times = numpy.array(rows[0]), []
for _ in range(4):
    began = time.perf_counter()
    rows @ query
    times.append(time.perf_counter() - began)
print(sorted(times[1:])[1])
"""


def output(*words, **options):
    return subprocess.run([*map(str, words)], check=True, stdout=subprocess.PIPE, text=True,
                          **options).stdout


def make_random(out, like, rows, dtype):
    random = numpy.random.default_rng(1)
    with open(out, "wb") as file:
        header = {"descr": numpy.lib.format.dtype_to_descr(numpy.dtype(dtype)),
                  "fortran_order": False, "shape": (rows, DIM)}
        numpy.lib.format.write_array_header_1_0(file, header)
        for first in range(0, rows, BLOCK):
            block = random.standard_normal((min(BLOCK, rows - first), DIM), dtype=numpy.float32)
            file.write(block.astype(dtype).tobytes())
        file.flush()
        os.fsync(file.fileno())  # or writing it out would go on while we measure
    write_beside(out, like, rows)


def make_all(program, folder, rows):
    """Paths of the stores: real vectors in 32 and 16 bits, random ones in 32 and 16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("real", "real16", f"random-{rows}", f"random16-{rows}")
    stores = [folder / f"{name}.npy" for name in names]
    real, real16, large, large16 = stores
    if not pathlib.Path(f"{real}.index").exists():
        make_store(program, real, CROPS, REAL)
        output(program, "index", real)
    if not real16.exists():
        numpy.save(real16, numpy.load(real).astype("<f2"))
        write_beside(real16, real, REAL)
    for out, dtype in ((large, "<f4"), (large16, "<f2")):
        if not out.exists():
            make_random(out, real, rows, dtype)
    return stores


def one_round(build, stores):
    real, real16, large, large16 = stores
    own = {name: value for name, value in os.environ.items()
           if not name.startswith(("OPENBLAS_", "OMP_"))}
    whole = json.loads(output(build / "bench/search_rate", large, 1))
    dot = float(output(sys.executable, "-c", NUMPY_DOT, large, env=own))
    halves = json.loads(output(build / "bench/search_rate", large16, 1))
    index = json.loads(output(build / "bench/index_rate", real, QUERIES, 1, real16))
    rate = whole["bytes"] / whole["one"]
    return {
        "reading memory, GB/s": whole["memory"] / 1e9,
        "reading the mapped file, GB/s": whole["mapped"] / 1e9,
        "exact search, GB/s": rate / 1e9,
        "share of the memory's rate": rate / whole["memory"],
        "NumPy's dot, GB/s": whole["bytes"] / dot / 1e9,
        "exact search, ms": whole["one"] * 1e3,
        "NumPy's dot alone, ms": dot * 1e3,
        "8 searches at once, ms each": whole["several"] / 8 * 1e3,
        "in 16 bits, ms": halves["one"] * 1e3,
        "in 16 bits, 8 at once, ms each": halves["several"] / 8 * 1e3,
        "recall@10 in 16 bits": index["recall_halves"],
        "recall@10 by the index": index["recall"],
        "exact, searches a second": index["exact"],
        "by the index, searches a second": index["index"],
        "the index, x exact": index["index"] / index["exact"],
        "exact, 1000 at once, a second": index["exact_at_once"],
        "by the index, 1000 at once, a second": index["index_at_once"],
        "opening the index, ms": index["open_seconds"] * 1e3,
    }


def print_table(here, rows, rounds):
    medians = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    print(f"{here['cpu']}, {here['cores']} cores; {rows} x {DIM} for what is exact, {REAL} real "
          f"vectors for the index;\nmedian of {len(rounds)} rounds (lowest .. highest)\n")
    for name, median in medians.items():
        values, wish = [r[name] for r in rounds], WANTED.get(name)
        digits = 4 if "recall" in name else 3 if "share" in name else 1
        note = "" if wish is None else f"   at least {wish} is wanted"
        print(f"{name:37} {median:9.{digits}f}   "
              f"({min(values):.{digits}f} .. {max(values):.{digits}f}){note}")
    return all(medians[name] >= wish for name, wish in WANTED.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--json", action="store_true", help="print one object, every round in it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000, help="random vectors")
    parser.add_argument("--keep", action="store_true", help="leave the stores for another time")
    arguments = parser.parse_args()
    build, folder = arguments.build.resolve(), ROOT / "build/bench/search"
    try:
        stores = make_all(build / "cli/pipilo", folder, arguments.rows)
        rounds = [one_round(build, stores) for _ in range(arguments.rounds)]
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        print(json.dumps({"machine": machine(), "rows": arguments.rows, "rounds": rounds}))
        return 0
    return 0 if print_table(machine(), arguments.rows, rounds) else 1


sys.exit(main())
