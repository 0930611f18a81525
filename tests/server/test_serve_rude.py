"""Good, bad, huge, slow, cut-off and malicious requests at once: every accepted one is answered,
memory is flat, and the server is ready at the end. Some seconds here; `make test-serve` takes
$PIPILO_RUDE_SECONDS of them."""
import json
import os
import random
import struct
import threading
import time
import zlib

from serving import PATIENCE, SANITIZED, picture, text, uri, wait_until

SECONDS = float(os.environ.get("PIPILO_RUDE_SECONDS", "6"))
FILES = [picture(seed, size=(300 + 40 * seed, 200)) for seed in range(6)]
JSON = {"Content-Type": "application/json"}


def bomb():
    """A PNG of some bytes that says it has 3.6 gigapixels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b""))


class Client:
    """Asks in every way, then until its time is over; what was not as it should be is in `wrong`."""

    def __init__(self, server, expected, seed):
        self.server, self.expected, self.random = server, expected, random.Random(seed)
        self.wrong, self.through = [], threading.Event()

    def want(self, got, *statuses):
        if got[0] not in statuses + (429,):
            self.wrong.append((got[0], got[2][:200]))

    def good(self):
        which = self.random.randrange(len(FILES))
        got = self.server.ask("POST", "/embed", FILES[which])
        self.want(got, 200)
        if got[0] == 200 and got[2] != self.expected[which]:
            self.wrong.append("another vector")

    def good_json(self):
        body = {"input": [uri(data) for data in self.random.choices(FILES, k=5)]}
        self.want(self.server.ask("POST", "/v1/embeddings", json.dumps(body), JSON), 200)

    def good_store(self):
        self.want(self.server.ask("POST", "/v1/items", self.random.choice(FILES)), 200)
        self.want(self.server.ask("POST", "/v1/search?k=3", self.random.choice(FILES)), 200)
        self.want(self.server.ask("GET", "/v1/items?count=50"), 200)

    def bad(self):
        data = bytearray(self.random.choice(FILES))
        for _ in range(self.random.randrange(1, 30)):
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        self.want(self.server.ask("POST", "/embed", bytes(data)), 200, 413, 415, 422)
        self.want(self.server.ask("POST", "/embed", data[:self.random.randrange(1, len(data))]),
                  200, 413, 415, 422)

    def bombs(self):
        self.want(self.server.ask("POST", "/embed", bomb()), 413, 422)

    def bad_json(self):
        body = self.random.choice(["[" * 100000, '{"input": [' + "1," * 100000 + "1]}",
                                   '{"input": "' + "A" * 100000 + '"}', json.dumps({"input": text(b"x")}),
                                   '{"a":' * 50000, '{"input": ["data:;base64,===="]}'])
        self.want(self.server.ask("POST", "/v1/embeddings", body, JSON), 400)

    def huge(self):
        self.want(self.server.ask("POST", "/embed", bytes(3 << 20)), 413)

    def raw(self, data, wait=0.0):
        try:
            with self.server.connect() as peer:
                peer.sendall(data)
                time.sleep(wait)
                peer.settimeout(0.2)
                peer.recv(4096)
        except OSError:
            pass

    def cut(self):
        data = FILES[0]
        head = b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data)
        self.raw(head + data[:self.random.randrange(len(data))])

    def wrong_length(self):
        for length in (0, 10, len(FILES[0]) * 2):
            self.raw(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length + FILES[0])

    def headers(self):
        self.raw(b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n")
        self.raw(b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\n\r\n")

    def slow(self):
        data, step = FILES[0], 1 + len(FILES[0]) // 20

        def parts():
            for at in range(0, len(data), step):
                time.sleep(0.01)
                yield data[at:at + step]
        self.want(self.server.ask("POST", "/embed", parts()), 200)

    def loris(self):
        self.raw(b"POST /embed HTTP/1.1\r\nHost:", wait=self.random.random())

    def garbage(self):
        self.raw(self.random.randbytes(self.random.randrange(1, 5000)))

    def work(self, until):
        kinds = [self.good] * 6 + [self.good_json, self.good_store, self.bad, self.bombs, self.bad_json,
                                   self.huge, self.cut, self.wrong_length, self.headers, self.slow,
                                   self.loris, self.garbage]
        # Each a few times at least, however slow the machine.
        for kind in kinds:
            kind()
        self.through.set()
        while time.monotonic() < until:
            self.random.choice(kinds)()


def test_rude_clients(serve, tmp_path):
    server = serve("-m", "null:8", "--store", tmp_path / "kept.db", "--max-body", "2M",
                   "--max-queue", "16M", "--max-connections", "64")
    expected = [server.ask("POST", "/embed", data)[2] for data in FILES]
    clients = [Client(server, expected, seed) for seed in range(16)]
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=client.work, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    # Memory from a third of the time on, when all kinds have come by.
    time.sleep(SECONDS / 3)
    for client in clients:
        assert client.through.wait(PATIENCE)
    early = server.metric("memory_anonymous_bytes")
    for thread in threads:
        thread.join()
    assert not [client.wrong for client in clients if client.wrong]
    wait_until(lambda: server.metric("requests_under_way") == 0 and server.metric("queue_bytes") == 0)
    # A sanitizer keeps what was freed; and each thread of the pool what it works with.
    room = (32 << 20) + (os.cpu_count() << 20)
    assert SANITIZED or server.metric("memory_anonymous_bytes") < 1.5 * early + room
    wait_until(lambda: server.ask("GET", "/health/ready")[0] == 200)
    assert server.ask("POST", "/embed", FILES[0])[2] == expected[0]
