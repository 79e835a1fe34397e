"""Ranks that say only what the pairs support."""

import dataclasses
import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.aggregate import CellTally, TallySpec
from evalkit.leaderboard import Leaderboard, build_leaderboard, primary_metric
from evalkit.records import CallKey, Prediction, PredictionOutcome, Sample, SampleResult, Score, ScoreOutcome


def cell_of(model: str, values: list[float | None], *, evaluation: str = "qa", **given: object) -> CellTally:
    """A finished cell of one scorer; None is a failed call."""
    given.setdefault("kinds", {"exact": "binary"})
    ids = given.pop("ids", [f"s{place}" for place in range(len(values))])
    spec = TallySpec(model=model, model_id=model, provider="scripted", evaluation=evaluation, **given)
    samples = [Sample(name, "?") for name in ids]
    tally = CellTally(spec, samples)
    for place, (sample, value) in enumerate(zip(samples, values, strict=True)):
        outcome = PredictionOutcome.INFRA_ERROR if value is None else PredictionOutcome.OK
        score = Score(None, outcome=ScoreOutcome.INFRA_ERROR) if value is None else Score(value)
        scores = dict.fromkeys(spec.kinds, score)
        tally.add(place, SampleResult("", sample.id, 0, Prediction(outcome), scores, CallKey("", sample.id)))
    return tally


def board(*tallies: CellTally, **given: object) -> Leaderboard:
    cells = [tally.finish() for tally in tallies]
    return build_leaderboard(cells, {c.key: t.item_scores() for c, t in zip(cells, tallies, strict=True)}, **given)


def values(right: int, n: int) -> list[float]:
    return [float(place < right) for place in range(n)]


def ranks(got: Leaderboard) -> dict[str, list[int] | None]:
    return {row["model"]: row["rank"] for row in got.rows}


def test_a_clear_winner() -> None:
    got = board(cell_of("weak", values(20, 100)), cell_of("strong", values(90, 100)))
    assert ranks(got) == {"strong": [1, 1], "weak": [2, 2]}
    assert [row["band"] for row in got.rows] == [1, 2]
    assert got.rows[0]["metrics"] == {"qa.exact": 0.9}
    assert (got.rows[0]["primary"], got.rows[0]["n"], got.rows[0]["versus_best"]) == ("qa.exact", 100, None)
    versus = got.rows[1]["versus_best"]
    assert (versus["first"], versus["second"], versus["difference"]) == ("strong", "weak", pytest.approx(0.7))
    assert versus["lower"] < 0.7 < versus["upper"]
    assert versus["p_method"] == "mcnemar_exact"
    assert got.tie.models == ("strong",)


def test_two_that_cannot_be_told_apart() -> None:
    got = board(cell_of("a", values(50, 100)), cell_of("b", values(52, 100)))
    assert ranks(got) == {"b": [1, 2], "a": [1, 2]}
    assert got.tie.models == ("b", "a")
    assert (got.tie.n, got.tie.gap, got.tie.family) == (100, 0.02, 1)
    assert got.tie.samples_needed == math.ceil(
        ((1.959963984540054 + 0.8416212335729143) * got.pairs[0].paired.standard_error * 10 / 0.02) ** 2
    )


def test_holm_runs_over_all_pairs() -> None:
    got = board(cell_of("a", values(58, 100)), cell_of("b", values(50, 100)), cell_of("c", values(50, 100)))
    raw = {(pair.first, pair.second): pair.paired.p for pair in got.pairs}
    assert raw["a", "b"] == pytest.approx(2 * 0.5**8)
    assert [pair.p_adjusted for pair in got.pairs] == pytest.approx([3 * 2 * 0.5**8, 3 * 2 * 0.5**8, 1.0])
    assert ranks(got) == {"a": [1, 1], "b": [2, 3], "c": [2, 3]}


def test_one_model() -> None:
    got = board(cell_of("only", values(3, 7)))
    assert ranks(got) == {"only": [1, 1]}
    assert got.pairs == ()
    assert got.tie.models == ("only",)
    assert (got.tie.n, got.tie.samples_needed, got.tie.family) == (7, None, 0)


def test_no_cells() -> None:
    got = build_leaderboard([], {})
    assert (got.primary, got.rows, got.pairs, got.tie.models, got.tie.n) == (None, (), (), (), 0)


def test_who_was_not_scored_has_no_rank_and_does_not_count() -> None:
    got = board(cell_of("failed", [None] * 10), cell_of("a", values(5, 10)), cell_of("b", values(5, 10)))
    assert ranks(got) == {"a": [1, 2], "b": [1, 2], "failed": None}
    last = got.rows[-1]
    assert (last["metrics"], last["n"], last["band"], last["versus_best"]) == ({"qa.exact": None}, 0, None, None)


def test_all_failed() -> None:
    got = board(cell_of("a", [None, None]), cell_of("b", [None, None]))
    assert ranks(got) == {"a": None, "b": None}
    assert got.tie.models == ()


def test_no_common_samples() -> None:
    got = board(cell_of("a", [1.0] * 20 + [None] * 20), cell_of("b", [None] * 20 + [0.0] * 20))
    assert ranks(got) == {"a": [1, 2], "b": [1, 2]}
    pair = got.pairs[0].describe()
    assert (pair["n"], pair["difference"], pair["lower"], pair["p"], pair["p_adjusted"]) == (0, None, None, None, 1.0)
    assert got.tie.samples_needed is None


def test_one_sample_ranks_nobody() -> None:
    got = board(cell_of("a", [1.0]), cell_of("b", [0.0]), cell_of("c", [0.0]))
    assert ranks(got) == {"a": [1, 3], "b": [1, 3], "c": [1, 3]}


def test_pairs_use_common_samples_only() -> None:
    """b failed on ten hard samples; on the common ones the two are equal."""
    hard = [0.0] * 10
    got = board(cell_of("a", values(20, 40) + hard), cell_of("b", values(20, 40) + [None] * 10))
    assert got.rows[0]["model"] == "b"
    assert (got.pairs[0].paired.n, got.pairs[0].paired.difference) == (40, 0.0)


def test_samples_join_by_id_whatever_their_order() -> None:
    ids = [f"s{place}" for place in range(30)]
    got = board(cell_of("a", values(15, 30)), cell_of("b", values(15, 30)[::-1], ids=ids[::-1]))
    assert (got.pairs[0].paired.wins, got.pairs[0].paired.losses) == (0, 0)


def test_lower_is_better() -> None:
    got = board(cell_of("a", values(20, 100)), cell_of("b", values(90, 100)), higher_is_better=False)
    assert ranks(got) == {"a": [1, 1], "b": [2, 2]}
    assert got.pairs[0].paired.difference == pytest.approx(-0.7)


def test_equal_models_stand_by_label() -> None:
    got = board(cell_of("b", values(5, 10)), cell_of("a", values(5, 10)), cell_of("c", values(5, 10)))
    assert list(ranks(got)) == ["a", "b", "c"]


def test_the_primary_metric_sorts_and_all_metrics_show() -> None:
    kinds = {"exact": "binary", "quality": "graded"}
    cells = [
        cell_of("a", values(9, 10), kinds=kinds),
        cell_of("a", values(1, 10), evaluation="math.v2"),
        cell_of("b", values(2, 10), evaluation="math.v2"),
    ]
    got = board(*cells, primary="math.v2.exact")
    assert [row["model"] for row in got.rows] == ["b", "a"]
    assert got.rows[1]["metrics"] == {"qa.exact": 0.9, "qa.quality": 0.9, "math.v2.exact": 0.1}
    default = board(*cells)
    assert (default.primary, ranks(default)) == ("qa.exact", {"a": [1, 1], "b": None})


@pytest.mark.parametrize(("declared", "expected"), [(None, "qa.exact"), ("x.y", "x.y")])
def test_primary_metric(declared: str | None, expected: str) -> None:
    assert primary_metric([cell_of("a", [1.0]).finish()], declared) == expected


def test_bounds_of_a_difference_end_at_one() -> None:
    pair = board(cell_of("a", [1.0] * 6), cell_of("b", [0.0] * 6)).pairs[0]
    assert pair.paired.upper > 1.0
    assert pair.describe()["upper"] == 1.0


def test_rows_and_pairs_are_plain_json() -> None:
    got = board(cell_of("a", values(5, 10)), cell_of("b", [None] * 10), cell_of("c", values(4, 10)))
    assert json.loads(json.dumps(got.rows)) == list(got.rows)
    json.dumps([pair.describe() for pair in got.pairs])
    json.dumps(dataclasses.asdict(got.tie))


def test_very_many_models_are_compared_with_the_best_only() -> None:
    cells = [cell_of(f"m{place:02}", values(place, 100)) for place in range(1, 63)]
    got = board(*cells)
    assert len(got.pairs) == 61
    assert {pair.first for pair in got.pairs} == {"m62"}
    assert got.rows[0]["rank"] == [1, 62 - sum(row["rank"][0] == 2 for row in got.rows)]
    assert got.rows[-1]["rank"] == [2, 62]


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.0, None]), min_size=12, max_size=12), min_size=1, max_size=5),
    st.randoms(),
)
def test_the_order_of_the_cells_changes_nothing(columns: list, shuffler: object) -> None:
    tallies = [cell_of(f"m{place}", column) for place, column in enumerate(columns)]
    shuffled = list(tallies)
    shuffler.shuffle(shuffled)
    first, second = board(*tallies), board(*shuffled)
    scored = [row for row in first.rows if row["rank"] is not None]
    assert scored == [row for row in second.rows if row["rank"] is not None]
    assert (first.pairs, first.tie) == (second.pairs, second.tie)
    for row in scored:
        low, high = row["rank"]
        assert 1 <= low <= high <= len(scored)
        assert (row["band"] == 1) == (low == 1)


@pytest.mark.nightly
def test_true_ranks_lie_in_their_intervals() -> None:
    """Eight models, four of them tied at .80, 200 items: no false unique winner, joint coverage of at least 96%."""
    rng = random.Random("eight models")
    means = [0.80, 0.80, 0.80, 0.80, 0.78, 0.75, 0.70, 0.60]
    true = [(1, 4)] * 4 + [(5, 5), (6, 6), (7, 7), (8, 8)]
    covered = unique = 0
    for _ in range(200):
        easy = [rng.betavariate(2, 2) - 0.5 for _ in range(200)]
        cells = [
            cell_of(f"m{place}", [float(rng.random() < min(1.0, max(0.0, mean + 0.4 * e))) for e in easy])
            for place, mean in enumerate(means)
        ]
        found = ranks(board(*cells))
        covered += all(
            found[f"m{place}"][0] <= low and high <= found[f"m{place}"][1] for place, (low, high) in enumerate(true)
        )
        unique += any(rank == [1, 1] for rank in found.values())
    assert covered >= 192
    assert unique <= 2
