"""Servers for the tests."""
import pytest

from serving import Server


@pytest.fixture
def serve(tmp_path):
    """Starts servers that end with the test, well."""
    servers = []

    def start(*words, **how):
        servers.append(Server(tmp_path, *words, **how))
        return servers[-1]

    yield start
    ends = [server.stop() for server in servers]
    assert not any(ends), "".join(line for server in servers for line in server.said)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server with a model of 8 values for a whole file."""
    server = Server(tmp_path_factory.mktemp("server"), "-m", "null:8")
    yield server
    assert server.stop() == 0, "".join(server.said)
