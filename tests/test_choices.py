"""The order of choices as shown, and what a target means."""

import pytest

from evalkit.choices import ambiguous_index, present_choices, target_letters
from evalkit.errors import DatasetError
from evalkit.records import Sample

CHOICES = ("w", "x", "y", "z")


def make(target, choices=CHOICES, name="a"):
    return Sample(name, "?", target=target, choices=choices, digest="d")


def test_without_shuffling_the_sample_itself_comes_back():
    sample = make("A")
    assert present_choices(sample, shuffle=False, seed=1) is sample
    without = make("A", None)
    assert present_choices(without, shuffle=True) is without


def test_the_order_depends_on_seed_and_id_alone():
    orders = {
        (seed, name): present_choices(make(None, name=name), shuffle=True, seed=seed).choices
        for seed in (0, 1)
        for name in "abcdef"
    }
    assert len(set(orders.values())) > 4
    again = present_choices(make("B"), shuffle=True, seed=0)
    assert again.choices == orders[0, "a"]
    assert (again.id, again.digest) == ("a", "d")


@pytest.mark.parametrize(
    ("target", "form"),
    [
        ("B", str),
        ("b", str),
        ("(B)", str),
        (1, int),
        ("x", str),
        (["B", "D"], list),
        ([1, 3], list),
        (None, type(None)),
    ],
    ids=repr,
)
def test_the_target_follows_in_its_own_form(target, form):
    for seed in range(8):
        shown = present_choices(make(target), shuffle=True, seed=seed)
        assert type(shown.target) is form
        if target is None:
            continue
        right = {shown.choices["ABCD".index(letter)] for letter in target_letters(shown)}
        assert right == ({"x", "z"} if form is list else {"x"})
        if target == "(B)":
            assert shown.target[0] + shown.target[2] == "()"
        if target == "b":
            assert shown.target.islower()


def test_another_target_is_left_alone():
    assert present_choices(make("free text"), shuffle=True).target == "free text"


def test_a_target_with_two_meanings_is_refused():
    with pytest.raises(DatasetError, match=r"'a'.*index"):
        present_choices(make("A", ("B", "A", "O")), shuffle=True)


def test_every_order_is_about_as_frequent():
    first = [present_choices(make(0, name=str(n)), shuffle=True).target for n in range(2000)]
    assert all(abs(first.count(place) - 500) < 100 for place in range(4))


def test_a_number_that_is_also_a_text_is_remarked():
    assert "'2'" in (ambiguous_index(make(1, ("1", "2", "3"))) or "")
    assert ambiguous_index(make(1, ("0", "1"))) is None
    assert ambiguous_index(make("1", ("1", "2"))) is None
