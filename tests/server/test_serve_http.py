"""HTTP itself: what is where, health, limits, slow and rude clients, ending in good order."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import numpy
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving import PATIENCE, PROGRAM, picture, slow_picture, uri, wait_until


def test_health_models_operators(server):
    assert server.json("GET", "/health/live") == {"status": "live"}
    wait_until(lambda: server.ask("GET", "/health/ready")[0] == 200)
    assert server.json("GET", "/health/ready") == {"status": "ready"}
    models = server.json("GET", "/v1/models")["data"]
    assert [(m["id"], m["dimensions"], m["object"]) for m in models] == [("null", 8, "model")]
    assert server.json("GET", "/v1/models/null") == models[0]
    names = {op["name"]: op["from_requests"] for op in server.json("GET", "/v1/operators")["data"]}
    assert names["image_embedding.timm"] and not names["read_dir"] and not names["write_sqlite"]


def test_page(server):
    status, headers, body = server.ask("GET", "/")
    assert status == 200 and body.startswith(b"<!doctype html>")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    folder = pathlib.Path(__file__).resolve().parents[2] / "server/page"
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    for file in sorted(folder.iterdir()):
        status, headers, body = server.ask("GET", f"/page/{file.name}")
        assert status == 200 and body == file.read_bytes(), file.name
        assert headers["Content-Type"].startswith(kinds[file.suffix])
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        # What the policy would refuse, and any other host, is not in the file.
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|<style|\sstyle=|\son\w+=[\"']|<script(?![^>]*\ssrc=)", text), file.name
        for name in re.findall(r"(?:from '\./|URL\('\./|=\"page/)([\w.-]+)", text):
            assert (folder / name).is_file(), name
    for path in ("/page/", "/page/../serve.c", "/page/%2e%2e/serve.c", "/page/none", "/etc/passwd"):
        assert server.ask("GET", path)[0] == 404


@pytest.mark.parametrize("lengths", [b"Content-Length: 3\r\nContent-Length: 99",
                                     b"Content-Length: 3\r\nTransfer-Encoding: chunked"])
def test_two_lengths_of_a_body_end_the_connection(server, lengths):
    """One before this server may take the other one, and what follows for another request."""
    with server.connect() as peer:
        peer.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                     b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while part := peer.recv(65536):
            answer += part
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"400"], answer


def test_wrong_paths_and_methods(server):
    for path in ("/nothing", "/v1", "/v1/embeddings/", "/embed/x", "//", "/%00"):
        status, _, text = server.ask("GET", path)
        assert status == 404 and json.loads(text)["error"]["code"] == "not_found"
    for method, path, allowed in (("GET", "/embed", "POST"), ("DELETE", "/v1/models", "GET"),
                                  ("PUT", "/v1/embeddings", "POST"), ("POST", "/health/live", "GET")):
        status, headers, _ = server.ask(method, path)
        assert status == 405 and headers["Allow"] == allowed
    status, headers, body = server.ask("HEAD", "/v1/models")
    assert status == 200 and body == b"" and int(headers["Content-Length"]) > 0


def wait_for_lines(server, wanted):
    """The access log once it has such a line: it is written when the answer is out."""
    wait_until(lambda: any(map(wanted, server.lines())))
    return server.lines()


def test_trace_ids_pass_through(server):
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = server.ask("GET", "/health/live", headers={"traceparent": given})[1]
    assert headers["traceparent"] == given and headers["X-Request-Id"] == given[3:35]
    made = set()
    for wrong in ("", "00-x", given.upper(), given[:-1], given + "0", "00-" + "0" * 32 + given[35:]):
        headers = server.ask("GET", "/health/live", headers={"traceparent": wrong})[1]
        assert headers["traceparent"] != wrong and len(headers["traceparent"]) == 55
        made.add(headers["X-Request-Id"])
    assert len(made) == 6
    assert server.ask("POST", "/embed", picture(), {"traceparent": given})[0] == 200
    def wanted(line):
        return line["trace"] == given[3:35] and line["path"] == "/embed"

    line = next(filter(wanted, wait_for_lines(server, wanted)))
    assert line["status"] == 200 and line["pictures"] == 1


def test_log_holds_what_clients_send(server):
    server.ask("GET", '/a"b\\c%0a%1b[31m')
    server.ask("GET", "/" + "x" * 3000)
    wait_for_lines(server, lambda line: line["path"] == '/a"b\\c\n\x1b[31m')
    lines = wait_for_lines(server, lambda line: line["path"].startswith("/xxx"))
    assert all(len(line["path"]) < 300 for line in lines)


def test_log_waits_for_no_reader(serve, tmp_path):
    """A pipe that is full loses lines, however long what a client sends would make them."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    server = serve("-m", "null:8", "--access-log", tmp_path / "pipe")
    for _ in range(40):
        with server.connect() as peer:
            peer.sendall(b"X" * 20000 + b" / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert peer.recv(100).startswith(b"HTTP/1.1 40")
    assert server.ask("GET", "/health/live")[0] == 200
    lines = os.read(reader, 1 << 20).decode().splitlines()
    os.close(reader)
    assert lines and all(len(json.loads(line)["method"]) < 300 for line in lines)


def test_metrics_of_what_is_asked(serve):
    """The server's own pages, its health and these figures are no requests, nor its own pictures."""
    server = serve("-m", "null:8")
    wait_until(lambda: server.ask("GET", "/health/ready")[0] == 200)
    for path in ("/", "/metrics", "/health/live", "/openapi.json", "/page/page.js"):
        assert server.ask("GET", path)[0] == 200
    for name in ("stage_seconds_count", "request_seconds_count", "batch_pictures_count",
                 "requests_under_way"):
        assert server.metric(name) == 0, name
    assert server.ask("POST", "/embed", picture())[0] == 200
    assert server.ask("GET", "/none")[0] == 404
    wait_until(lambda: server.metric("request_seconds_count") == 2)
    text = server.ask("GET", "/metrics")[2].decode()
    for route in ("/embed", "other"):
        assert f'pipilo_request_seconds_count{{route="{route}"}} 1\n' in text
        assert f'pipilo_request_seconds_bucket{{route="{route}",le="+Inf"}} 1\n' in text
    assert 'pipilo_stage_seconds_count{stage="total"} 2\n' in text
    assert 'pipilo_stage_seconds_count{stage="embed"} 1\n' in text
    assert 'pipilo_requests_total{route="/metrics",status="200"}' in text
    assert 'pipilo_waiting_pictures{model="null",place="0"} 0\n' in text


def test_names_that_are_no_text(server):
    """Bytes that are no UTF-8 come back as U+FFFD: an answer is text."""
    body = b"--b\r\nContent-Disposition: form-data; name=\"\xf8\x90\x80\x80\xff.jpg\"\r\n\r\nnone\r\n--b--\r\n"
    status, _, answer = server.ask("POST", "/embed?on_error=row", body,
                                   {"Content-Type": "multipart/form-data; boundary=b"})
    name = json.loads(answer.decode())["data"][0]["name"]
    assert status == 200 and set(name) == set("\ufffd.jpg")


def check_histogram(family):
    """Buckets grow, and the last is the count."""
    counts = {}
    for sample in family.samples:
        own = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        counts.setdefault((own, sample.name.rsplit("_", 1)[1]), []).append(sample.value)
    for (own, kind), values in counts.items():
        assert values == sorted(values), family.name
        assert kind != "bucket" or values[-1] == counts[own, "count"][0], family.name


def test_metrics_are_prometheus(server):
    server.ask("POST", "/embed", picture())
    server.ask("POST", "/embed", b"no picture")
    refused = 'pipilo_requests_total{route="/embed",status="415"}'
    wait_until(lambda: refused in server.ask("GET", "/metrics")[2].decode())
    status, headers, text = server.ask("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = text.decode()
    families = list(text_string_to_metric_families(text))
    types = {family.name: family.type for family in families}
    assert len(types) == len(families) and "unknown" not in types.values()
    for family in families:
        assert family.samples and family.documentation, family.name
        labels = [tuple(sorted(sample.labels.items())) + (sample.name,) for sample in family.samples]
        assert len(set(labels)) == len(labels), family.name
        if family.type == "histogram":
            check_histogram(family)
    assert types["pipilo_stage_seconds"] == "histogram"
    began, = [family.samples[0].value for family in families if family.name == "process_start_time_seconds"]
    assert server.listens - PATIENCE < began <= server.listens
    assert server.metric("picture_errors_total") >= 1


def test_bodies_past_the_limit(serve):
    server = serve("-m", "null:8", "--max-body", "64K")
    assert server.ask("POST", "/embed", picture() + bytes(40000))[0] == 200
    for size in (65537, 1 << 20, 8 << 20):
        status, _, text = server.ask("POST", "/embed", bytes(size))
        assert status == 413 and json.loads(text)["error"]["code"] == "limit_exceeded"
    chunks = (bytes(8192) for _ in range(100))
    assert server.ask("POST", "/embed", chunks)[0] == 413
    # Who asks before sending is told before sending.
    with server.connect() as peer:
        peer.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                     b"Content-Length: 99999999\r\n\r\n")
        assert peer.recv(4096).startswith(b"HTTP/1.1 413")
    wait_until(lambda: server.metric("queue_bytes") == 0)


def test_chunked_body(server):
    data = picture(1, size=(400, 300))
    chunks = (data[at:at + 1000] for at in range(0, len(data), 1000))
    assert server.ask("POST", "/embed", chunks)[0] == 200


def test_queue_bytes_are_bounded(serve):
    server = serve("-m", "null:8", "--max-queue", "1M", "--max-body", "1M")
    held = []
    for _ in range(4):
        peer = server.connect()
        peer.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + bytes(400000))
        held.append(peer)
    wait_until(lambda: server.metric("queue_bytes") >= 600000)
    status, headers, text = server.ask("POST", "/embed", bytes(900000))
    assert status == 429 and headers["Retry-After"] == "1"
    assert json.loads(text)["error"]["type"] == "rate_limit_error"
    for peer in held:
        peer.close()
    wait_until(lambda: server.metric("queue_bytes") == 0)
    assert server.ask("POST", "/embed", picture())[0] == 200


def test_answers_that_nobody_reads_are_bounded(serve):
    """A picture of some kilobytes can be a megabyte of numbers: what waits for its reader is counted."""
    server = serve("-m", "null:65536", "--max-queue", "24M")
    large = json.dumps({"input": [uri(picture())] * 20}).encode()
    kind = {"Content-Type": "application/json"}
    head = (b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(large))
    with server.connect(room=1 << 16) as peer:
        peer.sendall(head + large)
        wait_until(lambda: server.metric("queue_bytes") > 12 << 20)
        status, headers, answer = server.ask("POST", "/v1/embeddings", large, kind)
        assert status == 429 and headers["Retry-After"] == "1", answer[:200]
        assert server.ask("POST", "/v1/embeddings", json.dumps({"input": uri(picture())}), kind)[0] == 200
    wait_until(lambda: server.metric("queue_bytes") == 0)
    assert server.ask("POST", "/v1/embeddings", large, kind)[0] == 200


def test_rows_of_pipelines_are_bounded(serve):
    server = serve("-m", "null:8", "--max-queue", "7M")
    body = {"pipeline": "pipe.input('p').map('p', 'v', ops.image_preprocess('null')).output('v')",
            "inputs": [uri(picture())] * 16}
    error = server.json("POST", "/v1/run", body, status=400)["error"]
    assert error["code"] == "limit_exceeded", error
    wait_until(lambda: server.metric("queue_bytes") == 0)
    body["inputs"] = body["inputs"][:1]
    assert numpy.shape(server.json("POST", "/v1/run", body)["data"][0][0]["v"])[-1] > 8


def test_rude_heads(server):
    heads = [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
             b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
             b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
             b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
             b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
             b"POST /embed HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
             b"GET / HTTP/1.1\r\nHost: x\r\nA" + b"b" * 70000]
    for head in heads:
        with server.connect() as peer:
            try:
                peer.sendall(head)
                peer.shutdown(socket.SHUT_WR)
                answer = b""
                while more := peer.recv(65536):
                    answer += more
            except OSError:
                continue
            assert answer == b"" or answer.split()[1][:1] in (b"4", b"5"), answer[:200]
    assert server.ask("GET", "/health/live")[0] == 200


def test_clients_that_hang_up(server):
    data = picture(0, size=(600, 400))
    head = b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data)
    for cut in (0, len(data) // 2, len(data)):
        for _ in range(20):
            with server.connect() as peer:
                peer.sendall(head + data[:cut])
    wait_until(lambda: server.metric("requests_under_way") == 0 and server.metric("queue_bytes") == 0)


def test_no_work_for_who_has_gone(serve):
    """Requests whose clients hang up are dropped; their work is not done, their places are free."""
    server = serve("-m", "null:8", "--threads", "1", "--max-connections", "64")
    data = slow_picture()
    request = b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data
    for _ in range(40):
        with server.connect() as peer:
            peer.sendall(request)
    wait_until(lambda: server.metric("requests_under_way") == 0)
    wait_until(lambda: sum(line["status"] == 499 for line in server.lines()) >= 10)
    # What was in the decoder is finished before the server is told to end.
    assert server.ask("POST", "/embed", picture())[0] == 200


def test_keep_alive_and_pipelining(server):
    data = picture()
    request = b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data
    with server.connect() as peer:
        peer.sendall(request * 10)
        answer = b""
        while answer.count(b"HTTP/1.1 200") < 10:
            more = peer.recv(65536)
            assert more, answer[-200:]
            answer += more


def trickle(server, begun, ends):
    """Sends a byte now and then until the server has enough of it; what it answered, in `ends`."""
    answer = b""
    deadline = time.monotonic() + PATIENCE
    with server.connect() as peer:
        peer.sendall(begun)
        peer.settimeout(0.5)
        while not answer and time.monotonic() < deadline:
            try:
                peer.sendall(b"x")
                answer += peer.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                answer = b"cut"
    ends.append(answer)


def test_who_trickles_is_cut_off(serve):
    """A byte now and then never makes an idle connection, and is cut off all the same."""
    server = serve("-m", "null:8")
    ends = []
    heads = [b"GET / HT", b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"]
    threads = [threading.Thread(target=trickle, args=(server, head, ends)) for head in heads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 2
    for answer in ends:
        assert answer == b"cut" or answer.startswith(b"HTTP/1.1 408"), answer
    wait_until(lambda: server.metric("cut_off_total") >= 2)
    wait_until(lambda: [line["status"] for line in server.lines() if line["path"] == "/embed"] == [408])
    text = server.ask("GET", "/metrics")[2].decode()
    for route in ("other", "/embed"):
        assert f'pipilo_requests_total{{route="{route}",status="408"}} 1\n' in text
    assert 'route="/embed",status="499"' not in text


def test_idle_connections_cost_no_others(serve):
    server = serve("-m", "null:8", "--max-connections", "300")
    idle = [server.connect() for _ in range(200)]
    assert server.ask("POST", "/embed", picture())[0] == 200
    for peer in idle:
        peer.close()


def test_many_at_once(server):
    """Each gets its own picture's vector, or is told to come again."""
    files = [picture(seed) for seed in range(8)]
    expected = [server.ask("POST", "/embed", data)[2] for data in files]
    wrong = []

    def work(start):
        for turn in range(25):
            which = (start + turn) % len(files)
            status, _, body = server.ask("POST", "/embed", files[which])
            if status != 429 and body != expected[which]:
                wrong.append((status, body))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_takes_too_long(serve):
    """A request is answered when its time is over, and no more is done for it."""
    vector = "pipe.input('p').map('p', 'v', ops.image_embedding.timm('null')).output('v')"
    server = serve("-m", "null:8", "--timeout", "1", "--threads", "1", "--pipeline", f"vec={vector}")
    slow = [uri(slow_picture(), "webp")] * 200
    for path, body in (("/v1/embeddings", {"input": slow}), ("/v1/run", {"pipeline": "vec", "inputs": slow})):
        assert server.json("POST", path, body, status=504)["error"]["code"] == "timeout"
        # What was in the decoders is finished; a slow machine takes its time over that.
        wait_until(lambda: server.ask("POST", "/embed", picture())[0] == 200)
    wait_until(lambda: server.metric("queue_bytes") == 0)


def listens(server):
    try:
        server.connect().close()
    except ConnectionError:
        return False
    return True


def test_ends_when_all_is_answered(serve):
    """What was accepted before SIGTERM is answered; the port is free at once."""
    server = serve("-m", "null:8", "--timeout", "600")
    data = slow_picture()
    answers = []

    def ask():
        try:
            while True:
                answers.append(server.ask("POST", "/embed", data)[0])
        except ConnectionError:
            answers.append("not accepted")

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    wait_until(lambda: server.metric("requests_under_way") >= 3)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not listens(server))
    with socket.create_server(("127.0.0.1", server.port)) as following, \
            socket.create_connection(following.getsockname(), PATIENCE):
        following.settimeout(PATIENCE)
        following.accept()[0].close()
    for thread in threads:
        thread.join()
    assert server.process.wait(PATIENCE) == 0
    assert set(answers) <= {200, 503, "not accepted"} and answers.count(200) >= 2
    with pytest.raises(ConnectionError):
        server.connect()


def test_idle_connections_do_not_hold_the_end_up(serve):
    server = serve("-m", "null:8")
    idle = [server.connect() for _ in range(5)]
    idle[0].sendall(b"GET /hea")
    assert server.ask("GET", "/health/live")[0] == 200
    assert server.stop() == 0
    for peer in idle:
        peer.close()


def test_mistakes_on_the_command_line(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    for words, status, text in (
            ([], 2, "-m MODEL"), (["-m", "nowhere"], 3, "nowhere"),
            (["-m", "null", "--listen", "8080"], 2, "HOST:PORT"),
            (["-m", "null", "--listen", "127.0.0.1:70000"], 2, "65535"),
            (["-m", "null", "--listen", "127.0.0.1:99999999999999999999"], 2, "65535"),
            (["-m", "null", "--listen", f"127.0.0.1:{port}"], 5, "in use"),
            (["-m", "null", "--access-log", "/nowhere/log"], 5, "/nowhere/log"),
            (["-m", "null", "--max-connections", "1"], 2, "--max-connections")):
        done = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0", *words],
                              capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path)
        assert done.returncode == status and text in done.stderr, done.stderr
    taken.close()


def test_openapi_lists_every_route(server):
    """Every path and method in it is there; and every route the metrics know is in it."""
    document = server.json("GET", "/openapi.json")
    assert document["openapi"].startswith("3.")
    for path, methods in document["paths"].items():
        for method in methods:
            status = server.ask(method.upper(), path.replace("{row}", "0").replace("{name}", "null"), b"")[0]
            assert status != 405, (method, path)
    names = {path.split("{")[0].rstrip("/") for path in document["paths"]}
    source = pathlib.Path(__file__).resolve().parents[2] / "server"
    routes = re.findall(r'const struct route \w+ = \{ "(\w+)", "([^"]+)"',
                        "".join(file.read_text() for file in sorted(source.glob("route_*.c"))))
    for method, path in routes:
        if path not in ("/", "/page/*", "/{pipeline}"):
            assert path.rstrip("*").rstrip("/") in names, path
    assert len(routes) > 15
