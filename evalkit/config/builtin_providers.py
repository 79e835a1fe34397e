"""The providers that need no entry in the config; an entry of the same name replaces them."""

from collections.abc import Mapping

from evalkit.config.schema import ProviderSpec

__all__ = ["BUILTIN_PROVIDERS"]

BUILTIN_PROVIDERS: Mapping[str, ProviderSpec] = {
    "wandb": ProviderSpec.model_validate(
        {
            "use": "openai",
            "base_url": "https://api.inference.wandb.ai/v1",
            "api_key_env": "WANDB_API_KEY",
            "project_header": True,
        }
    ),
    "openai": ProviderSpec.model_validate(
        {"use": "openai", "base_url": "https://api.openai.com/v1", "api_key_env": "OPENAI_API_KEY"}
    ),
    "local": ProviderSpec.model_validate({"use": "llamacpp"}),
}
"""W&B Inference (the default), OpenAI, and a small real model served on this machine."""
