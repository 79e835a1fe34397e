"""The Weave objects of a run: datasets, scorers, evaluations and models, published once, the same for the same plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import weave
from weave.trace.refs import ObjectRef
from weave.trace.table import Table
from weave.trace.weave_client import WeaveClient

from evalkit.journal_reader import JournalReader
from evalkit.records import Json, Sample
from evalkit.weave_io.changes import compare_versions, latest_version, read_version
from evalkit.weave_io.evaluation import JournaledEvaluation, JournaledModel, RecordedScorer, RunFacts, read_sources
from evalkit.weave_io.names import sanitize
from evalkit.weave_io.publication import Publication, choose_samples
from evalkit.weave_io.summaries import RUN_SCORER, valid_text

__all__ = ["RunObjects", "dataset_rows", "publish_objects"]


@dataclass(slots=True)
class RunObjects:
    """What was published for a run; `rows` counts the rows of one cell, `kept` names the samples where not all are.

    `digests` are those of the samples' content, by evaluation and id.
    """

    evaluations: dict[str, JournaledEvaluation] = field(default_factory=dict[str, JournaledEvaluation])
    models: dict[str, JournaledModel] = field(default_factory=dict[str, JournaledModel])
    refs: dict[str, str] = field(default_factory=dict[str, str])
    model_refs: dict[str, str] = field(default_factory=dict[str, str])
    changed: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    rows: dict[str, int] = field(default_factory=dict[str, int])
    kept: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    digests: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])


def publish_objects(client: WeaveClient, publication: Publication, reader: JournalReader) -> RunObjects:
    """Publish every object of a run and return them; what is there already gets no new version."""
    read_sources()
    objects = RunObjects()
    scorers = {name: _scorer(publication, name) for name in publication.run.plan["scorers"]}
    facts = RunFacts(name=RUN_SCORER)
    for name, cells in publication.evaluations.items():
        objects.digests[name] = dict(zip(*reader.sample_names(cells[0].dataset), strict=True))
        dataset, kept = _dataset(publication, reader, name)
        objects.rows[name] = len(dataset.rows)
        if kept is not None:
            objects.kept[name] = kept
        evaluation = JournaledEvaluation(
            name=publication.names.evaluations[name],
            dataset=dataset,
            scorers=[*(scorers[scorer] for scorer in cells[0].scorers), facts],
        )
        objects.evaluations[name] = evaluation
        objects.refs[name], objects.changed[name] = _publish_evaluation(client, evaluation)
    for label in dict.fromkeys(cell.model for cell in publication.cells):
        model = JournaledModel(name=publication.names.models[label], **valid_text(publication.model_identity(label)))
        objects.models[label] = model
        objects.model_refs[label] = _uri(weave.publish(model))
    return objects


def dataset_rows(samples: list[Sample], trials: int) -> list[dict[str, Json]]:
    """Return one row for each trial and sample; trials are the outer loop, as in the engine.

    Where samples show images there is a column with the name and the digest or address of each, never with bytes.
    """
    has_images = any(sample.images for sample in samples)
    return [
        {
            "sample_id": valid_text(sample.id),
            "trial": trial,
            "input": valid_text(sample.input),
            "target": valid_text(sample.target),
            **({"images": _told_images(sample)} if has_images else {}),
        }
        for trial in range(trials)
        for sample in samples
    ]


def _told_images(sample: Sample) -> Json:
    return valid_text([{"name": image.name, "image": image.reference} for image in sample.images])


def _dataset(
    publication: Publication, reader: JournalReader, evaluation: str
) -> tuple[weave.Dataset, frozenset[str] | None]:
    cell = publication.evaluations[evaluation][0]
    samples = list(reader.samples(cell.dataset))
    name, kept, description = publication.names.dataset(cell.dataset), None, None
    if (count := publication.samples_kept(evaluation)) is not None and count < len(samples):
        kept = choose_samples([sample.id for sample in samples], count)
        description = f"{count} of {len(samples)} samples, a fixed choice; every mean covers all of them"
        samples = [sample for sample in samples if sample.id in kept]
    return weave.Dataset(name=name, description=description, rows=Table(dataset_rows(samples, cell.trials))), kept


def _scorer(publication: Publication, name: str) -> RecordedScorer:
    plain: Mapping[str, Json] = publication.run.plan["scorers"][name]
    identity = {key: value for key, value in plain["identity"].items() if key not in {"use", "options"}}
    return RecordedScorer(
        name=publication.names.scorers[name],
        use=plain["use"],
        kind=plain["kind"],
        options=valid_text(plain["options"]),
        identity=valid_text(identity),
    )


def _publish_evaluation(client: WeaveClient, evaluation: JournaledEvaluation) -> tuple[str, list[str]]:
    name = sanitize(str(evaluation.name))
    before = latest_version(client, name)
    ref = weave.publish(evaluation)
    if before is None or before[0] == ref.digest:
        return _uri(ref), []
    now = read_version(client, name, ref.digest)
    return _uri(ref), [] if now is None else compare_versions(client, before[1], now[1])


def _uri(ref: ObjectRef) -> str:
    ref.digest  # noqa: B018  waits until the store has named the version
    return ref.uri
