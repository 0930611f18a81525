#!/bin/sh
# page_test.sh [BUILD]: the page in headless Chromium, with axe-core's audit. It wants the packages
# chromium and chromium-driver; without them every test is skipped, and says so.
# With $PIPILO_SHOTS, a folder, a picture of each test's last moment is left there.
set -eu

cd "$(dirname "$0")/.."
build=${1:-build/release}
# An environment of its own, made anew when the list changes.
venv=.deps/venv-page
if ! cmp -s tools/requirements/page.txt "$venv/made-from"; then
    rm -rf "$venv"
    .deps/venv/bin/python -m venv "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install -r tools/requirements/page.txt
    cp tools/requirements/page.txt "$venv/made-from"
fi
PIPILO_BIN=$PWD/$build/cli/pipilo "$venv/bin/python" -m pytest -q -rs -p no:cacheprovider tests/page
