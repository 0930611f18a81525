#!/bin/sh
# python_test.sh [PYTEST OPTION...]: run tests/python with the Python package as its wheel, in an
# environment of its own.
set -eu

cd "$(dirname "$0")/.."
tools/python_env.sh python
PIPILO_BIN=${PIPILO_BIN:-$PWD/build/test/cli/pipilo} PIPILO_DEPS=$PWD/.deps exec .deps/venv-python/bin/python -X dev -m pytest -q -p no:cacheprovider \
    "${@:-tests/python}"
