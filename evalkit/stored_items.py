"""What each sample came to in a stored run, by metric: from run.json and the journal alone, a second a million."""

import json
import math
from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evalkit.config.schema import ModelSpec, OnErrorSpec
from evalkit.digest import digest_json
from evalkit.errors import StoreError
from evalkit.journal_columns import StoredColumns
from evalkit.journal_reader import JournalReader
from evalkit.plan import sample_part
from evalkit.records import Json, PredictionOutcome, ScoreOutcome
from evalkit.results import CellResult, RunResult
from evalkit.score_columns import ScoreColumn, ScoreRules, Scoring, put_at, rule_of
from evalkit.stats.pairing import ItemScores
from evalkit.store import RunFolder

__all__ = ["MetricItems", "SampleNames", "measure_of", "read_items", "reasoning_of", "reducer_of"]

_PREDICTIONS = tuple(PredictionOutcome)
_PREDICTION_CODES = {outcome: code for code, outcome in enumerate(_PREDICTIONS)}
_SCORINGS = tuple(ScoreOutcome)


@dataclass(frozen=True, eq=False, kw_only=True)
class MetricItems:
    """One scorer of one cell, sample by sample, in the dataset's order.

    `values` are the samples' reduced scores, NaN where excluded; `worst` and `best` have every excluded trial as 0 and
    as 1. `trials` is the number averaged into each value (1 after any reducer but the mean), `repeats` the number
    asked; `predictions` and `scorings` tell how each of them ended, a byte each, at sample x repeats + trial.
    `rows` are the single trials' scores at those places, NaN where excluded, none where only reduced ones are kept.
    `clusters` are the samples' groups; `within` is the mean variance of single trials within samples. `slices` maps key
    and value to the places of their samples. `measure` is what must be equal for two metrics to be compared.
    """

    evaluation: str
    model: str
    scorer: str
    kind: str
    higher_is_better: bool
    confidence: float
    ids: Sequence[str] = field(repr=False)
    digests: Sequence[str] = field(repr=False)
    values: Sequence[float] = field(repr=False)
    worst: Sequence[float] = field(repr=False)
    best: Sequence[float] = field(repr=False)
    trials: int
    repeats: int
    predictions: bytes = field(repr=False)
    scorings: bytes = field(repr=False)
    rows: Sequence[float] = field(default=(), repr=False)
    clusters: Sequence[Hashable] | None = field(default=None, repr=False)
    within: float | None = None
    slices: Mapping[str, Mapping[str, Sequence[int]]] = field(
        default_factory=dict[str, Mapping[str, Sequence[int]]], repr=False
    )
    measure: Mapping[str, Json] = field(default_factory=dict[str, Json])
    treatment: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def name(self) -> str:
        """The metric's name: evaluation.scorer."""
        return f"{self.evaluation}.{self.scorer}"

    @property
    def cell(self) -> str:
        """The cell's name: evaluation/model."""
        return f"{self.evaluation}/{self.model}"

    @property
    def has_trials(self) -> bool:
        """Whether single trials are kept whose mean is the sample's score."""
        return self.trials == self.repeats and len(self.rows) > 0

    @property
    def scores(self) -> ItemScores:
        """What pairs are made of."""
        return ItemScores(self.ids, self.values, self.kind == "binary", self.trials, self.clusters)

    @property
    def mean(self) -> float | None:
        """The mean over the samples that count, as in run.json."""
        kept = [value for value in self.values if value >= 0.0]
        return math.fsum(kept) / len(kept) if kept else None

    @property
    def excluded(self) -> int:
        """How many samples have no value."""
        return sum(1 for value in self.values if math.isnan(value))

    def outcomes(self) -> dict[str, int]:
        """Return how many scorings ended in each way, as in run.json."""
        return {outcome.value: self.scorings.count(code) for code, outcome in enumerate(_SCORINGS)}

    def failures(self) -> dict[str, int]:
        """Return how many scorings gave no score, by whose failure it was: model, infra or scorer."""
        found = {"model": 0, "infra": 0, "scorer": 0}
        for code, outcome in enumerate(_SCORINGS):
            if (rule := rule_of(outcome)) is not None:
                found[rule] += self.scorings.count(code)
        return found

    def prediction(self, item: int, trial: int = 0) -> PredictionOutcome:
        """Return how one prediction ended."""
        return _PREDICTIONS[self.predictions[item * self.repeats + trial]]


SampleNames = tuple[tuple[str, ...], tuple[str, ...]]
"""The ids and the content digests of a dataset's samples, in its order."""


def read_items(
    folder: RunFolder, run: RunResult | None = None, *, known: dict[str, SampleNames] | None = None
) -> tuple[MetricItems, ...]:
    """Return every metric of a stored run, in its order; `run` is what the folder holds, where it is at hand.

    `known` remembers samples by their dataset's digest: runs of one dataset read with the same `known` share them.

    Raises:
        StoreError: the run has no results yet, or its journal cannot be read.
    """
    run = folder.load() if run is None else run
    if not run.cells:
        raise StoreError(f"{folder.path}: no results there yet; finish it with `evalkit run CONFIG --resume`")
    described = {cell["key"]: cell for cell in run.plan["cells"]}
    known = {} if known is None else known
    with folder.reader() as reader:
        datasets: dict[str, _Items] = {}
        found: list[MetricItems] = []
        for cell in run.cells:
            name = described[cell.key]["dataset"]
            if name not in datasets:
                datasets[name] = _read_samples(reader, run, name, known)
            found += _read_cell(reader, run, cell, described[cell.key], datasets[name])
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Items:
    """The samples of a dataset as their results need them; `places` maps positions, None where they are the same."""

    ids: tuple[str, ...]
    digests: tuple[str, ...]
    clusters: list[Hashable] | None
    slices: dict[str, dict[str, "array[int]"]]
    places: dict[int, int] | None


def _read_samples(reader: JournalReader, run: RunResult, dataset: str, known: dict[str, SampleNames]) -> _Items:
    ids, digests = _read_names(reader, run, dataset, known)
    groupings: Iterable[tuple[int, str]] = reader.sample_groupings(dataset)
    places = None
    if (shard := run.plan.get("shard")) is not None:
        part, count = shard
        asked = [position for position, name in enumerate(ids) if sample_part(name, count) == part - 1]
        places = {position: place for place, position in enumerate(asked)}
        ids, digests = (tuple([names[position] for position in asked]) for names in (ids, digests))
        groupings = [(places[position], grouping) for position, grouping in groupings if position in places]
    clusters, slices = _group(groupings, len(ids))
    return _Items(ids, digests, clusters, slices, places)


def _read_names(reader: JournalReader, run: RunResult, dataset: str, known: dict[str, SampleNames]) -> SampleNames:
    digest: str | None = run.datasets.get(dataset, {}).get("digest")
    if digest is None:
        return reader.sample_names(dataset)
    if digest not in known:
        known[digest] = reader.sample_names(dataset)
    return known[digest]


def _group(
    groupings: Iterable[tuple[int, str]], size: int
) -> tuple[list[Hashable] | None, dict[str, dict[str, "array[int]"]]]:
    """Return each place's group, None where no sample has any, and the places of each slice, sorted."""
    groups: dict[int, Hashable] = {}
    slices: dict[str, dict[str, array[int]]] = {}
    for place, grouping in groupings:
        group: str | None
        values: dict[str, str] | None
        group, values = json.loads(grouping)
        if group is not None:
            groups[place] = group
        for key, value in (values or {}).items():
            slices.setdefault(key, {}).setdefault(value, array("q")).append(place)
    clusters = [groups.get(place, place) for place in range(size)] if groups else None
    return clusters, {key: dict(sorted(slices[key].items())) for key in sorted(slices)}


def _read_cell(
    reader: JournalReader, run: RunResult, cell: CellResult, plan: Mapping[str, Json], items: _Items
) -> list[MetricItems]:
    repeats: int = plan["trials"]
    rules = ScoreRules(repeats, reducer_of(plan["reduce"]), OnErrorSpec.model_validate(plan["on_error"]))
    scorers: dict[str, Json] = {name: run.plan["scorers"][name] for name in plan["scorers"]}
    columns = {name: ScoreColumn(about["kind"], rules, len(items.ids)) for name, about in scorers.items()}
    predictions = _fill(columns, reader.result_columns(cell.key, tuple(columns), trials=repeats), repeats, items)
    found: list[MetricItems] = []
    for scorer, column in columns.items():
        about = scorers[scorer]
        reduced = column.reduce()
        found.append(
            MetricItems(
                evaluation=cell.evaluation,
                model=cell.model,
                scorer=scorer,
                kind=about["kind"],
                higher_is_better=about["higher_is_better"],
                confidence=cell.metrics[scorer].confidence,
                ids=items.ids,
                digests=items.digests,
                values=reduced.values,
                worst=reduced.worst,
                best=reduced.best,
                trials=repeats if rules.rows_are_trials else 1,
                repeats=repeats,
                predictions=predictions,
                scorings=column.endings,
                rows=column.rows,
                clusters=items.clusters,
                within=column.within_variance(),
                slices=items.slices,
                measure=measure_of(
                    about, cell.measure, reasoning=reasoning_of(run, cell.model), on_error=plan["on_error"]
                ),
                treatment=cell.treatment,
            )
        )
    return found


def _fill(columns: Mapping[str, ScoreColumn], stretches: Iterable[StoredColumns], repeats: int, items: _Items) -> bytes:
    """Put what is stored into the columns, and return how each prediction ended."""
    endings = bytearray([_PREDICTION_CODES[PredictionOutcome.NOT_RUN]]) * (len(items.ids) * repeats)
    for stored in stretches:
        rows = stored.rows if items.places is None else _places(stored.rows, repeats, items.places)
        texts: Sequence[str] = ()
        meaning: dict[str, Scoring] = {}
        for scorer, texts in stored.scorings.items():
            meaning = {text: _scoring(text) for text in set(texts)}
            columns[scorer].put_all(rows, texts, meaning)
        codes = {text: _PREDICTION_CODES[prediction] for text, (prediction, _, _) in meaning.items()}
        put_at(endings, rows, bytearray(map(codes.__getitem__, texts)))
    return bytes(endings)


def _places(rows: Sequence[int], repeats: int, places: Mapping[int, int]) -> list[int]:
    return [places[row // repeats] * repeats + row % repeats for row in rows]


def _scoring(text: str) -> Scoring:
    """Read one scoring as the journal's columns hold it: the prediction's outcome, then [value, outcome]."""
    prediction, bracket, rest = text.partition("[")
    value, outcome = json.loads(bracket + rest)
    return PredictionOutcome(prediction), ScoreOutcome(prediction if outcome is None else outcome), value


def reducer_of(name: str) -> str | dict[str, int]:
    """Return the `reduce` of an evaluation as its plan names it: `mean`, or `pass_at:3`."""
    reducer, colon, k = name.partition(":")
    return {reducer: int(k)} if colon else reducer


def measure_of(
    scorer: Mapping[str, Json], measure: Mapping[str, Json], *, reasoning: Json, on_error: Json
) -> dict[str, Json]:
    """Return what decides how answers become a metric, by name, and its digest; samples are compared one by one.

    `scorer` is the scorer as in a run's plan, `measure` that of its cell, `reasoning` the model's.
    """
    parts: dict[str, Json] = {
        **scorer["identity"],
        "kind": scorer["kind"],
        "higher_is_better": scorer["higher_is_better"],
        "reasoning": reasoning,
        "reducer": measure["reducer"],
        "on_error": on_error,
        "judge": scorer["identity"].get("judge"),
    }
    return {"digest": digest_json(parts), **parts}


def reasoning_of(run: RunResult, label: str) -> Json:
    """Return how the answers of a run's model are stripped of their reasoning, as its measure has it."""
    spec = next((model for model in run.config.get("models", ()) if model.get("label") == label), None)
    return None if spec is None else ModelSpec.model_validate(spec).reasoning.model_dump(mode="json")
