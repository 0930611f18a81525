#!/bin/sh
# python_test.sh [PYTEST OPTION...]: build the Python package's wheel, install it in an environment of
# its own and run tests/python there. What is there and up to date is not made again.
set -eu

cd "$(dirname "$0")/.."
root=$PWD
venv=.deps/venv-python
stamps=.deps/stamp
python=$venv/bin/python
tools/setup.sh build

key=$(printf '%s\n' "$root" "$(cat tools/requirements/python.txt)" | sha256sum)
if [ "$(cat "$stamps/venv-python" 2> /dev/null)" != "$key" ] || ! $python -c '' 2> /dev/null; then
    echo "set-up: making a Python environment in $venv"
    rm -rf "$venv"
    .deps/venv/bin/python -m venv "$venv"
    $python -m pip --disable-pip-version-check --quiet install -r tools/requirements/python.txt
    printf '%s\n' "$key" > "$stamps/venv-python"
    rm -f "$stamps/wheel"
fi

# The wheel is made anew where anything it is made of has changed.
wheel_key=$(git ls-files -z --cached --others --exclude-standard -- \
    src include python meson.build meson.options pyproject.toml tools/version.sh |
    xargs -0 sh -c 'for f; do [ -f "$f" ] && sha256sum "$f"; done' sh | sha256sum)
if [ "$(cat "$stamps/wheel" 2> /dev/null)" != "$wheel_key" ]; then
    echo "set-up: building the wheel and installing it in $venv"
    rm -rf build/wheel
    mkdir -p build/wheel
    PATH=$root/$venv/bin:$PATH $python -m pip --disable-pip-version-check --quiet wheel . \
        --no-build-isolation --no-deps -w build/wheel --config-settings=build-dir=build/python
    $python -m pip --disable-pip-version-check --quiet install --no-deps --force-reinstall \
        build/wheel/pipilo-*.whl
    printf '%s\n' "$wheel_key" > "$stamps/wheel"
fi

PIPILO_DEPS=$root/.deps exec $python -X dev -m pytest -q -p no:cacheprovider "${@:-tests/python}"
