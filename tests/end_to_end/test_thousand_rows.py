"""A thousand rows: every prompt answered once, and one accuracy, known in advance, wherever a number is shown."""

import re
from pathlib import Path

import pytest

from tests.end_to_end.command import evalkit, write_config, write_rows
from tests.fake_endpoint import FakeEndpoint
from tests.fake_replies import expected_correct

pytestmark = pytest.mark.slow

ROWS = 1000


@pytest.mark.timeout(300)
def test_every_prompt_once_and_one_number_everywhere(tmp_path: Path) -> None:
    questions = [f"Question {number}: what is the code?" for number in range(ROWS)]
    answers = {question: f"code{number}" for number, question in enumerate(questions)}
    write_rows(tmp_path, [{"id": f"q{n}", "input": q, "target": answers[q]} for n, q in enumerate(questions)])
    with FakeEndpoint(latency_s=0.02, answers=answers, accuracy={"*": 0.8, "weak": 0.37}) as endpoint:
        write_config(
            tmp_path,
            name="thousand",
            weave={"backend": "local"},
            providers={"fake": {"use": "openai", "base_url": endpoint.url}},
            models=[{"id": "strong", "provider": "fake"}, {"id": "weak", "provider": "fake"}],
            datasets={"rows": {"path": "rows.jsonl"}},
            scorers={"exact": {"use": "exact"}},
            throttle={"max_concurrency": 32, "start_concurrency": 32},
        )
        done = evalkit("run", "config.yaml", cwd=tmp_path, timeout=280)
        assert done.code == 0, done.stderr
        right = {model: expected_correct(endpoint.settings, model, questions) for model in ("strong", "weak")}
        stats = endpoint.stats()
    assert stats["requests"] == 2 * ROWS
    assert set(stats["prompts"].values()) == {2}, "one call for each prompt and model"
    assert stats["peak"] <= 32
    means = {cell["model"]: cell["metrics"]["exact"]["mean"] for cell in done.run["cells"]}
    assert means == {model: count / ROWS for model, count in right.items()}
    assert done.run["calls"] | {"by_status": {"200": 2000}, "requests": 2000, "attempts": 2000} == done.run["calls"]
    assert _parquet_means(done.folder) == means
    assert _weave_means(tmp_path, done.run) == means
    page = (done.folder / "report.html").read_text(encoding="utf-8")
    for mean in means.values():
        assert re.search(rf"{100 * mean:.1f}%", page)


def _parquet_means(folder: Path) -> dict[str, float]:
    import pyarrow.parquet as pq

    rows = pq.read_table(folder / "samples.parquet", columns=["model", "value"]).to_pylist()
    models = {row["model"] for row in rows}
    return {model: sum(row["value"] for row in rows if row["model"] == model) / ROWS for model in models}


def _weave_means(cwd: Path, run: dict) -> dict[str, float]:
    from tests.end_to_end.weave_board import read_board

    return {cell.model: cell.value for cell in read_board(cwd, run) if cell.path == "mean"}
