"""The gate's turn in a run: after its last call and before its pages."""

import dataclasses
from dataclasses import dataclass

from evalkit.errors import EvalkitError, ExitCode
from evalkit.garbage import rare_collections
from evalkit.gate_run import RunGate
from evalkit.gate_words import describe_gate, gate_lines
from evalkit.results import RunResult
from evalkit.store import RunFolder

__all__ = ["Judgement", "judge_run"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A run with its verdict, the exit code that it asks for, and what to tell the user."""

    run: RunResult
    exit_code: ExitCode = ExitCode.DONE
    messages: tuple[str, ...] = ()


def judge_run(gate: RunGate, folder: RunFolder, run: RunResult) -> Judgement:
    """Hold a stored run to its rules and put the verdict into its run.json; what was answered stands either way."""
    try:
        with rare_collections():
            result = gate.judge(folder, run)
    except EvalkitError as error:
        return Judgement(run, error.exit_code, (f"the gate has no verdict: {error}",))
    run = dataclasses.replace(run, gate=describe_gate(result), verdict=result.verdict.value)
    folder.save(run)
    return Judgement(run, result.exit_code, tuple(gate_lines(result)))
