import pytest

from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.schema import ModelSpec
from evalkit.protocols import Provider
from evalkit.registry import Registry


@pytest.mark.parametrize("name", BUILTIN_PROVIDERS)
def test_each_is_a_provider_that_can_be_made(name: str) -> None:
    spec = BUILTIN_PROVIDERS[name]
    assert isinstance(Registry("evalkit.providers").build(spec.use, spec.options), Provider)


def test_the_default_is_one_of_them() -> None:
    assert ModelSpec.model_fields["provider"].default in BUILTIN_PROVIDERS
