#!/bin/sh
# test.sh: all tests, each stage run whatever the one before it said; the last line counts them.
#
# usage: tools/test.sh [STAGE...]      stages: style gcc compare sanitize tsan clang python
#
#   style     what tests/style/check.py checks
#   gcc       gcc with -Werror, and the C tests with recorded answers
#   compare   pipilo beside others' work: Pillow, ONNX Runtime, numpy, sqlite3; and the command line
#   sanitize  the C tests and those of the server again under ASan and UBSan
#   tsan      what makes threads, under ThreadSanitizer: a part, `make tsan` is the whole
#   clang     a clang build with -Werror, and two seconds of every fuzzing target
#   python    the Python package, as a wheel in an environment of its own
set -eu

cd "$(dirname "$0")/.."
tools/setup.sh test
PATH=$PWD/.deps/venv/bin:$PATH
export PATH

stages=${*:-style gcc compare sanitize tsan clang python}
passed=0
failed=0
skipped=0
bad_stages=
log=$(mktemp)
trap 'rm -f "$log"' EXIT

build_and_test() {
    ninja --quiet -C "$1" && meson test -C "$1" --no-rebuild --print-errorlogs -t 5
}

stage_style() { python tests/style/check.py; }

stage_gcc() {
    CC=gcc CXX=g++ tools/configure.sh build/test -Dtests=true --werror || return 1
    build_and_test build/test
}

# Each folder by itself: both the command line's and the server's tests have a conftest to import from.
stage_compare() {
    bad=0
    for folder in tests/compare tests/cli tests/server; do
        PIPILO_BIN=$PWD/build/test/cli/pipilo PIPILO_BUILD_ROOT=$PWD/build/test \
            PIPILO_DEPS=$PWD/.deps python -m pytest -q -p no:cacheprovider $folder || bad=1
    done
    return $bad
}

stage_sanitize() (
    CC=gcc CXX=g++ tools/configure.sh build/sanitize -Dtests=true --werror \
        -Db_sanitize=address,undefined -Doptimization=1 || exit 1
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
    export LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    build_and_test build/sanitize || exit 1
    export PIPILO_SANITIZED=1 PIPILO_BIN=$PWD/build/sanitize/cli/pipilo
    # Of the command line a part: what reads stores, and hostile inputs.
    python -m pytest -q -p no:cacheprovider tests/cli/test_store.py tests/cli/test_hostile.py \
        -k "not slow and not limit" &&
        python -m pytest -q -p no:cacheprovider tests/server
)

stage_tsan() { tools/tsan.sh; }

stage_clang() {
    # With one seed: what chance may find belongs to no submission, and `make fuzz` looks for it.
    tools/fuzz.sh --seconds 2 --seed 1 || return 1
    ninja --quiet -C build/fuzz && echo "clang builds it without a warning"
}

stage_python() { tools/python_test.sh; }

# count: passed, failed and skipped, by the closing lines of meson, pytest and the style check.
count() {
    awk '
        # meson: "Ok:   12"
        /^(Ok|Expected Fail): +[0-9]+ *$/ { ok += $NF }
        /^(Fail|Timeout|Unexpected Pass): +[0-9]+ *$/ { bad += $NF }
        /^(Skipped|Ignored): +[0-9]+ *$/ { skip += $NF }
        # pytest: "1 failed, 12 passed, 2 skipped in 3.21s"; the style check: "style: 7 passed, 0 failed"
        / in [0-9.]+s( |$)/ || /^style: [0-9]+ passed/ {
            n = split($0, word, /[ ,:]+/)
            for (i = 2; i <= n; i++) {
                if (word[i] == "passed") ok += word[i - 1]
                if (word[i] == "failed" || word[i] ~ /^errors?$/) bad += word[i - 1]
                if (word[i] == "skipped") skip += word[i - 1]
            }
        }
        END { print ok + 0, bad + 0, skip + 0 }' "$log"
}

mkdir -p build
for stage in $stages; do
    printf '\n== %s\n' "$stage"
    { "stage_$stage" 2>&1 || echo "stage $stage failed"; } | tee "$log"
    set -- $(count)
    if grep -q "^stage $stage failed\$" "$log"; then
        bad_stages="$bad_stages $stage"
        # A stage that does not even build has failed too.
        [ "$2" != 0 ] || set -- "$1" 1 "$3"
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
done

[ -z "$bad_stages" ] || printf '\nfailed:%s\n' "$bad_stages"
printf '\ntotal: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && [ -z "$bad_stages" ]
