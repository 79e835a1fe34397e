"""`evalkit baseline show`: what a baseline holds, who set it, when and why."""

import json
from pathlib import Path

import click

from evalkit.baseline import read_baseline
from evalkit.errors import ExitCode
from evalkit.report.terminal import clean_text

__all__ = ["command"]


@click.command("show", help="Show what a baseline holds, who set it, when and why.")
@click.argument("baseline", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, without its samples.")
def command(baseline: Path, *, as_json: bool) -> int:
    """Print a baseline's origin and its metrics."""
    found = read_baseline(baseline)
    metrics = [
        {
            "metric": f"{name}.{metric.scorer}",
            "model": metric.model,
            "mean": metric.mean,
            "samples": len(scored.samples),
            "missing": sum(1 for sample in scored.samples.values() if _is_missing(sample.scores[column])),
            "trials": metric.repeats,
            "noise": metric.noise,
            "measure": metric.measure["digest"],
            "treatment": metric.treatment.get("digest"),
        }
        for name, scored in found.evaluations.items()
        for column, metric in enumerate(scored.metrics)
    ]
    if as_json:
        click.echo(json.dumps({**found.about(), "metrics": metrics}, indent=1, ensure_ascii=False))
        return ExitCode.DONE
    lines = [
        f"{found.name}, run {found.run_id} of {found.started_at}",
        f"set by {found.author} at {found.set_at}: {found.reason}",
    ]
    for each in metrics:
        mean = "no score" if each["mean"] is None else f"{each['mean']:.4f}"
        missing = f", {each['missing']} missing" if each["missing"] else ""
        trials = f" x {each['trials']} trials" if each["trials"] != 1 else ""
        lines.append(f"  {each['metric']} of {each['model']}: {mean} ({each['samples']} samples{trials}{missing})")
    for line in lines:
        click.echo(clean_text(line))
    return ExitCode.DONE


def _is_missing(score: float | list[float | int | None] | None) -> bool:
    return score is None or (isinstance(score, list) and score[0] is None)
