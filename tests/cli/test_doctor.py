"""`pipilo doctor`: what it finds beside what the system says, and what it says of what is off."""
import ctypes.util
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess

import pytest

from conftest import PROGRAM, ROOT, draw


def checks(found, what):
    return [check for check in found["checks"] if check["what"] == what]


def only(found, what):
    check, = checks(found, what)
    return check


def test_what_the_machine_has(pipilo):
    found = pipilo("doctor", "--json").json()
    assert found["wrong"] == sum(check["level"] == "wrong" for check in found["checks"]) == 0
    assert found["notes"] == sum(check["level"] == "note" for check in found["checks"])
    for check in found["checks"]:
        assert (check["mend"] is None) == (check["level"] == "good")
    cores = only(found, "cores")["found"]
    assert f"{len(os.sched_getaffinity(0))} by affinity" in cores and f"{os.cpu_count()} online" in cores
    model = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    assert not model or only(found, "processor")["found"].startswith(model[0])
    assert only(found, "descriptors")["found"] == f"{resource.getrlimit(resource.RLIMIT_NOFILE)[0]} at a time"
    assert only(found, "environment")["level"] == "good" or "PIPILO_HOME" in only(found, "environment")["found"]


def under(descriptors, environment, folder, *words):
    limit = (descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    return subprocess.run([PROGRAM, *words], cwd=folder, env=environment, capture_output=True, text=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit))


def test_few_descriptors(environment, tmp_path):
    """Where it says nothing is wrong a run that takes many has enough; where one fails, it says so."""
    for seed in range(12):
        draw(tmp_path / f"photos/{seed}.jpg", seed)
    check = only(json.loads(under(6, environment, tmp_path, "doctor", "--json").stdout), "descriptors")
    enough = int(re.search(r"a run may need (\d+)", check["mend"])[1])
    levels = {enough - 1: "wrong", enough: "note" if enough < 256 else "good", max(enough, 1024): "good"}
    for descriptors, level in levels.items():
        done = under(descriptors, environment, tmp_path, "doctor", "--json")
        check = only(json.loads(done.stdout), "descriptors")
        assert check["level"] == level and check["found"] == f"{descriptors} at a time"
        assert done.returncode == (level == "wrong")
        assert (check["mend"] is None) == (level == "good") or f"ulimit -n {max(enough, 1024)}" in check["mend"]
    embed = ("embed", "photos", "-m", "null:64", "--isolate", "-q", "-o")
    done = under(enough, environment, tmp_path, *embed, "enough.db")
    assert (done.returncode, done.stderr) == (0, "")
    done = under(6, environment, tmp_path, *embed, "short.db")
    assert done.returncode != 0 and "Too many open files" in done.stderr


def test_memory_is_the_systems(pipilo):
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found = pipilo("doctor", "--json").json()
    amount, unit = only(found, "memory")["found"].split(",")[0].split()
    assert float(amount) * {"MB": 1e6, "GB": 1e9, "TB": 1e12}[unit] == pytest.approx(total, rel=.06)


@pytest.mark.parametrize("name, version", [("libvips", ("vips", "vips_version_string")),
                                           ("libarchive", ("archive", "archive_version_string")),
                                           ("libcurl", ("curl", "curl_version"))])
def test_libraries_say_their_versions(pipilo, name, version):
    check = only(pipilo("doctor", "--json").json(), name)
    path = ctypes.util.find_library(version[0])
    if path is None:
        assert check["level"] == "note" and "apt-get install" in check["mend"]
        return
    function = getattr(ctypes.CDLL(path), version[1])
    function.restype = ctypes.c_char_p
    assert check["level"] == "good" and check["found"].startswith(function().decode())


def linked_files():
    """What the loader says the program is linked with, by the beginning of the file's name."""
    lines = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout.splitlines()
    found = {}
    for line in lines:
        words = line.split()
        if len(words) > 2 and words[1] == "=>":
            found[words[0].split(".")[0]] = os.path.realpath(words[2])
    return found


def test_libraries_have_their_paths(pipilo):
    found = pipilo("doctor", "--json").json()
    linked = linked_files()
    for name, file in (("libjpeg-turbo", "libjpeg"), ("libspng", "libspng"), ("libwebp", "libwebp"),
                       ("SQLite", "libsqlite3"), ("Jansson", "libjansson"), ("nettle", "libnettle")):
        check = only(found, name)
        assert check["level"] == "good" and check["found"].endswith(f"; {linked[file]}"), check
    assert only(found, "SQLite")["found"].startswith(f"{version_of(linked['libsqlite3'], 'sqlite3_libversion')}, for ")
    assert re.match(r"\d+\.\d+\.\d+, for WebP; ", only(found, "libwebp")["found"])
    assert re.search(r"; /.*/libopenvino_c\.so[.0-9]*$", only(found, "OpenVINO")["found"])


def version_of(path, function):
    function = getattr(ctypes.CDLL(path), function)
    function.restype = ctypes.c_char_p
    return function().decode()


def test_the_table_says_the_same(pipilo):
    text = pipilo("doctor").out
    for what in ("processor", "cores", "memory", "control group", "pressure", "memory marks", "OpenVINO", "libvips",
                 "temporary", "cache", "models", "environment"):
        assert f"\n{what} " in f"\n{text}"
    assert "0 things wrong" in text


def test_an_engine_that_is_missing(pipilo, tmp_path):
    found = pipilo("doctor", "--json", status=1, env={"PIPILO_OPENVINO": str(tmp_path / "none")}).json()
    assert only(found, "OpenVINO")["level"] == "wrong" and "PIPILO_OPENVINO" in only(found, "OpenVINO")["mend"]


@pytest.mark.parametrize("name, good, bad", [
    ("PIPILO_MEMORY", "2G", "much"), ("PIPILO_MEMORY_SOFT", "60%", "-1"), ("PIPILO_CACHE_MAX", "1G", "40%"),
    ("PIPILO_CACHE", "0", "here"), ("PIPILO_TIME_LIMIT", "2.5", "soon"), ("PIPILO_TIME_LIMIT", "1", "inf"),
    ("PIPILO_ISOLATE", "0", "yes"),
    ("PIPILO_MAX_PIXELS", "1000000", "268435457"),
    ("PIPILO_PYTHON", "python3", "/none/python3"), ("PIPILO_DECODER", "/bin/sh", "/none/decoder"),
])
def test_variables_that_make_sense_or_do_not(pipilo, name, good, bad):
    for value, level in ((good, "good"), (bad, "wrong")):
        found = pipilo("doctor", "--json", status=int(level == "wrong"), env={name: value}).json()
        check, = [check for check in checks(found, "environment") if check["found"] == f"{name}={value}"]
        assert check["level"] == level


def test_every_variable_that_is_read_is_known(pipilo):
    read = set()
    for folder in ("src", "cli", "server"):
        for file in (ROOT / folder).rglob("*.c"):
            read |= set(re.findall(r'"(PIPILO_[A-Z_]+)"', file.read_text()))
    assert len(read) > 10
    text = pipilo("doctor", env={name: "" for name in read}).out
    assert "nothing reads it" not in text


def test_variables_that_nothing_reads(pipilo):
    found = pipilo("doctor", "--json", env={"PIPILO_MEMROY": "2G"}).json()
    check, = [check for check in checks(found, "environment") if "PIPILO_MEMROY" in check["found"]]
    assert check["level"] == "note" and "is PIPILO_MEMORY meant?" in check["mend"]


def test_marks_that_fall(pipilo):
    env = {"PIPILO_MEMORY_SOFT": "2G", "PIPILO_MEMORY_HARD": "1G"}
    check = only(pipilo("doctor", "--json", status=1, env=env).json(), "memory marks")
    assert check["level"] == "wrong" and "must not fall" in check["mend"]


def test_a_temporary_folder_that_is_not_there(pipilo):
    assert only(pipilo("doctor", "--json", status=1, env={"TMPDIR": "/none"}).json(), "temporary")["level"] == "wrong"


def test_the_cache(pipilo, tmp_path):
    off = only(pipilo("doctor", "--json", env={"PIPILO_CACHE": "0"}).json(), "cache")
    assert (off["found"], off["level"]) == ("off", "note")
    folder = tmp_path / "cache/compiled"
    folder.mkdir(parents=True)
    listed = pipilo("models", "cache", "--json", env={"PIPILO_CACHE": str(tmp_path / "cache")}).json()
    assert listed["folder"] == str(folder)
    found = pipilo("doctor", "--json", env={"PIPILO_CACHE": str(tmp_path / "cache")}).json()
    assert only(found, "cache")["found"].startswith(f"{folder}, ")


def test_models_are_verified(pipilo, tmp_path):
    real = pathlib.Path(os.environ.get("PIPILO_DEPS", ".deps")).resolve() / "models/efficientnet-lite0"
    if not real.is_dir():
        pytest.skip("there is no model in .deps")
    home = tmp_path / "home/models/small"
    shutil.copytree(real, home)
    assert only(pipilo("doctor", "--json").json(), "model")["found"].startswith("small: whole, 1280 values")
    weights = home / json.loads((home / "model.json").read_text())["file"]
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    check = only(pipilo("doctor", "--json", status=1).json(), "model")
    assert check["level"] == "wrong" and "sha256" in check["found"]


def test_nothing_there(pipilo):
    """No home, no folders: it still tells what there is."""
    found = pipilo("doctor", "--json", env={"HOME": "", "PIPILO_HOME": "", "TERM": ""}).json()
    assert only(found, "cache")["level"] == "note" and only(found, "models")["level"] == "note"
