#!/bin/sh
# one_core.sh PROGRAM [WORD...]: runs it on the first of the cores that are allowed; a container may
# not have core 0.
set -eu

allowed=$(taskset -cp $$)
first=${allowed##*: }
exec taskset -c "${first%%[,-]*}" "$@"
