"""The hub answers, refuses, redirects or stays silent; each is one sentence, in time."""

import socket

import pytest

from evalkit.errors import DatasetError
from evalkit.hub import Hub
from tests.sources.loopback_hub import LoopbackHub, Repository, refusal

ONE, TWO = "1" * 40, "2" * 40
DEMO = {"acme/demo": Repository({"main": TWO, "v1": ONE}, {ONE: {}, TWO: {}})}
WAYS_OUT = "check the network, set HF_HUB_OFFLINE=1 to use what is cached, or name a local folder"


@pytest.mark.parametrize(("revision", "commit"), [(None, TWO), ("main", TWO), ("v1", ONE), (ONE, ONE)])
def test_a_revision_is_pinned_to_its_commit(revision, commit):
    with LoopbackHub(DEMO) as hub:
        assert Hub(endpoint=hub.url).commit_of("acme/demo", revision) == commit


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("acme/nope", None, "{url} knows no dataset 'acme/nope'; check the name, or set HF_TOKEN if it is private"),
        (
            "acme/demo",
            "v9",
            "the dataset 'acme/demo' has no revision 'v9' at {url}; name a branch, tag or commit",
        ),
    ],
    ids=["dataset", "revision"],
)
def test_an_unknown_name_is_named(name, revision, message):
    with LoopbackHub(DEMO) as hub, pytest.raises(DatasetError) as caught:
        Hub(endpoint=hub.url).commit_of(name, revision)
    assert str(caught.value) == message.format(url=hub.url)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (refusal(401), "{url} knows no dataset 'a/b'; check the name, or set HF_TOKEN if it is private"),
        (refusal(403), "the dataset 'a/b' is gated at {url}; ask for access there and set HF_TOKEN"),
        (refusal(401, "GatedRepo"), "the dataset 'a/b' is gated at {url}; ask for access there and set HF_TOKEN"),
        (refusal(503), "{url} answered 503 Service Unavailable for the dataset 'a/b'; try again later"),
        ((200, {}, b"<html>"), f"cannot reach {{url}} for the dataset 'a/b' (JSONDecodeError); {WAYS_OUT}"),
        ((200, {}, b"[]"), "{url} names no commit for the dataset 'a/b'"),
    ],
    ids=["private", "forbidden", "gated", "outage", "not JSON", "no commit"],
)
def test_each_refusal_is_one_sentence(answer, message):
    with LoopbackHub(answers={"/api/datasets/a/b": answer}) as hub, pytest.raises(DatasetError) as caught:
        Hub(endpoint=hub.url).commit_of("a/b")
    assert str(caught.value) == message.format(url=hub.url)


def test_a_hub_that_stays_silent_is_given_up_in_time():
    with LoopbackHub(silent=True) as hub, pytest.raises(DatasetError) as caught:
        Hub(endpoint=hub.url, timeout_s=0.1).commit_of("a/b")
    assert str(caught.value).startswith(f"cannot reach {hub.url} for the dataset 'a/b' (")
    assert str(caught.value).endswith(WAYS_OUT)


def test_no_network_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DatasetError) as caught:
        Hub(endpoint=f"http://127.0.0.1:{port}").commit_of("a/b")
    reason = "[Errno 111] Connection refused"
    assert str(caught.value) == f"cannot reach http://127.0.0.1:{port} for the dataset 'a/b' ({reason}); {WAYS_OUT}"


@pytest.mark.parametrize(
    "endpoint", ["http://me:secret@127.0.0.1:1", "http://me:secret@127.0.0.1", "me:secret@nowhere"]
)
def test_a_password_in_the_endpoint_is_never_shown(endpoint):
    with pytest.raises(DatasetError) as caught:
        Hub(endpoint=endpoint).commit_of("a/b")
    assert "secret" not in str(caught.value)


def test_the_token_is_not_sent_where_the_hub_redirects():
    with LoopbackHub(DEMO) as other:
        moved = (307, {"Location": f"{other.url}/api/datasets/acme/demo"}, b"")
        with LoopbackHub(answers={"/api/datasets/old": moved}) as hub:
            assert Hub(endpoint=hub.url, token="hf_test").commit_of("old") == TWO
        assert hub.asked == [("GET /api/datasets/old", "Bearer hf_test")]
    assert other.asked == [("GET /api/datasets/acme/demo", None)]
