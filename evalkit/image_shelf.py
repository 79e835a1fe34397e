"""The images of one dataset while its rows are read: each known by its content, its bytes left where they are."""

import hashlib
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from evalkit.content_parts import images_of
from evalkit.errors import DatasetError
from evalkit.image_references import image_sha256, make_reference
from evalkit.images import ImageError, read_header
from evalkit.records import Image, Sample

__all__ = ["MOST_BYTES", "ImageCount", "ImageShelf"]

MOST_BYTES = 20_000_000
"""Bytes of one image at most; endpoints refuse larger ones."""


@dataclass(frozen=True, slots=True)
class ImageCount:
    """How many images samples show, how many of them by address, and how many distinct others with how many bytes."""

    shown: int
    addresses: int
    distinct: int
    bytes: int


class ImageShelf:
    """Images by reference. Bytes are never kept in memory.

    A file's bytes stay in the file; others go to a temporary file without a name, which is gone with this process,
    however it ends.
    """

    def __init__(self) -> None:
        self._places: dict[str, Path | tuple[int, int]] = {}
        self._files: dict[Path, Image] = {}
        self._aside: BinaryIO | None = None
        self._sizes: dict[str, int] = {}

    def count(self, samples: Iterable[Sample]) -> ImageCount:
        """Count the images of samples whose bytes are here."""
        shown = Counter(images_of(samples))
        kept = [reference for reference in shown if reference in self._sizes]
        addresses = shown.total() - sum(shown[reference] for reference in kept)
        return ImageCount(shown.total(), addresses, len(kept), sum(map(self.size_of, kept)))

    def size_of(self, reference: str) -> int:
        """Return the bytes that an image has."""
        return self._sizes[reference]

    def add_file(self, path: Path, name: str) -> Image:
        """Return the image in a file.

        Raises:
            ImageError: it is no image, or too large.
            OSError: it cannot be read.
        """
        if (known := self._files.get(path)) is not None:
            return known
        _check_size(path.stat().st_size)
        data = path.read_bytes()
        image = self._describe(data, name)
        self._places.setdefault(image.reference, path)
        self._sizes[image.reference] = len(data)
        self._files[path] = image
        return image

    def add_bytes(self, data: bytes, name: str) -> Image:
        """Return the image that `data` is, kept aside.

        Raises:
            ImageError: it is no image, or too large.
            OSError: there is no room to keep it aside.
        """
        image = self._describe(data, name)
        if image.reference not in self._places:
            self._places[image.reference] = self._put_aside(data)
            self._sizes[image.reference] = len(data)
        return image

    def read(self, reference: str) -> bytes:
        """Return the bytes of an image that was added.

        Raises:
            DatasetError: its file is gone, or holds something else by now.
        """
        place = self._places[reference]
        if isinstance(place, tuple):
            aside = cast("BinaryIO", self._aside)
            aside.seek(place[0])
            return aside.read(place[1])
        try:
            data = place.read_bytes()
        except OSError as error:
            raise DatasetError(f"{place}: cannot be read any more: {error.strerror or error}") from None
        if hashlib.sha256(data).hexdigest() != image_sha256(reference):
            raise DatasetError(f"{place}: the image changed since the dataset was read; run the same command again")
        return data

    def _describe(self, data: bytes, name: str) -> Image:
        _check_size(len(data))
        header = read_header(data)
        return Image(make_reference(data, header.kind), name, len(data), header.width, header.height)

    def _put_aside(self, data: bytes) -> tuple[int, int]:
        if self._aside is None:
            self._aside = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  closed with this object
            weakref.finalize(self, self._aside.close)
        start = self._aside.seek(0, 2)
        self._aside.write(data)
        return start, len(data)


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise ImageError(f"has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB are sent; make it smaller")
