"""`evalkit validate`: everything that can be found wrong without asking a model."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from evalkit.check import check_bindings, check_scorers
from evalkit.config.load import load_config
from evalkit.config.loaded import LoadedConfig
from evalkit.config.nodes import dotted
from evalkit.config.problems import ConfigErrors, Problem
from evalkit.dataset import Dataset, load_dataset
from evalkit.errors import ConfigError, DatasetError, ExitCode
from evalkit.image_references import describe_size
from evalkit.records import Json
from evalkit.selftest import SelfTestReport

__all__ = ["command"]


@dataclass(slots=True)
class _Findings:
    """What a validation learns, step by step."""

    problems: list[Problem] = field(default_factory=list[Problem])
    datasets: dict[str, Dataset] = field(default_factory=dict[str, Dataset])
    notes: list[Problem] = field(default_factory=list[Problem])
    unread: list[str] = field(default_factory=list[str])
    scorers: Mapping[str, SelfTestReport] = field(default_factory=dict[str, SelfTestReport])

    @property
    def errors(self) -> list[Problem]:
        """The problems that are not warnings."""
        return [problem for problem in self.problems if not problem.is_warning]


@click.command("validate")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--profile", help="Partial config of the file to lay over it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key, as in a.b=c.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(config: Path, profile: str | None, overrides: tuple[str, ...], *, as_json: bool) -> int:
    """Check CONFIG, its datasets, its prompts and its scorers; ask no model.

    Every prompt is rendered for every sample, and every scorer must score right answers full and wrong ones not.
    A dataset of the hub is not fetched; what needs its rows is left to the run.
    """
    found = _Findings()
    try:
        _validate(load_config(config, profile=profile, overrides=overrides), found)
    except ConfigErrors as error:
        found.problems.extend(error.problems)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
    else:
        _tell(config, found)
    return ExitCode.USAGE if found.errors else ExitCode.DONE


def _validate(loaded: LoadedConfig, found: _Findings) -> None:
    found.problems.extend(loaded.warnings)
    base_dir, group_by = loaded.path.parent, loaded.config.stats.group_by
    for name, spec in loaded.config.datasets.items():
        if spec.hf is not None and not (base_dir / spec.hf).is_dir():
            found.unread.append(name)
            continue
        try:
            found.datasets[name] = load_dataset(name, spec, base_dir=base_dir, group_by=group_by)
        except DatasetError as error:
            message = str(error).removeprefix(f"dataset {name!r}: ")
            found.problems.append(loaded.problem(("datasets", name), message))
    try:
        found.problems.extend(check_bindings(loaded, found.datasets))
    except ConfigErrors as error:
        found.problems.extend(error.problems)
    _test_scorers(loaded, found)


def _test_scorers(loaded: LoadedConfig, found: _Findings) -> None:
    try:
        found.scorers = check_scorers(loaded.config, found.datasets, loaded.path.parent)
    except ConfigError as error:
        found.problems.append(loaded.problem(("scorers",), str(error)))
    for name, report in found.scorers.items():
        path = ("scorers", name)
        found.problems.extend(loaded.problem(path, f"self-test: {line}") for line in report.failures)
        found.notes.extend(loaded.problem(path, f"self-test: {line}") for line in report.notes)


def _tell(config: Path, found: _Findings) -> None:
    for problem in found.problems:
        click.echo(f"{'warning: ' if problem.is_warning else ''}{problem}", err=True)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    for name, dataset in found.datasets.items():
        size = f"{len(dataset.samples)} samples{_told_images(dataset)}"
        click.echo(f"dataset {name}: {size}, digest {dataset.digest}", err=True)
    for name in found.unread:
        click.echo(f"dataset {name}: on the hub, not fetched; its prompts and targets are checked by the run", err=True)
    for name, report in found.scorers.items():
        click.echo(f"scorer {name}: {_told_test(report)}", err=True)
    click.echo(f"{config}: {_count(found.errors, 'error') if found.errors else 'valid'}", err=True)


def _told_test(report: SelfTestReport) -> str:
    if report.is_judged:
        verdict = "can be asked" if report.passed else "cannot be asked"
        return f"its judge {verdict} about {report.samples} samples; nobody was asked"
    return f"{'passes' if report.passed else 'fails'} its self-test on {report.samples} samples"


def _told_images(dataset: Dataset) -> str:
    count = dataset.images.count(dataset.samples)
    if not count.shown:
        return ""
    kept = f"{count.distinct} distinct, {describe_size(count.bytes)}" if count.distinct else ""
    linked = f"{count.addresses} by address, not fetched" if count.addresses else ""
    return f", {count.shown} images ({'; '.join(part for part in (kept, linked) if part)})"


def _as_json(found: _Findings) -> dict[str, Json]:
    return {
        "valid": not found.errors,
        "problems": [
            {
                "severity": "warning" if problem.is_warning else "error",
                "source": problem.place.source,
                "line": problem.place.line or None,
                "column": problem.place.column or None,
                "path": dotted(problem.path),
                "message": problem.message,
            }
            for problem in found.problems
        ],
        "datasets": {
            name: {
                "samples": len(dataset.samples),
                "digest": dataset.digest,
                "images": dataclasses.asdict(dataset.images.count(dataset.samples)),
            }
            for name, dataset in found.datasets.items()
        },
        "not_fetched": found.unread,
        "scorers": {
            name: {
                "passed": report.passed,
                "samples": report.samples,
                "failures": report.failures,
                "notes": report.notes,
            }
            for name, report in found.scorers.items()
        },
    }


def _count(things: Iterable[object], noun: str) -> str:
    number = len(list(things))
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
