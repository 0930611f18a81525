"""What an option of `pipilo embed` costs, --isolate or --resume: a folder to rows with it and without,
in turns.

usage: with_option.py BUILD FOLDER... [--option=OPTION] [--times N] [--rounds N] [--model MODEL]

The null engine makes the vectors, unless a model is given: so decoding is all there is, and the cost
at its highest. In each round each folder, named --times over, is embedded both ways, the order
changing from round to round. Given are medians over the rounds: pictures a second, milliseconds of
processor a picture (the helpers' too), and the ratio of the two ways within a round, by both.
"""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import tempfile


def children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def embed(program, folders, model, extra):
    """Pictures a second from the loaded model on, and milliseconds of processor a picture."""
    with tempfile.TemporaryDirectory() as scratch:
        words = [program, "embed", *folders, "-m", model, "-o", f"{scratch}/out.npy", "--json"]
        before = children()
        run = subprocess.run([*words, *extra], capture_output=True, text=True, check=True)
        summary = json.loads(run.stdout)
        return summary["pictures_per_second"], (children() - before) / summary["rows"] * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--option", default="--isolate")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model", default="null:64")
    options = parser.parse_args()
    for folder in options.folders:
        without, with_it = [], []
        for number in range(options.rounds):
            for way in ((False, True) if number % 2 else (True, False)):
                figures = embed(options.build / "cli/pipilo", [folder] * options.times, options.model,
                                [options.option] if way else [])
                (with_it if way else without).append(figures)

        def median(which, rows):
            return statistics.median(row[which] for row in rows)

        ratios = [[there[i] / one[i] for one, there in zip(without, with_it)] for i in (0, 1)]
        print(f"{folder}: {median(0, without):.0f} and with {options.option} {median(0, with_it):.0f} pictures a second, "
              f"ratio {statistics.median(ratios[0]):.3f} ({min(ratios[0]):.3f} .. {max(ratios[0]):.3f}); "
              f"{median(1, without):.3f} and {median(1, with_it):.3f} ms of processor, "
              f"ratio {statistics.median(ratios[1]):.3f}")


if __name__ == "__main__":
    main()
