"""The explorer's data: what is in the tags, in which order, and within which size."""

import base64
import gzip
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.records import Json, Score, ScoreOutcome, Timing
from evalkit.report import pack
from evalkit.report.pack import PackedSamples, pack_samples
from tests.weave_io.run_folders import Judgement, ModelUnderTest, RunSpec, answered, failed, make_run_folder

_TAG = re.compile(r'<script type="application/(json|gzip)" id="(\w+)">([^<]*)</script>\n')


def _pack(root: Path, spec: RunSpec | None = None) -> PackedSamples:
    folder = make_run_folder(root, spec)
    return pack_samples(folder, folder.load())


def _read(packed: PackedSamples) -> dict[str, Any]:
    tags = _TAG.findall(packed.tags)
    assert "".join(f'<script type="application/{k}" id="{n}">{c}</script>\n' for k, n, c in tags) == packed.tags
    return {
        name: json.loads(content if kind == "json" else gzip.decompress(base64.b64decode(content)))
        for kind, name, content in tags
    }


def test_index_holds_every_sample_with_outcomes_and_values_by_model(tmp_path: Path) -> None:
    packed = _pack(tmp_path)
    data = _read(packed)
    assert (packed.count, packed.note) == (6, None)
    assert data["head"]["models"] == ["Model A", "Model B"]
    assert data["head"]["outcomes"] == [{"score": "scored", "call": "ok"}]
    assert data["index"]["ids"] == [f"s{i:05d}" for i in range(6)]
    assert data["index"]["values"] == [[1, 0, 1, 0, 1, 0], [1, 0, 0, 1, 0, 0]]
    assert data["index"]["outcomes"] == ["000000", "000000"]
    assert data["index"]["previews"][2] == "What is 2 + 2?"


def test_texts_hold_each_prompt_once_and_every_answer(tmp_path: Path) -> None:
    (row, *_) = _read(_pack(tmp_path))["c0"]
    assert (row["input"], row["target"]) == ("What is 0 + 0?", "0")
    assert row["prompts"] == [[["user", "What is 0 + 0?"]]]
    assert [answer["text"] for (answer,) in row["models"]] == ["answer 0", "answer 0"]
    (first,), _ = row["models"]
    assert first == {
        "finish": "stop",
        "prompt": 0,
        "scores": [{"outcome": "scored", "scorer": "exact", "value": 1.0}],
        "seconds": 1.5,
        "served": "served/model",
        "text": "answer 0",
        "tokens": [10, 5],
    }


def test_where_the_time_went_and_what_was_sent_and_called_is_kept(tmp_path: Path) -> None:
    def judge(_model: str, _position: int, _trial: int) -> Judgement:
        timing = Timing(0.0, 2.0, 1.5, 3.0, 0.0, first_token_s=0.5, first_byte_s=0.25)
        call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
        prediction = replace(answered(""), timing=timing, attempts=2, tool_calls=[call], logprobs={"content": []})
        return prediction, {"exact": Score(1.0)}

    models = (ModelUnderTest("Model A", params={"seed": 7}), ModelUnderTest("Model B"))
    data = _read(_pack(tmp_path, RunSpec(judge=judge, models=models, samples=1)))
    assert data["index"]["params"] == [[{"seed": 7}, None]]
    (answer,) = data["c0"][0]["models"][0]
    times = {name: answer.get(name) for name in ("seconds", "byte", "token", "queue", "backoff", "attempts")}
    assert times == {"seconds": 1.5, "byte": 0.25, "token": 0.5, "queue": 3.0, "backoff": None, "attempts": 2}
    assert json.loads(answer["calls"]) == [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]
    assert answer["logprobs"] is True
    assert "text" not in answer


def test_trials_stand_side_by_side(tmp_path: Path) -> None:
    def judge(_model: str, _position: int, trial: int) -> Judgement:
        return answered(f"trial {trial}"), {"exact": Score(float(trial == 2))}

    data = _read(_pack(tmp_path, RunSpec(judge=judge, trials=3, samples=2)))
    assert data["head"]["trials"] == 3
    assert data["index"]["values"][0] == [0, 0, 1, 0, 0, 1]
    assert [answer["text"] for answer in data["c0"][1]["models"][0]] == ["trial 0", "trial 1", "trial 2"]


def test_missing_calls_and_failed_ones_are_told_apart(tmp_path: Path) -> None:
    def judge(model: str, position: int, _trial: int) -> Judgement:
        if model == "Model A" and position == 1:
            return failed("reset by peer"), {"exact": Score(None, "", ScoreOutcome.INFRA_ERROR)}
        return answered(), {"exact": Score(0.99999)}

    data = _read(_pack(tmp_path, RunSpec(judge=judge, samples=3)))
    assert data["head"]["outcomes"][1] == {"score": "infra_error", "call": "infra_error"}
    assert data["index"]["outcomes"] == ["010", "000"]
    assert data["index"]["values"][0] == [0.99999, None, 0.99999], "a value is never rounded up to 1"
    assert data["c0"][1]["models"][0][0]["failure"] == "reset by peer"
    assert (
        data["head"]["evaluations"][0]["counts_as"] | {"infra_error": None, "refused": 0.0}
        == (data["head"]["evaluations"][0]["counts_as"])
    )


@pytest.mark.parametrize(
    "text",
    ["</script><script>alert(1)</script>", "&amp;<!--", "\u202e\u0000", "lone \ud800 surrogate", "W" * 5_000],
    ids=["script", "entities", "control", "surrogate", "long-word"],
)
def test_hostile_text_arrives_as_it_was_and_closes_no_tag(tmp_path: Path, text: str) -> None:
    def judge(_model: str, _position: int, _trial: int) -> Judgement:
        return answered(text), {"exact": Score(0.0, text, answer=text)}

    packed = _pack(tmp_path, RunSpec(judge=judge, samples=1, name="run"))
    answer = _read(packed)["c0"][0]["models"][0][0]
    assert (answer["text"], answer["scores"][0]["reason"], answer["scores"][0]["answer"]) == (text, text, text)


def test_head_escapes_what_could_end_its_tag(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path)
    run = folder.load()
    label = "</script>&<b>"
    run.plan["cells"][0]["model"] = label
    packed = pack_samples(folder, run)
    assert label not in packed.tags
    assert label in _read(packed)["head"]["models"]


def test_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path)
    assert pack_samples(folder, folder.load()) == pack_samples(folder, folder.load())


def test_rows_lie_in_chunks_of_500(tmp_path: Path) -> None:
    data = _read(_pack(tmp_path, RunSpec(samples=1_001)))
    assert [len(data[name]) for name in ("c0", "c1", "c2")] == [500, 500, 1]


@pytest.fixture
def over_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Json]:
    """A run of 1,200 samples of incompressible texts, every 100th of them failed, with room for about a third."""
    noise = random.Random(7)

    def judge(_model: str, position: int, _trial: int) -> Judgement:
        if position % 100 == 0:
            return failed(), {"exact": Score(None, "", ScoreOutcome.INFRA_ERROR)}
        return answered(noise.randbytes(300).hex()), {"exact": Score(1.0)}

    monkeypatch.setattr(pack, "_ALWAYS_WHOLE", 1_000)
    monkeypatch.setattr(pack, "_BUDGET_BYTES", 30_000)
    monkeypatch.setattr(pack, "_BUDGET_BYTES_A_ROW", 200)
    packed = _pack(tmp_path, RunSpec(judge=judge, samples=1_200))
    return {"packed": packed, **_read(packed)}


def test_beyond_the_budget_failures_stay_and_others_are_drawn(over_budget: dict[str, Json]) -> None:
    rows = over_budget["c0"] + over_budget["c1"] + over_budget["c2"]
    embedded = {place for place, row in enumerate(rows) if row is not None}
    assert len(over_budget["index"]["ids"]) == len(rows) == 1_200
    assert embedded.issuperset(range(0, 1_200, 100))
    assert 200 < len(embedded) < 600
    assert max(embedded) > 1_000, "drawn from the whole run, not from its beginning"
    assert f"{len(embedded):,} of 1,200 samples" in over_budget["packed"].note


def test_the_texts_keep_to_the_budget(over_budget: dict[str, Json]) -> None:
    chunks = [content for _, name, content in _TAG.findall(over_budget["packed"].tags) if name.startswith("c")]
    assert sum(len(base64.b64decode(chunk)) for chunk in chunks) < 1.1 * (30_000 + 200 * 1_200)
