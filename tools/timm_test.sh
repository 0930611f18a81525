#!/bin/sh
# timm_test.sh [PYTEST OPTION...]: run tests/timm, the exporter with the real timm and torch, in an
# environment of its own. Their download is large (2.5 GB, 6 GB unpacked), so no other test needs it.
set -eu

cd "$(dirname "$0")/.."
tools/setup.sh demo
tools/python_env.sh timm
PIPILO_DEPS=$PWD/.deps exec .deps/venv-timm/bin/python -m pytest -q -p no:cacheprovider -p no:logging \
    "${@:-tests/timm}"
