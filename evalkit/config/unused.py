"""What a config defines and never uses: often a forgotten or misspelled name."""

from evalkit.config.nodes import KeyPath, MapNode, below, text_at
from evalkit.config.problems import Problems
from evalkit.config.schema import ModelSpec

__all__ = ["find_unused"]

_DEFAULTS = {"providers": ModelSpec.model_fields["provider"].default}


def find_unused(tree: MapNode, problems: Problems) -> None:
    """Note every dataset, scorer, prompt, provider and judge that nothing names."""
    evaluations = [path for path, _ in below(tree, "evaluations")]
    own_prompts = [(*path, "prompt") for path in evaluations]
    prompts = [*own_prompts, *(path for path, _ in below(tree, "prompts"))]
    if evaluations:
        shots = [(*path, "few_shot", "dataset") for path in prompts]
        _note_rest(tree, "datasets", [*((*path, "dataset") for path in evaluations), *shots], problems)
        listed = [[each for each, _ in below(tree, *path, "scorers")] for path in evaluations]
        if all(listed):
            _note_rest(tree, "scorers", [each for scorers in listed for each in scorers], problems)
    _note_rest(tree, "prompts", own_prompts, problems)
    _note_rest(tree, "providers", [(*path, "provider") for path, _ in below(tree, "models")], problems)
    options = {text_at(tree, *each) for path, _ in below(tree, "scorers") for each, _ in below(tree, *path)}
    for path, _ in below(tree, "models"):
        label = text_at(tree, *path, "label") or text_at(tree, *path, "id")
        if text_at(tree, *path, "role") == "judge" and label is not None and label not in options:
            problems.at_key(tree, path, f"the judge {label!r} is defined and no scorer names it")


def _note_rest(tree: MapNode, section: str, uses: list[KeyPath], problems: Problems) -> None:
    used = {text_at(tree, *path) or _DEFAULTS.get(section) for path in uses}
    for path, _ in below(tree, section):
        if str(path[-1]) not in used:
            problems.at_key(tree, path, "is defined and never used")
