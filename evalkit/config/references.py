"""Names that a config uses: each must be defined in it, and be defined once."""

from collections.abc import Collection

from pydantic import TypeAdapter, ValidationError

from evalkit.config.builtin_providers import BUILTIN_PROVIDERS
from evalkit.config.expand import expand_models, is_match, is_prompt_name
from evalkit.config.gates import FACTS
from evalkit.config.nodes import KeyPath, ListNode, MapNode, Scalar, below, find, plain, text_at
from evalkit.config.problems import Problems, describe
from evalkit.config.schema import Slug
from evalkit.registry import nearest

__all__ = ["find_dangling_names"]

_SLUG = TypeAdapter(Slug)


def find_dangling_names(tree: MapNode, problems: Problems) -> None:
    """Note every name that nothing defines, and every name that two things share."""
    names = _Names(tree, problems)
    names.check_models()
    names.check_evaluations()
    names.check_few_shot()
    names.check_leaderboard()
    names.check_gate()


class _Names:
    """The names that a tree defines, held against the names it uses."""

    def __init__(self, tree: MapNode, problems: Problems) -> None:
        self._tree = tree
        self._problems = problems
        self._datasets = self._defined("datasets")
        self._scorers = self._defined("scorers")
        self._labels: list[str] = []
        self._asked: list[str] = []
        self._waits_for_a_label = False
        self._metrics: dict[str, str] = {}

    def check_models(self) -> None:
        """Hold providers against the defined ones, and labels against each other."""
        providers = {*self._defined("providers"), *BUILTIN_PROVIDERS}
        models = find(self._tree, ("models",))
        for path, _ in below(self._tree, "models"):
            self._must_be_in((*path, "provider"), "provider", providers)
            names = (find(self._tree, (*path, key)) for key in ("id", "label"))
            self._waits_for_a_label |= any(isinstance(name, Scalar) and name.is_unknown for name in names)
        for model in expand_models(plain(models) if isinstance(models, ListNode) else []):
            label, path = str(model.spec["label"]), ("models", model.index)
            if label in self._labels:
                where = (*path, "label") if text_at(self._tree, *path, "label") else path
                self._problems.at(self._tree, where, f"a model above has the label {label!r}; give this one another")
            self._labels.append(label)
            if model.spec.get("role") != "judge":
                self._asked.append(label)

    def check_evaluations(self) -> None:
        """Hold datasets, scorers, models and prompts of each evaluation against the defined ones."""
        evaluations = list(below(self._tree, "evaluations"))
        seen: set[str] = set()
        for path, _ in evaluations:
            name = text_at(self._tree, *path, "name")
            if name is not None and name in seen:
                self._problems.at(self._tree, (*path, "name"), f"an evaluation above is called {name!r} already")
            seen.add(name or "")
            self._must_be_in((*path, "dataset"), "dataset", self._datasets)
            self._check_scorers(path, name)
            for each, _ in below(self._tree, *path, "models"):
                self._must_match_a_model(each)
            if is_prompt_name(text_at(self._tree, *path, "prompt")):
                self._must_be_in((*path, "prompt"), "prompt", self._defined("prompts"))
        if not evaluations:
            self._check_default_evaluations()

    def check_few_shot(self) -> None:
        """Hold the datasets of worked examples against the defined ones."""
        prompts = [path for path, _ in below(self._tree, "prompts")]
        prompts += [(*path, "prompt") for path, _ in below(self._tree, "evaluations")]
        for path in prompts:
            self._must_be_in((*path, "few_shot", "dataset"), "dataset", self._datasets)

    def check_leaderboard(self) -> None:
        """Hold the metrics and groups of the board against those there are, and groups against themselves."""
        groups = self._defined("leaderboard", "groups")
        shown = [*self._metrics, *groups]
        self._must_be_in(("leaderboard", "primary"), "metric or group" if groups else "metric", shown)
        self._check_list(("leaderboard", "columns"), shown, "names no metric; leave the key out for all of them")
        for path, _ in below(self._tree, "leaderboard", "groups"):
            if path[-1] in self._metrics:
                self._problems.at_key(self._tree, path, "a metric is called that already; give the group another name")
            elif not str(path[-1]).strip():
                self._problems.at_key(self._tree, path, "a group needs a name")
            self._check_list(path, self._metrics, "averages nothing; name its metrics, as evaluation.scorer")
            self._check_direction(path)

    def check_gate(self) -> None:
        """Hold the metrics and models of the gate's rules against those there are."""
        groups = set(self._defined("leaderboard", "groups")) - {*self._metrics, *FACTS}
        for path, _ in below(self._tree, "gate", "rules"):
            if text_at(self._tree, *path, "metric") in groups:
                why = "{} is a group of the leaderboard, and a gate judges single metrics; give each of them a rule"
                self._refuse((*path, "metric"), why)
            else:
                self._must_be_in((*path, "metric"), "metric", [*self._metrics, *FACTS])
            self._must_match_a_model((*path, "model"))

    def _check_scorers(self, path: KeyPath, name: str | None) -> None:
        listed = list(below(self._tree, *path, "scorers"))
        if not listed and isinstance(find(self._tree, (*path, "scorers")), ListNode):
            self._problems.at(self._tree, (*path, "scorers"), "names no scorer; leave the key out for all of them")
        texts = [text_at(self._tree, *each) for each, _ in listed]
        for index, (each, _) in enumerate(listed):
            self._must_be_in(each, "scorer", self._scorers)
            if texts[index] in texts[:index]:
                self._problems.at(self._tree, each, "is listed twice")
        self._metrics |= {f"{name}.{scorer}": scorer for scorer in (filter(None, texts) if texts else self._scorers)}

    def _check_list(self, path: KeyPath, known: Collection[str], empty: str) -> None:
        """Hold a list of metrics against those there are; it names something, and nothing twice."""
        node, listed = find(self._tree, path), list(below(self._tree, *path))
        if isinstance(node, ListNode) and not listed:
            self._problems.at(self._tree, path, empty)
        texts = [text_at(self._tree, *each) for each, _ in listed]
        for index, (each, _) in enumerate(listed):
            self._must_be_in(each, "metric", known)
            if texts[index] is not None and texts[index] in texts[:index]:
                self._problems.at(self._tree, each, "is listed twice")

    def _check_direction(self, path: KeyPath) -> None:
        """Refuse an average of metrics of which some are better when higher, others when lower."""
        directions: dict[bool, str] = {}
        for each, _ in below(self._tree, *path):
            metric = text_at(self._tree, *each)
            if metric is None or metric not in self._metrics:
                continue
            written = find(self._tree, ("scorers", self._metrics[metric], "higher_is_better"))
            is_higher = not (isinstance(written, Scalar) and written.value is False)
            if directions.setdefault(is_higher, metric) == metric and len(directions) > 1:
                words = ("higher", "lower") if is_higher else ("lower", "higher")
                better = f"better when {words[0]}, and {directions[not is_higher]!r} when {words[1]}"
                self._problems.at(self._tree, each, f"{better}: their average says nothing; give each a group")

    def _check_default_evaluations(self) -> None:
        for name in self._datasets:
            if not _is_slug(name):
                self._problems.at_key(
                    self._tree,
                    ("datasets", name),
                    "without evaluations, this name becomes an evaluation's: it must be lower-case letters, digits, "
                    "'.', '_' or '-'; rename it or write evaluations",
                )
        self._metrics |= {f"{name}.{scorer}": scorer for name in self._datasets for scorer in self._scorers}

    def _must_match_a_model(self, path: KeyPath) -> None:
        wanted = text_at(self._tree, *path)
        if wanted is None or self._waits_for_a_label:
            return
        if wanted in self._labels and wanted not in self._asked:
            self._refuse(path, "{} is a judge, and judges are not asked about samples; name a candidate")
        elif not any(is_match(label, wanted) for label in self._asked):
            self._refuse(path, f"no model's label matches {{}}{nearest(wanted, self._asked)}")

    def _must_be_in(self, path: KeyPath, noun: str, known: Collection[str]) -> None:
        name = text_at(self._tree, *path)
        if name is not None and name not in known:
            self._refuse(path, f"no {noun} is called {{}}{nearest(name, known)}")

    def _refuse(self, path: KeyPath, message: str) -> None:
        self._problems.at(self._tree, path, message.replace("{}", describe(find(self._tree, path)), 1))

    def _defined(self, *section: str) -> list[str]:
        return [str(path[-1]) for path, _ in below(self._tree, *section)]


def _is_slug(name: str) -> bool:
    try:
        _SLUG.validate_python(name)
    except ValidationError:
        return False
    return True
