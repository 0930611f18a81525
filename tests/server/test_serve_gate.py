"""Who may ask: keys, pages of other sites, TLS; and what SIGHUP reads anew."""
import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess

import numpy
import openai
import pytest

from serving import MODEL, needs_engine, picture, uri, wait_until

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
            ({"Host": "evil.example"}, 200), ({"Origin": f"http://localhost:{server.port}",
                                               "Host": f"localhost:{server.port}"}, 200)):
        got, head, _ = server.ask("POST", "/embed", picture(), headers)
        assert got == status, headers
        assert head["Access-Control-Allow-Origin"] is None
    assert server.ask("OPTIONS", "/embed", headers={"Origin": "http://evil.example"})[0] == 403


def test_pages_that_are_named(serve):
    page = "https://page.example"
    server = serve("-m", "null:8", "--cors", page, "--cors", "http://other.example:8000")
    status, head, _ = server.ask("OPTIONS", "/v1/embeddings", headers={
        "Origin": page, "Access-Control-Request-Method": "POST"})
    assert status == 204 and head["Access-Control-Allow-Origin"] == page and head["Vary"] == "Origin"
    assert "Authorization" in head["Access-Control-Allow-Headers"]
    assert "POST" in head["Access-Control-Allow-Methods"]
    status, head, _ = server.ask("POST", "/embed", picture(), {"Origin": page})
    assert status == 200 and head["Access-Control-Allow-Origin"] == page
    status, head, _ = server.ask("POST", "/embed", picture(), {"Origin": "https://third.example"})
    assert status == 403 and head["Access-Control-Allow-Origin"] is None
    assert server.ask("OPTIONS", "/embed", headers={"Origin": "https://third.example"})[0] == 403


@pytest.fixture
def certificate(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


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


def test_tls_mistakes(serve, certificate, tmp_path):
    cert, key = certificate
    (tmp_path / "bad.pem").write_text("no certificate")
    for words in (["--tls-cert", cert], ["--tls-key", key], ["--tls-cert", cert, "--tls-key", "nowhere"],
                  ["--tls-cert", "bad.pem", "--tls-key", key]):
        with pytest.raises(RuntimeError):
            serve("-m", "null:8", *words)


@needs_engine
def test_models_are_read_anew(serve, tmp_path):
    """A model whose card changed gives other vectors after SIGHUP; one that broke stays."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    server = serve("-m", folder)

    def vector():
        status, head, data = server.ask("POST", "/embed", picture(), {"Accept": "application/octet-stream"})
        assert status == 200
        return numpy.frombuffer(data, "<f4"), head["X-Pipilo-Fingerprint"]

    before, mark = vector()
    card = json.loads((folder / "model.json").read_text())
    card["output"]["normalize"] = True
    (folder / "model.json").write_text(json.dumps(card))
    assert vector()[1] == mark
    read_anew(server)
    # Requests that began before are answered by the model of then.
    wait_until(lambda: vector()[1] != mark and abs(numpy.linalg.norm(vector()[0]) - 1) < 1e-5)
    after, mark = vector()
    numpy.testing.assert_allclose(after, before / numpy.linalg.norm(before), rtol=1e-5, atol=1e-7)
    (folder / "model.json").write_text("{")
    assert "stays as it was" in read_anew(server)
    assert vector()[1] == mark
