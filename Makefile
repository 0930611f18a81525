# Every target does its own set-up first (tools/setup.sh), and only what is not done yet.
#
#   make            build pipilo                          -> build/release
#   make demo       photographs to vectors, and a search
#   make test       all tests
#   make bench      the speed table; beside it:
#     bench-shares    the share of the ceiling by model, precision and size
#     bench-start     one picture, the whole program
#     bench-halves    20,000 pictures, the second half beside the first
#     bench-python    the Python package beside the command
#     bench-peers     fastembed and a script by hand (PEERS="python fastembed towhee timm")
#     bench-towhee    Towhee 1.1.3
#     bench-search    exact and by an index, beside memory and NumPy
#   make fuzz       the fuzzing targets, SECONDS=60 each; TARGETS="jpeg tar" for some of them
#   make tsan       every test that does without other engines, under ThreadSanitizer
#   make soak       the long runs behind docs/reliability.md: whether anything grows; hours
#   make torture    the faults that take long: each call failing in its turn; runs that are killed,
#                   cut off from power and out of disk (as root), each compared with an undisturbed one; damaged pictures by the
#                   thousand, under ASan; the examples under valgrind
#   make test-serve the server asked by schemathesis, and by rude clients for half an hour
#   make test-page the page in headless Chromium, with axe-core's audit; wants chromium and chromium-driver
#   make test-timm  the exporter with the real timm and torch (a download of 2.5 GB)
#   make install    PREFIX=/usr/local, DESTDIR= honoured
#   make format     lay out the C files as .clang-format has it (FILES= for some of them)
#   make clean      remove build/; make distclean: .deps/ too
#
# tools/test.sh STAGE runs one stage of the tests.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build/release
MESON = .deps/venv/bin/meson
NINJA = .deps/venv/bin/ninja

.PHONY: all demo test soak fuzz torture tsan test-page test-serve test-timm bench bench-halves bench-peers bench-python bench-search bench-shares bench-start bench-towhee install format clean distclean help

all:
	@tools/setup.sh build
	@tools/configure.sh $(BUILD)
	@$(NINJA) -C $(BUILD)

demo:
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory all
	@tools/demo.sh $(BUILD)

test:
	@tools/test.sh

SECONDS = 60
fuzz:
	@tools/fuzz.sh --seconds $(SECONDS) $(TARGETS)

tsan:
	@tools/setup.sh test
	@tools/tsan.sh all

soak:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@tools/soak.sh $(BUILD)

torture:
	@tools/setup.sh test
	@CC=gcc CXX=g++ tools/configure.sh build/test -Dtests=true --werror
	@$(NINJA) --quiet -C build/test
	@PIPILO_TORTURE=full $(MESON) test -C build/test --no-rebuild --suite torture -t 30
	@$(MESON) test -C build/test --no-rebuild --setup valgrind 'examples/*'
	@$(MAKE) --no-print-directory all
	@.deps/venv/bin/python tests/torture/resume.py $(BUILD)/cli/pipilo
	@tools/damaged.sh

test-serve: all
	@tools/serve_test.sh $(BUILD)

test-page: all
	@tools/page_test.sh $(BUILD)

test-timm:
	@tools/timm_test.sh

bench:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@bench/run.sh $(BUILD)

bench-python:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@tools/python_env.sh python
	@.deps/venv/bin/python bench/pictures.py .deps/photos build/bench/pictures 320
	@.deps/venv/bin/python bench/python_rate.py $(BUILD) .deps/venv-python/bin/python

bench-halves:
	@tools/setup.sh test
	@tools/python_env.sh python
	@.deps/venv/bin/python bench/pictures.py .deps/photos build/bench/500x375 200
	@.deps/venv-python/bin/python bench/halves.py

bench-peers:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@bench/peers.sh $(BUILD)

bench-search:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@bench/search.sh $(BUILD)

bench-shares:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@bench/shares.sh $(BUILD)

bench-start:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@.deps/venv/bin/python bench/start.py $(BUILD)

bench-towhee:
	@tools/setup.sh test
	@bench/towhee.sh

install: all
	@$(MESON) configure $(BUILD) --prefix "$(abspath $(PREFIX))"
	@DESTDIR="$(DESTDIR)" PATH="$(CURDIR)/.deps/venv/bin:$$PATH" $(MESON) install -C $(BUILD) --quiet
	@echo "installed in $(DESTDIR)$(abspath $(PREFIX)): bin/pipilo, lib/libpipilo.so, include/pipilo"

FILES = $$(git ls-files '*.c' '*.h')
format:
	@tools/setup.sh test
	@.deps/venv/bin/clang-format -i $(FILES)

clean:
	rm -rf build

distclean: clean
	rm -rf .deps

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile
