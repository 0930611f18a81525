#!/bin/sh
# finds.sh PIPILO LEAK WHAT ROW: `pipilo soak` with the library LEAK before libjpeg, which loses WHAT
# at every picture, ends with status 1 and says that ROW grows.
set -eu

out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
PIPILO_TEST_LEAK=$3 LD_PRELOAD=$2 "$1" soak --what pictures --items 8000 --threads 2 --quiet > "$out" ||
    status=$?
cat "$out"
[ "$status" = 1 ] && grep -q "^  $4 .* grows\$" "$out"
