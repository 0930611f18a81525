"""Odd stores, odd names, odd browsers, and servers that hang, change or refuse."""
import base64
import io
import signal
import sqlite3
import subprocess

import numpy
import pytest
from PIL import Image

from conftest import PICTURES
from serving import PROGRAM, picture
from test_page import AWAY, drop, loaded, nearest

NAME = '<img src=x onerror="window.broken=1">&amp;' + "w" * 300
# What the next answers to `path` are, in turn: a status, or milliseconds to wait for the true one.
ANSWERS = """
const [path, answers] = arguments;
const real = window.fetch;
window.fetch = async (url, options) => {
  if (!String(url).startsWith(path) || !answers.length) return real(url, options);
  const next = answers.shift();
  if (next in { 429: 1, 503: 1, 413: 1 }) {
    return new Response(JSON.stringify({ error: { message: `refused ${next}` } }), { status: next });
  }
  const answer = await real(url, { ...options, signal: undefined });
  await new Promise((resolve) => { setTimeout(resolve, next); });
  return answer;
};
"""


def store_of(folder, files, *words, model="null:8"):
    """A store of pictures by these names."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    subprocess.run([PROGRAM, "embed", ".", "-m", model, "-o", "../of.db", *words], cwd=folder, check=False,
                   capture_output=True)
    return folder.parent / "of.db"


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_small_stores(start, browse, tmp_path, rows):
    store = store_of(tmp_path / "in", {f"{i}.jpg": picture(i) for i in range(rows)})
    page = browse(start("-m", "null:8", "--store", store).url)
    loaded(page, rows)
    drop(page, picture(0))
    page.until(lambda: len(page.hits()) == rows)
    # Without thumbnails there is a room without a picture, and no broken one.
    assert page.run("return [...document.querySelectorAll('#hits img')].every((i) => i.hidden)")
    page.find("#map-canvas").send_keys("\ue014")
    page.until(lambda: "row" in page.text("#map-at"))
    page.complaints(but=("404 (Not Found)",))


def test_a_store_that_is_made_here(start, browse, tmp_path):
    server = start("-m", "null:8", "--store", tmp_path / "new.db")
    page = browse(server.url)
    page.until(lambda: page.text("#map-count") == "the store holds nothing yet")
    drop(page, picture(0))
    page.until(lambda: page.text("#search-said").startswith("The store holds nothing yet"))
    (tmp_path / "one.jpg").write_bytes(picture(1))
    page.find("#files").send_keys(str(tmp_path / "one.jpg"))
    page.until(lambda: page.text("#upload-said").startswith("1 picture, "))
    page.find("#upload-start").click()
    loaded(page, 1)


def test_names_are_text(start, store, browse):
    with sqlite3.connect(store) as base:
        base.execute("UPDATE rows SET source = ? WHERE row = 7", (NAME,))
    page = browse(start("-m", "null:8", "--store", store).url)
    loaded(page)
    page.run("location.hash = 'row=7'")
    page.until(page.hits)
    page.until(lambda: page.text("#query-name") == NAME.split("/")[-1])
    assert page.find("#hits .name").get_attribute("textContent") == NAME.split("/")[-1]
    assert page.run("return window.broken === undefined")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "a long name is cut"
    assert page.run("return document.getElementById('query').offsetHeight") < 200


def test_names_from_right_to_left(start, store, browse, tmp_path):
    """Each runs as its own letters do, and turns nothing that stands beside it."""
    hebrew, turned = "תמונה יפה.jpg", "\u202edenrut.jpg"
    with sqlite3.connect(store) as base:
        base.execute("UPDATE rows SET source = ? WHERE row = 7", (hebrew,))
    page = browse(start("-m", "null:8", "--store", store).url)
    loaded(page)
    page.run("location.hash = 'row=7'")
    page.until(page.hits)
    page.until(lambda: page.text("#query-name") == hebrew)
    direction = "return getComputedStyle(document.querySelector(arguments[0])).direction"
    assert [page.run(direction, css) for css in ("#query-name", "#hits .name", "#hits .score")] == ["rtl", "rtl", "ltr"]
    assert page.text("#hits .name") == hebrew
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / turned).write_bytes(b"no picture")
    page.find("#files").send_keys(str(tmp_path / "odd" / turned))
    page.until(lambda: page.find("#upload-start").is_displayed())
    page.find("#upload-start").click()
    page.until(lambda: page.text("#upload-said") == "0 added, 1 not.")
    first, last = page.run("""
      const text = document.querySelector('#upload-errors li').lastChild;
      const at = (i) => {
        const range = document.createRange();
        range.setStart(text, i);
        range.setEnd(text, i + 1);
        return range.getBoundingClientRect().left;
      };
      return [at(1), at(4)];""")
    assert first < last, "what is wrong is read from left to right"
    page.complaints(but=("400 (Bad Request)",))


def test_another_model_behind_the_address(start, store, browse, tmp_path):
    server = start("-m", "null:8", "--store", store)
    other = store_of(tmp_path / "in", {f"{i}.jpg": picture(i) for i in range(6)}, "--thumbnails", model="null:16")
    page = browse(server.url)
    loaded(page)
    page.until(lambda: page.text("#about") == "null, 8 values a picture")
    drop(page, picture(7))
    page.until(lambda: page.hits()[:1] == [7])
    assert server.stop() == 0
    page.until(lambda: page.run("return document.getElementById('state').dataset.state") == "away")
    start("-m", "null:16", "--store", other, "--listen", f"127.0.0.1:{server.port}")
    loaded(page, 6)
    page.until(lambda: page.text("#about") == "null, 16 values a picture")
    # The picture that was dropped is searched by anew, with the other model's vector.
    (tmp_path / "seven.jpg").write_bytes(picture(7))
    expected = nearest(other, tmp_path / "seven.jpg")
    page.until(lambda: page.hits() == expected)
    page.complaints(but=AWAY)


def test_the_last_search_wins(server, store, browse, photos):
    page = browse(server.url)
    loaded(page)
    page.run(ANSWERS, "v1/search", [1500])
    page.run("location.hash = 'row=3'")
    page.until(lambda: page.text("#search-said") == "searching")
    page.run("location.hash = 'row=9'")
    expected = nearest(store, "--row", "9")
    page.until(lambda: page.hits() == expected)
    page.driver.execute_async_script("setTimeout(arguments[0], 2500)")
    assert page.hits() == expected and page.text("#query-name") == "09.jpg"


def test_a_busy_server_is_asked_again(server, browse):
    page = browse(server.url)
    loaded(page)
    page.run(ANSWERS, "v1/search", [429, 503])
    drop(page, picture(7))
    page.until(lambda: page.hits()[:1] == [7])
    page.run(ANSWERS, "v1/search", [429] * 5)
    drop(page, picture(8))
    page.until(lambda: page.text("#search-said") == "refused 429")
    page.run(ANSWERS, "v1/search", [413])
    drop(page, picture(9))
    page.until(lambda: page.text("#search-said") == "refused 413")
    assert page.run("return document.getElementById('state').dataset.state") == "ready"


def test_what_is_too_large_is_said_so(start, store, browse, tmp_path):
    server = start("-m", "null:8", "--store", store, "--max-body", "1M")
    page = browse(server.url)
    loaded(page)
    noise = numpy.random.default_rng(1).integers(0, 256, (1500, 1500, 3), dtype=numpy.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    page.find("#picture").send_keys(str(tmp_path / "large.png"))
    page.until(lambda: "at most" in page.text("#search-said"))
    page.complaints(but=("413 (", ))


def test_a_picture_that_the_browser_cannot_show(server, browse, tmp_path):
    file = io.BytesIO()
    Image.open(io.BytesIO(picture(7))).save(file, "TIFF")
    (tmp_path / "seven.tif").write_bytes(file.getvalue())
    page = browse(server.url)
    loaded(page)
    page.find("#picture").send_keys(str(tmp_path / "seven.tif"))
    page.until(lambda: page.hits()[:1] == [7])
    assert page.text("#query-name") == "seven.tif" and not page.find("#query-picture").is_displayed()


def test_a_browser_that_keeps_nothing(start, store, browse, tmp_path):
    """Private windows may have no storage, and keys may have letters of any script."""
    key = "ключ-от-всех-дверей"
    (tmp_path / "keys").write_text(key + "\n")
    server = start("-m", "null:8", "--store", store, "--keys", tmp_path / "keys")
    page = browse("about:blank")
    page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": (
        "for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches'])"
        "Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });")})
    page.driver.get(server.url)
    page.until(lambda: page.find("#key-form").is_displayed())
    page.find("#key").send_keys("not the key of it\n")
    page.until(lambda: "does not know that key" in page.text("#key-help"))
    page.find("#key").send_keys(key + "\n")
    loaded(page)
    page.complaints(but=("401 (Unauthorized)",))


def test_a_server_that_hangs(start, store, browse):
    server = start("-m", "null:8", "--store", store)
    page = browse(server.url)
    loaded(page)
    server.process.send_signal(signal.SIGSTOP)
    try:
        page.until(lambda: page.run("return document.getElementById('state').dataset.state") == "away", 60)
    finally:
        server.process.send_signal(signal.SIGCONT)
    page.until(lambda: page.text("#state") == "ready")
    page.complaints(but=AWAY)


def test_another_store_behind_the_address(start, store, browse, tmp_path):
    """A server that is replaced faster than the page looks: its thumbnails are no longer those of before."""
    server = start("-m", "null:8", "--store", store)
    other = store_of(tmp_path / "in", {f"{i}.png": picture(90 + i, kind="PNG") for i in range(5)}, "--thumbnails")
    page = browse(server.url)
    page.run("location.hash = 'row=3'")
    page.until(lambda: len(page.hits()) == 24)
    page.until(lambda: page.text("#state") == "ready")
    shown = "return document.querySelector('#hits img').currentSrc"
    page.until(lambda: page.run(shown))
    bytes_of = ("return fetch('/v1/items/3/thumbnail').then((a) => a.arrayBuffer())"
                ".then((b) => btoa(String.fromCharCode(...new Uint8Array(b))))")
    # A page that sleeps sees nothing of it.
    page.run("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    server.stop()
    again = start("-m", "null:8", "--store", other, "--listen", f"127.0.0.1:{server.port}")
    page.run("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    loaded(page, 5)
    page.until(lambda: sorted(page.hits()) == list(range(5)))
    got = page.module("api.js", bytes_of)
    assert base64.b64decode(got) == again.ask("GET", "/v1/items/3/thumbnail")[2]
    page.complaints(but=AWAY)


def test_objects_do_not_pile_up(server, browse):
    """Addresses of pictures are given back, however often the map and searches are made."""
    page = browse(server.url)
    loaded(page)
    page.run("""
      window.alive = 0;
      const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
      URL.createObjectURL = (one) => { alive++; return make.call(URL, one); };
      URL.revokeObjectURL = (one) => { if (one) alive--; drop.call(URL, one); };""")
    for seed in range(10):
        drop(page, picture(seed))
        page.until(lambda seed=seed: page.hits()[:1] == [seed])
        page.run("document.getElementById('map-again').click()")
    loaded(page)
    assert page.run("return alive") <= PICTURES + 1


def test_no_rule_is_broken(server, browse):
    page = browse(server.url)
    page.run("window.broken = []; document.addEventListener('securitypolicyviolation', (e) => broken.push(e.violatedDirective))")
    loaded(page)
    drop(page, picture(7))
    page.until(page.hits)
    page.run("document.getElementById('map-again').click()")
    loaded(page)
    assert page.run("return broken") == []
    headers = server.ask("GET", "/")[1]
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and "unsafe" not in headers["Content-Security-Policy"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
