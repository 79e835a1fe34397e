"""The change of a metric from one night to the next: parts that add up, and the one cause that is named."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.drift_parts import Cause, ChangeSplit
from evalkit.drift_split import split_change
from evalkit.serving import ServingFacts
from evalkit.stored_items import MetricItems
from tests.drifting import CUT, LOST, OK, UNJUDGED, Nature, Row, Trial, night, plain

SCORES = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
TRIALS = st.one_of(
    st.tuples(SCORES, st.just(OK)),
    st.just((0.0, CUT)),
    st.just((math.nan, LOST)),
    st.just((math.nan, UNJUDGED)),
)


@st.composite
def nights(draw: st.DrawFn) -> tuple[MetricItems, MetricItems, MetricItems | None]:
    """Two nights and a re-judging: any overlap, any trials, any endings, with groups or without."""
    repeats = draw(st.integers(1, 3))
    keeps_rows, kind = draw(st.booleans()), draw(st.sampled_from(["binary", "graded"]))
    has_groups = draw(st.booleans())

    def row(name: int, content: str) -> Row:
        trials = draw(st.lists(TRIALS, min_size=repeats, max_size=repeats))
        group = f"g{name // 3}" if has_groups and name % 4 else None
        return Row(f"s{name}", trials, f"{content if name % 5 == 0 else ''}{name}", group)

    def rows(names: list[int], content: str) -> list[Row]:
        return [row(name, content) for name in names]

    names = st.lists(st.integers(0, 15), unique=True, max_size=14)
    first, second = draw(names), draw(names)
    before, after = rows(first, "old"), rows(second, draw(st.sampled_from(["old", "new"])))
    options = {"kind": kind, "keeps_rows": keeps_rows}
    again = None
    if draw(st.booleans()):
        again = night(rows(draw(st.sampled_from([first, first[1:]])), "old"), **options)  # type: ignore[arg-type]
    return night(before, **options), night(after, **options), again  # type: ignore[arg-type]


@given(nights())
def test_the_parts_add_up_to_the_change(drawn: tuple[MetricItems, MetricItems, MetricItems | None]) -> None:
    before, after, again = drawn
    split = split_change(before, after, rejudged=again)
    if before.mean is None or after.mean is None:
        assert split.total is None
        assert split.parts == ()
        return
    assert split.total == after.mean - before.mean
    assert abs(split.residual) < 1e-12
    for part in split.parts:
        assert part.n or (part.estimate, part.lower, part.p) == (0.0, None, None)
        assert part.p is None or 0.0 <= part.p <= (part.p_adjusted or 0.0) <= 1.0
        if part.lower is not None and part.upper is not None:
            assert part.lower <= part.upper


@given(nights())
def test_the_other_way_round_is_the_opposite(drawn: tuple[MetricItems, MetricItems, MetricItems | None]) -> None:
    before, after, _ = drawn
    one, other = split_change(before, after), split_change(after, before)
    assert [part.cause for part in one.parts] == [part.cause for part in other.parts]
    for part, back in zip(one.parts, other.parts, strict=True):
        assert part.estimate == pytest.approx(-back.estimate, abs=1e-12)
        assert part.n == back.n


def test_two_equal_nights_have_no_cause() -> None:
    split = split_change(plain([1.0, 0.0] * 50), plain([1.0, 0.0] * 50))
    assert split.named == ()
    assert [(part.cause, part.estimate, part.n) for part in split.parts] == [
        (Cause.SAMPLES, 0.0, 0),
        (Cause.ERRORS, 0.0, 0),
        (Cause.MODEL, 0.0, 100),
    ]


def test_a_night_without_scores_is_not_split() -> None:
    split = split_change(plain([1.0] * 5), plain([math.nan] * 5))
    assert (split.total, split.parts, split.missing) == (None, (), 5)


def test_other_samples_alone_are_the_samples() -> None:
    before = night([Row(f"a{i}", [(1.0, OK)]) for i in range(30)])
    after = night([Row(f"b{i}", [(float(i % 2), OK)]) for i in range(30)])
    (part,) = split_change(before, after).parts
    assert (part.cause, part.estimate, part.n, part.is_named) == (Cause.SAMPLES, -0.5, 60, True)


def test_a_changed_sample_is_no_pair() -> None:
    before = night([Row(f"s{i}", [(1.0, OK)], f"old {i}" if i < 10 else "") for i in range(40)])
    after = night([Row(f"s{i}", [(float(i >= 10), OK)], f"new {i}" if i < 10 else "") for i in range(40)])
    split = split_change(before, after)
    assert (split.samples.changed, split.samples.paired) == (10, 30)
    assert [part.cause for part in split.named] == [Cause.SAMPLES]
    assert split.named[0].estimate == -0.25


def test_leaving_samples_out_is_counted_among_the_errors() -> None:
    """The hard samples were lost tonight: the mean rose, and no answer changed."""
    hard = [float(i >= 40) for i in range(200)]
    lost = [math.nan if i < 30 else value for i, value in enumerate(hard)]
    split = split_change(plain(hard), plain(lost))
    errors, rest = split.part(Cause.ERRORS), split.part(Cause.MODEL)
    assert errors is not None
    assert rest is not None
    assert (errors.n, split.missing, rest.estimate) == (30, 30, 0.0)
    assert errors.estimate == pytest.approx(160 / 170 - 0.8)
    assert errors.estimate == pytest.approx(split.total)
    assert [part.cause for part in split.named] == [Cause.ERRORS]
    assert split.outcomes == {("ok", "infra_error"): 30}


def test_trials_that_ended_otherwise_carry_their_own_part_only() -> None:
    before = night([Row(f"s{i}", [(1.0, OK), (1.0, OK)]) for i in range(20)])
    after = night([Row(f"s{i}", [(0.0, CUT), (0.0, OK)]) for i in range(20)])
    split = split_change(before, after)
    assert [(part.cause, part.estimate) for part in split.parts[1:]] == [(Cause.ERRORS, -0.5), (Cause.MODEL, -0.5)]


def test_without_single_trials_such_a_sample_is_set_down_whole() -> None:
    before = night([Row(f"s{i}", [(1.0, OK), (1.0, OK)]) for i in range(20)], keeps_rows=False)
    after = night([Row(f"s{i}", [(0.0, CUT), (0.0, OK)]) for i in range(20)], keeps_rows=False)
    split = split_change(before, after)
    assert [(part.cause, part.estimate) for part in split.parts[1:]] == [(Cause.ERRORS, -1.0), (Cause.MODEL, 0.0)]


def test_a_lower_score_is_better_where_the_metric_says_so() -> None:
    split = split_change(plain([1.0] * 40, higher_is_better=False), plain([0.0] * 40, higher_is_better=False))
    assert [(part.estimate, part.verdict) for part in split.named] == [(-1.0, "better")]


def test_the_rest_needs_the_judge_to_be_told_from_the_model() -> None:
    before, after = plain([1.0] * 40, judge="j"), plain([0.0] * 40, judge="j")
    assert [part.cause for part in split_change(before, after).named] == [Cause.JUDGE_OR_MODEL]
    told = split_change(before, after, rejudged=before)
    assert [part.cause for part in told.named] == [Cause.MODEL]
    assert [part.cause for part in split_change(before, after, rejudged=after).named] == [Cause.JUDGE]


def test_a_re_judging_that_judged_nothing_is_none() -> None:
    before = plain([1.0] * 40, judge="j")
    split = split_change(before, plain([0.0] * 40, judge="j"), rejudged=plain([math.nan] * 40, judge="j"))
    assert (split.is_rejudged, split.rest and split.rest.cause) == (False, Cause.JUDGE_OR_MODEL)


@pytest.mark.parametrize(
    ("before", "after", "rejudged", "cause"),
    [
        ({"treatment": {"prompt": "a"}}, {"treatment": {"prompt": "b"}}, None, Cause.SETTING),
        ({"measure": "old"}, {"measure": "new"}, None, Cause.SCORING),
        ({"measure": "old"}, {"measure": "new"}, {"measure": "new"}, Cause.MODEL),
        ({"treatment": {"model": "m at a"}}, {"treatment": {"model": "m at b"}}, None, Cause.SERVING),
        ({}, {}, None, Cause.MODEL),
    ],
    ids=["another prompt", "measured otherwise", "scored again alike", "another address", "nothing else"],
)
def test_what_the_rest_is_called(
    before: dict[str, object], after: dict[str, object], rejudged: dict[str, object] | None, cause: Cause
) -> None:
    again = None if rejudged is None else plain([1.0] * 40, **rejudged)
    split = split_change(plain([1.0] * 40, **before), plain([0.0] * 40, **after), rejudged=again)
    assert [part.cause for part in split.named] == [cause]


def test_other_trials_are_no_other_endings() -> None:
    before = night([Row(f"s{i}", [(1.0, OK)]) for i in range(40)])
    after = night([Row(f"s{i}", [(0.0, OK)] * 3) for i in range(40)])
    split = split_change(before, after)
    errors = split.part(Cause.ERRORS)
    assert errors is not None
    assert (errors.n, errors.estimate) == (0, 0.0)
    assert [part.cause for part in split.named] == [Cause.SETTING]
    assert split.changes == ("trials 1 → 3",)


@pytest.mark.parametrize(
    ("trials", "n"), [([(1.0, OK), (1.0, OK)], 0), ([(0.0, CUT), (0.0, CUT)], 40), ([(0.0, CUT), (1.0, OK)], 40)]
)
def test_endings_of_other_trials_are_compared_as_shares(trials: list[Trial], n: int) -> None:
    before = night([Row(f"s{i}", [(1.0, OK)]) for i in range(40)])
    after = night([Row(f"s{i}", trials) for i in range(40)])
    errors = split_change(before, after).part(Cause.ERRORS)
    assert errors is not None
    assert errors.n == n


SHORT, LONG = ServingFacts(output_tokens=[1.0] * 100), ServingFacts(output_tokens=[18.0] * 100)


def test_other_lengths_alone_are_the_model_or_its_serving() -> None:
    split = split_change(plain([1.0] * 40), plain([0.0] * 40), before_serving=LONG, after_serving=SHORT)
    assert [part.cause for part in split.named] == [Cause.SERVING_OR_MODEL]
    assert [(sign.what, sign.before, sign.after) for sign in split.signs] == [("output length", 18.0, 1.0)]


def test_lengths_on_other_samples_say_nothing() -> None:
    split = split_change(plain([1.0] * 80), plain([0.0] * 40), before_serving=LONG, after_serving=SHORT)
    assert [part.cause for part in split.named] == [Cause.MODEL]
    assert (split.signs, split.watched) == ((), ())


def test_signs_of_other_serving_name_the_rest() -> None:
    split = split_change(
        plain([1.0] * 40),
        plain([0.0] * 40),
        before_serving=ServingFacts(("m-1",)),
        after_serving=ServingFacts(("m-2",)),
    )
    assert [part.cause for part in split.named] == [Cause.SERVING]
    assert [(sign.what, sign.before, sign.after) for sign in split.signs] == [("served model", ("m-1",), ("m-2",))]
    assert split.watched == ("served model",)


def test_two_series_are_not_one_change() -> None:
    other = plain([1.0])
    object.__setattr__(other, "model", "another")
    with pytest.raises(ValueError, match="two series"):
        split_change(plain([1.0]), other)


def world(
    dice: random.Random, *, loss: float = 0.0, harsh: float = 0.0, cut: float = 0.02, replaced: float = 0.0
) -> ChangeSplit:
    """Split two nights of 200 samples that a model gets right four times in five and a judge marks wrong 2 in 100.

    Every night draws its answers anew, and one in fifty is cut off. Beside that, tonight: `loss` of the right answers
    turned wrong, the judge marks `harsh` of the right ones wrong, `cut` were cut off, `replaced` of the samples are
    others, which the model gets right one time in three.
    """
    nature, size = Nature.draw(dice, 200), round(200 * replaced)
    first, second = nature.answers(dice), nature.answers(dice, loss=loss)
    second[:size] = Nature.draw(dice, size, level=0.33).answers(dice)
    ended = [CUT if dice.random() < 0.02 else OK for _ in first]
    late = [CUT if dice.random() < cut else OK for _ in second]
    names = [f"n{i}" if i < size else f"s{i}" for i in range(200)]
    before = [Row(f"s{i}", [judged(dice, value, ended[i])]) for i, value in enumerate(first)]
    again = [Row(f"s{i}", [judged(dice, value, ended[i], harsh)]) for i, value in enumerate(first)]
    after = [Row(names[i], [judged(dice, value, late[i], harsh)]) for i, value in enumerate(second)]
    return split_change(night(before, judge="j"), night(after, judge="j"), rejudged=night(again, judge="j"))


def judged(dice: random.Random, answer: float, ended: tuple[object, object], harsh: float = 0.0) -> Trial:
    """Return a verdict on an answer; one that was cut off counts as wrong."""
    seen = 1.0 - answer if dice.random() < 0.02 else answer
    return (0.0 if ended == CUT or dice.random() < harsh else seen), ended  # type: ignore[return-value]


CAUSES = [
    (Cause.MODEL, {"loss": 0.24}),
    (Cause.JUDGE, {"harsh": 0.17}),
    (Cause.ERRORS, {"cut": 0.18}),
    (Cause.SAMPLES, {"replaced": 0.3}),
]


def named_in(cause: Cause, changes: dict[str, float], draws: int) -> tuple[float, float]:
    """Return how often a cause was named, and how often another one was."""
    dice = random.Random(f"{cause} alone")
    found = [{part.cause for part in world(dice, **changes).named} for _ in range(draws)]
    return sum(cause in named for named in found) / draws, sum(bool(named - {cause}) for named in found) / draws


@pytest.mark.parametrize(("cause", "changes"), CAUSES, ids=[cause for cause, _ in CAUSES])
def test_the_one_cause_that_moved_is_named(cause: Cause, changes: dict[str, float]) -> None:
    named, others = named_in(cause, changes, 40)
    assert named >= 0.9
    assert others <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("cause", "changes"), CAUSES, ids=[cause for cause, _ in CAUSES])
def test_the_one_cause_is_named_nearly_always_and_no_other(cause: Cause, changes: dict[str, float]) -> None:
    named, others = named_in(cause, changes, 400)
    assert named >= 0.95
    assert others <= 0.05


@pytest.mark.slow
def test_where_nothing_moved_hardly_ever_is_anything_named() -> None:
    dice = random.Random("nothing")
    assert sum(bool(world(dice).named) for _ in range(600)) / 600 <= 0.05


def cut_at(places: range, *, right: int = 100) -> MetricItems:
    """Return 100 samples: those at `places` are cut off, which costs nothing, and the first `right` are right."""
    return night([Row(f"s{i}", [(float(i < right), (CUT if i in places else OK))]) for i in range(100)])


def test_endings_that_only_come_and_go_are_not_blamed_for_what_the_model_did() -> None:
    split = split_change(cut_at(range(20)), cut_at(range(80, 100), right=70))
    errors = split.part(Cause.ERRORS)
    assert errors is not None
    assert (errors.n, errors.p) == (40, None)
    assert [part.cause for part in split.named] == [Cause.MODEL]


def test_endings_that_went_one_way_are_blamed() -> None:
    before = night([Row(f"s{i}", [(1.0, OK)]) for i in range(100)])
    after = night([Row(f"s{i}", [(0.0, CUT) if i < 30 else (1.0, OK)]) for i in range(100)])
    assert [part.cause for part in split_change(before, after).named] == [Cause.ERRORS]


def test_over_nights_the_serving_is_named_as_on_the_last_of_them() -> None:
    """What was renamed some nights before a drift began did not begin it."""
    old, new = ServingFacts(("m-1",), ("f-1",), [0.1], [3]), ServingFacts(("m-2",), ("f-2",), [0.2], [4])
    assert ServingFacts.of_all([old, new, new]) == ServingFacts(("m-2",), ("f-2",), [0.1, 0.2, 0.2], [3, 4, 4])
