"""A model's average over a group: all of it or none, and what metrics on the same samples share."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from evalkit.aggregate import CellTally
from evalkit.macro_scores import GroupScores, gather_members
from tests.test_leaderboard import cell_of

WANTED = ("easy.exact", "hard.exact")
EASY, HARD = [1.0] * 9 + [0.0] * 3, [1.0] * 2 + [0.0] * 6


def groups_of(
    *tallies: CellTally, wanted: Sequence[str] = WANTED, sample_sets: Mapping[str, str] | None = None
) -> dict[str, GroupScores]:
    cells = [tally.finish() for tally in tallies]
    scores = {cell.key: tally.item_scores() for cell, tally in zip(cells, tallies, strict=True)}
    return gather_members(cells, scores, tuple(wanted), sample_sets=sample_sets or {})


def two(hard: Sequence[float | None], **given: object) -> GroupScores:
    easy = cell_of("m", list(EASY), evaluation="easy")
    return groups_of(easy, cell_of("m", list(hard), evaluation="hard", **given))["m"]


def test_metrics_weigh_the_same_whatever_their_rows() -> None:
    average = two(HARD).average(0.95)
    assert (average.mean, average.n, average.clusters) == (pytest.approx((0.75 + 0.25) / 2), 20, 20)
    assert (average.worst, average.best) == (average.mean, average.mean)
    assert average.lower < average.mean < average.upper
    assert average.outcomes["scored"] == 20


@pytest.mark.parametrize("missing", ["never asked", "nothing scored"])
def test_without_one_metric_there_is_no_average(missing: str) -> None:
    easy = cell_of("m", list(EASY), evaluation="easy")
    hard = cell_of("m", [None] * 8, evaluation="hard") if missing == "nothing scored" else None
    group = groups_of(*filter(None, (easy, hard)))["m"]
    average = group.average(0.95)
    assert group.missing == ["hard.exact"]
    assert [average.mean, average.lower, average.upper, average.worst, average.best] == [None] * 5
    assert (average.n, group.describe(0.95)["samples"]) == (12, 12 if hard is None else 20)


def test_lost_samples_widen_worst_and_best() -> None:
    average = two([1.0, 1.0, 0.0, 0.0, None, None, None, None]).average(0.95)
    assert (average.mean, average.n) == (pytest.approx((0.75 + 0.5) / 2), 16)
    assert average.worst == pytest.approx((0.75 + 2 / 8) / 2)
    assert average.best == pytest.approx((0.75 + 6 / 8) / 2)


def test_metrics_on_the_same_samples_say_less() -> None:
    same = {"m": "rows"}
    tallies = [cell_of("m", list(EASY), evaluation=name) for name in ("easy", "hard")]
    apart = groups_of(*tallies)["m"].average(0.95)
    tallies = [cell_of("m", list(EASY), evaluation=name) for name in ("easy", "hard")]
    shared = groups_of(*tallies, sample_sets={"easy/m": same["m"], "hard/m": same["m"]})["m"].average(0.95)
    assert apart.mean == shared.mean == 0.75
    assert shared.upper - shared.lower > apart.upper - apart.lower
    assert (shared.clusters, apart.clusters) == (12, 24)


def test_a_model_has_only_its_own_scores() -> None:
    found = groups_of(
        cell_of("a", list(EASY), evaluation="easy"),
        cell_of("b", list(HARD), evaluation="easy"),
        cell_of("a", list(HARD), evaluation="hard"),
        cell_of("a", list(HARD), evaluation="other"),
    )
    assert [member.metric for member in found["a"].members] == list(WANTED)
    assert (found["b"].missing, found["b"].members[0].result.mean) == (["hard.exact"], 0.25)


def test_members_stand_in_the_groups_order() -> None:
    tallies = [cell_of("m", list(values), evaluation=name) for name, values in (("hard", HARD), ("easy", EASY))]
    assert [member.metric for member in groups_of(*tallies)["m"].members] == list(WANTED)


def test_the_interval_is_that_of_independent_parts() -> None:
    average = two(HARD).average(0.95)
    errors = []
    for values in (EASY, HARD):
        part = groups_of(cell_of("m", list(values), evaluation="easy"), wanted=["easy.exact"])["m"].average(0.95)
        half = (part.upper - part.lower) / 2 / 1.959963984540054
        errors.append(max(np.std(values, ddof=1) / math.sqrt(len(values)), half))
    n = average.mean * (1 - average.mean) / (math.hypot(*errors) / 2) ** 2
    z2 = 1.959963984540054**2
    centre = (average.mean + z2 / (2 * n)) / (1 + z2 / n)
    assert (average.lower + average.upper) / 2 == pytest.approx(centre)


def test_what_run_json_holds() -> None:
    stored = two(HARD).describe(0.95)
    assert (stored["metrics"], stored["missing"], stored["samples"]) == (list(WANTED), [], 20)
    assert "slices" not in stored
    assert stored["rerun_noise"] is None
