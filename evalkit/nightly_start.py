"""Where a night's run goes on or begins: what was begun of the night, or a folder with the answers it has already."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from evalkit.forecast import forecast_plan
from evalkit.journal import Journal
from evalkit.merge import forget_samples
from evalkit.night_folder import find_earlier, replaced_by, start_night
from evalkit.plan import Cell, Plan
from evalkit.prices import price_plan
from evalkit.records import CallKey
from evalkit.rescore import take_answers
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = ["begin_night"]


def begin_night(
    plan: Plan, reports: Path, night: str, *, config: Path | None, anew: bool, tell: Callable[[str], None]
) -> tuple[RunFolder, RunResult | None]:
    """Return the folder of a night's run, and what was begun there; None where nothing was.

    A night that was begun by another plan, because the config was edited since, is begun anew with the answers that it
    has: a call that is the same is not paid for twice. `tell` takes the sentence that says so. `anew` takes nothing
    over.

    Raises:
        StoreError: a folder cannot be made, or the earlier run cannot be read.
    """
    name = plan.config.name
    earlier = None if anew else find_earlier(reports, name, night)
    if earlier is None:
        return start_night(reports, name, night, config=config), None
    before, run = earlier
    if run.plan_digest == plan.digest:
        return earlier
    replaces = (*replaced_by(before), run.run_id)
    folder = start_night(reports, name, night, config=config, replaces=replaces)
    take_answers(before, folder)
    forget_samples(folder.journal)
    taken, new = _count(plan, folder)
    tell(
        f"The config changed since this night ran: {taken:,} {'answer' if taken == 1 else 'answers'} taken over, "
        f"{new:,} {'call is' if new == 1 else 'calls are'} new."
    )
    return folder, None


def _count(plan: Plan, folder: RunFolder) -> tuple[int, int]:
    """Return how many calls of the plan's models the folder's journal answers, and how many it does not."""
    with Journal(folder.journal) as journal:

        def is_known(_cell: Cell, key: CallKey, _position: int) -> Literal["journal"] | None:
            return None if journal.find(key) is None else "journal"

        forecast = forecast_plan(plan, price_plan(plan), is_known=is_known)
    return sum(cell.in_journal for cell in forecast.cells), sum(cell.calls for cell in forecast.cells)
