#!/bin/sh
# python_sanitize.sh [PYTEST OPTION...]: the Python package's tests with its extension, and the whole
# library in it, built with ASan and UBSan.
#
# The interpreter is not built so, hence the sanitizer's library is loaded ahead of everything; and
# leaks are not looked for: CPython keeps much of its memory until it dies. tests/python counts what
# is alive instead. The real engine works: tests/support/no_deepbind.c stands before the sanitizer.
set -eu

cd "$(dirname "$0")/.."
root=$PWD
venv=.deps/venv-python
python=$root/$venv/bin/python
tools/python_env.sh python

# Py_REF_DEBUG has the extension count references through the interpreter, so that a debug build of
# Python (Debian: python3-dbg) can tell whether one is kept: tests/python/leaks.py, at the end.

# The extension anew, into a folder of its own that has the package beside it.
build=build/python-sanitize
site=$root/$build/site
PATH=$root/$venv/bin:$PATH
export PATH
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" -Dpython=true -Dbuildtype=debugoptimized -Doptimization=1 -Db_sanitize=address,undefined \
        -Db_lundef=false -Dc_args=-DPy_REF_DEBUG > "$build.log" 2>&1 ||
        { cat "$build.log" >&2; exit 1; }
fi
ninja --quiet -C "$build" python/_core.abi3.so src/image/pipilo-decoder
rm -rf "$site"
mkdir -p "$site"
cp -r python/pipilo "$site/pipilo"
cp "$build/python/_core.abi3.so" "$build/src/image/pipilo-decoder" "$site/pipilo/"
cc -shared -fPIC -o "$build/no_deepbind.so" tests/support/no_deepbind.c -ldl

# pytest's own process and every child has both; PYTHONPATH wins over the installed package.
LD_PRELOAD="$root/$build/no_deepbind.so $(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)"
ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0:strict_string_checks=1:allocator_may_return_null=1:detect_stack_use_after_return=1
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS
export PYTHONMALLOC=malloc PIPILO_DEPS=$root/.deps
# What measures memory would measure the sanitizer's own.
PYTHONPATH=$site "$python" -X dev -m pytest -q -p no:cacheprovider --ignore=tests/python/test_soak.py \
    --deselect=tests/python/test_embed.py::test_memory_is_flat \
    --deselect=tests/python/test_embed.py::test_vectors_take_no_more_memory_than_they_are \
    "${@:-tests/python}"

debug=$("$python" -c 'import sys; print("python%d.%dd" % sys.version_info[:2])')
if ! command -v "$debug" > /dev/null; then
    echo "references are not counted: there is no $debug here"
    exit 0
fi
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
leaking=$(PYTHONPATH=$site:$packages PYTHONMALLOC=default "$debug" tests/python/leaks.py)
[ -z "$leaking" ] || { echo "$leaking"; exit 1; }
echo "$debug: no reference is kept"
