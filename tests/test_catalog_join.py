"""Which newly listed models join a night's run: by glob, kind, count and budget."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.catalog_join import Arrival, Joining, join_models
from evalkit.config.schema import Config, ModelSpec
from evalkit.listed_models import ListedModel, TokenPrice

TONIGHT, YESTERDAY = "2026-11-23", "2026-11-22"


def config(*, models: list[dict[str, Any]] | None = None, run: dict[str, Any] | None = None, **catalog: Any) -> Config:
    """Return a config with one model and these settings of nightly.catalog."""
    return Config.model_validate(
        {
            "version": 1,
            "name": "n",
            "models": models or [{"id": "own", "label": "Own", "provider": "here", "params": {"max_tokens": 9}}],
            "datasets": {"qa": {"rows": []}},
            "scorers": {"exact": {"use": "exact"}},
            "evaluations": [{"name": "qa", "dataset": "qa", "scorers": ["exact"]}],
            "nightly": {"catalog": {"join": ["*"], **catalog}},
            "run": run or {},
        }
    )


def arrival(name: str, **about: Any) -> Arrival:
    """Return a model that is new tonight."""
    row = ListedModel(name, modality=about.pop("modality", None), price=about.pop("price", None))
    return Arrival(**{"provider": "here", "url": "u", "row": row, "seen": TONIGHT, **about})


def join(spec: Config, *arrivals: Arrival, cost: float | None = 1.0, has_images: bool = False) -> Joining:
    """Let arrivals join, each at the same cost."""
    return join_models(spec, arrivals, night=TONIGHT, cost_of=lambda _: cost, has_images=has_images)


def ids(models: tuple[ModelSpec, ...]) -> list[str]:
    """Return the models' ids."""
    return [model.id for model in models]


def test_globs_choose_and_the_config_comes_first() -> None:
    found = join(config(join=["a/*", "own"]), arrival("a/x"), arrival("b/x"), arrival("own"), arrival("a/*"))
    assert ids(found.models) == ["a/x"]
    assert found.told == ("a/x of here joins the run as a/x (forecast $1.00).",)


def test_nobody_joins_unasked() -> None:
    assert join(config(join=[]), arrival("a")) == Joining()


def test_a_model_is_asked_as_those_beside_it_are() -> None:
    models = [
        {
            "id": "one",
            "label": "One",
            "provider": "here",
            "system": "Be brief.",
            "params": {"max_tokens": 9, "seed": 1},
        },
        {"id": "two", "label": "a", "provider": "here", "system": "Be brief.", "params": {"max_tokens": 9, "seed": 2}},
        {"id": "three", "label": "a (here)", "provider": "there"},
    ]
    (model,) = join(config(models=models), arrival("a", price=TokenPrice(1, 2, "the endpoint's list"))).models
    assert (model.label, model.system, model.params) == ("a (here) 2", "Be brief.", {"max_tokens": 9})
    assert model.price is not None
    assert (model.price.input, model.price.output) == (1, 2)


@pytest.mark.parametrize(
    ("about", "options", "why"),
    [
        ({"modality": frozenset({"vision"})}, {}, "it takes vision, not text"),
        ({"modality": frozenset({"text"})}, {"has_images": True}, "the samples hold images, and it takes none"),
        ({}, {"cost": 3.0}, "it would cost $3.00, and nightly.catalog.max_cost is $2.50"),
        ({}, {"cost": None}, "its price is not known, so nightly.catalog.max_cost cannot be kept"),
    ],
    ids=["kind", "images", "dear", "unpriced"],
)
def test_who_does_not_join(about: dict[str, Any], options: dict[str, Any], why: str) -> None:
    found = join(config(max_cost=2.5), arrival("a", **about), **options)
    assert found.models == ()
    assert found.told == (f"a of here did not join: {why}.",)
    assert [each.row.id for each in found.waiting] == ["a"]


def test_an_unknown_price_does_where_nothing_limits_money() -> None:
    assert ids(join(config(), arrival("a"), cost=None).models) == ["a"]
    found = join(config(run={"max_cost": 5}), arrival("a"), cost=None)
    assert found.told == ("a of here did not join: its price is not known, so run.max_cost cannot be kept.",)


def test_the_budget_is_for_all_who_join_and_the_old_ones_come_first() -> None:
    old = arrival("z", seen=YESTERDAY, joined=YESTERDAY, label="z")
    found = join(config(max_cost=2.0), arrival("a"), arrival("b"), old)
    assert ids(found.models) == ["z", "a"]
    assert [each.row.id for each in found.new] == ["a"]
    why = "it would cost $1.00 beside the $2.00 of those that join, and nightly.catalog.max_cost is $2.00"
    assert found.told == (
        "a of here joins the run as a (forecast $1.00).",
        f"b of here did not join: {why}.",
    )


def test_only_so_many_join_in_one_night_and_the_others_wait() -> None:
    found = join(config(max_models=2), *(arrival(name) for name in "abcd"))
    assert ids(found.models) == ["a", "b"]
    assert [each.row.id for each in found.waiting] == ["c", "d"]
    again = join(
        config(max_models=2),
        *(arrival(each.row.id, joined=each.joined, label=each.label) for each in found.new),
        *found.waiting,
    )
    assert again.models == found.models


def test_one_that_waited_is_no_news() -> None:
    found = join(config(max_cost=0.5), arrival("a", seen=YESTERDAY))
    assert found.told == ()
    assert found.noted == ("a of here did not join: it would cost $1.00, and nightly.catalog.max_cost is $0.50.",)


def test_one_that_joined_keeps_its_label_and_goes_on_in_silence() -> None:
    old = arrival("a", seen=YESTERDAY, joined=YESTERDAY, label="a (here)")
    found = join(config(max_models=0), old)
    assert [model.label for model in found.models] == ["a (here)"]
    assert (found.told, found.new) == ((), ())


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([None, YESTERDAY, TONIGHT])), max_size=10),
    st.dictionaries(st.sampled_from("abcdefgh"), st.one_of(st.none(), st.floats(0, 3))),
    st.integers(0, 3),
    st.one_of(st.none(), st.floats(0.1, 5)),
)
def test_the_limits_hold_whoever_comes(
    comers: list[tuple[str, str | None]], costs: dict[str, float | None], most: int, limit: float | None
) -> None:
    arrivals = [arrival(name, joined=joined, seen=joined or TONIGHT) for name, joined in comers]
    spec = config(max_models=most, **({} if limit is None else {"max_cost": limit}))
    found = join_models(spec, arrivals, night=TONIGHT, cost_of=lambda model: costs.get(model.id, 0.5))
    names = ids(found.models)
    assert len(set(names)) == len(names)
    assert len({model.label for model in (*spec.models, *found.models)}) == len(names) + 1
    assert len(found.new) <= most
    if limit is not None:
        prices = [costs.get(name, 0.5) for name in names]
        assert None not in prices
        assert sum(price or 0.0 for price in prices) <= limit + 1e-9
