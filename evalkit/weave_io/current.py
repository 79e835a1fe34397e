"""What the published ops read: the replay of the cell that is being evaluated in this context.

The ops call functions of this module and hold no state of their own: a JSON-able global that an op reads is uploaded
inside its source, and would give the evaluation a new digest in every run.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from evalkit.journal_reader import StoredResult
from evalkit.records import Json
from evalkit.results import CellResult
from evalkit.weave_io.summaries import row_facts, row_output, row_sample, row_score

__all__ = ["CURRENT_CELL", "CellReplay", "cell_ended", "facts", "finish_row", "predict", "score", "summarize"]


@dataclass(slots=True)
class CellReplay:
    """One cell on its way from the journal to Weave.

    `fetch` waits for a row, None when the cell ended without it; `aggregate` waits for the cell's end; `summarize`
    turns that aggregate into what each published scorer reports; `scorers` maps published names to the engine's;
    `digests` names each sample's content, by its id;
    `trace` records the call behind a row; `on_row` hears of every row that is done. `missing` counts rows that the
    journal does not hold, `rows` keeps those between their prediction and their last score.
    """

    fetch: Callable[[str, int], Awaitable[StoredResult | None]]
    aggregate: Callable[[], Awaitable[CellResult]]
    summarize: Callable[[CellResult], Mapping[str, Json]]
    scorers: Mapping[str, str]
    trace: Callable[[StoredResult], None]
    on_row: Callable[[], None]
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    missing: int = 0
    rows: dict[tuple[str, int], StoredResult] = field(default_factory=dict[tuple[str, int], StoredResult])
    summaries: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def row(self, sample_id: str, trial: int) -> StoredResult | None:
        """Return a row that has been predicted."""
        return self.rows.get((str(sample_id), int(trial)))


CURRENT_CELL: ContextVar[CellReplay] = ContextVar("CURRENT_CELL")
"""Set around each evaluate call; every task below it inherits the value."""


async def predict(sample_id: str, trial: int) -> dict[str, Json]:
    """Return what the model answered to this sample and trial, once the journal holds it."""
    replay = CURRENT_CELL.get()
    stored = await replay.fetch(str(sample_id), int(trial))
    if stored is None:
        replay.missing += 1
        return row_output(None)
    replay.rows[str(sample_id), int(trial)] = stored
    replay.trace(stored)
    return row_output(stored.result.prediction)


def score(scorer: str, sample_id: str, trial: int) -> dict[str, Json]:
    """Return the score that the engine recorded, by the scorer's published name."""
    replay = CURRENT_CELL.get()
    stored = replay.row(sample_id, trial)
    return row_score(None if stored is None else stored.result.scores.get(replay.scorers[scorer]))


def facts(sample_id: str, trial: int) -> dict[str, Json]:
    """Return which sample a row is about, and time, tokens and outcome of the call behind it."""
    replay = CURRENT_CELL.get()
    stored = replay.row(sample_id, trial)
    sample = row_sample(str(sample_id), int(trial), replay.digests.get(str(sample_id), ""))
    return {**row_facts(None if stored is None else stored.result.prediction), **sample}


def finish_row(row: Mapping[str, Json], sample_id: str, trial: int) -> dict[str, Json]:
    """Return the row with the recorded service time as its latency, and let go of what was kept for it."""
    replay = CURRENT_CELL.get()
    stored = replay.row(sample_id, trial)
    replay.rows.pop((str(sample_id), int(trial)), None)
    replay.on_row()
    return {**row, "model_latency": None if stored is None else stored.result.prediction.timing.service_s}


async def cell_ended() -> None:
    """Wait until the engine has written the cell's aggregate; summaries are made from nothing else."""
    replay = CURRENT_CELL.get()
    replay.summaries = replay.summarize(await replay.aggregate())


def summarize(scorer: str) -> Json:
    """Return the engine's aggregate for a published scorer."""
    return CURRENT_CELL.get().summaries[scorer]
