"""The share of the ceiling that `pipilo bench` finds, by model, precision and size of the pictures.

usage: shares.py BUILD RESNET50 [--json] [--rounds N]      RESNET50: made by make_resnet50.py

A case is one `pipilo bench`: the parts alone and the whole, in turn within a round, medians over the
rounds. Pictures are JPEGs as pictures.py cuts them. Status 1 where a share by rate is below what is
wanted.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from pictures import machine, make

ROOT = pathlib.Path(__file__).resolve().parents[1]
LITE0 = ROOT / ".deps/models/efficientnet-lite0"
COUNTS = {(500, 375): 200, (1632, 1224): 32, (4000, 3000): 8}
CALM = 0.05  # of the cores, for other programs

# Model, precision, size of the pictures, share wanted.
CASES = [
    ("efficientnet-lite0", "f32", (500, 375), 0.96),
    ("resnet50", "f32", (500, 375), 0.96),
    ("efficientnet-lite0", "bf16", (500, 375), 0.94),
    ("resnet50", "bf16", (500, 375), 0.94),
    ("efficientnet-lite0", "f32", (1632, 1224), 0.94),
    ("efficientnet-lite0", "f32", (4000, 3000), 0.94),
]


def bench(program, model, precision, folder, rounds):
    """What `pipilo bench` prints; None where the machine has no such precision."""
    run = subprocess.run([program, "bench", model, folder, "--precision", precision, "--rounds",
                          str(rounds), "--quiet", "--json"], capture_output=True, text=True)
    if run.returncode != 0 and "has no bf16" in run.stderr:
        return None
    if run.returncode != 0:
        sys.exit(f"pipilo bench: status {run.returncode}\n{run.stderr}")
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("resnet50", type=pathlib.Path)
    parser.add_argument("--json", action="store_true", help="print one object, each case's in it")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    models = {"efficientnet-lite0": LITE0, "resnet50": arguments.resnet50}
    found, missed, here = [], 0, machine()
    if not arguments.json:
        print(f"{here['cpu']}, {here['cores']} cores; median of {arguments.rounds} rounds\n\n"
              "                               whole/s  ceiling/s   share  by processor  wanted")
    for model, precision, size, wish in CASES:
        name = f"{size[0]}x{size[1]}"
        folder = ROOT / "build/bench" / name
        make(ROOT / ".deps/photos", folder, COUNTS[size], size)
        case = bench(arguments.build.resolve() / "cli/pipilo", models[model], precision, folder,
                     arguments.rounds)
        if case is None:
            continue
        found.append({"model": model, "pictures": name, "wanted": wish, "bench": case})
        missed += case["share_by_rate"] < wish
        if arguments.json:
            continue
        whole = case["ceiling"] * case["share_by_rate"]
        print(f"{model:18} {precision:4} {name:>9} {whole:7.1f} {case['ceiling']:10.1f} "
              f"{case['share_by_rate']:7.3f} {case['share_by_processor_time']:13.3f} {wish:7}", flush=True)
    if arguments.json:
        print(json.dumps({"machine": here, "cases": found}))
    elif max(f["bench"]["machine"]["others"] for f in found) > CALM:
        print("\nOther programs were at work meanwhile: shares by rate are too low, and shift.")
    return 1 if missed else 0


sys.exit(main())
