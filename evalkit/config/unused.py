"""What a config defines and never uses: often a forgotten or misspelled name."""

from evalkit.config.expand import is_prompt_name
from evalkit.config.nodes import KeyPath, MapNode, below, text_at
from evalkit.config.problems import Problems

__all__ = ["find_unused"]


def find_unused(tree: MapNode, problems: Problems) -> None:
    """Note every dataset, scorer, prompt and provider that no evaluation and no model names."""
    evaluations = [path for path, _ in below(tree, "evaluations")]
    if evaluations:
        prompts = [*((*path, "prompt") for path in evaluations), *(path for path, _ in below(tree, "prompts"))]
        datasets = [*((*path, "dataset") for path in evaluations), *((*path, "few_shot", "dataset") for path in prompts)]
        _note_rest(tree, "datasets", datasets, problems)
        listed = [[each for each, _ in below(tree, *path, "scorers")] for path in evaluations]
        if all(listed):
            _note_rest(tree, "scorers", [each for scorers in listed for each in scorers], problems)
    named = [path for path in ((*path, "prompt") for path in evaluations) if is_prompt_name(text_at(tree, *path))]
    _note_rest(tree, "prompts", named, problems)
    models = [(*path, "provider") for path, _ in below(tree, "models")]
    _note_rest(tree, "providers", models, problems, unless_in=("wandb",) if len(models) > _with_text(tree, models) else ())


def _note_rest(tree: MapNode, section: str, uses: list[KeyPath], problems: Problems, *, unless_in: tuple[str, ...] = ()) -> None:
    used = {text_at(tree, *path) for path in uses} | set(unless_in)
    for path, _ in below(tree, section):
        if str(path[-1]) not in used:
            problems.at_key(tree, path, "is defined and never used")


def _with_text(tree: MapNode, paths: list[KeyPath]) -> int:
    return sum(text_at(tree, *path) is not None for path in paths)
