"""A plan's outlook as a terminal shows it: pleasant at 80 columns, plain where it is none."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evalkit.forecast import ANSWERS_BY_LIMIT, CellForecast, Forecast
from evalkit.forecast_gate import RulePower
from evalkit.forecast_outlook import Outlook
from evalkit.forecast_time import ASSUMED_LATENCY_S, LaneTime
from evalkit.gate_budgets import BUDGETS
from evalkit.gate_words import blind_words, reach_words, shift_noun
from evalkit.plan import Plan
from evalkit.report.numbers import AT_LEAST, NOTHING, format_duration, format_money, format_tokens, plural
from evalkit.report.terminal import clean_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["print_plan"]

_WIDTH_OF_A_PIPE = 120
_NOTHING_ASKED = "nothing is left to ask"


def print_plan(plan: Plan, outlook: Outlook) -> None:
    """Print to stdout: the cells and their sum, the cost, the time, budgets, and the gate's reach."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
    console = Console(file=sys.stdout, highlight=False, markup=False, width=width)
    forecast = outlook.forecast
    console.print(_table(forecast))
    sections = {
        "Calls": _about_calls(outlook),
        "Tokens (estimated)": _about_tokens(forecast),
        "Cost": _about_cost(forecast),
        "Time": _about_time(outlook),
        "Budgets": iter([budget.text for budget in outlook.budgets]),
        "Gate": _about_gate(plan, outlook),
    }
    for title, lines in sections.items():
        told = [clean_text(line) for line in lines]
        if told:
            console.print(f"\n{title}", style="bold")
            for line in told:
                _print_hanging(console, line)


def _print_hanging(console: "Console", line: str) -> None:
    from rich.padding import Padding
    from rich.text import Text

    depth = 4 if line.startswith("  ") else 2
    console.print(Padding(Text(line.strip()), (0, 0, 0, depth), expand=False))


def _table(forecast: Forecast) -> "Table":
    from rich.table import Table
    from rich.text import Text

    has_images = any(cell.images for cell in forecast.cells)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_footer=len(forecast.rows) > 1)
    sums = _sums(forecast)
    table.add_column("cell", footer="in all", overflow="fold")
    for name, total in sums.items():
        if name != "images" or has_images:
            table.add_column(name, footer=total, justify="right", no_wrap=True)
    for cell in forecast.rows:
        row = _row(cell)
        shown = [value for name, value in row.items() if name != "images" or has_images]
        table.add_row(Text(clean_text(cell.cell)), *shown)
    return table


def _row(cell: CellForecast) -> dict[str, str]:
    return {
        "samples": f"{cell.samples:,}" + (f" x {cell.trials}" if cell.trials > 1 else ""),
        "calls": f"{cell.calls:,}",
        "images": f"{cell.images:,}",
        "prompt": format_tokens(cell.prompt_tokens),
        "answers": format_tokens(cell.completion_tokens),
        "cost": "unknown" if cell.cost_usd is None else format_money(cell.cost_usd),
    }


def _sums(forecast: Forecast) -> dict[str, str]:
    return {
        "samples": "",
        "calls": f"{forecast.calls:,}",
        "images": f"{sum(cell.images for cell in forecast.cells):,}",
        "prompt": format_tokens(forecast.prompt_tokens),
        "answers": format_tokens(forecast.completion_tokens),
        "cost": _cost(forecast),
    }


def _cost(forecast: Forecast) -> str:
    if not forecast.unpriced:
        return format_money(forecast.known_cost_usd)
    return "unknown" if not forecast.known_cost_usd else f"{AT_LEAST}{format_money(forecast.known_cost_usd)}"


def _about_calls(outlook: Outlook) -> Iterator[str]:
    cells = outlook.forecast.cells
    predictions = sum(cell.predictions for cell in cells)
    free = {
        "the same call as in another cell": sum(cell.shared for cell in cells),
        "answered in the unfinished run": sum(cell.in_journal for cell in cells),
        "in the shared cache": sum(cell.in_cache for cell in cells),
    }
    calls = sum(cell.calls for cell in cells)
    said = [f"{count:,} {what}" for what, count in free.items() if count]
    asked = plural(calls, "call") if calls else _NOTHING_ASKED
    yield f"{plural(predictions, 'prediction')}: {'; '.join([asked, *said])}"
    for judge in outlook.forecast.judges:
        known = f"; {judge.in_journal:,} answered in the unfinished run" if judge.in_journal else ""
        yield f"{judge.model} judges for {judge.cell.partition(':')[2]}: {plural(judge.calls, 'call')} at most{known}"
    if outlook.unfinished is not None:
        yield f"goes on with {outlook.unfinished} (--fresh plans anew)"


def _about_tokens(forecast: Forecast) -> Iterator[str]:
    asked = [cell for cell in forecast.rows if cell.calls]
    if not asked:
        return
    yield "prompts by the size of what is really sent, a little high; retries apart"
    for basis in dict.fromkeys(cell.answers for cell in asked):
        labels = dict.fromkeys(cell.model for cell in asked if cell.answers == basis)
        whose = "" if len({cell.answers for cell in asked}) == 1 else f" of {', '.join(labels)}"
        guess = "at their full max_tokens; most are shorter" if basis == ANSWERS_BY_LIMIT else basis
        yield f"answers{whose}: {guess}"


def _about_cost(forecast: Forecast) -> Iterator[str]:
    for model in dict.fromkeys(cell.model for cell in forecast.rows if cell.calls):
        cells = [cell for cell in forecast.rows if cell.model == model]
        price = cells[0].price
        if price is None:
            yield f"{model}: unknown; give it `price: {{input: ..., output: ...}}` in USD per million tokens"
            continue
        total = sum(cell.cost_usd or 0.0 for cell in cells)
        rates = f"${price['input']:g} in, ${price['output']:g} out per million"
        yield f"{model}: {format_money(total)} ({rates}; source: {cells[0].price_source})"


def _about_time(outlook: Outlook) -> Iterator[str]:
    if not outlook.forecast.calls:
        return
    yield f"about {format_duration(outlook.seconds)} at the configured limits, when nothing is refused or retried"
    for lane in (lane for lane in outlook.lanes if lane.seconds):
        yield f"  {lane.name}: {format_duration(lane.seconds)}, bound by {_bound(lane)}; {_latency(lane, outlook)}"


def _bound(lane: LaneTime) -> str:
    return f"{lane.concurrency} in flight" if lane.bound_by == "max_concurrency" else lane.bound_by


def _latency(lane: LaneTime, outlook: Outlook) -> str:
    shown = format_duration(lane.latency_s)
    if outlook.latency_run is None:
        return f"a call taken to last {ASSUMED_LATENCY_S:g} s, since no run tells"
    partly = f", where it has none {ASSUMED_LATENCY_S:g} s" if lane.is_assumed else ""
    return f"a call lasts {shown}, as in run {outlook.latency_run}{partly}"


def _about_gate(plan: Plan, outlook: Outlook) -> Iterator[str]:
    gate = plan.config.gate
    if gate is None or not outlook.rules:
        return
    family = max(rule.family for rule in outlook.rules)
    adjusted = f", Holm over {family} claims" if family > 1 else ""
    yield f"what a FAIL could prove with power {gate.power:.0%} (one-sided {100 * gate.alpha:g}%{adjusted})"
    has_many = len({rule.model for rule in outlook.rules}) > 1
    bases: dict[str, list[str]] = {}
    for rule in outlook.rules:
        yield from _about_rule(rule, has_many=has_many)
        if rule.basis:
            bases.setdefault(rule.basis, []).append(f"{rule.rule}, {rule.model}" if has_many else rule.rule)
    for basis, names in bases.items():
        yield f"rests on{_whose(names, bases)}: {basis}"
    yield from outlook.notes


def _whose(names: Sequence[str], bases: dict[str, list[str]]) -> str:
    return f" ({'; '.join(dict.fromkeys(names))})" if len(bases) > 1 else ""


def _about_rule(rule: RulePower, *, has_many: bool) -> Iterator[str]:
    subject = ", ".join(part for part in (rule.rule, rule.model if has_many else "", rule.slice or "") if part)
    size = f"{plural(rule.samples, 'sample')} x {plural(rule.trials, 'trial')}"
    if rule.mde is None and not rule.is_blind:
        how = "by its own bounds" if rule.metric in BUDGETS else "directly, without error control"
        yield f"{subject}: {rule.claim} {rule.limit:g}, compared {how}"
        return
    said = blind_words(rule.claim, rule.limit)
    if rule.mde is not None:
        said = f"smallest {shift_noun(rule.claim).split()[1]} {reach_words(rule.mde)}"
    yield f"{subject}: {rule.claim} {rule.limit:g}, {size}: {said}"
    yield f"  {_about_more(rule)}"
    if rule.detect is not None:
        enough = f"NO; needs {rule.enough}" if rule.enough else "NO, whatever the number"
        yield f"  must notice {rule.detect:g}: {enough if rule.is_too_weak else 'yes'}"
    elif rule.enough_to_pass:
        yield f"  to pass where nothing changed: {rule.enough_to_pass}"


def _about_more(rule: RulePower) -> str:
    """Return what more trials, and twice the samples, would make of a rule's reach."""
    ways = [("twice the samples", rule.mde_twice_samples)]
    if rule.more_trials is not None:
        ways.insert(0, (f"{rule.more_trials} trials", rule.mde_more_trials))
    if rule.is_blind:
        said = ", ".join(f"{name} would {_sight(reach)}" for name, reach in ways)
    else:
        (first, reach), *others = ways
        cuts = [f"{first} would cut it to {_reach(reach)}", *(f"{name} to {_reach(more)}" for name, more in others)]
        said = ", ".join(cuts)
    return said if rule.more_trials is not None else f"{said}; what trials would do is not known"


def _sight(reach: float | None) -> str:
    return "not do either" if reach is None else f"notice {reach_words(reach)}"


def _reach(value: float | None) -> str:
    return NOTHING if value is None else reach_words(value)
