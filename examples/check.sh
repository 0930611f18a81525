#!/bin/sh
# check.sh EXAMPLE NAME: runs an example as a reader would, with the null engine, and looks at what
# it prints.
set -eu

example=$(realpath "$1")
name=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# A picture in the simplest of formats: 2 x 2 pixels, 24 bits, rows from the bottom.
bmp() {
    printf 'BM\106\000\000\000\000\000\000\000\066\000\000\000\050\000\000\000'
    printf '\002\000\000\000\002\000\000\000\001\000\030\000\000\000\000\000\020\000\000\000'
    printf '\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000'
    printf "$1$1$1$1$1$1\000\000$1$1$1$1$1$1\000\000"
}
mkdir in
bmp '\377' > in/white.bmp
bmp '\100' > in/dark.bmp
echo 'no picture' > in/text.jpg

expect() {
    grep -q -- "$1" out || { echo "no line like: $1"; cat out; exit 1; }
}

case $name in
embed_folder)
    "$example" null:64 in out.db > out
    expect '2 vectors, 1 failed'
    expect '^1.0000 in/dark.bmp'
    expect '^in/text.jpg: '
    ;;
pipeline_per_call)
    "$example" null:64 200 in/white.bmp > out
    expect 'at the end: 1 models loaded, 1 alive'
    ;;
own_operator)
    "$example" in/white.bmp in/dark.bmp in/text.jpg > out
    expect '^in/white.bmp: 100.0 %'
    expect '^in/dark.bmp: 25.1 %'
    expect '^in/text.jpg: [^0-9]'
    ;;
handle_errors)
    "$example" null:64 in/white.bmp in/text.jpg in/none.png > out
    expect "did you mean 'image_decode'"
    expect 'invalid_pipeline, exit status 2, HTTP 400'
    expect '^in/white.bmp: a vector'
    expect '^in/text.jpg: .*unsupported_format'
    expect '^in/none.png: .*not_found'
    ;;
esac
