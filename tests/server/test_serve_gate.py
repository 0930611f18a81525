"""Who may ask: keys, pages of other sites, TLS; and what SIGHUP reads anew."""
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading

import numpy
import openai
import pytest

from serving import FLOATS, MODEL, PROGRAM, needs_engine, picture, uri, wait_until

KEYS = ["a-key-of-sixteen-characters", "another-key-0123456789"]


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_keys(serve, tmp_path):
    (tmp_path / "keys").write_text(f"# keys\n\n{KEYS[0]}\n  {KEYS[1]}  # of somebody\n")
    server = serve("-m", "null:8", "--keys", "keys")
    for key in KEYS:
        assert server.ask("POST", "/embed", picture(), bearer(key))[0] == 200
        assert server.ask("POST", "/embed", picture(), {"authorization": f"bearer  {key}"})[0] == 200
    for headers in ({}, bearer(""), bearer(KEYS[0][:-1]), bearer(KEYS[0] + "x"), bearer("# keys"),
                    bearer("x" * 300), {"Authorization": KEYS[0]}, {"Authorization": "Basic " + KEYS[0]},
                    bearer(KEYS[0].upper()), bearer("of")):
        for method, path in (("POST", "/embed"), ("GET", "/v1/models"), ("GET", "/metrics"),
                             ("GET", "/nothing"), ("PUT", "/embed")):
            status, head, text = server.ask(method, path, picture(), headers)
            assert status == 401 and head["WWW-Authenticate"] == "Bearer", (path, headers)
            assert json.loads(text)["error"]["type"] == "authentication_error"
    for path in ("/health/live", "/health/ready", "/", "/openapi.json"):
        assert server.ask("GET", path)[0] in (200, 503)
    with openai.OpenAI(base_url=server.url + "/v1", api_key=KEYS[1]) as client:
        assert len(client.embeddings.create(model="null", input=uri(picture())).data[0].embedding) == 8
    with openai.OpenAI(base_url=server.url + "/v1", api_key="wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def read_anew(server):
    """SIGHUP, and what the server says to it: its last line is always the same."""
    said = len(server.said)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any("read anew" in line for line in server.said[said:]))
    return "".join(server.said[said:])


def test_keys_are_read_anew(serve, tmp_path):
    file = tmp_path / "keys"
    file.write_text(KEYS[0])
    server = serve("-m", "null:8", "--keys", file)
    file.write_text(KEYS[1])
    assert server.ask("GET", "/v1/models", headers=bearer(KEYS[1]))[0] == 401
    read_anew(server)
    assert server.ask("GET", "/v1/models", headers=bearer(KEYS[1]))[0] == 200
    assert server.ask("GET", "/v1/models", headers=bearer(KEYS[0]))[0] == 401
    # A file that is empty or gone lets nobody in who was not let in before, and nobody out.
    for broken in ("", "short\n", None):
        file.unlink() if broken is None else file.write_text(broken)
        assert "stay as they were" in read_anew(server)
        assert server.ask("GET", "/v1/models", headers=bearer(KEYS[1]))[0] == 200
        assert server.ask("GET", "/v1/models")[0] == 401


def test_a_long_comment_is_no_key(serve, tmp_path):
    hidden = "a-key-behind-a-long-comment"
    for before in range(500, 520):
        (tmp_path / f"keys{before}").write_text(f"{KEYS[0]}\n#{'-' * (before - 1)}{hidden}\n")
        server = serve("-m", "null:8", "--keys", f"keys{before}")
        assert server.ask("GET", "/v1/models", headers=bearer(hidden))[0] == 401
        assert server.ask("GET", "/v1/models", headers=bearer(KEYS[0]))[0] == 200


def test_key_files_that_are_none(serve, tmp_path):
    for text in ("", "# nothing\n", "short", "x" * 256):
        (tmp_path / "keys").write_text(text)
        with pytest.raises(RuntimeError):
            serve("-m", "null:8", "--keys", "keys")
    with pytest.raises(RuntimeError):
        serve("-m", "null:8", "--keys", "nowhere")


def test_pages_of_other_sites(server):
    """A page elsewhere can make a browser send forms and pictures here; it may not."""
    host = f"127.0.0.1:{server.port}"
    for headers, status in (
            ({}, 200), ({"Origin": f"http://{host}"}, 200), ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403), ({"Origin": ""}, 403), ({"Origin": "http://127.0.0.1:1"}, 403),
            ({"Sec-Fetch-Site": "same-origin"}, 200),
            # A name of theirs that points here.
            ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
            ({"Sec-Fetch-Site": "same-origin", "Host": "evil.example"}, 403),
            ({"Sec-Fetch-Site": "none", "Host": "127.0.0.1.evil.example"}, 403),
            ({"Origin": f"http://localhost:{server.port}", "Host": f"localhost:{server.port}"}, 200)):
        got, head, _ = server.ask("POST", "/embed", picture(), headers)
        assert got == status, headers
        assert head["Access-Control-Allow-Origin"] is None
    assert server.ask("OPTIONS", "/embed", headers={"Origin": "http://evil.example"})[0] == 403


def test_names_that_were_made_to_point_here(serve, tmp_path):
    """A browser says nothing of where a page comes from that asks its own site: only its name tells."""
    server = serve("-m", "null:8", "--cors", "https://photos.example")
    names = {"localhost": 200, "LOCALHOST:8080": 200, "pipilo.localhost": 200, "127.0.0.1:1": 200,
             "[::1]:8080": 200, "192.168.1.2": 200, "box": 200, "photos.example": 200,
             "evil.example": 403, "evil.example:8080": 403, "localhost.evil.example": 403,
             "127.0.0.1.evil.example": 403, "1.2.3.4.5": 403, "photos.example.evil": 403,
             "x" * 70 + ".example": 403, "[": 403, ".": 403}
    for name, status in names.items():
        for path in ("/v1/models", "/metrics", "/"):
            assert server.ask("GET", path, headers={"Host": name})[0] == status, name
    # A key is a better sign than a name.
    (tmp_path / "keys").write_text(KEYS[0])
    server = serve("-m", "null:8", "--keys", "keys")
    asked = bearer(KEYS[0]) | {"Host": "evil.example"}
    assert server.ask("GET", "/v1/models", headers=asked)[0] == 200
    assert server.ask("GET", "/v1/models", headers=asked | {"Sec-Fetch-Site": "same-origin"})[0] == 403


def test_pages_that_are_named(serve):
    page = "https://page.example"
    server = serve("-m", "null:8", "--cors", page, "--cors", "http://other.example:8000")
    status, head, _ = server.ask("OPTIONS", "/v1/embeddings", headers={
        "Origin": page, "Access-Control-Request-Method": "POST"})
    assert status == 204 and head["Access-Control-Allow-Origin"] == page and head["Vary"] == "Origin"
    assert "Authorization" in head["Access-Control-Allow-Headers"]
    assert "POST" in head["Access-Control-Allow-Methods"]
    status, head, _ = server.ask("POST", "/embed", picture(), {"Origin": page} | FLOATS)
    assert status == 200 and head["Access-Control-Allow-Origin"] == page
    # Without being named these are nothing to the page.
    named = head["Access-Control-Expose-Headers"].split(", ")
    assert {"X-Pipilo-Shape", "X-Pipilo-Fingerprint"} <= set(named) and head["X-Pipilo-Shape"]
    status, head, _ = server.ask("POST", "/embed", picture(), {"Origin": "https://third.example"})
    assert status == 403 and head["Access-Control-Allow-Origin"] is None
    assert server.ask("OPTIONS", "/embed", headers={"Origin": "https://third.example"})[0] == 403


def make_certificate(folder, *kind):
    subprocess.run(["openssl", "req", "-x509", "-newkey", *(kind or ("rsa:2048",)), "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls(serve, certificate):
    cert, key = certificate
    server = serve("-m", "null:8", "--tls-cert", cert, "--tls-key", key)
    assert any("serving at https://" in line for line in server.said)
    context = ssl.create_default_context(cafile=cert)
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
    for seed in range(3):
        connection.request("POST", "/embed", picture(seed, size=(800, 600)))
        answer = connection.getresponse()
        assert answer.status == 200 and len(json.loads(answer.read())["data"][0]["embedding"]) == 8
    assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
    connection.close()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            old.wrap_socket(raw, server_hostname="127.0.0.1")
    # Who speaks no TLS gets nothing, and harms nobody.
    with server.connect() as peer:
        try:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200" not in peer.recv(4096)
        except ConnectionError:
            pass
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
    connection.request("GET", "/health/live")
    assert connection.getresponse().status == 200


def served_certificate(server):
    return ssl.get_server_certificate(("127.0.0.1", server.port), timeout=60).split()


def test_a_certificate_is_renewed(serve, certificate, tmp_path):
    """SIGHUP reads it and its key anew; connections under way go on; what is wrong changes nothing."""
    cert, key = certificate
    server = serve("-m", "null:8", "--tls-cert", cert, "--tls-key", key)
    before = cert.read_text()
    assert served_certificate(server) == before.split()
    old = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60,
                                      context=ssl.create_default_context(cafile=cert))
    asking = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60,
                                         context=ssl.create_default_context(cafile=cert))
    old.request("POST", "/embed", picture())
    expected = old.getresponse().read()
    # This one is in the middle of its request.
    data = picture()
    asking.putrequest("POST", "/embed")
    asking.putheader("Content-Length", str(len(data)))
    asking.endheaders(data[:100])
    (tmp_path / "new").mkdir()
    for kind in ((), ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")):
        new_cert, new_key = make_certificate(tmp_path / "new", *kind)
        # A key of another certificate is noticed, and what was there stays.
        cert.write_text(new_cert.read_text())
        assert "certificate stays as it was" in read_anew(server)
        assert served_certificate(server) == before.split()
        key.write_text(new_key.read_text())
        assert "stays" not in read_anew(server)
        before = new_cert.read_text()
        assert served_certificate(server) == before.split()
        old.request("POST", "/embed", picture())
        assert old.getresponse().read() == expected
    asking.send(data[100:])
    assert asking.getresponse().read() == expected
    cert.unlink()
    assert "cert.pem" in read_anew(server)
    context = ssl.create_default_context(cafile=tmp_path / "new/cert.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
    connection.request("GET", "/health/live")
    assert connection.getresponse().status == 200


def test_a_chain_of_certificates(serve, tmp_path):
    """A certificate of an authority, with one between them, as authorities give them out."""
    def run(*words):
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=root", "-keyout",
        "root.key", "-out", "root.pem")
    for name, issuer, extension in (("middle", "root", "basicConstraints=CA:TRUE"),
                                    ("leaf", "middle", "subjectAltName=IP:127.0.0.1")):
        (tmp_path / "extension").write_text(extension)
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
            "-CAcreateserial", "-days", "2", "-extfile", "extension", "-out", f"{name}.pem")
    both = (tmp_path / "leaf.pem").read_text() + (tmp_path / "middle.pem").read_text()
    (tmp_path / "both.pem").write_text(both)
    server = serve("-m", "null:8", "--tls-cert", "both.pem", "--tls-key", "leaf.key")
    context = ssl.create_default_context(cafile=tmp_path / "root.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
    connection.request("GET", "/health/live")
    assert connection.getresponse().status == 200


def test_tls_mistakes(serve, certificate, tmp_path):
    cert, key = certificate
    (tmp_path / "bad.pem").write_text("no certificate")
    for words in (["--tls-cert", cert], ["--tls-key", key], ["--tls-cert", cert, "--tls-key", "nowhere"],
                  ["--tls-cert", "bad.pem", "--tls-key", key], ["--tls-cert", cert, "--tls-key", cert]):
        with pytest.raises(RuntimeError):
            serve("-m", "null:8", *words)


@needs_engine
def test_models_are_read_anew(serve, tmp_path):
    """A model whose card changed gives other vectors after SIGHUP; one that broke stays."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    text = "pipe.input('p').map('p', 'v', ops.image_embedding.timm('efficientnet-lite0')).output('v')"
    server = serve("-m", folder, "--pipeline", f"vec={text}", "--store", tmp_path / "s.db")

    def vector():
        status, head, data = server.ask("POST", "/embed", picture(), {"Accept": "application/octet-stream"})
        assert status == 200
        return numpy.frombuffer(data, "<f4"), head["X-Pipilo-Fingerprint"]

    def by_pipeline(pipeline):
        body = {"pipeline": pipeline, "input": uri(picture())}
        return server.json("POST", "/v1/run", body)["data"][0][0]["v"]

    before, mark = vector()
    card = json.loads((folder / "model.json").read_text())
    card["output"]["normalize"] = True
    (folder / "model.json").write_text(json.dumps(card))
    # Until then the model is the one that was read, whichever way it is asked for.
    assert vector()[1] == mark
    for pipeline in ("vec", text):
        numpy.testing.assert_array_equal(numpy.float32(by_pipeline(pipeline)), before)
    # What writes a store reads the model's files itself.
    status, _, answer = server.ask("POST", "/v1/items", picture())
    assert status == 409 and json.loads(answer)["error"]["code"] == "fingerprint_mismatch", answer
    read_anew(server)
    # Requests that began before are answered by the model of then.
    wait_until(lambda: vector()[1] != mark and abs(numpy.linalg.norm(vector()[0]) - 1) < 1e-5)
    after, mark = vector()
    numpy.testing.assert_allclose(after, before / numpy.linalg.norm(before), rtol=1e-5, atol=1e-7)
    for pipeline in ("vec", text):
        numpy.testing.assert_array_equal(numpy.float32(by_pipeline(pipeline)), after)
    assert server.ask("POST", "/v1/items", picture())[0] == 200
    assert server.json("GET", "/v1/items")["fingerprint"] == mark
    (folder / "model.json").write_text("{")
    assert "stays as it was" in read_anew(server)
    assert vector()[1] == mark


@needs_engine
def test_a_search_whose_model_is_replaced_while_it_waits(serve, tmp_path):
    """Its vectors are not compared with those of the new model's store."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.jpg").write_bytes(picture(1))
    old = (folder / "model.json").read_text()
    card = json.loads(old)
    card["output"]["normalize"] = True
    new = json.dumps(card)
    for text, name in ((new, "new.db"), (old, "s.db")):
        (folder / "model.json").write_text(text)
        subprocess.run([PROGRAM, "embed", "in", "-m", folder, "-o", name], cwd=tmp_path, check=True,
                       capture_output=True)
    server = serve("-m", folder, "--store", tmp_path / "s.db")
    assert server.json("GET", "/v1/items")["rows"] == 1
    # Whoever wants the store now waits for some seconds.
    database = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    os.utime(tmp_path / "s.db")
    answers = []
    threads = [threading.Thread(target=server.ask, args=("GET", "/v1/items")) for _ in range(4)]
    threads.append(threading.Thread(target=lambda: answers.append(
        server.ask("POST", "/v1/search", picture(1)))))
    for thread in threads:
        thread.start()
    # The vector is made, and waits.
    wait_until(lambda: b'stage_seconds_count{stage="embed"} 1' in server.ask("GET", "/metrics")[2])
    (folder / "model.json").write_text(new)
    read_anew(server)
    os.replace(tmp_path / "new.db", tmp_path / "s.db")
    for thread in threads:
        thread.join()
    database.close()
    status, _, answer = answers[0]
    assert status == 503 and "replaced" in json.loads(answer)["error"]["message"], answer
    assert server.ask("POST", "/v1/search", picture(1))[0] == 200


def test_the_log_is_opened_anew(serve, tmp_path):
    server = serve("-m", "null:8")
    assert server.ask("GET", "/v1/models")[0] == 200
    wait_until(lambda: len(server.lines()) == 1)
    moved = server.log.rename(tmp_path / "moved")
    assert server.ask("GET", "/v1/models")[0] == 200
    # Its line is written when the answer is out.
    wait_until(lambda: len(moved.read_text().splitlines()) == 2)
    read_anew(server)
    assert server.ask("GET", "/v1/operators")[0] == 200
    wait_until(lambda: [line["path"] for line in server.lines()] == ["/v1/operators"])
    assert len(moved.read_text().splitlines()) == 2
