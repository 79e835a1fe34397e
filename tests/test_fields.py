"""A row becomes a sample by default columns or by `fields`; types stay, and what is missing is named."""

import pytest

from evalkit.config.schema import FieldsSpec
from evalkit.digest import digest_json
from evalkit.errors import DatasetError
from evalkit.fields import SampleMaker, content_digest
from evalkit.records import Message, Sample

TURNS = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]


def make(row, group_by=None, **fields):
    return SampleMaker(FieldsSpec(**fields), group_by).make(row, 3)


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ({"id": "a", "input": "x", "target": "y"}, ("a", "x", "y")),
        ({"id": 7, "question": "x", "answer": 4}, ("7", "x", 4)),
        ({"id": 1.5, "prompt": "x"}, ("1.5", "x", None)),
        ({"id": True, "input": "x", "question": "z", "prompt": "z", "answer": None}, ("true", "x", None)),
        ({"id": "a", "input": ["x"], "target": "y", "answer": "z"}, ("a", ["x"], "y")),
        ({"id": "a", "input": "", "target": {"k": [1]}}, ("a", "", {"k": [1]})),
    ],
)
def test_default_columns(row, parts):
    sample = make(row)
    assert (sample.id, sample.input, sample.target) == parts
    assert sample.fields is row
    assert sample.index == 3


def test_a_row_without_id_is_named_by_its_content():
    row = {"input": "x", "target": "y"}
    assert make(row).id == digest_json(row)[:12]
    assert make(dict(reversed(row.items()))).id == make(row).id
    assert make({**row, "target": "z"}).id != make(row).id


def test_fields_name_columns_and_templates():
    row = {"key": 7, "q": "one?", "opts": ["a", "b"], "gold": 1, "topic": "t", "level": 2, "hard": False, "none": None}
    sample = make(
        row,
        id="{{ topic }}-{{ key }}",
        input="Q: {{ q }}",
        target="{{ opts[gold] }}",
        choices="opts",
        group="topic",
        slices={"topic": "topic", "level": "{{ 'hard' if level > 1 else 'easy' }}", "flag": "hard", "none": "none"},
    )
    assert (sample.id, sample.input, sample.target, sample.choices) == ("t-7", "Q: one?", "b", ("a", "b"))
    assert sample.group == "t"
    assert sample.slices == {"topic": "t", "level": "hard", "flag": "false", "none": "null"}


def test_slices_as_a_list_are_columns():
    assert make({"input": "x", "topic": "t", "n": 2}, slices=["topic", "n"]).slices == {"topic": "t", "n": "2"}


def test_group_by_of_the_config_is_the_group_unless_fields_say_another():
    row = {"input": "x", "passage": 4, "own": "mine"}
    assert make(row, "passage").group == "4"
    assert make(row, "passage", group="own").group == "mine"
    assert make(row).group is None


def test_messages_give_the_input_where_no_column_does():
    turns = (Message("system", "be brief"), Message("user", "hi"))
    sample = make({"turns": TURNS}, messages="turns")
    assert (sample.messages, sample.input) == (turns, "hi")
    assert make({"turns": TURNS, "input": "own"}, messages="turns").input == "own"
    assert make({"turns": TURNS}, messages="{{ turns[1:] }}").messages == turns[1:]


@pytest.mark.parametrize("value", ["1", 1, 1.5, True, ["a", 1], {"a": 1}, None])
def test_a_column_keeps_its_type(value):
    assert make({"input": "x", "gold": value}, target="gold").target == value
    assert type(make({"input": "x", "gold": value}, target="{{ gold }}").target) is type(value)


@pytest.mark.parametrize(
    ("row", "fields", "message"),
    [
        ({"a": 1, "b": 2}, {}, "there is no column 'input', 'question' or 'prompt'; name one in fields.input: a, b"),
        (
            {"question": "x", "prompt": "y"},
            {},
            "the columns 'question' and 'prompt' could both be the input; name one in fields.input",
        ),
        ({"input": None}, {}, "the input is null"),
        ({"q": None}, {"input": "q"}, "fields.input is null"),
        ({"input": "x", "id": ""}, {}, "the column 'id' is empty; every sample needs an id"),
        ({"input": "x", "id": None}, {}, "the column 'id' is empty; every sample needs an id"),
        (
            {"input": "x", "id": "a\ud800"},
            {},
            "the column 'id' holds half of a character (a lone surrogate), which no file can keep; mend the data",
        ),
        ({"input": "x", "key": " "}, {"id": "key"}, "fields.id is empty; every sample needs an id"),
        ({"input": "x", "id": [1]}, {}, "the column 'id': must be a single value, not a list"),
        (
            {"input": "x", "topic": "t"},
            {"slices": ["topik"]},
            "fields.slices.topik: there is no column 'topik'; did you mean 'topic'?",
        ),
        (
            {"input": "x", "topic": {"a": 1}},
            {"slices": ["topic"]},
            "fields.slices.topic: must be a single value, not an object",
        ),
        ({"input": "x", "g": ""}, {"group": "g"}, "the group is empty; every sample needs one"),
        (
            {"input": "x", "c": "a,b"},
            {"choices": "c"},
            "fields.choices: must give a list with something in it, not 'a,b'",
        ),
        ({"input": "x", "c": []}, {"choices": "c"}, "fields.choices: must give a list with something in it, not []"),
        ({"input": "x", "c": ["a", None]}, {"choices": "c"}, "fields.choices: a choice is null"),
        ({"input": "x", "c": ["a", ["b"]]}, {"choices": "c"}, "fields.choices: must be a single value, not a list"),
        ({"m": "hi"}, {"messages": "m"}, "fields.messages: must give a list of {role, content}, not 'hi'"),
        ({"m": ["hi"]}, {"messages": "m"}, "fields.messages: message 1 must have role and content, and nothing else"),
        (
            {"m": [TURNS[0], {**TURNS[1], "name": "x"}]},
            {"messages": "m"},
            "fields.messages: message 2 must have role and content, and nothing else",
        ),
        (
            {"m": [{"role": "tool", "content": "x"}]},
            {"messages": "m"},
            "fields.messages: message 1 has the role 'tool'; known: system, developer, user, assistant",
        ),
        (
            {"m": [{"role": "user", "content": None}]},
            {"messages": "m"},
            "fields.messages: message 1: content must be text or a list of parts",
        ),
        (
            {"m": [{"role": ["user"], "content": ""}]},
            {"messages": "m"},
            "fields.messages: message 1 has the role ['user']; known: system, developer, user, assistant",
        ),
        ({"input": "x"}, {"images": "i"}, "fields.images: there is no column 'i'; known: input"),
    ],
)
def test_what_is_missing_or_misshapen_is_named(row, fields, message):
    with pytest.raises(DatasetError) as caught:
        make(row, **fields)
    assert str(caught.value) == message


def test_a_missing_group_column_is_named_by_its_key():
    with pytest.raises(DatasetError, match=r"^stats\.group_by: there is no column 'passage'; known: input$"):
        make({"input": "x"}, "passage")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"input": "x", "target": "y"},
            {"input": "x"},
            "earlier rows give the target by the column 'target', this one by none; name one in fields.target",
        ),
        (
            {"input": "x"},
            {"input": "y", "answer": "z"},
            "earlier rows give the target by no such column, this one by 'answer'; name one in fields.target",
        ),
        (
            {"input": "x"},
            {"id": "a", "input": "y"},
            "earlier rows give the id by no such column, this one by 'id'; name one in fields.id",
        ),
        (
            {"question": "x"},
            {"prompt": "y"},
            "earlier rows give the input by the column 'question', this one by 'prompt'; name one in fields.input",
        ),
    ],
    ids=["target gone", "target come", "id come", "input moved"],
)
def test_a_default_column_may_not_come_or_go(first, second, message):
    maker = SampleMaker(FieldsSpec())
    maker.make(first, 0)
    with pytest.raises(DatasetError) as caught:
        maker.make(second, 1)
    assert str(caught.value) == message


def test_the_digest_covers_content_and_nothing_else():
    row = {"id": "a", "input": "x", "target": "y", "choices": ["p", "q"], "turns": TURNS, "topic": "t"}
    named = {"choices": "choices", "messages": "turns", "slices": ["topic"]}
    sample = make(row, **named)
    assert sample.digest == content_digest(sample)
    assert make({**row, "topic": "other"}, **named).digest == sample.digest
    changes = [{"id": "b"}, {"input": "z"}, {"target": None}, {"choices": ["q", "p"]}, {"turns": TURNS[:1]}]
    assert len({sample.digest, *(make({**row, **change}, **named).digest for change in changes)}) == 6
    assert make({**row, "target": 1}).digest != make({**row, "target": "1"}).digest


def test_a_sample_is_adopted_with_place_and_digest():
    maker = SampleMaker(FieldsSpec(), "topic")
    sample = maker.adopt(Sample(id="a", input=("x",), target=1, fields={"topic": "t"}), 5)
    assert (sample.input, sample.group, sample.index) == (["x"], "t", 5)
    assert sample.digest == content_digest(sample)


@pytest.mark.parametrize(
    ("sample", "fields", "message"),
    [
        (Sample(id=" ", input="x"), {}, "Sample.id is empty; every sample needs an id"),
        (Sample(id="a", input=None), {}, "the Sample has no input"),
        (
            Sample(id="a", input="x"),
            {"target": "y"},
            "fields cannot be given for Samples; return dicts, or leave fields out",
        ),
    ],
    ids=["id", "input", "fields"],
)
def test_a_sample_that_cannot_be_one_is_refused(sample, fields, message):
    with pytest.raises(DatasetError) as caught:
        SampleMaker(FieldsSpec(**fields)).adopt(sample, 0)
    assert str(caught.value) == message
