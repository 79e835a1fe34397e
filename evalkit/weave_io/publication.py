"""A run's plan as what is to be published: cells, object names, model identities, the rows of each evaluation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from evalkit.digest import canonical_json, digest_text
from evalkit.records import Json
from evalkit.results import RunResult
from evalkit.weave_io.names import ObjectNames

__all__ = ["ROW_LIMIT", "CellPlan", "Publication", "choose_samples"]

ROW_LIMIT = 20_000
"""Rows a run publishes at most; the aggregates always cover every row."""

_TREATMENT = ("url", "model_id", "system", "params", "prompt", "dataset")


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One cell of run.json's plan, as far as publication needs it."""

    key: str
    evaluation: str
    model: str
    model_id: str
    provider: str
    system: str | None
    params: Mapping[str, Json]
    prompt: str
    dataset: str
    trials: int
    scorers: tuple[str, ...]
    treatment: str

    @classmethod
    def read(cls, plain: Mapping[str, Json], prompt: Json) -> "CellPlan":
        """Read a cell as run.json lists it; `prompt` is its evaluation's prompt as written."""
        return cls(
            key=plain["key"],
            evaluation=plain["evaluation"],
            model=plain["model"],
            model_id=plain["model_id"],
            provider=plain["provider"],
            system=plain.get("system"),
            params=dict(plain.get("params") or {}),
            prompt=plain["prompt"],
            dataset=plain["dataset"],
            trials=plain["trials"],
            scorers=tuple(plain["scorers"]),
            treatment=canonical_json([*(plain.get(name) for name in _TREATMENT), prompt]),
        )


@dataclass(frozen=True)
class Publication:
    """Everything that can be said about a publication before a row is read."""

    run: RunResult
    row_limit: int = ROW_LIMIT

    @cached_property
    def cells(self) -> tuple[CellPlan, ...]:
        """The cells, in the plan's order."""
        written = {spec["name"]: spec.get("prompt") for spec in self.run.config.get("evaluations") or ()}
        return tuple(CellPlan.read(plain, written.get(plain["evaluation"])) for plain in self.run.plan["cells"])

    @cached_property
    def evaluations(self) -> Mapping[str, tuple[CellPlan, ...]]:
        """The cells of each evaluation, in the plan's order."""
        names = dict.fromkeys(cell.evaluation for cell in self.cells)
        return {name: tuple(cell for cell in self.cells if cell.evaluation == name) for name in names}

    @cached_property
    def names(self) -> ObjectNames:
        """What each object is called in Weave."""
        scorers: Iterable[str] = self.run.plan["scorers"]
        return ObjectNames.assign(scorers, [cell.model for cell in self.cells], self.evaluations)

    @cached_property
    def board(self) -> Mapping[str, Json]:
        """The leaderboard's name, description and primary metric."""
        return self.run.plan["leaderboard"]

    def model_identity(self, label: str) -> dict[str, Json]:
        """Return what makes a model the model it is, over all its evaluations: no url, key, path or time.

        What differs between evaluations (a prompt, a parameter) stands under `by_evaluation`, so that one model is one
        row of the board however many evaluations it takes.
        """
        cells = [cell for cell in self.cells if cell.model == label]
        varying: dict[str, dict[str, Json]] = {cell.evaluation: {} for cell in cells}
        shared: dict[str, Json] = {}
        for name in ("system", "params", "prompt"):
            values = [getattr(cell, name) for cell in cells]
            if all(value == values[0] for value in values):
                shared[name] = values[0]
                continue
            for cell, value in zip(cells, values, strict=True):
                varying[cell.evaluation][name] = value
        return {
            "model_id": cells[0].model_id,
            "provider": cells[0].provider,
            "system": shared.get("system"),
            "params": dict(shared.get("params") or {}),
            "prompt": shared.get("prompt", ""),
            "by_evaluation": {name: parts for name, parts in varying.items() if parts},
        }

    def first_own_trial(self, cell: CellPlan) -> int:
        """Return the first trial whose calls no earlier cell made: a shared answer is traced once, as it was paid."""
        earlier = self.cells[: self.cells.index(cell)]
        return max((other.trials for other in earlier if other.treatment == cell.treatment), default=0)

    @cached_property
    def total_rows(self) -> int:
        """The rows of all cells."""
        return sum(self._rows(cell) for cell in self.cells)

    def samples_kept(self, evaluation: str) -> int | None:
        """Return how many samples of an evaluation are published, None for all of them."""
        if self.total_rows <= self.row_limit:
            return None
        cell = self.evaluations[evaluation][0]
        return max(1, self._rows(cell) * self.row_limit // self.total_rows // cell.trials)

    def groups(self, rows_at_once: int) -> Iterator[tuple[CellPlan, ...]]:
        """Yield the cells in lots that are evaluated together: the SDK keeps their rows in memory."""
        lot: list[CellPlan] = []
        held = 0
        for cell in self.cells:
            rows = min(self._rows(cell), self.row_limit)
            if lot and held + rows > rows_at_once:
                yield tuple(lot)
                lot, held = [], 0
            lot.append(cell)
            held += rows
        if lot:
            yield tuple(lot)

    def _rows(self, cell: CellPlan) -> int:
        return self.run.datasets[cell.dataset]["rows"] * cell.trials


def choose_samples(ids: Sequence[str], count: int) -> frozenset[str]:
    """Return a fixed choice of `count` ids: the same for the same ids, whatever their order."""
    return frozenset(sorted(ids, key=lambda name: digest_text(f"published:{name}"))[:count])
