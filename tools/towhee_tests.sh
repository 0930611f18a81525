#!/bin/sh
# towhee_tests.sh: run Towhee's own tests of its pipelines, unchanged, with pipilo under its name.
#
# usage: tools/towhee_tests.sh FOLDER [FILE...]
#   FOLDER   a checkout of Towhee (nothing is fetched)
#   FILE     tests below FOLDER/tests/unittests, without .py; all of the list below unless given
#
# PYTHON names the interpreter (python3): pipilo, pytest and numpy must be installed for it. The last
# line counts; the exit status is 0 where only tests failed that need Towhee's hub (docs/migration.md).
set -eu

[ $# -ge 1 ] && [ -d "$1/tests/unittests" ] || {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
cd "$1"
shift
python=${PYTHON:-python3}

[ $# -gt 0 ] || set -- runtime/test_dag_pipeline runtime/test_user_pipeline runtime/test_pipeline \
    runtime/test_runtime_pipeline runtime/test_nodes runtime/test_config runtime/test_data_queue \
    runtime/test_factory runtime/test_autos test_data_loader datacollection/test_data_collection \
    datacollection/test_entity serve/test_api_service

# They take operators and pipelines from Towhee's hub.
hub='TestOps::test_revision TestOps::test_latest TestPipeline::test_revision_latest
    TestAutoPipes::test_hub_repo'

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
offline=0
for test in "$@"; do
    status=0
    PYTHONDONTWRITEBYTECODE=1 timeout 300 "$python" -m pipilo.towhee -m pytest -q --no-header \
        -p no:cacheprovider --tb=line -W ignore "tests/unittests/$test.py" > "$log" 2>&1 || status=$?
    good=$(sed -n 's/.*\b\([0-9][0-9]*\) passed.*/\1/p' "$log" | tail -1)
    bad=$(grep -cE '^(FAILED|ERROR) ' "$log" || :)
    # 5: there is nothing to collect. Anything else without a count did not come to its end.
    [ "$status" -le 1 ] || [ "$status" = 5 ] || bad=$((bad + 1))
    for name in $hub; do
        ! grep -qE "^FAILED .*$name\\b" "$log" || { bad=$((bad - 1)); offline=$((offline + 1)); }
    done
    passed=$((passed + ${good:-0}))
    failed=$((failed + bad))
    printf '%-40s %s passed, %s failed\n' "$test" "${good:-0}" "$bad"
    [ "$bad" = 0 ] || cat "$log"
done
echo "$passed of $((passed + failed)) passed; $offline more need Towhee's hub"
[ "$failed" = 0 ]
