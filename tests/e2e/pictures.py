"""Pictures nobody should send: made from their formats' definitions, byte by byte where a library would refuse to write them."""
import io
import struct
import zlib

import numpy
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, crc=None):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def header(width, height, bits=8, colour=0, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


def png(width, height, rows, bits=8, colour=0, extra=b"", **more):
    """rows: raw scan lines with their filter bytes, compressed here."""
    return SIGNATURE + header(width, height, bits, colour, **more) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def small_png():
    return png(16, 16, b"".join(b"\0" + bytes(range(r, r + 16)) for r in range(16)))


def noise(width, height, seed=1):
    return Image.fromarray(numpy.random.default_rng(seed).integers(0, 256, (height, width), dtype=numpy.uint8), "L")


def jpeg(picture=None, **options):
    out = io.BytesIO()
    (picture or noise(64, 64)).save(out, "JPEG", **({"quality": 85} | options))
    return out.getvalue()


def segments(data):
    """(marker, start, end) of each marker segment; entropy-coded data belongs to the SOS before it."""
    at = 2
    while at < len(data):
        marker, start = data[at + 1], at
        if marker == 0xD9:
            yield marker, start, at + 2
            return
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
        if marker == 0xDA:
            while not (data[at] == 0xFF and data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7):
                at += 1
        yield marker, start, at


def repeated_scan(scans, side=1024):
    """A progressive JPEG whose last refinement is repeated: each one makes a decoder walk over the whole picture."""
    data = jpeg(noise(side, side), progressive=True)
    _, start, end = [p for p in segments(data) if p[0] == 0xDA][-1]
    return data[:end] + data[start:end] * scans + b"\xff\xd9"


def many_scans(scans, width=16, height=16):
    """Colour, sequential, one scan a component, the second component's again and again: every scan is valid by itself."""
    data = jpeg(Image.new("L", (width, height), 99))
    parts = {marker: data[start:end] for marker, start, end in segments(data)}
    tables = b"".join(data[start:end] for marker, start, end in segments(data) if marker in (0xDB, 0xC4))
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"".join(bytes((c, 0x11, 0)) for c in (1, 2, 3))
    coded = parts[0xDA][10:]

    def scan(component):
        return b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, component, 0, 0, 63, 0) + coded

    return b"\xff\xd8" + tables + frame + scan(1) + scan(2) * (scans - 2) + scan(3) + b"\xff\xd9"


def with_size(data, width, height):
    """A JPEG that claims other dimensions."""
    _, start, _ = next(p for p in segments(data) if p[0] in (0xC0, 0xC2))
    return data[:start + 5] + struct.pack(">HH", height, width) + data[start + 9:]


def bad_pictures():
    """name -> (bytes, codes that fit)."""
    good_png, good_jpeg = small_png(), jpeg()
    large = noise(300, 200)
    buffer = io.BytesIO()
    large.save(buffer, "PNG")
    cut = buffer.getvalue()
    text_bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * (64 << 20), 9))
    many_chunks = chunk(b"tEXt", b"a\0b") * 200000
    return {
        # wrong content
        "words.png": (b"this is not a picture\n" * 10, {101}),
        "program.jpg": (b"\x7fELF" + b"\0" * 200, {101}),
        "gif.png": (b"GIF89a\x01\0\x01\0\0\0\0;", {101}),
        "page.jpeg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {101}),
        "archive.png": (b"PK\x03\x04" + b"\0" * 60, {101}),
        "one-byte.png": (b"\x89", {101}),
        # damaged
        "signature.png": (SIGNATURE, {103}),
        "magic.jpg": (b"\xff\xd8\xff", {103}),
        "half.png": (cut[:len(cut) // 2], {103}),
        "last-bytes.png": (cut[:-20], {103}),
        "half.jpg": (jpeg(large)[:4000], {103}),
        "no-end.jpg": (good_jpeg[:-2], {103}),
        "crc.png": (good_png.replace(b"IDAT", b"IDAT", 1)[:-20] + b"\0\0\0\0" + good_png[-16:], {103}),
        "zlib.png": (SIGNATURE + header(8, 8) + chunk(b"IDAT", b"\x78\x9c" + b"\xff" * 40) + chunk(b"IEND", b""), {103}),
        "no-data.png": (SIGNATURE + header(8, 8) + chunk(b"IEND", b""), {103}),
        "few-rows.png": (png(64, 64, b"\0" * 65), {103}),
        "no-palette.png": (png(8, 8, b"\0" * 72, colour=3), {103}),
        "bits.png": (png(8, 8, b"\0" * 72, bits=5), {103}),
        "colour.png": (png(8, 8, b"\0" * 72, colour=5), {103}),
        "interlace.png": (png(8, 8, b"\0" * 72, interlace=9), {103}),
        "no-header.png": (SIGNATURE + chunk(b"IDAT", zlib.compress(b"\0" * 72)) + chunk(b"IEND", b""), {103}),
        "long-chunk.png": (SIGNATURE + header(8, 8) + b"\x7f\xff\xff\xffIDAT" + b"\0" * 50, {103}),
        "no-tables.jpg": (b"\xff\xd8" + good_jpeg[[p for p in segments(good_jpeg) if p[0] == 0xC0][0][1]:], {103}),
        "claims-more.jpg": (with_size(good_jpeg, 2000, 2000), {103}),
        # beyond the limits
        "zero.png": (png(0, 8, b""), {103, 107}),
        "zero.jpg": (with_size(good_jpeg, 0, 8), {103, 107}),
        "bomb-26000.png": (SIGNATURE + header(26000, 26000, 1) + chunk(b"IDAT", zlib.compress(b"\0" * 26000 * 3251, 9)) +
                           chunk(b"IEND", b""), {107}),
        "wide.png": (png(8193, 1, b"\0" * 8194), {107}),
        "tall.png": (png(1, 8193, b"\0\0" * 8193), {107}),
        "area.png": (png(8000, 4001, b"\0" * 8001 * 10), {107}),
        "largest.png": (SIGNATURE + header(0x7fffffff, 0x7fffffff) + chunk(b"IEND", b""), {103, 107}),
        "bomb.jpg": (with_size(good_jpeg, 26000, 26000), {107}),
        "largest.jpg": (with_size(good_jpeg, 65535, 65535), {107}),
        "scans-3000.jpg": (many_scans(3000), {107}),
        "scans-65.jpg": (many_scans(65), {107}),
        "scans-repeated.jpg": (repeated_scan(500, 64), {103, 107}),
        "text-bomb.png": (png(8, 8, b"\0" * 72, extra=text_bomb), {103, 107, None}),
        "many-chunks.png": (png(8, 8, b"\0" * 72, extra=many_chunks), {103, 107, None}),
    }
