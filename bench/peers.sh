#!/bin/sh
# peers.sh: pipilo beside others over the same weights and pictures (peers.py). Each peer has an
# environment of its own: fastembed's is 150 MB by pip, Towhee's 80 MB.
#
# usage: bench/peers.sh BUILD [--rounds N] [--json] ..       PEERS="python fastembed towhee timm"
#
# Without PEERS the first two: timm's torch is a download of 2.5 GB.
set -eu

cd "$(dirname "$0")/.."
build=${1:?usage: bench/peers.sh BUILD [--rounds N] [--json]}
shift
pip="-m pip --disable-pip-version-check --quiet install --only-binary=:all:"

# environment NAME PACKAGE...: .deps/venv-NAME with these packages, made once.
environment() {
    name=$1
    shift
    [ "$(cat ".deps/stamp/venv-$name" 2> /dev/null)" != "$PWD $*" ] || return 0
    rm -rf ".deps/venv-$name"
    .deps/venv/bin/python -m venv ".deps/venv-$name"
    .deps/venv-"$name"/bin/python $pip "$@" >&2
    printf '%s\n' "$PWD $*" > ".deps/stamp/venv-$name"
}

found=
for peer in ${PEERS:-python fastembed}; do
    case $peer in
    python)
        environment python-peer numpy==2.4.6 Pillow==13.0.0
        found="$found python=.deps/venv-python-peer/bin/python"
        ;;
    fastembed)
        environment fastembed fastembed==0.9.1 onnxruntime==1.32.0 numpy==2.4.6 Pillow==13.0.0
        found="$found fastembed=.deps/venv-fastembed/bin/python"
        ;;
    towhee)
        # As in towhee.sh.
        environment towhee towhee==1.1.3 setuptools==80.9.0 numpy==2.4.6 onnxruntime==1.32.0 \
            Pillow==13.0.0
        found="$found towhee=.deps/venv-towhee/bin/python"
        ;;
    timm)
        tools/python_env.sh timm >&2
        found="$found timm=.deps/venv-timm/bin/python"
        ;;
    *)
        echo "there is no peer '$peer': python, fastembed, towhee, timm" >&2
        exit 2
        ;;
    esac
done
.deps/venv/bin/ninja --quiet -C "$build" cli/pipilo >&2
.deps/venv/bin/python bench/pictures.py .deps/photos build/bench/pictures 320
exec .deps/venv/bin/python bench/peers.py "$build" $found "$@"
