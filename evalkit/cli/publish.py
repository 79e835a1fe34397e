"""`evalkit publish`: a stored run, to Weave."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import click

from evalkit.errors import ConfigError, ExitCode, IncompleteError
from evalkit.folders import find_run, lock_folder
from evalkit.publishing import Publisher
from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = ["command"]


@click.command("publish", help="Publish a stored run to Weave; publishing again changes nothing.")
@click.argument("run")
@click.option("--backend", type=click.Choice(["local", "wandb"]), help="Another place than the run's plan names.")
@click.option("--project", metavar="ENTITY/PROJECT", help="Another project than the run's plan names.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Where run folders are.")
@click.option("--json", "as_json", is_flag=True, help="Print the weave block of run.json.")
def command(run: str, *, backend: str | None, project: str | None, reports: Path, as_json: bool) -> int:
    """Publish a run and put where it stands into its run.json."""
    folder = find_run(run, reports)
    with lock_folder(folder):
        stored = folder.load()
        _check(folder, stored, backend)
        block = asyncio.run(_publish(folder, backend, project))
        if not _stands(stored.weave, block):
            folder.replace_weave(block)
    if as_json:
        click.echo(json.dumps(block, indent=1))
    if block["error"] is not None:
        click.echo(f"publishing failed: {block['error']}", err=True)
        return ExitCode.PUBLISH_FAILED
    for line in _describe(block):
        click.echo(line, err=True)
    return ExitCode.DONE


async def _publish(folder: RunFolder, backend: str | None, project: str | None) -> dict[str, Json]:
    publisher = await Publisher.start(folder, backend=backend, project=project)
    return await publisher.finish(complete=True)


def _check(folder: RunFolder, run: RunResult, backend: str | None) -> None:
    if run.plan.get("shard"):
        raise ConfigError(f"{folder.path} is one shard of a run; join them with `evalkit merge` and publish that")
    if run.status != "complete":
        ended = f"{len(run.cells)} of {len(run.plan['cells'])} cells"
        raise IncompleteError(
            f"{folder.path} is {run.status}, with {ended}; finish it with `evalkit run CONFIG --resume {folder.path}`, "
            "then publish it"
        )
    if (backend or run.plan["weave"]["backend"]) == "off":
        raise ConfigError(
            f"{folder.path} was run with weave.backend off; say where to publish it: --backend local or wandb"
        )


def _stands(old: Mapping[str, Json] | None, new: Mapping[str, Json]) -> bool:
    """Return whether an earlier publication elsewhere is still the one to remember: the new one failed."""
    if old is None or old.get("error") is not None or new["error"] is None:
        return False
    return (old["backend"], old["project"]) != (new["backend"], new["project"])


def _describe(block: dict[str, Json]) -> list[str]:
    cells, where = len(block["calls"]), f"{block['project']} ({block['backend']})"
    lines = [f"published {cells} cells to {where}; {block['reused']} of them were there already"]
    lines += [f"  {name}: {uri}" for name, uri in block["evaluations"].items()]
    lines += [f"  {name}: a new version, because of {', '.join(inputs)}" for name, inputs in block["changed"].items()]
    if block["subset"]:
        lines.append(f"  a fixed choice of rows for {', '.join(block['subset'])}; every mean covers all of them")
    checked = "read back and compared" if block["verified"] else "not read back"
    return [*lines, f"  leaderboard: {block['leaderboard']} ({checked})"]
