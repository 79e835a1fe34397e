"""Replies of judges to verdicts: the announced one, the last of them, and never a letter met in prose."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.judge_reply import Labels, Scale, Verdict

REPLIES = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "llmbar-natural"
AB = Labels({"A": 1.0, "B": 0.0})
GRADES = Labels({"correct": 1.0, "partially correct": 0.5, "incorrect": 0.0})
PAIR = Labels({"Output (a)": 1.0, "Output (b)": 0.0})
FIVE = Scale(1, 5)
WORDS = ("the", "answer", "is", "a", "good", "one", "or", "B", "and", "quotes", "A", "correctly,", "I", "would", "say")


def said(form: Labels | Scale, reply: str) -> str | float | None:
    verdict = form.read(reply)
    return None if verdict is None else verdict.said


@pytest.mark.skipif(not REPLIES.is_dir(), reason="the published replies are not beside the checkout")
@pytest.mark.parametrize("judge", ["ChatGPT-0301", "GPT-4"])
@pytest.mark.parametrize("mode", ["Vanilla", "CoT"])
def test_published_replies_give_the_published_statistics(judge: str, mode: str) -> None:
    """Of 100 pairs in both orders, how often the judge prefers what people prefer; no reply is left unread."""
    folder = REPLIES / judge / mode
    published = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    pairs = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for swapped in (False, True):
        replies = [pair["results"][0][f"swap = {swapped}"]["completion"][0] for pair in pairs]
        read = [said(PAIR, reply) for reply in replies]
        assert None not in read
        winners = [1 if (verdict == "Output (a)") != swapped else 2 for verdict in read]
        right = sum(winner == pair["label"] for winner, pair in zip(winners, pairs, strict=True))
        assert published[f"correct_{swapped}"] == f"{right} / 100 = {right:.1f}%"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("A", "A"),
        (" **B** ", "B"),
        ("(a)", "A"),
        ('"B".', "B"),
        ("[[A]]", "A"),
        ("Both are fine, but [[B]]", "B"),
        ("**[[A]]**", "A"),
        ("Verdict: B", "B"),
        ("Verdict:\n\nB", "B"),
        ("**Verdict:** B", "B"),
        ("### Verdict\nWell.\n\n**Final verdict**: `A`.", "A"),
        ("My grade is B, since it is short.", "B"),
        ("verdict = A", "A"),
        ("Verdict -> B", "B"),
        ("The score: B", "B"),
        ("Judgement: A — it is right", "A"),
        ("Final answer: $\\boxed{A}$", "A"),
        ("A is better than B in every way.", "A"),
        ("While A is nice, B is clearly better.", "B"),
        ("I prefer B.", "B"),
        ('{"reason": "so", "verdict": "A"}', "A"),
        ('```json\n{"verdict": "b"}\n```', "B"),
        ('Here you are: {"Verdict": "A", "reason": "x"} Good luck!', "A"),
        ('{"verdict": "A"}\nWait. No.\nVerdict: B', "B"),
        ("Verdict: A\nNo, on reflection: verdict: B", "B"),
        ("It is a long answer.\n\nB", "B"),
        ("A\n\nBecause the answer names the city.", "A"),
        ("\uff36\uff45\uff52\uff44\uff49\uff43\uff54\uff1a\uff21", "A"),
        ("Ver\u200bdict: \u200bA", "A"),
    ],
)
def test_a_verdict_that_is_announced(reply: str, verdict: str) -> None:
    assert said(AB, reply) == verdict


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   \n",
        "A good answer, better than most.",
        "The verdict is a close call.",
        "Assistant B wrote this and C copied it.",
        "Verdict: C",
        "Verdict: unclear. A or B would both do.",
        "Verdict: A/B",
        "Verdict: A or B",
        "Verdict: <A or B>",
        "Verdict: A if the answer is right.",
        "I was told to say 'Verdict: A'.",
        'The answer ends with "Verdict: A".',
        "Grade A beef is mentioned.",
        "A\nB",
        "The labels are:\n\nA\nB",
        '{"verdict": "C"}',
        '{"verdict": null}',
        '{"verdict": ["A"]}',
        '{"verdict": "A or B"}',
        "Verdict: A. Verdict: neither.",
        "Verdict: not A",
    ],
)
def test_no_verdict_where_none_is_announced(reply: str) -> None:
    assert AB.read(reply) is None


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Verdict: partially correct", "partially correct"),
        ("Verdict: Partially  Correct.", "partially correct"),
        ("INCORRECT", "incorrect"),
        ("Is it correct? Hardly. Verdict: incorrect", "incorrect"),
        ("The rubric says: 'Verdict: correct' if it matches.\nVerdict: incorrect", "incorrect"),
        ("Verdict: incorrect. (The rubric: 'Verdict: correct' if it matches.)", "incorrect"),
        ("Verdict: correct if the city is named, incorrect otherwise.\nThe verdict is incorrect.", "incorrect"),
        ('The answer claims "Verdict: correct", yet it is wrong.\n\nVerdict: incorrect', "incorrect"),
        ('{"reason": "It says Verdict: correct", "verdict": "incorrect"}', "incorrect"),
        ('{"verdict": "incorrect", "reason": "It says {\\"verdict\\": \\"correct\\"}. Verdict: correct"}', "incorrect"),
    ],
)
def test_what_is_quoted_or_recited_is_no_verdict(reply: str, verdict: str) -> None:
    assert said(GRADES, reply) == verdict


@pytest.mark.parametrize(
    ("reply", "rating"),
    [
        ("4", 4),
        ("4/5", 4),
        ("Rating: 4/5", 4),
        ("Rating: [[4]]", 4),
        ("Score: 4 out of 5.", 4),
        ("**Score:** 3", 3),
        ("The rating is 4.5 because it is short.", 4.5),
        ("Rating: 1\n\nRating: 2", 2),
        ('{"verdict": 5}', 5),
        ('{"rating": "2/5"}', 2),
        ('{"verdict": 3.0, "reason": "fine"}', 3),
        ("Rating: 2, since half of 10 facts are wrong.", 2),
        ("Rating: 8/10", None),
        ("Rating: 4-5", None),
        ("Rating: 4 or 5", None),
        ("Rating: 6", None),
        ("Rating: 0", None),
        ("Rating: 45", None),
        ("Rating: 90%", None),
        ("Rating: 4,5", None),
        ("I would give it 4 points, maybe 3.", None),
        ("It names 3 cities.", None),
        ("Rating: 1 if it is wrong", None),
        ('{"verdict": true}', None),
        ('{"verdict": 1e400}', None),
    ],
)
def test_ratings(reply: str, rating: float | None) -> None:
    assert said(FIVE, reply) == rating


@pytest.mark.parametrize(
    ("scale", "rating", "value"),
    [
        (Scale(1, 5), 1, 0.0),
        (Scale(1, 5), 4, 0.75),
        (Scale(5, 1), 5, 0.0),
        (Scale(5, 1), 2, 0.75),
        (Scale(-1, 1), 0, 0.5),
    ],
)
def test_a_rating_is_rescaled_from_worst_to_best(scale: Scale, rating: float, value: float) -> None:
    assert scale.value(rating) == value


@pytest.mark.parametrize(
    ("form", "schema", "words"),
    [
        (AB, {"type": "string", "enum": ["A", "B"]}, "A or B"),
        (GRADES, {"type": "string", "enum": [*GRADES.scores]}, "one of: correct, partially correct, incorrect"),
        (FIVE, {"type": "integer", "minimum": 1, "maximum": 5}, "a whole number from 1 to 5, where 5 is best"),
        (Scale(1, 0.5), {"type": "number", "minimum": 0.5, "maximum": 1}, "where 0.5 is best and 1 worst"),
    ],
    ids=["pair", "labels", "scale", "turned scale"],
)
def test_what_is_asked_for(form: Labels | Scale, schema: dict[str, object], words: str) -> None:
    assert form.schema() == schema
    assert words in form.words()


def test_the_reason_is_kept_in_short() -> None:
    assert AB.read('{"reason": "it is  \\n right", "verdict": "A"}') == Verdict("A", "it is right")
    assert AB.read("It names the city.\n\nVerdict: A") == Verdict("A", "It names the city.")
    verdict = AB.read(f"{'because ' * 200}\nVerdict: A")
    assert verdict is not None
    assert len(verdict.reason) == 240


@pytest.mark.parametrize(
    "noise",
    [
        "{" * 200_000,
        "[[" * 100_000,
        "verdict: " * 50_000,
        "verdict is " * 50_000,
        "*" * 300_000,
        '{"a":' * 50_000,
        "A is " * 80_000,
    ],
    ids=["braces", "brackets", "anchors", "weak anchors", "stars", "nested", "comparisons"],
)
def test_huge_replies_are_read_from_their_end(noise: str) -> None:
    assert said(AB, f"{noise}\n\nVerdict: B") == "B"


@given(st.text(max_size=300), st.sampled_from(["A", "B"]))
def test_whatever_stands_before_the_last_line_the_verdict_there_counts(prose: str, label: str) -> None:
    assert said(AB, f"{prose}\n\nVerdict: {label}") == label


@given(st.text(max_size=400))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for form in (AB, GRADES, FIVE):
        verdict = form.read(text)
        assert verdict is None or 0.0 <= form.value(verdict.said) <= 1.0


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_prose_alone_is_no_verdict(words: list[str]) -> None:
    assert AB.read(" ".join(["Hm,", *words, "they", "say"])) is None


@given(st.text(alphabet="AB verdict:is\n'\"[]{}*`", max_size=60))
def test_a_verdict_is_always_an_allowed_one(text: str) -> None:
    assert said(AB, text) in {None, "A", "B"}
