"""`leaderboard.csv`, `leaderboard.json` and `leaderboard.md`: models first, references after."""

import csv
import io
import json
from collections.abc import Sequence

from evalkit.board_plan import read_board
from evalkit.records import Json
from evalkit.report.blocks import Section, Table
from evalkit.report.claims import claim_best, claim_tie
from evalkit.report.markdown import markdown_lead, markdown_sentence, markdown_table
from evalkit.report.scores import read_scores, reference_scores
from evalkit.report.standings import Standing, count_failed, read_standings
from evalkit.results import MetricResult, RunResult

__all__ = ["board_rows", "render_board_csv", "render_board_json", "render_board_markdown"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def board_rows(run: RunResult) -> list[dict[str, Json]]:
    """Return a row for each model, best first, then one for each reference; every row has the same keys.

    Numbers are whole: rates in [0, 1], USD, seconds; None where nothing is known. Every metric and group that the board
    shows has its mean, ends of its interval and n under its own name, the one that ranks first.
    """
    scores, references = read_scores(run), reference_scores(run)
    shown = list(dict.fromkeys(filter(None, (run.primary, *scores.board.columns))))
    rows = [
        {**_place(standing), **{key: value for name in shown for key, value in _figure(name, own.get(name)).items()}}
        for standing in read_standings(run)
        for own in (scores.by_model[standing.model],)
    ]
    empty = dict.fromkeys(rows[0]) if rows else {}
    for reference, means in references.items():
        row = {**empty, "kind": "reference", "model": reference}
        for name in shown:
            if name in means:
                row |= {name: means[name][0], f"{name} n": means[name][1]}
        rows.append(row)
    return rows


def render_board_csv(run: RunResult) -> str:
    """Return the rows as CSV; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    rows, text = board_rows(run), io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _harmless(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def render_board_json(run: RunResult) -> str:
    """Return the rows, the run they are of, and the pairs and tie that their ranks rest on."""
    content = {
        "run_id": run.run_id,
        "primary": run.primary,
        "groups": read_board(run).groups,
        "claim": claim_best(run),
        "rows": board_rows(run),
        "tie": run.tie,
        "pairs": run.pairs,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def render_board_markdown(run: RunResult, sections: Sequence[Section]) -> str:
    """Return the tables of the report's leaderboard, every row of them, under their claim."""
    blocks = next((section.blocks for section in sections if section.id == "leaderboard"), ())
    tie = claim_tie(run)
    claim = f"**{markdown_sentence(claim_best(run))}**"
    if tie is not None:
        claim = f"**{markdown_sentence(tie[0])}** {markdown_sentence(tie[1])}"
    lines = [f"### {markdown_sentence(run.name)}", "", claim, *("", *markdown_lead(blocks))[:-1]]
    for block in blocks:
        if isinstance(block, Table):
            lines += ["", *markdown_table(block, block.rows)]
    return "\n".join(lines) + "\n"


def _place(standing: Standing) -> dict[str, Json]:
    spending, metric, latency = standing.spending, standing.metric, standing.latency_s
    own, other = (None, None) if metric is None else count_failed(metric.outcomes)
    low, high = standing.rank or (None, None)
    return {
        "kind": "model",
        "rank_low": low,
        "rank_high": high,
        "band": standing.band,
        "model": standing.model,
        "model_id": standing.model_id,
        "not_scored_model": own,
        "not_scored_other": other,
        "latency_p50_s": latency.get("p50"),
        "latency_p95_s": latency.get("p95"),
        "input_tokens": spending.input_tokens,
        "output_tokens": spending.output_tokens,
        "cost_usd": spending.cost_usd,
        "cost_per_sample_usd": spending.cost_per_sample,
        "rerun_noise": None if metric is None else metric.rerun_noise,
    }


def _figure(name: str, metric: MetricResult | None) -> dict[str, Json]:
    if metric is None:
        return {name: None, f"{name} lower": None, f"{name} upper": None, f"{name} n": None}
    return {name: metric.mean, f"{name} lower": metric.lower, f"{name} upper": metric.upper, f"{name} n": metric.n}


def _harmless(value: Json) -> Json:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
