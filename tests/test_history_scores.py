"""What is packed comes back equal, and small."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.history_scores import (
    pack_outcomes,
    pack_samples,
    pack_scores,
    pack_values,
    restore_values,
    unpack_outcomes,
    unpack_samples,
    unpack_values,
)
from evalkit.records import PredictionOutcome, ScoreOutcome
from tests.gating import items

SCORES = st.one_of(st.sampled_from([0.0, 1.0, math.nan]), st.floats(0, 1))


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one, other, strict=True)
    )


@given(st.one_of(st.lists(SCORES), st.lists(st.sampled_from([0.0, 1.0, math.nan]))))
def test_values_come_back(values: list[float]) -> None:
    assert same(unpack_values(pack_values(values)), values)


@given(st.lists(st.tuples(SCORES, SCORES, SCORES)))
def test_worst_and_best_come_back(rows: list[tuple[float, float, float]]) -> None:
    values, worst, best = ([row[place] for row in rows] for place in range(3))
    packed = pack_scores(items(values, worst=worst, best=best, rows=()))
    found = unpack_values(packed.values)
    assert same(restore_values(found, packed.worst), worst)
    assert same(restore_values(found, packed.best), best)


@pytest.mark.parametrize("outcomes", [PredictionOutcome, ScoreOutcome], ids=["predictions", "scorings"])
def test_every_outcome_has_a_code_that_stays(outcomes: type[PredictionOutcome] | type[ScoreOutcome]) -> None:
    codes = bytes(range(len(outcomes)))
    assert unpack_outcomes(pack_outcomes(codes, outcomes), outcomes) == codes
    assert unpack_outcomes(pack_outcomes(b"", outcomes), outcomes) == b""


def test_codes_on_disk_are_those_of_the_first_version() -> None:
    assert pack_outcomes(bytes([list(ScoreOutcome).index(ScoreOutcome.NOT_RUN)]), ScoreOutcome) == b"\x00\x09"
    assert (
        pack_outcomes(bytes([list(PredictionOutcome).index(PredictionOutcome.NOT_RUN)]), PredictionOutcome)
        == b"\x00\x07"
    )


@given(st.lists(st.text(), unique=True), st.data())
def test_samples_come_back(ids: list[str], data: st.DataObject) -> None:
    groups = data.draw(st.one_of(st.none(), st.lists(st.text(), min_size=len(ids), max_size=len(ids))))
    slices = {"key": {"value": list(range(0, len(ids), 2))}} if ids else {}
    made = items([1.0] * len(ids), ids=tuple(ids), digests=tuple(ids), clusters=groups, slices=slices)
    digest, content = pack_samples(made)
    found = unpack_samples(digest, content)
    assert (found.ids, found.digests, found.clusters) == (made.ids, made.digests, groups)
    assert {key: {v: list(p) for v, p in values.items()} for key, values in found.slices.items()} == slices
    assert pack_samples(made)[0] == digest


def test_five_hundred_right_or_wrong_scores_take_little() -> None:
    chance = random.Random(0)
    values = [float(chance.random() < 0.8) for _ in range(500)]
    packed = pack_scores(items(values, rows=values, predictions=bytes(500), scorings=bytes(500)))
    assert (packed.worst, packed.best, packed.rows) == (None, None, None)
    assert len(packed.values) + len(packed.predictions) + len(packed.scorings) < 200
