"""Images in messages: where they are placed, what stands for them, and what a prompt may say about it."""

from typing import Any

import pytest

from evalkit.config.schema import MessageSpec, PromptSpec
from evalkit.content_parts import change_images, images_in, place_images
from evalkit.errors import ConfigError
from evalkit.prompt import PromptTemplate
from evalkit.records import Image, Message, Sample

A, B, C = (Image(f"image:{letter * 64}.png", f"{letter}.png") for letter in "abc")
TEXT = {"type": "text", "text": "what?"}


def part(image: Image, **more: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": image.reference, **more}}


def render(prompt: Any, *images: Image, shots: tuple[Sample, ...] = (), **more: Any) -> list[tuple[str, Any]]:
    template = PromptTemplate.compile(prompt, system=more.pop("model_system", None))
    sample = Sample("1", more.pop("question", "what?"), images=images, **more)
    return [(message.role, message.content) for message in template.render(sample, shots)]


def spec(*messages: dict[str, Any], **more: Any) -> PromptSpec:
    return PromptSpec(messages=[MessageSpec.model_validate(each) for each in messages], **more)


def test_images_come_before_the_text_of_the_last_user_message() -> None:
    assert render("{{ input }}", A, B) == [("user", [part(A), part(B), TEXT])]
    assert render(PromptSpec(template="Look: {{ input }}", system="Be brief."), A) == [
        ("system", "Be brief."),
        ("user", [part(A), {"type": "text", "text": "Look: what?"}]),
    ]
    turns = (Message("user", "hi"), Message("assistant", "hello"), Message("user", [TEXT]))
    assert render("{{ input }}", A, messages=turns)[-1] == ("user", [part(A), TEXT])
    assert render("{{ input }}", A, messages=turns)[0] == ("user", "hi")


def test_without_images_a_prompt_is_what_it_was() -> None:
    assert render("{{ input }}") == [("user", "what?")]
    assert render("{{ input }}", question=[TEXT]) == [("user", [TEXT])]


def test_places_of_a_prompt() -> None:
    first = {"role": "user", "content": [{"type": "image", "detail": "low"}, {"type": "text", "text": "{{ input }}"}]}
    assert render(spec(first), A, B) == [("user", [part(A, detail="low"), part(B, detail="low"), TEXT])]
    assert render(spec(first)) == [("user", [TEXT])]
    two = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "or"}, {"type": "image"}]}
    assert render(spec(two), A, B, C) == [("user", [part(A), {"type": "text", "text": "or"}, part(B), part(C)])]
    over = [{"role": "user", "content": [{"type": "image"}]}, {"role": "user", "content": [{"type": "image"}]}]
    assert render(spec(*over), A, B) == [("user", [part(A)]), ("user", [part(B)])]


def test_places_in_the_sample_s_own_messages() -> None:
    turns = (Message("user", [{"type": "image", "text": None}, TEXT]), Message("assistant", "a"), Message("user", "b"))
    assert render("{{ input }}", A, messages=turns)[0] == ("user", [part(A), TEXT])


def test_shots_carry_their_own_images() -> None:
    shot = Sample("s", "this?", target="a cat", images=(B,))
    assert render("{{ input }}", A, shots=(shot,)) == [
        ("user", [part(B), {"type": "text", "text": "this?"}]),
        ("assistant", "a cat"),
        ("user", [part(A), TEXT]),
    ]


@pytest.mark.parametrize(
    ("prompt", "images", "more", "message"),
    [
        (
            spec({"role": "user", "content": [{"type": "image"}, {"type": "image"}]}),
            (A,),
            {},
            "prompt: sample '1': the messages have places for 2 images, and the sample has 1",
        ),
        (
            "{{ input }}",
            (),
            {"messages": (Message("user", [{"type": "image"}, TEXT]),)},
            "prompt: sample '1': the messages have a place for an image, and the sample has none",
        ),
        (
            "{{ input }}",
            (A,),
            {"messages": (Message("system", "x"),)},
            "prompt: sample '1': the sample has images, and there is no user message to put them in",
        ),
        (
            spec({"role": "system", "content": [{"type": "image"}]}),
            (A,),
            {},
            "prompt: images go into a user message, not one of system",
        ),
        (spec({"role": "user", "content": [{"type": "text"}]}), (), {}, "prompt: a part of type text has text, and"),
        (
            spec({"role": "user", "content": [{"type": "image", "text": "x"}]}),
            (),
            {},
            "prompt: a part of type image stands for the sample's images and has no text",
        ),
        (
            spec({"role": "user", "content": [{"type": "text", "text": "{{ target }}"}]}),
            (),
            {},
            "prompt: a template may not use target: the model would be shown the answer",
        ),
    ],
)
def test_what_cannot_be_placed(prompt: Any, images: tuple[Image, ...], more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        render(prompt, *images, **more)
    assert str(caught.value).startswith(message)


def test_prompts_of_text_keep_their_digests() -> None:
    assert PromptTemplate.compile("Q: {{ input }}").digest == "f2d7e23f4a5b3a2d7e91ce4d92cd9356"
    written = [MessageSpec(role="user", content="{{ input }}")]
    assert PromptTemplate.compile(written).digest == "f8499be6df3d16384c8c2beae8cfd52c"


def test_images_are_found_and_changed_and_text_is_not_copied() -> None:
    content = [part(A), TEXT, {"type": "image_url", "image_url": "https://example.com/b.png"}, "odd", {"type": 1}]
    assert list(images_in([Message("user", content)])) == [A.reference, "https://example.com/b.png"]
    changed = change_images(content, str.upper)
    assert changed[0]["image_url"]["url"] == A.reference.upper()
    assert changed[2]["image_url"] == "HTTPS://EXAMPLE.COM/B.PNG"
    assert changed[1] is TEXT
    for same in ("text", [TEXT], None, 7):
        assert change_images(same, str.upper) is same
    assert place_images([Message("user", "x")], ()) == [Message("user", "x")]
