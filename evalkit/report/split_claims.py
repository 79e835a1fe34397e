"""A drift split in sentences: which cause moved a metric overnight, which did not, and what cannot be told."""

from collections.abc import Sequence

from evalkit.drift_parts import Cause, ChangePart, ChangeSplit
from evalkit.report.numbers import (
    decimals,
    format_count,
    format_duration,
    format_points,
    format_points_range,
    format_tokens,
    half_width,
    plural,
)
from evalkit.serving import ServingSign

__all__ = ["CAUSE_SUBJECTS", "CAUSE_TITLES", "sign_text", "split_sentences"]

CAUSE_TITLES = {
    Cause.SAMPLES: "samples",
    Cause.JUDGE: "judge",
    Cause.ERRORS: "errors, refusals and truncation",
    Cause.SERVING: "serving",
    Cause.MODEL: "model",
    Cause.SETTING: "what was asked",
    Cause.SCORING: "scoring",
    Cause.JUDGE_OR_MODEL: "judge or model",
    Cause.SERVING_OR_MODEL: "model or serving",
}
"""What each part is called in a table."""

CAUSE_SUBJECTS = {
    Cause.SAMPLES: "other samples",
    Cause.JUDGE: "the judge moved",
    Cause.ERRORS: "errors, refusals and truncation",
    Cause.SERVING: "the serving changed",
    Cause.MODEL: "the model moved",
    Cause.SETTING: "the night asked otherwise",
    Cause.SCORING: "the night measured otherwise",
    Cause.JUDGE_OR_MODEL: "the judge or the model moved",
    Cause.SERVING_OR_MODEL: "the model moved, or how it is served",
}
"""What each named part is called in a headline."""

_SUBJECTS = {
    Cause.SAMPLES: "the change of samples",
    Cause.JUDGE: "the judge",
    Cause.ERRORS: "errors, refusals and truncation",
    Cause.SERVING: "the rest",
    Cause.MODEL: "the model",
    Cause.SETTING: "the rest",
    Cause.SCORING: "the rest",
    Cause.JUDGE_OR_MODEL: "the rest",
    Cause.SERVING_OR_MODEL: "the rest",
}
_NAMED_OUTCOMES = 3


def split_sentences(split: ChangeSplit) -> tuple[str, ...]:
    """Return what a split shows, the largest cause first; nothing is named that the data do not support."""
    if split.total is None:
        lacking = [name for name, mean in (("before", split.before), ("tonight", split.after)) if mean is None]
        return (f"The change cannot be split: nothing was scored {' and '.join(lacking)}.",)
    named = split.named
    if not named:
        return (_unnamed(split), *_about_serving(split))
    told = [_NAMED[part.cause](part, split) for part in named]
    told += [_other(part, named[0]) for part in split.parts if part.n and not part.is_named]
    return (*told, *_about_serving(split))


def sign_text(sign: ServingSign) -> str:
    """Return a sign of other serving in a few words: what, and from what to what."""
    before, after = sign.before, sign.after
    if isinstance(before, tuple) or isinstance(after, tuple):
        names = [_names(each) if isinstance(each, tuple) else f"{each:g}" for each in (before, after)]
        return f"{sign.what} {names[0]} → {names[1]}"
    if sign.what == "latency":
        return f"latency p50 {format_duration(before)} → {format_duration(after)}"
    return f"{sign.what} p50 {format_tokens(before)} → {format_tokens(after)} tokens"


def _samples(part: ChangePart, split: ChangeSplit) -> str:
    counts = split.samples
    told = ((counts.added, "added"), (counts.removed, "removed"), (counts.changed, "changed"))
    moved = [f"{format_count(number)} {what}" for number, what in told if number]
    return f"The samples changed: {_and(moved)}, which gives {_figure(part)}."


def _judge(part: ChangePart, split: ChangeSplit) -> str:
    who, again = ("judge", "re-judging") if split.is_judged else ("scorer", "re-scoring")
    answers = f"{plural(split.scored, 'answer')} of the night before"
    return f"The {who} moved: {again} the {answers} gives {_figure(part)}."


def _errors(part: ChangePart, split: ChangeSplit) -> str:
    """Name the commonest of the outcomes that changed; those are trials, the figure is the samples'."""
    ways = list(split.outcomes.items())
    shown = [f"{before} → {after} {format_count(count)}" for (before, after), count in ways[:_NAMED_OUTCOMES]]
    more = [plural(sum(count for _, count in ways[_NAMED_OUTCOMES:]), "other")] if ways[_NAMED_OUTCOMES:] else []
    ended = f" ({', '.join([*shown, *more])})" if shown else ""
    samples = f"{plural(part.n, 'sample')} that ended otherwise{ended}"
    return f"Errors, refusals and truncation changed: {samples} give {_figure(part)}."


def _serving(part: ChangePart, split: ChangeSplit) -> str:
    return f"The serving changed: {_signs(split.signs)}; with it, answers that ended alike give {_figure(part)}."


def _model(part: ChangePart, split: ChangeSplit) -> str:
    seen = (
        f" {_capital(_and(split.watched))} {_verb(split.watched, 'shows', 'show')} no change." if split.watched else ""
    )
    return f"The model moved: its answers that ended alike give {_figure(part)}.{seen}"


def _setting(part: ChangePart, split: ChangeSplit) -> str:
    return f"The night asked otherwise ({', '.join(split.changes)}): this and the model together give {_figure(part)}."


def _scoring(part: ChangePart, split: ChangeSplit) -> str:
    together = f"this and the model together give {_figure(part)}; how much is either cannot be told"
    return f"The night measured otherwise ({'; '.join(split.changes)}): {together}."


def _either(part: ChangePart, split: ChangeSplit) -> str:
    del split
    why = "the answers of the night before were not judged again, so which of the two cannot be told"
    return f"The judge or the model moved: {_figure(part)}; {why}."


def _model_or_serving(part: ChangePart, split: ChangeSplit) -> str:
    seen = f"{_signs(split.signs)}, which other answers bring as well as another serving"
    return f"The model moved, or how it is served: its answers that ended alike give {_figure(part)}; {seen}."


_NAMED = {
    Cause.SAMPLES: _samples,
    Cause.JUDGE: _judge,
    Cause.ERRORS: _errors,
    Cause.SERVING: _serving,
    Cause.MODEL: _model,
    Cause.SETTING: _setting,
    Cause.SCORING: _scoring,
    Cause.JUDGE_OR_MODEL: _either,
    Cause.SERVING_OR_MODEL: _model_or_serving,
}


def _other(part: ChangePart, cause: ChangePart) -> str:
    """Say of an unnamed part that it did not move, where its interval holds 0 and not what was found elsewhere."""
    subject = _SUBJECTS[part.cause]
    if part.lower is None or part.upper is None:
        return f"What {subject} did cannot be told: {_figure(part)}."
    lower, upper = part.lower, part.upper
    if lower <= 0.0 <= upper and not lower <= cause.estimate <= upper:
        return f"{_capital(subject)} did not: {_figure(part, unit='')}."
    return f"Whether {subject} did as well cannot be told: {_figure(part)}."


def _unnamed(split: ChangeSplit) -> str:
    places = max((_places(part) for part in split.parts), default=1)
    head = f"No cause can be named: no part of the change of {format_points(split.total, places)} points can be told"
    reach = [
        f"{CAUSE_TITLES[part.cause]} {format_points(part.detectable, _places(part)).removeprefix('+')}"
        for part in sorted(split.parts, key=lambda part: part.detectable or 0.0)
        if part.detectable is not None
    ]
    if not reach:
        return f"{head} from 0."
    return f"{head} from 0; with power 80% this would have named, in points of either sign: {', '.join(reach)}."


def _about_serving(split: ChangeSplit) -> tuple[str, ...]:
    """Say that the serving changed where no cause says it already, by names alone: speed varies from night to night."""
    names = [sign for sign in split.signs if sign.is_name]
    if not names or any(part.cause is Cause.SERVING for part in split.named):
        return ()
    return (f"The serving changed all the same: {_signs(names)}.",)


def _signs(signs: Sequence[ServingSign]) -> str:
    return ", ".join(map(sign_text, signs))


def _figure(part: ChangePart, *, unit: str = " points") -> str:
    places = _places(part)
    bounds = f"({format_points_range(part.lower, part.upper, places)})"
    told = bounds if part.lower is not None else "(too few for an interval)"
    return f"{format_points(part.estimate, places)}{unit} {told}"


def _places(part: ChangePart) -> int:
    return max(1, decimals(half_width(part.lower, part.upper)))


def _names(names: tuple[str, ...]) -> str:
    return " + ".join(names)


def _and(parts: "list[str] | tuple[str, ...]") -> str:
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last


def _verb(subjects: tuple[str, ...], one: str, many: str) -> str:
    return one if len(subjects) == 1 else many


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
