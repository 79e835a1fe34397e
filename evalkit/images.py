"""What bytes say of themselves as an image: its kind, by its first bytes and never by a name, and its size in pixels.

Nothing is decompressed: headers are read, and the marks that an image cut off on its way lacks.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["KINDS", "ImageError", "ImageHeader", "read_header"]

KINDS = "PNG, JPEG, WebP or GIF"
"""What models take, in words."""

_PNG = b"\x89PNG\r\n\x1a\n"
_CUT_OFF = "is cut off: its end is missing"
_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_SCAN, _JPEG_MARK = 0xDA, 0xFF
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"msf1"})


class ImageError(ValueError):
    """Bytes that are no image a model takes; the message reads on from "the image"."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The kind of an image, as in image/<kind>, and its size in pixels."""

    kind: str
    width: int
    height: int


def read_header(data: bytes) -> ImageHeader:
    """Return kind and size of an image.

    Raises:
        ImageError: it is of no kind that models take, or is broken or cut off.
    """
    kind = _kind(data)
    try:
        width, height = _SIZES[kind](data)
    except (struct.error, IndexError):
        raise ImageError("is cut off in its header") from None
    if not (width and height):
        raise ImageError(f"is broken: its header says {width} x {height} pixels")
    return ImageHeader(kind, width, height)


def _kind(data: bytes) -> str:
    if data.startswith(_PNG):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:6] in {b"GIF87a", b"GIF89a"}:
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    raise ImageError(f"is {_other(data)}; models take {KINDS}")


def _other(data: bytes) -> str:
    """Name what a file is instead, where its first bytes tell."""
    if not data:
        return "empty"
    known = {b"BM": "a BMP", b"II*\0": "a TIFF", b"MM\0*": "a TIFF", b"%PDF": "a PDF", b"\0\0\1\0": "an icon"}
    for start, name in known.items():
        if data.startswith(start):
            return name
    if data[4:8] == b"ftyp":
        return "a HEIC" if data[8:12] in _HEIC_BRANDS else "an AVIF" if data[8:12] == b"avif" else "a video"
    start = data[:256].lstrip().lower()
    if start.startswith((b"<svg", b"<?xml")):
        return "an SVG"
    return "a web page" if start.startswith((b"<!doctype html", b"<html")) else "no image by its first bytes"


def _png_size(data: bytes) -> tuple[int, int]:
    place = len(_PNG)
    if data[place + 4 : place + 8] != b"IHDR":
        raise ImageError("is a broken PNG: it does not begin with its header")
    width, height = struct.unpack_from(">II", data, place + 8)
    while place + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        place += 12 + length
        if name == b"IEND":
            return width, height
    raise ImageError(_CUT_OFF)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    place, size = 2, None
    while True:
        if data[place] != _JPEG_MARK:
            raise ImageError("is a broken JPEG: a marker is missing")
        marker = data[place + 1]
        place += 1 if marker == _JPEG_MARK else 2  # a marker may be padded with more 0xFF
        if marker == _JPEG_MARK or marker in _JPEG_BARE:
            continue
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, place + 3)
            size = (width, height)
        if marker == _JPEG_SCAN:
            break
        place += struct.unpack_from(">H", data, place)[0]
    if size is None:
        raise ImageError("is a broken JPEG: its size is missing")
    if data.rfind(b"\xff\xd9") < place:
        raise ImageError(_CUT_OFF)
    return size


def _gif_size(data: bytes) -> tuple[int, int]:
    size: tuple[int, int] = struct.unpack_from("<HH", data, 6)
    if not data.rstrip(b"\0").endswith(b";"):
        raise ImageError(_CUT_OFF)
    return size


def _webp_size(data: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise ImageError(_CUT_OFF)
    form = data[12:16]
    if form == b"VP8X":
        wide, high = data[24:27], data[27:30]
        return int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
    if form == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ImageError("is a broken WebP: it does not begin with its header")


_SIZES: dict[str, Callable[[bytes], tuple[int, int]]] = {
    "png": _png_size,
    "jpeg": _jpeg_size,
    "gif": _gif_size,
    "webp": _webp_size,
}
