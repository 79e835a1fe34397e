"""Images as people see them: small ones inside the page, the others as a line of facts; nothing is ever fetched."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import cast

from evalkit.content_parts import change_images, images_in
from evalkit.image_references import describe_image, image_kind
from evalkit.image_store import ImageStore
from evalkit.records import Image, Json, Message, Sample

__all__ = ["Thumbnails", "content_text", "sample_images"]

_LARGEST_INLINE = 16_000
_INLINE_BYTES = 60_000
_INLINE_BYTES_A_ROW = 150


class Thumbnails:
    """Puts small images into a page, within a budget that grows with its rows."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._left = _INLINE_BYTES

    def describe(self, sample: Sample) -> list[dict[str, Json]]:
        """Return name, facts and, where it fits, the source of each image of the next row."""
        self._left += _INLINE_BYTES_A_ROW
        return [self._describe(image) for image in sample_images(sample)]

    def _describe(self, image: Image) -> dict[str, Json]:
        told = {"name": image.name, "facts": describe_image(image)}
        source = self._source(image)
        return told if source is None else {**told, "source": source}

    def _source(self, image: Image) -> str | None:
        kind = image_kind(image.reference)
        if kind is None or image.size is None or image.size > min(_LARGEST_INLINE, self._left):
            return None
        data = self._store.find(image.reference)
        if data is None:
            return None
        self._left -= len(data)
        return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def sample_images(sample: Sample) -> tuple[Image, ...]:
    """Return the images of a sample, those inside its own messages last; of the latter only the content is known."""
    question: Json = sample.input
    turns = sample.messages if sample.messages is not None else (Message("user", question),)
    known = {image.reference for image in sample.images}
    return (*sample.images, *(Image(url) for url in images_in(turns) if url not in known))


def content_text(content: Json, images: Iterable[Image] = ()) -> str | None:
    """Return a message's content as text: parts one below the other, with a line of facts for each image."""
    if content is None or isinstance(content, str):
        return content
    known = {image.reference: describe_image(image) for image in images}
    shown = change_images(content, lambda url: known.get(url) or describe_image(Image(url)))
    parts = cast("list[Json]", shown) if isinstance(shown, list) else []
    texts = [_part_text(part) for part in parts]
    if not texts or None in texts:
        return json.dumps(content, ensure_ascii=False, indent=2, default=dict)
    return "\n".join(text for text in texts if text is not None)


def _part_text(part: Json) -> str | None:
    """Return a part as text, None when it is no text and no image."""
    if not isinstance(part, Mapping):
        return None
    plain = cast("Mapping[str, Json]", part)
    if plain.get("type") == "text" and isinstance(plain.get("text"), str):
        return str(plain["text"])
    shown = next(images_in((Message("user", [plain]),)), None)
    return None if shown is None else f"[image {shown}]"
