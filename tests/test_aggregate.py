"""A cell's results to its CellResult: the contract's sums and bounds, in any order, from any number of workers."""

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.aggregate import CellTally, TallySpec, aggregate_cell
from evalkit.config.schema import OnErrorSpec, PriceSpec
from evalkit.errors import ConfigError
from evalkit.records import (
    NOT_ANSWERED,
    CallKey,
    Prediction,
    PredictionOutcome,
    Sample,
    SampleResult,
    Score,
    ScoreOutcome,
    Timing,
    Usage,
)
from evalkit.results import CellResult
from evalkit.store import decode_cell, encode_cell


def spec(**given: object) -> TallySpec:
    given.setdefault("kinds", {"exact": "binary"})
    return TallySpec(model="A", model_id="lab/a", provider="scripted", evaluation="qa", **given)


def samples_of(count: int, **given: object) -> list[Sample]:
    return [Sample(f"s{place}", "?", index=place, **given) for place in range(count)]


def result(sample: Sample, trial: int = 0, outcome: str = "ok", **scores: object) -> SampleResult:
    """A score is a number, or the name of an outcome; an unanswered prediction hands its own down."""
    prediction = Prediction(
        PredictionOutcome(outcome), usage=Usage(10, 5, 15), timing=Timing(service_s=0.25), served_model="lab/a-1"
    )
    judged = {
        name: Score(None, outcome=ScoreOutcome(value)) if isinstance(value, str) else Score(float(value))
        for name, value in scores.items()
    }
    if prediction.outcome in NOT_ANSWERED:
        judged = {name: Score(None, outcome=ScoreOutcome(outcome)) for name in scores}
    return SampleResult("qa/A", sample.id, trial, prediction, judged, CallKey("", sample.id, trial))


FOUR = samples_of(4)
FOUR_ROWS = [
    result(FOUR[0], first=1, second=1),
    result(FOUR[1], first=1, second="scorer_error"),
    result(FOUR[2], first=0, second=0),
    result(FOUR[3], outcome="infra_error", first=0, second=0),
]


class TestFourRows:
    """One right; one right whose second scorer raises; one wrong; one call that fails."""

    @pytest.fixture
    def cell(self) -> CellResult:
        return aggregate_cell(spec(kinds={"first": "binary", "second": "binary"}), FOUR, FOUR_ROWS)

    def test_first_scorer(self, cell: CellResult) -> None:
        first = cell.metrics["first"]
        assert (first.n, first.mean, first.worst, first.best) == (3, 2 / 3, 0.5, 0.75)
        assert first.method == "wilson"
        assert (first.lower, first.upper) == pytest.approx((0.2076596, 0.9385081), abs=1e-6)
        assert {name: count for name, count in first.outcomes.items() if count} == {"scored": 3, "infra_error": 1}

    def test_second_scorer(self, cell: CellResult) -> None:
        second = cell.metrics["second"]
        assert (second.n, second.mean, second.worst, second.best) == (2, 0.5, 0.25, 0.75)
        expected = {"scored": 2, "scorer_error": 1, "infra_error": 1}
        assert {name: count for name, count in second.outcomes.items() if count} == expected

    def test_cell(self, cell: CellResult) -> None:
        assert {name: count for name, count in cell.outcomes.items() if count} == {"ok": 3, "infra_error": 1}
        assert (cell.samples, cell.trials, cell.key) == (4, 1, "qa/A")
        assert cell.usage["requests"] == 4
        assert cell.served_models == ("lab/a-1",)

    def test_failures_counted_as_zero(self) -> None:
        counted = OnErrorSpec(infra="zero", scorer="zero")
        cell = aggregate_cell(spec(kinds={"first": "binary", "second": "binary"}, on_error=counted), FOUR, FOUR_ROWS)
        assert [(m.n, m.mean, m.worst, m.best) for m in cell.metrics.values()] == [
            (4, 0.5, 0.5, 0.5),
            (4, 0.25, 0.25, 0.25),
        ]


def test_nothing_added_is_not_run() -> None:
    cell = CellTally(spec(trials=2), samples_of(3)).finish()
    metric = cell.metrics["exact"]
    assert cell.outcomes["not_run"] == metric.outcomes["not_run"] == 6
    assert (metric.mean, metric.lower, metric.upper, metric.n, metric.clusters) == (None, None, None, 0, 0)
    assert (metric.worst, metric.best, metric.method) == (0.0, 1.0, "none")
    assert cell.usage["requests"] == 0


def test_no_samples_at_all() -> None:
    metric = CellTally(spec(), []).finish().metrics["exact"]
    assert (metric.mean, metric.worst, metric.best, metric.n) == (None, None, None, 0)


def test_the_contract_s_example() -> None:
    two = samples_of(2)
    cell = aggregate_cell(spec(), two, [result(two[0], exact=1), result(two[1], exact=0)])
    metric = cell.metrics["exact"]
    assert (round(metric.lower, 2), round(metric.upper, 2), metric.method) == (0.09, 0.91, "wilson")
    assert (metric.n, metric.clusters, metric.confidence) == (2, 2, 0.95)
    assert (cell.latency_s["p50"], cell.latency_s["p95"], cell.latency_s["mean"]) == (0.25, None, 0.25)
    assert (cell.output_tokens, cell.cost_usd, cell.price_source) == ({"p50": 5, "p95": None}, None, None)


@pytest.mark.parametrize(("source", "expected"), [(None, "config"), ("catalog", "catalog")])
def test_a_price_names_its_source(source: str | None, expected: str) -> None:
    one = samples_of(1)
    priced = spec(price=PriceSpec(input=1.0, output=2.0), price_source=source)
    cell = aggregate_cell(priced, one, [result(one[0], exact=1)])
    assert (cell.cost_usd, cell.price_source) == (pytest.approx(20e-6), expected)


def test_a_result_asked_again_replaces_the_first() -> None:
    one = samples_of(1)
    tally = CellTally(spec(), one)
    tally.add(0, result(one[0], outcome="infra_error", exact=0))
    assert tally.finish().metrics["exact"].n == 0
    tally.add(0, result(one[0], exact=1))
    cell = tally.finish()
    assert (cell.metrics["exact"].mean, cell.outcomes["infra_error"], cell.outcomes["ok"]) == (1.0, 0, 1)


@pytest.mark.parametrize(
    ("position", "sample_id", "trial"),
    [(1, "s0", 0), (-1, "s1", 0), (2, "s2", 0), (0, "s0", 1), (0, "s0", -1)],
    ids=["another sample", "before the first", "after the last", "a trial too many", "a negative trial"],
)
def test_a_foreign_result_is_refused(position: int, sample_id: str, trial: int) -> None:
    with pytest.raises(ValueError, match="is not of this cell"):
        CellTally(spec(), samples_of(2)).add(position, result(Sample(sample_id, "?"), trial, exact=1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reduce": {"pass_at": 3}, "trials": 2}, r"evaluations\.qa: .* at least 3 trials"),
        ({"reduce": "majority", "trials": 3, "kinds": {"f1": "graded"}}, "f1 is graded"),
    ],
    ids=["too few trials", "graded"],
)
def test_a_reducer_that_cannot_work_is_refused_before_the_first_call(given: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CellTally(spec(**given), samples_of(2))


def test_trials_are_averaged_inside_the_item_first() -> None:
    """Five right trials of one item, one valid wrong one of another: by item .5, pooled .83."""
    two = samples_of(2)
    rows = [result(two[0], trial, exact=1) for trial in range(5)]
    rows += [result(two[1], trial, outcome="ok" if trial == 0 else "infra_error", exact=0) for trial in range(5)]
    metric = aggregate_cell(spec(trials=5), two, rows).metrics["exact"]
    assert (metric.mean, metric.n, metric.worst, metric.best) == (0.5, 2, 0.5, 0.9)
    assert (metric.clusters, metric.method, metric.lower) == (2, "none", None)


def test_groups_are_clusters_and_who_has_none_is_alone() -> None:
    rows = [Sample(f"s{place}", "?", group=f"g{place % 6}" if place < 18 else None) for place in range(20)]
    metric = aggregate_cell(spec(), rows, [result(s, exact=s.id != "s3") for s in rows]).metrics["exact"]
    assert (metric.clusters, metric.n, metric.method) == (8, 20, "wilson_n_eff")


def test_slices_hold_only_the_groups_present() -> None:
    rows = [
        Sample(f"s{place}", "?", slices={"lang": "es" if place % 3 else "en"} if place else {}) for place in range(10)
    ]
    results = [
        result(s, outcome="infra_error" if s.id == "s3" else "ok", exact=place % 2) for place, s in enumerate(rows)
    ]
    slices = aggregate_cell(spec(), rows, results).metrics["exact"].slices
    assert set(slices) == {"lang"}
    assert list(slices["lang"]) == ["en", "es"]
    assert slices["lang"]["en"]["n"] == 2
    assert slices["lang"]["en"]["samples"] == 3
    assert slices["lang"]["en"]["mean"] == 0.5
    assert slices["lang"]["es"]["method"] == "wilson"
    assert slices["lang"]["es"]["lower"] < slices["lang"]["es"]["mean"] < slices["lang"]["es"]["upper"]


def test_item_scores_are_what_pairs_are_made_of() -> None:
    tally = CellTally(spec(kinds={"first": "binary", "second": "binary"}), FOUR)
    for place, row in enumerate(FOUR_ROWS):
        tally.add(place, row)
    scores = tally.item_scores()["second"]
    assert scores.ids == ["s0", "s1", "s2", "s3"]
    assert [value for value in scores.values if value >= 0] == [1.0, 0.0]
    assert (scores.is_binary, scores.trials, scores.clusters) == (True, 1, None)


@pytest.mark.parametrize(("reduce", "trials"), [("mean", 3), ("any", 1)])
def test_item_scores_know_how_many_trials_they_average(reduce: str, trials: int) -> None:
    assert CellTally(spec(trials=3, reduce=reduce), FOUR).item_scores()["exact"].trials == trials


def test_the_aggregate_survives_the_disk() -> None:
    cell = aggregate_cell(spec(kinds={"first": "binary", "second": "binary"}), FOUR, FOUR_ROWS)
    assert decode_cell(encode_cell(cell)) == cell


def random_cell(seed: int, count: int, trials: int) -> tuple[list[Sample], list[tuple[int, SampleResult]]]:
    rng = random.Random(seed)
    rows = [
        Sample(f"s{place}", "?", group=rng.choice(["x", "y", "z", None]), slices={"size": rng.choice("abc")})
        for place in range(count)
    ]
    outcomes = ["ok"] * 6 + ["truncated", "refused", "infra_error"]
    results = [
        (
            place,
            result(
                sample,
                trial,
                rng.choice(outcomes),
                exact=rng.choice([0, 1, 1, "no_answer", "scorer_error"]),
                f1=rng.choice([rng.random(), "judge_failed"]),
            ),
        )
        for place, sample in enumerate(rows)
        for trial in range(trials)
    ]
    return rows, results


def tally(rows: list[Sample], results: list[tuple[int, SampleResult]], **given: object) -> CellResult:
    got = CellTally(spec(kinds={"exact": "binary", "f1": "graded"}, **given), rows)
    for position, row in results:
        got.add(position, row)
    return got.finish()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 3), st.randoms())
def test_the_order_of_arrival_changes_no_digit(seed: int, count: int, trials: int, shuffler: object) -> None:
    rows, results = random_cell(seed, count, trials)
    shuffled = list(results)
    shuffler.shuffle(shuffled)
    assert tally(rows, shuffled, trials=trials) == tally(rows, results, trials=trials)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 3))
def test_every_sum_and_bound_of_the_contract(seed: int, count: int, trials: int) -> None:
    rows, results = random_cell(seed, count, trials)
    cell = tally(rows, results, trials=trials)
    assert sum(cell.outcomes.values()) == count * trials
    for metric in cell.metrics.values():
        assert sum(metric.outcomes.values()) == count * trials
        assert metric.n <= count
        if metric.mean is not None:
            assert metric.worst - 1e-12 <= metric.mean <= metric.best + 1e-12
        if metric.lower is not None:
            assert metric.lower <= metric.mean <= metric.upper
        for part in metric.slices["size"].values():
            assert 0 <= part["n"] <= part["samples"]
        assert sum(part["n"] for part in metric.slices["size"].values()) == metric.n


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 20), st.data())
def test_one_more_failure_only_widens_what_is_possible(seed: int, count: int, data: st.DataObject) -> None:
    rows, results = random_cell(seed, count, 2)
    lost = data.draw(st.integers(0, len(results) - 1))
    position, row = results[lost]
    fewer = [
        *results[:lost],
        (position, result(rows[position], row.trial, "infra_error", exact=0, f1=0)),
        *results[lost + 1 :],
    ]
    before, after = tally(rows, results, trials=2), tally(rows, fewer, trials=2)
    for name, metric in before.metrics.items():
        assert after.metrics[name].worst <= metric.worst + 1e-12
        assert after.metrics[name].best >= metric.best - 1e-12
        assert after.metrics[name].n <= metric.n


@pytest.mark.parametrize("trials", [1, 3])
def test_four_shards_merged_are_one_worker(trials: int) -> None:
    rows, results = random_cell(7, 60, trials)
    shards = [[item for item in results if item[0] % 4 == shard] for shard in (2, 0, 3, 1)]
    assert tally(rows, [item for shard in shards for item in shard], trials=trials) == tally(
        rows, results, trials=trials
    )


def test_a_shard_counts_its_own_samples_only() -> None:
    rows, results = random_cell(7, 60, 2)
    positions = range(1, 60, 4)
    shard = CellTally(spec(kinds={"exact": "binary", "f1": "graded"}, trials=2), rows, positions=positions)
    for position, row in results:
        if position in positions:
            shard.add(position, row)
    own = [rows[position] for position in positions]
    assert shard.finish() == tally(own, [(p // 4, row) for p, row in results if p in positions], trials=2)
    with pytest.raises(ValueError, match="not of this cell"):
        shard.add(0, result(rows[0], exact=1, f1=1))


def test_no_answer_is_kept() -> None:
    rows = samples_of(2000)
    got = CellTally(spec(kinds={"exact": "binary", "f1": "graded"}), rows)
    tracemalloc.start()
    for place, sample in enumerate(rows):
        row = result(sample, exact=1, f1=0.5)
        got.add(
            place,
            SampleResult(
                row.cell, row.sample_id, 0, Prediction(PredictionOutcome.OK, "x" * 10_000), row.scores, row.key
            ),
        )
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2000 * 100
