#!/bin/sh
# towhee.sh: what Python costs, beside Towhee (python_overhead.py). Towhee and what it needs, 80 MB by
# pip, go into an environment of their own.
#
# usage: bench/towhee.sh [--rounds N] [--json]
#
# TOWHEE_PYTHON names another interpreter that has Towhee, for instance with timm and torch beside it.
set -eu

cd "$(dirname "$0")/.."
venv=.deps/venv-towhee
wanted="towhee==1.1.3 setuptools==80.9.0 numpy==2.4.6 onnxruntime==1.32.0 Pillow==13.0.0"
if [ -z "${TOWHEE_PYTHON:-}" ] && [ "$(cat .deps/stamp/venv-towhee 2> /dev/null)" != "$PWD $wanted" ]; then
    rm -rf "$venv"
    .deps/venv/bin/python -m venv "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install $wanted
    printf '%s\n' "$PWD $wanted" > .deps/stamp/venv-towhee
fi
tools/python_env.sh python
.deps/venv/bin/python bench/pictures.py .deps/photos build/bench/pictures 320
exec .deps/venv/bin/python bench/python_overhead.py .deps/venv-python/bin/python \
    "${TOWHEE_PYTHON:-$venv/bin/python}" "$@"
