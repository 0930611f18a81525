"""What the Python package costs: a folder to vectors by `pipilo embed` and by `pipilo.embed`.

usage: python_rate.py BUILD PYTHON [--rounds N] [--json]      PYTHON has the package installed

In each round both embed the same folder, one after the other, each in a process of its own with the
model loaded before the clock starts; the Python program also embeds a list of its paths. Figures are
pictures a second and milliseconds of processor a picture, medians over the rounds. A share compares
the two within a round, because the machine is not the same from one minute to the next; given is the
median of the rounds' shares. By processor time it hardly depends on what else the machine does.
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

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/efficientnet-lite0"
WANTED = 0.97
TIMES = 2  # each picture in a measurement

# Prints pictures a second, and seconds of processor from the loaded model on.
EMBED = """
import sys, time, pipilo
from pathlib import Path
embedder = pipilo.Embedder(pipilo.EmbedConfig(sys.argv[1]))
folder, by_list = sys.argv[2], sys.argv[3] == 'list'
began, processor = time.perf_counter(), time.process_time()
found = embedder(sorted(Path(folder).iterdir()) if by_list else folder)
took, processor = time.perf_counter() - began, time.process_time() - processor
assert not found.errors and found.vectors.shape == (len(found), found.dim)
print(len(found) / took, processor / len(found) * 1e3)
"""


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(words):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{words[0]}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def by_command(program, folder):
    """(pictures a second, milliseconds of processor a picture); the start by one picture left out."""
    used = []
    with tempfile.TemporaryDirectory() as place:
        one = min(folder.iterdir())
        for number, name in enumerate((one, folder)):
            before = children()
            summary = json.loads(run([program, "embed", name, "-m", MODEL, "-o",
                                      f"{place}/{number}.npy", "--quiet", "--json"]))
            used.append(children() - before)
    if summary["errors"]:
        sys.exit(f"not every picture was good: {summary}")
    return summary["pictures_per_second"], (used[1] - used[0]) / (summary["rows"] - 1) * 1e3


def by_package(python, folder, kind):
    return tuple(map(float, run([python, "-c", EMBED, MODEL, folder, kind]).split()))


def linked(pictures, folder):
    """A folder with each picture several times."""
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures.glob("*.jpg"):
        for number in range(TIMES):  # hard links: the same file to the kernel
            name = folder / f"{picture.stem}-{number}.jpg"
            if not name.exists():
                os.link(picture, name)
    return folder


def report(name, rounds):
    """Prints a line; the share of the command's rate."""
    rates, costs = zip(*(one[name] for one in rounds))
    command = [one["pipilo embed, a folder"] for one in rounds]
    share = statistics.median(rate / other for rate, (other, _) in zip(rates, command))
    by_processor = statistics.median(other / cost for cost, (_, other) in zip(costs, command))
    print(f"{name:30} {statistics.median(rates):6.1f}/s ({min(rates):.1f} .. {max(rates):.1f})  "
          f"{statistics.median(costs):6.2f} ms   {share:.1%}, by processor time {by_processor:.1%}")
    return share


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("python", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print every round")
    arguments = parser.parse_args()
    folder = linked(ROOT / "build/bench/pictures", ROOT / "build/bench/linked")
    ways = {
        "pipilo embed, a folder": lambda: by_command(arguments.build / "cli/pipilo", folder),
        "pipilo.embed, a folder": lambda: by_package(arguments.python, folder, "folder"),
        "pipilo.embed, a list of paths": lambda: by_package(arguments.python, folder, "list"),
    }
    rounds = []
    for number in range(arguments.rounds):
        turn = number % len(ways)  # nobody is always the first
        order = [*ways][turn:] + [*ways][:turn]
        rounds.append({name: ways[name]() for name in order})
    if arguments.json:
        print(json.dumps(rounds))
        return
    shares = [report(name, rounds) for name in ways]
    print(f"\nat least {WANTED:.0%} is wanted of the folder's rate")
    sys.exit(0 if shares[1] >= WANTED else 1)


main()
