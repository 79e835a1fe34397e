"""The config's JSON Schema: an editor that uses it accepts what load_config accepts."""

from collections.abc import Mapping
from typing import cast

from evalkit.config.not_yet import NOT_YET
from evalkit.config.schema import Config
from evalkit.records import Json

__all__ = ["config_schema"]

_VARIABLE: dict[str, Json] = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_NOT_YET_NOTE = "documented, not yet available"


def config_schema() -> dict[str, Json]:
    """Return the JSON Schema (2020-12) of a config file.

    Beyond the schema's own types: a model may be written as its id, a duration with its unit, any single value as
    `${NAME}`; `x-` keys are ignored; what must be there may come from an included file.
    """
    schema = Config.model_json_schema(by_alias=True)
    for definition in (schema, *schema["$defs"].values()):
        _open_to_ignored_keys(definition)
        properties: dict[str, dict[str, Json]] = definition.get("properties", {})
        for key, value in properties.items():
            value.pop("title", None)
            if isinstance(value.get("additionalProperties"), dict):
                _open_to_ignored_keys(value)
            properties[key] = _or_variable(value)
    _note_what_is_not_yet_there(schema)
    schema |= {"if": {"not": {"required": ["include"]}}, "then": {"required": schema.pop("required")}}
    models = schema["properties"]["models"]
    models["items"] = {"anyOf": [models["items"], {"type": "string", "description": "the id, on the default provider"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "evalkit config"}


def _open_to_ignored_keys(definition: dict[str, Json]) -> None:
    if definition.get("type") == "object":
        definition["patternProperties"] = {"^x-": {}}


def _or_variable(value: dict[str, Json]) -> dict[str, Json]:
    """Return a property that may also be `${NAME}`, where its type does not allow any text already."""
    shapes = cast("list[Mapping[str, Json]]", value.get("anyOf") or [value])
    if any(_takes_any_text(shape) for shape in shapes) or not any(_is_single(shape) for shape in shapes):
        return value
    notes = {key: value[key] for key in ("description", "default") if key in value}
    own = {key: inner for key, inner in value.items() if key not in {"description", "default", "anyOf"}}
    return {**notes, "anyOf": [*(value.get("anyOf") or [own]), _VARIABLE]}


def _is_single(shape: Mapping[str, Json]) -> bool:
    return "enum" in shape or "const" in shape or shape.get("type") in {"string", "number", "integer", "boolean"}


def _takes_any_text(shape: Mapping[str, Json]) -> bool:
    return shape.get("type") == "string" and not {"pattern", "enum", "const", "minLength"} & shape.keys()


def _note_what_is_not_yet_there(schema: dict[str, Json]) -> None:
    for path, accepted in NOT_YET.items():
        *parents, key = path.split(".")
        properties: dict[str, Json] = schema["properties"]
        for part in parents:
            if part != "*":
                properties = _below(schema, properties[part])
        note = f"{_NOT_YET_NOTE} beyond {', '.join(map(str, accepted))}" if accepted else _NOT_YET_NOTE
        description = properties[key].get("description")
        properties[key]["description"] = f"{description} ({note})" if description else note


def _below(schema: dict[str, Json], value: Mapping[str, Json]) -> dict[str, Json]:
    """Return the properties of the section that a property holds, directly, in a list or in a mapping."""
    for shape in (value, *value.get("anyOf", ())):
        inner = shape.get("items") or shape.get("additionalProperties") or shape
        if "$ref" in inner:
            return schema["$defs"][inner["$ref"].rsplit("/", 1)[-1]]["properties"]
    raise KeyError(str(value))
