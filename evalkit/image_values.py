"""What a row gives for its images to Images: files, addresses, data: URLs, base64 text, bytes, and lists of those."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from evalkit.content_parts import change_images
from evalkit.errors import DatasetError
from evalkit.image_shelf import ImageShelf
from evalkit.images import ImageError
from evalkit.records import Image, Json

__all__ = ["MOST_IMAGES", "ImageReader"]

MOST_IMAGES = 32
"""Images of one sample at most."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SECRET = re.compile(r"//[^/?#\s]*@")
_BASE64_STARTS = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR")
_SHORTEST_BASE64 = 40
_NO_IMAGE = {"bytes": None, "path": None}
_LONGEST_SHOWN = 80


class ImageReader:
    """Reads the images of a dataset, row by row, onto its shelf.

    What is wrong with an image is noted in `faults`, so that all rows can be read before the dataset is refused.
    """

    def __init__(self, shelf: ImageShelf, folder: Path) -> None:
        """Let relative paths start at `folder`, where a row does not know its own."""
        self.faults: list[str] = []
        self._shelf = shelf
        self._folder = folder
        self._stands_for: dict[str | bytes, str] = {}

    def read(self, value: Json, folder: Path | None) -> tuple[Image, ...]:
        """Return the images that a column gives; None and empty text give none."""
        found = [image for item in _flat(value) if (image := self._attempt(item, folder)) is not None]
        if len(found) > MOST_IMAGES:
            self.faults.append(f"gives {len(found)} images; a sample takes at most {MOST_IMAGES}")
        return tuple(found[:MOST_IMAGES])

    def read_parts(self, content: Json, folder: Path | None) -> Json:
        """Return a message's content with every image in it by reference or address."""
        return (
            change_images(content, lambda url: self._reference(url, folder)) if isinstance(content, list) else content
        )

    def without_bytes(self, value: Json) -> Json:
        """Return a row's value with references in place of the images read from it, and digests of other bytes."""
        if isinstance(value, str):
            return self._stands_for.get(value, value) if self._stands_for else value
        if isinstance(value, bytes):
            return self._stands_for.get(value) or f"sha256:{hashlib.sha256(value).hexdigest()}"
        if isinstance(value, list):
            return [self.without_bytes(item) for item in cast("list[Json]", value)]
        if isinstance(value, Mapping):
            return {key: self.without_bytes(item) for key, item in cast("Mapping[str, Json]", value).items()}
        return value

    def next_row(self) -> None:
        """Forget what the last row's values stand for, and its faults."""
        self._stands_for.clear()
        self.faults.clear()

    @property
    def has_read(self) -> bool:
        """Whether the row's values hold images that must not stay in it."""
        return bool(self._stands_for)

    def _reference(self, url: str, folder: Path | None) -> str:
        image = self._attempt(url, folder)
        return url if image is None else image.reference

    def _attempt(self, item: Json, folder: Path | None) -> Image | None:
        try:
            return self._image(item, self._folder if folder is None else folder)
        except (ImageError, DatasetError) as error:
            self.faults.append(f"the image{_shown(item)} {error}")
        except OSError as error:
            self.faults.append(f"the image{_shown(item)} cannot be read: {error.strerror or error}")
        return None

    def _image(self, item: Json, folder: Path) -> Image:
        if isinstance(item, str):
            return self._of_text(item, folder)
        if isinstance(item, bytes):
            return self._keep(item, item, "")
        if isinstance(item, Mapping):
            part = cast("Mapping[str, Json]", item)
            data, path = part.get("bytes"), part.get("path")
            if isinstance(data, bytes):
                return self._keep(data, data, Path(path).name if isinstance(path, str) else "")
            if data is None and isinstance(path, str):
                return self._of_text(path, folder)
        raise DatasetError("must be a path, an address, a data: URL, bytes or {bytes, path}")

    def _of_text(self, text: str, folder: Path) -> Image:
        if text[:5].lower() == "data:":
            return self._keep(_decode_url(text), text, "")
        if text.startswith(_BASE64_STARTS) and len(text) >= _SHORTEST_BASE64 and "." not in text:
            return self._keep(_decode_base64(text), text, "")
        scheme = _ADDRESS.match(text)
        if scheme is None:
            return self._shelf.add_file(_inside(text, folder), text)
        if scheme[0].lower() == "file://":
            return self._shelf.add_file(Path(unquote(text[len("file://") :])), Path(text).name)
        return Image(_checked_address(text), name=_name_in(text))

    def _keep(self, data: bytes, given: str | bytes, name: str) -> Image:
        image = self._shelf.add_bytes(data, name)
        self._stands_for[given] = image.reference
        return image


def _flat(value: Json) -> list[Json]:
    if value is None or value in ("", _NO_IMAGE):
        return []
    if isinstance(value, (bytearray, memoryview)):
        return [bytes(cast("bytearray", value))]
    if isinstance(value, (list, tuple)):
        return [each for item in cast("list[Json]", value) for each in _flat(item)]
    return [value]


def _inside(text: str, folder: Path) -> Path:
    """Return the file that a row names: relative to its data, and never outside of that unless it is absolute."""
    path = Path(text)
    if not path.is_absolute():
        try:
            path = (folder / path).resolve()
        except (OSError, RuntimeError):
            raise DatasetError(f"cannot be followed: {text} is a link that leads back to itself") from None
        if not path.is_relative_to(folder.resolve()):
            raise DatasetError(f"lies outside {folder.absolute()}; write an absolute path if it is meant")
    if not path.is_file():
        raise DatasetError("is a folder" if path.is_dir() else f"is not there: no file {path}")
    return path


def _checked_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        raise DatasetError("is no valid address") from None
    if parts.scheme.lower() not in {"http", "https"}:
        raise DatasetError(f"is at {parts.scheme}://, which no model reads; give http, https, a file or bytes")
    if not host or re.search(r"[\s\x00-\x1f]", text):
        raise DatasetError("is no valid address")
    if parts.username is not None:
        raise DatasetError("has a user or password in its address, which would stand in every file of the run")
    return text


def _name_in(address: str) -> str:
    return unquote(urlsplit(address).path.rsplit("/", 1)[-1])


def _decode_url(text: str) -> bytes:
    head, comma, data = text.partition(",")
    if not comma:
        raise DatasetError("is a data: URL without a comma before its data")
    return _decode_base64(unquote(data)) if head.lower().endswith(";base64") else unquote_to_bytes(data)


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DatasetError(f"is not base64: {error}") from None


def _shown(item: Json) -> str:
    """Return how a message names an image: its path or address, never its data or a password."""
    if isinstance(item, Mapping):
        item = cast("Mapping[str, Json]", item).get("path")
    if not isinstance(item, str) or item[:5].lower() == "data:" or item.startswith(_BASE64_STARTS):
        return ""
    return f" {_SECRET.sub('//', item)[:_LONGEST_SHOWN]!r}"
