"""A flip ledger as blocks: new stable failures first, with answers then and now, then what is unstable."""

from collections.abc import Iterator, Sequence

from evalkit.flip_ledger import FlipLedger, SampleRecord, SampleState
from evalkit.report.blocks import Block, Cell, Column, Details, Inline, PageLink, Paragraph, Row, Section, Strong, Table
from evalkit.report.exchange import Answer, Exchange
from evalkit.report.flip_answers import NightAnswer, ThenAndNow
from evalkit.report.numbers import NOTHING, format_count, plural
from evalkit.report.run_pages import RunPages

__all__ = ["STATE_WORDS", "build_ledger", "build_ledgers", "claim_ledger", "outcome_marks", "show_then_and_now"]

STATE_WORDS = {
    SampleState.NEW_FAILURE: "new stable failures",
    SampleState.FAILING: "failing, which re-running alone may explain",
    SampleState.UNSTABLE: "unstable",
    SampleState.RECOVERED: "recovered",
    SampleState.UNCLEAR: "neither stable nor shown to be unstable",
    SampleState.STABLE_FAIL: "stably wrong",
    SampleState.STABLE_PASS: "stably right",
    SampleState.TOO_FEW: "with too few nights",
}
"""What is said of the samples in each state."""

_LISTED = (
    SampleState.NEW_FAILURE,
    SampleState.FAILING,
    SampleState.UNSTABLE,
    SampleState.RECOVERED,
)
_MOST_ROWS = 50
_NOWHERE = RunPages()
_RIGHT, _WRONG, _NONE = "1", "0", "·"
_FIRST, _LAST = 2_000, 1_000
"""How much of a long text is shown: its first and its last characters, where answers have their result."""


def build_ledgers(
    ledgers: Sequence[FlipLedger], shown: Sequence[Sequence[ThenAndNow]], *, pages: RunPages = _NOWHERE
) -> tuple[Section, ...]:
    """Return one section for each ledger; those with new stable failures stand first."""
    several = len({ledger.metric for ledger in ledgers}) > 1
    pairs = sorted(zip(ledgers, shown, strict=True), key=lambda pair: -len(pair[0].of(SampleState.NEW_FAILURE)))
    return tuple(
        build_ledger(
            ledger,
            answers,
            id=f"flips-{place}",
            title=f"{ledger.metric} of {ledger.model}" if several else ledger.model,
            pages=pages,
        )
        for place, (ledger, answers) in enumerate(pairs, 1)
    )


def build_ledger(
    ledger: FlipLedger,
    shown: Sequence[ThenAndNow],
    *,
    id: str,  # noqa: A002  the section's own word
    title: str,
    pages: RunPages = _NOWHERE,
) -> Section:
    """Return the section of one ledger; `shown` are answers then and now, `pages` where the runs are."""
    blocks: list[Block] = [Paragraph(claim_ledger(ledger), "lead")]
    for each in shown:
        blocks += show_then_and_now(ledger, each, pages)
    blocks += [table for state in _LISTED if (table := _table(ledger, state)) is not None]
    rule = Paragraph((" ".join(ledger.rule.sentences()),), "note")
    return Section(id=id, nav=title, title=title, blocks=(*blocks, Details("How samples are told apart", (rule,))))


def show_then_and_now(ledger: FlipLedger, each: ThenAndNow, pages: RunPages = _NOWHERE) -> tuple[Block, ...]:
    """Return a sample's answers then and now, and where to see more of both nights."""
    return _exchange(ledger, each), Paragraph(_whereabouts(each, pages), "note")


def claim_ledger(ledger: FlipLedger) -> tuple[Inline, ...]:
    """Return what a ledger comes to, in a few sentences; new stable failures first."""
    if not ledger.points:
        return ("No nights to look at.",)
    first, last = ledger.points[0].run.night, ledger.points[-1].run.night
    span = f"{plural(len(ledger.points), 'night')}, {first} to {last}"
    since = ", since its setting changed" if ledger.restarted else ""
    counts = ledger.counts()
    fresh = counts.pop(SampleState.NEW_FAILURE)
    head = f"{plural(fresh, 'new stable failure')}." if fresh else "No new stable failure."
    rest = "; ".join(f"{format_count(number)} {STATE_WORDS[state]}" for state, number in counts.items() if number)
    tail = f" Of {plural(len(ledger.samples), 'sample')} over {span}{since}: {rest or 'all of them'}."
    left_out = f"{plural(len(ledger.left_out), 'sample')} in quarantine left out." if ledger.left_out else ""
    said = ledger.set_aside or left_out
    return (Strong(head), tail, *([f" {said}"] if said else []))


def outcome_marks(ledger: FlipLedger, record: SampleRecord) -> str:
    """Return a sample's nights, oldest first: 1 right, 0 wrong, a dot where it had no score."""
    return "".join(_mark(ledger, score) for score in record.scores)


def _mark(ledger: FlipLedger, score: float | None) -> str:
    if score is None:
        return _NONE
    at = ledger.rule.pass_at
    return _RIGHT if (score >= at if ledger.higher_is_better else score <= 1.0 - at) else _WRONG


def _table(ledger: FlipLedger, state: SampleState) -> Table | None:
    records = ledger.of(state)
    if not records:
        return None
    cut = f", the first {_MOST_ROWS} of them" if len(records) > _MOST_ROWS else ""
    about = f"{ledger.metric} of {ledger.model}"
    caption = f"{STATE_WORDS[state].capitalize()}, {about}: {plural(len(records), 'sample')}{cut}"
    columns = (
        Column("Sample"),
        Column("Nights, oldest first"),
        Column("Right", "number"),
        Column("Flips, share of nights", "number"),
        Column("Since"),
    )
    rows = [_row(ledger, record) for record in records[:_MOST_ROWS]]
    return Table(caption, columns, tuple(rows), is_caption_shown=True)


def _row(ledger: FlipLedger, record: SampleRecord) -> Row:
    since = NOTHING if record.since is None else ledger.points[record.since].run.night
    return Row(
        (
            Cell(record.sample_id),
            Cell(outcome_marks(ledger, record)),
            Cell(f"{record.right} of {record.nights}"),
            Cell(format_count(record.flips), f"{record.flip_rate:.0%}" if record.flip_rate else ""),
            Cell(since),
        )
    )


def _exchange(ledger: FlipLedger, each: ThenAndNow) -> Exchange:
    record = each.record
    nights = plural(record.streak, "night")
    became = "right" if record.is_right else "wrong"
    return Exchange(
        title=record.sample_id,
        change=f"{ledger.metric} of {ledger.model}: {became} for {nights} running, {outcome_marks(ledger, record)}",
        question=_shown(each.question) or "no input kept",
        target=_shown(each.target),
        answers=(_answer(each.then), _answer(each.now)),
    )


def _answer(night: NightAnswer) -> Answer:
    mark = "no score" if night.score is None else f"{night.score:g}"
    style = "bad" if night.score is None else "ok" if night.score == 1.0 else "zero" if night.score == 0.0 else "part"
    if night.answer is None:
        return Answer(night.night, mark, style, "no answer", night.missing)
    told = night.answer
    notes = [] if told.read_as is None else [f"read as {_shown(told.read_as)!r}"]
    notes += [told.outcome.replace("_", " ")] if told.outcome != "ok" else []
    notes += [_shown(told.reason)] if told.reason else []
    return Answer(night.night, mark, style, _shown(told.text) or "no answer text", ", ".join(notes))


def _shown(text: str) -> str:
    left = len(text) - _FIRST - _LAST
    if left <= 0:
        return text
    return f"{text[:_FIRST]}\n[... {left:,} characters left out; `evalkit show` has them ...]\n{text[-_LAST:]}"


def _whereabouts(each: ThenAndNow, pages: RunPages) -> tuple[Inline, ...]:
    """Return where to see more of both nights: the runs' reports at this sample, and the calls in Weave."""
    parts: list[Inline] = []
    for night in (each.then, each.now):
        parts += [*([] if not parts else ["; "]), f"{night.night}: "]
        parts += _links(night, each.record.sample_id, pages)
    return tuple(parts)


def _links(night: NightAnswer, sample_id: str, pages: RunPages) -> Iterator[Inline]:
    yield "run "
    yield pages.link(night.run_id, night.folder, sample=sample_id)
    if night.call is not None:
        yield ", Weave call "
        reference = night.call.reference
        yield reference if night.call.page is None else PageLink(reference, night.call.page)
