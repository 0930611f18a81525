"""One picture, the whole program: `pipilo embed one.jpg -o -` with a compiled model kept before.

usage: start.py BUILD [--json] [--rounds N]

Prints seconds by the clock, seconds of processor and the most resident memory; medians over the
runs, in turn with `nothing kept`, where the model is compiled anew. The null model shows what of it
is pipilo's own. Status 1 where the clock or the memory is past what is wanted.
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

from pictures import machine

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/efficientnet-lite0"
WANTED_SECONDS, WANTED_MB = 0.10, 100
WAYS = {"compiled model kept": (MODEL, {}), "nothing kept": (MODEL, {"PIPILO_CACHE_MAX": "0"}),
        "null model": ("null", {})}


def start(program, picture, model, env):
    """Seconds by the clock, seconds of processor, MB."""
    began = time.perf_counter()
    child = subprocess.Popen([program, "embed", picture, "-m", model, "-o", "-", "--quiet"],
                             stdout=subprocess.DEVNULL, env=os.environ | env)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"pipilo embed: status {child.returncode}")
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--json", action="store_true", help="print one object, every run in it")
    parser.add_argument("--rounds", type=int, default=21)
    arguments = parser.parse_args()
    program = arguments.build.resolve() / "cli/pipilo"
    # By another process: a child's greatest memory is never less than its parent's was.
    pictures = ROOT / "build/bench/500x375"
    subprocess.run([sys.executable, ROOT / "bench/pictures.py", ROOT / ".deps/photos", pictures, "200"],
                   check=True)
    picture = min(pictures.iterdir())
    runs = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as cache:
        start(program, picture, MODEL, {"PIPILO_CACHE": cache})  # fills it
        for _ in range(arguments.rounds):
            for way, (model, env) in WAYS.items():
                runs[way].append(start(program, picture, model, {"PIPILO_CACHE": cache} | env))
    here = machine()
    if arguments.json:
        print(json.dumps({"machine": here, "runs": runs}))
        return 0
    print(f"{here['cpu']}, {here['cores']} cores; one picture of 500x375, the whole program; "
          f"median of {arguments.rounds} runs (lowest .. highest)\n")
    for way, figures in runs.items():
        seconds, processor, memory = ([f[i] for f in figures] for i in range(3))
        print(f"{way:20} {statistics.median(seconds):.3f} s ({min(seconds):.3f} .. {max(seconds):.3f})   "
              f"{statistics.median(processor):.3f} s of processor   {statistics.median(memory):.1f} MB")
    seconds, _, memory = (statistics.median(f[i] for f in runs["compiled model kept"]) for i in range(3))
    print(f"\nat most {WANTED_SECONDS:.2f} s and {WANTED_MB} MB are wanted")
    return 0 if seconds <= WANTED_SECONDS and memory <= WANTED_MB else 1


sys.exit(main())
