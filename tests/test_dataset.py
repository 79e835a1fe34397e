"""A spec becomes a dataset: steps in their order, ids unique, digests stable, real files whole."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.schema import DatasetSpec
from evalkit.dataset import dataset_digest, load_dataset
from evalkit.digest import digest_json
from evalkit.errors import DatasetError

ROOT = Path(__file__).resolve().parents[1]

ROWS = [{"id": f"q{n}", "input": f"n {n}", "target": n, "level": n % 3, "topic": "ab"[n % 2]} for n in range(12)]


def load(folder=Path(), group_by=None, **spec):
    return load_dataset("qa", DatasetSpec.model_validate(spec), base_dir=folder, group_by=group_by)


def ids(dataset):
    return [sample.id for sample in dataset.samples]


def test_a_dataset_is_its_samples_in_order():
    dataset = load(rows=ROWS)
    assert (dataset.name, dataset.raw_rows, dict(dataset.provenance)) == ("qa", 12, {})
    assert ids(dataset) == [row["id"] for row in ROWS]
    assert [sample.index for sample in dataset.samples] == list(range(12))
    assert dataset.samples[3].fields == ROWS[3]


def test_the_digest_covers_ids_and_content_in_order():
    dataset = load(rows=ROWS)
    assert dataset.digest == digest_json([[sample.id, sample.digest] for sample in dataset.samples])
    assert load(rows=[{**row, "level": 9} for row in ROWS]).digest == dataset.digest
    assert load(rows=ROWS[::-1]).digest != dataset.digest
    assert load(rows=ROWS[:-1]).digest != dataset.digest
    assert load(rows=[{**ROWS[0], "target": 99}, *ROWS[1:]]).digest != dataset.digest
    assert dataset_digest(()) != dataset.digest


def test_where_comes_first_and_keeps_the_place_in_the_source():
    dataset = load(rows=ROWS, where="level == 1", limit=2)
    assert ids(dataset) == ["q1", "q4"]
    assert [sample.index for sample in dataset.samples] == [1, 4]
    assert ids(load(rows=ROWS, where="'n 1' in input and index > 5")) == ["q10", "q11"]


def test_the_steps_come_in_their_order():
    spec = {"rows": ROWS, "where": "level != 0", "shuffle": True, "seed": 4}
    kept = ids(load(**spec))
    drawn = ids(load(**spec, sample=4))
    assert sorted(kept) == sorted(row["id"] for row in ROWS if row["level"] != 0)
    assert drawn == [name for name in kept if name in drawn]
    assert len(drawn) == 4
    assert ids(load(**spec, sample=4, limit=2)) == drawn[:2]
    assert ids(load(**spec, sample={"n": 4, "method": "head"})) == kept[:4]


def test_a_stratified_sample_keeps_the_shares():
    dataset = load(rows=ROWS, sample={"n": 6, "method": "stratified", "by": "level"})
    assert sorted(sample.fields["level"] for sample in dataset.samples) == [0, 0, 1, 1, 2, 2]


counts = st.integers(1, 15)
seeds = st.integers(0, 3)


@given(counts, counts, seeds, st.booleans())
def test_limit_cuts_what_shuffle_and_sample_left(n, limit, seed, shuffle):
    spec = {"rows": ROWS, "seed": seed, "shuffle": shuffle}
    whole = ids(load(**spec))
    drawn = ids(load(**spec, sample=n))
    assert set(drawn) <= set(whole)
    assert len(set(drawn)) == len(drawn) == min(n, 12)
    assert ids(load(**spec, limit=limit)) == whole[:limit]
    assert ids(load(**spec, sample=n, limit=limit)) == drawn[:limit]


@given(seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_file_has_no_say_in_shuffle_and_sample(seed, rng):
    rows = list(ROWS)
    rng.shuffle(rows)
    spec = {"seed": seed, "shuffle": True, "sample": 5}
    assert load(rows=rows, **spec).digest == load(rows=ROWS, **spec).digest


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1), min_size=1, max_size=8))
def test_ids_are_unique_or_the_rows_are_refused(rows):
    rows = [{"input": "x", **row} for row in rows]
    if len({digest_json(row) for row in rows}) < len(rows):
        with pytest.raises(DatasetError, match="the same row as"):
            load(rows=rows)
        return
    names = ids(load(rows=rows))
    assert len(set(names)) == len(rows)
    assert all(len(name) == 12 for name in names)


def test_reading_stops_when_the_limit_is_reached(tmp_path):
    (tmp_path / "qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[:5]) + "{broken\n")
    dataset = load(tmp_path, path="qa.jsonl", limit=3)
    assert (len(dataset.samples), dataset.raw_rows) == (3, 3)
    assert len(load(tmp_path, path="qa.jsonl", sample={"n": 5, "method": "head"}).samples) == 5
    with pytest.raises(DatasetError):
        load(tmp_path, path="qa.jsonl", limit=3, shuffle=True)


def test_samples_of_a_function_are_filtered_like_rows(tmp_path):
    (tmp_path / "made_rows_of_test_dataset.py").write_text(
        "from evalkit.records import Sample\n"
        "def load():\n"
        "    return [Sample(id=str(n), input=f'n {n}', fields={'n': n}) for n in range(4)]\n"
    )
    dataset = load(tmp_path, python="made_rows_of_test_dataset:load", where="n > 1 and id != '3'")
    assert ids(dataset) == ["2"]
    assert dataset.samples[0].index == 2
    assert dataset.samples[0].digest


@pytest.mark.parametrize(
    ("content", "spec", "message"),
    [
        ('{"id": 1, "input": "x"}\n{"id": ', {}, "qa.jsonl:2: not JSON: Expecting value (column 8)"),
        (
            '{"id": 1, "input": "x"}\n\n{"id": 1, "input": "y"}',
            {},
            "qa.jsonl:3: the id '1' is already that of qa.jsonl:1; ids must be unique (fields.id names the column)",
        ),
        (
            '{"input": "x"}\n{"input": "x"}',
            {},
            (
                "qa.jsonl:2: the same row as qa.jsonl:1, and neither has an id;"
                " remove one, or set fields.id, such as 'row-{{ index }}'"
            ),
        ),
        ('{"id": 1, "input": "x"}\n{"id": 2, "input": null}', {}, "qa.jsonl:2: the input is null"),
        (
            '{"id": 1, "inptu": "x"}',
            {"fields": {"input": "input"}},
            "qa.jsonl:1: fields.input: there is no column 'input'; did you mean 'inptu'?",
        ),
        ('{"id": 1, "input": "x"}', {"where": "id == 2"}, "none of the 1 rows is left; check where: id == 2"),
        ('{"id": 1, "input": "x"}', {"where": "zzz == 2"}, "qa.jsonl:1: where: 'zzz' is undefined"),
        (
            '{"id": 1, "input": "x"}',
            {"where": "id =="},
            "where: 'id ==' is not an expression: unexpected 'end of template'",
        ),
        (
            '{"id": 1, "input": "x"}',
            {"expect": {"rows": 2}},
            "expect.rows is 2, but there are 1; the data changed, or expect is old",
        ),
        (
            '{"id": 1, "input": "x"}',
            {"expect": {"rows": 2}, "limit": 1, "shuffle": True},
            "expect.rows is 2, but there are 1 after shuffle, limit; the data changed, or expect is old",
        ),
        (
            '{"id": 1, "input": "x"}',
            {"expect": {"digest": "0"}},
            "expect.digest is 0, but it is ec74defd7db29be648aadae5e38d4e64; the data changed, or expect is old",
        ),
        ('{"id": 1, "input": "x"}', {"split": "test"}, "split is an option of hf; this dataset reads path"),
        (
            '{"id": 1, "input": "x"}',
            {"sample": {"n": 1, "method": "stratified"}},
            "sample: method stratified needs by, the column that strata are made of; no other takes it",
        ),
        (
            '{"id": 1, "input": "x"}',
            {"sample": {"n": 1, "method": "stratified", "by": "zzz"}},
            "sample.by: there is no column 'zzz'; known: id, input",
        ),
        ("", {}, "qa.jsonl: the file holds no rows"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value) or "plain",
)
def test_a_fault_is_told_with_dataset_file_and_line(tmp_path, content, spec, message):
    (tmp_path / "qa.jsonl").write_text(content)
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, path="qa.jsonl", **spec)
    assert str(caught.value) == f"dataset 'qa': {message}"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "needs exactly one source, of path, hf, weave, rows, python; it has none"),
        (
            {"rows": ROWS, "path": "x"},
            "needs exactly one source, of path, hf, weave, rows, python; it has path and rows",
        ),
        ({"weave": "weave:///a/b/object/c:latest"}, "the source 'weave' is not yet available"),
        ({"hf": "owner/name"}, "hf: 'owner/name' needs a split, such as split: test"),
        ({"rows": []}, "rows: the list is empty"),
        (
            {"rows": [{"id": 1, "input": "x"}, {"id": 2}]},
            "row 2: earlier rows give the input by the column 'input', this one by none; name one in fields.input",
        ),
    ],
    ids=["none", "two", "weave", "no split", "no rows", "row"],
)
def test_a_spec_that_cannot_be_read_is_refused(spec, message):
    with pytest.raises(DatasetError) as caught:
        load(**spec)
    assert str(caught.value) == f"dataset 'qa': {message}"


def test_expectations_that_are_met_pass():
    dataset = load(rows=ROWS, where="level == 1")
    assert load(rows=ROWS, where="level == 1", expect={"rows": 4, "digest": dataset.digest}) == dataset


def test_groups_by_the_configs_column():
    assert [s.group for s in load(rows=ROWS[:3], group_by="topic").samples] == ["a", "b", "a"]
    with pytest.raises(DatasetError, match=r"^dataset 'qa': row 1: stats\.group_by: there is no column 'topik'"):
        load(rows=ROWS, group_by="topik")


def test_reading_plain_files_loads_no_heavy_library():
    code = (
        "import sys, pathlib\n"
        "from evalkit.config.schema import DatasetSpec\n"
        "from evalkit.dataset import load_dataset\n"
        "load_dataset('qa', DatasetSpec(path='datasets/qa.jsonl'), base_dir=pathlib.Path.cwd())\n"
        "heavy = ('pandas', 'datasets', 'pyarrow', 'numpy', 'weave', 'openai')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of one process is read from Linux's /proc")
def test_many_rows_take_little_memory(tmp_path):
    rng = random.Random(0)
    with (tmp_path / "big.jsonl").open("w") as file:
        for n in range(100_000):
            file.write(json.dumps({"id": n, "input": f"{rng.random()} " * 15, "target": str(n), "topic": "t"}) + "\n")
    code = (
        "import pathlib, re, sys\n"
        "from evalkit.config.schema import DatasetSpec\n"
        "from evalkit.dataset import load_dataset\n"
        "made = load_dataset('big', DatasetSpec(path='big.jsonl'), base_dir=pathlib.Path(sys.argv[1]))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(len(made.samples), int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, peak_mib = map(int, done.stdout.split())
    assert count == 100_000
    assert peak_mib < 300
