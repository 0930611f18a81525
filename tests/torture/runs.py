"""Runs of `pipilo embed --resume` that are ended in bad ways, and what they leave in the end.

A `Bench` has inputs of every kind: a folder, an archive, a list, and pictures that cannot be read. For each sink it
knows what a run that nobody disturbs leaves; `same` compares a folder with that, byte for byte, an SQLite database by
its dump. Shared by the tests of the command line and by the long ones.
"""
import contextlib
import io
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import time

import numpy
from PIL import Image

TWO = ["-m", "null:64", "-m", "null:7"]
SINKS = {
    "npy": ["-m", "null:64", "-o", "out.npy"],
    "npy-f16": ["-m", "null:64", "-o", "out.npy", "--dtype", "f16"],
    "jsonl": ["-m", "null:16", "-o", "out.jsonl"],
    "db": ["-m", "null:64", "-o", "out.db"],
    "db-thumbnails": ["-m", "null:64", "-o", "out.db", "--thumbnails"],
    "two-npy": [*TWO, "-o", "out.npy"],
    "two-jsonl": [*TWO, "-o", "out.jsonl"],
    "two-db": [*TWO, "-o", "out.db"],
    "shard-npy": ["-m", "null:64", "-o", "out.npy", "--shard", "2/3"],
    "shard-db": ["-m", "null:64", "-o", "out.db", "--shard", "1/2"],
    "force-npy": ["-m", "null:64", "-o", "out.npy", "--force"],
}


def draw(path, seed, size=(64, 48)):
    """A picture of smooth random colours, different for each seed."""
    small = numpy.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=numpy.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(small).resize(size, Image.BICUBIC).save(path)
    return path


def make_inputs(folder, pictures):
    """About three times so many inputs: a folder, an archive, and a list that names the same once more."""
    names = []
    for seed in range(8):
        original = draw(folder / f"in/{seed:03}.png", seed)
        for i in range(8 + seed, pictures, 8):
            os.link(original, folder / f"in/{i:03}.png")
    (folder / "in/005-bad.jpg").write_bytes(b"no picture")
    (folder / "in/011-empty.png").write_bytes(b"")
    whole = (folder / "in/000.png").read_bytes()
    (folder / "in/012-cut.png").write_bytes(whole[:len(whole) // 2])
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for i in range(pictures):
            for name, data in ((f"{i:04}.png", (folder / f"in/{i:03}.png").read_bytes()),
                               (f"{i:04}.txt", b"caption %d" % i)):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    names = [f"in/{i:03}.png" for i in reversed(range(pictures))]
    names.insert(pictures // 2, "in/nowhere.png")
    (folder / "list").write_text("".join(f"{name}\n" for name in names))
    return ["in", "shard.tar", "--files-from", "list"]


def content(path):
    if path.suffix in (".db", ".sqlite"):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return "\n".join(db.iterdump())
    return path.read_bytes()


def left(folder):
    """What lies in a folder, by name."""
    return {path.name: content(path) for path in sorted(folder.iterdir())
            if path.name != "inputs" and not path.name.endswith((".partial", "-shm", "-wal", ".resume"))
            and ".partial." not in path.name} | {
                path.name: None for path in folder.iterdir() if ".partial" in path.name}


class Bench:
    def __init__(self, program, folder, pictures, environment=None, *, libraries=None):
        self.program, self.folder, self.libraries = program, folder, libraries or folder
        self.environment = environment or dict(os.environ)
        (folder / "inputs").mkdir(parents=True)
        self.inputs = make_inputs(folder / "inputs", pictures)
        self.expected, self.status, self.seconds = {}, {}, {}

    def place(self, name):
        """An empty folder, with the inputs at hand."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place

    def words(self, sink, place, *more):
        inputs = [os.path.relpath(self.folder / "inputs" / word, place)
                  if not word.startswith("-") else word for word in self.inputs]
        return [self.program, "embed", *inputs, *SINKS[sink], *more]

    def start(self, sink, place, *more, env=None):
        return subprocess.Popen(self.words(sink, place, *more), cwd=place, env=self.environment | (env or {}),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, child):
        out, err = child.communicate(timeout=300)
        return child.returncode, out + err

    def reference(self, sink):
        """What a run leaves that nobody disturbs, without --resume."""
        if sink in self.expected:
            return
        place = self.place(f"reference-{sink}")
        started = time.monotonic()
        status, said = self.end(self.start(sink, place))
        assert status == 1, said
        self.seconds[sink] = time.monotonic() - started
        self.status[sink], self.expected[sink] = status, left(place)

    def killed(self, sink, place, delay, number=signal.SIGKILL):
        """Starts a run and ends it after `delay` seconds; whether it was still running."""
        child = self.start(sink, place, "--resume")
        time.sleep(delay)
        alive = child.poll() is None
        child.send_signal(number)
        child.communicate(timeout=300)
        return alive

    def build_cut(self):
        """tests/support/cut.c, which ends a run at a chosen call."""
        library = self.libraries / "cut.so"
        if not library.exists():
            source = pathlib.Path(__file__).resolve().parents[1] / "support/cut.c"
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        return {"LD_PRELOAD": str(library), "CUT_NAME": "out."}

    def calls(self, sink):
        """How many calls a run makes that change its files or their names."""
        count = self.folder / f"count-{sink}"
        if not count.exists():
            place = self.place("counted")
            status, said = self.end(self.start(sink, place, "--resume",
                                               env=self.build_cut() | {"CUT_COUNT": str(count)}))
            assert status == 1, said
        return int(count.read_text())

    def cut(self, sink, place, at, power=False):
        """A run that is killed before its call number `at`, or with `power` has its power cut there."""
        env = self.build_cut() | {"CUT_AT": str(at)} | ({"CUT_POWER": "1"} if power else {})
        status, said = self.end(self.start(sink, place, "--resume", env=env))
        # With two databases the other one's thread may look at its index, which is mapped, while that loses its end.
        ends = (-signal.SIGKILL, -signal.SIGBUS) if power else (-signal.SIGKILL,)
        assert status in (*ends, self.status[sink]), f"{status} {said}"
        return status in ends

    def finish(self, sink, place):
        """The same command to its end, which must leave what an undisturbed run does. Gives rows resumed."""
        status, said = self.end(self.start(sink, place, "--resume", "--json"))
        assert status == self.status[sink], f"{sink}: {status} {said}"
        found = left(place)
        assert found.keys() == self.expected[sink].keys(), f"{sink}: {sorted(found)}"
        for name, data in self.expected[sink].items():
            assert found[name] == data, f"{sink}: {name} is another"
        return int(said.split('"resumed": ')[1].split(",")[0])

    def full(self, sink, place, limit):
        """A run whose files find no more space after so many bytes; whether it did."""
        status, said = self.end(self.start(sink, place, "--resume", env=self.build_cut() | {"CUT_FULL": str(limit)}))
        assert status == self.status[sink] or (status == 5 and "No space left" in said or "full" in said), said
        return status == 5

    def torment(self, sink, place, seed, again=0.3):
        """Kills at a random moment, maybe again, then the end: how many kills ended a run, and rows resumed.

        The first ends one for certain: one that came too late is tried anew, earlier."""
        self.reference(sink)
        dice = random.Random(seed)
        longest = 1.1 * self.seconds[sink]
        while not self.killed(sink, place, dice.uniform(0, longest)):
            longest *= 0.7
            place = self.place(place.name)
        hits = 1
        while dice.random() < again:
            hits += self.killed(sink, place, dice.uniform(0, longest))
        return hits, self.finish(sink, place)
