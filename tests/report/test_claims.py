"""The claim about what really answered: in the report, in the summary, in the terminal."""

from dataclasses import replace

import pytest

from evalkit.report.claims import claim_cached, claim_served
from evalkit.report.content import build_sections
from evalkit.report.html import render_html
from evalkit.report.markdown import render_markdown
from evalkit.report.pack import pack_samples
from evalkit.report.terminal import print_leaderboard
from tests.weave_io.run_folders import ModelUnderTest, RunSpec, make_run_folder

COUNTED = {"attempts": 30, "from_journal": 0, "peak_in_flight": 4}
CAME = "came from the shared cache"
WARNING = "Not what was asked for"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    models = [ModelUnderTest("Llama", "meta-llama/Llama-3.1-8B-Instruct")]
    folder = make_run_folder(tmp_path_factory.mktemp("claims"), RunSpec(models=models))
    run = folder.load()
    return run, pack_samples(folder, run)


@pytest.fixture
def stored(packed):
    return packed[0]


def served_as(run, *names):
    return replace(run, cells=tuple(replace(cell, served_models=names) for cell in run.cells))


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((), id="nobody-said"),
        pytest.param(("meta-llama/Llama-3.1-8B-Instruct",), id="the-same"),
        pytest.param(("llama-3.1-8b-instruct",), id="case-and-vendor"),
        pytest.param(("meta-llama/Llama-3.1-8B-Instruct-2407",), id="version"),
        pytest.param(("",), id="empty"),
    ],
)
def test_what_was_asked_for_needs_no_word(stored, names, capsys):
    run = served_as(stored, *names)
    assert claim_served(run) == ()
    print_leaderboard(run)
    assert WARNING not in capsys.readouterr().err


def test_another_model_is_named_everywhere(stored, packed, capsys):
    run = served_as(stored, "meta-llama/Llama-3.1-8B-Instruct", "lab/tiny-\x1b[31m1b")
    [sentence] = claim_served(run)
    assert sentence.startswith(f"{WARNING}: Llama (meta-llama/Llama-3.1-8B-Instruct) was answered by lab/tiny-")
    sections = build_sections(run)
    assert WARNING in render_markdown(run, sections)
    assert WARNING in render_html(run, sections, packed[1])
    print_leaderboard(run)
    shown = capsys.readouterr().err
    assert WARNING in shown
    assert "\x1b" not in shown


def test_two_versions_in_one_run_are_named(stored):
    run = served_as(stored, "llama-3.1-8b-instruct-2407", "llama-3.1-8b-instruct-2411")
    [sentence] = claim_served(run)
    assert sentence == (
        "Llama was answered by more than one version: llama-3.1-8b-instruct-2407 and llama-3.1-8b-instruct-2411; "
        "its numbers mix them."
    )


def test_many_models_are_counted(stored):
    [cell, *_] = stored.cells
    cells = tuple(replace(cell, model=f"m{n}", model_id=f"m{n}", served_models=("other",)) for n in range(9))
    *named, last = claim_served(replace(stored, cells=cells))
    assert [sentence.split()[5] for sentence in named] == ["m0", "m1", "m2", "m3"]
    assert last == "5 more models likewise."


def test_the_evaluations_of_a_model_give_one_sentence(stored):
    [cell, *_] = stored.cells
    cells = tuple(replace(cell, evaluation=name, served_models=("other",)) for name in ("a", "b"))
    assert len(claim_served(replace(stored, cells=cells))) == 1


def test_it_is_told_whose_answers_an_earlier_run_was_given(stored):
    """Of two models, one asked and one not, the numbers are not of the same day."""
    asked, *_ = stored.cells
    outcomes = {"ok": 18, "refused": 2, "not_run": 5}
    cells = [
        replace(asked, model=model, evaluation=evaluation, outcomes=outcomes, attempts={"from_cache": cached})
        for model, cached in (("A", 20), ("B", 0), ("C", 7))
        for evaluation in ("x", "y")
    ]
    calls = {**COUNTED, "requests": 120, "from_cache": 54}
    [mixed] = claim_cached(replace(stored, cells=tuple(cells), calls=calls))
    [whole] = claim_cached(replace(stored, cells=tuple(cells[:2]), calls={**calls, "requests": 40, "from_cache": 40}))
    assert "54 of 120 answers came from the shared cache (A 40 of 40, C 14 of 40); their" in mixed.replace(
        "\u00a0", " "
    )
    assert "40 of 40 answers came from the shared cache; their" in whole.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        pytest.param({}, (), id="an older run"),
        pytest.param({"requests": 9, "from_cache": 0, "oldest_cached": None, "cache_problem": None}, (), id="none"),
        pytest.param(
            {"requests": 1230, "from_cache": 1200, "oldest_cached": "2026-07-01T10:00:00+00:00"},
            (f"1,200 of 1,230 answers {CAME}, the oldest given on 2026-07-01; their times were measured then.",),
            id="some",
        ),
        pytest.param(
            {"requests": 9, "from_cache": 0, "cache_problem": "the shared cache x cannot be used"},
            ("The shared cache x cannot be used.",),
            id="a broken cache",
        ),
    ],
)
def test_answers_of_an_earlier_run_are_told(stored, packed, capsys, calls, said):
    run = replace(stored, calls=calls and {**COUNTED, **calls})
    assert tuple(sentence.replace("\u00a0", " ") for sentence in claim_cached(run)) == said
    sections = build_sections(run)
    pages = (render_markdown(run, sections), render_html(run, sections, packed[1]))
    print_leaderboard(run)
    for shown in (*pages, " ".join(capsys.readouterr().err.split())):
        for sentence in said:
            assert sentence in shown.replace("\u00a0", " ").replace("&nbsp;", " ")
