"""The examples of docs/python.md, run as one program; what a line says it gives is compared."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
Image = pytest.importorskip("PIL.Image")
np = pytest.importorskip("numpy")

ROOT = Path(__file__).resolve().parents[2]
MODELS = Path(os.environ.get("PIPILO_DEPS", ".deps")) / "models"

FENCE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
GIVES = re.compile(r"^(\S.*?)\s+# -> (.*)$", re.M)


def program(text):
    """The examples one after the other, each promise a comparison."""
    blocks = FENCE.findall(text)
    assert len(blocks) > 8
    code, count = GIVES.subn(lambda m: f"check({m[1]}, {m[2]!r})", "\n".join(blocks))
    head = "def check(value, text):\n    assert repr(value) == text, (value, text)\n\n"
    return head + code, count


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for seed, name in enumerate("abcd"):
        pixels = np.random.default_rng(seed).integers(0, 255, (240, 320, 3), "uint8")
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{name}.jpg")
    return tmp_path


@pytest.mark.skipif(not (MODELS / "efficientnet-lite0").is_dir(), reason="no model in .deps")
def test_the_examples(folder):
    code, count = program((ROOT / "docs/python.md").read_text())
    assert count > 10
    (folder / "examples.py").write_text(code)
    home = folder / "home"
    home.mkdir()
    (home / "models").symlink_to(MODELS.resolve())
    done = subprocess.run([sys.executable, "examples.py"], cwd=folder, capture_output=True,
                          text=True, timeout=240, env={**os.environ, "PIPILO_HOME": str(home)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 photos/c.jpg\n1 photos/d.jpg\n")


def test_every_public_name_is_explained():
    import pipilo

    pages = (ROOT / "docs/python.md").read_text() + (ROOT / "docs/migration.md").read_text()
    for name in pipilo.__all__:
        if name not in ("ArrowTable", "Embeddings"):  # what functions that are named give
            assert re.search(rf"\b{name}\b", pages), name


def test_every_statistic_is_explained():
    import pipilo

    page = (ROOT / "docs/python.md").read_text()
    for name in pipilo.stats():
        assert f"`{name}`" in page, name
