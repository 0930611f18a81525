#!/usr/bin/env python3
"""The seeds of tests/fuzz/corpus: a good input or two of each kind for every target.

usage: tests/fuzz/make_corpus.py PIPILO         (a built pipilo; `make test` brings what else it needs)

Seeds are files called seed-*; all others there are inputs that once went wrong, by what they showed.
Other versions of Pillow may encode otherwise, so only what is missing is made, or all with --anew.
"""
import argparse
import bz2
import ctypes
import gzip
import io
import json
import lzma
import pathlib
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus"


def picture(mode="RGB", size=(21, 13)):
    """Smooth colours and an edge, so that every coder has something to say."""
    y, x = np.mgrid[:size[1], :size[0]]
    rgb = np.stack([x * 11, y * 17, (x + y) * 7 + 90 * (x > y)], axis=-1).astype(np.uint8)
    return Image.fromarray(rgb).convert(mode)


def encoded(image, kind, **how):
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def exif(orientation):
    data = Image.Exif()
    data[274] = orientation
    data[305] = "pipilo"
    return data.tobytes()


# --- pictures ---


def jpegs():
    yield "plain", encoded(picture(), "JPEG", quality=60)
    yield "444", encoded(picture(), "JPEG", quality=90, subsampling=0)
    yield "grey", encoded(picture("L"), "JPEG")
    yield "cmyk", encoded(picture("CMYK"), "JPEG")
    yield "progressive", encoded(picture(), "JPEG", progressive=True, quality=50)
    yield "turned", encoded(picture(), "JPEG", exif=exif(6))
    yield "restart", encoded(picture(size=(40, 20)), "JPEG", restart_marker_blocks=1)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced_png():
    """Adam7, which Pillow does not write: 3 x 3 grey pixels in its passes 1, 4, 5, 6 and 7."""
    rows = b"\0\x10" + b"\0\x20" + b"\0\x30\x40" + b"\0\x50" + b"\0\x60" + b"\0\x70\x80\x90"
    head = struct.pack(">IIBBBBB", 3, 3, 8, 0, 0, 0, 1)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)
            + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def pngs():
    yield "rgb", encoded(picture(), "PNG")
    yield "rgba", encoded(picture("RGBA"), "PNG")
    yield "palette", encoded(picture().quantize(7), "PNG", bits=4, transparency=2)
    yield "grey16", encoded(Image.fromarray(np.arange(60, dtype=np.uint16).reshape(6, 10) * 999), "PNG")
    yield "bits", encoded(picture("1"), "PNG")
    yield "turned", encoded(picture("LA"), "PNG", exif=exif(8))
    yield "interlaced", interlaced_png()


def webps():
    yield "lossy", encoded(picture(), "WEBP", quality=40)
    yield "lossless", encoded(picture("RGBA"), "WEBP", lossless=True, exif=exif(3))
    yield "animated", encoded(picture(), "WEBP", save_all=True, quality=30,
                              append_images=[picture("L").convert("RGB")])


def bmps():
    yield "rgb", encoded(picture(), "BMP")
    yield "palette", encoded(picture("P"), "BMP")[:1400]
    yield "bits", encoded(picture("1"), "BMP")
    rgb = encoded(picture(), "BMP")
    top_down = bytearray(rgb)
    top_down[22:26] = struct.pack("<i", -13)
    yield "top-down", bytes(top_down)
    for depth, name in ((8, "rle8"), (4, "rle4")):
        yield name, bmp_runs(depth)


def bmp_runs(depth):
    """4 x 2 pixels in runs, with an end of line, a jump and a stretch as it is."""
    colors = b"".join(bytes((i, 2 * i, 3 * i, 0)) for i in range(0, 64, 4))
    data = bytes((4, 0x11, 0, 0, 2, 0x22, 0, 2, 1, 0, 0, 1))
    start = 54 + len(colors)
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, depth, 1 if depth == 8 else 2, len(data), 0, 0, 16, 0)
    return head + info + colors + data


def gifs():
    yield "plain", encoded(picture("P"), "GIF")
    yield "interlaced", encoded(picture("L").quantize(16), "GIF", interlace=1)
    yield "animated", encoded(picture().quantize(8), "GIF", save_all=True, transparency=1,
                              append_images=[picture("L").quantize(8)])


def tiffs():
    for name, how in {"raw": {}, "lzw": {"compression": "tiff_lzw"}, "jpeg": {"compression": "jpeg"},
                      "deflate": {"compression": "tiff_adobe_deflate"},
                      "packbits": {"compression": "packbits"}}.items():
        yield name, encoded(picture(), "TIFF", **how)
    yield "fax", encoded(picture("1"), "TIFF", compression="group4")
    yield "cmyk", encoded(picture("CMYK"), "TIFF")
    yield "turned", encoded(picture("L"), "TIFF", tiffinfo={274: 5})
    yield "grey16", encoded(Image.fromarray(np.arange(60, dtype=np.uint16).reshape(6, 10)), "TIFF")


def heifs():
    yield "avif", encoded(picture(), "AVIF", quality=30)
    with tempfile.TemporaryDirectory() as folder:
        png, heic = pathlib.Path(folder, "a.png"), pathlib.Path(folder, "a.heic")
        picture(size=(64, 64)).save(png)
        subprocess.run(["heif-enc", "-q", "20", png, "-o", heic], check=True, capture_output=True)
        yield "heic", heic.read_bytes()


def jxls():
    """By libvips, which `pipilo` itself reads them with."""
    vips = ctypes.CDLL("libvips.so.42")
    vips.vips_init(b"pipilo")
    vips.vips_image_new_from_file.restype = ctypes.c_void_p
    with tempfile.TemporaryDirectory() as folder:
        for name, options in (("lossy", "[Q=50]"), ("lossless", "[lossless]")):
            png, jxl = pathlib.Path(folder, "a.png"), pathlib.Path(folder, f"{name}.jxl")
            picture().save(png)
            image = ctypes.c_void_p(vips.vips_image_new_from_file(str(png).encode(), None))
            assert image, "libvips reads PNG"
            if vips.vips_image_write_to_file(image, f"{jxl}{options}".encode(), None) == 0:
                yield name, jxl.read_bytes()


def jp2s():
    yield "lossless", encoded(picture(), "JPEG2000", irreversible=False)
    yield "lossy", encoded(picture("L"), "JPEG2000", irreversible=True, quality_layers=[20])
    yield "codestream", encoded(picture(), "JPEG2000", no_jp2=True)


def exifs():
    for orientation in (1, 6, 9):
        yield f"little-{orientation}", b"\0\0" + exif(orientation)
    big = b"MM\0\x2a\0\0\0\x08" + struct.pack(">H", 3) + b"".join(
        struct.pack(">HHII", tag, kind, count, value)
        for tag, kind, count, value in ((274, 3, 1, 8 << 16), (256, 4, 1, 640), (258, 3, 3, 50)))
    yield "big", b"\x06\0" + b"Exif\0\0" + big + struct.pack(">I", 0) + struct.pack(">HHH", 8, 8, 8)


# --- texts ---

CARD = {
    "name": "m", "task": "image_embedding", "file": "model.onnx", "sha256": "0" * 64,
    "license": "MIT", "source": "made", "input": {"name": "x", "layout": "nchw", "dtype": "f32"},
    "preprocess": {"resize": {"mode": "shortest_edge", "size": 256, "filter": "bicubic"},
                   "crop": [224, 224], "crop_rounding": "half_even", "pad": None, "color": "rgb",
                   "scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "output": {"name": "y", "pool": "avg", "dim": 1280, "normalize": True},
}


def cards():
    yield "whole", json.dumps(CARD, indent=1).encode()
    other = json.loads(json.dumps(CARD))
    other["preprocess"]["resize"] = {"mode": "longest_edge", "size": [64, 32], "filter": "lanczos"}
    other["preprocess"]["pad"] = [1, 2, 3]
    other["bf16"] = {"worst_cosine": 0.9991, "mean_cosine": 1.0, "pictures": 64}
    yield "padded", json.dumps(other).encode()


def configs():
    three = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    yield "clip", json.dumps({
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": 224},
        "resample": 3, "do_center_crop": True, "crop_size": {"height": 224, "width": 224},
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "do_convert_rgb": True, **three}).encode()
    yield "vit", json.dumps({"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": 2,
                             "do_normalize": True, **three}).encode()
    yield "convnext", json.dumps({"image_processor_type": "ConvNextImageProcessor",
                                  "size": {"shortest_edge": 224}, "crop_pct": 0.875, **three}).encode()
    yield "timm", json.dumps({
        "architecture": "resnet50", "num_features": 2048, "license": "apache-2.0",
        "pretrained_cfg": {"input_size": [3, 224, 224], "interpolation": "bicubic", "crop_pct": 0.95,
                           "crop_mode": "center", "mean": [0.485, 0.456, 0.406],
                           "std": [0.229, 0.224, 0.225]}}).encode()
    yield "card", json.dumps(CARD).encode()


def jsons():
    yield "all", rb'{"a": [1, -2.5e3, true, false, null, "\u00e9\ud83d\ude00\n"], "b": {"c": []}, "": 0}'
    yield "deep", b"[" * 31 + b"1e-320" + b"]" * 31
    yield "numbers", b"[9223372036854775807, -9223372036854775808, 1e308, 0.1, 123456789012345678]"


def scans():
    yield "row", (b'{"row": 0, "source": "a/\\udc80\\u00e9b.jpg", "status": "ok", "code": null, '
                  b'"message": null, "width": 640, "height": 480}')
    yield "members", (b' {"row":-12,"source":"s.tar/k.jpg","status":"error","code":"corrupt",'
                      b'"message":"x \\"y\\"","width":null,"members":{"json":"{}","b":{"base64":"AA=="}}}')


def lists():
    yield "lines", b"a.jpg\nfolder/b.png\r\n\n*.tar\n" + b"x" * 5000 + b"\nlast"
    yield "nul", b"a.jpg\0b c.png\0\0\xff.jpg\0"


def pipelines():
    texts = {
        "map": "pipe.input('a', 'b').map('a', 'c', ops.utils.np_normalize(axis=0)).output('c', 'b')",
        "embed": "pipe.input('p').map('p', 'v', ops.image_embedding.timm('null:4', fast=True,\n"
                 "    normalize=True, batch=2)).output('p', 'v')",
        "branches": "# shared\np = pipe.input('a', 'b')\n"
                    "q = p.map('a', 'x', ops.image_decode.cv2('rgb'))\n"
                    "r = p.flat_map('b', 'y', ops.image_crop(clamp=True))\n"
                    "q.concat(r).output('x', 'y')",
        "windows": "pipe.input('a', 'b', 'c', 'd').flat_map('d', 'e', ops.image_crop())"
                   ".window('e', 'f', 2, 1, ops.utils.np_normalize())"
                   ".window_all(('e', 'f'), 'g', ops.towhee.np_normalize(axis=-1))"
                   ".filter('e', 'h', 'e', ops.image_decode())"
                   ".time_window('e', 'i', 'a', 5, 3, ops.image_resize(8, 8)).output('g', 'h', 'i')",
        "literals": "pipe.input('a').map(('a',), 'b', ops.image_resize(width=0x1F, height=1_0, "
                    "filter=\"bi\\x63ubic\", fast=not_a_name, mode='''RGB''', crop=-1.5e2, exif=None))"
                    ".output('b')",
        "files": "pipe.input('a').flat_map('a', ('s', 'p', 'i'), ops.read_dir(files_from='x'))"
                 ".map(('i', 'p'), 'n', ops.write_npy('o.npy', model='null:4')).output('n')",
    }
    for name, text in texts.items():
        yield name, text.encode()


def operators():
    random_bytes = random.Random(6)
    for operator in range(14):
        yield f"{operator:02}", bytes((operator, operator % 3, operator % 4)) + random_bytes.randbytes(90)


# --- files ---


def tars():
    files = {"a/1.jpg": jpeg(), "a/1.json": b'{"x": 1}', "a/1.seg.txt": b"t", "./2.png": b"p" * 700,
             ".hidden.jpg": b"h", "noext": b"n", "3.jpg": b""}
    for index, (name, kind) in enumerate((("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT),
                                          ("pax", tarfile.PAX_FORMAT))):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
            for member, data in files.items():
                # A name that is too long for the header is kept in each format's own way.
                long = kind != tarfile.USTAR_FORMAT and member == "3.jpg"
                info = tarfile.TarInfo("long-é/" * 20 + member if long else member)
                info.size, info.mtime = len(data), 1_600_000_000 + index
                tar.addfile(info, io.BytesIO(data))
            link = tarfile.TarInfo("4.jpg")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
            tar.addfile(link)
        data = out.getvalue().rstrip(b"\0") + bytes(1024)
        yield name, b"\0" + data
        if name == "ustar":
            yield "gzip", b"\x01" + gzip.compress(data, mtime=0)
            yield "bzip2", b"\x02" + bz2.compress(data)
            yield "xz", b"\x03" + lzma.compress(data)


def jpeg():
    return encoded(picture(size=(8, 8)), "JPEG", quality=20)


def onnxs():
    weight = TensorProto(name="w", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", "16")):
        weight.external_data.add(key=key, value=value)
    x, y = (helper.make_tensor_value_info(n, 1, [1, 4]) for n in "xy")
    inner = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "inner", [], [y], [weight])
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    graph = helper.make_graph([node], "g", [x], [y], [weight])
    yield "external", helper.make_model(graph).SerializeToString()
    own = helper.make_tensor("w", 1, [4], [1.0, 2.0, 3.0, 4.0])
    plain = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [own])
    yield "plain", helper.make_model(plain).SerializeToString()
    outside = TensorProto.FromString(weight.SerializeToString())
    outside.external_data[0].value = "../w.bin"
    yield "outside", helper.make_model(helper.make_graph([], "g", [], [], [outside])).SerializeToString()


def compileds():
    identity, blob = b"identity", b"blob" * 40
    footer = b"PLOBLOB1" + struct.pack("<QQQQQ", len(blob), len(identity), 0, 0, 0)
    yield "fits", b"\x07" + blob + identity + footer
    yield "wrong-sum", b"\x06" + blob + identity + footer
    yield "stale", b"\x07" + blob + b"another identity" + footer.replace(struct.pack("<Q", 8), struct.pack("<Q", 16), 1)


class Stores:
    """Small stores that pipilo itself made: of five pictures, one of them bad."""

    def __init__(self, program):
        self.program, self.folder = program, pathlib.Path(tempfile.mkdtemp())
        for i in range(4):
            (self.folder / f"{i}.jpg").write_bytes(
                encoded(picture(size=(9 + i, 8)).rotate(90 * i), "JPEG", quality=30))
        (self.folder / "4.jpg").write_bytes(b"no picture")

    def run(self, *words):
        done = subprocess.run([self.program, *words], cwd=self.folder, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(done.stderr)

    def embed(self, out, *words):
        pictures = [f"{i}.jpg" for i in range(5)]
        self.run("embed", *pictures, "-m", "null:4", "-o", out, "--force", *words)

    def npys(self):
        for name, words in (("f32", []), ("f16", ["--dtype", "f16"])):
            self.embed("s.npy", *words)
            yield name, b"%%\n".join((self.folder / f"s.{end}").read_bytes()
                                     for end in ("npy", "jsonl", "meta.json"))

    def sqlites(self):
        for name, words in (("f32", []), ("f16", ["--dtype", "f16", "--thumbnails"])):
            self.embed("s.db", *words)
            with sqlite3.connect(self.folder / "s.db") as db:
                db.execute("PRAGMA page_size=512")
                db.execute("VACUUM")
            yield name, (self.folder / "s.db").read_bytes()

    def index_parts(self):
        self.embed("s.npy")
        self.run("index", "s.npy")
        data = (self.folder / "s.npy.index").read_bytes()
        # The header of search/index.c: magic, store (rows, dim, ...), sizes (count, rows, graph).
        rows, dim = struct.unpack_from("<QQ", data, 16)
        count, with_vector, graph = struct.unpack_from("<QQQ", data, 16 + 48 + 64)
        assert (dim, with_vector) == (4, 4) and rows == 5
        return data, rows, dim, count, graph

    def indexes(self):
        data, rows, dim, count, _ = self.index_parts()
        yield "body", bytes((0, count - 1, 4 - count, dim - 1, rows)) + data[4096:]
        yield "whole", b"w" + data[:4096] + data[4096:]

    def graphs(self):
        data, _, dim, count, graph = self.index_parts()
        yield "small", bytes((count - 1, dim - 1)) + data[4096:4096 + count * dim * 2] + data[-graph:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pipilo", type=pathlib.Path)
    parser.add_argument("--anew", action="store_true", help="replace the seeds that are there")
    options = parser.parse_args()
    stores = Stores(options.pipilo.resolve())
    makers = {
        "jpeg": jpegs, "png": pngs, "webp": webps, "bmp": bmps, "gif": gifs, "tiff": tiffs,
        "heif": heifs, "jxl": jxls, "jp2": jp2s, "exif": exifs, "card": cards, "config": configs,
        "json": jsons, "scan": scans, "list": lists, "pipeline": pipelines, "operators": operators,
        "tar": tars, "onnx": onnxs, "compiled": compileds, "npy": stores.npys,
        "sqlite": stores.sqlites, "index": stores.indexes, "graph": stores.graphs,
    }
    for target, maker in makers.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in maker():
            path = folder / f"seed-{name}"
            if options.anew or not path.exists():
                path.write_bytes(data)
    shutil.rmtree(stores.folder)
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files)} bytes in {CORPUS}")


if __name__ == "__main__":
    main()
