"""Multiple choice: the letters of options, their order as presented, and which one an answer or a target means."""

import re
from dataclasses import replace
from typing import cast

from evalkit.digest import digest_text
from evalkit.normalize import normalize_text
from evalkit.records import Json, Sample
from evalkit.targets import TargetError

__all__ = ["LETTERS", "ambiguous_index", "present_choices", "target_letters"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BARE_LETTER = re.compile(r"\s*[(\[]?\s*([A-Za-z])\s*[)\].:]?\s*")


def present_choices(sample: Sample, *, shuffle: bool, seed: int = 0) -> Sample:
    """Return `sample` with its choices in the order in which they are shown, its target following them.

    The order depends on `seed` and the sample's id alone. A target that is a letter or an index is rewritten to the
    new place, one that is a text stays. Without `shuffle` or choices the sample itself comes back. Render and score
    the sample that comes back; id and digest stay those of the source.

    Raises:
        TargetError: the target is a letter and also the text of another choice.
    """
    if not shuffle or not sample.choices:
        return sample
    old = sorted(range(len(sample.choices)), key=lambda place: digest_text(f"{seed}\n{sample.id}\n{place}"))
    new = {before: after for after, before in enumerate(old)}
    choices = tuple(sample.choices[place] for place in old)
    target = _moved(sample, sample.target, new)
    shown = replace(sample, choices=choices, target=target)
    if sample.target is not None and _is_choice(sample):
        meant = tuple(sorted(new[LETTERS.index(letter)] for letter in target_letters(sample)))
        if tuple(LETTERS.index(letter) for letter in target_letters(shown)) != meant:
            raise TargetError(sample, "its target cannot follow shuffled choices; give it as an index (0 is the first)")
    return shown


def _moved(sample: Sample, target: Json, new: dict[int, int]) -> Json:
    if isinstance(target, (list, tuple)):
        return [_moved(sample, item, new) for item in cast("list[Json]", target)]
    place = _place(sample, target)
    if place is None:
        return target
    if not isinstance(target, str):
        return new[place]
    if _text_place(sample, target) is not None:
        return target
    return re.sub(
        r"[A-Za-z]", LETTERS[new[place]] if target.strip("( [").isupper() else LETTERS[new[place]].lower(), target
    )


def _is_choice(sample: Sample) -> bool:
    return all(_place(sample, item) is not None for item in _items(sample))


def _items(sample: Sample) -> list[Json]:
    target: Json = sample.target
    return list(cast("list[Json]", target)) if isinstance(target, (list, tuple)) else [target]


def target_letters(sample: Sample) -> tuple[str, ...]:
    """Return the letters of the right choices, sorted; several when the target is a list (all of them are right).

    A number is an index from 0; a text is a letter ("B", "(B)", "b.") or the text of a choice. Without choices only
    a letter is understood.

    Raises:
        TargetError: the target is missing, means no choice, or means two.
    """
    places = [_place(sample, item) for item in _items(sample)]
    if not places or None in places:
        known = f"one of its {len(sample.choices)} choices" if sample.choices else "a letter, and it has no choices"
        raise TargetError(
            sample, f"target {sample.target!r} is not {known}; give a letter, an index from 0 or the text"
        )
    return tuple(sorted({LETTERS[place] for place in places if place is not None}))


def ambiguous_index(sample: Sample) -> str | None:
    """Return a remark when the target is a number read as an index although another choice has it as its text."""
    target: Json = sample.target
    if not isinstance(target, int) or isinstance(target, bool) or not sample.choices:
        return None
    other = _text_place(sample, str(target))
    if other is None or other == target or not 0 <= target < len(sample.choices):
        return None
    return f"target {target} is read as the index of {sample.choices[target]!r}; if the text is meant, make it a text"


def _place(sample: Sample, target: Json) -> int | None:
    """Return the index of the choice that `target` means, None when it means none."""
    choices = sample.choices
    if choices is not None and len(choices) > len(LETTERS):
        raise TargetError(sample, f"it has {len(choices)} choices; letters end at Z, so at most 26 can be shown")
    if isinstance(target, int) and not isinstance(target, bool):
        return target if choices and 0 <= target < len(choices) else None
    if not isinstance(target, (str, bool)):
        return None
    by_text = _text_place(sample, str(target))
    by_letter = _letter_place(sample, str(target))
    if by_text is not None and by_letter is not None and by_text != by_letter:
        raise TargetError(
            sample,
            f"target {target!r} is the letter of {(choices or ())[by_letter]!r} and the text of choice "
            f"{LETTERS[by_text]}; give it as an index (0 is the first)",
        )
    return by_letter if by_text is None else by_text


def _letter_place(sample: Sample, text: str) -> int | None:
    found = _BARE_LETTER.fullmatch(text)
    if found is None:
        return None
    place = LETTERS.index(found[1].upper())
    return place if sample.choices is None or place < len(sample.choices) else None


def _text_place(sample: Sample, text: str) -> int | None:
    wanted = normalize_text(text)
    places = [place for place, choice in enumerate(sample.choices or ()) if normalize_text(choice) == wanted]
    if len(places) > 1:
        exact = [place for place in places if (sample.choices or ())[place] == text]
        return exact[0] if len(exact) == 1 else None
    return places[0] if places else None
