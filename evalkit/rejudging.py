"""The stored answers of an earlier night judged tonight: what tells a judge that moved from a model that moved."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from evalkit.config.schema import Config, ReportSpec
from evalkit.digest import digest_text
from evalkit.errors import EvalkitError
from evalkit.night_changes import Reference, compare_with
from evalkit.past_runs import PastRun
from evalkit.plan import Plan
from evalkit.rescore import stored_config, stored_datasets, stored_plan, take_answers, with_measures_of
from evalkit.results import RunResult
from evalkit.run_start import WeaveTarget
from evalkit.runner import run_plan
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, read_items

__all__ = ["Rejudging"]

_NO_FILES = ReportSpec(html=False, markdown=False, parquet=False)


class Rejudging:
    """Judges answers of earlier nights again, each metric of a model once, below the folder of tonight's run.

    What a judge has replied is on disk there as in any run: started again, the night asks only what is missing.
    """

    def __init__(self, plan: Plan, folder: RunFolder, run: RunResult, *, tell: Callable[[str], None]) -> None:
        """`tell` takes a sentence about each re-judging that was made or could not be."""
        self._plan, self._folder, self._run, self._tell = plan, folder, run, tell

    def rejudge(self, night: PastRun, before: MetricItems, tonight: MetricItems) -> MetricItems | None:
        """Return the answers of a night as they are judged tonight; None where that tells nothing, or cannot be."""
        rule = self._plan.config.nightly.rejudge
        if tonight.measure["judge"] is None or rule == "never" or not before.ids:
            return None
        if rule == "auto" and not _has_changed(before, tonight):
            return None
        subject = f"{tonight.name} of {tonight.model}, night of {night.night}"
        try:
            found, asked = self._judged_again(night, tonight)
        except EvalkitError as error:
            self._tell(f"The answers could not be judged again ({subject}): {error}.")
            return None
        self._tell(f"The stored answers were judged again ({subject}): {asked:,} calls to the judge.")
        return found

    def _judged_again(self, night: PastRun, tonight: MetricItems) -> tuple[MetricItems | None, int]:
        parent = RunFolder(Path(night.folder))
        run = parent.load()
        plan = stored_plan(run, self._config(run, tonight), stored_datasets(parent, run), base_dir=self._plan.base_dir)
        name = digest_text(f"{tonight.name} {tonight.model}")[:8]
        into = RunFolder(self._folder.path / "rejudged" / night.run_id / name)
        if not into.run_json.is_file():
            into.path.mkdir(parents=True, exist_ok=True)
            into.journal.unlink(missing_ok=True)
            take_answers(parent, into, judgements=False)
        target = WeaveTarget("off", "")
        end = asyncio.run(run_plan(plan, into, weave=target, offline=True, ask_judges=True, parent_run=run.run_id))
        return read_items(into, end.run)[0], sum(judge["calls"] for judge in end.run.judges)

    def _config(self, run: RunResult, tonight: MetricItems) -> Config:
        """Return the config of an earlier run with one evaluation, one scorer and one model, judged as tonight."""
        here = self._plan.config
        config = with_measures_of(stored_config(run), stored_config(self._run))
        judges = [model for model in here.models if model.role == "judge"]
        update = {
            "models": [*(each for each in config.models if each.label == tonight.model), *judges],
            "providers": {**config.providers, **here.providers},
            "evaluations": [
                each.model_copy(update={"scorers": [tonight.scorer], "models": None})
                for each in config.evaluations
                if each.name == tonight.evaluation
            ],
            "gate": None,
            "report": _NO_FILES,
            "leaderboard": config.leaderboard.model_copy(update={"primary": None, "columns": None, "groups": None}),
        }
        return config.model_copy(update=update)


def _has_changed(before: MetricItems, tonight: MetricItems) -> bool:
    """Say whether re-judging could tell something: another measure, or a difference that is not of chance alone."""
    against = compare_with(Reference("", "", "", (before,)), tonight)
    return against.is_shown or against.paired is None
