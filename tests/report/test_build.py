"""The page and the summary of real runs, in every state that a run can be in."""

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evalkit.report.build import write_report
from evalkit.report.content import build_sections
from evalkit.report.markdown import escape_markdown, render_markdown
from evalkit.report.standings import read_state
from tests.report.stored_runs import fix_facts, make_run

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "summary.md"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "a\u202eb\x1b[31mc",
    "</script><script>alert(3)</script>",
    "pipe | `tick` [link](javascript:alert(4))",
    "w" * 5000,
)


class _Page(HTMLParser):
    """Collects what a browser would see: tags with their attributes, and ids."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []


def _write(folder):
    run = folder.load()
    folder.save(replace(run, config={**run.config, "report": {}}))
    paths = write_report(folder)
    assert [path.name for path in paths] == ["report.html", "summary.md", "comment.md"]
    return [path.read_text(encoding="utf-8") for path in paths[:2]]


STATES = {
    "tied": ({}, "tied", "a and b are not distinguishable from the best."),
    "ahead": ({"accuracy": {"a": 1.0, "b": 0.0}, "rows": 60}, "ahead", "a is ahead of every other model."),
    "one model": ({"models": [{"id": "a"}]}, "one_model", "a scores"),
    "one sample": ({"rows": 1}, "unpaired", "1 sample cannot rank 2 models."),
    "all failed": ({"faults": [{"kind": "rejected"}]}, "empty", "No sample was scored."),
}


@pytest.mark.parametrize(("made", "state", "headline"), STATES.values(), ids=STATES)
def test_every_state_has_its_headline(tmp_path, made, state, headline):
    folder = make_run(tmp_path, **made)
    assert read_state(folder.load()) == state
    page, summary = _write(folder)
    assert headline in re.search("<h1[^>]*>(.*?)</h1>", page, re.DOTALL)[1]
    assert headline in summary


def test_what_was_not_measured_is_never_zero(tmp_path):
    folder = make_run(tmp_path, faults=[{"kind": "rejected"}])
    page, summary = _write(folder)
    board = page[page.index('<section id="leaderboard"') : page.index('<section id="evaluations"')]
    assert "0%" not in board.partition("Reference")[0], "what a reference scores was measured"
    assert "no score" in board
    assert "Run incomplete" in summary


@pytest.mark.parametrize("status", ["complete", "incomplete", "stopped"])
def test_without_a_score_the_run_is_incomplete_whatever_its_status(tmp_path, status):
    folder = make_run(tmp_path, faults=[{"kind": "rejected"}])
    folder.save(replace(folder.load(), status=status))
    page, summary = _write(folder)
    for text in (page, summary):
        assert "Run incomplete" in text
        assert "No sample was scored." in text
        assert "tied for first" not in text


def test_a_run_without_cells_has_a_page(tmp_path):
    folder = make_run(tmp_path)
    nothing = {"cells": (), "leaderboard": (), "pairs": (), "tie": None, "calls": {}, "ended_at": None}
    folder.save(replace(folder.load(), status="incomplete", **nothing))
    summary = _write(folder)[1]
    assert "No evaluation has ended, so there is nothing to rank." in summary
    assert "The run has not ended" in summary


@pytest.fixture(scope="module")
def priced_page(tmp_path_factory):
    rows = [{"id": f"s{i}", "input": f"q{i}", "target": str(i), "topic": "ab"[i % 2]} for i in range(12)]
    price = {"input": 1, "output": 1}
    models = [{"id": "a", "price": price}, {"id": "b", "price": price}]
    folder = make_run(tmp_path_factory.mktemp("priced"), rows=rows, slices=["topic"], models=models)
    return _write(folder)[0]


def test_the_page_is_sound(priced_page):
    page = _Page(priced_page)
    assert len(page.ids) == len(set(page.ids))
    assert sum(tag == "h1" for tag, _ in page.tags) == 1
    nav = [link for link in page.links if link.startswith("#") and "?" not in link]
    assert {link[1:] for link in nav} <= set(page.ids)
    assert "#samples?eval=qa&slice=topic%3Da" in page.links
    assert not [each for tag, each in page.tags if tag in ("script", "img", "link") and "src" in each]
    labelled = {each["aria-labelledby"] for _, each in page.tags if "aria-labelledby" in each}
    assert labelled <= set(page.ids)


def test_the_policy_allows_exactly_the_one_script(priced_page):
    script = re.search("<script>(.*?)</script>", priced_page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(each["content"] for tag, each in _Page(priced_page).tags if each.get("http-equiv"))
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(tmp_path):
    folder = make_run(tmp_path)
    assert _write(folder) == _write(folder)


def test_hostile_texts_stay_text(tmp_path):
    rows = [{"id": text, "input": text, "target": text, "topic": text} for text in HOSTILE]
    models = [{"id": "a", "label": HOSTILE[0]}, {"id": "b", "label": HOSTILE[1]}]
    page, summary = _write(make_run(tmp_path, rows=rows, models=models, slices=["topic"]))
    tags = _Page(page).tags
    assert sum(tag == "script" and not each for tag, each in tags) == 1
    assert not [each for tag, each in tags if tag == "img" or "onerror" in each]
    assert not set("\u202e\x1b") & set(page + summary)
    assert "U+202E" in page
    assert not re.search(r"(?<!\\)<", summary)


@pytest.mark.parametrize("made", [{}, {"accuracy": {"a": 1.0, "b": 0.0}, "rows": 60}], ids=["tied", "ahead"])
def test_a_long_hostile_label_is_cut_and_escaped_in_sentences(tmp_path, made):
    label = "1. @all `x` |y| [z](w) *v* & " + "W" * 5000
    folder = make_run(tmp_path, **made, models=[{"id": "a", "label": label}, {"id": "b"}])
    page, summary = _write(folder)
    headline = re.search("<h1[^>]*>(.*?)</h1>", page, re.DOTALL)[1]
    assert len(headline) < 150
    assert "…" in headline
    assert '<small class="mono">a</small>' in page
    assert "W" * 4000 in re.search('<th scope="row" role="rowheader">(.*?)</th>', page, re.DOTALL)[1]
    for line in summary.splitlines():
        assert not re.search(r"(?<!\\)[`|\[\]](?=[xyz])|@all|& ", line)
        assert not line.startswith("1.")


def test_a_summary_reads_as_its_golden(tmp_path):
    """Compare summary.md of a fixed run with tests/golden/summary.md.

    After a change that is meant, write the golden anew and read its difference before it is committed:

        REWRITE_GOLDEN=1 python -m pytest tests/report/test_build.py -k golden
    """
    price = {"input": 1, "output": 3}
    models = [
        {"id": name, "label": f"{name.title()} & Sons", "price": price} for name in ("atlas", "borealis", "cinder")
    ]
    run = fix_facts(
        make_run(
            tmp_path,
            models=models,
            rows=120,
            accuracy={"atlas": 0.9, "borealis": 0.85, "cinder": 0.4},
            faults=[{"kind": "too_long", "on": ["s3", "s14"]}, {"kind": "rejected", "on": ["s15"]}],
        ).load()
    )
    text = render_markdown(run, build_sections(run))
    if os.environ.get("REWRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_is_escaped_and_short(text):
    escaped = escape_markdown(text)
    assert len(escaped) <= 2 * 120
    assert not re.search(r"(?<!\\)[|`<>\[\]*_]", escaped)


def test_a_summary_has_at_most_sixty_lines(tmp_path):
    models = [{"id": f"m{i}"} for i in range(40)]
    folder = make_run(tmp_path, models=models, faults=[{"kind": "rejected", "rate": 0.3}])
    run = folder.load()
    text = render_markdown(run, build_sections(run))
    assert text.count("\n") <= 60
    assert "and 30 more" in text
    assert text.startswith("### ")


def test_files_that_are_not_wanted_are_not_made(tmp_path):
    folder = make_run(tmp_path)
    assert write_report(folder) == ()
    assert not list(folder.path.glob("*.html"))


def test_the_data_of_the_samples_is_json(priced_page):
    head = re.search('<script type="application/json" id="head">(.*?)</script>', priced_page, re.DOTALL)
    assert json.loads(head[1])
