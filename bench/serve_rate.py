#!/usr/bin/env python3
"""What `pipilo serve` gives over loopback, beside `pipilo embed` on the same pictures.

usage: serve_rate.py BUILD PICTURES MODEL [SECONDS]

BUILD has cli/pipilo and bench/serve_load; PICTURES is a folder of bench/pictures.py's. Prints one
JSON object: pictures a second by embed and by 16 connections; the time of one picture alone; the
99th percentile at half of what 16 connections reach; and for 1 to 1000 connections the rate,
answers other than 200 and 429, and the server's memory.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def embed_rate(pipilo, pictures, model, folder):
    done = subprocess.run([pipilo, "embed", pictures, "-m", model, "-o", folder / "out.npy", "--json",
                           "--force"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def memory(pid):
    return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) // 1024


def main(build, pictures, model, seconds="8"):
    build, files = pathlib.Path(build), sorted(map(str, pathlib.Path(pictures).rglob("*.jpg")))
    folder = pathlib.Path(tempfile.mkdtemp())
    result = {"embed": embed_rate(build / "cli/pipilo", pictures, model, folder)}
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
    result["one"] = load(1)
    result["sixteen"] = load(16)
    result["half"] = load(64, result["sixteen"]["a_second"] / 2)
    for connections in (1, 4, 16, 64, 250, 1000):
        result[f"connections_{connections}"] = load(connections, how_long=4) | {"MB": memory(server.pid)}
    server.terminate()
    result["exit"] = server.wait()
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
