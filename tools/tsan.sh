#!/bin/sh
# tsan.sh [all]: what makes threads, with the whole library built for ThreadSanitizer (gcc's) and the
# null engine: other engines are not built so, and what they do looks like races. Without "all" in
# about a minute.
set -eu

cd "$(dirname "$0")/.."
PATH=$PWD/.deps/venv/bin:$PATH
export PATH
build=build/tsan
CC=gcc CXX=g++ tools/configure.sh $build -Dtests=true --werror \
    -Db_sanitize=thread -Doptimization=1
ninja --quiet -C $build

# No suppressions. hnswlib's locks alone are not looked at for an order: while it adds a node it holds
# that node's and takes the others' one at a time. Two that are added at once cannot wait for each
# other: a node is found in a layer only once it is linked there, so one waits only for one that has
# done the layer and is in a lower one.
options=halt_on_error=1:die_after_fork=0
graphs="search/graph api/index api/threads torture/pipilo torture/files"
bounded="base/crew core/budget core/governor core/value flow/fork flow/run flow/short model/model
    model/compiled model/digest source/source table/table search/search ops/embedding ops/pictures
    ops/read_write api/library api/store pipeline/towhee pipeline/errors"

export PIPILO_BIN="$PWD/$build/cli/pipilo" PIPILO_BUILD_ROOT="$PWD/$build" PIPILO_DEPS="$PWD/.deps"
run() { TSAN_OPTIONS=$options meson test -C $build --no-rebuild --print-errorlogs -t 10 "$@"; }
served() { TSAN_OPTIONS=$options PIPILO_SANITIZED=thread python -m pytest -q -p no:cacheprovider "$@"; }
commands() { TSAN_OPTIONS=$options python -m pytest -q -p no:cacheprovider "$@"; }

failed=0
if [ "${1:-}" = all ]; then
    others=$(meson test -C $build --list 2> /dev/null | sed -n 's/.*pipilo:\(.*\)/\1/p' |
        grep -vxE "$(echo $graphs | tr ' ' '|')")
    run $others || failed=1
    # Neither what opens OpenVINO nor what is about sizes: a sanitizer's own memory counts, too.
    commands tests/cli -k "(embed or run or store or terminal or memory) and not (fit or share or small_group)" \
        --ignore tests/cli/test_calibrate.py --ignore tests/cli/test_doctor.py \
        --ignore tests/cli/test_import.py || failed=1
    options=$options:detect_deadlocks=0
    run $graphs || failed=1
    commands tests/cli/test_index.py tests/cli/test_memory.py::test_an_index_takes_a_share || failed=1
    # Helpers allow no system call that only a sanitizer makes.
    served tests/server \
        --deselect tests/server/test_serve_embed.py::test_pictures_of_strangers_in_helpers || failed=1
else
    run $bounded || failed=1
    commands tests/cli/test_embed.py -k "test_db or thread or several_models_write" || failed=1
    served tests/server -k "many or queue_bytes or ends_when or hang_up or adding or rude" || failed=1
    options=$options:detect_deadlocks=0
    run api/index api/threads || failed=1
fi
exit $failed
