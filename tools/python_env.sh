#!/bin/sh
# python_env.sh NAME: an environment .deps/venv-NAME with what tools/requirements/NAME.txt lists, and
# the Python package in it, installed from its wheel. What is there and up to date is not made again.
set -eu

cd "$(dirname "$0")/.."
root=$PWD
name=$1
stamps=.deps/stamp
venv=.deps/venv-$name
tools/setup.sh build

# environment NAME
environment() {
    list=tools/requirements/$1.txt
    key=$(printf '%s\n' "$root" "$(cat "$list")" | sha256sum)
    [ "$(cat "$stamps/venv-$1" 2> /dev/null)" != "$key" ] || ! ".deps/venv-$1/bin/python" -c '' ||
        return 0
    echo "set-up: making a Python environment in .deps/venv-$1"
    rm -rf ".deps/venv-$1" "$stamps/wheel-$1"
    .deps/venv/bin/python -m venv ".deps/venv-$1"
    ".deps/venv-$1/bin/python" -m pip --disable-pip-version-check --quiet install -r "$list"
    printf '%s\n' "$key" > "$stamps/venv-$1"
}

# The wheel is built with what python.txt lists, and anew where anything it is made of has changed.
environment python
wheel_key=$(git ls-files -z --cached --others --exclude-standard -- \
    src include python meson.build meson.options pyproject.toml tools/version.sh |
    xargs -0 sh -c 'for f; do [ -f "$f" ] && sha256sum "$f"; done' sh | sha256sum)
if [ "$(cat "$stamps/wheel" 2> /dev/null)" != "$wheel_key" ]; then
    echo "set-up: building the wheel"
    rm -rf build/wheel
    mkdir -p build/wheel
    PATH=$root/.deps/venv-python/bin:$PATH .deps/venv-python/bin/python -m pip \
        --disable-pip-version-check --quiet wheel . --no-build-isolation --no-deps -w build/wheel \
        --config-settings=build-dir=build/python
    printf '%s\n' "$wheel_key" > "$stamps/wheel"
fi

environment "$name"
if [ "$(cat "$stamps/wheel-$name" 2> /dev/null)" != "$wheel_key" ]; then
    echo "set-up: installing the wheel in $venv"
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps \
        --force-reinstall build/wheel/pipilo-*.whl
    printf '%s\n' "$wheel_key" > "$stamps/wheel-$name"
fi
