"""samples.parquet: what was sent back and where the time went, a row for each score."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from evalkit.records import Prediction, Score, Timing
from evalkit.samples_table import write_samples
from tests.weave_io.run_folders import RunSpec, answered, failed, make_run_folder

CALL = {"id": "c", "function": {"name": "f", "arguments": "{}"}}


def judge(_model: str, position: int, _trial: int) -> tuple[Prediction, dict[str, Score]]:
    if position:
        return failed(), {"exact": Score(1.0)}
    timing = Timing(0.0, 2.0, 1.5, 3.0, 0.25, first_token_s=0.5, first_byte_s=0.4)
    told = {"fingerprint": "fp", "tool_calls": [CALL], "attempts": 4, "finish_reason": "tool\ud800"}
    return replace(answered(""), timing=timing, **told), {"exact": Score(1.0)}


def test_every_part_of_a_call_has_its_column(tmp_path: Path) -> None:
    folder = make_run_folder(tmp_path, RunSpec(judge=judge, samples=2))
    write_samples(folder)
    first, second, *_ = pq.read_table(folder.path / "samples.parquet").to_pylist()
    parts = {name: first[name] for name in first if name.endswith("_s")}
    assert parts == {"latency_s": 1.5, "queue_s": 3.0, "backoff_s": 0.25, "first_byte_s": 0.4, "first_token_s": 0.5}
    assert (first["attempts"], first["fingerprint"], first["served_model"]) == (4, "fp", "served/model")
    assert first["tool_calls"] == '[{"id":"c","function":{"name":"f","arguments":"{}"}}]'
    assert first["finish_reason"] == "tool\\ud800"
    assert (second["attempts"], second["latency_s"], second["tool_calls"]) == (6, None, None)
    assert (second["queue_s"], second["prompt_tokens"]) == (0.0, None)
