"""The explorer's index: columns over all samples, small enough to hold and to filter as a whole."""

import io

from evalkit.journal_reader import StoredResult
from evalkit.records import NOT_ANSWERED, Json, ScoreOutcome
from evalkit.report.sample_rows import Board, SampleRow
from evalkit.report.sample_texts import preview

__all__ = ["SampleIndex"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ABSENT = "."


class SampleIndex:
    """Ids, evaluations, previews and slices by row; the listed scorer's outcomes and values by model."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._ids: list[str] = []
        self._evaluations: list[int] = []
        self._previews: list[str] = []
        self._slices: list[list[int]] = []
        self._slice_numbers: dict[tuple[str, str], int] = {}
        self._outcome_numbers: dict[tuple[str, str], int] = {}
        self._outcomes = [io.StringIO() for _ in board.models]
        self._values: list[list[float | None]] = [[] for _ in board.models]
        self.failures = bytearray()

    @property
    def count(self) -> int:
        """How many samples there are; one asked by two evaluations is two."""
        return len(self._ids)

    def add(self, row: SampleRow) -> None:
        """Append one sample."""
        numbers = self._slice_numbers
        self._ids.append(row.sample.id)
        self._evaluations.append(row.evaluation)
        self._previews.append(preview(row.sample))
        self._slices.append([numbers.setdefault(pair, len(numbers)) for pair in row.sample.slices.items()])
        scorer = self._board.evaluations[row.evaluation].scorers[0]
        failed = [self._add_results(model, results, scorer) for model, results in enumerate(row.results)]
        self.failures.append(any(failed))

    def _add_results(self, model: int, results: tuple[StoredResult, ...], scorer: str) -> bool:
        codes = [_ABSENT] * self._board.trials
        values: list[float | None] = [None] * self._board.trials
        failed = False
        for stored in results:
            outcome, value = _judged(stored, scorer)
            number = self._outcome_numbers.setdefault(outcome, len(self._outcome_numbers))
            codes[stored.result.trial] = _DIGITS[number]
            values[stored.result.trial] = value
            failed = failed or value is None
        self._outcomes[model].write("".join(codes))
        self._values[model].extend(values)
        return failed

    def head(self) -> dict[str, Json]:
        """Return what the page needs before it opens anything."""
        return {
            "models": list(self._board.models),
            "evaluations": [
                {"name": e.name, "scorers": list(e.scorers), "trials": e.trials, "counts_as": e.counts_as}
                for e in self._board.evaluations
            ],
            "outcomes": [{"score": score, "call": call} for score, call in self._outcome_numbers],
            "slices": [list(pair) for pair in self._slice_numbers],
            "trials": self._board.trials,
        }

    def columns(self) -> dict[str, Json]:
        """Return all columns."""
        return {
            "ids": self._ids,
            "evaluations": self._evaluations,
            "previews": self._previews,
            "slices": self._slices,
            "outcomes": [codes.getvalue() for codes in self._outcomes],
            "values": self._values,
            "params": [[e.params.get(model) for model in self._board.models] for e in self._board.evaluations],
        }


def _judged(stored: StoredResult, scorer: str) -> tuple[tuple[str, str], float | None]:
    """Return how scoring and call ended, and the value; an unanswered prediction hands its outcome down."""
    call = stored.result.prediction.outcome
    score = stored.result.scores.get(scorer)
    if score is not None:
        return (score.outcome.value, call.value), score.value
    handed_down = ScoreOutcome.NOT_RUN if call not in NOT_ANSWERED else ScoreOutcome(call.value)
    return (handed_down.value, call.value), None
