#!/bin/sh
# run.sh: the speed table, by what tools/setup.sh has brought.
#
# usage: bench/run.sh BUILD [--json] [--peers] [--rounds N]
set -eu

cd "$(dirname "$0")/.."
build=${1:?usage: bench/run.sh BUILD [--json] [--peers] [--rounds N]}
shift
.deps/venv/bin/ninja --quiet -C "$build" cli/pipilo bench/bare_inference bench/bare_decode >&2
.deps/venv/bin/python bench/pictures.py .deps/photos build/bench/pictures 320
exec .deps/venv/bin/python bench/measure.py "$build" "$@"
