"""The short ways of writing a config, spelled out: models and matrix, labels, evaluations, named prompts."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from evalkit.records import Json

__all__ = ["ExpandedModel", "expand_config", "expand_models", "is_prompt_name", "spell_out_evaluations"]

_ONE_WORD = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class ExpandedModel:
    """One model of the board: `index` is its entry under `models`, `spec` its keys, with a label and no matrix."""

    index: int
    spec: Mapping[str, Json]


def expand_config(config: Mapping[str, Json]) -> dict[str, Json]:
    """Return a well-formed config with nothing left out that decides what is asked and scored."""
    prompts = config.get("prompts") or {}
    evaluations = [
        {**evaluation, "prompt": _named(evaluation["prompt"], prompts)} if "prompt" in evaluation else evaluation
        for evaluation in spell_out_evaluations(config)
    ]
    models = [dict(model.spec) for model in expand_models(config["models"])]
    return {**config, "models": models, "evaluations": evaluations}


def expand_models(models: Sequence[Json]) -> list[ExpandedModel]:
    """Return every model that the entries stand for; an entry that is no mapping with an id is left out."""
    return [
        ExpandedModel(index, spec)
        for index, model in enumerate(models)
        if isinstance(model, dict) and "id" in model
        for spec in _expand_model(cast("dict[str, Json]", model))
    ]


def spell_out_evaluations(config: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Return the evaluations, one for each dataset when none are written, with every scorer when none are named."""
    written = config.get("evaluations") or [{"name": name, "dataset": name} for name in config.get("datasets") or {}]
    return [{**evaluation, "scorers": evaluation.get("scorers") or list(config["scorers"])} for evaluation in written]


def is_prompt_name(prompt: Json) -> bool:
    """Tell whether a prompt is a name under `prompts` rather than a template: one word, with nothing to fill in."""
    return isinstance(prompt, str) and _ONE_WORD.fullmatch(prompt) is not None


def _expand_model(model: Mapping[str, Json]) -> list[dict[str, Json]]:
    label = model.get("label") or model["id"]
    matrix, params = model.get("matrix"), model.get("params")
    rest = {key: value for key, value in model.items() if key != "matrix"}
    if not isinstance(matrix, dict) or not all(isinstance(values, list) for values in matrix.values()):
        return [{**rest, "label": label}]
    names = list(cast("dict[str, list[Json]]", matrix))
    return [
        {
            **rest,
            "label": f"{label} ({', '.join(f'{name}={_short(value)}' for name, value in zip(names, values, strict=True))})",
            "params": {**(params if isinstance(params, dict) else {}), **dict(zip(names, values, strict=True))},
        }
        for values in itertools.product(*cast("dict[str, list[Json]]", matrix).values())
    ]


def _named(prompt: Json, prompts: Mapping[str, Json]) -> Json:
    return prompts[prompt] if isinstance(prompt, str) and prompt in prompts else prompt


def _short(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
