"""Whether a model was served otherwise: by name, fingerprint, speed and length, and when that is no sign."""

import random
from pathlib import Path

import pytest

from evalkit.serving import LEVEL, SMALLEST_DISTANCE, ServingFacts, compare_serving, serving_facts, watched_serving
from tests.comparing import store_run


def calls(seed: int, *, slower: float = 1.0, longer: float = 1.0, n: int = 200) -> ServingFacts:
    """Return how a night of `n` calls was served: half a second each, fifty tokens or so."""
    dice = random.Random(seed)
    return ServingFacts(
        latencies=[slower * dice.lognormvariate(-0.7, 0.4) for _ in range(n)],
        output_tokens=[round(longer * dice.gauss(50, 10)) for _ in range(n)],
    )


@pytest.mark.parametrize(
    ("before", "after", "signs"),
    [
        (ServingFacts(("a",), ("f",)), ServingFacts(("a",), ("f",)), []),
        (ServingFacts(("a",)), ServingFacts(("b",)), ["served model"]),
        (ServingFacts(("a",)), ServingFacts(("a", "b")), ["served model"]),
        (ServingFacts(("a",), ("f",)), ServingFacts(("a",), ("g",)), ["fingerprint"]),
        (ServingFacts(("a",)), ServingFacts(), []),
        (calls(1), calls(2), []),
        (calls(1), calls(2, slower=2.0), ["latency"]),
        (calls(1), calls(2, longer=1.5), ["output length"]),
        (calls(1), calls(2, slower=0.5, longer=0.5), ["latency", "output length"]),
        (calls(1, slower=0.01), calls(2, slower=0.03), []),
        (calls(1, n=20), calls(2, slower=1.3, n=20), []),
        (calls(1, n=4000), calls(2, slower=1.1, n=4000), []),
    ],
    ids=[
        "same",
        "model",
        "two models",
        "fingerprint",
        "untold",
        "chance",
        "slow",
        "long",
        "both",
        "network",
        "few",
        "small",
    ],
)
def test_signs(before: ServingFacts, after: ServingFacts, signs: list[str]) -> None:
    found = compare_serving(before, after)
    assert [sign.what for sign in found] == signs
    for sign in found:
        if sign.distance is not None and sign.p is not None:
            assert sign.distance >= SMALLEST_DISTANCE
            assert sign.p < LEVEL


def test_chance_alone_hardly_ever_is_a_sign() -> None:
    assert sum(bool(compare_serving(calls(2 * k), calls(2 * k + 1))) for k in range(200)) <= 1


def test_a_summary_does_where_single_calls_are_gone() -> None:
    def summary(median: float) -> ServingFacts:
        return ServingFacts(latency_s={"p50": median, "p50_lower": 0.9 * median, "p50_upper": 1.1 * median})

    assert compare_serving(summary(1.0), summary(1.1)) == ()
    (sign,) = compare_serving(summary(1.0), summary(1.5))
    assert (sign.what, sign.before, sign.after, sign.p) == ("latency", 1.0, 1.5, None)
    assert watched_serving(summary(1.0), summary(1.5)) == ("latency",)
    assert watched_serving(summary(1.0), ServingFacts()) == ()


def test_facts_are_those_of_the_calls(tmp_path: Path) -> None:
    faults = [{"kind": "rejected", "on": ["s0", "s1"]}]
    folder = store_run(tmp_path, rows=6, faults=faults)
    facts, cell = serving_facts(folder, "qa/a"), next(cell for cell in folder.load().cells if cell.key == "qa/a")
    assert facts.served_models == cell.served_models == ("a",)
    assert facts.fingerprints == cell.fingerprints
    assert len(facts.latencies) == len(facts.output_tokens) == cell.outcomes["ok"] == 4
    assert sum(facts.output_tokens) == cell.usage["completion_tokens"]
    assert cell.latency_s["mean"] == pytest.approx(sum(facts.latencies) / 4)
    assert ServingFacts.of_summary(cell).served_models == ("a",)
    nothing = serving_facts(folder, "no such cell")
    assert not nothing.served_models
    assert not nothing.latencies
