"""An endpoint's list over real HTTP: pages, refusals, and bodies that are no list."""

import pytest

from evalkit.errors import AccessError, ProviderError
from evalkit.protocols import ProviderContext
from tests.fake_endpoint import FakeEndpoint, Reply
from tests.providers.asking import build


async def listed_by(endpoint: FakeEndpoint) -> list[str] | None:
    async with build("openai", base_url=endpoint.url).open(ProviderContext()) as model:
        models = await model.list_models()
    return None if models is None else [each.id for each in models]


def page(*ids: str, **more) -> Reply:
    return Reply(body={"object": "list", "data": [{"id": name} for name in ids], **more})


@pytest.mark.parametrize(
    ("pages", "ids", "asked"),
    [
        pytest.param([page("b", "a")], ["b", "a"], [""], id="one"),
        pytest.param([page()], [], [""], id="empty"),
        pytest.param([page("a", has_more=False)], ["a"], [""], id="said-to-be-the-last"),
        pytest.param(
            [page("a", "b", has_more=True), page("c", has_more=True, last_id="k-9"), page("d")],
            ["a", "b", "c", "d"],
            ["", "after=b", "after=k-9"],
            id="three",
        ),
        pytest.param([Reply(body=[{"id": "a"}])], ["a"], [""], id="bare-list"),
        pytest.param([Reply(body={"models": [{"name": "a"}]})], ["a"], [""], id="models"),
        pytest.param([Reply(body={"object": "list"})], None, [""], id="no-list-in-it"),
        pytest.param([Reply(body={"data": None})], None, [""], id="null"),
        pytest.param([Reply(404)], None, [""], id="404"),
        pytest.param([Reply(405, {"detail": "Method Not Allowed"})], None, [""], id="405"),
        pytest.param([Reply(501, b"<html>no</html>")], None, [""], id="501"),
    ],
)
async def test_a_list_that_can_be_had_or_not(fake_endpoint, pages, ids, asked):
    fake_endpoint.settings.model_pages = list(pages)
    assert await listed_by(fake_endpoint) == ids
    assert [path.partition("?")[2] for path in fake_endpoint.book.listings] == asked


@pytest.mark.parametrize(
    ("pages", "error", "words"),
    [
        pytest.param([Reply(body=b"<html>hello</html>")], ProviderError, "is not JSON", id="html"),
        pytest.param([Reply(body=b"")], ProviderError, "is not JSON", id="nothing"),
        pytest.param([Reply(body={"data": [1, {"x": 2}]})], ProviderError, "no row of its list has an id", id="rows"),
        pytest.param([Reply(body={"error": {"message": "out\nof order"}})], ProviderError, "out of order", id="error"),
        pytest.param([Reply(500, {"error": "oops"})], ProviderError, "oops", id="500"),
        pytest.param([Reply(503)], ProviderError, "HTTP 503", id="503"),
        pytest.param([Reply(429, {"error": {"message": "Too many"}})], ProviderError, "Too many", id="429"),
        pytest.param(
            [Reply(429, {"message": "W&B Inference is not available for personal accounts."})],
            AccessError,
            "create a team",
            id="personal-account",
        ),
        pytest.param([Reply(401, {"error": "Invalid Authentication"})], AccessError, "check the API key", id="401"),
        pytest.param([Reply(403, {"message": "Country not supported"})], AccessError, "geographic", id="403"),
        pytest.param([page("a", has_more=True)], ProviderError, "does not end after 2 pages", id="the-same-again"),
        pytest.param([page("a", has_more=True), Reply(404)], ProviderError, "HTTP 404", id="later-404"),
        pytest.param([page("a", has_more=True), Reply(body={})], ProviderError, "breaks off", id="later-nothing"),
    ],
)
async def test_a_list_that_cannot_be_trusted(fake_endpoint, pages, error, words):
    fake_endpoint.settings.model_pages = list(pages)
    with pytest.raises(error) as raised:
        await listed_by(fake_endpoint)
    assert words in str(raised.value)
    assert f"{fake_endpoint.url}/models does not list the models" in str(raised.value)


async def test_pages_are_bounded(fake_endpoint):
    fake_endpoint.settings.model_pages = [page(f"m{number}", has_more=True) for number in range(200)]
    with pytest.raises(ProviderError, match="does not end after 100 pages"):
        await listed_by(fake_endpoint)
    assert len(fake_endpoint.book.listings) == 100
