"""Allocations that fail, one of many, while everything is asked: no crash, no wrong vector, nothing
held for ever."""
import http.client
import json
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

from serving import PATIENCE, SANITIZED, form, picture, text, uri, wait_until

HERE = pathlib.Path(__file__).parent
JSON = {"Content-Type": "application/json"}
RUN = "pipe.input('p').map('p', 'v', ops.image_embedding.timm('null')).output('v')"
FILES = [picture(seed, (200, 150)) for seed in range(5)]


def requests(chance):
    data = chance.choice(FILES)
    body, head = form([("a", data), ("b", FILES[0])])
    return [("POST", "/v1/embeddings", json.dumps({"input": [uri(data)] * 4, "on_error": "row"}), JSON),
            ("POST", "/v1/items?update=true&source=a", data), ("POST", "/v1/search", data),
            ("POST", "/v1/run", json.dumps({"pipeline": RUN, "inputs": [{"image": text(data)}] * 3}), JSON),
            ("POST", "/vec/batch", json.dumps([uri(data)] * 2), JSON), ("GET", "/v1/items"),
            ("GET", "/v1/vectors"), ("GET", "/metrics"), ("GET", "/v1/operators"), ("GET", "/"),
            ("POST", "/embed", body, head | {"Accept": "application/vnd.apache.arrow.stream"}),
            ("POST", "/v2/embed", json.dumps({"images": [uri(data)]}), JSON)]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has allocations of its own")
@pytest.mark.parametrize("every", [2000, 100])
def test_allocations_that_fail(serve, tmp_path, every):
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "fail.so", HERE / "fail.c"], check=True)
    server = serve("-m", "null:8", "--store", tmp_path / "s.db", "--pipeline", f"vec={RUN}",
                   env={"LD_PRELOAD": str(tmp_path / "fail.so"), "FAIL_EVERY": str(every)})
    expected = {data: server.ask("POST", "/embed", data)[2] for data in FILES}
    seen, wrong = set(), []
    until = time.monotonic() + 4

    def enough():
        return 200 in seen and (every > 1000 or 503 in seen)

    def work(seed):
        chance = random.Random(seed)
        while time.monotonic() < (until if enough() else until + PATIENCE):
            data = chance.choice(FILES)
            for ask in (("POST", "/embed", data), chance.choice(requests(chance))):
                try:
                    status, _, answer = server.ask(*ask)
                except (OSError, http.client.HTTPException):
                    # Without memory for a request its connection is closed.
                    continue
                seen.add(status)
                # A codec has no name for want of memory: the picture may be said to be damaged.
                if status not in (200, 503, 422, 400):
                    wrong.append((ask[1], status, answer[:200]))
                if status == 200 and ask[1] == "/embed" and len(ask) == 3 and answer != expected[data]:
                    wrong.append("another vector")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    server.process.send_signal(signal.SIGUSR2)
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(1)
        server.process.send_signal(signal.SIGHUP)
    for thread in threads:
        thread.join()
    server.process.send_signal(signal.SIGUSR2)
    assert not wrong, wrong[:5]
    assert enough(), seen
    wait_until(lambda: server.metric("requests_under_way") == 0 and server.metric("queue_bytes") == 0)
    for data in FILES:
        assert server.ask("POST", "/embed", data)[2] == expected[data]
