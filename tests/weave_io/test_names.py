"""Two things never share an id in Weave, and a thing's id does not depend on its neighbours' order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.weave_io.names import ObjectNames, sanitize

NAMES = st.lists(st.text(min_size=1, max_size=40), max_size=6)


@given(NAMES, NAMES, NAMES)
def test_all_ids_differ(scorers: list[str], models: list[str], evaluations: list[str]) -> None:
    names = ObjectNames.assign(scorers, models, evaluations)
    ids = [sanitize(name) for kind in (names.scorers, names.models, names.evaluations) for name in kind.values()]
    assert len({name.casefold() for name in ids}) == len(ids)
    assert all(0 < len(name) <= 128 for name in ids)
    assert (set(names.scorers), set(names.models)) == (set(scorers), set(models))


@pytest.mark.parametrize(
    ("label", "other", "expected"),
    [
        pytest.param("DeepSeek V3", "Llama", "DeepSeek V3", id="kept"),
        pytest.param("a/b", "a-b", "a/b", id="first-keeps-its-name"),
        pytest.param("exact", "x", "exact-model", id="a-scorer-has-it"),
        pytest.param("run", "x", "run-model", id="reserved"),
    ],
)
def test_a_name_is_kept_where_it_can_be(label: str, other: str, expected: str) -> None:
    assert ObjectNames.assign(["exact"], [label, other], ["qa"]).models[label] == expected


def test_the_second_of_two_equal_ids_gets_its_kind() -> None:
    assert ObjectNames.assign([], ["a/b", "a-b"], []).models == {"a/b": "a/b", "a-b": "a-b-model"}


@pytest.mark.slow
def test_what_is_sanitized_is_what_the_sdk_makes_of_it() -> None:
    from weave.trace.weave_client import sanitize_object_name

    for name in ("DeepSeek V3", "a/b:c", "x..y__z", "-lead", "Grüße 7"):
        assert sanitize(name) == sanitize_object_name(name)
