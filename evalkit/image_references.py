"""What stands for an image where its bytes are not: a reference by content, in messages, journals and pages."""

import hashlib
import re

from evalkit.records import Image

__all__ = ["describe_image", "describe_size", "file_of", "image_kind", "image_sha256", "make_reference"]

_REFERENCE = re.compile(r"image:([0-9a-f]{64})\.(png|jpeg|webp|gif)")
_DIGEST_SHOWN = 12
_KILO, _MEGA = 1_000, 1_000_000


def make_reference(data: bytes, kind: str) -> str:
    """Return the reference of an image by its bytes and kind (png, jpeg, webp, gif)."""
    return f"image:{hashlib.sha256(data).hexdigest()}.{kind}"


def file_of(reference: str) -> str | None:
    """Return the name of the file that keeps the bytes of a reference, None for any other text, such as an address."""
    found = _REFERENCE.fullmatch(reference)
    return None if found is None else f"{found[1]}.{found[2]}"


def image_sha256(reference: str) -> str | None:
    """Return the digest in a reference, None for any other text."""
    found = _REFERENCE.fullmatch(reference)
    return None if found is None else found[1]


def image_kind(reference: str) -> str | None:
    """Return png, jpeg, webp or gif, as in image/<kind>; None for any other text."""
    found = _REFERENCE.fullmatch(reference)
    return None if found is None else found[2]


def describe_image(image: Image, *, digest_chars: int = _DIGEST_SHOWN) -> str:
    """Return one line for people: "cat.png: PNG, 640 x 480 pixels, 12.3 KB, sha256 0123456789ab"."""
    digest, kind = image_sha256(image.reference), image_kind(image.reference)
    if digest is None or kind is None:
        return f"at {image.reference}"
    facts = [kind.upper()]
    if image.width is not None:
        facts.append(f"{image.width} x {image.height} pixels")
    if image.size is not None:
        facts.append(describe_size(image.size))
    told = ", ".join([*facts, f"sha256 {digest[:digest_chars]}"])
    return f"{image.name}: {told}" if image.name else told


def describe_size(size: int) -> str:
    """Return a number of bytes for people: 657 bytes, 12.3 KB, 4.5 MB."""
    if size < _KILO:
        return f"{size} bytes"
    return f"{size / _KILO:.1f} KB" if size < _MEGA else f"{size / _MEGA:.1f} MB"
