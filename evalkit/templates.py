"""Jinja2 for prompts: sandboxed, nothing undefined, nothing null; errors name the sample and the variable."""

import json
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalkit.errors import ConfigError
from evalkit.records import Json, Sample
from evalkit.registry import nearest

__all__ = ["SAMPLE_VARIABLES", "compile_template", "render_template", "template_variables"]

SAMPLE_VARIABLES = frozenset({"choices", "id", "input"})
"""What a template sees of every sample beside the columns of its row; these win over columns of the same name."""


class _NullError(TypeError):
    """A template wrote a value that is null."""


def _write(value: object) -> object:
    """Write what a template outputs: text as it is, true, lists and mappings as JSON, null not at all."""
    if value is None:
        raise _NullError("a value is null; write {{ name or '' }} if it may be")
    if type(value) in (bool, list, tuple, dict):
        return json.dumps(value, ensure_ascii=False)
    return value


_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,  # prompts are text, not HTML
    keep_trailing_newline=False,
    finalize=_write,
)
for _unsteady in ("lipsum", "cycler", "joiner"):
    del _environment.globals[_unsteady]
del _environment.filters["random"]


@lru_cache(maxsize=256)
def compile_template(source: str) -> Template:
    """Return the compiled template.

    Raises:
        ConfigError: it does not parse.
    """
    template_variables(source)
    return _environment.from_string(source)


@lru_cache(maxsize=256)
def template_variables(source: str) -> frozenset[str]:
    """Return the names that a template takes from outside.

    Raises:
        ConfigError: it does not parse.
    """
    try:
        return frozenset(meta.find_undeclared_variables(_environment.parse(source)))
    except TemplateError as error:
        line = f"line {error.lineno} of the template: " if isinstance(error, TemplateSyntaxError) else ""
        raise ConfigError(f"prompt: {line}{error.message}") from None


def render_template(template: Template, context: Mapping[str, Json], sample: Sample) -> str:
    """Return the text of a template for one sample.

    Raises:
        ConfigError: a variable is missing or null, or an expression fails; the message names sample and variable.
    """
    try:
        return template.render(context)
    except UndefinedError as error:
        problem = f"{error.message}{_hint(error.message or '', sample)}"
    except _NullError as error:
        nulls = sorted(name for name, value in context.items() if value is None)
        problem = f"{', '.join(nulls) or 'an expression'}: {error}"
    except TemplateError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001  a filter may raise anything on a value it does not expect
        problem = f"{type(error).__name__}: {error}"
    raise ConfigError(f"prompt: sample {sample.id!r}: {problem}")


def _hint(message: str, sample: Sample) -> str:
    if not message.endswith("is undefined"):
        return ""
    name = message.split("'")[1] if "'" in message else message
    if name == "choices":
        return "; the dataset has no choices, set fields.choices"
    return nearest(name, {*SAMPLE_VARIABLES, *sample.fields} - {"target"})
