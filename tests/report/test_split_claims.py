"""A drift split in sentences: no cause that the data do not support, and none left unsaid."""

import math

import pytest

from evalkit.drift_parts import Cause
from evalkit.drift_split import split_change
from evalkit.report.numbers import MINUS
from evalkit.report.split_claims import CAUSE_TITLES, split_sentences
from evalkit.serving import ServingFacts
from tests.drifting import CUT, OK, Row, night, plain


def judged(wrong: range, *, n: int = 200) -> list[float]:
    """Return scores of samples that are all right but for these."""
    return [float(i not in wrong) for i in range(n)]


def signed(sentences: tuple[str, ...]) -> list[str]:
    """Return sentences with a plain minus."""
    return [sentence.replace(MINUS, "-") for sentence in sentences]


def test_the_judge_moved_and_the_model_did_not() -> None:
    before = plain(judged(range(8)), judge="j")
    again = plain(judged(range(26)), judge="j")
    after = plain([*judged(range(25))[:190], *([0.0] * 2), *([1.0] * 8)], judge="j")
    said = signed(split_sentences(split_change(before, after, rejudged=again)))
    assert said == [
        "The judge moved: re-judging the 200 answers of the night before gives -9.0 points (-13.1 to -4.7).",
        "The model did not: -0.5 (-2.7 to +1.7).",
    ]


def test_a_scorer_is_no_judge() -> None:
    said = split_sentences(split_change(plain([1.0] * 40), plain([0.0] * 40), rejudged=plain([0.0] * 40)))
    assert said[0].startswith("The scorer moved: re-scoring the 40 answers of the night before gives ")


@pytest.mark.parametrize(
    ("facts", "begins", "ends"),
    [
        ((ServingFacts(), ServingFacts()), "The model moved: its answers that ended alike give -100.0 points (", ")."),
        (
            (ServingFacts(("a",), ("f",)), ServingFacts(("a",), ("f",))),
            "The model moved: its answers that ended alike give -100.0 points (",
            "). Served model and fingerprint show no change.",
        ),
        (
            (ServingFacts(("a",)), ServingFacts(("b",))),
            "The serving changed: served model a → b; with it, answers that ended alike give -100.0 points (",
            ").",
        ),
    ],
    ids=["nothing told", "all alike", "another served model"],
)
def test_the_rest_is_the_model_or_the_serving(facts: tuple[ServingFacts, ServingFacts], begins: str, ends: str) -> None:
    split = split_change(plain([1.0] * 40), plain([0.0] * 40), before_serving=facts[0], after_serving=facts[1])
    (said,) = signed(split_sentences(split))
    assert said.startswith(begins)
    assert said.endswith(ends)


def test_a_wave_of_cut_answers() -> None:
    before = plain(judged(range(40)))
    rows = [Row(f"s{i}", [(0.0, CUT) if i >= 170 else (float(i >= 40), OK)]) for i in range(200)]
    said = signed(split_sentences(split_change(before, night(rows))))
    what = "30 samples that ended otherwise (ok → truncated and no_answer 30) give -15.0 points ("
    assert said[0].startswith(f"Errors, refusals and truncation changed: {what}")
    assert said[1].startswith("The model did not: 0.0 (")


def test_other_samples() -> None:
    before = night([Row(f"s{i}", [(1.0, OK)]) for i in range(200)])
    after = night([Row(f"s{i}" if i < 150 else f"n{i}", [(float(i < 160), OK)]) for i in range(200)])
    said = signed(split_sentences(split_change(before, after)))
    assert said[0].startswith("The samples changed: 50 added and 50 removed, which gives -20.0 points (")


def test_no_cause_is_guessed() -> None:
    """Four samples got better and five worse: that is noise, and what would not have been is told."""
    before = plain(judged(range(40)))
    after = plain([*judged(range(4, 40))[:100], *judged(range(100, 105))[100:]])
    (said,) = signed(split_sentences(split_change(before, after)))
    assert said == (
        "No cause can be named: no part of the change of -0.5 points can be told from 0; "
        "with power 80% this would have named, in points of either sign: model 4.6."
    )


def test_what_was_asked_and_measured_otherwise() -> None:
    asked = split_change(plain([1.0] * 40, treatment={"prompt": "a"}), plain([0.0] * 40, treatment={"prompt": "b"}))
    assert split_sentences(asked)[0].startswith("The night asked otherwise (prompt): this and the model together give ")
    measured = split_change(plain([1.0] * 40, measure="a"), plain([0.0] * 40, measure="b"))
    assert split_sentences(measured)[0].startswith("The night measured otherwise (scorer a → b): this and the model ")
    either = split_change(plain([1.0] * 40, judge="j"), plain([0.0] * 40, judge="j"))
    assert "so which of the two cannot be told" in split_sentences(either)[0]


def test_changed_serving_is_told_where_nothing_moved() -> None:
    facts = ServingFacts(("a",)), ServingFacts(("b",))
    split = split_change(plain([1.0] * 40), plain([1.0] * 40), before_serving=facts[0], after_serving=facts[1])
    assert split_sentences(split)[-1] == "The serving changed all the same: served model a → b."


def test_a_night_without_scores() -> None:
    split = split_change(plain([math.nan] * 3), plain([1.0] * 3))
    assert split_sentences(split) == ("The change cannot be split: nothing was scored before.",)


def test_every_cause_has_a_title() -> None:
    assert set(CAUSE_TITLES) == set(Cause)
