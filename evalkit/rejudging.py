"""The stored answers of an earlier night judged tonight: what tells a judge that moved from a model that moved."""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from evalkit.budget import format_usd
from evalkit.config.schema import Config, ReportSpec, RunSpec
from evalkit.digest import digest_text
from evalkit.errors import EvalkitError
from evalkit.night_changes import Reference, compare_with
from evalkit.night_folder import Rejudged
from evalkit.nightly_budget import Left, judging_need, left_of, rejudged_folders, spending_of
from evalkit.past_runs import PastRun
from evalkit.plan import Plan
from evalkit.prices import price_plan
from evalkit.rescore import stored_config, stored_datasets, stored_plan, take_answers, with_measures_of
from evalkit.results import RunResult
from evalkit.run_start import WeaveTarget
from evalkit.runner import run_plan
from evalkit.spending import Account, Caller, Spending
from evalkit.store import RunFolder
from evalkit.stored_items import MetricItems, read_items

__all__ = ["Rejudging"]

_NO_FILES = ReportSpec(html=False, markdown=False, parquet=False)


class Rejudging:
    """Judges answers of earlier nights again, each metric of a model once, below the folder of tonight's run.

    What a judge has replied is on disk there as in any run: started again, the night asks only what is missing. It
    spends what the run left of its limits and nothing beyond: where that is too little, it is not begun.
    """

    def __init__(
        self, plan: Plan, folder: RunFolder, run: RunResult, *, tell: Callable[[str], None], began: float
    ) -> None:
        """`tell` takes a sentence about each re-judging that could not be made.

        `began` is the reading of `time.monotonic` when the night's run began.
        """
        self._plan, self._folder, self._run, self._tell, self._began = plan, folder, run, tell, began
        self._prices = price_plan(plan)
        self.asked: list[str] = []
        """What was judged again in this try of the night, a sentence each."""

    @property
    def rejudged(self) -> Rejudged | None:
        """What judging again took on this night, in whichever try of it; None where nothing was judged again."""
        spent = self._spent(*rejudged_folders(self._folder.path))
        return Rejudged(calls=spent.requests, cost_usd=spent.cost_usd) if spent.requests else None

    def rejudge(self, night: PastRun, before: MetricItems, tonight: MetricItems) -> MetricItems | None:
        """Return the answers of a night as they are judged tonight; None where that tells nothing, or cannot be."""
        rule = self._plan.config.nightly.rejudge
        if tonight.measure["judge"] is None or rule == "never" or not before.ids:
            return None
        if rule == "auto" and not _has_changed(before, tonight):
            return None
        subject = f"{tonight.name} of {tonight.model}, night of {night.night}"
        try:
            return self._judged_again(night, tonight, subject)
        except EvalkitError as error:
            self._tell(f"The answers could not be judged again ({subject}): {error}.")
            return None

    def _judged_again(self, night: PastRun, tonight: MetricItems, subject: str) -> MetricItems | None:
        parent = RunFolder(Path(night.folder))
        run = parent.load()
        config, datasets = self._config(run, tonight), stored_datasets(parent, run)
        plan = stored_plan(run, config, datasets, base_dir=self._plan.base_dir)
        into = self._open(parent, night.run_id, digest_text(f"{tonight.name} {tonight.model}")[:8])
        with into.reader() as reader:
            done = sum(reader.judge_calls().values())
        need = judging_need(plan, done, self._accounts, self._prices)
        if need.requests:
            left = self._left()
            if why := need.beyond(left):
                self._tell(f"The stored answers were not judged again ({subject}): {why}.")
                return None
            config = config.model_copy(update={"run": left.limit(config.run)})
            plan = stored_plan(run, config, datasets, base_dir=self._plan.base_dir)
        before, target = self._spent(into), WeaveTarget("off", "")
        end = asyncio.run(run_plan(plan, into, weave=target, offline=True, ask_judges=True, parent_run=run.run_id))
        paid = _paid(before, self._spent(into))
        if end.run.stopped is not None:
            self._tell(f"The stored answers were not judged again to the end ({subject}): {paid}, then it had to stop.")
            return None
        if paid:
            self.asked.append(f"The stored answers were judged again ({subject}): {paid}.")
        return read_items(into, end.run)[0]

    def _open(self, parent: RunFolder, run_id: str, name: str) -> RunFolder:
        """Return where a night's answers are judged again: at first its journal holds them and nothing else."""
        into = RunFolder(self._folder.path / "rejudged" / run_id / name)
        if not into.run_json.is_file():
            into.path.mkdir(parents=True, exist_ok=True)
            into.journal.unlink(missing_ok=True)
            take_answers(parent, into, judgements=False, attempts=False)
        return into

    @cached_property
    def _accounts(self) -> Mapping[Caller, Account]:
        with self._folder.reader() as reader:
            return reader.accounts()

    def _spent(self, *folders: RunFolder) -> Spending:
        return spending_of(folders, self._prices)

    def _left(self) -> Left:
        """Return what the night may still spend: its run and all that was judged again are paid for."""
        spent = self._spent(self._folder, *rejudged_folders(self._folder.path))
        return left_of(self._plan.config.run, spent, elapsed_s=time.monotonic() - self._began)

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
            "run": config.run.model_copy(update={"cache": RunSpec().cache}),
            "report": _NO_FILES,
            "leaderboard": config.leaderboard.model_copy(update={"primary": None, "columns": None, "groups": None}),
        }
        return config.model_copy(update=update)


def _has_changed(before: MetricItems, tonight: MetricItems) -> bool:
    """Say whether re-judging could tell something: another measure, or a difference that is not of chance alone."""
    against = compare_with(Reference("", "", "", (before,)), tonight)
    return against.is_shown or against.paired is None


def _paid(before: Spending, after: Spending) -> str:
    """Return what was asked and paid between two readings; nothing where nobody was asked."""
    asked = after.requests - before.requests
    cost = None if after.cost_usd is None or before.cost_usd is None else after.cost_usd - before.cost_usd
    return f"{asked:,} calls to the judge{f', {format_usd(cost)}' if cost else ''}" if asked else ""
