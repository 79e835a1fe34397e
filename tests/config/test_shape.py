import pytest

from evalkit.config.schema import Config, DatasetSpec, FewShotSpec, PromptSpec
from evalkit.config.shape import is_free_form, known_keys, shape_at, spec_of


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        (("datasets", "any"), DatasetSpec),
        (("evaluations", 3, "prompt"), PromptSpec),
        (("evaluations", 3, "prompt", "few_shot"), FewShotSpec),
        (("models", 0, "params"), None),
        (("run", "seed"), None),
    ],
)
def test_the_section_at_a_path(path: tuple, spec: type | None) -> None:
    assert spec_of(shape_at(Config, path)) is spec


@pytest.mark.parametrize("path", [("nothing",), ("run", "seed", "x"), ("name", 0), ("models", 0, "params", "a", "b")])
def test_nothing_is_known_below_free_values_and_unknown_keys(path: tuple) -> None:
    assert known_keys(shape_at(Config, path)) == ()


@pytest.mark.parametrize(
    ("path", "is_free"),
    [
        ((), False),
        (("datasets",), False),
        (("prompts",), False),
        (("models", 0, "params"), True),
        (("models", 0, "matrix"), True),
        (("datasets", "d", "fields", "slices"), True),
        (("profiles",), True),
        (("evaluations", 0, "reduce"), True),
    ],
)
def test_where_keys_are_free(path: tuple, is_free: bool) -> None:
    assert is_free_form(shape_at(Config, path)) is is_free


def test_keys_are_as_yaml_writes_them() -> None:
    assert "json" in known_keys(shape_at(Config, ("report",)))
    assert known_keys(shape_at(Config, ("evaluations", 0, "reduce"))) == ("pass_at", "pass_hat")
