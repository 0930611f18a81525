"""axe-core over the page in each of its states: nothing serious, nothing critical."""
import pathlib

import axe_core_python
import pytest

from browser import DESK, PHONE
from serving import picture
from test_page import drop, loaded

AXE = (pathlib.Path(axe_core_python.__file__).parent / "axe.min.js").read_text()


def audit(page):
    """What is wrong: (impact, rule, where)."""
    page.run(AXE)
    found = page.driver.execute_async_script(
        "const done = arguments[0]; axe.run(document).then((r) => done(r.violations))")
    return [(one["impact"], one["id"], [node["html"][:80] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_serious(server, browse, tmp_path, size, dark):
    page = browse(server.url, size=size, dark=dark)
    loaded(page)
    problems = audit(page)
    drop(page, picture(7))
    page.until(page.hits)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    page.find("#files").send_keys(str(tmp_path / "broken.jpg"))
    page.until(lambda: page.find("#upload-start").is_displayed())
    problems += audit(page)
    page.find("#upload-start").click()
    page.until(lambda: page.text("#upload-said") == "0 added, 1 not.")
    page.find("#map-canvas").click()
    page.run("document.getElementById('key-form').hidden = false")
    problems += audit(page)
    assert problems == []
    page.complaints(but=("400 (Bad Request)",))
