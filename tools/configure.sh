#!/bin/sh
# configure.sh DIR [MESON OPTION...]: make the build folder DIR, or bring it up to date.
#
# Ninja notices a changed meson.build by itself, but not a new folder or public header, nor another
# Meson: the names of the former and the version of the latter are kept in DIR/configured-from.
set -eu

cd "$(dirname "$0")/.."
PATH=$PWD/.deps/venv/bin:$PATH
export PATH
dir=$1
shift

place="$(pwd) meson $(meson --version)"
key="$place $(
    {
        echo "$@"
        find src server cli examples bench tests include -name meson.build -o -path 'include/*.h' 2> /dev/null |
            sort
    } | sha256sum | cut -d' ' -f1
)"
before=$(cat "$dir/configured-from" 2> /dev/null || :)
[ -f "$dir/build.ninja" ] && [ "$before" = "$key" ] && exit 0

# What another place or another Meson made is made anew.
how=--wipe
case $before in
"$place "*) how=--reconfigure ;;
esac

mkdir -p "$dir"
if ! meson setup $how "$dir" "$@" > "$dir.log" 2>&1; then
    cat "$dir.log" >&2
    exit 1
fi
printf '%s\n' "$key" > "$dir/configured-from"
