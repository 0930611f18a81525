"""pipilo beside what others make of the same weights and pictures, in one alternating run.

usage: peers.py BUILD [--rounds N] [--times N] [--json] [--pictures FOLDER] NAME=PYTHON...

NAME is a bench/peer_NAME.py that PYTHON's environment has what it needs for. In each round everybody
embeds the same pictures once, one after the other; start-up is left out everywhere. The table has
medians, in brackets the lowest and the highest, and the worst cosine of a peer's vectors with pipilo's.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from measure import busy_and_all, children
from pictures import machine

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/efficientnet-lite0"
CALM = 0.05
# The names in the table, and what each program is called with behind the vectors' file; that of
# "python" is its verb.
WAYS = {
    "python": [("Pillow and OpenVINO, a plain loop", ["plain"]),
               ("Pillow and OpenVINO, a thread a core", ["embed"])],
    "fastembed": [("fastembed", []), ("fastembed, parallel", [str(len(os.sched_getaffinity(0)))])],
    "towhee": [("Towhee 1.1.3, ONNX Runtime", [])],
    "timm": [("timm, torch and a DataLoader", [])],
}


def command(words, paths, env=None):
    run = subprocess.run([*map(os.fspath, words)], input="\n".join(paths) + "\n", env=env,
                         capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: status {run.returncode}\n{run.stderr}")
    return run.stdout


def pipilo(build, paths, out, times):
    """Its rate, and the vectors of the pictures in their order."""
    text = command([build / "cli/pipilo", "embed", "--files-from", "-", "-m", MODEL, "-o", out,
                    "--quiet", "--json", "--force"], paths * times)
    return json.loads(text)["pictures_per_second"], np.load(out)[:len(paths)]


def peer(name, python, extra, paths, out, times):
    verb, extra = (extra, []) if name == "python" else ([], extra)
    env = os.environ | {"PYTHONPATH": os.fspath(ROOT / ".deps/openvino") if verb else ""}
    text = command([python, ROOT / f"bench/peer_{name}.py", *verb, MODEL, str(times * len(paths)), out,
                    *extra], paths, env)
    return float(text.split()[-1]), np.load(out)


def worst_cosine(ours, theirs):
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (ours, theirs)]
    return float((unit[0] * unit[1]).sum(1).min())


def one_round(arguments, peers, paths):
    rates, cosines = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        rates["pipilo"], ours = pipilo(arguments.build, paths, f"{folder}/ours.npy", arguments.times)
        for name, python in peers:
            for label, extra in WAYS[name]:
                rates[label], theirs = peer(name, python, extra, paths, f"{folder}/theirs.npy",
                                            arguments.times)
                cosines[label] = worst_cosine(ours, theirs)
    return rates, cosines


def watched_round(*arguments):
    """A round, and the share of the cores that other programs had meanwhile."""
    busy, every = busy_and_all()
    own = children()
    found = one_round(*arguments)
    after, all_after = busy_and_all()
    others = max(0, after - busy - (children() - own)) / (all_after - every)
    return *found, others


def table(here, paths, rounds):
    labels = list(rounds[0][0])
    print(f"{here['cpu']}, {here['cores']} cores; {len(paths)} JPEGs; {MODEL.name}, f32; median of "
          f"{len(rounds)} rounds\n")
    print(f"{'':36} {'a second':>8}  (lowest .. highest)   pipilo is   worst cosine")
    for label in labels:
        values = [rates[label] for rates, _, _ in rounds]
        times = statistics.median(rates["pipilo"] / rates[label] for rates, _, _ in rounds)
        line = f"{label:36} {statistics.median(values):8.1f}  ({min(values):.1f} .. {max(values):.1f})"
        if label != "pipilo":
            line += f"   {times:5.2f} x   {min(cosines[label] for _, cosines, _ in rounds):.6f}"
        print(line)
    others = statistics.median(others for _, _, others in rounds)
    print(f"\nother programs: {others:.1%} of the cores")
    if others > CALM:
        print("They were at work all the time: the rates are too low, and shift.")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("peers", nargs="+", metavar="NAME=PYTHON")
    parser.add_argument("--json", action="store_true", help="print one object, every round in it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=2, help="each picture in a measurement")
    parser.add_argument("--pictures", type=pathlib.Path, default=ROOT / "build/bench/pictures")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    peers = [p.split("=", 1) for p in arguments.peers]
    unknown = [name for name, *_ in peers if name not in WAYS]
    if unknown:
        sys.exit(f"there is no peer {unknown[0]}; there are: {', '.join(WAYS)}")
    paths = [os.fspath(p) for p in sorted(arguments.pictures.glob("*.jpg"))]
    rounds = [watched_round(arguments, peers, paths) for _ in range(arguments.rounds)]
    if arguments.json:
        print(json.dumps({"machine": machine(), "pictures": len(paths), "rounds": [
            {"rates": rates, "cosines": cosines, "others": others}
            for rates, cosines, others in rounds]}))
    else:
        table(machine(), paths, rounds)
    worst = min(min(cosines.values()) for _, cosines, _ in rounds)
    if worst < 0.999:
        sys.exit(f"the vectors are not the same: a cosine of {worst:.6f}")


main()
