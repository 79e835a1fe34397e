"""Jinja2 over one row, sandboxed: a column, an expression or a template to a JSON value."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalkit.errors import DatasetError
from evalkit.located import json_value
from evalkit.records import Json
from evalkit.registry import nearest

__all__ = ["Pick", "compile_condition", "compile_pick"]

Pick = Callable[[Mapping[str, Json], int], Json]
"""(row, its index) to a value; raises DatasetError without the row's place."""


def compile_pick(text: str, name: str, *, keeps_bytes: bool = False) -> Pick:
    """Return what takes one value out of a row.

    `text` is a column's name, or a template when it contains `{{` or `{%`. A template that is one `{{ expression }}`
    gives the expression's own value, so that a list stays a list; any other gives text. Templates see the columns by
    name, the whole row as `row` and its place from 0 as `index`; a column of such a name wins.

    Args:
        text: the column or template.
        name: the option it comes from, for errors: fields.input.
        keeps_bytes: let an expression give bytes.

    Raises:
        DatasetError: the template does not parse.
    """
    if "{{" not in text and "{%" not in text:
        return _column(text, name)
    inner = text.strip()
    if inner.startswith("{{") and inner.endswith("}}"):
        try:
            return _expression(inner[2:-2].strip("-+ \n"), name, keeps_bytes=keeps_bytes)
        except DatasetError:
            pass  # two expressions, or an expression between braces of text: a template
    return _template(text, name)


def compile_condition(text: str, name: str) -> Callable[[Mapping[str, Json], int], bool]:
    """Return the test that the expression `text` makes of a row.

    Its value must be true or false: the text "False" of a csv file would otherwise count as true.

    Raises:
        DatasetError: it does not parse.
    """
    pick = _expression(text, name)

    def test(row: Mapping[str, Json], index: int) -> bool:
        value = pick(row, index)
        if not isinstance(value, bool):
            raise DatasetError(f"{name}: {text!r} gives {value!r}, not true or false; compare it with something")
        return value

    return test


def _column(column: str, name: str) -> Pick:
    def pick(row: Mapping[str, Json], index: int) -> Json:
        del index
        try:
            return row[column]
        except KeyError:
            raise DatasetError(f"{name}: there is no column {column!r}{nearest(column, row)}") from None

    return pick


def _expression(text: str, name: str, *, keeps_bytes: bool = False) -> Pick:
    try:
        evaluate = _environment.compile_expression(text, undefined_to_none=False)
    except TemplateSyntaxError as error:
        raise DatasetError(f"{name}: {text!r} is not an expression: {error.message}") from None

    def pick(row: Mapping[str, Json], index: int) -> Json:
        value = _attempt(lambda: _settled(evaluate(_names(row, index))), name)
        try:
            return json_value(value, f"the value of {text!r}", keeps_bytes=keeps_bytes)
        except ValueError as error:
            raise DatasetError(f"{name}: {error}") from None

    return pick


def _template(text: str, name: str) -> Pick:
    try:
        template = _environment.from_string(text)
    except TemplateSyntaxError as error:
        raise DatasetError(f"{name}: line {error.lineno} of the template: {error.message}") from None
    return lambda row, index: _attempt(lambda: template.render(_names(row, index)), name)


def _attempt(evaluate: Callable[[], Any], name: str) -> Any:
    try:
        return evaluate()
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{name}: {error}") from None


def _settled(value: object) -> object:
    """Return an expression's value with generators (`map`, `select`) made lists; raise where it is undefined."""
    if isinstance(value, Undefined):
        str(value)  # raises UndefinedError with the name that is missing
    return list(cast("Iterator[object]", value)) if isinstance(value, Iterator) else value


def _names(row: Mapping[str, Json], index: int) -> dict[str, Json]:
    return {"row": row, "index": index, **row}


def _make_environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    for name in ("lipsum", "cycler", "joiner"):
        del made.globals[name]
    del made.filters["random"]  # rows must come out the same every time
    return made


_environment = _make_environment()
