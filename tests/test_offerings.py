"""A list beside the catalogue: who is known, new, missing, and whose word counts where."""

import pytest

from evalkit.catalog import CATALOG
from evalkit.listed_models import ListedModel, TokenPrice
from evalkit.offerings import Status, compare_list

LLAMA, KIMI = "meta-llama/Llama-3.1-8B-Instruct", "moonshotai/Kimi-K2-Instruct"
WANDB, ELSEWHERE = "https://api.inference.wandb.ai/v1", "http://127.0.0.1:1/v1"
IDS = {model.id for model in CATALOG.models}


def statuses(found):
    return {model.id: model.status.value for model in found.models}


@pytest.mark.parametrize(
    ("listed", "url", "expected"),
    [
        pytest.param([LLAMA, "z/new"], WANDB, {LLAMA: "known", "z/new": "new"}, id="wandb"),
        pytest.param([LLAMA, "z/new"], ELSEWHERE, {LLAMA: "known", "z/new": "new"}, id="elsewhere-with-one-of-it"),
        pytest.param(["z/new"], WANDB, {"z/new": "new"}, id="wandb-all-new"),
    ],
)
def test_what_the_catalogue_has_and_the_list_lacks_is_missing(listed, url, expected):
    missing = dict.fromkeys(IDS - set(listed), "missing")
    assert statuses(compare_list([ListedModel(name) for name in listed], url=url)) == expected | missing


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(["gpt-4o"], id="nothing-of-it"),
        pytest.param(["*"], id="wildcard"),
    ],
)
def test_nobody_else_has_to_hold_wandbs_models(listed):
    assert statuses(compare_list([ListedModel(name) for name in listed], url=ELSEWHERE)) == dict.fromkeys(listed, "new")


@pytest.mark.parametrize("listed", [None, ()], ids=["no-list", "empty"])
def test_without_a_list_the_catalogue_is_shown_and_nothing_is_missing(listed):
    found = compare_list(listed, url=WANDB, wanted={LLAMA: ["A"], "llama-3.1-8b": ["B"]})
    assert found.missing == ()
    assert statuses(found) == dict.fromkeys(IDS, "unchecked") | {"llama-3.1-8b": "unknown"}
    by_id = {model.id: model for model in found.models}
    assert by_id[LLAMA].labels == ("A",)
    assert by_id["llama-3.1-8b"].nearest[0] == LLAMA


def test_what_the_config_asks_for_is_marked_and_what_is_not_there_is_missing():
    wanted = {LLAMA: ["A", "B"], KIMI: ["K"], "m-1": ["M"], LLAMA.lower(): ["C"]}
    listed = [ListedModel(LLAMA), ListedModel("m", aliases=("m-1",))]
    found = compare_list(listed, url=WANDB, wanted=wanted)
    by_id = {model.id: model for model in found.models}
    assert found.missing == (KIMI, LLAMA.lower())
    assert by_id[LLAMA].labels == ("A", "B")
    assert (by_id[KIMI].status, by_id[KIMI].labels) == (Status.MISSING, ("K",))
    assert (by_id[LLAMA.lower()].status, by_id[LLAMA.lower()].nearest) == (Status.UNKNOWN, (LLAMA,))
    assert by_id["m"].labels == ("M",)
    assert found.count(Status.KNOWN) == 1


def test_the_order_is_by_id_whatever_the_case():
    found = compare_list([ListedModel(name) for name in ("b", "C", "a", "B")], url=ELSEWHERE)
    assert [model.id for model in found.models] == ["a", "B", "b", "C"]


def test_the_endpoints_word_comes_first_and_wandbs_figures_hold_at_wandb_alone():
    price = TokenPrice(9, 9, "the endpoint's list")
    own = ListedModel(LLAMA, "lab", 7, 8192, frozenset({"text", "vision"}), price, ("l",))
    for listed, url, window, cost, modality in (
        (own, WANDB, 8192, 9, {"text", "vision"}),
        (ListedModel(LLAMA), WANDB, 128_000, 0.22, {"text"}),
        (ListedModel(LLAMA), ELSEWHERE, None, None, {"text"}),
    ):
        [model] = [each for each in compare_list([listed], url=url).models if each.id == LLAMA]
        assert (model.context_window, getattr(model.price, "input", None), model.modality) == (window, cost, modality)
        assert model.total_parameters == 8 * 10**9


def test_a_model_as_json():
    [model] = [each for each in compare_list([ListedModel(LLAMA)], url=WANDB).models if each.id == LLAMA]
    described = model.describe()
    assert described["status"] == "known"
    assert described["modality"] == ["text"]
    assert described["price_usd_per_million_tokens"].keys() == {"input", "output", "source"}
    [kimi] = [each for each in compare_list([ListedModel(LLAMA)], url=WANDB).models if each.id == KIMI]
    assert kimi.describe()["price_usd_per_million_tokens"] is None
    assert kimi.describe()["active_parameters"] == 32 * 10**9
