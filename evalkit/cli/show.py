"""`evalkit show`: a stored run, or one sample of it in full."""

import dataclasses
import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click

from evalkit.errors import ConfigError
from evalkit.folders import find_run
from evalkit.journal import JournalReader, StoredResult
from evalkit.records import Json, RunResult, Sample, Score
from evalkit.registry import nearest
from evalkit.report.numbers import format_duration, plural
from evalkit.report.terminal import clean_text, print_leaderboard
from evalkit.store import RunFolder, encode_cell

__all__ = ["command"]

_INDENT = "  "
_IDS_COMPARED = 5_000


@click.command("show", help="Show a run, or one sample of it in full.")
@click.argument("run")
@click.argument("sample", required=False)
@click.option("--model", "models", multiple=True, metavar="LABEL", help="Only the answers of these models.")
@click.option("--evaluation", "evaluations", multiple=True, metavar="NAME", help="Only these evaluations.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def command(
    run: str,
    sample: str | None,
    *,
    models: tuple[str, ...],
    evaluations: tuple[str, ...],
    reports: Path,
    as_json: bool,
) -> None:
    """Show the run at a path, or the newest of a name; with SAMPLE, everything known about that sample."""
    folder = find_run(run, reports)
    stored = folder.load()
    if sample is None:
        _show_run(folder, stored, as_json=as_json)
        return
    cells = _chosen(stored, models, evaluations)
    with folder.reader() as reader:
        found = list(_find(reader, cells, sample))
        if not found:
            raise ConfigError(f"no sample of {folder.path} is called {sample!r}{_nearest(reader, cells, sample)}")
    if as_json:
        click.echo(json.dumps([asked.describe() for asked in found], indent=1, default=dict))
        return
    for asked in found:
        click.echo("\n".join(_clean(line) for line in asked.lines()))


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one model answered in one trial."""

    model: str
    model_id: str
    stored: StoredResult

    def describe(self) -> dict[str, Json]:
        result = self.stored.result
        return {
            "model": self.model,
            "model_id": self.model_id,
            "trial": result.trial,
            "messages": [dataclasses.asdict(message) for message in self.stored.messages],
            "params": dict(self.stored.params),
            "prediction": dataclasses.asdict(result.prediction),
            "scores": {name: dataclasses.asdict(score) for name, score in result.scores.items()},
        }

    def lines(self) -> Iterator[str]:
        prediction = self.stored.result.prediction
        yield f"== {self.model} ({self.model_id}), trial {self.stored.result.trial + 1}"
        for message in self.stored.messages:
            yield from _block(f"prompt, {message.role}", message.content)
        yield from _block("reasoning", prediction.reasoning)
        yield from _block("answer", prediction.text or None)
        if prediction.failure is not None:
            status = "" if prediction.failure.status is None else f", HTTP {prediction.failure.status}"
            yield from _block(f"failure ({prediction.failure.kind}{status})", prediction.failure.message)
        for name, score in self.stored.result.scores.items():
            yield f"score {name}: {_describe_score(score)}"
            yield from _indented(score.reason)
        yield from self._ending()
        yield ""

    def _ending(self) -> Iterator[str]:
        prediction = self.stored.result.prediction
        finish = "" if prediction.finish_reason is None else f", ended by {prediction.finish_reason}"
        served = "" if prediction.served_model is None else f", served by {prediction.served_model}"
        yield f"outcome: {prediction.outcome.value}{finish}{served}, {plural(prediction.attempts, 'attempt')}"
        timing = prediction.timing
        waited = f"{format_duration(timing.queue_s)} queued, {format_duration(timing.backoff_s)} backed off"
        yield f"time: {format_duration(timing.service_s)} ({waited})"
        if (usage := prediction.usage) is not None:
            counts = {name.removesuffix("_tokens"): n for name, n in dataclasses.asdict(usage).items() if n is not None}
            yield f"tokens: {', '.join(f'{n:,} {name}' for name, n in counts.items())}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """One sample in one evaluation, with every answer to it."""

    evaluation: str
    sample: Sample
    answers: tuple[_Answer, ...]

    def describe(self) -> dict[str, Json]:
        return {
            "evaluation": self.evaluation,
            "sample": dataclasses.asdict(self.sample),
            "results": [answer.describe() for answer in self.answers],
        }

    def lines(self) -> Iterator[str]:
        sample = self.sample
        yield f"{sample.id}, evaluation {self.evaluation}"
        for name, value in sample.slices.items():
            yield f"{name}: {value}"
        yield from _block("input", sample.input)
        yield from _block("choices", None if sample.choices is None else "\n".join(sample.choices))
        yield from _block("target", sample.target)
        yield ""
        for answer in self.answers:
            yield from answer.lines()


def _show_run(folder: RunFolder, run: RunResult, *, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Json] = {
            name: getattr(run, name)
            for name in ("run_id", "name", "status", "started_at", "ended_at", "primary", "leaderboard", "pairs", "tie")
        }
        shown |= {"path": str(folder.path), "cells": [encode_cell(cell) for cell in run.cells]}
        click.echo(json.dumps(shown, indent=1, default=dict))
        return
    click.echo(_clean(f"{run.name}, run {run.run_id}: {run.status}, started {run.started_at}"), err=True)
    print_leaderboard(run)
    click.echo(str(folder.path))


def _chosen(run: RunResult, models: tuple[str, ...], evaluations: tuple[str, ...]) -> list[dict[str, Json]]:
    cells: list[dict[str, Json]] = list(run.plan["cells"])
    for what, wanted in (("model", models), ("evaluation", evaluations)):
        known = {cell[what] for cell in cells}
        for name in wanted:
            if name not in known:
                raise ConfigError(f"--{what} {name!r} is not in this run{nearest(name, known)}")
    return [
        cell
        for cell in cells
        if (not models or cell["model"] in models) and (not evaluations or cell["evaluation"] in evaluations)
    ]


def _find(reader: JournalReader, cells: list[dict[str, Json]], sample_id: str) -> Iterator[_Asked]:
    for evaluation in dict.fromkeys(cell["evaluation"] for cell in cells):
        asked = [cell for cell in cells if cell["evaluation"] == evaluation]
        samples = (sample for sample in reader.samples(asked[0]["dataset"]) if sample.id == sample_id)
        if (sample := next(samples, None)) is not None:
            answers = [
                _Answer(cell["model"], cell["model_id"], stored)
                for cell in asked
                for stored in reader.results(cell["key"], sample_id=sample_id)
            ]
            yield _Asked(evaluation, sample, tuple(answers))


def _nearest(reader: JournalReader, cells: list[dict[str, Json]], sample_id: str) -> str:
    datasets = dict.fromkeys(cell["dataset"] for cell in cells)
    ids = (sample.id for dataset in datasets for sample in reader.samples(dataset))
    close = difflib.get_close_matches(sample_id, islice(ids, _IDS_COMPARED), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _block(title: str, content: Json) -> Iterator[str]:
    """Yield a titled text, indented; nothing where there is none."""
    if content is None:
        return
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=1, default=dict)
    yield f"{title}:"
    yield from _indented(text)


def _indented(text: str) -> Iterator[str]:
    return (_INDENT + line for line in text.splitlines())


def _describe_score(score: Score) -> str:
    value = score.outcome.value if score.value is None else f"{score.value:g}"
    read = "" if score.answer is None else f", read as {score.answer!r}"
    return f"{value}{read}"


def _clean(text: str) -> str:
    return clean_text(text).encode("utf-8", "backslashreplace").decode("utf-8")
