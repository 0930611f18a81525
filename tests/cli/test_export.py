"""pipilo export: the Python it finds, and what it hands over. tests/timm has the export itself."""
import os
import sys

import pytest


@pytest.fixture
def python(tmp_path):
    """A Python that has the package: it passes the probe, and else prints its arguments."""
    script = tmp_path / "bin/python3"
    script.parent.mkdir()
    script.write_text('#!/bin/sh\n[ "$2" = -c ] && exit 0\nprintf "%s\\n" "$@"\nexit 42\n')
    script.chmod(0o755)
    return script


def test_it_becomes_the_package_s_program(pipilo, python):
    done = pipilo("export", "-q", "--checkpoint", "a b.pth", "timm:resnet50", "-o", "out dir", "--force",
                  status=42, env={"PIPILO_PYTHON": str(python)})
    words = done.out.splitlines()
    assert words[:4] == ["-P", "-m", "pipilo.export", "timm:resnet50"]
    assert sorted(words[4:]) == sorted(["--checkpoint", "a b.pth", "--out", "out dir", "--force", "--quiet"])
    assert words[words.index("--checkpoint") + 1] == "a b.pth"
    assert words[words.index("--out") + 1] == "out dir"


def test_python3_on_the_path_is_taken(pipilo, python):
    path = f"{python.parent}:{os.environ['PATH']}"
    done = pipilo("export", "timm:resnet50", "--random", status=42, env={"PATH": path})
    assert done.out.splitlines() == ["-P", "-m", "pipilo.export", "timm:resnet50", "--random"]


def test_a_python_without_the_package(pipilo):
    done = pipilo("export", "timm:resnet50", status=3, env={"PIPILO_PYTHON": sys.executable})
    assert f"{sys.executable} -m pip install '.[timm]'" in done.err and done.err.count("\n") == 1


def test_the_probe_looks_into_no_folder_of_the_user_s(pipilo, tmp_path):
    (tmp_path / "pipilo").mkdir()
    (tmp_path / "pipilo/__init__.py").write_text("print('not the package')")
    done = pipilo("export", "timm:resnet50", status=3, env={"PIPILO_PYTHON": sys.executable})
    assert done.out == ""


def test_no_python(pipilo, tmp_path):
    done = pipilo("export", "timm:resnet50", status=3, env={"PATH": str(tmp_path)})
    assert "no python3 on PATH" in done.err and "PIPILO_PYTHON" in done.err
    done = pipilo("export", "timm:resnet50", status=3, env={"PIPILO_PYTHON": "/no/python"})
    assert "PIPILO_PYTHON is /no/python" in done.err and done.err.count("\n") == 1
