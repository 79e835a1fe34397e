"""Anchors: which files are sets of graded answers, how agreement is counted, and what it decides."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from evalkit.anchor_rows import AnchorSet, read_anchors
from evalkit.anchors import AnchorCheck, check_anchors, distrusted
from evalkit.config.schema import ModelSpec
from evalkit.errors import ConfigError
from evalkit.judges import PlannedJudge
from evalkit.providers.scripted import Scripted
from evalkit.records import PredictionOutcome, Request
from tests.end_to_end.command import write_rows
from tests.judging import Reply, bound, failing

ROW = {"id": "a", "input": "?", "target": "t", "answer": "t", "label": "correct"}
SCALED = {"id": "a", "input": "?", "target": "t", "answer": "t", "value": 4}


def anchors_of(folder: Path, rows: list[dict[str, Any]], **options: Any) -> AnchorSet:
    write_rows(folder, rows, "anchors.jsonl")
    scorer, _ = bound(lambda _: "", anchors={"path": "anchors.jsonl"}, **options)
    return read_anchors(scorer.scorer.anchors, folder, scorer.scorer.deserved)


def test_a_row_is_a_sample_an_answer_and_the_score_it_deserves(tmp_path: Path) -> None:
    (anchor,) = anchors_of(tmp_path, [{**ROW, "topic": "x", "label": "incorrect"}]).anchors
    assert (anchor.sample.id, anchor.sample.target, anchor.answer, anchor.deserved) == ("a", "t", "t", 0.0)
    assert anchor.sample.fields == {"id": "a", "input": "?", "target": "t", "topic": "x"}
    (anchor,) = anchors_of(tmp_path, [SCALED], scale=[1, 5]).anchors
    assert anchor.deserved == 0.75


def test_the_digest_names_the_set(tmp_path: Path) -> None:
    sets = [[ROW], [{**ROW, "label": "incorrect"}], [{**ROW, "answer": "u"}], [{**ROW, "input": "!"}], [ROW]]
    digests = [anchors_of(tmp_path, rows).digest for rows in sets]
    assert len(set(digests)) == 4
    assert digests[0] == digests[-1]


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([], {}, "no rows"),
        ([ROW, ROW], {}, "'a' is there twice"),
        ([{**ROW, "answer": ""}], {}, "anchor 1 has no answer"),
        ([{**ROW, "answer": None}], {}, "anchor 1 has no answer"),
        ([{**ROW, "label": "fine"}], {}, "anchor 1: label must be correct or incorrect, not 'fine'"),
        ([{k: v for k, v in ROW.items() if k != "label"}], {}, "not None"),
        ([{**ROW, "label": ["correct"]}], {}, "label must be"),
        ([{**SCALED, "value": 6}], {"scale": [1, 5]}, "from 1 to 5"),
        ([{**SCALED, "value": "many"}], {"scale": [1, 5]}, "anchor 1"),
        ([{**SCALED, "value": True}], {"scale": [1, 5]}, "from 1 to 5"),
        ([{"id": "a", "answer": "t", "label": "correct"}], {}, "no column 'input'"),
    ],
    ids=[
        "none",
        "twice",
        "empty answer",
        "null answer",
        "label",
        "no label",
        "list",
        "off the scale",
        "word",
        "bool",
        "no input",
    ],
)
def test_what_is_no_set_of_anchors(
    tmp_path: Path, rows: list[dict[str, Any]], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        anchors_of(tmp_path, rows, **options)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    scorer, _ = bound(lambda _: "", anchors={"path": "nothing.jsonl"})
    with pytest.raises(ConfigError, match=r"anchors: .*nothing\.jsonl"):
        read_anchors(scorer.scorer.anchors, tmp_path, scorer.scorer.deserved)


async def checked(folder: Path, rows: list[dict[str, Any]], reply: Reply, **options: Any) -> AnchorCheck:
    anchors = anchors_of(folder, rows, **options)
    scorer, _ = bound(reply, anchors={"path": "anchors.jsonl"}, **options)
    judge = PlannedJudge("q", "model", ModelSpec(id="j", label="J", role="judge"), Scripted(), anchors=anchors)
    judge = dataclasses.replace(judge, min_agreement=0.6, tolerance=scorer.scorer.anchor_tolerance)
    return (await check_anchors([judge], {"q": scorer}, confidence=0.95))["judge:q"]


def by_sample(**replies: Any) -> Reply:
    return lambda request: replies[request.sample.id]


@pytest.mark.parametrize(
    ("replies", "counts", "agreement", "holds"),
    [
        ({"a": "correct", "b": "correct", "c": "correct"}, (3, 3, 0), 1.0, True),
        ({"a": "correct", "b": "correct", "c": "incorrect"}, (3, 2, 0), 2 / 3, True),
        ({"a": "correct", "b": "incorrect", "c": "incorrect"}, (3, 1, 0), 1 / 3, False),
        ({"a": "correct", "b": "hm", "c": "hm"}, (1, 1, 0), 1 / 3, False),
        ({"a": "correct", "b": failing(PredictionOutcome.INFRA_ERROR), "c": "hm"}, (1, 1, 1), 0.5, False),
        (dict.fromkeys("abc", failing(PredictionOutcome.NOT_RUN)), (0, 0, 3), None, False),
    ],
    ids=["all", "most", "few", "unreadable is disagreement", "unanswered is nothing", "nobody asked"],
)
async def test_agreement(
    tmp_path: Path, replies: dict[str, Any], counts: tuple[int, int, int], agreement: float | None, holds: bool
) -> None:
    check = await checked(tmp_path, [{**ROW, "id": name} for name in "abc"], by_sample(**replies))
    assert (check.scored, check.agreed, check.unanswered) == counts
    assert (check.agreement, check.holds) == (agreement, holds)
    told = check.describe()
    assert told["n"] == 3
    assert (told["lower"] is None) == (agreement is None)


@pytest.mark.parametrize(("rating", "agrees"), [("4", True), ("3.5", True), ("4.5", True), ("3", False), ("5", False)])
async def test_a_rating_may_lie_half_a_step_away(tmp_path: Path, rating: str, agrees: bool) -> None:
    check = await checked(tmp_path, [SCALED], lambda _: rating, scale=[1, 5])
    assert check.agreed == agrees


async def test_anchors_are_graded_as_they_are_written(tmp_path: Path) -> None:
    """Neither extraction nor negation of the scorer touches them, and their calls have a slot of their own."""
    asked: list[Request] = []

    def reply(request: Request) -> str:
        asked.append(request)
        return "correct"

    check = await checked(tmp_path, [{**ROW, "answer": "It is so"}], reply, negate=True, extract=["number"])
    assert check.agreed == 1
    assert "It is so" in asked[0].messages[0].content


def test_only_judges_that_disagree_are_distrusted() -> None:
    anchors = {"n": 20, "agreement": 0.6, "min_agreement": 0.9, "holds": False}
    judges = [
        {"scorer": "one", "model": "J", "anchors": anchors},
        {"scorer": "two", "model": "J", "anchors": {**anchors, "agreement": 0.95, "holds": True}},
        {"scorer": "three", "model": "J", "anchors": None},
        {"scorer": "four", "model": "J", "anchors": {**anchors, "agreement": None}},
    ]
    assert distrusted(judges) == {
        "one": "judge J: agreement 0.60 with 20 anchors is below 0.90",
        "four": "judge J: it could not be asked about its 20 anchors",
    }
