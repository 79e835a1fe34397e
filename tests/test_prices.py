"""Whose word a price is, and what happens where there is none."""

import pytest

from evalkit.config.schema import ModelSpec, PriceSpec
from evalkit.errors import ConfigError
from evalkit.listed_models import TokenPrice
from evalkit.prices import CONFIG, Prices

KNOWN = TokenPrice(0.1, 0.2, "a page, read one day")


def model(
    label: str, price: tuple[float, float] | None = None, *, model_id: str = "", provider: str = "p"
) -> ModelSpec:
    spec = None if price is None else PriceSpec(input=price[0], output=price[1])
    return ModelSpec(id=model_id or label, label=label, provider=provider, price=spec)


def look_up(spec: ModelSpec) -> TokenPrice | None:
    return KNOWN if spec.id == "listed" else None


def test_the_config_s_price_comes_first_and_nobody_s_is_unknown() -> None:
    stated, listed, unknown = model("a", (1, 2), model_id="listed"), model("listed"), model("c")
    prices = Prices([stated, listed, unknown], look_up)
    assert prices.of(stated) == TokenPrice(1, 2, CONFIG)
    assert prices.of(listed) == KNOWN
    assert prices.of(unknown) is None
    assert prices.of(model("later", (3, 4))) == TokenPrice(3, 4, CONFIG)


def test_free_is_a_price() -> None:
    free = model("a", (0, 0))
    assert Prices([free]).of(free) == TokenPrice(0, 0, CONFIG)
    Prices([free]).check_known()


def test_the_dearest_counts_where_a_call_may_be_of_several() -> None:
    cheap, dear = model("cheap", (1, 9), model_id="m"), model("dear", (5, 2), model_id="m")
    elsewhere = model("elsewhere", (50, 50), model_id="m", provider="q")
    prices = Prices([cheap, dear, elsewhere])
    assert prices.of_call("p", "m") == TokenPrice(5, 9, CONFIG)
    assert prices.of_call(None, "m") == prices.of_call(None, None) == TokenPrice(50, 50, CONFIG)
    assert prices.of_call("p", "other") is None


def test_a_budget_in_usd_needs_every_price() -> None:
    prices = Prices([model("a", (1, 2)), model("b"), model("c")])
    assert prices.of_call(None, None) is None
    with pytest.raises(ConfigError) as raised:
        prices.check_known()
    lines = str(raised.value).splitlines()
    assert [line.split(" is not known")[0] for line in lines] == [
        "run.max_cost: the price of model b",
        "run.max_cost: the price of model c",
    ]
    assert "price: {input: ..., output: ...}" in lines[0]
