"""A stage that is stuck: readiness says so, requests are answered all the same, and it recovers."""
import pathlib
import subprocess
import threading
import time

import pytest

from serving import SANITIZED, picture

HERE = pathlib.Path(__file__).parent


def wait_ready(server, status):
    deadline = time.monotonic() + 60
    while server.ask("GET", "/health/ready")[0] != status:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's runtime wants to be loaded first")
def test_a_stuck_stage(serve, tmp_path):
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", tmp_path / "stuck.so",
                    HERE / "stuck.c", "-ldl"], check=True)
    stuck = tmp_path / "stuck"
    server = serve("-m", "null:8", "--threads", "2", "--timeout", "3",
                   env={"LD_PRELOAD": str(tmp_path / "stuck.so"), "STUCK": str(stuck)})
    wait_ready(server, 200)
    expected = server.ask("POST", "/embed", picture())[2]
    stuck.touch()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.ask("POST", "/embed", picture())[0]))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_ready(server, 503)
    assert server.ask("GET", "/health/live")[0] == 200
    for thread in threads:
        thread.join()
    assert answers == [504] * 6
    stuck.unlink()
    wait_ready(server, 200)
    assert server.ask("POST", "/embed", picture())[2] == expected
