"""The shipped datasets have their cards, and real data of many shapes is read whole."""

from pathlib import Path

import pytest

from evalkit.config.schema import DatasetSpec
from evalkit.dataset import load_dataset
from evalkit.errors import DatasetError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets do not lie beside the checkout")


def load(folder, **spec):
    return load_dataset("qa", DatasetSpec.model_validate(spec), base_dir=folder)


@pytest.mark.parametrize(("name", "rows"), [("quickstart", 12), ("qa", 24)])
def test_the_shipped_datasets_load_and_have_their_card(name, rows):
    dataset = load(ROOT, path=f"datasets/{name}.jsonl", fields={"slices": ["topic"]}, expect={"rows": rows})
    assert all(isinstance(sample.target, str) and sample.target for sample in dataset.samples)
    assert not any(sample.target.lower() in sample.input.lower().split() for sample in dataset.samples)
    assert f"[`{name}.jsonl`]({name}.jsonl)" in (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")


def test_no_code_lies_in_the_datasets_folder():
    assert not list((ROOT / "datasets").rglob("*.py"))


@real_data
@pytest.mark.parametrize(
    ("spec", "count", "first"),
    [
        ({"path": "gsm8k/test.jsonl"}, 1319, "d975fa1ff1b1"),
        (
            {"path": "humaneval/HumanEval.jsonl.gz", "fields": {"id": "task_id", "target": "canonical_solution"}},
            164,
            "HumanEval/0",
        ),
        ({"path": "bbh/*.json", "fields": {"id": "{{ index }}"}}, 1000, "0"),
        ({"path": "bfcl/BFCL_v4_*.json", "fields": {"id": "id"}}, 600, "multiple_0"),
        (
            {
                "path": "mt_bench/question.jsonl",
                "fields": {"id": "question_id", "input": "{{ turns[0] }}", "slices": ["category"]},
            },
            80,
            "81",
        ),
        ({"path": "ifeval/input_data.jsonl", "fields": {"id": "key"}}, 541, "1000"),
        ({"path": "small-samples/*.json", "fields": {"id": "{{ index }}", "target": "expected_answer"}}, 20, "0"),
    ],
    ids=["gsm8k", "humaneval gz", "bbh", "bfcl", "mt_bench", "ifeval", "small"],
)
def test_real_data_is_read_whole(spec, count, first):
    dataset = load(DATA, **spec)
    assert (len(dataset.samples), dataset.samples[0].id) == (count, first)


@real_data
def test_two_rows_that_are_equal_in_real_data_are_found():
    with pytest.raises(
        DatasetError, match=r"sports_understanding\.json, row 156: the same row as .*, row 28, and neither has an id"
    ):
        load(DATA, path="bbh/sports_understanding.json")
