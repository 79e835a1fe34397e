"""What a leaderboard may say in words: one claim a sentence, and never more than its tests support."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from evalkit.model_names import is_same_model
from evalkit.records import PredictionOutcome
from evalkit.report.escape import shorten_label
from evalkit.report.numbers import (
    decimals,
    format_about,
    format_count,
    format_money,
    format_percent,
    format_points,
    format_points_range,
    half_width,
    plural,
)
from evalkit.report.scores import reference_scores
from evalkit.report.standings import Standing, primary_metrics, read_standings, read_state
from evalkit.results import RunResult

__all__ = [
    "claim_best",
    "claim_cached",
    "claim_cheapest",
    "claim_detail",
    "claim_noise",
    "claim_part",
    "claim_ranking",
    "claim_references",
    "claim_served",
    "claim_tie",
    "list_names",
]

_NAMED = 4
_AVERAGED = 8


def list_names(names: Sequence[str], most: int = _NAMED) -> str:
    """Return models' names as a sentence lists them; beyond `most` and one, how many more there are."""
    most = len(names) if len(names) == most + 1 else most
    shown, more = [shorten_label(name) for name in names[:most]], len(names) - most
    if more > 0:
        shown.append(f"{format_count(more)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def claim_best(run: RunResult) -> str:
    """Return the leaderboard's one claim, fit for a headline."""
    state, standings = read_state(run), read_standings(run)
    if state == "empty":
        return _claim_nothing(run)
    if state == "one_model":
        return f"{_name(standings[0])} scores {_score(standings[0])} on {run.primary}."
    if state == "unpaired":
        return f"{plural(_samples(standings), 'sample')} cannot rank {format_count(len(standings))} models."
    if state == "ahead":
        return f"{_name(standings[0])} is ahead of every other model."
    best = [standing.model for standing in standings if standing.band == 1]
    if len(best) == 1:
        return f"{shorten_label(best[0])} leads, but not ahead of every other model."
    return f"{list_names(best, 3)} are not distinguishable from the best."


def _claim_nothing(run: RunResult) -> str:
    if _is_partly_scored(run):
        return f"No model has a score on every metric of {run.primary}."
    return f"No sample of {run.primary} was scored." if _is_scored(run) else "No sample was scored."


def claim_detail(run: RunResult) -> str:
    """Return the sentence that bounds the claim."""
    state, standings = read_state(run), read_standings(run)
    if state == "empty":
        return _empty_detail(run)
    if state == "one_model":
        return "One model, so there is no ranking. The interval is that of its score on these samples."
    if state == "unpaired":
        return "The scores below are facts about these samples alone; no model is placed before another."
    if state == "ahead":
        return "Its rank interval is 1; the paired differences are below the leaderboard."
    tied = sum(1 for standing in standings if standing.band == 1)
    share = f"{format_count(tied)} {'shares' if tied == 1 else 'share'} the first place"
    return f"Out of {plural(len(standings), 'model')}, {share} at this number of samples."


def claim_served(run: RunResult) -> tuple[str, ...]:
    """Return a sentence for each model that was answered by another one than was asked for, or by several.

    A version, a vendor or letters of another case make no other model; two versions in one run do.
    """
    served: dict[tuple[str, str], dict[str, None]] = {}
    for cell in run.cells:
        served.setdefault((cell.model, cell.model_id), {}).update(dict.fromkeys(filter(None, cell.served_models)))
    said = [text for (label, asked), names in served.items() if (text := _served_otherwise(label, asked, list(names)))]
    if len(said) > _NAMED:
        said[_NAMED:] = [f"{plural(len(said) - _NAMED, 'more model')} likewise."]
    return tuple(said)


def claim_cached(run: RunResult) -> tuple[str, ...]:
    """Return what to say of answers that an earlier run was given, and of a cache that could not be used."""
    count, oldest, problem = (run.calls.get(name) for name in ("from_cache", "oldest_cached", "cache_problem"))
    said: list[str] = []
    if count:
        since = f", the oldest given on {oldest[:10]}" if oldest else ""
        whole = run.calls.get("requests", count)
        kept = f"{format_count(count)} of {plural(whole, 'answer')} came from the shared cache{_cached_models(run)}"
        said.append(f"{kept}{since}; their times were measured then.")
    if problem:
        said.append(f"{problem[0].upper()}{problem[1:]}.")
    return tuple(said)


def _cached_models(run: RunResult) -> str:
    """Return how many of which models' answers they are; nothing where they are all that there are."""
    counts: dict[str, tuple[int, int]] = {}
    for cell in run.cells:
        cached, ended = counts.get(cell.model, (0, 0))
        ended += sum(count for outcome, count in cell.outcomes.items() if outcome != PredictionOutcome.NOT_RUN)
        counts[cell.model] = cached + cell.attempts.get("from_cache", 0), ended
    if all(cached == ended for cached, ended in counts.values()):
        return ""
    said = [
        f"{shorten_label(label)} {format_count(of)} of {format_count(whole)}"
        for label, (of, whole) in counts.items()
        if of
    ]
    if (more := len(said) - _NAMED) > 0:
        said[_NAMED:] = [f"{format_count(more)} more"]
    return f" ({', '.join(said)})" if said else ""


def _served_otherwise(label: str, asked: str, served: Sequence[str]) -> str:
    name, others = shorten_label(label), [each for each in served if not is_same_model(asked, each)]
    if others:
        meant = "" if asked == label else f" ({shorten_label(asked)})"
        return f"Not what was asked for: {name}{meant} was answered by {list_names(others)}; its numbers are theirs."
    if any(not is_same_model(one, other) for one, other in combinations(served, 2)):
        return f"{name} was answered by more than one version: {list_names(served)}; its numbers mix them."
    return ""


def claim_tie(run: RunResult) -> tuple[str, str] | None:
    """Return the statement above the table: its claim and its bounds; None where there is nothing to compare."""
    state, tie = read_state(run), run.tie
    if state in ("empty", "one_model") or tie is None:
        return None
    if state == "unpaired":
        return (
            "Too few samples to rank.",
            "A paired comparison needs at least two samples that both models answered.",
        )
    standings = read_standings(run)
    if state == "ahead":
        return (
            f"{_name(standings[0])} is ahead of every other model;",
            f"each paired difference stays significant after Holm over {plural(tie['family'], 'pair')}.",
        )
    best = [standing for standing in standings if standing.band == 1]
    if len(best) == 1:
        return f"{_name(best[0])} leads,", f"but is not ahead of every other model at n = {format_count(tie['n'])}."
    claim = f"{list_names([standing.model for standing in best])} are not distinguishable"
    bounds = f"at n = {format_count(tie['n'])}{_first_difference(run)}."
    return claim, " ".join((bounds, *_needed(run), *claim_cheapest(run)))


def claim_cheapest(run: RunResult) -> tuple[str, ...]:
    """Return a sentence that names the cheapest of several best models; nothing unless each of them has a price."""
    best = [standing for standing in read_standings(run) if standing.band == 1]
    costs = [(each.spending.cost_per_sample, each.model) for each in best]
    priced = [(cost, model) for cost, model in costs if cost is not None]
    if len(best) == 1 or not priced or len(priced) < len(best):
        return ()
    least = min(cost for cost, _ in priced)
    cheapest = [model for cost, model in priced if cost == least]
    if len(cheapest) == len(best):
        return (f"All of them cost the same, {format_money(1000 * least)} per 1,000 samples.",)
    return (f"Cheapest of them: {list_names(cheapest)}, {format_money(1000 * least)} per 1,000 samples.",)


def claim_references(run: RunResult) -> tuple[str, ...]:
    """Return a sentence with what answers that no model gave score on the primary metric."""
    found = {name: means[run.primary] for name, means in reference_scores(run).items() if run.primary in means}
    if not found:
        return ()
    scores = ", ".join(f"{name} {format_percent(mean, 1)}" for name, (mean, _, _) in found.items())
    return (f"For scale, without any model: {scores}{claim_part([(n, of) for _, n, of in found.values()])}.",)


def claim_ranking(run: RunResult) -> str:
    """Return what the board is ranked on: a metric, or the metrics that an average is made of."""
    members = primary_metrics(run)
    if members == (run.primary,):
        return f"Ranked on {run.primary}, the primary metric."
    return f"Ranked on {run.primary}, the macro average of {list_names(members, _AVERAGED)}; each weighs the same."


def claim_noise(run: RunResult) -> tuple[str, ...]:
    """Return how far a re-run of the same models may move their scores on the primary metric, where trials tell it."""
    noise = [each.metric.rerun_noise for each in read_standings(run) if each.metric is not None]
    known = [value for value in noise if value is not None]
    return (f"Re-run noise: up to {100 * max(known):.1f} points.",) if known else ()


def claim_part(counts: Iterable[tuple[int, int]]) -> str:
    """Return how many samples stand behind reference rows, where they are a part of the dataset; else nothing."""
    part, whole = max(counts, default=(0, 0))
    return f" (on {format_count(part)} of {format_count(whole)} samples)" if part < whole else ""


def _first_difference(run: RunResult) -> str:
    pair, tied = next(iter(run.pairs), None), () if run.tie is None else run.tie["models"]
    if pair is None or pair["lower"] is None or pair["first"] not in tied or pair["second"] not in tied:
        return ""
    places = max(1, decimals(half_width(pair["lower"], pair["upper"])))
    return (
        f": the paired difference of the first two is {format_points(pair['difference'], places)} points, "
        f"{format_percent(pair['confidence'])} interval {format_points_range(pair['lower'], pair['upper'], places)}"
    )


def _needed(run: RunResult) -> list[str]:
    tie = run.tie
    if tie is None or tie["samples_needed"] is None:
        return []
    needed = format_about(tie["samples_needed"])
    return [f"To separate a gap of {100 * tie['gap']:.1f} points would take about {needed} samples."]


def _empty_detail(run: RunResult) -> str:
    ranking = primary_metrics(run)
    cells = [cell for cell in run.cells if any(f"{cell.evaluation}.{name}" in ranking for name in cell.metrics)]
    calls = sum(cell.samples * cell.trials for cell in cells)
    ranked = list_names(list(dict.fromkeys(cell.evaluation for cell in cells))) if cells else ""
    if not calls:
        return "No evaluation has ended, so there is nothing to rank."
    if _is_partly_scored(run):
        return "An average is never made over fewer, so there is nothing to rank; the scores there are stand below."
    ended = "The one call" if calls == 1 else f"All {format_count(calls)} calls"
    return (
        f"{ended} of {ranked} ended without a score, so there is nothing to rank. The outcomes below say "
        "why; running the same command again asks for what is missing."
    )


def _is_scored(run: RunResult) -> bool:
    return any(metric.mean is not None for cell in run.cells for metric in cell.metrics.values())


def _is_partly_scored(run: RunResult) -> bool:
    """Tell whether metrics of the group that ranks have scores."""
    ranking = primary_metrics(run)
    return len(ranking) > 1 and any(
        metric.mean is not None and f"{cell.evaluation}.{name}" in ranking
        for cell in run.cells
        for name, metric in cell.metrics.items()
    )


def _name(standing: Standing) -> str:
    return shorten_label(standing.model)


def _score(standing: Standing) -> str:
    metric = standing.metric
    if metric is None:
        return format_percent(None)
    return format_percent(metric.mean, decimals(half_width(metric.lower, metric.upper)))


def _samples(standings: Sequence[Standing]) -> int:
    return max((standing.metric.n for standing in standings if standing.metric is not None), default=0)
