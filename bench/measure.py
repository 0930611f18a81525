"""The speed table: pipilo from files to vectors, against the parts it is made of.

usage: measure.py BUILD [--json] [--rounds N] [--peers]

In each round everything is measured once, one after the other; the table gives medians over the
rounds. The ceiling is 1 / (1 / inference + 1 / decoding): no more is possible when the same cores do
both and nothing else. Every figure is pictures a second with all cores.
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
DEPS = ROOT / ".deps"
MODEL = DEPS / "models/efficientnet-lite0"
WANTED = 0.85


def command(words, stdin="", **options):
    run = subprocess.run([*map(str, words)], input=stdin, capture_output=True, text=True,
                         **options)
    if run.returncode != 0:
        sys.exit(f"{words[0]}: status {run.returncode}\n{run.stdout}{run.stderr}")
    return run.stdout


def embed(program, listing, *options):
    """Pictures a second without and with the start of the program."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        out = command([program, "embed", "--files-from", "-", "-m", MODEL, "-o", f"{folder}/x.npy",
                       "--quiet", "--json", *options], stdin=listing)
        seconds = time.perf_counter() - began
    summary = json.loads(out)
    if summary["errors"] or summary["rows"] != summary["ok"]:
        sys.exit(f"not every picture was good: {summary}")
    return {"end to end": summary["pictures_per_second"],
            "end to end, start included": summary["rows"] / seconds,
            "peak memory, MB": summary["peak_memory"] / 1e6}


def one_round(build, paths, peers):
    listing = "\n".join(paths) + "\n"
    several = 4 * len(paths)
    inference = float(command([build / "bench/bare_inference", MODEL / "model.onnx", several]))
    decode, jpeg = map(float, command([build / "bench/bare_decode", MODEL / "model.json", several],
                                      stdin=listing).split())
    figures = {"inference alone": inference, "decoding and resizing alone": decode,
               "ceiling": 1 / (1 / inference + 1 / decode)}
    figures |= embed(build / "cli/pipilo", listing * 4)
    figures["share of the ceiling"] = figures["end to end"] / figures["ceiling"]
    figures["libjpeg-turbo alone, to RGB"] = jpeg
    if peers:
        figures["end to end, --fast"] = embed(build / "cli/pipilo", listing * 4, "--fast")["end to end"]
        python = [sys.executable, ROOT / "bench/peer_python.py"]
        env = os.environ | {"PYTHONPATH": os.fspath(DEPS / "openvino")}
        for verb, name in (("decode", "Pillow, decoding and resizing"),
                           ("embed", "Python by hand: Pillow and OpenVINO")):
            figures[name] = float(command([*python, verb, MODEL, several], stdin=listing, env=env))
    return figures


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines()
                  if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}


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
    before = machine()
    rounds = [one_round(arguments.build.resolve(), paths, arguments.peers)
              for _ in range(arguments.rounds)]
    figures = {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}
    if arguments.json:
        print(json.dumps({"machine": before, "pictures": len(paths), "figures": figures,
                          "rounds": rounds}))
        return
    print(f"{before['cpu']}, {before['cores']} cores; load before: {before['load']:.2f}")
    print(f"{len(paths)} JPEGs of 500x375, each 4 times; {MODEL.name}, f32; "
          f"median of {len(rounds)} rounds (lowest .. highest)\n")
    for name, figure in figures.items():
        values = [r[name] for r in rounds]
        digits = 3 if figure < 2 else 1
        print(f"{name:38} {figure:8.{digits}f}   ({min(values):.{digits}f} .. {max(values):.{digits}f})")
    share = figures["share of the ceiling"]
    print(f"\n{share:.1%} of the ceiling; at least {WANTED:.0%} is wanted")
    if before["load"] > 0.5:
        print("The machine was not idle when this began: the figures are too low, and shift.")
    sys.exit(0 if share >= WANTED else 1)


main()
