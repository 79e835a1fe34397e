"""Every source there is against its protocol."""

import dataclasses
import inspect

import pytest

from evalkit.config.schema import DatasetSpec
from evalkit.protocols import Source
from evalkit.registry import Registry

REGISTRY = Registry("evalkit.sources")
OPTIONS = {"path": {"path": "a.jsonl"}, "hf": {"hf": "owner/name"}, "rows": {"rows": [{}]}, "python": {"python": "m:f"}}


def test_the_sources_are_those_of_the_config():
    assert set(REGISTRY.names()) == set(OPTIONS)
    assert set(REGISTRY.names()) <= set(DatasetSpec.model_fields)


@pytest.mark.parametrize("name", REGISTRY.names())
class TestEverySource:
    def test_is_one_frozen_class_whose_docstring_says_what_it_does(self, name):
        plugin = REGISTRY.plugin(name)
        assert plugin.__dataclass_params__.frozen
        first = inspect.getdoc(plugin).splitlines()[0]
        assert first[0].isupper()
        assert inspect.getdoc(plugin.load)

    def test_has_options_that_are_keys_of_a_dataset(self, name):
        options = {field.name for field in dataclasses.fields(REGISTRY.plugin(name)) if field.init}
        assert name in options
        assert options - {"base_dir"} <= set(DatasetSpec.model_fields)

    def test_is_built_without_reading_anything(self, name):
        assert isinstance(REGISTRY.build(name, OPTIONS[name]), Source)
