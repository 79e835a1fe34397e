"""Nights beside a real list of models: what is told, who joins and stays, who cannot run."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.catalog_watch import CatalogWatch, watch_catalog, watched_plan
from evalkit.errors import AccessError
from evalkit.history import History
from evalkit.plan import Plan
from tests.fake_endpoint import FakeEndpoint
from tests.plans import plan_of

NIGHTS = [f"2026-11-{day}" for day in range(20, 30)]
PRICED = {"id": "acme/new-1", "pricing": {"prompt": "0.000001", "completion": "0.000002"}}


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(models=["acme/one", "acme/two", "other/x"]) as endpoint:
        yield endpoint


class Watcher:
    """One config watched night after night."""

    def __init__(self, folder: Path, endpoint: FakeEndpoint, **sections: Any) -> None:
        self.endpoint = endpoint
        self.history = History(folder / "history.sqlite")
        catalog = sections.pop("catalog", {"join": ["acme/*"]})
        options = sections.pop("options", {})
        self.plan: Plan = plan_of(
            folder,
            rows=4,
            providers={"here": {"use": "openai", "base_url": endpoint.url, **options}},
            models=[{"id": "acme/one", "label": "One", "provider": "here", "params": {"max_tokens": 10}}],
            nightly={"catalog": catalog},
            **sections,
        )

    def night(self, night: str, *models: Any) -> CatalogWatch:
        """Watch on a night on which the endpoint lists these models."""
        self.endpoint.configure({"models": list(models)})
        return asyncio.run(watch_catalog(self.plan, self.history, night))

    def labels(self, watch: CatalogWatch) -> list[str]:
        """Return the labels of the cells that such a night runs."""
        return [cell.model.label for cell in watched_plan(self.plan, watch).cells]


@pytest.fixture
def watcher(tmp_path: Path, endpoint: FakeEndpoint) -> Iterator[Watcher]:
    watcher = Watcher(tmp_path, endpoint)
    yield watcher
    watcher.history.close()


def test_the_first_night_only_looks(watcher: Watcher) -> None:
    found = watcher.night(NIGHTS[0], "acme/one", "acme/two")
    assert (found.told, found.joined, found.unavailable) == ((), (), ())
    assert found.noted == (f"here at {watcher.endpoint.url} lists 2 models: changes are told from now on.",)
    assert watcher.labels(found) == ["One"]
    assert watched_plan(watcher.plan, found) is watcher.plan


def test_a_new_model_joins_stays_and_leaves_with_the_list(watcher: Watcher) -> None:
    watcher.night(NIGHTS[0], "acme/one", "other/x")
    joined = watcher.night(NIGHTS[1], "acme/one", "other/x", "acme/new-1", "other/y")
    where = f"here at {watcher.endpoint.url}"
    assert joined.told == (
        f"{where}: 2 models newly listed since {NIGHTS[0]}: acme/new-1, other/y.",
        "acme/new-1 of here joins the run as acme/new-1 (its price is not known).",
    )
    assert watcher.labels(joined) == ["One", "acme/new-1"]
    assert joined.joined[0].params == {"max_tokens": 10}
    stays = watcher.night(NIGHTS[2], "acme/one", "other/x", "acme/new-1", "other/y")
    assert (stays.told, stays.joined) == ((), joined.joined)
    assert watched_plan(watcher.plan, stays).digest == watched_plan(watcher.plan, joined).digest
    left = watcher.night(NIGHTS[3], "acme/one", "other/x", "other/y")
    assert left.told == (f"{where}: 1 model no longer listed since {NIGHTS[2]}: acme/new-1.",)
    assert watcher.labels(left) == ["One"]
    back = watcher.night(NIGHTS[4], "acme/one", "other/x", "other/y", "acme/new-1")
    assert watcher.labels(back) == ["One", "acme/new-1"]


def test_the_same_night_again_has_the_same_models(watcher: Watcher) -> None:
    """Killed and begun again an hour later, when the endpoint lists one more: the plan is the same."""
    watcher.night(NIGHTS[0], "acme/one")
    first = watcher.night(NIGHTS[1], "acme/one", "acme/a", "acme/b", "acme/c", "acme/d")
    again = watcher.night(NIGHTS[1], "acme/one", "acme/a", "acme/b", "acme/c", "acme/d", "acme/e")
    assert [model.id for model in first.joined] == ["acme/a", "acme/b", "acme/c"]
    assert (again.joined, again.told) == (first.joined, first.told)
    third = watcher.night(NIGHTS[2], "acme/one", "acme/a", "acme/b", "acme/c", "acme/d", "acme/e")
    assert [model.id for model in third.joined] == ["acme/a", "acme/b", "acme/c", "acme/d", "acme/e"]


def test_a_budget_decides_by_the_forecast(tmp_path: Path, endpoint: FakeEndpoint) -> None:
    watcher = Watcher(tmp_path, endpoint, catalog={"join": ["acme/*"], "max_cost": 0.001})
    watcher.night(NIGHTS[0], "acme/one")
    found = watcher.night(NIGHTS[1], "acme/one", PRICED, "acme/unpriced")
    assert [model.id for model in found.joined] == ["acme/new-1"]
    assert found.told[-1] == (
        "acme/unpriced of here did not join: its price is not known, so nightly.catalog.max_cost cannot be kept."
    )
    watcher.endpoint.configure({"lists_models": False})
    silent = watcher.night(NIGHTS[2])
    assert silent.joined == found.joined
    watcher.history.close()


def test_a_model_that_is_gone_cannot_run_and_the_others_do(tmp_path: Path, endpoint: FakeEndpoint) -> None:
    watcher = Watcher(tmp_path, endpoint, catalog={"join": ["acme/new*"]})
    watcher.night(NIGHTS[0], "acme/one", "acme/two")
    found = watcher.night(NIGHTS[1], "acme/One", "acme/two", "acme/new-1")
    assert found.unavailable == ("One",)
    assert found.told[0] == (
        f"One could not run: here at {endpoint.url} does not list 'acme/one'; there it is written 'acme/One'."
    )
    assert watcher.labels(found) == ["acme/new-1"]
    nobody = watcher.night(NIGHTS[2], "acme/One", "acme/two")
    assert nobody.unavailable == ("One",)
    with pytest.raises(AccessError, match="One could not run"):
        watched_plan(watcher.plan, nobody)
    watcher.history.close()


def test_a_gateway_that_serves_more_than_it_lists_misses_nothing(tmp_path: Path, endpoint: FakeEndpoint) -> None:
    watcher = Watcher(tmp_path, endpoint, options={"check_models": False})
    watcher.night(NIGHTS[0], "acme/two")
    found = watcher.night(NIGHTS[1], "acme/two", "acme/new-1")
    assert (found.unavailable, watcher.labels(found)) == ((), ["One", "acme/new-1"])
    watcher.history.close()


def test_a_collapsed_list_is_doubted_for_a_night(watcher: Watcher) -> None:
    many = ["acme/one", *(f"vendor{i}/model" for i in range(9))]
    watcher.night(NIGHTS[0], *many)
    doubted = watcher.night(NIGHTS[1], "acme/one", "acme/new-1")
    assert len(doubted.told) == 1
    assert "lists 2 models where it listed 10 models" in doubted.told[0]
    assert doubted.joined == ()
    assert watcher.night(NIGHTS[1], "acme/one", "acme/new-1").told == doubted.told
    believed = watcher.night(NIGHTS[2], "acme/one", "acme/new-1")
    assert [(len(each.removed), each.added) for each in believed.changes] == [(9, ("acme/new-1",))]
    recovered = watcher.night(NIGHTS[3], *many, "acme/new-1")
    assert [each.is_doubted for each in recovered.changes] == [False]
    assert [each.is_doubted for each in watcher.night(NIGHTS[4], "acme/one").changes] == [True]


def test_an_empty_list_is_never_believed(watcher: Watcher) -> None:
    watcher.night(NIGHTS[0], "acme/one", "acme/two")
    for night in NIGHTS[1:4]:
        found = watcher.night(night)
        assert [each.is_doubted for each in found.changes] == [True]
        assert (found.unavailable, watcher.labels(found)) == ((), ["One"])


def test_an_endpoint_without_a_list_is_said_once(tmp_path: Path) -> None:
    with FakeEndpoint(lists_models=False) as endpoint:
        watcher = Watcher(tmp_path, endpoint)
        said = f"here at {endpoint.url} keeps no list of models, so it is not watched."
        assert [watcher.night(night).noted for night in NIGHTS[:3]] == [(said,), (), ()]
        assert watcher.night(NIGHTS[3]).told == ()
        watcher.history.close()


def test_a_provider_that_is_away_is_noted_and_its_models_go_on(watcher: Watcher) -> None:
    watcher.night(NIGHTS[0], "acme/one")
    joined = watcher.night(NIGHTS[1], "acme/one", "acme/new-1")
    watcher.endpoint.configure({"model_pages": [{"status": 500, "body": {}}]})
    away = watcher.night(NIGHTS[2])
    assert away.told == ()
    assert len(away.noted) == 1
    assert away.noted[0].startswith("The list of models of here could not be had: ")
    assert [model.id for model in away.joined] == [model.id for model in joined.joined]


def test_a_refused_key_is_no_change_of_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "wrong")
    with FakeEndpoint(api_key="right") as endpoint:
        watcher = Watcher(tmp_path, endpoint, options={"api_key_env": "SOME_KEY"})
        with pytest.raises(AccessError, match="Invalid Authentication"):
            watcher.night(NIGHTS[0], "acme/one")
        watcher.history.close()


def test_watching_can_be_switched_off(tmp_path: Path, endpoint: FakeEndpoint) -> None:
    watcher = Watcher(tmp_path, endpoint, catalog={"watch": False, "join": ["*"]})
    watcher.night(NIGHTS[0], "acme/one")
    assert watcher.night(NIGHTS[1], "acme/other") == CatalogWatch()
    watcher.history.close()


def test_a_provider_without_lists_is_not_asked(tmp_path: Path) -> None:
    with History(tmp_path / "history.sqlite") as history:
        assert asyncio.run(watch_catalog(plan_of(tmp_path), history, NIGHTS[0])) == CatalogWatch()


def test_the_forecast_counts_the_judging_too(tmp_path: Path, endpoint: FakeEndpoint) -> None:
    judged = {
        "models": [
            {"id": "acme/one", "label": "One", "provider": "here", "params": {"max_tokens": 10}},
            {"id": "judge", "provider": "script", "role": "judge", "price": {"input": 1000, "output": 1000}},
        ],
        "scorers": {"graded": {"use": "judge", "model": "judge", "rubric": "Is it right?", "labels": {"A": 1, "B": 0}}},
    }
    plan = plan_of(
        tmp_path,
        rows=4,
        providers={"here": {"use": "openai", "base_url": endpoint.url}, "script": {"use": "scripted"}},
        nightly={"catalog": {"join": ["acme/*"], "max_cost": 0.1}},
        **judged,
    )
    with History(tmp_path / "history.sqlite") as history:
        endpoint.configure({"models": ["acme/one"]})
        asyncio.run(watch_catalog(plan, history, NIGHTS[0]))
        endpoint.configure({"models": ["acme/one", PRICED]})
        found = asyncio.run(watch_catalog(plan, history, NIGHTS[1]))
    assert found.joined == ()
    assert found.told[-1].startswith("acme/new-1 of here did not join: it would cost $")
