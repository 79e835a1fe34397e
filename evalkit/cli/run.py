"""`evalkit run`: plan, ask, score, report, publish."""

import asyncio
import dataclasses
import fnmatch
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import click

from evalkit.check import check_bindings, check_scorers
from evalkit.cli.ci_page import tell_ci
from evalkit.cli.progress import watch_progress
from evalkit.cli.weak_rules import allow_option, refuse_weak_rules
from evalkit.cli.weave_baseline import weave_baselines
from evalkit.cli.weave_choice import choose_weave
from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.config.questions import TRIALS_LIMIT
from evalkit.config.schema import Config, DatasetSpec, EvaluationSpec
from evalkit.dataset import load_dataset
from evalkit.errors import ConfigError, ExitCode
from evalkit.folders import find_run, find_running, find_unfinished, has_ended, new_run_folder
from evalkit.gate_run import open_gate
from evalkit.history_registration import register_run
from evalkit.judge_forecast import count_judge_calls
from evalkit.plan import Plan, make_plan
from evalkit.prices import check_budget
from evalkit.records import Json
from evalkit.report.terminal import print_leaderboard
from evalkit.runner import RunEnd, WeaveTarget, run_plan
from evalkit.selftest import SelfTestReport
from evalkit.store import RunFolder

__all__ = ["command", "conclude", "load_plan", "plan_config", "refuse_unfit", "resolve_weave"]

_NEWEST = "newest"
_T = TypeVar("_T")


@click.command("run", help="Ask every model every evaluation, score, report and publish.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it (smoke, ci, nightly).")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--models", multiple=True, metavar="LABEL", help="Only these models (labels or globs).")
@click.option("--evaluations", multiple=True, metavar="NAME", help="Only these evaluations (names or globs).")
@click.option("--limit", type=click.IntRange(1), help="At most this many samples of each dataset.")
@click.option("--trials", type=click.IntRange(1, TRIALS_LIMIT), help="Trials of each sample.")
@click.option(
    "--max-cost",
    type=click.FloatRange(0, min_open=True),
    metavar="USD",
    help="Stop before more is spent: run.max_cost.",
)
@click.option("--no-publish", is_flag=True, help="Publish nothing to Weave.")
@click.option("--gate", "is_gated", is_flag=True, help="Hold the run to the gate's rules: exit 1 for a proven FAIL.")
@click.option("--baseline", metavar="B", help="With --gate: a baseline file, a run, previous, or weave:latest.")
@allow_option
@click.option("--fresh", is_flag=True, help="Start anew, whatever was left unfinished.")
@click.option(
    "--resume", is_flag=False, flag_value=_NEWEST, metavar="[RUN]", help="Go on with this run, or the newest one."
)
@click.option("--shard", metavar="I/N", help="Answer only the I-th of N shares; join them with `evalkit merge`.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders go.")
def command(  # noqa: PLR0913  one parameter for each option of the command line
    config: Path,
    *,
    profile: str | None,
    overrides: tuple[str, ...],
    models: tuple[str, ...],
    evaluations: tuple[str, ...],
    limit: int | None,
    trials: int | None,
    max_cost: float | None,
    no_publish: bool,
    is_gated: bool,
    baseline: str | None,
    allow: tuple[str, ...],
    fresh: bool,
    resume: str | None,
    shard: str | None,
    reports: Path,
) -> int:
    """Run a config and print the run folder's path as the last line of stdout."""
    if fresh and resume:
        raise ConfigError("--fresh starts anew and --resume goes on: give one of them")
    if baseline is not None and not is_gated:
        raise ConfigError("--baseline is what --gate holds the run to; give both")
    if allow and not is_gated:
        raise ConfigError("--allow is about a rule of the gate; give --gate too")
    overrides = overrides if max_cost is None else (*overrides, f"run.max_cost={max_cost}")
    plan = load_plan(config, profile, overrides, models=models, evaluations=evaluations, limit=limit, trials=trials)
    if shard is not None:
        plan = plan.shard(*_parse_shard(shard))
    check_budget(plan)
    begun = _begun(plan, reports, fresh=fresh, resume=resume)
    fetch = weave_baselines(plan.config.weave, name=plan.config.name, reports=reports, env=os.environ)
    gate = open_gate(plan, baseline, reports=reports, before=begun, fetch=fetch) if is_gated else None
    if gate is not None:
        refuse_weak_rules(plan, gate, reports=reports, allow=allow)
    folder = new_run_folder(reports, plan.config.name) if begun is None else begun
    weave, why = resolve_weave(plan.config, os.environ, publish=not no_publish)
    if plan.config.description:
        click.echo(plan.config.description, err=True)
    size = f"{_count(plan.calls, 'call')} over {_count(len(plan.cells), 'cell')}"
    if judge_calls := count_judge_calls(plan):
        size += f", judged by at most {_count(judge_calls, 'call')} more"
    click.echo(f"{size}; weave backend {weave.backend} ({why})", err=True)
    end = asyncio.run(run_plan(plan, folder, weave=weave, watch=watch_progress, gate=gate))
    return conclude(end)


def load_plan(
    path: Path,
    profile: str | None,
    overrides: tuple[str, ...],
    *,
    models: tuple[str, ...] = (),
    evaluations: tuple[str, ...] = (),
    limit: int | None = None,
    trials: int | None = None,
) -> Plan:
    """Read a config and its datasets, check each against the other, and return the plan; warnings go to stderr.

    Raises:
        ConfigError: something does not fit, or a scorer fails its self-test on the targets it is to judge.
    """
    loaded = load_config(path, profile=profile, overrides=overrides, env=os.environ)
    config = narrow(loaded.config, models=models, evaluations=evaluations, limit=limit, trials=trials)
    return plan_config(dataclasses.replace(loaded, config=config), profile)


def plan_config(loaded: LoadedConfig, profile: str | None) -> Plan:
    """Read the datasets of a config, check each against the other, and return the plan; warnings go to stderr.

    Raises:
        ConfigError: something does not fit, or a scorer fails its self-test on the targets it is to judge.
    """
    config, base_dir = loaded.config, loaded.path.parent
    datasets = {
        name: load_dataset(name, spec, base_dir=base_dir, group_by=config.stats.group_by)
        for name, spec in config.datasets.items()
    }
    for warning in (*loaded.warnings, *check_bindings(loaded, datasets)):
        click.echo(f"warning: {warning}", err=True)
    refuse_unfit(check_scorers(config, datasets, base_dir))
    plan = make_plan(config, datasets, base_dir=base_dir, profile=profile)
    wanted, ranks = config.leaderboard.primary, plan.board.primary
    if wanted is not None and ranks != wanted:
        why = f"this run does not measure all of {wanted!r}, which ranks the models; {ranks!r} does instead"
        click.echo(f"warning: leaderboard.primary: {why}", err=True)
    return plan


def refuse_unfit(tested: Mapping[str, SelfTestReport]) -> None:
    """Refuse scorers that certainly misjudge the targets they are to judge; warn of those that seem to.

    Raises:
        ConfigError: naming each and what it got wrong.
    """
    unfit: list[str] = []
    for name, report in tested.items():
        for line in (f"scorers.{name}: self-test: {line}" for line in report.failures):
            if report.is_certain:
                unfit.append(line)
            else:
                click.echo(f"warning: {line}", err=True)
    if unfit:
        raise ConfigError("\n".join(unfit))


def conclude(end: RunEnd, *, shows_path: bool = True) -> ExitCode:
    """Register the run, print the board and what there is to say; the folder's path is the last line of stdout."""
    unregistered = register_run(end.folder, end.run, env=os.environ, exit_code=end.exit_code)
    print_leaderboard(end.run)
    for message in (*end.messages, *(() if unregistered is None else (unregistered,))):
        click.echo(message, err=True)
    for line in _about_weave(end.run.weave or {}):
        click.echo(line, err=True)
    report = end.folder.path / "report.html"
    if report.is_file():
        click.echo(f"report: {report}", err=True)
    tell_ci(end.run, os.environ)
    if shows_path:
        click.echo(str(end.folder.path))
    return end.exit_code


def _about_weave(weave: Mapping[str, Json]) -> Iterator[str]:
    for evaluation, inputs in weave.get("changed", {}).items():
        yield f"weave: evaluation {evaluation} has a new version; changed since the last: {', '.join(inputs)}"
    if weave.get("error"):
        yield f"publishing failed: {weave['error']}"
    elif weave.get("leaderboard"):
        checked = "read back and equal" if weave.get("verified") else "not read back"
        yield f"weave: leaderboard {weave['leaderboard']} ({checked})"


def narrow(
    config: Config, *, models: tuple[str, ...], evaluations: tuple[str, ...], limit: int | None, trials: int | None
) -> Config:
    """Return the config with only the chosen models and evaluations, fewer samples, or other trials.

    Raises:
        ConfigError: a name matches nothing.
    """
    judges = [model for model in config.models if model.role == "judge"]
    asked = {model.label: model for model in config.models if model.role != "judge"}
    kept_models = [*_matching("model", models, asked), *judges]
    kept = _matching("evaluation", evaluations, {evaluation.name: evaluation for evaluation in config.evaluations})
    if trials is not None:
        kept = [evaluation.model_copy(update={"trials": trials}) for evaluation in kept]
    datasets = {name: _limited(spec, limit) for name, spec in config.datasets.items() if _is_used(name, kept)}
    return config.model_copy(update={"models": kept_models, "evaluations": kept, "datasets": datasets})


def resolve_weave(config: Config, env: Mapping[str, str], *, publish: bool) -> tuple[WeaveTarget, str]:
    """Return where to publish, and why there.

    Raises:
        AccessError: the config says wandb, and the key or the project is missing.
    """
    choice = choose_weave(config.weave, env, name=config.name, off=None if publish else "--no-publish")
    return WeaveTarget(choice.backend, choice.project), choice.why


def _begun(plan: Plan, reports: Path, *, fresh: bool, resume: str | None) -> RunFolder | None:
    """Return the folder of the run to go on with; None to begin a new one."""
    if resume is not None and resume != _NEWEST:
        return _named(find_run(resume, reports), plan)
    unfinished = None if fresh else find_unfinished(reports, plan.config.name, plan.digest, plan.part)
    if unfinished is not None:
        click.echo(f"going on with the unfinished run {unfinished.path} (--fresh starts anew)", err=True)
    elif running := find_running(reports, plan.config.name, plan.digest, plan.part):
        click.echo(f"warning: {running.path} is being written now: this run asks all of its calls once more", err=True)
    return unfinished


def _named(folder: RunFolder, plan: Plan) -> RunFolder:
    run = folder.load()
    if run.plan_digest != plan.digest or run.plan.get("shard") != plan.describe()["shard"]:
        raise ConfigError(
            f"{folder.path} was another plan: its models, prompts, data, scorers or shard differ; use --fresh"
        )
    if has_ended(folder, run):
        raise ConfigError(f"{folder.path} is complete; `evalkit publish` and `evalkit report` work on it as it is")
    return folder


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _parse_shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit()):
        raise ConfigError(f"--shard {text!r}: write I/N, such as 1/4")
    return int(index) - 1, int(count)


def _matching(what: str, wanted: tuple[str, ...], known: Mapping[str, _T]) -> list[_T]:
    for pattern in wanted:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in known):
            raise ConfigError(f"--{what}s {pattern!r} matches none of: {', '.join(known)}")
    return [value for name, value in known.items() if not wanted or any(fnmatch.fnmatchcase(name, w) for w in wanted)]


def _limited(spec: DatasetSpec, limit: int | None) -> DatasetSpec:
    if limit is None or (spec.limit is not None and spec.limit <= limit):
        return spec
    return spec.model_copy(update={"limit": limit})


def _is_used(name: str, evaluations: list[EvaluationSpec]) -> bool:
    prompts = [getattr(evaluation.prompt, "few_shot", None) for evaluation in evaluations]
    return any(e.dataset == name for e in evaluations) or any(p is not None and p.dataset == name for p in prompts)
