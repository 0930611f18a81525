"""Many pictures: is the second half embedded as fast as the first, and in the same memory?

usage: halves.py [--pictures N] [--json]      run by a Python that has the package installed

Embeds the 200 pictures of 500x375 over and over by `pipilo.embed_stream`, EfficientNet-Lite0 at f32.
The first tenth is for warming up. Memory is anonymous (RssAnon), its most in each half. Status 1 where the
second half is slower by more than 3 % or larger by more than 2 MB; the clock feels what other programs do.
"""
import argparse
import itertools
import json
import pathlib
import sys
import time

import pipilo

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/efficientnet-lite0"
PART = 100  # pictures between two looks
WANTED_RATE, WANTED_MB = 0.97, 2


def anonymous_mb():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) * 1024 / 1e6


def watch(paths, count):
    """For each part: pictures done, seconds, seconds of processor and MB so far."""
    looks = []
    endless = itertools.islice(itertools.cycle(paths), count)
    for part in pipilo.embed_stream(endless, MODEL, rows=PART):
        if part.errors:
            sys.exit(f"a picture was not embedded: {part.errors}")
        done = len(part) + (looks[-1][0] if looks else 0)
        looks.append((done, time.perf_counter(), time.process_time(), anonymous_mb()))
    return looks


def half(looks):
    first, last = looks[0], looks[-1]
    pictures = last[0] - first[0]
    return {"rate": pictures / (last[1] - first[1]), "processor_ms": (last[2] - first[2]) / pictures * 1e3,
            "anonymous_mb": max(look[3] for look in looks)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20000)
    parser.add_argument("--json", action="store_true", help="print one object")
    arguments = parser.parse_args()
    paths = sorted((ROOT / "build/bench/500x375").glob("*.jpg"))
    looks = watch(paths, arguments.pictures)
    looks = looks[len(looks) // 10:]
    middle = len(looks) // 2
    halves = [half(looks[:middle + 1]), half(looks[middle:])]
    rate = halves[1]["rate"] / halves[0]["rate"]
    grown = halves[1]["anonymous_mb"] - halves[0]["anonymous_mb"]
    if arguments.json:
        print(json.dumps({"pictures": arguments.pictures, "halves": halves}))
    else:
        print(f"{arguments.pictures} pictures; the first tenth is left out")
        for name, found in zip(("first half", "second half"), halves):
            print(f"{name:12} {found['rate']:7.1f}/s   {found['processor_ms']:.2f} ms of processor each   "
                  f"{found['anonymous_mb']:.2f} MB")
        print(f"the second is at {rate:.3f} of the first's rate (at least {WANTED_RATE} is wanted), "
              f"{grown:+.2f} MB (at most {WANTED_MB})")
    return 0 if rate >= WANTED_RATE and grown <= WANTED_MB else 1


sys.exit(main())
