"""Scores the stored answers of one run as another run was scored, for as long as a comparison needs it."""

from pathlib import Path

from evalkit.config.schema import ReportSpec
from evalkit.errors import ConfigError
from evalkit.rescore import stored_config, stored_datasets, stored_plan, take_answers, with_measures_of
from evalkit.results import RunResult
from evalkit.run_start import WeaveTarget
from evalkit.runner import run_plan
from evalkit.store import RunFolder

__all__ = ["rescore_run"]

_NO_FILES = ReportSpec(html=False, markdown=False, parquet=False)


async def rescore_run(folder: RunFolder, like: RunFolder, into: RunFolder) -> None:
    """Score the answers of `folder` into `into` as the evaluations of `like` were; nothing is asked or published.

    What a judge of `like` said of these answers counts where `folder` holds it already.

    Raises:
        ConfigError: a scorer of `like` cannot be built here, a judge would have to be asked, or the run is one shard of
            a run.
        StoreError: a run cannot be read.
    """
    run = folder.load()
    config = with_measures_of(stored_config(run), stored_config(like.load()))
    config = config.model_copy(update={"report": _NO_FILES})
    plan = stored_plan(run, config, stored_datasets(folder, run), base_dir=Path())
    take_answers(folder, into)
    end = await run_plan(plan, into, weave=WeaveTarget("off", ""), offline=True, parent_run=run.run_id)
    for judge in end.run.judges:
        if unanswered := judge["failed"]["unanswered"] - _unanswered(run, judge["scorer"]):
            raise ConfigError(
                f"{folder.path}: judge {judge['model']} has not judged {unanswered} of its answers for "
                f"{judge['scorer']!r}, and a comparison asks no model; `evalkit score {folder.path} --config CONFIG` "
                "asks it, and what that makes can be compared"
            )


def _unanswered(run: RunResult, scorer: str) -> int:
    """Return how many judgements were missing in a run already."""
    return sum(judge["failed"]["unanswered"] for judge in run.judges if judge["scorer"] == scorer)
