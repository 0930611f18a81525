# Every target does its own set-up first (tools/setup.sh), and only what is not done yet.
#
#   make            build pipilo                          -> build/release
#   make demo       photographs to vectors, and a search
#   make test       all tests
#   make bench      the speed table
#   make install    PREFIX=/usr/local, DESTDIR= honoured

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build/release
MESON = .deps/venv/bin/meson
NINJA = .deps/venv/bin/ninja

.PHONY: all demo test bench install clean distclean help setup

all: $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD)

setup:
	@tools/setup.sh build

$(BUILD)/build.ninja: | setup
	@PATH="$(CURDIR)/.deps/venv/bin:$$PATH" $(MESON) setup $(BUILD)

demo:
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory all
	@tools/demo.sh $(BUILD)

test:
	@tools/test.sh

bench:
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@tools/bench.sh $(BUILD)

# Debian's own layout wants lib/<triplet>; PREFIX/lib is what the installed program expects.
install: all
	@$(MESON) configure $(BUILD) --prefix "$(abspath $(PREFIX))"
	@DESTDIR="$(DESTDIR)" PATH="$(CURDIR)/.deps/venv/bin:$$PATH" $(MESON) install -C $(BUILD) --quiet
	@echo "installed in $(DESTDIR)$(abspath $(PREFIX)): bin/pipilo, lib/libpipilo.so, include/pipilo"

clean:
	rm -rf build

distclean: clean
	rm -rf .deps

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile
