#!/bin/sh
# fuzz.sh: the fuzzing targets of tests/fuzz under libFuzzer, ASan and UBSan, in build/fuzz.
#
# usage: tools/fuzz.sh [--seconds S] [--runs N] [--seed N] [--jobs J] [TARGET...]
#   --seconds  for each target (default 60)
#   --runs     executions of each target at most (default: no limit)
#   --seed     of chance, for the same inputs again (default: others each time)
#   --jobs     targets at the same time (default: one a core)
#
# Each begins with its corpus and with what earlier runs have found to reach more of the code
# (build/fuzz/corpus). What goes wrong lies in build/fuzz/found as TARGET-crash-..., -leak-...,
# -timeout-..., -oom-...: once it is mended, it goes into tests/fuzz/corpus/TARGET as a test.
# The exit status is 1 where anything was found.
set -eu

cd "$(dirname "$0")/.."
build=$PWD/build/fuzz
seconds=60
runs=-1
seed=0
jobs=$(nproc)
targets=

usage() {
    sed -n 's/^# usage: /usage: /p' tools/fuzz.sh >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --seconds | --runs | --seed | --jobs)
        [ $# -ge 2 ] || usage
        eval "${1#--}=\$2"
        shift
        ;;
    -*) usage ;;
    *) targets="$targets $1" ;;
    esac
    shift
done
if [ -z "$targets" ]; then
    for file in tests/fuzz/targets/*.c; do
        targets="$targets $(basename "$file" .c)"
    done
fi

tools/setup.sh fuzz
CC=clang CXX=clang++ tools/configure.sh build/fuzz -Dtests=true -Dfuzz=true --werror \
    -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1
programs=
for target in $targets; do
    programs="$programs tests/fuzz/fuzz_$target"
done
.deps/venv/bin/ninja --quiet -C build/fuzz $programs

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1
export LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export build seconds runs seed

# An archive or a database is longer than other inputs: it has blocks or pages.
mkdir -p build/fuzz/found
status=0
printf '%s\n' $targets | xargs -P "$jobs" -I{} sh -c '
    case $0 in sqlite | tar) most=20000 ;; *) most=4096 ;; esac
    mkdir -p "$build/corpus/$0"
    "$build/tests/fuzz/fuzz_$0" -max_total_time="$seconds" -runs="$runs" -seed="$seed" \
        -max_len=$most \
        -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/found/$0-" \
        "$build/corpus/$0" "$PWD/tests/fuzz/corpus/$0" > "$build/$0.log" 2>&1 < /dev/null' {} ||
    status=1

printf '%-12s %12s %10s %8s  %s\n' target executions a-second edges found
for target in $targets; do
    awk -v target="$target" '
        / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
        /^stat::number_of_executed_units/ { executions = $2 }
        /^stat::average_exec_per_sec/ { rate = $2 }
        /Test unit written to/ { found = $NF }
        END { printf "%-12s %12d %10d %8d  %s\n", target, executions, rate, edges, found }
    ' "build/fuzz/$target.log"
done
exit $status
