"""Runs of `embed --resume` ended in bad ways, over every sink, each compared with one that nobody disturbed.

usage: resume.py PROGRAM [--kills 300] [--cuts 300] [--powers 300] [--full 50] [--pictures 1000] [--seed N]

kills:  kill -9 at a random moment, then maybe again, then the end
cuts:   kill -9 before a chosen call that writes, syncs, renames or removes (tests/support/cut.c)
powers: the power goes there: files then hold what was last synced, and behind that anything
full:   a tmpfs of random size that gets full, then a larger one (as root)

It ends with 0 where every result was the same, and says at what seed and moment one was not.
"""
import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import runs


class Count:
    """Of one kind: results, runs that were ended for them, those that went on from rows, those that were the same."""

    def __init__(self, kind):
        self.kind = kind
        self.tried = self.hits = self.resumed = self.same = 0

    def add(self, hits, rows):
        self.hits += hits
        self.resumed += rows > 0
        self.same += 1

    def line(self):
        return (f"{self.kind}: {self.tried} results, {self.hits} runs ended, {self.resumed} went on from rows; "
                f"{self.same} the same")


def each(kind, number, seed, one):
    """Calls `one(sink, dice)` in turn over the sinks; False where one result was another."""
    count = Count(kind)
    for i in range(number):
        sink = list(runs.SINKS)[i % len(runs.SINKS)]
        count.tried += 1
        try:
            count.add(*one(sink, random.Random(f"{seed}-{kind}-{i}")))
        except AssertionError as error:
            print(f"{kind} number {i}, seed {seed}, {sink}: {str(error)[:2000]}", flush=True)
    print(count.line(), flush=True)
    return count.same == count.tried


def on_small_disk(bench, disk, sink, dice):
    """A file system that the rows do not fit, until it grows."""
    bench.reference(sink)
    most = sum(path.stat().st_size for path in (bench.folder / f"reference-{sink}").glob("out*"))
    size = dice.randrange(16 << 10, max(most, 32 << 10))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], check=True)
    try:
        words = bench.words(sink, disk, "--resume")
        how = {"cwd": disk, "env": bench.environment, "capture_output": True, "text": True}
        first = subprocess.run(words, **how)
        assert first.returncode in (5, bench.status[sink]), f"{first.returncode} {first.stderr}"
        subprocess.run(["mount", "-o", "remount,size=256M", disk], check=True)
        return first.returncode == 5, bench.finish(sink, disk)
    finally:
        subprocess.run(["umount", disk], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    for kind, usual in (("kills", 300), ("cuts", 300), ("powers", 300), ("full", 50), ("pictures", 1000)):
        parser.add_argument(f"--{kind}", type=int, default=usual)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pipilo-torture-", dir=shm))
    libraries = pathlib.Path(tempfile.mkdtemp(prefix="pipilo-torture-"))
    print(f"seed {options.seed}", flush=True)
    try:
        bench = runs.Bench(options.program.resolve(), folder / "runs", options.pictures, libraries=libraries)

        def kill(sink, dice):
            return bench.torment(sink, bench.place("x"), dice.randrange(1 << 30))

        def cut(sink, dice, power=False):
            bench.reference(sink)
            place, at = bench.place("x"), dice.randint(1, bench.calls(sink))
            return bench.cut(sink, place, at, power), bench.finish(sink, place)

        (folder / "runs/disk").mkdir()
        good = [each("kills", options.kills, options.seed, kill),
                each("cuts", options.cuts, options.seed, cut),
                each("powers", options.powers, options.seed, lambda sink, dice: cut(sink, dice, True)),
                each("full disks", options.full, options.seed,
                     lambda sink, dice: on_small_disk(bench, folder / "runs/disk", sink, dice))]
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(libraries)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
