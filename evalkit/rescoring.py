"""Scores the stored answers of one run as another run was scored, for as long as a comparison needs it."""

from pathlib import Path

from evalkit.config.schema import ReportSpec
from evalkit.rescore import stored_config, stored_datasets, stored_plan, take_answers, with_measures_of
from evalkit.runner import WeaveTarget, run_plan
from evalkit.store import RunFolder

__all__ = ["rescore_run"]

_NO_FILES = ReportSpec(html=False, markdown=False, parquet=False)


async def rescore_run(folder: RunFolder, like: RunFolder, into: RunFolder) -> None:
    """Score the answers of `folder` into `into` as the evaluations of `like` were; nothing is asked or published.

    Raises:
        ConfigError: a scorer of `like` cannot be built here, or the run is one shard of a run.
        StoreError: a run cannot be read.
    """
    run = folder.load()
    config = with_measures_of(stored_config(run), stored_config(like.load()))
    config = config.model_copy(update={"report": _NO_FILES})
    plan = stored_plan(run, config, stored_datasets(folder, run), base_dir=Path())
    take_answers(folder, into)
    await run_plan(plan, into, weave=WeaveTarget("off", ""), offline=True, parent_run=run.run_id)
