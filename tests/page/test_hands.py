"""What hands do: folders dropped, wheel, pinch, touch, Stop, and a page that is enlarged or read at night."""
import json
import sqlite3
import subprocess
import time

import numpy
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from browser import DESK, PHONE
from conftest import PICTURES
from serving import PROGRAM, picture
from test_page import AWAY, loaded

DRAWN = "return document.getElementById('map-canvas').toDataURL()"
HERE = "const r = document.getElementById('map-canvas').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]"


def drop_paths(page, *paths):
    """Drops what lies on the disk, as a hand does: the browser itself makes the entries of it."""
    page.run("scrollTo(0, 0)")
    x, y, width, _ = page.run(HERE.replace("map-canvas", "drop"))
    for kind in ("dragEnter", "dragOver", "drop"):
        page.driver.execute_cdp_cmd("Input.dispatchDragEvent", {
            "type": kind, "x": x + width / 2, "y": y + 10,
            "data": {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}})


def embed_to(out, photos, dim):
    """The pictures as a table of files."""
    subprocess.run([PROGRAM, "embed", photos / "pictures", "-m", f"null:{dim}", "-o", out], check=True, capture_output=True)


def many(folder, seeds, **how):
    folder.mkdir(parents=True)
    for seed in seeds:
        (folder / f"{seed}.jpg").write_bytes(picture(seed, **how))


def begin_adding(page, folder):
    """Chooses a folder, and says that it shall be added."""
    page.find("#folder").send_keys(str(folder))
    page.until(lambda: page.find("#upload-start").is_displayed())
    page.find("#upload-start").click()


def added(store):
    return sorted(name for name, in sqlite3.connect(store).execute(
        "SELECT source FROM rows WHERE row >= ?", (PICTURES,)))


def test_a_folder_is_dropped(server, store, browse, tmp_path):
    # More than a hundred, which is what a reader of entries gives at a time.
    many(tmp_path / "album/deep/er", range(300, 420), size=(20, 15))
    (tmp_path / "album/notes.txt").write_text("nothing to see")
    (tmp_path / "album/empty").mkdir()
    page = browse(server.url)
    loaded(page)
    drop_paths(page, tmp_path / "album")
    page.until(lambda: page.text("#upload-said").startswith("120 pictures, "))
    assert "1 other file is left out" in page.text("#upload-said")
    page.find("#upload-start").click()
    page.until(lambda: page.text("#upload-said") == "120 added.", 120)
    assert added(store) == sorted(f"album/deep/er/{seed}.jpg" for seed in range(300, 420))
    loaded(page, PICTURES + 120)
    drop_paths(page, tmp_path / "album/empty")
    page.until(lambda: page.text("#upload-said").startswith("There are no pictures here"))


def test_one_file_is_dropped(server, browse, photos):
    page = browse(server.url)
    loaded(page)
    drop_paths(page, photos / "pictures/05.jpg")
    page.until(lambda: page.hits()[:1] == [5])
    drop_paths(page, photos / "pictures/05.jpg", photos / "pictures/06.jpg")
    page.until(lambda: page.text("#upload-said").startswith("2 pictures, "))


def test_stop(server, store, browse, tmp_path):
    many(tmp_path / "many", range(200), size=(900, 700))
    page = browse(server.url)
    loaded(page)
    begin_adding(page, tmp_path / "many")
    page.until(lambda: page.run("return document.querySelector('progress').value > 2"))
    drop_paths(page, tmp_path / "many")
    page.until(lambda: "left out" in page.text("#upload-said"))
    page.run("document.getElementById('upload-stop').click()")
    page.until(lambda: page.text("#upload-said").startswith("Stopped: "))
    count = int(page.text("#upload-said").split()[1])
    assert 2 < count < 200 and len(added(store)) == count
    assert page.text("#upload-said") == f"Stopped: {count} added."
    loaded(page, PICTURES + count)


def test_stop_then_go_on(server, store, browse, tmp_path):
    many(tmp_path / "many", range(120), size=(900, 700))
    page = browse(server.url)
    loaded(page)
    begin_adding(page, tmp_path / "many")
    page.until(lambda: page.run("return document.querySelector('progress').value > 2"))
    page.find("#upload-stop").click()
    page.until(lambda: page.text("#upload-said").startswith("Stopped: "))
    count = int(page.text("#upload-said").split()[1])
    assert 2 < count < 120 and page.text("#upload-start") == f"Add the other {120 - count}"
    assert page.run("return document.activeElement.id") == "upload-start"
    page.find("#upload-start").click()
    page.until(lambda: page.text("#upload-said") == f"{120 - count} added.", 120)
    assert added(store) == sorted(f"many/{seed}.jpg" for seed in range(120)), "each once"
    assert not page.find("#upload-start").is_displayed()


def test_stop_while_the_server_is_away(start, store, browse, tmp_path):
    many(tmp_path / "many", range(100), size=(900, 700))
    server = start("-m", "null:8", "--store", store)
    page = browse(server.url)
    loaded(page)
    begin_adding(page, tmp_path / "many")
    page.until(lambda: page.run("return document.querySelector('progress').value > 2"))
    server.stop()
    page.until(lambda: page.run("return document.getElementById('state').dataset.state") == "away")
    page.run("document.getElementById('upload-stop').click()")
    page.until(lambda: page.text("#upload-said").startswith("Stopped: "))
    assert page.find("#pick-folder").is_enabled()
    page.complaints(but=AWAY)


def test_nothing_more_is_sent_where_none_can_be_kept(start, store, photos, browse, tmp_path):
    """A store that is no .db takes no rows: one refusal is enough."""
    embed_to(tmp_path / "fixed.npy", photos, 8)
    server = start("-m", "null:8", "--store", tmp_path / "fixed.npy")
    many(tmp_path / "many", range(60), size=(20, 15))
    page = browse(server.url)
    loaded(page)
    begin_adding(page, tmp_path / "many")
    page.until(lambda: "the rest was left out" in page.text("#upload-said"))
    assert ".db" in page.text("#upload-said")
    assert sum(line["status"] == 409 for line in server.lines()) <= 3
    page.complaints(but=("409 (Conflict)", "404 (Not Found)"))


def test_wheel_drag_and_arrows(server, browse):
    page = browse(server.url)
    loaded(page)
    page.run("document.getElementById('map').scrollIntoView()")
    x, y, width, height = page.run(HERE)
    at = {"x": x + width / 2, "y": y + height / 2}

    def changes(act):
        before = page.run(DRAWN)
        act()
        page.until(lambda: page.run(DRAWN) != before)

    top = page.run("return scrollY")
    changes(lambda: page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {
        "type": "mouseWheel", "deltaX": 0, "deltaY": -400, **at}))
    assert page.run("return scrollY") == top, "the wheel is the map's there"
    canvas = page.find("#map-canvas")
    changes(lambda: ActionChains(page.driver).click_and_hold(canvas).move_by_offset(80, 50).release().perform())
    assert page.hits() == [], "a drag is no click"
    changes(lambda: page.find("#zoom-fit").click())
    for key in (Keys.ARROW_LEFT, Keys.ARROW_DOWN, "+", "-", "0"):
        if key in "+-":
            changes(lambda key=key: canvas.send_keys(key))
        else:
            canvas.send_keys(key)
    page.until(lambda: "row" in page.text("#map-at"))


def test_pinch_and_tap(server, browse):
    page = browse(server.url, size=(390, 844))
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    loaded(page)
    page.run("document.getElementById('map').scrollIntoView()")
    x, y, width, height = page.run(HERE)
    middle = (x + width / 2, y + height / 2)

    def touch(kind, *places):
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {
            "type": kind, "touchPoints": [{"x": a, "y": b, "id": i} for i, (a, b) in enumerate(places)]})

    before, top = page.run(DRAWN), page.run("return scrollY")
    touch("touchStart", (middle[0] - 30, middle[1]), (middle[0] + 30, middle[1]))
    for far in (50, 80, 110):
        touch("touchMove", (middle[0] - far, middle[1]), (middle[0] + far, middle[1]))
    touch("touchEnd")
    page.until(lambda: page.run(DRAWN) != before)
    assert page.hits() == [] and page.run("return scrollY") == top
    page.run("document.getElementById('zoom-fit').click()")
    # A tap on a point searches from it.
    place = page.module("map-points.js", "return it.fetchPoints().then((made) => made.points[0])")
    reach = min(width, height) / 2 - 28
    touch("touchStart", (middle[0] + place["x"] * reach, middle[1] - place["y"] * reach))
    touch("touchEnd")
    page.until(page.hits)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


# Where the page was scrolled to, frame by frame.
WATCH = """
window.tops = [];
(function look() { if (tops.at(-1) !== scrollY) tops.push(scrollY); requestAnimationFrame(look); })();
"""
FIRST_HIT = "const r = document.querySelector('#hits button').getBoundingClientRect(); return [r.top, r.bottom, innerHeight]"


@pytest.mark.parametrize("still", [False, True])
def test_what_a_tap_finds_is_brought_into_view(server, browse, still):
    page = browse(server.url, size=PHONE, still=still)
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
    loaded(page)
    page.run("location.hash = 'row=3'")
    page.until(page.hits)
    place = page.module("map-points.js", "return it.fetchPoints().then((made) => made.points[0])")
    # The keys search too, and leave the page where it is.
    page.run("document.getElementById('map-canvas').focus(); document.getElementById('map').scrollIntoView()")
    page.run(WATCH)
    before = page.hits()
    page.find("#map-canvas").send_keys(Keys.ARROW_RIGHT)
    page.until(lambda: "row" in page.text("#map-at"))
    page.find("#map-canvas").send_keys(Keys.ARROW_LEFT, Keys.ENTER)
    page.until(lambda: page.hits() != before and page.text("#search-said").startswith("The 24"))
    time.sleep(.5)
    assert page.run(FIRST_HIT)[1] < 0, "still out of sight"
    x, y, width, high = page.run(HERE)
    reach = min(width, high) / 2 - 28
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [
        {"x": x + width / 2 + place["x"] * reach, "y": y + high / 2 - place["y"] * reach}]})
    page.run("window.tops = []")
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def in_sight():
        top, bottom, height = page.run(FIRST_HIT)
        return top >= 0 and bottom <= height

    page.until(in_sight)
    assert page.run("return document.activeElement.id") == "map-canvas", "the focus stays"
    tops = page.run("return tops")
    leap = max(abs(numpy.diff(tops)))
    assert (leap > .9 * (max(tops) - min(tops))) == still, "in one leap, or frame by frame"


def test_more_than_the_map_holds(start, browse, tmp_path, photos):
    """Rows of noise, the worst there is, more than are shown: the page says so."""
    rows, dim = 4000, 1280
    embed_to(tmp_path / "noise.npy", photos, dim)
    numpy.save(tmp_path / "noise.npy", numpy.random.default_rng(3).normal(size=(rows, dim)).astype("f"))
    meta = json.loads((tmp_path / "noise.meta.json").read_text())
    marks = meta["file_marks"][:len(meta["file_marks"]) // meta["rows"]] * rows
    (tmp_path / "noise.meta.json").write_text(json.dumps(meta | {"rows": rows, "file_marks": marks}))
    line = json.loads((tmp_path / "noise.jsonl").read_text().split("\n")[0])
    (tmp_path / "noise.jsonl").write_text("".join(json.dumps(line | {"row": row}) + "\n" for row in range(rows)))
    page = browse(start("-m", f"null:{dim}", "--store", tmp_path / "noise.npy").url)
    page.until(lambda: page.text("#map-count") == "3,000 of 4,000 pictures, a sample from all over the store", 120)


def test_enlarged_twice(server, browse):
    page = browse(server.url, size=(DESK[0] // 2, DESK[1] // 2))
    loaded(page)
    page.run("location.hash = 'row=3'")
    page.until(page.hits)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_nothing_moves_by_itself(server, browse):
    page = browse(server.url)
    loaded(page)
    page.run("location.hash = 'row=3'")
    page.until(page.hits)
    assert page.run("return document.getAnimations().length") == 0


def test_a_hidden_tab_asks_for_nothing(server, browse):
    page = browse(server.url)
    loaded(page)
    page.until(lambda: page.text("#state") == "ready")
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    time.sleep(5)
    before = len(server.lines())
    time.sleep(5)
    assert len(server.lines()) == before
    page.driver.close()
    page.driver.switch_to.window(first)
    page.until(lambda: len(server.lines()) > before)
