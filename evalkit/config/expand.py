"""The short ways of writing a config, spelled out: models and matrix, labels, evaluations, named prompts."""

import fnmatch
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from evalkit.config.schema import EvaluationSpec, ModelSpec
from evalkit.records import Json

__all__ = [
    "ExpandedModel",
    "expand_config",
    "expand_models",
    "is_match",
    "is_prompt_name",
    "models_of",
    "spell_out_evaluations",
]

_ONE_WORD = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class ExpandedModel:
    """One model of the board: `index` is its entry under `models`, `spec` its keys, with a label and no matrix."""

    index: int
    spec: Mapping[str, Json]


def expand_config(config: Mapping[str, Json]) -> dict[str, Json]:
    """Return a well-formed config with nothing left out that decides what is asked and scored."""
    prompts: Mapping[str, Json] = config.get("prompts") or {}
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
    datasets: Mapping[str, Json] = config.get("datasets") or {}
    default: list[dict[str, Json]] = [{"name": name, "dataset": name} for name in datasets]
    written: list[dict[str, Json]] = config.get("evaluations") or default
    return [{**evaluation, "scorers": evaluation.get("scorers") or list(config["scorers"])} for evaluation in written]


def models_of(evaluation: EvaluationSpec, models: Sequence[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Return the models an evaluation asks: those whose labels it names or matches, else every candidate; no judge."""
    if evaluation.models is None:
        return tuple(model for model in models if model.role == "candidate")
    asked = [model for model in models if model.role != "judge"]
    return tuple(model for model in asked if any(is_match(model.label, wanted) for wanted in evaluation.models))


def is_match(label: str, wanted: str) -> bool:
    """Tell whether a label is the one wanted, or matches it as a glob."""
    return label == wanted or fnmatch.fnmatchcase(label, wanted)


def is_prompt_name(prompt: Json) -> bool:
    """Tell whether a prompt is a name under `prompts` rather than a template: one word, with nothing to fill in."""
    return isinstance(prompt, str) and _ONE_WORD.fullmatch(prompt) is not None


def _expand_model(model: Mapping[str, Json]) -> list[dict[str, Json]]:
    label = model.get("label") or model["id"]
    rest = {key: value for key, value in model.items() if key != "matrix"}
    matrix = _mapping(model.get("matrix"))
    if not matrix or not all(isinstance(values, list) for values in matrix.values()):
        return [{**rest, "label": label}]
    expanded: list[dict[str, Json]] = []
    for values in itertools.product(*matrix.values()):
        chosen = dict(zip(matrix, values, strict=True))
        words = ", ".join(f"{name}={_short(value)}" for name, value in chosen.items())
        expanded.append({**rest, "label": f"{label} ({words})", "params": {**_mapping(model.get("params")), **chosen}})
    return expanded


def _mapping(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else {}


def _named(prompt: Json, prompts: Mapping[str, Json]) -> Json:
    return prompts[prompt] if isinstance(prompt, str) and prompt in prompts else prompt


def _short(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
