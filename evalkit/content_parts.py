"""Messages whose content is a list of parts, some of them images: placed, found and replaced."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

from evalkit.errors import ConfigError
from evalkit.records import Image, Json, Message, Sample

__all__ = ["PLACE", "change_images", "images_in", "images_of", "place_images"]

PLACE = "image"
"""The type of a part that stands where an image goes: {type: image}, with `detail` if wanted."""


def place_images(turns: Sequence[Message], images: Sequence[Image]) -> list[Message]:
    """Return the messages with the images in them: at their places, else before the text of the last user message.

    Each place takes the next image, the last place all that are left.

    Raises:
        ConfigError: there are fewer images than places, or no user message to put them in.
    """
    places = sum(_is_place(part) for turn in turns for part in _parts(turn.content))
    if len(images) < places:
        named = "a place for an image" if places == 1 else f"places for {places} images"
        raise ConfigError(f"the messages have {named}, and the sample has {len(images) or 'none'}")
    if not images:
        return list(turns)
    if places:
        takers = iter([*([image] for image in images[: places - 1]), list(images[places - 1 :])])
        return [_filled(turn, takers) for turn in turns]
    last = max((place for place, turn in enumerate(turns) if turn.role == "user"), default=None)
    if last is None:
        raise ConfigError("the sample has images, and there is no user message to put them in")
    content = turns[last].content
    text = _parts(content) if isinstance(content, list) else [{"type": "text", "text": content}]
    parts = [*(_image_part(image, None) for image in images), *text]
    return [*turns[:last], Message("user", parts), *turns[last + 1 :]]


def images_in(messages: Sequence[Message]) -> Iterator[str]:
    """Yield the address or reference of every image that messages send."""
    for message in messages:
        for part in _parts(message.content):
            if (url := _url(part)) is not None:
                yield url


def images_of(samples: Iterable[Sample]) -> Iterator[str]:
    """Yield the address or reference of every image that samples show, those inside their messages too."""
    for sample in samples:
        yield from (image.reference for image in sample.images)
        yield from images_in(sample.messages or ())
        if sample.messages is None:
            yield from images_in((Message("user", sample.input),))


def change_images(content: Json, change: Callable[[str], str]) -> Json:
    """Return a message's content with each image's address changed; text, and what stays equal, is not copied."""
    parts = _parts(content)
    changed = [_changed(part, change) for part in parts]
    return content if all(new is old for new, old in zip(changed, parts, strict=True)) else changed


def _parts(content: Json) -> list[Json]:
    return cast("list[Json]", content) if isinstance(content, list) else []


def _is_place(part: Json) -> bool:
    """Tell a place: no more than its type and detail; a table's row may fill in nulls for what other parts have."""
    if not isinstance(part, Mapping):
        return False
    given = {key for key, value in cast("Mapping[str, Json]", part).items() if value is not None}
    return cast("Mapping[str, Json]", part).get("type") == PLACE and given <= {"type", "detail"}


def _filled(turn: Message, takers: Iterator[Sequence[Image]]) -> Message:
    parts = _parts(turn.content)
    if not any(_is_place(part) for part in parts):
        return turn
    filled: list[Json] = []
    for part in parts:
        filled.extend([_image_part(image, part.get("detail")) for image in next(takers)] if _is_place(part) else [part])
    return Message(turn.role, filled)


def _image_part(image: Image, detail: str | None) -> dict[str, Json]:
    address = {"url": image.reference} if detail is None else {"url": image.reference, "detail": detail}
    return {"type": "image_url", "image_url": address}


def _url(part: Json) -> str | None:
    if not isinstance(part, Mapping) or cast("Mapping[str, Json]", part).get("type") != "image_url":
        return None
    address: Json = cast("Mapping[str, Json]", part).get("image_url")
    url = cast("Mapping[str, Json]", address).get("url") if isinstance(address, Mapping) else address
    return url if isinstance(url, str) else None


def _changed(part: Json, change: Callable[[str], str]) -> Json:
    url = _url(part)
    if url is None or (new := change(url)) == url:
        return part
    whole = cast("dict[str, Json]", part)
    address: Json = whole["image_url"]
    changed: Json = {**cast("dict[str, Json]", address), "url": new} if isinstance(address, Mapping) else new
    return {**whole, "image_url": changed}
