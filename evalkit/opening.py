"""Opens the providers of some models and binds each model to the one that serves it."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from evalkit.catalog import known_price
from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.schema import ModelSpec, ProviderSpec
from evalkit.errors import AccessError, ConfigError, ProviderError
from evalkit.listed_models import TokenPrice
from evalkit.protocols import Model, Provider, ProviderContext
from evalkit.provider_plugins import build_provider
from evalkit.records import Failure, FailureKind, Prediction, PredictionOutcome, Request
from evalkit.registry import nearest

__all__ = ["BoundModel", "open_models"]

_SILENCE_S = 600.0
"""Long: reasoning that a server sends beside the text is silence to whoever counts pieces of text."""


@dataclass(frozen=True, slots=True)
class BoundModel:
    """One model with the one that answers for it.

    `silence_s` is how long an attempt may go without a new piece of its answer.
    """

    spec: ModelSpec
    model: Model
    price: TokenPrice | None = None
    silence_s: float = _SILENCE_S

    @property
    def label(self) -> str:
        """Its unique name."""
        return self.spec.label or self.spec.id


@asynccontextmanager
async def open_models(
    models: Sequence[ModelSpec],
    providers: Mapping[str, ProviderSpec],
    *,
    project: str | None = None,
    base_dir: Path = Path(),
    log_dir: Path | None = None,
) -> AsyncGenerator[tuple[BoundModel, ...]]:
    """Yield the models in their order, each provider opened once, and close the providers.

    A provider that cannot be opened answers every call of its models with the reason, while others serve theirs.

    Raises:
        AccessError, ProviderError: no provider at all can be opened.
        ConfigError: a provider is unknown, or its options do not fit.
    """
    specs = {name: _spec(name, providers) for name in dict.fromkeys(model.provider for model in models)}
    built = {name: build_provider(name, spec, base_dir) for name, spec in specs.items()}
    opened: dict[str, Model] = {}
    refusals: list[AccessError | ProviderError] = []
    async with AsyncExitStack() as stack:
        for name, provider in built.items():
            ids = tuple(sorted({model.id for model in models if model.provider == name}))
            try:
                context = ProviderContext(project, base_dir, log_dir, ids)
                opened[name] = await stack.enter_async_context(provider.open(context))
            except (AccessError, ProviderError) as error:
                refusals.append(error)
                opened[name] = _Unopened(error)
        if len(refusals) == len(built):
            raise refusals[0]
        yield tuple(_bind(model, opened, specs, built) for model in models)


def _spec(name: str, providers: Mapping[str, ProviderSpec]) -> ProviderSpec:
    known = {**BUILTIN_PROVIDERS, **providers}
    if name not in known:
        raise ConfigError(f"no provider is called {name!r}{nearest(name, known)}")
    return known[name]


def _bind(
    model: ModelSpec, opened: Mapping[str, Model], specs: Mapping[str, ProviderSpec], built: Mapping[str, Provider]
) -> BoundModel:
    name = model.provider
    stated = model.price
    known = known_price(model.id, built[name].url)
    price = known if stated is None else TokenPrice(stated.input, stated.output, "config")
    return BoundModel(model, opened[name], price, specs[name].timeout or _SILENCE_S)


class _Unopened:
    """Stands in for the Model of a provider that could not be opened."""

    def __init__(self, error: AccessError | ProviderError) -> None:
        kind = FailureKind.ACCESS if isinstance(error, AccessError) else FailureKind.NOT_RUN
        self._failure = Failure(kind, str(error))

    async def predict(self, request: Request, on_text: Callable[[str], None] | None = None) -> Prediction:
        """Return the reason."""
        del request, on_text
        return Prediction(PredictionOutcome.NOT_RUN, failure=self._failure, attempts=0)
