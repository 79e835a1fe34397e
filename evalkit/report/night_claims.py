"""What may be said of a night: in one headline, and in the sentences under it."""

from collections.abc import Iterator, Sequence
from typing import Literal

from evalkit.night_result import MetricNight, NightResult, NightState
from evalkit.report.night_metric_claims import claim_move, claim_standing, worse_way
from evalkit.report.numbers import format_count, format_money, plural
from evalkit.stats.drift import LEARNING_NIGHTS

__all__ = ["Headline", "claim_night", "claim_spending"]

_SHOWN = 3

Headline = tuple[Literal["FAIL", "PASS", "INCONCLUSIVE", "NONE"], str, str, str]
"""The kind of verdict, its word, its headline, and what bounds it."""


def claim_night(result: NightResult) -> Headline:
    """Return the night's one answer."""
    why = _capital(result, result.why)
    if result.state is NightState.COULD_NOT_RUN:
        return "INCONCLUSIVE", "Could not run", f"The night of {result.night} could not run.", why
    if result.state is NightState.INCOMPLETE:
        how = "has too many gaps" if _was_asked(result) else "ended early"
        headline = f"The night of {result.night} {how}; nothing is said of its scores."
        return "INCONCLUSIVE", "Incomplete", headline, why
    detail = " ".join(_details(result))
    if result.failed_checks:
        return "FAIL", "Regression", _gate_headline(result), detail
    return _claim_scores(result, detail)


def _claim_scores(result: NightResult, detail: str) -> Headline:
    """Return the answer of a night without a proven regression: the gravest thing that there is to say."""
    worse = [metric for metric in result.moved if metric.is_worse]
    if moved := worse or list(result.moved):
        return "INCONCLUSIVE", "Moved", _moved_headline(moved, len(result.moved)), detail
    if standing := _standing(result, is_settled=False):
        word = f"Still {worse_way(standing[0])}"
        return "INCONCLUSIVE", word, _and_more(claim_standing(standing[0]), len(standing), "still worse"), detail
    is_held = not result.metrics or any(metric.is_held for metric in result.metrics)
    quiet = "No metric is shown to have moved" if is_held else "Nothing could be held against the nights before"
    if lost := [shift.text for shift in result.shifts if shift.is_worse]:
        return "INCONCLUSIVE", "Changed", f"{quiet}, but {lost[0]}.", detail
    if _is_undecided(result):
        return "INCONCLUSIVE", "Undecided", f"{quiet}; the gate could not decide.", detail
    word, headline = _claim_quiet(result, f"{quiet}.", is_held=is_held)
    return ("PASS" if result.checks else "NONE"), word, headline, detail


def _claim_quiet(result: NightResult, quiet: str, *, is_held: bool) -> tuple[str, str]:
    """Return the word and the headline of a night on which nothing moved."""
    if settled := _standing(result, is_settled=True):
        headline = _and_more(claim_standing(settled[0]), len(settled), "at a lasting new level")
        return f"Settled {worse_way(settled[0])}", headline
    if is_held:
        return "Quiet", quiet
    if _is_first(result):
        return "First night", "There is no night to hold this one against yet."
    return "Not compared", quiet


def claim_spending(result: NightResult) -> str:
    """Return what the night asked and paid; nothing where there was no run."""
    if result.run is None or not result.run.calls:
        return ""
    calls = result.run.calls
    judged = sum(int(judge["calls"]) for judge in result.run.judges)
    asked = plural(int(calls["requests"]), "call")
    judges = f", and {format_count(judged)} to judges" if judged else ""
    cost = calls.get("cost_usd")
    known = calls.get("known_cost_usd")
    paid = format_money(cost) if cost is not None else "cost unknown, as no price is set"
    if cost is None and known:
        paid = f"at least {format_money(known)}, as not every price is known"
    return f"Tonight: {asked} to models{judges}; {paid}.{_judged_again(result)}"


def _judged_again(result: NightResult) -> str:
    """Return what judging stored answers again took, and the night in all."""
    rejudged = result.rejudged
    if rejudged is None:
        return ""
    again = f" Judging stored answers again took {plural(rejudged.calls, 'call')}"
    if rejudged.cost_usd is None or result.cost_usd is None:
        return f"{again}."
    return f"{again} and {format_money(rejudged.cost_usd)}: {format_money(result.cost_usd)} in all."


def _gate_headline(result: NightResult) -> str:
    gate = (None if result.run is None else result.run.gate) or {}
    said = str(gate.get("sentence", "")).partition(": ")[2]
    return _capital(result, said) if said else f"{plural(len(result.failed_checks), 'rule')} of the gate failed."


def _moved_headline(moved: list[MetricNight], count: int) -> str:
    return _and_more(claim_move(moved[0]), count, "moved")


def _and_more(head: str, count: int, what: str) -> str:
    """Return a sentence about one metric, and how many others are like it."""
    if count == 1:
        return head
    are = "" if what == "moved" else "is " if count == 2 else "are "  # noqa: PLR2004  one more
    return f"{head} {plural(count - 1, 'more metric')} {are}{what}."


def _standing(result: NightResult, *, is_settled: bool) -> list[MetricNight]:
    found = [each for each in result.standing if each.standing is not None and each.standing.is_settled is is_settled]
    return sorted(found, key=lambda each: -abs((each.standing.change.difference or 0.0) if each.standing else 0.0))


def _was_asked(result: NightResult) -> bool:
    """Say whether every call was made and answered one way or the other: what lacks is scores."""
    cells = () if result.run is None else result.run.cells
    open_ends = ("not_run", "infra_error")
    return bool(cells) and not any(cell.outcomes.get(each) for cell in cells for each in open_ends)


def _is_undecided(result: NightResult) -> bool:
    return result.run is not None and result.run.verdict == "inconclusive"


def _details(result: NightResult) -> Iterator[str]:
    if _is_first(result):
        yield f"Drift is looked for once {LEARNING_NIGHTS} nights have shown what a usual one is."
    else:
        yield from _compared(result.metrics)
    if result.moved and result.failed_checks:
        yield f"{plural(len(result.moved), 'metric has', 'metrics have')} moved."
    if result.moved or result.failed_checks:
        yield from map(claim_standing, result.standing[:_SHOWN])
    if _is_undecided(result) and (result.moved or result.standing):
        yield "The gate could not decide."
    if any(metric.standing is not None and metric.standing.is_settled for metric in result.standing):
        yield "`evalkit baseline set` takes the new level as the usual one, and ends this."
    if result.unavailable:
        yield f"Not served tonight: {', '.join(result.unavailable)}."
    yield from _judges(result)


def _is_first(result: NightResult) -> bool:
    return not result.shifts and not any(each.is_night for metric in result.metrics for each in metric.against)


def _compared(metrics: Sequence[MetricNight]) -> Iterator[str]:
    """Say what was held against other nights, what was not, and what is still being learnt."""
    held = [metric for metric in metrics if metric.is_held]
    left = [metric for metric in metrics if metric not in held]
    if held:
        models = len({metric.tonight.model for metric in held})
        were = "was" if len(held) == 1 else "were"
        yield f"{plural(len(held), 'metric')} of {plural(models, 'model')} {were} held against the nights before."
    if left:
        first = next((each.refused for each in left[0].against if each.is_night), "it was not measured before")
        named = _list_names([metric.title for metric in left], _SHOWN)
        yield f"Held against no night: {named} ({first})."
    learning = sum(metric.is_learning for metric in metrics)
    if learning == len(metrics):
        yield f"What a usual night is must still be learnt: that takes {LEARNING_NIGHTS} nights."
    elif learning:
        yield f"For {learning} of them it must still be learnt what a usual night is."


def _judges(result: NightResult) -> Iterator[str]:
    for judge in () if result.run is None else result.run.judges:
        anchors = judge.get("anchors")
        if anchors and not anchors["holds"]:
            agreed = f"agrees with {anchors['agreement']:.0%} of its {anchors['n']} anchors"
            yield (
                f"The judge {judge['model']} {agreed}, below {anchors['min_agreement']:.0%}: "
                f"rules on {judge['scorer']} decide nothing tonight."
            )


def _list_names(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _capital(result: NightResult, text: str) -> str:
    """Begin a sentence with a capital, unless it begins with a name of the config, a file or a key."""
    first = text.partition(" ")[0]
    return text if not first.isalpha() or first in set(_names(result)) else text[:1].upper() + text[1:]


def _names(result: NightResult) -> Iterator[str]:
    yield from result.unavailable
    yield from (str(check[part]) for check in result.checks for part in ("model", "name") if part in check)
    for cell in () if result.run is None else result.run.cells:
        yield from (cell.model, cell.model_id, cell.provider, cell.evaluation, *cell.metrics)
