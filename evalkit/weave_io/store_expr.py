"""The SDK's mongo-like `$expr` to a SQL condition."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from evalkit.weave_io.store_codec import to_micros
from evalkit.weave_io.store_errors import bad_request

__all__ = ["FieldLookup", "Operand", "Sql", "compile_expr", "json_field"]


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values of its marks."""

    text: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison; `is_time` says that it holds microseconds since the epoch."""

    sql: Sql
    is_time: bool = False
    is_literal: bool = False
    literal: Any = None


FieldLookup = Callable[[str], Operand]
"""A dotted field name to the SQL that reads it; raises RequestError for a field that does not exist."""

_COMPARISONS = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_VALUES = frozenset({"$getField", "$literal", "$convert"})
_ALL = frozenset({"$and", "$or", "$not", "$in", "$contains"}) | _COMPARISONS.keys() | _VALUES
_CASTS = {
    "double": "CAST({0} AS REAL)",
    "int": "CAST({0} AS INTEGER)",
    "string": "CAST({0} AS TEXT)",
    "bool": "CASE WHEN {0} IS NULL THEN NULL WHEN {0} IN (0, '', '0', 'false') THEN 0 ELSE 1 END",
    "exists": "({0} IS NOT NULL)",
}


def compile_expr(expr: Any, field: FieldLookup) -> Sql:
    """Return a SQL condition, always 0 or 1, that means the same as `expr`.

    Raises:
        RequestError: an operation or a field is unknown, or an operation has the wrong operands.
    """
    try:
        return _condition(expr, field)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise bad_request(f"not a query: {error!r}") from error


def _condition(expr: Any, field: FieldLookup) -> Sql:
    name, argument = _operation(expr)
    if name in {"$and", "$or"}:
        parts = [_condition(part, field) for part in argument]
        joined = f" {name[1:].upper()} ".join(f"({part.text})" for part in parts)
        return Sql(joined or ("1" if name == "$and" else "0"), _values(parts))
    if name == "$not":
        (inner,) = [_condition(part, field) for part in argument]
        return Sql(f"NOT ({inner.text})", inner.values)
    if name in _COMPARISONS:
        left, right = (_operand(side, field) for side in argument)
        return _compare(left, _COMPARISONS[name], right)
    if name == "$in":
        side, choices = argument
        parts = [_compare(_operand(side, field), "=", _operand(choice, field)) for choice in choices]
        return Sql(" OR ".join(f"({part.text})" for part in parts) or "0", _values(parts))
    if name == "$contains":
        return _contains(argument, field)
    if name in _VALUES:
        return _truth(_operand(expr, field))
    raise bad_request(f"the query language has no {name!r}; it has {', '.join(sorted(_ALL))}")


def json_field(column: str, path: str) -> Operand:
    """Return the operand for a dotted path inside a JSON column; a number in it is a key or a position."""
    if not path:
        return Operand(Sql(f"json_extract({column}, '$')"))
    names = path.split(".")
    if any('"' in name for name in names):
        raise bad_request(f"a field name may not hold a quote: {path}")
    as_keys = "$" + "".join(f'."{name}"' for name in names)
    as_positions = "$" + "".join(f"[{name}]" if name.isdigit() else f'."{name}"' for name in names)
    if as_keys == as_positions:
        return Operand(Sql(f"json_extract({column}, ?)", (as_keys,)))
    return Operand(Sql(f"COALESCE(json_extract({column}, ?), json_extract({column}, ?))", (as_keys, as_positions)))


def _operation(expr: Any) -> tuple[str, Any]:
    if not isinstance(expr, Mapping) or len(cast("Mapping[str, Any]", expr)) != 1:
        raise bad_request(f"an operation is an object with one key such as $eq, not {expr!r}")
    ((name, argument),) = cast("Mapping[str, Any]", expr).items()
    return name, argument


def _operand(expr: Any, field: FieldLookup) -> Operand:
    name, argument = _operation(expr)
    if name == "$getField":
        return field(argument)
    if name == "$literal":
        value = argument if argument is None or isinstance(argument, (bool, int, float, str)) else str(argument)
        return Operand(Sql("?", (value,)), is_literal=True, literal=value)
    if name == "$convert":
        inner = _operand(argument["input"], field)
        if argument["to"] not in _CASTS:
            raise bad_request(f"$convert knows {', '.join(_CASTS)}, not {argument['to']!r}")
        cast = _CASTS[argument["to"]]
        return Operand(Sql(cast.format(inner.sql.text), inner.sql.values * cast.count("{0}")))
    return Operand(_condition(expr, field))


def _compare(left: Operand, sign: str, right: Operand) -> Sql:
    left, right = _as_times(left, right), _as_times(right, left)
    if sign == "=" and any(side.is_literal and side.literal is None for side in (left, right)):
        return Sql(f"{left.sql.text} IS {right.sql.text}", left.sql.values + right.sql.values)
    left, right = _comparable(left, right), _comparable(right, left)
    return Sql(f"IFNULL({left.sql.text} {sign} {right.sql.text}, 0)", left.sql.values + right.sql.values)


def _as_times(side: Operand, other: Operand) -> Operand:
    if not (side.is_literal and other.is_time) or side.literal is None:
        return side
    try:
        micros = to_micros(side.literal)
    except ValueError as error:
        raise bad_request(f"not a time: {side.literal!r}") from error
    return replace(side, sql=Sql("?", (micros,)), literal=micros)


def _comparable(side: Operand, other: Operand) -> Operand:
    """Make a field fit the literal it meets: no text reads as "", and a text is never above a number."""
    if side.is_literal or not other.is_literal:
        return side
    text, values = side.sql.text, side.sql.values
    if isinstance(other.literal, str):
        return replace(side, sql=Sql(f"COALESCE({text}, '')", values))
    return replace(side, sql=Sql(f"CASE WHEN typeof({text}) IN ('integer', 'real') THEN {text} END", values * 2))


def _contains(argument: Mapping[str, Any], field: FieldLookup) -> Sql:
    whole, part = _operand(argument["input"], field).sql, _operand(argument["substr"], field).sql
    fold = "lower({0})" if argument.get("case_insensitive") else "{0}"
    text = f"IFNULL(instr({fold.format(whole.text)}, {fold.format(part.text)}) > 0, 0)"
    return Sql(text, whole.values + part.values)


def _truth(operand: Operand) -> Sql:
    return Sql(f"IFNULL({operand.sql.text}, 0) NOT IN (0, '')", operand.sql.values)


def _values(parts: Sequence[Sql]) -> tuple[Any, ...]:
    return tuple(value for part in parts for value in part.values)
