"""Memory that stays flat: pipelines by the thousand, and one long batch (soak.py).

Reduced, with the null engine, unless PIPILO_SOAK=full: 100,000 pipelines and a batch of 50,000
pictures with the real model, which take half an hour.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

pytest.importorskip("numpy")
DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
FULL = os.environ.get("PIPILO_SOAK") == "full"
MODEL = str(DEPS / "models" / "efficientnet-lite0") if FULL else "null:64"
PICTURES = sorted((DEPS / "photos").glob("*"), key=lambda path: path.stat().st_size)[:6]
COUNTS = {"pipelines": 100_000, "batch": 50_000} if FULL else {"pipelines": 3_000, "batch": 5_000}
LIMIT_KB = 1024


@pytest.fixture
def pictures(tmp_path):
    """Small ones, so that the decoder does not hide what is looked for."""
    image = pytest.importorskip("PIL.Image")
    if not PICTURES:
        pytest.skip("there are no photographs in .deps")
    for path in PICTURES:
        image.open(path).convert("RGB").resize((96, 72)).save(tmp_path / f"{path.stem}.jpg")
    return tmp_path


@pytest.mark.skipif(FULL and not Path(MODEL).is_dir(), reason="there is no model in .deps")
@pytest.mark.parametrize("what", COUNTS)
def test_memory_is_flat(what, pictures):
    command = [sys.executable, str(Path(__file__).with_name("soak.py")), what, str(COUNTS[what]), MODEL,
               str(pictures)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    shutil.rmtree(pictures)
    found = json.loads(done.stdout)
    series, stats = found["series"], found["stats"]
    # From 1,000 on, or a tenth of a reduced run.
    begun = min(1000, COUNTS[what] // 10)
    watched = [look for look in series if look["after"] >= begun]
    tenths = [watched[i * len(watched) // 10 : (i + 1) * len(watched) // 10] for i in range(10)]
    memory = [median(look["anonymous"] for look in tenth) for tenth in tenths]
    print(f"{COUNTS[what]} {what}, anonymous memory in kB, the median of each tenth: {memory}")
    assert max(memory) - memory[0] < LIMIT_KB, memory
    # A picture or a count of the system's may be open at the moment of a look: the fewest count.
    for what_stays in ("threads", "descriptors"):
        assert len({min(look[what_stays] for look in tenth) for tenth in tenths}) == 1, series
    assert stats["model_loads"] == 1
    for kind in ("values", "images", "pipelines", "runs"):
        assert stats[kind] == 0, kind
