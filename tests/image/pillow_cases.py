#!/usr/bin/python3
"""What Pillow makes of pictures, as records for test_pillow.c: pillow_cases.py OUT [--many SEED].

A record: eight little-endian 32-bit numbers (kind, w, h, channels, filter, w2, h2, expected_n), then for kind DECODE the file
(w bytes of it), then expected_n bytes. Source pictures of the resize records are made by noise() on both sides.
"""
import io
import pathlib
import random
import struct
import sys
import zlib

from PIL import Image, ImageOps

RESIZE, DECODE, FIT, GREY = 1, 2, 3, 4
FILTERS = [Image.NEAREST, Image.BOX, Image.BILINEAR, Image.HAMMING, Image.BICUBIC, Image.LANCZOS]
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
VIEW_NATIVE, VIEW_RGB8, VIEW_GREY16 = 0, 1, 2


def noise(n, seed=1):
    """Bytes of a linear congruential generator, with runs of black and white in them."""
    out, x = bytearray(), seed
    while len(out) < n:
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        out += bytes([0 if x >> 29 == 0 else 255 if x >> 29 == 1 else (x >> 16) & 255])
    return bytes(out)


def record(out, kind, w, h, channels, filt, w2, h2, expected, data=b""):
    out.write(struct.pack("<8I", kind, w, h, channels, filt, w2, h2, len(expected)) + data + expected)


def resize(out, w, h, c, f, w2, h2):
    im = Image.frombytes(MODES[c], (w, h), noise(w * h * c))
    record(out, RESIZE, w, h, c, f, w2, h2, im.resize((w2, h2), FILTERS[f]).tobytes())


def fit(out, w, h, c, f, w2, h2):
    im = Image.frombytes(MODES[c], (w, h), noise(w * h * c)).convert("RGB")
    record(out, FIT, w, h, c, f, w2, h2, ImageOps.fit(im, (w2, h2), FILTERS[f]).tobytes())


def grey(out, w, h, c):
    im = Image.frombytes(MODES[c], (w, h), noise(w * h * c))
    record(out, GREY, w, h, c, 0, w, h, im.convert("L").tobytes())


# --- PNG of every kind: Pillow writes few of them ---------------------------------------------------------------------

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_row(samples, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    out, acc, bits = bytearray(), 0, 0
    for s in samples:
        acc, bits = acc << depth | s, bits + depth
        if bits == 8:
            out.append(acc)
            acc = bits = 0
    if bits:
        out.append(acc << (8 - bits))
    return bytes(out)


def filtered(row, before, kind, bpp):
    out = bytearray([kind])
    for i, v in enumerate(row):
        a, b = (row[i - bpp] if i >= bpp else 0), (before[i] if before else 0)
        c = before[i - bpp] if before and i >= bpp else 0
        p = a + b - c
        paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        out.append((v - [0, a, b, (a + b) // 2, paeth][kind]) & 255)
    return bytes(out)


def png(w, h, depth, colour, interlaced=False, trns=None, palette_n=None, extra=b"", seed=7):
    n = CHANNELS[colour]
    raw, top = noise(w * h * n * 2, seed), (1 << depth) - 1
    values = [(raw[2 * i] << 8 | raw[2 * i + 1]) & top for i in range(w * h * n)]
    if colour == 3:
        values = [v % palette_n for v in values]
    bpp = max(1, n * depth // 8)
    lines = bytearray()
    for x0, y0, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        before = None
        if x0 >= w:
            continue
        for y in range(y0, h, dy):
            samples = [values[(y * w + x) * n + k] for x in range(x0, w, dx) for k in range(n)]
            row = pack_row(samples, depth)
            lines += filtered(row, before, y % 5, bpp)
            before = row
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced)))
    if colour == 3:
        out += chunk(b"PLTE", noise(3 * palette_n, seed + 1))
    if trns:
        out += chunk(b"tRNS", trns)
    return out + extra + chunk(b"IDAT", zlib.compress(bytes(lines), 9)) + chunk(b"IEND", b"")


def expected_of(data):
    """(view, channels, bytes): what clinic's decoder, seen so, has to give."""
    im = Image.open(io.BytesIO(data))
    im.load()
    if im.mode == "I":
        return VIEW_GREY16, 1, b"".join(struct.pack("<H", v) for v in im.getdata())
    if im.mode == "1":
        im = im.convert("L")
    depth16 = data[:4] == b"\x89PNG" and data[24] == 16
    alpha = "transparency" in im.info
    if im.mode in ("L", "LA", "RGB", "RGBA") and not depth16 and not alpha:
        return VIEW_NATIVE, {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[im.mode], im.tobytes()
    if alpha and im.mode in ("P", "RGB") and not depth16:
        return VIEW_NATIVE, 4, im.convert("RGBA").tobytes()
    if im.mode == "P":
        return VIEW_NATIVE, 3, im.convert("RGB").tobytes()
    return VIEW_RGB8, 3, im.convert("RGB").tobytes()


def decode(out, data):
    im = Image.open(io.BytesIO(data))
    view, channels, expected = expected_of(data)
    record(out, DECODE, len(data), im.size[0], channels, view, im.size[0], im.size[1], expected, data)


def all_png(out):
    sizes = [(13, 9), (1, 1), (3, 17)]
    for i, (colour, depth) in enumerate([(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (4, 8), (4, 16), (6, 8), (6, 16)]):
        for interlaced in (False, True):
            w, h = sizes[0] if not interlaced else sizes[i % 3]
            decode(out, png(w, h, depth, colour, interlaced))
    for depth, n in ((1, 2), (2, 4), (4, 13), (8, 200)):
        for interlaced in (False, True):
            decode(out, png(13, 9, depth, 3, interlaced, palette_n=n))
            decode(out, png(13, 9, depth, 3, interlaced, palette_n=n, trns=noise(n // 2 + 1, 3)))
    decode(out, png(9, 7, 8, 2, trns=struct.pack(">3H", 0, 255, 7)))
    decode(out, png(9, 7, 8, 0, trns=struct.pack(">H", 255)))
    decode(out, png(9, 7, 16, 2, trns=struct.pack(">3H", 1, 2, 3)))
    decode(out, png(5, 4, 8, 0, extra=chunk(b"tEXt", b"Comment\0hello")))


# --- JPEG of every kind ----------------------------------------------------------------------------------------------

def smooth(mode, w, h):
    bands = len(mode)
    return Image.frombytes(mode, (5, 4), noise(20 * bands)).resize((w, h), Image.BICUBIC)


def jpeg(mode, w, h, **options):
    out = io.BytesIO()
    smooth(mode, w, h).save(out, "JPEG", **options)
    return out.getvalue()


def adobe(data, transform):
    """The same coefficients under another Adobe colour transform."""
    at = data.find(b"\xff\xee\x00\x0eAdobe")
    if at >= 0:
        return data[:at + 15] + bytes([transform]) + data[at + 16:]
    jfif = 4 + int.from_bytes(data[4:6], "big")  # an Adobe segment in place of the JFIF one, which would win
    return data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform]) + data[jfif:]


def all_jpeg(out):
    decode(out, jpeg("L", 37, 21, quality=70))
    decode(out, jpeg("L", 1, 1))
    decode(out, jpeg("L", 37, 21, progressive=True))
    for subsampling in (0, 1, 2):
        decode(out, jpeg("RGB", 45, 33, quality=60, subsampling=subsampling))
        decode(out, jpeg("RGB", 31, 17, quality=90, subsampling=subsampling, progressive=True, optimize=True))
    decode(out, adobe(jpeg("RGB", 24, 20, quality=80, subsampling=0), 0))
    decode(out, jpeg("CMYK", 29, 18, quality=75))
    decode(out, jpeg("CMYK", 29, 18, quality=75, progressive=True))
    decode(out, adobe(jpeg("CMYK", 29, 18, quality=75), 2))
    exif = Image.Exif()
    exif[0x0112] = 6
    decode(out, jpeg("RGB", 16, 8, exif=exif.tobytes()))
    for path in sorted((pathlib.Path(__file__).parent.parent / "golden" / "image").glob("*.jpg")):
        decode(out, path.read_bytes())  # arithmetic coding, which Pillow does not write


def main():
    with open(sys.argv[1], "wb") as out:
        all_png(out)
        all_jpeg(out)
        for c in (1, 2, 3, 4):
            grey(out, 17, 16, c)
        if len(sys.argv) > 2:
            many(out, random.Random(int(sys.argv[3])))
            return
        for f in range(6):
            for c, w, h, w2, h2 in ((1, 61, 43, 16, 16), (3, 61, 43, 17, 11), (1, 7, 5, 23, 19), (3, 7, 5, 22, 9), (4, 31, 9, 8, 8),
                                    (2, 31, 9, 8, 12), (1, 40, 30, 40, 9), (3, 40, 9, 11, 9), (1, 1, 1, 5, 3), (3, 300, 2, 3, 1)):
                resize(out, w, h, c, f, w2, h2)
            fit(out, 50, 31, 3, f, 12, 12)
            fit(out, 31, 50, 1, f, 12, 9)


def many(out, rng):
    for _ in range(600):
        w, h, w2, h2 = (rng.choice((rng.randint(1, 12), rng.randint(1, 90), rng.randint(1, 400))) for _ in range(4))
        kind = fit if rng.random() < 0.25 else resize
        kind(out, w, h, rng.choice((1, 2, 3, 4)), rng.randrange(6), w2, h2)
    resize(out, 3000, 25, 1, 2, 224, 24)
    resize(out, 1500, 1250, 3, 2, 224, 224)
    resize(out, 1857, 1317, 1, 2, 224, 224)


main()
