#!/bin/sh
# version.sh: print major.minor.patch as include/pipilo/version.h states it.
sed -n 's/^#define PIPILO_VERSION_\(MAJOR\|MINOR\|PATCH\) \([0-9]*\)$/\2/p' \
    "$(dirname "$0")/../include/pipilo/version.h" | paste -sd.
