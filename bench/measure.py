"""The speed table: pipilo from files to vectors, against the parts it is made of.

usage: measure.py BUILD [--json] [--rounds N] [--peers]

In each round everything is measured once, one after the other; the table gives medians over the
rounds. The ceiling is 1 / (1 / inference + 1 / decoding): no more is possible when the same cores do
both and nothing else. A figure is pictures a second with all cores where it says nothing else.

The share by processor time, what the parts take alone over what the whole takes, hardly depends on
what else the machine does; the rates do. A round in which other programs took more than a twentieth
of the cores is therefore measured again, and the calmest rounds are kept.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from pictures import machine

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEPS = ROOT / ".deps"
MODEL = DEPS / "models/efficientnet-lite0"
WANTED = 0.85
OTHERS = "others' share of the cores"
TIMES = 2  # each picture in a measurement
CALM = 0.05  # of the cores, for other programs
PATIENCE = 3  # times as many rounds as wanted, at most
FEW = 10  # pictures in the run that tells what a start takes


def command(words, stdin="", **options):
    run = subprocess.run([*map(str, words)], input=stdin, capture_output=True, text=True,
                         **options)
    if run.returncode != 0:
        sys.exit(f"{words[0]}: status {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


def children():
    """Seconds of processor time of the programs run so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def busy_and_all():
    """Seconds of the machine's cores at work, and of all there were."""
    ticks = list(map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    second = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - ticks[3] - ticks[4]) / second, sum(ticks) / second


def watched_round(*arguments):
    """A round, and the share of the cores that other programs had meanwhile."""
    busy, every = busy_and_all()
    own = children() + time.process_time()
    figures = one_round(*arguments)
    busy, every = (after - before for after, before in zip(busy_and_all(), (busy, every)))
    figures[OTHERS] = max(0, busy - (children() + time.process_time() - own)) / every
    return figures


def calm_rounds(wanted, *arguments):
    rounds = []
    while len(rounds) < wanted * PATIENCE:
        rounds.append(watched_round(*arguments))
        if sum(r[OTHERS] <= CALM for r in rounds) == wanted:
            break
    return sorted(rounds, key=lambda r: r[OTHERS])[:wanted]


def embed(program, paths, *options):
    """The summary, and the seconds and processor time of the whole program."""
    with tempfile.TemporaryDirectory() as folder:
        began, processor = time.perf_counter(), children()
        out = command([program, "embed", "--files-from", "-", "-m", MODEL, "-o", f"{folder}/x.npy",
                       "--quiet", "--json", *options], stdin="\n".join(paths))
        took, processor = time.perf_counter() - began, children() - processor
    summary = json.loads(out)
    if summary["errors"] or summary["rows"] != len(paths):
        sys.exit(f"not every picture was good: {summary}")
    return summary, took, processor


def one_round(build, paths, peers):
    listing, program = "\n".join(paths) + "\n", build / "cli/pipilo"
    several = TIMES * len(paths)
    inference, inference_ms = map(float, command(
        [build / "bench/bare_inference", MODEL / "model.onnx", several]).split())
    decode, decode_ms, jpeg, _ = map(float, command(
        [build / "bench/bare_decode", MODEL / "model.json", several], stdin=listing).split())
    _, _, start = embed(program, paths[:FEW])
    summary, took, processor = embed(program, paths * TIMES)
    whole = summary["pictures_per_second"]
    whole_ms = (processor - start) / (several - FEW) * 1e3
    ceiling = 1 / (1 / inference + 1 / decode)
    figures = {
        "inference alone": inference,
        "decoding and resizing alone": decode,
        "the ceiling": ceiling,
        "end to end": whole,
        "share of the ceiling": whole / ceiling,
        "end to end, the start included": several / took,
        "libjpeg-turbo alone, to RGB": jpeg,
        "inference, ms of processor": inference_ms,
        "decoding and resizing, ms": decode_ms,
        "end to end, ms": whole_ms,
        "share by processor time": (inference_ms + decode_ms) / whole_ms,
        "peak anonymous memory, MB": summary["peak_memory"] / 1e6,
    }
    if peers:
        figures["end to end, --fast"] = embed(program, paths * TIMES, "--fast")[0]["pictures_per_second"]
        python = [sys.executable, ROOT / "bench/peer_python.py"]
        env = os.environ | {"PYTHONPATH": os.fspath(DEPS / "openvino")}
        for verb, name in (("decode", "Pillow, decoding and resizing"),
                           ("embed", "Python by hand: Pillow, OpenVINO")):
            figures[name] = float(command([*python, verb, MODEL, several], stdin=listing, env=env))
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--json", action="store_true", help="print one object, every round in it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=pathlib.Path, default=ROOT / "build/bench/pictures")
    parser.add_argument("--peers", action="store_true", help="measure what one writes in Python, too")
    arguments = parser.parse_args()
    paths = [os.fspath(p) for p in sorted(arguments.pictures.glob("*.jpg"))]
    here = machine()
    rounds = calm_rounds(arguments.rounds, arguments.build.resolve(), paths, arguments.peers)
    figures = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    if arguments.json:
        print(json.dumps({"machine": here, "pictures": len(paths), "figures": figures,
                          "rounds": rounds}))
        return
    print(f"{here['cpu']}, {here['cores']} cores")
    print(f"{len(paths)} JPEGs of 500x375, each {TIMES} times; {MODEL.name}, f32; "
          f"median of {len(rounds)} rounds (lowest .. highest)\n")
    for name, figure in figures.items():
        values = [r[name] for r in rounds]
        digits = 3 if figure < 1.5 else 2 if "ms" in name else 1
        print(f"{name:34} {figure:8.{digits}f}   ({min(values):.{digits}f} .. {max(values):.{digits}f})")
    share = figures["share of the ceiling"]
    print(f"\n{share:.1%} of the ceiling; at least {WANTED:.0%} is wanted")
    if max(r[OTHERS] for r in rounds) > CALM:
        print("Other programs were at work meanwhile: the rates are too low, and shift.")
    sys.exit(0 if share >= WANTED else 1)


if __name__ == "__main__":
    main()
