#!/bin/sh
# damaged.sh: tests/compare/test_damaged.py in full, under ASan and UBSan: every good sample cut and
# changed at 32 points, and the test pictures of Pillow's source package, made to break readers.
set -eu

cd "$(dirname "$0")/.."
tools/setup.sh test
pillow=$(sed -n 's/^Pillow==//p' tools/requirements/test.txt)
others=.deps/pillow-tests
if [ ! -d $others ]; then
    echo "fetching Pillow's source package (47 MB)"
    rm -rf $others.part
    mkdir -p $others.part/images
    .deps/venv/bin/python -m pip --disable-pip-version-check --quiet download --no-deps \
        --no-binary :all: -d $others.part "pillow==$pillow"
    tar -xzf $others.part/*.tar.gz -C $others.part/images --strip-components=3 \
        --wildcards 'pillow-*/Tests/images/*'
    mv $others.part/images $others
    rm -rf $others.part
fi

CC=gcc CXX=g++ tools/configure.sh build/sanitize -Dtests=true --werror \
    -Db_sanitize=address,undefined -Doptimization=1
.deps/venv/bin/ninja --quiet -C build/sanitize cli/pipilo tests/unit/image/pixels
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1:exitcode=99
export LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
PIPILO_DAMAGED_POINTS=32 PIPILO_OTHERS=$PWD/$others PIPILO_BIN=$PWD/build/sanitize/cli/pipilo \
    PIPILO_BUILD_ROOT=$PWD/build/sanitize PIPILO_DEPS=$PWD/.deps \
    .deps/venv/bin/python -m pytest -q -s -p no:cacheprovider -o timeout=0 \
    -o faulthandler_timeout=0 tests/compare/test_damaged.py
