"""Images for tests, made of bytes here: whole ones of every kind that models take."""

import base64
import struct
import zlib

__all__ = ["BROKEN", "KINDS", "data_url", "gif", "jpeg", "png", "webp"]


def png(width: int = 3, height: int = 2, grey: int = 128) -> bytes:
    """Return a grey PNG that any viewer shows."""
    lines = (b"\0" + bytes([grey]) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def jpeg(width: int = 3, height: int = 2, *, frame: int = 0xC0) -> bytes:
    """Return the marks of a JPEG around an empty scan."""
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"\xff\xc0ab"  # a size mark inside a comment is none
    size = b"\xff" + bytes([frame]) + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + comment + b"\xff" + size + b"\xff\xda" + struct.pack(">H", 8) + b"\1\1\0\0\x3f\0" + b"\xff\xd9"


def gif(width: int = 3, height: int = 2, *, version: bytes = b"89a") -> bytes:
    """Return a GIF of one black pixel on a screen of the given size."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    pixel = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    return b"GIF" + version + screen + pixel + b";"


def webp(width: int = 3, height: int = 2, *, form: bytes = b"VP8 ") -> bytes:
    """Return the head of a WebP of each of its three forms."""
    if form == b"VP8X":
        inner = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif form == b"VP8L":
        inner = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:
        inner = b"\x30\1\0\x9d\1\x2a" + struct.pack("<HH", width, height)
    body = b"WEBP" + form + struct.pack("<I", len(inner)) + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def data_url(data: bytes, media_type: str = "image/png") -> str:
    """Return the bytes as a data: URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


KINDS = {"png": png(), "jpeg": jpeg(), "gif": gif(), "webp": webp()}
BROKEN = {
    "empty": (b"", "is empty"),
    "text": (b"hello", "is no image by its first bytes"),
    "a web page": (b"\n<!DOCTYPE html><html>", "is a web page"),
    "svg": (b"<svg xmlns='x'/>", "is an SVG"),
    "bmp": (b"BM" + bytes(60), "is a BMP"),
    "pdf": (b"%PDF-1.7", "is a PDF"),
    "heic": (b"\0\0\0\x18ftypheic", "is a HEIC"),
    "png without pixels": (png(0, 2), "is broken: its header says 0 x 2 pixels"),
    "png cut in its header": (png()[:20], "is cut off in its header"),
    "png cut in its data": (png()[:-6], "is cut off: its end is missing"),
    "png with another start": (b"\x89PNG\r\n\x1a\n" + png()[33:], "is a broken PNG"),
    "jpeg cut": (jpeg()[:-2], "is cut off: its end is missing"),
    "jpeg cut in its header": (jpeg()[:9], "is cut off in its header"),
    "jpeg without a mark": (b"\xff\xd8\xff\xe0\0\2\0\0\0\0", "is a broken JPEG: a marker is missing"),
    "gif cut": (gif()[:-1], "is cut off: its end is missing"),
    "webp cut": (webp()[:-2], "is cut off: its end is missing"),
    "webp of no form": (webp().replace(b"VP8 ", b"VP9 "), "is a broken WebP"),
}
"""Bytes that are no image a model takes, and how the message about each begins."""
