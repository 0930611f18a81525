#!/bin/sh
# soak.sh BUILD [FOLDER]: the long runs behind docs/reliability.md, some hours: what grows over a million
# pictures, 100,000 through a real model, 100,000 pipelines and 2,000 loads of that model, and 2,000
# pictures of 24 megapixels in a control group of 256 MiB. The figures and plots go to FOLDER
# (build/soak). Ends with status 1 where something grows or fails. Runs with what others leave.
set -eu

cd "$(dirname "$0")/.."
build=$1
out=${2:-build/soak}
model=.deps/models/efficientnet-lite0
bad=0
mkdir -p "$out"
renice -n 19 -p $$ > /dev/null

# soak NAME [OPTION...]
soak() {
    name=$1
    shift
    echo "== $name"
    "$build/cli/pipilo" soak "$@" --threads 1 --plot "$out/$name.svg" > "$out/$name.txt" || bad=1
    cat "$out/$name.txt"
}

soak pictures --what pictures --items 1000000
soak pipelines --what pipelines --items 100000
soak models --what models --items 2000 -m "$model"
soak lite0 --what pictures --items 100000 -m "$model"

echo "== large pictures in a small control group"
PIPILO_SOAK=full PIPILO_BIN=$PWD/$build/cli/pipilo PIPILO_DEPS=$PWD/.deps \
    .deps/venv/bin/python -m pytest -q -s -p no:cacheprovider -o timeout=0 \
    -o faulthandler_timeout=0 tests/cli/test_memory.py -k small_group || bad=1
exit $bad
