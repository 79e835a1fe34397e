"""A run of three evaluations from config to files, and its group's numbers worked out with numpy alone."""

import csv
import io
import itertools
import json
import math
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evalkit.cli import main

SIZES = {"easy": 60, "hard": 45, "short": 30}
RIGHT = {
    "a": {"easy": range(57), "hard": range(36), "short": range(27)},
    "b": {"easy": range(54), "hard": range(2, 37), "short": range(4, 29)},
    "c": {"easy": range(20, 50), "hard": range(30, 43), "short": range(8)},
}
GROUP = [f"{name}.exact" for name in SIZES]
Z = stats.norm.ppf(0.975)


def values(model: str, evaluation: str) -> np.ndarray:
    return np.isin(np.arange(SIZES[evaluation]), list(RIGHT[model][evaluation])).astype(float)


def wilson(mean: float, n: float) -> tuple[float, float]:
    centre, half = mean + Z**2 / (2 * n), Z * math.sqrt(mean * (1 - mean) / n + Z**2 / (4 * n**2))
    return (centre - half) / (1 + Z**2 / n), (centre + half) / (1 + Z**2 / n)


def expected_average(model: str) -> tuple[float, float, float]:
    """The macro average and its bounds: each evaluation a third, whatever its rows."""
    scored = [values(model, evaluation) for evaluation in SIZES]
    errors = []
    for each in scored:
        low, high = wilson(each.mean(), len(each))
        errors.append(max(each.std(ddof=1) / math.sqrt(len(each)), (high - low) / 2 / Z))
    mean = float(np.mean([each.mean() for each in scored]))
    variance = float(np.sum(np.square(errors))) / len(scored) ** 2
    return mean, *wilson(mean, mean * (1 - mean) / variance)


def expected_pair(first: str, second: str) -> tuple[float, float]:
    """The paired difference of two averages and its p: every turn of signs where few differ, else Welch's t."""
    parts, turned = [], []
    for evaluation in SIZES:
        d = values(first, evaluation) - values(second, evaluation)
        n = len(d) + 2
        mean = d.sum() / n
        parts.append((d.mean(), mean, ((np.square(d).sum() + 2) / n - mean**2) / n, len(d) - 1))
        turned += [value / len(d) for value in d if value]
    share = 1 / len(parts)
    difference = share * sum(part[0] for part in parts)
    if len(turned) < 15:
        signs = np.array(list(itertools.product((1, -1), repeat=len(turned))))
        return difference, float(np.mean(np.abs(signs @ turned) >= abs(sum(turned)) - 1e-12))
    variances = [share**2 * part[2] for part in parts]
    df = math.floor(sum(variances) ** 2 / sum(v**2 / part[3] for v, part in zip(variances, parts, strict=True)))
    t = share * sum(part[1] for part in parts) / math.sqrt(sum(variances))
    return difference, 2 * stats.t.sf(abs(t), df)


def expected_ranks() -> dict[str, list[int]]:
    """Rank intervals by Holm over the three pairs."""
    pairs = {pair: expected_pair(*pair) for pair in (("a", "b"), ("a", "c"), ("b", "c"))}
    order, worst, adjusted = sorted(pairs, key=lambda pair: pairs[pair][1]), 0.0, {}
    for place, pair in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - place) * pairs[pair][1]))
        adjusted[pair] = worst
    won = [pair if pairs[pair][0] > 0 else pair[::-1] for pair in pairs if adjusted[pair] < 0.05]
    return {
        model: [1 + sum(loser == model for _, loser in won), 3 - sum(winner == model for winner, _ in won)]
        for model in "abc"
    }


@dataclass(frozen=True)
class Board:
    """What one run left: its code, its printed board, its files and its job page."""

    code: int
    printed: str
    path: Path
    step: str

    @property
    def run(self) -> dict[str, Any]:
        return json.loads(self.text("run.json"))

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["model"]: row for row in self.run["leaderboard"]}

    def text(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    def file_rows(self) -> dict[str, dict[str, str]]:
        return {row["model"]: row for row in csv.DictReader(io.StringIO(self.text("leaderboard.csv")))}


def run_board(folder: Path, *arguments: str, **changes: Any) -> Board:
    """Run a config of three evaluations, where each row names the models that are right on it."""
    path, step, out, err = write_board(folder, **changes), folder / "step.md", io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("GITHUB_STEP_SUMMARY", str(step))
        with pytest.raises(SystemExit) as ended:
            main(["run", str(path), "--reports", str(folder / "reports"), *arguments])
    found = out.getvalue().strip().splitlines()
    written = step.read_text(encoding="utf-8") if step.exists() else ""
    assert isinstance(ended.value.code, int)
    return Board(ended.value.code, err.getvalue(), Path(found[-1]) if found else folder, written)


def write_board(folder: Path, **changes: Any) -> Path:
    """Write the config; `faults` befall model c alone, which has a provider of its own."""
    rows = {
        name: [
            {
                "id": f"{name}-{i}",
                "input": f"{name} {i}",
                "target": "yes",
                "right": [model for model in RIGHT if i in RIGHT[model][name]],
            }
            for i in range(size)
        ]
        for name, size in SIZES.items()
    }
    script = {"use": "scripted", "default": "{{ 'yes' if model in right else 'no' }}"}
    config = {
        "name": "board",
        "weave": {"backend": "off"},
        "providers": {"script": script, "other": {**script, "faults": changes.pop("faults", [])}},
        "models": [{"id": model, "provider": "other" if model == "c" else "script"} for model in RIGHT],
        "datasets": {name: {"rows": rows[name]} for name in SIZES},
        "scorers": {"exact": {"use": "exact"}},
        "evaluations": [{"name": name, "dataset": name} for name in SIZES],
        "leaderboard": {"primary": "overall", "columns": ["overall", "hard.exact"], "groups": {"overall": GROUP}},
        "retry": {"max_attempts": 1},
        "run": {"max_error_rate": 1.0},
        "report": {"csv": True, "junit": True},
        **changes,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def said(mean: float, lower: float, upper: float) -> tuple[str, str]:
    """A score and its interval as people read them."""
    return f"{100 * mean:.1f}%", f"{100 * lower:.1f} to {100 * upper:.1f}"


def read_markdown(markdown: str) -> dict[str, list[str]]:
    """The rows of the ranked table, by model."""
    lines = markdown[markdown.index("| Rank |") :].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[1]: row for row in rows}


def read_page(page: str) -> dict[str, str]:
    """The text of the ranked table's rows, by model."""
    table = re.search(r'<table class="lb.*?</table>', page, re.DOTALL)
    assert table is not None
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr.*?</tr>", table[0], re.DOTALL)]
    return {model: row for row in rows for model in RIGHT if f" {model} " in f" {row} "}
