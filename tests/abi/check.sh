#!/bin/sh
# check.sh LIBRARY SYMBOLS: compares what the library exports with the list.
set -eu

work=$(mktemp)
trap 'rm -f "$work"' EXIT
# Sanitizers and coverage add symbols of their own, which begin with an underscore.
nm -D --defined-only "$1" | awk '$3 !~ /^_/ { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort > "$work"
diff -u "$2" "$work" && exit 0
echo "the library's symbols are not those of $2: '+' is new, '-' is gone" >&2
exit 1
