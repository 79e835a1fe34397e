"""The Weave classes of a cell: ops that hand out what the engine recorded, and nothing they could get wrong.

The source of these ops enters the digest of every evaluation that is published: a change here starts a new version of
each of them, on every board. A golden test holds it.
"""

# pyright: reportIncompatibleVariableOverride=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The SDK's own types are partial, and its ops are invariant in their parameters: no subclass of Scorer passes.

import inspect
import linecache
from typing import Any

import weave
from weave.evaluation.eval import EvaluationResults

from evalkit.weave_io import current

__all__ = ["JournaledEvaluation", "JournaledModel", "RecordedScorer", "RunFacts", "read_sources"]


class JournaledModel(weave.Model):
    """A model as its identity; its predictions come from the run's journal."""

    model_id: str
    provider: str
    system: str | None
    params: dict[str, Any]
    prompt: str
    by_evaluation: dict[str, Any]

    @weave.op
    async def predict(self, sample_id: str, trial: int, input: Any) -> dict[str, Any]:  # noqa: A002, ARG002  the row's column, shown beside the answer
        """Return the recorded answer."""
        return await current.predict(sample_id, trial)


class RecordedScorer(weave.Scorer):
    """A scorer as its identity; its scores come from the run's journal."""

    use: str
    kind: str
    options: dict[str, Any]
    identity: dict[str, Any]

    @weave.op
    async def score(self, *, output: Any, sample_id: str, trial: int) -> dict[str, Any]:  # noqa: ARG002  the SDK hands the answer to every scorer
        """Return the recorded score."""
        return current.score(str(self.name), sample_id, trial)

    @weave.op
    def summarize(self, score_rows: list[Any]) -> dict[str, Any] | None:  # noqa: ARG002  the engine has aggregated already
        """Return the engine's aggregate."""
        return current.summarize(str(self.name))


class RunFacts(weave.Scorer):
    """Latency, cost, tokens and outcomes of a cell, beside its scorers."""

    @weave.op
    async def score(self, *, output: Any, sample_id: str, trial: int) -> dict[str, Any]:  # noqa: ARG002  the SDK hands the answer to every scorer
        """Return what is recorded about the call."""
        return current.facts(sample_id, trial)

    @weave.op
    def summarize(self, score_rows: list[Any]) -> dict[str, Any] | None:  # noqa: ARG002  the engine has aggregated already
        """Return the engine's aggregate."""
        return current.summarize(str(self.name))


class JournaledEvaluation(weave.Evaluation):
    """An evaluation whose latency is the endpoint's, and whose summary waits for the engine's aggregate."""

    @weave.op(name="Evaluation.predict_and_score")
    async def predict_and_score(self, model: Any, example: dict[str, Any]) -> dict[str, Any]:
        """Score one row; the SDK would time the replay, so the recorded time takes its place."""
        row = await weave.Evaluation.predict_and_score.resolve_fn(self, model, example)
        return current.finish_row(row, example["sample_id"], example["trial"])

    async def get_eval_results(self, model: Any) -> EvaluationResults:
        """Evaluate every row, then wait for the cell's end."""
        results = await super().get_eval_results(model)
        await current.cell_ended()
        return results


def read_sources() -> None:
    """Read the files that the ops are written in, once, before anything is published.

    The SDK reads them in several threads into `linecache`, which has no lock: a thread that comes second may find
    nothing, what it captures is then `<error>`, and the evaluation has another digest. What is there is not read again.
    """
    for place in (JournaledEvaluation, EvaluationResults):
        linecache.getlines(inspect.getfile(place))
