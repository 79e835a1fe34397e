"""Published answers of 17 models, ranked: the means of the published table, and rank intervals beside them."""

import csv
import json
from typing import Any

import pytest

from tests.end_to_end.command import ROOT, Done, evalkit, write_config, write_rows

DATA = ROOT.parent / "shared" / "data" / "mifeval-es"
VERDICTS = ".eval_results_strict.jsonl"
FILES = {
    "o1": "o1-preview-2024-09-12",
    "Opus": "claude-3-opus-20240229",
    "Sonnet": "claude-3-5-sonnet-20240620",
    "o1 Mini": "o1-mini-2024-09-12",
    "GPT4o": "gpt-4o-2024-08-06",
    "GPT4o Mini": "gpt-4o-mini-2024-07-18",
    "Qwen 2.5 32B I. 4-bit": "Qwen__Qwen2.5-32B-Instruct-GPTQ-Int4",
    "Qwen 2.5 14B I. 4-bit": "Qwen__Qwen2.5-14B-Instruct-GPTQ-Int4",
    "Haiku": "claude-3-haiku-20240307",
    "Qwen 2.5 7B I. 4-bit": "Qwen__Qwen2.5-7B-Instruct-GPTQ-Int4",
    "Llama 3.1 8B I.": "hugging-quants__Meta-Llama-3.1-8B-Instruct-AWQ-INT4",
    "Qwen 2.5 3B I. 4-bit": "Qwen__Qwen2.5-3B-Instruct-GPTQ-Int4",
    "Mistral 7B I.": "mistralai__Mistral-7B-Instruct-v0.3",
    "Aya 23 8B": "CohereForAI__aya-23-8B",
    "Qwen 2.5 1.5B I. 4-bit": "Qwen__Qwen2.5-1.5B-Instruct-GPTQ-Int4",
    "DeepSeek LLM 7B Chat": "deepseek-ai__deepseek-llm-7b-chat",
    "Qwen 2.5 0.5B I. 4-bit": "Qwen__Qwen2.5-0.5B-Instruct-GPTQ-Int4",
}
SCORER = """
def followed(sample, text):
    return text.split()[sample["fields"]["place"]] == "True"
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not DATA.is_dir(), reason="the published answers are not beside the checkout"),
]


def published_rows(model: str) -> list[dict[str, Any]]:
    text = (DATA / f"{FILES[model]}{VERDICTS}").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Score the published verdict of each instruction: a sample each, and those of one prompt are a group."""
    folder = tmp_path_factory.mktemp("published")
    samples = [
        {"id": f"{prompt}.{place}", "prompt": row["prompt"], "number": prompt, "place": place}
        for prompt, row in enumerate(published_rows("o1"))
        for place in range(len(row["instruction_id_list"]))
    ]
    write_rows(folder, samples)
    (folder / "verdicts.py").write_text(SCORER, encoding="utf-8")
    write_config(
        folder,
        name="mifeval-es",
        weave={"backend": "off"},
        report={"html": False, "markdown": False, "csv": True, "parquet": False},
        providers={
            "published": {
                "use": "recorded",
                "path": f"{DATA}/{{{{ model }}}}{VERDICTS}",
                "fields": {"input": "prompt", "text": "{{ row.follow_instruction_list | join(' ') }}"},
            }
        },
        models=[{"id": name, "label": label, "provider": "published"} for label, name in FILES.items()],
        datasets={"es": {"path": "rows.jsonl", "fields": {"id": "id", "input": "prompt"}}},
        stats={"group_by": "number"},
        scorers={"followed": {"use": "python", "function": "verdicts:followed", "graded": False}},
    )
    done = evalkit("run", "config.yaml", cwd=folder)
    assert done.code == 0, done.stderr
    return done


def board(run: Done) -> dict[str, Any]:
    return json.loads((run.folder / "leaderboard.json").read_text(encoding="utf-8"))


def test_the_means_are_the_published_cells(run: Done) -> None:
    with (DATA / "published_table.tsv").open(encoding="utf-8", newline="") as file:
        published = {row["model"]: float(row["Spanish"]) for row in csv.DictReader(file, delimiter="\t")}
    assert set(published) == set(FILES)
    means = {cell["model"]: cell["metrics"]["followed"]["mean"] for cell in run.run["cells"]}
    assert {model: round(100 * mean, 1) for model, mean in means.items()} == published


def test_ranks_are_intervals_and_ties_are_said(run: Done) -> None:
    """Sorting alone would name a winner; the best eight cannot be told apart by 137 instructions of 115 prompts."""
    rows = {row["model"]: row for row in board(run)["rows"] if row["kind"] == "model"}
    ranks = {model: (row["rank_low"], row["rank_high"]) for model, row in rows.items()}
    tied = [model for model, (low, _) in ranks.items() if low == 1]
    by_mean = sorted(rows, key=lambda model: -rows[model]["es.followed"])
    assert ranks[by_mean[0]][1] > 1
    assert tied == by_mean[: len(tied)]
    assert all(rows[model]["band"] == 1 for model in tied)
    for place, model in enumerate(by_mean, start=1):
        assert ranks[model][0] <= place <= ranks[model][1]
    assert f"{len(tied)} models are not distinguishable from the best at n = 137." in run.stderr
    for model, (low, high) in ranks.items():
        assert any(line.split(maxsplit=1)[0] == f"{low}\N{EN DASH}{high}" and model in line for line in lines(run))


def lines(run: Done) -> list[str]:
    return [line for line in run.stderr.splitlines() if line.strip()]


@pytest.mark.parametrize(("first", "second"), [("o1", "Haiku"), ("GPT4o", "Aya 23 8B")])
def test_a_comparison_by_groups_is_statsmodels_s(run: Done, first: str, second: str) -> None:
    """The paired t test with errors clustered by prompt: least squares on a constant with CR1 errors."""
    from statsmodels.regression.linear_model import OLS

    done = evalkit("compare", str(run.folder), "--models", first, second, "--json", cwd=run.cwd)
    assert done.code == 0, done.stderr
    (metric,) = json.loads(done.stdout)[0]["evaluations"][0]["metrics"]
    sides = [[row["follow_instruction_list"] for row in published_rows(model)] for model in (first, second)]
    d = [int(new) - int(old) for pair in zip(*sides, strict=True) for old, new in zip(*pair, strict=True)]
    prompts = [prompt for prompt, verdicts in enumerate(sides[0]) for _ in verdicts]
    fit = OLS(d, [1.0] * len(d)).fit(
        cov_type="cluster", cov_kwds={"groups": prompts, "df_correction": True}, use_t=True
    )
    assert (metric["p_method"], metric["n"], metric["clusters"]) == ("t", 137, 115)
    assert metric["difference"] == pytest.approx(fit.params[0], abs=1e-12)
    assert metric["p"] == pytest.approx(fit.pvalues[0], rel=1e-9)
