"""A provider of the config to its plugin, built with its options."""

from dataclasses import fields
from pathlib import Path

from evalkit.config.schema import ProviderSpec
from evalkit.errors import ConfigError
from evalkit.protocols import Provider
from evalkit.registry import Registry

__all__ = ["build_provider"]


def build_provider(name: str, spec: ProviderSpec, base_dir: Path) -> Provider:
    """Return the provider that a section of the config describes; `base_dir` is the config's folder.

    Raises:
        ConfigError: the plugin is unknown or is no provider, or an option does not fit.
    """
    registry = Registry("evalkit.providers")
    takes_folder = any(field.name == "base_dir" for field in fields(registry.plugin(spec.use)))
    provider = registry.build(spec.use, {**spec.options, **({"base_dir": str(base_dir)} if takes_folder else {})})
    if not isinstance(provider, Provider):
        raise ConfigError(f"providers.{name}: {spec.use!r} is not a provider")
    return provider
