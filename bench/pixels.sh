#!/bin/sh
# pixels.sh: decoding and resizing beside Pillow's and libjpeg-turbo's, by what tools/setup.sh has
# brought.
#
# usage: bench/pixels.sh BUILD [--json] [--rounds N]
set -eu

cd "$(dirname "$0")/.."
build=${1:?usage: bench/pixels.sh BUILD [--json] [--rounds N]}
shift
.deps/venv/bin/ninja --quiet -C "$build" bench/pixels >&2
exec .deps/venv/bin/python bench/pixels.py "$build" "$@"
