#!/bin/sh
# shares.sh: the share of the ceiling by model, precision and size (shares.py), by what tools/setup.sh
# has brought. Some eight minutes.
#
# usage: bench/shares.sh BUILD [--json] [--rounds N]
set -eu

cd "$(dirname "$0")/.."
build=${1:?usage: bench/shares.sh BUILD [--json] [--rounds N]}
shift
.deps/venv/bin/ninja --quiet -C "$build" cli/pipilo >&2
[ -f build/bench/resnet50/model.json ] ||
    .deps/venv/bin/python bench/make_resnet50.py build/bench/resnet50 >&2
exec .deps/venv/bin/python bench/shares.py "$build" build/bench/resnet50 "$@"
