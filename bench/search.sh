#!/bin/sh
# search.sh: searching beside reading memory, NumPy's dot and itself by an index, by what
# tools/setup.sh has brought. Takes 9 GB on the disk, and of memory.
#
# usage: bench/search.sh BUILD [--json] [--rounds N] [--rows N] [--keep]
set -eu

cd "$(dirname "$0")/.."
build=${1:?usage: bench/search.sh BUILD [--json] [--rounds N] [--rows N] [--keep]}
shift
.deps/venv/bin/ninja --quiet -C "$build" cli/pipilo bench/search_rate bench/index_rate >&2
exec .deps/venv/bin/python bench/search.py "$build" "$@"
