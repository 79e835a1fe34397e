"""`evalkit cache explain`: which calls of a config the shared cache has, and why the others miss."""

import contextlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import click

from evalkit.cache import cache_path
from evalkit.cache_explain import CallExplained, Choice, explain_calls
from evalkit.cache_schema import read_cache
from evalkit.cli.cache_times import format_time
from evalkit.cli.run import load_plan
from evalkit.errors import ConfigError, StoreError
from evalkit.plan import Plan
from evalkit.records import Json
from evalkit.registry import nearest
from evalkit.report.numbers import plural
from evalkit.report.terminal import clean_text

__all__ = ["command"]

_MOST_REASONS = 20
_MOST_CALLS = 50


@click.command("explain", help="Say of each call whether the shared cache has it, and why not. Asks no model.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--model", "models", multiple=True, metavar="LABEL", help="Only the calls of these models.")
@click.option("--evaluation", "evaluations", multiple=True, metavar="NAME", help="Only these evaluations.")
@click.option("--sample", "samples", multiple=True, metavar="ID", help="Only these samples, each call on a line.")
@click.option("--trial", type=click.IntRange(1), help="Only this trial, the first being 1.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print every call as JSON.")
def command(  # noqa: PLR0913  one parameter for each option of the command line
    config: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    *,
    models: tuple[str, ...],
    evaluations: tuple[str, ...],
    samples: tuple[str, ...],
    trial: int | None,
    reports: Path,
    as_json: bool,
) -> None:
    """Explain the calls of CONFIG against the cache beside `reports`."""
    plan = load_plan(config, profile, overrides)
    _check_names(plan, models=models, evaluations=evaluations, samples=samples, trial=trial)
    choice = Choice(models, evaluations, samples, None if trial is None else trial - 1)
    path = cache_path(os.environ, reports.resolve().parent)
    try:
        with contextlib.closing(read_cache(path)) as db:
            calls = list(explain_calls(plan, db, choice))
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be read ({error}); `evalkit cache clear` removes it") from None
    mode = plan.config.run.cache
    if as_json:
        click.echo(json.dumps(_as_json(path, mode, calls), indent=1, ensure_ascii=False))
        return
    for line in (*_summary(path, mode, calls), *_each(calls, every=bool(samples))):
        click.echo(clean_text(line))


def _check_names(
    plan: Plan, *, models: Sequence[str], evaluations: Sequence[str], samples: Sequence[str], trial: int | None
) -> None:
    _check("--model", models, {cell.model.label for cell in plan.cells})
    _check("--evaluation", evaluations, {cell.evaluation.name for cell in plan.cells})
    if samples:
        _check("--sample", samples, {s.id for cell in plan.cells for s in cell.dataset.samples})
    most = max(cell.evaluation.trials for cell in plan.cells)
    if trial is not None and trial > most:
        raise ConfigError(f"--trial {trial} is not in this config; it has {plural(most, 'trial')}")


def _check(option: str, wanted: Sequence[str], known: Collection[str]) -> None:
    for name in wanted:
        if name not in known:
            raise ConfigError(f"{option} {name!r} is not in this config{nearest(name, known)}")


def _summary(path: Path, mode: str, calls: Sequence[CallExplained]) -> Iterator[str]:
    hits = [call.answered_at for call in calls if call.answered_at is not None]
    oldest = f", the oldest of {format_time(min(hits))}" if hits else ""
    misses = plural(len(calls) - len(hits), "miss", "misses")
    yield f"{plural(len(calls), 'call')}: {plural(len(hits), 'hit')}{oldest}; {misses}"
    if mode != "shared":
        yield f"run.cache is {mode}: this config's runs take no cached answer; set run.cache: shared to take these"
    if not path.exists():
        yield f"there is no cache yet at {path}"
    reasons = Counter(_why(call) for call in calls if not call.is_hit)
    for text, count in reasons.most_common(_MOST_REASONS):
        yield f"{count:>7,}  {text}"
    if (more := len(reasons) - _MOST_REASONS) > 0:
        yield f"{'':>7}  and {plural(more, 'other reason')}; --json has every call"


def _why(call: CallExplained) -> str:
    return "; ".join(reason.text for reason in call.reasons)


def _each(calls: Sequence[CallExplained], *, every: bool) -> Iterator[str]:
    """Yield a line a call when calls were chosen, else one example of each reason."""
    told: Sequence[CallExplained] = calls
    if not every:
        told = list({_why(call): call for call in reversed(calls) if not call.is_hit}.values())[::-1][:_MOST_REASONS]
        if told:
            yield "for example:"
    for call in told[:_MOST_CALLS]:
        where = f"{call.evaluation}/{call.model}, sample {call.sample_id}, trial {call.trial + 1}"
        if call.answered_at is not None:
            yield f"  {where}: hit, answered {format_time(call.answered_at)}{call.run_id and f' in run {call.run_id}'}"
        else:
            yield f"  {where}: miss: {'; '.join(_detailed(call))}"
    if (more := len(told) - _MOST_CALLS) > 0:
        yield f"  and {plural(more, 'more call')}; --json has every one"


def _detailed(call: CallExplained) -> Iterator[str]:
    for reason in call.reasons:
        yield f"{reason.text} ({reason.detail})" if reason.detail else reason.text


def _as_json(path: Path, mode: str, calls: Sequence[CallExplained]) -> dict[str, Json]:
    reasons = Counter(_why(call) for call in calls if not call.is_hit)
    hits = sum(call.is_hit for call in calls)
    return {
        "cache": str(path),
        "run_cache": mode,
        "hits": hits,
        "misses": len(calls) - hits,
        "reasons": [{"text": text, "calls": count} for text, count in reasons.most_common()],
        "calls": [call.describe() for call in calls],
    }
