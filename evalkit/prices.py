"""What a model's tokens cost: the config's word, else what is known of the model elsewhere, else unknown."""

from collections.abc import Callable, Sequence

from evalkit.catalog import known_price
from evalkit.config.schema import ModelSpec
from evalkit.errors import ConfigError
from evalkit.listed_models import TokenPrice
from evalkit.plan import Plan

__all__ = ["CONFIG", "Prices", "check_budget", "price_plan"]

CONFIG = "config"
"""The source of a price that the config states."""


def _nobody_knows(_model: ModelSpec) -> TokenPrice | None:
    return None


class Prices:
    """The prices of a run's models; what nobody states is unknown, which is never 0."""

    def __init__(
        self, models: Sequence[ModelSpec], look_up: Callable[[ModelSpec], TokenPrice | None] = _nobody_knows
    ) -> None:
        """Take the models of the config, labelled; `look_up` is asked for those whose price the config leaves out."""
        self._look_up = look_up
        self._by_label = {model.label: self._find(model) for model in models}
        self._models = tuple(models)

    def of(self, model: ModelSpec) -> TokenPrice | None:
        """Return what a model's tokens cost and who says so; None when it is not known."""
        return self._by_label[model.label] if model.label in self._by_label else self._find(model)

    def of_call(self, provider: str | None, model_id: str | None) -> TokenPrice | None:
        """Return the price that a budget counts for a call, None when it is not known.

        Where several models of the config have one provider and id, or a call does not say whose it was, the dearest
        counts.
        """
        meant = [
            self._by_label[model.label]
            for model in self._models
            if provider in (None, model.provider) and model_id in (None, model.id)
        ]
        known = [price for price in meant if price is not None]
        if not known or len(known) < len(meant):
            return None
        return TokenPrice(max(p.input for p in known), max(p.output for p in known), known[0].source)

    def check_known(self) -> None:
        """Check that every model has a price, so that a budget in USD can be kept.

        Raises:
            ConfigError: naming the models that have none, and what to write.
        """
        lines = [
            f"run.max_cost: the price of model {model.label} is not known, so what it spends cannot be counted; "
            "give it `price: {input: ..., output: ...}` in USD per million tokens (0 where it costs nothing), "
            "or limit run.max_tokens instead"
            for model in self._models
            if self._by_label[model.label] is None
        ]
        if lines:
            raise ConfigError("\n".join(lines))

    def _find(self, model: ModelSpec) -> TokenPrice | None:
        if model.price is not None:
            return TokenPrice(model.price.input, model.price.output, CONFIG)
        return self._look_up(model)


def price_plan(plan: Plan) -> Prices:
    """Return the prices of a plan's models and judges: the config's, else the catalogue's at their endpoint."""
    models = {cell.model.label: cell.model for cell in plan.cells} | {j.model.label: j.model for j in plan.judges}
    urls = {judge.model.provider: judge.provider.url for judge in plan.judges}
    urls |= {name: provider.url for name, provider in plan.providers.items()}
    return Prices(list(models.values()), lambda model: known_price(model.id, urls[model.provider]))


def check_budget(plan: Plan) -> None:
    """Check that a plan with a budget in USD has a price for every model.

    Raises:
        ConfigError: naming the models that have none, and what to write.
    """
    if plan.config.run.max_cost is not None:
        price_plan(plan).check_known()
