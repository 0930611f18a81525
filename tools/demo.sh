#!/bin/sh
# demo.sh BUILD: embed the demo's photographs, search with one of them, say what to type next.
set -eu

cd "$(dirname "$0")/.."
pipilo=${1:-build/release}/cli/pipilo
photos=.deps/photos
model=.deps/models/efficientnet-lite0
out=build/demo
store=$out/photos.db
query=$photos/motorcycle_left.png

show() {
    printf '\n$'
    printf ' %s' "$@"
    printf '\n'
    "$@"
}

[ -x "$pipilo" ] || { echo "demo: there is no $pipilo; run \`make demo\`" >&2; exit 1; }
mkdir -p "$out"

printf '%d photographs, and EfficientNet-Lite0 (ImageNet) as a model directory.\n' \
    "$(find "$photos" -type f | wc -l)"

show "$pipilo" embed "$photos" -m "$model" -o "$store" --force
show "$pipilo" search "$store" "$query" -k 5
show "$pipilo" info "$store"

cat << END

The nearest to $(basename "$query") is itself, then the same motorcycle seen by the other eye.
What to type next:

  your own pictures:           $pipilo embed ~/Pictures -m $model -o pictures.db
  the nearest to one of them:  $pipilo search pictures.db some.jpg -k 10
  what a pipeline can do:      $pipilo ops
  pipilo on your PATH:         make install PREFIX=\$HOME/.local
END
