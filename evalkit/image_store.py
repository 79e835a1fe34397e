"""The images of a run, once each by their digest in its folder, and on their way into a request."""

import base64
import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evalkit.content_parts import change_images, images_of
from evalkit.errors import StoreError
from evalkit.image_references import file_of, image_kind, image_sha256
from evalkit.image_shelf import ImageShelf
from evalkit.records import Json, Sample

__all__ = ["ImageSender", "ImageStore"]

_MOST_CACHED_CHARS = 4_000_000


@dataclass(frozen=True, slots=True)
class ImageStore:
    """The folder `images` of a run: one file for each image, named by the SHA-256 of its bytes and its kind."""

    folder: Path

    def keep(self, samples: Iterable[Sample], shelf: ImageShelf) -> None:
        """Write every image of the samples that is not there yet.

        Raises:
            StoreError: the disk refuses.
            DatasetError: an image changed or went away since it was read.
        """
        for reference in dict.fromkeys(images_of(samples)):
            if (name := file_of(reference)) is not None and not self._has(name, shelf.size_of(reference)):
                self._write(name, shelf.read(reference))

    def take_over(self, other: "ImageStore") -> None:
        """Copy what another run's folder holds and this does not.

        Raises:
            StoreError: the disk refuses.
        """
        for file in sorted(other.folder.iterdir()) if other.folder.is_dir() else []:
            if file_of(f"image:{file.name}") is not None and not self._has(file.name, file.stat().st_size):
                self._write(file.name, file.read_bytes())

    def find(self, reference: str) -> bytes | None:
        """Return the bytes of an image, None where they are not to be had whole."""
        try:
            return self.read(reference)
        except StoreError:
            return None

    def read(self, reference: str) -> bytes:
        """Return the bytes of an image.

        Raises:
            StoreError: they are not there, or not what they were.
        """
        file = self.folder / (file_of(reference) or "")
        try:
            data = file.read_bytes()
        except OSError as error:
            raise StoreError(
                f"{file}: the image cannot be read ({error.strerror}); run the same command again"
            ) from None
        if hashlib.sha256(data).hexdigest() != image_sha256(reference):
            raise StoreError(f"{file}: the image is damaged; delete the file and run the same command again")
        return data

    def _has(self, name: str, size: int) -> bool:
        try:
            return (self.folder / name).stat().st_size == size
        except OSError:
            return False

    def _write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all; a reader checks its digest, so it need not be forced to the disk."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=self.folder, prefix=".part-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(beside).chmod(0o644)
                Path(beside).replace(self.folder / name)
            except BaseException:
                Path(beside).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise StoreError(f"{self.folder / name}: cannot be written ({error.strerror}); free some space") from None


class ImageSender:
    """Turns references into data: URLs as requests are made, the latest ones remembered within a bound."""

    def __init__(self, folder: Path | None, *, most_chars: int = _MOST_CACHED_CHARS) -> None:
        self._store = None if folder is None else ImageStore(folder)
        self._most_chars = most_chars
        self._chars = 0
        self._urls: OrderedDict[str, str] = OrderedDict()

    def fill(self, content: Json) -> Json:
        """Return a message's content as an endpoint takes it.

        Raises:
            StoreError: an image is not in the run folder.
        """
        return change_images(content, self._url) if isinstance(content, list) else content

    def _url(self, reference: str) -> str:
        kind = image_kind(reference)
        if kind is None:
            return reference
        if (known := self._urls.get(reference)) is not None:
            self._urls.move_to_end(reference)
            return known
        if self._store is None:
            raise StoreError("an image cannot be sent: its bytes are in a run folder, and none was given")
        url = f"data:image/{kind};base64,{base64.b64encode(self._store.read(reference)).decode('ascii')}"
        self._remember(reference, url)
        return url

    def _remember(self, reference: str, url: str) -> None:
        if len(url) > self._most_chars:
            return
        self._urls[reference] = url
        self._chars += len(url)
        while self._chars > self._most_chars:
            self._chars -= len(self._urls.popitem(last=False)[1])
