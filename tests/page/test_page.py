"""The page in a browser: searching, wandering, adding, and what it does when the server goes."""
import base64
import json
import re
import signal
import sqlite3
import subprocess

import numpy
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from browser import PHONE
from conftest import PICTURES
from serving import PROGRAM, picture

# What Chromium itself says of requests that nobody answered.
AWAY = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "503 (Service Unavailable)")
DROP = """
const [bytes, name, css] = arguments;
const data = new DataTransfer();
data.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name, { type: 'image/jpeg' }));
const target = document.querySelector(css);
target.dispatchEvent(new DragEvent('dragover', { bubbles: true, cancelable: true, dataTransfer: data }));
target.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
"""
PASTE = """
const data = new DataTransfer();
data.items.add(new File([Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0))], 'p.jpg', { type: 'image/jpeg' }));
document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
"""


def nearest(store, *words):
    """What the command line finds."""
    done = subprocess.run([PROGRAM, "search", store, *words, "-k", "24", "--json"], check=True,
                          capture_output=True, text=True, cwd=store.parent)
    return [hit["row"] for hit in json.loads(done.stdout)["hits"]]


def drop(browser, data):
    browser.run(DROP, base64.b64encode(data).decode(), "dropped.jpg", "#drop")


def loaded(browser, count=PICTURES):
    browser.until(lambda: browser.text("#map-count") == f"{count} of {count} pictures")


def test_drop_paste_pick_and_follow(server, store, photos, browse, tmp_path):
    page = browse(server.url)
    file = photos / "pictures/07.jpg"
    expected = nearest(store, file)
    drop(page, file.read_bytes())
    page.until(lambda: page.hits() == expected)
    assert page.text("#query-name") == "dropped.jpg"
    first = page.find("#hits button")
    assert "07.jpg" in first.text and "1.000" in first.text
    # The thumbnails are pictures that were drawn.
    page.until(lambda: page.run("return [...document.querySelectorAll('#hits img')].every((i) => i.naturalWidth > 0)"))
    page.all("#hits button")[3].click()
    row = expected[3]
    page.until(lambda: page.hits() == nearest(store, "--row", str(row)))
    assert page.run("return location.hash") == f"#row={row}"
    page.driver.back()
    page.until(lambda: page.hits() == expected)
    page.run(PASTE, base64.b64encode((photos / "pictures/11.jpg").read_bytes()).decode())
    page.until(lambda: page.hits() == nearest(store, photos / "pictures/11.jpg"))
    page.find("#picture").send_keys(str(photos / "pictures/20.jpg"))
    page.until(lambda: page.hits() == nearest(store, photos / "pictures/20.jpg"))
    (tmp_path / "none.jpg").write_bytes(b"no picture")
    page.find("#picture").send_keys(str(tmp_path / "none.jpg"))
    page.until(lambda: page.run("return document.getElementById('search-said').hasAttribute('data-bad')"))
    assert page.hits() == [] and "400" in "".join(page.complaints())
    page.complaints(but=("400 (Bad Request)",))


def test_nobody_else_is_asked(server, browse):
    page = browse(server.url)
    loaded(page)
    drop(page, picture(3))
    page.until(page.hits)
    asked = [url for url in page.addresses() if url.startswith(("http", "ws"))]
    assert len(asked) > 20 and all(url.startswith(server.url + "/") for url in asked)
    # And what is not ours or inline is refused by the browser.
    assert page.run("const s = document.createElement('script'); s.textContent = 'window.inline = 1';"
                    "document.body.append(s); return window.inline === undefined")
    page.until(lambda: any("Content Security Policy" in line for line in page.complaints()))
    page.complaints(but=("Content Security Policy",))


def test_wandering_the_map(server, store, browse):
    page = browse(server.url)
    loaded(page)
    canvas = page.find("#map-canvas")
    page.run("arguments[0].scrollIntoView()", canvas)
    places = page.module("map-points.js", "return it.fetchPoints().then((made) => made.points)")
    size = page.run("return [arguments[0].clientWidth, arguments[0].clientHeight]", canvas)

    def at(point):
        reach = min(size) / 2 - 28
        return round(point["x"] * reach), round(-point["y"] * reach)

    # The point that is farthest from its nearest neighbour cannot be mistaken for another.
    spots = numpy.array([at(point) for point in places], float)
    apart = numpy.hypot(*(spots[:, None] - spots[None]).T) + numpy.eye(len(spots)) * 1e9
    lone = places[int(apart.min(0).argmax())]
    ActionChains(page.driver).move_to_element_with_offset(canvas, *at(lone)).perform()
    page.until(lambda: page.text("#map-name") == f"{lone['row']:02}.jpg")
    page.until(lambda: page.run("return document.getElementById('map-picture').naturalWidth > 0"))
    assert page.find("#map-card").is_displayed()
    ActionChains(page.driver).move_to_element_with_offset(canvas, *at(lone)).click().perform()
    page.until(lambda: page.hits() == nearest(store, "--row", str(lone["row"])))
    drawn = "return document.getElementById('map-canvas').toDataURL()"
    before = page.run(drawn)
    ActionChains(page.driver).click_and_hold(canvas).move_by_offset(60, 40).release().perform()
    page.until(lambda: page.run(drawn) != before)
    moved = page.run(drawn)
    page.find("#zoom-in").click()
    page.until(lambda: page.run(drawn) != moved)
    page.find("#zoom-fit").click()
    assert page.hits() == nearest(store, "--row", str(lone["row"])), "a drag is no click"


def test_figures(server, browse):
    page = browse(server.url)
    loaded(page)
    page.until(lambda: page.text("#state") == "ready")
    for seed in range(20):
        server.ask("POST", "/embed", picture(seed))
    page.until(lambda: re.search(r"[1-9]", page.text("#figure-rate .value")))
    page.until(lambda: page.text("#figure-latency .value").endswith("ms"))
    assert "of" in page.text("#figure-memory .value")
    assert re.fullmatch(r"99 of 100 within [\d.]+ ms", page.text("#figure-latency .note"))
    # Ten seconds later it is nobody's any more.
    page.until(lambda: page.text("#figure-latency .note") == "nobody asked lately")
    assert page.text("#figure-latency .value") == "–"
    total = server.metric("memory_total_bytes")
    ticks = page.run("return [...document.querySelectorAll('#figure-memory .tick')].map((t) => t.getAttribute('d'))")
    expected = [400 * server.metric(f"memory_{name}_bytes") / total for name in ("soft", "hard", "critical")]
    numpy.testing.assert_allclose([float(re.match(r"M([\d.]+) ", tick)[1]) for tick in ticks], expected, rtol=1e-6)


def test_upload_of_a_folder(server, store, browse, tmp_path):
    folder = tmp_path / "new"
    (folder / "below").mkdir(parents=True)
    for seed in range(100, 112):
        (folder / f"below/{seed}.jpg").write_bytes(picture(seed))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("nothing to see")
    page = browse(server.url)
    loaded(page)
    page.find("#folder").send_keys(str(folder))
    page.until(lambda: "13 pictures" in page.text("#upload-said"))
    assert "1 other file is left out" in page.text("#upload-said")
    page.find("#upload-start").click()
    page.until(lambda: page.text("#upload-said") == "12 added, 1 not.")
    errors = [item.text for item in page.all("#upload-errors li")]
    assert len(errors) == 1 and errors[0].startswith("new/broken.jpg the ")
    assert page.run("const p = document.querySelector('progress'); return p.value === p.max && p.max === 13")
    names = [name for name, in sqlite3.connect(store).execute("SELECT source FROM rows WHERE row >= ?", (PICTURES,))]
    assert sorted(names) == [f"new/below/{seed}.jpg" for seed in range(100, 112)]
    page.until(lambda: page.text("#map-count") == f"{PICTURES + 12} of {PICTURES + 12} pictures")
    page.complaints(but=("400 (Bad Request)",))


def test_a_server_that_goes_and_comes(start, store, browse):
    server = start("-m", "null:8", "--store", store)
    page = browse(server.url)
    loaded(page)
    assert server.stop(signal.SIGTERM) == 0
    page.until(lambda: page.run("return document.getElementById('state').dataset.state") == "away")
    assert "waits" in page.text("#state")
    again = start("-m", "null:8", "--store", store, "--listen", f"127.0.0.1:{server.port}")
    page.until(lambda: page.text("#state") == "ready")
    drop(page, picture(7))
    page.until(page.hits)
    assert page.hits()[0] == 7 and again.port == server.port
    loaded(page)
    page.complaints(but=AWAY)


def test_upload_over_a_restart(start, store, browse, tmp_path):
    """What was under way when the server went is added once, whether or not its answer came."""
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(200, 320):
        (folder / f"{seed}.jpg").write_bytes(picture(seed, size=(1200, 900)))
    server = start("-m", "null:8", "--store", store)
    page = browse(server.url)
    loaded(page)
    page.find("#folder").send_keys(str(folder))
    page.until(lambda: "120 pictures" in page.text("#upload-said"))
    page.find("#upload-start").click()
    page.until(lambda: page.run("return document.querySelector('progress').value > 5"))
    server.stop(signal.SIGTERM)
    start("-m", "null:8", "--store", store, "--listen", f"127.0.0.1:{server.port}")
    page.until(lambda: page.text("#upload-said").endswith("."), 120)
    assert page.text("#upload-said") == "120 added.", page.text("#upload-errors")
    names = [name for name, in sqlite3.connect(store).execute("SELECT source FROM rows WHERE row >= ?", (PICTURES,))]
    assert sorted(names) == [f"many/{seed}.jpg" for seed in range(200, 320)]
    page.complaints(but=AWAY)


def test_keyboard_alone(server, store, browse):
    page = browse(server.url)
    loaded(page)

    def focus():
        return page.run("return document.activeElement.id")

    def press(*keys):
        ActionChains(page.driver).send_keys(*keys).perform()

    reached = []
    for _ in range(12):
        press(Keys.TAB)
        reached.append(focus())
        if focus() == "map-canvas":
            break
    assert reached == ["pick", "zoom-in", "zoom-out", "zoom-fit", "map-again", "map-canvas"]
    press(Keys.ARROW_RIGHT)
    said = page.until(lambda: page.text("#map-at"))
    press(Keys.ARROW_LEFT)
    page.until(lambda: page.text("#map-at") != said)
    row = int(re.search(r"row (\d+)$", page.text("#map-at"))[1])
    press(Keys.ENTER)
    page.until(lambda: page.hits() == nearest(store, "--row", str(row)))
    second = page.hits()[1]
    # From the map back to the neighbours.
    while page.run("return document.activeElement.dataset.row ?? ''") != str(second):
        ActionChains(page.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(Keys.ENTER)
    page.until(lambda: page.hits() == nearest(store, "--row", str(second)))
    # Who chose goes on from where they are, and reaches what is below.
    assert page.run("return +document.activeElement.dataset.row") == second
    for _ in range(50):
        press(Keys.TAB)
        if focus() == "pick-files":
            break
    assert focus() == "pick-files"


def test_a_phone(server, browse):
    page = browse(server.url, size=PHONE)
    loaded(page)
    drop(page, picture(7))
    page.until(page.hits)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    small = page.run("return [...document.querySelectorAll('button')].filter((b) => b.offsetParent)"
                     ".filter((b) => b.offsetWidth < 40 || b.offsetHeight < 40).map((b) => b.id)")
    assert small == []


@pytest.mark.parametrize("asks", [False, True])
def test_no_holes_beside_many_results(server, browse, asks):
    """The panels beside the results stand together, under the form for a key as without it."""
    page = browse(server.url)
    loaded(page)
    drop(page, picture(7))
    page.until(page.hits)
    page.run("document.getElementById('key-form').hidden = !arguments[0]", asks)
    edges = page.run("return ['map', 'live', 'upload'].map((id) => document.getElementById(id).getBoundingClientRect())"
                     ".map((r) => [r.top, r.bottom])")
    assert all(lower[0] - upper[1] < 20 for upper, lower in zip(edges, edges[1:]))


def test_dark(server, browse):
    page = browse(server.url, dark=True)
    loaded(page)
    red, green, blue = map(int, re.findall(r"\d+", page.run("return getComputedStyle(document.body).backgroundColor")))
    assert max(red, green, blue) < 60


def test_a_key(start, store, browse, tmp_path):
    (tmp_path / "keys").write_text("a key of the server's\n".replace(" ", "-"))
    server = start("-m", "null:8", "--store", store, "--keys", tmp_path / "keys")
    page = browse(server.url)
    page.until(lambda: page.find("#key-form").is_displayed())
    page.find("#key").send_keys("another key of its own", Keys.ENTER)
    page.until(lambda: page.find("#key-form").is_displayed())
    page.find("#key").send_keys("a-key-of-the-server's", Keys.ENTER)
    loaded(page)
    drop(page, picture(7))
    page.until(page.hits)
    page.until(lambda: page.run("return [...document.querySelectorAll('#hits img')].every((i) => i.naturalWidth > 0)"))
    assert not page.find("#key-form").is_displayed()
    assert page.run("return localStorage.length") == 0
    page.complaints(but=("401 (Unauthorized)",))


def test_without_a_store(start, browse):
    page = browse(start("-m", "null:8").url)
    page.until(lambda: "no store" in page.find("#no-store").text)
    assert not page.find("#search").is_displayed() and not page.find("#upload").is_displayed()
    page.until(lambda: page.text("#state") == "ready")
    drop(page, picture(1))
    assert page.find("#live").is_displayed()
    page.complaints(but=("404 (Not Found)",))
