"""A store, a server and a browser for the tests of the page."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
from browser import Browser  # noqa: E402
from serving import PROGRAM, Server, picture  # noqa: E402

PICTURES = 40


def pytest_collection_modifyitems(items):
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if missing:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=f"no {' and no '.join(missing)}: the page is not driven"))


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A store of pictures, and the folder they came from."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "pictures").mkdir()
    for seed in range(PICTURES):
        (folder / f"pictures/{seed:02}.jpg").write_bytes(picture(seed))
    subprocess.run([PROGRAM, "embed", "pictures", "-m", "null:8", "-o", "photos.db", "--thumbnails"],
                   cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def store(photos, tmp_path):
    """A copy of it, to add to."""
    shutil.copy(photos / "photos.db", tmp_path / "photos.db")
    return tmp_path / "photos.db"


@pytest.fixture
def start(tmp_path):
    servers = []

    def begin(*words):
        servers.append(Server(tmp_path, *words))
        return servers[-1]

    yield begin
    for server in servers:
        assert server.stop() == 0, "".join(server.said)


@pytest.fixture
def server(start, store):
    return start("-m", "null:8", "--store", store)


@pytest.fixture
def browse():
    """Opens browsers; a refused resource or an error on the console fails the test at its end."""
    browsers = []

    def begin(url, **how):
        browsers.append(Browser(url, **how))
        return browsers[-1]

    yield begin
    for browser in browsers:
        try:
            shots = os.environ.get("PIPILO_SHOTS")
            if shots:
                browser.driver.save_screenshot(
                    f"{shots}/{os.environ['PYTEST_CURRENT_TEST'].split('::')[1].split(' ')[0]}.png")
            assert browser.complaints() == []
        finally:
            browser.driver.quit()
