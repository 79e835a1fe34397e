"""Provenance: digests, versions, seed and methods, so that the run can be repeated and compared."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from evalkit.records import Json
from evalkit.report.blocks import Block, Definitions, Section, Side
from evalkit.report.numbers import format_count, format_percent, plural
from evalkit.results import RunResult

__all__ = ["ProvenanceSection"]

_SHORT = 12
_METHODS = {
    "augmented_t": "augmented t",
    "clopper_pearson": "Clopper-Pearson",
    "macro_t": "t of macro averages",
    "mcnemar_exact": "McNemar exact",
    "none": "",
    "paired_t": "paired t",
    "sign_flip_exact": "exact sign-flip",
    "t": "Student t",
    "wilson": "Wilson",
    "wilson_macro": "Wilson for macro averages",
    "wilson_n_eff": "Wilson with effective n",
}


@dataclass(frozen=True, slots=True)
class ProvenanceSection:
    """Looked up, not read: the run, its data, its methods."""

    def build(self, run: RunResult) -> tuple[Block, ...]:
        """Return the section."""
        parts = (
            Definitions("Run", tuple(_run(run)), frozenset({"Plan", "Commit"})),
            Definitions("Data", tuple(_data(run))),
            Definitions("Methods", tuple(_methods(run))),
        )
        return (Section("provenance", "Provenance", "Provenance", (Side(parts),)),)


def _run(run: RunResult) -> list[tuple[str, str]]:
    items = [("Plan", run.plan_digest[:_SHORT])]
    if run.parent_run is not None:
        items.append(("Answers", f"of run {run.parent_run}, scored again"))
    if run.profile is not None:
        items.append(("Profile", run.profile))
    if run.git:
        state = "with uncommitted changes" if run.git.get("dirty") else "clean"
        items.append(("Commit", f"{str(run.git.get('commit'))[:_SHORT]}, {state}"))
    items.append(("Seed", str(run.seed)))
    items.append(("Versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())))
    if run.calls:
        items.append(("Calls", _calls(run.calls)))
    for provider, throttle in _throttles(run.throttle):
        items.append((f"Throttle {provider}".strip(), _limits(throttle)))
    items.append(("Published", _published(run)))
    return items


def _calls(calls: Mapping[str, Json]) -> str:
    cached = f"{format_count(calls['from_cache'])} from the shared cache, " if calls.get("from_cache") else ""
    return (
        f"{plural(calls['requests'], 'prediction')}, {plural(calls['attempts'], 'request')} sent, "
        f"{format_count(calls['from_journal'])} from the journal, {cached}at most {calls['peak_in_flight']} in flight"
    )


def _throttles(throttle: Mapping[str, Json]) -> list[tuple[str, Mapping[str, Json]]]:
    if not throttle:
        return []
    listed = throttle["providers"].items() if "providers" in throttle else [("", throttle)]
    return [(provider, facts) for provider, facts in listed if _limits(facts)]


def _limits(throttle: Mapping[str, Json]) -> str:
    """Return what is known of one provider's limit; a run.json made elsewhere may hold less than ours."""
    known: tuple[tuple[str, Callable[[int], str]], ...] = (
        ("max_concurrency", lambda limit: f"{limit} allowed"),
        ("settled", lambda limit: f"settled at {limit}"),
        ("refusals", lambda refusals: plural(refusals, "refusal")),
    )
    return ", ".join(say(throttle[key]) for key, say in known if throttle.get(key) is not None)


def _published(run: RunResult) -> str:
    if run.weave is None:
        return "not at the time of this page" if run.plan["weave"]["backend"] != "off" else "no: weave.backend is off"
    if run.weave.get("error") is not None:
        return f"failed: {run.weave['error']}"
    checked = "read back and compared" if run.weave.get("verified") else "not read back"
    return f"{run.weave.get('backend')}, {run.weave.get('project')}, {checked}"


def _data(run: RunResult) -> list[tuple[str, str]]:
    items: list[tuple[str, str]] = []
    cells = {cell["evaluation"]: cell for cell in run.plan["cells"]}
    for name, cell in cells.items():
        dataset = run.datasets[cell["dataset"]]
        scorers = ", ".join(f"{scorer} ({run.plan['scorers'][scorer]['use']})" for scorer in cell["scorers"])
        said = f"dataset {cell['dataset']}, {plural(dataset['rows'], 'row')}, digest {str(dataset['digest'])[:_SHORT]}"
        items.append((name, f"{said}; prompt {str(cell['prompt'])[:_SHORT]}; scorers {scorers}"))
    served = {cell.model: cell.served_models for cell in run.cells if cell.served_models not in ((), (cell.model_id,))}
    items += [(model, f"served as {', '.join(names)}") for model, names in served.items()]
    return items


def _methods(run: RunResult) -> list[tuple[str, str]]:
    metrics = [metric for cell in run.cells for metric in cell.metrics.values()]
    items: list[tuple[str, str]] = []
    if metrics:
        boards: list[Mapping[str, Json]] = [row.get("groups") or {} for row in run.leaderboard]
        averages = [average["method"] for groups in boards for average in groups.values()]
        names = _name_methods([*(metric.method for metric in metrics), *averages]) or "none"
        items.append(("Interval", f"{names}, {format_percent(metrics[0].confidence)}"))
    if run.pairs:
        # A t-test is named by the interval it belongs to: augmented for right-or-wrong values, paired for others.
        tests = _name_methods(pair["method"] if pair["p_method"] == "t" else pair["p_method"] for pair in run.pairs)
        bounds = _name_methods(pair["method"] for pair in run.pairs)
        family = format_percent(1 - run.pairs[0]["confidence"])
        items.append(("Comparison", f"paired on sample id; test {tests or 'none'}; interval {bounds or 'none'}"))
        items.append(("Ranks", f"Holm over {plural(len(run.pairs), 'pair')}, family-wise {family}"))
    items += [(f"On error, {name}", said) for name, said in _on_error(run)]
    items.append(("Estimand", "samples as a draw from the task"))
    items.append(("Latency", "service time of the answering attempt; queueing and retries left out"))
    return items


def _name_methods(methods: Iterable[str | None]) -> str:
    """Return the methods in words; those that gave nothing are left out."""
    named = {_METHODS.get(method, method.replace("_", " ")) for method in methods if method}
    return ", ".join(sorted(named - {""}, key=str.casefold))


def _on_error(run: RunResult) -> list[tuple[str, str]]:
    said = {
        cell["evaluation"]: ", ".join(f"{kind} {rule}" for kind, rule in cell["on_error"].items())
        for cell in run.plan["cells"]
    }
    return [("all evaluations", next(iter(said.values())))] if len(set(said.values())) == 1 else list(said.items())
