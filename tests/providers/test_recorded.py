"""The recorded provider: every answer goes to its own sample or to none."""

import json
from pathlib import Path

import pytest

from evalkit.errors import ConfigError, DatasetError
from evalkit.protocols import ProviderContext
from evalkit.records import PredictionOutcome, Sample, Usage
from tests.providers.asking import build, request_for

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the published outputs are not at {DATA}")


def write(folder, rows, name="answers.jsonl"):
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def samples(*inputs):
    return [Sample(id=str(i), input=text, index=i, fields={"task": "a"}) for i, text in enumerate(inputs)]


async def replay(folder, asked, *, model="m", trial=0, **options):
    async with build("recorded", base_dir=str(folder), **options).open(ProviderContext(models=(model,))) as opened:
        return [await opened.predict(request_for("q", model=model, sample=one, trial=trial)) for one in asked]


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        pytest.param([{"id": "1", "text": "b"}, {"id": "0", "text": "a"}], {}, id="by-id"),
        pytest.param([{"id": 1, "text": "b"}, {"id": 0, "text": "a"}], {}, id="by-number"),
        pytest.param([{"input": "q1", "text": "b"}, {"input": "q0", "text": "a"}], {}, id="by-input"),
        pytest.param(
            [{"question": "q1", "out": "b"}, {"question": "q0", "out": "a"}],
            {"fields": {"input": "question", "text": "out"}},
            id="by-named-input",
        ),
        pytest.param([{"text": "a"}, {"text": "b"}], {"order": True}, id="by-order"),
        pytest.param([{"id": "x", "text": "a"}, {"id": "x", "text": "b"}], {"order": True}, id="order-over-id"),
        pytest.param(
            [{"id": 0, "m": {"solution": "a"}}, {"id": 1, "m": {"solution": "b"}}],
            {"fields": {"text": "{{ row[model].solution }}"}},
            id="by-model-in-the-row",
        ),
        pytest.param(
            [{"n": 1, "text": "a"}, {"n": 2, "text": "b"}], {"fields": {"id": "{{ row.n - 1 }}"}}, id="by-template"
        ),
        pytest.param(
            [
                {"model": name, "id": i, "text": text + extra}
                for name, extra in (("x", "?"), ("m", ""))
                for i, text in ((0, "a"), (1, "b"))
            ],
            {"fields": {"model": "model", "id": "id"}},
            id="by-model-column",
        ),
    ],
)
async def test_each_answer_finds_its_sample(tmp_path, rows, options):
    answers = await replay(tmp_path, samples("q0", "q1"), path=write(tmp_path, rows), **options)
    assert [answer.text for answer in answers] == ["a", "b"]
    assert {answer.outcome for answer in answers} == {PredictionOutcome.OK}


async def test_what_else_was_recorded(tmp_path):
    row = {
        "id": 0,
        "text": "a",
        "why": "length",
        "n": {"prompt_tokens": 3, "completion_tokens": 4},
        "s": 1.5,
        "r": "so",
    }
    fields = {"finish_reason": "why", "usage": "n", "latency_s": "s", "reasoning": "r", "served_model": "{{ model }}-1"}
    [answer] = await replay(tmp_path, samples("q"), path=write(tmp_path, [row]), fields=fields)
    assert answer.outcome is PredictionOutcome.TRUNCATED
    assert (answer.usage, answer.timing.service_s) == (Usage(3, 4, None), 1.5)
    assert (answer.reasoning, answer.served_model) == ("so", "m-1")


async def test_trials_are_joined_by_number_or_not_made_up(tmp_path):
    name = write(tmp_path, [{"id": 0, "k": k, "text": f"t{k}"} for k in (0, 1)])
    [answer] = await replay(tmp_path, samples("q"), path=name, trial=1, fields={"trial": "k"})
    assert answer.text == "t1"
    single = write(tmp_path, [{"id": 0, "text": "t"}], "single.jsonl")
    [answer] = await replay(tmp_path, samples("q"), path=single, trial=1)
    assert answer.outcome is PredictionOutcome.REJECTED
    assert "fields.trial" in answer.failure.message


@pytest.mark.parametrize("options", [{}, {"fields": {"input": "input"}}, {"order": True}], ids=repr)
async def test_a_sample_without_an_answer_is_rejected_never_guessed(tmp_path, options):
    name = write(tmp_path, [{"id": "0", "input": "q0", "text": "a"}])
    first, second = await replay(tmp_path, samples("q0", "q1"), path=name, **options)
    assert first.text == "a"
    assert (second.outcome, second.text) == (PredictionOutcome.REJECTED, "")
    assert "answers.jsonl holds no answer for" in second.failure.message


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        pytest.param(
            [{"id": 1, "text": "a"}, {"id": "1", "text": "b"}], {}, "jsonl:2: answers the same id as", id="doubled-id"
        ),
        pytest.param([{"input": "q", "text": "a"}] * 2, {}, "answers the same input", id="doubled-input"),
        pytest.param([{"id": 1, "answer": "a"}], {}, "fields.text is needed", id="no-text"),
        pytest.param([{"text": "a"}], {}, "order: true", id="no-key"),
        pytest.param([{"id": 1, "text": "a"}, {"id": 2}], {}, "jsonl:2: fields.text", id="text-missing-in-a-row"),
        pytest.param([{"id": None, "text": "a"}], {}, "null", id="null-id"),
        pytest.param([{"id": 1, "text": ["a"]}], {}, "must be a single value", id="list-text"),
        pytest.param([{"id": 1, "text": "a"}], {"fields": {"text": "{{ row[model].x }}"}}, "jsonl:1", id="no-model"),
        pytest.param(
            [{"id": 1, "m": "x", "text": "a"}], {"fields": {"model": "m"}}, "no row is an answer", id="others"
        ),
        pytest.param([{"id": 1, "text": "a", "s": "fast"}], {"fields": {"latency_s": "s"}}, "latency_s", id="latency"),
        pytest.param([{"id": 1, "text": "a", "k": -1}], {"fields": {"trial": "k"}}, "number from 0", id="trial"),
    ],
)
async def test_a_file_that_cannot_be_trusted_stops_before_the_first_answer(tmp_path, rows, options, words):
    with pytest.raises(DatasetError, match=words):
        await replay(tmp_path, [], path=write(tmp_path, rows), **options)


async def test_the_path_may_name_the_model_or_the_row(tmp_path):
    write(tmp_path, [{"id": 0, "text": "from m"}], "m.jsonl")
    write(tmp_path, [{"id": 0, "text": "from a"}], "a.jsonl")
    [answer] = await replay(tmp_path, samples("q"), path="{{ model }}.jsonl")
    assert answer.text == "from m"
    [answer] = await replay(tmp_path, samples("q"), path="{{ row.task }}.jsonl")
    assert answer.text == "from a"
    [answer] = await replay(tmp_path, [Sample("0", "q", fields={"task": "b"})], path="{{ row.task }}.jsonl")
    assert answer.outcome is PredictionOutcome.REJECTED


def test_the_url_changes_with_the_answers(tmp_path):
    path = write(tmp_path, [{"id": 0, "text": "a"}])
    before = build("recorded", path=path, base_dir=str(tmp_path)).url
    assert before == build("recorded", path=path, base_dir=str(tmp_path)).url
    assert before != build("recorded", path=path, base_dir=str(tmp_path), order=True).url
    write(tmp_path, [{"id": 0, "text": "other"}])
    assert before != build("recorded", path=path, base_dir=str(tmp_path)).url
    by_model = build("recorded", path="of-{{ model }}.jsonl", base_dir=str(tmp_path))
    with pytest.raises(DatasetError, match="no file matches"):
        _ = by_model.url
    write(tmp_path, [{"id": 0, "text": "a"}], "of-m.jsonl")
    assert by_model.url.startswith("recorded:")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": "x.jsonl", "fields": {"txt": "a"}},
        {"path": "x.jsonl", "fields": {"id": "a"}, "order": True},
        {"path": "x.jsonl", "fields": {"trial": "a"}, "order": True},
    ],
    ids=repr,
)
def test_options_that_cannot_be(options):
    with pytest.raises(ConfigError):
        build("recorded", **options)


@needs_data
@pytest.mark.parametrize(
    ("task", "right"),
    [
        ("boolean_expressions", 221),
        ("date_understanding", 159),
        ("object_counting", 113),
        ("sports_understanding", 182),
    ],
)
async def test_published_outputs_are_joined_exactly(task, right):
    path = f"bbh/code-davinci-002-direct/{task}.json"
    rows = json.loads((DATA / path).read_text())["outputs"]
    asked = [Sample(id=f"s{i}", input=row["input"], index=i) for i, row in enumerate(rows)]
    answers = await replay(DATA, asked, path=path, fields={"text": "prediction"}, order=True)
    assert sum(answer.text == row["target"] for answer, row in zip(answers, rows, strict=True)) == right


@needs_data
async def test_a_doubled_published_question_is_told():
    path = "bbh/code-davinci-002-direct/sports_understanding.json"
    with pytest.raises(DatasetError, match=r"row 156: answers the same input as .* row 28"):
        await replay(DATA, [], path=path, fields={"input": "input", "text": "prediction"})


@needs_data
@pytest.mark.parametrize(
    ("model", "right"),
    [("6b_finetuning", 286), ("6b_verification", 515), ("175b_finetuning", 458), ("175b_verification", 742)],
)
async def test_one_file_holds_the_answers_of_four_systems(model, right):
    path = "gsm8k/example_model_solutions.jsonl"
    rows = [json.loads(line) for line in (DATA / path).read_text().splitlines()]
    asked = [Sample(id=f"s{i}", input=row["question"], index=i) for i, row in enumerate(rows)]
    fields = {"input": "question", "text": "{{ row[model].solution }}"}
    answers = await replay(DATA, asked, model=model, path=path, fields=fields)
    assert all(answer.text == row[model]["solution"] for answer, row in zip(answers, rows, strict=True))
    assert sum(row[model]["is_correct"] for row in rows) == right
