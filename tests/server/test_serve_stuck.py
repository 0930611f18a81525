"""A stage that is stuck: readiness says so, requests are answered all the same, and it recovers."""
import json
import pathlib
import subprocess
import threading

import pytest

from serving import SANITIZED, picture, uri, wait_until

HERE = pathlib.Path(__file__).parent


def wait_ready(server, status):
    wait_until(lambda: server.ask("GET", "/health/ready")[0] == status)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's runtime wants to be loaded first")
def test_a_stuck_stage(serve, tmp_path):
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", tmp_path / "stuck.so",
                    HERE / "stuck.c", "-ldl"], check=True)
    stuck = tmp_path / "stuck"
    server = serve("-m", "null:8", "--threads", "2", "--timeout", "3",
                   env={"LD_PRELOAD": str(tmp_path / "stuck.so"), "STUCK": str(stuck)})
    wait_ready(server, 200)
    # A request has little time here, for a slow machine.
    vectors = []

    def answered():
        status, _, answer = server.ask("POST", "/embed", picture())
        vectors.append(answer)
        return status == 200

    wait_until(answered)
    expected = vectors[-1]
    stuck.touch()
    answers = []
    run = json.dumps({"inputs": [uri(picture())] * 20, "pipeline":
                      "pipe.input('p').map('p', 'v', ops.image_embedding.timm('null')).output('v')"})

    def ask(path, body, headers):
        answers.append(server.ask("POST", path, body, headers)[0])

    threads = [threading.Thread(target=ask, args=("/embed", picture(), {})) for _ in range(6)]
    threads += [threading.Thread(target=ask, args=("/v1/run", run, {"Content-Type": "application/json"}))
                for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_ready(server, 503)
    assert server.ask("GET", "/health/live")[0] == 200
    for thread in threads:
        thread.join()
    assert answers == [504] * 8
    stuck.unlink()
    wait_ready(server, 200)
    wait_until(lambda: server.ask("POST", "/embed", picture())[2] == expected)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's runtime wants to be loaded first")
def test_a_long_search_ends_when_nobody_waits(serve, tmp_path):
    """By its deadline, and when its client has gone: the next one need not wait for it."""
    subprocess.run(["cc", "-D_GNU_SOURCE", "-I", HERE.parents[1] / "include", "-shared", "-fPIC", "-o",
                    tmp_path / "slow.so", HERE / "slow.c", "-ldl"], check=True)
    slow = tmp_path / "slow"
    server = serve("-m", "null:8", "--store", tmp_path / "s.db", "--timeout", "2",
                   env={"LD_PRELOAD": str(tmp_path / "slow.so"), "SLOW": str(slow)})
    # A request has little time here, for a slow machine.
    wait_until(lambda: server.ask("POST", "/v1/items", picture())[0] == 200)
    slow.touch()
    status, _, answer = server.ask("POST", "/v1/search", picture())
    assert status == 504 and json.loads(answer)["error"]["code"] == "timeout"
    slow.unlink()
    wait_until(lambda: server.ask("POST", "/v1/search", picture())[0] == 200)
    assert server.stop() == 0
    server = serve("-m", "null:8", "--store", tmp_path / "s.db", "--timeout", "600",
                   env={"LD_PRELOAD": str(tmp_path / "slow.so"), "SLOW": str(slow)})
    slow.touch()
    data = picture()
    with server.connect() as peer:
        peer.sendall(b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        wait_until(lambda: (tmp_path / "slow.begun").exists())
    wait_until(lambda: [line["status"] for line in server.lines()] == [499])
    slow.unlink()
    assert server.ask("POST", "/v1/search", picture())[0] == 200
