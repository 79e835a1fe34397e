"""An endpoint's list of models beside the one before: new, gone, renamed, missing, and lists not to be believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.catalog_changes import ListChanges, compare_listings, list_sentences
from evalkit.listed_models import ListedModel
from evalkit.past_runs import Listing

IDS = [
    f"{vendor}/{name}{size}"
    for vendor in ("a", "b")
    for name in ("chat", "Chat", "code")
    for size in ("", "-7b", "-70b")
]
NAMES = st.lists(st.sampled_from(IDS), unique=True, max_size=12)


def changes(
    tonight: list[str],
    before: list[str] | None,
    *,
    wanted: dict[str, list[str]] | None = None,
    first: list[str] | None = None,
    was_doubted: bool = False,
) -> ListChanges:
    """Compare two lists of ids of one endpoint."""
    return compare_listings(
        [ListedModel(each) for each in tonight],
        None if before is None else Listing(endpoint="u", night="2026-11-22", ids=tuple(sorted(before))),
        provider="here",
        url="u",
        wanted=wanted or {},
        first=None if first is None else Listing(endpoint="u", night="2026-11-23", ids=tuple(sorted(first))),
        was_doubted=was_doubted,
    )


@pytest.mark.parametrize(
    ("before", "tonight", "added", "removed", "renamed"),
    [
        (["a", "b"], ["b", "a"], (), (), ()),
        (["a", "b"], ["a", "b", "zephyr"], ("zephyr",), (), ()),
        (["a", "zephyr"], ["a"], (), ("zephyr",), ()),
        (["meta/Llama-3-8B"], ["meta-llama/Llama-3-8B"], (), (), (("meta/Llama-3-8B", "meta-llama/Llama-3-8B"),)),
        (["meta/llama-3.1-8b"], ["meta/Llama-3.1-8B"], (), (), (("meta/llama-3.1-8b", "meta/Llama-3.1-8B"),)),
        (["acme/gpt-large"], ["acme/gpt-large-2508"], (), (), (("acme/gpt-large", "acme/gpt-large-2508"),)),
        (["meta/llama-3.1-8b"], ["meta/llama-3.1-70b"], ("meta/llama-3.1-70b",), ("meta/llama-3.1-8b",), ()),
        (["deepseek/V3-0324"], ["deepseek/V3.1"], ("deepseek/V3.1",), ("deepseek/V3-0324",), ()),
        (["x/chat-7b", "y/chat-7b"], ["z/chat-7b", "k"], ("k",), ("y/chat-7b",), (("x/chat-7b", "z/chat-7b"),)),
    ],
    ids=["same", "new", "gone", "vendor", "case", "dated", "another size", "another version", "one new name for one"],
)
def test_what_changed(
    before: list[str],
    tonight: list[str],
    added: tuple[str, ...],
    removed: tuple[str, ...],
    renamed: tuple[tuple[str, str], ...],
) -> None:
    found = changes(tonight, before)
    assert (found.added, found.removed, found.renamed) == (added, removed, renamed)
    assert found.new_ids == tuple(sorted((*added, *(new for _, new in renamed))))


@given(NAMES, NAMES)
def test_every_difference_is_told_once(before: list[str], tonight: list[str]) -> None:
    found = changes(tonight, before)
    if found.is_doubted:
        assert len(tonight) < len(before) / 2
        assert (found.added, found.removed, found.renamed) == ((), (), ())
        return
    olds, news = [old for old, _ in found.renamed], [new for _, new in found.renamed]
    assert sorted([*found.added, *news]) == sorted(set(tonight) - set(before))
    assert sorted([*found.removed, *olds]) == sorted(set(before) - set(tonight))


@given(NAMES)
def test_the_same_list_says_nothing(ids: list[str]) -> None:
    assert list_sentences(changes(list(reversed(ids)), ids or None)) == ()


@given(NAMES, NAMES, NAMES)
def test_the_first_list_of_a_night_decides_what_is_new(before: list[str], first: list[str], later: list[str]) -> None:
    one, other = changes(first, before, first=None), changes(later, before, first=first)
    assert (one.added, one.removed, one.renamed) == (other.added, other.removed, other.renamed)


FORTY = [f"vendor{i}/model" for i in range(40)]


@pytest.mark.parametrize(
    ("tonight", "was_doubted", "is_doubted"),
    [
        ([], False, True),
        ([], True, True),
        (FORTY[:19], False, True),
        (FORTY[:19], True, False),
        (FORTY[:20], False, False),
    ],
    ids=["empty", "empty again", "short", "short again", "half is believed"],
)
def test_a_list_that_collapsed_is_not_forty_removals(
    tonight: list[str], *, was_doubted: bool, is_doubted: bool
) -> None:
    found = changes(tonight, FORTY, was_doubted=was_doubted)
    assert found.is_doubted is is_doubted
    if is_doubted:
        (said,) = list_sentences(found)
        assert said.startswith(f"here at u lists {len(tonight)} models where it listed 40 models on 2026-11-22: taken")


def test_the_first_list_is_no_news() -> None:
    found = changes(FORTY, None)
    assert (found.since, found.added, list_sentences(found)) == (None, (), ())


def test_a_model_that_is_missing_is_told_with_what_was_meant() -> None:
    wanted = {"meta/llama-8b": ["Llama", "Llama, cold"], "a": ["A"]}
    found = changes(["a", "meta/Llama-8B"], ["a", "meta/llama-8b"], wanted=wanted)
    assert found.unavailable == ("Llama", "Llama, cold")
    lacking = "here at u does not list 'meta/llama-8b'; there it is written 'meta/Llama-8B'"
    assert list_sentences(found) == (
        f"Llama and Llama, cold could not run: {lacking}.",
        "here at u: meta/llama-8b is gone and meta/Llama-8B is new since 2026-11-22: looks renamed.",
    )


def test_a_missing_model_is_missing_on_a_short_list_too_but_not_on_an_empty_one() -> None:
    wanted = {FORTY[30]: ["M"]}
    assert changes(FORTY[:5], FORTY, wanted=wanted).unavailable == ("M",)
    assert changes([], FORTY, wanted=wanted).unavailable == ()


def test_an_entry_for_every_id_misses_none() -> None:
    assert changes(["a", "*"], ["a", "*"], wanted={"b": ["B"]}).unavailable == ()


def test_many_names_are_counted() -> None:
    (said,) = list_sentences(changes([*FORTY, *(f"new{i}/x" for i in range(7))], FORTY))
    assert said == (
        "here at u: 7 models newly listed since 2026-11-22: new0/x, new1/x, new2/x, new3/x, new4/x and 2 more."
    )
