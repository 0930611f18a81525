#!/usr/bin/env python3
"""The rules of this project that a program can check, over the files git tracks.

usage: check.py [--list] [CHECK...]

A problem is one line, `path:line: what is wrong`. The last line counts the checks.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLANG_FORMAT_VERSION = "14.0"

# base <- core <- {flow, image, model, source, table, search} <- {ops, bench} <- api
RANK = {"base": 0, "core": 1, "ops": 3, "bench": 3, "api": 4}
RANK |= dict.fromkeys(["flow", "image", "model", "source", "table", "search"], 2)
# What stands on top of the public headers, and sees nothing else of the library.
OUTSIDE = {"cli", "server", "python", "examples"}
# What a program opens, and what one file of theirs wraps.
OPENED = {"cli": "../server/server.h"}
WRAPPED = {"microhttpd.h": "server/http.c", "curl/curl.h": "server/fetch.c"}

PUBLIC_SYSTEM_HEADERS = {"stddef.h", "stdint.h", "stdbool.h"}
THIRD_PARTY = re.compile(
    r"(jpeglib|jerror|spng|png|archive|archive_entry|sqlite3|jansson|libpq-fe|microhttpd|glib)\.h$"
    r"|^(webp|vips|curl|nettle|openvino|onnxruntime)/"
)

# The headers with types of another library, and how the names of the files that share one begin.
SHARED = {"src/model/engines/openvino_api.h": "src/model/engines/openvino"}

ALLOCATION = """malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf
    posix_memalign aligned_alloc"""
PROCESS = "abort exit _exit quick_exit printf vprintf puts putchar perror"
NEVER = """strcpy strcat stpcpy sprintf vsprintf strtok atoi atol atoll atof gets localtime gmtime
    asctime ctime alloca tmpnam mktemp"""


def calls(names):
    """A call by one of these names; not a member, not a longer name."""
    return re.compile(r"(?<![\w.>])(" + "|".join(names.split()) + r")\s*\(")


ALLOCATION, PROCESS, NEVER = calls(ALLOCATION), calls(PROCESS), calls(NEVER)

SUBJECT = re.compile(r"[a-z][a-z0-9_./-]*(, [a-z][a-z0-9_./-]*)*: [a-z0-9][^\n]*[^.\s]")


def git(*args):
    return subprocess.run(
        ["git", "-C", ROOT, *args], check=True, capture_output=True, text=True
    ).stdout


def tracked(*patterns):
    """Tracked files that are still there; a pattern is a suffix such as `.c` or a file name."""
    names = [n for n in git("ls-files", "-z").split("\0") if n]
    return [n for n in names if n.endswith(patterns) and (ROOT / n).is_file()]


def lines_of(name):
    return (ROOT / name).read_text(encoding="utf-8").split("\n")


def code_lines(name):
    """The lines of a C file with comments and literals blanked."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''

    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    return re.sub(pattern, blank, text, flags=re.S).split("\n")


def includes(name):
    for number, line in enumerate(lines_of(name), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match[1] == '"', match[2]


# --- the checks: each yields its problems --------------------------------------------------------


def check_format():
    """C files are as .clang-format lays them out."""
    beside = pathlib.Path(sys.executable).parent / "clang-format"
    tool = str(beside) if beside.is_file() else shutil.which("clang-format-14")
    if not tool:
        yield "no clang-format 14: run `make test`"
        return
    version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
    if f"version {CLANG_FORMAT_VERSION}" not in version:
        yield f"clang-format {CLANG_FORMAT_VERSION} is wanted, this is {version.strip()}"
        return
    names = tracked(".c", ".h")
    if not names:
        return
    run = subprocess.run(
        [tool, "--dry-run", *names], cwd=ROOT, capture_output=True, text=True
    )
    first = {}
    for line in run.stderr.split("\n"):
        match = re.match(r"(.+?):(\d+):\d+: (?:warning|error): ", line)
        if match:
            first.setdefault(match[1], match[2])
    for name, number in first.items():
        yield f"{name}:{number}: not as .clang-format has it; `make format FILES={name}`"


def check_include_direction():
    """base <- core <- {flow, image, model, source, table, search} <- {ops, bench} <- api <- the programs.

    server <- cli, by one header; one file of the server's wraps what speaks HTTP.
    """
    for name in tracked(".c", ".h", ".def"):
        parts = pathlib.PurePath(name).parts
        for number, quoted, target in includes(name):
            where = f"{name}:{number}"
            if parts[0] == "src":
                yield from direction_in_src(where, parts[1], quoted, target)
            elif parts[0] in OUTSIDE:
                local = (ROOT / name).parent / target
                if quoted and not beside(local, parts[0]) and target != OPENED.get(parts[0]):
                    yield f"{where}: {parts[0]} includes nothing of another folder, not {target}"
                elif quoted and not local.is_file():
                    yield f"{where}: {parts[0]} includes <pipilo/...> only, not {target}"
                elif not quoted and name != WRAPPED.get(target) and THIRD_PARTY.search(target):
                    yield f"{where}: {parts[0]} includes <pipilo/...> only, not {target}"


def beside(file, folder):
    return file.resolve().is_relative_to(ROOT / folder)


def direction_in_src(where, folder, quoted, target):
    if folder not in RANK:
        yield f"{where}: src/{folder} has no place in the order of folders"
        return
    if not quoted:
        return
    other = target.split("/")[0]
    if other not in RANK or not (ROOT / "src" / target).is_file():
        yield f'{where}: "{target}" is no path from src/, such as "base/alloc.h"'
    elif other != folder and RANK[other] >= RANK[folder]:
        yield f"{where}: {folder} may not include {other}"


def check_third_party_headers():
    """No third-party type in a header, but in one that a wrapper's own files share; public headers need
    three standard ones at most."""
    for name in tracked(".c", ".h"):
        if not name.startswith(("src/", "include/")):
            continue
        for number, _, target in includes(name):
            if not name.startswith(SHARED.get(f"src/{target}", "")):
                yield f"{name}:{number}: {target} is for the files of its wrapper alone"
    for name in tracked(".h"):
        if not name.startswith(("src/", "include/")) or name in SHARED:
            continue
        for number, quoted, target in includes(name):
            where = f"{name}:{number}"
            if THIRD_PARTY.search(target):
                yield f"{where}: {target} belongs in the one .c file that wraps it"
            elif name.startswith("include/") and not is_public(name, quoted, target):
                allowed = ", ".join(sorted(PUBLIC_SYSTEM_HEADERS))
                yield f"{where}: a public header includes {allowed} and its like only"


def is_public(name, quoted, target):
    if not quoted:
        return target in PUBLIC_SYSTEM_HEADERS or target.startswith("pipilo/")
    file = ((ROOT / name).parent / target).resolve()
    return file.is_file() and file.is_relative_to(ROOT / "include/pipilo")


def check_unsafe_calls():
    """Memory goes through base/alloc.c, the library never ends the process, some calls are out."""
    for name in tracked(".c", ".h"):
        in_library = name.startswith(("src/", "include/"))
        for number, line in enumerate(code_lines(name), 1):
            where = f"{name}:{number}"
            if in_library and name != "src/base/alloc.c":
                for match in ALLOCATION.finditer(line):
                    yield f"{where}: {match[1]}() outside base/alloc.c"
            if in_library:
                for match in PROCESS.finditer(line):
                    yield f"{where}: {match[1]}() in the library"
            for match in NEVER.finditer(line):
                yield f"{where}: {match[1]}() is not used here"


def check_names():
    """What wears the public prefix is public; no home-made _t types."""
    for name in tracked(".c", ".h"):
        if not name.startswith("src/"):
            continue
        for number, line in enumerate(code_lines(name), 1):
            match = re.search(r"\btypedef\b.*\b(\w+_t)\s*;", line)
            if match:
                yield f"{name}:{number}: {match[1]}: names ending in _t are POSIX's"


def check_head_comment():
    """Each source file opens with a comment that says its job."""
    for name in tracked(".c", ".h", ".def", ".py", ".sh"):
        lines = [line for line in lines_of(name) if line.strip() and not line.startswith("#!")]
        first = lines[0].strip() if lines else ""
        opening = ("//", "/*") if name.endswith((".c", ".h", ".def")) else ("#", '"""', 'r"""')
        if first and not first.startswith(opening):
            yield f"{name}:1: the file does not open with a comment that says its job"


def check_text():
    """Nothing left for later, no tabs or trailing space, no line past 100, a newline at the end."""
    marker = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
    suffixes = (".c", ".h", ".py", ".sh", ".build", ".options", ".def", ".md", ".in", "Makefile")
    for name in tracked(*suffixes):
        lines = lines_of(name)
        if lines[-1] != "":
            yield f"{name}:{len(lines)}: no newline at the end"
        for number, line in enumerate(lines, 1):
            where = f"{name}:{number}"
            if marker.search(line):
                yield f"{where}: nothing is left to do later"
            if line != line.rstrip() and not name.endswith(".md"):
                yield f"{where}: trailing space"
            if "\t" in line and not name.endswith("Makefile"):
                yield f"{where}: a tab"
            if len(line) > 100 and name.endswith((".c", ".h")):
                yield f"{where}: {len(line)} columns, past 100"


def check_commit_subjects():
    """`area: imperative, lower case`, at most 72 characters, no full stop."""
    for line in git("log", "--no-merges", "--format=%h %s").splitlines():
        commit, _, subject = line.partition(" ")
        if len(subject) > 72:
            yield f"{commit}: subject of {len(subject)} characters, past 72: {subject}"
        elif not SUBJECT.fullmatch(subject):
            yield f"{commit}: subject is not `area: imperative, lower case`: {subject}"


CHECKS = {
    name.removeprefix("check_"): function
    for name, function in list(globals().items())
    if name.startswith("check_")
}


def main(wanted):
    if wanted == ["--list"]:
        for name, function in CHECKS.items():
            print(f"{name:20} {function.__doc__}")
        return 0
    unknown = set(wanted) - set(CHECKS)
    if unknown:
        print(f"no check is called {', '.join(sorted(unknown))}; there are: {', '.join(CHECKS)}")
        return 2
    failed = 0
    chosen = wanted or list(CHECKS)
    for name in chosen:
        problems = list(dict.fromkeys(CHECKS[name]()))
        failed += bool(problems)
        for problem in problems:
            print(f"{problem} [{name}]")
    print(f"style: {len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
