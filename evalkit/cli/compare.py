"""`evalkit compare`: stored runs, or models of them, held against the first one."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

import evalkit
from evalkit.cli.output_file import write_output
from evalkit.compare import MEASURED_DIFFERENTLY, MIN_OVERLAP, adjust_family, compare
from evalkit.comparison import Comparison
from evalkit.errors import ConfigError
from evalkit.report.comparison_page import render_comparison, summarize_comparison
from evalkit.report.comparison_sections import build_comparison
from evalkit.report.comparison_terminal import print_comparison
from evalkit.report.comparison_values import describe_comparison
from evalkit.report.flips import read_flips
from evalkit.rescoring import rescore_run
from evalkit.side_choice import choose_sides, find_named, open_runs
from evalkit.store import RunFolder

__all__ = ["command"]

_FLIPS_ON_A_PAGE = 5


@click.command("compare", help="Compare runs, or models of them, with the first one, sample by sample.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN[:MODEL]...")
@click.option("--models", nargs=2, metavar="LABEL LABEL", help="Two models of one run.")
@click.option(
    "--rescore", is_flag=True, help="Score the others' stored answers as the first run's were; asks no model."
)
@click.option("--flips", type=click.IntRange(0, 1000), help="Show so many changed samples each way, with both answers.")
@click.option("--slices", is_flag=True, help="Show every slice.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the comparison as a page.")
@click.option("--markdown", metavar="FILE|-", help="Write it as Markdown; - is stdout.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option(
    "--min-overlap",
    type=click.FloatRange(0, 1),
    default=MIN_OVERLAP,
    show_default=True,
    help="Refuse when a smaller part of all samples pairs.",
)
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
def command(  # noqa: PLR0913  one parameter for each option of the command line
    runs: tuple[str, ...],
    *,
    models: tuple[str, str] | None,
    rescore: bool,
    flips: int | None,
    slices: bool,
    html: Path | None,
    markdown: str | None,
    as_json: bool,
    min_overlap: float,
    reports: Path,
) -> None:
    """Compare the first run with each other one; refuse what was measured differently."""
    references = _references(runs, models, reports)
    with ExitStack() as opened:
        if rescore:
            beside = Path(opened.enter_context(TemporaryDirectory()))
            references = [references[0], *(_scored_alike(each, references[0][0], beside) for each in references[1:])]
        pairs = choose_sides(open_runs(references))
        comparisons = adjust_family([compare(*pair, min_overlap=min_overlap) for pair in pairs])
        _refuse(comparisons)
        most = _FLIPS_ON_A_PAGE if flips is None else flips
        shown = [read_flips(each, most=most) if flips or html or markdown else () for each in comparisons]
    if html is not None or markdown is not None:
        sections = build_comparison(comparisons, shown)
        if html is not None:
            write_output(html, render_comparison(_title(comparisons), sections, version=evalkit.__version__))
            click.echo(f"comparison: {html}", err=True)
        if markdown is not None:
            _write_markdown(markdown, summarize_comparison(sections))
    if as_json:
        described = [describe_comparison(each, found) for each, found in zip(comparisons, shown, strict=True)]
        click.echo(json.dumps(described, indent=1))
    elif markdown != "-":
        print_comparison(build_comparison(comparisons, shown if flips else (), slices=slices))


def _references(
    runs: tuple[str, ...], models: tuple[str, str] | None, reports: Path
) -> list[tuple[RunFolder, str | None]]:
    found = [find_named(run, reports) for run in runs]
    if models is None:
        if len(found) == 1:
            raise ConfigError("compare needs two sides: name two runs, or two models of one run with --models X Y")
        return found
    if len(found) != 1 or found[0][1] is not None:
        raise ConfigError("--models compares two models of one run; name one run, or write RUN:MODEL for each side")
    return [(found[0][0], label) for label in models]


def _scored_alike(
    reference: tuple[RunFolder, str | None], first: RunFolder, beside: Path
) -> tuple[RunFolder, str | None]:
    """Return a run scored again as the first one was, in a folder that goes when the comparison is made."""
    folder, label = reference
    if folder.path == first.path:
        return reference
    again = RunFolder(beside / f"{folder.path.name}-rescored")
    if not again.path.exists():
        again.path.mkdir()
        asyncio.run(rescore_run(folder, first, again))
    return again, label


def _refuse(comparisons: Sequence[Comparison]) -> None:
    """Refuse when a pair has no metric that can be compared."""
    lines: list[str] = []
    for each in comparisons:
        if not each.metrics:
            reasons = [f"  {name}: {why}" for name, why in each.refused.items()] or ["  they have no metric in common"]
            lines += [f"{each.first.title}, and {each.second.title}, are not comparable:", *reasons]
            if any(why.startswith(MEASURED_DIFFERENTLY) for why in each.refused.values()):
                lines.append("--rescore scores the stored answers of the second as those of the first were")
    if lines:
        raise ConfigError("\n".join(lines))


def _title(comparisons: Sequence[Comparison]) -> str:
    first = comparisons[0]
    return f"{first.first.run.name}: comparison"


def _write_markdown(place: str, text: str) -> None:
    if place == "-":
        click.echo(text, nl=False)
    else:
        write_output(Path(place), text)
        click.echo(f"comparison: {place}", err=True)
