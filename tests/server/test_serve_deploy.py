"""What stands under deploy/ speaks of options, paths and metrics that there are."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest

from serving import PROGRAM, picture, wait_until

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


def test_dashboard_asks_for_metrics_that_there_are(server):
    assert server.ask("POST", "/embed", picture())[0] == 200
    assert server.ask("POST", "/embed", b"none")[0] == 415
    # A request is counted when its answer is out.
    wait_until(lambda: server.metric("request_seconds_count") >= 2)
    known = set(re.findall(r"^(pipilo_\w+)", server.ask("GET", "/metrics")[2].decode(), re.M))
    # Wherever one is named.
    for file in DEPLOY.iterdir():
        assert set(re.findall(r"\bpipilo_[a-z]\w+", file.read_text())) <= known, file
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    asked = {name for panel in dashboard["panels"] for target in panel["targets"]
             for name in re.findall(r"\bpipilo_\w+", target["expr"])}
    assert len(asked) > 10 and asked <= known
    stages = set(re.findall(r'stage=\\?"(\w+)', json.dumps(dashboard["panels"])))
    assert stages == {"total", "receive", "queue", "embed", "store"}


def test_options_and_paths_that_there_are(server):
    options = set(re.findall(r"--[a-z-]+", subprocess.run(
        [PROGRAM, "serve", "--help"], capture_output=True, text=True, check=True).stdout))
    docker = (DEPLOY / "Dockerfile").read_text()
    assert set(re.findall(r'"(--[a-z-]+)"', docker)) <= options
    cluster = (DEPLOY / "kubernetes.yaml").read_text()
    args = re.search(r"args: \[(.*?)\]", cluster)[1]
    assert set(re.findall(r"--[a-z-]+", args)) <= options
    for path in set(re.findall(r"path: (/\S+?),", cluster)):
        assert server.ask("GET", path)[0] in (200, 503)


def test_unit_is_valid():
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("there is no systemd-analyze")
    done = subprocess.run([tool, "verify", DEPLOY / "pipilo.service"], capture_output=True, text=True)
    # Units of the system's are looked at, too.
    lines = [line for line in done.stderr.splitlines()
             if "pipilo.service" in line and "is not executable" not in line]
    assert not lines, done.stderr
