"""The explorer's rows: each sample of each evaluation with every model's results, streamed from the journal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit.config.schema import OnErrorSpec
from evalkit.journal_reader import JournalReader, StoredResult
from evalkit.records import Json, Sample
from evalkit.results import RunResult
from evalkit.score_columns import counts_as

__all__ = ["Board", "EvaluationColumns", "SampleRow", "lay_out", "read_rows"]


@dataclass(frozen=True, slots=True)
class EvaluationColumns:
    """One evaluation: its dataset, its scorers (the list shows the first one's scores), its cells by model.

    `cells` are keys, `params` what was sent beside the messages.
    """

    name: str
    dataset: str
    scorers: tuple[str, ...]
    cells: dict[str, str]
    trials: int
    counts_as: dict[str, float | None]
    params: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Board:
    """What the rows have in common: models as the leaderboard ranks them, evaluations, trials."""

    models: tuple[str, ...]
    evaluations: tuple[EvaluationColumns, ...]
    trials: int


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A sample in the evaluation at place `evaluation`, and its results by model, then trial."""

    evaluation: int
    sample: Sample
    results: tuple[tuple[StoredResult, ...], ...]


def lay_out(run: RunResult) -> Board:
    """Return the board of a run."""
    cells: list[dict[str, Json]] = list(run.plan["cells"])
    ranked = [row["model"] for row in run.leaderboard]
    models = tuple(dict.fromkeys([*ranked, *(cell["model"] for cell in cells)]))
    names = tuple(dict.fromkeys(cell["evaluation"] for cell in cells))
    evaluations = tuple(_columns([cell for cell in cells if cell["evaluation"] == name]) for name in names)
    return Board(models, evaluations, max((cell["trials"] for cell in cells), default=1))


def _columns(cells: Sequence[dict[str, Json]]) -> EvaluationColumns:
    first = cells[0]
    return EvaluationColumns(
        name=first["evaluation"],
        dataset=first["dataset"],
        scorers=tuple(first["scorers"]),
        cells={cell["model"]: cell["key"] for cell in cells},
        trials=first["trials"],
        counts_as=counts_as(OnErrorSpec.model_validate(first["on_error"])),
        params={cell["model"]: cell["params"] for cell in cells if cell["params"]},
    )


def read_rows(reader: JournalReader, board: Board) -> Iterator[SampleRow]:
    """Yield the samples that were asked, evaluation by evaluation, in their datasets' order."""
    for place, evaluation in enumerate(board.evaluations):
        keys = [evaluation.cells.get(model) for model in board.models]
        streams = [_Results(iter(()) if key is None else reader.results(key)) for key in keys]
        for sample in reader.samples(evaluation.dataset):
            results = tuple(stream.take(sample.id) for stream in streams)
            if any(results):
                yield SampleRow(place, sample, results)


class _Results:
    """A cell's results, handed out sample by sample; both sides come in the dataset's order."""

    def __init__(self, stored: Iterator[StoredResult]) -> None:
        self._stored = stored
        self._next = next(stored, None)

    def take(self, sample_id: str) -> tuple[StoredResult, ...]:
        """Return the next results when they are this sample's."""
        taken: list[StoredResult] = []
        while self._next is not None and self._next.result.sample_id == sample_id:
            taken.append(self._next)
            self._next = next(self._stored, None)
        return tuple(taken)
