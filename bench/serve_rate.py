#!/usr/bin/env python3
"""What `pipilo serve` gives over loopback, beside `pipilo embed` on the same pictures.

usage: serve_rate.py BUILD PICTURES MODEL [SECONDS]

BUILD has cli/pipilo and bench/serve_load; PICTURES is a folder of bench/pictures.py's. Prints one
JSON object: pictures a second by embed and by 16 connections, and the one's share of the other (medians
of rounds in turn); the time of one picture alone; the 99th percentile at half of what 16 connections
reach; and for 1 to 1000 connections the rate,
answers other than 200 and 429, and the server's memory.
"""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile


ROUNDS = 7


def embed_rate(pipilo, files, model, folder):
    done = subprocess.run([pipilo, "embed", *files, *files, "-m", model, "-o", folder / "out.npy", "--json",
                           "--force"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["pictures_per_second"]


def memory(pid):
    return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) // 1024


def main(build, pictures, model, seconds="3"):
    build, files = pathlib.Path(build), sorted(map(str, pathlib.Path(pictures).rglob("*.jpg")))
    folder = pathlib.Path(tempfile.mkdtemp())
    result = {}
    server = subprocess.Popen([build / "cli/pipilo", "serve", "-m", model, "--listen", "127.0.0.1:0",
                               "--access-log", "off"], stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        found = re.search(r"serving at http://127\.0\.0\.1:(\d+)", line)
        if found:
            break

    def load(connections, rate=0, how_long=seconds):
        done = subprocess.run([build / "bench/serve_load", found[1], str(connections), str(how_long),
                               str(rate), *files], capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout else {"error": done.stderr}

    load(4, how_long=2)
    # In turn, so that what else the machine does falls on both.
    rounds = [(embed_rate(build / "cli/pipilo", files, model, folder), load(16)["a_second"])
              for _ in range(ROUNDS)]
    result["embed"] = statistics.median(embed for embed, _ in rounds)
    result["sixteen"] = statistics.median(served for _, served in rounds)
    result["share"] = statistics.median(served / embed for embed, served in rounds)
    result["one"] = load(1)
    result["half"] = [load(64, result["sixteen"] / 2) for _ in range(3)]
    for connections in (1, 4, 16, 64, 250, 1000):
        result[f"connections_{connections}"] = load(connections, how_long=8) | {"MB": memory(server.pid)}
    server.terminate()
    result["exit"] = server.wait()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
