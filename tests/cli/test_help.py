"""Help, manual pages, completion and mistakes in what was typed."""
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

COMMANDS = ["embed", "search", "index", "merge", "info", "serve", "run", "ops", "bench", "soak", "doctor", "models list", "models show",
            "models import", "models pull", "models cache", "models calibrate",
            "models quantize", "models tune", "export", "version", "help"]
PAGES = ["pipilo", "embed", "search", "index", "merge", "info", "serve", "run", "ops", "bench", "soak", "doctor", "export", "models"]


def options_of(pipilo, command):
    help_text = pipilo(*command.split(), "--help").out
    return re.findall(r"^  (?:-\w, |    )--([a-z-]+)", help_text, re.M)


def test_help_lists_every_command(pipilo):
    text = pipilo("help").out
    for command in COMMANDS:
        assert f"  {command} " in text
    assert pipilo().out == pipilo("--help").out == text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(pipilo, command):
    text = pipilo(*command.split(), "--help").out
    assert text.startswith(f"usage: pipilo {command}")
    assert "--help" in text
    assert pipilo("help", *command.split()).out == text
    assert max(map(len, text.splitlines())) <= 90


def test_help_keeps_to_the_width(pipilo):
    text = pipilo("embed", "--help", env={"COLUMNS": "60"}).out
    options = text[text.index("options:"):text.index("examples:")]
    assert max(map(len, options.splitlines())) <= 60


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(pipilo, command):
    text = (ROOT / "docs/command-line.md").read_text()
    heading = "pipilo help" if command in ("help", "version") else f"pipilo {command}"
    section = re.search(rf"^###? {heading}\b.*?(?=^##|\Z)", text, re.M | re.S)[0]
    documented = re.findall(r"--([a-z-]+)", section)
    missing = set(options_of(pipilo, command)) - set(documented)
    assert not missing


def test_no_option_is_documented_that_is_not_there(pipilo):
    text = (ROOT / "docs/command-line.md").read_text()
    rows = re.findall(r"^\| `(?:-\w`, `)?--([a-z-]+)", text, re.M)
    there = {option for command in COMMANDS for option in options_of(pipilo, command)}
    assert rows and set(rows) <= there


def test_every_error_code_is_documented():
    header = (ROOT / "include/pipilo/error.h").read_text().replace("\\\n", " ")
    table = re.findall(r'XX\(\w+, (-\d+), "(\w+)",\s+"[^"]+", (\d+), (\d+),\s+"(\w+)"\)', header)
    text = (ROOT / "docs/errors.md").read_text()
    assert len(table) == 20
    for number, name, status, http, python in table:
        assert f"| `{name}` | {number} | {status} | {http} | {python} |" in text
        assert re.search(rf"^\*\*`{name}`|, \*\*`{name}`\*\*", text, re.M)
        assert f"\n| {status} | " in text


def test_version(pipilo):
    header = (ROOT / "include/pipilo/version.h").read_text()
    parts = [re.search(rf"PIPILO_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH")]
    assert pipilo("--version").out == f"pipilo {'.'.join(parts)}\n"
    assert pipilo("version").out == pipilo("-V").out == pipilo("--version").out


MISTAKES = [
    (["embd"], 2, "did you mean 'embed'?"),
    (["--colour"], 2, "the command comes first"),
    (["help", "serch"], 2, "did you mean 'search'?"),
    (["models", "lst"], 2, "did you mean 'models list'?"),
    (["embed", "--modle", "x"], 2, "did you mean --model?"),
    (["embed", "--prec", "f32"], 2, "did you mean --precision?"),
    (["embed", "-x"], 2, "unknown option -x"),
    (["embed", "a.jpg", "-m"], 2, "--model needs a MODEL"),
    (["embed", "a.jpg", "--json=yes"], 2, "--json takes no value"),
    (["embed", "a.jpg", "-m", "null", "-o", "out.txt"], 2, ".npy"),
    (["embed", "a.jpg", "-m", "null"], 2, "-o OUT"),
    (["embed", "a.jpg", "-o", "x.npy"], 2, "-m MODEL"),
    (["embed", "-m", "null", "-o", "x.npy"], 2, "nothing to embed"),
    (["embed", "a", "-m", "null", "-o", "x.npy", "--precision", "bf61"], 2, "did you mean 'bf16'?"),
    (["embed", "a", "-m", "null", "-o", "x.npy", "--memory", "lots"], 2, "512M"),
    (["embed", "a", "-m", "null", "-o", "x.npy", "--threads", "many"], 2, "whole number"),
    (["embed", "a", "-m", "null", "-o", "x.npy", "--threads", "-1"], 2, "0 to 1024"),
    (["embed", "a", "-m", "null", "-o", "x.npy", "--force", "--update"], 2, "exclude each other"),
    (["embed", "a", "-m", "null", "-o", "x.npy", "--thumbnails"], 2, ".db"),
    (["embed", "a", "-m", "null", "-o", "-", "--update"], 2, "--update"),
    (["search", "x.db"], 2, "nothing to look for"),
    (["search"], 2, "is missing"),
    (["info", "a.db", "b.db"], 2, "one too many"),
    (["run"], 2, "there is no pipeline"),
    (["run", "--file", "nowhere.txt", "x"], 3, "nowhere.txt"),
    (["ops", "image_decod"], 3, "did you mean 'image_decode'?"),
    (["models", "import", "x.onnx", "--size", "big"], 2, "--size"),
    (["models", "import", "x.onnx", "--mean", "1,2"], 2, "--mean"),
    (["export", "resnet50"], 2, "timm:resnet50"),
    (["export", "timm:"], 2, "timm:NAME"),
    (["export", "timm:resnet50", "--random", "--checkpoint", "x.pth"], 2, "exclude each other"),
    (["export", "timm:resnet50", "--chekpoint", "x.pth"], 2, "did you mean --checkpoint?"),
]


@pytest.mark.parametrize("words, status, part", MISTAKES, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_mistakes_are_told_in_one_line(pipilo, words, status, part):
    done = pipilo(*words, status=status)
    assert done.out == ""
    assert done.err.startswith("pipilo: ") and done.err.count("\n") == 1
    assert part in done.err


def test_no_control_character_of_a_name_is_shown(pipilo):
    done = pipilo("x\x1b[31m\u202e", status=2)
    assert "\x1b" not in done.err and "\u202e" not in done.err


# --- manual pages and completion -----------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_manual_page(pipilo, tmp_path, page):
    text = pipilo("help", "--man", page).out
    file = tmp_path / "page.1"
    file.write_text(text)
    assert text.count(".TH ") == 1 and ".SH NAME" in text
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", file], capture_output=True, text=True)
        complaints = [line for line in lint.stdout.splitlines() if "missing date" not in line]
        assert not complaints
        shown = subprocess.run(["mandoc", "-T", "utf8", file], capture_output=True, text=True).stdout
        assert "EXIT STATUS" in re.sub(".\b", "", shown) or page == "models"
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", file], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == ""


def test_manual_page_has_every_option(pipilo):
    for page in PAGES[1:-1]:
        text = pipilo("help", "--man", page).out.replace("\\-", "-")
        for option in options_of(pipilo, page):
            assert f"\\fB--{option}\\fR" in text


@pytest.mark.parametrize("shell, check", [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]),
                                          ("fish", ["fish", "-n"])])
def test_completion_is_valid(pipilo, tmp_path, shell, check):
    text = pipilo("help", "--completion", shell).out
    for option in ("precision", "files-from", "help"):
        assert option in text
    if not shutil.which(check[0]):
        pytest.skip(f"no {shell} here")
    file = tmp_path / "completion"
    file.write_text(text)
    done = subprocess.run([*check, file], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("line, wanted", [
    ("emb", "embed"), ("models pu", "pull"), ("embed --prec", "--precision"),
    ("embed --precision b", "bf16"), ("help sea", "search"), ("models import x --col", "--color"),
])
def test_bash_completes(pipilo, tmp_path, line, wanted):
    file = tmp_path / "completion"
    file.write_text(pipilo("help", "--completion", "bash").out)
    script = (f"source {file}; COMP_WORDS=(pipilo {line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
              "_pipilo; echo \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == [wanted] and done.stderr == ""


def test_names_for_completion(pipilo):
    assert "image_decode" in pipilo("help", "--names", "ops").out.split()
    pipilo("help", "--names", "models")
    pipilo("help", "--names", "x", status=2)
    pipilo("help", "--completion", "tcsh", status=2)
    pipilo("help", "--man", "x", status=2)
