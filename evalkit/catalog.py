"""What is known of W&B Inference's models before anything is asked; an endpoint's own list knows better."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from evalkit.config.schema import ModelSpec
from evalkit.listed_models import IMAGES, TEXT, ListedModel, TokenPrice
from evalkit.model_names import nearest_models

__all__ = ["CATALOG", "Catalog", "ModelInfo", "is_wandb_inference", "known_price", "takes_images"]

_HOST = "api.inference.wandb.ai"
_THOUSAND, _MILLION = 1_000, 1_000_000
_PAGE = "wandb.ai/site/pricing/tokens"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model as W&B Inference's guide describes it.

    `context_text` is the guide's figure, such as 262K, and `context_window` the same in tokens with K as 1,000: with
    1,024, 262K would be more than the 262,144 tokens that such models are built for, so this never says too much.
    `active_parameters` is None where the guide gives one figure, which is then the total. A price of None is unknown.
    """

    id: str
    name: str
    context_text: str
    total_parameters: int
    active_parameters: int | None = None
    modality: frozenset[str] = frozenset({TEXT})
    price: TokenPrice | None = None

    @property
    def context_window(self) -> int:
        """The most tokens of prompt and answer together, rounded down."""
        return int(self.context_text.removesuffix("K")) * _THOUSAND


@dataclass(frozen=True, slots=True)
class Catalog:
    """Known models by id."""

    models: tuple[ModelInfo, ...] = field(default=())

    def find(self, model_id: str) -> ModelInfo | None:
        """Return what is known of a model; ids are case-sensitive, as the endpoint takes them."""
        return next((model for model in self.models if model.id == model_id), None)

    def nearest(self, model_id: str, ids: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return the ids that `model_id` may be meant for, best first; of the catalogue's own when none are given."""
        return nearest_models(model_id, [model.id for model in self.models] if ids is None else ids)


def is_wandb_inference(url: str) -> bool:
    """Tell whether an address is W&B Inference's, whose prices and windows the catalogue holds."""
    return urlsplit(url).hostname == _HOST


def known_price(model_id: str, url: str) -> TokenPrice | None:
    """Return what W&B Inference asks for a model; None at any other address, and where the price is not known."""
    known = CATALOG.find(model_id) if is_wandb_inference(url) else None
    return None if known is None else known.price


def takes_images(model: ModelSpec, listed: ListedModel | None = None) -> bool | None:
    """Tell whether a model takes images: the config's word, else the endpoint's, else the catalogue's; None: nobody's.

    What a model takes in is its own nature, so the catalogue answers for it wherever it is served.
    """
    if model.vision is not None:
        return model.vision
    if listed is not None and listed.modality is not None:
        return IMAGES in listed.modality
    known = CATALOG.find(model.id)
    return None if known is None else IMAGES in known.modality


def _parameters(billions: float) -> int:
    return round(billions * _THOUSAND) * _MILLION


def _moe(active: float, total: float) -> tuple[int, int]:
    return _parameters(total), _parameters(active)


def _price(read: float, written: float, seen: str) -> TokenPrice:
    return TokenPrice(read, written, f"{_PAGE}, {seen}")


_READ = "read 2026-09-29"
_COPIED = "as copied by public price tables, looked up 2026-11-22"

CATALOG = Catalog(
    (
        ModelInfo(
            "Qwen/Qwen3-235B-A22B-Instruct-2507",
            "Qwen3 235B A22B-2507",
            "262K",
            *_moe(22, 235),
            price=_price(0.10, 0.10, _COPIED),
        ),
        ModelInfo(
            "Qwen/Qwen3-Coder-480B-A35B-Instruct",
            "Qwen3 Coder 480B A35B",
            "262K",
            *_moe(35, 480),
            price=_price(1.00, 1.50, _COPIED),
        ),
        ModelInfo("moonshotai/Kimi-K2-Instruct", "MoonshotAI Kimi K2", "128K", *_moe(32, 1000)),
        ModelInfo(
            "deepseek-ai/DeepSeek-R1-0528",
            "DeepSeek R1-0528",
            "161K",
            *_moe(37, 680),
            price=_price(1.35, 5.40, _COPIED),
        ),
        ModelInfo(
            "deepseek-ai/DeepSeek-V3-0324",
            "DeepSeek V3-0324",
            "161K",
            *_moe(37, 680),
            price=_price(1.14, 2.75, _COPIED),
        ),
        ModelInfo(
            "meta-llama/Llama-3.1-8B-Instruct",
            "Meta Llama 3.1 8B",
            "128K",
            _parameters(8),
            price=_price(0.22, 0.22, _READ),
        ),
        ModelInfo(
            "meta-llama/Llama-3.3-70B-Instruct",
            "Meta Llama 3.3 70B",
            "128K",
            _parameters(70),
            price=_price(0.71, 0.71, _READ),
        ),
        ModelInfo(
            "meta-llama/Llama-4-Scout-17B-16E-Instruct",
            "Meta Llama 4 Scout",
            "64K",
            *_moe(17, 109),
            modality=frozenset({TEXT, IMAGES}),
            price=_price(0.17, 0.66, _COPIED),
        ),
        ModelInfo(
            "microsoft/Phi-4-mini-instruct",
            "Microsoft Phi 4 Mini 3.8B",
            "128K",
            _parameters(3.8),
            price=_price(0.08, 0.35, _COPIED),
        ),
    )
)
"""The guide's models. It names no prices; those are of W&B's price page, and each says when and how it was seen."""
