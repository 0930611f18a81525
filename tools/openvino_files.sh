#!/bin/sh
# openvino_files.sh DIR: print the files of an unpacked OpenVINO wheel that an installed pipilo needs.
# Left out: the GPU and NPU plugins and the readers of formats other than ONNX and OpenVINO's own.
set -eu
for name in libopenvino.so libopenvino_c.so libopenvino_intel_cpu_plugin.so \
    libopenvino_onnx_frontend.so libopenvino_ir_frontend.so libtbb.so libtbbbind libtbbmalloc.so \
    libhwloc.so plugins.xml; do
    for file in "$1"/libs/"$name"*; do
        [ -f "$file" ] && printf '%s\n' "$file"
    done
done
for file in "$1"/../openvino-*.dist-info/licenses/LICENSE \
    "$1"/../openvino-*.dist-info/licenses/licensing/*; do
    [ -f "$file" ] && printf '%s\n' "$file"
done
exit 0
