"""An image's kind and size are read from its bytes; what is broken, cut off or of another kind is told."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.images import ImageError, ImageHeader, read_header
from tests.pictures import BROKEN, KINDS, gif, jpeg, png, webp


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (png(640, 480), ImageHeader("png", 640, 480)),
        (jpeg(1, 65535), ImageHeader("jpeg", 1, 65535)),
        (jpeg(7, 5, frame=0xC2), ImageHeader("jpeg", 7, 5)),
        (jpeg(7, 5) + b"a trailer that some cameras write", ImageHeader("jpeg", 7, 5)),
        (gif(7, 5), ImageHeader("gif", 7, 5)),
        (gif(7, 5, version=b"87a") + b"\0", ImageHeader("gif", 7, 5)),
        (webp(7, 5), ImageHeader("webp", 7, 5)),
        (webp(7, 5, form=b"VP8L"), ImageHeader("webp", 7, 5)),
        (webp(7, 16384, form=b"VP8X"), ImageHeader("webp", 7, 16384)),
    ],
)
def test_kind_and_size(data: bytes, header: ImageHeader) -> None:
    assert read_header(data) == header


@pytest.mark.parametrize(("data", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_image_is_told(data: bytes, message: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_header(data)
    assert str(caught.value).startswith(message)


@given(kind=st.sampled_from(sorted(KINDS)), cut=st.integers(0, 80), noise=st.binary(max_size=40))
def test_any_bytes_are_an_image_or_an_error(kind: str, cut: int, noise: bytes) -> None:
    with contextlib.suppress(ImageError):
        header = read_header(KINDS[kind][:cut] + noise)
        assert header.width > 0
        assert header.height > 0
