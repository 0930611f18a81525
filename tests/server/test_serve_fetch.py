"""Pictures by their URL: from hosts that are named, at addresses that are open to all, and no more."""
import http.server
import json
import threading

import numpy
import pytest

from serving import embed, picture, uri, wait_until


@pytest.fixture(scope="module")
def site():
    """A web server on this machine, on an address that only a list that has it itself allows."""
    class Site(http.server.BaseHTTPRequestHandler):
        asked, over = [], threading.Event()

        def do_GET(self):
            self.asked.append(self.path)
            if self.path.startswith("/to/"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/to/"))
                self.end_headers()
                return
            if self.path == "/loop":
                self.send_response(302)
                self.send_header("Location", "/loop")
                self.end_headers()
                return
            if self.path.startswith("/slow"):
                self.over.wait()
            data = {"/a.jpg": picture(1), "/b.jpg": picture(2), "/big": bytes(3 << 20),
                    "/text": b"no picture", "/empty": b"", "/slow": b""}.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            try:
                self.wfile.write(data or b"")
            except ConnectionError:
                pass

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.asked = Site.asked
    yield server
    Site.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def fetching(site, tmp_path_factory):
    from serving import Server
    port = site.server_port
    folder = tmp_path_factory.mktemp("fetching")
    server = Server(folder, "-m", "null:8", "--store", "kept.db", "--max-body", "1M",
                    "--allow-host", f"127.0.0.1:{port}", "--allow-host", "*.example.org")
    yield server
    assert server.stop() == 0


def ask(server, *urls, status=200):
    return server.json("POST", "/v1/embeddings", {"input": list(urls)}, status=status)


def test_pictures_by_url(fetching, site, tmp_path):
    at = f"http://127.0.0.1:{site.server_port}"
    expected = embed(tmp_path, [picture(1), picture(2), picture(3)], "null:8")
    answer = ask(fetching, at + "/a.jpg", {"url": at + "/b.jpg"}, uri(picture(3)),
                 {"type": "image_url", "image_url": {"url": at + "/to/" + at + "/a.jpg"}})
    found = numpy.float32([row["embedding"] for row in answer["data"]])
    numpy.testing.assert_array_equal(found, expected[[0, 1, 2, 0]])
    body = {"input": [at + "/a.jpg"], "sources": ["fetched"]}
    assert fetching.json("POST", "/v1/items", body)["data"][0]["row"] == 0
    assert fetching.json("GET", "/v1/items/0")["thumbnail"]
    answer = fetching.json("POST", "/v2/embed", {"images": [at + "/a.jpg"]})
    assert (answer["images"][0]["width"], answer["images"][0]["height"]) == (80, 60)


def test_hosts_and_addresses_that_may_not_be_asked(fetching, site):
    port = site.server_port
    asked = len(site.asked)
    for url, code in (
            ("http://127.0.0.1/a.jpg", "url_not_allowed"), (f"http://127.0.0.2:{port}/a.jpg", "url_not_allowed"),
            (f"http://example.com:{port}/a.jpg", "url_not_allowed"), ("http://example.org/", "url_not_allowed"),
            (f"http://user@127.0.0.1:{port}/a.jpg", "url_not_allowed"),
            (f"http://127.0.0.1:{port}@evil.example/a.jpg", "url_not_allowed"),
            (f"http://evil.example#@127.0.0.1:{port}/a.jpg", "url_not_allowed"),
            (f"http://evil.example\\@127.0.0.1:{port}/a.jpg", "url_not_allowed"),
            (f"ftp://127.0.0.1:{port}/a.jpg", None), ("file:///etc/passwd", None),
            (f"http://[::1]:{port}/a.jpg", "url_not_allowed"), (f"http://localhost:{port}/a.jpg", "url_not_allowed")):
        error = ask(fetching, url, status=400)["error"]
        assert error["param"] == "input[0]" and code in (None, error["code"]), (url, error)
    assert len(site.asked) == asked


def test_a_listed_name_that_stands_for_this_machine(serve, site):
    asked = len(site.asked)
    server = serve("-m", "null:8", "--allow-host", f"localhost:{site.server_port}")
    for name in ("localhost", "LOCALHOST"):
        error = ask(server, f"http://{name}:{site.server_port}/a.jpg", status=400)["error"]
        assert error["code"] == "invalid_argument" and "address" in error["message"], error
    assert len(site.asked) == asked


def test_redirects_are_looked_at_each(fetching, site):
    at = f"http://127.0.0.1:{site.server_port}"
    for target in ("http://evil.example/a.jpg", f"http://localhost:{site.server_port}/a.jpg",
                   "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "gopher://127.0.0.1/"):
        error = ask(fetching, f"{at}/to/{target}", status=400)["error"]
        assert error["code"] in ("invalid_argument", "network_error"), (target, error)
    assert "/a.jpg" not in site.asked[-2:]
    assert "on and on" in ask(fetching, at + "/loop", status=400)["error"]["message"]


def test_what_comes_is_judged(fetching, site):
    at = f"http://127.0.0.1:{site.server_port}"
    for path, code in (("/none", "network_error"), ("/big", "limit_exceeded"), ("/empty", "truncated"),
                       ("/text", "unsupported_format")):
        error = ask(fetching, at + path, status=400)["error"]
        assert error["code"] == code and error["param"] == "input[0]", error
    rows = fetching.json("POST", "/v1/embeddings",
                         {"input": [at + "/none", at + "/a.jpg"], "on_error": "row"})["data"]
    assert rows[0]["error"]["code"] == "network_error" and len(rows[1]["embedding"]) == 8


def test_a_host_that_does_not_answer(serve, site):
    """Whichever time is over first, the host's or the request's."""
    host = f"127.0.0.1:{site.server_port}"
    server = serve("-m", "null:8", "--timeout", "2", "--allow-host", host)
    body = json.dumps({"input": [f"http://{host}/slow"] * 3})
    status, _, answer = server.ask("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
    assert (status, json.loads(answer)["error"]["code"]) in ((400, "network_error"), (504, "timeout"))


def test_what_is_fetched_is_bounded(serve, site):
    """A line of text is megabytes once it is fetched: they count as if they had been sent."""
    at = f"http://127.0.0.1:{site.server_port}"
    server = serve("-m", "null:8", "--max-body", "4M", "--max-queue", "8M",
                   "--allow-host", f"127.0.0.1:{site.server_port}")
    rows = server.json("POST", "/v1/embeddings",
                       {"input": [at + "/big"] * 6 + [uri(picture())], "on_error": "row"})["data"]
    codes = [row["error"]["code"] for row in rows[:6]]
    assert codes == ["unsupported_format"] * 2 + ["limit_exceeded"] * 4 and len(rows[6]["embedding"]) == 8
    wait_until(lambda: server.metric("queue_bytes") == 0)


def test_nobody_is_fetched_for_who_has_gone(serve, site):
    at = f"http://127.0.0.1:{site.server_port}"
    server = serve("-m", "null:8", "--allow-host", f"127.0.0.1:{site.server_port}")
    body = json.dumps({"input": [at + "/slow?gone"] + [at + "/a.jpg?gone"] * 20}).encode()
    with server.connect() as peer:
        peer.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: "/slow?gone" in site.asked)
    wait_until(lambda: server.metric("requests_under_way") == 0)
    assert "/a.jpg?gone" not in site.asked


def test_nothing_is_fetched_unless_asked_for(server, site):
    asked = len(site.asked)
    error = ask(server, f"http://127.0.0.1:{site.server_port}/a.jpg", status=400)["error"]
    assert error["code"] == "url_not_allowed" and len(site.asked) == asked
